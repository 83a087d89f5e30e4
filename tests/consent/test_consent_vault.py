"""Sealed voices: what opens them, what does not, and that destroyed means destroyed.

The format is read back by an independent reader written here from the description in `consent/sealed.py`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pickle
import threading
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consent import InvalidInputError, Ledger, Operand, UsageError
from consent.errors import ConsentError
from consent.vault import Vault
from tests.consent.sealed_voices import (  # noqa: F401
    ALL,
    EMBEDDING,
    FILES,
    MODEL,
    REFERENCE,
    WEIGHTS,
    _cheap_scrypt,
    erasures,
    grant,
    keys_of,
    operands,
    refuses,
    sealed,
    sha,
    unsealed,
)
from tests.consent.world import DAY, SPEAKER, START, World, draft


def test_a_sealed_voice_comes_back_for_a_permit_and_only_its_files(world: World) -> None:
    vault, digest = sealed(world)
    assert unsealed(vault, world) == {"ada.safetensors": WEIGHTS}
    assert unsealed(vault, world, ALL) == FILES
    (item,) = vault.list()
    assert (item.voice, item.grant, item.state, set(item.files)) == ("ada", digest, "sealed", set(FILES))
    assert item.path.stat().st_mode & 0o777 == 0o600


def test_nothing_of_the_plaintext_is_on_disk(world: World) -> None:
    vault, _ = sealed(world, passphrase=b"open")
    unsealed(vault, world, ALL)
    pieces = [WEIGHTS[:64], REFERENCE[:64], EMBEDDING]
    for path in world.folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(piece in data for piece in pieces), path


def opened(vault: Vault, data: bytes) -> tuple[dict[str, object], bytes, AESGCM]:
    """Header, its bytes, and the unwrapped data key, by the description alone."""
    vault_key = bytes.fromhex((vault.keystore / "vault.key").read_text())
    assert data.startswith(b"voicekit-sealed/1\n")
    length = int.from_bytes(data[18:22], "big")
    header, front = json.loads(data[22 : 22 + length]), data[: 22 + length]
    (entry,) = (item for item in keys_of(vault) if item["key"] == header["key"])
    what = ["data-key", header["key"], header["voice"], header["grant"], header["subject"], str(header["place"])]
    about = {"ledger": header["ledger"], "spec": "voicekit-vault-keystore/1", "what": what}
    wrapped = base64.b64decode(str(entry["wrapped"]))
    canonical = json.dumps(about, separators=(",", ":"), sort_keys=True).encode()
    return header, front, AESGCM(AESGCM(vault_key).decrypt(wrapped[:12], wrapped[12:], canonical))


def test_an_independent_reader_opens_it_by_the_description(world: World) -> None:
    vault, _ = sealed(world)
    magic, data = b"voicekit-sealed/1\n", vault.list()[0].path.read_bytes()
    header, front, key = opened(vault, data)
    place, found = len(front), {}
    for number, item in enumerate(header["files"]):
        size = item["bytes"]
        assert size <= 1 << 20
        nonce = number.to_bytes(4, "big") + bytes(8)
        extra = magic + hashlib.sha256(front).digest() + nonce + b"\x01"
        found[item["name"]] = key.decrypt(nonce, data[place : place + size + 16], extra)
        place += size + 16
    assert found == FILES and place == len(data)


def test_large_and_empty_files_and_paths(world: World, tmp_path: Path) -> None:
    big = os.urandom((2 << 20) + 5)
    exact = os.urandom(2 << 20)
    many = {"big.bin": big, "exact.bin": exact, "empty.bin": b""}
    made = draft(world.folder)
    data = {**made.data, "weights": [{"name": n, "sha256": sha(c), "license": "MIT"} for n, c in many.items()]}
    digest = world.ledger.add_grant(type(made)(data, "", "draft", world.folder), SPEAKER)
    (tmp_path / "big.bin").write_bytes(big)
    vault = Vault.open(world.ledger)
    item = vault.seal("ada", {**many, "big.bin": tmp_path / "big.bin"}, digest)
    files = tuple(Operand(n, sha(c), "weights", "MIT") for n, c in many.items())
    with vault.unseal(world.request(operands=files), "ada") as plain:
        assert {name: bytes(content) for name, content in plain.items()} == many
    # Chunks: a moved, repeated or dropped one of the big file does not open.
    whole = item.path.read_bytes()
    front = len(whole) - sum(len(c) for c in many.values()) - 16 * (3 + 2 + 1)
    size = (1 << 20) + 16
    _, head, key = opened(vault, whole)
    extra = head[:18] + hashlib.sha256(head).digest() + bytes(12)
    assert key.decrypt(bytes(12), whole[front : front + size], extra + b"\0") == big[: 1 << 20]  # not the last chunk
    first, second = whole[front : front + size], whole[front + size : front + 2 * size]
    for changed in (second + first, first + first):
        item.path.write_bytes(whole[:front] + changed + whole[front + 2 * size :])
        with refuses("seal-broken"):
            vault.unseal(world.request(operands=files), "ada")


def test_memory_is_overwritten_and_it_is_not_pickled(world: World) -> None:
    vault, _ = sealed(world)
    with vault.unseal(world.request(operands=MODEL), "ada") as plain:
        data = plain["ada.safetensors"]
        with pytest.raises(UsageError, match="pickled"):
            pickle.dumps(plain)
        assert "weights of" not in repr(plain)
    assert bytes(data) == bytes(len(WEIGHTS)) and len(plain) == 0


def test_every_byte_of_a_sealed_file_counts(world: World) -> None:
    small = {"ada.safetensors": WEIGHTS[:40]}
    made = draft(world.folder, sha=sha(WEIGHTS[:40]))
    digest = world.ledger.add_grant(made, SPEAKER)
    vault = Vault.open(world.ledger)
    path = vault.seal("ada", small, digest).path
    permit = world.request(operands=(Operand("ada.safetensors", sha(WEIGHTS[:40]), "weights", "CC-BY-4.0"),))
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(ConsentError):
            vault.unseal(permit, "ada")
    for data in (whole[:-1], whole + b"x", whole[:100], b""):
        path.write_bytes(data)
        with refuses("voice-not-sealed"):
            vault.unseal(permit, "ada")
        assert vault.list()[0].state == "unreadable"
    path.write_bytes(whole)
    assert bytes(vault.unseal(permit, "ada")["ada.safetensors"]) == WEIGHTS[:40]


def test_a_sealed_file_under_another_name_or_key_does_not_open(world: World) -> None:
    vault, digest = sealed(world)
    one = vault.list()[0].path
    two = vault.seal("ada", FILES, digest).path
    a, b = one.read_bytes(), two.read_bytes()
    cut = 22 + int.from_bytes(a[18:22], "big")
    one.write_bytes(b[:cut] + a[cut:])  # the other header over these chunks
    two.unlink()
    with refuses("seal-broken"):
        unsealed(vault, world)


def test_what_the_header_says_is_bound_to_every_chunk(world: World) -> None:
    """The time and the files' names are in no other hash: the chunks alone vouch for them."""
    vault, _ = sealed(world)
    path = vault.list()[0].path
    whole = path.read_bytes()
    for old, new in ((b'"time":%d' % START, b'"time":%d' % (START - 1)), (b"embedding.bin", b"embedding.bim")):
        assert whole.count(old) == 1
        path.write_bytes(whole.replace(old, new))
        with refuses("seal-broken"):
            unsealed(vault, world)


