"""Spoken text to phones, by espeak-ng (the library and its data come with the wheel)."""

from __future__ import annotations

import functools
import re
import threading
from typing import Any

from voicekit.errors import InputError
from voicekit.text.phones import PAUSE, SILENCE, Phone, ipa_word_to_phones

_LOCK = threading.Lock()  # espeak-ng keeps one global state
_PAUSE_MARKS = re.compile(r"\s*([,;:.?!—–…]+)\s*")
_WORD = re.compile(r"\w")
# espeak-ng reads a lone A in a phrase as the article, and the normaliser means the letter.
_LETTER_A = re.compile(r"(?<![\w'])A(?![\w'])")


@functools.lru_cache(maxsize=1)
def _backend() -> Any:
    """The espeak-ng backend, made once (0.3 s)."""
    import espeakng_loader
    from phonemizer.backend import EspeakBackend
    from phonemizer.backend.espeak.wrapper import EspeakWrapper

    EspeakWrapper.set_library(espeakng_loader.get_library_path())
    EspeakWrapper.set_data_path(espeakng_loader.get_data_path())
    return EspeakBackend(
        "en-us",
        preserve_punctuation=False,
        with_stress=True,
        words_mismatch="ignore",
        language_switch="remove-flags",
    )


def ipa(phrases: list[str]) -> list[str]:
    """IPA of each phrase, phones separated by ``_`` and words by a space (espeak-ng, en-us)."""
    from phonemizer.separator import Separator

    with _LOCK:
        found: list[str] = _backend().phonemize(phrases, separator=Separator(phone="_", word=" "), strip=True)
    return found


def phonemise_marked(spoken: str) -> tuple[tuple[Phone, ...], tuple[str, ...]]:
    """Phones of a spoken sentence, opened and closed by silence, and the mark at each place.

    Parameters
    ----------
    spoken : str
        Plain words and the marks ``, . ; : ? ! —``.

    Returns
    -------
    phones : tuple of Phone
    marks : tuple of str
        One a phone: the mark that stands where a pause is, empty elsewhere.

    Raises
    ------
    voicekit.errors.InputError
        Nothing in the text can be pronounced.
    """
    parts = _PAUSE_MARKS.split(spoken.strip())
    phrases: list[tuple[str, str]] = []  # phrase, the mark after it
    for index in range(0, len(parts), 2):
        mark = parts[index + 1] if index + 1 < len(parts) else ""
        if _WORD.search(parts[index]):
            phrases.append((_LETTER_A.sub("eigh", parts[index]), mark))
        elif phrases and not phrases[-1][1]:
            phrases[-1] = (phrases[-1][0], mark)
    phones: list[Phone] = [Phone(SILENCE)]
    marks: list[str] = [""]
    pending: str | None = None
    for (_, mark), sounds in zip(phrases, ipa([phrase for phrase, _ in phrases]) if phrases else [], strict=True):
        found: list[Phone] = []
        for word in sounds.split():
            found.extend(ipa_word_to_phones([token for token in word.split("_") if token])[0])
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
            "text", repr(spoken[:60]), "nothing in it can be pronounced in English", "give words, or leave it out"
        )
    phones.append(Phone(SILENCE))
    marks.append(pending)
    return tuple(phones), tuple(marks)


def _strongest(mark: str) -> str:
    """Of several marks in a row, the one that shapes the melody."""
    return next((m for m in "?!.…;:—–," if m in mark), "")


def phonemise(spoken: str) -> tuple[Phone, ...]:
    """Phones of a spoken sentence, see `phonemise_marked`."""
    return phonemise_marked(spoken)[0]
