"""Church Latin to IPA: the Italian manner in which it is sung.

Source
------
"The Liber Usualis", Rules for Interpretation, "The Pronunciation of Liturgical Latin" (Solesmes, 1961 edition).
Ours: stress lies on the last syllable but one when its vowel stands before two consonants or is a diphthong, else on
the last but two; vowel lengths are not written, so that some words are stressed one syllable early.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["latin_ipa"]

_SOFT = re.compile(r"[eiyæœ]")  # what softens c and g
_PLAIN = {"b": "b", "d": "d", "f": "f", "l": "l", "m": "m", "n": "n", "p": "p", "r": "r", "v": "v", "k": "k", "w": "v"}
_VOWEL_IPA = {"a": "a", "e": "ɛ", "i": "i", "o": "ɔ", "u": "u", "y": "i", "æ": "ɛ", "œ": "ɛ"}


def latin_ipa(word: str) -> list[str]:
    """IPA of a word, a phone each.

    Parameters
    ----------
    word : str
        A stress is kept where an accent is written (``glória``); a diaeresis parts vowels (``Israël``).

    Returns
    -------
    list of str
        Empty when there is nothing to say in it.
    """
    text, accents = _letters(word)
    found: list[str] = []
    places: list[int] = []  # where each vowel stands in `found`
    accent: int | None = None
    at = 0
    while at < len(text):
        if text[at] in _VOWEL_IPA:
            size, sound = _vowel(text, at)
            if sound != "j":
                if any(accents[at : at + size]):
                    accent = len(found)
                places.append(len(found))
            found.append(sound)
        else:
            size, sounds = _consonant(text, at)
            found.extend(sounds)
        at += size
    if len(places) > 1:
        stressed = accent if accent is not None else _stress(found, places)
        found[stressed] = "ˈ" + found[stressed]
    return found


def _letters(word: str) -> tuple[str, list[bool]]:
    """Lower-case letters with æ and œ as one, and whether each bears an accent; ``|`` before a diaeresis."""
    letters: list[str] = []
    accents: list[bool] = []
    for char in unicodedata.normalize("NFD", word.lower()):
        if char == "\u0301" and letters:
            accents[-1] = True
        elif char == "\u0308" and letters:
            letters.insert(-1, "|")
            accents.insert(-1, False)
        elif char.isalpha():
            letters.append(char)
            accents.append(False)
    text = "".join(letters)
    for two, one in (("ae", "æ"), ("oe", "œ")):
        while (place := text.find(two)) >= 0:
            text = text[:place] + one + text[place + 2 :]
            accents[place : place + 2] = [accents[place] or accents[place + 1]]
    return text, accents


def _vowel(text: str, at: int) -> tuple[int, str]:
    """Letters taken and the sound: a vowel, a diphthong, or the consonant i."""
    after = text[at + 1 : at + 2]
    before = text[at - 1] if at else ""
    if text[at] == "i" and after in _VOWEL_IPA and (not before or before in _VOWEL_IPA):
        return 1, "j"
    if text[at : at + 2] == "au":
        return 2, "aʊ"
    if text in ("heu", "eheu", "seu", "ceu", "neu") and text[at : at + 2] == "eu":
        return 2, "ɛʊ"
    return 1, _VOWEL_IPA[text[at]]


def _consonant(text: str, at: int) -> tuple[int, list[str]]:
    """Letters taken and the sounds."""
    here, rest = text[at], text[at + 1 :]
    soft = bool(_SOFT.match(rest))
    if here == "|":
        return 1, []
    glides = rest[:1] == "u" and rest[1:2] in _VOWEL_IPA
    if glides and (here == "q" or (here == "g" and text[at - 1 : at] == "n")):
        return 2, ["k" if here == "q" else "ɡ", "w"]
    if here == "c":
        return _sound_of_c(rest, soft)
    if here == "g":
        if rest[:1] == "n":
            return 2, ["ɲ"]
        return 1, ["dʒ" if soft else "ɡ"]
    if here == "s":
        if rest[:1] == "c" and _SOFT.match(rest[1:]):
            return 2, ["ʃ"]
        return 1, ["s"]
    if here == "x":
        if rest[:1] == "c" and _SOFT.match(rest[1:]):
            return 2, ["k", "ʃ"]
        return 1, ["k", "s"]
    if here == "t":
        if rest[:1] == "h":
            return 2, ["t"]
        hissed = at > 0 and rest[:1] == "i" and rest[1:2] in _VOWEL_IPA and text[at - 1] not in "stx"
        return 1, ["ts" if hissed else "t"]
    if here == "h":
        # Mute, but for mihi and nihil.
        return 1, ["k"] if text in ("mihi", "nihil") or text.startswith("nihil") else []
    if here == "p" and rest[:1] == "h":
        return 2, ["f"]
    if here == "j":
        return 1, ["j"]
    if here == "z":
        return 1, ["dz"]
    return 1, [_PLAIN[here]] if here in _PLAIN else []


def _sound_of_c(rest: str, soft: bool) -> tuple[int, list[str]]:
    if rest[:1] == "h":
        return 2, ["k"]
    if rest[:1] == "c" and _SOFT.match(rest[1:]):
        return 2, ["t", "tʃ"]
    return 1, ["tʃ" if soft else "k"]


def _stress(found: list[str], places: list[int]) -> int:
    if len(places) == 2:
        return places[0]
    between = [sound for sound in found[places[-2] + 1 : places[-1]] if sound != "w"]
    mute_and_liquid = len(between) == 2 and between[1] in "lr" and between[0] in ("p", "b", "t", "d", "k", "ɡ", "f")
    heavy = found[places[-2]] == "aʊ" or (len(between) > 1 and not mute_and_liquid)
    return places[-2] if heavy else places[-3]
