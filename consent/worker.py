"""A worker's side of the gate: takes permit tokens, knows which are finished, and needs neither ledger nor key.

The ledger refuses a second completion of a permit anyway. The guard spares the work, and stops a stolen token from
making a sound on this worker after its job was done. Workers that share the folder share the knowledge.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import ConsentRefusedError, InvalidInputError
from .keys import PublicKey, read_small_file, sync_folder, write_new_file
from .permit import CLOCK_SKEW_SECONDS, Permit
from .scope import Operand

__all__ = ["Job", "PermitGuard"]

_MARK = re.compile("[0-9a-f]{64}")
_CLOCK = "clock"
#: The latest time seen is written down at most this often.
_CLOCK_STEP = 30


@dataclass(frozen=True)
class Job:
    """What a worker is about to do; compared with the permit field by field.

    Parameters
    ----------
    mode, voice : str
        speech, singing or conversion; the voice's name.
    operands : sequence of Operand
        The files as hashed from the bytes that were loaded.
    params_sha256, text_commit : str
        Hash of the parameters; commitment to the text, as they came with the job.
    """

    mode: str
    voice: str
    operands: Sequence[Operand]
    params_sha256: str
    text_commit: str


class PermitGuard:
    """Checks tokens against a pinned operator and a folder of finished permits.

    Parameters
    ----------
    folder : path
        Small state folder, made with mode 0700; several workers may share it.
    operator : PublicKey
        The one key whose permits count here.
    """

    def __init__(self, folder: Path | str, operator: PublicKey) -> None:
        self._folder = Path(folder)
        self._operator = operator
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise InvalidInputError(
                f"cannot be made ({exc.strerror})",
                file=str(folder),
                remedy="Choose a folder that can be written to",
                reason="file-unwritable",
            ) from exc

    def admit(self, token: bytes, job: Job, *, now: int | None = None) -> Permit:
        """Read a token and refuse unless it permits this very job, now, and is not finished.

        Parameters
        ----------
        token : bytes
            As handed over by the studio.
        job : Job
            What is about to be done.
        now : int, optional
            Seconds since 1970 UTC; the system clock when left out.

        Returns
        -------
        Permit

        Raises
        ------
        ConsentRefusedError
            permit-used, and every reason of `Permit.require`.
        """
        moment = int(time.time()) if now is None else now
        permit = Permit.from_token(token, self._operator)
        self._see(moment)
        if (self._folder / permit.intent).exists():
            raise self._used(permit)
        permit.require(
            mode=job.mode,
            operands=job.operands,
            now=moment,
            voice=job.voice,
            params_sha256=job.params_sha256,
            text_commit=job.text_commit,
        )
        return permit

    def finish(self, permit: Permit) -> None:
        """Note that the job is done; of several workers exactly one succeeds.

        Raises
        ------
        ConsentRefusedError
            reason permit-used: somebody finished it before.
        """
        try:
            write_new_file(self._folder / permit.intent, b"%d\n" % permit.expires)
        except InvalidInputError as exc:
            if exc.reason != "file-exists":
                raise
            raise self._used(permit) from exc
        permit.close()

    def prune(self, *, now: int | None = None) -> int:
        """Forget marks of permits that have expired anyway; returns how many."""
        moment, gone = int(time.time()) if now is None else now, 0
        self._see(moment)
        for path in self._folder.iterdir():
            if not _MARK.fullmatch(path.name):
                continue
            text = read_small_file(path, 64).strip()
            if text.isdigit() and int(text) + CLOCK_SKEW_SECONDS < moment:
                path.unlink(missing_ok=True)
                gone += 1
        sync_folder(self._folder)
        return gone

    def _used(self, permit: Permit) -> ConsentRefusedError:
        return ConsentRefusedError(
            "permit-used", "a worker finished this permit", statements=(permit.intent,), remedy="Request again"
        )

    def _see(self, moment: int) -> None:
        """Refuse a clock that went back: it would revive permits whose marks are gone."""
        path = self._folder / _CLOCK
        seen = 0
        if os.path.lexists(path):
            text = read_small_file(path, 64).strip()
            if not text.isdigit():
                raise InvalidInputError("is no time", file=str(path), remedy="Delete it", reason="file-unreadable")
            seen = int(text)
        if moment < seen - CLOCK_SKEW_SECONDS:
            raise ConsentRefusedError(
                "clock-set-back", f"this computer's clock went back by {seen - moment} s", remedy="Set the clock right"
            )
        if moment >= seen + _CLOCK_STEP:
            write_new_file(path, b"%d\n" % moment, replace=True)
