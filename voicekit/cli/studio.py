"""``voicekit studio``: the page in the browser."""

from __future__ import annotations

import argparse

from voicekit.cli.common import Screen, add_common, new_verb
from voicekit.errors import UsageError

__all__ = ["add", "run"]


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = new_verb(verbs, "studio", "open the studio in a browser", "voicekit studio --port 7860")
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=7860, metavar="P", help="port to listen on (7860)")
    add_common(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Start the app."""
    import importlib  # the app lies above this package: found by name, only when asked for

    try:
        app = importlib.import_module("demos.app")
    except ModuleNotFoundError as problem:
        if problem.name not in ("demos", "demos.app", "gradio"):
            raise
        raise UsageError(f"the studio page is not installed ({problem.name})", "pip install voicekit") from problem
    line = ["--host", args.host, "--port", str(args.port)]
    if args.studio:
        line += ["--studio", args.studio]
    return int(app.main(line) or 0)
