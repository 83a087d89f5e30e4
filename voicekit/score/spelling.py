"""Note names, keys and intervals as positions on the line of fifths."""

from __future__ import annotations

import re
from fractions import Fraction

__all__ = ["STEPS", "name_of", "parse_name", "spell", "transposed"]

STEPS = "CDEFGAB"
STEP_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_FIFTHS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}
_NAME = re.compile(r"([A-Ga-g])(#{1,3}|b{1,3}|x|[♯♭]{1,3})?(-?\d{1,2})([+-]\d{1,4}(?:\.\d{1,6})?)?\Z")
_ACCIDENTALS = {-3: "bbb", -2: "bb", -1: "b", 0: "", 1: "#", 2: "##", 3: "###"}


def name_of(step: str, alter: Fraction | int, octave: int) -> str:
    """``C#4``; empty for a microtone or more than three accidentals."""
    if alter != int(alter) or int(alter) not in _ACCIDENTALS:
        return ""
    return f"{step}{_ACCIDENTALS[int(alter)]}{octave}"


def parse_name(name: str) -> tuple[str, Fraction, int] | None:
    """Step, alteration in semitones and octave of ``C#4`` or ``C#4+25`` (cents); None if it is no such name."""
    found = _NAME.match(name.strip())
    if not found:
        return None
    step, accidental, octave, cents = found.groups()
    accidental = (accidental or "").replace("♯", "#").replace("♭", "b")
    alter = 2 if accidental == "x" else accidental.count("#") - accidental.count("b")
    return step.upper(), alter + Fraction(cents or 0) / 100, int(octave)


def spell(pitch_class: int, fifths: int = 0) -> tuple[str, int]:
    """Step and alteration of a pitch class, as near as can be to a key on the line of fifths."""
    # a key's own seven notes lie from fifths-1 to fifths+5; its middle is fifths+2
    place = (pitch_class * 7 - (fifths + 2) + 5) % 12 - 5 + fifths + 2
    alter, letter = divmod(place + 1, 7)
    return "FCGDAEB"[letter], alter


def transposed(step: str, alter: Fraction, octave: int, chromatic: int, diatonic: int | None) -> str:
    """Name of a note moved by an interval; empty if that has no plain name.

    Parameters
    ----------
    chromatic : int
        Semitones.
    diatonic : int or None
        Steps of the scale; None: the nearest spelling.
    """
    if alter != int(alter):
        return ""
    sounding = 12 * octave + STEP_SEMITONES[step] + int(alter) + chromatic
    if diatonic is None:
        place = _FIFTHS[step] + 7 * int(alter)
        new_step, new_alter = spell(sounding % 12, max(-7, min(7, place - 2)))
        return name_of(new_step, new_alter, (sounding - new_alter) // 12)
    line = 7 * octave + STEPS.index(step) + diatonic
    new_octave, letter = divmod(line, 7)
    new_step = STEPS[letter]
    return name_of(new_step, sounding - 12 * new_octave - STEP_SEMITONES[new_step], new_octave)
