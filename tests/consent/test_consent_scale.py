"""A longer history: snapshots that are believed only when they are true, changes found all the same, old databases."""

from __future__ import annotations

import base64
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

import consent.core
import consent.reading
from consent import ConsentRefusedError, Ledger, UsageError, audit_folder, merkle
from consent.chain import Chain
from consent.merkle import leaf_hash
from consent.reading import SNAPSHOT, _content, read_all
from consent.schema import ADDED, SCHEMA
from consent.snapshot import make_snapshot, read_snapshot
from consent.statements import RenderDenied, RenderReceipt, new_nonce
from consent.store import Session
from consent.tree import BLOCK, Tree
from consent.tree_head import Checkpoint, parse_note, sign_checkpoint, verify_checkpoint
from tests.consent.test_consent_tamper import AUTHORITATIVE, Attack, raw
from tests.consent.world import STRANGER, USE, World

ENTRIES = 2 * BLOCK + 40


def fill(world: World, size: int) -> None:
    """Refusals, one transaction for all of them, until the ledger has `size` entries."""
    ledger, key = world.ledger, world.ledger.operator_signing_key()
    with ledger._write("test") as session:
        denied = (
            RenderDenied(
                ledger=ledger.id, nonce=new_nonce(), time=world.clock(), reason="no-grant", voice="nobody", use=USE
            )
            for _ in range(size - len(ledger._chain))
        )
        ledger._append(session, [item.sign(key) for item in denied])


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> World:
    world = World(tmp_path_factory.mktemp("long"))
    world.house()
    world.grant()
    world.deliver()
    world.request()
    fill(world, ENTRIES - 1)
    world.reopen()  # closes the open intent, which the snapshot holds as open
    world.ledger.close()
    return world


@pytest.fixture
def long(made: World, tmp_path: Path) -> World:
    """A copy of the long ledger, opened."""
    for name in ("ledger", "ledger.highwater"):
        shutil.copytree(made.folder / name, tmp_path / name)
    world = World.__new__(World)
    world.folder, world.clock = tmp_path, made.clock
    world.ledger = Ledger.open(tmp_path / "ledger", now=world.clock)
    return world


@pytest.fixture
def full_reads(monkeypatch) -> list[str]:
    """Told of each full reading."""
    seen: list[str] = []

    def counted(*args, **more):
        seen.append("read")
        return read_all(*args, **more)

    monkeypatch.setattr(consent.reading, "read_all", counted)
    return seen


