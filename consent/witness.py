"""A witness: keeps the largest tree head seen of each log, and cosigns nothing but what continues it.

Source: c2sp.org/tlog-witness, without its server: the request and the cosigned note are files.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from . import merkle
from .cosign import DASH, Request, cosign, cosignatures, witness_name
from .encoding import b64encode
from .errors import ConsentRefusedError, InvalidInputError
from .keys import PublicKey, SigningKey, read_small_file, write_new_file
from .locks import writer_lock
from .tree_head import Checkpoint, parse_note, read_checkpoint, verify_checkpoint

__all__ = ["Witness"]

_MAX_STATE = 1 << 16


class Witness:
    """Somebody who keeps the largest tree head seen of each log, and cosigns what continues it.

    Parameters
    ----------
    folder : Path
        The witness's own folder, on another machine or disk than the ledgers.
    key : SigningKey
        The witness's key; used for nothing else.
    """

    def __init__(self, folder: Path, key: SigningKey) -> None:
        self.folder = Path(folder)
        self._key = key

    @property
    def key(self) -> PublicKey:
        """Its public key."""
        return self._key.public

    def _file(self, origin: str) -> Path:
        return self.folder / f"{sha256(origin.encode('utf-8')).hexdigest()[:32]}.note"

    def seen(self, origin: str) -> Checkpoint | None:
        """Largest head seen of a log (None when it was never seen)."""
        found = self._state(origin)
        return found[0] if found else None

    def _state(self, origin: str) -> tuple[Checkpoint, PublicKey] | None:
        path = self._file(origin)
        if not path.exists():
            return None
        first, _newline, note = read_small_file(path, _MAX_STATE).partition(b"\n")
        log = PublicKey.from_did(first.decode("ascii", "replace"))
        head = verify_checkpoint(note, log, origin)
        if not cosignatures(note, [self._key.public]):
            raise InvalidInputError(
                "is not this witness's own record",
                file=str(path),
                remedy="Restore the witness's folder from a backup; do not start anew",
                reason="witness-state-invalid",
            )
        return head, log

    def sign(self, request: Request, moment: int, log: PublicKey | None = None) -> bytes:
        """The cosigned note of a request that continues what was seen.

        Parameters
        ----------
        request : Request
            From `parse_request`.
        moment : int
            Seconds since 1970 UTC.
        log : PublicKey, optional
            The log's key: needed the first time, and when the log has changed its key.

        Raises
        ------
        ConsentRefusedError
            witness-inconsistent: smaller, another history, or no proof that it is the same one.
        """
        origin = read_checkpoint(request.note).origin
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with writer_lock(self.folder):
            state = self._state(origin)
            if state is None and log is None:
                raise InvalidInputError(
                    f"{origin} was never seen here",
                    file="checkpoint",
                    remedy="Say which key is the log's: --log-key FILE (its keys/operator.pub)",
                    reason="witness-log-unknown",
                )
            known = log or (state[1] if state else self._key.public)
            head = verify_checkpoint(request.note, known, origin)
            if state is not None:
                _continues(state[0], head, request)
            body, lines = parse_note(request.note)
            mine = [f"{DASH}{name} {b64encode(blob)}\n" for name, blob in lines if name == origin]
            signed = cosign(f"{body}\n{''.join(mine)}".encode(), self._key, moment)
            # Kept before it is given away: a crash can only make the witness stricter.
            write_new_file(self._file(origin), known.did.encode("ascii") + b"\n" + signed, replace=True)
            os.chmod(self._file(origin), 0o600)
        others = [line for line in request.note.decode("utf-8").splitlines(keepends=True) if line.startswith(DASH)]
        own = signed.decode("utf-8").splitlines(keepends=True)[-1]
        kept = [line for line in others if line.split(" ")[1] != witness_name(self._key.public)]
        return f"{body}\n{''.join(kept)}{own}".encode()


def _continues(seen: Checkpoint, head: Checkpoint, request: Request) -> None:
    def refuse(problem: str, remedy: str) -> ConsentRefusedError:
        return ConsentRefusedError("witness-inconsistent", problem, remedy=remedy)

    fork = "Keep both notes: two histories exist under one key"
    if head.size < seen.size:
        raise refuse(f"{head.origin} has {head.size} entries, but this witness has seen {seen.size}", fork)
    if head.size == seen.size:
        if head.root != seen.root:
            raise refuse(f"the {head.size} entries of {head.origin} are not those this witness has seen", fork)
        return
    if request.old != seen.size:
        raise refuse(
            f"this witness has seen {seen.size} entries; there is no proof that these {head.size} continue them",
            f"Ask for one: consent witness --studio DIR --request {seen.size}",
        )
    try:
        merkle.verify_consistency(seen.size, head.size, request.path, seen.root, head.root)
    except InvalidInputError as exc:
        raise refuse(f"these {head.size} entries do not continue the {seen.size} this witness has seen", fork) from exc
