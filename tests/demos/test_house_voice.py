"""The page with a voice that is really shipped: neural sound under the shipped, signed record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from consent import verify_file
from tests.demos.conftest import serve_house
from tests.demos.test_app import AUDIO, FILES, PICTURE, RESULT, gradio_client, narrate, post


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, handed_out: Path) -> Iterator[Any]:
    from voicekit.engines import list_voices

    if not list_voices():
        pytest.skip("no house voice is installed here")
    yield from serve_house(tmp_path_factory.mktemp("house"))


def test_a_house_voice_speaks_a_sentence_that_verifies(page: Any) -> None:
    name = page.blocks.desk.voices.list_voices()[0].name
    assert "signed" in post(page, "begin", [name, "Test Operator"])[0]
    client = gradio_client.Client(page.address, verbose=False, download_files=str(page.studio.parent / "got"))
    (grant,) = client.predict(api_name="/grants")
    assert grant["voice"] == name and grant["basis"] == "no-donor"
    text = "The lamp was lit, and she began to read aloud to the children."
    answer = narrate(client, grant["id"], text)
    assert answer[RESULT]["ok"], answer[RESULT]
    shown = verify_file(answer[FILES][0], proof=answer[FILES][1])
    assert shown.ok and shown.voice == name and shown.basis == "no-donor" and shown.attributions
    wave, rate = soundfile.read(answer[AUDIO])
    # a sentence of 13 words takes a reader 3 to 7 seconds
    assert 2.0 < len(wave) / rate < 9.0
    # speech, not noise or silence: level moves between syllables and pauses
    frames = np.sqrt(np.mean(wave[: len(wave) // 441 * 441].reshape(-1, 441) ** 2, axis=1)) + 1e-9
    assert np.ptp(20 * np.log10(np.percentile(frames, [10, 90]))) > 12.0
    assert "Measured pitch: median" in answer[PICTURE]
