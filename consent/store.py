"""The ledger's database file. The only module that knows SQLite and sqlite-utils.

Every session opens the file anew, compares header, settings and schema, and closes it: nothing is trusted
from an earlier session, and a file swapped in between is noticed. The journal is a rollback journal with
`synchronous=EXTRA`: a committed entry survives a power cut. A write session begins with `BEGIN IMMEDIATE`
before sqlite-utils' `atomic()` (whose own BEGIN is deferred, so two writers could read one head).
"""

from __future__ import annotations

import importlib.abc
import os
import sqlite3
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from .errors import ConsentRefusedError, InvalidInputError, UsageError
from .keys import sync_folder
from .schema import APPLICATION_ID, SCHEMA, USER_VERSION

__all__ = ["Row", "Session", "Store"]


class _Without(importlib.abc.MetaPathFinder):
    """Hides packages from one thread's imports."""

    def __init__(self, *names: str) -> None:
        self._names, self._thread = names, threading.get_ident()

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        """Refuse the hidden names, leave the others to the next finder."""
        if fullname in self._names and threading.get_ident() == self._thread:
            raise ImportError(f"{fullname} is not needed here", name=fullname)


# sqlite-utils imports pandas and numpy where they are installed, for conveniences that are not used here:
# three seconds, where a command of this package must start in under one.
_finder = _Without("pandas", "numpy")
sys.meta_path.insert(0, _finder)
try:
    import sqlite_utils
finally:
    sys.meta_path.remove(_finder)

_MAX_FILE = 8 << 30
_MAX_VALUE = 4 << 20
_BUSY_SECONDS = 30.0


class Row(NamedTuple):
    """One entry as stored."""

    seq: int
    kind: str
    digest: str
    time: int
    leaf: bytes
    envelope: bytes


class Session:
    """One open transaction on the database."""

    def __init__(self, db: sqlite_utils.Database) -> None:
        self._db = db

    def rows(self) -> list[Row]:
        """All entries in order."""
        cursor = self._db.execute("SELECT seq, kind, digest, time, leaf, envelope FROM entry ORDER BY seq")
        return [Row(*row) for row in cursor]

    def checkpoints(self) -> list[tuple[int, bytes]]:
        """Stored tree heads; a sound ledger has one."""
        return [(int(size), bytes(note)) for size, note in self._db.execute("SELECT size, note FROM checkpoint")]

    def append(self, rows: list[Row], size: int, note: bytes) -> None:
        """Add entries and replace the tree head; part of the running transaction."""
        with self._db.atomic():
            self._db.table("entry").insert_all(
                {
                    "seq": row.seq,
                    "kind": row.kind,
                    "digest": row.digest,
                    "time": row.time,
                    "leaf": row.leaf,
                    "envelope": row.envelope,
                }
                for row in rows
            )
            self._db.execute("DELETE FROM checkpoint")
            self._db.execute("INSERT INTO checkpoint (size, note) VALUES (?, ?)", (size, note))

    def add_salt(self, commitment: str, salt: bytes) -> None:
        """Remember the salt of a text commitment."""
        self._db.execute("INSERT INTO salt (commitment, salt) VALUES (?, ?)", (commitment, salt))

    def salt(self, commitment: str) -> bytes | None:
        """The salt of a commitment, unless erased."""
        row = self._db.execute("SELECT salt FROM salt WHERE commitment = ?", (commitment,)).fetchone()
        return bytes(row[0]) if row else None

    def hold_intent(self, intent: str, lock: str) -> None:
        """Note which process lock keeps an open intent alive."""
        self._db.execute("INSERT INTO open_intent (intent, lock) VALUES (?, ?)", (intent, lock))

    def release_intent(self, intent: str) -> None:
        """Forget a closed intent."""
        self._db.execute("DELETE FROM open_intent WHERE intent = ?", (intent,))

    def holders(self) -> dict[str, str]:
        """Lock name of every open intent."""
        return dict(self._db.execute("SELECT intent, lock FROM open_intent").fetchall())

    def expect_delivery(self, receipt: str, name: str, path: str) -> None:
        """Note that a receipted file waits at `path`."""
        self._db.execute("INSERT INTO delivery (receipt, name, path, done) VALUES (?, ?, ?, 0)", (receipt, name, path))

    def delivered(self, receipt: str, name: str, path: str) -> None:
        """Note that a receipted file has its final name."""
        self._db.execute("UPDATE delivery SET done = 1, path = ? WHERE receipt = ? AND name = ?", (path, receipt, name))

    def deliveries(self) -> list[tuple[str, str, str, bool]]:
        """(receipt, name, path, done) of every receipted file."""
        cursor = self._db.execute("SELECT receipt, name, path, done FROM delivery ORDER BY rowid")
        return [(receipt, name, path, bool(done)) for receipt, name, path, done in cursor]


