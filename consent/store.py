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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from .errors import ConsentRefusedError, InvalidInputError, UsageError
from .keys import sync_folder
from .schema import ADDED, APPLICATION_ID, PAGE_SIZE, SCHEMA, USER_VERSION

__all__ = ["Block", "Row", "Session", "Store"]


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


class Block(NamedTuple):
    """The stored rows of a range, joined, for comparing them at once.

    `columns` has a line for each row: leaf in upper-case hexadecimal, digest, kind and time, separated by
    spaces. `envelopes` holds the envelopes, in order, each followed by a zero byte except the last.
    """

    columns: bytes
    envelopes: tuple[bytes, ...]


_COLUMNS = "seq, kind, digest, time, leaf, envelope"
_LINES = "CAST(group_concat(hex(leaf) || ' ' || digest || ' ' || kind || ' ' || time, char(10)) AS BLOB)"
_ENVELOPES = "CAST(group_concat(envelope, char(0)) AS BLOB)"
_RANGE = " FROM entry WHERE seq >= ? AND seq < ?"


def _typed(values: tuple[Any, ...]) -> Row:
    # A damaged page can hold a null or a number where the table's definition allows none.
    if [type(item) for item in values] != [int, str, str, int, bytes, bytes]:
        raise sqlite3.DatabaseError("a stored entry has a column of the wrong type")
    return Row(*values)


