"""From a sentence's plan to its samples, window by window.

Timing and melody are settled for the whole sentence; the networks that make sound then run over windows, each with
as many frames on either side as they look at.  How a sentence is cut depends on its length alone, and a sentence is
made no other way, so what is heard while it is being made is what is kept, to the bit; the first window is short, so
that it is heard soon; and memory does not grow with the sentence.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from voicekit.features.frames import HOP_LENGTH
from voicekit.models.acoustic import Acoustic
from voicekit.models.source_filter import NOISE_FFT, PULSE_FFT, Pulses, batch_pulses
from voicekit.models.vocoder import Vocoder

__all__ = ["FIRST_FRAMES", "WINDOW_FRAMES", "Plan", "hold_peaks", "reach_frames", "render", "windows"]

WINDOW_FRAMES = 640  #: longest window, 6.4 s: a sentence of usual length is one
FIRST_FRAMES = 200  #: of a sentence that takes several
PEAK_LIMIT = 0.98  #: no sample is larger
_KNEE = 0.9

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Plan:
    """A sentence, ready to sound.

    Attributes
    ----------
    spread : Tensor
        (1, E + 3, T), see `Acoustic.spread`.
    timbre : Tensor
        (1, T) F0 for the envelope, octaves above the reference.
    f0_hz : ndarray
        (T,) F0 for the vocoder, 0 where unvoiced.
    level : Tensor
        (1, T, 1) added to the envelope, nepers.
    noise : Tensor
        (1, 240 T).
    """

    spread: Tensor
    timbre: Tensor
    f0_hz: npt.NDArray[np.float64]
    level: Tensor
    noise: Tensor


def windows(n_frames: int) -> list[tuple[int, int]]:
    """First frame and end of each window.

    Parameters
    ----------
    n_frames : int

    Returns
    -------
    list of (int, int)
        One up to `WINDOW_FRAMES`; else a first of `FIRST_FRAMES` and then as few as will do, of nearly one length.
    """
    if n_frames <= WINDOW_FRAMES:
        return [(0, n_frames)]
    rest = n_frames - FIRST_FRAMES
    count = -(-rest // WINDOW_FRAMES)
    edges = [0] + [FIRST_FRAMES + rest * i // count for i in range(count + 1)]
    return list(itertools.pairwise(edges))


def reach_frames(acoustic: Acoustic, vocoder: Vocoder) -> int:
    """Frames on either side that a sample depends on: both networks, and how long a pulse or a burst of noise is."""
    decoder = 1 + sum(acoustic.config.decoder_dilations)
    network = 2 + sum(vocoder.config.dilations)
    sound = -(-max(PULSE_FFT, NOISE_FFT) // HOP_LENGTH) + 1
    return decoder + network + sound


def hold_peaks(waveform: F32) -> F32:
    """Bend what is above 0.9 so that nothing passes 0.98; sample by sample, so that a window needs no other."""
    over = np.abs(waveform) > _KNEE
    if over.any():
        room = PEAK_LIMIT - _KNEE
        bent = _KNEE + room * np.tanh((np.abs(waveform[over]) - _KNEE) / room)
        waveform = waveform.copy()
        waveform[over] = np.copysign(bent, waveform[over]).astype(np.float32)
    return waveform


def _between(pulses: Pulses, first: int, last: int) -> Pulses:
    """Pulses of the frames from `first` up to `last`, their times counted from `first`."""
    low, high = np.searchsorted(pulses.time.numpy(), [first * HOP_LENGTH, last * HOP_LENGTH])
    return Pulses(pulses.item[low:high], pulses.time[low:high] - first * HOP_LENGTH, pulses.period[low:high])


def render(
    acoustic: Acoustic,
    vocoder: Vocoder,
    embedding: Tensor,
    plan: Plan,
    shape: Callable[[Tensor], Tensor],
    cut: Callable[[int], list[tuple[int, int]]] = windows,
) -> Iterator[F32]:
    """The samples of a plan, window by window.

    Parameters
    ----------
    acoustic, vocoder
        The networks.
    embedding : Tensor
        (1, S) of the voice.
    plan : Plan
    shape : callable
        Envelope (1, T, 80) of the decoder to that of the voice, frame by frame.
    cut : callable
        From a number of frames to windows.

    Yields
    ------
    ndarray
        (n,) float32, `240 T` in all.
    """
    n_frames = len(plan.f0_hz)
    voiced = plan.f0_hz > 0
    vuv = torch.from_numpy(voiced)[None].float()
    pulses = batch_pulses(plan.f0_hz[None], voiced[None])
    reach = reach_frames(acoustic, vocoder)
    for start, stop in cut(n_frames):
        first, last = max(0, start - reach), min(n_frames, stop + reach)
        with torch.inference_mode():
            envelope = acoustic.decode(
                plan.spread[:, :, first:last], plan.timbre[:, first:last], vuv[:, first:last], embedding
            )
            made = vocoder(
                shape(envelope) + plan.level[:, first:last],
                vuv[:, first:last],
                _between(pulses, first, last),
                plan.noise[:, first * HOP_LENGTH : last * HOP_LENGTH],
            )
        yield hold_peaks(made[0, (start - first) * HOP_LENGTH : (stop - first) * HOP_LENGTH].numpy())
