"""Reading sound files: soundfile where it can, PyAV for the rest (m4a, webm)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile
from numpy.typing import NDArray

from voicekit.audio.files import io_error
from voicekit.audio.resample import resample
from voicekit.audio.types import Audio
from voicekit.errors import InputError

__all__ = ["AudioReader", "read_audio"]

_REMEDY = "Give a WAV, FLAC, OGG, MP3 or M4A file that other players can play."


class AudioReader:
    """A sound file opened for reading in blocks, mixed down to mono.

    Parameters
    ----------
    path : pathlib.Path

    Attributes
    ----------
    sample_rate : int
        Hz.

    Raises
    ------
    InputError
        Missing, not readable, or not a sound file.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        try:
            with open(self.path, "rb"):
                pass
        except OSError as problem:
            raise io_error(problem, self.path) from problem
        self._file: soundfile.SoundFile | None
        try:
            self._file = soundfile.SoundFile(str(self.path))
            self.sample_rate = int(self._file.samplerate)
        except soundfile.LibsndfileError:
            self._file = None
            self.sample_rate = self._probe()

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def blocks(self, size: int = 65536) -> Iterator[NDArray[np.float32]]:
        """The samples from the start, in blocks.

        Parameters
        ----------
        size : int
            Samples in a block; PyAV's blocks may be of other sizes.

        Yields
        ------
        ndarray, shape (N,), float32
        """
        if self._file is None:
            yield from self._decode()
            return
        try:
            self._file.seek(0)
            while True:
                block = self._file.read(size, dtype="float32", always_2d=True)  # (N, C)
                if not len(block):
                    return
                yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)
        except soundfile.LibsndfileError as problem:
            place = f"sample {self._file.tell()}"
            raise InputError(self.path, place, f"damaged sound data ({problem})", _REMEDY) from problem

    def _probe(self) -> int:
        import av  # 0.1 s and 60 MB: only for what soundfile cannot open

        try:
            with av.open(str(self.path)) as container:
                if not container.streams.audio:
                    raise InputError(self.path, "", "there is no sound in this file", _REMEDY)
                return int(container.streams.audio[0].rate)
        except av.FFmpegError as problem:
            raise InputError(self.path, "", "this is not a sound file", _REMEDY) from problem

    def _decode(self) -> Iterator[NDArray[np.float32]]:
        import av  # see _probe

        try:
            with av.open(str(self.path)) as container:
                to_mono = av.AudioResampler(format="flt", layout="mono", rate=self.sample_rate)
                for frame in container.decode(audio=0):
                    for part in to_mono.resample(frame):
                        yield part.to_ndarray().reshape(-1).astype(np.float32, copy=False)
                for part in to_mono.resample(None):
                    yield part.to_ndarray().reshape(-1).astype(np.float32, copy=False)
        except av.FFmpegError as problem:
            raise InputError(self.path, "", f"damaged sound data ({problem})", _REMEDY) from problem


def read_audio(path: str | Path, *, sample_rate: int | None = None) -> Audio:
    """Read a whole sound file as mono float32.

    Parameters
    ----------
    path : path
        WAV, FLAC, OGG, MP3, AIFF, or what FFmpeg's libraries in PyAV can read.
    sample_rate : int, optional
        Resample to this rate, Hz; the file's own when not given.

    Returns
    -------
    Audio

    Raises
    ------
    InputError
        Missing, unreadable, damaged or without sound.
    """
    with AudioReader(Path(path)) as reader:
        parts = list(reader.blocks())
        rate = reader.sample_rate
    if not parts:
        raise InputError(path, "", "there is no sound in this file", _REMEDY)
    audio = Audio(np.ascontiguousarray(np.concatenate(parts)), rate)
    return audio if sample_rate is None else resample(audio, sample_rate)
