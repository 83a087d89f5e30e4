"""Sentence takes on disk: content-addressed, hashed, written aside.

A take is a FLAC file that any player opens; its comment carries its name and
the digest of its samples, so a damaged or swapped file is found when it is read
and simply made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from consent import Operand, Permit
from voicekit.audio import io_error
from voicekit.audio.files import PARTIAL, fsync_folder

__all__ = ["MODE", "StoredTake", "TakeStore"]

MODE = "speech"
"""The mode of permission that reading or making a take needs."""

_KEY_DIGITS = 64


@dataclass(frozen=True, eq=False)
class StoredTake:
    """A take as it was read back.

    Parameters
    ----------
    pcm : ndarray, shape (N,), int16
    sample_rate : int
        Hz.
    """

    pcm: NDArray[np.int16]
    sample_rate: int


class TakeStore:
    """The takes of one studio.

    Parameters
    ----------
    folder : pathlib.Path
        Made when the first take is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = itertools.count()
        self.damaged: list[str] = []
        """Names of takes that were found damaged and removed."""

    def path(self, key: str) -> Path:
        """Where a take of this name lies."""
        if len(key) != _KEY_DIGITS or not set(key) <= set("0123456789abcdef"):
            raise ValueError(f"not the name of a take: {key!r}")
        return self.folder / key[:2] / f"{key}.flac"

    def fetch(self, permit: Permit, operands: Sequence[Operand], key: str) -> StoredTake | None:
        """Read a take, if it is there and whole.

        Parameters
        ----------
        permit : Permit
            Checked before the disk is touched: a cache is no way around the ledger.
        operands : sequence of Operand
            Of the engine that the take would be made with.
        key : str

        Returns
        -------
        StoredTake or None
            None also where the file was damaged; it is removed then.

        Raises
        ------
        consent.ConsentRefusedError
            The permit does not allow speech with this voice now.
        """
        permit.require(mode=MODE, operands=operands)
        path = self.path(key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise io_error(problem, path) from problem
        take = _decode(key, data)
        if take is None:
            self.damaged.append(key)
            with contextlib.suppress(OSError):
                path.unlink()
        return take

    def keep(self, permit: Permit, operands: Sequence[Operand], key: str, take: StoredTake) -> None:
        """Store a take durably: when this returns, no crash loses it.

        Parameters
        ----------
        permit, operands, key
            As in `fetch`.
        take : StoredTake

        Raises
        ------
        InputError
            The disk is full or may not be written; nothing is left behind.
        """
        permit.require(mode=MODE, operands=operands)
        path = self.path(key)
        partial = self.folder / f"{os.getpid()}-{next(self._count)}{PARTIAL}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(partial, "wb") as sink:
                sink.write(_encode(key, take))
                sink.flush()
                os.fsync(sink.fileno())
            os.replace(partial, path)
            fsync_folder(path.parent)
        except OSError as problem:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise io_error(problem, path) from problem
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    def sweep(self) -> None:
        """Remove what killed processes left half written."""
        for partial in self.folder.glob(f"*{PARTIAL}"):
            process = partial.name.split("-")[0]
            if process.isdigit() and not _alive(int(process)):
                with contextlib.suppress(OSError):
                    partial.unlink()


def _alive(process: int) -> bool:
    if process == os.getpid():
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OSError):
        return True
    return True


def _digest(pcm: NDArray[np.int16]) -> str:
    return hashlib.sha256(pcm.astype("<i2", copy=False).tobytes()).hexdigest()


def _encode(key: str, take: StoredTake) -> bytes:
    sink = io.BytesIO()
    with soundfile.SoundFile(sink, "w", take.sample_rate, 1, subtype="PCM_16", format="FLAC") as sound:
        sound.comment = json.dumps(
            {"take": key, "pcm_sha256": _digest(take.pcm), "note": "AI-generated speech"}, sort_keys=True
        )
        sound.write(take.pcm)
    return sink.getvalue()


def _decode(key: str, data: bytes) -> StoredTake | None:
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as sound:
            label = json.loads(sound.comment)
            pcm = sound.read(dtype="int16")
            rate = int(sound.samplerate)
    except (soundfile.SoundFileError, ValueError, RuntimeError):
        return None
    whole = isinstance(label, dict) and label.get("take") == key and label.get("pcm_sha256") == _digest(pcm)
    return StoredTake(pcm, rate) if whole and pcm.ndim == 1 else None
