"""Small real coqui models with random weights: coqui's own classes and files, so that its own code loads them."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
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
        init_discriminator=False,
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


def spectral(folder: Path, family: str = "fast_pitch", *, vocoder: bool = True, terms: str = TERMS) -> Path:
    """A model of one speaker that makes spectra, and a HiFi-GAN beside it."""
    import torch
    from TTS.tts.configs.fast_pitch_config import FastPitchConfig
    from TTS.tts.configs.glow_tts_config import GlowTTSConfig
    from TTS.tts.configs.tacotron2_config import Tacotron2Config
    from TTS.tts.models import setup_model

    torch.manual_seed(0)
    if family == "glow_tts":
        small = {"hidden_channels_enc": 16, "hidden_channels_dec": 16, "num_flow_blocks_dec": 2, "num_block_layers": 1}
        encoder = {"kernel_size": 3, "dropout_p": 0.1, "num_layers": 1, "num_heads": 2, "hidden_channels_ffn": 16}
        config = GlowTTSConfig(**small, hidden_channels_dp=16, encoder_params=encoder, text_cleaner="english_cleaners")
    elif family == "tacotron2":
        config = Tacotron2Config(text_cleaner="english_cleaners", r=2, max_decoder_steps=12)
        config.model_args.max_decoder_steps = 12
    else:
        config = FastPitchConfig(text_cleaner="english_cleaners", compute_f0=False)
        part = {"hidden_channels_ffn": 16, "num_heads": 1, "num_layers": 1, "dropout_p": 0.1}
        config.model_args.hidden_channels = 16
        config.model_args.encoder_params = part
        config.model_args.decoder_params = part
        for name in ("duration", "pitch"):
            setattr(config.model_args, f"{name}_predictor_hidden_channels", 16)
    save(folder, config, setup_model(config), terms)
    return hifigan(folder / "vocoder", 80) and folder if vocoder else folder


def hifigan(
    folder: Path, channels: int, hop: tuple[int, ...] = (8, 8, 2, 2), more: dict[str, int] | None = None, **audio: int
) -> Path:
    """A small HiFi-GAN generator, as coqui's own GAN model keeps it."""
    import torch
    from TTS.vocoder.configs.hifigan_config import HifiganConfig
    from TTS.vocoder.models.gan import GAN

    config = HifiganConfig()
    for name, value in audio.items():
        setattr(config.audio, name, value)
    config.audio.num_mels = channels
    config.generator_model_params = {
        "in_channels": channels,
        "resblock_type": "2",
        "resblock_dilation_sizes": [[1, 3]],
        "resblock_kernel_sizes": [3],
        "upsample_factors": list(hop),
        "upsample_kernel_sizes": [2 * rate for rate in hop],
        "upsample_initial_channel": 32,
        "cond_channels": 0,
        "inference_padding": 0 if audio else 5,
        **(more or {}),
    }
    made = GAN(config).model_g
    folder.mkdir(parents=True, exist_ok=True)
    config.save_json(str(folder / "config.json"))
    # the older form, without the discriminators' hundreds of megabytes
    torch.save({"model": made.state_dict(), "model_disc": {}}, folder / "model_file.pth")
    return folder


WAVLM = {
    "extractor_mode": "default", "encoder_layers": 1, "encoder_embed_dim": 32, "encoder_ffn_embed_dim": 32,
    "encoder_attention_heads": 2, "conv_feature_layers": "[(16,10,5)] + [(16,3,2)] * 4 + [(16,2,2)] * 2",
    "conv_pos": 16, "conv_pos_groups": 4,
}  # fmt: skip


def wavlm(folder: Path, **changes: object) -> None:
    """A WavLM of one layer where coqui's converters look for the large one."""
    import torch
    from TTS.vc.layers.freevc.wavlm.wavlm import WavLM, WavLMConfig

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    model = WavLM(WavLMConfig(WAVLM))
    torch.save({"cfg": WAVLM | changes, "model": model.state_dict()}, folder / "WavLM-Large.pt")


