"""A changed ledger: every stored bit, every row, every file around it; each refused, no permit given."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from consent import ConsentError, ConsentRefusedError, InvalidInputError, Ledger, audit_folder
from tests.consent.world import SPEAKER, START, World

AUTHORITATIVE = ("seq", "kind", "digest", "time", "leaf", "envelope")
REASONS = {
    "seq": {"ledger-tampered"},
    "kind": {"ledger-index-tampered"},
    "digest": {"ledger-index-tampered"},
    "time": {"ledger-time-tampered"},
    "leaf": {"ledger-index-tampered"},
    "envelope": {"ledger-tampered"},
    "size": {"checkpoint-invalid"},
    "note": {"checkpoint-invalid"},
}


def raw(world: World) -> sqlite3.Connection:
    """The database as an attacker opens it: triggers dropped for the time of the attack, then put back."""
    db = sqlite3.connect(world.path / "ledger.db", isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    return db


class Attack:
    """Change rows without the triggers, leaving the schema as it was."""

    def __init__(self, world: World) -> None:
        self.db = raw(world)
        self.triggers = self.db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()

    def __enter__(self) -> sqlite3.Connection:
        self.db.execute("BEGIN")
        for name, _sql in self.triggers:
            self.db.execute(f"DROP TRIGGER {name}")
        return self.db

    def __exit__(self, *_exc: object) -> None:
        for _name, sql in self.triggers:
            self.db.execute(sql)
        self.db.execute("COMMIT")
        self.db.close()


def refusal(world: World) -> str:
    with pytest.raises(ConsentRefusedError) as caught:
        world.request()
    return caught.value.reason


@pytest.fixture
def small(world: World) -> World:
    world.house()
    grant = world.grant()
    world.deliver()
    world.ledger.abort(world.request(), "cancelled")
    with pytest.raises(ConsentRefusedError):
        world.request(voice="nobody")
    world.ledger.revoke(grant, key=SPEAKER)
    world.grant()
    return world


def flips(world: World, chosen: random.Random | None) -> int:
    """Flip bits of every column of every row and ask for a permit after each; returns how many were tried."""
    ledger = world.ledger
    tried = 0
    with raw(world) as db:
        columns = [
            ("entry", name, "seq", row[0]) for name in AUTHORITATIVE for row in db.execute("SELECT seq FROM entry")
        ]
        (size,) = db.execute("SELECT size FROM checkpoint").fetchone()
        columns += [("checkpoint", name, "size", size) for name in ("size", "note")]
        good = {c: db.execute(f"SELECT {c[1]} FROM {c[0]} WHERE {c[2]} = ?", (c[3],)).fetchone()[0] for c in columns}
    for column, value in good.items():
        table, name, key, where = column
        data = value.encode() if isinstance(value, str) else value
        length = 6 if isinstance(data, int) else len(data)
        places = range(length) if chosen is None else sorted(chosen.sample(range(length), min(2, length)))
        for place in places:
            bit = (place * 5 + 3) % 8 if chosen is None else chosen.randrange(8)
            if isinstance(data, int):
                wrong: object = data ^ (1 << (place * 8 + bit))
            else:
                changed = bytearray(data)
                changed[place] ^= 1 << bit
                wrong = bytes(changed)
            cast = "CAST(? AS TEXT)" if isinstance(value, str) else "?"
            with Attack(world) as db:
                try:
                    db.execute(f"UPDATE {table} SET {name} = {cast} WHERE {key} = ?", (wrong, where))
                except sqlite3.IntegrityError:
                    continue  # two entries with one number: the database itself refuses
            with pytest.raises(ConsentRefusedError) as caught, ledger._read("request"):
                pass
            assert caught.value.reason in REASONS[name], (column, place, bit, caught.value.reason)
            with Attack(world) as db:
                back = wrong if name == key else where
                db.execute(f"UPDATE {table} SET {name} = ? WHERE {key} = ?", (value, back))
            tried += 1
    with ledger._read("request"):
        pass
    return tried


def test_one_bit_of_every_column_of_every_row(small: World, monkeypatch) -> None:
    # The refusal log is tested below; here its fsyncs would cost most of the time.
    monkeypatch.setattr("consent.core.record_refusal", lambda *args, **more: None)
    assert flips(small, random.Random(1)) > 100


@pytest.mark.slow
def test_every_byte_of_every_column_of_every_row(small: World, monkeypatch) -> None:
    monkeypatch.setattr("consent.core.record_refusal", lambda *args, **more: None)
    assert flips(small, None) > 10_000


@pytest.mark.parametrize(
    ("column", "reason"),
    [("envelope", "ledger-tampered"), ("time", "ledger-time-tampered"), ("kind", "ledger-index-tampered")],
)
def test_a_request_on_a_changed_ledger_gives_no_permit_and_is_recorded(small: World, column: str, reason: str) -> None:
    with Attack(small) as db:
        value = {"envelope": "CAST(envelope || ' ' AS BLOB)", "time": "time + 1", "kind": "'grant'"}[column]
        db.execute(f"UPDATE entry SET {column} = {value} WHERE seq = 4")
    size = entries(small)
    assert refusal(small) == reason
    assert entries(small) == size
    for folder in (small.path, small.folder / "ledger.highwater"):
        lines = (folder / "refusals.jsonl").read_bytes().splitlines()
        assert len(lines) == 1 and b"refusal" in lines[0]
    with pytest.raises(ConsentRefusedError, match=f"^{reason}:"):
        Ledger.open(small.path, now=small.clock)
    assert len((small.path / "refusals.jsonl").read_bytes().splitlines()) == 2
    report = audit_folder(small.path)
    assert not report.ok and reason in {item.reason for item in report.findings}
    assert "refusals-tampered" not in {item.reason for item in report.findings}


def entries(world: World) -> int:
    with raw(world) as db:
        return int(db.execute("SELECT count(*) FROM entry").fetchone()[0])


def test_refusal_log_notices_a_removed_line(small: World) -> None:
    with Attack(small) as db:
        db.execute("UPDATE entry SET time = time + 1 WHERE seq = 4")
    refusal(small), refusal(small)
    log = small.path / "refusals.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[1:]))
    assert "refusals-tampered" in {item.reason for item in audit_folder(small.path).findings}


def test_every_deletion_swap_and_duplicate(small: World, monkeypatch) -> None:
    monkeypatch.setattr("consent.core.record_refusal", lambda *args, **more: None)
    total = entries(small)
    backup = small.folder / "backup.db"
    shutil.copy(small.path / "ledger.db", backup)

    def restore() -> None:
        shutil.copy(backup, small.path / "ledger.db")

    for seq in range(total):
        with Attack(small) as db:
            db.execute("DELETE FROM entry WHERE seq = ?", (seq,))
        assert refusal(small) == "ledger-tampered"
        with Attack(small) as db:  # and with the gap closed
            db.execute("UPDATE entry SET seq = -seq WHERE seq > ?", (seq,))
            db.execute("UPDATE entry SET seq = -seq - 1 WHERE seq < 0")
        assert refusal(small) == "ledger-tampered"
        restore()
    for seq in range(total - 1):
        with Attack(small) as db:
            db.execute("UPDATE entry SET seq = -1 WHERE seq = ?", (seq,))
            db.execute("UPDATE entry SET seq = ? WHERE seq = ?", (seq, seq + 1))
            db.execute("UPDATE entry SET seq = ? WHERE seq = -1", (seq + 1,))
        assert refusal(small) == "ledger-tampered"
        restore()
    for seq in range(total):
        with Attack(small) as db:
            db.execute(
                "INSERT INTO entry SELECT ?, kind, digest || 'x', time, leaf, envelope FROM entry WHERE seq = ?",
                (total, seq),
            )
        assert refusal(small) == "ledger-tampered"
        restore()
    small.request()


def test_triggers_are_a_seat_belt(small: World) -> None:
    with raw(small) as db:
        for sql in (
            "UPDATE entry SET time = 0",
            "DELETE FROM entry",
            "INSERT OR REPLACE INTO entry SELECT * FROM entry WHERE seq = 1",
            "INSERT INTO entry SELECT seq + 50, kind, digest || 'x', time, leaf, envelope FROM entry WHERE seq = 1",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                db.execute(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TRIGGER entry_no_update",
        "CREATE TABLE more (x)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE TRIGGER evil AFTER INSERT ON entry BEGIN DELETE FROM salt; END",
        "DROP INDEX entry_digest",
        "PRAGMA user_version = 9",
        "PRAGMA application_id = 1",
        "PRAGMA journal_mode = WAL",
    ],
)
def test_changed_schema_or_settings(small: World, sql: str) -> None:
    with raw(small) as db:
        db.execute(sql)
    db.close()
    assert refusal(small) == "ledger-schema-changed"


def test_no_database_garbage_database_and_link(small: World) -> None:
    path = small.path / "ledger.db"
    path.write_bytes(b"not a database" * 100)
    assert refusal(small) == "ledger-schema-changed"
    path.rename(small.folder / "moved.db")
    path.symlink_to(small.folder / "moved.db")
    with pytest.raises(InvalidInputError, match="not a regular file"):
        small.request()
    path.unlink()
    with pytest.raises(InvalidInputError, match="no ledger"):
        small.request()


def test_pages_overwritten(small: World) -> None:
    path = small.path / "ledger.db"
    data = bytearray(path.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 200] = b"\xaa" * 200
    path.write_bytes(data)
    assert refusal(small) in {"ledger-tampered", "ledger-schema-changed"}


def test_database_that_others_may_write(small: World) -> None:
    (small.path / "ledger.db").chmod(0o620)
    assert refusal(small) == "ledger-permissions"


def test_files_are_private(small: World) -> None:
    assert small.path.stat().st_mode & 0o777 == 0o700
    for name in ("ledger.db", "keys/operator.key"):
        assert (small.path / name).stat().st_mode & 0o777 == 0o600
    with raw(small) as db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "delete"


# rollback, forks, replacement


def copy_database(world: World, target: Path) -> None:
    shutil.copy(world.path / "ledger.db", target)


def test_rollback_is_seen_from_the_high_water_note(world: World) -> None:
    world.grant()
    copy_database(world, world.folder / "old.db")
    for _ in range(2):
        world.ledger.abort(world.request(), "cancelled")
    shutil.copy(world.folder / "old.db", world.path / "ledger.db")
    with pytest.raises(ConsentRefusedError, match=r"has 2 entries, but .* has seen 6"):
        Ledger.open(world.path, now=world.clock)
    # An object that saw the longer history notices too.
    assert refusal(world) in {"ledger-forked", "ledger-rolled-back"}


def test_rollback_is_seen_from_a_delivered_file(world: World) -> None:
    world.grant()
    copy_database(world, world.folder / "old.db")
    final = world.deliver()
    shutil.copy(world.folder / "old.db", world.path / "ledger.db")
    (world.folder / "ledger.highwater" / "highwater.note").unlink()
    report = audit_folder(world.path, against=[final])
    found = {item.reason: item.text for item in report.findings}
    assert "has 2 entries" in found["ledger-rolled-back"] and "has seen 4" in found["ledger-rolled-back"]
    assert "highwater-missing" in found


def test_fork_is_seen(world: World) -> None:
    world.grant()
    copy_database(world, world.folder / "old.db")
    final = world.deliver()
    shutil.copy(world.folder / "old.db", world.path / "ledger.db")
    note = world.folder / "ledger.highwater" / "highwater.note"
    newest = note.read_bytes()
    note.unlink()
    from consent.audit import renew_high_water

    assert renew_high_water(world.path) == 2
    world.reopen()
    for _ in range(3):
        world.ledger.abort(world.request(), "cancelled")
    report = audit_folder(world.path, against=[final])
    assert "ledger-forked" in {item.reason for item in report.findings}
    note.write_bytes(newest)
    assert refusal(world) == "ledger-forked"


@pytest.mark.parametrize("place", [0, 40, 60, -10])
def test_high_water_note_changed(world: World, place: int) -> None:
    world.grant()
    note = world.folder / "ledger.highwater" / "highwater.note"
    data = bytearray(note.read_bytes())
    data[place] ^= 1
    note.write_bytes(data)
    assert refusal(world) in {"highwater-invalid", "ledger-replaced"}


def test_high_water_note_missing(world: World) -> None:
    world.grant()
    (world.folder / "ledger.highwater" / "highwater.note").unlink()
    assert refusal(world) == "highwater-missing"


def test_note_is_renewed_after_a_crash_between_commit_and_note(world: World) -> None:
    note = world.folder / "ledger.highwater" / "highwater.note"
    old = note.read_bytes()
    world.grant()
    newest = note.read_bytes()
    note.write_bytes(old)
    world.reopen()
    assert note.read_bytes() == newest


def test_ledger_replaced_by_a_fresh_one(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = World(tmp_path / "one"), World(tmp_path / "two")
    one.grant(), two.grant()
    shutil.copy(two.path / "ledger.db", one.path / "ledger.db")
    assert refusal(one) == "checkpoint-invalid"
    for name in ("operator.key", "operator.pub"):
        shutil.copy(two.path / "keys" / name, one.path / "keys" / name)
    with pytest.raises(ConsentRefusedError, match=r"^ledger-replaced:"):
        Ledger.open(one.path, now=one.clock)


def test_operator_key_swapped(world: World) -> None:
    key = world.path / "keys" / "operator.key"
    key.unlink()
    SPEAKER.save(key)
    with pytest.raises(ConsentRefusedError, match=r"^key-mismatch:"):
        Ledger.open(world.path, now=world.clock)
    key.chmod(0o644)
    with pytest.raises(InvalidInputError, match="other users"):
        Ledger.open(world.path, now=world.clock)


def test_a_second_init_is_refused(world: World) -> None:
    with pytest.raises(ConsentError, match="not empty"):
        Ledger.init(world.path, operator_name="x")
    shutil.move(world.path, world.folder / "elsewhere")
    with pytest.raises(ConsentError, match="earlier ledger"):
        Ledger.init(world.path, operator_name="x")


def test_the_untouched_ledger_is_sound(small: World) -> None:
    report = audit_folder(small.path)
    assert report.ok and report.size == small.ledger.size()
    assert START
