"""Everything that is neither word nor number: marks, quotes, symbols, links, other scripts."""

from __future__ import annotations

import re
import unicodedata

from voicekit.text import numbers
from voicekit.text.roman import from_roman
from voicekit.text.scan import Scan
from voicekit.text.units_table import CURRENCIES

__all__ = ["LINK", "read_foreign", "read_link", "read_symbol", "spell"]

_TLD = "com|org|net|edu|gov|mil|info|io|dev|app|uk|de|fr|ca|au|us|eu|nz|ie|tv|me"
LINK = re.compile(
    rf"(?P<mail>[\w.+%-]+@[\w-]+(?:\.[\w-]+)+)"
    rf"|(?P<url>(?:https?|ftp)://[^\s<>\"“”]+|www\.[^\s<>\"“”]+|(?<![\w@.])[a-z0-9][\w-]*(?:\.[\w-]+)*\.(?:{_TLD})\b(?:/[^\s<>\"“”]*)?)"
    rf"|(?P<handle>(?<!\w)@\w+)|(?P<tag>(?<![\w&])#[^\W\d]\w*)"
)
_SCHEME = re.compile(r"[a-z]+://")
_LINK_PIECE = re.compile(r"[^\W\d_]+|\d+|.", re.DOTALL)
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_]+")
_LINK_SIGNS = {
    ".": "dot", "/": "slash", "@": "at", "-": "dash", "_": "underscore", ":": "colon", "?": "question mark",
    "=": "equals", "&": "and", "#": "hash", "%": "percent", "+": "plus", "~": "tilde",
}  # fmt: skip
_TOP_LEVEL_WORDS = frozenset({"com", "org", "net", "gov", "mil", "info", "dev", "app"})

_SHORT_LINK_WORDS = frozenset(
    {"me", "my", "to", "at", "in", "of", "on", "by", "we", "go", "us", "it", "is", "do", "no"}
)

_ELLIPSIS = re.compile(r"…+|\.{2,}(?:\s?\.)*|\.(?:\s\.){1,3}")
_DASHES = re.compile(r"[—―–‒-]{2,}|[—―]")
_SPACED_DASH = re.compile(r"\s")
_DECORATION = re.compile(r"([*_~#=•·+^-])\1+|[*_]")
_ROMAN_NEXT = re.compile(r"(?:[ivxlc]+|[IVXLC]+)\b")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SUPERSCRIPT_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SUBSCRIPT_RUN = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")

_QUOTES = frozenset("\"“”„‟«»‹›‘’‚‛'`´′″")
_OPENERS = frozenset("([{⟨（［")
_CLOSERS = frozenset(")]}⟩）］")
#: Marks of other scripts and their English kin.
_MARKS = {
    ",": ",", ";": ";", ":": ":", ".": ".", "?": "?", "!": "!", "،": ",", "、": ",", "，": ",", "؛": ";",
    "；": ";",
    "：": ":", "。": ".", "．": ".", "।": ".", "？": "?", "؟": "?", "！": "!", "‽": "?", "¡": "", "¿": "",
}  # fmt: skip
_SPOKEN = {
    "&": "and", "+": "plus", "=": "equals", "@": "at", "§": "section", "%": "percent", "‰": "per mille",
    "#": "hash", "°": "degrees", "±": "plus or minus", "×": "times", "÷": "divided by", "−": "minus",
    "≤": "is at most", "≥": "is at least", "≠": "is not equal to", "≈": "is about", "<": "less than",
    ">": "greater than", "∞": "infinity", "√": "the square root of", "©": "copyright", "®": "registered",
    "™": "trademark", "№": "number", "¶": "paragraph", "/": "slash", "\\": "backslash", "⁄": "over",
    "→": "to",
    "←": "from", "↑": "up", "↓": "down", "↔": "to and from", "⇒": "implies", "♥": "heart", "♡": "heart",
    "♣": "clubs", "♦": "diamonds", "♠": "spades", "♯": "sharp", "♭": "flat", "♮": "natural",
    "∑": "the sum of",
    "∈": "in", "∅": "the empty set", "∂": "partial", "∆": "delta", "∫": "the integral of", "Ω": "ohm",
    "µ": "micro",
    "☎": "telephone", "✓": "check", "✔": "check", "✗": "cross", "★": "star", "☆": "star",
    "‱": "per ten thousand",
    "℃": "degrees Celsius", "℉": "degrees Fahrenheit", "℔": "pounds", "¬": "not", "∧": "and", "∨": "or",
    "∴": "therefore",
    "º": "", "ª": "", "½": "one half", "~": "about", "℠": "service mark", "℗": "published",
}  # fmt: skip
#: Signs of typography: seen, never said.
_SILENT = frozenset("*_|†‡•·◦‣▪■□●○◆◇❦❧☙⁂※~^`⁎∗¦¨¸ˈˌʼʻ‖♪♫-‐‑")
_SECTION_WORDS = {"§": ("section", "sections"), "¶": ("paragraph", "paragraphs")}

