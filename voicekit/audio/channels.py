"""A sound file with all its channels, decoded to disk so that any part of it can be had without much memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from voicekit.audio.files import io_error
from voicekit.errors import InputError

__all__ = ["DecodedFile", "decode_channels"]

_REMEDY = "Give a WAV, FLAC, OGG, MP3 or M4A file that other players can play."
_BLOCK = 65_536
_FINE = ("PCM_24", "PCM_32", "FLOAT", "DOUBLE")
MAX_CHANNELS = 8


@dataclass(frozen=True)
class DecodedFile:
    """A decoded recording on disk.

    Attributes
    ----------
    path : pathlib.Path
        Raw float32, channels interleaved.
    sample_rate : int
        Hz.
    channels, frames : int
    bits : int
        16, or 24 where the file holds more than 16.
    """

    path: Path
    sample_rate: int
    channels: int
    frames: int
    bits: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Samples (C, stop - start)."""
        count = max(0, min(stop, self.frames) - start)
        with open(self.path, "rb") as file:
            file.seek(4 * self.channels * start)
            data = np.fromfile(file, dtype="<f4", count=count * self.channels)
        return np.ascontiguousarray(data.reshape(-1, self.channels).T).astype(np.float32, copy=False)

    def blocks(self, size: int = _BLOCK) -> Iterator[NDArray[np.float32]]:
        """All samples in blocks (C, n)."""
        for start in range(0, self.frames, size):
            yield self.read(start, start + size)


def decode_channels(source: Path, place: Path, *, most_s: float, called: str = "") -> DecodedFile:
    """Decode a file to `place`.

    Parameters
    ----------
    source : pathlib.Path
    place : pathlib.Path
        Written anew.
    most_s : float
        A longer recording is refused.
    called : str
        Name for errors; the source's own when empty.

    Raises
    ------
    InputError
        Not a sound file, damaged, empty, too long, or with too many channels.
    """
    name = called or str(source)
    try:
        with open(place, "wb") as sink:
            try:
                with soundfile.SoundFile(str(source)) as sound:
                    _check(name, sound.channels, sound.frames / sound.samplerate, most_s)
                    bits = 24 if sound.subtype in _FINE else 16
                    rate, channels = int(sound.samplerate), int(sound.channels)
                    frames = _drain(name, _sound_blocks(name, sound), sink, rate, most_s)
            except soundfile.LibsndfileError:
                rate, channels, frames = _decode(name, source, sink, most_s)
                bits = 16
    except OSError as problem:
        raise io_error(problem, place) from problem
    if not frames:
        raise InputError(name, "", "there is no sound in this file", _REMEDY)
    return DecodedFile(place, rate, channels, frames, bits)


def _check(name: str, channels: int, seconds: float, most_s: float) -> None:
    if channels > MAX_CHANNELS:
        raise InputError(name, "", f"{channels} channels are too many", f"Give at most {MAX_CHANNELS}.")
    if seconds > most_s:
        raise InputError(name, "", f"{seconds / 60:.0f} minutes are too long", f"Give {most_s / 60:.0f} at most.")


def _sound_blocks(name: str, sound: soundfile.SoundFile) -> Iterator[NDArray[np.float32]]:
    while True:
        try:
            block = sound.read(_BLOCK, dtype="float32", always_2d=True)  # (n, C)
        except soundfile.LibsndfileError as problem:
            raise InputError(name, f"sample {sound.tell()}", f"damaged sound data ({problem})", _REMEDY) from problem
        if not len(block):
            return
        yield block


def _drain(name: str, blocks: Iterator[NDArray[np.float32]], sink: Any, rate: int, most_s: float) -> int:
    frames = 0
    for block in blocks:
        if not np.isfinite(block).all():
            raise InputError(name, f"near sample {frames}", "some samples are no numbers", _REMEDY)
        sink.write(np.ascontiguousarray(block, dtype="<f4").tobytes())
        frames += len(block)
        if frames > most_s * rate:
            _check(name, 1, frames / rate, most_s)
    return frames


def _decode(name: str, source: Path, sink: Any, most_s: float) -> tuple[int, int, int]:
    """By PyAV: rate, channels, frames."""
    import av  # 0.1 s and 60 MB: only for what soundfile cannot open

    try:
        with av.open(str(source)) as container:
            if not container.streams.audio:
                raise InputError(name, "", "there is no sound in this file", _REMEDY)
            stream = container.streams.audio[0]
            rate, channels = int(stream.rate), int(stream.channels)
            _check(name, channels, 0.0, most_s)
            to_float = av.AudioResampler(format="flt", layout=stream.layout, rate=rate)

            def parts() -> Iterator[NDArray[np.float32]]:
                for frame in container.decode(audio=0):
                    for part in to_float.resample(frame):
                        yield part.to_ndarray().reshape(-1, channels)
                for part in to_float.resample(None):
                    yield part.to_ndarray().reshape(-1, channels)

            return rate, channels, _drain(name, parts(), sink, rate, most_s)
    except av.FFmpegError as problem:
        raise InputError(name, "", "this is not a sound file", _REMEDY) from problem
