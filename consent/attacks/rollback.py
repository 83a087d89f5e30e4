"""A3 and A4: an older copy of the ledger put back; another ledger put in its place."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import merkle
from ..audit import audit_folder
from ..core import BUILD_FLOOR, SOFTWARE
from ..cosign import cosign, cosignatures, parse_request
from ..errors import ConsentRefusedError
from ..keys import SigningKey
from ..ledger import Ledger
from ..permit import Permit
from ..statements import Genesis, KeyRotated, Party, PermitStatement, Revocation, new_nonce
from ..store import Row, Store
from ..tree_head import Checkpoint, sign_checkpoint
from ..witness import Witness
from .forge import append_raw
from .lab import Attack, Lab
from .world import SPEAKER, START, STRANGER, USE, Clock, copy_ledger, opened, weights

__all__ = ["ATTACKS", "fresh_ledger", "reasons_of"]


def reasons_of(path: Path, against: Sequence[Path] = ()) -> list[str]:
    """What an audit finds wrong."""
    return [item.reason for item in audit_folder(path, against=against).findings if item.fatal]


def _sizes(action: Callable[[], object]) -> tuple[int, ...]:
    """The numbers of entries that a refusal names."""
    try:
        action()
    except ConsentRefusedError as exc:
        found = re.search(r"has (\d+) entries, but .* has seen (\d+)", exc.message)
        return tuple(int(item) for item in found.groups()) if found else ()
    return ()


def rolled_back(lab: Lab) -> None:
    """A3."""
    world = lab.world()
    world.grant()
    old = copy_ledger(world, lab.folder / "old")
    older_note = world.note.read_bytes()
    final = world.deliver()
    proof = final.with_name(final.name + ".voiceproof")
    witness = lab.folder / "kept-by-a-witness.note"
    witness.write_bytes(world.note.read_bytes())
    lab.control("audit before the attack", lambda: _sound(world.path, [final, proof, witness]))
    world.ledger.close()

    path = copy_ledger(world, lab.folder / "sidecar")
    shutil.copy(old / "ledger.db", path / "ledger.db")
    lab.refused(
        "sidecar",
        "the database of 2 entries put back; the note outside has seen 4",
        lambda: opened(path),
        "ledger-rolled-back",
        files={"ledger": path, "ledger.highwater": path.parent / "ledger.highwater"},
    )
    lab.holds("sidecar sizes", "the refusal is read", lambda: _sizes(lambda: opened(path)) == (2, 4), "names 2 and 4")
    lab.found("sidecar audit", "the same, audited", lambda: reasons_of(path), "ledger-rolled-back")

    # From here on the note outside is rolled back as well: only what others hold can tell.
    lab.control("everything rolled back opens", lambda: opened(old))
    for case, held in (("delivered file", final), ("receipt and proof", proof), ("witness note", witness)):
        lab.found(
            case,
            f"database and note both put back; audited against {held.name}",
            lambda held=held: reasons_of(old, [held]),  # type: ignore[misc]
            "ledger-rolled-back",
            files={"ledger": old, held.name: held},
        )
        lab.holds(
            f"{case} sizes",
            "the finding is read",
            lambda held=held: any("has 2 entries" in t and "has seen 4" in t for t in _texts(old, held)),  # type: ignore[misc]
            "names 2 and 4",
        )
    _grown_again(lab, old, final, witness)
    _witnessed(lab)

    running = lab.world("running")
    running.grant()
    kept = (running.path / "ledger.db").read_bytes()
    permit = running.request()
    (running.path / "ledger.db").write_bytes(kept)
    lab.refused(
        "under a running program",
        "the database exchanged between request and completion",
        lambda: running.render(permit),
        "ledger-rolled-back",
        "ledger-forked",
    )
    running.note.write_bytes(older_note)
    lab.refused(
        "note of another ledger",
        "the high-water note of another ledger put there",
        lambda: running.request(),
        "ledger-replaced",
        "ledger-rolled-back",
        "ledger-forked",
    )
    running.note.unlink()
    lab.refused("note removed", "the high-water note deleted", lambda: running.request(), "highwater-missing")


def _sound(path: Path, against: Sequence[Path]) -> None:
    found = reasons_of(path, against)
    if found:
        raise ConsentRefusedError("ledger-tampered", f"an untouched ledger is called {found}")


def _texts(path: Path, held: Path) -> list[str]:
    return [item.text for item in audit_folder(path, against=[held]).findings if item.reason == "ledger-rolled-back"]


def _grown_again(lab: Lab, old: Path, final: Path, witness: Path) -> None:
    """A fork: rolled back, then grown to more entries than were seen before."""
    fork = copy_ledger(old, lab.folder / "fork")
    with Ledger.open(fork, now=Clock(START)) as ledger:
        for number in range(5):
            try:
                ledger.request(
                    USE, voice=f"x{number}", operands=(weights(),), params_sha256="0" * 64, text_commit="1" * 64
                )
            except ConsentRefusedError:
                continue
    for case, held in (("fork against a delivered file", final), ("fork against a witness note", witness)):
        lab.found(
            case,
            "put back, then grown beyond the old size",
            lambda held=held: reasons_of(fork, [held]),  # type: ignore[misc]
            "ledger-forked",
            files={"ledger": fork, held.name: held},
        )
    shutil.copy(witness, fork.parent / "ledger.highwater" / "highwater.note")
    lab.refused("fork against the sidecar", "the same, with the true note", lambda: opened(fork), "ledger-forked")


def _witnessed(lab: Lab) -> None:
    """A witness that follows the ledger: asked to cosign an older or another history, and its note held against one."""
    world = lab.world("witnessed")
    world.grant()
    witness = Witness(lab.folder / "witness", STRANGER)
    first = witness.sign(parse_request(world.ledger.witness_request(0)), START, world.ledger.operator)
    old = copy_ledger(world, lab.folder / "before-witness")
    world.deliver()
    lab.control("a ledger that grew", lambda: witness.sign(parse_request(world.ledger.witness_request(2)), START))
    note = lab.folder / "cosigned.note"
    note.write_bytes(witness.sign(parse_request(world.ledger.witness_request(4)), START))
    with Ledger.open(old, now=Clock(START)) as ledger:
        request = ledger.witness_request(2)
        files: dict[str, Path | bytes] = {"ledger": old, "request": request, "cosigned.note": note}
        lab.refused(
            "a witness asked again",
            "the older copy's tree head shown to the witness that has seen the newer one",
            lambda: witness.sign(parse_request(request), START + 60),
            "witness-inconsistent",
            files=files,
        )
        for number in range(3):
            with suppress(ConsentRefusedError):
                ledger.request(
                    USE, voice=f"x{number}", operands=(weights(),), params_sha256="0" * 64, text_commit="1" * 64
                )
        lab.refused(
            "a witness shown a fork",
            "the older copy grown beyond the size that the witness has seen",
            lambda: witness.sign(parse_request(ledger.witness_request(2)), START + 60),
            "witness-inconsistent",
        )
        lab.found(
            "a cosigned note",
            "the fork audited against the cosigned note",
            lambda: reasons_of(old, [note]),
            "ledger-forked",
            files=files,
        )
    forged = cosign(parse_request(request).note, SPEAKER, START)
    (lab.folder / "forged.note").write_bytes(forged)
    lab.found(
        "cosigned by somebody else",
        "the older head with a stranger's cosignature, audited by somebody who demands this witness",
        lambda: [
            item.reason
            for item in audit_folder(old, against=[lab.folder / "forged.note"], witnesses=[STRANGER.public]).findings
            if item.fatal
        ],
        "unwitnessed",
        files={"forged.note": forged},
    )
    changed = bytearray(first)
    changed[-20] ^= 1
    lab.refused(
        "a changed cosignature",
        "one bit of the cosignature flipped",
        lambda: cosignatures(bytes(changed), [STRANGER.public]),
        "checkpoint-invalid",
        "base64-invalid",
        files={"changed.note": bytes(changed)},
    )


def fresh_ledger(folder: Path, key: SigningKey, ledger: str) -> Path:
    """A ledger of one entry, made by whoever holds the operator's key."""
    path = folder / "ledger"
    for name in ("keys", "revocations", "locks"):
        (path / name).mkdir(mode=0o700, parents=True)
    path.chmod(0o700)
    key.save(path / "keys" / "operator.key")
    origin = f"voicekit.local/{ledger}"
    (path / "keys" / "operator.pub").write_text(f"{key.public.did} {origin}\n", encoding="ascii")
    genesis = Genesis(
        ledger=ledger,
        nonce=new_nonce(),
        time=max(START, BUILD_FLOOR),
        operator=Party(key.public.did, "Operator"),
        software=SOFTWARE,
    ).sign(key)
    leaf = merkle.leaf_hash(genesis.to_bytes())
    note = sign_checkpoint(Checkpoint(origin, 1, merkle.root([leaf])), key)
    store = Store(path / "ledger.db")
    store.create()
    with store.session(write=True) as session:
        session.append([Row(0, "genesis", genesis.digest, START, leaf, genesis.to_bytes())], 1, note)
    (folder / "ledger.highwater").mkdir()
    (folder / "ledger.highwater" / "highwater.note").write_bytes(note)
    return path


