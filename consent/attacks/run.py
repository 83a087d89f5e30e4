"""Run the corpus, and print what was caught."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ..errors import UsageError
from . import (
    bypass,
    content,
    erasure,
    gate,
    hostile,
    identity,
    kinds,
    operands,
    processes,
    races,
    rollback,
    rows,
    scopes,
)
from .lab import Attack, Lab, Result, reason_of

__all__ = ["ATTACKS", "as_dict", "main", "run", "table"]

_ALL: tuple[Attack, ...] = tuple(
    attack
    for module in (
        rows,
        rollback,
        kinds,
        identity,
        gate,
        scopes,
        operands,
        bypass,
        races,
        processes,
        hostile,
        erasure,
        content,
    )
    for attack in module.ATTACKS
)
#: Every attack by its number, A1 first.
ATTACKS: dict[str, Attack] = {
    attack.number: attack for attack in sorted(_ALL, key=lambda item: int(item.number.removeprefix("A")))
}


def run(
    only: Iterable[str] = (),
    *,
    out: Path | None = None,
    quick: bool = False,
    work: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[Result]:
    """Carry out attacks and judge the answers.

    Parameters
    ----------
    only : iterable of str
        Numbers such as A1; all of them when empty.
    out : Path, optional
        Folder for the files, one folder for each attack.
    quick : bool
        Samples where everything takes long.
    work : Path, optional
        Folder to work in; a temporary one when left out.
    progress : callable, optional
        Told the number of each attack before it begins.

    Returns
    -------
    list of Result

    Raises
    ------
    UsageError
        An attack that does not exist.
    """
    wanted = [item.upper() for item in only] or list(ATTACKS)
    unknown = [item for item in wanted if item not in ATTACKS]
    if unknown:
        raise UsageError(f"there is no attack {', '.join(unknown)}; known are {', '.join(ATTACKS)}")
    if work is not None:
        return [_one(ATTACKS[number], work, out, quick, progress) for number in wanted]
    with tempfile.TemporaryDirectory(prefix="consent-attacks-") as folder:
        return [_one(ATTACKS[number], Path(folder), out, quick, progress) for number in wanted]


def _one(attack: Attack, work: Path, out: Path | None, quick: bool, progress: Callable[[str], None] | None) -> Result:
    if progress:
        progress(f"{attack.number} {attack.title}")
    folder = work / attack.number
    folder.mkdir(parents=True)
    kept = out / f"A{int(attack.number[1:]):02d}" if out else None
    lab = Lab(attack, folder, kept, quick=quick)
    began = time.monotonic()
    try:
        attack.run(lab)
    except Exception as exc:  # an attack that cannot be carried out is a miss, never a silent gap
        lab.holds("setup", "the attack itself failed", lambda: False, f"carried out ({reason_of(exc)})")
    finally:
        lab.close()
    lab.result.seconds = time.monotonic() - began
    lab.write_manifest()
    return lab.result


def as_dict(results: Sequence[Result]) -> dict[str, Any]:
    """For JSON."""
    return {
        "ok": not any(result.missed for result in results),
        "cases": sum(result.total for result in results),
        "caught": sum(result.caught for result in results),
        "attacks": [
            {
                "attack": result.attack.number,
                "title": result.attack.title,
                "required": result.attack.required,
                "cases": result.total,
                "caught": result.caught,
                "reasons": dict(sorted(result.reasons.items())),
                "missed": [{"case": m.case, "done": m.done, "ours": m.ours} for m in result.missed],
                "waiting": result.waiting,
                "notes": result.notes,
                "not_detectable": list(result.attack.limits),
                "milliseconds": int(result.seconds * 1_000),
            }
            for result in results
        ],
    }


def table(results: Sequence[Result]) -> str:
    """A Markdown table: attack, cases, caught, reasons seen, what cannot be detected."""
    lines = [
        "| | Attack | Cases | Caught | Answers seen | Not detectable |",
        "|---|---|---|---|---|---|",
    ]
    for result in results:
        attack = result.attack
        seen = ", ".join(f"`{name}`" for name in sorted(result.reasons)) or "-"
        limits = "; ".join([*attack.limits, *(f"waiting: {item}" for item in result.waiting)])
        cells = (attack.number, attack.title, f"{result.total}", f"{result.caught}", seen, limits or "-")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _text(results: Sequence[Result]) -> str:
    lines = []
    for result in results:
        mark = "MISSED" if result.missed else ("waits" if result.waiting and not result.cases else "caught")
        lines.append(
            f"{result.attack.number:>4}  {mark:<6} {result.caught:>6} of {result.total:<6} "
            f"{result.seconds:6.1f} s  {result.attack.title}"
        )
        lines += [f"        {name} x {count}" for name, count in sorted(result.reasons.items())]
        lines += [f"        note: {item}" for item in result.notes]
        lines += [f"        waiting: {item}" for item in result.waiting]
        lines += [f"        not detectable: {item}" for item in result.attack.limits]
        lines += [f"        MISSED {m.case}: {m.done}; answer: {m.ours}" for m in result.missed]
    total, caught = sum(r.total for r in results), sum(r.caught for r in results)
    lines.append(f"{caught} of {total} cases of {len(results)} attacks answered as a sound tool must")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the corpus from a command line; 0 when every case was caught, 1 when one was missed, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m consent.attacks",
        description="Attack a consent ledger in 24 ways and say what was caught.",
        epilog="Example: python -m consent.attacks --only A1,A3 --out corpus",
    )
    parser.add_argument("--out", metavar="DIR", help="write each attack's files and a manifest.json there")
    parser.add_argument("--only", metavar="A1,A3", default="", help="these attacks alone")
    parser.add_argument("--quick", action="store_true", help="samples where everything takes minutes")
    parser.add_argument("--keep", action="store_true", help="keep the folder the attacks worked in")
    parser.add_argument("--list", action="store_true", help="list the attacks and stop")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one machine-readable result on standard output")
    form.add_argument("--table", action="store_true", help="a Markdown table on standard output")
    try:
        args = parser.parse_args(argv)
    except SystemExit as exc:
        return int(exc.code or 0)
    if args.list:
        for attack in ATTACKS.values():
            print(f"{attack.number:>4}  {attack.title}\n        {attack.required}")
        return 0
    work = Path(tempfile.mkdtemp(prefix="consent-attacks-")) if args.keep else None
    names = [part for part in args.only.replace(" ", "").split(",") if part]
    try:
        results = run(
            names,
            out=Path(args.out) if args.out else None,
            quick=args.quick,
            work=work,
            progress=lambda text: print(text, file=sys.stderr),
        )
    except UsageError as exc:
        print(f"python -m consent.attacks: {exc}", file=sys.stderr)
        return 2
    if work is not None:
        print(f"worked in {work}", file=sys.stderr)
    if args.json:
        print(json.dumps(as_dict(results), ensure_ascii=False, indent=2))
    else:
        print(table(results) if args.table else _text(results))
    return 1 if any(result.missed for result in results) else 0