class Session:
    """One open transaction on the database."""

    def __init__(self, db: sqlite_utils.Database, *, has_side: bool = True) -> None:
        self._db = db
        self._has_side = has_side

    def rows(self, start: int = 0, stop: int | None = None, *, kinds: Sequence[str] = ()) -> Iterator[Row]:
        """Entries in order, one at a time, from `start` to before `stop`; of `kinds` alone when any are named."""
        sql, values = f"SELECT {_COLUMNS} FROM entry WHERE seq >= ?", [start]
        if stop is not None:
            sql, values = sql + " AND seq < ?", [start, stop]
        if kinds:
            sql += f" AND kind IN ({', '.join('?' * len(kinds))})"
        for row in self._db.execute(sql + " ORDER BY seq", (*values, *kinds)):
            yield _typed(row)

    def row(self, seq: int) -> Row | None:
        """One entry."""
        found = self._db.execute(f"SELECT {_COLUMNS} FROM entry WHERE seq = ?", (seq,)).fetchone()
        return _typed(found) if found else None

    def find(self, digest: str) -> int | None:
        """Place of the statement of that digest, as the index has it."""
        found = self._db.execute("SELECT seq FROM entry WHERE digest = ?", (digest,)).fetchone()
        return int(found[0]) if found else None

    def begins_with(self, prefix: str, most: int = 2) -> list[str]:
        """Digests that begin with `prefix`, as the index has them."""
        found = self._db.execute(
            "SELECT digest FROM entry WHERE digest >= ? AND digest < ? LIMIT ?", (prefix, prefix + "g", most)
        )
        return [row[0] for row in found]

    def bounds(self) -> tuple[int, int]:
        """First and last place that hold an entry; (0, -1) when there is none."""
        first, last = self._db.execute("SELECT min(seq), max(seq) FROM entry").fetchone()
        return (0, -1) if first is None else (int(first), int(last))

    def block(self, start: int, stop: int) -> Block:
        """The rows from `start` to before `stop`, joined by SQLite, which is much faster than row by row."""
        try:
            found = self._db.execute(f"SELECT {_LINES}, {_ENVELOPES}{_RANGE}", (start, stop)).fetchone()
            return Block(found[0] or b"", (found[1] or b"",))
        except (sqlite3.DataError, sqlite3.OperationalError) as exc:
            if "too big" not in str(exc):
                raise
            # Statements far larger than usual: their envelopes are joined here.
            found = self._db.execute(f"SELECT {_LINES}{_RANGE}", (start, stop)).fetchone()
            pieces = [row.envelope for row in self.rows(start, stop)]
            return Block(found[0] or b"", tuple(piece + b"\0" for piece in pieces[:-1]) + tuple(pieces[-1:]))

    def integrity(self) -> list[str]:
        """What SQLite itself finds wrong with pages and indexes; empty for a sound database."""
        found = [str(row[0]) for row in self._db.execute("PRAGMA integrity_check(10)")]
        return [] if found == ["ok"] else found

    def checkpoints(self) -> list[tuple[int, bytes]]:
        """Stored tree heads; a sound ledger has one."""
        found = self._db.execute("SELECT size, note FROM checkpoint").fetchall()
        if not all(isinstance(size, int) and isinstance(note, bytes) for size, note in found):
            raise sqlite3.DatabaseError("a stored tree head has the wrong type")
        return [(size, note) for size, note in found]

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

    def put_side(self, kind: str, name: str, value: bytes) -> None:
        """Keep something erasable under a kind and a name, replacing what was there."""
        self._db.execute("INSERT OR REPLACE INTO side (kind, name, value) VALUES (?, ?, ?)", (kind, name, value))

    def side(self, kind: str, name: str) -> bytes | None:
        """What is kept under a kind and a name, unless erased."""
        if not self._has_side:
            return None
        row = self._db.execute("SELECT value FROM side WHERE kind = ? AND name = ?", (kind, name)).fetchone()
        return bytes(row[0]) if row else None

    def sides(self, kind: str) -> dict[str, bytes]:
        """Everything of a kind, by name."""
        if not self._has_side:
            return {}
        found = self._db.execute("SELECT name, value FROM side WHERE kind = ? ORDER BY name", (kind,))
        return {name: bytes(value) for name, value in found}

    def erase_side(self, kind: str, name: str) -> None:
        """Erase it; `secure_delete` overwrites the bytes."""
        self._db.execute("DELETE FROM side WHERE kind = ? AND name = ?", (kind, name))

    def erase_salt(self, commitment: str) -> None:
        """Erase the salt of a commitment: it can no longer be opened."""
        self._db.execute("DELETE FROM salt WHERE commitment = ?", (commitment,))

    def erase_delivery(self, receipt: str) -> None:
        """Forget where the files of a receipt were put."""
        self._db.execute("DELETE FROM delivery WHERE receipt = ?", (receipt,))

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

    def deliveries(self, *, waiting: bool = False) -> list[tuple[str, str, str, bool]]:
        """(receipt, name, path, done) of every receipted file, or of those that wait for their name."""
        chosen = " WHERE NOT done" if waiting else ""
        cursor = self._db.execute(f"SELECT receipt, name, path, done FROM delivery{chosen} ORDER BY rowid")
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
            db.execute(f"PRAGMA page_size = {PAGE_SIZE}")
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
        except (sqlite3.DatabaseError, UnicodeDecodeError) as exc:
            raise self._damaged(exc) from exc
        try:
            db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            version = self._check_schema(db)
            if write and version < USER_VERSION:
                self._bring_up_to_date(db)
                version = USER_VERSION
            yield Session(db, has_side=version == USER_VERSION)
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
        except UnicodeDecodeError as exc:  # SQLite's own message quotes damaged bytes
            raise self._damaged(exc) from exc
        finally:
            if db.conn.in_transaction:
                db.conn.execute("ROLLBACK")
            db.close()

    def vacuum(self) -> None:
        """Write the database anew, so that nothing of what was erased is left between its pages.

        `secure_delete` overwrites what is deleted, but not the copies that moving rows between pages leaves behind.
        """
        self._check_file()
        try:
            db = self._connect()
        except sqlite3.DatabaseError as exc:
            raise self._damaged(exc) from exc
        try:
            self._check_schema(db)
            # VACUUM attaches its temporary database by itself; nothing else of this connection attaches any.
            db.conn.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 1)
            db.conn.execute("VACUUM")
        except sqlite3.DatabaseError as exc:
            raise InvalidInputError(
                f"cannot be rewritten ({exc})",
                file=str(self.path),
                remedy="Free some space, wait for other programs, and erase again",
                reason="file-unwritable",
            ) from exc
        finally:
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

    def _check_schema(self, db: sqlite_utils.Database) -> int:
        """Compare the schema byte for byte with that of its version; returns the version."""
        found = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        wanted = SCHEMA if version != 1 else tuple(item for item in SCHEMA if item[1] not in ADDED)
        if sorted(found) != sorted(wanted) or version not in (1, USER_VERSION):
            raise ConsentRefusedError(
                "ledger-schema-changed",
                f"tables, triggers or version of {self.path} are not those of a ledger",
                remedy="Restore it from a backup",
            )
        return version

    def _bring_up_to_date(self, db: sqlite_utils.Database) -> None:
        """Give a database of the first version what the second added; part of the running transaction."""
        for _kind, name, _table, sql in SCHEMA:
            if name in ADDED:
                db.execute(sql)
        db.execute(f"PRAGMA user_version = {USER_VERSION}")

    def stamp(self) -> tuple[int, ...]:
        """Changes with every commit, and with every other write that the file system dates."""
        try:
            info = os.stat(self.path)
            with open(self.path, "rb") as handle:
                header = handle.read(28)
        except OSError:
            return ()
        # Bytes 24 to 27 are SQLite's change counter.
        counter = int.from_bytes(header[24:28], "big")
        return (info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns, counter)

    def _damaged(self, exc: Exception) -> ConsentRefusedError:
        return ConsentRefusedError(
            "ledger-tampered",
            f"the database {self.path} is damaged ({exc})",
            remedy="Run `consent audit`, then restore it from a backup",
        )


def _quote(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path.resolve(strict=False)))
