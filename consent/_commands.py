"""What the commands do. Each returns (succeeded, JSON result, text for people) and imports what it needs.

`verify` must run where only `cryptography` is installed, so nothing that touches a database is imported
above.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _verbs_keys, _verbs_papers, _verbs_voices
from ._secrets import load_key, new_passphrase, passphrase_of, read_passphrase
from .errors import InvalidInputError, UsageError
from .keys import PublicKey, SigningKey, read_small_file, write_new_file

if TYPE_CHECKING:
    from .ledger import Ledger

__all__ = ["ledger_folder", "open_ledger", "public_key", "run", "studio_folder"]

Result = tuple[bool, Any, str]
_THREE_YEARS = 3 * 366 * 86_400


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
        **_verbs_keys.COMMANDS,
        **_verbs_papers.COMMANDS,
        **_verbs_voices.COMMANDS,
    }
    return commands[args.command](args)


def studio_folder(given: str | None) -> Path:
    """--studio, $VOICEKIT_STUDIO, or the platform's data folder."""
    if given or os.environ.get("VOICEKIT_STUDIO"):
        return Path(given or os.environ["VOICEKIT_STUDIO"])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "voicekit"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "voicekit"


def ledger_folder(args: argparse.Namespace) -> Path:
    return studio_folder(args.studio) / "ledger"


def open_ledger(args: argparse.Namespace) -> Ledger:
    from .ledger import Ledger

    folder = ledger_folder(args)
    # Reading needs no key: nobody is asked for a passphrase to look at a list.
    ask = args.command not in ("list", "show", "page", "affected", "due", "export-record")
    phrase = passphrase_of(folder / "keys" / "operator.key", args.passphrase_file, ask=ask)
    return Ledger.open(folder, sidecar=args.sidecar, passphrase=phrase)


def _speaker_key(args: argparse.Namespace) -> SigningKey | None:
    return load_key(args.key, args.key_passphrase_file) if args.key else None


def _guardian_key(args: argparse.Namespace) -> SigningKey | None:
    return load_key(args.guardian_key, args.key_passphrase_file) if args.guardian_key else None


def public_key(text: str) -> PublicKey:
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

    folder = ledger_folder(args)
    name = args.operator or os.environ.get("USER") or "operator"
    phrase = read_passphrase(args.passphrase_file) if args.passphrase_file else None
    with Ledger.init(
        folder, operator_name=name, sidecar=args.sidecar, passphrase=phrase, contact=args.contact
    ) as ledger:
        if args.post_quantum:
            ledger.sign_heads_twice()
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
    key, phrase = SigningKey.generate(), new_passphrase(args.passphrase_file, decline=args.no_passphrase)
    key.save(Path(args.file), phrase)
    note = "encrypted" if phrase else "not encrypted: whoever has this file can sign as you; --passphrase-file"
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
    guardian = _guardian_key(args)
    answer = _verbs_keys.spoken_answer(args)
    if draft is None and (key or answer):
        raise UsageError("--key and --statement go with a DRAFT.toml")
    certificate = Path(args.certificate) if args.certificate else None
    with open_ledger(args) as ledger:
        if draft is None:
            record = read_small_file(Path(args.record), 1 << 20)
            keys = [public_key(item) for item in args.release_key]
            digest = ledger.grant_house_voice(ledger.add_record(record, release_keys=keys))
        else:
            if answer:
                digest = ledger.complete_challenge(draft, replace(answer, guardian=guardian), key)
            else:
                digest = ledger.add_grant(draft, key, guardian=guardian)
            if key is not None:
                # Made while the key is at hand: a speaker who loses the key can still withdraw.
                certificate = certificate or Path(args.draft).with_name(f"revoke-{digest[:16]}.json")
                write_new_file(certificate, ledger.make_revocation(digest, key))
        info = next(item for item in ledger.grants() if item.digest == digest)
        twice = ledger.heads_signed_twice()
    lines = [f"grant {digest}", f"  voice {info.voice}, basis {info.basis}, tier {info.assurance.text()}, {info.state}"]
    if info.not_after - info.not_before > _THREE_YEARS and not twice:
        lines.append("  it runs for years: consent rotate-key --post-quantum signs tree heads with ML-DSA-44 too")
    if certificate is not None:
        lines.append(f"  revocation certificate, for the speaker to keep: {certificate}")
    result = {"ok": True, **info.as_dict(), "certificate": str(certificate or "")}
    return True, result, "\n".join(lines)


