"""``voicekit voices``: see voices, read a draft, adopt one."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from voicekit.cli.common import DONE, Screen, add_common, new_verb
from voicekit.cli.coqui import add_model_options, adopt_model, teller
from voicekit.cli.enroll import add_options, enroll, references, remove
from voicekit.errors import UsageError

__all__ = ["add", "run"]

_ACTIONS = ("list", "show", "draft", "adopt", "own", "enroll", "remove", "references")


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = new_verb(
        verbs,
        "voices",
        "list voices and grants; adopt a house voice; own: attest your own takes; enroll or remove a person's voice",
        "voicekit voices adopt ada",
    )
    parser.add_argument("action", nargs="?", default="list", choices=_ACTIONS, help="what to do (list)")
    parser.add_argument("voice", nargs="?", metavar="V", help="which voice")
    parser.add_argument("take", nargs="*", metavar="TAKE", help="with own: recordings of your own voice")
    parser.add_argument("--use", metavar="TEXT", help="with own: what the results are for, in words")
    parser.add_argument("--out", metavar="FILE", help="with draft: write it here (else standard output)")
    add_options(parser)
    add_model_options(parser)
    add_common(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, screen: Screen) -> int:
    """List, show, draft or adopt."""
    from voicekit.studio import Studio  # numpy and the ledger's database: not before it is needed

    if args.action == "references":
        return references(args, screen)
    if args.action != "list" and not args.voice:
        raise UsageError(f"voices {args.action}: which voice?", "see `voicekit voices`")
    if args.take and args.action != "own":
        raise UsageError(f"voices {args.action} takes no recordings", "see `voicekit voices --help`")
    if args.action in ("enroll", "remove"):
        return enroll(args, screen) if args.action == "enroll" else remove(args, screen)
    if args.action == "own":
        return _own(args, screen)
    if args.action == "adopt" and args.engine not in (None, "house"):
        return adopt_model(args, screen)
    if args.action == "adopt":
        with Studio.open(args.studio, create=True) as studio:
            grant = studio.adopt_house_voice(args.voice)
            screen.say(f"studio: {studio.folder}")
            screen.say(f"grant: {grant.line}")
            screen.result({"studio": str(studio.folder), "grant": asdict(grant)})
        return DONE
    voices = _voices(args.studio)
    if args.action == "list":
        for voice in voices:
            screen.say(f"{voice['name']:<12} {voice['basis']:<10} {voice['description']}")
            for grant in voice["grants"]:
                screen.say(f"    grant {grant['line']}")
            if not voice["grants"]:
                screen.say(f"    no grant in this studio; see `voicekit voices draft {voice['name']}`")
        screen.result(voices)
        return DONE
    known = {voice["name"]: voice for voice in voices}
    if args.voice not in known:
        raise UsageError(f"unknown voice: {args.voice}", f"choose from: {', '.join(sorted(known)) or '(none)'}")
    if args.action == "show":
        _show(known[args.voice], screen)
        screen.result(known[args.voice])
        return DONE
    from voicekit.studio.grants import draft_of  # needs no studio

    draft = draft_of(args.voice)
    if args.out and args.out != "-":
        Path(args.out).write_text(draft, encoding="utf-8")
        screen.say(args.out)
    elif not screen.json:
        print(draft, end="")
    screen.result({"voice": args.voice, "draft": draft})
    return DONE


def _own(args: argparse.Namespace, screen: Screen) -> int:
    """Attest that takes are of one's own voice."""
    from voicekit.studio import Studio
    from voicekit.studio.own_voice import ATTESTATION, DEFAULT_USE  # see run

    if not args.take:
        raise UsageError(f"voices own {args.voice}: which recordings?", "voicekit voices own my-own take.wav")
    with Studio.open(args.studio, create=True) as studio:
        grant = studio.attest_own_voice(
            args.voice, args.take, intended_use=args.use or DEFAULT_USE, engine=args.engine, told=teller(screen)
        )
        screen.say("By this you sign, with the operator's key of this studio:")
        screen.say(f"  {ATTESTATION}")
        screen.say(f"  takes: {', '.join(Path(take).name for take in args.take)}")
        screen.say(f"studio: {studio.folder}")
        screen.say(f"grant: {grant.line}")
        screen.say("not yours after all? consent revoke " + grant.id[:12])
        screen.result({"studio": str(studio.folder), "attestation": ATTESTATION, "grant": asdict(grant)})
    return DONE


def _voices(folder: str | None) -> list[dict[str, Any]]:
    """All voices with their grants; without a studio, the shipped voices alone."""
    from voicekit.config import studio_folder
    from voicekit.studio import Studio, house_voices  # see run

    if not (studio_folder(folder) / "ledger").exists():
        if folder is not None:
            raise UsageError(f"{folder}: there is no studio here", "make one with `voicekit voices adopt NAME`")
        return [
            {
                "name": one.name,
                "basis": str(one.card.get("basis", "no-donor")),
                "description": str(one.card.get("description", "")),
                "card": dict(one.card),
                "grants": [],
            }
            for one in house_voices().list_voices()
        ]
    with Studio.open(folder) as studio:
        shipped = [
            {
                "name": voice.name,
                "basis": voice.basis,
                "description": voice.description,
                "card": voice.card,
                "grants": [asdict(grant) | {"line": grant.line} for grant in voice.grants],
            }
            for voice in studio.voices()
        ]
        names = {voice["name"] for voice in shipped}
        return shipped + [
            {
                "name": name,
                "basis": studio.grants(name)[0].basis,
                "description": "recordings named in the grant",
                "card": {},
                "grants": [asdict(grant) | {"line": grant.line} for grant in studio.grants(name)],
            }
            for name in dict.fromkeys(grant.voice for grant in studio.grants())
            if name not in names
        ]


def _show(voice: dict[str, Any], screen: Screen) -> None:
    screen.say(f"{voice['name']}: {voice['description']}")
    screen.say(f"basis: {voice['basis']}")
    _tree(voice["card"], "", screen)
    for grant in voice["grants"]:
        screen.say(f"grant {grant['line']}")


def _tree(value: dict[str, Any], indent: str, screen: Screen) -> None:
    for name, part in value.items():
        if isinstance(part, dict):
            screen.say(f"{indent}{name}:")
            _tree(part, indent + "  ", screen)
        elif isinstance(part, list) and part and isinstance(part[0], dict):
            screen.say(f"{indent}{name}:")
            for entry in part:
                screen.say(f"{indent}  - " + ", ".join(f"{key}: {entry[key]}" for key in entry))
        else:
            screen.say(f"{indent}{name}: {part}")
