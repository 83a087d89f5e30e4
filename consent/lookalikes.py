"""Characters that look like, or stand in for, Latin letters: a compact table for checking texts, never for changing
them.

Not Unicode's whole table of confusables (TR 39): the Cyrillic, Greek, Armenian letters that pass for Latin
ones in common fonts, a few Latin letters that no compatibility mapping opens, and the digits and signs of "leet".
Fullwidth, mathematical and circled letters are opened by NFKC before this table is asked.

Source: Unicode Technical Standard 39, confusables; picked by hand for a-z.
"""

from __future__ import annotations

__all__ = ["LEET", "LOOKALIKES"]

_PAIRS = {
    "a": "аɑαᴀ",
    "b": "ьЬвВβʙЪъ",
    "c": "сϲᴄҫ",
    "d": "ԁɗᴅ",
    "e": "еєεҽᴇ℮",
    "f": "ғƒꜰ",
    "g": "ɡɢԍց",
    "h": "һнʜհЋ",
    "i": "іɩιıɪӏ",
    "j": "јϳᴊ",
    "k": "кκᴋҝ",
    "l": "ⅼʟ",
    "m": "мᴍϻ",
    "n": "пոηɴƞ",
    "o": "оοօᴏσөჿ",
    "p": "рρᴘ",
    "q": "ԛզ",
    "r": "гʀᴦ",
    "s": "ѕꜱʂ",
    "t": "тτᴛ",
    "u": "υսᴜц",
    "v": "ѵνᴠ",
    "w": "ѡωԝᴡա",
    "x": "хχҳ",
    "y": "уүγʏ",
    "z": "ᴢʐ",
    "ae": "æ",
    "oe": "œ",
    "ss": "ß",
}

# Greek capitals look like other letters than their small forms do.
_CAPITALS = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϺ", "abezhikmnoptyxcm", strict=True))

#: Letter -> its Latin likeness, in lower case (one or two letters); asked for the letter as
#: written, then for its small form.
LOOKALIKES: dict[str, str] = (
    {char: latin for latin, chars in _PAIRS.items() for char in chars}
    | _CAPITALS
    | {
        "ø": "o",
        "đ": "d",
        "ł": "l",
        "ħ": "h",
        "ŧ": "t",
    }
)

#: Digit or sign -> letter, tried only inside words that hold letters too.
LEET: dict[str, str] = {
    "0": "o",
    "1": "i",
    "3": "e",
    "4": "a",
    "5": "s",
    "7": "t",
    "8": "b",
    "@": "a",
    "$": "s",
    "!": "i",
    "|": "l",
}
