"""Coverage-guided fuzzing of one parser with atheris (not a dependency of this project).

In an environment of its own: ``pip install atheris cryptography rfc8785 sqlite-utils``; then
``python -m tests.fuzz.atheris_run note -max_total_time=60``. Options after the name are libFuzzer's.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Run libFuzzer on the parser named first on the command line."""
    import atheris

    with atheris.instrument_imports(include=["consent"]):
        from tests.fuzz.targets import TARGETS, run_one

    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in TARGETS:
        sys.exit(f"name a parser: {', '.join(TARGETS)}")
    corpus = Path(__file__).parent / "corpus" / name
    # New inputs go into a folder outside the repository; the seeds are read alone.
    fresh = Path(sys.argv[2]) if len(sys.argv) > 2 and not sys.argv[2].startswith("-") else None
    options = sys.argv[3:] if fresh else sys.argv[2:]
    folders = [str(fresh)] if fresh else []

    def one(data: bytes) -> None:
        run_one(name, data)

    atheris.Setup([sys.argv[0], *options, *folders, str(corpus)] if fresh else [sys.argv[0], *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
