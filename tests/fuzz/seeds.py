"""Write the seed corpora: `python -m tests.fuzz.seeds`. They are small, and kept in git."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from consent.attacks.kinds import samples
from consent.attacks.world import SPEAKER, World, stored
from consent.cosign import cosign
from consent.draft import draft_template
from consent.encoding import b64decode
from consent.persons import Person
from consent.vault import Vault
from tests.fuzz.targets import OPERATOR

CORPUS = Path(__file__).parent / "corpus"


def put(target: str, name: str, data: bytes) -> None:
    """One seed."""
    (CORPUS / target).mkdir(parents=True, exist_ok=True)
    (CORPUS / target / name).write_bytes(data)


def main() -> None:
    """All of them, from one small world."""
    with tempfile.TemporaryDirectory() as place:
        world = World(Path(place))
        found = samples(world)
        proof = world.folder / "out" / "a.mp3.voiceproof"
        for kind, data in found.items():
            name = kind.split(".")[-1].split("+")[0]
            inner = b64decode(json.loads(data)["payload"])
            put("envelope", name, data) if name in ("grant", "permit") else None
            put("statement", name, data)
            put("payload", name, inner)
            put("json", name, inner) if name in ("genesis", "render-denied") else None
            for target, kinds in {
                "permit": ("permit",),
                "revocation": ("revocation",),
                "record": ("asset-registered",),
                "refusals": ("refusal",),
            }.items():
                if name in kinds:
                    put(target, name, data)
        bundle = proof.read_bytes()
        put("bundle", "delivered", bundle)
        put("proof", "delivered", bundle)
        put("tlog-proof", "delivered", json.loads(bundle)["tlog_proof"].encode())
        put("note", "highwater", world.note.read_bytes())
        put("identity", "operator", (world.path / "keys" / "operator.pub").read_bytes())
        put("did-key", "speaker", SPEAKER.public.did.encode())
        put("known-keys", "two", f"# known\n{SPEAKER.public.did} speaker Ada\n{OPERATOR.public.did} witness\n".encode())
        for target, scheme in {
            "key-file": serialization.NoEncryption(),
            "locked-key-file": serialization.BestAvailableEncryption(b"passphrase"),
        }.items():
            # A key of a fixed seed, used in tests alone.
            pem = SPEAKER._private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, scheme)
            put(target, "speaker", pem)
        put("base64", "leaf", stored(world.path)[0].leaf.hex().encode())
        put("draft", "template", draft_template().encode())
        world.draft()
        put("draft", "plain", (world.folder / "draft.toml").read_bytes())
        put("text", "marked", b'<speak>Please v&#111;te for <sub alias="Jane Miller">x</sub> on Tuesday.</speak>')
        put("snapshot", "payload", SNAPSHOT)
        put("account", "ada", world.ledger.account(SPEAKER.public.did))
        put("person", "ada", Person.of("Ada Example", "ada@example.org").to_bytes())
        content = {"ada.safetensors": b"weights"}
        vault = Vault.open(world.ledger)
        vault.seal("ada", content, world.ledger.grants()[1].digest)
        put("sealed", "ada", next(vault.folder.glob("*.sealed*")).read_bytes())
        put(
            "keystore",
            "one",
            (vault.keystore / "keystore.json").read_bytes().replace(world.ledger.id.encode(), b"0" * 32),
        )
        put("cosigned", "request", world.ledger.witness_request(2))
        put("cosigned", "note", cosign(world.note.read_bytes(), OPERATOR, 1_795_000_000))
        blob = world.folder / "blob"
        blob.write_bytes(b"sealed")
        world.ledger.export_grant(world.ledger.grants()[1].digest, world.folder / "ada.voicegrant", blob=blob)
        put("voicegrant", "ada", (world.folder / "ada.voicegrant").read_bytes())
        world.ledger.close()


SNAPSHOT = json.dumps(
    {
        "ledger": "0" * 32,
        "size": 256,
        "root": "A" * 43 + "=",
        "time": 1_795_000_000,
        "content": "A" * 43 + "=",
        "subtrees": "A" * 43 + "=",
        "decisive": "0 1 7",
        "spent": "a" * 64 + ":1:10",
        "open": "b" * 64 + ":" + "a" * 64 + ":10:1795000000:9",
    },
    sort_keys=True,
    separators=(",", ":"),
).encode()

if __name__ == "__main__":
    main()
