"""Pitches for each slice become a part that sings the melody's words in the melody's rhythm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from voicekit.harmony.slices import Slice
from voicekit.harmony.theory import spell
from voicekit.score import Lyric, Note, Part

__all__ = ["moved_part", "write_part"]


def _syllables(melody: Part) -> list[Lyric | None]:
    """For each note the syllable that is sung on it, also where it goes on from a note before."""
    found: list[Lyric | None] = []
    current: Lyric | None = None
    for note in melody.notes:
        current = note.lyric or current
        found.append(current)
    return found


def write_part(name: str, melody: Part, slices: Sequence[Slice], pitches: Sequence[int | None]) -> Part:
    """A part that moves with the melody.

    A syllable begins where it begins in the melody.  While the melody moves on one syllable, a voice that keeps its
    pitch holds one note, and one that moves goes on without a new syllable.

    Parameters
    ----------
    name : str
    melody : Part
    slices : sequence of Slice
        Those of the melody.
    pitches : sequence of int or None
        MIDI number for each slice; None rests.

    Returns
    -------
    Part
        Loudness curve and language are the melody's; a drawn pitch curve is not taken over.
    """
    syllables, worded = _syllables(melody), melody.has_words
    notes: list[Note] = []
    sung: Lyric | None = None  # the syllable this voice is on
    for piece, pitch in zip(slices, pitches, strict=True):
        if pitch is None:
            sung = None
            continue
        model = melody.notes[piece.note]
        last = piece.end == model.end
        touching = bool(notes) and notes[-1].end == piece.onset
        anew = piece.starts and model.lyric is not None
        carries = not anew if worded else (not piece.starts or model.slurred)
        sounding = pitch + piece.deviation
        if touching and carries and notes[-1].pitch_midi == sounding:
            notes[-1] = replace(
                notes[-1],
                duration=piece.end - notes[-1].onset,
                breath_after=model.breath_after and last,
                fermata=notes[-1].fermata or model.fermata,
            )
            continue
        lyric = model.lyric if anew else None
        if lyric is None and worded and not (touching and sung is syllables[piece.note]):
            lyric = syllables[piece.note]  # enters late: the syllable comes with it
        sung = syllables[piece.note]
        notes.append(
            Note(
                onset=piece.onset,
                duration=piece.end - piece.onset,
                pitch_midi=sounding,
                lyric=lyric,
                slurred=touching and lyric is None and carries,
                dynamic=model.dynamic,
                accent=model.accent and piece.starts,
                staccato=model.staccato and piece.starts and last,
                breath_after=model.breath_after and last,
                fermata=model.fermata and last,
                grace=model.grace,
                spelling=spell(pitch, piece.key.tonic, piece.key.mode),
            )
        )
    return Part(name, tuple(notes), name, None, melody.loudness_curve, melody.language)


def moved_part(name: str, melody: Part, shifts: Sequence[int | None]) -> Part:
    """The melody under another name with each note shifted by so many semitones; None leaves it out."""
    notes = tuple(note.moved(shift) for note, shift in zip(melody.notes, shifts, strict=True) if shift is not None)
    return replace(melody, name=name, ident=name, notes=notes)
