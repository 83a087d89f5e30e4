"""The ``voicekit`` command: reads the line, calls the verb, turns errors into one line.

Nothing heavy is imported before a verb runs.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence

from voicekit import __version__
from voicekit.cli import convert, correct, narrate, pitch, quickstart, sing, studio, train, voices
from voicekit.cli.common import DONE, INTERRUPTED, REFUSED, WRONG, Screen
from voicekit.errors import VoicekitError

__all__ = ["build_parser", "main"]

_DESCRIPTION = """Voice synthesis with a consent ledger: every sound is made under a signed grant
and can be checked offline by a stranger."""

_EPILOG = """examples:
  voicekit quickstart --out my-first
  voicekit voices adopt ada
  voicekit narrate book.epub --voice ada --out book-audio
  consent verify book-audio/01-chapter.mp3

exit codes: 0 done, 1 refused or check failed, 2 wrong usage or unreadable input, 3 interrupted (resumable)"""


def build_parser() -> argparse.ArgumentParser:
    """The whole command line.

    Returns
    -------
    argparse.ArgumentParser
        Its result has ``run``, the verb's function.
    """
    parser = argparse.ArgumentParser(
        prog="voicekit",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"voicekit {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for module in (quickstart, narrate, sing, voices, pitch, correct, convert, train, studio):
        module.add(verbs)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Without the program's name; ``sys.argv[1:]`` when None.

    Returns
    -------
    int
        Exit code: 0 done, 1 refused or check failed, 2 wrong usage or unreadable
        input, 3 interrupted and resumable.
    """
    try:
        args = build_parser().parse_args(argv)
    except SystemExit as ended:  # argparse: 0 after --help, 2 after a wrong line
        return int(ended.code or 0)
    screen = Screen(quiet=getattr(args, "quiet", False), json=getattr(args, "json", False))
    try:
        return int(args.run(args, screen))
    except KeyboardInterrupt:
        screen.problem("interrupted", "Run the same command again to resume.")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away: nothing to say to it. Keep the interpreter from
        # complaining when it flushes on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except VoicekitError as problem:
        return _known(problem, screen)
    except OSError as problem:
        return _system(problem, screen)
    except MemoryError:
        screen.problem("not enough memory", "Close other programs and run the same command again.")
        return WRONG
    except Exception as problem:
        return _foreign(problem, screen)


def _known(problem: VoicekitError, screen: Screen) -> int:
    screen.problem(str(problem))
    return INTERRUPTED if getattr(problem, "resumable", False) else WRONG


def _system(problem: OSError, screen: Screen) -> int:
    what = f"{problem.filename}: " if problem.filename else ""
    remedy = ""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "Free some space and run the same command again; finished sentences are kept."
    screen.problem(f"{what}{problem.strerror or problem}", remedy)
    return WRONG


def _foreign(problem: Exception, screen: Screen) -> int:
    """Errors of `consent`, whose family is its own; anything else is a fault of ours and shows itself."""
    from consent import ConsentError, ConsentRefusedError  # with its ledger: not at start

    if isinstance(problem, ConsentRefusedError):
        screen.refusal(problem.reason, problem.message, problem.remedy, problem.statements)
        return REFUSED
    if isinstance(problem, ConsentError):
        screen.problem(str(problem))
        return WRONG
    raise problem


if __name__ == "__main__":
    sys.exit(main())
