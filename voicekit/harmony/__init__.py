"""Harmony: parts from a melody, each to be sung in a voice of its own; doubles and choirs; a checker."""

from __future__ import annotations

from voicekit.harmony.check import Fault, check
from voicekit.harmony.chords import ChordGuess, infer_chords
from voicekit.harmony.harmonise import STYLES, Harmony, harmonise
from voicekit.harmony.humanise import Humanisation, HumanisedPart, humanise
from voicekit.harmony.keys import KeyGuess, LocalKey, infer_key
from voicekit.harmony.placement import Placement, place
from voicekit.harmony.satb import RANGES, VOICES

__all__ = [
    "RANGES",
    "STYLES",
    "VOICES",
    "ChordGuess",
    "Fault",
    "Harmony",
    "Humanisation",
    "HumanisedPart",
    "KeyGuess",
    "LocalKey",
    "Placement",
    "check",
    "harmonise",
    "humanise",
    "infer_chords",
    "infer_key",
    "place",
]
