"""What a vocoder learns from beside spectra: faint voices, loudness, and the acoustic model's own envelopes."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from voicekit.errors import InputError
from voicekit.features.envelope import envelope
from voicekit.features.frames import HOP_LENGTH, SAMPLE_RATE
from voicekit.models.acoustic import Acoustic, AcousticConfig
from voicekit.models.vocoder import Vocoder
from voicekit.pitch import track_pitch
from voicekit.pitch.tracking import FAINT_REACH, with_faint
from voicekit.train.acoustic import to_items
from voicekit.train.joint import LEARNT, Joint, crops, joint_loss
from voicekit.train.joint import train as train_joint
from voicekit.train.loop import RunConfig
from voicekit.train.loudness import bark_power, hz_to_bark, loudness, loudness_loss
from voicekit.train.prepare import Example, save
from voicekit.train.views import faint_view, faint_views

TOP_HZ = torch.tensor([12_000.0])
FRAMES = 100


def fading_voice(frames: int = FRAMES) -> np.ndarray:
    """A harmonic sound of 140 Hz that fades by 60 dB, over a hiss 80 dB below its beginning."""
    time = np.arange(frames * HOP_LENGTH) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * 140.0 * k * time + k) / k for k in range(1, 25)) * 0.1
    hiss = np.random.default_rng(0).normal(0, 1e-5, len(time))
    return (voice * 10 ** (-3.0 * time / time[-1]) + hiss).astype(np.float32)


def test_a_faint_track_follows_a_fading_voice_some_frames_further_at_the_right_pitch() -> None:
    wave = fading_voice()
    plain, faint = (track_pitch(wave, SAMPLE_RATE, faint=flag) for flag in (False, True))
    assert plain.vuv.sum() < 0.65 * FRAMES, "the last third of the fading voice lies below what is called voiced"
    assert faint.vuv[plain.vuv].all()
    assert faint.vuv.sum() == plain.vuv.sum() + FAINT_REACH
    assert (1200 * np.abs(np.log2(faint.f0_hz[faint.vuv] / 140.0))).max() < 20.0
    hiss = np.random.default_rng(3).normal(0, 0.1, 48_000).astype(np.float32)
    assert not track_pitch(np.zeros(24_000, np.float32), SAMPLE_RATE, faint=True).vuv.any()
    assert track_pitch(hiss, SAMPLE_RATE, faint=True).vuv.mean() < 0.1, "a hiss has no voice to be followed"


def test_what_is_faint_counts_only_beside_what_is_plain() -> None:
    soft = np.array([0, 0, 90, 90, 90, 0, *[100] * 8, 0], float)
    plain = np.array([80, 0, 0, 0, 0, 0, 0, 0, 0, 101, 101, 0, 0, 0, 0], float)
    wanted = np.array([80, 0, 0, 0, 0, 0, 0, 0, 100, 101, 101, 100, 0, 0, 0], float)
    assert np.array_equal(with_faint(plain, soft), wanted)


def test_a_faint_view_keeps_the_recording_and_is_read_back_as_it_was(tmp_path: Path) -> None:
    (example,) = examples(1)
    matrix = np.zeros((70 * 5 + 1, 10), np.float32)
    view = faint_view(example, 70, matrix)
    assert np.array_equal(view.audio, example.audio)
    assert (view.f0_hz > 0).sum() > (example.f0_hz > 0).sum()
    np.savez(tmp_path / "band_extension.npz", low_bands=70, matrix=matrix)
    (first,) = faint_views([example], tmp_path)
    (second,) = faint_views([example], tmp_path)
    assert np.array_equal(first.f0_hz, view.f0_hz)
    assert np.array_equal(second.envelope, first.envelope)
    assert [p.suffix for p in (tmp_path / "faint").iterdir()] == [".npz"]


def test_the_bark_scale_is_the_published_one() -> None:
    # Zwicker's critical band edges: 1, 8.5 (1 kHz) and 18.1 Bark (4.4 kHz, edge 18), to a quarter of a band
    hz = torch.tensor([100.0, 1000.0, 4400.0])
    assert torch.allclose(hz_to_bark(hz), torch.tensor([1.0, 8.5, 18.0]), atol=0.3)


def test_loudness_doubles_for_ten_decibels_more() -> None:
    # Stevens' and Zwicker's law: ten times the power sounds some twice as loud (10^0.23 = 1.7 for specific loudness)
    time = torch.arange(24_000) / SAMPLE_RATE
    tone = 0.05 * torch.sin(2 * torch.pi * 1000.0 * time)[None]
    soft, loud = (loudness(bark_power(x)).sum(2).mean() for x in (tone, tone * 10**0.5))
    assert 1.6 < float(loud / soft) < 2.1


def test_what_is_added_is_heard_more_than_what_is_missing() -> None:
    generator = torch.Generator().manual_seed(1)
    base = torch.randn((1, 24_000), generator=generator) * 0.02
    extra = torch.randn((1, 24_000), generator=generator) * 0.06
    assert float(loudness_loss(base, base, TOP_HZ)) == 0.0
    added, missing = loudness_loss(base + extra, base, TOP_HZ), loudness_loss(base, base + extra, TOP_HZ)
    assert float(added) > 1.5 * float(missing) > 0.0
    made = base.clone().requires_grad_()
    loudness_loss(made, base + extra, TOP_HZ).backward()
    assert made.grad is not None and torch.isfinite(made.grad).all() and made.grad.abs().sum() > 0


def test_above_the_recorded_band_nothing_counts() -> None:
    time = torch.arange(24_000) / SAMPLE_RATE
    high = 0.1 * torch.sin(2 * torch.pi * 9500.0 * time)[None]
    base = torch.randn((1, 24_000), generator=torch.Generator().manual_seed(2)) * 0.02
    narrow = loudness_loss(base + high, base, torch.tensor([7600.0]))
    assert float(loudness_loss(base + high, base, TOP_HZ)) > 10 * float(narrow)


def examples(count: int) -> list[Example]:
    wave = fading_voice()
    f0 = track_pitch(wave, SAMPLE_RATE).f0_hz.astype(np.float32)
    seen = envelope(torch.from_numpy(wave), torch.from_numpy(f0)).numpy().astype(np.float16)
    phones = np.stack([np.arange(3, 8), np.zeros(5), np.ones(5), np.zeros(5)], 1).astype(np.int16)
    audio = (np.clip(wave, -1, 1) * 32767).astype(np.int16)
    return [
        Example(f"ljspeech/7-{n}.flac", "ls7", 7600.0, audio, f0, seen, phones, np.full(5, 20, np.int16))
        for n in range(count)
    ]


def small_joint(*, vocoder_only: bool = False) -> Joint:
    torch.manual_seed(3)
    return Joint(Acoustic(AcousticConfig(n_speakers=1)), Vocoder(), vocoder_only)


@pytest.mark.parametrize("vocoder_only", [False, True])
def test_a_joint_step_lessens_the_loss_and_moves_what_may_move(vocoder_only: bool) -> None:
    model = small_joint(vocoder_only=vocoder_only)
    before = copy.deepcopy(model.state_dict())
    batch = crops(to_items(examples(2), {"ls7": 0}), [0, 10])
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    values = []
    for _ in range(3):
        value, _parts = joint_loss(model.eval(), batch, torch.Generator().manual_seed(0), [512, 256])
        values.append(value.item())
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        optimiser.step()
    assert values[2] < values[1] < values[0]
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert any(name.startswith("vocoder.") for name in moved)
    parts = {name.split(".")[1] for name in moved if name.startswith("acoustic.")}
    assert parts == (set() if vocoder_only else set(LEARNT)), "durations and melody stay"


def test_joint_tuning_leaves_its_beginnings_alone_and_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="voicekit train acoustic"):
        train_joint(tmp_path, tmp_path / "joint", RunConfig(steps=1))
    (tmp_path / "examples").mkdir()
    for example in examples(2):
        save(example, tmp_path / "examples")
    model = small_joint()
    for name, part in (("acoustic", model.acoustic), ("vocoder", model.vocoder)):
        (tmp_path / name).mkdir()
        torch.save({"average": part.state_dict()}, tmp_path / name / "state.pt")
    (tmp_path / "acoustic" / "speakers.json").write_text(json.dumps({"ls7": 0}))
    kept = {name: (tmp_path / name / "state.pt").read_bytes() for name in ("acoustic", "vocoder")}
    train_joint(tmp_path, tmp_path / "joint", RunConfig(steps=1, warmup=1), lambda _: None)
    for name, data in kept.items():
        assert (tmp_path / name / "state.pt").read_bytes() == data
        made = torch.load(tmp_path / "joint" / name / "state.pt", weights_only=True)["average"]
        assert made.keys() == torch.load(tmp_path / name / "state.pt", weights_only=True)["average"].keys()
