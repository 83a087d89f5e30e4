"""``voicekit sing``."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from voicekit.cli.common import DONE, ProgressLine, Screen, add_common, clock, new_verb, stopping
from voicekit.errors import UsageError

if TYPE_CHECKING:
    from voicekit.studio import SingOptions, Song

__all__ = ["add", "run"]


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = new_verb(
        verbs,
        "sing",
        "sing a score, alone or in harmony, under a signed grant",
        "voicekit sing song.musicxml --voice linnet,alder --harmony satb --out song",
    )
    parser.add_argument("score", metavar="SCORE", help="MusicXML, MIDI, UST, USTX, SVP, .ds, or a recorded melody")
    parser.add_argument("--voice", required=True, metavar="V[,V...]", help="one voice, or one for each part in order")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for stems and mix")
    parser.add_argument("--grant", metavar="ID[,ID...]", help="use these grants (else the narrowest that fit)")
    parser.add_argument("--part", metavar="LIST", help="only these parts, by name or number")
    parser.add_argument("--verse", type=int, metavar="N", help="which verse of the words (the score's own order)")
    parser.add_argument(
        "--harmony", metavar="STYLE", help="satb, third-above, third-below, sixth-below, fixed:+7, chord:2 ..."
    )
    parser.add_argument("--double", type=int, default=1, metavar="N", help="singers for each part, 1 to 8 (1)")
    parser.add_argument("--transpose", type=float, default=0.0, metavar="ST", help="semitones (0)")
    parser.add_argument("--a4", type=float, default=440.0, metavar="HZ", help="reference pitch (440)")
    parser.add_argument(
        "--style",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="such as vibrato_cents=20, portamento_s=0.12, scoop_cents=0, breaths=no; see docs/sing.md",
    )
    parser.add_argument(
        "--timeline", action="append", default=[], metavar="PART=F.TextGrid", help="sing this edited timeline of a part"
    )
    parser.add_argument(
        "--pitch", action="append", default=[], metavar="PART=F.PitchTier", help="sing this edited pitch of a part"
    )
    parser.add_argument("--format", default="wav", choices=("wav", "flac"), help="24 bits, 48 kHz (wav)")
    parser.add_argument("--no-guide", action="store_true", help="no click and guide tracks")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="same seed, same bytes (0)")
    parser.add_argument("--title", metavar="T", help="title of the song (the score's own)")
    parser.add_argument("--purpose", default="music", metavar="P", help="what it is for (music)")
    parser.add_argument("--commercial", action="store_true", help="for commercial use")
    parser.add_argument("--language", metavar="LIST", help="language of the words (the score's own, else en)")
    parser.add_argument("--territory", default="001", metavar="LIST", help="where it is used (001: the world)")
    parser.add_argument(
        "--reviewed-content",
        metavar="LIST",
        help="classes the screen may find in the words although you have read them and they hold none",
    )
    add_common(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Sing."""
    options = _options(args)
    from voicekit.studio import Studio  # numpy and the ledger's database: not before it is needed

    line = ProgressLine(screen)
    with Studio.open(args.studio) as studio, stopping() as cancel:
        try:
            song = studio.sing(
                args.score,
                voice=_names(args.voice),
                out=args.out,
                grant=_names(args.grant) if args.grant else None,
                options=options,
                progress=line,
                cancel=cancel,
            )
        finally:
            line.clear()
    show(song, screen)
    screen.result(song.to_json())
    return DONE


def show(song: Song, screen: Screen) -> None:
    """Print where everything is and what was measured."""
    screen.say(f"{song.title}: {clock(song.measured['duration_s'])}, {len(song.parts)} parts")
    for part in song.parts:
        screen.say(
            f"  {part.name:<12} voice {part.voice:<10} RMS {part.measured['rms_dbfs']:.1f} dB, "
            f"peak {part.measured['peak_dbfs']:.1f} dB  {part.file}"
        )
    screen.say(f"  {'mix':<12} {song.mix}")
    for extra in song.extras:
        screen.say(f"  {'':<12} {extra}")
    for notice in song.notices:
        screen.say(f"  note: {notice}")
    screen.say(
        f"  {clock(song.measured['sung_s'])} sung in {song.measured['elapsed_s']:.1f} s: "
        f"{song.measured['rtf']:.3f} x real time"
    )
    screen.say(f"  check it: consent verify {song.mix}")


def _options(args: argparse.Namespace) -> SingOptions:
    from voicekit.singing import SingStyle  # see run
    from voicekit.studio import SingOptions

    return SingOptions(
        parts=_names(args.part) if args.part else None,
        verse=args.verse,
        harmony=args.harmony,
        doubles=args.double,
        transpose=args.transpose,
        style=SingStyle(**{"a4_hz": args.a4, **_style(args.style, {f.name: f.type for f in fields(SingStyle)})}),
        seed=args.seed,
        format=args.format,
        guide=not args.no_guide,
        purpose=args.purpose,
        commercial=args.commercial,
        languages=_names(args.language) if args.language else None,
        territories=_names(args.territory),
        reviewed_content=_names(args.reviewed_content) if args.reviewed_content else (),
        title=args.title,
        timelines=_by_part(args.timeline, "--timeline"),
        pitches=_by_part(args.pitch, "--pitch"),
    )


def _by_part(pairs: list[str], option: str) -> dict[str, str]:
    found = {}
    for pair in pairs:
        part, sign, file = pair.partition("=")
        if not (sign and part.strip() and file.strip()):
            raise UsageError(f"not a part and a file: {pair}", f"for example {option} soprano=edited.TextGrid")
        found[part.strip()] = file.strip()
    return found


def _style(pairs: list[str], known: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        name = name.strip().replace("-", "_")
        if not sign or name not in known or name == "a4_hz":
            names = ", ".join(sorted(set(known) - {"a4_hz"}))
            raise UsageError(f"not a style: {pair}", f"NAME=VALUE with one of: {names}")
        value = value.strip()
        try:
            if known[name] == "bool":
                found[name] = {"yes": True, "no": False, "true": True, "false": False}[value.lower()]
            elif known[name] == "str":
                found[name] = value
            elif known[name].startswith("tuple"):
                found[name] = tuple(float(part) for part in value.split(",") if part.strip())
            else:
                found[name] = float(value)
        except (KeyError, ValueError):
            raise UsageError(f"{value!r} is no value for {name}", "give a number, or yes or no") from None
    return found


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