def replaced(lab: Lab) -> None:
    """A4."""
    world = lab.world()
    grant = world.grant()
    permit = world.request()
    final = world.deliver(permit)
    _seq, _time, envelope = world.ledger.entry(grant)
    key = world.ledger.operator_signing_key()
    path, name = world.path, world.ledger.id
    world.ledger.close()

    fresh = fresh_ledger(lab.folder / "fresh", key, "0" * 32)
    lab.control("the fresh ledger by itself", lambda: opened(fresh))
    shutil.copy(path.parent / "ledger.highwater" / "highwater.note", lab.folder / "true.note")
    note = fresh.parent / "ledger.highwater" / "highwater.note"
    own = note.read_bytes()
    shutil.copy(lab.folder / "true.note", note)
    files = {"ledger": fresh, "ledger.highwater": fresh.parent / "ledger.highwater"}
    lab.refused(
        "new id, old note",
        "a fresh ledger under the operator's own key, with a new id",
        lambda: opened(fresh),
        "ledger-replaced",
        files=files,
    )
    note.write_bytes(own)
    for held in (final, lab.folder / "true.note"):
        lab.found(
            f"new id, against {held.name}",
            "the same with its own note, audited against what was handed out",
            lambda held=held: reasons_of(fresh, [held]),  # type: ignore[misc]
            "checkpoint-invalid",
            "ledger-replaced",
            files={**files, held.name: held},
        )
    shutil.copy(path / "keys" / "operator.pub", fresh / "keys" / "operator.pub")
    lab.refused(
        "new id under the old name",
        "the fresh ledger with operator.pub of the true one",
        lambda: opened(fresh),
        "ledger-replaced",
        "checkpoint-invalid",
    )
    twin = fresh_ledger(lab.folder / "twin", key, name)
    shutil.copy(lab.folder / "true.note", twin.parent / "ledger.highwater" / "highwater.note")
    lab.refused(
        "same id, fresh history",
        "a fresh ledger under the same key and the same id, with the true note",
        lambda: opened(twin),
        "ledger-rolled-back",
        "ledger-forked",
        files={"ledger": twin},
    )
    stranger = fresh_ledger(lab.folder / "stranger", SPEAKER, name)
    shutil.copy(stranger / "ledger.db", twin / "ledger.db")
    lab.refused(
        "same id, another key",
        "a database made under a stranger's key put beside the true keys",
        lambda: opened(twin),
        "checkpoint-invalid",
        "ledger-replaced",
        "ledger-rolled-back",
        files={"ledger": twin},
    )
    _old_key(lab)
    other = lab.world("other")
    lab.refused(
        "old permit", "a permit of the old ledger shown to another", lambda: other.render(permit), "permit-forged"
    )
    lab.refused(
        "old grant",
        "the speaker's grant carried into another ledger",
        lambda: other.ledger.add_statement(envelope),
        "ledger-mismatch",
        "key-mismatch",
    )


