"""``voicekit voices adopt V --engine coqui:MODEL``: a speaker of a coqui model."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict

from voicekit.cli.common import DONE, Screen

__all__ = ["add_model_options", "adopt_model", "teller"]


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """The options of voices that coqui models make."""
    parser.add_argument(
        "--engine", metavar="E", help="with adopt, enroll and own: coqui:MODEL, a name (fetched) or a folder"
    )
    parser.add_argument("--speaker", default="", metavar="S", help="with adopt: which of the model's speakers")
    parser.add_argument("--speech-language", default="", metavar="L", help="with adopt: which of the model's languages")
    parser.add_argument("--license", default="", metavar="SPDX", help="with --engine: of the weights, if nobody says")
    parser.add_argument("--recordings", default="", metavar="TEXT", help="with adopt: whose recordings it learnt from")
    parser.add_argument("--recordings-license", default="", metavar="SPDX", help="with adopt: their licence")


def adopt_model(args: argparse.Namespace, screen: Screen) -> int:
    """Sign the operator's grant for a speaker of a model."""
    from voicekit.studio import ModelTerms, Studio  # numpy and the ledger's database: not before it is needed

    with Studio.open(args.studio, create=True) as studio:
        grant = studio.adopt_model_voice(
            args.voice,
            engine=args.engine,
            speaker=args.speaker,
            language=args.speech_language,
            terms=ModelTerms(args.license, args.recordings, args.recordings_license),
            told=teller(screen),
        )
        card = studio.voice(args.voice).card
        screen.say(f"studio: {studio.folder}")
        screen.say(f"voice: {card['description']}")
        screen.say(f"licences: weights {card['weights_license']}, recordings {card['recordings_license']}")
        screen.say(f"grant: {grant.line}")
        screen.result({"studio": str(studio.folder), "grant": asdict(grant), "card": card})
    return DONE


def teller(screen: Screen) -> Callable[[str], None]:
    """Tells what is being fetched, on standard error."""

    def tell(text: str) -> None:
        if not screen.quiet:
            print(text, file=sys.stderr, flush=True)

    return tell