_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψω",
        [
            "a",
            "v",
            "g",
            "d",
            "e",
            "z",
            "i",
            "th",
            "i",
            "k",
            "l",
            "m",
            "n",
            "x",
            "o",
            "p",
            "r",
            "s",
            "s",
            "t",
            "y",
            "f",
            "ch",
            "ps",
            "o",
        ],
        strict=True,
    )
)
_GREEK_NAMES = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψω",
        [
            "alpha",
            "beta",
            "gamma",
            "delta",
            "epsilon",
            "zeta",
            "eta",
            "theta",
            "iota",
            "kappa",
            "lambda",
            "mu",
            "nu",
            "xi",
            "omicron",
            "pi",
            "rho",
            "sigma",
            "sigma",
            "tau",
            "upsilon",
            "phi",
            "chi",
            "psi",
            "omega",
        ],
        strict=True,
    )
)
_CYRILLIC = dict(
    zip(
        "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґђјљњћџў",
        [
            "a",
            "b",
            "v",
            "g",
            "d",
            "e",
            "zh",
            "z",
            "i",
            "y",
            "k",
            "l",
            "m",
            "n",
            "o",
            "p",
            "r",
            "s",
            "t",
            "u",
            "f",
            "kh",
            "ts",
            "ch",
            "sh",
            "shch",
            "_",
            "y",
            "_",
            "e",
            "yu",
            "ya",
            "yo",
            "i",
            "yi",
            "ye",
            "g",
            "dj",
            "y",
            "ly",
            "ny",
            "ch",
            "dzh",
            "w",
        ],
        strict=True,
    )
)
_GREEK_PAIRS = (
    ("ου", "u"),
    ("αι", "e"),
    ("ει", "i"),
    ("οι", "i"),
    ("μπ", "b"),
    ("ντ", "d"),
    ("γγ", "ng"),
    ("γκ", "g"),
)
_IDEOGRAPHS = ("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH", "NUSHU", "TANGUT")
_SYLLABLE = re.compile(r"(?:HIRAGANA|KATAKANA) LETTER (?:SMALL )?(\w+)|HANGUL SYLLABLE (\w+)")
_LETTER_NAME = re.compile(r"LETTER (?:FINAL |SMALL |CAPITAL )*([A-Z -]+)")


def spell(letters: str) -> str:
    """Names of letters: ``FBI`` -> ``F B I``."""
    return " ".join(letter.upper() for letter in letters if letter.isalnum())


def read_symbol(scan: Scan, position: int) -> int:
    """Read what stands at ``position``, where no word and no number begins."""
    text = scan.text
    sign = text[position]
    found = _ELLIPSIS.match(text, position)
    if found:
        return scan.emit(*found.span(), "." if scan.at_end(found.end()) else "—")
    if sign in _MARKS:
        return _read_mark(scan, position)
    found = _DASHES.match(text, position)
    if found:
        return scan.emit(*found.span(), "—")
    if sign in "-–‒":
        return _read_hyphen(scan, position)
    if sign in _QUOTES:
        return scan.emit(position, position + 1, "")
    if sign in _OPENERS or sign in _CLOSERS:
        return _read_bracket(scan, position)
    found = _SUPERSCRIPT_RUN.match(text, position)
    if found:
        return _read_superscript(scan, *found.span())
    found = _SUBSCRIPT_RUN.match(text, position)
    if found:
        return scan.emit(*found.span(), numbers.cardinal(int(found.group().translate(_SUBSCRIPTS))))
    if sign == "§" or sign == "¶":
        doubled = text.startswith(sign * 2, position)
        return scan.emit(position, position + 1 + doubled, _SECTION_WORDS[sign][doubled])
    found = _DECORATION.match(text, position)
    if found:
        return scan.emit(*found.span(), "")
    if sign == "~":
        return scan.emit(position, position + 1, "about" if text[position + 1 : position + 2].isdecimal() else "")
    if sign in _SPOKEN:
        return scan.emit(position, position + 1, _SPOKEN[sign])
    if sign in CURRENCIES:
        return scan.emit(position, position + 1, CURRENCIES[sign][1])
    if sign == "¢":
        return scan.emit(position, position + 1, "cents")
    if sign in _SILENT:
        return scan.emit(position, position + 1, "")
    return _read_unknown(scan, position)


