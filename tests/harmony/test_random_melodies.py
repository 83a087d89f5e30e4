"""Three hundred melodies nobody chose: no rule may ever be broken."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from voicekit.harmony import check, harmonise
from voicekit.score import Lyric, Meter, Note, Part, Score, TempoMap

# C4-A5, F3-D5, C3-G4, E2-C4: written down again, not taken from what is tested.
RANGES = {"soprano": (60, 81), "alto": (53, 74), "tenor": (48, 67), "bass": (40, 60)}


def random_melody(generator: np.random.Generator) -> tuple[Score, Part]:
    """A walk through a scale in any of 24 keys, with leaps, chromatic notes, rests and several metres."""
    tonic, minor = int(generator.integers(12)), bool(generator.integers(2))
    steps = (0, 2, 3, 5, 7, 8, 11) if minor else (0, 2, 4, 5, 7, 9, 11)
    scale = [p for p in range(57, 86) if (p - tonic) % 12 in steps]
    place = int(generator.integers(4, len(scale) - 4))
    lengths = [Fraction(1, 2), Fraction(1), Fraction(1), Fraction(3, 2), Fraction(2)]
    notes, beat = [], Fraction(0)
    for index in range(int(generator.integers(6, 12))):
        place += int(generator.choice([-4, -3, -2, -1, -1, -1, 0, 1, 1, 1, 2, 3, 5]))
        place = min(max(place, 0), len(scale) - 1)
        pitch = scale[place] + (int(generator.choice([-1, 1])) if generator.random() < 0.08 else 0)
        duration = lengths[int(generator.integers(len(lengths)))]
        lyric = Lyric("la") if generator.random() < 0.7 or not index else None
        notes.append(Note(beat, duration, float(pitch), lyric))
        beat += duration + (Fraction(1) if generator.random() < 0.1 else 0)
    part = Part("melody", tuple(notes))
    meter = Meter(Fraction(0), *((4, 4), (3, 4), (6, 8), (2, 4))[int(generator.integers(4))])
    return Score((part,), TempoMap(), (meter,)), part


def test_three_hundred_random_melodies_in_all_keys_break_no_rule() -> None:
    generator = np.random.default_rng(20_260_101)
    keys = set()
    for _ in range(300):
        score, part = random_melody(generator)
        harmony = harmonise(score, part, "satb")
        keys.add((harmony.key.tonic, harmony.key.mode))
        found = check(harmony.parts, harmony.chords, harmony.key, RANGES, harmony.melody)
        broken = [str(fault) for fault in found if fault.forbidden]
        assert broken == [], (part.notes, harmony.report)
        for voice in harmony.parts[1:]:
            for note in voice.notes:  # the others sing within the melody's notes, never through its rests
                inside = [n for n in part.notes if n.onset < note.end and n.end > note.onset]
                assert note.onset >= inside[0].onset and note.end <= inside[-1].end
                assert sum(n.duration for n in inside) == inside[-1].end - inside[0].onset
    assert len(keys) >= 20
