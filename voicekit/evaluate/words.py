"""Word errors: what a recogniser understood against what was to be said."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'"})
_NOT_A_WORD = re.compile(r"[^\w']+")


@dataclass(frozen=True)
class WordErrors:
    """Errors of one hypothesis, or of many added up.

    Attributes
    ----------
    substitutions, deletions, insertions : int
        Of one cheapest alignment; their sum is the edit distance.
    words : int
        Words of the reference.
    """

    substitutions: int
    deletions: int
    insertions: int
    words: int

    @property
    def errors(self) -> int:
        """All errors together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Word error rate; above 1 where more was inserted than was to be said.

        Raises
        ------
        ZeroDivisionError
            The reference has no words: there is no rate.
        """
        return self.errors / self.words

    def __add__(self, other: WordErrors) -> WordErrors:
        """Errors of both."""
        return WordErrors(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.words + other.words,
        )


def plain_words(text: str) -> tuple[str, ...]:
    """Words as they are compared: lower case, no punctuation, apostrophes inside words kept.

    Hyphens and dashes separate words.  Digits stay as they are: compare texts in which numbers are spelled
    out.
    """
    folded = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).casefold()
    words = (word.strip("'_") for word in _NOT_A_WORD.split(folded.replace("_", " ")))
    return tuple(word for word in words if word)


def count_word_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> WordErrors:
    """Edit distance between two sequences of words, by kind of error.

    Parameters
    ----------
    reference, hypothesis : sequence of str
        Words, see `plain_words`.

    Returns
    -------
    WordErrors
        Among alignments of equal cost, the one with most substitutions.

    Source
    ------
    R. Wagner, M. Fischer, "The string-to-string correction problem", JACM 21 (1974); unit costs.
    """
    # row[j] = (cost, deletions, insertions) of the reference read so far against hypothesis[:j]
    row = [(j, 0, j) for j in range(len(hypothesis) + 1)]
    for i, word in enumerate(reference, start=1):
        previous, row = row, [(i, i, 0)]
        for j, heard in enumerate(hypothesis, start=1):
            cost, deletions, insertions = previous[j - 1]
            best = (cost + (word != heard), deletions, insertions)
            cost, deletions, insertions = previous[j]
            best = min(best, (cost + 1, deletions + 1, insertions))
            cost, deletions, insertions = row[j - 1]
            row.append(min(best, (cost + 1, deletions, insertions + 1)))
    cost, deletions, insertions = row[-1]
    return WordErrors(cost - deletions - insertions, deletions, insertions, len(reference))
