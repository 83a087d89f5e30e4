"""F0 of singing: Praat's autocorrelation peaks, decoded anew with what the take itself tells of its register.

Praat's own path finder knows no range but a fixed floor and ceiling, and prefers high candidates by a constant.
A singer keeps to a register, moves at a speed a throat can, and is silent between phrases.  So a first pass over
the whole range learns where the take lies and how loud it and its background are; a second, with a window that
fits the lowest note, is decoded by Viterbi's algorithm under that knowledge; high notes are read off in windows
that are shorter still, which follow vibrato and glides closer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voicekit.errors import UsageError
from voicekit.pitch.candidates import Candidates, find_candidates, frame_levels, frames_of, low_band_of_blocks
from voicekit.pitch.contour import voiced_stretches
from voicekit.pitch.tracking import SUNG_RANGE_HZ, PitchTrack

F64 = npt.NDArray[np.float64]

_RECENT_FRAMES = 20
_SILENT = 1e-6  # amplitude below which there is nothing
_COMING_FRAMES = 10
_MIN_VOICED_FRAMES = 4  # a shorter island is no note


@dataclass(frozen=True)
class SungTracker:
    """Costs of the decoding; tuned on synthetic signals alone (`voicekit.evaluate.signals`).

    Attributes
    ----------
    octave_gain : float
        Preference for a candidate an octave higher.
    jump_cost, jump_cap : float
        Cost of a step, for each octave within a frame, and the most a step costs (a new note).
    voicing_threshold : float
        Strength at which voiced and unvoiced are equal, at a level well above the background.
    voicing_step : float
        Cost of a change between voiced and unvoiced: the hysteresis.
    quiet_db : float
        Frames so far below the take's loud ones begin to count as silent.
    quiet_cost : float
        Advantage of unvoiced for each 10 dB below that.
    prior_cost : float
        Cost of an octave outside the register.
    prior_room : float
        Octaves that a note may lie beyond the register for free.
    window_periods : float
        The second pass's floor is the register's lowest F0 times 3 / this.
    fall_db, fall_cost : float
        Frames so far below the loudest of the 0.2 s before them begin to count as a room's answer; advantage of
        unvoiced for each 10 dB beyond.
    rise_db, rise_cost : float
        The same against the loudest of the 0.1 s after them: an onset that is hardly there yet.
    lean_cap : float
        The most that fall and rise may weigh together: what is clearly periodic stays voiced, as when the level drops
        because a high note leaves a formant.
    noise_relief : float
        The threshold falls by so much for each 10 dB by which the background comes closer than 30 dB to the voice.
    """

    octave_gain: float = 0.04
    jump_cost: float = 2.7
    jump_cap: float = 1.6
    voicing_threshold: float = 0.45
    voicing_step: float = 0.55
    quiet_db: float = 26.0
    quiet_cost: float = 0.25
    prior_cost: float = 1.75
    prior_room: float = 0.08
    window_periods: float = 8.75
    fall_db: float = 10.5
    fall_cost: float = 1.2
    rise_db: float = 14.0
    rise_cost: float = 0.55
    lean_cap: float = 0.6
    noise_relief: float = 0.065


@dataclass(frozen=True)
class Register:
    """Where a take lies.

    Attributes
    ----------
    low_hz, high_hz : float
        Nearly all of its voiced frames lie between.
    """

    low_hz: float
    high_hz: float


def track_sung_pitch(
    waveform: npt.NDArray[np.float32],
    sample_rate: int,
    *,
    range_hz: tuple[float, float] = SUNG_RANGE_HZ,
    tracker: SungTracker | None = None,
) -> PitchTrack:
    """F0 of a sung (or spoken) take, one value every 10 ms.

    Parameters
    ----------
    waveform : ndarray
        (N,) mono.
    sample_rate : int
        Hz.
    range_hz : (float, float)
        Lowest and highest F0 looked for.
    tracker : SungTracker, optional

    Returns
    -------
    PitchTrack
        ``frame_count`` frames for the waveform at 24 kHz.
    """
    return track_sung_blocks([waveform], sample_rate, len(waveform), range_hz=range_hz, tracker=tracker)


def track_sung_blocks(
    blocks: Iterable[npt.NDArray[np.float32]],
    sample_rate: int,
    n_samples: int,
    *,
    range_hz: tuple[float, float] = SUNG_RANGE_HZ,
    tracker: SungTracker | None = None,
) -> PitchTrack:
    """As `track_sung_pitch`, of a recording that comes in blocks (n,), `n_samples` in all: a long one needs 12 MB of
    memory for each minute and no more."""
    floor, ceiling = range_hz
    if not 0 < floor < ceiling:
        raise UsageError(f"no F0 lies between {floor:g} and {ceiling:g} Hz", "raise the ceiling")
    costs = tracker or SungTracker()
    n_frames = frames_of(n_samples, sample_rate)
    nothing = PitchTrack(np.zeros(n_frames), np.zeros(n_frames, dtype=bool))
    low = low_band_of_blocks(blocks, sample_rate)
    if n_frames < 5 or not np.abs(low).max(initial=0.0) > _SILENT:
        return nothing
    levels = frame_levels(low, n_frames)
    first = find_candidates(low, n_frames, floor, ceiling)
    f0 = _decode(first, levels, None, costs)
    register = _register_of(f0)
    if register is None:
        return nothing
    floor = max(floor, min(register.low_hz * 3.0 / costs.window_periods, 0.45 * ceiling))
    second = find_candidates(low, n_frames, floor, ceiling)
    f0 = _decode(second, levels, register, costs)
    while floor * 2.0 * costs.window_periods / 3.0 < register.high_hz:
        floor *= 2.0
        finer = find_candidates(low, n_frames, floor, ceiling)
        f0 = _read_off(f0, finer, floor * costs.window_periods / 3.0)
    for start, stop in voiced_stretches(f0 > 0):
        if stop - start < _MIN_VOICED_FRAMES:
            f0[start:stop] = 0.0
    return PitchTrack(f0, f0 > 0)


def _register_of(f0: F64) -> Register | None:
    voiced = f0[f0 > 0]
    if len(voiced) < 5:
        return None
    low, high = np.quantile(voiced, [0.03, 0.97])
    return Register(float(low), float(high))


def _decode(found: Candidates, levels: F64, register: Register | None, costs: SungTracker) -> F64:
    """The best path: F0 (T,), 0 where unvoiced."""
    hz, strength = found.hz, found.strength
    n_frames, n_states = hz.shape
    real = hz > 0
    octaves = np.log2(np.maximum(hz, 1.0))
    gain = strength + costs.octave_gain * (octaves - 6.0)
    if register is not None:
        below = np.log2(register.low_hz) - costs.prior_room - octaves
        above = octaves - np.log2(register.high_hz) - costs.prior_room
        gain -= costs.prior_cost * np.minimum(np.maximum(np.maximum(below, above), 0.0), 1.5)
    gain = np.where(real, gain, -1e3)
    silent = _silence(strength.max(1), levels, costs)
    # State K is unvoiced.
    best = np.concatenate([gain[0], silent[:1]])
    back = np.zeros((n_frames, n_states + 1), dtype=np.int8)
    columns = np.arange(n_states)
    for t in range(1, n_frames):
        step = np.abs(octaves[t][None, :] - octaves[t - 1][:, None])
        move = best[:n_states, None] - np.minimum(costs.jump_cost * step, costs.jump_cap)
        source = move.argmax(0)
        value = move[source, columns]
        from_silence = best[n_states] - costs.voicing_step
        new = value < from_silence
        back[t, :n_states] = np.where(new, n_states, source)
        last = int(best[:n_states].argmax())
        stop = best[last] - costs.voicing_step
        stays = best[n_states] >= stop
        back[t, n_states] = n_states if stays else last
        best = np.append(gain[t] + np.where(new, from_silence, value), silent[t] + max(best[n_states], stop))
    state = int(best.argmax())
    f0 = np.zeros(n_frames)
    for t in range(n_frames - 1, -1, -1):
        if state < n_states:
            f0[t] = hz[t, state]
        state = int(back[t, state])
    return f0


def _silence(strongest: F64, levels: F64, costs: SungTracker) -> F64:
    """What unvoiced is worth in each frame (T,), from the levels and the strongest peak of each frame."""
    loud = float(np.quantile(levels, 0.95))
    rough = levels[strongest < 0.4]
    noise = float(np.median(rough)) if len(rough) >= 10 else float(levels.min())
    near = float(np.clip((30.0 - (loud - noise)) / 10.0, 0.0, 2.0))
    quiet = np.clip(loud - costs.quiet_db - levels, 0.0, 60.0) / 10.0
    padded = np.pad(levels, (_RECENT_FRAMES - 1, 0), mode="edge")
    recent = np.lib.stride_tricks.sliding_window_view(padded, _RECENT_FRAMES).max(1)
    fall = np.clip(recent - levels - costs.fall_db, 0.0, 40.0) / 10.0
    padded = np.pad(levels, (0, _COMING_FRAMES - 1), mode="edge")
    coming = np.lib.stride_tricks.sliding_window_view(padded, _COMING_FRAMES).max(1)
    rise = np.clip(coming - levels - costs.rise_db, 0.0, 40.0) / 10.0
    lean: F64 = costs.fall_cost * fall + costs.rise_cost * rise
    base = costs.voicing_threshold - costs.noise_relief * near
    return base + costs.quiet_cost * quiet + np.minimum(lean, costs.lean_cap)


def _read_off(f0: F64, finer: Candidates, from_hz: float, near_cents: float = 120.0) -> F64:
    """Replace F0 at or above `from_hz` by the nearest peak of a shorter window, where there is a near one."""
    safe = np.maximum(f0, 1.0)
    cents = np.where(finer.hz > 0, 1200.0 * np.abs(np.log2(np.maximum(finer.hz, 1.0) / safe[:, None])), np.inf)
    nearest = cents.argmin(1)
    rows = np.arange(len(f0))
    take = (f0 >= from_hz) & (cents[rows, nearest] <= near_cents)
    return np.where(take, finer.hz[rows, nearest], f0)
