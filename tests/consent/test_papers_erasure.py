"""Erasure: the bytes are gone from the files, and every proof is as valid as before."""

from __future__ import annotations

import json
import random
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from consent import InvalidInputError, Ledger, UsageError, verify_file
from consent.envelope import Envelope
from consent.persons import Person, named_in
from consent.statements import Erasure, parse_statement
from consent.store import Store
from tests.consent.world import SPEAKER, World, draft

NAME, CONTACT = "Ada Example", "ada@example.org"


def with_contact(world: World, **subject: object):
    made = draft(world.folder, renders=1_000, seconds=100_000)
    return replace(made, data={**made.data, "subject": {"name": NAME, "contact": CONTACT, **subject}})


def traces(world: World, *needles: bytes) -> list[str]:
    """Files of the ledger in which any of the needles occurs, as raw bytes."""
    return [
        f"{path.name}: {needle[:20]!r}"
        for path in sorted(world.path.rglob("*"))
        if path.is_file()
        for needle in needles
        if needle in path.read_bytes()
    ]


def salts(world: World) -> list[bytes]:
    db = sqlite3.connect(world.path / "ledger.db")
    rows = db.execute("SELECT salt FROM salt").fetchall()
    side = [json.loads(row[0]) for row in db.execute("SELECT value FROM side WHERE kind = 'person'")]
    db.close()
    return [row[0] for row in rows] + [item["salt"].encode() for item in side]


def test_names_and_salts_are_gone_from_the_bytes_and_all_proofs_stand(world: World) -> None:
    grant = world.ledger.add_grant(with_contact(world), SPEAKER)
    other = world.grant(None, territories='["DE"]')
    commitments, delivered = [], []
    # Enough rows that pages split and rows move: deletion alone would leave copies between them.
    for number in range(40):
        commitments.append(world.ledger.commit_text(f"sentence {number}"))
        permit = world.request(grant=grant, text_commit=commitments[-1])
        receipt, tmp = world.render(permit, name=f"{number}.mp3", content=b"sound %d" % number)
        final = world.folder / "ada-example-out" / f"{number}.mp3"
        world.ledger.deliver(receipt, {tmp: final})
        delivered.append(final)
    assert world.ledger.text_matches(commitments[0], "sentence 0") is True
    assert world.ledger.person(grant).contact == CONTACT
    others = world.ledger.person(other).salt.encode()
    mine = [item for item in salts(world) if item != others]
    assert len(mine) == 41
    needles = [NAME.encode(), CONTACT.encode(), b"ada-example-out", *mine]
    before = traces(world, *needles)
    assert len(before) >= len(needles), "the search itself finds what is there"

    planned = world.ledger.erase_subject(SPEAKER.public.did, dry_run=True)
    assert traces(world, *needles) == before and planned.entries == ()
    assert (planned.names, planned.salts, planned.deliveries) == (1, 40, 40)
    assert planned.active == (grant,)
    report = world.ledger.erase_subject(SPEAKER.public.did)
    # The other grant's person has the same name and was not asked about.
    assert traces(world, *[n for n in needles if n != NAME.encode()]) == []
    assert world.ledger.person(other).name == NAME
    world.ledger.erase_subject(other[:16])
    assert traces(world, NAME.encode()) == []

    audit = world.ledger.audit(delivered)
    assert audit.ok, audit.text()
    assert all(verify_file(path).ok for path in delivered)
    assert world.ledger.text_matches(commitments[0], "sentence 0") is None
    assert world.ledger.person(grant) is None
    assert {item.state for item in world.ledger.affected(grant)} == {"unknown"}
    _seq, _time, data = world.ledger.entry(report.entries[0])
    statement = parse_statement(Envelope.parse(data), Erasure)
    assert set(statement.commitments) >= set(commitments) and statement.items == 81
    # No grant was revoked by it, and the ledger goes on.
    assert world.ledger.balance(grant).state == "active"
    world.reopen()
    assert verify_file(world.deliver(permit=world.request(grant=grant), name="after.mp3")).ok


def test_erasing_again_finds_nothing_and_writes_nothing(world: World) -> None:
    world.ledger.add_grant(with_contact(world), SPEAKER)
    world.ledger.erase_subject(NAME)
    size = world.ledger.size()
    again = world.ledger.erase_subject(SPEAKER.public.did)
    assert (again.items, again.entries, world.ledger.size()) == (0, (), size)
    with pytest.raises(UsageError):
        world.ledger.erase_subject(NAME)


