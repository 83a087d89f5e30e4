"""Permits: asked for here and nowhere else, closed whatever happens."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from consent import ConsentError, ConsentRefusedError, Ledger, Operand, Output, Permit, RenderReceipt, Use
from voicekit.audio import io_error
from voicekit.errors import UsageError
from voicekit.pipelines import Cancelled, FinishedFile

__all__ = ["Gate", "OpenRender"]


class FinishedSound(Protocol):
    """A file that lies aside, read back."""

    @property
    def path(self) -> Path: ...

    @property
    def sha256(self) -> str: ...

    @property
    def pcm_sha256(self) -> str: ...

    @property
    def duration_s(self) -> float: ...


@dataclass(frozen=True)
class Request:
    """What is asked of the ledger for one render.

    Parameters
    ----------
    use : Use
    voice : str
    operands : sequence of Operand
    params_sha256 : str
        Digest of all parameters.
    text : str
        What will be said; the ledger screens it and keeps a salted commitment to it.
    grant : str, optional
        One grant; else the narrowest that covers the use.
    """

    use: Use
    voice: str
    operands: Sequence[Operand]
    params_sha256: str
    text: str
    grant: str | None = None


class OpenRender:
    """A render that the ledger has allowed and that is not finished yet.

    Parameters
    ----------
    ledger : Ledger
    permit : Permit
    """

    def __init__(self, ledger: Ledger, permit: Permit) -> None:
        self._ledger = ledger
        self.permit = permit
        self.receipt: RenderReceipt | None = None

    def recheck(self) -> None:
        """Ask whether the permission still stands.

        Raises
        ------
        consent.ConsentRefusedError
            Withdrawn (also by a revocation dropped as a loose file), or run out.
        """
        self._ledger.recheck(self.permit)

    def complete(self, sounds: Sequence[tuple[FinishedSound, str]], measured: dict[str, int | str]) -> RenderReceipt:
        """Complete the render in the ledger without giving any file its name yet.

        Parameters
        ----------
        sounds : sequence of (FinishedSound, str)
            Finished files and the names they are to have.
        measured : dict
            Integers and strings for the receipt.

        Returns
        -------
        RenderReceipt

        Raises
        ------
        consent.ConsentRefusedError
            The permission was withdrawn meanwhile, or a file is not what it was.
        """
        outputs = tuple(
            Output(
                path=sound.path,
                name=name,
                pcm_sha256=sound.pcm_sha256,
                seconds_milli=round(sound.duration_s * 1000),
                sha256=sound.sha256,
            )
            for sound, name in sounds
        )
        self.receipt = self._ledger.complete(self.permit, outputs=outputs, measured=measured)
        return self.receipt

    def settle(self, moves: dict[Path, Path]) -> None:
        """Give files of a completed render their names.

        Parameters
        ----------
        moves : dict of Path to Path
            From where a file lies to its final name.

        Raises
        ------
        InputError
            The folder cannot be written.
        UsageError
            The render was not completed.
        """
        if self.receipt is None:
            raise UsageError("a render is completed before its files are delivered")
        try:
            self._ledger.deliver(self.receipt, moves)
        except OSError as problem:
            raise io_error(problem, next(iter(moves.values()))) from problem

    def deliver(self, files: Sequence[FinishedFile], folder: Path, measured: dict[str, int | str]) -> RenderReceipt:
        """Complete the render in the ledger, then give the files their names.

        Parameters
        ----------
        files : sequence of FinishedFile
            The same sound in one or more formats.
        folder : pathlib.Path
            Where they go, on the same file system as they are.
        measured : dict
            Integers and strings for the receipt.

        Returns
        -------
        RenderReceipt

        Raises
        ------
        consent.ConsentRefusedError
            The permission was withdrawn meanwhile, or a file is not what it was.
        """
        outputs = tuple(
            Output(
                path=file.path,
                name=file.name,
                pcm_sha256=file.pcm_sha256,
                seconds_milli=round(file.loudness.duration_s * 1000),
                sha256=file.sha256,
                same_as="" if file is files[0] else files[0].name,
            )
            for file in files
        )
        self.receipt = self._ledger.complete(self.permit, outputs=outputs, measured=measured)
        try:
            self._ledger.deliver(self.receipt, {file.path: folder / file.name for file in files})
        except OSError as problem:
            raise io_error(problem, folder) from problem
        return self.receipt


class Gate:
    """The ledger's door for renders.

    Parameters
    ----------
    ledger : Ledger
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @contextlib.contextmanager
    def render(self, request: Request) -> Iterator[OpenRender]:
        """Ask for a permit; whatever ends the block early is recorded as an aborted render.

        Parameters
        ----------
        request : Request

        Yields
        ------
        OpenRender

        Raises
        ------
        consent.ConsentRefusedError
            Refused; the ledger holds a record of the refusal.
        """
        permit = self._ledger.request(
            request.use,
            voice=request.voice,
            operands=tuple(request.operands),
            params_sha256=request.params_sha256,
            text_commit=self._ledger.commit_text(request.text),
            text=request.text,
            grant=request.grant,
        )
        render = OpenRender(self._ledger, permit)
        try:
            yield render
        except BaseException as problem:
            if render.receipt is None:
                # The ledger may have closed the render itself, or lie on the full disk: what
                # happened first is what the caller must hear.
                with contextlib.suppress(ConsentError, OSError):
                    self._ledger.abort(permit, _why(problem))
            raise


def _why(problem: BaseException) -> str:
    if isinstance(problem, ConsentRefusedError):
        return str(problem.reason)
    if isinstance(problem, (Cancelled, KeyboardInterrupt)):
        return "cancelled"
    if isinstance(problem, OSError) or isinstance(problem.__cause__, OSError):
        return "io-failed"
    return "render-failed"
