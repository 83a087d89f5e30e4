"""A melody over its chords, cut wherever either changes: the moments that a harmony is sought for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from voicekit.harmony.chords import ChordGuess
from voicekit.harmony.keys import KeyGuess, LocalKey
from voicekit.harmony.phrases import foreign_name, phrase_ends
from voicekit.harmony.theory import Grid, nearest
from voicekit.score import Part

__all__ = ["Slice", "cut"]


@dataclass(frozen=True)
class Slice:
    """A stretch in which neither the melody's note nor its chord changes.

    Parameters
    ----------
    onset, end : Fraction
        Beats.
    pitch : int
        The melody's nearest semitone.
    deviation : float
        Semitones by which the melody lies beside it, -0.5..0.5.
    note : int
        Index of the melody's note.
    starts : bool
        Whether that note begins here.
    chord : ChordGuess
    key : LocalKey
    foreign : str
        What the note is when the chord does not hold it (``passing`` ...), ``unexplained`` for none of these,
        empty when the chord holds it.
    strength : int
        3 on a downbeat ... 0 between beats.
    closing : bool
        A phrase ends on it.
    """

    onset: Fraction
    end: Fraction
    pitch: int
    deviation: float
    note: int
    starts: bool
    chord: ChordGuess
    key: LocalKey
    foreign: str
    strength: int
    closing: bool


def cut(part: Part, chords: Sequence[ChordGuess], key: KeyGuess, grid: Grid) -> tuple[Slice, ...]:
    """The slices of a melody; `chords` must cover it."""
    found = []
    closing = phrase_ends(part)
    for index, note in enumerate(part.notes):
        pitch = nearest(note.pitch_midi)
        while len(chords) > 1 and chords[0].end <= note.onset:
            chords = chords[1:]
        for chord in chords:
            if chord.onset >= note.end:
                break
            onset, end = max(note.onset, chord.onset), min(note.end, chord.end)
            if end <= onset:
                continue
            foreign = ""
            if chord.tones and pitch % 12 not in chord.tones:
                foreign = foreign_name(part, index) or "unexplained"
            found.append(
                Slice(
                    onset,
                    end,
                    pitch,
                    note.pitch_midi - pitch,
                    index,
                    onset == note.onset,
                    chord,
                    key.at(onset),
                    foreign,
                    grid.strength(onset),
                    index in closing,
                )
            )
    return tuple(found)
