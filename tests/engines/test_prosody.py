"""What marks, tags and places do to the sound, measured on the sound by Praat, which made none of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import parselmouth
import pytest

from consent import Ledger, Permit, PublicKey, Use
from voicekit.engines import list_voices, load_voice, open_engine, release_keys
from voicekit.engines.base import SpeechParams
from voicekit.engines.house import HouseEngine
from voicekit.engines.manner import FIRST, LAST
from voicekit.text.styles import BRACKETED, QUOTED

RATE = 24_000
VOICE = list_voices()[0].name
VOICED = "Many a man lay alone on the warm yellow moorland."  # nearly all voiced
SEMITONE_TOL = 0.4
LEVEL_TOL_DB = 0.8

Say = Callable[..., "Sound"]


class Sound:
    """A spoken sentence and Praat's F0 of it."""

    def __init__(self, samples: np.ndarray) -> None:
        self.samples = samples.astype(np.float64)
        heard = parselmouth.Sound(self.samples, RATE).to_pitch_ac(pitch_floor=50, pitch_ceiling=500)
        self.times, self.f0 = heard.xs(), heard.selected_array["frequency"]

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE

    def semitones(self, start: float = 0.0, stop: float = 1e9) -> float:
        """Median F0 between two times, semitones above 100 Hz."""
        return float(np.median(self._within(start, stop)))

    def above(self, other: Sound, start: float = 0.0, stop: float = 1.0) -> float:
        """How much higher it lies than another reading of the same words, semitones: the median of differences at the
        same places, from a share of the sentence to another.  A median of each would hang on how long each place is."""
        places = np.linspace(start, stop, 400)
        mine, theirs = (np.interp(places, one.times / one.seconds, one.f0) for one in (self, other))
        steady = (mine > 50) & (theirs > 50) & (np.abs(12 * np.log2(np.maximum(mine, 1) / np.maximum(theirs, 1))) < 6)
        return float(np.median(12 * np.log2(mine[steady] / theirs[steady])))

    def highest(self, start: float, stop: float) -> float:
        return float(np.percentile(self._within(start, stop), 95))

    def _within(self, start: float, stop: float) -> np.ndarray:
        chosen = (self.times >= start) & (self.times < stop) & (self.f0 > 0)
        return 12 * np.log2(self.f0[chosen] / 100)

    def last(self, count: int = 6) -> float:
        """F0 of the last voiced frames."""
        return float(np.median(12 * np.log2(self.f0[self.f0 > 0][-count:] / 100)))

    def level_db(self, start: float = 0.0, stop: float = 1e9) -> float:
        part = self.samples[round(start * RATE) : round(min(stop, self.seconds) * RATE)]
        return float(10 * np.log10(np.mean(part**2)))

    def longest_silence(self) -> float:
        """Seconds that lie 34 dB under the loudest 10 ms."""
        whole = self.samples[: len(self.samples) // 240 * 240].reshape(-1, 240)
        loud = np.sqrt(np.mean(whole**2, axis=1))
        edges = np.flatnonzero(np.diff(np.concatenate([[False], loud < 0.02 * loud.max(), [False]]).astype(int)))
        return float((edges[1::2] - edges[::2]).max() / 100)


@pytest.fixture(scope="module")
def say(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Say]:
    folder = tmp_path_factory.mktemp("prosody")
    engine = open_engine(VOICE)
    assert isinstance(engine, HouseEngine)
    with Ledger.init(folder / "ledger", operator_name="test", sidecar=folder / "sidecar") as ledger:
        keys = [PublicKey.from_did(did) for did in release_keys()]
        ledger.grant_house_voice(ledger.add_record(load_voice(VOICE).record, release_keys=keys))
        permit: Permit = ledger.request(
            Use(mode="speech", purpose="test", seconds=600),
            voice=VOICE,
            operands=engine.operands,
            params_sha256="0" * 64,
            text_commit=ledger.commit_text("test"),
        )
        yield lambda text, **params: Sound(engine.speak(permit, text, SpeechParams(**params)).samples)


@pytest.mark.parametrize(
    ("statement", "question"),
    [("You will come along.", "You will come along?"), ("Mary is in the room.", "Is Mary in the room?")],
)
def test_a_question_for_yes_or_no_rises(say: Say, statement: str, question: str) -> None:
    asked = say(question)
    assert asked.last() - say(statement).last() > 3.0
    assert asked.last(3) > asked.semitones()  # it ends in the upper half of its own range


@pytest.mark.parametrize("question", ["Where is Mary now?", "Why do you ring the bell?", "Is it a pear or a plum?"])
def test_a_question_for_a_thing_falls(say: Say, question: str) -> None:
    asked = say(question)
    assert asked.last() < asked.semitones() - 1.5


def test_items_of_a_list_are_held_up_until_the_last(say: Say) -> None:
    listed = say("Lemons, melons, and a yellow plum.")
    ended = say("Lemons. Melons. And a yellow plum.")
    stop = listed.seconds * 0.3

    def before_first_pause(sound: Sound) -> float:
        voiced = np.flatnonzero(sound.f0 > 0)
        gap = voiced[np.flatnonzero(np.diff(sound.times[voiced]) > 0.12)[0]]
        chosen = sound.f0[max(0, gap - 5) : gap + 1]
        return float(np.median(12 * np.log2(chosen[chosen > 0] / 100)))

    assert stop > 0.3 and before_first_pause(listed) - before_first_pause(ended) > 1.5
    assert listed.last() < listed.semitones() - 1.0


def test_emphasis_raises_lengthens_and_strengthens_its_word_and_no_other(say: Say) -> None:
    plain = say("Mary will lend me a melon.")
    first = say("{e+1} Mary {} will lend me a melon.")
    last = say("Mary will lend me a {e+1} melon.")
    assert first.seconds > plain.seconds + 0.03 and last.seconds > plain.seconds + 0.03
    assert first.highest(0, 0.45) - plain.highest(0, 0.45) > 0.5
    assert abs(last.highest(0, 0.35) - plain.highest(0, 0.35)) < SEMITONE_TOL
    end = 0.5
    assert last.highest(last.seconds - end, 9) - plain.highest(plain.seconds - end, 9) > 1.0
    assert first.level_db(0, 0.4) - plain.level_db(0, 0.4) > 1.0
    assert say("{e+1.5} Mary {} will lend me a melon.").highest(0, 0.45) > first.highest(0, 0.45) + 0.5


def test_pitch_rate_and_volume_of_a_stretch_are_what_was_asked_for(say: Say) -> None:
    plain = say(VOICED)
    assert say("{p+3}" + VOICED).semitones() - plain.semitones() == pytest.approx(3.0, abs=SEMITONE_TOL)
    assert say("{p-4}" + VOICED).semitones() - plain.semitones() == pytest.approx(-4.0, abs=SEMITONE_TOL)
    assert say("{r0.8}" + VOICED).seconds / plain.seconds == pytest.approx(1.25, rel=0.06)
    assert say("{v-6}" + VOICED).level_db() - plain.level_db() == pytest.approx(-6.0, abs=LEVEL_TOL_DB)
    half = say("Many a man lay alone {p+4} on the warm yellow moorland.")
    assert half.semitones(half.seconds * 0.6) - plain.semitones(plain.seconds * 0.6) > 3.0
    assert abs(half.semitones(0, 0.6) - plain.semitones(0, 0.6)) < SEMITONE_TOL


@pytest.mark.parametrize("milliseconds", [300, 800, 2000])
def test_a_pause_is_as_long_as_was_asked_for(say: Say, milliseconds: int) -> None:
    heard = say(f"He waited {{b{milliseconds}}} and then he went.", rate=1.3)
    assert heard.longest_silence() == pytest.approx(milliseconds / 1000, abs=0.09)


def test_direct_speech_lies_a_little_above_and_brackets_below_and_faster(say: Say) -> None:
    plain = say(VOICED)
    quoted, aside = say(QUOTED.control + VOICED), say(BRACKETED.control + VOICED)
    assert quoted.above(plain) == pytest.approx(0.8, abs=SEMITONE_TOL)
    assert quoted.level_db() > plain.level_db() + 0.3
    assert aside.above(plain) == pytest.approx(-1.5, abs=SEMITONE_TOL)
    assert aside.seconds < 0.95 * plain.seconds and aside.level_db() < plain.level_db() - 0.8


def test_a_paragraph_begins_high_and_ends_low_and_slower(say: Say) -> None:
    plain, first, last = say(VOICED), say(VOICED, place=FIRST), say(VOICED, place=LAST)
    assert 0.4 < first.above(plain, 0, 0.2) < 1.5
    assert abs(first.last() - plain.last()) < SEMITONE_TOL
    assert last.last(12) < plain.last(12) - 0.5
    assert last.seconds > plain.seconds + 0.02
    assert abs(last.above(plain, 0, 0.2)) < SEMITONE_TOL
