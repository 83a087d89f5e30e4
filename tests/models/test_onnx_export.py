"""The exported networks compute what ours do, for any length, and hold no voice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from voicekit.engines.voices import MODEL_FOLDER, list_voices
from voicekit.models.onnx_export import export_onnx
from voicekit.models.weights import build_acoustic, build_vocoder, read_weights

pytest.importorskip("onnx", reason="in the extra onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="in the extra onnx")

ENVELOPE_TOL_NEPERS = 1e-3
NOISE_TOL_NEPERS = 5e-2  # the logarithm of a sigmoid far out is taken less carefully by the runtime


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_exported_networks_give_the_same_numbers_at_lengths_they_were_not_traced_for(tmp_path: Path) -> None:
    acoustic = build_acoustic(read_weights(MODEL_FOLDER / "acoustic.safetensors"))
    vocoder = build_vocoder(read_weights(MODEL_FOLDER / "vocoder.safetensors"))
    decoder_file, vocoder_file = export_onnx(acoustic, vocoder, tmp_path)
    run_decoder = onnxruntime.InferenceSession(str(decoder_file), providers=["CPUExecutionProvider"])
    run_vocoder = onnxruntime.InferenceSession(str(vocoder_file), providers=["CPUExecutionProvider"])
    made = torch.Generator().manual_seed(1)
    config = acoustic.config
    speaker = 0.1 * torch.randn(1, config.speaker_channels, generator=made)
    for frames in (17, 200):
        spread = torch.randn(1, config.encoder_channels + 3, frames, generator=made)
        octaves = 0.2 * torch.randn(1, frames, generator=made)
        vuv = (torch.rand(1, frames, generator=made) > 0.4).float()
        with torch.inference_mode():
            envelope = acoustic.decode(spread, octaves, vuv, speaker)
            wanted = vocoder.parameters_of(envelope, vuv)
        feed = {"spread": spread, "octaves": octaves, "vuv": vuv, "speaker": speaker}
        (got,) = run_decoder.run(None, {name: value.numpy() for name, value in feed.items()})
        assert np.abs(got - envelope.numpy()).max() < ENVELOPE_TOL_NEPERS
        found = run_vocoder.run(None, {"envelope": envelope.numpy(), "vuv": vuv.numpy()})
        for value, expected, tolerance in zip(
            found, wanted, (ENVELOPE_TOL_NEPERS, NOISE_TOL_NEPERS, ENVELOPE_TOL_NEPERS), strict=True
        ):
            assert value.shape == tuple(expected.shape) and np.abs(value - expected.numpy()).max() < tolerance


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_no_embedding_of_a_voice_is_in_the_files(tmp_path: Path) -> None:
    import onnx

    acoustic = build_acoustic(read_weights(MODEL_FOLDER / "acoustic.safetensors"))
    vocoder = build_vocoder(read_weights(MODEL_FOLDER / "vocoder.safetensors"))
    files = export_onnx(acoustic, vocoder, tmp_path)
    held = b"".join(file.read_bytes() for file in files)
    for voice in list_voices():
        embedding = read_weights(voice.weights[2]).tensors["embedding"].numpy()
        assert embedding.astype("<f4").tobytes()[:64] not in held
    inputs = {value.name for value in onnx.load(str(files[0])).graph.input}
    assert "speaker" in inputs
