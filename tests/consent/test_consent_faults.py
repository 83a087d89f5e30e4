"""Programs that end at every named step: no output without a receipt, no key lost, no half of a rotation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import consent
from consent import ConsentRefusedError, Ledger, Output, SigningKey, UsageError, audit_folder, faults, verify_file
from tests.consent.world import SPEAKER, World

SOURCE = Path(consent.__file__).parent


class Killed(BaseException):
    """Stands for the end of the program; nothing in the package may catch and survive it."""


def killer(step: str):
    def call(reached: str) -> None:
        if reached == step:
            raise Killed(step)

    return call


def act(world: World) -> None:
    """Everything that writes: a denial, a render, its delivery, an abortion, revocations, rotations."""
    ledger = world.ledger
    with pytest.raises(ConsentRefusedError):
        world.request(voice="nobody")
    grant = ledger.grants()[0].digest
    ledger.abort(world.request(), "cancelled")
    world.deliver()
    ledger.enroll_key(SPEAKER, "subject")
    ledger.rotate_operator()
    ledger.rotate_key(SPEAKER, SigningKey.from_seed(b"n" * 32), "subject")
    ledger.revoke(grant)


def test_every_step_is_named_reached_and_inert(world: World) -> None:
    world.grant()
    reached: list[str] = []
    with faults.handler(reached.append):
        act(world)
    assert set(reached) == set(faults.STEPS)
    # Inert afterwards, and nothing from outside the process can install a handler.
    count = len(reached)
    world.grant(None)
    assert len(reached) == count and not faults._handlers
    source = (SOURCE / "faults.py").read_text(encoding="utf-8")
    assert not re.search(r"\benviron\b|open\(|import os\b|getenv", source)
    named = {
        step
        for path in SOURCE.glob("*.py")
        for call in re.findall(r"reach\(([^)]*)\)", path.read_text(encoding="utf-8"))
        for step in re.findall(r'"([a-z-]+)"', call)
    }
    assert named == set(faults.STEPS) | set(faults.VAULT_STEPS)
    with faults.handler(reached.append), pytest.raises(UsageError, match="unknown step"):
        faults.reach("nowhere")


@pytest.mark.parametrize("step", faults.STEPS)
def test_a_program_that_ends_at_a_step_leaves_a_sound_ledger(world: World, step: str) -> None:
    world.grant()
    with faults.handler(killer(step)), pytest.raises(Killed):
        act(world)
    final = world.folder / "out" / "a.mp3"
    # As after a crash: the object is gone, another program opens the ledger.
    world.reopen()
    report = audit_folder(world.path)
    assert report.ok, report.text()
    keys = sorted(path.name for path in (world.path / "keys").iterdir())
    assert keys == ["operator.key", "operator.pub"]
    assert world.ledger.operator_signing_key().public == world.ledger.operator == world.ledger._chain.keys.latest
    assert not world.ledger._chain.open
    if final.exists():
        assert verify_file(final).ok
    for item in world.ledger.undelivered():
        assert item.waiting or final.exists()
    # And it goes on.
    world.ledger.rotate_operator()
    world.grant(None)
    assert world.ledger.audit().ok


@pytest.mark.parametrize("committed", [False, True])
def test_a_rotation_cut_short_is_finished_or_undone(tmp_path: Path, committed: bool) -> None:
    """With passphrases: which of the two opens the key is decided by what was committed, and no key is lost."""
    path = tmp_path / "ledger"
    ledger = Ledger.init(path, operator_name="x", passphrase=b"one")
    first = ledger.operator
    # The kill is harder than an exception: nothing runs after it. So the settling is cut out too.
    with (
        pytest.MonkeyPatch.context() as patch,
        faults.handler(killer("after-commit" if committed else "before-commit")),
    ):
        patch.setattr("consent.keyring.settle_rotation", lambda folder: None)
        with pytest.raises(Killed):
            ledger.rotate_operator(new_passphrase=b"two")
    ledger._life.close()
    names = {item.name for item in (path / "keys").iterdir()}
    assert {"operator.key.next", "operator.pub.next"} <= names
    report = audit_folder(path)
    assert report.ok, report.text()
    with Ledger.open(path, passphrase=b"two" if committed else b"one") as again:
        assert (again.operator != first) == committed
        assert again.size() == (2 if committed else 1)
        again.commit_text("x")
    assert {item.name for item in (path / "keys").iterdir()} == {"operator.key", "operator.pub"}


def test_an_interrupted_delivery_is_made_good(world: World) -> None:
    world.grant()
    permit = world.request()
    tmp = world.folder / "a.part"
    tmp.write_bytes(b"sound")
    receipt = world.ledger.complete(permit, [Output(tmp, "a.mp3", "2" * 64, 9_000)])
    final = world.folder / "out" / "a.mp3"
    with faults.handler(killer("after-delivery-proof")), pytest.raises(Killed):
        world.ledger.deliver(receipt, {tmp: final})
    assert not final.exists()
    world.reopen()
    (waiting,) = world.ledger.undelivered()
    world.ledger.deliver(world.ledger.receipt(waiting.receipt), {waiting.path: final})
    assert verify_file(final).ok and not world.ledger.undelivered()