def _read_mark(scan: Scan, position: int) -> int:
    mark = _MARKS[scan.text[position]]
    following = scan.text[position + 1 : position + 2]
    before = scan.text[position - 1 : position]
    if mark == "." and before.isalnum() and following.isalnum():
        return scan.emit(position, position + 1, "dot" if following.isalpha() else "point")
    if mark == ":" and following.isdecimal() and before.isdecimal():
        return scan.emit(position, position + 1, "to")
    return scan.emit(position, position + 1, mark)


def _read_hyphen(scan: Scan, position: int) -> int:
    """A single hyphen or en dash: joint inside a word, dash between spaces."""
    before = scan.text[position - 1 : position]
    after = scan.text[position + 1 : position + 2]
    spaced = (not before or before.isspace()) and (not after or after.isspace())
    if spaced and scan.previous_spoken():
        return scan.emit(position, position + 1, "—")
    if before.isalpha() and _is_numeral(scan) and _ROMAN_NEXT.match(scan.text, position + 1):
        return scan.emit(position, position + 1, "to")
    if scan.text[position] == "–" and (before.isspace() or after.isspace()):
        return scan.emit(position, position + 1, "—")
    return scan.emit(position, position + 1, "")


def _is_numeral(scan: Scan) -> bool:
    """Whether what was read last are letters read as a number."""
    if not scan.items:
        return False
    start, end, said = scan.items[-1]
    return from_roman(scan.text[start:end]) is not None and said.lower() != scan.text[start:end].lower()


def _read_bracket(scan: Scan, position: int) -> int:
    """Brackets are heard as commas, but not around a part of a word: ``book(s)``."""
    sign = scan.text[position]
    before = scan.text[position - 1 : position]
    after = scan.text[position + 1 : position + 2]
    if sign in _OPENERS:
        inside_word = before.isalnum()
    else:
        opener = max(scan.text.rfind(other, 0, position) for other in _OPENERS)
        inside_word = after.isalnum() or (opener > 0 and scan.text[opener - 1].isalnum())
    if inside_word or not scan.previous_spoken():
        return scan.emit(position, position + 1, "")
    return scan.emit(position, position + 1, ",")


def _read_superscript(scan: Scan, start: int, end: int) -> int:
    value = scan.text[start:end].translate(_SUPERSCRIPTS)
    before = re.search(r"[^\W_]+$", scan.text[:start])
    is_power = before is not None and (before.group().isdecimal() or len(before.group()) <= 2)
    if not is_power or not value.lstrip("-").isdecimal():
        scan.notice(
            "note-mark-silent",
            start,
            end,
            "a raised number after a word is taken for a note mark and not read",
        )
        return scan.emit(start, end, "")
    spoken = {"2": "squared", "3": "cubed"}.get(value)
    return scan.emit(start, end, spoken or "to the power of " + numbers.cardinal(int(value), with_and=scan.with_and))


def _read_unknown(scan: Scan, position: int) -> int:
    """A symbol without a reading of its own is said by its Unicode name, and reported."""
    sign = scan.text[position]
    end = position + 1
    while end < len(scan.text) and (
        scan.text[end] == sign or unicodedata.category(scan.text[end]) in ("Mn", "Me", "Sk")
    ):
        end += 1
    category = unicodedata.category(sign)
    name = unicodedata.name(sign, "").lower()
    if not name or category in ("Co", "Cn", "Cs", "Cc", "Cf"):
        scan.notice("no-spoken-form", position, end, "no spoken form is known; not read")
        return scan.emit(position, end, "")
    if category[0] == "P" or name.startswith("box drawings") or name.endswith("space"):
        scan.notice("sign-silent", position, end, f"a sign of typography ({name}) is not read")
        return scan.emit(position, end, "")
    spoken = re.sub(r"[^a-z ]+", " ", name)
    scan.notice("symbol-by-name", position, end, f"read by its Unicode name: {name}")
    return scan.emit(position, end, " ".join(spoken.split()) or "symbol")


