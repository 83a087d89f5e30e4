"""``voicekit voices enroll`` and ``remove``: a person gives their voice to the studio, and takes it back."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from voicekit.cli.common import DONE, Screen, clock, stopping
from voicekit.errors import UsageError

if TYPE_CHECKING:
    from voicekit.studio import EnrolStep

__all__ = ["add_options", "enroll", "references", "remove"]

_STAGES = {
    "check": "checking the recordings",
    "speaker": "comparing voices",
    "align": "finding the words",
    "embedding": "finding the voice",
    "low-rank": "learning its details",
    "seal": "sealing",
    "measure": "measuring",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of both."""
    parser.add_argument("--audio", nargs="+", metavar="FILE", help="with enroll and references: the recordings")
    parser.add_argument("--grant", metavar="ID", help="with enroll: the grant (or its beginning)")
    parser.add_argument(
        "--transcript", metavar="FILE", help="with enroll: what is said; one text, or lines of FILE, a tab, TEXT"
    )
    parser.add_argument("--statement", metavar="FILE", help="with enroll: the spoken consent, compared once more")
    parser.add_argument(
        "--method",
        choices=("auto", "embedding", "low-rank"),
        default="auto",
        help="with enroll: embedding (seconds), low-rank (minutes; from ten minutes of speech), auto",
    )
    parser.add_argument("--resume", action="store_true", help="with enroll: go on where it was stopped")


def enroll(args: argparse.Namespace, screen: Screen) -> int:
    """Build a person's voice."""
    from voicekit.studio import EnrolOptions, ModelTerms, Studio  # numpy and the ledger's database

    if not args.grant:
        raise UsageError(f"voices enroll {args.voice}: under which grant?", "give --grant ID; see `consent list`")
    options = EnrolOptions(
        transcript=Path(args.transcript) if args.transcript else None,
        statement=Path(args.statement) if args.statement else None,
        method=args.method,
        resume=args.resume,
    )
    line = _Line(screen)
    with Studio.open(args.studio) as studio, stopping() as cancel:
        made = studio.enrol(
            args.voice,
            args.audio or (),
            grant=args.grant,
            engine=args.engine,
            terms=ModelTerms(license=args.license),
            options=options,
            progress=line,
            cancel=cancel,
        )
    for check in made.checks:
        screen.say(f"  {'ok  ' if check.ok else 'not done'} {check.reason}: {check.text}")
    for notice in made.notices:
        screen.say(f"  note: {notice}")
    card = made.voice.card
    screen.say(f"{made.voice.name}: {card['description']} Tier {card['tier']}.")
    for name, value in card["measured"].items():
        screen.say(f"    {name}: {value}")
    for weakness in card["weaknesses"]:
        screen.say(f"    weakness: {weakness}")
    screen.say(f"  entry {made.entry[:12]} in the ledger; sealed in {made.voice.folder}")
    screen.say("  your original recordings are where they were: deleting them is up to you")
    screen.result(
        {
            "voice": made.voice.name,
            "card": card,
            "entry": made.entry,
            "checks": [dict(check.__dict__) for check in made.checks],
            "seconds": made.seconds,
            "notices": list(made.notices),
        }
    )
    return DONE


def references(args: argparse.Namespace, screen: Screen) -> int:
    """Print what a grant's draft says of recordings: name, hash of the file, hash of the samples, length."""
    from voicekit.enrol.recording import read_recording  # numpy

    if not args.audio:
        raise UsageError("voices references: of which recordings?", "give --audio FILE...")
    found = [read_recording(Path(name)) for name in args.audio]
    rows = [
        {
            "name": one.name,
            "file_sha256": one.sha256,
            "pcm_sha256": one.pcm_sha256,
            "seconds_milli": round(one.seconds * 1000),
        }
        for one in found
    ]
    for row in rows:
        screen.say("[[references]]")
        for name, value in row.items():
            screen.say(f"{name} = {json.dumps(value, ensure_ascii=False)}")
        screen.say()
    screen.result(rows)
    return DONE


def remove(args: argparse.Namespace, screen: Screen) -> int:
    """Destroy an enrolled voice's keys."""
    from voicekit.studio import Studio  # see enroll

    with Studio.open(args.studio) as studio:
        count = studio.remove_voice(args.voice)
    screen.say(f"{args.voice}: {count} keys destroyed; nothing opens the sealed files any more")
    screen.say("the grant stands until it is withdrawn: consent revoke ID")
    screen.result({"voice": args.voice, "keys_destroyed": count})
    return DONE


class _Line:
    """One line for each stage, and the time left where a stage takes long."""

    def __init__(self, screen: Screen) -> None:
        self._screen, self._stage, self._tenth = screen, "", -1

    def __call__(self, step: EnrolStep) -> None:
        tenth = int(step.fraction * 10)
        if self._screen.quiet or (step.stage, tenth) == (self._stage, self._tenth):
            return
        if step.text:
            sys.stderr.write(f"{step.text}\n")
        elif step.stage != self._stage or step.left_s is not None:
            left = f", {clock(step.left_s)} left" if step.left_s is not None else ""
            sys.stderr.write(f"{_STAGES.get(step.stage, step.stage)}: {step.fraction * 100:.0f} %{left}\n")
            sys.stderr.flush()
        self._stage, self._tenth = step.stage, tenth
