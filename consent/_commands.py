"""What the commands do. Each returns (succeeded, JSON result, text for people) and imports what it needs.

`verify` must run where only `cryptography` is installed, so nothing that touches a database is imported
above.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InvalidInputError, UsageError
from .keys import PublicKey, SigningKey, read_small_file

if TYPE_CHECKING:
    from .ledger import Ledger

__all__ = ["run"]

Result = tuple[bool, Any, str]


def run(args: argparse.Namespace) -> Result:
    """Dispatch a parsed command line."""
    commands: dict[str, Callable[[argparse.Namespace], Result]] = {
        "init": _init,
        "keygen": _keygen,
        "grant": _grant,
        "revoke": _revoke,
        "list": _list,
        "show": _show,
        "audit": _audit,
        "verify": _verify,
    }
    return commands[args.command](args)


def studio_folder(given: str | None) -> Path:
    """--studio, $VOICEKIT_STUDIO, or the platform's data folder."""
    if given or os.environ.get("VOICEKIT_STUDIO"):
        return Path(given or os.environ["VOICEKIT_STUDIO"])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "voicekit"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "voicekit"


def _ledger_folder(args: argparse.Namespace) -> Path:
    return studio_folder(args.studio) / "ledger"


def _passphrase(file: str | None) -> bytes | None:
    if not file:
        return None
    text = read_small_file(Path(file), 4_096).rstrip(b"\r\n")
    if not text:
        raise InvalidInputError("holds no passphrase", file=file, remedy="Write one line into it")
    return text


def _open(args: argparse.Namespace) -> Ledger:
    from .ledger import Ledger

    phrase = _passphrase(args.passphrase_file)
    return Ledger.open(_ledger_folder(args), sidecar=args.sidecar, passphrase=phrase)


def _speaker_key(args: argparse.Namespace) -> SigningKey | None:
    return SigningKey.load(Path(args.key), _passphrase(args.key_passphrase_file)) if args.key else None


def _public_key(text: str) -> PublicKey:
    """A did:key, or a file whose first word is one (such as keys/operator.pub)."""
    if not text.startswith("did:"):
        try:
            words = read_small_file(Path(text), 4_096).decode("ascii").split()
        except UnicodeDecodeError as exc:
            raise InvalidInputError("not a public key", file=text, remedy="Give a did:key") from exc
        text = words[0] if words else ""
    return PublicKey.from_did(text)


def _init(args: argparse.Namespace) -> Result:
    from .ledger import Ledger

    folder = _ledger_folder(args)
    name = args.operator or os.environ.get("USER") or "operator"
    phrase = _passphrase(args.passphrase_file)
    with Ledger.init(folder, operator_name=name, sidecar=args.sidecar, passphrase=phrase) as ledger:
        result = {
            "ok": True,
            "ledger": ledger.id,
            "folder": str(folder),
            "operator": ledger.operator.did,
            "sidecar": str(ledger.sidecar),
        }
    text = (
        f"ledger {result['ledger']} made in {folder}\n"
        f"operator {name}: {result['operator']}\n"
        f"high-water note in {result['sidecar']}: keep it on another disk if you can (--sidecar)"
    )
    return True, result, text


def _keygen(args: argparse.Namespace) -> Result:
    key, phrase = SigningKey.generate(), _passphrase(args.passphrase_file)
    key.save(Path(args.file), phrase)
    note = "encrypted" if phrase else "not encrypted; give --passphrase-file to encrypt it"
    result = {"ok": True, "file": args.file, "key": key.public.did, "encrypted": bool(phrase)}
    return True, result, f"{args.file} ({note})\n{key.public.did}"


