"""A page served on this machine over a studio with the tone voice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.tone import ToneHouse, make_voice, offered

PATIENCE_S = 240.0
"""Small machines with much to do are slow, not wrong."""


@dataclass
class Page:
    """A served page and what lies under it."""

    address: str
    studio: Path
    house: Any
    blocks: Any


@pytest.fixture(scope="session")
def handed_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Gradio keeps uploads and what it gives to browsers: one place for the process."""
    folder = tmp_path_factory.mktemp("handed-out")
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    return folder


def serve(folder: Path) -> Iterator[Page]:
    """Serve a studio that does not exist yet, with the tone voice."""
    house = ToneHouse(make_voice(folder / "voice"))
    yield from _serve(folder, house, house.source())


def serve_singing(folder: Path) -> Iterator[Page]:
    """The same, with a tone voice whose record offers singing too."""
    house = ToneHouse(make_voice(folder / "voice", scope=offered(modes=("speech", "singing"))))
    yield from _serve(folder, house, house.source())


def serve_converting(folder: Path) -> Iterator[Page]:
    """The same, with a tone voice whose record offers conversion too."""
    house = ToneHouse(make_voice(folder / "voice", scope=offered(modes=("speech", "conversion"))))
    yield from _serve(folder, house, house.source())


def serve_house(folder: Path) -> Iterator[Page]:
    """The same with the voices that are shipped."""
    yield from _serve(folder, None, None)


def _serve(folder: Path, house: Any, voices: Any) -> Iterator[Page]:
    pytest.importorskip("gradio", reason="gradio is not installed; the page cannot be served")
    from demos.app import build, launch  # imports gradio, 3 s

    page = build(folder / "studio", voices=voices)
    address = launch(page, port=None, quiet=True)
    try:
        yield Page(address, folder / "studio", house, page)
    finally:
        page.desk.close()
        page.close(verbose=False)
