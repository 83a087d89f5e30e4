"""Moving the pitch of a recording by overlap-add: its own periods, cut and laid anew (PSOLA, Praat's).

What is not to be moved stays as it is, to the sample: unvoiced sounds, breaths, silence, and voiced stretches whose
commanded contour is the measured one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voicekit.features.frames import FRAME_RATE
from voicekit.pitch.contour import voiced_stretches
from voicekit.pitch.tracking import PitchTrack
from voicekit.units import ratio_to_cents

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Lay = Callable[[F64, int, F64, F64], F64]

_PERIOD_TRUST_OCTAVES = 0.3  # how far a period may lie from the tracker's contour
LOWEST_HZ = 50.0  #: Praat lays no period longer than 20 ms


@dataclass(frozen=True)
class LaySettings:
    """How what is made anew is joined to the recording.

    Attributes
    ----------
    unmoved_cents : float
        A voiced stretch that moves less than this stays the recording's.
    fade_s : float
        Between the recording and what was made anew.
    margin_s : float
        Of the recording given along on both sides of what is made anew.
    group_s : float
        Neighbouring stretches are made together up to this length: what bounds the memory.
    """

    unmoved_cents: float = 0.5
    fade_s: float = 0.008
    margin_s: float = 0.06
    group_s: float = 20.0


_PLAIN = LaySettings()


def moved_groups(measured: PitchTrack, commanded: PitchTrack, settings: LaySettings = _PLAIN) -> list[tuple[int, int]]:
    """Frames (start, stop) that have to be made anew: voiced stretches that move, neighbours joined.

    A group is no longer than the settings say unless one voiced stretch is, so memory stays bounded.
    """
    groups: list[tuple[int, int]] = []
    longest = round(settings.group_s * FRAME_RATE)
    for start, stop in voiced_stretches(measured.vuv & commanded.vuv):
        cents = ratio_to_cents(commanded.f0_hz[start:stop] / measured.f0_hz[start:stop])
        if np.abs(cents).max() < settings.unmoved_cents:
            continue
        near = groups and start - groups[-1][1] <= 2 * round(settings.margin_s * FRAME_RATE) + 1
        if near and stop - groups[-1][0] <= longest:
            groups[-1] = (groups[-1][0], stop)
        else:
            groups.append((start, stop))
    return groups


def overlap_add(channels: F32, sample_rate: int, measured: PitchTrack, commanded: PitchTrack) -> F32:
    """A recording at another pitch, formants and duration as they were; the whole of it in memory.

    Parameters
    ----------
    channels : ndarray
        (C, N); the periods are found on their mean, so that all channels move as one.
    sample_rate : int
        Hz.
    measured, commanded : PitchTrack
        (T,) frames of 10 ms from the first sample on.

    Returns
    -------
    ndarray
        (C, N).
    """
    return remade(channels, sample_rate, measured, commanded, lay_periods)


def remade(channels: F32, sample_rate: int, measured: PitchTrack, commanded: PitchTrack, lay: Lay) -> F32:
    """As `overlap_add`, by any way of making a piece anew."""
    made = channels.copy()
    pieces = moved_pieces(lambda a, b: channels[:, a:b], channels.shape[1], sample_rate, measured, commanded, lay)
    for start, piece in pieces:
        made[:, start : start + piece.shape[1]] = piece
    return made


def moved_pieces(
    read: Callable[[int, int], F32],
    size: int,
    sample_rate: int,
    measured: PitchTrack,
    commanded: PitchTrack,
    lay: Lay,
    settings: LaySettings = _PLAIN,
) -> Iterator[tuple[int, F32]]:
    """What has to be heard in place of the recording, piece by piece, in order and without overlap.

    Parameters
    ----------
    read : callable
        Samples (C, b - a) of the recording from a up to b.
    size : int
        Samples in the recording.
    sample_rate : int
    measured, commanded : PitchTrack
    lay : callable
        Makes a piece anew: (C, n) samples, their rate, F0 measured and commanded (T,) in Hz -> (C, n).
    settings : LaySettings

    Yields
    ------
    start : int
        First sample.
    piece : ndarray
        (C, n), faded into the recording at its ends and wherever the recording is unvoiced.
    """
    hop = sample_rate / FRAME_RATE
    both = measured.vuv & commanded.vuv
    groups = moved_groups(measured, commanded, settings)
    margin = round(settings.margin_s * FRAME_RATE)
    for number, (start, stop) in enumerate(groups):
        # Margins may not reach into the neighbour's: what is there is another piece's matter.
        lead = (start - groups[number - 1][1]) // 2 if number else margin
        tail = (groups[number + 1][0] - stop) // 2 if number + 1 < len(groups) else margin
        first, last = max(start - min(margin, lead), 0), min(stop + min(margin, tail), len(both))
        a, b = round(first * hop), min(round(last * hop), size)
        if b - a < 0.02 * sample_rate:
            continue
        vuv = np.zeros(last - first, dtype=bool)
        vuv[start - first : stop - first] = both[start:stop]
        recorded = read(a, b)
        piece = lay(
            recorded.astype(np.float64),
            sample_rate,
            np.where(vuv, measured.f0_hz[first:last], 0.0),
            np.where(vuv, commanded.f0_hz[first:last], 0.0),
        )
        weight = _weight(vuv, b - a, hop, max(2, round(settings.fade_s * sample_rate)))
        yield a, (recorded * (1.0 - weight) + piece * weight).astype(np.float32)


def _weight(vuv: npt.NDArray[np.bool_], size: int, hop: float, ramp: int) -> F64:
    """1 where voiced, with ramps of so many samples about its edges; 0 elsewhere."""
    gate = np.zeros(size)
    for start, stop in voiced_stretches(vuv):
        gate[max(round(start * hop) - ramp // 2, 0) : round(stop * hop) + ramp // 2] = 1.0
    kernel = np.hanning(ramp + 2)[1:-1]
    padded = np.pad(gate, ramp, mode="edge")
    weight = np.convolve(padded, kernel / kernel.sum(), mode="same")[ramp:-ramp]
    return np.clip(weight, 0.0, 1.0)


def _moved_periods(pulses_s: F64, measured: F64, commanded: F64) -> tuple[F64, F64]:
    """Times (n,) and F0 (n,) in Hz at which the periods of a recording are to be laid.

    Each period is moved by the ratio of commanded to measured contour.  Were they laid at the commanded contour itself,
    all that moves faster than the tracker's window follows would be lost, and fluctuation and fast vibrato with it.
    """
    times = (np.arange(len(measured)) + 0.5) / FRAME_RATE
    voiced = (measured > 0) & (commanded > 0)
    if len(pulses_s) < 2 or not voiced.any():
        return np.zeros(0), np.zeros(0)
    middles, own = (pulses_s[1:] + pulses_s[:-1]) / 2.0, 1.0 / np.diff(pulses_s)
    near = np.interp(middles, times[voiced], measured[voiced])
    ratio = np.interp(middles, times[voiced], np.log(commanded[voiced] / measured[voiced]))
    # A gap between voiced stretches, or a pulse too many, is no period.
    sound = np.abs(np.log2(own / near)) < _PERIOD_TRUST_OCTAVES
    return middles[sound], np.maximum(own * np.exp(ratio), LOWEST_HZ)[sound]


def lay_periods(channels: F64, sample_rate: int, measured: F64, commanded: F64) -> F64:
    """Praat's overlap-add of one piece; every period keeps its own deviation from the contour.

    Parameters
    ----------
    channels : ndarray
        (C, n); the periods are found on their mean.
    sample_rate : int
    measured, commanded : ndarray
        (T,) F0 in Hz, 0 where unvoiced.

    Returns
    -------
    ndarray
        (C, n).

    Source
    ------
    E. Moulines, F. Charpentier, "Pitch-synchronous waveform processing techniques for text-to-speech synthesis
    using diphones", Speech Communication 9 (1990), as in Praat.
    """
    import parselmouth  # heavy: only when something is made
    from parselmouth.praat import call

    def pitch_of(f0_hz: F64) -> parselmouth.Data:
        row = parselmouth.Sound(f0_hz, sampling_frequency=FRAME_RATE)
        return call(call(row, "Down to Matrix"), "To Pitch")

    middle = channels.mean(0)
    if np.sum(middle**2) < 0.01 * np.sum(channels**2) / len(channels):
        middle = channels[0]  # channels that cancel each other
    mean = parselmouth.Sound(middle, sampling_frequency=sample_rate)
    pulses = call([mean, pitch_of(measured)], "To PointProcess (cc)")
    if call(pulses, "Get number of points") < 2:
        return channels
    times, hertz = _moved_periods(np.asarray(call(pulses, "To Matrix").values[0]), measured, commanded)
    if len(times):
        tier = call("Create PitchTier", "moved", 0.0, len(middle) / sample_rate)
        for second, value in zip(times, hertz, strict=True):
            call(tier, "Add point", float(second), float(value))
    else:
        tier = call(pitch_of(np.where(commanded > 0, np.maximum(commanded, LOWEST_HZ), 0.0)), "Down to PitchTier")
    made = np.zeros_like(channels)
    for number, channel in enumerate(channels):
        sound = parselmouth.Sound(channel, sampling_frequency=sample_rate)
        # Praat tracks here as well; its pulses and pitch are then replaced by ours.
        manipulation = call(sound, "To Manipulation", 0.01, 150.0, 600.0)
        call([pulses, manipulation], "Replace pulses")
        call([tier, manipulation], "Replace pitch tier")
        laid = np.asarray(call(manipulation, "Get resynthesis (overlap-add)").values[0])
        count = min(len(laid), channels.shape[1])
        made[number, :count] = laid[:count]
    return made
