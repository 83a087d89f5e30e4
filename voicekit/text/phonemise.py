"""Spoken text to phones, by espeak-ng (the library and its data come with the wheel)."""

from __future__ import annotations

import re
import unicodedata

from voicekit.errors import InputError
from voicekit.text import espeak
from voicekit.text.accent import Accent, accented
from voicekit.text.kana import kana_ipa
from voicekit.text.languages import ENGLISH, language_of
from voicekit.text.latin import latin_ipa
from voicekit.text.phones import PAUSE, SILENCE, Phone, ipa_word_to_phones

_PAUSE_MARKS = re.compile(r"\s*([,;:.?!—–…]+)\s*")
_WORD = re.compile(r"\w")
# espeak-ng reads a lone A in a phrase as the article, and the normaliser means the letter.
_LETTER_A = re.compile(r"(?<![\w'])A(?![\w'])")


def ipa(phrases: list[str]) -> list[str]:
    """IPA of each phrase, phones separated by ``_`` and words by a space (espeak-ng, en-us)."""
    return espeak.phonemes(phrases)


def foreign_words(phrases: list[str], language: str) -> list[list[list[str]]]:
    """IPA tokens of each word of each phrase, in another language than English.

    Letters of another script than the language's are left out: they would be spelt by their names.

    Raises
    ------
    voicekit.errors.UsageError
        The language is not known.
    """
    known = language_of(language)
    if not known.espeak:
        said = latin_ipa if known.tag == "la" else kana_ipa
        return [[tokens for word in phrase.split() if (tokens := said(word))] for phrase in phrases]
    kept = ["".join(c for c in phrase if not c.isalpha() or _of_script(c, known.script)) for phrase in phrases]
    found = espeak.phonemes(kept, known.espeak)
    words = [[[t for t in word.split("_") if t] for word in phrase.split()] for phrase in found]
    return [[_glided(tokens) if known.tag == "fr" else tokens for tokens in phrase] for phrase in words]


def _of_script(letter: str, script: str) -> bool:
    return unicodedata.name(letter, "").startswith(script)


def _glided(tokens: list[str]) -> list[str]:
    """French y before a vowel is a glide (nuit, lui)."""
    return [
        "ɥ" if token.strip("ˈˌ") == "y" and after.strip("ˈˌ")[:1] in tuple("iɛeaoɔœø") else token
        for token, after in zip(tokens, [*tokens[1:], ""], strict=True)
    ]


def accent_of(texts: list[str], language: str) -> Accent:
    """What is replaced when these words are said with English sounds.

    Raises
    ------
    voicekit.errors.UsageError
        The language is not known.
    """
    accent = Accent()
    if language_of(language).tag != ENGLISH:
        for phrase in foreign_words(texts, language):
            for tokens in phrase:
                accented(tokens, accent)
    return accent


def _phrase_phones(phrases: list[str], language: str) -> list[list[Phone]]:
    if language == ENGLISH:
        made: list[list[Phone]] = []
        for sounds in ipa([_LETTER_A.sub("eigh", phrase) for phrase in phrases]):
            words = ([token for token in word.split("_") if token] for word in sounds.split())
            made.append([phone for tokens in words for phone in ipa_word_to_phones(tokens)[0]])
        return made
    return [
        [phone for tokens in phrase for phone in accented(tokens)] for phrase in foreign_words(phrases, language)
    ]


def phonemise_marked(spoken: str, language: str = ENGLISH) -> tuple[tuple[Phone, ...], tuple[str, ...]]:
    """Phones of a spoken sentence, opened and closed by silence, and the mark at each place.

    Parameters
    ----------
    spoken : str
        Plain words and the marks ``, . ; : ? ! —``.
    language : str
        Whose words they are; another than English is said with the nearest English sounds (`accent`).

    Returns
    -------
    phones : tuple of Phone
    marks : tuple of str
        One a phone: the mark that stands where a pause is, empty elsewhere.

    Raises
    ------
    voicekit.errors.InputError
        Nothing in the text can be pronounced, or it holds words whose reading nothing tells (kanji).
    voicekit.errors.UsageError
        The language is not known.
    """
    known = language_of(language)
    if known.tag == "ja" and (unread := next((c for c in spoken if _of_script(c, "CJK UNIFIED")), "")):
        raise InputError("text", unread, "kanji do not tell how they are read", "write the words in kana")
    parts = _PAUSE_MARKS.split(spoken.strip())
    phrases: list[tuple[str, str]] = []  # phrase, the mark after it
    for index in range(0, len(parts), 2):
        mark = parts[index + 1] if index + 1 < len(parts) else ""
        if _WORD.search(parts[index]):
            phrases.append((parts[index], mark))
        elif phrases and not phrases[-1][1]:
            phrases[-1] = (phrases[-1][0], mark)
    phones: list[Phone] = [Phone(SILENCE)]
    marks: list[str] = [""]
    pending: str | None = None
    said = _phrase_phones([phrase for phrase, _ in phrases], known.tag) if phrases else []
    for (_, mark), found in zip(phrases, said, strict=True):
        if not found:
            continue
        if pending is not None:
            phones.append(Phone(PAUSE))
            marks.append(pending)
        phones.extend(found)
        marks.extend("" for _ in found)
        pending = _strongest(mark)
    if pending is None:
        raise InputError(
            "text", repr(spoken[:60]), f"nothing in it can be pronounced in {known.name}", "give words, or leave it out"
        )
    phones.append(Phone(SILENCE))
    marks.append(pending)
    return tuple(phones), tuple(marks)


def _strongest(mark: str) -> str:
    """Of several marks in a row, the one that shapes the melody."""
    return next((m for m in "?!.…;:—–," if m in mark), "")


def phonemise(spoken: str, language: str = ENGLISH) -> tuple[Phone, ...]:
    """Phones of a spoken sentence, see `phonemise_marked`."""
    return phonemise_marked(spoken, language)[0]
