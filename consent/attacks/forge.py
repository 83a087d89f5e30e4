"""What an operator who cheats can make with the real key: ledgers and proofs that the gate would never write."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import merkle
from ..envelope import Envelope
from ..keys import SigningKey
from ..proof import make_bundle
from ..scope import Use
from ..statements import Grant, RenderIntent, RenderReceipt, new_nonce, parse_statement
from ..store import Row
from ..tree_head import Checkpoint, sign_checkpoint
from ..verifier import Verification, verify_file
from .world import SPEAKER, START, USE, World, rewritten, stored, weights

__all__ = ["Forger", "append_raw"]


def append_raw(path: Path, envelopes: Sequence[bytes], key: SigningKey, *, unique: bool = False) -> None:
    """Append entries and a valid tree head, past every check of the gate.

    Parameters
    ----------
    path : Path
        The ledger's folder.
    envelopes : sequence of bytes
        What to append.
    key : SigningKey
        The operator's.
    unique : bool
        Spell the digest column differently, as the database keeps it unique.
    """
    rows = stored(path)
    origin = (path / "keys" / "operator.pub").read_text(encoding="ascii").split()[1]
    fresh: list[Row] = []
    for number, envelope in enumerate(envelopes):
        payload = b64decode(json.loads(envelope)["payload"])
        body = json.loads(payload)
        digest = hashlib.sha256(payload).hexdigest() + ("x" if unique else "")
        moment = max(rows[-1].time, body["time"])
        leaf = merkle.leaf_hash(envelope)
        fresh.append(Row(len(rows) + number, body["kind"], digest, moment, leaf, envelope))
    leaves = [row.leaf for row in (*rows, *fresh)]
    note = sign_checkpoint(Checkpoint(origin, len(leaves), merkle.root(leaves)), key)
    with rewritten(path) as db:
        for row in fresh:
            db.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", tuple(row))
        db.execute("DELETE FROM checkpoint")
        db.execute("INSERT INTO checkpoint VALUES (?, ?)", (len(leaves), note))


class Forger:
    """Makes proofs under a tree of its own, signed with the operator's real key.

    Parameters
    ----------
    world : World
        Whose first grant is abused.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.key = world.ledger.operator_signing_key()
        self.grant_keys: tuple[SigningKey, ...] = (SPEAKER, self.key)
        self.receipt_key: SigningKey | None = None
        self.honest = parse_statement(Envelope.parse(world.ledger.entry(world.ledger.grants()[0].digest)[2]))
        self.genesis = stored(world.path)[0].envelope

    def grant(self, **changes: Any) -> Grant:
        """The world's first grant with fields changed."""
        fields: dict[str, Any] = {**self.honest.__dict__, "nonce": new_nonce(), **changes}
        return Grant(**fields)

    def proof(
        self,
        file: bytes,
        *,
        use: Use = USE,
        time: int = START,
        grant: Grant | None = None,
        intent: dict[str, Any] | None = None,
        **receipt: Any,
    ) -> bytes:
        """A bundle whose every signature is right and whose content is what is asked for here."""
        chosen = grant or self.grant()
        signed_grant = chosen.sign(*self.grant_keys)
        common: dict[str, Any] = {
            "ledger": self.world.ledger.id,
            "grant": signed_grant.digest,
            "voice": chosen.voice,
            "use": use,
            "operands": (weights(),),
            "params_sha256": "0" * 64,
            "text_commit": "1" * 64,
            "time": time,
        }
        begun: dict[str, Any] = {**common, "nonce": new_nonce(), "expires": time + 60, **(intent or {})}
        signed_intent = RenderIntent(**begun).sign(self.key)
        output = {
            "name": "a.mp3",
            "sha256": hashlib.sha256(file).hexdigest(),
            "bytes": len(file),
            "pcm_sha256": "2" * 64,
            "seconds_milli": 1_000,
        }
        values: dict[str, Any] = {
            **common,
            "nonce": new_nonce(),
            "intent": signed_intent.digest,
            "outputs": [output],
            "spent": {"renders": 1, "seconds": 1},
            "software": {"name": "x", "version": "1"},
            **receipt,
        }
        signed = RenderReceipt(**values).sign(self.receipt_key or self.key)
        envelopes = [self.genesis, signed_grant.to_bytes(), signed_intent.to_bytes(), signed.to_bytes()]
        leaves = [merkle.leaf_hash(item) for item in envelopes]
        head = Checkpoint(self.world.ledger.origin, len(leaves), merkle.root(leaves))
        wanted = [3, 0, 2, 1]
        return make_bundle([envelopes[i] for i in wanted], leaves, wanted, sign_checkpoint(head, self.key))

    def verify(self, name: str = "forged", **more: Any) -> Verification:
        """Write file and proof, and verify them as a stranger would."""
        folder = self.world.folder / name
        folder.mkdir(exist_ok=True)
        file = folder / "a.mp3"
        file.write_bytes(b"forged")
        file.with_name("a.mp3.voiceproof").write_bytes(self.proof(b"forged", **more))
        return verify_file(file)
