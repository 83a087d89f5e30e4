"""A22: databases and folders made by somebody who wants the reader to do what the file says."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ..audit import audit_folder
from ..errors import ConsentError
from ..ledger import Ledger
from ..outputs import Output
from .lab import Attack, Lab, reason_of
from .world import START, Clock, World, copy_ledger, opened, rewritten

__all__ = ["ATTACKS", "hot_journal"]

_SCHEMA = ("ledger-schema-changed",)
_BROKEN = ("ledger-schema-changed", "ledger-tampered", "checkpoint-invalid")
_STATEMENTS: dict[str, str] = {
    "trigger on insert": "CREATE TRIGGER evil AFTER INSERT ON entry BEGIN DELETE FROM salt; END",
    "trigger on a side table": "CREATE TRIGGER evil AFTER INSERT ON open_intent BEGIN DELETE FROM delivery; END",
    "trigger removed": "DROP TRIGGER entry_no_update",
    "view": "CREATE VIEW v AS SELECT load_extension('/tmp/evil')",
    "table more": "CREATE TABLE more (x)",
    "table less": "DROP TABLE delivery",
    "column more": "ALTER TABLE salt ADD COLUMN more TEXT",
    "column renamed": "ALTER TABLE salt RENAME COLUMN salt TO pepper",
    "index removed": "DROP INDEX entry_digest",
    "index more": "CREATE INDEX more ON entry (kind)",
    "expression index": "CREATE INDEX more ON entry (abs(seq))",
    "statistics": "ANALYZE",
    "full text": "CREATE VIRTUAL TABLE f USING fts5(x)",
    "user version": "PRAGMA user_version = 9",
    "application id": "PRAGMA application_id = 1",
    "WAL mode": "PRAGMA journal_mode = WAL",
}


def _recreated(db: sqlite3.Connection, table: str, sql: str) -> None:
    """The table under the same name with another definition, its rows kept as far as they fit."""
    db.execute(f"ALTER TABLE {table} RENAME TO old")
    db.execute(sql)
    columns = ", ".join(row[1] for row in db.execute("PRAGMA table_info(old)"))
    db.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM old")
    db.execute("DROP TABLE old")


def _view_for_table(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE checkpoint RENAME TO hidden")
    db.execute("CREATE VIEW checkpoint AS SELECT size, note FROM hidden")


def _generated(db: sqlite3.Connection) -> None:
    _recreated(db, "salt", "CREATE TABLE salt (commitment TEXT, salt BLOB, x TEXT GENERATED ALWAYS AS (upper(salt)))")


def _not_strict(db: sqlite3.Connection) -> None:
    _recreated(db, "salt", "CREATE TABLE salt (commitment TEXT NOT NULL, salt BLOB NOT NULL)")


def _defaults(db: sqlite3.Connection) -> None:
    _recreated(db, "salt", "CREATE TABLE salt (commitment TEXT DEFAULT (randomblob(9)), salt BLOB CHECK (1)) STRICT")


def _written_schema(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA writable_schema = ON")
    db.execute("UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', '') WHERE name = 'entry'")


def _root_page(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA writable_schema = ON")
    other = "SELECT rootpage FROM sqlite_schema WHERE name = 'salt'"
    db.execute(f"UPDATE sqlite_schema SET rootpage = ({other}) WHERE name = 'entry'")


def _many_tables(db: sqlite3.Connection) -> None:
    db.execute("BEGIN")
    for number in range(500):
        db.execute(f"CREATE TABLE t{number} (x)")
    db.execute("COMMIT")


_EDITS: dict[str, Callable[[sqlite3.Connection], None]] = {
    "a view in place of a table": _view_for_table,
    "a generated column": _generated,
    "a table that is not strict": _not_strict,
    "default expressions": _defaults,
    "writable schema": _written_schema,
    "a table that points at another's pages": _root_page,
    "five hundred tables": _many_tables,
}


def hot_journal(path: Path) -> None:
    """Leave database and journal as a power cut does: some pages written, the journal not yet removed."""
    db = sqlite3.connect(path / "ledger.db", isolation_level=None)
    db.execute("PRAGMA cache_size = 1")
    db.execute("BEGIN IMMEDIATE")
    # Large enough to spill from the cache, so that the journal is synced and pages reach the file.
    for number in range(400):
        db.execute("INSERT INTO delivery VALUES (?, ?, ?, 0)", (f"{number:064x}", "x" * 900, "y"))
    aside = path / "cut"
    aside.mkdir()
    for name in ("ledger.db", "ledger.db-journal"):
        shutil.copy(path / name, aside / name)
    db.execute("ROLLBACK")
    db.close()
    for name in ("ledger.db", "ledger.db-journal"):
        shutil.move(aside / name, path / name)
        (path / name).chmod(0o600)
    aside.rmdir()


def databases(lab: Lab) -> None:
    """A22."""
    world = lab.world()
    world.fill(16)
    world.ledger.close()
    path = copy_ledger(world, lab.folder / "copy")
    file = path / "ledger.db"
    good = file.read_bytes()
    later = START + 10_000

    def judged(case: str, done: str, *reasons: str) -> None:
        lab.refused(case, done, lambda: opened(path, later), *reasons, files={"ledger.db": file})
        lab.found(f"{case}, audited", done, lambda: _audited(path), *reasons)
        for stray in (file, *path.glob("ledger.db-*")):
            stray.unlink(missing_ok=True)
        file.write_bytes(good)
        file.chmod(0o600)

    lab.control("the untouched database", lambda: opened(path, later))
    for case, sql in _STATEMENTS.items():
        db = sqlite3.connect(file, isolation_level=None)
        db.execute(sql)
        db.close()
        judged(case, sql, *_SCHEMA)
    for case, edit in _EDITS.items():
        db = sqlite3.connect(file, isolation_level=None)
        edit(db)
        db.close()
        judged(case, (edit.__doc__ or case).strip(), *_BROKEN)
    for case, data in {
        "empty file": b"",
        "text": b"not a database at all\n" * 50,
        "header alone": good[:100],
        "half a page": good[: len(good) - 2_048],
        "half the pages": good[: len(good) // 2],
        "first page alone": good[:4_096],
        "garbage in every page": b"".join(
            page if not n else b"\xaa" * 200 + page[200:]
            for n, page in enumerate(good[i : i + 4_096] for i in range(0, len(good), 4_096))
        ),
        "zeros after the first page": good[:4_096] + bytes(len(good) - 4_096),
        "WAL in the header": good[:18] + b"\2\2" + good[20:],
        "another application": good[:68] + b"abcd" + good[72:],
        "page size of 512": good[:16] + b"\2\0" + good[18:],
        "a future file format": good[:18] + b"\3\3" + good[20:],
    }.items():
        file.write_bytes(data)
        judged(case, f"the database exchanged for: {case}", *_BROKEN)
    for case, column, value in (
        ("a huge envelope", "envelope", b"x" * (5 << 20)),
        ("a huge tree head", "note", b"x" * (5 << 20)),
        ("an envelope of nested brackets", "envelope", b"[" * 300_000),
        ("an empty envelope", "envelope", b""),
        ("zero bytes in the kind", "kind", "grant\0"),
    ):
        with rewritten(path) as db:
            table = "checkpoint" if column == "note" else "entry"
            db.execute(f"UPDATE {table} SET {column} = ? {'' if table == 'checkpoint' else 'WHERE seq = 5'}", (value,))
        judged(case, f"{column} exchanged", *_BROKEN, "ledger-index-tampered")
    os.truncate(file, 9 << 30)
    lab.refused("nine gigabytes", "a sparse file beyond all bounds", lambda: opened(path), "file-too-large")
    file.write_bytes(good)
    _journals(lab, path, good)
    _flipped_pages(lab, path, good)
    _places(lab, world)
    _names(lab)


def _audited(path: Path) -> list[str]:
    try:
        return [item.reason for item in audit_folder(path).findings if item.fatal]
    except ConsentError as exc:
        return [reason_of(exc)]


def _entries(path: Path) -> bytes:
    db = sqlite3.connect(f"file:{path / 'ledger.db'}?mode=ro", uri=True)
    try:
        rows = db.execute("SELECT * FROM entry ORDER BY seq").fetchall()
        return repr((rows, db.execute("SELECT * FROM checkpoint").fetchall())).encode()
    finally:
        db.close()


def _unharmed(path: Path, wanted: bytes) -> str:
    """Opened: then what it holds is what it held. Or refused."""
    try:
        opened(path, START + 10_000)
    except Exception as exc:  # judged
        return reason_of(exc)
    return "opens unharmed" if _entries(path) == wanted else "opens with other entries"


_REFUSED_OR_SAME = (*_BROKEN, "ledger-index-tampered", "ledger-time-tampered", "file-unwritable", "opens unharmed")


def _journals(lab: Lab, path: Path, good: bytes) -> None:
    """A journal that is not this database's own."""
    file, journal = path / "ledger.db", path / "ledger.db-journal"
    wanted = _entries(path)
    other = lab.world("other")
    other.grant()
    other.ledger.close()
    hot_journal(other.path)
    foreign = (other.path / "ledger.db-journal").read_bytes()
    cases: dict[str, bytes] = {
        "another database's": foreign,
        "garbage": b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\xff" * 2_000,
        "empty": b"",
        "cut short": foreign[: len(foreign) // 3],
    }
    for case, data in cases.items():
        journal.write_bytes(data)
        before = file.read_bytes()
        answer = _unharmed(path, wanted)
        lab.holds(
            f"journal: {case}",
            f"a rollback journal put beside the database: {case}",
            lambda answer=answer: answer in _REFUSED_OR_SAME,  # type: ignore[misc]
            "refused, or the entries are what they were",
            files={"ledger.db": before, "ledger.db-journal": data},
        )
        file.write_bytes(good)
        journal.unlink(missing_ok=True)
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (path / name).write_bytes(b"\x37\x7f\x06\x82" + bytes(500))
    lab.holds(
        "a write-ahead log beside it",
        "files of a mode that is not used",
        lambda: _unharmed(path, wanted) in _REFUSED_OR_SAME,
        "refused, or the entries are what they were",
    )
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (path / name).unlink(missing_ok=True)
    file.write_bytes(good)
    seen: Counter[str] = Counter()
    hot_journal(path)
    cut, data = file.read_bytes(), journal.read_bytes()
    for turn in range(4 if lab.quick else 40):
        file.write_bytes(cut)
        journal.write_bytes(data[: len(data) * turn // 40])
        seen[_unharmed(path, wanted)] += 1
    lab.tally("journal cut at a place", "a power cut, then the journal itself cut short", seen, *_REFUSED_OR_SAME)
    journal.unlink(missing_ok=True)
    file.write_bytes(good)


def _flipped_pages(lab: Lab, path: Path, good: bytes) -> None:
    """Bytes of the file itself, wherever they fall: found, or nothing that counts has changed."""
    file = path / "ledger.db"
    wanted, seen = _entries(path), Counter[str]()
    for _turn in range(20 if lab.quick else 400):
        data = bytearray(good)
        data[lab.rng.randrange(len(data))] ^= 1 << lab.rng.randrange(8)
        file.write_bytes(data)
        seen[_unharmed(path, wanted)] += 1
    file.write_bytes(good)
    lab.tally(
        "bits of the file",
        "one bit of the database file flipped, wherever it falls (free space and side tables among it)",
        seen,
        *_REFUSED_OR_SAME,
        "statement-invalid",
        "ledger-busy",
    )


def _places(lab: Lab, world: World) -> None:
    """Where the database lies, and who may write there."""
    path = copy_ledger(world, lab.folder / "places")
    file = path / "ledger.db"
    file.chmod(0o622)
    lab.refused("others may write the file", "mode 0622", lambda: opened(path), "ledger-permissions")
    file.chmod(0o600)
    path.chmod(0o777)
    lab.refused("others may write the folder", "mode 0777", lambda: opened(path), "ledger-permissions")
    path.chmod(0o700)
    data = file.read_bytes()
    kinds: dict[str, Callable[[], None]] = {"a folder": file.mkdir, "a pipe": lambda: os.mkfifo(file, 0o600)}
    for case, make in kinds.items():
        file.unlink()
        make()
        lab.refused(f"{case} as database", f"{case} under its name", lambda: opened(path), "file-unreadable")
        if file.is_dir():
            file.rmdir()
        else:
            file.unlink()
        file.write_bytes(data)
        file.chmod(0o600)
    public = path / "keys" / "operator.pub"
    did = public.read_text(encoding="ascii").split()[0]
    for case, text in {
        "a path as ledger id": f"{did} voicekit.local/../../../../../../../etc/passwd\n",
        "32 characters of path": f"{did} voicekit.local/../../../../../tmp/aaaaaaaaaaaaa\n",
        "line breaks": f"{did} voicekit.local/{'0' * 30}\n\n",
        "no key": f"did:key:zzzz voicekit.local/{'0' * 32}\n",
        "empty": "",
    }.items():
        public.write_text(text, encoding="ascii")
        lab.refused(
            f"identity: {case}",
            "keys/operator.pub exchanged",
            lambda: opened(path),
            "identity-invalid",
            "key-did-invalid",
            "ledger-replaced",
            "checkpoint-invalid",
            "key-mismatch",
        )
    for name in ("a?mode=memory", "b#c", "d%41", "e&cache=shared", "f g"):
        folder = lab.folder / name
        folder.mkdir()
        lab.control(f"a folder named {name}", lambda folder=folder: _lives_in(folder))  # type: ignore[misc]


def _lives_in(folder: Path) -> None:
    with Ledger.init(folder / "ledger", operator_name="Operator", now=Clock()) as ledger:
        ledger.size()
    if not (folder / "ledger" / "ledger.db").stat().st_size or len(list(folder.parent.glob("d*"))) > 3:
        raise ConsentError("the database lies elsewhere")


def _names(lab: Lab) -> None:
    """Output names that lead elsewhere."""
    for number, name in enumerate(("../evil.mp3", "/tmp/evil.mp3", "..", ".", "a\0b", "a/b", "a\\b", "", "x" * 300)):
        world = lab.world(f"name-{number}")
        world.grant()
        tmp = world.folder / "a.part"
        tmp.write_bytes(b"sound")
        permit = world.request()
        lab.refused(
            f"output named {name[:20]!r}",
            "handed in for its receipt",
            lambda: world.ledger.complete(permit, [Output(tmp, name, "2" * 64, 1)]),  # noqa: B023
            "field-invalid",
            "output-changed",
            "usage",
        )
        lab.holds(
            f"after {name[:20]!r}",
            "the ledger is looked at",
            lambda: not world.ledger.undelivered() and world.ledger.audit().ok,  # noqa: B023
            "sound, and nothing waits",
        )


ATTACKS = (
    Attack(
        "A22",
        "hostile database files",
        "Schema compared byte for byte, size bounds, no views, no triggers but its own, nothing in the file is obeyed.",
        databases,
        ("side tables (salts, paths) may be changed or emptied: they are outside the tree",),
    ),
)
