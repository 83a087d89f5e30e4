"""Run every benchmark, one after the other, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.report import command, parse, say

NAMES = ("intelligibility", "vocoder", "formants", "commanded_pitch", "prosody", "no_donor", "speed", "ledger")
ROOT = Path(__file__).resolve().parents[1]


def main(argv: Sequence[str] | None = None) -> int:
    """Run them; 1 when one of them failed (the others are run all the same)."""
    options = parse(__doc__ or "", argv, weights=True, workers=True)
    failed = []
    for name in NAMES:
        say(f"== {name}")
        line = [sys.executable, "-m", f"bench.{name}", "--out", str(options.out.resolve())]
        if options.quick:
            line.append("--quick")
        if options.weights is not None and name in ("vocoder", "formants", "commanded_pitch"):
            line += ["--weights", str(options.weights.resolve())]
        if name == "commanded_pitch":
            line += ["--workers", str(options.workers)]
        if subprocess.run(line, cwd=ROOT).returncode:
            failed.append(name)
    parts = [options.out / f"{name}.md" for name in NAMES if name not in failed]
    summary = "\n".join(part.read_text(encoding="utf-8") for part in parts if part.is_file())
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "all.md").write_text(summary, encoding="utf-8")
    if failed:
        say(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    command(main)
