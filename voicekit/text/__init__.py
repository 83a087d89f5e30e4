"""Text front-end: sentences with offsets, and what is said for each.

>>> from voicekit.text import split_sentences
>>> [s.spoken for s in split_sentences("Dr. Smith paid $3.50. It was 1905.")]
['Doctor Smith paid three dollars and fifty cents.', 'It was nineteen oh five.']
"""

from __future__ import annotations

from voicekit.text.boundaries import sentence_spans
from voicekit.text.languages import LANGUAGES, Language, base_tag, language_of
from voicekit.text.lexicon import Lexicon, LexiconEntry
from voicekit.text.model import Manner, Notice, Sentence, SpokenToken, TextContext, join_spoken
from voicekit.text.normalise import normalise
from voicekit.text.sentences import Pauses, split_sentences

__all__ = [
    "LANGUAGES",
    "Language",
    "Lexicon",
    "LexiconEntry",
    "Manner",
    "Notice",
    "Pauses",
    "Sentence",
    "SpokenToken",
    "TextContext",
    "base_tag",
    "join_spoken",
    "language_of",
    "normalise",
    "sentence_spans",
    "split_sentences",
]
