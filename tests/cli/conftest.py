"""The command line with the tone voice in the house."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import voicekit.quickstart
import voicekit.studio
import voicekit.studio.grants
import voicekit.studio.studio
from tests.support.tone import ToneHouse, make_voice
from voicekit._cli import main


@dataclass(frozen=True)
class Ran:
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[[Sequence[str]], Ran]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ToneHouse:
    house = ToneHouse(make_voice(tmp_path / "voice"))
    for module in (voicekit.studio, voicekit.studio.studio, voicekit.studio.grants, voicekit.quickstart):
        monkeypatch.setattr(module, "house_voices", house.source)
    return house


@pytest.fixture
def run(house: ToneHouse, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; every error must be one line without a traceback."""

    def go(line: Sequence[str]) -> Ran:
        capfd.readouterr()
        code = main([str(word) for word in line])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return Ran(code, out, err)

    return go


@pytest.fixture
def studio(tmp_path: Path, run: Run) -> Path:
    """A studio made by the command, with the voice adopted."""
    folder = tmp_path / "studio"
    assert run(["voices", "adopt", "tone", "--studio", folder]).code == 0
    return folder
