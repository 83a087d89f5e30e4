"""Pronunciations that a source gives for its words (``ssml:ph``, PLS), and which of them may be followed.

What is screened and signed are the written words.  A pronunciation could make the voice say others, so it is followed
only where it is another way to say the same word: sounds may move to their neighbours or be left out (*read*,
*Beauchamp*, *Mobile*), but no other consonant takes a consonant's place in a short word.  One that turns the word into
something else (*N.* into *north*) is not followed; an alias or a lexicon says it in words, which are screened.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass, replace

from voicekit.errors import VoicekitError
from voicekit.text.accent import accented
from voicekit.text.languages import LANGUAGES
from voicekit.text.phonemise import foreign_words, ipa
from voicekit.text.phones import INVENTORY, VOWELS, Phone, ipa_word_to_phones

__all__ = ["Heard", "follow", "foreign", "phones_from_text", "phones_to_text"]

_FURTHEST = 0.34  # cost of the changes, over the number of sounds
_LONG_WORD = 5  # sounds; from here on one consonant may be another
_SAME = 0.08
_KIN = (
    {"S", "Z"}, {"SH", "ZH"}, {"F", "V"}, {"TH", "DH"}, {"P", "B"}, {"T", "D", "DX"}, {"K", "G"}, {"CH", "JH"},
    {"N", "NG"}, {"S", "SH"}, {"Z", "ZH"}, {"T", "TH"}, {"K", "HH"}, {"ER", "R"},
)  # fmt: skip
_REDUCED = frozenset({"AX", "IX", "AH", "IH", "ER"})
_VOWELS = frozenset(VOWELS)
_AMERICAN_Y = re.compile(r"y(?=[aeiouæɑɒɔəɚɛɜɝɪʊʌ])")  # what American dictionaries write for j
_TIES = str.maketrans("", "", "\u0361\u035c.|()‿-")
#: X-SAMPA that is not the same letter in IPA.
_XSAMPA = {
    "@`": "ɚ", "3`": "ɝ", "_h": "", "_~": "\u0303", "r\\": "ɹ", "h\\": "ɦ", "l\\": "ɺ", "@": "ə", "{": "æ", "}": "ʉ",
    "A": "ɑ", "B": "β", "C": "ç", "D": "ð", "E": "ɛ", "G": "ɣ", "H": "ɥ", "I": "ɪ", "J": "ɲ", "L": "ʎ", "N": "ŋ",
    "O": "ɔ", "Q": "ɒ", "R": "ʁ", "S": "ʃ", "T": "θ", "U": "ʊ", "V": "ʌ", "W": "ʍ", "X": "χ", "Y": "ʏ", "Z": "ʒ",
    "?": "ʔ", "3": "ɜ", "4": "ɾ", "2": "ø", "9": "œ", "1": "ɨ", "6": "ɐ", "7": "ɤ", "8": "ɵ", "M": "ɯ", '"': "ˈ",
    "%": "ˌ", ":": "ː", "~": "\u0303",
}  # fmt: skip
_XSAMPA_PIECE = re.compile("|".join(re.escape(key) for key in sorted(_XSAMPA, key=len, reverse=True)))


@dataclass(frozen=True)
class Heard:
    """What became of a pronunciation.

    Attributes
    ----------
    phones : str
        To be said instead of the words' own, see `phones_to_text`; empty where it is not followed.
    why_not : str
        Why it is not followed; empty where it is, and where the words are said like that anyway.
    """

    phones: str = ""
    why_not: str = ""


@functools.lru_cache(maxsize=4096)
def foreign(text: str, language: str) -> Heard:
    """The sounds of words of another language, with the nearest English ones; see `voicekit.text.accent`.

    Parameters
    ----------
    text : str
        Words, without marks.
    language : str
        Its tag.
    """
    if language not in LANGUAGES:
        return Heard(why_not=f"no voice can say words of the language {language!r}")
    try:
        words = foreign_words([text], language)[0]
    except VoicekitError as error:
        return Heard(why_not=str(error))
    found = [phones for tokens in words if (phones := accented(tokens))]
    return Heard(phones_to_text(found)) if found else Heard(why_not="it holds no sound")


def phones_to_text(words: list[list[Phone]]) -> str:
    """Phones of words as one control: ``SH.IH.V.AO1.N_B.OY1``."""
    return "_".join(".".join(f"{p.symbol}{p.stress or ''}" for p in word) for word in words)


def phones_from_text(text: str) -> tuple[Phone, ...]:
    """The phones of such a control.

    Raises
    ------
    ValueError
        A phone is not in the inventory, or a pause.
    """
    found: list[Phone] = []
    for word in text.split("_"):
        pieces = word.split(".")
        for index, piece in enumerate(pieces):
            symbol = piece.rstrip("12")
            if symbol not in INVENTORY[2:]:
                raise ValueError(piece)
            stress = int(piece[len(symbol) :] or 0)
            found.append(Phone(symbol, stress, index == 0, index == len(pieces) - 1))
    return tuple(found)


@functools.lru_cache(maxsize=4096)
def follow(spoken: str, phonemes: str, alphabet: str = "ipa") -> Heard:
    """Whether a pronunciation is another way to say these words, and its phones if so.

    Parameters
    ----------
    spoken : str
        The words as they are read without it, plain and without marks.
    phonemes : str
        As the source gives it; words parted by spaces.
    alphabet : str
        ``ipa`` or ``x-sampa``; others are not followed.

    Returns
    -------
    Heard
    """
    if alphabet.lower() not in ("ipa", "x-sampa"):
        return Heard(why_not=f"the alphabet {alphabet!r} is not known")
    if alphabet.lower() == "x-sampa":
        phonemes = _XSAMPA_PIECE.sub(lambda found: _XSAMPA[found.group()], phonemes)
    wanted: list[list[Phone]] = []
    for word in _cleaned(phonemes).split():
        phones, unknown = ipa_word_to_phones([word])
        if unknown or not phones:
            return Heard(why_not=f"{''.join(unknown) or word!r} is no sound that is known")
        wanted.append(_merged(phones))
    words = [word for word in re.findall(r"[\w']+", spoken) if any(c.isalnum() for c in word)]
    if not wanted or not words:
        return Heard(why_not="it holds no sound")
    usual = [_merged(ipa_word_to_phones(said.replace(" ", "_").split("_"))[0]) for said in ipa(words)]
    flat, flat_usual = ([phone for word in of for phone in word] for of in (wanted, usual))
    cost, foreign = _distance(flat_usual, flat)
    stressed = len(words) == 1 and _stress(flat) != _stress(flat_usual)  # in a phrase it is the sentence's
    if cost <= _SAME * len(flat) and not foreign and not stressed:
        return Heard()  # said so anyway
    if len(wanted) != len(usual) or not all(_near(ours, given) for ours, given in zip(usual, wanted, strict=True)):
        return Heard(why_not="it is another word; write what is said, or give it as an alias")
    if len(wanted) == 1 and len(flat) > 1 and not any(p.stress == 1 for p in flat):
        wanted = [_stressed(flat)]
    return Heard(phones_to_text(wanted))


def _cleaned(phonemes: str) -> str:
    text = unicodedata.normalize("NFC", phonemes).strip("/[] ").translate(_TIES)
    text = _AMERICAN_Y.sub("j", text)
    return text.replace("'", "ˈ").replace(",", "ˌ").replace(":", "ː").replace("ǝ", "ə")


def _merged(phones: list[Phone]) -> list[Phone]:
    """An r closes the vowel before it: ɜr and ər are one sound."""
    kept: list[Phone] = []
    for place, phone in enumerate(phones):
        after = phones[place + 1].symbol if place + 1 < len(phones) else ""
        if phone.symbol == "R" and kept and kept[-1].symbol in ("ER", "AX") and after not in _VOWELS:
            kept[-1] = replace(kept[-1], symbol="ER", word_end=phone.word_end)
            continue
        kept.append(phone)
    return kept


def _stress(phones: list[Phone]) -> list[int]:
    """Which of the vowels carry the main stress; nothing where none is marked."""
    vowels = [phone for phone in phones if phone.symbol in _VOWELS]
    return [i for i, phone in enumerate(vowels) if phone.stress == 1] if len(vowels) > 1 else []


def _stressed(phones: list[Phone]) -> list[Phone]:
    """The first full vowel carries the stress that was not written."""
    vowels = [i for i, p in enumerate(phones) if p.symbol in _VOWELS]
    first = next((i for i in vowels if phones[i].symbol not in _REDUCED), vowels[0] if vowels else -1)
    return [Phone(p.symbol, 1 if i == first else p.stress) for i, p in enumerate(phones)]


def _near(usual: list[Phone], given: list[Phone]) -> bool:
    cost, foreign = _distance(usual, given)
    longest = max(len(usual), len(given))
    return cost <= _FURTHEST * longest and foreign <= (1 if longest >= _LONG_WORD else 0)


def _distance(usual: list[Phone], given: list[Phone]) -> tuple[float, int]:
    """Cost of the changes, and how many consonants were put in or became another one."""
    row: list[tuple[float, int]] = [(0.0, 0)]
    for theirs in given:
        row.append(_added(row[-1], theirs))
    for ours in usual:
        before, row = row, [_dropped(row[0], ours)]
        for place, theirs in enumerate(given, 1):
            cost, foreign = _changed(ours.symbol, theirs.symbol)
            across = (before[place - 1][0] + cost, before[place - 1][1] + foreign)
            row.append(min(across, _dropped(before[place], ours), _added(row[-1], theirs)))
    return row[-1]


def _dropped(at: tuple[float, int], phone: Phone) -> tuple[float, int]:
    return at[0] + (0.6 if phone.symbol in _VOWELS else 1.0), at[1]


def _added(at: tuple[float, int], phone: Phone) -> tuple[float, int]:
    vowel = phone.symbol in _VOWELS
    return at[0] + (0.6 if vowel else 1.0), at[1] + (0 if vowel else 1)


def _changed(ours: str, theirs: str) -> tuple[float, int]:
    if ours == theirs:
        return 0.0, 0
    if {ours, theirs} <= _REDUCED:
        return 0.1, 0
    if {ours, theirs} == {"R", "AX"}:  # British ends
        return 0.3, 0
    if ours in _VOWELS and theirs in _VOWELS:
        return 0.5, 0
    if any({ours, theirs} <= kin for kin in _KIN):
        return 0.3, 0
    return 1.0, 1
