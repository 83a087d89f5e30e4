"""How soon a warm process is heard: from the call to the first samples, as JSON on stdout (used by ``bench.speed``)."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

SENTENCE = "The wind went round the house, and nobody would say whether the old man had come back from the sea."
CLAUSE = "and the river ran on past the mill, past the grey church, down to the harbour where the boats lay"
TEXTS = {
    "short": "It was a dark night.",
    "usual": SENTENCE,
    "as long as one is allowed to be": ", ".join([CLAUSE] * 4)[:440] + ".",
}
ROUNDS = 7


class _FirstHeard(Exception):
    """Enough was heard."""


def measure(studio: Any, voice: str, text: str, out: Path) -> dict[str, float]:
    """Seconds of wall and processor time from the call of `Studio.narrate` to the first samples, and how many came."""
    from voicekit.studio import NarrateOptions

    found: dict[str, float] = {}
    wall, cpu = time.perf_counter(), time.process_time()

    def hear(samples: Any, sample_rate: int) -> None:
        found.update(wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu)
        found["heard_s"] = len(samples) / sample_rate
        raise _FirstHeard

    with contextlib.suppress(_FirstHeard):
        studio.narrate(
            text, voice=voice, out=out, options=NarrateOptions(formats=("flac",), profile="clip"), hear=hear
        )
    return found


def main() -> int:
    """Warm up, then measure each text in a folder of its own with words never said before."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voice", required=True)
    parser.add_argument("--cores", type=int, required=True)
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: given.cores]))
    from voicekit.studio import Studio

    with tempfile.TemporaryDirectory(prefix="voicekit-bench-") as scratch:
        studio = Studio.create(Path(scratch) / "studio", "bench")
        studio.adopt_house_voice(given.voice)
        measure(studio, given.voice, "This warms the process.", Path(scratch) / "warm")
        rows = []
        for name, text in TEXTS.items():
            runs = [
                measure(studio, given.voice, f"{_NUMBERS[n]}: {text}", Path(scratch) / f"{len(text)}-{n}")
                for n in range(ROUNDS)
            ]
            rows.append(
                {
                    "text": name,
                    "characters": len(text),
                    "wall_s": statistics.median(run["wall_s"] for run in runs),
                    "wall_worst_s": max(run["wall_s"] for run in runs),
                    "cpu_s": statistics.median(run["cpu_s"] for run in runs),
                    "heard_s": statistics.median(run["heard_s"] for run in runs),
                }
            )
        studio.close()
    print(json.dumps(rows))
    return 0


_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven")  # a new take each time

if __name__ == "__main__":
    raise SystemExit(main())
