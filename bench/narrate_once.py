"""One narration in a process of its own: its time and its peak memory, as JSON on stdout (used by ``bench.speed``)."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def peak_memory_bytes() -> int:
    """Largest resident size of this process so far.

    ``getrusage`` alone will not do on Linux: across ``exec`` it keeps the size of the process that started this one.
    """
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux
    import resource

    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return own if sys.platform == "darwin" else own * 1024


def children_memory_bytes() -> int:
    """Largest resident size of any process that this one started and waited for; 0 where there was none."""
    import resource

    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024


class Stages:
    """Wall and processor time from one named moment to the next, and the peak of memory at its end."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self._name, self._wall, self._cpu = "imports", time.perf_counter(), 0.0  # processor time since the start

    def begin(self, name: str) -> None:
        """A stage ends and this one begins."""
        if name == self._name:
            return
        wall, cpu = time.perf_counter(), time.process_time()
        row = {"stage": self._name, "wall_s": wall - self._wall, "cpu_s": cpu - self._cpu}
        same = next((one for one in self.rows if one["stage"] == self._name), None)  # a later chapter
        if same is None:
            self.rows.append({**row, "peak_bytes": peak_memory_bytes()})
        else:
            same["wall_s"] += row["wall_s"]
            same["cpu_s"] += row["cpu_s"]
            same["peak_bytes"] = peak_memory_bytes()
        self._name, self._wall, self._cpu = name, wall, cpu


def main() -> int:
    """Narrate a file and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("--voice", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--cores", type=int, required=True)
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):  # before torch counts the cores
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: given.cores]))
    began = time.perf_counter()
    stages = Stages()
    from voicekit.engines import prepare
    from voicekit.studio import NarrateOptions, Studio

    studio = Studio.create(given.folder / "studio", "bench")
    studio.adopt_house_voice(given.voice)
    ready = time.perf_counter()
    stages.begin("torch")
    prepare()

    stages.begin("voice")
    options = NarrateOptions(formats=("mp3", "flac"), title="Chapter")
    take = studio.narrate(given.text, voice=given.voice, out=given.folder / "out", options=options,
                          progress=lambda told: stages.begin(told.stage))  # fmt: skip
    stages.begin("end")
    done = time.perf_counter()
    times = os.times()
    report = {
        "audio_s": sum(chapter.duration_s for chapter in take.chapters),
        "start_s": ready - began,
        "narrate_s": done - ready,
        "wall_s": done - began,
        "cpu_s": times.user + times.system + times.children_user + times.children_system,
        "peak_bytes": peak_memory_bytes(),
        "peak_children_bytes": children_memory_bytes(),
        "stages": stages.rows,
        "files": len(take.files),
        "bytes_written": sum(file.stat().st_size for file in take.files),
    }
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
