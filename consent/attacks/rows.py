"""A1 and A2: bytes changed in a stored ledger; entries deleted, swapped, doubled, put in.

Every change is made with SQL in the database and judged by the very verification that opening a ledger runs. So
that a hundred thousand changes can be tried, most are made inside one long transaction and rolled back; a sample
is made in the file on disk and judged by opening the ledger whole.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..keys import SigningKey
from ..ledger import Ledger
from ..store import Session, Store
from .lab import Attack, Lab, reason_of
from .world import SPEAKER, START, Clock, World, copy_ledger, opened, rewritten

__all__ = ["ATTACKS", "Judge"]

COLUMNS = ("envelope", "seq", "kind", "digest", "time", "leaf")
SIZE = 50
LATER = START + 100_000
_TAMPERED = ("ledger-tampered", "ledger-index-tampered", "ledger-time-tampered", "checkpoint-invalid")
_BY_DATABASE = "refused by the database"
Change = tuple[str, tuple[Any, ...]]


class _Scratch(Store):
    """A database in one long transaction without triggers: changed, read, rolled back."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._database = self._connect()
        self.db = self._database.conn
        self.db.execute("PRAGMA synchronous = OFF")
        self.db.execute("BEGIN IMMEDIATE")
        for (name,) in self.db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            self.db.execute(f"DROP TRIGGER {name}")

    @contextmanager
    def session(self, *, write: bool) -> Iterator[Session]:
        """What an opening reads, without opening the file anew."""
        yield Session(self._database)


class Judge:
    """A ledger opened for reading whose rows are changed, judged and put back.

    Parameters
    ----------
    world : World
        Whose ledger; a copy of it is used.
    name : str
        Of the copy.
    """

    def __init__(self, world: World, name: str = "reading") -> None:
        # With the operator's key locked away the ledger opens for reading; refusals are then not written down,
        # which would be four flushes to disk for each of a hundred thousand cases.
        path = copy_ledger(world, world.folder / name)
        key = path / "keys" / "operator.key"
        operator = SigningKey.load(key)
        key.unlink()
        operator.save(key, b"locked away")
        self.ledger = Ledger.open(path, now=Clock(LATER))
        scratch = _Scratch(path / "ledger.db")
        self.db = scratch.db
        self.ledger._store = scratch
        self.rows = self.db.execute(f"SELECT {', '.join(COLUMNS)} FROM entry ORDER BY seq").fetchall()
        self.size, self.note = self.db.execute("SELECT size, note FROM checkpoint").fetchone()

    def answer(self, *changes: Change) -> str:
        """What the verification says after these changes; 'accepted' when it says nothing."""
        self.db.execute("SAVEPOINT attack")
        try:
            for sql, values in changes:
                self.db.execute(sql, values)
            # A refusal makes the ledger forget what it has verified: the next case starts from nothing.
            self.ledger.size()
        except sqlite3.IntegrityError:
            return _BY_DATABASE
        except Exception as exc:  # judged, not hidden
            return reason_of(exc)
        finally:
            self.db.execute("ROLLBACK TO attack")
            self.db.execute("RELEASE attack")
        return "accepted"

    def values(self, seq: int) -> Iterator[tuple[str, Any]]:
        """Column names and values of one row."""
        yield from zip(COLUMNS, self.rows[seq], strict=True)

    def close(self) -> None:
        """Let go of the copy."""
        self.db.execute("ROLLBACK")
        self.db.close()
        self.ledger.close()


def flip(column: str, seq: int, value: Any, place: int, bit: int) -> Change:
    """The SQL that flips one bit of one byte of a column."""
    table, key = ("checkpoint", "size") if column in ("note", "size") else ("entry", "seq")
    cast = "CAST(? AS TEXT)" if isinstance(value, str) else "?"
    if isinstance(value, int):
        number = value ^ (1 << (place * 8 + bit))
        wrong: Any = number - (1 << 64) if number >= 1 << 63 else number
    else:
        data = bytearray(value.encode() if isinstance(value, str) else value)
        data[place] ^= 1 << bit
        wrong = bytes(data)
    return f"UPDATE {table} SET {column} = {cast} WHERE {key} = ?", (wrong, seq)


def length(value: Any) -> int:
    """Bytes of a column's value; an integer has the eight that SQLite can store."""
    return 8 if isinstance(value, int) else len(value.encode() if isinstance(value, str) else value)


