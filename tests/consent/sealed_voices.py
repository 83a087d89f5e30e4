"""A voice to be sealed, its grant, and how it is opened: what the tests of the vault share."""

from __future__ import annotations

import hashlib
import json

import pytest

from consent import ConsentRefusedError, Ledger, Operand, SigningKey
from consent import keystore as keystore_module
from consent.statements import Erasure
from consent.vault import Vault
from tests.consent.world import SPEAKER, World, draft

WEIGHTS = b"the weights of a voice" * 1_000
REFERENCE = b"RIFF reference recording" * 50
EMBEDDING = b"the numbers of a timbre"
FILES = {"ada.safetensors": WEIGHTS, "embedding.bin": EMBEDDING, "ada.wav": REFERENCE}


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def operands(*names: str) -> tuple[Operand, ...]:
    roles = {"ada.wav": "reference"}
    return tuple(Operand(name, sha(FILES[name]), roles.get(name, "weights"), "CC-BY-4.0") for name in names)


ALL = operands(*FILES)
MODEL = operands("ada.safetensors")


@pytest.fixture(autouse=True)
def _cheap_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore_module, "LOG2_N", 10)


def refuses(reason: str):
    return pytest.raises(ConsentRefusedError, match=rf"^{reason}:")


def grant(world: World, key: SigningKey | None = SPEAKER, effect: str = "delete-voice", **changes: object) -> str:
    path = draft(world.folder, **{"renders": 50, "seconds": 5_000, **changes})
    data = {**path.data}
    data["withdrawal"] = {"how": "Tell the operator.", "effect": effect}
    data["weights"] = [
        {"name": name, "sha256": sha(FILES[name]), "license": "CC-BY-4.0"}
        for name in ("ada.safetensors", "embedding.bin")
    ]
    data["references"] = [
        {"name": "ada.wav", "file_sha256": sha(REFERENCE), "pcm_sha256": "7" * 64, "seconds_milli": 1_000}
    ]
    return world.ledger.add_grant(type(path)(data, path.text, path.source, path.folder), key)


def sealed(world: World, **how: object) -> tuple[Vault, str]:
    digest = grant(world)
    vault = Vault.open(world.ledger, **how)
    vault.seal("ada", FILES, digest)
    return vault, digest


def unsealed(vault: Vault, world: World, files: tuple[Operand, ...] = MODEL) -> dict[str, bytes]:
    with vault.unseal(world.request(operands=files), "ada") as plain:
        return {name: bytes(data) for name, data in plain.items()}


def erasures(ledger: Ledger) -> list[Erasure]:
    return [entry.statement for entry in ledger.entries((Erasure.KIND,))]  # type: ignore[misc]


def keys_of(vault: Vault) -> list[dict[str, object]]:
    return json.loads((vault.keystore / "keystore.json").read_bytes())["keys"]


# sealing and unsealing
