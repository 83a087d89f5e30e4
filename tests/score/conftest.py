"""Scores as one readable line."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from voicekit.score import Note, Part, Score, read_score

DATA = Path(__file__).parent / "data"
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def pitch(name: str) -> float:
    """``C#4`` as a MIDI number; a bare number as itself."""
    if name[0].isdecimal():
        return float(name)
    digits = name.lstrip("ABCDEFG#b")
    return 12 * (int(digits) + 1) + STEPS[name[0]] + name.count("#") - name.count("b")


def shown(note: Note) -> str:
    """Onset, duration, pitch, syllable: ``-x`` goes on from before, ``x-`` goes on, ``.`` has none."""
    lyric = note.lyric
    text = "."
    if lyric is not None:
        text = lyric.text or f"<{lyric.style}>"
        text = ("-" if lyric.syllabic in ("middle", "end") else "") + text
        text += "-" if lyric.syllabic in ("begin", "middle") else ""
    return f"{note.onset} {note.duration} {note.pitch_midi:g} {text}"


def expected(line: str) -> list[str]:
    """A hand-written line: notes parted by ``|``, each ``onset duration pitch [syllable]``; onset ``>`` follows on."""
    found, at = [], Fraction(0)
    for each in line.split("|"):
        onset, duration, name, *text = each.split()
        start = at if onset == ">" else Fraction(onset)
        length = Fraction(duration)
        at = start + length
        found.append(f"{start} {length} {pitch(name):g} {' '.join(text) or '.'}")
    return found


def line(part: Part) -> list[str]:
    """All notes of a part as `expected` writes them."""
    return [shown(note) for note in part.notes]


@pytest.fixture
def data() -> Path:
    """The folder of score files."""
    return DATA


@pytest.fixture
def read() -> Callable[..., Score]:
    """Reads one of the score files."""
    return lambda name, **how: read_score(DATA / name, **how)


def notices(score: Score) -> str:
    """All notices as one text."""
    return "\n".join(f"{notice.place}: {notice.text}" for notice in score.notices)
