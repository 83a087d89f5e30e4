"""The networks of the synthesis path as ONNX files, for measurement and for other runtimes.

What is written are the shared networks alone: they take a voice's embedding as an input and hold none, so the files
say nothing by themselves, and no engine of ours reads them.  ADR 0011 says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from voicekit.errors import UsageError
from voicekit.features.mel import N_BANDS
from voicekit.models.acoustic import FRAME_FEATURES, Acoustic
from voicekit.models.vocoder import Vocoder

__all__ = ["DECODER_FILE", "VOCODER_FILE", "export_onnx"]

DECODER_FILE, VOCODER_FILE = "decoder.onnx", "vocoder.onnx"
OPSET = 17
_EXAMPLE_FRAMES = 64


class _Decoder(nn.Module):
    def __init__(self, acoustic: Acoustic) -> None:
        super().__init__()
        self.acoustic = acoustic

    def forward(self, spread: Tensor, octaves: Tensor, vuv: Tensor, speaker: Tensor) -> Tensor:
        """See `Acoustic.decode`."""
        return self.acoustic.decode(spread, octaves, vuv, speaker)


class _Network(nn.Module):
    def __init__(self, vocoder: Vocoder) -> None:
        super().__init__()
        self.vocoder = vocoder

    def forward(self, envelope: Tensor, vuv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `Vocoder.parameters_of`."""
        return self.vocoder.parameters_of(envelope, vuv)


def export_onnx(acoustic: Acoustic, vocoder: Vocoder, folder: Path) -> tuple[Path, Path]:
    """Write the decoder and the vocoder's network; the number of frames stays open.

    Parameters
    ----------
    acoustic, vocoder
        In float32, as `build_acoustic` and `build_vocoder` give them.
    folder : Path
        Exists.

    Returns
    -------
    (Path, Path)
        ``decoder.onnx`` (spread, octaves, vuv, speaker -> envelope) and ``vocoder.onnx`` (envelope, vuv -> harmonic,
        noise, phase).

    Raises
    ------
    voicekit.errors.UsageError
        The package onnx is missing.
    """
    try:
        import onnx  # noqa: F401  (torch needs it to write)
    except ImportError:
        raise UsageError("the package onnx is not installed", "pip install 'voicekit[onnx]'") from None
    t = _EXAMPLE_FRAMES
    config = acoustic.config
    spread = torch.zeros(1, config.encoder_channels + FRAME_FEATURES, t)
    row, ones = torch.zeros(1, t), torch.ones(1, t)
    speaker = torch.zeros(1, config.speaker_channels)
    envelope = torch.full((1, t, N_BANDS), -5.0)
    decoder, network = folder / DECODER_FILE, folder / VOCODER_FILE
    _write(
        _Decoder(acoustic),
        (spread, row, ones, speaker),
        decoder,
        {"spread": {2: "T"}, "octaves": {1: "T"}, "vuv": {1: "T"}, "speaker": {}},
        {"envelope": {1: "T"}},
    )
    _write(
        _Network(vocoder),
        (envelope, ones),
        network,
        {"envelope": {1: "T"}, "vuv": {1: "T"}},
        {"harmonic": {1: "T"}, "noise": {1: "U"}, "phase": {1: "T"}},
    )
    return decoder, network


def _write(
    model: nn.Module,
    example: tuple[Tensor, ...],
    target: Path,
    inputs: Mapping[str, dict[int, str]],
    outputs: Mapping[str, dict[int, str]],
) -> None:
    aside = target.with_suffix(".partial")
    with torch.inference_mode():
        torch.onnx.export(
            model.eval(),
            example,
            str(aside),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: axes for name, axes in {**inputs, **outputs}.items() if axes},
            opset_version=OPSET,
            dynamo=False,
        )
    aside.rename(target)
