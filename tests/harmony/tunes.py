"""Reads the melodies of this folder's `data`: a notation that a person can check by eye.

Header lines ``name: value``, then groups of three lines.  ``n:`` notes: ``G4``, ``F#4:1.5``, ``R:2`` for rest, ``+:2``
to hold on; without a length one quarter; ``|`` between measures, ``'`` after a phrase.  ``w:`` one syllable a note,
``-`` after it if its word goes on, ``_`` for a melisma.  ``c:`` for some: chords with their lengths from the group's
first note.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from voicekit.score import Chord, Key, Lyric, Meter, Note, Part, Score, Tempo, TempoMap

DATA = Path(__file__).parent / "data"
CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
KINDS = {"": "major", "m": "minor", "7": "dominant-seventh", "m7": "minor-seventh", "dim": "diminished"}


def pitch_class(name: str) -> int:
    """Of ``F#`` or ``Bb``."""
    return (CLASSES[name[0]] + name.count("#") - name.count("b")) % 12


def midi(name: str) -> int:
    """Of ``F#4``; C4 is 60."""
    return CLASSES[name[0]] + name.count("#") - name.count("b") + 12 * (int(name[-1]) + 1)


@dataclass(frozen=True)
class Tune:
    """A melody and what is known of it."""

    name: str
    header: dict[str, str]
    score: Score
    measures: tuple[Fraction, ...]

    @property
    def tonic(self) -> int:
        return pitch_class(self.header["key"].split()[0])

    @property
    def mode(self) -> str:
        return self.header["key"].split()[1]

    @property
    def part(self) -> Part:
        return self.score.parts[0]


def _lyrics(words: list[str]) -> list[Lyric | None]:
    found: list[Lyric | None] = []
    inside = False
    for word in words:
        if word == "_":
            found.append(None)
            continue
        on = word.endswith("-")
        syllabic = ("middle" if on else "end") if inside else ("begin" if on else "single")
        inside = on
        found.append(Lyric(word.rstrip("-"), syllabic))
    return found


def _sharps(tonic: int, mode: str) -> int:
    return ((tonic + (0 if mode == "major" else 3)) * 7 + 5) % 12 - 5


def read(path: Path) -> Tune:
    """One file of `data`."""
    header: dict[str, str] = {}
    notes: list[Note] = []
    chords: list[Chord] = []
    measures = [Fraction(0)]
    beat = start = Fraction(0)
    sung: list[int] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, _, text = line.partition(":")
        text = text.strip()
        if kind == "n":
            start, sung = beat, []
            for token in text.split():
                if token == "|":
                    measures.append(Fraction(0))
                    continue
                if token == "'":
                    notes[-1] = replace(notes[-1], breath_after=True)
                    continue
                name, _, length = token.partition(":")
                duration = Fraction(length or "1")
                if name == "+":
                    notes[-1] = replace(notes[-1], duration=notes[-1].duration + duration)
                elif name != "R":
                    sung.append(len(notes))
                    notes.append(Note(beat, duration, midi(name), spelling=name))
                beat += duration
                measures[-1] += duration
        elif kind == "w":
            for index, lyric in zip(sung, _lyrics(text.split()), strict=True):
                notes[index] = replace(notes[index], lyric=lyric, slurred=lyric is None)
        elif kind == "c":
            at = start
            for token in text.split():
                name, _, length = token.partition(":")
                found = re.fullmatch(r"([A-G][#b]?)(.*)", name)
                chords.append(Chord(at, pitch_class(found[1]), KINDS[found[2]], text=name))
                at += Fraction(length)
        elif kind.strip():
            header[kind.strip()] = text
    beats, beat_type = (int(v) for v in header["meter"].split("/"))
    tonic, mode = header["key"].split()
    signature = int(header.get("sharps", _sharps(pitch_class(tonic), mode)))
    score = Score(
        parts=(Part("melody", tuple(notes), language="en"),),
        tempo=TempoMap([Tempo(Fraction(0), float(header["tempo"]))]),
        meters=(Meter(Fraction(0), beats, beat_type),),
        keys=(Key(Fraction(0), signature),),
        chords=tuple(chords),
        title=header["title"],
        pickup=Fraction(header.get("pickup", "0")),
    )
    return Tune(path.stem, header, score, tuple(measures))


def tunes() -> list[Tune]:
    """All of them, by name."""
    return [read(path) for path in sorted(DATA.glob("*.txt"))]