def _revoke(args: argparse.Namespace) -> Result:
    key = _speaker_key(args)
    if bool(args.grant) == bool(args.certificate):
        raise UsageError("name a GRANT, or give --certificate with a revocation made earlier")
    with open_ledger(args) as ledger:
        if args.certificate:
            digest = ledger.revoke_by_file(Path(args.certificate))
            return True, {"ok": True, "revocation": digest}, f"revoked by certificate; entry {digest}"
        target = ledger.resolve(args.grant)
        if args.out:
            if key is None:
                key = ledger.operator_signing_key()
            write_new_file(Path(args.out), ledger.make_revocation(target, key, reason=args.reason))
            text = f"{target}: revocation in {args.out}; it counts once in {ledger.folder / 'revocations'}"
            return True, {"ok": True, "target": target, "file": args.out}, text
        digest = ledger.revoke(target, key=key, reason=args.reason)
    return True, {"ok": True, "target": target, "revocation": digest}, f"{target} revoked; entry {digest}"


def _list(args: argparse.Namespace) -> Result:
    with open_ledger(args) as ledger:
        grants = ledger.grants()
        people = ledger.people()
        size = ledger.size()
    names = {digest: person.name for digest, person in people.items()}
    lines = [f"{size} entries, {len(grants)} grants"]
    for item in grants:
        left = f"renders left {_amount(item.renders_left)}, seconds left {_amount(item.seconds_left)}"
        lines.append(f"{item.digest[:16]}  {item.voice:<12} {item.state:<14} until {_day(item.not_after)}  {left}")
        who = f"; {names[item.digest]}" if item.digest in names else ""
        lines.append(f"    basis {item.basis}, tier {item.assurance.text()}; {', '.join(item.scope.modes)}{who}")
    listed = [{**item.as_dict(), "name": names.get(item.digest, "")} for item in grants]
    return True, {"ok": True, "size": size, "grants": listed}, "\n".join(lines)


def _amount(number: int) -> str:
    from .scope import UNLIMITED

    return "unlimited" if number == UNLIMITED else str(number)


def _day(moment: int) -> str:
    import datetime

    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%d")


def _show(args: argparse.Namespace) -> Result:
    import json

    from .envelope import Envelope

    with open_ledger(args) as ledger:
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

    folder = ledger_folder(args)
    if args.renew_highwater:
        size = renew_high_water(folder, sidecar=args.sidecar)
        return True, {"ok": True, "size": size}, f"high-water note written for {size} entries"
    progress = None if args.quiet else _Progress("audit")
    seen_by = [public_key(item) for item in args.witness]
    report = audit_folder(folder, sidecar=args.sidecar, against=args.against, progress=progress, witnesses=seen_by)
    return report.ok, report.as_dict(), report.text()


class _Progress:
    """A line on the error stream that says how far it is and how long it will take; silent when that is short."""

    def __init__(self, what: str) -> None:
        self.what, self.began, self.shown = what, time.monotonic(), 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        spent, first = now - self.began, not self.shown
        if done < total and done and spent > 2 and now - self.shown > (0.5 if sys.stderr.isatty() else 10):
            left = spent * (total - done) / done
            line = f"{self.what}: {done} of {total} entries, {100 * done // total} %, about {_span(left)} left"
            end = "" if sys.stderr.isatty() else "\n"
            print(f"\r{line:<78}" if not end else line, end=end, file=sys.stderr, flush=True)
            self.shown = now
        elif done == total and not first and sys.stderr.isatty():
            print("\r" + " " * 78 + "\r", end="", file=sys.stderr, flush=True)


def _span(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 100 else f"{whole // 60} min {whole % 60} s"


def _verify(args: argparse.Namespace) -> Result:
    from .account import ACCOUNT_SUFFIX, MAX_ACCOUNT, verify_account
    from .verifier import proofs_of, verify_file

    if args.proof and len(args.files) != 1:
        raise UsageError("--proof goes with one FILE")
    trust, seen_by = [public_key(item) for item in args.trust], [public_key(item) for item in args.witness]
    accounts = [file for file in args.files if file.endswith(ACCOUNT_SUFFIX)]
    if accounts:
        if len(accounts) != len(args.files):
            raise UsageError("verify accounts of voices and delivered files in two calls")
        papers = [verify_account(read_small_file(Path(f), MAX_ACCOUNT), what=f, trust=trust) for f in accounts]
        ok = all(item.ok and not item.breaches for item in papers)
        texts = "\n".join(item.text() for item in papers)
        return ok, {"ok": ok, "accounts": [item.as_dict() for item in papers]}, texts
    proofs = [(file, proof) for file in args.files for proof in ([args.proof] if args.proof else proofs_of(file))]
    found = [verify_file(file, proof=proof, trust=trust, witnesses=seen_by) for file, proof in proofs]
    ok = all(item.ok for item in found)
    return (
        ok,
        {"ok": ok, "files": [item.as_dict() for item in found]},
        "\n".join(item.text() for item in found),
    )
