"""A block's marks and pronunciations laid on its sentences."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from voicekit.book.blocks import Block, Hint
from voicekit.text import Manner, Notice, Sentence, TextContext, base_tag

__all__ = ["Pronunciation", "as_marked"]

_EMPHASIS = {"emphasis": 1.0, "strong": 1.5}
_OPENING = "“\"‘«'"
_PHRASE = re.compile(r"[^,.;:?!—–…()\[\]\"“”«»]+")
_SIGNS = re.compile(r"[,.;:?!—]")


@dataclass(frozen=True)
class Pronunciation:
    """An entry of a pronunciation lexicon that came with the book (PLS)."""

    written: str
    phonemes: str
    alphabet: str


def as_marked(
    sentences: Iterable[Sentence],
    block: Block,
    pronunciations: tuple[Pronunciation, ...],
    context: TextContext,
    file: str,
) -> Iterator[Sentence]:
    """The sentences of a block with what its source marks of them, and notices of what is not honoured.

    Parameters
    ----------
    sentences : iterable of Sentence
    block : Block
        With its offsets into the chapter.
    pronunciations : tuple of Pronunciation
        The book's own lexicon.
    context : TextContext
        Its language, by whose rules the text is read, and those whose parts are read by their own.
    file : str
        For the notices.
    """
    language = context.language
    hints = [replace(h, start=h.start + block.start, end=h.end + block.start) for h in block.hints]
    hints += _from_lexicon(block, pronunciations, hints)
    whole = block.kind == "quote" and block.text[:1] not in _OPENING
    for sentence in sentences:
        if not whole and not block.spans and not hints:
            yield sentence
            continue
        manner: list[Manner] = [Manner(sentence.start, sentence.end, quoted=True)] if whole else []
        notices: list[Notice] = []
        for span in block.spans:
            start, end = max(span.start + block.start, sentence.start), min(span.end + block.start, sentence.end)
            if start >= end:
                continue
            if span.kind == "language":
                tag = base_tag(span.value)
                if tag == base_tag(language):
                    continue
                own, why = _own_sounds(sentence, start, end, tag) if tag in context.also else ([], "")
                manner += own
                if not own:
                    text = sentence.text[start - sentence.start : end - sentence.start]
                    detail = f"marked as {span.value}; read by the rules of {language}{': ' * bool(why)}{why}"
                    notices.append(Notice("language-not-used", text, start, end, detail, file))
            else:
                quoted = span.kind == "quote"
                manner.append(Manner(start, end, _EMPHASIS.get(span.kind, 0.0), quoted))
        for hint in hints:
            if sentence.start <= hint.start < sentence.end:
                phones, why = _heard(sentence, hint, language)
                if phones:
                    manner.append(Manner(hint.start, hint.end, phones=phones))
                elif why:
                    text = sentence.text[hint.start - sentence.start : hint.end - sentence.start]
                    detail = f"the source gives [{hint.phonemes}] ({hint.alphabet}): {why}"
                    notices.append(Notice("pronunciation-not-used", text, hint.start, hint.end, detail, file))
        yield replace(sentence, manner=tuple(manner), notices=sentence.notices + tuple(notices))


def _own_sounds(sentence: Sentence, start: int, end: int, language: str) -> tuple[list[Manner], str]:
    """The sounds of a part in its own language, from mark to mark; or why it has none."""
    from voicekit.text.pronunciation import foreign

    found: list[Manner] = []
    for piece in _PHRASE.finditer(sentence.text, start - sentence.start, end - sentence.start):
        if not any(character.isalpha() for character in piece.group()):
            continue
        heard = foreign(piece.group().strip(), language)
        if heard.why_not:
            return [], heard.why_not
        found.append(Manner(sentence.start + piece.start(), sentence.start + piece.end(), phones=heard.phones))
    return found, ""


def _heard(sentence: Sentence, hint: Hint, language: str) -> tuple[str, str]:
    """The sounds that a pronunciation asks for, or why it is not followed."""
    from voicekit.text.pronunciation import follow  # loads espeak-ng, which most books do not need to be opened

    if base_tag(language) != "en":
        return "", "followed in English alone"
    covered = [token for token in sentence.tokens if token.start < hint.end and hint.start < token.end]
    if any(token.start < hint.start or token.end > hint.end for token in covered if token.spoken):
        return "", "it is given for a part of a word"
    spoken = " ".join(_SIGNS.sub(" ", token.spoken) for token in covered)
    heard = follow(" ".join(spoken.split()), hint.phonemes, hint.alphabet)
    return heard.phones, heard.why_not


def _from_lexicon(block: Block, pronunciations: tuple[Pronunciation, ...], given: list[Hint]) -> list[Hint]:
    """Places where words of the book's lexicon stand, but for those with a pronunciation of their own."""
    if not pronunciations or not block.text:
        return []
    pattern, by_word = _pattern(pronunciations)
    found: list[Hint] = []
    for match in pattern.finditer(block.text):
        start, end = match.start() + block.start, match.end() + block.start
        entry = by_word.get(match.group()) or by_word[match.group()[:1].lower() + match.group()[1:]]
        if not any(one.start < end and start < one.end for one in given):
            found.append(Hint(start, end, entry.phonemes, entry.alphabet))
    return found


@functools.lru_cache(maxsize=4)
def _pattern(pronunciations: tuple[Pronunciation, ...]) -> tuple[re.Pattern[str], dict[str, Pronunciation]]:
    """Finds the words of a lexicon, also with a capital at the beginning of a sentence."""
    by_word = {one.written: one for one in reversed(pronunciations)}
    words = sorted({form for word in by_word for form in (word, word[:1].upper() + word[1:])}, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)"), by_word