def test_no_nonce_repeats_under_a_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bytes, bytes]] = []

    class Watched:
        def __init__(self, key: bytes) -> None:
            self.key, self.real = bytes(key), AESGCM(bytes(key))

        def encrypt(self, nonce: bytes, data: bytes, about: bytes) -> bytes:
            seen.append((self.key, nonce))
            return self.real.encrypt(nonce, data, about)

    digest = grant(world)
    vault = Vault.open(world.ledger)
    monkeypatch.setattr("consent.sealed.AESGCM", Watched)
    vault.seal("ada", FILES, digest)
    vault.seal("ada", FILES, digest)
    assert len(seen) == 6 and len(set(seen)) == 6 and all(len(nonce) == 12 for _, nonce in seen)


# what may be sealed


def test_only_files_of_a_standing_grant_are_sealed(world: World) -> None:
    digest = grant(world)
    vault = Vault.open(world.ledger)
    with refuses("weights-mismatch"):
        vault.seal("ada", {"other.bin": b"other"}, digest)
    with refuses("no-grant"):
        vault.seal("eve", FILES, digest)
    with refuses("no-grant"):
        vault.seal("ada", FILES, "0" * 64)
    with pytest.raises(UsageError):
        vault.seal("ada", {}, digest)
    with pytest.raises(InvalidInputError, match="symbolic"):
        link = world.folder / "link"
        link.symlink_to(world.folder / "draft.toml")
        vault.seal("ada", {"ada.safetensors": link}, digest)
    world.ledger.revoke(digest, key=SPEAKER)
    with refuses("revoked"):
        vault.seal("ada", FILES, digest)
    assert vault.list() == () and keys_of(vault) == []


# permits


