"""Run every benchmark, each in a process of its own, and write a page of them all; one that fails stops no other."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.report import command, common_options, folder_of, machine_record, say
from voicekit.errors import UsageError

NAMES = (
    "intelligibility", "prosody", "singing", "conversion", "correction", "tracker", "vocoder", "formants",
    "commanded_pitch", "pitch_loss", "steady", "no_donor", "enrolment", "spoken_consent", "speed", "onnx_speed",
    "ledger",
)  # fmt: skip
WITH_WEIGHTS = ("vocoder", "formants", "commanded_pitch", "pitch_loss")
QUICK_LIMIT_MIN = 15.0
ROOT = Path(__file__).resolve().parents[1]
_TITLE = re.compile(r"^##? (.+)$", re.MULTILINE)
_PICTURE = re.compile(r"^!\[.*?\]\(.*?\)$", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """How one benchmark ended.

    Attributes
    ----------
    name : str
    ended : str
        ``done``, ``failed`` or ``too long``.
    seconds : float
        Wall time.
    detail : str
        Its last line on the error stream where it failed.
    """

    name: str
    ended: str
    seconds: float
    detail: str = ""


def run(name: str, options: Sequence[str], limit_s: float | None) -> Outcome:
    """One benchmark in a process of its own; what it says goes to the error stream as it comes."""
    began = time.monotonic()
    line = [sys.executable, "-m", f"bench.{name}", *options]
    last = ["no message"]
    ended = "done"
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:

        def pass_on() -> None:
            for said in process.stderr or ():
                sys.stderr.write(said)
                last[0] = said.strip() or last[0]

        reader = threading.Thread(target=pass_on)
        reader.start()
        try:
            ended = "failed" if process.wait(timeout=limit_s) else "done"
        except subprocess.TimeoutExpired:
            process.kill()
            ended = "too long"
        reader.join(timeout=5.0)
    return Outcome(name, ended, time.monotonic() - began, "" if ended == "done" else last[0])


def page(outcomes: Sequence[Outcome], out: Path, quick: bool) -> str:
    """A page with how each ended and the pictures of all."""
    machine = machine_record()
    lines = ["# Benchmarks", ""]
    if quick:
        lines += ["**Quick run: a few items only, not to be quoted.**", ""]
    lines += ["| benchmark | what | ended | minutes |", "|---|---|---|---:|"]
    pictures: list[str] = []
    for one in outcomes:
        path = out / f"{one.name}.md"
        text = path.read_text(encoding="utf-8") if one.ended == "done" and path.is_file() else ""
        title = _TITLE.search(text)
        what = title.group(1) if title else one.detail.replace("|", "\\|")
        name = f"[{one.name}]({one.name}.md)" if text else one.name
        lines.append(f"| {name} | {what} | {one.ended} | {one.seconds / 60:.1f} |")
        if shown := _PICTURE.findall(text):
            pictures += [f"## {title.group(1) if title else one.name}", "", "\n\n".join(shown), ""]
    lines += ["", f"{machine['cpu']}, {machine['cores']} cores, {machine['commit']}", "", *pictures]
    return "\n".join(lines).rstrip() + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Run them; 1 when one of them failed (the others are run all the same)."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    common_options(parser)
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"some of: {', '.join(NAMES)}")
    parser.add_argument("--weights", type=Path, help="vocoder weights instead of the shipped ones")
    parser.add_argument("--workers", type=int, default=1, help="processes of commanded_pitch (default: 1)")
    parser.add_argument(
        "--limit", type=float, help=f"minutes each may take (default: no limit; with --quick {QUICK_LIMIT_MIN:g})"
    )
    given = parser.parse_args(argv)
    if unknown := sorted(set(given.only or ()) - set(NAMES)):
        raise UsageError(f"there is no benchmark {', '.join(unknown)}", f"choose from {', '.join(NAMES)}")
    out: Path = folder_of(given).resolve()
    out.mkdir(parents=True, exist_ok=True)
    limit_min = given.limit or (QUICK_LIMIT_MIN if given.quick else None)
    outcomes: list[Outcome] = []
    for name in [name for name in NAMES if name in (given.only or NAMES)]:
        say(f"== {name}")
        options = ["--out", str(out), *(["--quick"] if given.quick else [])]
        if given.weights is not None and name in WITH_WEIGHTS:
            options += ["--weights", str(given.weights.resolve())]
        if name == "commanded_pitch":
            options += ["--workers", str(given.workers)]
        outcomes.append(run(name, options, 60 * limit_min if limit_min else None))
        say(f"== {name}: {outcomes[-1].ended}, {outcomes[-1].seconds:.0f} s")
        (out / "all.md").write_text(page(outcomes, out, given.quick), encoding="utf-8")
        record = {"quick": given.quick, "machine": machine_record(), "outcomes": [asdict(one) for one in outcomes]}
        (out / "all.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    failed = [one.name for one in outcomes if one.ended != "done"]
    if failed:
        say(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    command(main)
