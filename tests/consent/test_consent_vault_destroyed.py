"""Destroyed means destroyed: a withdrawal, a removal or a kill in the middle leaves no sealed voice that opens."""

from __future__ import annotations

import shutil

import pytest

from consent import ConsentRefusedError
from consent.faults import VAULT_STEPS, handler
from consent.settling import settle
from consent.vault import Vault
from tests.consent.sealed_voices import (  # noqa: F401
    FILES,
    MODEL,
    WEIGHTS,
    _cheap_scrypt,
    erasures,
    grant,
    keys_of,
    operands,
    refuses,
    sealed,
    unsealed,
)
from tests.consent.world import DAY, SPEAKER, START, STRANGER, World


def gone(world: World, vault: Vault, reason: str) -> None:
    assert keys_of(vault) == []
    assert vault.list() == ()
    (entry,) = erasures(world.ledger)
    assert entry.reason == reason and entry.items == 1 and entry.subject == SPEAKER.public.did


@pytest.mark.parametrize("effect", ["delete-voice", "recall"])
@pytest.mark.parametrize("how", ["entry", "file", "file while closed"])
def test_withdrawal_destroys_the_key(world: World, effect: str, how: str) -> None:
    digest = grant(world, effect=effect)
    vault = Vault.open(world.ledger)
    copy = world.folder / "backup.sealed"
    shutil.copy(vault.seal("ada", FILES, digest).path, copy)
    (before,) = keys_of(vault)
    permit = world.request(operands=MODEL)
    if how == "entry":
        world.ledger.revoke(digest, key=SPEAKER)
    else:
        certificate = world.ledger.make_revocation(digest, SPEAKER)
        if how == "file while closed":
            world.ledger.close()
        (world.path / "revocations" / "certificate.json").write_bytes(certificate)
        if how == "file":
            with pytest.raises(ConsentRefusedError):
                world.request(operands=MODEL)
        else:
            world.reopen()
            vault = Vault.open(world.ledger)
    gone(world, vault, effect)
    # A copy put back is dead, whatever permit there is.
    shutil.copy(copy, vault.folder / "ada-restored.sealed")
    assert [item.state for item in vault.list()] == ["dead"]
    with refuses("revoked") if how != "file while closed" else refuses("permit-used"):
        vault.unseal(permit, "ada")
    settle(world.ledger)
    assert vault.list() == ()
    # The wrapped key is nowhere in the studio any more.
    for path in world.folder.rglob("*"):
        if path.is_file():
            assert str(before["wrapped"]).encode() not in path.read_bytes(), path
    assert world.ledger.audit().ok


def test_stop_new_and_lapse_leave_the_key(world: World) -> None:
    digest = grant(world, effect="stop-new")
    vault = Vault.open(world.ledger)
    vault.seal("ada", FILES, digest)
    world.ledger.revoke(digest, key=SPEAKER)
    world.reopen()
    assert len(keys_of(vault)) == 1 and erasures(world.ledger) == []
    with refuses("revoked"):
        world.request(operands=MODEL)
    other = grant(world, end=START + DAY)
    Vault.open(world.ledger).seal("ada", FILES, other)
    world.clock.time = START + 2 * DAY
    world.reopen()
    assert len(keys_of(vault)) == 2


def test_a_strangers_revocation_does_nothing(world: World) -> None:
    vault, digest = sealed(world)
    (world.path / "revocations" / "x.json").write_bytes(world.ledger.make_revocation(digest, STRANGER))
    assert unsealed(vault, world)["ada.safetensors"] == WEIGHTS


def test_with_several_grants_the_speaker_outweighs_the_operator(world: World) -> None:
    # The operator's own grant does not keep a voice that its speaker withdrew ...
    mine = grant(world)
    alone = grant(world, key=None)
    vault = Vault.open(world.ledger)
    vault.seal("ada", FILES, alone)
    world.ledger.revoke(mine, key=SPEAKER)
    assert keys_of(vault) == []
    # ... while another grant of the same speaker does, until it goes too.
    first, second = grant(world), grant(world)
    vault.seal("ada", FILES, first)
    world.ledger.revoke(first, key=SPEAKER)
    assert len(keys_of(vault)) == 1
    permit = world.request(operands=MODEL, grant=second)
    assert bytes(vault.unseal(permit, "ada")["ada.safetensors"]) == WEIGHTS
    world.ledger.revoke(second, key=SPEAKER)
    assert keys_of(vault) == []


def test_the_operators_withdrawal_leaves_what_anybody_still_grants(world: World) -> None:
    one, two = grant(world, key=None), grant(world, key=None)
    vault = Vault.open(world.ledger)
    vault.seal("ada", FILES, one)
    world.ledger.revoke(one)
    assert len(keys_of(vault)) == 1
    world.ledger.revoke(two)
    assert keys_of(vault) == []


def test_a_voice_sealed_anew_is_not_killed_by_an_old_withdrawal(world: World) -> None:
    vault, digest = sealed(world)
    certificate = world.path / "revocations" / "certificate.json"
    certificate.write_bytes(world.ledger.make_revocation(digest, SPEAKER))
    settle(world.reopen())
    again = grant(world, end=START + DAY)
    vault = Vault.open(world.ledger)
    vault.seal("ada", FILES, again)
    world.clock.time = START + 2 * DAY  # lapsed, not withdrawn; the old certificate still lies in the drop folder
    world.reopen()
    assert len(keys_of(vault)) == 1


def test_a_keystore_from_a_backup_does_not_bring_the_key_back(world: World) -> None:
    vault, digest = sealed(world)
    backup = (vault.keystore / "keystore.json").read_bytes()
    sealed_file = vault.list()[0].path
    copy = sealed_file.read_bytes()
    world.ledger.revoke(digest, key=SPEAKER)
    grant(world)  # the speaker agrees anew: permits are given again
    (vault.keystore / "keystore.json").write_bytes(backup)
    sealed_file.write_bytes(copy)
    with pytest.raises(ConsentRefusedError):
        unsealed(vault, world)
    assert keys_of(vault) == [] and len(erasures(world.ledger)) == 1


class Killed(BaseException):
    """Stands for the end of the process: nothing after it runs but what the kernel does."""


@pytest.mark.parametrize("step", VAULT_STEPS)
def test_killed_at_any_step_it_is_finished_later_and_never_usable_in_between(world: World, step: str) -> None:
    vault, digest = sealed(world)
    (before,) = keys_of(vault)
    permit = world.request(operands=MODEL)
    reached = []

    def kill(name: str) -> None:
        if name == step and not reached:
            reached.append(name)
            raise Killed

    with pytest.raises(Killed), handler(kill):
        world.ledger.revoke(digest, key=SPEAKER)
    assert reached == [step]
    with pytest.raises(ConsentRefusedError):
        vault.unseal(permit, "ada")
    world.reopen()
    vault = Vault.open(world.ledger)
    gone(world, vault, "delete-voice")
    assert sorted(path.name for path in vault.keystore.iterdir()) == ["keystore.json", "vault.key", "writer.lock"]
    for path in world.folder.rglob("*"):
        if path.is_file():
            assert str(before["wrapped"]).encode() not in path.read_bytes(), path


def test_the_old_keystore_is_overwritten_not_only_unlinked(world: World) -> None:
    vault, digest = sealed(world)
    path = vault.keystore / "keystore.json"
    secret = str(keys_of(vault)[0]["wrapped"]).encode()
    with open(path, "rb") as old:
        assert secret in old.read()
        world.ledger.revoke(digest, key=SPEAKER)
        old.seek(0)
        assert secret not in old.read()  # the same inode, by its still open handle
