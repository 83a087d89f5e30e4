"""The account for a speaker: complete, signed, and checked by somebody who has nothing but the file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consent import ConsentRefusedError, InvalidInputError, SigningKey, UsageError, Use
from consent.account import listing, parse_account, verify_account
from consent.encoding import canonical
from consent.envelope import Envelope
from tests.consent.vectors import swap_payload
from tests.consent.world import SPEAKER, START, STRANGER, USE, World

ONE_RENDER = {
    "purpose": "audiobook", "mode": "speech", "commercial": True, "renders": 1, "files": 2, "seconds_milli": 13_750,
}  # fmt: skip
SINGING = Use("singing", "audiobook", True, ("en",), ("DE",), "Alice", 10)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two renders, a refusal, an abortion, an open intent, somebody else's grant. Made once; only read."""
    world = World(tmp_path_factory.mktemp("busy"))
    world.grant(renders=10)
    world.deliver(name="one.mp3", content=b"one")
    world.clock.time += 100
    world.deliver(name="two.mp3", content=b"two", milli=4_250)
    with pytest.raises(ConsentRefusedError):
        world.request(SINGING)
    world.ledger.abort(world.request(), "cancelled")
    world.request()
    world.house()
    return world


def check(data: bytes, **trust: Any) -> Any:
    return verify_account(data, what="x", **trust)


def test_the_account_tells_every_use(busy: World) -> None:
    found = check(busy.ledger.account(SPEAKER.public.did))
    assert found.ok and not found.breaches, found.problems
    kinds = [line.kind for line in found.lines]
    assert kinds == [
        "grant", "render-receipt", "render-receipt", "render-denied", "render-intent", "render-aborted",
        "render-intent",
    ]  # fmt: skip
    (total,) = found.account.totals
    assert (total.purpose, total.renders, total.files, total.seconds_milli) == ("audiobook", 2, 2, 9_500 + 4_250)
    assert (found.account.refused, found.account.aborted, found.account.open) == (1, 1, 1)
    receipt = found.lines[1].detail
    assert receipt["title"] == "Alice" and receipt["territories"] == ["DE"]
    assert receipt["outputs"][0]["name"] == "one.mp3"
    assert len(receipt["outputs"][0]["sha256"]) == 64


def test_a_person_is_found_by_key_grant_and_name(busy: World) -> None:
    (grant,) = (item.digest for item in busy.ledger.grants() if item.voice == "ada")
    by = [check(busy.ledger.account(item)) for item in (SPEAKER.public.did, grant[:8], "Ada Example")]
    assert len({json.dumps([line.as_dict() for line in item.lines]) for item in by}) == 1
    for wrong in ("Nobody", "did:key:z6Mkw9YUWaWMuG7ZMhwtpfEytLaMZjiaxYnXe9SxDQHN64sy", "abcdef12"):
        with pytest.raises(UsageError, match="no grant here speaks of"):
            busy.ledger.account(wrong)


def test_attested_speakers_are_kept_apart(world: World) -> None:
    one = world.grant(None)
    two = world.ledger.add_grant(_other_person(world))
    assert world.ledger.find_subject("Ada Example").grants == (one,)
    assert world.ledger.find_subject(two[:12]).grants == (two,)
    with pytest.raises(UsageError, match="operator's own key"):
        world.ledger.find_subject(world.ledger.operator.did)
    assert check(world.ledger.account("Ada Example")).account.grants == (one,)


def _other_person(world: World) -> Any:
    from tests.consent.world import draft

    made = draft(world.folder)
    return replace(made, data={**made.data, "voice": "bea", "subject": {"name": "Bea Example"}})


def test_from_and_until(busy: World) -> None:
    late = check(busy.ledger.account(SPEAKER.public.did, since=START + 50))
    assert late.ok and late.account.totals[0].renders == 1 and late.lines[0].kind == "grant"
    early = check(busy.ledger.account(SPEAKER.public.did, until=START + 50))
    assert early.ok and early.account.totals[0].renders == 1
    assert (early.account.refused, early.account.open) == (0, 0)


def test_trust_names_the_operator(busy: World) -> None:
    data = busy.ledger.account(SPEAKER.public.did)
    assert check(data, trust=[busy.ledger.operator]).trusted is True
    stranger = check(data, trust=[STRANGER.public])
    assert stranger.trusted is False and not stranger.ok


def left_out(obj: dict[str, Any]) -> None:
    """A receipt disappears, and list and count are made to fit: only the operator could do that."""
    del obj["entries"][2]


def moved(obj: dict[str, Any]) -> None:
    obj["entries"][2]["index"] += 1


def swapped(obj: dict[str, Any]) -> None:
    obj["entries"].reverse()


def no_genesis(obj: dict[str, Any]) -> None:
    del obj["entries"][0]


def cut_path(obj: dict[str, Any]) -> None:
    obj["entries"][1]["path"].pop()


def other_totals(obj: dict[str, Any]) -> None:
    obj["account"] = swap_payload(lambda inner: inner["totals"][0].update(renders=1), obj["account"])


