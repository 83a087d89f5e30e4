"""The pitch of a sung line: note targets through a second-order system, scoops, vibrato, fine fluctuation.

Source: T. Saitou, M. Goto, M. Unoki, M. Akagi, "Speech-to-singing synthesis: converting speaking voices to singing
voices by controlling acoustic features unique to singing voices", WASPAA 2007: overshoot and preparation by damped
second-order systems, vibrato, and fine fluctuation by low-passed noise.  Ours differs: the overshoot is limited in
cents (a sung octave does not overshoot by a whole tone), a glide is placed so that it arrives on the beat, and the
fluctuation is small enough for a held note to stay within a few cents.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voicekit.features.frames import FRAME_RATE
from voicekit.score.model import Vibrato
from voicekit.singing.style import SingStyle

__all__ = ["Target", "drift", "melody_curve"]

DAMPING = 0.6
MOST_OVERSHOOT_CENTS = 30.0
MOST_PREPARATION_CENTS = 15.0
ARRIVAL = 0.85  #: share of a glide that lies before the beat
FALL_S = 0.15
LEGATO_GAP_S = 0.08  #: over a longer silence pitch is begun anew

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """One note for the pitch curve.

    Parameters
    ----------
    start_s, end_s : float
        Its vowel begins at `start_s`.
    pitch_midi : float
        As it is to sound.
    portamento_s : float or None
        Glide into it; None as the style says.
    vibrato : Vibrato or None
        None as the style says.
    """

    start_s: float
    end_s: float
    pitch_midi: float
    portamento_s: float | None = None
    vibrato: Vibrato | None = None


def melody_curve(targets: Sequence[Target], n_frames: int, style: SingStyle, seed: int) -> Floats:
    """Pitch of every frame.

    Parameters
    ----------
    targets : sequence of Target
        In order.
    n_frames : int
        T; frame t is at (t + 0.5) / 100 s.
    style : SingStyle
    seed : int
        Of the fine fluctuation.

    Returns
    -------
    ndarray
        (T,) real MIDI numbers, also where nothing sounds.
    """
    if not targets:
        return np.full(n_frames, 60.0)
    time = (np.arange(n_frames) + 0.5) / FRAME_RATE
    curve = np.full(n_frames, targets[0].pitch_midi, dtype=np.float64)
    for before, note in zip((None, *targets), targets, strict=False):
        fresh = before is None or note.start_s - before.end_s > LEGATO_GAP_S
        if before is not None:
            _glide(curve, time, before, note, style, fresh)
        if fresh:
            _scoop(curve, time, note, style)
        _vibrato(curve, time, note, style)
    for note, after in zip(targets, (*targets[1:], None), strict=False):
        if style.fall_cents and (after is None or after.start_s - note.end_s > LEGATO_GAP_S):
            ramp = np.clip((time - (note.end_s - FALL_S)) / FALL_S, 0.0, 1.0)
            stop = math.inf if after is None else 0.5 * (note.end_s + after.start_s)
            curve -= np.where(time < stop, ramp**1.5, 0.0) * style.fall_cents / 100.0
    return curve + _fluctuation(n_frames, style.fluctuation_cents, seed) / 100.0


def _glide(curve: Floats, time: Floats, before: Target, note: Target, style: SingStyle, fresh: bool) -> None:
    """Add the step from one note to the next, in place."""
    step = note.pitch_midi - before.pitch_midi
    if step == 0.0:
        return
    wanted = style.portamento_s if note.portamento_s is None else note.portamento_s
    # A short note leaves no time for a long glide: it would never arrive.
    wanted = min(wanted, 0.5 * (note.end_s - note.start_s), 0.6 * (before.end_s - before.start_s))
    if fresh or wanted < 0.005:
        curve[time >= (0.5 * (before.end_s + note.start_s) if fresh else note.start_s)] += step
        return
    begin = note.start_s - ARRIVAL * wanted
    since = np.maximum(time - begin, 0.0)
    root = math.sqrt(1.0 - DAMPING**2)
    omega = (math.pi - math.acos(DAMPING)) / (wanted * root)  # first arrival after `wanted`
    swing = np.exp(-DAMPING * omega * since) * (
        np.cos(root * omega * since) + DAMPING / root * np.sin(root * omega * since)
    )
    under = 1.0 - swing
    overshoot = 100.0 * abs(step) * math.exp(-math.pi * DAMPING / root)
    share = min(1.0, MOST_OVERSHOOT_CENTS / overshoot)
    # The rest of the way is taken without overshoot, and quickly enough to have arrived with the other part.
    smooth = np.clip(since / wanted, 0.0, 1.0)
    smooth = smooth * smooth * (3.0 - 2.0 * smooth)
    curve += step * (share * under + (1.0 - share) * smooth)
    dip = min(MOST_PREPARATION_CENTS, 8.0 * abs(step)) / 100.0
    curve -= math.copysign(dip, step) * np.exp(-0.5 * ((time - begin + 0.015) / 0.02) ** 2)


def _scoop(curve: Floats, time: Floats, note: Target, style: SingStyle) -> None:
    """Begin a phrase from below."""
    if not style.scoop_cents or note.end_s - note.start_s < 2 * style.scoop_s:
        return
    # Half of it is made good before the vowel, on the voiced consonants.
    since = (time - (note.start_s - 0.5 * style.scoop_s)) / style.scoop_s
    here = (time >= note.start_s - 0.25) & (time < note.end_s)
    curve -= np.where(here, 0.5 * (1 + np.cos(np.pi * np.clip(since, 0.0, 1.0))), 0.0) * style.scoop_cents / 100.0


def _vibrato(curve: Floats, time: Floats, note: Target, style: SingStyle) -> None:
    """Add a note's vibrato, in place: a sine that fades in, and out before the note ends."""
    length = note.end_s - note.start_s
    if note.vibrato is not None:
        asked = note.vibrato
        start = note.start_s + asked.start_s if asked.start_s >= 0 else max(note.start_s, note.end_s + asked.start_s)
        rate, extent, fade, out = asked.rate_hz, asked.extent_cents, asked.fade_in_s, asked.fade_out_s
        phase = asked.phase
    else:
        if length < style.vibrato_min_s or not style.vibrato_cents:
            return
        start, rate, extent = note.start_s + style.vibrato_delay_s, style.vibrato_hz, style.vibrato_cents
        fade, out, phase = min(style.vibrato_fade_s, 0.4 * length), min(0.08, 0.1 * length), style.vibrato_phase
    if extent <= 0 or rate <= 0:
        return
    swell = np.clip((time - start) / max(fade, 1e-3), 0.0, 1.0)
    swell *= np.clip((note.end_s - time) / max(out, 1e-3), 0.0, 1.0)
    here = (time >= start) & (time < note.end_s)
    curve += np.where(here, swell * np.sin(2 * np.pi * (rate * (time - start) + phase)), 0.0) * extent / 100.0


def _fluctuation(n_frames: int, cents: float, seed: int) -> Floats:
    """Noise between about 1 and 6 Hz with the given root mean square (T,), cents."""
    return _noise(n_frames, cents, seed, 1.0, 6.0)


def drift(n_frames: int, cents: float, seed: int) -> Floats:
    """A singer's slow wandering (T,) with the given root mean square, cents: below about a third of a hertz."""
    return _noise(n_frames, cents, seed, 0.05, 0.3)


def _noise(n_frames: int, cents: float, seed: int, low_hz: float, high_hz: float) -> Floats:
    if cents <= 0 or n_frames < 2:
        return np.zeros(n_frames)
    length = n_frames + 2 * round(FRAME_RATE / low_hz)
    noise = np.random.default_rng(seed).standard_normal(length)
    spectrum = np.fft.rfft(noise)
    hertz = np.fft.rfftfreq(length, 1.0 / FRAME_RATE)
    spectrum *= (hertz / (hertz + low_hz)) / np.sqrt(1.0 + (hertz / high_hz) ** 4)
    start = (length - n_frames) // 2
    shaped = np.fft.irfft(spectrum, length)
    return np.asarray(shaped[start : start + n_frames] * (cents / max(float(np.std(shaped)), 1e-9)))