def test_many_commitments_take_several_statements(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consent.subjects._COMMITMENTS", 3)
    grant = world.ledger.add_grant(with_contact(world), SPEAKER)
    for number in range(6):
        text = world.ledger.commit_text(str(number))
        world.ledger.abort(world.request(grant=grant, text_commit=text), "cancelled")
    report = world.ledger.erase_subject(NAME)
    assert len(report.entries) == 3 and report.items == 7
    assert world.ledger.audit().ok


def test_a_name_that_opens_nothing_is_not_shown(world: World) -> None:
    """Side tables are outside the tree: whoever changes one cannot put another name under a grant."""
    grant = world.ledger.add_grant(with_contact(world), SPEAKER)
    db = sqlite3.connect(world.path / "ledger.db")
    db.execute("UPDATE side SET value = ? WHERE kind = 'person'", (Person.of("Mallory").to_bytes(),))
    db.commit()
    db.close()
    with Ledger.open(world.path, now=world.clock) as ledger:
        assert ledger.person(grant) is None and ledger.audit().ok


@pytest.mark.parametrize("field", ["intended_use", "credit"])
def test_a_name_is_not_signed_by_accident(world: World, field: str) -> None:
    made = with_contact(world)
    text = f"{made.data['intended_use']} By ADA  example." if field == "intended_use" else f"Voice: {NAME}"
    data = {**made.data, field: text} if field == "intended_use" else {**made.data, "disclosure": {"credit": text}}
    with pytest.raises(InvalidInputError, match="can never be erased"):
        world.ledger.add_grant(replace(made, data=data), SPEAKER)
    named = {**data, "subject": {**data["subject"], "public_name": True}}
    assert world.ledger.add_grant(replace(made, data=named), SPEAKER)


def test_names_are_whole_words() -> None:
    assert list(named_in("Al", {"a": "Alice", "b": ["x", "for AL."]})) == ["b[1]"]


@pytest.mark.parametrize(
    ("subject", "problem"),
    [({"name": 3}, "must be text"), ({"contact": "x"}, "kept with a name"), ({"name": "a\u202eb"}, "text-direction")],
)
def test_drafts_with_bad_names(world: World, subject: dict[str, object], problem: str) -> None:
    made = draft(world.folder)
    with pytest.raises(InvalidInputError, match=problem):
        world.ledger.add_grant(replace(made, data={**made.data, "subject": subject}), SPEAKER)


def test_no_journal_is_left(world: World) -> None:
    world.ledger.add_grant(with_contact(world), SPEAKER)
    world.ledger.erase_subject(NAME)
    assert [path.name for path in Path(world.path).glob("ledger.db*")] == ["ledger.db"]


def test_nothing_is_left_between_the_pages(tmp_path: Path) -> None:
    """Rows move when pages split, and SQLite's `secure_delete` leaves the copies (seen with 3.40): hence VACUUM."""
    tmp_path.chmod(0o700)
    chance, left_before = random.Random(1), 0
    for trial in range(12):
        store = Store(tmp_path / f"{trial}.db")
        store.create()
        db = sqlite3.connect(store.path, isolation_level=None)
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA synchronous = OFF")
        rows = [
            (f"{chance.getrandbits(256):064x}", b"NAME%04d@" % i + b"x" * chance.randrange(10, 300))
            for i in range(chance.randrange(40, 200))
        ]
        for row in rows:
            db.execute("INSERT INTO side VALUES ('person', ?, ?)", row)
        gone = rows[: len(rows) // 2]
        for name, _value in gone:
            db.execute("DELETE FROM side WHERE name = ?", (name,))
        db.close()
        before = store.path.read_bytes()
        left_before += sum(value[:9] in before or name.encode() in before for name, value in gone)
        store.vacuum()
        after = store.path.read_bytes()
        assert not any(value[:9] in after or name.encode() in after for name, value in gone)
        assert all(value in after for _name, value in rows[len(gone) :])
    print(f"SQLite {sqlite3.sqlite_version}: copies that deleting alone left: {left_before}")