def test_the_tree_agrees_with_the_definitions() -> None:
    rng = random.Random(3)
    leaves = [rng.randbytes(32) for _ in range(4 * BLOCK + 7)]
    tree = Tree(leaves)
    for size in (0, 1, 2, 3, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK - 1, 3 * BLOCK + 1, len(leaves)):
        assert tree.root(size) == merkle.root(leaves[:size])
        for index in {0, size // 2, size - 1, BLOCK - 1, BLOCK} & set(range(size)):
            assert tree.inclusion_proof(index, size) == merkle.inclusion_proof(leaves[:size], index)
        for old in {1, size // 2, size - 1, size, BLOCK} & set(range(1, size + 1)):
            assert tree.consistency_proof(old, size) == merkle.consistency_proof(leaves[:size], old)
    again = Tree()
    for block in range(4):
        part = leaves[block * BLOCK : (block + 1) * BLOCK]
        again.add_block(b"".join(part), merkle.root(part))
    for leaf in leaves[4 * BLOCK :]:
        again.append(leaf)
    assert again.root() == tree.root() and list(again) == leaves
    with pytest.raises(UsageError):
        again.add_block(b"", b"")


def test_opening_again_parses_little_and_believes_the_same(long: World, full_reads: list[str]) -> None:
    long.reopen()
    assert not full_reads
    quick = long.ledger._chain
    with long.ledger._read("test") as session:
        whole = read_all(session, long.ledger.id, long.ledger.operator)
    assert quick.snapshot is not None and quick.snapshot.size == 2 * BLOCK
    for name in ("spent", "open", "grants", "records", "superseded", "decisive", "last_time", "content", "recent"):
        assert getattr(quick, name) == getattr(whole, name), name
    assert list(quick.leaves) == list(whole.leaves) and quick.keys == whole.keys
    assert long.ledger.grants()[1].renders_left == 2 and quick.spent


def stored_snapshot(world: World) -> bytes:
    with raw(world) as db:
        return bytes(db.execute("SELECT value FROM side WHERE kind = ? AND name = ?", SNAPSHOT).fetchone()[0])


def store_snapshot(world: World, data: bytes | None) -> None:
    with raw(world) as db:
        if data is None:
            db.execute("DELETE FROM side WHERE kind = ?", SNAPSHOT[:1])
        else:
            db.execute("UPDATE side SET value = ? WHERE kind = ? AND name = ?", (data, *SNAPSHOT))


@pytest.mark.parametrize("case", ["missing", "garbage", "flipped", "stranger", "other-ledger", "false", "empty"])
def test_a_bad_snapshot_is_neither_believed_nor_a_refusal(long: World, full_reads: list[str], case: str) -> None:
    good, key = stored_snapshot(long), long.ledger.operator_signing_key()
    snapshot = read_snapshot(good, long.ledger.id, key.public)
    assert snapshot is not None
    false = {**snapshot.__dict__, "spent": {}, "root": bytes(32)}
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    store_snapshot(
        long,
        {
            "missing": None,
            "garbage": b"{}",
            "flipped": bytes(flipped),
            "stranger": make_snapshot(long.ledger.id, snapshot, STRANGER),
            "other-ledger": make_snapshot("0" * 32, snapshot, key),
            "false": make_snapshot(long.ledger.id, type(snapshot)(**false), key),
            "empty": b"",
        }[case],
    )
    before = long.ledger.grants()
    long.reopen()
    assert full_reads and long.ledger.grants() == before
    # It is made anew, and the next opening is quick again.
    full_reads.clear()
    long.reopen()
    assert not full_reads and stored_snapshot(long) == good


def test_a_changed_bit_anywhere_is_found_at_the_next_opening(long: World, monkeypatch) -> None:
    monkeypatch.setattr("consent.core.record_refusal", lambda *args, **more: None)
    rng = random.Random(4)
    places = [0, 1, 5, BLOCK - 1, BLOCK, 2 * BLOCK - 1, 2 * BLOCK, ENTRIES - 1, rng.randrange(ENTRIES)]
    reasons = {"kind": "ledger-index-tampered", "digest": "ledger-index-tampered", "leaf": "ledger-index-tampered"}
    reasons |= {"time": "ledger-time-tampered", "envelope": "ledger-tampered", "seq": "ledger-tampered"}
    long.ledger.close()
    for seq in places:
        for column in AUTHORITATIVE:
            with raw(long) as db:
                value = db.execute(f"SELECT {column} FROM entry WHERE seq = ?", (seq,)).fetchone()[0]
            if isinstance(value, int):
                wrong: object = value ^ 1 << 40
            else:
                data = bytearray(value.encode() if isinstance(value, str) else value)
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(7)
                wrong = bytes(data)
            cast = "CAST(? AS TEXT)" if isinstance(value, str) else "?"
            with Attack(long) as db:
                db.execute(f"UPDATE entry SET {column} = {cast} WHERE seq = ?", (wrong, seq))
            with pytest.raises(ConsentRefusedError) as caught:
                Ledger.open(long.path, now=long.clock)
            assert caught.value.reason == reasons[column], (seq, column)
            with Attack(long) as db:
                where = wrong if column == "seq" else seq
                db.execute(f"UPDATE entry SET {column} = {cast} WHERE seq = ?", (value, where))
    Ledger.open(long.path, now=long.clock).close()


def test_an_untouched_large_ledger_is_not_verified_again_a_touched_one_is(long: World, monkeypatch) -> None:
    seen: list[int] = []

    def counted(chain: Chain, session) -> None:
        seen.append(len(chain))
        consent.reading.verify(chain, session)

    monkeypatch.setattr(consent.core, "verify", counted)
    long.ledger.size()
    assert len(seen) == 1  # a ledger of this size is verified each time
    monkeypatch.setattr(consent.core, "QUIET_SIZE", 100)
    seen.clear()
    long.ledger.size(), long.request(), long.ledger.size()
    assert not seen
    # A change that leaves size and date as they were still has another change time, or SQLite's counter.
    with Attack(long) as db:
        db.execute("UPDATE entry SET time = time + 1 WHERE seq = 300")
    with pytest.raises(ConsentRefusedError, match=r"^ledger-time-tampered:"):
        long.ledger.size()
    assert seen
    with Attack(long) as db:
        db.execute("UPDATE entry SET time = time - 1 WHERE seq = 300")
    # Another process appends: taken in, and what was there is compared.
    seen.clear()
    with Ledger.open(long.path, now=long.clock) as other:
        other.enroll_key(STRANGER, "witness")
    assert long.ledger.size() == ENTRIES + 2 and len(seen) == 2


def test_an_entry_is_compared_with_its_leaf_whenever_it_is_read(long: World, monkeypatch) -> None:
    monkeypatch.setattr(consent.core, "QUIET_SIZE", 0)
    monkeypatch.setattr("consent.core.record_refusal", lambda *args, **more: None)
    receipt = next(long.ledger.entries(["render-receipt"]))
    with Attack(long) as db:
        db.execute("UPDATE entry SET envelope = CAST(envelope || ' ' AS BLOB) WHERE seq = ?", (receipt.seq,))
    for ask in (
        lambda: long.ledger.receipt(receipt.digest),
        lambda: long.ledger.proof(receipt.digest),
        lambda: long.ledger.proofs([receipt.digest]),
        lambda: long.ledger.entry(receipt.digest),
        lambda: long.ledger.receipt_of(receipt.statement.intent),
        lambda: list(long.ledger.entries()),
    ):
        # As if the file looked untouched.
        stamp = long.ledger._store.stamp()
        long.ledger._verified = stamp
        with pytest.raises(ConsentRefusedError, match=r"^ledger-tampered:"):
            ask()


def test_entries_are_streamed_in_order_and_by_kind(long: World) -> None:
    everything = list(long.ledger.entries())
    assert [item.seq for item in everything] == list(range(ENTRIES))
    assert [item.digest for item in everything] == [item.statement.digest for item in everything]
    receipts = [item for item in everything if isinstance(item.statement, RenderReceipt)]
    assert list(long.ledger.entries(["render-receipt"])) == receipts and len(receipts) == 1
    assert [item.seq for item in long.ledger.entries(since=ENTRIES - 3)] == [ENTRIES - 3, ENTRIES - 2, ENTRIES - 1]
    kinds = ("grant", "render-denied")
    assert [e.seq for e in long.ledger.entries(kinds, since=2)] == [
        e.seq for e in everything if e.statement.KIND in kinds and e.seq >= 2
    ]
    with pytest.raises(UsageError, match="no such kind"):
        next(long.ledger.entries(["receipt"]))


def test_proofs_of_many_entries_lead_to_the_signed_root(long: World) -> None:
    wanted = [item.digest for item in long.ledger.entries()][::37]
    proven = long.ledger.proofs(wanted)
    head = verify_checkpoint(proven.checkpoint, long.ledger.operator, long.ledger.origin)
    assert head.size == ENTRIES and list(proven.entries) == wanted
    for item in proven.entries.values():
        merkle.verify_inclusion(leaf_hash(item.envelope), item.index, head.size, item.path, head.root)
    with pytest.raises(UsageError, match="no statement"):
        long.ledger.proofs(["0" * 64])


def test_blocks_too_large_for_one_value_are_compared_row_by_row(long: World, monkeypatch) -> None:
    with long.ledger._read("test") as session:
        usual = session.block(0, BLOCK)
        session._db.conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 100_000)
        pieces = session.block(0, BLOCK)
    assert len(pieces.envelopes) == BLOCK and len(usual.envelopes) == 1
    assert b"".join(pieces.envelopes) == usual.envelopes[0] and pieces.columns == usual.columns


def test_a_database_of_the_first_version_is_brought_up_to_date(world: World) -> None:
    world.grant()
    final = world.deliver()
    world.ledger.close()
    with raw(world) as db:
        for kind, name, _table, _sql in SCHEMA:
            if name in ADDED:
                db.execute(f"DROP {kind} {name}")
        db.execute("PRAGMA user_version = 1")
    db.close()
    size = int(parse_note((world.folder / "ledger.highwater" / "highwater.note").read_bytes())[0].split("\n")[1])
    # Reading leaves it as it is.
    assert audit_folder(world.path, against=[final]).ok
    with raw(world) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 1
    db.close()
    world.reopen()
    with raw(world) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 2
        assert sorted(db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema")) == sorted(SCHEMA)
    db.close()
    assert world.ledger.size() == size and audit_folder(world.path, against=[final]).ok
    world.deliver(name="b.mp3")


def test_a_first_version_with_a_changed_schema_is_refused(world: World) -> None:
    world.ledger.close()
    with raw(world) as db:
        db.execute("PRAGMA user_version = 1")
    db.close()
    with pytest.raises(ConsentRefusedError, match=r"^ledger-schema-changed:"):
        Ledger.open(world.path, now=world.clock)


def test_the_audit_says_how_far_it_is(long: World) -> None:
    told: list[tuple[int, int]] = []
    report = long.ledger.audit(progress=lambda done, total: told.append((done, total)))
    assert report.ok and report.size == ENTRIES
    assert told[0] == (0, ENTRIES) and told[-1] == (ENTRIES, ENTRIES) and told == sorted(told)


def test_the_audit_ignores_a_lying_snapshot(long: World) -> None:
    """Whoever has the operator's key can sign one for other bytes; the audit reads the entries themselves."""
    key = long.ledger.operator_signing_key()
    with Attack(long) as db:
        db.execute("UPDATE entry SET envelope = CAST(envelope || ' ' AS BLOB) WHERE seq = 300")
    snapshot = read_snapshot(stored_snapshot(long), long.ledger.id, key.public)
    assert snapshot is not None
    with sqlite3.connect(long.path / "ledger.db") as db:
        content = list(snapshot.content)
        content[1] = _content(Session(db).block(BLOCK, 2 * BLOCK))[0]  # type: ignore[arg-type]
    db.close()
    lie = type(snapshot)(**{**snapshot.__dict__, "content": tuple(content)})
    store_snapshot(long, make_snapshot(long.ledger.id, lie, key))
    report = audit_folder(long.path)
    assert "ledger-tampered" in {item.reason for item in report.findings}


@pytest.mark.parametrize("cosigned", [False, True])
def test_a_note_of_another_size_is_named_with_both(long: World, cosigned: bool) -> None:
    """A note kept elsewhere by hand: agreeing, ahead of the ledger, and of another history."""
    key, origin, leaves = long.ledger.operator_signing_key(), long.ledger.origin, long.ledger._chain.leaves
    notes = {
        "agrees": Checkpoint(origin, 300, leaves.root(300)),
        "ledger-rolled-back": Checkpoint(origin, 9_000, bytes(32)),
        "ledger-forked": Checkpoint(origin, 301, leaves.root(300)),
    }
    for reason, head in notes.items():
        path = long.folder / f"{reason}.note"
        note = sign_checkpoint(head, key)
        if cosigned:  # a witness adds a line of its own; it is skipped where nobody asks for it
            note += b"\xe2\x80\x94 witness.example " + base64.b64encode(bytes(4 + 8 + 64)) + b"\n"
        path.write_bytes(note)
        found = {item.reason: item.text for item in audit_folder(long.path, against=[path]).findings}
        assert str(head.size) in found[reason] and str(ENTRIES) in found[reason], found