def test_only_a_standing_permit_for_that_voice_opens(world: World, tmp_path: Path) -> None:
    vault, _ = sealed(world)
    permit = world.request(operands=MODEL, valid_seconds=60)
    with refuses("permit-other-voice"):
        vault.unseal(permit, "eve")
    (tmp_path / "other").mkdir()
    other = World(tmp_path / "other")
    grant(other)
    with refuses("permit-forged"):
        vault.unseal(other.request(operands=MODEL), "ada")
    done = world.request(operands=MODEL)
    world.render(done)
    with refuses("permit-used"):
        vault.unseal(done, "ada")
    world.clock.time += 60
    with refuses("permit-expired"):
        vault.unseal(permit, "ada")


def test_the_permits_files_must_be_the_sealed_ones(world: World) -> None:
    digest = grant(world)
    vault = Vault.open(world.ledger)
    vault.seal("ada", {"embedding.bin": EMBEDDING}, digest)
    with refuses("weights-mismatch"):
        vault.unseal(world.request(operands=MODEL), "ada")


def test_a_withdrawal_while_it_is_opened_still_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    vault, digest = sealed(world)
    permit = world.request(operands=MODEL)
    plain = {}

    def late(header, handle, number, key):
        plain["data"] = original(header, handle, number, key)
        (world.path / "revocations" / "r.json").write_bytes(world.ledger.make_revocation(digest, SPEAKER))
        return plain["data"]

    from consent import vault as module

    original = module.unseal_file
    monkeypatch.setattr(module, "unseal_file", late)
    with refuses("revoked"):
        vault.unseal(permit, "ada")
    assert bytes(plain["data"]) == bytes(len(WEIGHTS))


# the vault key


def test_passphrase(world: World) -> None:
    vault, _ = sealed(world, passphrase=b"correct horse")
    assert vault.protection == "passphrase" and not (vault.keystore / "vault.key").exists()
    with refuses("vault-locked"):
        unsealed(Vault.open(world.ledger), world)
    with refuses("vault-locked"):
        unsealed(Vault.open(world.ledger, passphrase=b"wrong"), world)
    assert unsealed(Vault.open(world.ledger, passphrase=b"correct horse"), world)


def test_key_file_is_private_and_needed(world: World) -> None:
    vault, _ = sealed(world)
    key = vault.keystore / "vault.key"
    assert vault.protection == "key-file" and key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    with refuses("vault-locked"):
        unsealed(vault, world)
    key.chmod(0o600)
    kept = key.read_bytes()
    for wrong in (b"0" * 64, b"", b"zz", kept[:-3]):
        key.write_bytes(wrong)
        with refuses("vault-locked"):
            unsealed(vault, world)
    key.write_bytes(kept)
    world.ledger.add_grant(draft(world.folder), SPEAKER)
    assert unsealed(vault, world, ALL) == FILES


def test_keyring_is_used_when_it_is_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    box: dict[tuple[str, str], str] = {}
    fake = types.SimpleNamespace(
        set_password=lambda service, name, value: box.__setitem__((service, name), value),
        get_password=lambda service, name: box.get((service, name)),
    )
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(UsageError, match="keyring"):
        Vault.open(world.ledger, keyring=True)
    monkeypatch.setitem(sys.modules, "keyring", fake)
    vault, _ = sealed(world, keyring=True)
    assert vault.protection == "keyring" and len(box) == 1 and not (vault.keystore / "vault.key").exists()
    assert unsealed(vault, world)["ada.safetensors"] == WEIGHTS
    box.clear()
    with refuses("vault-locked"):
        unsealed(vault, world)


@pytest.mark.parametrize("field", ["wrapped", "voice", "grant", "place", "subject"])
def test_a_changed_keystore_does_not_open(world: World, field: str) -> None:
    vault, _ = sealed(world)
    path = vault.keystore / "keystore.json"
    content = json.loads(path.read_bytes())
    entry = content["keys"][0]
    entry[field] = {"wrapped": "A" + entry["wrapped"][1:], "voice": "ada", "grant": "0" * 64, "place": 0}.get(
        field, "x"
    )
    if field == "voice":
        entry["voice"] = "eve"
    path.write_text(json.dumps(content, separators=(",", ":"), sort_keys=True))
    if field == "wrapped":
        with refuses("seal-broken"):
            unsealed(vault, world)
    else:
        # The names beside a wrapped key are a copy; those in the sealed file's header are what it is bound to.
        assert unsealed(vault, world)["ada.safetensors"] == WEIGHTS


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'{"spec":"voicekit-vault-keystore/2"}', b"\xff", b"{" * 5_000, b"x" * (2 << 20)]
)
def test_a_hostile_keystore_is_one_error(world: World, data: bytes) -> None:
    vault, _ = sealed(world)
    (vault.keystore / "keystore.json").write_bytes(data)
    with pytest.raises(InvalidInputError):
        unsealed(vault, world)
    world.reopen()  # the ledger itself goes on


