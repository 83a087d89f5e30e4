"""Lyrics as vocal editors write them: ``+`` is the next syllable, ``-`` a vowel that goes on, brackets hold phones."""

from __future__ import annotations

import re
from collections.abc import Sequence

from voicekit.score.model import Lyric

__all__ = ["BREATHS", "RESTS", "editor_lyrics"]

RESTS = frozenset({"", "R", "r", "rest", "pau", "sil", "SP", "sp"})
BREATHS = frozenset({"br", "AP", "breath", "息", "吸", "息継ぎ"})
_MELISMA = frozenset({"-", "ー", "—", "~", "+~", "+*", "+-"})
_NEXT = re.compile(r"\+\d*\Z")
_HINT = re.compile(r"(.*?)\s*\[([^\[\]]*)\]\Z")


def editor_lyrics(texts: Sequence[str]) -> list[Lyric | None]:
    """A lyric for each note's text; None where the vowel before goes on.

    A word that is followed by ``+`` stands whole on its first note; the notes with ``+`` have an empty text.
    """
    found: list[Lyric | None] = []
    word = -1  # where the word that goes on begins
    for text in texts:
        text = " ".join(text.split())
        if text in _MELISMA:
            found.append(None)
            continue
        if _NEXT.match(text) and word >= 0:
            first = found[word]
            if first is not None and first.syllabic == "single":
                found[word] = Lyric(first.text, "begin", phonemes=first.phonemes)
            for index in range(len(found) - 1, word, -1):
                lyric = found[index]
                if lyric is not None:
                    found[index] = Lyric("", "middle")
                    break
            found.append(Lyric("", "end"))
            continue
        hint = _HINT.match(text)
        phonemes: tuple[str, ...] = ()
        if hint:
            text, phonemes = hint.group(1), tuple(hint.group(2).split())
        word = len(found)
        found.append(Lyric(text, phonemes=phonemes))
    return found
