"""The phone inventory of the acoustic model, and how espeak-ng's IPA maps onto it.

The inventory is ARPAbet with three additions that matter for natural English (reduced ``AX`` and ``IX``,
the flap ``DX``) and two pauses.  Each symbol also names the one symbol of the 39-phone CMU set that a
recogniser trained on that set would use for it, so the same phones can be force-aligned.
"""

from __future__ import annotations

from dataclasses import dataclass

PAUSE = "PAU"  #: a pause inside an utterance (comma, dash, breath)
SILENCE = "SIL"  #: the silence that opens or closes an utterance

VOWELS = (
    "AA", "AE", "AH", "AO", "AW", "AX", "AY", "EH", "ER", "EY", "IH", "IX", "IY", "OW", "OY", "UH", "UW",
)  # fmt: skip
CONSONANTS = (
    "B", "CH", "D", "DH", "DX", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T",
    "TH", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
INVENTORY: tuple[str, ...] = (SILENCE, PAUSE, *VOWELS, *CONSONANTS)
PHONE_ID: dict[str, int] = {symbol: index for index, symbol in enumerate(INVENTORY)}

VOICED_CONSONANTS = frozenset({"B", "D", "DH", "DX", "G", "JH", "L", "M", "N", "NG", "R", "V", "W", "Y", "Z", "ZH"})
UNVOICED = frozenset({"CH", "F", "HH", "K", "P", "S", "SH", "T", "TH", SILENCE, PAUSE})

#: Symbols of ours that the 39-phone CMU set writes otherwise.
_TO_CMU = {"AX": "AH", "IX": "IH", "DX": "D"}

#: IPA (espeak-ng ``en-us``, stress marks removed) to our phones.  Longest entries are tried first, so a
#: token that is not listed whole is still read piece by piece.
IPA_TO_PHONES: dict[str, tuple[str, ...]] = {
    # r-coloured vowels and triphthongs
    "ɔːɹ": ("AO", "R"), "oːɹ": ("AO", "R"), "ɑːɹ": ("AA", "R"), "ɛɹ": ("EH", "R"), "ɪɹ": ("IH", "R"),
    "ʊɹ": ("UH", "R"), "aɪɚ": ("AY", "ER"), "aɪə": ("AY", "AX"), "iə": ("IY", "AX"), "əl": ("AX", "L"),
    # diphthongs
    "aɪ": ("AY",), "aʊ": ("AW",), "eɪ": ("EY",), "oʊ": ("OW",), "əʊ": ("OW",), "ɔɪ": ("OY",),
    # affricates
    "tʃ": ("CH",), "dʒ": ("JH",), "ts": ("T", "S"), "dz": ("D", "Z"),
    # vowels
    "iː": ("IY",), "uː": ("UW",), "ɑː": ("AA",), "ɔː": ("AO",), "ɜː": ("ER",), "eː": ("EY",), "oː": ("OW",),
    "aː": ("AA",), "yː": ("UW",), "øː": ("ER",), "ɛː": ("EH",), "i": ("IY",), "u": ("UW",), "ɪ": ("IH",),
    "ᵻ": ("IX",), "ɨ": ("IX",), "ʊ": ("UH",), "ɛ": ("EH",), "æ": ("AE",), "ʌ": ("AH",), "ɐ": ("AX",),
    "ə": ("AX",), "ɚ": ("ER",), "ɝ": ("ER",), "ɜ": ("ER",), "ɔ": ("AO",), "ɒ": ("AA",), "ɑ": ("AA",),
    "a": ("AA",), "e": ("EY",), "o": ("OW",), "y": ("UW",), "ø": ("ER",), "œ": ("ER",), "ɵ": ("UH",),
    "ɯ": ("UW",), "ɤ": ("AH",), "ɘ": ("AX",),
    # consonants
    "p": ("P",), "b": ("B",), "t": ("T",), "d": ("D",), "k": ("K",), "ɡ": ("G",), "g": ("G",), "f": ("F",),
    "v": ("V",), "θ": ("TH",), "ð": ("DH",), "s": ("S",), "z": ("Z",), "ʃ": ("SH",), "ʒ": ("ZH",),
    "h": ("HH",), "ɦ": ("HH",), "m": ("M",), "n": ("N",), "ŋ": ("NG",), "l": ("L",), "ɫ": ("L",),
    "ɬ": ("L",), "ɹ": ("R",), "r": ("R",), "ɾ": ("DX",), "j": ("Y",), "w": ("W",), "ʍ": ("W",),
    "ʔ": ("T",), "x": ("K",), "χ": ("K",), "ç": ("HH",), "ʁ": ("R",), "ʀ": ("R",), "ɲ": ("N", "Y"),
    "ʎ": ("L", "Y"), "β": ("V",), "ɣ": ("G",), "ɕ": ("SH",), "ʑ": ("ZH",), "ʂ": ("SH",), "ʐ": ("ZH",),
    "ɸ": ("F",), "q": ("K",), "c": ("K",), "ɟ": ("G",), "ʋ": ("V",), "ɖ": ("D",), "ʈ": ("T",), "ɳ": ("N",),
    "ɭ": ("L",), "ɽ": ("DX",),
}  # fmt: skip

_LONGEST = max(len(key) for key in IPA_TO_PHONES)
_SYLLABIC = "\u0329"
_IGNORED = frozenset("ːˑʲʰʷˤ̃̈̊̆͡‿.-")  # length, palatalisation, nasality: no phone of their own in this inventory


@dataclass(frozen=True)
class Phone:
    """One phone of an utterance.

    Attributes
    ----------
    symbol : str
        A member of `INVENTORY`.
    stress : int
        0 none, 1 primary, 2 secondary; always 0 on consonants and pauses.
    word_start, word_end : bool
        Whether the phone opens or closes a word.
    """

    symbol: str
    stress: int = 0
    word_start: bool = False
    word_end: bool = False

    @property
    def is_pause(self) -> bool:
        """Whether this is a pause or the silence at an end."""
        return self.symbol in (PAUSE, SILENCE)


def to_cmu(symbol: str) -> str:
    """The 39-phone CMU symbol that stands for one of ours (``SIL`` for both pauses)."""
    if symbol in (PAUSE, SILENCE):
        return "SIL"
    return _TO_CMU.get(symbol, symbol)


def ipa_word_to_phones(tokens: list[str]) -> tuple[list[Phone], list[str]]:
    """Phones of one word from its IPA tokens.

    Parameters
    ----------
    tokens : list of str
        IPA tokens in order; a stress mark stands at the head of the token it belongs to.

    Returns
    -------
    phones : list of Phone
    unknown : list of str
        IPA characters with no phone in the inventory (left out of `phones`).
    """
    symbols: list[tuple[str, int]] = []
    unknown: list[str] = []
    pending = 0
    for token in tokens:
        rest = token
        while rest:
            if rest[0] in "ˈˌ":
                pending = 1 if rest[0] == "ˈ" else 2
                rest = rest[1:]
                continue
            if len(rest) > 1 and rest[1] == _SYLLABIC:  # a syllabic consonant: schwa and the consonant
                symbols.append(("AX", 0))
                symbols.extend((s, 0) for s in IPA_TO_PHONES.get(rest[0], ()))
                rest = rest[2:]
                continue
            for size in range(min(_LONGEST, len(rest)), 0, -1):
                found = IPA_TO_PHONES.get(rest[:size])
                if found is None:
                    continue
                for symbol in found:
                    is_vowel = symbol in VOWELS
                    symbols.append((symbol, pending if is_vowel else 0))
                    if is_vowel:
                        pending = 0
                rest = rest[size:]
                break
            else:
                if rest[0] not in _IGNORED:
                    unknown.append(rest[0])
                rest = rest[1:]
    last = len(symbols) - 1
    phones = [Phone(s, stress, i == 0, i == last) for i, (s, stress) in enumerate(symbols)]
    return phones, unknown