def test_keys_elsewhere(world: World, tmp_path: Path) -> None:
    vault, digest = sealed(world, keystore=tmp_path / "usb")
    assert sorted(p.name for p in (tmp_path / "usb").iterdir()) == ["keystore.json", "vault.key", "writer.lock"]
    assert not (world.path / "vault" / "keystore").exists()
    assert Vault.open(world.ledger).keystore == tmp_path / "usb"
    with pytest.raises(UsageError, match="usb"):
        Vault.open(world.ledger, keystore=tmp_path / "other")
    # The disk is away: the ledger works, the withdrawal waits, and nothing opens; it comes back: the key dies.
    os.rename(tmp_path / "usb", tmp_path / "away")
    permit = world.request(operands=MODEL)
    world.ledger.revoke(digest, key=SPEAKER)
    with pytest.raises(ConsentError):
        vault.unseal(permit, "ada")
    world.reopen()
    os.rename(tmp_path / "away", tmp_path / "usb")
    world.reopen()
    assert keys_of(Vault.open(world.ledger)) == [] and len(erasures(world.ledger)) == 1


# commands


def cli(world: World, *words: str, code: int = 0) -> dict[str, object]:
    import contextlib
    import io

    from consent._cli import main

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()) as told:
        got = main(["vault", *words, "--studio", str(world.folder), "--json"])
    assert got == code, told.getvalue()
    return {**json.loads(out.getvalue()), "told": told.getvalue()}


def test_commands(world: World, tmp_path: Path) -> None:
    world.ledger.close()
    world.ledger = Ledger.open(world.path)  # the commands' clock is the system's
    day = int(world.ledger._now())
    digest = grant(world, begin=day - DAY, end=day + DAY)
    paths = []
    for name, content in FILES.items():
        (world.folder / name).write_bytes(content)
        paths.append(str(world.folder / name))
    phrase = tmp_path / "phrase"
    phrase.write_text("open sesame\n")
    lock = ("--vault-passphrase-file", str(phrase))
    made = cli(world, "seal", "ada", *paths, "--grant", digest[:12], *lock)
    assert made["protection"] == "passphrase" and "delete them" in str(made["told"])
    listed = cli(world, "list")
    assert [item["state"] for item in listed["voices"]] == ["sealed"]  # type: ignore[union-attr]
    assert cli(world, "check", *lock)["ok"] is True
    assert cli(world, "check", code=1)["error"]["reason"] == "vault-locked"  # type: ignore[index]
    assert cli(world, "seal", "ada", code=2)["error"]["reason"] == "usage"  # type: ignore[index]
    assert cli(world, "remove", code=2)["error"]["reason"] == "usage"  # type: ignore[index]
    assert cli(world, "remove", "ada")["keys"] == 1
    assert cli(world, "list")["voices"] == []


def test_a_vault_without_a_passphrase_says_so(world: World) -> None:
    assert "only its mode 0600 protects" in str(cli(world, "list")["told"])


# destruction


def test_remove_and_orphans(world: World) -> None:
    vault, digest = sealed(world)
    assert [item.problem for item in vault.check()] == [""]
    vault.list()[0].path.unlink()
    (orphan,) = vault.check()
    assert "gone" in orphan.problem
    vault.seal("ada", FILES, digest)
    assert vault.remove("ada") == 2
    assert vault.list() == () and erasures(world.ledger)[0].reason == "removed"
    with pytest.raises(UsageError):
        vault.remove("ada")


def test_check_finds_a_flipped_byte(world: World) -> None:
    vault, _ = sealed(world)
    path = vault.list()[0].path
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert "seal-broken" in vault.check()[0].problem


def test_two_threads_seal_and_unseal(world: World) -> None:
    vault, digest = sealed(world)
    permit = world.request(operands=MODEL)
    problems: list[BaseException] = []

    def work() -> None:
        try:
            vault.seal("ada", FILES, digest)
            assert bytes(vault.unseal(permit, "ada")["ada.safetensors"]) == WEIGHTS
        except BaseException as exc:
            problems.append(exc)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == [] and len(keys_of(vault)) == 5


def test_the_right_key_alone_opens_the_chunks(world: World) -> None:
    vault, _ = sealed(world)
    data = vault.list()[0].path.read_bytes()
    with pytest.raises(InvalidTag):
        AESGCM(bytes(32)).decrypt(bytes(12), data[-40:], b"")
