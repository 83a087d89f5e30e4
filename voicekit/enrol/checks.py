"""Whether recordings are fit to build a voice from: each fault with its own reason and remedy.

All measures are made on the samples alone, on frames of 10 ms; thresholds were set by spoiling clean recordings
(tests/enrol/test_checks.py does the same with others).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voicekit.enrol.recording import Recording
from voicekit.errors import InputError

__all__ = ["REASONS", "Check", "UnfitError", "check_recordings", "check_speakers", "check_variety"]

RATE = 16_000
_FRAME = 160
_FFT = 1024

MIN_SPEECH_S = 10.0
MAX_CLIPPED_PPM = 200
MIN_SNR_DB = 16.0
MAX_DECAY_S = 0.9
MAX_TONAL_FLATNESS = 0.06
MIN_SIMILARITY = 0.72
MIN_PHONES = 24

#: Reason -> what to do about it.
REASONS: dict[str, str] = {
    "too-short": "Record more: a minute or two of reading aloud is good, ten minutes are better.",
    "clipped": "Record again with the input level lower: peaks should stay below -3 dB.",
    "noisy": "Record in a quieter room, nearer to the microphone, without fans and computers.",
    "reverberant": "Record in a room with curtains, clothes or carpets, a hand's breadth from the microphone.",
    "music": "Use recordings without music behind the voice.",
    "several-speakers": "Use recordings in which one person speaks, the one who gave the grant.",
    "too-little-variety": "Read different sentences, a page of a book for instance, not the same words again.",
    "repeated": "Name each recording once.",
}

F64 = npt.NDArray[np.float64]


class UnfitError(InputError):
    """Recordings that no voice should be built from; `reason` is a key of `REASONS`."""

    def __init__(self, name: str, reason: str, problem: str) -> None:
        self.reason = reason
        super().__init__(name, "", problem, REASONS[reason])


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    reason : str
        A key of `REASONS`.
    text : str
        What was measured, with its unit and its limit.
    ok : bool or None
        None: not done.
    value_milli : int
        The measure in thousandths of its unit.
    """

    reason: str
    text: str
    ok: bool | None
    value_milli: int


def check_recordings(recordings: Sequence[Recording]) -> tuple[Check, ...]:
    """Length, clipping, noise, reverberation, music, repetition.

    Raises
    ------
    UnfitError
        The first fault that was found, with its file.
    """
    seen: dict[str, str] = {}
    for one in recordings:
        if (digest := one.pcm_sha256) in seen:
            raise UnfitError(one.name, "repeated", f"holds the same samples as {seen[digest]}")
        seen[digest] = one.name
    speech = sum(speech_seconds(one.at(RATE)) for one in recordings)
    if speech < MIN_SPEECH_S:
        text = f"{speech:.1f} s of speech, {MIN_SPEECH_S:.0f} are needed"
        raise UnfitError(recordings[0].name if recordings else "recordings", "too-short", text)
    worst = {"clipped": 0.0, "noisy": 200.0, "music": 1.0}
    for one in recordings:
        for reason, value, bad, text in measures(one):
            if bad:
                raise UnfitError(one.name, reason, text)
            better = min if reason in ("noisy", "music") else max
            worst[reason] = better(worst[reason], value)
    # One sentence has too few falls of level to judge a room by: those of all recordings count together.
    decay = decay_s(*(one.at(RATE) for one in recordings))
    if decay > MAX_DECAY_S:
        raise UnfitError(recordings[0].name, "reverberant", f"sound dies away in {decay:.2f} s: the room is heard")
    return (
        Check("too-short", f"{speech:.1f} s of speech (at least {MIN_SPEECH_S:.0f})", True, round(speech * 1000)),
        Check("clipped", f"{worst['clipped']:.0f} ppm of samples clipped (at most {MAX_CLIPPED_PPM})", True,
              round(worst["clipped"] * 1000)),
        Check("noisy", f"{worst['noisy']:.0f} dB above the noise (at least {MIN_SNR_DB:.0f})", True,
              round(worst["noisy"] * 1000)),
        Check("reverberant", f"sound dies away in {decay:.2f} s (at most {MAX_DECAY_S:.2f})", True,
              round(decay * 1000)),
        Check("music", "no music behind the voice was found", True, round(worst["music"] * 1000)),
    )  # fmt: skip


def measures(one: Recording) -> list[tuple[str, float, bool, str]]:
    """What one recording shows by itself: reason, measure, whether it is a fault, and the fault in words."""
    samples = one.at(RATE)
    clipped = clipped_ppm(one.audio.samples)
    snr = snr_db(samples)
    flatness = floor_flatness(samples)
    noisy = snr < MIN_SNR_DB
    tonal = snr < MIN_SNR_DB + 9.0 and flatness < MAX_TONAL_FLATNESS
    return [
        ("clipped", clipped, clipped > MAX_CLIPPED_PPM, f"{clipped:.0f} ppm of its samples are clipped"),
        ("music", flatness, tonal, f"tones sound on in the pauses, {snr:.0f} dB below the voice"),
        ("noisy", snr, noisy, f"the voice is only {snr:.0f} dB above the noise, {MIN_SNR_DB:.0f} are needed"),
    ]


