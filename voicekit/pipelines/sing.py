"""From planned lines to stems, a mix, a click and a guide, on one clock.

Every file begins at the same instant and has the same number of samples, so that stems dropped into a workstation at
one place line up to the sample.  Stems and mix are the voice's and need its permit; click and guide are plain tones.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from consent import Operand, Permit
from voicekit.audio import Audio, Tags, Written, open_writer, resample, sha256_file
from voicekit.errors import VoicekitError
from voicekit.score import TempoMap
from voicekit.singing import SungLine

__all__ = [
    "MODE",
    "STEM_RATE",
    "SingEngine",
    "Singer",
    "Stem",
    "WrittenSound",
    "click_track",
    "guide_tone",
    "mix_stems",
    "sing_lines",
    "write_sound",
]

MODE = "singing"
STEM_RATE = 48_000  #: twice the engine's own rate, so that samples of both lie on each other
MIX_PEAK = 10 ** (-1.0 / 20)

F32 = NDArray[np.float32]


class SingEngine(Protocol):
    """A voice made ready to sing."""

    @property
    def operands(self) -> Sequence[Operand]: ...

    @property
    def sample_rate(self) -> int: ...

    @property
    def version(self) -> str: ...

    @property
    def at_once(self) -> int: ...

    def sing(self, permit: Permit, line: SungLine, params: Any) -> Audio:
        """Sing a line; checks the permit first, and is exactly as long as the line."""
        ...


@dataclass(frozen=True)
class Singer:
    """One line, who sings it, and where it stands.

    Parameters
    ----------
    line : SungLine
    engine : SingEngine
    permit : Permit
    params : object
        The engine's own.
    """

    line: SungLine
    engine: SingEngine
    permit: Permit
    params: Any


@dataclass(frozen=True, eq=False)
class Stem:
    """A part's sound at `STEM_RATE`.

    Parameters
    ----------
    samples : ndarray, shape (N,), float32
    pan : float
        -1 left .. 1 right.
    level_db : float
        In the mix.
    """

    samples: F32
    pan: float = 0.0
    level_db: float = 0.0


@dataclass(frozen=True)
class WrittenSound:
    """A file that lies aside, read back.

    Parameters
    ----------
    path : pathlib.Path
    sha256, pcm_sha256 : str
        Of its bytes, and of the samples that decoding gives (32-bit integers).
    frames : int
    peak_dbfs, rms_dbfs : float
    """

    path: Path
    sha256: str
    pcm_sha256: str
    frames: int
    peak_dbfs: float
    rms_dbfs: float

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return self.frames / STEM_RATE


def sing_lines(
    singers: Sequence[Singer], *, recheck: Callable[[int], None], done: Callable[[int, float], None]
) -> list[F32]:
    """Sing every line.

    Parameters
    ----------
    singers : sequence of Singer
    recheck : callable
        Asked with the singer's index before it sings: raises when the permission no longer stands.
    done : callable
        Told index and seconds of each finished line, in order.

    Returns
    -------
    list of ndarray
        (N,) at `STEM_RATE`, all of one length.

    Raises
    ------
    consent.ConsentRefusedError
    """
    for one in singers:
        one.permit.require(mode=MODE, operands=tuple(one.engine.operands))

    def sing(index: int) -> F32:
        one = singers[index]
        recheck(index)
        audio = one.engine.sing(one.permit, one.line, one.params)
        whole = len(audio.samples) == round(one.line.duration_s * audio.sample_rate)
        if not whole or not np.isfinite(audio.samples).all():
            raise VoicekitError(f"the engine gave no usable sound for {one.line.name!r}; use another seed")
        return resample(audio, STEM_RATE).samples

    found: list[F32] = []
    with ThreadPoolExecutor(max(one.engine.at_once for one in singers), thread_name_prefix="voicekit-sing") as workers:
        under_way = [workers.submit(sing, index) for index in range(len(singers))]
        try:
            for index, work in enumerate(under_way):
                found.append(work.result())
                done(index, singers[index].line.duration_s)
        finally:
            for work in under_way:
                work.cancel()
    length = max(len(samples) for samples in found)
    return [np.pad(samples, (0, length - len(samples))) for samples in found]


def mix_stems(stems: Sequence[Stem]) -> tuple[F32, float]:
    """Sum stems in stereo with constant power.

    Parameters
    ----------
    stems : sequence of Stem
        Of one length.

    Returns
    -------
    mix : ndarray
        (N, 2), its peak at -1 dBFS at most.
    gain_db : float
        By which the sum was turned down (0 or less).
    """
    mix = np.zeros((len(stems[0].samples), 2), dtype=np.float32)
    for stem in stems:
        angle = (stem.pan + 1.0) * math.pi / 4
        level = 10 ** (stem.level_db / 20) * math.sqrt(2.0)  # a stem in the middle keeps its level on both sides
        mix[:, 0] += stem.samples * np.float32(level * math.cos(angle))
        mix[:, 1] += stem.samples * np.float32(level * math.sin(angle))
    peak = float(np.abs(mix).max(initial=0.0))
    gain = min(1.0, MIX_PEAK / peak) if peak > 0 else 1.0
    mix *= np.float32(gain)
    return mix, 20 * math.log10(gain)


def click_track(tempo: TempoMap, accents: Sequence[tuple[float, bool]], n_samples: int, lead_in_s: float) -> F32:
    """Metronome clicks at the very samples of the beats.

    Parameters
    ----------
    tempo : TempoMap
    accents : sequence of (float, bool)
        Beats of the score and whether each opens a measure; beats before 0 belong to the lead-in.
    n_samples : int
    lead_in_s : float

    Returns
    -------
    ndarray
        (N,) at `STEM_RATE`.
    """
    track = np.zeros(n_samples, dtype=np.float32)
    time = np.arange(round(0.03 * STEM_RATE)) / STEM_RATE
    shape = np.exp(-time / 0.005) * np.minimum(1.0, time / 0.0005)
    first = 60.0 / tempo.bpm_at(0)
    for beat, strong in accents:
        second = lead_in_s + (tempo.seconds(beat) if beat >= 0 else beat * first)
        start = round(second * STEM_RATE)
        if not 0 <= start < n_samples:
            continue
        tone = (0.5 if strong else 0.3) * shape * np.sin(2 * np.pi * (1600.0 if strong else 1100.0) * time)
        length = min(len(tone), n_samples - start)
        track[start : start + length] += tone[:length].astype(np.float32)
    return track


def guide_tone(line: SungLine, n_samples: int) -> F32:
    """The line's commanded pitch as a soft tone (N,) at `STEM_RATE`, for rehearsal."""
    time = np.arange(n_samples) / STEM_RATE
    frames = (np.arange(line.n_frames) + 0.5) / 100.0
    hertz = 440.0 * 2.0 ** ((np.interp(time, frames, line.pitch_midi) - 69.0) / 12.0)
    phase = 2 * np.pi * np.cumsum(hertz) / STEM_RATE
    gate = np.zeros(n_samples)
    for note in line.notes:
        start, end = (round(s * STEM_RATE) for s in (note.start_s, note.end_s))
        length = max(0, min(end, n_samples) - start)
        edge = min(round(0.01 * STEM_RATE), length // 2)
        window = np.ones(length)
        if edge:
            window[:edge] = np.linspace(0, 1, edge)
            window[length - edge :] = np.linspace(1, 0, edge)
        gate[start : start + length] = np.maximum(gate[start : start + length], window)
    tone = gate * (np.sin(phase) + 0.3 * np.sin(2 * phase) + 0.1 * np.sin(3 * phase)) * 0.2
    return tone.astype(np.float32)


def write_sound(path: Path, samples: F32, tags: Tags) -> WrittenSound:
    """Write 24 bits aside and read the file back.

    Parameters
    ----------
    path : pathlib.Path
        The name it is to have, ``.wav`` or ``.flac``.
    samples : ndarray
        (N,) or (N, 2) at `STEM_RATE`.
    tags : Tags

    Returns
    -------
    WrittenSound

    Raises
    ------
    InputError
        The disk is full or may not be written.
    VoicekitError
        Read back, it is not what was written.
    """
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with open_writer(path, STEM_RATE, tags=tags, bits=24, channels=channels) as writer:
        writer.write(samples)
    made: Written = writer.close()
    digest = hashlib.sha256()
    frames, peak, square = 0, 0.0, 0.0
    with soundfile.SoundFile(str(made.path)) as sound:
        for block in sound.blocks(1 << 16, dtype="int32"):
            digest.update(block.astype("<i4", copy=False).tobytes())
            level = block.astype(np.float64) / 2**31
            frames += len(block)
            peak = max(peak, float(np.abs(level).max(initial=0.0)))
            square += float((level**2).sum()) / channels
    wanted = float(np.abs(samples).max(initial=0.0))
    if frames != len(samples) or abs(peak - min(wanted, 1.0)) > 2**-20:
        raise VoicekitError(f"{made.path}: read back, it is not what was written; check the disk")
    rms = math.sqrt(square / max(1, frames))
    return WrittenSound(made.path, sha256_file(made.path), digest.hexdigest(), frames, _db(peak), _db(rms))


def _db(value: float) -> float:
    return 20 * math.log10(value) if value > 1e-10 else -200.0