def byte_flips(lab: Lab) -> None:
    """A1."""
    world = lab.world()
    world.fill(SIZE)
    world.ledger.close()
    judge = Judge(world)
    lab.holds("control", "the untouched rows", lambda: judge.answer() == "accepted", "accepted")
    step = 41 if lab.quick else 1
    counts: dict[str, Counter[str]] = {column: Counter() for column in (*COLUMNS, "note", "size")}
    lines, count = [], 0

    def tried(column: str, seq: int, value: Any) -> None:
        nonlocal count
        for place in range(length(value)):
            count += 1
            if column not in ("note", "size") and count % step:
                continue
            bit = lab.rng.randrange(8)
            counts[column][judge.answer(flip(column, seq, value, place, bit))] += 1
            lines.append(json.dumps({"column": column, "key": seq, "byte": place, "bit": bit}))

    for seq in range(len(judge.rows)):
        for column, value in judge.values(seq):
            tried(column, seq, value)
    tried("note", judge.size, judge.note)
    tried("size", judge.size, judge.size)
    for column, seen in counts.items():
        done = f"one bit of every byte of the column {column} flipped, in each of {SIZE} entries"
        lab.tally(f"flip {column}", done, seen, *_TAMPERED, _BY_DATABASE)
    lab.note(f"{len(lines)} of {count} bytes flipped, each judged by the verification that opening runs")
    lab.keep("ledger", world.path)
    lab.keep("ledger.highwater", world.note.parent)
    lab.keep("flips.jsonl", ("\n".join(lines) + "\n").encode())
    _warm(lab, judge)
    judge.close()
    _on_disk(lab, world, judge, 24 if lab.quick else 400)
    if not lab.quick:
        long = lab.world("long")
        long.fill(600)
        long.reopen()
        long.ledger.close()
        judge = Judge(long)
        judge.close()
        _on_disk(lab, long, judge, 150)


def _warm(lab: Lab, judge: Judge) -> None:
    """The same for a program that has verified the ledger before and looks again."""
    seen: Counter[str] = Counter()
    for _turn in range(40 if lab.quick else 1_000):
        if judge.answer() != "accepted":
            seen["an untouched ledger was refused"] += 1
        seq = lab.rng.randrange(len(judge.rows))
        column, value = lab.rng.choice(list(judge.values(seq)))
        change = flip(column, seq, value, lab.rng.randrange(length(value)), lab.rng.randrange(8))
        seen[judge.answer(change)] += 1
    done = "one bit flipped under a program that had verified the ledger a moment before"
    lab.tally("flip under a running program", done, seen, *_TAMPERED, "ledger-forked", _BY_DATABASE)


def _on_disk(lab: Lab, world: World, judge: Judge, turns: int) -> None:
    """A sample of the same flips in the file, each judged by `Ledger.open`."""
    size = len(judge.rows)
    path = copy_ledger(world, lab.folder / f"disk-{size}")
    good = (path / "ledger.db").read_bytes()
    lab.control(f"the copy of {size} entries on disk", lambda: opened(path, LATER))
    seen: Counter[str] = Counter()
    for turn in range(turns):
        seq = lab.rng.randrange(size)
        column = COLUMNS[turn % len(COLUMNS)]
        value = dict(judge.values(seq))[column]
        change = flip(column, seq, value, lab.rng.randrange(length(value)), lab.rng.randrange(8))
        try:
            with rewritten(path) as db:
                db.execute(*change)
            opened(path, LATER)
            answer = "accepted"
        except sqlite3.IntegrityError:
            answer = _BY_DATABASE
        except Exception as exc:  # judged
            answer = reason_of(exc)
        seen[answer] += 1
        if turn < 12 and size == SIZE:
            lab.keep(f"on-disk/{turn:02d}-{column}/ledger.db", path / "ledger.db")
        (path / "ledger.db").write_bytes(good)
    done = f"one bit flipped in the database file of {size} entries, then the ledger opened whole"
    lab.tally(f"flip on disk, {size} entries", done, seen, *_TAMPERED, _BY_DATABASE)
    lab.note(f"{turns} flips in the file of {size} entries, each judged by Ledger.open")


def stray(world: World) -> tuple[Any, ...]:
    """A true statement of this ledger's speaker that was never appended: a revocation kept in a drawer."""
    envelope = world.ledger.make_revocation(world.ledger.grants()[0].digest, SPEAKER)
    payload = base64.b64decode(json.loads(envelope)["payload"])
    body = json.loads(payload)
    leaf = hashlib.sha256(b"\x00" + envelope).digest()
    return body["kind"], hashlib.sha256(payload).hexdigest(), body["time"], leaf, envelope


def _delete(seq: int) -> list[Change]:
    return [("DELETE FROM entry WHERE seq = ?", (seq,))]


def _close(seq: int) -> list[Change]:
    return [
        ("UPDATE entry SET seq = -seq WHERE seq > ?", (seq,)),
        ("UPDATE entry SET seq = -seq - 1 WHERE seq < 0", ()),
    ]


def _make_room(seq: int) -> list[Change]:
    return [
        ("UPDATE entry SET seq = -seq - 1 WHERE seq >= ?", (seq,)),
        ("UPDATE entry SET seq = -seq WHERE seq < 0", ()),
    ]


def _swap(seq: int) -> list[Change]:
    sql = "UPDATE entry SET seq = ? WHERE seq = ?"
    return [(sql, (-9, seq)), (sql, (seq, seq + 1)), (sql, (seq + 1, -9))]


