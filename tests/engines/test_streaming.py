"""Sound while it is made: exactly the sound of the whole, soon, and under the same permit."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from consent import ConsentRefusedError, Ledger, Permit, PublicKey, Use
from voicekit.engines import list_voices, load_voice, open_engine, release_keys
from voicekit.engines.base import SpeechParams
from voicekit.engines.house import HouseEngine
from voicekit.engines.windows import FIRST_FRAMES, WINDOW_FRAMES, hold_peaks, render, windows

VOICE = list_voices()[0].name
LONG = "and the river ran on past the mill, past the grey church, and down to the harbour " * 3
SAMPLE_TOL = 1e-3  #: of full scale: the networks' rounding (7 significant bits in their wide layers), -60 dB
FIRST_SECONDS = 2.0


@pytest.fixture(scope="module")
def engine() -> HouseEngine:
    made = open_engine(VOICE)
    assert isinstance(made, HouseEngine)
    return made


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    folder = tmp_path_factory.mktemp("stream-ledger")
    with Ledger.init(folder / "ledger", operator_name="test", sidecar=folder / "sidecar") as made:
        keys = [PublicKey.from_did(did) for did in release_keys()]
        made.grant_house_voice(made.add_record(load_voice(VOICE).record, release_keys=keys))
        yield made


def permit_for(ledger: Ledger, engine: HouseEngine, mode: str = "speech") -> Permit:
    return ledger.request(
        Use(mode=mode, purpose="test", seconds=60),
        voice=VOICE,
        operands=engine.operands,
        params_sha256="0" * 64,
        text_commit=ledger.commit_text("test"),
    )


@pytest.mark.parametrize("text", ["The wind went round the house.", LONG, "and the river ran on " * 60])
def test_blocks_are_the_whole_to_the_bit(ledger: Ledger, engine: HouseEngine, text: str) -> None:
    permit = permit_for(ledger, engine)
    whole = engine.speak(permit, text, SpeechParams(seed=5)).samples
    blocks = list(engine.stream(permit, text, SpeechParams(seed=5)))
    assert np.array_equal(np.concatenate(blocks), whole)
    if text != "The wind went round the house.":
        assert len(blocks) > 2
        assert len(blocks[0]) <= FIRST_SECONDS * engine.sample_rate


def test_a_sentence_in_windows_sounds_as_made_in_one_pass(
    ledger: Ledger, engine: HouseEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The independent truth: the networks over the whole sentence at once, without any window."""
    permit = permit_for(ledger, engine)
    cut = engine.speak(permit, LONG, SpeechParams(seed=5)).samples
    monkeypatch.setattr(render, "__defaults__", (lambda count: [(0, count)],))
    whole = engine.speak(permit, LONG, SpeechParams(seed=5)).samples
    assert len(list(engine.stream(permit, LONG, SpeechParams(seed=5)))) == 1
    assert len(cut) == len(whole) and float(np.abs(whole).max()) > 0.1
    assert float(np.abs(cut - whole).max()) < SAMPLE_TOL


def test_a_window_without_its_surroundings_is_heard_to_be_wrong(
    ledger: Ledger, engine: HouseEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail: with no context the same comparison is far off."""
    permit = permit_for(ledger, engine)
    right = engine.speak(permit, LONG, SpeechParams(seed=5)).samples
    monkeypatch.setattr("voicekit.engines.windows.reach_frames", lambda *networks: 0)
    wrong = engine.speak(permit, LONG, SpeechParams(seed=5)).samples
    assert float(np.abs(right - wrong).max()) > 10 * SAMPLE_TOL


def test_windows_meet_and_none_is_long() -> None:
    for count in (1, 10, WINDOW_FRAMES, WINDOW_FRAMES + 1, 1000, 3333, 12_000):
        cut = windows(count)
        assert cut[0][0] == 0 and cut[-1][1] == count
        assert all(a[1] == b[0] for a, b in itertools.pairwise(cut))
        assert all(0 < stop - start <= WINDOW_FRAMES for start, stop in cut)
        assert len(cut) == 1 or cut[0] == (0, FIRST_FRAMES)


def test_peaks_are_bent_and_quieter_samples_left_alone() -> None:
    wave = np.linspace(-3, 3, 6001, dtype=np.float32)
    held = hold_peaks(wave)
    quiet = np.abs(wave) <= 0.9
    assert np.array_equal(held[quiet], wave[quiet])
    assert float(np.abs(held).max()) <= 0.98 and np.all(np.diff(held) >= 0)
    assert np.array_equal(np.concatenate([hold_peaks(wave[:3500]), hold_peaks(wave[3500:])]), held)


def test_a_stream_asks_for_its_permit_at_every_block(ledger: Ledger, engine: HouseEngine) -> None:
    permit = permit_for(ledger, engine)
    stream = engine.stream(permit, LONG, SpeechParams())
    next(stream)
    ledger.abort(permit, "cancelled")
    with pytest.raises(ConsentRefusedError):
        next(stream)
    with pytest.raises(ConsentRefusedError):
        next(engine.stream(permit, LONG, SpeechParams()))
    with pytest.raises(ConsentRefusedError) as refused:
        next(engine.stream(permit_for(ledger, engine, mode="singing"), LONG, SpeechParams()))
    assert refused.value.reason == "mode-not-granted"
