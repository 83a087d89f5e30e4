"""The accent in which other languages are said: each of their sounds by the nearest of ours.

The voices know English sounds only.  The table says which stands for which, and `Accent` counts what was replaced,
so that a report can say it.

Choices that are not obvious: pure e and o become the open vowels (a diphthong would glide on a long note), long ones
the English diphthongs; x becomes h and not k, else the German Nacht (night) is nackt (naked); ç becomes sh, which is
as bright; rounded front vowels lose their rounding at the back (y as in boot, ø as in bird); nasal vowels get an n;
a tapped or rolled r between vowels is the American flap, elsewhere the English r; a palatalised consonant before a
back vowel is followed by y.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from voicekit.text.phones import IPA_TO_PHONES, VOWELS, Phone

__all__ = ["FOREIGN", "Accent", "accented"]

#: IPA of other languages to our phones, where it differs from `IPA_TO_PHONES`.
FOREIGN: dict[str, tuple[str, ...]] = {
    # pure and long vowels
    "e": ("EH",), "eː": ("EY",), "o": ("AO",), "oː": ("OW",), "ɛː": ("EH",), "æː": ("AE",), "a": ("AA",),
    "aː": ("AA",), "ɑ": ("AA",), "ɔ": ("AO",), "ɒ": ("AO",), "iː": ("IY",), "uː": ("UW",), "ɨ": ("IH",),
    "ɐ": ("AX",), "ɜ": ("AX",), "ɪː": ("IY",), "ʊː": ("UW",), "ʌ": ("AH",), "ɵ": ("UH",), "ʉ": ("UW",), "ʉː": ("UW",),
    "ɯ": ("UW",), "ɯː": ("UW",), "ɤ": ("AH",),
    # rounded front vowels
    "y": ("UW",), "yː": ("UW",), "ʏ": ("UH",), "ʏː": ("UW",), "ø": ("ER",), "øː": ("ER",), "œ": ("ER",), "œː": ("ER",),
    # diphthongs
    "aɪ": ("AY",), "ai": ("AY",), "aʊ": ("AW",), "au": ("AW",), "ɑu": ("AW",), "ʌʊ": ("AW",), "ɛɪ": ("EY",),
    "eɪ": ("EY",), "ei": ("EY",), "ɔø": ("OY",), "ɔʏ": ("OY",), "ɔɪ": ("OY",), "oɪ": ("OY",), "oi": ("OY",),
    "œy": ("AW",), "oʊ": ("OW",), "ou": ("OW",), "əʊ": ("OW",), "ɛʊ": ("EH", "UH"), "iə": ("IY", "AX"),
    # nasal vowels
    "ɑ\u0303": ("AA", "N"), "ɔ\u0303": ("AO", "N"), "ɛ\u0303": ("AE", "N"), "œ\u0303": ("AH", "N"),
    "ɐ\u0303": ("AH", "N"), "ɐ\u0303ʊ\u0303": ("AW", "N"), "o\u0303": ("OW", "N"), "e\u0303": ("EY", "N"),
    "i\u0303": ("IY", "N"), "u\u0303": ("UW", "N"), "a\u0303": ("AA", "N"), "y\u0303": ("IY", "N"),
    # consonants
    "x": ("HH",), "χ": ("HH",), "ħ": ("HH",), "ç": ("SH",), "sx": ("SH",), "ɧ": ("SH",), "ɣ": ("G",), "β": ("B",),
    "ʁ": ("R",), "ʀ": ("R",), "r": ("R",), "ɾ": ("R",), "ɽ": ("R",), "r\u031d": ("ZH",), "ɲ": ("N", "Y"),
    "ʎ": ("L", "Y"), "ʔ": (), "ɕ": ("SH",), "ʑ": ("ZH",), "ʂ": ("SH",), "ʐ": ("ZH",), "tɕ": ("CH",), "dʑ": ("JH",),
    "tʂ": ("CH",), "dʐ": ("JH",), "tʃ": ("CH",), "dʒ": ("JH",), "c": ("CH",), "ɟ": ("JH",), "ʋ": ("V",), "ɸ": ("F",),
    "ɥ": ("W",), "ts": ("T", "S"), "dz": ("D", "Z"), "ɫ": ("L",), "ɭ": ("L",), "ɳ": ("N",), "ɴ": ("NG",),
    "ʈ": ("T",), "ɖ": ("D",), "ɱ": ("M",), "ɦ": ("HH",),
}  # fmt: skip
#: What is the same sound in English, or near enough to say nothing of it.
_ENGLISH_WORDS = (
    "p b t d k ɡ g f v θ ð s z ʃ ʒ h ɦ m n ŋ l ɫ ɹ j w tʃ dʒ ts dz iː i ɪ ɛ ɛː æ ɑ ɑː ɔ ɔː ʊ u uː ə ʌ ɜ ɐ ɜː aɪ ai aʊ "
    "au eɪ ei oʊ ou əʊ ɔɪ oɪ oi a aː"
)
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_ROLLED = frozenset("rɾɽ")
_DOUBLE_STOPS = frozenset({"P", "B", "T", "D", "K", "G", "CH", "JH", "R", "DX"})
_TABLE = {key: value for key, value in IPA_TO_PHONES.items() if "ɹ" not in key and key != "əl"} | FOREIGN
_LONGEST = max(len(key) for key in _TABLE)
_PALATAL = "ʲ"
_PALATALS = frozenset("ɲʎ")
_SYLLABIC = "\u0329"


class Accent:
    """What was replaced so far."""

    def __init__(self) -> None:
        self.replaced: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self.unknown: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self.replaced or self.unknown)

    def words(self) -> str:
        """Such as ``/y/ as UW, /x/ as HH``; most frequent first."""
        said = [f"/{ipa}/ as {'+'.join(phones) or 'nothing'}" for (ipa, phones), _ in self.replaced.most_common()]
        said += [f"/{ipa}/ not at all" for ipa, _ in self.unknown.most_common()]
        return ", ".join(said)


def accented(tokens: Iterable[str], accent: Accent | None = None) -> list[Phone]:
    """Phones of one word of another language.

    Parameters
    ----------
    tokens : iterable of str
        IPA; a stress mark stands at the head of the token it belongs to.
    accent : Accent, optional
        Is told what was replaced.

    Returns
    -------
    list of Phone
    """
    counts = accent if accent is not None else Accent()
    # Parted from their tilde, nasal vowels are two characters; c with its cedilla is one.
    parted = (unicodedata.normalize("NFD", token).replace("c\u0327", "\u00e7") for token in tokens)
    pieces = [piece for token in parted for piece in _pieces(token)]
    symbols: list[tuple[str, int]] = []
    stress = 0
    for place, (ipa, phones) in enumerate(pieces):
        if ipa in ("ˈ", "ˌ"):
            stress = 1 if ipa == "ˈ" else 2
            continue
        if phones is None:
            if ipa == _PALATAL and _opens_wide(pieces, place):
                symbols.append(("Y", 0))
            elif not _is_sign(ipa):
                counts.unknown[ipa] += 1
            continue
        if ipa in _ROLLED and symbols and symbols[-1][0] in VOWELS and _vowel_follows(pieces, place):
            phones = ("DX",)
        if ipa in _PALATALS and not _vowel_follows(pieces, place):
            phones = phones[:1]  # montagne: no glide without a vowel to glide to
        if ipa not in _ENGLISH and (ipa not in _ROLLED or phones != ("DX",)):
            counts.replaced[ipa, phones] += 1
        for symbol in phones:
            if symbols and symbols[-1][0] == symbol and symbol in _DOUBLE_STOPS:
                continue
            symbols.append((symbol, stress if symbol in VOWELS else 0))
            if symbol in VOWELS:
                stress = 0
    last = len(symbols) - 1
    return [Phone(symbol, mark, i == 0, i == last) for i, (symbol, mark) in enumerate(symbols)]


def _pieces(token: str) -> list[tuple[str, tuple[str, ...] | None]]:
    """Cut a token at the longest entries of the table; signs and unknown letters stand alone with None."""
    found: list[tuple[str, tuple[str, ...] | None]] = []
    at = 0
    while at < len(token):
        if token[at + 1 : at + 2] == _SYLLABIC and token[at] in _TABLE:
            found.append((token[at] + _SYLLABIC, ("AX", *_TABLE[token[at]])))
            at += 2
            continue
        for size in range(min(_LONGEST, len(token) - at), 0, -1):
            if token[at : at + size] in _TABLE:
                found.append((token[at : at + size], _TABLE[token[at : at + size]]))
                at += size
                break
        else:
            found.append((token[at], None))
            at += 1
    return found


def _is_sign(char: str) -> bool:
    """A length, a tone, a diacritic: no sound of its own."""
    return unicodedata.category(char) in ("Mn", "Lm", "Sk", "Nd", "Pd", "Po", "Cf") or char in "ːˑ‿."


def _following(pieces: Sequence[tuple[str, tuple[str, ...] | None]], place: int) -> str:
    return next((phones[0] for _, phones in pieces[place + 1 :] if phones), "")


def _vowel_follows(pieces: Sequence[tuple[str, tuple[str, ...] | None]], place: int) -> bool:
    return _following(pieces, place) in VOWELS


def _opens_wide(pieces: Sequence[tuple[str, tuple[str, ...] | None]], place: int) -> bool:
    following = _following(pieces, place)
    return following in VOWELS and following not in ("IY", "IH")
