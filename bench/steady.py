"""A steady vowel on every semitone from C2 to C6: how near the commanded F0 it is, by distance from its ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from bench.commanded_pitch import TRACKERS, Heard, pooled, steady_notes
from bench.report import Options, Report, Table, command, one_thread, parse, percent, rounded, say
from bench.vocoders import Exact, our_vocoder
from voicekit.evaluate import PitchAgreement
from voicekit.features.frames import HOP_LENGTH, SAMPLE_RATE
from voicekit.pitch import PitchTrack

MIDI, QUICK_MIDI = tuple(range(36, 85)), (36, 60, 84)
INSIDE_FRAMES = (0, 1, 2, 5)  #: of 10 ms, left out at either end


class Shipped:
    """The shipped vocoder, as `steady_notes` asks for it."""

    name = "voicekit"

    def __init__(self) -> None:
        vocoder, self.sha256 = our_vocoder(None)
        self.vocoder = vocoder.eval()


def inside(heard: Sequence[Heard], frames: int) -> list[Heard]:
    """The same without so many frames at either end of what was commanded."""
    return [
        Heard(
            h.system, h.tracker, h.shift, PitchTrack(h.commanded.f0_hz, _shrunk(h.commanded.vuv, frames)),
            h.measured, h.legible,
        )
        for h in heard
    ]  # fmt: skip


def _shrunk(vuv: np.ndarray, frames: int) -> np.ndarray:
    where = np.flatnonzero(vuv)
    kept = np.zeros_like(vuv)
    kept[where[frames : len(where) - frames]] = True
    return kept


def run(options: Options) -> Report:
    """Measure."""
    report = Report("steady", "A steady vowel from C2 to C6: commanded F0 and what two trackers hear")
    ours = Shipped()
    notes = QUICK_MIDI if options.quick else MIDI
    heard = steady_notes(ours, notes)
    rows: list[tuple[object, ...]] = []
    for name in (ours.name, Exact.name):
        for tracker in TRACKERS:
            say(f"{name}, {tracker}")
            parts: dict[int, PitchAgreement] = {n: pooled(inside(heard, n), name, tracker) for n in INSIDE_FRAMES}
            each = {midi: pooled(heard, name, tracker, shift=midi) for midi in notes}
            worst = max(each, key=lambda midi: np.nan_to_num(each[midi].median_abs_cents, nan=np.inf))
            told = report.data.setdefault("steady_notes", {})
            told |= {f"{name} | {tracker} | {midi}": asdict(found) for midi, found in each.items()}
            report.data.setdefault("inside_ms", {})[f"{name} | {tracker}"] = {
                10 * n: asdict(part) for n, part in parts.items()
            }
            rows.append(
                (
                    name, tracker, rounded(parts[0].median_abs_cents, 2),
                    f"{each[worst].median_abs_cents:.2f} (MIDI {worst})",
                    *(percent(parts[n].within_25) for n in INSIDE_FRAMES), parts[0].frames,
                )
            )  # fmt: skip
    frame_ms = 1000 * HOP_LENGTH / SAMPLE_RATE
    heads = (
        "system", "tracker", "median, cents", "worst note's median, cents",
        *(
            f"within 25 cents, %, {f'{n * frame_ms:.0f} ms from the ends' if n else 'all frames'}"
            for n in INSIDE_FRAMES
        ),
        "frames",
    )  # fmt: skip
    report.tables.append(Table(f"{len(notes)} notes of a second each", heads, rows))
    report.data["weights_sha256"] = ours.sha256
    report.notes.append(
        "Harvest, and CREPE (tiny, every second frame), had no part in the making. The vowel begins and ends at "
        "once; a tracker's window hears the silence beside its first and last frames too."
    )
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = parse(__doc__ or "", argv)
    one_thread()
    run(options).write(options)
    return 0


if __name__ == "__main__":
    command(main)
