"""Decoder and vocoder network in ONNX Runtime against torch: how equal, how fast, how much memory.

The files are made of the shipped networks, measured, and thrown away: a network in a file that anything can run makes a
voice outside the gate.  So nothing outside this folder can write one, and nothing here takes a network from a caller:
an enrolled person's voice is merged into the network it is loaded into, and would be in the file.  ADR 0011 says more.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bench.report import Report, Table, command, one_thread, parse, rounded, say
from voicekit.engines.voices import MODEL_FOLDER
from voicekit.errors import UsageError
from voicekit.features.frames import FRAME_RATE
from voicekit.features.mel import N_BANDS
from voicekit.models.acoustic import FRAME_FEATURES, Acoustic
from voicekit.models.blocks import halve
from voicekit.models.vocoder import Vocoder
from voicekit.models.weights import build_acoustic, build_vocoder, read_weights

DECODER_FILE, VOCODER_FILE = "decoder.onnx", "vocoder.onnx"
OPSET = 17
_EXAMPLE_FRAMES = 64
SECONDS, ROUNDS, QUICK_ROUNDS = 6.4, 12, 3

Feeds = tuple[dict[str, Tensor], dict[str, Tensor]]


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


def shared_networks() -> tuple[Acoustic, Vocoder]:
    """The networks that every house voice shares, in float32; they hold no voice."""
    acoustic = build_acoustic(read_weights(MODEL_FOLDER / "acoustic.safetensors"))
    return acoustic, build_vocoder(read_weights(MODEL_FOLDER / "vocoder.safetensors"))


def export(folder: Path) -> tuple[Path, Path]:
    """Write the shared decoder and the shared vocoder network; the number of frames stays open.

    Parameters
    ----------
    folder : Path
        Exists, and goes when the measurement is done.

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
        raise UsageError("the package onnx is not installed", "pip install 'voicekit[bench]'") from None
    acoustic, vocoder = shared_networks()
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


def feeds(acoustic: Acoustic, frames: int, seed: int = 1) -> Feeds:
    """Inputs of both networks: a speaker that is nobody, random phones and melody, and the envelope of them."""
    made = torch.Generator().manual_seed(seed)
    config = acoustic.config
    first = {
        "spread": torch.randn(1, config.encoder_channels + FRAME_FEATURES, frames, generator=made),
        "octaves": 0.2 * torch.randn(1, frames, generator=made),
        "vuv": (torch.rand(1, frames, generator=made) > 0.4).float(),
        "speaker": 0.1 * torch.randn(1, config.speaker_channels, generator=made),
    }
    with torch.inference_mode():
        envelope = acoustic.decode(*first.values())
    return first, {"envelope": envelope, "vuv": first["vuv"]}


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


def _fastest(work: Callable[[], object], rounds: int) -> float:
    """Least processor seconds, after one round that is not counted."""
    work()
    spent = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)


def _session(file: Path) -> Callable[[Mapping[str, Tensor]], list[np.ndarray]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return lambda feed: list(session.run(None, {name: value.numpy() for name, value in feed.items()}))


_MEMORY = """
import json, resource, sys
if sys.argv[1:]:
    import onnxruntime
    kept = [onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]) for file in sys.argv[1:]]
else:
    import torch
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""


def _peak_mb(*files: Path) -> float:
    """Peak memory of a process that holds both sessions, or that imports torch."""
    asked = subprocess.run(
        [sys.executable, "-c", _MEMORY, *map(str, files)], capture_output=True, text=True, check=True
    )
    return float(json.loads(asked.stdout)) * 1024 / 1e6


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = parse(__doc__ or "", argv)
    one_thread()
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    report = Report("onnx_speed", "ONNX Runtime against torch: decoder and vocoder network")
    acoustic, vocoder = shared_networks()
    first, second = feeds(acoustic, round(SECONDS * FRAME_RATE))
    with tempfile.TemporaryDirectory(prefix="voicekit-bench-") as scratch, torch.inference_mode():
        say("writing")
        files = export(Path(scratch))
        runs = [_session(file) for file in files]
        say("measuring")
        wanted = [(acoustic.decode(*first.values()),), vocoder.parameters_of(*second.values())]
        off = [
            max(float(np.abs(a - b.numpy()).max()) for a, b in zip(run(feed), want, strict=True))
            for run, feed, want in zip(runs, (first, second), wanted, strict=True)
        ]
        times: dict[str, dict[str, float]] = {"decoder": {}, "vocoder network": {}}
        names = list(times)
        for name, run, feed in zip(names, runs, (first, second), strict=True):
            times[name]["onnxruntime float32"] = _fastest(lambda r=run, f=feed: r(f), rounds)
        for kind in ("torch float32", "torch bfloat16"):
            if kind == "torch bfloat16":
                acoustic.decoder, vocoder = halve(acoustic.decoder), halve(vocoder)
            times["decoder"][kind] = _fastest(lambda: acoustic.decode(*first.values()), rounds)
            times["vocoder network"][kind] = _fastest(lambda v=vocoder: v.parameters_of(*second.values()), rounds)
        memory = {"onnxruntime, both sessions": _peak_mb(*files), "torch imported": _peak_mb()}
    kinds = ("torch float32", "onnxruntime float32", "torch bfloat16")
    rows: list[tuple[object, ...]] = [
        (name, *(rounded(1000 * times[name][kind], 1) for kind in kinds), f"{off[place]:.1e}")
        for place, name in enumerate(names)
    ]
    title = f"{SECONDS} s of frames, one thread, fastest of {rounds}: processor time, ms"
    report.tables.append(Table(title, ("network", *kinds, "largest difference in float32, nepers"), rows))
    report.tables.append(Table("Peak memory, MB", tuple(memory), [tuple(rounded(v, 0) for v in memory.values())]))
    report.notes.append(
        "The files are thrown away. Where the processor does not multiply bfloat16 natively, the last column of times "
        "is float32 too."
    )
    report.data = {"times_s": times, "largest_difference": dict(zip(names, off, strict=True)), "memory_mb": memory}
    report.write(options)
    return 0


if __name__ == "__main__":
    command(main)