def _double(seq: int, where: int) -> list[Change]:
    source = seq if seq < where else seq + 1
    copied = "SELECT ?, kind, digest || 'x', time, leaf, envelope FROM entry WHERE seq = ?"
    return [*_make_room(where), (f"INSERT INTO entry {copied}", (where, source))]


def _put_in(where: int, row: Sequence[Any]) -> list[Change]:
    return [*_make_room(where), ("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", (where, *row))]


_GROWN: Change = ("UPDATE checkpoint SET size = size + 1", ())


def shuffles(lab: Lab) -> None:
    """A2."""
    world = lab.world()
    world.fill(SIZE)
    extra = stray(world)
    world.ledger.close()
    judge = Judge(world)
    answer, size = judge.answer, len(judge.rows)
    lab.holds("control", "the untouched rows", lambda: answer() == "accepted", "accepted")
    seen: dict[str, Counter[str]] = {name: Counter() for name in ("gap", "closed", "swap", "double", "insert", "tail")}
    for seq in range(size):
        seen["gap"][answer(*_delete(seq))] += 1
        seen["closed"][answer(*_delete(seq), *_close(seq))] += 1
        seen["double"][answer(*_double(seq, seq + 1))] += 1
        seen["double"][answer(*_double(seq, size), _GROWN)] += 1
        if seq:
            seen["swap"][answer(*_swap(seq - 1))] += 1
            cut: Change = ("DELETE FROM entry WHERE seq >= ?", (seq,))
            seen["tail"][answer(cut)] += 1
            seen["tail"][answer(cut, ("UPDATE checkpoint SET size = ?", (seq,)))] += 1
    for where in range(size + 1):
        seen["insert"][answer(*_put_in(where, extra))] += 1
        seen["insert"][answer(*_put_in(where, extra), _GROWN)] += 1
    for name, done in {
        "gap": "each entry deleted",
        "closed": "each entry deleted and the later ones renumbered",
        "swap": "each pair of neighbours swapped",
        "double": "each entry doubled, beside itself and at the end",
        "insert": "a validly signed statement put in at each place, with and without a new size of the tree head",
        "tail": "the newest entries cut off, all lengths, with and without a new size of the tree head",
    }.items():
        lab.tally(name, done, seen[name], *_TAMPERED, "ledger-rolled-back")
    judge.close()
    _shuffled_on_disk(lab, world, extra)


def _shuffled_on_disk(lab: Lab, world: World, extra: Sequence[Any]) -> None:
    path = copy_ledger(world, lab.folder / "disk")
    good = (path / "ledger.db").read_bytes()
    copied = "UPDATE entry SET envelope = (SELECT envelope FROM entry WHERE seq = 8) WHERE seq = 7"
    cases: dict[str, list[Change]] = {
        "delete": _delete(7),
        "delete and close": [*_delete(7), *_close(7)],
        "swap": _swap(7),
        "double": _double(7, SIZE),
        "insert": _put_in(SIZE, extra),
        "insert and grow": [*_put_in(20, extra), _GROWN],
        "one entry over another": [(copied, ())],
        "truncate": [*_delete(SIZE - 1), ("UPDATE checkpoint SET size = size - 1", ())],
        "no tree head": [("DELETE FROM checkpoint", ())],
        "two tree heads": [("INSERT INTO checkpoint SELECT size - 1, note FROM checkpoint", ())],
        "no entries": [("DELETE FROM entry", ())],
    }
    for case, changes in cases.items():
        with rewritten(path) as db:
            for sql, values in changes:
                db.execute(sql, values)
        lab.refused(
            f"{case} on disk",
            "; ".join(sql for sql, _values in changes),
            lambda: opened(path, LATER),
            *_TAMPERED,
            "ledger-rolled-back",
            files={"ledger": path},
        )
        (path / "ledger.db").write_bytes(good)
    _triggers(lab, path)
    lab.control("put back", lambda: opened(path, LATER))


def _triggers(lab: Lab, path: Path) -> None:
    """The seat belt: an honest program that goes wrong is stopped by the database itself."""
    for sql in ("UPDATE entry SET time = 0", "DELETE FROM entry", "INSERT OR REPLACE INTO entry SELECT * FROM entry"):
        db = sqlite3.connect(path / "ledger.db", isolation_level=None)
        stopped = False
        try:
            db.execute(sql)
        except sqlite3.IntegrityError:
            stopped = True
        finally:
            db.close()
        lab.holds(f"trigger {sql[:6]}", sql, lambda stopped=stopped: stopped, "stopped by a trigger")  # type: ignore[misc]


ATTACKS = (
    Attack(
        "A1",
        "any byte of any stored column changed",
        "Found when the ledger is opened: the tree follows from the stored bytes, the columns from the statements.",
        byte_flips,
        ("side tables (salts, paths, locks) are outside the tree by design",),
    ),
    Attack(
        "A2",
        "entries deleted, swapped, doubled, put in",
        "Found when the ledger is opened: numbers without gaps, a root over all entries, a signed size.",
        shuffles,
    ),
)
