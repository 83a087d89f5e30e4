"""What coqui's models may be used for. The independent source is coqui's own model list, where it is installed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from consent.scope import commercial_licence
from voicekit.engines.coqui_table import UNSTATED, terms_of


@pytest.mark.parametrize(
    ("name", "sold"),
    [
        ("tts_models/en/ljspeech/vits", True),
        ("tts_models/en/vctk/vits", True),
        ("tts_models/de/thorsten/vits", True),
        ("tts_models/en/vctk/fast_pitch", False),
        ("tts_models/multilingual/multi-dataset/xtts_v2", False),
        ("tts_models/multilingual/multi-dataset/your_tts", False),
        ("tts_models/en/blizzard2013/capacitron-t2-c50", False),
        ("tts_models/zh-CN/baker/tacotron2-DDC-GST", False),
        ("tts_models/en/ljspeech/from_tomorrow", False),
        ("voice_conversion_models/multilingual/vctk/freevc24", True),
    ],
)
def test_weights_and_recordings_must_both_allow_commerce(name: str, sold: bool) -> None:
    terms = terms_of(name)
    assert terms is not None
    assert (commercial_licence(terms.license) and commercial_licence(terms.recordings_license)) is sold


def test_what_is_no_name_has_no_terms() -> None:
    assert terms_of("my/folder") is None and terms_of("vocoder_models/en/ljspeech/hifigan_v2") is None


def test_the_table_says_what_coquis_own_list_says() -> None:
    spec = importlib.util.find_spec("TTS")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("coqui-tts is not installed: its list cannot be compared")
    told = {
        "apache 2.0": "Apache-2.0", "bsd-3-clause": "BSD-3-Clause", "mpl": "MPL-2.0", "mit": "MIT",
        "cpml": "LicenseRef-CPML", "cc by-nc-nd 4.0": "CC-BY-NC-ND-4.0", "cc-by-sa 4.0": "CC-BY-SA-4.0",
        "cc-by-4.0": "CC-BY-4.0", "openrail": "LicenseRef-OpenRAIL",
    }  # fmt: skip
    models = json.loads((Path(spec.submodule_search_locations[0]) / ".models.json").read_text(encoding="utf-8"))
    seen = 0
    for kind in ("tts_models", "voice_conversion_models"):
        for language, corpora in models[kind].items():
            for corpus, entries in corpora.items():
                for model, entry in entries.items():
                    terms = terms_of(f"{kind}/{language}/{corpus}/{model}")
                    assert terms is not None and terms.license != UNSTATED, (language, corpus, model)
                    known = told.get(str(entry["license"]).lower(), "LicenseRef-Jenny")
                    assert terms.license == known, (language, corpus, model, entry["license"])
                    seen += 1
    assert seen > 60
