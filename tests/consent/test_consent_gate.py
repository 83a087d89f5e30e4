"""The gate: every refusal with its own reason, recorded; budgets, time, revocation, records, choice of grant."""

from __future__ import annotations

import json

import pytest

from consent import ALL_CONTENT, ConsentRefusedError, InvalidInputError, Output, Scope, UsageError, Use
from consent.errors import REASONS
from consent.known import add_known, write_minimum_tier
from tests.consent.world import DAY, PARAMS, RELEASE, SPEAKER, START, STRANGER, USE, WIDE, World, draft, weights


def refuses(reason: str):
    return pytest.raises(ConsentRefusedError, match=f"^{reason}:")


def changed(**values: object) -> Use:
    return Use(**{**USE.__dict__, **values})


def last_entry(world: World) -> dict:
    import sqlite3

    with sqlite3.connect(world.path / "ledger.db") as db:
        kind, digest = db.execute("SELECT kind, digest FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
    from consent.envelope import Envelope

    payload = json.loads(Envelope.parse(world.ledger.entry(digest)[2]).payload)
    return {"entry_kind": kind, "digest": digest, **payload}


@pytest.mark.parametrize(
    ("reason", "use"),
    [
        ("mode-not-granted", changed(mode="singing")),
        ("mode-not-granted", changed(mode="conversion")),
        ("purpose-not-granted", changed(purpose="podcast")),
        ("language-not-granted", changed(languages=("en", "de"))),
        ("territory-not-granted", changed(territories=("DE", "FR"))),
        ("territory-not-granted", changed(territories=("001",))),
        ("content-refused", changed(content=("political",))),
        ("title-not-granted", changed(title="Alice 2")),
        ("title-not-granted", changed(title="")),
        ("budget-seconds", changed(seconds=101)),
    ],
)
def test_use_outside_the_scope(world: World, reason: str, use: Use) -> None:
    grant = world.grant()
    size = world.ledger.size()
    with refuses(reason) as caught:
        world.request(use)
    entry = last_entry(world)
    assert world.ledger.size() == size + 1
    assert (entry["entry_kind"], entry["reason"]) == ("render-denied", reason)
    assert caught.value.statements == (grant, entry["digest"])


def test_use_inside_the_scope(world: World) -> None:
    world.grant()
    for use in (USE, changed(languages=("en-GB",)), changed(territories=("US-CA",)), changed(title=" alice ")):
        world.ledger.abort(world.request(use), "cancelled")


def test_no_grant_and_another_voice(world: World) -> None:
    with refuses("no-grant"):
        world.request()
    world.grant()
    with refuses("no-grant"):
        world.request(voice="bob")
    with refuses("no-grant"):
        world.request(grant="f" * 64)


def test_commercial(world: World) -> None:
    world.grant(commercial="false")
    with refuses("commercial-not-granted"):
        world.request()
    world.request(changed(commercial=False))


def test_validity(world: World) -> None:
    world.grant(begin=START + 100, end=START + 200)
    with refuses("not-yet-valid"):
        world.request()
    world.clock.time = START + 100
    world.request()
    world.clock.time = START + 200
    with refuses("expired"):
        world.request()


def test_recheck_interval(world: World) -> None:
    world.grant(recheck=10)
    world.clock.time += 10 * DAY - 1
    world.request()
    world.clock.time += 1
    with refuses("recheck-due"):
        world.request()


def test_weights_changed_by_one_byte(world: World) -> None:
    world.grant()
    with refuses("weights-mismatch"):
        world.request(operands=(weights(content=b"weightz"),))
    with refuses("weights-mismatch"):
        world.request(operands=(weights(), weights("extra", b"extra")))
    with refuses("weights-mismatch"):
        world.request(operands=())


def test_weights_licence(world: World) -> None:
    world.grant(licence="CPML")
    with refuses("weights-licence"):
        world.request(operands=(weights(licence="CPML"),))
    with refuses("weights-licence"):
        world.request(operands=(weights(licence="MIT"),))
    world.request(changed(commercial=False), operands=(weights(licence="CPML"),))


def test_reference_not_named(world: World) -> None:
    world.grant()
    from consent import Operand

    with refuses("reference-mismatch"):
        world.request(operands=(weights(), Operand("ada.wav", "9" * 64, "reference", "private")))


def test_budget_of_renders_counts_open_intents(world: World) -> None:
    grant = world.grant(renders=2)
    first = world.request()
    world.request()
    with refuses("budget-renders"):
        world.request()
    world.ledger.abort(first, "cancelled")
    assert world.ledger.balance(grant).renders_left == 1
    world.render(world.request())
    with refuses("budget-renders"):
        world.request()


def test_budget_of_seconds_counts_real_seconds(world: World) -> None:
    grant = world.grant(seconds=20)
    world.render(world.request(), milli=11_001)
    assert world.ledger.balance(grant).seconds_left == 8
    with refuses("budget-seconds"):
        world.request()
    permit = world.request(changed(seconds=1))
    with refuses("budget-seconds"):
        world.render(permit, name="b.mp3", milli=8_001)
    assert last_entry(world)["entry_kind"] == "render-aborted"
    assert not (world.folder / "b.mp3.voiceproof").exists()
    assert world.ledger.balance(grant).seconds_left == 8


def test_same_sound_in_two_formats_counts_once(world: World) -> None:
    grant = world.grant()
    (world.folder / "a").write_bytes(b"mp3")
    (world.folder / "b").write_bytes(b"wav")
    outputs = [
        Output(world.folder / "a", "a.mp3", "2" * 64, 10_000),
        Output(world.folder / "b", "a.wav", "3" * 64, 10_000, same_as="a.mp3"),
    ]
    receipt = world.ledger.complete(world.request(), outputs)
    assert receipt.seconds == 10
    assert world.ledger.balance(grant).seconds_left == 90
    with pytest.raises(InvalidInputError, match="not the same sound"):
        outputs[1] = Output(world.folder / "b", "a.wav", "3" * 64, 20_000, same_as="a.mp3")
        world.ledger.complete(world.request(), outputs)


@pytest.mark.parametrize("key", [SPEAKER, None])
def test_revocation_by_speaker_or_operator(world: World, key) -> None:
    grant = world.grant()
    world.ledger.revoke(grant, key=key)
    with refuses("revoked"):
        world.request()
    assert world.ledger.grants()[0].state == "revoked"


def test_a_stranger_cannot_revoke(world: World) -> None:
    grant = world.grant()
    with refuses("key-mismatch"):
        world.ledger.revoke(grant, key=STRANGER)
    loose = world.ledger.make_revocation(grant, STRANGER)
    (world.path / "revocations" / "r.json").write_bytes(loose)
    world.request()


def test_revoked_while_rendering_by_entry(world: World) -> None:
    grant = world.grant()
    permit = world.request()
    world.ledger.recheck(permit)
    world.ledger.revoke(grant, key=SPEAKER)
    with refuses("revoked"):
        world.ledger.recheck(permit)
    with refuses("revoked"):
        world.render(permit)
    assert last_entry(world)["reason"] == "revoked"
    assert not list(world.folder.glob("*.voiceproof"))


def test_revoked_while_rendering_by_loose_file(world: World) -> None:
    grant = world.grant()
    loose = world.ledger.make_revocation(grant, SPEAKER)
    permit = world.request()
    world.ledger.recheck(permit)
    (world.path / "revocations" / "from-the-speaker.json").write_bytes(loose)
    with refuses("revoked"):
        world.ledger.recheck(permit)
    with refuses("revoked"):
        world.render(permit)
    with refuses("revoked"):
        world.request()
    (world.path / "revocations" / "from-the-speaker.json").unlink()
    with refuses("revoked"):  # it had become an entry
        world.request()


@pytest.mark.parametrize("junk", [b"", b"{}", b"\xff" * 100, b"x" * 100_000])
def test_junk_in_the_drop_folder_is_reported_not_obeyed(world: World, junk: bytes) -> None:
    world.grant()
    (world.path / "revocations" / "junk.json").write_bytes(junk)
    world.request()
    assert "revocation-unusable" in {item.reason for item in world.ledger.audit().findings}


def test_expired_while_rendering(world: World) -> None:
    world.grant(end=START + 100)
    permit = world.request()
    world.clock.time = START + 100
    with refuses("expired"):
        world.ledger.recheck(permit)
    with refuses("expired"):
        world.render(permit)


def test_clock_set_back(world: World) -> None:
    world.grant()
    world.clock.time += 1_000
    world.ledger.abort(world.request(), "cancelled")
    world.clock.time -= 300
    permit = world.request()  # a small correction: the ledger's own time is taken
    assert permit.statement.time == START + 1_000
    world.clock.time -= 1
    with refuses("clock-set-back"):
        world.request()
    entry = last_entry(world)
    assert (entry["reason"], entry["time"], entry["clock"]) == ("clock-set-back", START + 1_000, START + 699)
    with refuses("clock-set-back"):
        world.ledger.recheck(permit)


def test_clock_set_back_does_not_revive_an_expired_grant(world: World) -> None:
    world.grant(end=START + 100)
    world.clock.time = START + 100
    with refuses("expired"):
        world.request()
    world.clock.time = START + 99
    with refuses("expired"):
        world.request()


def test_narrowest_grant_is_taken_and_named(world: World) -> None:
    world.grant(territories='["001"]')
    narrow = world.grant(territories='["DE"]')
    assert world.request().grant == narrow
    assert world.request(changed(territories=("FR",))).grant != narrow


def test_two_grants_are_never_added_together(world: World) -> None:
    world.grant(territories='["DE"]')
    world.grant(territories='["FR"]')
    with refuses("territory-not-granted"):
        world.request(changed(territories=("DE", "FR")))


def test_supersedes(world: World) -> None:
    old = world.grant()
    path = world.folder / "draft.toml"
    draft(world.folder, territories='["FR"]')
    path.write_text(path.read_text().replace('voice = "ada"', f'voice = "ada"\nsupersedes = ["{old}"]'))
    from consent import read_draft

    # The operator alone cannot replace what the speaker signed, not even by naming the speaker's key.
    world.ledger.add_grant(read_draft(path), None)
    mine = path.read_text()
    path.write_text(mine.replace("[subject]", f'[subject]\nkey = "{SPEAKER.public.did}"'))
    world.ledger.add_grant(read_draft(path), None)
    path.write_text(mine)
    assert world.request().grant == old
    world.ledger.add_grant(read_draft(path), SPEAKER)
    with refuses("superseded"):
        world.request(grant=old)


# voices without a donor

HOUSE = (weights("house.safetensors", b"house"),)


def test_house_voice(world: World) -> None:
    record, grant = world.house()
    permit = world.request(voice="house", operands=HOUSE)
    assert (permit.record, permit.grant) == (record, grant)
    info = world.ledger.grants()[0]
    assert (info.basis, info.tier) == ("no-donor", "not applicable (no donor)")
    assert world.ledger.add_record(world.ledger.entry(record)[2], release_keys=[RELEASE.public]) == record


def test_record_of_an_untrusted_key(world: World) -> None:
    with refuses("record-untrusted"):
        world.ledger.add_record(world.record(key=STRANGER), release_keys=[RELEASE.public])


def test_record_changed_by_one_bit(world: World) -> None:
    data = bytearray(world.record())
    data[60] ^= 1
    with pytest.raises(InvalidInputError):
        world.ledger.add_record(bytes(data), release_keys=[RELEASE.public])


def test_house_grant_wider_than_the_record(world: World) -> None:
    offered = Scope(**{**WIDE.__dict__, "modes": ("speech",), "commercial": False})
    with refuses("record-exceeded"):
        world.house(scope=WIDE, offered=offered)
    world.house(offered=offered)
    with refuses("mode-not-granted"):
        world.request(changed(mode="singing"), voice="house", operands=HOUSE)
    with refuses("commercial-not-granted"):
        world.request(voice="house", operands=HOUSE)


def test_a_hand_made_grant_wider_than_the_record_is_refused_at_the_gate(world: World) -> None:
    from consent.records import house_grant, read_record

    offered = Scope(**{**WIDE.__dict__, "modes": ("speech",)})
    data = world.record(offered=offered)
    world.ledger.add_record(data, release_keys=[RELEASE.public])
    record = read_record(data, release_keys=[RELEASE.public])
    party = world.ledger.operator_party()
    honest = house_grant(record, ledger=world.ledger.id, operator=party, now=START)
    wide = type(honest)(**{**honest.__dict__, "scope": WIDE})
    world.ledger.add_statement(wide.sign(world.ledger.operator_signing_key()).to_bytes())
    with refuses("record-exceeded"):
        world.request(changed(mode="singing"), voice="house", operands=HOUSE)
    with refuses("record-exceeded"):
        world.request(voice="house", operands=HOUSE)


def test_a_house_grant_without_its_record(world: World) -> None:
    from consent.records import house_grant, read_record

    record = read_record(world.record(), release_keys=[RELEASE.public])
    grant = house_grant(record, ledger=world.ledger.id, operator=world.ledger.operator_party(), now=START)
    world.ledger.add_statement(grant.sign(world.ledger.operator_signing_key()).to_bytes())
    with refuses("record-missing"):
        world.request(voice="house", operands=HOUSE)


def test_record_revoked_by_the_release_key(world: World) -> None:
    record, _grant = world.house()
    with refuses("key-mismatch"):
        world.ledger.revoke(record)  # the operator did not publish it
    permit = world.request(voice="house", operands=HOUSE)
    world.ledger.revoke(record, key=RELEASE)
    with refuses("revoked"):
        world.ledger.recheck(permit)
    with refuses("revoked"):
        world.request(voice="house", operands=HOUSE)


def test_weights_of_the_grant_but_not_of_the_record(world: World) -> None:
    world.house()
    with refuses("weights-mismatch"):
        world.request(voice="house", operands=(weights(),))


def test_record_offer_ends(world: World) -> None:
    world.house(not_after=START + 50)
    world.clock.time = START + 50
    with refuses("expired"):
        world.request(voice="house", operands=HOUSE)


# statements from elsewhere


def test_grant_replayed_and_of_another_ledger(tmp_path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = World(tmp_path / "one"), World(tmp_path / "two")
    data = one.ledger.entry(one.grant())[2]
    with pytest.raises(InvalidInputError, match="already in the ledger"):
        one.ledger.add_statement(data)
    with pytest.raises(InvalidInputError, match="another operator"):
        two.ledger.add_statement(data)
    loose = one.ledger.make_revocation(one.ledger.grants()[0].digest, SPEAKER)
    with pytest.raises(InvalidInputError, match="another ledger"):
        two.ledger.add_statement(loose)


def test_grant_signed_elsewhere_is_countersigned(world: World) -> None:
    party = world.ledger.operator_party()
    built = draft(world.folder).build(ledger=world.ledger.id, operator=party, now=START, subject_key=SPEAKER.public.did)
    world.ledger.add_statement(built.grant.sign(SPEAKER).to_bytes())
    add_known(world.path, SPEAKER.public, "speaker")
    assert world.ledger.grants()[0].tier == "B"


def test_tiers(world: World) -> None:
    world.grant(None)
    world.grant(SPEAKER)
    world.grant(world.ledger.operator_signing_key())
    # Anybody can make a key and call it the speaker's: it counts once the operator says whose it is.
    assert [item.tier for item in world.ledger.grants()] == ["D", "D", "D"]
    assert [item.assurance.could_be for item in world.ledger.grants()] == ["", "B", ""]
    add_known(world.path, SPEAKER.public, "speaker")
    assert [item.tier for item in world.ledger.grants()] == ["D", "B", "D"]


def test_a_demanded_tier_is_held(world: World) -> None:
    world.grant(None)
    with pytest.raises(ConsentRefusedError, match="reaches tier C") as caught:
        world.request(minimum_tier="C")
    assert caught.value.reason == "tier-too-low"
    high = world.grant(SPEAKER)
    with pytest.raises(ConsentRefusedError, match="reaches tier B"):
        world.request(minimum_tier="B")
    add_known(world.path, SPEAKER.public, "speaker")
    assert world.request(minimum_tier="B").grant == high
    assert world.request(minimum_tier="D") and world.request()
    with pytest.raises(ConsentRefusedError, match="reaches tier A"):
        world.request(minimum_tier="A")
    with pytest.raises(UsageError, match="A, B, C or D"):
        world.request(minimum_tier="Z")


def test_the_studios_own_demand_holds_beside_the_callers(world: World) -> None:
    world.grant(None)
    write_minimum_tier(world.path, "C")
    for asked in ("", "D"):
        with pytest.raises(ConsentRefusedError, match="reaches tier C"):
            world.request(minimum_tier=asked)
    with pytest.raises(ConsentRefusedError, match="reaches tier B"):
        world.request(minimum_tier="B")
    (world.path / "keys" / "minimum-tier.txt").write_text("low\n")
    with pytest.raises(InvalidInputError, match="holds A, B, C or D"):
        world.request()
    write_minimum_tier(world.path, "")
    assert world.request()


def test_a_voice_without_a_donor_reaches_any_tier(world: World) -> None:
    world.house()
    use = (weights("house.safetensors", b"house"),)
    assert world.request(voice="house", operands=use, minimum_tier="A")


def test_a_grant_naming_a_speakers_key_without_its_signature_is_tier_d(world: World) -> None:
    path = world.folder / "draft.toml"
    draft(world.folder)
    path.write_text(path.read_text().replace("[subject]", f'[subject]\nkey = "{SPEAKER.public.did}"'))
    from consent import read_draft

    world.ledger.add_grant(read_draft(path), None)
    assert world.ledger.grants()[0].tier == "D"


def test_type_confusion_matrix(world: World) -> None:
    """The bytes of every kind under the type of every other kind: none is read."""
    from consent.envelope import Envelope
    from consent.statements import LEDGER_KINDS, parse_statement

    world.house()
    grant = world.grant()
    world.deliver()
    world.ledger.abort(world.request(), "cancelled")
    with refuses("mode-not-granted"):
        world.request(changed(mode="singing"))
    world.ledger.revoke(grant)
    import sqlite3

    with sqlite3.connect(world.path / "ledger.db") as db:
        rows = dict(db.execute("SELECT kind, envelope FROM entry").fetchall())
    assert len(rows) == 8  # all kinds but key-enrolled, which has no command yet
    for data in rows.values():
        envelope = Envelope.parse(data)
        parse_statement(envelope)
        for kind in LEDGER_KINDS:
            if kind == envelope.payload_type:
                continue
            with pytest.raises(InvalidInputError):
                parse_statement(Envelope(kind, envelope.payload, envelope.signatures))
            assert not Envelope(kind, envelope.payload, envelope.signatures).signers([world.ledger.operator])


def test_text_commitments(world: World) -> None:
    commitment = world.ledger.commit_text("Cafe\u0301")
    assert world.ledger.text_matches(commitment, "Café") is True
    assert world.ledger.text_matches(commitment, "Cafe") is False
    assert world.ledger.text_matches("0" * 64, "x") is None
    assert world.ledger.commit_text("Café") != commitment


def test_reasons_are_slugs_and_unknown_ones_are_mistakes() -> None:
    for reason, text in REASONS.items():
        assert reason == reason.lower() and " " not in reason and text
    with pytest.raises(UsageError):
        ConsentRefusedError("made-up", "x")


def test_encrypted_operator_key(tmp_path) -> None:
    from consent import Ledger

    with Ledger.init(tmp_path / "l", operator_name="O", passphrase=b"secret"):
        pass
    with Ledger.open(tmp_path / "l") as ledger:
        assert ledger.grants() == ()
        with pytest.raises(UsageError, match="passphrase"):
            ledger.commit_text("x")
    with pytest.raises(InvalidInputError, match="wrong"):
        Ledger.open(tmp_path / "l", passphrase=b"wrong")
    with Ledger.open(tmp_path / "l", passphrase=b"secret") as ledger:
        ledger.commit_text("x")


def test_measures_are_integers_and_texts(world: World) -> None:
    world.grant()
    (world.folder / "a").write_bytes(b"x")
    output = Output(world.folder / "a", "a.mp3", "2" * 64, 1_000)
    with pytest.raises(InvalidInputError, match="no fractions"):
        world.ledger.complete(world.request(), [output], {"rms": -20.5})  # type: ignore[dict-item]
    receipt = world.ledger.complete(world.request(), [output], {"rms_mdb": -20_500, "tool": "x"})
    assert dict(receipt.measured) == {"rms_mdb": -20_500, "tool": "x"}
    assert receipt.params_sha256 == PARAMS and receipt.spent.renders == 1 + 1
    assert ALL_CONTENT
