"""Which way the melody goes at each mark: what the words say that the mark alone does not.

A question that asks whether ends up, one that asks who, what or why falls like a statement, and so does the last of
alternatives; the items of a list are held up until the last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["FALLING_QUESTION", "LIST_COMMA", "tones"]

FALLING_QUESTION = "?\\"  #: who, what, why; tea or coffee
LIST_COMMA = ",+"  #: after an item that is not the last but one

_PHRASE = re.compile(r"([^,;:.?!—–…]*)([,;:.?!—–…]+)")
_WORD = re.compile(r"[\w']+")
_LEAD = frozenset(["and", "but", "so", "or", "then", "well", "oh", "now", "yet", "for"])
_WH = frozenset(
    ["who", "whom", "whose", "what", "which", "when", "where", "why", "how", "who's", "what's", "where's", "how's"]
)
_LONGEST_ITEM = 5  # words of an item of a list


def tones(spoken: str, marks: Sequence[str]) -> tuple[str, ...]:
    """Marks told apart by what stands before them.

    Parameters
    ----------
    spoken : str
        Plain words and marks.
    marks : sequence of str
        The marks found in it by the phonemiser, one a place, empty where there is none.

    Returns
    -------
    tuple of str
        The same marks; ``?\\`` for a question that falls and ``,+`` for the comma of a list.
    """
    phrases = [(_WORD.findall(words.lower()), mark) for words, mark in _PHRASE.findall(spoken) if _WORD.search(words)]
    places = [index for index, mark in enumerate(marks) if mark]
    if len(places) < len(phrases) or [m[:1] for _, m in phrases] != [marks[i] for i in places[: len(phrases)]]:
        return tuple(marks)  # said otherwise than written: the marks stand for themselves
    found = list(marks)
    for number, (_words, mark) in enumerate(phrases):
        if mark[0] == "?" and _falls(phrases, number):
            found[places[number]] = FALLING_QUESTION
        elif mark[0] == "," and _is_item(phrases, number):
            found[places[number]] = LIST_COMMA
    return tuple(found)


def _falls(phrases: list[tuple[list[str], str]], number: int) -> bool:
    """Whether the question that ends with this phrase asks for a thing rather than for yes or no."""
    first = number
    while first and phrases[first - 1][1][0] in ",;:—–":
        first -= 1
    words = phrases[number][0]
    if first < number and len(words) <= 3 and words[-1] in ("i", "you", "he", "she", "it", "we", "they"):
        return False  # a tag: "what a day, isn't it?"
    for opening in (phrases[first][0], words):
        lead = [word for word in opening if word not in _LEAD][:2]
        if lead and lead[0] in _WH:
            return True
        if len(lead) == 2 and lead[1] in ("what", "whom", "which") and lead[0] in ("to", "for", "with", "from", "in"):
            return True
    return "or" in words[1:-1] and "or not" not in " ".join(words)


def _is_item(phrases: list[tuple[list[str], str]], number: int) -> bool:
    """Whether the phrase before a comma is an item of a list: a run of short phrases closed by "and" or "or"."""
    first = last = number
    while first and phrases[first - 1][1][0] == "," and len(phrases[first][0]) <= _LONGEST_ITEM:
        first -= 1
    while last + 1 < len(phrases) and phrases[last][1][0] == ",":
        last += 1
        if phrases[last][0][0] in ("and", "or"):
            short = all(len(words) <= _LONGEST_ITEM for words, _ in phrases[first + 1 : last])
            return short and last - first >= 2
    return False
