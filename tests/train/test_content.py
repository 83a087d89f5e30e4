"""Training of the content encoder: it learns, resumes, and its perturbations do what they are named for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from voicekit.errors import InputError, UsageError
from voicekit.features.mel import band_centres
from voicekit.models.acoustic import Acoustic, AcousticConfig
from voicekit.models.content import (
    N_HEARD,
    Content,
    SpeakerStatistics,
    content_features,
    frame_level,
    statistics_of,
)
from voicekit.models.weights import build_content, read_weights
from voicekit.text.phones import PHONE_ID
from voicekit.train import content as training
from voicekit.train.blend import write_content
from voicekit.train.loop import RunConfig
from voicekit.train.prepare import Example, save

PHONES = ("SIL", "AA", "S", "IY", "M", "SIL")


def example(index: int, speaker: str) -> Example:
    """An utterance whose phones are told apart by where their envelope lies."""
    rng = np.random.default_rng(index)
    durations = np.full(len(PHONES), 30)
    ids = np.array([PHONE_ID[p] for p in PHONES])
    labels = np.repeat(ids, durations)
    env = np.full((len(labels), 80), -9.0) + 0.1 * rng.standard_normal((len(labels), 80))
    for t, label in enumerate(labels):
        if label != PHONE_ID["SIL"]:
            env[t] -= -5.0 + 0.002 * (np.arange(80) - 7 * (label % 10) - 5) ** 2
    voiced = (labels != PHONE_ID["SIL"]) & (labels != PHONE_ID["S"])
    phones = np.zeros((len(PHONES), 4), np.int16)
    phones[:, 0] = ids
    return Example(
        f"librispeech_clean/{speaker}-{index}.flac", speaker, 7600.0, np.zeros(240 * len(labels), np.int16),
        np.where(voiced, 120.0, 0.0).astype(np.float32), env.astype(np.float16), phones, durations.astype(np.int16),
    )  # fmt: skip


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "examples").mkdir()
    speakers = {"lsa": 0, "lsb": 1}
    for index in range(12):
        save(example(index, ("lsa", "lsb")[index % 2]), tmp_path / "examples")
    torch.manual_seed(0)
    model = Acoustic(AcousticConfig(n_speakers=2))
    (tmp_path / "acoustic").mkdir()
    torch.save({"average": model.state_dict(), "step": 1}, tmp_path / "acoustic" / "state.pt")
    (tmp_path / "acoustic" / "speakers.json").write_text(json.dumps(speakers))
    return tmp_path


def config(steps: int) -> RunConfig:
    return RunConfig(steps=steps, learning_rate=2e-3, warmup=5, save_every=6)


def test_it_learns_phones_resumes_and_is_read_back(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "BATCH", 4)
    monkeypatch.setattr(training, "CROP_FRAMES", 96)
    straight = training.train(work, work / "a", config(12), lambda line: None)
    training.train(work, work / "b", config(6), lambda line: None)  # another peak's schedule, so only that it goes on
    told: list[str] = []
    training.train(work, work / "b", config(12), told.append)
    assert told[0] == "resumed at step 6"
    assert any(not torch.equal(p, q) for p, q in zip(straight.parameters(), Content().parameters(), strict=True))
    state = torch.load(work / "a" / "state.pt", weights_only=True)
    write_content(state["average"], work / "out")
    again = build_content(read_weights(work / "out" / "content.safetensors"))
    features = torch.randn(1, N_HEARD + 2, 40)
    for one, two in zip(straight.encode(features), again.encode(features), strict=True):
        assert torch.allclose(one, two, atol=2e-2)  # half precision on disk
    longer = training.train(work, work / "c", config(120), lambda line: None)
    teacher, _ = training.load_teacher(work / "acoustic")
    items = training.to_items([example(99, "lsa")], {"lsa": 0, "lsb": 1})
    seen = training.validate(longer, teacher, training.Hearing(items, teacher))
    assert seen["right"] > 0.6  # six phones in equal parts: a guess has a third, with the silence


def test_without_an_acoustic_model_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="voicekit train acoustic first"):
        training.train(tmp_path, tmp_path / "content", config(1))
    with pytest.raises(UsageError, match="without a critic"):
        training.train(tmp_path, tmp_path / "content", config(1), critic_from=5)


def test_a_warp_moves_a_peak_by_its_ratio_and_a_smear_widens_it() -> None:
    matrices = training.perturbations()
    centres = band_centres().float()
    peak = -((torch.log2(centres / 1500.0) / 0.2) ** 2)
    for w, ratio in enumerate(training.WARPS):
        moved = peak @ matrices[w, 0]
        found = float(centres[int(moved.argmax())])
        assert abs(np.log2(found / (1500.0 * ratio))) < 0.06  # bands are 80 Hz apart there
    unmoved = len(training.WARPS) // 2
    sharp, wide = ((peak @ matrices[unmoved, s]) for s in (0, len(training.SMEARS_HZ) - 1))
    assert wide.max() < sharp.max() - 0.2


def test_gain_and_colour_of_a_recording_are_taken_off() -> None:
    torch.manual_seed(1)
    env = torch.randn(400, 80) - 4.0
    vuv = torch.ones(400)
    colour = 2.0 + torch.linspace(-1, 1, 80)

    def features(e: torch.Tensor) -> torch.Tensor:
        return content_features(e[None], vuv[None], statistics_of(e))

    plain, louder = features(env), features(env + 1.7)
    assert torch.allclose(plain, louder, atol=1e-4)
    coloured = features(env + colour)
    assert (plain - coloured)[:, :N_HEARD].abs().mean() < 0.02


def test_the_level_of_white_noise_is_its_standard_deviation() -> None:
    assert abs(float(frame_level(torch.full((1, 80), float(np.log(0.1))))) - np.log(0.1)) < 1e-4


def test_what_lies_above_the_heard_band_changes_nothing() -> None:
    env = torch.randn(1, 50, 80) - 4.0
    other = env.clone()
    other[..., N_HEARD:] = -12.0
    stats = SpeakerStatistics(torch.zeros(N_HEARD), torch.tensor(0.0))
    vuv = torch.ones(1, 50)
    assert torch.equal(content_features(env, vuv, stats), content_features(other, vuv, stats))
