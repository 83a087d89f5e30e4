"""Streaming writers for WAV, FLAC and MP3, each deterministic to the byte.

All libraries write through a Python file of ours: a full disk then shows as the
system's own error, and the bytes can be flushed to the disk before anybody
renames the file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from voicekit.audio.files import aside, io_error
from voicekit.audio.mp3encode import MP3_BIT_RATE, MP3_SAMPLE_RATE, Mp3Encoder, lame_options
from voicekit.audio.resample import resample
from voicekit.audio.tags import Tags
from voicekit.audio.types import Audio, to_int16
from voicekit.errors import UsageError, VoicekitError

__all__ = [
    "FORMATS",
    "MP3_BIT_RATE",
    "MP3_SAMPLE_RATE",
    "PcmWriter",
    "Written",
    "encode_mp3",
    "open_writer",
    "write_flac",
    "write_wav",
]

FORMATS = ("mp3", "flac", "wav")
"""Formats that can be written."""

@dataclass(frozen=True)
class Written:
    """A finished file that still lies aside.

    Parameters
    ----------
    path : pathlib.Path
        Where it lies now (``.partial``).
    frames : int
        Samples written.
    """

    path: Path
    frames: int


class _Guarded:
    """A file for libsndfile whose errors are kept and raised afterwards.

    libsndfile calls back through C, where Python exceptions would be printed
    and lost.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._raw.write(data)
        except OSError as problem:
            self.error = self.error or problem
            return 0

    def read(self, count: int = -1) -> bytes:
        return self._raw.read(count)

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._raw.seek(offset, whence)
        except OSError as problem:  # a buffered write can fail here as well
            self.error = self.error or problem
            return -1

    def tell(self) -> int:
        return self._raw.tell()


class PcmWriter:
    """A 16- or 24-bit file being written aside, block by block.

    Use as a context manager; leaving it normally closes and flushes the file,
    leaving it by an exception removes it.

    Parameters
    ----------
    path : pathlib.Path
        The name it is to have; the bytes go to ``NAME.EXT.partial``.
    sample_rate : int
        Hz.
    tags : Tags
    channels : int

    Raises
    ------
    InputError
        The place cannot be written (permissions, full disk).
    """

    def __init__(self, path: Path, sample_rate: int, tags: Tags, channels: int = 1) -> None:
        self.path = aside(Path(path))
        self.sample_rate = sample_rate
        self.channels = channels
        self.frames = 0
        self._tags = tags
        self._closed = False
        try:
            self._raw: BinaryIO = open(self.path, "w+b")  # noqa: SIM115 - closed in close() and drop()
        except OSError as problem:
            raise io_error(problem, self.path) from problem
        try:
            self._start()
        except BaseException:
            self.drop()
            raise

    def __enter__(self) -> PcmWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.drop()

    def write(self, waveform: NDArray[Any]) -> None:
        """Append samples.

        Parameters
        ----------
        waveform : ndarray, shape (N,), or (N, C) for more channels than one
            int16, or float with full scale -1.0 .. 1.0.
        """
        if not len(waveform):
            return
        try:
            self._write(waveform)
        except OSError as problem:
            raise io_error(problem, self.path) from problem
        self.frames += len(waveform)

    def close(self) -> Written:
        """End the file and flush it to the disk.

        Returns
        -------
        Written
        """
        if not self._closed:
            try:
                self._finish()
                self._raw.flush()
                os.fsync(self._raw.fileno())
                self._raw.close()
            except OSError as problem:
                self.drop()
                raise io_error(problem, self.path) from problem
            except BaseException:
                self.drop()
                raise
            self._closed = True
        return Written(self.path, self.frames)

    def drop(self) -> None:
        """Give up: remove what was written."""
        self._closed = True
        try:
            self._abandon()
            self._raw.close()
        except (OSError, VoicekitError):
            pass  # closing flushes, and the disk may still be full: the file goes anyway
        finally:
            self.path.unlink(missing_ok=True)

    def _start(self) -> None:
        raise NotImplementedError

    def _write(self, waveform: NDArray[Any]) -> None:
        raise NotImplementedError

    def _finish(self) -> None:
        raise NotImplementedError

    def _abandon(self) -> None:
        """Let the encoder go without caring for its last words."""


class _SndfileWriter(PcmWriter):
    format = ""
    subtype = "PCM_16"

    def _start(self) -> None:
        self._guard = _Guarded(self._raw)
        self._sound: soundfile.SoundFile | None = None
        self._sound = soundfile.SoundFile(
            self._guard, "w", self.sample_rate, self.channels, subtype=self.subtype, format=self.format
        )
        for name, text in (
            ("title", self._tags.title),
            ("album", self._tags.album),
            ("artist", self._tags.artist),
            ("tracknumber", self._tags.track_text),
            ("comment", self._tags.comment),
        ):
            if text:
                setattr(self._sound, name, text)

    def _write(self, waveform: NDArray[Any]) -> None:
        samples = waveform
        if waveform.dtype != np.int16 and self.subtype == "PCM_16":
            samples = to_int16(waveform)
        self._call("write", samples)

    def _finish(self) -> None:
        self._call("close")

    def _call(self, verb: str, *args: Any) -> None:
        try:
            getattr(self._sound, verb)(*args)
        except (soundfile.LibsndfileError, AssertionError) as problem:
            # AssertionError: soundfile's own check for a short write
            if self._guard.error is None:
                raise VoicekitError(f"{self.path}: the encoder failed ({problem})") from problem
        if self._guard.error is not None:
            raise self._guard.error

    def _abandon(self) -> None:
        if self._sound is not None:
            # the file is being thrown away
            with contextlib.suppress(soundfile.LibsndfileError, AssertionError):
                self._sound.close()


