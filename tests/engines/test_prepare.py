"""Importing what a voice needs, with the collector as it was before."""

from __future__ import annotations

import subprocess
import sys

import pytest

SAYS = """
import gc, sys
{before}
from voicekit.engines import prepare
assert "torch" not in sys.modules
prepare()
prepare()
print("torch" in sys.modules, gc.isenabled())
"""


@pytest.mark.parametrize(("before", "collecting"), [("", True), ("gc.disable()", False)])
def test_torch_comes_and_the_collector_stays_as_it_was(before: str, collecting: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAYS.format(before=before)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", str(collecting)]