def _levels(samples: npt.NDArray[np.float32]) -> F64:
    """Level of each frame of 10 ms in dB, (T,)."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)
    level: F64 = 10.0 * np.log10((frames**2).mean(1) + 1e-12)
    return level


def _smooth(level: F64, width: int = 5) -> F64:
    kernel = np.ones(width) / width
    found: F64 = np.convolve(level, kernel, mode="same")
    return found


def speech_seconds(samples: npt.NDArray[np.float32]) -> float:
    """Seconds in which something is said: within 35 dB of the loud frames, and louder than the floor by 10."""
    level = _levels(samples)
    if len(level) < 10:
        return 0.0
    loud, floor = np.quantile(level, 0.95), np.quantile(level, 0.05)
    least = max(loud - 35.0, min(floor + 10.0, loud - 6.0), -70.0)
    return float((level > least).sum()) / 100.0


def clipped_ppm(samples: npt.NDArray[np.float32]) -> float:
    """Samples in flat tops (three or more equal ones at the highest level), in ppm."""
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < 0.1:
        return 0.0
    at_top = np.abs(samples) >= peak * 0.9995
    same = at_top[1:] & at_top[:-1] & (np.sign(samples[1:]) == np.sign(samples[:-1]))
    runs = same[1:] & same[:-1]
    return float(runs.sum() * 1e6 / max(len(samples), 1))


def snr_db(samples: npt.NDArray[np.float32]) -> float:
    """How far the loud frames lie above the quietest tenth, dB; digital silence is left out."""
    level = _smooth(_levels(samples))
    level = level[level > -100.0]
    if len(level) < 20:
        return 0.0
    return float(np.quantile(level, 0.9) - np.quantile(level, 0.05))


def decay_s(*recordings: npt.NDArray[np.float32]) -> float:
    """Seconds in which sound would die away by 60 dB, from the fastest falls of level in the recordings.

    In a dry room the fastest falls are those of the voice, in a reverberant one nothing falls faster than the room.
    0 where there are too few to tell.
    """
    slopes = []
    for samples in recordings:
        level = _smooth(_levels(samples))
        if len(level) < 40:
            continue
        floor = np.quantile(level, 0.05) + 6.0
        parts = np.lib.stride_tricks.sliding_window_view(level, 20)
        falling = (parts[:, 0] > floor + 20.0) & (parts[:, -1] > floor) & (np.diff(parts, axis=1) <= 1.0).all(1)
        slopes += list((parts[falling, 0] - parts[falling, -1]) / 0.19)
    return float(60.0 / max(np.quantile(slopes, 0.9), 1.0)) if len(slopes) >= 5 else 0.0


def floor_flatness(samples: npt.NDArray[np.float32]) -> float:
    """Spectral flatness of the quietest tenth of frames, 0 (tones) to 1 (noise), between 150 and 4000 Hz."""
    count = len(samples) // (_FFT // 2) - 1
    if count < 20:
        return 1.0
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FFT)[:: _FFT // 2].astype(np.float64)
    power = np.abs(np.fft.rfft(frames * np.hanning(_FFT), axis=1)) ** 2
    band = power[:, round(150 * _FFT / RATE) : round(4000 * _FFT / RATE)]
    level = band.mean(1)
    audible = band[level > 1e-8]
    if len(audible) < 10:
        return 1.0
    quiet = audible[audible.mean(1) <= np.quantile(audible.mean(1), 0.1)] + 1e-12
    # Over eight neighbours, so that the slope of a room's noise does not count as a tone.
    usable = quiet[:, : quiet.shape[1] // 16 * 16].reshape(len(quiet), -1, 16)
    flat = np.exp(np.log(usable).mean(2)) / usable.mean(2)
    return float(np.median(flat.min(1)))


def check_speakers(
    recordings: Sequence[Recording],
    embed: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]] | None,
) -> Check:
    """Whether one person speaks in all of them: parts of six seconds are compared with all others.

    Parameters
    ----------
    recordings : sequence of Recording
    embed : callable, optional
        From samples at 16 kHz to a speaker embedding of unit length; None where there is no verifier.

    Raises
    ------
    UnfitError
        several-speakers.
    """
    if embed is None:
        return Check("several-speakers", "not done: no speaker verifier is installed", None, 0)
    parts, names = [], []
    for one in recordings:
        samples = one.at(RATE)
        for start in range(0, max(1, len(samples) - 3 * RATE), 6 * RATE):
            part = samples[start : start + 6 * RATE]
            if speech_seconds(part) >= 2.0:
                parts.append(embed(part))
                names.append(f"{one.name} at {start // RATE} s")
    if len(parts) < 2:
        return Check("several-speakers", "one part only: nothing to compare", True, 1000)
    table = np.stack(parts)
    like = table @ table.T
    middle = np.array([np.median(np.delete(row, i)) for i, row in enumerate(like)])
    worst = int(middle.argmin())
    value = float(middle[worst])
    if value < MIN_SIMILARITY:
        text = f"the voice in {names[worst]} is not like the others ({value:.2f}, {MIN_SIMILARITY} is needed)"
        raise UnfitError(names[worst].rsplit(" at ", 1)[0], "several-speakers", text)
    return Check("several-speakers", f"parts are alike by {value:.2f} (at least {MIN_SIMILARITY})", True,
                 round(value * 1000))  # fmt: skip


def check_variety(symbols: Sequence[str]) -> Check:
    """Whether enough different sounds are in them.

    Parameters
    ----------
    symbols : sequence of str
        Phones of everything that is said.

    Raises
    ------
    UnfitError
        too-little-variety.
    """
    kinds = len(set(symbols))
    if kinds < MIN_PHONES:
        raise UnfitError("recordings", "too-little-variety", f"only {kinds} different sounds, {MIN_PHONES} are needed")
    return Check("too-little-variety", f"{kinds} different sounds (at least {MIN_PHONES})", True, kinds * 1000)
