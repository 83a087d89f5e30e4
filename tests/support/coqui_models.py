"""Small real coqui models with random weights: coqui's own classes and files, so that its own code loads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

WHY = "coqui-tts is not installed: pip install 'voicekit[coqui]'"
SPEAKERS = ["p225", "p226", "p227"]
TERMS = 'license = "Apache-2.0"\nrecordings = "readers of the test corpus"\nrecordings_license = "CC-BY-4.0"\n'


def need_coqui() -> None:
    """Skip, and say why, where coqui is missing."""
    pytest.importorskip("TTS", reason=WHY)


def vits(folder: Path, *, seed: int = 0, terms: str = TERMS, speakers: bool = True) -> Path:
    """A VITS of three speakers, or of one."""
    import torch
    from TTS.tts.configs.vits_config import VitsArgs, VitsConfig
    from TTS.tts.models.vits import Vits

    many = {"use_speaker_embedding": True} if speakers else {}
    args = VitsArgs(
        hidden_channels=16,
        hidden_channels_ffn_text_encoder=32,
        num_heads_text_encoder=2,
        num_layers_text_encoder=1,
        num_layers_posterior_encoder=1,
        num_layers_flow=1,
        upsample_initial_channel_decoder=16,
        use_sdp=False,
        **({"speaker_embedding_channels": 8, "use_speaker_embedding": True} if speakers else {}),
    )
    config = VitsConfig(
        model_args=args, speakers=SPEAKERS if speakers else [], text_cleaner="english_cleaners", **many
    )
    torch.manual_seed(seed)
    return save(folder, config, Vits(config), terms)


def save(folder: Path, config: object, model: object, terms: str = TERMS, name: str = "model_file.pth") -> Path:
    """Configuration, weights and terms, as coqui's trainer lays them down."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    config.save_json(str(folder / "config.json"))  # type: ignore[attr-defined]
    torch.save({"model": model.state_dict()}, folder / name)  # type: ignore[attr-defined]
    if terms:
        (folder / "license.toml").write_text(terms, encoding="utf-8")
    return folder


def edit(folder: Path, **values: object) -> None:
    """Change what a configuration says."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config.update(values)
    path.write_text(json.dumps(config), encoding="utf-8")
