"""Word errors, against cases aligned by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicekit.evaluate import WordErrors, count_word_errors, plain_words

WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=7)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("the cat sat", "the cat sat", WordErrors(0, 0, 0, 3)),
        ("the cat sat", "the hat sat", WordErrors(1, 0, 0, 3)),
        ("the cat sat", "the sat", WordErrors(0, 1, 0, 3)),
        ("the cat sat", "the big cat sat", WordErrors(0, 0, 1, 3)),
        ("the cat sat", "", WordErrors(0, 3, 0, 3)),
        ("", "the cat", WordErrors(0, 0, 2, 0)),
        # one word heard as two: a substitution and an insertion
        ("place a rosebush near", "place a rose bush near", WordErrors(1, 0, 1, 4)),
        # a shift by one: a deletion and an insertion, not three substitutions
        ("a b c", "b c d", WordErrors(0, 1, 1, 3)),
        ("a b", "b a", WordErrors(2, 0, 0, 2)),  # a tie: two substitutions rather than one of each other kind
    ],
)
def test_errors_by_kind(reference: str, hypothesis: str, expected: WordErrors) -> None:
    assert count_word_errors(reference.split(), hypothesis.split()) == expected


def test_rate_and_sum() -> None:
    total = WordErrors(1, 2, 3, 10) + WordErrors(0, 0, 1, 4)
    assert total == WordErrors(1, 2, 4, 14)
    assert total.rate == pytest.approx(7 / 14)
    with pytest.raises(ZeroDivisionError):
        _ = WordErrors(0, 0, 1, 0).rate


def plain_distance(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    """The recursive definition, word for word: slow, and another way to the same number."""
    if not a or not b:
        return len(a) + len(b)
    one_less = min(plain_distance(a[1:], b), plain_distance(a, b[1:])) + 1
    return min(plain_distance(a[1:], b[1:]) + (a[0] != b[0]), one_less)


@settings(max_examples=60, deadline=None)
@given(WORDS, WORDS)
def test_cost_is_the_recursive_distance(a: list[str], b: list[str]) -> None:
    found = count_word_errors(a, b)
    assert found.errors == plain_distance(tuple(a), tuple(b))
    assert found.words - found.deletions + found.insertions == len(b)
    assert min(found.substitutions, found.deletions, found.insertions) >= 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It snowed, rained, and hailed!", ("it", "snowed", "rained", "and", "hailed")),
        ("It\u2019s the man\u2019s fall.", ("it's", "the", "man's", "fall")),
        ("well-oiled wheels \u2014 \u201cgood\u201d", ("well", "oiled", "wheels", "good")),
        ("'quoted' words", ("quoted", "words")),
        ("Na\u00efve CAF\u00c9 stra\u00dfe", ("na\u00efve", "caf\u00e9", "strasse")),
        ("42 is 42", ("42", "is", "42")),
        (" . , ' ", ()),
    ],
)
def test_plain_words(text: str, expected: tuple[str, ...]) -> None:
    assert plain_words(text) == expected
