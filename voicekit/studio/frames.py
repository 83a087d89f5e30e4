"""Frames of a voice's sealed recordings, worked out once: kept encrypted under a key that only the recordings give.

A conversion that draws on a voice's recordings needs their frames (`voicekit.engines.neighbours`), and finding them
takes longer than converting a short take. What is kept is as private as the recordings, so its key is drawn from their
bytes: who has been given them by the vault, for a permit, can open it, and nobody else. When their keys are destroyed
it is noise, and it is deleted when the voices are looked through next.
"""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Callable, Container, Mapping
from pathlib import Path

from voicekit.errors import InputError
from voicekit.studio.enrol_state import StateFile

__all__ = ["FRAMES_SUFFIX", "kept_or_made", "sweep_frames"]

FRAMES_SUFFIX = ".frames"
_LABEL = b"voicekit frames of recordings, key 1"


def frames_path(folder: Path, voice: str, grant: str) -> Path:
    """Where the frames of a voice lie, in the vault's folder."""
    return folder / f"{voice}-{grant[:16]}{FRAMES_SUFFIX}"


def kept_or_made(
    path: Path, recordings: Mapping[str, bytes | bytearray], about: str, make: Callable[[], bytes]
) -> bytes:
    """What was kept for these very recordings and `about`, else what `make` gives, kept for the next time.

    Parameters
    ----------
    path : pathlib.Path
        See `frames_path`.
    recordings : mapping
        File name -> bytes, as the vault gave them for a permit.
    about : str
        Whatever else the frames depend on: ledger, voice, grant, the model that listens.
    make : callable

    Returns
    -------
    bytes
        A file that was changed, or that cannot be written, makes it slower and nothing else.
    """
    file = StateFile(path, _key(recordings), about)
    with contextlib.suppress(InputError):
        kept = file.read()
        if kept is not None:
            return kept
    made = make()
    with contextlib.suppress(InputError):
        file.keep(made)
    return made


def sweep_frames(folder: Path, alive: Container[tuple[str, str]]) -> int:
    """Delete what belongs to no living recording.

    Parameters
    ----------
    folder : pathlib.Path
        Of the vault.
    alive : container of (str, str)
        Voice, and the first sixteen digits of the grant, whose recordings are sealed still.

    Returns
    -------
    int
        How many files.
    """
    gone = 0
    for path in [*folder.glob(f"*{FRAMES_SUFFIX}"), *folder.glob(f".*{FRAMES_SUFFIX}.*.part")]:
        voice, _, grant = path.name.removeprefix(".").split(FRAMES_SUFFIX)[0].rpartition("-")
        if (voice, grant) not in alive:
            with contextlib.suppress(OSError):
                path.unlink()
                gone += 1
    return gone


def _key(recordings: Mapping[str, bytes | bytearray]) -> bytes:
    """Drawn from every byte of them: their SHA-256, which the ledger publishes, does not give it."""
    made = hmac.new(_LABEL, digestmod="sha256")
    for name in sorted(recordings):
        data = recordings[name]
        made.update(f"{len(name.encode())} {name} {len(data)} ".encode())
        made.update(data)
    return made.digest()
