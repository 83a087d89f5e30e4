"""How long a narration takes from text to delivered files, on one core and two, how much memory it needs, and how
soon its first sound is heard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.report import Options, Report, Table, command, parse, rounded, say
from voicekit.engines import list_voices
from voicekit.errors import UsageError

ROOT = Path(__file__).resolve().parents[1]
CHAPTER = ROOT / "voicekit" / "demo" / "chapter.txt"
LONGER = 10
QUICK_LONGER = 3
QUICK_CHARACTERS = 1500
PARAGRAPH = 400  #: characters at least
WARM_TEXT = "This makes the byte code."
STAGES = {
    "imports": "imports without torch, studio, grant",
    "torch": "import of torch and the engine",
    "voice": "weights, plan, permit, first sentence",
    "speak": "the other sentences",
    "master": "finding the gain",
    "encode": "mastering and encoding",
    "verify": "end of encoding, reading back",
    "deliver": "receipt, delivery",
}


def environment(cache: Path, cores: int = 1) -> dict[str, str]:
    """Of a measured process: byte code is kept, as an installer leaves it, whatever the caller's own habit is."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(cache), "OMP_NUM_THREADS": str(cores)}


def narrate(text: str, voice: str, cores: int, cache: Path) -> dict[str, Any]:
    """Narrate in a fresh process and a fresh studio (no take is reused).

    Raises
    ------
    voicekit.errors.UsageError
        The narration failed; the message holds its last line.
    """
    with tempfile.TemporaryDirectory(prefix="voicekit-bench-") as scratch:
        source = Path(scratch) / "chapter.txt"
        source.write_text(text, encoding="utf-8")
        asked = subprocess.run(
            [sys.executable, "-m", "bench.narrate_once", str(source), "--voice", voice,
             "--folder", scratch, "--cores", str(cores)],
            cwd=ROOT, capture_output=True, text=True, env=environment(cache, cores),
        )  # fmt: skip
    if asked.returncode:
        reason = (asked.stderr.strip().splitlines() or ["no message"])[-1]
        raise UsageError(f"the narration failed: {reason}", "run bench.narrate_once by hand to see more")
    result: dict[str, Any] = json.loads(asked.stdout.strip().splitlines()[-1])
    result["rtf"] = result["wall_s"] / result["audio_s"]
    result["cores"] = cores
    result["characters"] = len(text)
    return result


def module(name: str, voice: str, cores: int, cache: Path) -> Any:
    """What a module of this folder prints as JSON, in a process of its own."""
    asked = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", "--voice", voice, "--cores", str(cores)],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": str(cores)},
    )  # fmt: skip
    if asked.returncode:
        reason = (asked.stderr.strip().splitlines() or ["no message"])[-1]
        raise UsageError(f"bench.{name} failed: {reason}", f"run bench.{name} by hand to see more")
    return json.loads(asked.stdout.strip().splitlines()[-1])


def torch_memory_bytes(cache: Path) -> int:
    """Peak of a process that imports torch and does nothing."""
    line = "import torch; from bench.narrate_once import peak_memory_bytes; print(peak_memory_bytes())"
    asked = subprocess.run(
        [sys.executable, "-c", line], cwd=ROOT, capture_output=True, text=True, check=True, env=environment(cache)
    )
    return int(asked.stdout)


def first_sound(report: Report, voice: str, cores: int, cache: Path) -> None:
    """The table of how soon a warm process is heard."""
    say("first sound of a warm process")
    found = module("first_sound", voice, cores, cache)
    rows: list[tuple[object, ...]] = [
        (
            one["text"], one["characters"], rounded(1000 * one["wall_s"], 0), rounded(1000 * one["wall_worst_s"], 0),
            rounded(1000 * one["cpu_s"], 0), rounded(one["heard_s"], 1),
        )
        for one in found
    ]  # fmt: skip
    heads = (
        "sentence", "characters", "wall time to the first samples, ms", "longest of seven, ms",
        "processor time, ms", "sound that came first, s",
    )  # fmt: skip
    report.tables.append(Table(f"First sound of a warm process, {cores} cores, median of seven", heads, rows))
    report.notes.append(
        "First sound: from the call of Studio.narrate to the first samples at its listener, permit, intent in the "
        "ledger, planning and synthesis included; the words are new each time."
    )
    report.data["first_sound"] = found


def texts(options: Options) -> tuple[str, str]:
    """The bundled chapter, and the same many times over."""
    chapter = CHAPTER.read_text(encoding="utf-8")
    if options.quick:
        chapter = chapter[: chapter.rfind("\n", 0, QUICK_CHARACTERS)]
    return chapter, "\n\n".join([chapter] * (QUICK_LONGER if options.quick else LONGER))


