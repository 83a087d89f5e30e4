"""Errors say file, place and remedy, in one line, and survive a process border."""

from __future__ import annotations

import pickle
from pathlib import Path

from voicekit.errors import InputError, UsageError, VoicekitError


def test_input_error() -> None:
    error = InputError(Path("a/book.epub"), "OPS/x.xhtml, line 3", "is damaged", "get it again")
    assert str(error) == "a/book.epub: OPS/x.xhtml, line 3: is damaged. get it again"
    assert (error.file, error.place, error.problem, error.remedy) == (
        "a/book.epub",
        "OPS/x.xhtml, line 3",
        "is damaged",
        "get it again",
    )
    assert str(InputError("book", "", "is empty", "")) == "book: is empty"
    assert isinstance(error, VoicekitError)


def test_pickling_keeps_the_parts() -> None:
    for error in (InputError("f", "p", "q", "r"), UsageError("m", "r")):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert again.__dict__ == error.__dict__
        assert str(again) == str(error)


def test_usage_error() -> None:
    assert str(UsageError("no voice 'x'", "see voicekit voices")) == "no voice 'x' (see voicekit voices)"
    assert not isinstance(UsageError("x"), InputError)
