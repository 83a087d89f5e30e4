"""The checker against examples as a harmony textbook prints them: faults it must find, clean ones it must pass."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.harmony.tunes import midi, pitch_class
from voicekit.harmony import KeyGuess, LocalKey, check
from voicekit.harmony.check import ALL_RULES, FORBIDDEN
from voicekit.score import Chord, Note, Part

VOICES = ("soprano", "alto", "tenor", "bass")
C_MAJOR = KeyGuess(0, "major", 1.0, "", (LocalKey(Fraction(0), 0, "major"),))
RANGES = {"soprano": (60, 81), "alto": (53, 74), "tenor": (48, 67), "bass": (40, 60)}


def line(name: str, text: str) -> Part:
    """``C4 R E4``: quarters."""
    notes = [Note(Fraction(i), Fraction(1), midi(t)) for i, t in enumerate(text.split()) if t != "R"]
    return Part(name, tuple(notes))


def rules(*lines: str, chords: str = "", **more: object) -> set[str]:
    """Which rules the checker finds broken."""
    names = VOICES if len(lines) == 4 else ("soprano", "bass")
    parts = [line(name, text) for name, text in zip(names, lines, strict=True)]
    symbols = []
    for i, symbol in enumerate(chords.split()):
        root, _, kind = symbol.partition(":")
        symbols.append(Chord(Fraction(i), pitch_class(root), kind))
    ranges = RANGES if len(lines) == 4 else None
    return {fault.rule for fault in check(parts, symbols, C_MAJOR, ranges, **more)}


@pytest.mark.parametrize(
    ("soprano", "bass", "wanted"),
    [
        ("G4 A4", "C4 D4", "parallel-fifths"),
        ("G4 F4", "C3 Bb2", "parallel-fifths"),  # a twelfth is a fifth
        ("C5 D5", "C4 D4", "parallel-octaves"),
        ("E5 D5", "E3 D3", "parallel-octaves"),  # two octaves apart
        ("C4 D4", "C4 D4", "parallel-unisons"),
        ("G4 D5", "C4 G3", "parallel-fifths"),  # contrary: a fifth to a twelfth
        ("C5 G5", "C4 G3", "parallel-octaves"),  # contrary: an octave to two
        ("G4 R A4", "C4 R D4", "parallel-fifths"),  # a rest between hides nothing
        ("C5 R R D5", "C4 C4 R D4", "parallel-octaves"),
    ],
)
def test_consecutive_perfect_intervals_are_found(soprano: str, bass: str, wanted: str) -> None:
    assert wanted in rules(soprano, bass)


@pytest.mark.parametrize(
    ("soprano", "bass"),
    [
        ("G4 G4", "C4 C4"),  # repeated, nobody moves
        ("G4 G4", "C4 G3"),  # one voice stays
        ("G4 G5", "C4 C4"),  # a fifth becomes a twelfth, but over a held note
        ("G4 F4", "C4 B3"),  # perfect to diminished
        ("B4 C5", "G3 E3"),  # sixths and thirds
        ("E5 D5", "C4 G3"),  # third to fifth
        ("G4 B4 A4", "C4 G3 D4"),  # fifths, but not running
        ("C5 B4 C5", "E4 D4 C4"),  # sixths into an octave by contrary motion
    ],
)
def test_what_textbooks_allow_passes(soprano: str, bass: str) -> None:
    assert rules(soprano, bass) == set()


def test_a_fault_says_where_and_between_whom() -> None:
    parts = [line("soprano", "E5 G4 A4"), line("bass", "C4 C4 D4")]
    faults = [f for f in check(parts) if f.rule == "parallel-fifths"]
    assert [(f.beat, f.voices, f.forbidden) for f in faults] == [(2, ("soprano", "bass"), True)]
    assert str(faults[0]) == "beat 2: parallel-fifths (soprano, bass): 7 then 7 semitones in the same direction"


def test_a_held_note_against_moving_ones_is_compared_at_each_move() -> None:
    held = Part("bass", (Note(Fraction(0), Fraction(2), midi("C4")), Note(Fraction(2), Fraction(1), midi("D4"))))
    moving = line("soprano", "E4 G4 A4")
    assert {f.rule for f in check([moving, held])} == {"parallel-fifths"}
    apart = check([line("soprano", "G4 E4 A4"), held])
    assert not {f.rule for f in apart} & {"parallel-fifths", "parallel-octaves"}


@pytest.mark.parametrize(
    ("soprano", "bass", "wanted"),
    [
        ("C5 G5", "E3 C4", {"hidden-fifths"}),
        ("E4 C5", "G3 C4", {"hidden-octaves"}),
        ("B4 C5", "G3 C4", set()),  # the soprano steps
        ("E5 C5", "A3 C4", set()),  # contrary
    ],
)
def test_hidden_intervals_of_the_outer_voices(soprano: str, bass: str, wanted: set[str]) -> None:
    found = rules(soprano, bass, rules=frozenset(("hidden-fifths", "hidden-octaves")))
    assert found == wanted


def test_a_clean_cadence_has_no_fault() -> None:
    four = ("C5 B4 C5", "G4 G4 G4", "E4 D4 E4", "C3 G3 C3")
    assert rules(*four, chords="C:major G:major C:major") == set()


@pytest.mark.parametrize(
    ("lines", "chords", "wanted"),
    [
        (("E4", "G4", "C4", "C3"), "", "crossing"),
        (("G5", "E4", "C4", "C3"), "", "spacing"),
        (("G5", "E5", "D4", "C3"), "", "spacing"),
        (("E4 G4", "C4 F4", "G3 C4", "C3 F3"), "", "overlap"),
        (("D5", "B4", "B3", "G3"), "G:major", "doubled-leading-tone"),
        (("F5", "G4", "B3", "G3"), "G:major", "chord-tone"),
        (("C5", "G4", "C4", "C3"), "C:major", "missing-third"),
        (("C6", "G4", "C4", "C3"), "C:major", "range"),
        (("C5", "G4", "C4", "D2"), "", "range"),
        (("C5 D4", "G4 B3", "E4 G3", "C3 D4"), "", "leap"),
    ],
)
def test_each_rule_of_four_voices(lines: tuple[str, ...], chords: str, wanted: str) -> None:
    assert wanted in rules(*lines, chords=chords)


def test_a_bass_below_a_tenor_may_be_far_away() -> None:
    assert rules("E5", "G4", "C4", "F2") == set()


def test_the_melody_may_be_foreign_to_its_chord_the_others_not() -> None:
    four = ("D5", "G4", "E4", "C3")
    assert "chord-tone" in rules(*four, chords="C:major")
    assert rules(*four, chords="C:major", melody=0) == set()
    assert rules("E5", "D4", "E4", "C3", chords="C:major", melody=0) >= {"chord-tone"}


def test_the_bass_of_a_slash_chord_is_allowed_in_the_lowest_voice_alone() -> None:
    parts = [line(v, t) for v, t in zip(VOICES, ("E5", "G4", "C4", "D3"), strict=True)]
    assert check(parts, [Chord(Fraction(0), 0, "major", bass=2)]) == ()
    assert {f.rule for f in check(parts, [Chord(Fraction(0), 0, "major")])} == {"chord-tone"}
    inner = [line(v, t) for v, t in zip(VOICES, ("E5", "G4", "D4", "C3"), strict=True)]
    assert {f.rule for f in check(inner, [Chord(Fraction(0), 0, "major", bass=2)])} == {"chord-tone"}


def test_the_names_of_rules_are_those_that_are_found() -> None:
    assert FORBIDDEN < ALL_RULES
    assert {"parallel-fifths", "parallel-octaves", "parallel-unisons", "range"} <= FORBIDDEN
