"""``voicekit correct``: a take's pitch brought to a scale, a score or a drawn curve."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from voicekit.cli.common import DONE, ProgressLine, Screen, add_common, new_verb, stopping
from voicekit.errors import UsageError

if TYPE_CHECKING:
    from voicekit.studio import CorrectedTake, CorrectOptions

__all__ = ["add", "run"]


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = new_verb(
        verbs,
        "correct",
        "correct the pitch of a take under a grant that names it",
        'voicekit correct take.wav --out tuned.wav --scale "C major"   # before: voicekit voices own my-own take.wav',
    )
    parser.add_argument("take", metavar="TAKE", help="a recording of one voice")
    parser.add_argument("--out", required=True, metavar="F", help=".wav, .flac or .mp3; its proof lies beside it")
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--scale", metavar="S", help='"C major", "D dorian", "C: 0 2 4 7 9", "C cents: 0 204 386", auto'
    )
    target.add_argument("--score", metavar="FILE", help="a score (MusicXML, MIDI, UST ...) that was sung")
    target.add_argument("--curve", metavar="F", help="a drawn curve: .PitchTier or .csv")
    parser.add_argument("--part", metavar="P", help="part of the score: its name, or its number from 1")
    parser.add_argument("--in-time", action="store_true", help="the score's notes stand where they are sung")
    parser.add_argument("--a4", default="440", metavar="HZ", help="reference pitch of the scale, or auto (440)")
    parser.add_argument("--strength", type=float, default=1.0, metavar="X", help="0 to 1 (1)")
    parser.add_argument("--speed", type=float, default=80.0, metavar="MS", help="0 flattens drift at once (80)")
    parser.add_argument(
        "--keep-vibrato", action=argparse.BooleanOptionalAction, default=True, help="keep vibrato (the default)"
    )
    parser.add_argument("--transpose", type=float, default=0.0, metavar="N", help="semitones, formants staying (0)")
    parser.add_argument("--method", default="psola", choices=("psola", "vocoder"), help="how it is made (psola)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the vocoder's noise (0)")
    parser.add_argument("--voice", default="my-own", metavar="V", help="whose voice it is (my-own)")
    parser.add_argument("--grant", metavar="ID", help="use this grant (else the narrowest that covers the use)")
    parser.add_argument("--purpose", default="music", metavar="P", help="what it is for (music)")
    parser.add_argument("--commercial", action="store_true", help="for commercial use")
    parser.add_argument("--language", default="und", metavar="LIST", help="language of the words (und: not told)")
    parser.add_argument("--territory", default="001", metavar="LIST", help="where it is used (001: the world)")
    parser.add_argument("--picture", metavar="F.png", help="draw the pitch before and as commanded")
    add_common(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Correct."""
    if args.picture and Path(args.picture).suffix.lower() != ".png":
        raise UsageError(f"{args.picture}: cannot draw this kind of picture", "name it .png")
    options = _options(args)
    from voicekit.studio import Studio  # numpy and the ledger's database: not before it is needed

    line = ProgressLine(screen)
    with Studio.open(args.studio) as studio, stopping() as cancel:
        try:
            made = studio.correct(
                args.take,
                out=args.out,
                scale=args.scale,
                score=args.score,
                part=args.part,
                curve=args.curve,
                voice=args.voice,
                grant=args.grant,
                options=options,
                progress=line,
                cancel=cancel,
            )
        finally:
            line.clear()
    if args.picture:
        _draw(args.picture, args.take, made)
    _show(made, args.picture, screen)
    screen.result(made.to_json() | {"picture": args.picture})
    return DONE


def _options(args: argparse.Namespace) -> CorrectOptions:
    from voicekit.pitch import CorrectionOptions
    from voicekit.studio import CorrectOptions  # see run

    try:
        a4 = None if args.a4 == "auto" else float(args.a4)
    except ValueError:
        raise UsageError(f"not a reference pitch: {args.a4}", "for example --a4 442, or --a4 auto") from None
    return CorrectOptions(
        pitch=CorrectionOptions(
            strength=args.strength,
            speed_ms=args.speed,
            keep_vibrato=args.keep_vibrato,
            transpose=args.transpose,
        ),
        method=args.method,
        a4_hz=a4,
        in_time=args.in_time,
        seed=args.seed,
        purpose=args.purpose,
        commercial=args.commercial,
        languages=_names(args.language),
        territories=_names(args.territory),
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _draw(path: str, take: str, made: CorrectedTake) -> None:
    from voicekit.audio import AudioReader, io_error, settle_bytes
    from voicekit.pitch.picture import PitchPicture, draw_pitch  # Pillow

    correction = made.correction
    with AudioReader(Path(take)) as reader:
        picture = PitchPicture(correction.measured, correction.commanded, (), Path(take).name)
        data = draw_pitch(reader.blocks(), reader.sample_rate, picture)
    try:
        settle_bytes(Path(path), data)
    except OSError as problem:
        raise io_error(problem, path) from problem


def _show(made: CorrectedTake, picture: str | None, screen: Screen) -> None:
    figures = made.measured
    screen.say(f"voice {made.voice}, grant {made.grant[:12]} ({made.permission}, tier {made.tier})")
    if figures["off_before_cents"] is not None:
        screen.say(
            f"  {figures['notes']} notes: {figures['off_before_cents']:.0f} cents off before, "
            f"{figures['off_after_cents']:.1f} after (median); {figures['remade_s']:.1f} s made anew"
        )
    for notice in made.notices:
        screen.say(f"  note: {notice}")
    screen.say(f"  {made.path}")
    if picture:
        screen.say(f"  {picture}")
    screen.say(f"  check it: consent verify {made.path}")
