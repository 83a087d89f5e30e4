"""The file of a sealed voice: a header in the clear, and chunks that nothing but its own data key opens.

::

    "voicekit-sealed/1\\n"                         18 bytes
    length of the header                          4 bytes, big endian
    header                                        canonical JSON, at most 64 KiB
    for each file, for each chunk:                AES-256-GCM ciphertext and its 16-byte tag

A chunk holds 1 MiB of plaintext, the last one of a file the rest (an empty file has one empty chunk). The nonce is the
file's number (4 bytes) and the chunk's number (8 bytes), both big endian; a data key is made for one sealing and never
used again, so no nonce repeats. The associated data are the magic line, the SHA-256 of magic, length and header, the
file's number, the chunk's number, and one byte that is 1 in the last chunk of a file. So a chunk that was changed, left
out, repeated, moved, or put under another header does not open, and a file that was cut short has no last chunk.

Source: the construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizar 2015) with the counter in the nonce and the flag
in the associated data.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .encoding import dump, is_canonical, parse_json
from .errors import ConsentRefusedError, InvalidInputError
from .fields import Record, did, hexes, many, text, whole

__all__ = [
    "CHUNK",
    "MAX_PLAIN",
    "MOST_FILES",
    "Header",
    "SealedFile",
    "Source",
    "open_sealed",
    "open_source",
    "unseal_file",
    "write",
]

MAGIC = b"voicekit-sealed/1\n"
CHUNK = 1 << 20
_TAG = 16
_MAX_HEADER = 1 << 16
#: Most plaintext one sealed voice may hold: it is unsealed into memory.
MAX_PLAIN = 4 << 30
MOST_FILES = 64  #: in one sealed file; more of a voice lie in several


@dataclass(frozen=True)
class SealedFile(Record):
    """One file inside: its name, length and SHA-256 in the clear (the grant names the same hash)."""

    name: str = text("[^/\\\\]+")
    role: str = text("weights|reference|state")
    bytes: int = whole(0, MAX_PLAIN)
    sha256: str = hexes(64)


@dataclass(frozen=True)
class Header(Record):
    """What a sealed voice says about itself; authenticated with every chunk.

    Parameters
    ----------
    ledger, voice, grant : str
        Where it belongs, whose voice it is, and the grant it was sealed under.
    key : str
        Name of its data key.
    place : int
        How many entries the ledger had: a withdrawal counts if it came later.
    time : int
        Seconds since 1970 UTC.
    files : tuple of SealedFile
        What is inside.
    subject : str
        did:key of the grant's subject, under which a destruction is recorded.
    """

    ledger: str = hexes(32)
    voice: str = text("[a-z0-9][a-z0-9_-]{0,63}")
    grant: str = hexes(64)
    key: str = hexes(64)
    place: int = whole()
    time: int = whole()
    files: tuple[SealedFile, ...] = many(SealedFile, low=1, most=MOST_FILES)
    subject: str = did()

    def check(self) -> None:
        """Names differ, and the whole fits into memory."""
        if len({item.name for item in self.files}) != len(self.files):
            raise InvalidInputError("two files have one name", place="files", reason="field-invalid")
        if sum(item.bytes for item in self.files) > MAX_PLAIN:
            raise InvalidInputError(f"more than {MAX_PLAIN} bytes", place="files", reason="file-too-large")

    def to_bytes(self) -> bytes:
        """Magic, length and canonical JSON."""
        body = dump({"spec": "voicekit-sealed/1", **self.as_obj()})
        return MAGIC + len(body).to_bytes(4, "big") + body

    @property
    def sealed_bytes(self) -> int:
        """Exact length of the sealed file."""
        return len(self.to_bytes()) + sum(item.bytes + _TAG * _chunks(item.bytes) for item in self.files)


def _chunks(size: int) -> int:
    return max(1, -(-size // CHUNK))


@dataclass(frozen=True)
class Source:
    """Something to seal, open for reading from its beginning as often as needed."""

    name: str
    handle: IO[bytes]
    size: int
    sha256: str


@contextmanager
def open_source(name: str, data: bytes | Path) -> Iterator[Source]:
    """Hash a plaintext through the very handle it is later read from; symbolic links are refused."""
    if isinstance(data, Path):
        try:
            fd = os.open(data, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        except OSError as exc:
            raise InvalidInputError(
                f"cannot be opened ({exc.strerror})",
                file=str(data),
                remedy="Check the path; symbolic links are not followed",
                reason="file-unreadable",
            ) from exc
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)  # before fdopen, which answers a folder with an exception of its own
            raise InvalidInputError("not a regular file", file=str(data), reason="file-unreadable")
        handle: IO[bytes] = os.fdopen(fd, "rb")
    else:
        handle = io.BytesIO(data)
    with handle:
        digest, size = sha256(), 0
        while piece := handle.read(CHUNK):
            digest.update(piece)
            size += len(piece)
            if size > MAX_PLAIN:
                raise InvalidInputError(f"more than {MAX_PLAIN} bytes", file=name, reason="file-too-large")
        handle.seek(0)
        yield Source(name, handle, size, digest.hexdigest())


def _nonce(file: int, chunk: int) -> bytes:
    return file.to_bytes(4, "big") + chunk.to_bytes(8, "big")


def _associated(header: bytes, file: int, chunk: int, last: bool) -> bytes:
    return MAGIC + sha256(header).digest() + _nonce(file, chunk) + bytes([last])


def write(path: Path, header: Header, sources: Sequence[Source], key: bytes | bytearray) -> None:
    """Write a sealed file under a new name, mode 0600, and flush it to disk. Only ciphertext is written.

    Raises
    ------
    InvalidInputError
        A source changed since it was hashed.
    """
    front, aead = header.to_bytes(), AESGCM(key)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(fd, "wb") as out:
        out.write(front)
        for number, (entry, source) in enumerate(zip(header.files, sources, strict=True)):
            digest, count = sha256(), _chunks(entry.bytes)
            for chunk in range(count):
                piece = source.handle.read(min(CHUNK, entry.bytes - chunk * CHUNK))
                digest.update(piece)
                out.write(
                    aead.encrypt(_nonce(number, chunk), piece, _associated(front, number, chunk, chunk == count - 1))
                )
            if digest.hexdigest() != entry.sha256 or source.handle.read(1):
                raise InvalidInputError(
                    "changed while it was sealed", file=source.name, remedy="Seal it again", reason="file-changed"
                )
        out.flush()
        os.fsync(out.fileno())


@contextmanager
def open_sealed(path: Path) -> Iterator[tuple[Header, IO[bytes]]]:
    """Read the header strictly; the handle stands at the first chunk.

    Raises
    ------
    InvalidInputError
        No sealed voice, or not exactly as long as its header says.
    """

    def refuse(problem: str) -> InvalidInputError:
        return InvalidInputError(problem, file=str(path), remedy="Restore it from a backup", reason="sealed-invalid")

    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as exc:
        raise refuse(f"cannot be opened ({exc.strerror})") from exc
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        os.close(fd)  # before fdopen, as above
        raise refuse("not a regular file")
    with os.fdopen(fd, "rb") as handle:
        front = handle.read(len(MAGIC) + 4)
        if len(front) != len(MAGIC) + 4 or not front.startswith(MAGIC):
            raise refuse("not a sealed voice")
        length = int.from_bytes(front[-4:], "big")
        if length > _MAX_HEADER:
            raise refuse("its header is too long")
        body = handle.read(length)
        obj = parse_json(body, what=str(path), max_bytes=_MAX_HEADER)
        canonical = is_canonical(body, obj)
        if obj.pop("spec", None) != "voicekit-sealed/1" or not canonical:
            raise refuse("its header is of another format")
        try:
            header = Header.from_obj(obj)
        except InvalidInputError as exc:
            raise refuse(f"its header is wrong at {exc.place}: {exc.problem}") from exc
        if info.st_size != header.sealed_bytes:
            raise refuse(f"{info.st_size} bytes long where {header.sealed_bytes} belong: cut short or added to")
        yield header, handle


def unseal_file(header: Header, handle: IO[bytes], number: int, key: bytes | bytearray) -> bytearray:
    """Open one file of a sealed voice into memory.

    Raises
    ------
    ConsentRefusedError
        reason seal-broken: changed, moved, or another key.
    """
    entry, front, aead = header.files[number], header.to_bytes(), AESGCM(key)
    handle.seek(len(front) + sum(item.bytes + _TAG * _chunks(item.bytes) for item in header.files[:number]))
    plain = bytearray(entry.bytes)
    try:
        with memoryview(plain) as view:
            for chunk in range(_chunks(entry.bytes)):
                at = chunk * CHUNK
                size = min(CHUNK, entry.bytes - at)
                piece = handle.read(size + _TAG)
                flag = _associated(front, number, chunk, chunk == _chunks(entry.bytes) - 1)
                aead.decrypt_into(_nonce(number, chunk), piece, flag, view[at : at + size])
        if sha256(plain).hexdigest() != entry.sha256:
            raise InvalidTag
    except (InvalidTag, ValueError) as exc:
        plain[:] = bytes(len(plain))
        raise ConsentRefusedError(
            "seal-broken",
            f"{entry.name} of the sealed voice {header.voice} does not open: it was changed, or the key is another",
            statements=(header.grant,),
            remedy="Restore the sealed file, or seal the voice again from its originals",
        ) from exc
    return plain
