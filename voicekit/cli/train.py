"""``voicekit train``: hands the rest of the line to `voicekit.train`."""

from __future__ import annotations

import argparse

from voicekit.cli.common import Screen, new_verb
from voicekit.errors import UsageError

__all__ = ["add", "run"]


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = new_verb(
        verbs,
        "train",
        "train the vocoder, the acoustic model or a blend (extra [train])",
        "voicekit train vocoder --help",
    )
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="see `voicekit train VERB --help`")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Train."""
    import importlib  # loads torch: only when asked for

    try:
        training = importlib.import_module("voicekit.train.cli")
    except ModuleNotFoundError as problem:
        raise UsageError(
            f"training needs a package that is not installed: {problem.name}", "pip install 'voicekit[train]'"
        ) from problem
    from voicekit.studio.audition import audition  # a voice that is measured is heard through the gate too

    return int(training.main(args.rest, audition) or 0)
