"""``voicekit pitch``: the fundamental frequency of a recording, its notes, and a picture of them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from voicekit.cli.common import DONE, Screen, add_common, new_verb
from voicekit.errors import UsageError

__all__ = ["add", "run"]

_RANGE_HZ = (60.0, 1400.0)
_KINDS = (".pitchtier", ".csv", ".png")


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = new_verb(
        verbs,
        "pitch",
        "track the pitch of a recording: contour, notes, key, picture",
        "voicekit pitch take.wav --out take.png",
    )
    parser.add_argument("file", metavar="FILE", help="a sound file")
    parser.add_argument("--out", metavar="F", help="write .PitchTier (Praat), .csv, or a picture .png")
    parser.add_argument("--commanded", metavar="F", help="a .PitchTier or .csv drawn over it in the picture")
    parser.add_argument("--floor", type=float, default=_RANGE_HZ[0], metavar="HZ", help="lowest F0 (60)")
    parser.add_argument("--ceiling", type=float, default=_RANGE_HZ[1], metavar="HZ", help="highest F0 (1400)")
    add_common(parser, studio=False)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Track, print what was found, write the contour or the picture where asked."""
    import numpy as np  # with Praat and soundfile: only when something is tracked

    from voicekit.audio import AudioReader
    from voicekit.pitch import (
        Contour,
        infer_key,
        infer_tuning,
        note_name,
        read_contour,
        sung_notes,
        track_sung_blocks,
        write_contour,
    )
    from voicekit.units import hz_to_midi

    kind = Path(args.out).suffix.lower() if args.out else ""
    if args.out and kind not in _KINDS:
        raise UsageError(f"{args.out}: cannot write this kind of contour", "name it .PitchTier, .csv or .png")
    if args.commanded and kind != ".png":
        raise UsageError("--commanded is for a picture", "give --out F.png")
    if not 20 <= args.floor < args.ceiling <= 3000:
        raise UsageError(f"no F0 lies between {args.floor:g} and {args.ceiling:g} Hz", "stay within 20 to 3000 Hz")
    commanded = read_contour(args.commanded) if args.commanded else None
    with AudioReader(Path(args.file)) as reader:
        rate = reader.sample_rate
        count = sum(len(block) for block in reader.blocks())
        track = track_sung_blocks(reader.blocks(), rate, count, range_hz=(args.floor, args.ceiling))
        notes = sung_notes(track)
        if args.out and kind == ".png":
            from voicekit.audio import settle_bytes
            from voicekit.pitch.picture import PitchPicture, draw_pitch  # Pillow

            asked = commanded.to_track(len(track.f0_hz)) if commanded else None
            picture = PitchPicture(track, asked, notes, Path(args.file).name)
            settle_bytes(Path(args.out), draw_pitch(reader.blocks(), rate, picture))
        elif args.out:
            write_contour(args.out, Contour.from_track(track))
    seconds = count / rate
    voiced = track.f0_hz[track.vuv]
    low, middle, high = (float(x) for x in np.quantile(voiced, (0.05, 0.5, 0.95))) if len(voiced) else (0.0,) * 3
    a4 = infer_tuning(notes)
    key, confidence = infer_key(notes, a4)
    if len(voiced):
        screen.say(
            f"{os.fspath(args.file)}: median F0 {middle:.1f} Hz (5 % {low:.1f}, 95 % {high:.1f}), "
            f"{len(voiced) / len(track.vuv) * 100:.0f} % of {seconds:.2f} s voiced"
        )
        low_name, high_name = (note_name(round(float(hz_to_midi(x)))) for x in (low, high))
        if notes:
            sure = "" if confidence >= 0.1 else " (other keys fit nearly as well)"
            screen.say(
                f"  {len(notes)} notes, {low_name} to {high_name}; the key that fits: {key.name}{sure}; "
                f"tuned to A4 = {a4:.1f} Hz"
            )
    else:
        screen.say(f"{os.fspath(args.file)}: nothing voiced in {seconds:.2f} s")
    if args.out:
        screen.say(args.out)
    screen.result(
        {
            "file": args.file,
            "duration_s": round(seconds, 4),
            "voiced_fraction": round(len(voiced) / len(track.vuv), 4) if len(track.vuv) else 0.0,
            "median_f0_hz": round(middle, 3),
            "p05_f0_hz": round(low, 3),
            "p95_f0_hz": round(high, 3),
            "key": key.name if notes else None,
            "key_confidence": round(confidence, 4),
            "a4_hz": round(a4, 2),
            "notes": [
                {
                    "start_s": round(n.start_s, 3),
                    "stop_s": round(n.stop_s, 3),
                    "pitch_midi": round(n.pitch_midi, 3),
                    "name": note_name(n.pitch_midi),
                }
                for n in notes
            ],
            "out": args.out,
        }
    )
    return DONE
