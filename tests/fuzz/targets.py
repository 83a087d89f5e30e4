"""Every parser of bytes from outside, as a function of bytes that may raise an error of `consent` and nothing else."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from consent import PublicKey, SigningKey, audit_folder, read_draft
from consent.account import verify_account
from consent.authority import check_signatures
from consent.content import screen
from consent.core import read_identity
from consent.cosign import cosignatures, make_request, parse_request
from consent.drop import read_revocation
from consent.encoding import b64decode, dump, parse_json
from consent.envelope import Envelope
from consent.errors import ConsentError
from consent.keystore import Keystore
from consent.known import read_known
from consent.outside import read_refusals
from consent.permit import Permit
from consent.persons import Person
from consent.proof import parse_bundle
from consent.records import read_record
from consent.sealed import open_sealed, unseal_file
from consent.snapshot import read_snapshot
from consent.statements import LEDGER_KINDS, Party, PermitStatement, Refusal, parse_statement
from consent.tree_head import parse_note, parse_tlog_proof, read_checkpoint, verify_checkpoint
from consent.verifier import verify_bytes
from consent.voicegrant import read_voicegrant

__all__ = ["OPERATOR", "TARGETS", "Bug", "run_one"]

OPERATOR = SigningKey.from_seed(b"o" * 32)
LEDGER = "0" * 32
KINDS = {**LEDGER_KINDS, PermitStatement.payload_type(): PermitStatement, Refusal.payload_type(): Refusal}
_BY_NAME = {kind.KIND: name for name, kind in KINDS.items()}


class Bug(AssertionError):
    """A parser accepted something that it writes differently."""


@cache
def folder() -> Path:
    """A folder for parsers that read files; in memory where there is one."""
    memory = Path("/dev/shm")
    place = tempfile.mkdtemp(prefix="fuzz-", dir=memory if os.access(memory, os.W_OK) else None)
    path = Path(place)
    (path / "keys").mkdir()
    return path


def clean() -> None:
    """Remove that folder."""
    if folder.cache_info().currsize:
        shutil.rmtree(folder(), ignore_errors=True)
        folder.cache_clear()


def _file(name: str, data: bytes, mode: int = 0o600) -> Path:
    path = folder() / name
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, mode)
    with os.fdopen(fd, "wb") as handle:
        handle.write(data)
    return path


def json(data: bytes) -> None:
    """Strict JSON; what is accepted is written and read back alike."""
    value = parse_json(data)
    if parse_json(dump(value)) != value:
        raise Bug("read back differently")


def base64(data: bytes) -> None:
    b64decode(data.decode("latin-1"))


def envelope(data: bytes) -> None:
    read = Envelope.parse(data)
    if Envelope.parse(read.to_bytes()) != read:
        raise Bug("read back differently")


def statement(data: bytes) -> None:
    """An envelope, its statement, and whose signatures it needs."""
    read = Envelope.parse(data)
    found = parse_statement(read, *KINDS.values())
    check_signatures(found, read, OPERATOR.public)


def payload(data: bytes) -> None:
    """A statement's payload under the type that it names, so that no signature and no base64 stands in the way."""
    kind = parse_json(data).get("kind")
    name = _BY_NAME.get(kind) if isinstance(kind, str) else None
    if name is None:
        return
    found = parse_statement(Envelope(name, data, (("", b""),)), KINDS[name])
    if dump(found.as_obj()) != data:
        raise Bug("two spellings of one statement")


def draft(data: bytes) -> None:
    """A grant draft: TOML, then the grant that it becomes."""
    read = read_draft(folder() / "draft.toml", reader=lambda _path: data)
    built = read.build(ledger=LEDGER, operator=Party(OPERATOR.public.did, "Operator"), now=1_795_000_000)
    signed = built.grant.sign(OPERATOR)
    if parse_statement(Envelope.parse(signed.to_bytes())) != built.grant:
        raise Bug("a grant that cannot be read back")


def bundle(data: bytes) -> None:
    parse_bundle(data)


def proof(data: bytes) -> object:
    """A whole proof, verified: forged bytes end in a verdict, never in an exception."""
    shown = verify_bytes(data, "0" * 64, name="a.mp3")
    if shown.ok:
        raise Bug("a file that is not there was verified")
    shown.text()
    return (*shown.records.problems, *shown.use.problems)


def note(data: bytes) -> None:
    parse_note(data)
    read_checkpoint(data)
    verify_checkpoint(data, OPERATOR.public, f"voicekit.local/{LEDGER}")


def tlog_proof(data: bytes) -> None:
    parse_tlog_proof(data.decode("utf-8", "surrogateescape"))


