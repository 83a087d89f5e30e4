"""Whether formants stay where they are when the pitch is moved by up to an octave, by Praat's Burg method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.clips import Clip, band_extension, load_clips
from bench.commanded_pitch import shifted
from bench.report import Report, Table, command, one_thread, parse, percent, say
from bench.vocoders import F32, F64, Ours, Psola, System, World, our_vocoder
from voicekit.features.frames import FRAME_RATE, SAMPLE_RATE

SHIFTS, QUICK_SHIFTS = (-12, -7, -3, 3, 7, 12), (-7, 7)  #: semitones
FORMANTS = ("F1", "F2", "F3")
CEILING_HZ = {False: 5000.0, True: 5500.0}  #: Praat's advice: low voices, high voices
HIGH_VOICE_HZ = 165.0


def formants(waveform: F32, ceiling_hz: float, n_frames: int) -> F64:
    """F1 to F3 (3, T) in Hz at the middle of each frame, nan where Praat finds none."""
    import parselmouth

    sound = parselmouth.Sound(waveform.astype(np.float64), sampling_frequency=SAMPLE_RATE)
    found = sound.to_formant_burg(time_step=1.0 / FRAME_RATE, max_number_of_formants=5, maximum_formant=ceiling_hz)
    times = (np.arange(n_frames) + 0.5) / FRAME_RATE
    return np.array([[found.get_value_at_time(number, time) for time in times] for number in (1, 2, 3)])


def drift(system: System, clip: Clip, shifts: Sequence[int]) -> dict[int, list[float]]:
    """By shift, the median of log(F shifted / F unshifted) for F1, F2 and F3, over frames steadily voiced."""
    vuv = clip.track.vuv
    steady = vuv & np.roll(vuv, 2) & np.roll(vuv, -2)
    high = float(np.median(clip.track.f0_hz[vuv])) > HIGH_VOICE_HZ
    parts = system.analyse(clip, track=clip.track)
    still = formants(system.render(parts, clip.track), CEILING_HZ[high], len(vuv))
    found = {}
    for shift in shifts:
        moved = formants(system.render(parts, shifted(clip.track, shift)), CEILING_HZ[high], len(vuv))
        ratios = np.log(moved[:, steady] / still[:, steady])
        found[shift] = [float(np.nanmedian(row)) for row in ratios]
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = parse(__doc__ or "", argv, weights=True)
    one_thread()
    vocoder, digest = our_vocoder(options.weights)
    clips = load_clips(options)
    shifts = QUICK_SHIFTS if options.quick else SHIFTS
    systems: list[System] = [Ours(vocoder, band_extension(options)), World(), Psola()]
    report = Report("formants", "Formants when the pitch is moved")
    data: dict[str, Any] = {}
    rows: list[tuple[object, ...]] = []
    for system in systems:
        say(f"{system.name}: {len(clips)} clips")
        each = [drift(system, clip, shifts) for clip in clips]
        data[system.name] = {clip.key: found for clip, found in zip(clips, each, strict=True)}
        for shift in shifts:
            logs = np.array([found[shift] for found in each])
            typical = [percent(float(np.mean(np.abs(np.expm1(column))))) for column in logs.T]
            bias = [f"{100 * float(np.expm1(np.mean(column))):+.1f}" for column in logs.T]
            rows.append((system.name, f"{shift:+d}", *typical, *bias))
    heads = ("system", "semitones", *(f"{f} drift, %" for f in FORMANTS), *(f"{f} bias, %" for f in FORMANTS))
    report.tables.append(Table(f"{len(clips)} clips, each against itself made at its own pitch", heads, rows))
    report.notes += [
        "Drift: how far the median formant of a clip moves, mean size over clips; bias keeps the sign. Praat's Burg "
        "method, five formants up to 5 or 5.5 kHz by the voice, in steadily voiced frames; it had no part in making "
        "the sound.",
        "Linear prediction leans towards harmonics, the more the higher the pitch: part of every system's drift "
        "upwards is the instrument's. Compare within the table.",
    ]
    report.data = {"weights_sha256": digest, "systems": data}
    report.write(options)
    return 0


if __name__ == "__main__":
    command(main)
