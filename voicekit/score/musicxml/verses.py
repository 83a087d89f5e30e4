"""Which verse's syllable is sung on a note."""

from __future__ import annotations

import re

from voicekit.score.musicxml.written import WrittenLyric, WrittenNote, WrittenPart

__all__ = ["VerseChooser", "verses_of"]


def _rank(verse: str) -> tuple[int, str]:
    found = re.search(r"(\d{1,6})\D*$", verse)
    return (int(found.group(1)) if found else 0, verse)


def verses_of(parts: list[WrittenPart]) -> dict[str, str]:
    """Numbers of all verses that have words, in order, with their names."""
    found: dict[str, str] = {}
    for part in parts:
        for measure in part.measures:
            for note in measure.notes:
                for lyric in note.lyrics:
                    if lyric.text or lyric.style:
                        found[lyric.verse] = found.get(lyric.verse) or lyric.name
    return dict(sorted(found.items(), key=lambda item: _rank(item[0])))


class VerseChooser:
    """Chooses syllables for one part.

    In the k-th pass verse k is sung; with `verse` given, that one in every pass.  A measure in which a voice has no
    syllable of that verse is a refrain: it takes the first verse it has, unless a word of the wanted verse still
    goes on.

    Parameters
    ----------
    part : WrittenPart
    verse : str or None
        A verse's number.
    """

    def __init__(self, part: WrittenPart, verse: str | None) -> None:
        self._verse = verse
        self._sung: dict[tuple[str, int], list[str]] = {}
        self._going: dict[str, str] = {}
        for index, measure in enumerate(part.measures):
            for note in measure.notes:
                for lyric in note.lyrics:
                    if lyric.text or lyric.style:
                        row = self._sung.setdefault((note.voice, index), [])
                        if lyric.verse not in row:
                            row.append(lyric.verse)
        for row in self._sung.values():
            row.sort(key=_rank)

    def _is_wanted(self, lyric: WrittenLyric, time: int) -> bool:
        if self._verse is not None:
            return lyric.verse == self._verse
        return self._is_pass(lyric.verse, time)

    @staticmethod
    def _is_pass(verse: str, time: int) -> bool:
        return verse == str(time) or (not verse.isdecimal() and _rank(verse)[0] == time)

    def choose(self, note: WrittenNote, index: int, time: int) -> tuple[WrittenLyric | None, bool]:
        """The syllable of `note` in the `time`-th pass of measure `index`, and whether an extender ends here."""
        if not note.lyrics:
            return None, False
        usable = [lyric for lyric in note.lyrics if not lyric.passes or time in lyric.passes]
        chosen = next((lyric for lyric in usable if lyric.passes and self._verse is None), None)
        chosen = chosen or next((lyric for lyric in usable if self._is_wanted(lyric, time)), None)
        if chosen is None:
            row = self._sung.get((note.voice, index), [])
            has_wanted = any(
                verse == self._verse if self._verse is not None else self._is_pass(verse, time) for verse in row
            )
            going = self._going.get(note.voice)
            is_going = going is not None and (
                going == self._verse if self._verse is not None else self._is_pass(going, time)
            )
            if has_wanted or is_going or not row:
                return None, False
            chosen = next((lyric for lyric in usable if lyric.verse == row[0]), None)
        if chosen is None:
            return None, False
        if not chosen.text and not chosen.style:
            return None, chosen.extend
        if chosen.extend or chosen.syllabic in ("begin", "middle"):
            self._going[note.voice] = chosen.verse
        else:
            self._going.pop(note.voice, None)
        return chosen, False