def did_key(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    if PublicKey.from_did(text).did != text:
        raise Bug("two spellings of one key")


def key_file(data: bytes) -> None:
    SigningKey.load(_file("key.pem", data))


def locked_key_file(data: bytes) -> None:
    """With a passphrase; the line that asks for scrypt is left to a test of its own, as each try costs a second."""
    if b"kdf: scrypt" in data:
        return
    SigningKey.load(_file("locked.pem", data), b"passphrase")


def permit(data: bytes) -> None:
    Permit.from_token(data, OPERATOR.public)


def revocation(data: bytes) -> None:
    read_revocation(data, LEDGER, OPERATOR.public, what="revocation")


def record(data: bytes) -> None:
    read_record(data, release_keys=[OPERATOR.public])


def snapshot(data: bytes) -> None:
    """A snapshot, as it is and signed anew, so that its content is reached."""
    read_snapshot(data, LEDGER, OPERATOR.public)
    signed = Envelope.sign("application/vnd.voicekit.snapshot+json;version=1", data, OPERATOR)
    read_snapshot(signed.to_bytes(), LEDGER, OPERATOR.public)


def identity(data: bytes) -> None:
    _file("keys/operator.pub", data)
    read_identity(folder())


def known_keys(data: bytes) -> None:
    _file("keys/known.txt", data)
    read_known(folder())


def refusals(data: bytes) -> None:
    _file("refusals.jsonl", data)
    for line in read_refusals(folder()):
        parse_statement(Envelope.parse(line), Refusal)


def text(data: bytes) -> object:
    """The screen of texts: every place that it names lies in the text."""
    said = data.decode("utf-8", "surrogateescape")
    found = screen(said)
    if any(not 0 <= item.start <= item.end <= len(said) for item in found):
        raise Bug("a place outside the text")
    return [item.rule for item in found]


def sealed(data: bytes) -> None:
    """The file of a sealed voice: header and every chunk, under a key that does not fit."""
    with open_sealed(_file("voice.sealed", data)) as (header, handle):
        for number in range(len(header.files)):
            unseal_file(header, handle, number, bytes(32))


def keystore(data: bytes) -> None:
    """The file of wrapped keys."""
    (folder() / "keystore").mkdir(exist_ok=True)
    _file("keystore/keystore.json", data)
    Keystore(folder() / "keystore", LEDGER).read()


def account(data: bytes) -> object:
    """A speaker's account, verified as a stranger would."""
    shown = verify_account(data, what="account.json")
    return getattr(shown, "problems", None)


def cosigned(data: bytes) -> object:
    """A request to a witness, and the cosignatures on its note."""
    request = parse_request(data)
    found = cosignatures(request.note, [OPERATOR.public])
    if request.old >= 0 and make_request(request.old, request.path, request.note) != data:
        raise Bug("two spellings of one request")
    return len(found)


def voicegrant(data: bytes) -> None:
    """A voice with its grant, from another studio."""
    read_voicegrant(_file("ada.voicegrant", data))


def person(data: bytes) -> None:
    """What a side table keeps of a person."""
    read = Person.parse(data)
    if Person.parse(read.to_bytes()) != read:
        raise Bug("read back differently")


@cache
def _ledger() -> tuple[Path, bytes]:
    from tests.consent.world import World

    (folder() / "made").mkdir()
    world = World(folder() / "made")
    world.grant()
    world.deliver()
    world.ledger.close()
    return world.path, (world.path / "ledger.db").read_bytes()


def database(data: bytes) -> object:
    """A database file, audited and opened: what is in it is judged, never obeyed."""
    from consent import Ledger
    from tests.consent.world import Clock

    path, _good = _ledger()
    (path / "ledger.db").write_bytes(data)
    for name in ("ledger.db-journal", "refusals.jsonl"):
        (path / name).unlink(missing_ok=True)
    found = [item.reason for item in audit_folder(path).findings]
    Ledger.open(path, now=Clock()).close()
    return found


TARGETS: dict[str, Callable[[bytes], object]] = {
    "json": json,
    "base64": base64,
    "envelope": envelope,
    "statement": statement,
    "payload": payload,
    "draft": draft,
    "bundle": bundle,
    "proof": proof,
    "note": note,
    "tlog-proof": tlog_proof,
    "did-key": did_key,
    "key-file": key_file,
    "locked-key-file": locked_key_file,
    "permit": permit,
    "revocation": revocation,
    "record": record,
    "snapshot": snapshot,
    "identity": identity,
    "known-keys": known_keys,
    "refusals": refusals,
    "text": text,
    "sealed": sealed,
    "keystore": keystore,
    "account": account,
    "person": person,
    "cosigned": cosigned,
    "voicegrant": voicegrant,
    "database": database,
}


def run_one(name: str, data: bytes) -> str:
    """Run a target; what it answers, in a few words. Every exception but a `ConsentError` comes out."""
    try:
        return f"accepted {TARGETS[name](data)}"
    except ConsentError as exc:
        return f"refused {exc}"
