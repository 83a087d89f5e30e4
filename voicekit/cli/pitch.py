"""``voicekit pitch``: the fundamental frequency of a recording, by Praat."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from voicekit.cli.common import DONE, Screen, add_common, new_verb
from voicekit.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["add", "run"]

_STEP_S = 0.01
_RANGE_HZ = (60.0, 1400.0)


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = new_verb(verbs, "pitch", "track the pitch of a recording", "voicekit pitch take.wav --out take.PitchTier")
    parser.add_argument("file", metavar="FILE", help="a sound file")
    parser.add_argument("--out", metavar="F", help="write .PitchTier (Praat) or .csv")
    parser.add_argument("--floor", type=float, default=_RANGE_HZ[0], metavar="HZ", help="lowest F0 (60)")
    parser.add_argument("--ceiling", type=float, default=500.0, metavar="HZ", help="highest F0 (500; sung: 1400)")
    add_common(parser, studio=False)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Track, print the middle and the range, write the contour where asked."""
    import numpy as np  # with Praat and soundfile: only when something is tracked

    from voicekit.audio import read_audio, settle_bytes
    from voicekit.pitch import track_pitch

    kind = Path(args.out).suffix.lower() if args.out else ""
    if args.out and kind not in (".pitchtier", ".csv"):
        raise UsageError(f"{args.out}: cannot write this kind of contour", "name it .PitchTier or .csv")
    if not 0 < args.floor < args.ceiling:
        raise UsageError(f"no F0 lies between {args.floor:g} and {args.ceiling:g} Hz", "raise --ceiling")
    audio = read_audio(args.file)
    track = track_pitch(audio.samples, audio.sample_rate, range_hz=(args.floor, args.ceiling))
    f0_hz, vuv = track.f0_hz, track.vuv
    voiced = f0_hz[vuv]
    low, middle, high = (float(x) for x in np.quantile(voiced, (0.05, 0.5, 0.95))) if len(voiced) else (0.0,) * 3
    if args.out:
        text = _pitch_tier(f0_hz, vuv) if kind == ".pitchtier" else _csv(f0_hz, vuv)
        settle_bytes(Path(args.out), text.encode())
    if len(voiced):
        screen.say(
            f"{os.fspath(args.file)}: median F0 {middle:.1f} Hz (5 % {low:.1f}, 95 % {high:.1f}), "
            f"{len(voiced) / len(vuv) * 100:.0f} % of {audio.duration_s:.2f} s voiced"
        )
    else:
        screen.say(f"{os.fspath(args.file)}: nothing voiced in {audio.duration_s:.2f} s")
    if args.out:
        screen.say(args.out)
    screen.result(
        {
            "file": args.file,
            "duration_s": round(audio.duration_s, 4),
            "voiced_fraction": round(len(voiced) / len(vuv), 4) if len(vuv) else 0.0,
            "median_f0_hz": round(middle, 3),
            "p05_f0_hz": round(low, 3),
            "p95_f0_hz": round(high, 3),
            "out": args.out,
        }
    )
    return DONE


def _times(count: int) -> list[float]:
    return [(index + 0.5) * _STEP_S for index in range(count)]


def _csv(f0_hz: NDArray[np.float64], vuv: NDArray[np.bool_]) -> str:
    rows = zip(_times(len(f0_hz)), f0_hz, vuv, strict=True)
    return "time_s,f0_hz,voiced\n" + "".join(f"{time:.4f},{f0:.3f},{int(voiced)}\n" for time, f0, voiced in rows)


def _pitch_tier(f0_hz: NDArray[np.float64], vuv: NDArray[np.bool_]) -> str:
    """Praat's long text format: points where something is voiced."""
    points = [(t, f0) for t, f0, voiced in zip(_times(len(f0_hz)), f0_hz, vuv, strict=True) if voiced]
    lines = [
        'File type = "ooTextFile"',
        'Object class = "PitchTier"',
        "",
        "xmin = 0 ",
        f"xmax = {len(f0_hz) * _STEP_S:.6f} ",
        f"points: size = {len(points)} ",
    ]
    for number, (time, f0) in enumerate(points, start=1):
        lines += [f"points [{number}]:", f"    number = {time:.6f} ", f"    value = {f0:.6f} "]
    return "\n".join(lines) + "\n"
