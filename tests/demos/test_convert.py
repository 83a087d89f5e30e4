"""Conversion over the page's API: what is delivered, and what is refused.

Truth comes from the ledger, from `consent.verify_file`, and from soundfile.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from consent import verify_file
from tests.demos.conftest import Page, serve_converting
from tests.demos.test_app import post
from tests.studio.test_conversion_gate import RATE, spoken

gradio_client = pytest.importorskip("gradio_client", reason="gradio_client is not installed")

STATUS, AUDIO, FILES, FACTS, RESULT = range(5)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, handed_out: Path) -> Iterator[Page]:
    yield from serve_converting(tmp_path_factory.mktemp("converting"))


@pytest.fixture(scope="module")
def client(page: Page) -> Any:
    return gradio_client.Client(page.address, verbose=False, download_files=str(page.studio.parent / "got"))


@pytest.fixture(scope="module")
def grant(page: Page) -> str:
    assert "signed" in post(page, "begin", ["tone", "Test Operator"])[0]
    (only,) = page.blocks.desk.grants()
    return str(only.id)


def take(folder: Path, seed: int) -> Any:
    path = folder / f"take{seed}.wav"
    soundfile.write(path, spoken(seed=seed), RATE)
    return gradio_client.handle_file(path)


def sounds(page: Page) -> set[Path]:
    return {path for path in (page.studio / "out").rglob("*") if path.suffix == ".wav"}


def test_a_take_of_ones_own_is_converted_and_both_grants_have_a_proof(
    page: Page, client: Any, grant: str, tmp_path: Path
) -> None:
    answer = client.predict(take=take(tmp_path, 1), grant=grant, mine=True, api_name="/convert")
    result = answer[RESULT]
    assert result["ok"] and result["voice"] == "tone" and result["source_voice"] == "my-own"
    assert result["permission"] == "operator-attested" and len(result["receipts"]) == 2
    assert "Traceback" not in str(answer) and str(page.studio) not in str(result)
    made = page.studio / "out" / result["file"]
    assert verify_file(made).voice == "tone"
    names = sorted(Path(name).name for name in answer[FILES])
    assert names == sorted([made.name, f"{made.name}.voiceproof", f"{made.name}.2.voiceproof"])
    got, rate = soundfile.read(answer[AUDIO])
    assert rate == 24_000 and abs(len(got) / rate - 1.2) < 0.01 and np.abs(got).max() > 0.01
    for word in ("Permission: tone", "operator attested", "semitones"):
        assert word in answer[FACTS]


def test_a_strangers_take_is_refused_and_leaves_nothing(page: Page, client: Any, grant: str, tmp_path: Path) -> None:
    before = sounds(page)
    answer = client.predict(take=take(tmp_path, 7), grant=grant, mine=False, api_name="/convert")
    assert answer[RESULT]["refused"] == "reference-mismatch" and answer[AUDIO] is None and not answer[FILES]
    assert "refused" in answer[STATUS].lower() and sounds(page) == before


def test_what_is_no_sound_is_told_so(page: Page, client: Any, grant: str, tmp_path: Path) -> None:
    path = tmp_path / "words.wav"
    path.write_text("these are words")
    answer = client.predict(take=gradio_client.handle_file(path), grant=grant, mine=True, api_name="/convert")
    assert not answer[RESULT]["ok"] and "not a sound file" in answer[STATUS] and "Traceback" not in str(answer)
    answer = client.predict(take=None, grant=grant, mine=True, api_name="/convert")
    assert "no take" in answer[STATUS].lower()
