"""The spoken challenge: words that encode the digest of one very grant, so that saying them agrees to that one.

Pure and light: the verifier computes the words anew from the grant in a proof. What keeps open challenges, and
how a recording is bound to a grant, is in `spoken`.

The words are the first 66 bits of PBKDF2-HMAC-SHA256(digest, salt "voicekit spoken challenge/1", 100,000
rounds), eleven bits a word. The digest is that of the grant without spoken evidence. The rounds are there
because an operator may draw nonces until another grant has nearly the same words: two words in six may be
misheard, so an old recording fits a new grant in one of 2^40 drawings, each of which costs 100,000 hashes.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from .challenge_words_table import WORDS
from .statements import Grant

__all__ = [
    "ALLOWED_MISSES",
    "CHALLENGE_WORDS",
    "STATEMENT_PPM",
    "VALID_SECONDS",
    "WORDS_PPM",
    "bare",
    "challenge_words",
    "compare_words",
    "plain_words",
    "statement_text",
]

CHALLENGE_WORDS = 6
ALLOWED_MISSES = 2
VALID_SECONDS = 900
#: Share of the challenge words that must be heard in their places.
WORDS_PPM = 1_000_000 * (CHALLENGE_WORDS - ALLOWED_MISSES) // CHALLENGE_WORDS
#: Share of the sentence before them that must be heard, in order.
STATEMENT_PPM = 400_000

_BITS = 11
_PUT_IN = 1
_ROUNDS = 100_000
_SALT = b"voicekit spoken challenge/1"
_MODES = {"speech": "speaking", "singing": "singing", "conversion": "other people's recordings in my voice"}
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_ONES = (
    "", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
             "twelve": "twelfth", "twenty": "twentieth", "thirty": "thirtieth"}  # fmt: skip


def bare(grant: Grant) -> Grant:
    """The grant without its spoken evidence: what the challenge encodes."""
    rest = tuple(item for item in grant.evidence if item.kind != "spoken")
    return dataclasses.replace(grant, evidence=rest)


def challenge_words(grant: Grant) -> tuple[str, ...]:
    """The words a speaker reads to agree to `grant`; the same with and without its spoken evidence."""
    return _words(bare(grant).digest)


@lru_cache(maxsize=1024)
def _words(digest: str) -> tuple[str, ...]:
    stretched = hashlib.pbkdf2_hmac("sha256", bytes.fromhex(digest), _SALT, _ROUNDS, 16)
    number = int.from_bytes(stretched, "big") >> (128 - _BITS * CHALLENGE_WORDS)
    places = (number >> (_BITS * i) & (len(WORDS) - 1) for i in reversed(range(CHALLENGE_WORDS)))
    return tuple(WORDS[place] for place in places)


def statement_text(grant: Grant, name: str) -> str:
    """The sentence to be read, and then the challenge words.

    Parameters
    ----------
    grant : Grant
        What is agreed to.
    name : str
        The speaker's name; left out of the sentence when empty (the grant holds only its hash).
    """
    who = f"I, {name}, allow" if name else "I allow"
    modes = _join([_MODES[mode] for mode in ("speech", "singing", "conversion") if mode in grant.scope.modes])
    use = "for commercial use" if grant.scope.commercial else "for use that is not commercial"
    until = _spoken_day(grant.validity.not_after)
    return (
        f"{who} {grant.grantee.name} to make my synthetic voice for {modes}, {use}, until {until}, "
        f"and I know that I can withdraw this at any time. My words are: {', '.join(challenge_words(grant))}."
    )


def _join(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _spoken_day(moment: int) -> str:
    """The last whole day before `moment` as words (UTC)."""
    day = datetime.datetime.fromtimestamp(moment - 1, datetime.UTC)
    words = _number(day.day).split()
    words[-1] = _ORDINALS.get(words[-1], words[-1] + "th")
    century, rest = divmod(day.year, 100)
    tail = "hundred" if rest == 0 else (f"oh {_number(rest)}" if rest < 10 else _number(rest))
    year = f"two thousand {_number(rest)}".strip() if century == 20 and rest < 10 else f"{_number(century)} {tail}"
    return f"the {' '.join(words)} of {_MONTHS[day.month - 1]} {year}"


def _number(value: int) -> str:
    tens, ones = divmod(value, 10)
    return _ONES[value] if value < 20 else f"{_TENS[tens]} {_ONES[ones]}".strip()


def plain_words(text: str) -> tuple[str, ...]:
    """Lower-case words of a text, without marks and accents: what a recogniser can be asked for."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("’", "'"))
    return tuple(re.findall(r"[a-z]+(?:'[a-z]+)?", "".join(c for c in plain if not unicodedata.combining(c))))


def compare_words(heard: Sequence[str], statement: str, challenge: Sequence[str]) -> tuple[int, int]:
    """How much of a statement was heard, in ppm: of the challenge words in their places, and of the sentence.

    The challenge words must come one after the other: heard words are laid on them by the best window of their
    number and one more (a cough is heard as a word), so a recording in which they are scattered does not count.

    Parameters
    ----------
    heard : sequence of str
        What a recogniser understood that did not know the answer.
    statement : str
        From `statement_text`.
    challenge : sequence of str
        The words at its end.
    """
    words = plain_words(statement)
    sentence = words[: len(words) - len(challenge)]
    found = 0
    for start in range(len(heard)):
        window = heard[start : start + len(challenge) + _PUT_IN]
        found = max(found, _common(window, challenge))
    before = _common(heard, sentence)
    return 1_000_000 * found // len(challenge), 1_000_000 * before // max(len(sentence), 1)


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for x in a:
        last = 0
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], last + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]
