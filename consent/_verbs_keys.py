"""Commands about keys, witnesses and spoken consent.

`add_parsers` is called for every command line and imports nothing heavy; the commands import what they need.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import UsageError

if TYPE_CHECKING:
    from .spoken import SpokenAnswer

__all__ = ["COMMANDS", "add_parsers", "add_spoken", "spoken_answer"]

Result = tuple[bool, Any, str]
Adder = Callable[..., argparse.ArgumentParser]


def add_parsers(add: Adder, where: argparse.ArgumentParser) -> None:
    """Declare the commands.

    Parameters
    ----------
    add : callable
        ``add(name, text, example, *parents)`` makes a command's parser.
    where : ArgumentParser
        Parent with --studio, --sidecar and --passphrase-file.
    """
    challenge = add(
        "challenge",
        "freeze a grant and print the sentence to read aloud",
        "consent challenge ada.toml --key speaker.key",
        where,
    )
    challenge.add_argument("draft", metavar="DRAFT.toml", help="the grant as a TOML file")
    challenge.add_argument("--key", metavar="KEY", help="the speaker's own key: a key file, or its did:key")
    challenge.add_argument("--key-passphrase-file", metavar="FILE", help="passphrase of --key")

    add("keys", "list the keys of the ledger and what became of them", "consent keys --json", where)

    enroll = add(
        "enroll-key",
        "make a key known to the ledger",
        "consent enroll-key speaker.key --role subject --name 'Ada Example' --witness-key notary.key",
        where,
    )
    enroll.add_argument("file", metavar="FILE", nargs="?", help="the key file; it signs that it is held")
    enroll.add_argument("--key", metavar="FILE", help="the same as FILE")
    enroll.add_argument("--key-passphrase-file", metavar="FILE", help="passphrase of the key")
    enroll.add_argument("--role", choices=("subject", "guardian", "witness"), default="subject", help="whose key it is")
    enroll.add_argument("--name", default="", help="their name; only its salted hash enters the ledger")
    enroll.add_argument("--witness-key", metavar="FILE", help="key of a person who vouches for whose key it is")
    enroll.add_argument("--witness-passphrase-file", metavar="FILE", help="passphrase of --witness-key")

    rotate = add(
        "rotate-key",
        "replace a key by a new one: the operator's, or with --key a speaker's",
        "consent rotate-key --key old.key --new-key new.key --role subject",
        where,
    )
    rotate.add_argument("--key", metavar="FILE", help="the old key of a speaker, guardian or witness")
    rotate.add_argument("--key-passphrase-file", metavar="FILE", help="passphrase of --key")
    rotate.add_argument("--new-key", metavar="FILE", help="the key that takes its place (an existing key file)")
    rotate.add_argument("--new-passphrase-file", metavar="FILE", help="passphrase of the new key")
    rotate.add_argument("--no-passphrase", action="store_true", help="leave the operator's new key open")
    rotate.add_argument("--role", choices=("subject", "guardian", "witness"), default="subject", help="whose key it is")
    rotate.add_argument("--reason", default="renewed", metavar="SLUG", help="such as renewed, lost or stolen")
    rotate.add_argument("--post-quantum", action="store_true", help="only add an ML-DSA-44 key for tree heads")
    rotate.add_argument("--abort-open", action="store_true", help="operator: close all open renders first")

    drop = add(
        "revoke-key",
        "declare that a speaker's, guardian's or witness's key counts no longer",
        "consent revoke-key did:key:z6Mk... --reason lost",
        where,
    )
    drop.add_argument("did", metavar="KEY", help="did:key, or a file whose first word is one")
    drop.add_argument("--key", metavar="FILE", help="that very key; else the operator signs")
    drop.add_argument("--key-passphrase-file", metavar="FILE", help="passphrase of --key")
    drop.add_argument("--reason", default="lost", metavar="SLUG", help="such as lost or stolen")

    witness = add(
        "witness",
        "cosign a tree head that continues what this witness has seen",
        "consent witness --studio DIR --key witness.key --state ~/witness --out cosigned.note",
        where,
    )
    witness.add_argument("note", metavar="NOTE", nargs="?", help="a tree head, or a request; else the studio's")
    witness.add_argument("--key", metavar="FILE", help="the witness's key")
    witness.add_argument("--key-passphrase-file", metavar="FILE", help="passphrase of --key")
    witness.add_argument("--state", metavar="DIR", help="the witness's own folder (default: in your data)")
    witness.add_argument("--log-key", metavar="KEY", help="the log's key, the first time (its keys/operator.pub)")
    witness.add_argument("--out", metavar="FILE", help="where the note goes (default: NOTE.cosigned)")
    witness.add_argument("--request", metavar="SIZE", type=int, help="operator: a request for one who saw SIZE")
    witness.add_argument("--keep", metavar="FILE", help="operator: take a cosigned note into the ledger's folder")

    renew = add(
        "renew-proof",
        "write the proofs of delivered files anew, under the newest cosigned tree head",
        "consent renew-proof out/*.mp3",
        where,
    )
    renew.add_argument("files", nargs="+", metavar="FILE", help="delivered files with their .voiceproof beside them")

    trust = add(
        "trust-key",
        "list, add or remove keys that you know by other ways",
        "consent trust-key did:key:z6Mk... --role speaker --name 'Ada Example'",
        where,
    )
    trust.add_argument("key", metavar="KEY", nargs="?", help="did:key, or a file whose first word is one")
    trust.add_argument("--role", choices=("speaker", "witness"), default="speaker", help="whose key it is")
    trust.add_argument("--name", default="", help="a note for yourself")
    trust.add_argument("--remove", action="store_true", help="take the key off the list")

    minimum = add(
        "minimum-tier",
        "show or set the assurance tier that every render of this studio must reach",
        "consent minimum-tier B",
        where,
    )
    minimum.add_argument("tier", nargs="?", choices=("A", "B", "C", "D", "none"), help="none: no demand")


def add_spoken(parser: argparse.ArgumentParser) -> None:
    """The options of `grant` that belong to a spoken challenge."""
    parser.add_argument("--statement", metavar="FILE", help="recording of the sentence of `consent challenge`")
    parser.add_argument("--challenge", metavar="ID", default="", help="which challenge, if several are open")
    parser.add_argument("--witness-key", metavar="FILE", help="key of a person who listened to the recording")
    parser.add_argument("--witness-name", metavar="NAME", default="", help="their name; only its salted hash is kept")
    parser.add_argument("--witness-passphrase-file", metavar="FILE", help="passphrase of --witness-key")


def spoken_answer(args: argparse.Namespace) -> SpokenAnswer | None:
    """The answer to a challenge that a command line of `grant` gives, if any."""
    if not args.statement:
        if args.challenge or args.witness_key or args.witness_name:
            raise UsageError("--challenge and --witness-key go with --statement")
        return None
    from ._secrets import load_key
    from .spoken import SpokenAnswer

    if args.witness_name and not args.witness_key:
        raise UsageError("--witness-name goes with --witness-key")
    witness = load_key(args.witness_key, args.witness_passphrase_file) if args.witness_key else None
    return SpokenAnswer(Path(args.statement), args.challenge, None, witness, args.witness_name)


def _challenge(args: argparse.Namespace) -> Result:
    import datetime

    from ._commands import open_ledger, public_key
    from ._secrets import load_key
    from .draft import read_draft

    subject = ""
    if args.key:
        named = args.key.startswith("did:")
        subject = (public_key(args.key) if named else load_key(args.key, args.key_passphrase_file).public).did
    with open_ledger(args) as ledger:
        made = ledger.open_challenge(read_draft(args.draft), subject)
    until = datetime.datetime.fromtimestamp(made.expires, datetime.UTC).strftime("%H:%M UTC")
    text = (
        f"challenge {made.id}, good until {until}, for one grant\n\nRead this aloud and record it:\n\n"
        f"  {made.statement}\n\nThen: consent grant {args.draft} --statement RECORDING.wav --challenge {made.id}"
        + (f" --key {args.key}" if args.key else "")
    )
    return True, {"ok": True, **made.as_dict()}, text


def _trust_key(args: argparse.Namespace) -> Result:
    from ._commands import ledger_folder, public_key
    from .core import read_identity
    from .known import add_known, drop_known, read_known

    folder = ledger_folder(args)
    read_identity(folder)
    if args.key is None:
        found = read_known(folder)
    elif args.remove:
        found = drop_known(folder, public_key(args.key))
    else:
        found = add_known(folder, public_key(args.key), args.role, args.name)
    lines = [f"{item.key}  {item.role}  {item.name}".rstrip() for item in found]
    text = "\n".join(lines) or "no keys are known by other ways"
    note = "\nYour own knowledge: it decides the tiers you are shown here, and proves nothing to anybody else."
    return True, {"ok": True, "keys": [dict(item.__dict__) for item in found]}, text + note


def _minimum_tier(args: argparse.Namespace) -> Result:
    from ._commands import ledger_folder
    from .core import read_identity
    from .known import read_minimum_tier, write_minimum_tier

    folder = ledger_folder(args)
    read_identity(folder)
    if args.tier:
        write_minimum_tier(folder, "" if args.tier == "none" else args.tier)
    found = read_minimum_tier(folder)
    return (
        True,
        {"ok": True, "minimum_tier": found},
        f"renders must reach tier {found}" if found else "no tier is demanded",
    )


def _keys(args: argparse.Namespace) -> Result:
    from ._commands import open_ledger

    with open_ledger(args) as ledger:
        found = ledger.keys()
        known = {item.key: item for item in ledger.known_keys()}
    lines = []
    for item in found:
        mine = f"  known to you as {known[item.did].role}" if item.did in known else ""
        after = f", replaced by {item.replaced_by}" if item.replaced_by else ""
        lines.append(f"{item.did}  {item.role}  {item.state} since entry {item.since}{after}{mine}")
    return True, {"ok": True, "keys": [item.as_dict() for item in found]}, "\n".join(lines)


def _enroll(args: argparse.Namespace) -> Result:
    from ._commands import open_ledger
    from ._secrets import load_key

    if bool(args.file) == bool(args.key):
        raise UsageError("name one key FILE")
    key = load_key(args.file or args.key, args.key_passphrase_file)
    witness = load_key(args.witness_key, args.witness_passphrase_file) if args.witness_key else None
    with open_ledger(args) as ledger:
        digest = ledger.enroll_key(key, args.role, args.name, witness=witness)
    by = f", vouched for by {witness.public.did}" if witness else ""
    return (
        True,
        {"ok": True, "entry": digest, "key": key.public.did},
        f"{key.public.did} is enrolled as {args.role}{by}",
    )


def _rotate(args: argparse.Namespace) -> Result:
    from ._commands import ledger_folder, open_ledger
    from ._secrets import load_key, new_passphrase
    from .pem import is_encrypted

    if bool(args.key) != bool(args.new_key):
        raise UsageError("give --key and --new-key; or neither, for the operator's key")
    with open_ledger(args) as ledger:
        if args.post_quantum:
            entry = ledger.sign_heads_twice()
            return True, {"ok": True, "entry": entry}, f"tree heads are signed with ML-DSA-44 too; entry {entry}"
        if args.key:
            old, new = load_key(args.key, args.key_passphrase_file), load_key(args.new_key, args.new_passphrase_file)
            digest, did = ledger.rotate_key(old, new, args.role, args.reason), new.public.did
        else:
            locked = is_encrypted((ledger_folder(args) / "keys" / "operator.key").read_bytes())
            phrase = new_passphrase(args.new_passphrase_file, decline=args.no_passphrase)
            if locked and phrase is None and not args.no_passphrase:
                raise UsageError("the old key is encrypted: give --new-passphrase-file, or --no-passphrase")
            digest = ledger.rotate_operator(
                new_passphrase=phrase or b"", reason=args.reason, abort_open=args.abort_open
            )
            did = ledger.operator.did
    return True, {"ok": True, "entry": digest, "key": did}, f"the key is now {did}; entry {digest}"


def _revoke_key(args: argparse.Namespace) -> Result:
    from ._commands import open_ledger, public_key
    from ._secrets import load_key

    did = public_key(args.did).did
    key = load_key(args.key, args.key_passphrase_file) if args.key else None
    with open_ledger(args) as ledger:
        digest = ledger.revoke_key(did, key, args.reason)
    return True, {"ok": True, "entry": digest, "key": did}, f"{did} is revoked; grants that rest on it are suspended"


def _witness(args: argparse.Namespace) -> Result:
    import time

    from ._commands import ledger_folder, open_ledger, public_key
    from ._secrets import load_key
    from .cosign import parse_request
    from .keys import read_small_file, write_new_file
    from .tree_head import read_checkpoint
    from .witness import Witness

    if args.keep or args.request is not None:
        return _witness_operator(args)
    if not args.key:
        raise UsageError("a witness signs: give --key with the witness's own key")
    witness = Witness(_state_folder(args.state), load_key(args.key, args.key_passphrase_file))
    log = public_key(args.log_key) if args.log_key else None
    if args.note:
        request = parse_request(read_small_file(Path(args.note), 1 << 16))
        out = Path(args.out or f"{args.note}.cosigned")
        signed = witness.sign(request, int(time.time()), log)
    else:
        out = Path(args.out or "cosigned.note")
        with open_ledger(args) as ledger:
            seen = witness.seen(ledger.origin)
            request = parse_request(ledger.witness_request(seen.size if seen else 0))
            signed = witness.sign(
                request, int(time.time()), log or public_key(str(ledger_folder(args) / "keys/operator.pub"))
            )
            ledger.keep_cosigned(signed)
    write_new_file(out, signed, replace=True, mode=0o644)
    head = read_checkpoint(signed)
    result = {"ok": True, "file": str(out), "origin": head.origin, "size": head.size, "key": witness.key.did}
    return True, result, f"{out}: {head.size} entries of {head.origin}, cosigned by {witness.key.did}"


def _witness_operator(args: argparse.Namespace) -> Result:
    from ._commands import open_ledger
    from .keys import read_small_file, write_new_file

    with open_ledger(args) as ledger:
        if args.keep:
            size = ledger.keep_cosigned(read_small_file(Path(args.keep), 1 << 16))
            return True, {"ok": True, "size": size}, f"kept: proofs of the first {size} entries are made under it"
        out = Path(args.out or "witness.request")
        write_new_file(out, ledger.witness_request(args.request), replace=True, mode=0o644)
    return True, {"ok": True, "file": str(out)}, f"{out}: give it to the witness, and take back what they sign (--keep)"


def _state_folder(given: str | None) -> Path:
    import os

    if given:
        return Path(given)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "consent-witness"


def _renew_proof(args: argparse.Namespace) -> Result:
    from ._commands import open_ledger
    from .envelope import Envelope
    from .keys import read_small_file
    from .outputs import write_proof
    from .proof import MAX_BUNDLE, PROOF_SUFFIX, parse_bundle

    with open_ledger(args) as ledger:
        for name in args.files:
            file = Path(name)
            old = parse_bundle(read_small_file(file.with_name(file.name + PROOF_SUFFIX), MAX_BUNDLE), what=name)
            write_proof(file, ledger.proof(Envelope.parse(old.receipt.envelope).digest))
    return True, {"ok": True, "files": list(args.files)}, f"{len(args.files)} proofs written anew"


COMMANDS: dict[str, Callable[[argparse.Namespace], Result]] = {
    "challenge": _challenge,
    "trust-key": _trust_key,
    "minimum-tier": _minimum_tier,
    "keys": _keys,
    "enroll-key": _enroll,
    "rotate-key": _rotate,
    "revoke-key": _revoke_key,
    "witness": _witness,
    "renew-proof": _renew_proof,
}