def read_link(scan: Scan, found: re.Match[str]) -> int:
    """E-mail and web addresses, handles and hashtags."""
    start, end = found.span()
    link = found.group()
    kept = link.rstrip(".,;:!?'’)*_")  # marks of the sentence, not of the address
    end -= len(link) - len(kept)
    link = unicodedata.normalize("NFKC", kept)  # a raised or circled digit is a digit here
    if found.lastgroup == "tag":
        words = " ".join(_say_piece(piece) for piece in _CAMEL.findall(link[1:]))
        return scan.emit(start, end, f"hashtag {words}")
    scheme = _SCHEME.match(link)
    if scheme:
        scan.notice("link-scheme-silent", start, start + scheme.end(), "the scheme of an address is not read")
        link = link[scheme.end() :]
    link = link.removesuffix("/")
    pieces = [_LINK_SIGNS.get(piece) or _say_piece(piece) for piece in _LINK_PIECE.findall(link)]
    return scan.emit(start, end, " ".join(piece for piece in pieces if piece))


def _say_piece(piece: str) -> str:
    if piece.isdecimal():
        return numbers.cardinal(int(piece)) if len(piece) <= 4 and piece[0] != "0" else numbers.digits(piece)
    if not piece[:1].isalnum():
        return ""
    low = piece.lower()
    odd = len(low) <= 2 or not re.search("[aeiouy]", low) or low == "www"
    if odd and low not in _TOP_LEVEL_WORDS and low not in _SHORT_LINK_WORDS:
        return spell(piece)
    return low


def read_foreign(scan: Scan, start: int, end: int) -> int:
    """A word in another script: transliterated, spelt, or named; always reported.

    Policy: Greek and Cyrillic are written in Latin letters (a single Greek letter is named), kana
    and hangul by syllable, ideographs are named as such once a run, any other script is spelt by
    the names of its letters.
    """
    word = scan.text[start:end]
    plain = "".join(c for c in unicodedata.normalize("NFD", word.lower()) if not unicodedata.combining(c))
    name = unicodedata.name(plain[:1] or "?", "")
    if all(c in _GREEK for c in plain):
        if len(plain) == 1:
            return scan.emit(start, end, _GREEK_NAMES[plain])
        for pair, latin in _GREEK_PAIRS:
            plain = plain.replace(pair, latin)
        spoken = "".join(_GREEK.get(c, c) for c in plain)
        detail = f"Greek, read as {spoken}"
    elif name.startswith("CYRILLIC"):
        spoken = "".join(_CYRILLIC.get(c) or _CYRILLIC.get(p, "") for c, p in _fold(word.lower())).replace("_", "")
        spoken = spoken or "Cyrillic letter"
        detail = f"Cyrillic, read as {spoken}"
    elif name.startswith(_IDEOGRAPHS):
        spoken, detail = (
            "Chinese characters",
            "ideographs cannot be read in English; said to be Chinese characters",
        )
    else:
        spoken, detail = _by_names(word)
    scan.notice("other-script", start, end, detail)
    return scan.emit(start, end, spoken)


def _fold(word: str) -> list[tuple[str, str]]:
    """Each letter with its form without accents (``й`` is a letter of its own, ``á`` is not)."""
    return [(c, unicodedata.normalize("NFD", c)[0]) for c in word]


def _by_names(word: str) -> tuple[str, str]:
    names = [unicodedata.name(c, "") for c in word if not unicodedata.combining(c)]
    syllables = [_SYLLABLE.match(name) for name in names]
    if names and all(syllables):
        spoken = "".join((s.group(1) or s.group(2)).lower() for s in syllables if s)
        return spoken, f"read by syllable as {spoken}"
    said: list[str] = []
    for name in names:
        letter = _LETTER_NAME.search(name)
        said.append((letter.group(1) if letter else name.split("-")[0]).lower().replace("-", " ").strip())
    spoken = " ".join(re.sub(r"[^a-z ]", "", part) for part in said if part).strip()
    return spoken or "unknown letters", "spelt by the Unicode names of its letters"
