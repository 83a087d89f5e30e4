"""Two passes over a chapter: find the gain, then make the sound.

The source is given as a function that starts the stream anew, so no pass holds
more than a block.  The gain is one number for the whole chapter (never
loudness-following, which pumps); the limiter only touches the peaks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicekit.audio import StreamResampler, reblock
from voicekit.errors import VoicekitError
from voicekit.master.limiter import Limiter
from voicekit.master.profiles import MasterProfile
from voicekit.master.roomtone import RoomTone
from voicekit.master.window import running_mean, running_minimum

__all__ = ["BLOCK", "MasterPlan", "master_stream", "plan_master"]

BLOCK = 1 << 15
"""Samples per block; a constant, because the result must not depend on how takes are cut."""

_SKETCH_S = 0.004
_ROUNDS = 8

Source = Callable[[], Iterable[NDArray[np.float32]]]


@dataclass(frozen=True)
class MasterPlan:
    """What the first pass found.

    Parameters
    ----------
    gain_db : float
        Static gain.
    frames_in : int
        Samples of the source.
    source_rate : int
        Hz.
    source_rms_dbfs : float
        Over the source without head and tail.
    limited_db : float
        What the limiter takes from the RMS at this gain.
    """

    gain_db: float
    frames_in: int
    source_rate: int
    source_rms_dbfs: float
    limited_db: float

    def frames_out(self, profile: MasterProfile) -> int:
        """Samples of the finished stream, head and tail included."""
        body = StreamResampler(self.source_rate, profile.sample_rate).out_length(self.frames_in)
        return body + _pad(profile.head_s, profile) + _pad(profile.tail_s, profile)


def _pad(seconds: float, profile: MasterProfile) -> int:
    return round(seconds * profile.sample_rate)


def plan_master(source: Source, sample_rate: int, profile: MasterProfile) -> MasterPlan:
    """Find the static gain that brings the finished file to its target RMS.

    Parameters
    ----------
    source : callable
        Starts the stream: blocks of float32 at ``sample_rate``.
    sample_rate : int
        Hz.
    profile : MasterProfile

    Returns
    -------
    MasterPlan

    Raises
    ------
    VoicekitError
        The source is silent.
    """
    energies, peaks, frames = _sketch(source, sample_rate)
    energy = float(energies.sum())
    if energy <= 0.0:
        raise VoicekitError("the chapter is silent: the engine gave no sound; render it with another seed")
    whole = frames + (profile.head_s + profile.tail_s) * sample_rate
    tone = 10.0 ** (profile.room_tone_dbfs / 10.0)
    wanted = (10.0 ** (profile.target_rms_dbfs / 10.0) - tone) * whole
    plain_db = 10.0 * math.log10(wanted / energy)
    gain_db = min(plain_db, profile.max_gain_db)
    for _ in range(_ROUNDS):
        loss_db = _limiter_loss_db(energies, peaks, gain_db, profile.ceiling_dbtp)
        gain_db = min(plain_db + loss_db, profile.max_gain_db)
    return MasterPlan(
        gain_db=round(gain_db, 4),
        frames_in=frames,
        source_rate=sample_rate,
        source_rms_dbfs=10.0 * math.log10(energy / frames),
        limited_db=_limiter_loss_db(energies, peaks, gain_db, profile.ceiling_dbtp),
    )


def _sketch(source: Source, sample_rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Energy and peak of every 4 ms: 4 kB per second of sound, all the gain needs to know."""
    size = max(1, round(_SKETCH_S * sample_rate))
    energies: list[NDArray[np.float64]] = []
    peaks: list[NDArray[np.float64]] = []
    frames = 0
    for block in reblock(source(), size * 256):
        frames += len(block)
        block = np.pad(block, (0, -len(block) % size)).reshape(-1, size)
        energies.append(np.einsum("ij,ij->i", block, block, dtype=np.float64))
        peaks.append(np.abs(block).max(axis=1).astype(np.float64))
    if not frames:
        return np.zeros(0), np.zeros(0), 0
    return np.concatenate(energies), np.concatenate(peaks), frames


def _limiter_loss_db(
    energies: NDArray[np.float64], peaks: NDArray[np.float64], gain_db: float, ceiling_dbtp: float
) -> float:
    """What the limiter takes from the RMS, told from the sketch (within a few hundredths of a dB)."""
    ceiling = 10.0 ** ((ceiling_dbtp - gain_db) / 20.0)
    held = running_minimum(np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9)), 2)
    gain = running_mean(running_mean(held, 1), 1)
    return float(10.0 * np.log10(energies.sum() / (energies * gain * gain).sum()))


def master_stream(
    source: Source, plan: MasterPlan, profile: MasterProfile, *, seed: int
) -> Iterator[NDArray[np.float32]]:
    """Make the finished stream: head, gain, resampling, room tone, limiter, tail.

    Parameters
    ----------
    source : callable
        As for `plan_master`.
    plan : MasterPlan
    profile : MasterProfile
    seed : int
        Of the room tone.

    Yields
    ------
    ndarray, shape (N,), float32
        At ``profile.sample_rate``; in all ``plan.frames_out(profile)`` samples.
    """
    tone = RoomTone(profile.room_tone_dbfs, seed)
    limiter = Limiter(profile.ceiling_dbtp, profile.sample_rate)
    gain = np.float32(10.0 ** (plan.gain_db / 20.0))

    def dry() -> Iterator[NDArray[np.float32]]:
        yield np.zeros(_pad(profile.head_s, profile), dtype=np.float32)
        louder = (block * gain for block in reblock(source(), BLOCK))
        yield from StreamResampler(plan.source_rate, profile.sample_rate).run(louder)
        yield np.zeros(_pad(profile.tail_s, profile), dtype=np.float32)

    for block in reblock(dry(), BLOCK):
        done = limiter.process(block + tone.next(len(block)))
        if len(done):
            yield done
    yield limiter.process(np.zeros(0, dtype=np.float32), last=True)
