"""What all tests share: where the shared data lie, and a small machine's manners."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repo() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Data shared between checkouts: sample books, vectors; not part of the repository."""
    folder = Path(os.environ.get("VOICEKIT_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}; name the folder with VOICEKIT_SHARED")
    return folder


@pytest.fixture(autouse=True)
def _own_studio(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test may touch the studio of whoever runs it."""
    monkeypatch.setenv("VOICEKIT_STUDIO", str(tmp_path_factory.getbasetemp() / "nobodys-studio"))
