"""Scores: one model, one reader a format, and writers for MusicXML and MIDI."""

from __future__ import annotations

from voicekit.score.melody import MelodyOptions, from_contour
from voicekit.score.midi_write import write_midi
from voicekit.score.model import Chord, Curve, Key, Lyric, Meter, Note, Notice, Part, Score, Vibrato
from voicekit.score.musicxml.write import write_musicxml
from voicekit.score.reader import read_score
from voicekit.score.time_line import Tempo, TempoMap

__all__ = [
    "Chord",
    "Curve",
    "Key",
    "Lyric",
    "MelodyOptions",
    "Meter",
    "Note",
    "Notice",
    "Part",
    "Score",
    "Tempo",
    "TempoMap",
    "Vibrato",
    "from_contour",
    "read_score",
    "write_midi",
    "write_musicxml",
]
