"""What the tests of harmony share."""

from __future__ import annotations

import pytest

from tests.harmony.tunes import tunes
from voicekit.harmony import Harmony, harmonise


@pytest.fixture(scope="session")
def four() -> dict[str, Harmony]:
    """Every tune in four parts, once for all tests."""
    return {tune.name: harmonise(tune.score, tune.part, "satb") for tune in tunes()}
