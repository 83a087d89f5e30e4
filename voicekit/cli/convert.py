"""``voicekit convert``: a take turned into a granted voice."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from voicekit.cli.common import DONE, ProgressLine, Screen, add_common, new_verb, stopping
from voicekit.errors import UsageError

if TYPE_CHECKING:
    from voicekit.studio import ConvertedTake, ConvertOptions

__all__ = ["add", "run"]


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = new_verb(
        verbs,
        "convert",
        "turn a take into a granted voice",
        "voicekit convert take.wav --voice linnet --out linnet.wav   # before: voicekit voices own my-own take.wav",
    )
    parser.add_argument("take", metavar="TAKE", help="a recording of one voice, speech or song")
    parser.add_argument("--voice", required=True, metavar="V", help="the voice that is to be heard")
    parser.add_argument("--out", required=True, metavar="F", help=".wav, .flac or .mp3; its proofs lie beside it")
    parser.add_argument(
        "--transpose",
        default="auto",
        metavar="N",
        help="semitones; auto: to the voice's pitch; octave: in its key (auto)",
    )
    parser.add_argument("--song", action="store_true", help="it is sung: tracked so, and transposed by octaves alone")
    parser.add_argument("--neighbours", type=int, metavar="K", help="of an enrolled voice's own frames (4; else 0)")
    parser.add_argument(
        "--detail", type=float, metavar="X", help="share of the take's articulation, 0 to 1 (0.35; enrolled voices 0.2)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the noise (0)")
    parser.add_argument("--engine", metavar="E", help="coqui:MODEL for a voice of a coqui model: a name or a folder")
    parser.add_argument("--source-voice", default="my-own", metavar="V", help="whose take it is (my-own)")
    parser.add_argument("--grant", metavar="ID", help="use this grant of the voice (else the narrowest that covers it)")
    parser.add_argument("--source-grant", metavar="ID", help="use this grant of the take")
    parser.add_argument("--purpose", default="personal", metavar="P", help="what it is for (personal)")
    parser.add_argument("--commercial", action="store_true", help="for commercial use")
    parser.add_argument("--language", default="en", metavar="LIST", help="language of the words (en)")
    parser.add_argument("--territory", default="001", metavar="LIST", help="where it is used (001: the world)")
    parser.add_argument("--title", default="", metavar="T", help="title of the production")
    add_common(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Convert."""
    options = _options(args)
    from voicekit.studio import Studio  # numpy and the ledger's database: not before it is needed

    line = ProgressLine(screen)
    with Studio.open(args.studio) as studio, stopping() as cancel:
        try:
            made = studio.convert(
                args.take,
                voice=args.voice,
                out=args.out,
                source_voice=args.source_voice,
                grant=args.grant,
                source_grant=args.source_grant,
                engine=args.engine,
                options=options,
                progress=line,
                cancel=cancel,
            )
        finally:
            line.clear()
    _show(made, screen)
    screen.result(made.to_json())
    return DONE


def _options(args: argparse.Namespace) -> ConvertOptions:
    from voicekit.studio import ConvertOptions  # see run

    transpose: float | str = args.transpose
    if transpose not in ("auto", "octave"):
        try:
            transpose = float(args.transpose)
        except ValueError:
            raise UsageError(
                f"not a transposition: {args.transpose}", "for example --transpose -3, auto or octave"
            ) from None
    return ConvertOptions(
        transpose=transpose,
        kind="song" if args.song else "speech",
        neighbours=args.neighbours,
        detail=args.detail,
        seed=args.seed,
        purpose=args.purpose,
        commercial=args.commercial,
        languages=_names(args.language),
        territories=_names(args.territory),
        title=args.title,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _show(made: ConvertedTake, screen: Screen) -> None:
    figures = made.measured
    screen.say(f"voice {made.voice}, grant {made.grant[:12]} (tier {made.tier})")
    screen.say(f"take of {made.source_voice}, grant {made.source_grant[:12]} ({made.permission})")
    if figures["off_cents"] is not None:
        screen.say(
            f"  {figures['duration_s']:.1f} s; pitch {figures['off_cents']:.1f} cents off what was asked (median)"
        )
    for notice in made.notices:
        screen.say(f"  note: {notice}")
    screen.say(f"  {made.path}")
    screen.say(f"  check it: consent verify {made.path}")