@pytest.mark.parametrize("change", [left_out, moved, swapped, no_genesis, cut_path, other_totals])
def test_forged_accounts_are_found(busy: World, change: Callable[[dict[str, Any]], None]) -> None:
    obj = json.loads(busy.ledger.account(SPEAKER.public.did))
    change(obj)
    assert not check(canonical(obj)).ok


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("totals", [ONE_RENDER], "totals are not"),
        ("refused", 0, "refused are not"),
        ("aborted", 7, "aborted are not"),
        ("open", 0, "open are not"),
        ("entries", 3, "signed list"),
        ("listing", "0" * 64, "signed list"),
        ("grants", ["0" * 64], "grants in the file"),
        ("subject", STRANGER.public.did, "somebody else"),
        ("size", 3, "another tree head"),
        ("ledger", "0" * 32, "another ledger"),
    ],
)
def test_an_operator_cannot_sign_what_entries_deny(busy: World, field: str, value: Any, problem: str) -> None:
    obj = json.loads(busy.ledger.account(SPEAKER.public.did))
    key = busy.ledger.operator_signing_key()
    obj["account"] = swap_payload(lambda inner: inner.update({field: value}), obj["account"], key)
    found = check(canonical(obj))
    assert not found.ok and any(problem in item for item in found.problems), found.problems


def test_a_receipt_left_out_by_the_operator_leaves_a_gap(busy: World) -> None:
    """Signed anew with fitting list and sums, but the second receipt counts two renders and one is shown."""
    obj = json.loads(busy.ledger.account(SPEAKER.public.did))
    obj["entries"] = [item for item in obj["entries"] if "receipt" not in kind_of(item) or item is last_receipt(obj)]
    obj["entries"] = [item for item in obj["entries"] if "intent" not in kind_of(item) and "abort" not in kind_of(item)]
    names = [(item["index"], Envelope.parse(item["envelope"].encode()).digest) for item in obj["entries"]]

    def fit(inner: dict[str, Any]) -> None:
        inner.update(entries=len(names), listing=listing(names), aborted=0, open=0)
        inner["totals"][0].update(renders=1, files=1, seconds_milli=4_250)

    obj["account"] = swap_payload(fit, obj["account"], busy.ledger.operator_signing_key())
    assert [item.split(" grant")[0] for item in check(canonical(obj)).problems] == ["receipts under"]


def kind_of(item: dict[str, Any]) -> str:
    return Envelope.parse(item["envelope"].encode()).payload_type


def last_receipt(obj: dict[str, Any]) -> dict[str, Any]:
    return [item for item in obj["entries"] if "receipt" in kind_of(item)][-1]


@pytest.mark.parametrize("data", [b"{}", b"[]", b"x", b'{"spec":"voicekit-account/1"}'])
def test_other_files_are_no_accounts(data: bytes) -> None:
    with pytest.raises(InvalidInputError):
        parse_account(data)


def test_affected_files_and_what_became_of_them(world: World, tmp_path: Path) -> None:
    digest = world.grant(renders=10)
    kept, changed, gone = (world.deliver(name=f"{n}.mp3", content=n.encode()) for n in ("kept", "changed", "gone"))
    world.render(name="late.mp3", content=b"late")
    changed.write_bytes(b"other")
    gone.unlink()
    found = {item.name: item for item in world.ledger.affected(digest)}
    assert {name: item.state for name, item in found.items()} == {
        "kept.mp3": "unchanged", "changed.mp3": "changed", "gone.mp3": "missing", "late.mp3": "waiting",
    }  # fmt: skip
    assert found["kept.mp3"].path == str(kept) and found["kept.mp3"].title == USE.title
    with pytest.raises(UsageError, match="has no grant"):
        world.ledger.affected("0" * 64)


def test_dates_to_keep(world: World) -> None:
    digest = world.grant(recheck=30)
    dates = {item.what: item.time for item in world.ledger.due()}
    day = 86_400
    assert dates == {
        "the grant ends": START + 100 * day,
        "confirm again": START + 30 * day,
        "reference audio": START + 100 * day,
        "embeddings": START + 100 * day,
    }
    world.ledger.revoke(digest, key=SPEAKER)
    assert {item.what: item.time for item in world.ledger.due() if item.overdue} == {
        "the grant ends": START, "reference audio": START, "embeddings": START,
    }  # fmt: skip


def test_accounts_after_keys_were_replaced(world: World) -> None:
    """The operator's and the speaker's keys change; old entries keep their signers, and both trusts hold."""
    first = world.ledger.operator
    world.grant(renders=10)
    world.deliver(name="one.mp3", content=b"one")
    new_speaker = SigningKey.from_seed(b"t" * 32)
    world.ledger.rotate_key(SPEAKER, new_speaker, "subject")
    world.ledger.rotate_operator()
    world.reopen()
    for key in (SPEAKER, new_speaker):
        found = check(world.ledger.account(key.public.did), trust=[first])
        assert found.ok and found.trusted, found.problems
        assert found.account.subject == new_speaker.public.did
        assert [line.kind for line in found.lines].count("key-rotated") == 2
    obj = json.loads(world.ledger.account(SPEAKER.public.did))
    obj["entries"] = [item for item in obj["entries"] if "key-rotated" not in kind_of(item)]
    assert not check(canonical(obj)).ok


def test_verifying_needs_cryptography_alone(busy: World, tmp_path: Path) -> None:
    target = tmp_path / "ada.voicestatement"
    target.write_bytes(busy.ledger.account(SPEAKER.public.did))
    program = (
        "import sys\n"
        "for name in ('sqlite_utils', 'sqlite3', 'rfc8785', 'numpy', 'torch'): sys.modules[name] = None\n"
        "from consent._cli import main\n"
        "sys.exit(main(['verify-statement', sys.argv[1], '--quiet']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(target)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
