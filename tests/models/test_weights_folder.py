"""A folder where a weight file should lie is said to be none, as anything else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicekit.errors import InputError
from voicekit.models.weights import read_weights


def test_a_folder_is_no_weight_file(tmp_path: Path) -> None:
    folder = tmp_path / "voice.safetensors"
    folder.mkdir()
    with pytest.raises(InputError, match="not a weight file of ours"):
        read_weights(folder)
