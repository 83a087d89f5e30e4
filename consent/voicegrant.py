# ruff: noqa: RUF009 - the field functions are `dataclasses.field` with a check; they share no state
"""A voice with its grant in one file, for another machine or another studio: `.voicegrant`.

Two lines of text (format; lengths), a JSON manifest, then the sealed voice as it lies on disk, if there is one. The
manifest holds the grant and what it rests on with their places under one tree head, and a statement of the operator
that says to whom this file is given. No file name in it is ever used as a path. Needs `cryptography` alone to verify.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from . import merkle
from .authority import check_signatures, may_revoke
from .encoding import b64decode, b64encode, canonical, parse_json
from .envelope import Envelope
from .errors import InvalidInputError
from .fields import did, hexes, nested, text, whole
from .keybook import KeyBook
from .keys import sync_folder
from .policy import enrolment_problem
from .statements import AssetRegistered, Enrolment, Genesis, Grant, Party, Revocation, Statement, parse_statement
from .tree_head import Checkpoint, read_checkpoint, verify_checkpoint

__all__ = ["VOICEGRANT_SUFFIX", "VoiceExport", "VoiceGrant", "copy_blob", "read_voicegrant", "write_voicegrant"]

VOICEGRANT_SUFFIX = ".voicegrant"
FORMAT = "voicekit-voicegrant/1"
_MAX_MANIFEST = 8 << 20
_MAX_BLOB = 64 << 30
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class VoiceExport(Statement):
    """The operator's word that a voice with its grant was handed out: to whom ('' for machines of its own), and
    with which sealed file."""

    KIND: ClassVar[str] = "voice-export"
    operator: Party = nested(Party)
    grant: str = hexes(64)
    voice: str = text(high=64)
    to: str = did(default="")
    size: int = whole(1)
    root: str = hexes(64)
    blob_sha256: str = hexes(64, default="")
    blob_bytes: int = whole(default=0)


@dataclass(frozen=True)
class VoiceGrant:
    """A verified `.voicegrant`.

    Parameters
    ----------
    export : VoiceExport
        Who gives it to whom.
    grant, envelope : Grant, Envelope
        The grant, whose signatures were checked.
    record : AssetRegistered or None
        The record of a voice without a donor.
    revoked_from : int or None
        Earliest withdrawal in the file.
    entry, head : int, Checkpoint
        Place of the grant, and the tree head it lies under.
    blob_at : int
        Where the sealed file begins.
    enrolments : tuple of Enrolment
        What was built under the grant, in the ledger's order; each was checked against the grant.
    """

    export: VoiceExport
    grant: Grant
    envelope: Envelope
    record: AssetRegistered | None
    revoked_from: int | None
    entry: int
    head: Checkpoint
    blob_at: int
    enrolments: tuple[Enrolment, ...] = ()


def write_voicegrant(
    path: Path,
    export: bytes,
    note: bytes,
    entries: Iterable[tuple[int, bytes, Sequence[bytes]]],
    blob: Path | None = None,
) -> None:
    """Write the file aside, then give it its name; an existing file is not replaced."""
    manifest = canonical(
        {
            "spec": FORMAT,
            "export": export.decode("utf-8"),
            "checkpoint": note.decode("utf-8"),
            "entries": [
                {"index": place, "envelope": data.decode("utf-8"), "path": [b64encode(step) for step in way]}
                for place, data, way in entries
            ],
        }
    )
    aside = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            size = blob.stat().st_size if blob else 0
            handle.write(f"{FORMAT}\n{len(manifest)} {size}\n".encode("ascii"))
            handle.write(manifest)
            if blob:
                with open(blob, "rb") as source:
                    while chunk := source.read(_CHUNK):
                        handle.write(chunk)
            handle.flush()
            os.fsync(handle.fileno())
        os.link(aside, path)
        sync_folder(path.parent)
    except FileExistsError as exc:
        raise InvalidInputError(
            "exists already", file=str(path), remedy="Choose another name", reason="file-exists"
        ) from exc
    except OSError as exc:
        raise InvalidInputError(
            f"cannot be written ({exc.strerror})", file=str(path), remedy="Check the folder", reason="file-unwritable"
        ) from exc
    finally:
        aside.unlink(missing_ok=True)


def _bad(problem: str, path: Path) -> InvalidInputError:
    return InvalidInputError(
        problem, file=str(path), remedy="Ask whoever sent it to export it again", reason="voicegrant-invalid"
    )


def _open(path: Path) -> BinaryIO:
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as exc:
        raise InvalidInputError(
            f"cannot be opened ({exc.strerror})", file=str(path), remedy="Check the path", reason="file-unreadable"
        ) from exc
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)  # before fdopen, which answers a folder with an exception of its own
        raise InvalidInputError("not a regular file", file=str(path), reason="file-unreadable")
    return os.fdopen(fd, "rb")


def _manifest(handle: BinaryIO, path: Path) -> tuple[dict[str, Any], int, int]:
    """The manifest, where the sealed file begins, and its length as written."""
    lines = (handle.readline(64), handle.readline(64))
    numbers = lines[1].decode("ascii", "replace").removesuffix("\n").split(" ")
    plain = len(numbers) == 2 and all(n.isascii() and n.isdigit() and len(n) < 14 and str(int(n)) == n for n in numbers)
    if lines[0] != f"{FORMAT}\n".encode("ascii") or not plain:
        raise _bad(f"not a {FORMAT} file", path)
    length, blob = (int(n) for n in numbers)
    if length > _MAX_MANIFEST or blob > _MAX_BLOB:
        raise _bad("its parts are too large", path)
    data = handle.read(length)
    obj = parse_json(data, what=str(path), max_bytes=_MAX_MANIFEST)
    typed = set(obj) == {"spec", "export", "checkpoint", "entries"} and isinstance(obj["entries"], list)
    if len(data) != length or not typed or obj["spec"] != FORMAT:
        raise _bad("its manifest has not the right form", path)
    if not all(isinstance(obj[name], str) for name in ("export", "checkpoint")):
        raise _bad("its manifest has not the right form", path)
    return obj, handle.tell(), blob


def read_voicegrant(path: Path) -> VoiceGrant:
    """Read and verify: tree head, every entry, every signature, the operator's word, the sealed file's hash.

    Raises
    ------
    InvalidInputError
        Malformed, or anything in it does not verify.
    """
    path = Path(path)
    with _open(path) as handle:
        obj, start, blob = _manifest(handle, path)
        digest, count = sha256(), 0
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
            count += len(chunk)
    entries = [_entry(item, path) for item in obj["entries"]]
    keys, genesis, found = _statements(entries, path)
    note = obj["checkpoint"].encode("utf-8")
    operator = keys.operator_at(read_checkpoint(note).size)
    head = verify_checkpoint(note, operator, f"voicekit.local/{genesis.ledger}")
    for place, data, way in entries:
        merkle.verify_inclusion(merkle.leaf_hash(data), place, head.size, way, head.root)
        statement, envelope = found[place]
        check_signatures(statement, envelope, keys.operator_at(place), what=f"entry {place}")
        if statement.ledger not in (genesis.ledger, "any"):
            raise _bad(f"entry {place} was made for another ledger", path)
    word = Envelope.parse(obj["export"].encode("utf-8"), what=str(path))
    word.require(operator, what=str(path))
    export = parse_statement(word, VoiceExport, what=str(path))
    if not isinstance(export, VoiceExport) or export.ledger != genesis.ledger:
        raise _bad("the operator's word is about another ledger", path)
    if (export.size, export.root, export.operator.key) != (head.size, head.root.hex(), operator.did):
        raise _bad("the operator's word is about another tree head", path)
    if (export.blob_bytes, blob) != (count, count) or (count and export.blob_sha256 != digest.hexdigest()):
        raise _bad("the sealed voice in it is not the one that was handed out", path)
    return _voicegrant(export, found, head, start, keys, path)


def _voicegrant(
    export: VoiceExport,
    found: dict[int, tuple[Statement, Envelope]],
    head: Checkpoint,
    start: int,
    keys: KeyBook,
    path: Path,
) -> VoiceGrant:
    place = next((n for n, (_s, envelope) in found.items() if envelope.digest == export.grant), -1)
    grant, envelope = found.get(place, (None, None))
    if not isinstance(grant, Grant) or envelope is None or grant.voice != export.voice:
        raise _bad("the grant it names is not in it", path)
    by_digest = {e.digest: s for s, e in found.values()}
    record = by_digest.get(grant.record) if grant.record else None
    if grant.record and not isinstance(record, AssetRegistered):
        raise _bad("the voice record the grant names is not in it", path)
    ends = [
        item.effective
        for item, _envelope in found.values()
        if isinstance(item, Revocation) and item.target == export.grant and may_revoke(item, grant, keys.same)
    ]
    built = tuple(item for item, _envelope in found.values() if isinstance(item, Enrolment))
    for item in built:
        problem = enrolment_problem(grant, item)
        if item.grant != export.grant or problem is not None:
            raise _bad(f"an enrolment in it does not fit its grant ({problem[1] if problem else 'another'})", path)
    asset = record if isinstance(record, AssetRegistered) else None
    return VoiceGrant(export, grant, envelope, asset, min(ends, default=None), place, head, start, built)


def _entry(item: Any, path: Path) -> tuple[int, bytes, tuple[bytes, ...]]:
    if not isinstance(item, dict) or set(item) != {"index", "envelope", "path"}:
        raise _bad("an entry has not the right form", path)
    place, data, way = item["index"], item["envelope"], item["path"]
    typed = isinstance(place, int) and not isinstance(place, bool) and isinstance(data, str) and isinstance(way, list)
    if not typed or len(way) > 64 or not all(isinstance(step, str) for step in way):
        raise _bad("an entry has not the right form", path)
    return place, data.encode("utf-8"), tuple(b64decode(step, what=str(path)) for step in way)


def _statements(
    entries: Sequence[tuple[int, bytes, tuple[bytes, ...]]], path: Path
) -> tuple[KeyBook, Genesis, dict[int, tuple[Statement, Envelope]]]:
    keys, genesis = KeyBook(), None
    found: dict[int, tuple[Statement, Envelope]] = {}
    last = -1
    for place, data, _way in entries:
        envelope = Envelope.parse(data, what=f"entry {place}")
        statement = parse_statement(envelope, what=f"entry {place}")
        first = place == 0 and isinstance(statement, Genesis)
        if place <= last or first != (genesis is None):
            raise _bad("its entries are not those of a ledger, in order", path)
        if isinstance(statement, Genesis):
            genesis = statement
        else:
            keys.check(statement)
        keys.take(place, statement)
        found[place] = (statement, envelope)
        last = place
    if genesis is None:
        raise _bad("the ledger's first entry is not in it", path)
    return keys, genesis, found


def copy_blob(path: Path, found: VoiceGrant, target: Path) -> None:
    """Write the sealed voice of a verified file; hashed again while it is copied, never over an existing file."""
    aside = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    digest = sha256()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _open(path) as handle, open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            handle.seek(found.blob_at)
            while chunk := handle.read(_CHUNK):
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        if digest.hexdigest() != found.export.blob_sha256:
            raise _bad("the sealed voice changed while it was copied", path)
        os.link(aside, target)
        sync_folder(target.parent)
    except FileExistsError as exc:
        raise InvalidInputError("exists already", file=str(target), reason="file-exists") from exc
    finally:
        aside.unlink(missing_ok=True)