def _grant(args: argparse.Namespace) -> Result:
    from .draft import draft_template, read_draft

    if args.template:
        return True, {"ok": True, "template": draft_template()}, draft_template().rstrip()
    if bool(args.draft) == bool(args.record):
        raise UsageError("give a DRAFT.toml, or --record with a voice's record (--template prints a draft)")
    key = _speaker_key(args)
    draft = read_draft(args.draft) if args.draft else None
    if args.certificate and key is None:
        raise UsageError("a revocation certificate is signed with the speaker's key: give --key")
    with _open(args) as ledger:
        if draft is None:
            record = read_small_file(Path(args.record), 1 << 20)
            keys = [_public_key(item) for item in args.release_key]
            digest = ledger.grant_house_voice(ledger.add_record(record, release_keys=keys))
        else:
            digest = ledger.add_grant(draft, key)
        if args.certificate and key is not None:
            from .keys import write_new_file

            write_new_file(Path(args.certificate), ledger.make_revocation(digest, key))
        info = next(item for item in ledger.grants() if item.digest == digest)
    lines = [f"grant {digest}", f"  voice {info.voice}, basis {info.basis}, tier {info.tier}, {info.state}"]
    if args.certificate:
        lines.append(f"  revocation certificate for the speaker: {args.certificate}")
    return True, {"ok": True, **info.as_dict()}, "\n".join(lines)


def _revoke(args: argparse.Namespace) -> Result:
    key = _speaker_key(args)
    if bool(args.grant) == bool(args.certificate):
        raise UsageError("name a GRANT, or give --certificate with a revocation made earlier")
    with _open(args) as ledger:
        if args.certificate:
            digest = ledger.revoke_by_file(Path(args.certificate))
            return True, {"ok": True, "revocation": digest}, f"revoked by certificate; entry {digest}"
        target = ledger.resolve(args.grant)
        if args.out:
            from .keys import write_new_file

            if key is None:
                key = ledger.operator_signing_key()
            write_new_file(Path(args.out), ledger.make_revocation(target, key, reason=args.reason))
            text = f"{target}: revocation in {args.out}; it counts once in {ledger.folder / 'revocations'}"
            return True, {"ok": True, "target": target, "file": args.out}, text
        digest = ledger.revoke(target, key=key, reason=args.reason)
    return True, {"ok": True, "target": target, "revocation": digest}, f"{target} revoked; entry {digest}"


def _list(args: argparse.Namespace) -> Result:
    with _open(args) as ledger:
        grants = ledger.grants()
        size = ledger.size()
    lines = [f"{size} entries, {len(grants)} grants"]
    for item in grants:
        left = f"renders left {_amount(item.renders_left)}, seconds left {_amount(item.seconds_left)}"
        lines.append(f"{item.digest[:16]}  {item.voice:<12} {item.state:<14} until {_day(item.not_after)}  {left}")
        lines.append(f"    basis {item.basis}, tier {item.tier}; {', '.join(item.scope.modes)}")
    return True, {"ok": True, "size": size, "grants": [item.as_dict() for item in grants]}, "\n".join(lines)


def _amount(number: int) -> str:
    from .scope import UNLIMITED

    return "unlimited" if number == UNLIMITED else str(number)


def _day(moment: int) -> str:
    import datetime

    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%d")


def _show(args: argparse.Namespace) -> Result:
    import json

    from .envelope import Envelope

    with _open(args) as ledger:
        digest = ledger.resolve(args.id)
        seq, moment, data = ledger.entry(digest)
    envelope = Envelope.parse(data, what=f"entry {seq}")
    payload = json.loads(envelope.payload)
    signers = [keyid for keyid, _sig in envelope.signatures]
    result = {
        "ok": True,
        "digest": digest,
        "entry": seq,
        "time": moment,
        "signed_by": signers,
        "statement": payload,
    }
    shown = json.dumps(payload, ensure_ascii=False, indent=2)
    return True, result, f"entry {seq}, {digest}\nsigned by {', '.join(signers)}\n{shown}"


def _audit(args: argparse.Namespace) -> Result:
    from .audit import audit_folder, renew_high_water

    folder = _ledger_folder(args)
    if args.renew_highwater:
        size = renew_high_water(folder, sidecar=args.sidecar)
        return True, {"ok": True, "size": size}, f"high-water note written for {size} entries"
    report = audit_folder(folder, sidecar=args.sidecar, against=args.against)
    return report.ok, report.as_dict(), report.text()


def _verify(args: argparse.Namespace) -> Result:
    from .verifier import verify_file

    if args.proof and len(args.files) != 1:
        raise UsageError("--proof goes with one FILE")
    trust = [_public_key(item) for item in args.trust]
    found = [verify_file(file, proof=args.proof, trust=trust) for file in args.files]
    ok = all(item.ok for item in found)
    return (
        ok,
        {"ok": ok, "files": [item.as_dict() for item in found]},
        "\n".join(item.text() for item in found),
    )
