"""Source and filter: pulses at exact instants through minimum-phase filters, noise through magnitude filters.

The pitch is right by construction: a pulse is placed wherever the running integral of F0 (in float64) passes a
whole number, at its exact fractional time, by a linear phase in the frequency domain.  Nothing is sampled before
it is filtered, so nothing aliases, at any F0.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from voicekit.features.frames import HOP_LENGTH, SAMPLE_RATE
from voicekit.features.mel import synthesis_matrix

PULSE_FFT = 1024  #: length of one pulse's response, 43 ms
PULSES_AT_ONCE = 512  #: when nothing is learnt: memory and time do not grow with a song's pitch
NOISE_FFT = 512
NOISE_HOP = HOP_LENGTH // 2  #: two noise sub-frames a frame, so that a plosive stays short
NOISE_WINDOW = 4 * NOISE_HOP


@dataclass(frozen=True)
class Pulses:
    """Where the pulses of a batch lie.

    Attributes
    ----------
    item : Tensor
        (P,) long, which waveform of the batch.
    time : Tensor
        (P,) float64, in samples.
    period : Tensor
        (P,) float32, samples to the next pulse at the F0 of that instant.
    """

    item: Tensor
    time: Tensor
    period: Tensor


def pulse_times(
    f0_hz: npt.NDArray[np.floating], vuv: npt.NDArray[np.bool_], phase: float = 0.0, beyond: float = 0.0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Pulse instants of one utterance.

    Parameters
    ----------
    f0_hz : ndarray
        (T,) Hz; values of unvoiced frames are not used.
    vuv : ndarray
        (T,) bool.
    phase : float
        Phase at the start, in periods.
    beyond : float
        Periods that the train of pulses goes on beyond either end of what is voiced.

    Returns
    -------
    time : ndarray
        (P,) samples, float64, increasing.
    period : ndarray
        (P,) samples.
    """
    n_frames = len(f0_hz)
    if not vuv.any():
        return np.zeros(0), np.zeros(0)
    voiced = np.flatnonzero(vuv)
    log_f0 = np.interp(np.arange(n_frames), voiced, np.log(np.asarray(f0_hz, dtype=np.float64)[voiced]))
    centres = (np.arange(n_frames) + 0.5) * HOP_LENGTH
    samples = np.arange(n_frames * HOP_LENGTH + 1, dtype=np.float64)
    f0 = np.exp(np.interp(samples, centres, log_f0))
    # trapezoid integral: the phase at sample n
    cycles = phase + np.concatenate([[0.0], np.cumsum((f0[1:] + f0[:-1]) / (2 * SAMPLE_RATE))])
    whole = np.arange(math.ceil(cycles[0]), math.floor(cycles[-1]) + 1, dtype=np.float64)
    time = np.interp(whole, cycles, samples)
    time = time[_sounding(f0, vuv, beyond)[np.minimum(time.astype(int), n_frames * HOP_LENGTH - 1)]]
    return time, SAMPLE_RATE / np.exp(np.interp(time, centres, log_f0))


def _sounding(f0_hz: npt.NDArray[np.float64], vuv: npt.NDArray[np.bool_], beyond: float) -> npt.NDArray[np.bool_]:
    """Samples (240 T,) on which pulses may lie: voiced frames, each stretch longer by so many of its periods."""
    voiced = np.repeat(vuv, HOP_LENGTH)
    if not beyond:
        return voiced
    sounding = voiced.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[0], voiced.astype(np.int8), [0]])))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        first, last = (round(beyond * SAMPLE_RATE / f0_hz[at]) for at in (start, stop - 1))
        sounding[max(0, start - first) : stop + last] = True
    return sounding


def batch_pulses(
    f0_hz: npt.NDArray[np.floating],
    vuv: npt.NDArray[np.bool_],
    phase: npt.NDArray[np.floating] | None = None,
    beyond: float = 0.0,
) -> Pulses:
    """`pulse_times` of each row of (B, T) arrays, in one list."""
    items, times, periods = [], [], []
    for index in range(len(f0_hz)):
        time, period = pulse_times(f0_hz[index], vuv[index], 0.0 if phase is None else float(phase[index]), beyond)
        items.append(np.full(len(time), index, dtype=np.int64))
        times.append(time)
        periods.append(period)
    return Pulses(
        torch.from_numpy(np.concatenate(items)),
        torch.from_numpy(np.concatenate(times)),
        torch.from_numpy(np.concatenate(periods).astype(np.float32)),
    )


