"""Sung signals whose F0 is known exactly: what a tracker is measured on before it meets a voice.

A melody of notes, glides and rests is drawn as a curve; harmonics at exact multiples of it are weighted by the
formants of a vowel and the tilt of a glottal pulse.  Consonants of noise stand between some notes.  What makes
tracking hard is added knowingly: vibrato, jitter and shimmer, noise, a room.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voicekit.features.frames import frame_count, frame_times
from voicekit.pitch.tracking import PitchTrack
from voicekit.units import midi_to_hz

F64 = npt.NDArray[np.float64]

SAMPLE_RATE = 24_000
TOP_HZ = 9_000.0  #: no harmonic above
MAX_HARMONICS = 90
VOICED_FROM = 0.15  #: a note counts as voiced from this share of its amplitude on, as one would annotate it

#: Formants F1 to F4 in Hz of sung vowels; a narrow and a dark one among them, whose second harmonic or whose
#: fundamental outweighs all others.
VOWELS: dict[str, tuple[float, float, float, float]] = {
    "a": (750.0, 1200.0, 2600.0, 3300.0),
    "e": (450.0, 1900.0, 2550.0, 3300.0),
    "i": (300.0, 2250.0, 2950.0, 3500.0),
    "o": (450.0, 800.0, 2550.0, 3250.0),
    "u": (320.0, 700.0, 2400.0, 3200.0),
}
BANDWIDTHS = (70.0, 90.0, 130.0, 180.0)


@dataclass(frozen=True)
class SungSpec:
    """What kind of signal is to be made.

    Attributes
    ----------
    low_midi, high_midi : float
        Range of the notes.
    seconds : float
    vibrato_cents : float
        Half the distance between highest and lowest pitch; 0: none.
    vibrato_hz : float
    glide_s : float
        Seconds from one note to the next where they are joined.
    jitter : float
        Relative standard deviation of F0 from period to period, slowly coloured.
    shimmer_db : float
    snr_db : float or None
        White and pink noise in equal parts under the whole signal.
    reverb_s : float
        Time in which the room's sound falls by 60 dB; 0: dry.
    breath_db : float
        Level of the noise within the voiced sound, relative to it.
    """

    low_midi: float = 48.0
    high_midi: float = 60.0
    seconds: float = 6.0
    vibrato_cents: float = 0.0
    vibrato_hz: float = 5.5
    glide_s: float = 0.08
    jitter: float = 0.0
    shimmer_db: float = 0.0
    snr_db: float | None = None
    reverb_s: float = 0.0
    breath_db: float = -35.0


@dataclass(frozen=True, eq=False)
class SungSignal:
    """A signal and its truth.

    Attributes
    ----------
    waveform : ndarray
        (N,) float32 at `SAMPLE_RATE`.
    truth : PitchTrack
        F0 (without jitter) and voicing at the centre of each frame.
    """

    waveform: npt.NDArray[np.float32]
    truth: PitchTrack


def vowel_gain(hz: F64, formants: tuple[float, ...]) -> F64:
    """Amplitude of a voiced sound at frequencies (...,) in Hz: formant resonances over a tilt of 6 dB an octave."""
    gain = 1.0 / np.maximum(hz, 40.0)
    for centre, width in zip(formants, BANDWIDTHS, strict=True):
        # Magnitude of one two-pole resonance, 1 at 0 Hz.
        gain = gain * centre**2 / np.sqrt((centre**2 - hz**2) ** 2 + (width * hz) ** 2)
    return gain


def _coloured(rng: np.random.Generator, size: int, top_hz: float) -> F64:
    """Noise of unit variance, its power falling as 1/(1 + (f / top_hz)^2)."""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    freqs = np.fft.rfftfreq(size, 1.0 / SAMPLE_RATE)
    noise = np.fft.irfft(spectrum / np.sqrt(1.0 + (freqs / top_hz) ** 2), size)
    return noise / max(float(noise.std()), 1e-12)


def _melody(spec: SungSpec, rng: np.random.Generator, size: int) -> tuple[F64, F64, F64, list[tuple[int, int]]]:
    """Pitch in MIDI (N,), gate (N,) in 0..1, the same without loudness, and the places (start, stop) of consonants."""
    midi = np.zeros(size)
    gate, ramps = np.zeros(size), np.zeros(size)
    consonants: list[tuple[int, int]] = []
    at = round(0.25 * SAMPLE_RATE)
    pitch = rng.uniform(spec.low_midi, spec.high_midi)
    while at < size - round(0.6 * SAMPLE_RATE):
        notes = int(rng.integers(1, 5))
        start = at
        edges, pitches = [at], []
        for _ in range(notes):
            step = float(rng.choice([-7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 7])) + rng.normal(0.0, 0.2)
            pitch = pitch + step if spec.low_midi <= pitch + step <= spec.high_midi else pitch - step
            pitch = float(np.clip(pitch, spec.low_midi, spec.high_midi))
            pitches.append(pitch)
            edges.append(min(edges[-1] + round(rng.uniform(0.15, 0.9) * SAMPLE_RATE), size - 2400))
        stop = edges[-1]
        if stop - start < 3600:
            break
        t = np.arange(start, stop)
        curve = np.full(stop - start, pitches[0])
        for edge, before, after in zip(edges[1:-1], pitches, pitches[1:], strict=False):
            phase = np.clip((t - edge) / (spec.glide_s * SAMPLE_RATE) + 0.5, 0.0, 1.0)
            curve += (after - before) * 0.5 * (1.0 - np.cos(np.pi * phase))
        # A scoop into the first note, a fall out of the last.
        curve -= rng.uniform(0.0, 1.5) * np.exp(-(t - start) / (0.04 * SAMPLE_RATE))
        curve -= rng.uniform(0.0, 1.0) * np.exp(-(stop - t) / (0.03 * SAMPLE_RATE))
        midi[start:stop] = curve
        ramp = round(rng.uniform(0.01, 0.03) * SAMPLE_RATE)
        shape = np.minimum(1.0, np.minimum(t - start + 1, stop - t) / ramp)
        swell = 10.0 ** (rng.uniform(-12.0, 0.0) / 20.0) * (0.7 + 0.3 * np.sin(np.pi * (t - start) / (stop - start)))
        gate[start:stop], ramps[start:stop] = shape * swell, shape
        pause = round(rng.uniform(0.06, 0.5) * SAMPLE_RATE)
        if rng.random() < 0.6:
            consonants.append((stop, min(stop + min(pause, round(0.12 * SAMPLE_RATE)), size)))
        at = stop + pause
    return midi, gate, ramps, consonants


def sung_signal(spec: SungSpec, seed: int) -> SungSignal:
    """Make a signal; the same seed gives the same samples.

    Parameters
    ----------
    spec : SungSpec
    seed : int

    Returns
    -------
    SungSignal
    """
    rng = np.random.default_rng(seed)
    size = round(spec.seconds * SAMPLE_RATE)
    midi, gate, shape, consonants = _melody(spec, rng, size)
    seconds = np.arange(size) / SAMPLE_RATE
    drift = np.cumsum(1.0 + 0.04 * _coloured(rng, size, 2.0)) / SAMPLE_RATE
    midi = midi + spec.vibrato_cents / 100.0 * np.sin(2 * np.pi * spec.vibrato_hz * drift)
    f0 = np.where(gate > 0, midi_to_hz(midi), 0.0)
    shaken = f0 * (1.0 + spec.jitter * _coloured(rng, size, 60.0)) if spec.jitter else f0
    cycles = np.cumsum(shaken) / SAMPLE_RATE
    formants = VOWELS[str(rng.choice(sorted(VOWELS)))]
    other = VOWELS[str(rng.choice(sorted(VOWELS)))]
    mix = 0.5 + 0.5 * np.sin(2 * np.pi * 0.4 * seconds + rng.uniform(0, 6))
    voice = np.zeros(size)
    on = np.flatnonzero(gate > 0)
    shimmer = 10.0 ** (spec.shimmer_db * _coloured(rng, size, 40.0) / 20.0)
    for k in range(1, MAX_HARMONICS + 1):
        sounding = on[k * f0[on] < TOP_HZ]
        if not len(sounding):
            break
        hz = k * f0[sounding]
        gain = vowel_gain(hz, formants) * mix[sounding] + vowel_gain(hz, other) * (1 - mix[sounding])
        phase = 2 * np.pi * (k * cycles[sounding]) + 0.3 * np.sqrt(k)
        voice[sounding] += gain * np.cos(phase)
    level = float(np.sqrt(np.mean(voice[on] ** 2))) if len(on) else 1.0
    voice = voice / max(level, 1e-12) * 0.1 * shimmer
    breath = 0.1 * 10.0 ** (spec.breath_db / 20.0) * rng.standard_normal(size)
    wave = (voice + breath) * gate
    for start, stop in consonants:
        hiss = np.diff(rng.standard_normal(stop - start + 1)) * np.hanning(stop - start)
        wave[start:stop] += 0.1 * 10.0 ** (rng.uniform(-24.0, -6.0) / 20.0) * hiss
    wave = _room(wave, spec.reverb_s, rng) if spec.reverb_s else wave
    if spec.snr_db is not None and len(on):
        noise = _coloured(rng, size, 300.0) + rng.standard_normal(size)
        noise *= float(np.sqrt(np.mean(wave[on] ** 2))) * 10.0 ** (-spec.snr_db / 20.0) / float(noise.std())
        wave = wave + noise
    n_frames = frame_count(size)
    centre = np.minimum((frame_times(n_frames) * SAMPLE_RATE).astype(int), size - 1)
    vuv = shape[centre] > VOICED_FROM
    return SungSignal((wave + 1e-5 * rng.standard_normal(size)).astype(np.float32), PitchTrack(f0[centre] * vuv, vuv))


def _room(wave: F64, reverb_s: float, rng: np.random.Generator) -> F64:
    """A room: the direct sound and, 6 dB below it in all, a tail of noise from 15 ms on."""
    size = round(1.2 * reverb_s * SAMPLE_RATE)
    t = np.arange(size) / SAMPLE_RATE
    tail = rng.standard_normal(size) * 10.0 ** (-3.0 * t / reverb_s) * (t > 0.015)
    tail *= 0.5 / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    n = len(wave) + size
    made: F64 = np.fft.irfft(np.fft.rfft(wave, n) * np.fft.rfft(tail, n), n)[: len(wave)]
    return made


#: What a tracker is measured on: name -> how the plain signal is changed.
CONDITIONS: dict[str, dict[str, float]] = {
    "plain": {},
    "glides": {"glide_s": 0.3},
    "vibrato": {"vibrato_cents": 60.0},
    "wide vibrato": {"vibrato_cents": 120.0, "vibrato_hz": 6.5},
    "jitter": {"jitter": 0.01, "shimmer_db": 1.0, "breath_db": -20.0},
    "noise 20 dB": {"snr_db": 20.0, "vibrato_cents": 30.0},
    "noise 10 dB": {"snr_db": 10.0, "vibrato_cents": 30.0},
    "reverb": {"reverb_s": 0.5, "vibrato_cents": 30.0},
}

#: Ranges of notes, MIDI: C2 to C3 ... C5 to C6.
REGISTERS: dict[str, tuple[float, float]] = {
    "C2-C3": (36.0, 48.0),
    "C3-C4": (48.0, 60.0),
    "C4-C5": (60.0, 72.0),
    "C5-C6": (72.0, 84.0),
}


def signal_set(seed: int, seconds: float = 6.0) -> dict[tuple[str, str], SungSignal]:
    """One signal for each condition and register: (condition, register) -> signal."""
    made = {}
    for i, (condition, changes) in enumerate(CONDITIONS.items()):
        for j, (register, (low, high)) in enumerate(REGISTERS.items()):
            spec = SungSpec(low_midi=low, high_midi=high, seconds=seconds, **changes)
            made[condition, register] = sung_signal(spec, seed * 1000 + 10 * i + j)
    return made
