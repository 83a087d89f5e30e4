"""music21, where it is installed, looks for parallels in our four parts by its own rules."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest

from voicekit.harmony import Harmony
from voicekit.score import Part


def sounding(part: Part, beat: Fraction) -> float | None:
    return next((n.pitch_midi for n in part.notes if n.onset <= beat < n.end), None)


def test_music21_finds_no_parallels_either(four: dict[str, Harmony]) -> None:
    music21 = pytest.importorskip("music21", reason="a second opinion, only where music21 is installed")
    quartet = music21.voiceLeading.VoiceLeadingQuartet

    def wrong(a: float, b: float, c: float, d: float) -> bool:
        judged = quartet(*(music21.note.Note(round(p)) for p in (a, c, b, d)))
        return bool(judged.parallelFifth() or judged.parallelOctave() or judged.parallelUnison())

    assert wrong(67, 60, 69, 62) and wrong(72, 60, 74, 62) and not wrong(67, 60, 69, 60)  # it can see
    seen: dict[tuple[float, ...], bool] = {}
    for name, harmony in four.items():
        beats = sorted({n.onset for part in harmony.parts for n in part.notes})
        for v, w in itertools.combinations(harmony.parts, 2):
            pairs = [(sounding(v, b), sounding(w, b)) for b in beats]
            pairs = [pair for pair in pairs if None not in pair]
            for (a, b), (c, d) in itertools.pairwise(pairs):
                if a == c or b == d:
                    continue
                key = (a, b, c, d)
                if key not in seen:
                    seen[key] = wrong(*key)
                assert not seen[key], (name, v.name, w.name, key)
    assert len(seen) > 300
