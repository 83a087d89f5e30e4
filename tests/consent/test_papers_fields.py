"""Fields of a grant that a machine can hold somebody to, and grants of earlier versions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from consent import ConsentRefusedError, InvalidInputError, Output, SigningKey, verify_file
from consent.envelope import Envelope
from consent.policy import check_disclosure
from consent.statements import Disclosure, Grant, RenderReceipt, parse_statement
from consent.verifier import verify_bytes
from tests.consent import vectors
from tests.consent.world import SPEAKER, World, draft

GOLDEN = vectors.FOLDER


def marked(world: World, **disclosure: object) -> str:
    made = draft(world.folder)
    return world.ledger.add_grant(replace(made, data={**made.data, "disclosure": disclosure}), SPEAKER)


def finish(world: World, marks: tuple[str, ...]) -> Path:
    permit = world.request()
    tmp = world.folder / "a.part"
    tmp.write_bytes(b"sound")
    receipt = world.ledger.complete(permit, [Output(tmp, "a.mp3", "2" * 64, 9_500)], marks=marks)
    world.ledger.deliver(receipt, {tmp: world.folder / "a.mp3"})
    return world.folder / "a.mp3"


@pytest.mark.parametrize(
    ("disclosure", "good", "bad"),
    [
        ({"watermark": True}, ("watermark",), ("audible",)),
        ({"audible": "always"}, ("audible", "metadata"), ("metadata",)),
        ({"audible": "never"}, (), ("audible",)),
    ],
)
def test_demanded_marks_are_demanded(
    world: World, disclosure: dict[str, object], good: tuple[str, ...], bad: tuple[str, ...]
) -> None:
    marked(world, **disclosure)
    with pytest.raises(ConsentRefusedError) as caught:
        finish(world, bad)
    assert caught.value.reason == "disclosure-unmet"
    assert not (world.folder / "a.mp3").exists()
    found = verify_file(finish(world, good))
    assert found.ok, found.text()


def test_no_mark_is_demanded_where_policy_decides() -> None:
    for marks in ((), ("audible",), ("watermark", "metadata")):
        assert check_disclosure(Disclosure(True, False, "policy"), marks) is None


def test_unknown_marks_are_refused(world: World) -> None:
    world.grant()
    with pytest.raises(InvalidInputError, match="none of"):
        finish(world, ("stamp",))


def test_the_verifier_sees_a_missing_mark(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator who cuts the demand out of the gate is still found by anybody with the file."""
    marked(world, watermark=True)
    monkeypatch.setattr("consent.ledger.check_disclosure", lambda _disclosure, _marks: None)
    found = verify_file(finish(world, ()))
    assert (found.records.ok, found.use.ok) == (True, False)
    assert "disclosure-unmet" in found.use.problems[0]


def test_a_minors_grant_is_signed_by_the_guardian(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    guardian = SigningKey.from_seed(b"g" * 32)
    made = draft(world.folder)
    minor = replace(made, data={**made.data, "subject": {"adult": False, "guardian_key": guardian.public.did}})
    with pytest.raises(InvalidInputError, match="guardian"):
        world.ledger.add_grant(minor, SPEAKER)
    with pytest.raises(InvalidInputError, match="guardian"):
        world.ledger.add_grant(minor, SPEAKER, guardian=SigningKey.generate())
    digest = world.ledger.add_grant(minor, SPEAKER, guardian=guardian)
    assert verify_file(world.deliver(name="signed.mp3")).ok
    assert world.ledger.revoke(digest, key=guardian)
    monkeypatch.setattr("consent.grants.guardian_missing", lambda _grant, _envelope: False)
    world.ledger.add_grant(minor, SPEAKER)
    found = verify_file(world.deliver(name="unsigned.mp3"))
    assert (found.records.ok, found.use.ok) == (True, False)
    assert "guardian's signature" in found.use.problems[0]


# what earlier versions signed


def test_the_vectors_are_made_from_their_seeds() -> None:
    """The stored files were written before `marks` and the guardian's rule came: formats did not change."""
    for name, data in vectors.files().items():
        assert (GOLDEN / name).read_bytes() == data, name


def test_old_grants_and_receipts_still_parse_and_keep_their_names() -> None:
    digests = json.loads((GOLDEN / "digests.json").read_text())
    for place, line in enumerate((GOLDEN / "entries.jsonl").read_bytes().splitlines()):
        envelope = Envelope.parse(line)
        statement = parse_statement(envelope)
        assert statement.digest == envelope.digest == digests["entries"][place]
        if isinstance(statement, RenderReceipt):
            assert statement.marks == () and b"marks" not in envelope.payload
    assert isinstance(parse_statement(Envelope.parse((GOLDEN / "entries.jsonl").read_bytes().splitlines()[1])), Grant)


@pytest.mark.parametrize("case", json.loads((GOLDEN / "cases.json").read_text()), ids=lambda case: case["name"])
def test_vectors_get_their_verdicts(case: dict[str, str]) -> None:
    digest = vectors.hashlib.sha256(bytes.fromhex(case["file_hex"])).hexdigest()
    found = verify_bytes(case["proof"].encode(), digest, name=case["name"])
    assert (found.records.word, found.use.word) == (case["records"], case["use"])


def test_an_old_file_verifies_from_disk() -> None:
    assert verify_file(GOLDEN / "good.wav").ok