@functools.lru_cache(maxsize=4)
@torch.inference_mode(False)  # kept: whoever learns later needs it too
def _pulse_constants(n_phase: int) -> tuple[Tensor, Tensor, Tensor]:
    n_bins = PULSE_FFT // 2 + 1
    omega = torch.arange(n_bins, dtype=torch.float64) * (2 * math.pi / PULSE_FFT)
    fold = torch.zeros(PULSE_FFT)
    fold[0] = fold[PULSE_FFT // 2] = 1.0
    fold[1 : PULSE_FFT // 2] = 2.0
    k = torch.arange(1, n_phase + 1)[:, None]
    basis = torch.sin(math.pi * k * torch.arange(n_bins) / (n_bins - 1))
    return omega.float(), fold, basis


def _at_frames(values: Tensor, item: Tensor, position: Tensor) -> Tensor:
    """Read (B, T, M) at fractional frame positions (P,) of the given items -> (P, M)."""
    n_frames = values.shape[1]
    position = position.clamp(0, n_frames - 1)
    low = position.floor().long().clamp(max=max(n_frames - 2, 0))
    fraction = (position - low).to(values.dtype)[:, None]
    flat = values.reshape(-1, values.shape[2])
    high = (low + 1).clamp(max=n_frames - 1)
    return flat[item * n_frames + low] * (1 - fraction) + flat[item * n_frames + high] * fraction


def harmonic_part(log_amplitude: Tensor, phase: Tensor, pulses: Pulses, n_samples: int) -> Tensor:
    """Voiced sound: each pulse through the minimum-phase filter of its instant.

    Parameters
    ----------
    log_amplitude : Tensor
        (B, T, 80) natural log of amplitude.
    phase : Tensor
        (B, T, K) sine coefficients of a phase added over frequency, radians (dispersion).
    pulses : Pulses
    n_samples : int
        N.

    Returns
    -------
    Tensor
        (B, N).
    """
    n_batch = log_amplitude.shape[0]
    out = log_amplitude.new_zeros(n_batch * (n_samples + 2 * PULSE_FFT))
    count = pulses.item.numel()
    at_once = count if torch.is_grad_enabled() else PULSES_AT_ONCE
    bands = torch.cat([log_amplitude, phase], 2)
    for first in range(0, count, max(1, at_once)):
        some = slice(first, first + at_once)
        part = Pulses(pulses.item[some], pulses.time[some], pulses.period[some])
        response, index = _responses(bands, phase.shape[2], part, n_samples)
        out = out.index_add(0, index, response) if torch.is_grad_enabled() else out.index_add_(0, index, response)
    return out.view(n_batch, -1)[:, PULSE_FFT : PULSE_FFT + n_samples]


def _responses(values: Tensor, n_phase: int, pulses: Pulses, n_samples: int) -> tuple[Tensor, Tensor]:
    """Samples of each pulse, and where they are to be added among those of all waveforms, padded on both sides."""
    omega, fold, basis = _pulse_constants(n_phase)
    bands = _at_frames(values, pulses.item, pulses.time / HOP_LENGTH - 0.5)
    n_bands = values.shape[2] - n_phase
    log_h = bands[:, :n_bands] @ synthesis_matrix(PULSE_FFT // 2 + 1)
    # Source: Oppenheim & Schafer: minimum phase by folding the real cepstrum.
    minimum = torch.fft.rfft(torch.fft.irfft(log_h, PULSE_FFT) * fold)
    added = bands[:, n_bands:] @ basis
    whole = pulses.time.floor()
    lag = (pulses.time - whole).float()[:, None] * omega
    magnitude = minimum.real.exp() * pulses.period.clamp(max=SAMPLE_RATE / 40).sqrt()[:, None]
    response = torch.fft.irfft(torch.polar(magnitude, minimum.imag + added - lag), PULSE_FFT)
    # A dispersed response rings before its pulse too: keep a quarter of the buffer for what is "negative" time.
    lead = PULSE_FFT // 4
    response = torch.roll(response, lead, 1)
    start = pulses.item * (n_samples + 2 * PULSE_FFT) + whole.long() + PULSE_FFT - lead
    return response.reshape(-1), (start[:, None] + torch.arange(PULSE_FFT)).reshape(-1)


def noise_part(log_amplitude: Tensor, noise: Tensor) -> Tensor:
    """Unvoiced sound and breath: white noise through time-varying magnitudes.

    Parameters
    ----------
    log_amplitude : Tensor
        (B, 2 T, 80), two sub-frames a frame.
    noise : Tensor
        (B, N) white, unit variance, N = 240 T.

    Returns
    -------
    Tensor
        (B, N).
    """
    n_batch, n_samples = noise.shape
    window = torch.hann_window(NOISE_WINDOW, device=noise.device)
    spectrum = torch.stft(
        torch.nn.functional.pad(noise, (NOISE_FFT, NOISE_FFT)),
        NOISE_FFT, NOISE_HOP, NOISE_WINDOW, window, center=False, return_complex=True,
    )  # fmt: skip
    # STFT frame s is centred on sample 120 s - 256 of the unpadded noise, sub-frame j on sample 120 j + 60.
    n_sub = log_amplitude.shape[1]
    steps = torch.arange(spectrum.shape[2]) - (NOISE_FFT / 2 + NOISE_HOP / 2) / NOISE_HOP
    low = steps.floor().long().clamp(0, n_sub - 1)
    high = (low + 1).clamp(max=n_sub - 1)
    fraction = (steps - steps.floor()).to(log_amplitude.dtype)[None, :, None]
    gains = log_amplitude[:, low] * (1 - fraction) + log_amplitude[:, high] * fraction
    gains = (gains @ synthesis_matrix(NOISE_FFT // 2 + 1)).exp().transpose(1, 2)  # (B, S, F) -> (B, F, S)
    frames = torch.fft.irfft((spectrum * gains).transpose(1, 2), NOISE_FFT)
    # Overlap-add with the same window; the squared windows sum to a constant 1.5 at 75 % overlap.  Outside the window
    # a frame is zero, so four shifted sums are all there is to add.
    pad = (NOISE_FFT - NOISE_WINDOW) // 2
    parts = (frames[:, :, pad : pad + NOISE_WINDOW] * (window / 1.5)).unflatten(2, (-1, NOISE_HOP))
    n_frames, overlap = parts.shape[1], parts.shape[2]
    summed = noise.new_zeros(n_batch, n_frames + overlap - 1, NOISE_HOP)
    for shift in range(overlap):
        summed[:, shift : shift + n_frames] += parts[:, :, shift]
    return summed.flatten(1)[:, NOISE_FFT - pad : NOISE_FFT - pad + n_samples]
