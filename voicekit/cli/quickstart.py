"""``voicekit quickstart``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from voicekit.cli.common import DONE, REFUSED, ProgressLine, Screen, add_common, clock, new_verb, stopping

if TYPE_CHECKING:
    from voicekit.quickstart import Quickstart

__all__ = ["add", "run"]


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = new_verb(
        verbs,
        "quickstart",
        "narrate a chapter and sing a song in a new studio, and verify them",
        "voicekit quickstart --out my-first",
    )
    parser.add_argument("--out", default="quickstart", metavar="DIR", help="folder for everything (quickstart)")
    parser.add_argument("--voice", metavar="V", help="a house voice (the first)")
    parser.add_argument("--studio", metavar="DIR", help="use this studio (a new one in --out)")
    parser.add_argument("--text", metavar="FILE", help="another text than the bundled chapter")
    add_common(parser, studio=False)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Do the main job once, and say what was measured."""
    from voicekit.quickstart import quickstart  # numpy, Praat and the ledger: not at start

    line = ProgressLine(screen)
    with stopping() as cancel:
        try:
            done = quickstart(
                Path(args.out),
                studio=Path(args.studio) if args.studio else None,
                voice=args.voice,
                text=Path(args.text) if args.text else None,
                progress=line,
                cancel=cancel,
            )
        finally:
            line.clear()
    _show(done, screen)
    screen.result(done.to_json())
    return DONE if done.ok else REFUSED


def _show(done: Quickstart, screen: Screen) -> None:
    take = done.take
    screen.say(f"studio     {done.studio}")
    screen.say(f"grant      {done.grant.line}")
    verdicts = dict(zip(take.files, done.verifications, strict=True))
    for chapter in take.chapters:
        screen.say(f"chapter    {chapter.title}: {clock(chapter.duration_s)}, {chapter.sentences} sentences")
        for file in chapter.files:
            checked = verdicts[file]
            levels = chapter.measured[file.name]
            screen.say(f"file       {file}")
            screen.say(
                f"           RMS {levels['rms_dbfs']:.2f} dBFS, peak {levels['peak_dbfs']:.2f} dBFS, "
                f"floor {levels['floor_dbfs']:.1f} dBFS"
            )
            screen.say(
                f"           records {_verdict(checked.records.ok)}, "
                f"use {_verdict(checked.use.ok, 'within its permission', 'OUTSIDE ITS PERMISSION')}"
            )
    screen.say(f"median F0  {done.median_f0_hz:.1f} Hz (Praat)")
    if take.measured["rtf"] is not None:
        screen.say(
            f"speed      {clock(take.measured['rendered_s'])} of sound "
            f"in {take.measured['elapsed_s']:.1f} s: {take.measured['rtf']:.4f} x real time"
        )
    if done.song is not None:
        _show_song(done, screen)
    screen.say(f"check it   consent verify {take.path}")


def _show_song(done: Quickstart, screen: Screen) -> None:
    song = done.song
    if song is None:
        return
    sound = all(one.ok for one in done.song_verifications)
    parts = ", ".join(f"{part.name} ({part.voice})" for part in song.parts)
    screen.say(f"song       {song.title}: {clock(song.measured['duration_s'])} in {len(song.parts)} parts: {parts}")
    screen.say(f"mix        {song.mix}")
    proofs = len(done.song_verifications)
    screen.say(f"           {proofs} proofs for mix and stems: {'all sound' if sound else 'NOT ALL SOUND'}")
    for notice in song.notices:
        screen.say(f"           {notice}")


def _verdict(ok: bool | None, good: str = "sound", bad: str = "NOT SOUND") -> str:
    return good if ok else bad
