"""``voicekit narrate``."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from voicekit.cli.common import (
    DONE,
    ProgressLine,
    Screen,
    add_common,
    clock,
    new_verb,
    number_ranges,
    stopping,
)
from voicekit.errors import InputError, UsageError

if TYPE_CHECKING:
    from voicekit.studio import NarrateOptions, Take

__all__ = ["add", "run"]


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = new_verb(
        verbs,
        "narrate",
        "narrate a book or a text under a signed grant",
        "voicekit narrate book.epub --voice ada --out book-audio --chapters 1-3",
    )
    parser.add_argument("input", metavar="INPUT", help="EPUB or text file; - reads text from standard input")
    parser.add_argument("--voice", required=True, metavar="V", help="see `voicekit voices`")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the finished files")
    parser.add_argument("--grant", metavar="ID", help="use this grant (else the narrowest that covers the use)")
    parser.add_argument("--engine", metavar="E", help="coqui:MODEL for a voice of a coqui model: a name or a folder")
    parser.add_argument("--chapters", metavar="1-3,7", help="only these chapters")
    parser.add_argument("--format", default="mp3,flac", metavar="LIST", help="of mp3, flac, wav (mp3,flac)")
    parser.add_argument("--profile", default="acx", choices=("acx", "clip"), help="levels and pads (acx)")
    parser.add_argument("--seed", type=int, metavar="N", help="same seed, same bytes (0)")
    parser.add_argument("--rate", type=float, default=1.0, metavar="X", help="pace, 0.5 to 2 (1)")
    parser.add_argument("--pitch", type=float, default=0.0, metavar="ST", help="semitones, -12 to 12 (0)")
    parser.add_argument("--title", metavar="T", help="title of the work (the book's own)")
    parser.add_argument("--purpose", default="audiobook", metavar="P", help="what it is for (audiobook)")
    parser.add_argument("--commercial", action="store_true", help="for commercial use")
    parser.add_argument("--language", metavar="LIST", help="language of the text (the book's own)")
    parser.add_argument("--territory", default="001", metavar="LIST", help="where it is used (001: the world)")
    parser.add_argument(
        "--reviewed-content",
        metavar="LIST",
        help="classes the screen may find in this text although you have read it and it holds none, such as violence",
    )
    parser.add_argument(
        "--redo",
        metavar="CHAPTER:SENTENCE",
        help="say one sentence once more (with --seed N: with this seed)",
    )
    add_common(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Narrate."""
    options = _options(args)
    text = _input(args.input)
    from voicekit.studio import Studio  # numpy and the ledger's database: not before it is needed

    line = ProgressLine(screen)
    with Studio.open(args.studio) as studio, stopping() as cancel:
        try:
            take = studio.narrate(
                text,
                voice=args.voice,
                out=args.out,
                grant=args.grant,
                engine=args.engine,
                options=options,
                progress=line,
                cancel=cancel,
            )
        finally:
            line.clear()
    show(take, screen)
    screen.result(take.to_json())
    return DONE


def show(take: Take, screen: Screen) -> None:
    """Print where everything is and what was measured."""
    screen.say(f"{take.title}, voice {take.voice}, grant {take.grant[:12] or '(nothing new was made)'}")
    for chapter in take.chapters:
        made = "already there" if chapter.skipped else f"{chapter.takes_made} takes made, {chapter.takes_reused} kept"
        levels = chapter.measured[chapter.files[0].name]
        screen.say(
            f"  {chapter.index}. {chapter.title}: {clock(chapter.duration_s)}, {chapter.sentences} sentences "
            f"({made}); RMS {levels['rms_dbfs']:.1f} dB, peak {levels['peak_dbfs']:.1f} dB, "
            f"floor {levels['floor_dbfs']:.0f} dB"
        )
        for file in chapter.files:
            screen.say(f"     {file}")
    for notice in take.notices:
        screen.say(f"  note: {notice}")
    screen.say(f"  report: {take.report}")
    if take.measured["rtf"] is not None:
        screen.say(
            f"  {clock(take.measured['rendered_s'])} of sound in {take.measured['elapsed_s']:.1f} s: "
            f"{take.measured['rtf']:.3f} x real time"
        )
    screen.say(f"  check it: consent verify {take.path}")


def _options(args: argparse.Namespace) -> NarrateOptions:
    from voicekit.studio import NarrateOptions  # see run

    redo = None
    if args.redo is not None:
        match = re.fullmatch(r"([1-9]\d*):([1-9]\d*)", args.redo)
        if not match:
            raise UsageError(f"not a sentence: {args.redo}", "for example --redo 1:12")
        redo = (int(match[1]), int(match[2]))
    return NarrateOptions(
        chapters=number_ranges(args.chapters) if args.chapters else None,
        formats=_names(args.format.lower()),
        seed=args.seed if args.seed is not None and redo is None else 0,
        rate=args.rate,
        pitch_semitones=args.pitch,
        purpose=args.purpose,
        commercial=args.commercial,
        languages=_names(args.language) if args.language else None,
        territories=_names(args.territory),
        reviewed_content=_names(args.reviewed_content) if args.reviewed_content else (),
        title=args.title,
        profile=args.profile,
        redo=redo,
        redo_seed=args.seed if redo is not None else None,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _input(name: str) -> str | Path:
    if name != "-":
        return Path(name)
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise InputError(
            "standard input", f"byte {problem.start}", "this is not UTF-8 text", "Convert it to UTF-8."
        ) from problem
