"""A studio with the tone voice, granted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tone import ToneHouse, make_voice
from voicekit.studio import Studio


@pytest.fixture
def house(tmp_path: Path) -> ToneHouse:
    return ToneHouse(make_voice(tmp_path / "voice"))


@pytest.fixture
def studio(tmp_path: Path, house: ToneHouse) -> Studio:
    """A studio in which the tone voice is adopted."""
    with Studio.create(tmp_path / "studio", "Test Operator", voices=house.source()) as made:
        made.adopt_house_voice("tone")
        yield made
