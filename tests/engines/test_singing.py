"""The house voices sing what was commanded, heard by Praat's tracker (which knows nothing of the synthesis)."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest

from voicekit.engines import load_voice
from voicekit.engines.base import SingParams
from voicekit.engines.house import HouseEngine
from voicekit.pitch import track_pitch
from voicekit.score import Lyric, Note, Part, Tempo, TempoMap
from voicekit.singing import SingStyle, SungLine, plan_line

MEDIAN_CENTS_TOL = 5.0
P95_CENTS_TOL = 15.0
WORDS = ("la", "no", "day", "me", "song", "love")


@pytest.fixture(scope="module", params=["alder", "linnet"])
def engine(request: pytest.FixtureRequest) -> HouseEngine:
    return HouseEngine(load_voice(request.param))


def scale(low: int, high: int, style: SingStyle) -> SungLine:
    notes, beat = [], F(1)
    for k, pitch in enumerate(range(low, high + 1, 3)):
        notes.append(Note(beat, F(3, 2), float(pitch), Lyric(WORDS[k % len(WORDS)])))
        beat += F(3, 2) + (F(1) if k % 4 == 3 else 0)
    return plan_line(Part("scale", tuple(notes)), TempoMap([Tempo(F(0), 100)]), style, seed=3)


def test_notes_from_c3_to_c6_are_in_tune(engine: HouseEngine) -> None:
    line = scale(48, 84, SingStyle(vibrato_cents=0))
    sound = engine._sing(line, SingParams(seed=1)).samples
    assert len(sound) == line.n_frames * 240
    track = track_pitch(sound, 24_000, range_hz=(80.0, 1400.0), adapt=False)
    time = (np.arange(len(track.f0_hz)) + 0.5) / 100
    medians, spread = [], []
    for note in line.notes:
        length = note.end_s - note.start_s
        steady = (time > note.start_s + 0.35 * length) & (time < note.start_s + 0.75 * length) & track.vuv
        assert steady.sum() > 0.25 * length * 100, note
        cents = 1200 * np.log2(track.f0_hz[steady] / 440) + 6900 - 100 * note.pitch_midi
        medians.append(abs(float(np.median(cents))))
        spread.append(float(np.percentile(np.abs(cents), 95)))
    assert max(medians) < MEDIAN_CENTS_TOL
    assert float(np.median(spread)) < P95_CENTS_TOL


def test_levels_stay_together_over_three_octaves(engine: HouseEngine) -> None:
    line = scale(48, 84, SingStyle(vibrato_cents=0))
    sound = engine._sing(line, SingParams(seed=1)).samples
    levels = []
    for note in line.notes:
        piece = sound[int((note.start_s + 0.2) * 24_000) : int((note.end_s - 0.2) * 24_000)]
        levels.append(10 * np.log10(np.mean(piece.astype(np.float64) ** 2)))
    assert np.ptp(levels) < 14.0  # a close vowel and an open one differ by ten in every singer


def test_rests_are_silent_and_vowels_begin_on_the_beat(engine: HouseEngine) -> None:
    notes = [Note(F(2 * k), F(1), 60.0, Lyric(word)) for k, word in enumerate(("pa", "ta", "so", "see"))]
    line = plan_line(Part("p", tuple(notes)), TempoMap([Tempo(F(0), 60)]), SingStyle(breaths=False), lead_in_s=1.0)
    sound = engine._sing(line, SingParams(seed=1)).samples
    for phone in line.phones:
        if phone.role == "rest" and phone.end_s - phone.start_s > 0.1:
            assert not sound[round((phone.start_s + 0.06) * 24_000) : round((phone.end_s - 0.02) * 24_000)].any()
    track = track_pitch(sound, 24_000)
    for note in line.notes:  # these consonants are unvoiced, so the voice begins with the vowel
        near = track.vuv[round((note.start_s - 0.1) * 100) : round((note.start_s + 0.2) * 100)]
        begin = note.start_s - 0.1 + int(np.argmax(near)) / 100
        assert abs(begin - note.start_s) <= 0.03  # Praat's window is 40 ms long at this floor


def test_the_same_seed_gives_the_same_samples(engine: HouseEngine) -> None:
    line = scale(57, 64, SingStyle())
    one, two, other = (engine._sing(line, SingParams(seed=s)).samples for s in (5, 5, 6))
    assert np.array_equal(one, two) and not np.array_equal(one, other)


def test_consonants_are_heard_for_what_they_are(engine: HouseEngine) -> None:
    words = ("see", "show", "fee", "my", "no", "lie")
    notes = [Note(F(2 * k), F(3, 2), 60.0, Lyric(word)) for k, word in enumerate(words)]
    line = plan_line(Part("p", tuple(notes)), TempoMap([Tempo(F(0), 60)]), SingStyle(breaths=False), lead_in_s=1.0)
    sound = engine._sing(line, SingParams(seed=1)).samples.astype(np.float64)
    onsets = [p for p in line.phones if p.role == "onset"]
    assert [p.symbol for p in onsets] == ["S", "SH", "F", "M", "N", "L"]
    for phone in onsets:
        piece = sound[round((phone.start_s + 0.015) * 24_000) : round((phone.end_s - 0.01) * 24_000)]
        vowel = sound[round((phone.end_s + 0.2) * 24_000) : round((phone.end_s + 0.6) * 24_000)]
        level = 10 * np.log10(np.mean(piece**2) / np.mean(vowel**2))
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 4096)) ** 2
        hertz = np.fft.rfftfreq(4096, 1 / 24_000)
        low = spectrum[hertz < 500].sum() / spectrum.sum()
        if phone.symbol in ("S", "SH", "F"):  # a hiss: heard, and without a voice under it
            assert -40 < level < 0 and low < 0.45, (phone.symbol, level, low)
        else:  # hummed at the pitch of the note
            assert -20 < level < 6 and low > 0.6, (phone.symbol, level, low)
