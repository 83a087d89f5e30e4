"""What every benchmark shares: its options, the record of the machine, JSON and markdown."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

from consent import ConsentError
from voicekit.errors import VoicekitError

RESULTS = Path(__file__).resolve().parent / "results"
QUICK_RESULTS = RESULTS / "quick"
PACKAGES = (
    "numpy",
    "torch",
    "praat-parselmouth",
    "pyworld",
    "torchcrepe",
    "pocketsphinx",
    "speechmos",
    "pesq",
    "pystoi",
)


@dataclass(frozen=True)
class Options:
    """How a benchmark is to be run.

    Attributes
    ----------
    quick : bool
        A few items only: to see that it works, not to quote.
    out : Path
        Folder for ``NAME.json`` and ``NAME.md``.
    weights : Path or None
        Vocoder weights to measure instead of the shipped ones.
    workers : int
        Processes, where a benchmark can use more than one.
    """

    quick: bool
    out: Path
    weights: Path | None = None
    workers: int = 1
    clips: int = 0  #: 0: as many as the bench takes by itself

    @property
    def scratch(self) -> Path:
        """A folder for what may be made again, inside `out`; made when asked for."""
        folder = self.out / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def parse(
    description: str, argv: Sequence[str] | None, *, weights: bool = False, workers: bool = False
) -> Options:
    """Options from a command line."""
    parser = argparse.ArgumentParser(description=description.strip().splitlines()[0])
    common_options(parser)
    if weights:
        parser.add_argument("--weights", type=Path, help="vocoder weights instead of the shipped ones")
        parser.add_argument("--clips", type=int, default=0, help="how many clips (default: 24, or 5 with --quick)")
    if workers:
        parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    given = parser.parse_args(argv)
    return Options(
        given.quick,
        folder_of(given),
        getattr(given, "weights", None),
        getattr(given, "workers", 1),
        getattr(given, "clips", 0),
    )


def common_options(parser: argparse.ArgumentParser) -> None:
    """The options that every benchmark has."""
    parser.add_argument("--quick", action="store_true", help="few items: shows that it works, not to be quoted")
    parser.add_argument(
        "--out", type=Path, help="folder for the results (default: bench/results, with --quick bench/results/quick)"
    )


def folder_of(given: argparse.Namespace) -> Path:
    """Where results go: a quick run does not write over what was measured in full."""
    out: Path | None = given.out
    return out or (QUICK_RESULTS if given.quick else RESULTS)


@dataclass(frozen=True)
class Table:
    """A table for people: a title, column heads, rows of the same length."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]

    def markdown(self) -> str:
        """The table in GitHub's markdown; floats with the digits they were rounded to, nan as a dash."""
        lines = [f"### {self.title}", "", "| " + " | ".join(self.columns) + " |"]
        lines.append("|" + "|".join("---" if i == 0 else "---:" for i in range(len(self.columns))) + "|")
        lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in self.rows]
        return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, float) and math.isnan(value):
        return "-"
    return str(value)


def rounded(value: float, digits: int) -> str:
    """A float with a fixed number of digits; a dash for nan."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def percent(share: float) -> str:
    """A share as a percentage with one digit."""
    return rounded(100 * share, 1)


@dataclass
class Report:
    """What a benchmark found.

    Attributes
    ----------
    name : str
        Of the benchmark, and of its files.
    title : str
    data : dict
        Everything measured, for machines.
    tables : list of Table
    notes : list of str
        What was left out and why, and what the reader must know.
    """

    name: str
    title: str
    data: dict[str, Any] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def write(self, options: Options, *, show: bool = True) -> Path:
        """Write ``NAME.json``, its pictures and ``NAME.md``, print the latter, and give the JSON file's path."""
        from bench.plots import draw, embed  # which draws from what was written, and knows this module

        options.out.mkdir(parents=True, exist_ok=True)
        machine = machine_record()
        record = {
            "benchmark": self.name,
            "quick": options.quick,
            "machine": machine,
            "notes": self.notes,
            "results": self.data,
        }
        target = options.out / f"{self.name}.json"
        target.write_text(json.dumps(_plain(record), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        parts = [f"## {self.title}\n"]
        if options.quick:
            parts.append("**Quick run: a few items only, not to be quoted.**\n")
        parts += [table.markdown() for table in self.tables]
        parts += [f"- {note}" for note in self.notes]
        parts.append(f"\n{machine['cpu']}, {machine['cores']} cores; {self.command(options)}\n")
        text = embed("\n".join(parts), draw(target))
        (options.out / f"{self.name}.md").write_text(text, encoding="utf-8")
        if show:
            print(text)
        return target

    def command(self, options: Options) -> str:
        """The command that gives this report."""
        flags = (" --quick" if options.quick else "") + (f" --clips {options.clips}" if options.clips else "")
        return f"`python -m bench.{self.name}{flags}`"


def _plain(value: Any) -> Any:
    """JSON has no nan or infinity: None and a string stand for them."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, float) and math.isinf(value):
        return "infinite" if value > 0 else "-infinite"
    if hasattr(value, "item"):
        return _plain(value.item())
    return value


def machine_record() -> dict[str, Any]:
    """The processor, the system, the versions that matter, and the commit measured."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": versions,
        "commit": _commit(),
    }


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass  # not Linux: the next best name
    return platform.processor() or "unknown processor"


def _commit() -> str:
    try:
        asked = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=RESULTS.parent, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return asked.stdout.strip()


def say(text: str) -> None:
    """Progress, for people, on the error stream."""
    print(text, file=sys.stderr, flush=True)


def one_thread() -> None:
    """Keep this process on one core and torch on one thread: the figures then do not depend on how many
    there are."""
    import torch

    torch.set_num_threads(1)


def command(main: Callable[[], int]) -> NoReturn:
    """Run a benchmark as a program: what was foreseen ends in one line on the error stream and exit code 2."""
    try:
        code = main()
    except (VoicekitError, ConsentError) as problem:
        say(f"bench: {problem}")
        code = 2
    except KeyboardInterrupt:
        say("bench: interrupted")
        code = 3
    raise SystemExit(code)
