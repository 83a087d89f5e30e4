"""Recordings in memory: read once, hashed, decoded. Nothing here writes to a disk."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from voicekit.audio import Audio, io_error, resample, to_int16
from voicekit.errors import InputError

__all__ = ["MAX_SECONDS", "Recording", "open_recording", "read_recording", "read_transcripts"]

MAX_SECONDS = 3_600.0
_MAX_BYTES = 1 << 30
_REMEDY = "Give a WAV, FLAC, OGG or MP3 file that other players can play."


@dataclass(frozen=True, eq=False)
class Recording:
    """A reference recording.

    Attributes
    ----------
    name : str
        File name.
    data : bytes
        The file as it is; what the grant's hash is of.
    sha256 : str
        Of `data`.
    audio : Audio
        Mono, at the file's own rate.
    """

    name: str
    data: bytes = field(repr=False)
    sha256: str
    audio: Audio = field(repr=False)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.audio.samples) / self.audio.sample_rate

    @property
    def pcm_sha256(self) -> str:
        """SHA-256 of the samples as 16-bit little-endian mono."""
        return hashlib.sha256(to_int16(self.audio.samples).astype("<i2").tobytes()).hexdigest()

    def at(self, sample_rate: int) -> npt.NDArray[np.float32]:
        """Samples (N,) at another rate, Hz."""
        found: npt.NDArray[np.float32] = resample(self.audio, sample_rate).samples
        return found


def read_recording(path: Path) -> Recording:
    """Read a recording once; hash and samples are of the very same bytes.

    Raises
    ------
    voicekit.errors.InputError
        Missing, too long, or not a sound file.
    """
    try:
        with open(path, "rb") as handle:
            data = handle.read(_MAX_BYTES + 1)
    except OSError as problem:
        raise io_error(problem, path) from problem
    return open_recording(path.name, data)


def open_recording(name: str, data: bytes) -> Recording:
    """Like `read_recording`, from bytes."""
    if len(data) > _MAX_BYTES:
        raise InputError(name, "", "the file is larger than 1 GiB", "Cut it to what is to be heard.")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as sound:
            rate = int(sound.samplerate)
            if sound.frames > MAX_SECONDS * rate:
                raise InputError(name, "", f"longer than {MAX_SECONDS / 60:.0f} minutes", "Cut it to the best parts.")
            samples = sound.read(dtype="float32", always_2d=True).mean(axis=1, dtype=np.float32)  # (N, C) -> (N,)
    except (soundfile.SoundFileError, RuntimeError) as problem:
        raise InputError(name, "", "this is not a sound file", _REMEDY) from problem
    if not len(samples) or not np.isfinite(samples).all():
        raise InputError(name, "", "there is no sound in it", _REMEDY)
    return Recording(name, data, hashlib.sha256(data).hexdigest(), Audio(np.ascontiguousarray(samples), rate))


def read_transcripts(path: Path, recordings: tuple[Recording, ...]) -> dict[str, str]:
    """What is said in each recording, by its file's name.

    Parameters
    ----------
    path : Path
        Plain text, where there is one recording; else lines ``FILE <tab> TEXT``.
    recordings : tuple of Recording

    Raises
    ------
    voicekit.errors.InputError
        Not readable, or a line that names no recording.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise io_error(problem, path) from problem
    except UnicodeDecodeError as problem:
        raise InputError(path, "", "this is not UTF-8 text", "Save it as UTF-8.") from problem
    names = {item.name for item in recordings}
    if "\t" not in text:
        if len(names) != 1:
            problem_text = f"one text for {len(names)} recordings"
            raise InputError(path, "", problem_text, "Write lines of FILE, a tab, and what is said in it.")
        return {next(iter(names)): " ".join(text.split())}
    found: dict[str, str] = {}
    for number, row in enumerate(csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE), start=1):
        if not row:
            continue
        if len(row) != 2 or row[0] not in names:
            raise InputError(path, f"line {number}", "names none of the recordings", "FILE, a tab, TEXT.")
        found[row[0]] = f"{found.get(row[0], '')} {row[1]}".strip()
    return found
