"""A short run of every fuzzing target, every input that once crashed a parser, and the fuzzer's own judgement."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz import targets
from tests.fuzz.mutate import mutated
from tests.fuzz.run import CORPUS, Fuzzer, seeds_of
from tests.fuzz.targets import TARGETS, run_one

REGRESSIONS = sorted((Path(__file__).parent / "regressions").glob("*/*"))
#: Parsers whose seeds cannot be accepted: they are signed by another key, or open under another one.
FOREIGN = {"note", "permit", "revocation", "record", "sealed", "database"}


@pytest.fixture(autouse=True, scope="module")
def _clean() -> Iterator[None]:
    yield
    targets.clean()


@pytest.mark.parametrize("name", list(TARGETS))
def test_a_short_run(name: str) -> None:
    fuzzer = Fuzzer(name, random.Random(f"smoke-{name}"), None)
    fuzzer.mutate(20.0, 15 if name == "database" else 150)
    assert fuzzer.found == {}
    assert sum(fuzzer.counts.values()) >= 15
    assert fuzzer.slow < 5.0


@pytest.mark.parametrize("name", sorted(set(TARGETS) - FOREIGN))
def test_seeds_are_understood(name: str) -> None:
    answers = [run_one(name, data) for data in seeds_of(name)]
    assert any(answer.startswith("accepted") for answer in answers), answers


def test_every_parser_has_seeds() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS) - {"database"}


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_inputs_that_once_crashed_a_parser(path: Path) -> None:
    run_one(path.parent.name, path.read_bytes())


def test_a_crash_is_a_find(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fragile(data: bytes) -> None:
        if b"\xff" in data:
            raise IndexError("fragile")

    monkeypatch.setitem(TARGETS, "base64", fragile)
    fuzzer = Fuzzer("base64", random.Random(1), tmp_path)
    fuzzer.mutate(20.0, 500)
    assert fuzzer.counts["crashed"] and len(fuzzer.found) == 1
    assert b"\xff" in next(tmp_path.iterdir()).read_bytes()


def test_changes_change_something_and_are_repeatable() -> None:
    seed = seeds_of("payload")[0]
    first = [mutated(seed, seed, random.Random(number)) for number in range(200)]
    assert first == [mutated(seed, seed, random.Random(number)) for number in range(200)]
    assert len(set(first)) > 150