def row(what: str, found: dict[str, Any]) -> tuple[object, ...]:
    """A line of the table."""
    return (
        what, found["cores"], rounded(found["audio_s"] / 60, 1), rounded(found["wall_s"], 1),
        rounded(found["rtf"], 4), rounded(found["cpu_s"] / found["audio_s"], 4), rounded(found["start_s"], 1),
        rounded(max(found["peak_bytes"], found["peak_children_bytes"]) / 1e6, 0),
        rounded((found["peak_bytes"] - found["torch_bytes"]) / 1e6, 0),
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = parse(__doc__ or "", argv)
    voices = list_voices()
    if not voices:
        raise UsageError("no house voice is installed", "train or install one, then measure")
    voice = voices[0].name
    chapter, long_text = texts(options)
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    report = Report("speed", "Speed and memory: text to delivered MP3 and FLAC")
    both = min(2, available)
    jobs = [("paragraph", chapter[: chapter.find("\n\n", PARAGRAPH)], both), ("chapter", chapter, 1)]
    if available >= 2:
        jobs.append(("chapter", chapter, 2))
    else:
        report.notes.append("There is one core only: nothing was measured on two.")
    jobs.append((f"chapter, {long_text.count(chapter)} times over", long_text, both))
    with tempfile.TemporaryDirectory(prefix="voicekit-bench-") as folder:
        measure(report, voice, jobs, Path(folder))
        first_sound(report, voice, both, Path(folder))
    report.write(options)
    return 0


def measure(report: Report, voice: str, jobs: list[tuple[str, str, int]], cache: Path) -> None:
    """The tables of narration: as a whole, and by stage."""
    narrate(WARM_TEXT, voice, 1, cache)
    torch_bytes = torch_memory_bytes(cache)
    rows, runs = [], []
    for what, text, cores in jobs:
        say(f"{what} on {cores} core{'s' if cores > 1 else ''}")
        found = {**narrate(text, voice, cores, cache), "torch_bytes": torch_bytes}
        runs.append({"what": what, **found})
        rows.append(row(what, found))
    heads = (
        "text", "cores", "sound, min", "wall time, s", "x real time", "processor time, x real time",
        "of that start-up, s", "peak memory, MB",
        "of that above torch's import, MB",
    )  # fmt: skip
    characters = next(len(text) for what, text, _ in jobs if what == "chapter")
    report.tables.append(Table(f"Voice {voice}, bundled chapter of {characters} characters", heads, rows))
    for run in runs:
        if run["what"] == "chapter":
            report.tables.append(by_stage(run, torch_bytes))
    growth = runs[-1]["peak_bytes"] / runs[-2]["peak_bytes"]
    report.notes += [
        "A fresh process and a fresh studio each time: imports, the grant, loading of the weights, synthesis, "
        "mastering, encoding, measuring the encoded files, receipts. Byte code of all packages is there, as an "
        "installer leaves it.",
        f"{runs[-1]['audio_s'] / runs[-2]['audio_s']:.1f} times the sound takes {growth:.2f} times the memory.",
        "Wall time counts: whatever else runs on the machine makes it longer. Processor time tells how much.",
        "Stages by the reports of progress: `voice` ends with the first sentence, `encode` is mastering and encoding, "
        "and ends when the last sample is handed over, `verify` waits for the encoders and reads every file back.",
    ]
    report.data |= {"voice": voice, "runs": runs, "memory_growth": growth}


def by_stage(run: dict[str, Any], torch_bytes: int) -> Table:
    """Where the time of a narration goes."""
    rows: list[tuple[object, ...]] = [
        (
            STAGES.get(one["stage"], one["stage"]), rounded(one["wall_s"], 2), rounded(one["cpu_s"], 2),
            rounded(one["wall_s"] / run["audio_s"], 4), rounded(one["cpu_s"] / run["audio_s"], 4),
            rounded((one["peak_bytes"] - torch_bytes) / 1e6, 0),
        )
        for one in run["stages"]
    ]  # fmt: skip
    heads = (
        "stage", "wall time, s", "processor time, s", "wall time, x real time", "processor time, x real time",
        "peak memory above torch's import so far, MB",
    )  # fmt: skip
    cores = f"{run['cores']} core{'s' if run['cores'] > 1 else ''}"
    return Table(f"The chapter by stage, {cores}, {run['audio_s'] / 60:.1f} min of sound", heads, rows)


if __name__ == "__main__":
    command(main)
