"""The exported networks compute what ours do, for any length, hold no voice, and cannot be given one."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch

from voicekit.engines.voices import list_voices
from voicekit.models.weights import read_weights

pytest.importorskip("onnx", reason="in the extra bench")
pytest.importorskip("onnxruntime", reason="in the extra bench")

import onnxruntime

from bench import onnx_speed
from bench.onnx_speed import export, feeds, shared_networks

ENVELOPE_TOL_NEPERS = 1e-3
NOISE_TOL_NEPERS = 5e-2  # the logarithm of a sigmoid far out is taken less carefully by the runtime
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return export(tmp_path_factory.mktemp("onnx"))


def test_exported_networks_give_the_same_numbers_at_lengths_they_were_not_traced_for(files: tuple[Path, Path]) -> None:
    acoustic, vocoder = shared_networks()
    run_decoder, run_vocoder = (
        onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"]) for file in files
    )
    for frames in (17, 200):
        first, second = feeds(acoustic, frames)
        with torch.inference_mode():
            wanted = vocoder.parameters_of(*second.values())
        (got,) = run_decoder.run(None, {name: value.numpy() for name, value in first.items()})
        assert np.abs(got - second["envelope"].numpy()).max() < ENVELOPE_TOL_NEPERS
        found = run_vocoder.run(None, {name: value.numpy() for name, value in second.items()})
        for value, expected, tolerance in zip(
            found, wanted, (ENVELOPE_TOL_NEPERS, NOISE_TOL_NEPERS, ENVELOPE_TOL_NEPERS), strict=True
        ):
            assert value.shape == tuple(expected.shape) and np.abs(value - expected.numpy()).max() < tolerance


def test_no_embedding_of_a_voice_is_in_the_files(files: tuple[Path, Path]) -> None:
    import onnx

    held = b"".join(file.read_bytes() for file in files)
    for voice in list_voices():
        embedding = read_weights(voice.weights[2]).tensors["embedding"].numpy()
        assert embedding.astype("<f4").tobytes()[:64] not in held
    inputs = {value.name for value in onnx.load(str(files[0])).graph.input}
    assert "speaker" in inputs


def test_no_network_can_be_handed_to_the_exporter() -> None:
    """An opened engine of an enrolled person has their voice merged into its network: it must have no way in here."""
    assert list(inspect.signature(export).parameters) == ["folder"]
    assert list(inspect.signature(shared_networks).parameters) == []
    public = [name for name, value in vars(onnx_speed).items() if inspect.isfunction(value) and name[0] != "_"]
    taking = [n for n in public if "onnx" in inspect.getsource(getattr(onnx_speed, n)) and n not in ("export", "main")]
    assert taking == []


def test_nothing_is_left_of_a_measurement(tmp_path: Path) -> None:
    assert onnx_speed.main(["--quick", "--out", str(tmp_path)]) == 0
    assert not list(tmp_path.rglob("*.onnx"))
