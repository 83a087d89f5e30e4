"""Samples of the LilyPond MusicXML test suite; what is expected is read from the description inside each file."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from tests.score.conftest import expected, line, notices
from voicekit.score import Score, read_score


@pytest.fixture
def sample(shared: Path):  # type: ignore[no-untyped-def]
    """Reads one of them."""

    def read(name: str) -> Score:
        return read_score(shared / "samples" / "musicxml" / f"{name}.musicxml")

    return read


def test_all_rest_lengths(sample) -> None:  # type: ignore[no-untyped-def]
    """A score of rests alone has no line to sing, and says so."""
    score = sample("02a-Rests-Durations")
    assert score.parts == () and "has no notes" in notices(score)


def test_all_note_lengths(sample) -> None:  # type: ignore[no-untyped-def]
    """Breve to 64th plain, then dotted, then whole to 32nd doubly dotted; the shortest of each row stands twice."""
    plain = [Fraction(8) / 2**n for n in range(8)]
    double = plain[1:7]
    lengths = [*plain, plain[-1], *(n * Fraction(3, 2) for n in plain), plain[-1] * Fraction(3, 2)]
    lengths += [*(n * Fraction(7, 4) for n in double), double[-1] * Fraction(7, 4)]
    notes = sample("03aa-Rhythm-Durations").parts[0].notes
    assert [note.duration for note in notes] == lengths
    assert {note.spelling for note in notes} == {"C5"}
    assert all(b.onset == a.end for a, b in pairwise(notes))


def test_three_note_chords(sample) -> None:  # type: ignore[no-untyped-def]
    high, middle, low = sample("21c-Chords-ThreeNotesDuration").parts
    assert line(high) == expected("0 3/2 C5|> 1/2 G5|> 1 C5|> 1 C5|> 1 E5|> 1 F5|> 2 D5")
    assert line(middle) == expected("0 3/2 A4|> 1/2 A4|> 1 A4|> 1 A4|> 1 A4|> 1 A4|> 2 A4")
    assert line(low) == expected("0 3/2 F4|> 1/2 A4|> 1 F4|> 1 F4|> 1 F4|> 1 F4|> 2 F4")


def test_two_simple_tied_whole_notes(sample) -> None:  # type: ignore[no-untyped-def]
    assert line(sample("33b-Spanners-Tie").parts[0]) == expected("0 8 F4")


def test_simple_lyrics(sample) -> None:  # type: ignore[no-untyped-def]
    """Syllables, notes without a syllable, syllable spanners."""
    assert line(sample("61a-Lyrics").parts[0]) == expected(
        "0 1 A4 Tra-|> 1 A4 -la-|> 1 A4 -li|> 1 A4 Ja!|> 1 A4|> 1 A4 Tra-|> 1 A4|> 1 A4 -ra!|> 1 A4|> 1 A4 Bah!|> 2 A4"
    )
