"""The notes of a contour: where a singer stays, with the slow course of the pitch apart from its vibrato."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voicekit.features.frames import FRAME_RATE
from voicekit.pitch.contour import voiced_stretches
from voicekit.pitch.tracking import PitchTrack
from voicekit.units import hz_to_midi

__all__ = ["SungNote", "middle_of", "smooth", "stretches_of", "sung_notes"]

F64 = npt.NDArray[np.float64]

TREND_S = 0.075  #: standard deviation that takes a vibrato of 4.5 Hz and more out of a contour
SHORTEST_FRAMES = 8
NOTE_PENALTY = 2.0  #: semitones squared times frames that a further note must save
MERGE_SEMITONES = 0.45  #: neighbours closer than this are one note that drifts
EDGE_FRAMES = 3
PASSAGE_FRAMES = 11  #: a piece no longer than this between two notes on its way is a glide
_BRIDGE_FRAMES = 3
_LONGEST_PIECE = 3_000


@dataclass(frozen=True)
class SungNote:
    """A note that was sung.

    Attributes
    ----------
    start, stop : int
        Frames, the stop exclusive.
    pitch_midi : float
        Where its middle lies, real.
    """

    start: int
    stop: int
    pitch_midi: float

    @property
    def start_s(self) -> float:
        """Seconds."""
        return self.start / FRAME_RATE

    @property
    def stop_s(self) -> float:
        """Seconds."""
        return self.stop / FRAME_RATE


def smooth(values: F64, sigma_frames: float) -> F64:
    """Gaussian mean of a curve (T,), mirrored at its ends."""
    if sigma_frames <= 0.05 or len(values) < 2:
        return values.copy()
    reach = min(int(np.ceil(4 * sigma_frames)), len(values) - 1)
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / sigma_frames) ** 2)
    return np.convolve(np.pad(values, reach, mode="reflect"), kernel / kernel.sum(), mode="valid")


def stretches_of(track: PitchTrack, bridge: int = _BRIDGE_FRAMES) -> list[tuple[int, int]]:
    """Voiced stretches, those with at most `bridge` frames between them joined, short ones left out."""
    joined: list[tuple[int, int]] = []
    for start, stop in voiced_stretches(track.vuv):
        if joined and start - joined[-1][1] <= bridge:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return [(a, b) for a, b in joined if b - a >= SHORTEST_FRAMES]


def sung_notes(track: PitchTrack) -> tuple[SungNote, ...]:
    """The notes of a track, in order.

    Each voiced stretch is cut into the fewest flat pieces that its slow course allows (a least squares fit with a
    price for each piece, solved exactly); neighbours that differ by less than a quarter tone or so are joined.

    Parameters
    ----------
    track : PitchTrack

    Returns
    -------
    tuple of SungNote
    """
    midi = _midi(track)
    notes: list[SungNote] = []
    for start, stop in stretches_of(track):
        curve = midi[start:stop]
        pieces = _flat_pieces(smooth(curve, TREND_S * FRAME_RATE * 0.7))
        merged: list[list[int]] = []
        for a, b in pieces:
            close = merged and abs(middle_of(curve, *merged[-1]) - middle_of(curve, a, b)) < MERGE_SEMITONES
            if close:
                merged[-1][1] = b
            else:
                merged.append([a, b])
        _drop_passages(curve, merged)
        notes += [SungNote(start + a, start + b, middle_of(curve, a, b)) for a, b in merged]
    return tuple(notes)


def _drop_passages(curve: F64, pieces: list[list[int]]) -> None:
    """Give the short pieces that only lead from one note to the next to these notes."""
    at = 1
    while at < len(pieces) - 1:
        (a, b), before, after = pieces[at], pieces[at - 1], pieces[at + 1]
        ends = sorted((middle_of(curve, *before), middle_of(curve, *after)))
        if b - a <= PASSAGE_FRAMES and ends[0] < middle_of(curve, a, b) < ends[1] and ends[1] - ends[0] > 1.0:
            rising = curve[after[0]] > curve[before[1] - 1]
            crossed = np.flatnonzero((curve[a:b] > np.mean(ends)) == rising)
            edge = a + (int(crossed[0]) if len(crossed) else b - a)
            before[1], after[0] = edge, edge
            del pieces[at]
        else:
            at += 1


def _midi(track: PitchTrack) -> F64:
    continuous = track.continuous()
    return hz_to_midi(np.maximum(continuous, 1.0))


def middle_of(curve: F64, start: int, stop: int) -> float:
    """Where a note lies: the mean under a Hann window, in which vibrato cancels and the ends count little."""
    edge = min(EDGE_FRAMES, (stop - start) // 5)
    inner = curve[start + edge : stop - edge]
    # A scoop or a fall is no part of the pitch; a vibrato is.
    low, middle, high = np.quantile(inner, [0.15, 0.5, 0.85])
    reach = 1.2 * (high - low) + 0.1
    weight = np.hanning(len(inner) + 2)[1:-1] * (np.abs(inner - middle) <= reach)
    return float((weight * inner).sum() / weight.sum())


def _flat_pieces(curve: F64) -> list[tuple[int, int]]:
    """Cut a curve (T,) into flat pieces of `SHORTEST_FRAMES` or more: the cheapest sum of squares and penalties."""
    n = len(curve)
    shifted = curve - curve.mean()
    total = np.concatenate([[0.0], np.cumsum(shifted)])
    square = np.concatenate([[0.0], np.cumsum(shifted**2)])
    best = np.full(n + 1, np.inf)
    best[0] = -NOTE_PENALTY
    cut = np.zeros(n + 1, dtype=int)
    for stop in range(SHORTEST_FRAMES, n + 1):
        starts = np.arange(max(0, stop - _LONGEST_PIECE), stop - SHORTEST_FRAMES + 1)
        size = stop - starts
        spread = square[stop] - square[starts] - (total[stop] - total[starts]) ** 2 / size
        value = best[starts] + spread + NOTE_PENALTY
        choice = int(value.argmin())
        best[stop], cut[stop] = value[choice], starts[choice]
    pieces = []
    stop = n
    while stop > 0:
        pieces.append((int(cut[stop]), stop))
        stop = int(cut[stop])
    return pieces[::-1]
