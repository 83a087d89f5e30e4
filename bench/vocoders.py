"""Ours and the rivals behind one face: take a recording apart, put it together at a commanded F0."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.clips import Clip
from voicekit.engines.house import load_vocoder, resynthesise
from voicekit.features.frames import FRAME_RATE, HOP_LENGTH, SAMPLE_RATE, frame_times
from voicekit.models.vocoder import Vocoder
from voicekit.pitch import PitchTrack

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

WORLD_FLOOR_HZ = 40.0
NOISE_SEED = 0


def _fit(waveform: npt.NDArray[np.floating], n_samples: int) -> F32:
    cut = np.asarray(waveform[:n_samples], dtype=np.float32)
    return np.pad(cut, (0, n_samples - len(cut)))


class System(ABC):
    """A way to analyse a recording and to make it again."""

    name: str

    @abstractmethod
    def analyse(self, clip: Clip, *, track: PitchTrack | None) -> Any:
        """Take a clip apart, at the F0 given, or at the F0 that the system finds itself."""

    @abstractmethod
    def render(self, parts: Any, commanded: PitchTrack | None) -> F32:
        """Waveform (N,) at a commanded F0, or at that of the analysis."""


class Ours(System):
    """The neural vocoder."""

    def __init__(self, vocoder: Vocoder, extend: Callable[[F32], F32], name: str = "voicekit") -> None:
        self.vocoder = vocoder.eval()
        self.extend = extend
        self.name = name

    def analyse(self, clip: Clip, *, track: PitchTrack | None) -> tuple[F32, F64]:
        """Envelope, its top bands predicted as in training, and F0; one of its own is faint (`track_pitch`)."""
        import torch

        from voicekit.features.envelope import envelope
        from voicekit.pitch import track_pitch

        found = track or track_pitch(clip.audio.samples, SAMPLE_RATE, faint=True)
        seen = envelope(torch.from_numpy(clip.audio.samples), torch.from_numpy(found.f0_hz).float())
        return self.extend(seen.numpy()), found.f0_hz

    def render(self, parts: tuple[F32, F64], commanded: PitchTrack | None) -> F32:
        """See `System.render`."""
        envelope, f0_hz = parts
        if commanded is None:  # at its own F0, from a faint track
            return resynthesise(self.vocoder, envelope, f0_hz, NOISE_SEED, beyond=0.0)
        return resynthesise(self.vocoder, envelope, commanded.f0_hz, NOISE_SEED)


class World(System):
    """WORLD: Harvest, CheapTrick, D4C and its synthesis (pyworld), a frame every 5 ms.

    Source
    ------
    M. Morise, F. Yokomori, K. Ozawa, "WORLD: a vocoder-based high-quality speech synthesis system for real-time
    applications", IEICE Transactions 99-D (2016).
    """

    name = "WORLD"
    period_ms = 500.0 / FRAME_RATE

    @staticmethod
    def _half_frames(track: PitchTrack) -> F64:
        """Our frames as every second one of WORLD's; between two voiced ones the geometric mean."""
        between = np.sqrt(track.f0_hz[:-1] * track.f0_hz[1:])  # 0 where either is unvoiced
        f0 = np.zeros(2 * len(track.f0_hz) + 1)
        f0[1::2] = track.f0_hz
        f0[2:-1:2] = between
        return f0

    def analyse(self, clip: Clip, *, track: PitchTrack | None) -> tuple[F64, F64, F64, int]:
        """F0, spectral envelope, aperiodicity, samples."""
        import pyworld

        wave = clip.audio.samples.astype(np.float64)
        if track is None:
            f0, times = pyworld.harvest(wave, SAMPLE_RATE, frame_period=self.period_ms)
        else:
            f0 = self._half_frames(track)
            times = np.arange(len(f0)) * self.period_ms / 1000.0
        spectrum = pyworld.cheaptrick(wave, f0, times, SAMPLE_RATE, f0_floor=WORLD_FLOOR_HZ)
        size = (spectrum.shape[1] - 1) * 2
        return f0, spectrum, pyworld.d4c(wave, f0, times, SAMPLE_RATE, fft_size=size), len(wave)

    def render(self, parts: tuple[F64, F64, F64, int], commanded: PitchTrack | None) -> F32:
        """See `System.render`."""
        import pyworld

        f0, spectrum, aperiodicity, n_samples = parts
        if commanded is not None:
            f0 = self._half_frames(commanded)
        return _fit(pyworld.synthesize(f0, spectrum, aperiodicity, SAMPLE_RATE, self.period_ms), n_samples)