def freevc(folder: Path, terms: str = TERMS) -> Path:
    """FreeVC with its speaker encoder within."""
    import torch
    from TTS.vc.configs.freevc_config import FreeVCArgs, FreeVCConfig
    from TTS.vc.models.freevc import FreeVC

    wavlm(folder / "wavlm")
    args = FreeVCArgs(
        inter_channels=16, hidden_channels=16, filter_channels=16, n_layers=1, upsample_initial_channel=32,
        gin_channels=16, ssl_dim=32, use_spk=False,
    )  # fmt: skip
    with _wavlm_of(folder):
        torch.manual_seed(0)
        config = FreeVCConfig(model_args=args)
        return save(folder, config, FreeVC(config), terms)


def knnvc(folder: Path, terms: str = TERMS) -> Path:
    """kNN-VC, which has no weights but WavLM's and a vocoder's."""
    from TTS.vc.configs.knnvc_config import KNNVCArgs, KNNVCConfig

    wavlm(folder / "wavlm")
    config = KNNVCConfig(model_args=KNNVCArgs(ssl_dim=32), wavlm_layer=1)
    config.save_json(str(folder / "config.json"))
    (folder / "license.toml").write_text(terms, encoding="utf-8")
    hifigan(folder / "vocoder", 32, (10, 8, 2, 2), {"pre_linear": 32}, sample_rate=16_000)
    return folder


def openvoice(folder: Path, terms: str = TERMS) -> Path:
    """OpenVoice's converter, with a configuration of its own form."""
    import torch
    from TTS.vc.configs.openvoice_config import OpenVoiceConfig
    from TTS.vc.models.openvoice import OpenVoice

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    torch.save({"model": OpenVoice(OpenVoiceConfig()).state_dict()}, folder / "checkpoint.pth")
    data = {"sampling_rate": 22_050, "filter_length": 1024, "hop_length": 256, "win_length": 1024}
    (folder / "config.json").write_text(json.dumps({"data": data}), encoding="utf-8")
    (folder / "license.toml").write_text(terms, encoding="utf-8")
    return folder


def xtts(folder: Path, terms: str = TERMS) -> Path:
    """An XTTS of one layer, and a tokenizer of letters."""
    import torch
    from tokenizers import Tokenizer, models
    from TTS.tts.configs.xtts_config import XttsArgs, XttsConfig
    from TTS.tts.models.xtts import Xtts

    folder.mkdir(parents=True, exist_ok=True)
    letters = ["[STOP]", "[UNK]", "[SPACE]", "[START]", "[en]", *"abcdefghijklmnopqrstuvwxyz.,?!'"]
    Tokenizer(models.BPE({text: n for n, text in enumerate(letters)}, [], unk_token="[UNK]")).save(
        str(folder / "vocab.json")
    )
    args = XttsArgs(
        gpt_layers=1, gpt_n_model_channels=64, gpt_n_heads=2, gpt_number_text_tokens=len(letters),
        gpt_start_text_token=3, gpt_stop_text_token=0, gpt_max_audio_tokens=20, gpt_num_audio_tokens=66,
        gpt_start_audio_token=64, gpt_stop_audio_token=65, decoder_input_dim=64, gpt_use_perceiver_resampler=True,
        tokenizer_file=str(folder / "vocab.json"),
    )  # fmt: skip
    config = XttsConfig(model_args=args, languages=["en"])
    torch.manual_seed(0)
    model = Xtts(config)
    model.init_models()
    return save(folder, config, model, terms, "model.pth")


@contextlib.contextmanager
def _wavlm_of(folder: Path) -> Iterator[None]:
    """Let coqui build a converter without a network: from the small WavLM of this folder."""
    home = folder.parent / f"{folder.name}-home" / "tts"
    home.mkdir(parents=True)
    (home / "wavlm").symlink_to(folder / "wavlm", target_is_directory=True)
    before = os.environ.get("TTS_HOME")
    os.environ["TTS_HOME"] = str(home.parent)
    try:
        yield
    finally:
        os.environ.pop("TTS_HOME")
        if before is not None:
            os.environ["TTS_HOME"] = before