def _old_key(lab: Lab) -> None:
    """The operator's key was replaced; whoever kept the old one goes on with it."""
    world = lab.world("rotated")
    grant = world.grant()
    old = world.ledger.operator_signing_key()
    permit = world.request()
    fields = {**permit.statement.__dict__, "nonce": new_nonce(), "intent": "9" * 64}
    world.ledger.rotate_operator(reason="stolen", abort_open=True)
    lab.control("under the new key", lambda: world.ledger.abort(world.request(), "cancelled"))
    lab.refused(
        "a permit closed with the key", "an open permit of the old key", lambda: world.render(permit), "permit-used"
    )
    forged = PermitStatement(**fields).sign(old).to_bytes()
    lab.refused(
        "a new permit by the old key",
        "a permit signed with the replaced key",
        lambda: world.render(Permit.from_token(forged, old.public)),
        "permit-forged",
        files={"permit.dsse.json": forged},
    )
    world.ledger.close()
    head: dict[str, Any] = {"ledger": world.ledger.id, "nonce": new_nonce(), "time": START}
    revoked = Revocation(**head, target=grant, by=old.public.did, effective=START, reason="withdrawn").sign(old)
    handed = KeyRotated(**head, old=old.public.did, new=STRANGER.public.did, role="operator", reason="renewed").sign(
        old, STRANGER
    )
    for case, envelope, key in (
        ("an entry under the old key's tree head", revoked, old),
        ("handed over a second time", handed, STRANGER),
    ):
        path = copy_ledger(world, lab.folder / case.replace(" ", "-"))
        append_raw(path, [envelope.to_bytes()], key)
        lab.refused(
            case,
            f"with the replaced key: {case}",
            lambda path=path: opened(path),  # type: ignore[misc]
            "checkpoint-invalid",
            "statement-invalid",
            "signature-invalid",
            files={"ledger": path},
        )


ATTACKS = (
    Attack(
        "A3",
        "an older copy put back",
        "Refused, naming both sizes, by any of: the note outside, a proof, a delivered file, a witness's note.",
        rolled_back,
        ("an older copy of everything, where nobody outside kept a file, a proof or a note",),
    ),
    Attack(
        "A4",
        "the whole ledger replaced by a fresh one",
        "Refused: the ledger's id and first entry stand in every grant, permit, proof and note.",
        replaced,
        ("a second ledger that is never shown to anyone who holds something of the first",),
    ),
)
