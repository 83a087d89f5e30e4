"""Voices beside a melody: fixed, in the scale, on chord tones."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from tests.harmony.tunes import Tune, midi, tunes
from voicekit.errors import UsageError
from voicekit.harmony import check, harmonise
from voicekit.harmony.check import PAIR_RULES
from voicekit.score import Chord, Key, Lyric, Meter, Note, Part, Score, TempoMap

TUNES = tunes()
DIATONIC = ("third-above", "third-below", "sixth-above", "sixth-below")
CLOSE = ("chord:1", "chord:2", "chord:3", "chord:4", "chord-above:2", "chord-below:2", "chord-below:3")


def tune(name: str) -> Tune:
    return next(t for t in TUNES if t.name == name)


def of(text: str, chords: str = "", sharps: int = 0, mode: str = "") -> Score:
    """Quarters and, for each, a chord such as ``0:major``."""
    notes = tuple(Note(Fraction(i), Fraction(1), midi(t), Lyric("la")) for i, t in enumerate(text.split()))
    symbols = tuple(
        Chord(Fraction(i), int(s.split(":")[0]), s.split(":")[1]) for i, s in enumerate(chords.split()) if s != "-"
    )
    keys = (Key(Fraction(0), sharps, mode),)
    return Score((Part("melody", notes),), TempoMap(), (Meter(Fraction(0), 4, 4),), keys, symbols)


def names(part: Part) -> str:
    return " ".join(n.spelling for n in part.notes)


@pytest.mark.parametrize("style", [*DIATONIC, *CLOSE])
def test_no_two_voices_run_in_perfect_intervals_in_any_tune(style: str) -> None:
    for t in TUNES[::4]:
        harmony = harmonise(t.score, t.part, style)
        rules = PAIR_RULES | {"crossing"} | ({"chord-tone"} if style in CLOSE else frozenset())
        assert check(harmony.parts, harmony.chords, harmony.key, dict(harmony.ranges), harmony.melody, rules) == ()
        assert harmony.parts[harmony.melody].notes == t.part.notes


@pytest.mark.parametrize(("semitones", "first"), [(7, 74.0), (-24, 43.0), (24, 91.0), (0, 67.0)])
def test_fixed_is_fixed(semitones: int, first: float) -> None:
    t = tune("old_hundredth")
    harmony = harmonise(t.score, t.part, f"fixed:{semitones:+d}")
    other = harmony.parts[1 - harmony.melody]
    assert {a.pitch_midi - b.pitch_midi for a, b in zip(other.notes, t.part.notes, strict=True)} == {float(semitones)}
    assert other.notes[0].pitch_midi == first
    assert [n.lyric for n in other.notes] == [n.lyric for n in t.part.notes]


@pytest.mark.parametrize(("style", "semitones"), [("octave-above", 12), ("octave-below", -12)])
def test_octaves(style: str, semitones: int) -> None:
    t = tune("twinkle")
    harmony = harmonise(t.score, t.part, style)
    other = harmony.parts[1 - harmony.melody]
    assert {a.pitch_midi - b.pitch_midi for a, b in zip(other.notes, t.part.notes, strict=True)} == {float(semitones)}
    assert harmony.melody == (1 if semitones > 0 else 0)


@pytest.mark.parametrize(
    ("style", "wanted"),
    [
        ("third-above", "E4 G4 A4 G4 F4 E4"),
        ("sixth-below", "E3 G3 A3 G3 F3 E3"),
    ],
)
def test_a_scale_in_c_as_one_would_write_it(style: str, wanted: str) -> None:
    score = of("C4 E4 F4 E4 D4 C4", "0:major - 5:major 0:major 7:major 0:major")
    harmony = harmonise(score, score.parts[0], style)
    found = names(harmony.parts[1 - harmony.melody])
    # over D in a chord of G the textbook allows F (its seventh) and G; all else is given
    assert found.replace("G4 E4", "F4 E4").replace("G3 E3", "F3 E3")[-5:] == wanted[-5:]
    assert found.split()[:4] == wanted.split()[:4]


def test_thirds_below_the_last_tonic_become_chord_tones() -> None:
    score = of("E4 D4 C4", "0:major 7:major 0:major")
    other = harmonise(score, score.parts[0], "third-below").parts[1]
    assert names(other).split()[-1] == "G3"  # a fourth: A3 is foreign to the chord of C
    assert round(other.notes[1].pitch_midi) % 12 in (7, 11)


def test_the_leading_tone_is_raised_over_the_dominant_of_minor_alone() -> None:
    score = of("A4 B4 C5 B4 A4", "9:minor 4:major 9:minor 4:major 9:minor", 0, "minor")
    other = harmonise(score, score.parts[0], "third-below").parts[1]
    assert names(other).split()[1] == "G#4" and names(other).split()[3] == "G#4"
    plain = of("C5 B4 C5 E5 A4", "9:minor 4:minor 0:major 0:major 9:minor", 0, "minor")
    lower = harmonise(plain, plain.parts[0], "third-below").parts[1]
    assert names(lower).split()[1] == "G4"


def test_most_of_a_third_is_thirds_and_all_of_it_is_in_the_key() -> None:
    t = tune("ode_to_joy")
    harmony = harmonise(t.score, t.part, "third-above")
    other = harmony.parts[0]
    under = {n.onset: n.pitch_midi for n in t.part.notes}
    distances = [round(n.pitch_midi - under[n.onset]) for n in other.notes if n.onset in under]
    assert len(distances) == len(under)
    assert sum(d in (3, 4) for d in distances) >= 0.9 * len(distances)
    assert {round(n.pitch_midi) % 12 for n in other.notes} <= {2, 4, 6, 7, 9, 11, 1}


@pytest.mark.parametrize(
    ("style", "wanted"),
    [
        ("chord:1", ["G4"]),
        ("chord:2", ["G4", "C4"]),
        ("chord:3", ["C5", "G4", "C4"]),
        ("chord-above:2", ["C5", "G4"]),
        ("chord-below:2", ["C4", "G3"]),
    ],
)
def test_nearest_chord_tones(style: str, wanted: list[str]) -> None:
    score = of("E4", "0:major")
    harmony = harmonise(score, score.parts[0], style)
    assert [p.notes[0].spelling for i, p in enumerate(harmony.parts) if i != harmony.melody] == wanted


def test_ranges_move_a_fixed_voice_by_octaves_and_rest_others_and_that_is_said() -> None:
    score = of("C4 E4 G4 C5", "0:major - - -")
    moved = harmonise(score, score.parts[0], "fixed:+7", ranges={"fixed:+7": (60, 72)})
    assert all(60 <= n.pitch_midi <= 72 for n in moved.parts[0].notes)
    assert any("another octave" in n.text for n in moved.report)
    tight = harmonise(score, score.parts[0], "third-above", ranges={"third-above": (64, 71)})
    assert all(64 <= n.pitch_midi <= 71 for n in tight.parts[0].notes)
    assert len(tight.parts[0].notes) < 4
    assert any("third-above rests" in n.text for n in tight.report)


@pytest.mark.parametrize("style", ["fixed:+25", "fixed:", "fixed:1.5", "chord:0", "chord:5", "chord:x", "third", ""])
def test_wrong_numbers_are_refused(style: str) -> None:
    score = of("C4 E4 G4")
    with pytest.raises(UsageError):
        harmonise(score, score.parts[0], style)


def test_seeds_vary_the_same_style_and_repeat_themselves() -> None:
    t = tune("nun_danket")
    made = [harmonise(t.score, t.part, "chord:2", seed=s).parts for s in (3, 3, 4, 5, 6)]
    assert made[0] == made[1]
    assert len(set(made)) > 1


def test_a_part_with_the_name_of_a_voice_is_told_apart() -> None:
    score = of("C4 E4 G4")
    part = replace(score.parts[0], name="third-above")
    assert len({p.name for p in harmonise(score, part, "third-above").parts}) == 2
