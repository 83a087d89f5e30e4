"""Quality as predicted by published instruments: DNSMOS without a reference, PESQ and STOI with one."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

import numpy as np

from voicekit.audio import Audio, resample
from voicekit.errors import UsageError

SAMPLE_RATE = 16_000  #: all of them listen at 16 kHz


@dataclass(frozen=True)
class Dnsmos:
    """Predicted mean opinions, 1 (bad) to 5 (excellent): overall, signal, background, and the P.808
    model's."""

    overall: float
    signal: float
    background: float
    p808: float


def _tool(module: str, package: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as problem:
        raise UsageError(f"{package} cannot be used ({problem})", "pip install 'voicekit[bench]'") from None


def dnsmos(audio: Audio) -> Dnsmos:
    """DNSMOS of a recording; shorter ones than 9 s are repeated until they are long enough.

    Raises
    ------
    voicekit.errors.UsageError
        speechmos is not installed, or there is no sound.

    Source
    ------
    C. K. A. Reddy, V. Gopal, R. Cutler, "DNSMOS P.835: a non-intrusive perceptual objective speech quality
    metric", ICASSP 2022; the models come with the package speechmos.  It was trained on noise suppressors:
    it ranks synthetic voices roughly, and small differences between them mean little.
    """
    if not len(audio.samples):
        raise UsageError("DNSMOS needs some sound, and there is none")
    tool = _tool("speechmos.dnsmos", "speechmos")
    said = tool.run(np.clip(resample(audio, SAMPLE_RATE).samples, -1.0, 1.0), SAMPLE_RATE)
    return Dnsmos(*(float(said[name]) for name in ("ovrl_mos", "sig_mos", "bak_mos", "p808_mos")))


def _pair(reference: Audio, made: Audio) -> tuple[np.ndarray, np.ndarray]:
    a, b = resample(reference, SAMPLE_RATE).samples, resample(made, SAMPLE_RATE).samples
    if abs(len(a) - len(b)) > SAMPLE_RATE // 100:
        lengths = f"{len(a)} and {len(b)} samples"
        raise UsageError(f"{lengths} differ by more than 10 ms", "align the waveforms first")
    size = min(len(a), len(b))
    return a[:size], b[:size]


def pesq_wideband(reference: Audio, made: Audio) -> float:
    """PESQ, wide band (ITU-T P.862.2), 1.0 to 4.64.

    Raises
    ------
    voicekit.errors.UsageError
        pesq is not installed, the lengths differ, or no speech is found in one of the two.
    """
    tool = _tool("pesq", "pesq")
    a, b = _pair(reference, made)
    try:
        return float(tool.pesq(SAMPLE_RATE, a, b, "wb"))
    except tool.PesqError as problem:
        raise UsageError(f"PESQ finds nothing to compare ({problem})") from None


def stoi(reference: Audio, made: Audio) -> float:
    """Short-time objective intelligibility, 0 to 1.

    Raises
    ------
    voicekit.errors.UsageError
        pystoi is not installed, or the lengths differ.

    Source
    ------
    C. H. Taal, R. C. Hendriks, R. Heusdens, J. Jensen, IEEE TASLP 19 (2011).
    """
    tool = _tool("pystoi", "pystoi")
    a, b = _pair(reference, made)
    return float(tool.stoi(a, b, SAMPLE_RATE, extended=False))