class _WavWriter(_SndfileWriter):
    format = "WAV"


class _FlacWriter(_SndfileWriter):
    format = "FLAC"


class _Wav24Writer(_SndfileWriter):
    format = "WAV"
    subtype = "PCM_24"


class _Flac24Writer(_SndfileWriter):
    format = "FLAC"
    subtype = "PCM_24"


class _Mp3Writer(PcmWriter):
    """MPEG-1 layer III, 192 kbit/s constant, 44.1 kHz, mono or stereo, with an Info header for gapless play."""

    def _start(self) -> None:
        import av  # 0.1 s: only where an MP3 is made

        self._container: Any = None
        self._encoder = Mp3Encoder(self.channels)
        if self.sample_rate != MP3_SAMPLE_RATE:
            raise UsageError(f"MP3 is written at {MP3_SAMPLE_RATE} Hz, not {self.sample_rate}", "resample before")
        if self.channels > 2:
            raise UsageError(f"an MP3 holds two channels at most, not {self.channels}", "write .wav or .flac")
        self._av = av
        # bitexact: no library versions in the file, which would tie its bytes to a build
        self._container = av.open(
            self._raw,
            "w",
            format="mp3",
            options={"id3v2_version": "3", "write_xing": "1", "fflags": "+bitexact"},
        )
        tags = self._tags
        for name, text in (
            ("title", tags.title),
            ("album", tags.album),
            ("artist", tags.artist),
            ("track", tags.track_text),
            ("comment", tags.comment),
        ):
            if text:
                self._container.metadata[name] = text
        # this stream's own encoder only tells the container what is in it
        stream = self._container.add_stream("libmp3lame", rate=MP3_SAMPLE_RATE, options=lame_options())
        stream.bit_rate = MP3_BIT_RATE
        stream.layout = "stereo" if self.channels == 2 else "mono"
        stream.format = "fltp"
        self._stream = stream

    def _write(self, waveform: NDArray[Any]) -> None:
        self._mux(self._encoder.add(waveform))

    def _finish(self) -> None:
        self._mux(self._encoder.finish())
        self._container.close()

    def _mux(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            packet.stream = self._stream
            self._container.mux(packet)

    def _abandon(self) -> None:
        self._encoder.drop()
        if self._container is not None:
            # the file is being thrown away
            with contextlib.suppress(self._av.FFmpegError):
                self._container.close()


_WRITERS: dict[tuple[str, int], type[PcmWriter]] = {
    ("wav", 16): _WavWriter,
    ("wav", 24): _Wav24Writer,
    ("flac", 16): _FlacWriter,
    ("flac", 24): _Flac24Writer,
    ("mp3", 16): _Mp3Writer,
}


def open_writer(
    path: Path, sample_rate: int, *, tags: Tags | None = None, bits: int = 16, channels: int = 1
) -> PcmWriter:
    """Open a writer for the format that the name's suffix tells.

    Parameters
    ----------
    path : pathlib.Path
        Final name; the bytes go to the same with ``.partial`` behind it.
    sample_rate : int
        Hz; 44100 for MP3.
    tags : Tags, optional
    bits : int
        16, or 24 for WAV and FLAC.
    channels : int
        At most 2 for MP3.

    Returns
    -------
    PcmWriter

    Raises
    ------
    UsageError
        Unknown format, or one that cannot hold these bits or this rate.
    InputError
        The place cannot be written.
    """
    kind = path.suffix.lower().lstrip(".")
    maker = _WRITERS.get((kind, bits))
    if maker is None:
        raise UsageError(f"cannot write {bits}-bit .{kind}", f"use one of: {', '.join(FORMATS)}")
    return maker(path, sample_rate, tags or Tags(), channels)


def _write_whole(path: Path, audio: Audio, tags: Tags | None, bits: int) -> Written:
    with open_writer(path, audio.sample_rate, tags=tags, bits=bits) as writer:
        writer.write(audio.samples)
    return writer.close()


def write_wav(path: str | Path, audio: Audio, *, tags: Tags | None = None, bits: int = 16) -> Written:
    """Write a WAV file aside (``NAME.wav.partial``); see `settle` for its name.

    Parameters
    ----------
    path : path
        Must end in ``.wav``.
    audio : Audio
    tags : Tags, optional
    bits : int
        16 or 24.

    Returns
    -------
    Written
    """
    return _write_whole(_named(path, "wav"), audio, tags, bits)


def write_flac(path: str | Path, audio: Audio, *, tags: Tags | None = None, bits: int = 16) -> Written:
    """Write a FLAC file aside (``NAME.flac.partial``); see `write_wav`."""
    return _write_whole(_named(path, "flac"), audio, tags, bits)


def encode_mp3(path: str | Path, audio: Audio, *, tags: Tags | None = None) -> Written:
    """Write an MP3 aside: 192 kbit/s constant, 44.1 kHz, mono; see `write_wav`."""
    return _write_whole(_named(path, "mp3"), resample(audio, MP3_SAMPLE_RATE), tags, 16)


def _named(path: str | Path, kind: str) -> Path:
    named = Path(path)
    if named.suffix.lower() != f".{kind}":
        raise UsageError(f"{named}: the name must end in .{kind}", "rename the output")
    return named
