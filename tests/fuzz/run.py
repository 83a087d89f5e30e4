"""Fuzz the parsers: `python -m tests.fuzz.run --minutes 10 [--only note,proof] [--seed 7] [--crashes DIR]`.

Two ways in turn: changes to seeds and to inputs that came further than those before (by the answer's text), and
hypothesis' own strategies for JSON, text and bytes. An input that ends in any exception but an error of `consent`
is kept as a file. Exit code 1 when there was one.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.mutate import mutated
from tests.fuzz.targets import TARGETS, clean, run_one

CORPUS = Path(__file__).parent / "corpus"
SLOW_SECONDS = 5.0
_MOST_KEPT = 400


def seeds_of(name: str) -> list[bytes]:
    """Seeds of a target; those of the whole corpus when it has none of its own."""
    own = sorted((CORPUS / name).glob("*"))
    if name == "database":
        from tests.fuzz.targets import _ledger

        return [_ledger()[1]]
    return [path.read_bytes() for path in own] or [b""]


class Fuzzer:
    """One target, what was tried and what was found."""

    def __init__(self, name: str, rng: random.Random, crashes: Path | None) -> None:
        self.name, self.rng, self.crashes = name, rng, crashes
        self.pool = seeds_of(name)
        self.seeds = len(self.pool)
        self.answers: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.found: dict[str, bytes] = {}
        self.slow: float = 0.0

    def one(self, data: bytes) -> None:
        """Run one input, and judge what comes out."""
        began = time.monotonic()
        try:
            answer = run_one(self.name, data)
            self.counts[answer.split(" ", 1)[0]] += 1
            # Digits and quoted input stripped: the kind of answer, not its particulars.
            answer = "".join(c for c in answer.split("'")[0] if not c.isdigit())[:80]
        except Exception as exc:  # the very thing that is looked for
            answer = f"{type(exc).__name__} at {_place(exc)}"
            self.counts["crashed"] += 1
            if answer not in self.found:
                self.found[answer] = data
                self._keep(answer, data)
        self.slow = max(self.slow, time.monotonic() - began)
        if answer not in self.answers:
            self.answers.add(answer)
            if len(self.pool) < self.seeds + _MOST_KEPT and len(data) < 200_000:
                self.pool.append(data)

    def _keep(self, answer: str, data: bytes) -> None:
        print(f"CRASH {self.name}: {answer}", file=sys.stderr)
        if self.crashes is not None:
            self.crashes.mkdir(parents=True, exist_ok=True)
            (self.crashes / f"{self.name}-{len(self.found)}").write_bytes(data)

    def mutate(self, seconds: float, most: int = sys.maxsize) -> None:
        """Change inputs for a while."""
        end = time.monotonic() + seconds
        for data in self.pool[: self.seeds]:
            self.one(data)
        while time.monotonic() < end and most > 0:
            most -= 1
            data = self.rng.choice(self.pool)
            for _turn in range(self.rng.choice((1, 1, 2, 3))):
                data = mutated(data, self.rng.choice(self.pool), self.rng)
            self.one(data)

    def strategies(self, examples: int) -> None:
        """What hypothesis thinks of."""
        texts = st.text(max_size=60)
        values = st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | texts,
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
            max_leaves=12,
        )
        import json

        whole = st.dictionaries(texts, values, max_size=5).map(lambda v: json.dumps(v).encode())
        inputs = st.binary(max_size=200) | texts.map(lambda t: t.encode("utf-8", "surrogatepass")) | whole

        @seed(self.rng.randrange(2**32))
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(inputs)
        def tried(data: bytes) -> None:
            self.one(data)

        tried()

    @property
    def line(self) -> str:
        """One row of a table."""
        counts = self.counts
        return (
            f"| {self.name} | {sum(counts.values())} | {counts['accepted']} | {len(self.answers)} | "
            f"{len(self.found)} | {self.slow:.2f} |"
        )


def _place(exc: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(exc.__traceback__) if "consent" in f.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].name}" if frames else "?"


def fuzz(
    names: Sequence[str], seconds: float, *, number: int = 1, crashes: Path | None = None, most: int = sys.maxsize
) -> list[Fuzzer]:
    """Fuzz each target for its share of `seconds`."""
    done = []
    for name in names:
        fuzzer = Fuzzer(name, random.Random(f"{number}-{name}"), crashes)
        fuzzer.strategies(min(most, 20 if name == "database" else 300))
        fuzzer.mutate(seconds / len(names), most)
        done.append(fuzzer)
        print(fuzzer.line, flush=True)
    return done


def main(argv: Sequence[str] | None = None) -> int:
    """From a command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", default="", metavar="NAME,NAME", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--crashes", type=Path, metavar="DIR", help="where inputs that crash a parser are kept")
    args = parser.parse_args(argv)
    names = [name for name in args.only.split(",") if name] or list(TARGETS)
    print("| parser | inputs | accepted | kinds of answer | crashes | slowest (s) |\n|---|---|---|---|---|---|")
    try:
        done = fuzz(names, args.minutes * 60, number=args.seed, crashes=args.crashes)
    finally:
        clean()
    total = sum(sum(item.counts.values()) for item in done)
    print(f"{total} inputs in {args.minutes} minutes, {sum(len(item.found) for item in done)} crashes", flush=True)
    return 1 if any(item.found or item.slow > SLOW_SECONDS for item in done) else 0


if __name__ == "__main__":
    sys.exit(main())
