"""Kana and romaji to IPA, mora by mora.

Source
------
The Hepburn table (ISO 3602, "loose" readings) for what each kana sounds like; long vowels are one phone, the small
tsu doubles the consonant after it, the syllabic n is ``n`` (``ŋ`` at the end of a word and before k and g).
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["kana_ipa"]

_ROWS = {
    "": "あいうえお", "k": "かきくけこ", "g": "がぎぐげご", "s": "さしすせそ", "z": "ざじずぜぞ", "t": "たちつてと",
    "d": "だぢづでど", "n": "なにぬねの", "h": "はひふへほ", "b": "ばびぶべぼ", "p": "ぱぴぷぺぽ", "m": "まみむめも",
    "r": "らりるれろ",
}  # fmt: skip
_IRREGULAR = {
    "shi": "し", "ji": "じ", "chi": "ち", "tsu": "つ", "fu": "ふ", "ya": "や", "yu": "ゆ", "yo": "よ", "wa": "わ",
    "o": "を", "n'": "ん", "vu": "ゔ", "i": "ゐ", "e": "ゑ",
}  # fmt: skip
_KANA = {kana: row + "aiueo"[k] for row, kanas in _ROWS.items() for k, kana in enumerate(kanas)}
_KANA |= {kana: sound for sound, kana in _IRREGULAR.items()}
_KANA |= {"ぢ": "ji", "づ": "zu"}
_SMALL = {"ゃ": "ya", "ゅ": "yu", "ょ": "yo", "ぁ": "a", "ぃ": "i", "ぅ": "u", "ぇ": "e", "ぉ": "o", "ゎ": "wa"}
_SOUNDS = {
    "ky": ("k", "j"), "gy": ("ɡ", "j"), "ny": ("ɲ",), "hy": ("h", "j"), "by": ("b", "j"), "py": ("p", "j"),
    "my": ("m", "j"), "ry": ("ɽ", "j"), "sh": ("ʃ",), "ch": ("tʃ",), "ts": ("ts",), "j": ("dʒ",), "f": ("f",),
    "k": ("k",), "g": ("ɡ",), "s": ("s",), "z": ("z",), "t": ("t",), "d": ("d",), "n": ("n",), "h": ("h",),
    "b": ("b",), "p": ("p",), "m": ("m",), "r": ("ɽ",), "y": ("j",), "w": ("w",), "v": ("v",), "": (),
    "jy": ("dʒ",), "ty": ("t", "j"), "dy": ("d", "j"), "fy": ("f", "j"), "vy": ("v", "j"),
}  # fmt: skip
_VOWELS = {"a": "a", "i": "i", "u": "ɯ", "e": "e", "o": "o"}
_MORA = re.compile(r"(sh|ch|ts|[kgnhbpmrjtdfv]y|[kgsztdnhbpmrywjfv])?([aiueo])|n'?|q|-")


def kana_ipa(word: str) -> list[str]:
    """IPA of a word in kana, or in Hepburn's Latin letters.

    Returns
    -------
    list of str
        A phone each; empty when a letter is neither (such as kanji).
    """
    written = unicodedata.normalize("NFKC", word)
    roman = _romaji(written)
    if roman is None:
        return []
    found: list[str] = []
    doubled = False
    at = 0
    while at < len(roman):
        mora = _MORA.match(roman, at)
        if mora is None:
            # A doubled consonant in romaji: gakkou, matcha.
            if at + 1 < len(roman) and (roman[at] == roman[at + 1] or roman[at : at + 3] == "tch"):
                doubled = True
                at += 1
                continue
            return []
        at = mora.end()
        if mora[0] == "q":
            doubled = True
        elif mora[0] == "-":
            if found:
                found[-1] += "" if found[-1].endswith("ː") else "ː"
        elif mora[2] is None:
            follows = roman[at : at + 1]
            found.append("ŋ" if follows in ("k", "g", "") else "m" if follows in ("p", "b", "m") else "n")
        else:
            sounds = list(_SOUNDS[mora[1] or ""])
            if doubled and sounds:
                found.append("t" if sounds[0] in ("tʃ", "ts") else sounds[0])
            doubled = False
            vowel = _VOWELS[mora[2]]
            if not sounds and found and _lengthens(found[-1], vowel):
                found[-1] += "ː"
            else:
                found += [*sounds, vowel]
    return found


def _lengthens(before: str, vowel: str) -> bool:
    """Whether a vowel alone only prolongs the one before it (a word's own spelling: おう, えい, ああ)."""
    return before == vowel or (before, vowel) in (("o", "ɯ"), ("e", "i"))


def _romaji(written: str) -> str | None:
    made: list[str] = []
    for char in written.lower():
        if "ァ" <= char <= "ヶ":
            char = chr(ord(char) - 0x60)  # katakana to hiragana
        if char == "っ":
            made.append("q")
        elif char in "ー〜":
            made.append("-")
        elif char in _SMALL:
            small = _SMALL[char]
            if not made or len(made[-1]) < 1 or made[-1][-1:] not in "aiueo":
                made.append(small)
                continue
            stem = made[-1][:-1]
            if stem in ("sh", "ch", "j", "ts", "f", "v") or len(small) == 1:
                made[-1] = (stem or ("w" if made[-1] == "u" else "")) + small[-1]
            else:
                made[-1] = stem + small
        elif char in _KANA:
            made.append(_KANA[char])
        elif char in "āīūēō":
            made.append({"ā": "a-", "ī": "i-", "ū": "u-", "ē": "e-", "ō": "o-"}[char])
        elif "a" <= char <= "z" or char == "'":
            made.append(char)
        elif char.isalpha():
            return None
    return "".join(made)
