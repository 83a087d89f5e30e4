"""F0 that was measured against F0 that was commanded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from voicekit.pitch.tracking import PitchTrack
from voicekit.units import cents_between


@dataclass(frozen=True)
class PitchAgreement:
    """How a measured F0 follows a commanded one.

    Frames voiced in both tracks are compared; the others only count in the voicing figures.

    Attributes
    ----------
    frames : int
        Voiced in both.
    median_abs_cents : float
        Median of the absolute difference, cents.
    bias_cents : float
        Median of the signed difference, measured against commanded, cents.
    rmse_cents : float
        Root mean square of the difference, over frames at most 600 cents off (the rest is `octave_share`), cents.
    within_25, within_50 : float
        Share of the compared frames at most so many cents off.
    octave_share : float
        Share of the compared frames more than 600 cents off: mostly octave errors of a tracker.
    voicing_recall : float
        Share of the frames commanded voiced that were measured voiced.
    voicing_agreement : float
        Share of all frames with the same voicing.
    """

    frames: int
    median_abs_cents: float
    bias_cents: float
    rmse_cents: float
    within_25: float
    within_50: float
    octave_share: float
    voicing_recall: float
    voicing_agreement: float


def compare_pitch(pairs: Iterable[tuple[PitchTrack, PitchTrack]]) -> PitchAgreement:
    """Pool the frames of pairs of tracks and compare them.

    Parameters
    ----------
    pairs : iterable of (commanded, measured)
        Tracks on the same frames, see `voicekit.features.frames`; each pair of one length.

    Returns
    -------
    PitchAgreement
        Figures that have no frames to stand on are nan.

    Raises
    ------
    ValueError
        Two tracks of a pair differ in length.
    """
    errors, commanded_vuv, measured_vuv = [], [], []
    for commanded, measured in pairs:
        if len(commanded.vuv) != len(measured.vuv):
            lengths = f"{len(commanded.vuv)} and {len(measured.vuv)}"
            raise ValueError(f"tracks of {lengths} frames cannot be compared")
        both = commanded.vuv & measured.vuv
        errors.append(cents_between(commanded.f0_hz[both], measured.f0_hz[both]))
        commanded_vuv.append(commanded.vuv)
        measured_vuv.append(measured.vuv)
    cents = np.concatenate(errors) if errors else np.zeros(0)
    asked = np.concatenate(commanded_vuv) if errors else np.zeros(0, dtype=bool)
    heard = np.concatenate(measured_vuv) if errors else np.zeros(0, dtype=bool)
    off = np.abs(cents)
    return PitchAgreement(
        frames=len(cents),
        median_abs_cents=_figure(np.median, off),
        bias_cents=_figure(np.median, cents),
        rmse_cents=float(np.sqrt(_figure(np.mean, np.square(off[off <= 600.0])))),
        within_25=_figure(np.mean, off <= 25.0),
        within_50=_figure(np.mean, off <= 50.0),
        octave_share=_figure(np.mean, off > 600.0),
        voicing_recall=_figure(np.mean, heard[asked]),
        voicing_agreement=_figure(np.mean, heard == asked),
    )


def _figure(reduce: Callable[[np.ndarray], np.floating], values: np.ndarray) -> float:
    return float(reduce(values)) if len(values) else float("nan")
