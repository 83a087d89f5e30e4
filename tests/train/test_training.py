"""Training: resuming, who is held out, alignment."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from voicekit.text.phonemise import phonemise, phonemise_marked
from voicekit.text.phones import INVENTORY, IPA_TO_PHONES, ipa_word_to_phones
from voicekit.train.loop import RunConfig, run
from voicekit.train.prepare import Example, extend_band, fit_band_extension
from voicekit.train.split import is_held_out, is_validation

SHARED = Path(os.environ.get("VOICEKIT_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))


def train_line(folder: Path, steps: int) -> nn.Module:
    torch.manual_seed(5)
    model = nn.Linear(1, 1)

    def draw(generator: torch.Generator) -> object:
        return torch.rand(16, 1, generator=generator)

    def loss(batch: object, step: int, generator: torch.Generator) -> tuple[torch.Tensor, dict[str, float]]:
        value = (model(batch) - 3.0 * batch - 1.0).square().mean()  # type: ignore[operator]
        return value, {"loss": value.item()}

    config = RunConfig(steps=steps, learning_rate=0.05, warmup=5, save_every=10)
    return run(model, draw, loss, config, folder, lambda _: None)


def test_a_run_stopped_and_resumed_ends_where_an_undisturbed_one_does(tmp_path: Path) -> None:
    straight = train_line(tmp_path / "a", 60)

    class Killed(Exception):
        pass

    calls = 0
    real = torch.optim.AdamW.step

    def dying(self: torch.optim.AdamW, *args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 37:
            raise Killed
        return real(self, *args, **kwargs)

    torch.optim.AdamW.step = dying  # type: ignore[method-assign, assignment]
    try:
        with pytest.raises(Killed):
            train_line(tmp_path / "b", 60)
    finally:
        torch.optim.AdamW.step = real  # type: ignore[method-assign]
    resumed = train_line(tmp_path / "b", 60)
    assert torch.equal(straight.weight, resumed.weight)
    assert (tmp_path / "a" / "curve.jsonl").read_text().count("\n") == 1


def example(key: str, speaker: str, bandwidth: float = 7600.0, frames: int = 50) -> Example:
    rng = np.random.default_rng(1)
    base = rng.normal(-5, 1, (frames, 1)).astype(np.float32)
    env = np.repeat(base, 80, axis=1)
    return Example(
        key, speaker, bandwidth, np.zeros(240 * frames, np.int16), np.full(frames, 100, np.float32),
        env.astype(np.float16), np.zeros((0, 4), np.int16), np.zeros(0, np.int16),
    )  # fmt: skip


def test_held_out_speakers_stay_held_out_and_are_never_validation() -> None:
    readers = [example(f"librispeech_clean/{n}-1-0000.flac", f"ls{n}") for n in range(2000)]
    share = np.mean([is_held_out(e) for e in readers])
    assert 0.06 < share < 0.11
    assert not any(is_held_out(e) and is_validation(e) for e in readers)
    assert is_held_out(example("vctk/p226_001.flac", "p226"))
    assert not is_held_out(example("flite/rms-00001.wav", "flite_rms"))


def test_the_missing_octave_is_learnt_from_full_band_recordings() -> None:
    """All bands of the made examples are equal, so the top must come out as what is below."""
    low_bands, matrix = fit_band_extension([example("ljspeech/a.flac", "lj", 12_000.0, 400)], ridge=0.1)
    assert 60 < low_bands < 75
    narrow = example("vctk/a.flac", "p1", frames=60).envelope.astype(np.float32)
    known = narrow.copy()
    known[:, low_bands:] = -12.0
    found = extend_band(known, low_bands, matrix)
    assert np.abs(found[:, low_bands:] - narrow[:, low_bands:]).max() < 0.2


def test_every_phone_the_table_names_is_in_the_inventory() -> None:
    assert {p for phones in IPA_TO_PHONES.values() for p in phones} <= set(INVENTORY)


def test_stress_falls_on_the_vowel_after_the_mark() -> None:
    phones, unknown = ipa_word_to_phones(["ˈs", "t", "ɪ", "k", "ɚ"])
    assert [(p.symbol, p.stress) for p in phones] == [("S", 0), ("T", 0), ("IH", 1), ("K", 0), ("ER", 0)]
    assert phones[0].word_start and phones[-1].word_end and not unknown
    assert [p.symbol for p in ipa_word_to_phones(["n̩"])[0]] == ["AX", "N"]
    assert ipa_word_to_phones(["ʘ"]) == ([], ["ʘ"])


def test_marks_become_pauses_that_know_what_they_are() -> None:
    phones, marks = phonemise_marked("Is it you? No, it is the wind!")
    assert [m for m in marks if m] == ["?", ",", "!"]
    assert [p.symbol for p in phones if p.is_pause] == ["SIL", "PAU", "PAU", "SIL"]


def test_a_lone_capital_is_a_letter() -> None:
    assert [p.symbol for p in phonemise("vitamin A is")][-4:-1] == ["EY", "IH", "Z"]


def test_alignment_finds_the_words_of_a_recording() -> None:
    pytest.importorskip("pocketsphinx", reason="the aligner is in the extras train and test")
    recording = SHARED / "corpus" / "ljspeech"
    if not recording.is_dir():
        pytest.skip(f"no corpus at {SHARED}: set VOICEKIT_SHARED")
    from voicekit.train.corpus import read_corpus
    from voicekit.train.prepare import prepare_one

    utterance = next(u for u in read_corpus(SHARED / "corpus") if u.subset == "ljspeech")
    made = prepare_one(utterance)
    assert made is not None
    frames = len(made.f0_hz)
    assert made.durations.sum() == frames == len(made.envelope) == len(made.audio) // 240
    # What is aligned as silence is quieter than what is aligned as vowels: an independent look at the energy.
    energy = (made.audio.reshape(frames, 240).astype(np.float64) ** 2).mean(1)
    symbol = np.repeat(made.phones[:, 0], made.durations)
    silent = np.isin(symbol, [INVENTORY.index("SIL"), INVENTORY.index("PAU")])
    vowel = np.isin(symbol, [INVENTORY.index(v) for v in ("AA", "AE", "AH", "AO", "EH", "IY", "OW")])
    assert 10 * np.log10(energy[vowel].mean() / energy[silent].mean()) > 15


def test_a_critic_stops_and_resumes_with_its_model(tmp_path: Path) -> None:
    class Line:
        """Learns to tell small numbers from large ones."""

        def __init__(self) -> None:
            torch.manual_seed(9)
            self.module: nn.Module = nn.Linear(1, 1)

        def lesson(self) -> torch.Tensor:
            return (self.module(torch.ones(1, 1)) - 1).square().mean()

    def ride(folder: Path, steps: int) -> nn.Module:
        torch.manual_seed(5)
        rival = Line()
        config = RunConfig(steps=steps, learning_rate=0.05, warmup=5, save_every=10)

        def loss(batch: object, step: int, generator: torch.Generator) -> tuple[torch.Tensor, dict[str, float]]:
            value = model(torch.ones(1, 1)).square().mean()
            return value, {"loss": value.item()}

        model = nn.Linear(1, 1)
        run(model, lambda generator: None, loss, config, folder, lambda _: None, rival)
        return rival.module

    straight = ride(tmp_path / "a", 40)
    state = torch.load(tmp_path / "a" / "state.pt", weights_only=True)
    assert torch.equal(state["rival"]["weight"], straight.weight)
    untouched = Line().module
    assert not torch.equal(straight.weight, untouched.weight)
    resumed = ride(tmp_path / "a", 40)  # nothing left to do: it comes back as it was saved
    assert torch.equal(resumed.weight, straight.weight)


def test_critics_learn_to_tell_made_from_real() -> None:
    from voicekit.train.critic import SpectrumCritic, discernment

    torch.manual_seed(0)
    critic = SpectrumCritic()
    optimiser = torch.optim.Adam(critic.parameters(), lr=2e-3)
    time = torch.arange(4800) / 24000
    top = torch.full((2,), 12000.0)
    tone = torch.stack([torch.sin(2 * torch.pi * 220 * time), torch.sin(2 * torch.pi * 330 * time)])
    noise = torch.randn(2, 4800, generator=torch.Generator().manual_seed(1)) * 0.5
    first = last = 0.0
    for step in range(40):
        value = discernment(critic(tone, top)[0], critic(noise, top)[0])
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        first, last = (value.item() if step == 0 else first), value.item()
    assert first > 0.8 and last < 0.2
    # above the band limit nothing is judged: silence and noise there look the same
    low = torch.full((2,), 0.0)
    same = [torch.allclose(a, b) for a, b in zip(critic(tone, low)[0], critic(noise, low)[0], strict=True)]
    assert all(same)


def test_registers_are_parts_of_the_readers_in_order_of_pitch() -> None:
    from voicekit.errors import UsageError
    from voicekit.train.blend import SpeakerFacts, choose

    facts = {f"ls{i:03d}": SpeakerFacts(f"ls{i:03d}", i / 100, 0.0, 1.0, 30.0 + i % 7) for i in range(100)}
    facts["flite_rms"] = SpeakerFacts("flite_rms", 0.1, 0.0, 1.0, 90.0)
    low = choose(facts, (0.0, 0.3), 25)
    assert len(low) == 25 and set(low) <= {f"ls{i:03d}" for i in range(30)}
    left_out = [facts[f"ls{i:03d}"].clarity_db for i in range(30) if f"ls{i:03d}" not in low]
    assert max(left_out) <= min(facts[name].clarity_db for name in low)
    for register, count in (((0.0, 0.1), 60), ((0.5, 0.4), 60), ((0.0, 1.2), 60)):
        with pytest.raises(UsageError):
            choose(facts, register, count)


def test_no_voice_leans_on_one_reader_and_what_leans_is_added() -> None:
    from voicekit.train.pack import HOUSE

    for voice in HOUSE:
        lean = voice.lean()
        assert len(lean) > 100, "along directions in which all readers differ, not towards some"
        assert max(abs(weight) for weight in lean.values()) < 0.1
        assert abs(sum(lean.values())) < 0.002  # a change of place: but for rounding, nothing is added to the mean


def test_a_voice_lies_where_its_members_and_its_leaning_put_it(tmp_path: Path) -> None:
    from voicekit.models.weights import read_weights
    from voicekit.train.blend import SpeakerFacts, write_voice

    names = [f"ls{i}" for i in range(4)]
    facts = {name: SpeakerFacts(name, 0.25 * i, -1.0, 1.0, 30.0) for i, name in enumerate(names)}
    table = {"speakers.weight": torch.eye(4)}
    speakers = {name: i for i, name in enumerate(names)}
    folder, lean = tmp_path / "nobody", {"ls2": 0.25, "ls3": -0.25}
    made = write_voice("nobody", dict.fromkeys(names[:2], 1.0), table, speakers, facts, folder, lean)
    place = read_weights(folder / "voice.safetensors").tensors["embedding"].float()
    assert place.tolist() == [0.5, 0.5, 0.25, -0.25]
    assert made.pitch_level == 0.125  # the members' alone
