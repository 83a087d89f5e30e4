"""Lyric events as syllables: encodings, karaoke signs, hyphens, words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from voicekit.score.model import Lyric

__all__ = ["MELISMA", "Syllable", "decode_sung_text", "is_kana_text", "syllables_of"]

#: Texts that mean: the vowel before goes on.
MELISMA = frozenset({"-", "_", "ー", "—", "~", "+~", "+*"})


def is_kana_text(text: str) -> bool:
    """Whether at least a third of what is not ASCII is full-width kana: then it is Japanese, not garbled Latin."""
    foreign = [c for c in text if ord(c) > 127]
    kana = [c for c in foreign if "\u3041" <= c <= "\u30ff"]
    return bool(foreign) and 3 * len(kana) >= len(foreign)


def decode_sung_text(rows: Iterable[bytes]) -> tuple[str, str]:
    """Encoding of a file's texts, and whether it was a guess (a sentence for a notice, else empty).

    UTF-8 if all are valid UTF-8; Shift-JIS if they are that and read as Japanese; else Windows-1252 or Latin-1.
    """
    whole = b"\n".join(rows)
    if whole.isascii():
        return "ascii", ""
    try:
        whole.decode("utf-8")
        return "utf-8", ""
    except UnicodeDecodeError:
        pass
    try:
        if is_kana_text(whole.decode("cp932")):
            return "cp932", "the lyrics are read as Shift-JIS"
    except UnicodeDecodeError:
        pass
    try:
        whole.decode("cp1252")
        return "cp1252", "the lyrics are read as Windows-1252 (Western European)"
    except UnicodeDecodeError:
        return "latin-1", "the lyrics are read as Latin-1 (Western European)"


@dataclass(frozen=True)
class Syllable:
    """A syllable at a tick; `lyric` None: the vowel before goes on."""

    tick: int
    lyric: Lyric | None


def syllables_of(rows: Iterable[tuple[int, str]]) -> list[Syllable]:
    """Syllables of lyric or karaoke text events.

    ``/`` and ``\\`` at the start (or a line feed, or a carriage return) end the line or paragraph before; a
    hyphen at the end means that the word goes on.  Where no event has such a hyphen, but some have spaces at an
    edge or line signs, a word goes on until a space or sign; where there is neither, each event is a word.
    """
    cleaned = [(tick, text) for tick, text in rows if text]
    texts = [text for _, text in cleaned]
    hyphens = any(len(t.strip()) > 1 and t.strip().endswith("-") for t in texts)
    spaces = any(t != t.strip(" \r\n") and t.strip() for t in texts) or any(t[0] in "/\\" for t in texts)
    found: list[Syllable] = []
    begins = True  # what comes next begins a word
    for tick, text in cleaned:
        ends = _line_end(text)
        body = text.lstrip("/\\\r\n")
        starts_word = begins or ends != "" or body.startswith(" ") or hyphens or not spaces
        closing = text.rstrip(" ")
        core = body.strip(" \r\n")
        if ends and found:
            _end_line(found, ends)
        if core in MELISMA or core == "":
            if core:
                found.append(Syllable(tick, None))
            begins = begins or ends != "" or (core == "" and " " in text)
            continue
        goes_on = core.endswith("-") and len(core) > 1
        core = core.rstrip("-") if goes_on else core
        if hyphens:
            starts_word = not (found and _open(found))
        elif not starts_word:
            _reopen(found)
        syllabic = ("begin" if goes_on else "single") if starts_word else ("middle" if goes_on else "end")
        found.append(Syllable(tick, Lyric(core, syllabic)))
        trailing = closing[-1:] in "\r\n" and closing[-1:] != ""
        if trailing:
            _end_line(found, "line" if closing.endswith("\r") else "paragraph")
        begins = text.endswith(" ") or trailing
    return found


def _line_end(text: str) -> str:
    """What the signs at the start of a text end."""
    if text[0] in "\\\n":
        return "paragraph"
    return "line" if text[0] in "/\r" else ""


def _last(found: list[Syllable]) -> int:
    """Index of the last syllable with a text; -1 for none."""
    return next((i for i in range(len(found) - 1, -1, -1) if found[i].lyric is not None), -1)


def _end_line(found: list[Syllable], ends: str) -> None:
    index = _last(found)
    lyric = found[index].lyric if index >= 0 else None
    if lyric is not None:
        found[index] = Syllable(found[index].tick, replace(lyric, ends=ends))


def _open(found: list[Syllable]) -> bool:
    """Whether the last word still goes on."""
    index = _last(found)
    lyric = found[index].lyric if index >= 0 else None
    return lyric is not None and lyric.syllabic in ("begin", "middle")


def _reopen(found: list[Syllable]) -> None:
    """The word of the last syllable goes on after all."""
    index = _last(found)
    lyric = found[index].lyric if index >= 0 else None
    if lyric is not None:
        syllabic = {"single": "begin", "end": "middle"}.get(lyric.syllabic, lyric.syllabic)
        found[index] = Syllable(found[index].tick, replace(lyric, syllabic=syllabic))
