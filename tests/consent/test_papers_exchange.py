"""Records for data protection officers, and a voice with its grant on its way to another machine or studio."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from consent import ConsentRefusedError, InvalidInputError, Ledger, UsageError, read_draft
from consent._cli import main
from consent.audit import renew_high_water
from consent.consent_record import record_schema
from consent.exchange import draft_from
from consent.voicegrant import read_voicegrant
from tests.consent.test_papers_page import full
from tests.consent.vectors import ada
from tests.consent.world import DAY, RELEASE, SPEAKER, STRANGER, World, draft

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed; records were not validated")


def validate(record: dict) -> None:
    jsonschema.Draft202012Validator.check_schema(record_schema())
    jsonschema.Draft202012Validator(record_schema()).validate(record)


def states(record: dict) -> list[str]:
    return [item["event_state"].removeprefix("dpv:Consent") for item in record["events"]]


# records


def test_a_record_has_the_four_sections_and_the_grants_own_words(world: World) -> None:
    digest = world.grant(recheck=0)
    record = world.ledger.consent_record(digest)
    validate(record)
    assert {"header", "processing", "parties", "events"} <= set(record)
    assert record["header"]["record_id"] == f"urn:sha256:{digest}"
    assert record["processing"]["withdrawal_method"]["how"] == "Tell the operator."
    assert record["processing"]["geographic_restrictions"] == ["DE", "US"]
    assert [item["party_role"] for item in record["parties"]] == ["dpv:DataController", "dpv:DataSubject"]
    assert record["parties"][1]["party_name"] == "Ada Example"
    assert states(record) == ["Given"]
    assert record["events"][0]["entity_id"] == SPEAKER.public.did


def test_withdrawn_revoked_and_expired_are_events(world: World) -> None:
    first, second = world.grant(), world.grant(None)
    world.ledger.revoke(first, key=SPEAKER)
    world.ledger.revoke(second)
    world.clock.time += 200 * DAY
    one, two = world.ledger.consent_record(first), world.ledger.consent_record(second)
    for record in (one, two):
        validate(record)
    assert states(one) == ["Given", "Withdrawn", "Expired"]
    assert states(two) == ["Given", "Revoked", "Expired"]
    assert two["events"][0]["dpv:hasIndicationMethod"] == ["attested by the operator"]


def test_a_name_leaves_the_record_when_it_is_erased(world: World) -> None:
    digest = world.grant()
    world.ledger.erase_subject(SPEAKER.public.did)
    record = world.ledger.consent_record(digest)
    validate(record)
    assert "Ada Example" not in json.dumps(record)


def test_a_house_voice_claims_no_consent(world: World) -> None:
    _record, grant = world.house()
    record = world.ledger.consent_record(grant)
    validate(record)
    assert states(record) == ["Unknown"] and record["processing"]["pii_information"] == []
    assert record["processing"]["lawful_basis"]["@type"] == "dpv:NotApplicable"


@pytest.mark.parametrize("section", ["header", "processing", "parties", "events", "signed_grant"])
def test_the_schema_misses_what_is_missing(world: World, section: str) -> None:
    record = world.ledger.consent_record(world.grant())
    del record[section]
    with pytest.raises(jsonschema.ValidationError):
        validate(record)


# export and import


@pytest.fixture
def other(tmp_path: Path, world: World) -> Ledger:
    return Ledger.init(tmp_path / "other", operator_name="Other Press", now=world.clock)


def granted(world: World, recipients: list[str]) -> str:
    made = draft(world.folder, renders=10)
    return world.ledger.add_grant(replace(made, data={**made.data, "recipients": recipients}), SPEAKER)


def test_the_same_ledger_takes_its_grant_back(world: World, tmp_path: Path) -> None:
    digest = world.grant()
    blob = tmp_path / "ada.sealed"
    blob.write_bytes(bytes(range(256)) * 5_000)
    world.ledger.export_grant(digest, tmp_path / "ada.voicegrant", blob=blob)
    world.render()
    taken = world.ledger.import_grant(tmp_path / "ada.voicegrant", blob_to=tmp_path / "back.sealed")
    assert taken.here and taken.draft == "" and taken.found.grant.voice == "ada"
    assert (tmp_path / "back.sealed").read_bytes() == blob.read_bytes()
    with pytest.raises(InvalidInputError, match="exists already"):
        world.ledger.export_grant(digest, tmp_path / "ada.voicegrant")


def test_replay_into_another_ledger_is_refused_every_way(world: World, other: Ledger, tmp_path: Path) -> None:
    """A grant in two ledgers would double its budgets and halve its withdrawal."""
    digest = granted(world, [other.operator.did])
    file = tmp_path / "ada.voicegrant"
    world.ledger.export_grant(digest, file, to=other.operator.did)
    taken = other.import_grant(file)
    assert not taken.here and other.size() == 1 and other.grants() == ()
    with pytest.raises(InvalidInputError):
        other.add_statement(taken.found.envelope.to_bytes())
    same_key = replace(taken.found.grant, grantee=other.operator_party())
    with pytest.raises(InvalidInputError, match="another ledger"):
        other.add_statement(same_key.sign(SPEAKER).to_bytes())
    assert other.size() == 1


def test_the_draft_is_ready_for_the_speakers_new_signature(world: World, other: Ledger, tmp_path: Path) -> None:
    digest = granted(world, [other.operator.did])
    world.ledger.export_grant(digest, tmp_path / "ada.voicegrant", to=other.operator.did)
    taken = other.import_grant(tmp_path / "ada.voicegrant")
    (tmp_path / "new.toml").write_text(taken.draft, encoding="utf-8")
    made = read_draft(tmp_path / "new.toml")
    with pytest.raises(InvalidInputError, match="not the key that signs"):
        other.add_grant(made, STRANGER)
    new = other.add_grant(made, SPEAKER)
    old, fresh = taken.found.grant, other.grants()[0]
    assert (fresh.digest, fresh.state, fresh.scope, fresh.not_after) == (
        new, "active", old.scope, old.validity.not_after,
    )  # fmt: skip
    assert fresh.intended_use == old.intended_use


@pytest.mark.parametrize("grant", [ada(), replace(full(), subject=ada().subject)], ids=["ordinary", "full"])
def test_drafts_keep_every_term(grant, tmp_path: Path, other: Ledger) -> None:
    (tmp_path / "x.toml").write_text(draft_from(grant), encoding="utf-8")
    made = read_draft(tmp_path / "x.toml").build(ledger=other.id, operator=other.operator_party(), now=grant.time)
    for name in (
        "voice", "basis", "intended_use", "scope", "weights", "references", "retention", "withdrawal", "disclosure",
        "notice",
    ):  # fmt: skip
        assert getattr(made.grant, name) == getattr(grant, name), name
    assert made.grant.subject.key == grant.subject.key
    assert made.grant.validity.not_after == grant.validity.not_after


def test_only_named_recipients_get_it(world: World, other: Ledger, tmp_path: Path) -> None:
    plain, named = world.grant(), granted(world, [other.operator.did])
    with pytest.raises(ConsentRefusedError) as caught:
        world.ledger.export_grant(plain, tmp_path / "no.voicegrant", to=other.operator.did)
    assert caught.value.reason == "recipient-not-granted" and not (tmp_path / "no.voicegrant").exists()
    world.ledger.export_grant(plain, tmp_path / "own.voicegrant")
    world.ledger.export_grant(named, tmp_path / "third.voicegrant")
    for file in ("own", "third"):
        with pytest.raises(ConsentRefusedError) as caught:
            other.import_grant(tmp_path / f"{file}.voicegrant")
        assert caught.value.reason == "recipient-not-granted"


def test_ended_grants_do_not_travel(world: World, other: Ledger, tmp_path: Path) -> None:
    digest = granted(world, [other.operator.did])
    world.ledger.export_grant(digest, tmp_path / "a.voicegrant", to=other.operator.did)
    world.ledger.export_grant(digest, tmp_path / "own.voicegrant")
    world.ledger.revoke(digest, key=SPEAKER)
    with pytest.raises(ConsentRefusedError, match="revoked"):
        world.ledger.export_grant(digest, tmp_path / "b.voicegrant", to=other.operator.did)
    with pytest.raises(ConsentRefusedError, match="revoked"):
        world.ledger.import_grant(tmp_path / "own.voicegrant")
    world.clock.time += 200 * DAY
    with pytest.raises(ConsentRefusedError, match="expired"):
        other.import_grant(tmp_path / "a.voicegrant")


def rewrite(file: Path, change: Callable[[dict], None], blob: bytes | None = None) -> Path:
    head, numbers, rest = file.read_bytes().split(b"\n", 2)
    length = int(numbers.split()[0])
    manifest, tail = json.loads(rest[:length]), rest[length:] if blob is None else blob
    change(manifest)
    data = json.dumps(manifest, separators=(",", ":"), ensure_ascii=False).encode()
    file.write_bytes(b"\n".join([head, f"{len(data)} {len(tail)}".encode(), data + tail]))
    return file


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["entries"].pop(0),
        lambda m: m["entries"].pop(),
        lambda m: m["entries"].reverse(),
        lambda m: m["entries"][1].update(index=2),
        lambda m: m["entries"][1]["path"].clear(),
        lambda m: m.update(extra=1),
        lambda m: m.update(checkpoint="x"),
        lambda m: m.update(export=m["entries"][1]["envelope"]),
    ],
)
def test_forged_files_do_not_verify(world: World, tmp_path: Path, change: Callable[[dict], None]) -> None:
    file = tmp_path / "a.voicegrant"
    world.ledger.export_grant(world.grant(), file)
    read_voicegrant(file)
    with pytest.raises(InvalidInputError):
        read_voicegrant(rewrite(file, change))


def test_another_sealed_voice_does_not_pass(world: World, tmp_path: Path) -> None:
    file, blob = tmp_path / "a.voicegrant", tmp_path / "blob"
    blob.write_bytes(b"sealed")
    world.ledger.export_grant(world.grant(), file, blob=blob)
    with pytest.raises(InvalidInputError, match="not the one that was handed out"):
        read_voicegrant(rewrite(file, lambda m: None, b"sealer"))
    with pytest.raises(InvalidInputError, match="not the one"):
        read_voicegrant(rewrite(file, lambda m: None, b""))


@pytest.mark.parametrize("data", [b"", b"x", b"voicekit-voicegrant/1\n", b"voicekit-voicegrant/1\n99999999999 0\n{}"])
def test_other_files_are_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(InvalidInputError):
        read_voicegrant(tmp_path / "x")


def test_an_older_copy_of_the_ledger_notices(world: World, tmp_path: Path) -> None:
    digest = world.grant()
    world.ledger.close()
    shutil.copytree(world.path, tmp_path / "old")
    with Ledger.open(world.path, now=world.clock) as ledger:
        ledger.add_record(world.record(), release_keys=[RELEASE.public])
        ledger.export_grant(digest, tmp_path / "a.voicegrant")
    renew_high_water(tmp_path / "old")
    with Ledger.open(tmp_path / "old", now=world.clock) as older, pytest.raises(ConsentRefusedError) as caught:
        older.import_grant(tmp_path / "a.voicegrant")
    assert caught.value.reason == "ledger-rolled-back"


def test_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        assert main(["init", "--studio", name, "--operator", name, "--quiet"]) == 0
    assert main(["init", "--studio", "one", "--json"]) == 2
    capsys.readouterr()
    assert main(["grant", "--template"]) == 0
    text = capsys.readouterr().out
    two = (tmp_path / "two/ledger/keys/operator.pub").read_text().split()[0]
    text = text.replace('voice = "ada" ', f'recipients = ["{two}"]\nvoice = "ada" ')
    (tmp_path / "ada.toml").write_text(text)
    (tmp_path / "ada.safetensors").write_bytes(b"w")
    SPEAKER.save(tmp_path / "speaker.key")
    assert main(["grant", "ada.toml", "--studio", "one", "--key", "speaker.key", "--json"]) == 0
    digest = json.loads(capsys.readouterr().out)["grant"]
    assert main(["export-record", digest[:8], "--studio", "one", "--out", "record.json"]) == 0
    validate(json.loads((tmp_path / "record.json").read_text()))
    assert main(["export", "--grant", digest[:8], "--studio", "one", "--to", "two/ledger/keys/operator.pub"]) == 0
    assert main(["import", "ada.voicegrant", "--studio", "two", "--draft", "new.toml"]) == 0
    assert "does not count here" in capsys.readouterr().err
    assert main(["grant", "new.toml", "--studio", "two", "--key", "speaker.key"]) == 0
    assert main(["export", "--grant", digest[:8], "--studio", "one", "--to", STRANGER.public.did, "--out", "x"]) == 1
    with pytest.raises(UsageError):
        Ledger.open(tmp_path / "one/ledger").import_grant(tmp_path / "ada.voicegrant", blob_to=tmp_path / "b")