class Psola(System):
    """Praat's overlap-add resynthesis (parselmouth): cuts and lays the recording's own periods anew.

    It keeps the recording's samples, so at an unchanged pitch it is nearly the recording itself; it cannot
    make sound from an envelope, so it is a rival in editing only.

    Source
    ------
    E. Moulines, F. Charpentier, "Pitch-synchronous waveform processing techniques for text-to-speech synthesis
    using diphones", Speech Communication 9 (1990), as in Praat.
    """

    name = "Praat PSOLA"
    floor_hz, ceiling_hz = 60.0, 500.0

    def analyse(self, clip: Clip, *, track: PitchTrack | None) -> Any:
        """Praat's Manipulation object; it finds its own pulses."""
        import parselmouth
        from parselmouth.praat import call

        sound = parselmouth.Sound(clip.audio.samples.astype(np.float64), sampling_frequency=SAMPLE_RATE)
        return call(sound, "To Manipulation", 1.0 / FRAME_RATE, self.floor_hz, self.ceiling_hz), sound.xmax

    def render(self, parts: Any, commanded: PitchTrack | None) -> F32:
        """See `System.render`."""
        from parselmouth.praat import call

        manipulation, end_s = parts
        if commanded is not None:
            tier = call("Create PitchTier", "commanded", 0.0, end_s)
            times = frame_times(len(commanded.f0_hz))
            for frame in np.flatnonzero(commanded.vuv):
                call(tier, "Add point", float(times[frame]), float(commanded.f0_hz[frame]))
            call([tier, manipulation], "Replace pitch tier")
        made = call(manipulation, "Get resynthesis (overlap-add)")
        return _fit(np.asarray(made.values[0]), round(end_s * SAMPLE_RATE))


class GriffinLim(System):
    """Phases found by iteration for the magnitudes of the recording (librosa): the old baseline.

    It keeps a magnitude spectrogram, 4 times as much as our envelope and F0, and cannot be given another pitch.

    Source
    ------
    D. Griffin, J. Lim, "Signal estimation from modified short-time Fourier transform", 1984; 80 mel bands up to
    12 kHz and 32 iterations of the fast variant (Perraudin, Balazs, Sondergaard 2013), as neural vocoders
    are compared with it.
    """

    name = "Griffin-Lim"
    iterations = 32

    def analyse(self, clip: Clip, *, track: PitchTrack | None) -> tuple[F32, int]:
        """Mel magnitudes."""
        import librosa

        wave = clip.audio.samples
        mel = librosa.feature.melspectrogram(
            y=wave, sr=SAMPLE_RATE, n_fft=1024, hop_length=HOP_LENGTH, n_mels=80, power=1.0
        )
        return mel, len(wave)

    def render(self, parts: tuple[F32, int], commanded: PitchTrack | None) -> F32:
        """See `System.render`."""
        import librosa

        mel, n_samples = parts
        magnitude = librosa.feature.inverse.mel_to_stft(mel, sr=SAMPLE_RATE, n_fft=1024, power=1.0)
        made = librosa.griffinlim(
            magnitude, n_iter=self.iterations, hop_length=HOP_LENGTH, n_fft=1024, random_state=0
        )
        return _fit(made, n_samples)


class Exact(System):
    """Cosines whose phase is the integral of the commanded F0: no speech, but its F0 is known.

    What a tracker gets wrong here is the tracker's own error.  Made by other arithmetic than the vocoder's
    pulses.
    """

    name = "exact tone (tracker's own error)"
    harmonics = 40
    top_hz = 6500.0
    ramp_s = 0.004

    def analyse(self, clip: Clip, *, track: PitchTrack | None) -> tuple[PitchTrack, int]:
        """Nothing but the F0 is kept."""
        return track or clip.track, len(clip.audio.samples)

    def render(self, parts: tuple[PitchTrack, int], commanded: PitchTrack | None) -> F32:
        """See `System.render`."""
        track, n_samples = parts
        track = commanded or track
        seconds = (np.arange(n_samples) + 0.5) / SAMPLE_RATE
        f0 = np.exp(
            np.interp(seconds, frame_times(len(track.f0_hz)), np.log(np.maximum(track.continuous(), 1.0)))
        )
        cycles = np.cumsum(f0) / SAMPLE_RATE
        wave = np.zeros(n_samples)
        for k in range(1, self.harmonics + 1):
            wave += np.where(k * f0 < self.top_hz, np.cos(2 * np.pi * k * cycles) / k, 0.0)
        gate = np.repeat(track.vuv, HOP_LENGTH)[:n_samples].astype(np.float64)
        size = round(self.ramp_s * SAMPLE_RATE) | 1
        gate = np.convolve(np.pad(gate, size // 2, mode="edge"), np.full(size, 1.0 / size), mode="valid")
        return (0.05 * wave * gate).astype(np.float32)


def our_vocoder(weights: Path | None) -> tuple[Vocoder, str]:
    """The vocoder to measure, and the SHA-256 of its weights.

    Parameters
    ----------
    weights : Path or None
        A ``.safetensors`` file; the shipped ones where None.
    """
    from voicekit.engines.voices import MODEL_FOLDER
    from voicekit.models.weights import build_vocoder, read_weights

    if weights is None:
        return load_vocoder(), read_weights(MODEL_FOLDER / "vocoder.safetensors").sha256
    read = read_weights(weights)
    return build_vocoder(read), read.sha256