class Store:
    """A ledger's database file.

    Parameters
    ----------
    path : Path
        `ledger.db` in a folder that nobody else may write to.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def create(self) -> None:
        """Make an empty database, mode 0600; refuses to touch an existing file."""
        try:
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError as exc:
            raise UsageError(f"{self.path} exists already; open it instead, or choose another folder") from exc
        except OSError as exc:
            raise InvalidInputError(
                f"cannot be made ({exc.strerror})",
                file=str(self.path),
                remedy="Check the folder's permissions and free space",
                reason="file-unwritable",
            ) from exc
        db = self._connect()
        try:
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {USER_VERSION}")
            with db.atomic():
                for _kind, _name, _table, sql in SCHEMA:
                    db.execute(sql)
        finally:
            db.close()
        sync_folder(self.path.parent)

    @contextmanager
    def session(self, *, write: bool) -> Iterator[Session]:
        """Open, check, and run one transaction; it is committed when the block ends without an exception."""
        self._check_file()
        try:
            db = self._connect()
        except sqlite3.DatabaseError as exc:
            raise self._damaged(exc) from exc
        try:
            db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            self._check_schema(db)
            yield Session(db)
            if write:
                db.conn.execute("COMMIT")
            else:
                db.conn.execute("ROLLBACK")
        except sqlite3.DatabaseError as exc:
            text = str(exc)
            if "locked" in text or "busy" in text:
                raise ConsentRefusedError(
                    "ledger-busy", f"{self.path} is held by another process", remedy="Try again"
                ) from exc
            if "full" in text or "disk I/O" in text or "readonly" in text:
                raise InvalidInputError(
                    f"cannot be written ({text})",
                    file=str(self.path),
                    remedy="Free some space or fix its permissions; nothing was changed",
                    reason="file-unwritable",
                ) from exc
            raise self._damaged(exc) from exc
        finally:
            if db.conn.in_transaction:
                db.conn.execute("ROLLBACK")
            db.close()

    def _connect(self) -> sqlite_utils.Database:
        uri = f"file:{_quote(self.path)}?mode=rw"
        conn = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE)
        conn.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        # A flipped byte in a text column must come back as a difference, not as a decoding error.
        conn.text_factory = lambda data: data.decode("utf-8", "replace")
        for pragma in (
            "trusted_schema = OFF",
            "cell_size_check = ON",
            "foreign_keys = ON",
            "journal_mode = DELETE",
            "synchronous = EXTRA",
            "secure_delete = ON",
            "locking_mode = NORMAL",
        ):
            conn.execute(f"PRAGMA {pragma}").fetchall()
        return sqlite_utils.Database(conn, execute_plugins=False)

    def _check_file(self) -> None:
        try:
            info = os.lstat(self.path)
        except OSError as exc:
            raise InvalidInputError(
                "there is no ledger here",
                file=str(self.path),
                remedy="Make one with `consent init`, or name the right studio",
                reason="ledger-missing",
            ) from exc
        if not stat.S_ISREG(info.st_mode):
            raise InvalidInputError("not a regular file", file=str(self.path), reason="file-unreadable")
        folder = os.lstat(self.path.parent)
        if os.name == "posix" and (info.st_mode | folder.st_mode) & 0o022:
            raise ConsentRefusedError(
                "ledger-permissions",
                f"others may write to {self.path} or its folder",
                remedy=f"chmod 700 {self.path.parent}; chmod 600 {self.path}",
            )
        if info.st_size > _MAX_FILE:
            raise InvalidInputError("the database is too large", file=str(self.path), reason="file-too-large")
        with open(self.path, "rb") as handle:
            header = handle.read(100)
        magic = header[:16] == b"SQLite format 3\0"
        # Bytes 18 and 19 are 2 in WAL mode, which a ledger never uses; 68-71 hold the application id.
        if not magic or header[18:20] != b"\x01\x01" or header[68:72] != APPLICATION_ID.to_bytes(4, "big"):
            raise ConsentRefusedError(
                "ledger-schema-changed",
                f"{self.path} is not the database of a ledger",
                remedy="Restore it from a backup",
            )

    def _check_schema(self, db: sqlite_utils.Database) -> None:
        found = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if sorted(found) != sorted(SCHEMA) or version != USER_VERSION:
            raise ConsentRefusedError(
                "ledger-schema-changed",
                f"tables, triggers or version of {self.path} are not those of a ledger",
                remedy="Restore it from a backup",
            )

    def _damaged(self, exc: Exception) -> ConsentRefusedError:
        return ConsentRefusedError(
            "ledger-tampered",
            f"the database {self.path} is damaged ({exc})",
            remedy="Run `consent audit`, then restore it from a backup",
        )


def _quote(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path.resolve(strict=False)))
