"""Delivered files: hashed from the bytes on disk, and moved to their final name only after their receipt."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from .errors import ConsentRefusedError, InvalidInputError, UsageError
from .faults import reach
from .keys import sync_folder, write_new_file
from .proof import PROOF_SUFFIX
from .statements import OutputRecord, RenderReceipt

__all__ = ["Output", "Undelivered", "deliver_files", "hash_file", "record_outputs"]

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Output:
    """A finished file that waits for its receipt.

    Parameters
    ----------
    path : Path
        Where it lies now, under a temporary name.
    name : str
        Its final file name.
    pcm_sha256 : str
        SHA-256 of the samples it was encoded from; the caller's word, as `consent` decodes no audio.
    seconds_milli : int
        Length in milliseconds.
    sha256 : str
        SHA-256 of the file, if the caller has it; compared with the bytes on disk.
    same_as : str
        Name of another output with the same sound in another format; then its seconds count once.
    """

    path: Path
    name: str
    pcm_sha256: str
    seconds_milli: int
    sha256: str = ""
    same_as: str = ""


@dataclass(frozen=True)
class Undelivered:
    """A file with a receipt that never got its final name (a crash in between)."""

    receipt: str
    name: str
    path: Path

    @property
    def waiting(self) -> bool:
        """Whether the temporary file is still there."""
        return self.path.is_file()


def _open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; symbolic links are refused."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as exc:
        raise InvalidInputError(
            f"cannot be opened ({exc.strerror})",
            file=str(path),
            remedy="Check the path; symbolic links are not followed",
            reason="file-unreadable",
        ) from exc
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)  # before fdopen, which answers a folder with an exception of its own
        raise InvalidInputError("not a regular file", file=str(path), reason="file-unreadable")
    return os.fdopen(fd, "rb")


def hash_file(path: Path) -> tuple[str, int]:
    """SHA-256 and size of a regular file, read through one descriptor; symbolic links are refused."""
    digest, size = sha256(), 0
    with _open_regular(path) as handle:
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def record_outputs(outputs: tuple[Output, ...]) -> tuple[OutputRecord, ...]:
    """Hash every output from disk and compare with what was announced.

    Raises
    ------
    ConsentRefusedError
        reason output-changed.
    """
    records = []
    for item in outputs:
        try:
            digest, size = hash_file(item.path)
        except InvalidInputError as exc:
            raise ConsentRefusedError("output-changed", str(exc), remedy="Render again") from exc
        if item.sha256 and item.sha256 != digest:
            raise ConsentRefusedError(
                "output-changed",
                f"{item.path} is not the file that was announced",
                remedy="Something wrote to it meanwhile; render again",
            )
        records.append(OutputRecord(item.name, digest, size, item.pcm_sha256, item.seconds_milli, item.same_as))
    return tuple(records)


def _held(source: Path, target: Path) -> Path:
    """The file under a second, unguessable name beside the target, so that the last step is a rename.

    What is hashed is then what gets the final name: whoever exchanges `source` meanwhile exchanges nothing. On
    another disk, or where there are no hard links, it is a copy.
    """
    near = target.with_name(f".{target.name[:200]}.{secrets.token_hex(6)}.part")
    try:
        os.link(source, near, follow_symlinks=False)
        return near
    except FileNotFoundError as exc:
        raise InvalidInputError("is not there", file=str(source), reason="file-unreadable") from exc
    except (OSError, NotImplementedError):
        pass
    try:
        with _open_regular(source) as reader, open(near, "xb") as writer:
            shutil.copyfileobj(reader, writer, _CHUNK)
    except BaseException:
        near.unlink(missing_ok=True)
        raise
    return near


def _drop_source(source: Path, target: Path) -> None:
    """Remove the temporary name, unless it is the final one."""
    if source.name != target.name or not os.path.samefile(source.parent, target.parent):
        source.unlink(missing_ok=True)


def write_proof(target: Path, bundle: bytes) -> None:
    """Put a bundle beside the file `target`."""
    write_new_file(target.with_name(target.name + PROOF_SUFFIX), bundle, replace=True, mode=0o644)


def deliver_files(receipt: RenderReceipt, bundle: bytes, moves: Mapping[Path, Path]) -> None:
    """Re-hash, write the proof beside the final name, then rename into place; each step flushed to disk.

    The proof comes first, so that no file ever has its final name without one.
    """
    known = {item.name: item for item in receipt.outputs}
    for source, target in moves.items():
        record = known.get(target.name)
        if record is None:
            raise UsageError(f"{target.name} is not an output of receipt {receipt.digest[:16]}")
        try:
            _deliver_one(source, target, record.sha256, receipt.digest, bundle)
        except OSError as exc:
            raise InvalidInputError(
                f"cannot be moved into place ({exc.strerror})",
                file=str(target),
                remedy="Choose a folder that can be written to; the receipt stands, so deliver again",
                reason="file-unwritable",
            ) from exc


def _deliver_one(source: Path, target: Path, wanted: str, receipt: str, bundle: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    near: Path | None = None
    try:
        try:
            near = _held(source, target)
            digest, _size = hash_file(near)
        except InvalidInputError as exc:
            raise ConsentRefusedError("output-changed", str(exc), statements=(receipt,)) from exc
        if digest != wanted:
            raise ConsentRefusedError(
                "output-changed",
                f"{source} changed after its receipt was written",
                statements=(receipt,),
                remedy="Delete it and render again",
            )
        with _open_regular(near) as handle:
            os.fsync(handle.fileno())
        reach("before-delivery-proof")
        write_proof(target, bundle)
        reach("after-delivery-proof")
        os.replace(near, target)
        reach("after-delivery-rename")
    finally:
        if near is not None:
            near.unlink(missing_ok=True)  # also after a rename onto itself, which POSIX leaves undone
    _drop_source(source, target)
    sync_folder(target.parent)
