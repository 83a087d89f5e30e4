"""Commands that make papers: the grant as a page, accounts, dates, erasure, records, export and import.

`add_parsers` is called for every command line and imports nothing heavy; the commands import what they need.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InvalidInputError, UsageError

if TYPE_CHECKING:
    from .page import GrantPaper

__all__ = ["COMMANDS", "add_parsers"]

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
    page = add("page", "show a grant as a page to read and sign", "consent page 3fa1c29b --out ada.html", where)
    page.add_argument("grant", metavar="GRANT|FILE", help="digest (8 digits or more), DRAFT.toml or signed grant file")
    page.add_argument("--out", metavar="F.html", help="where to write it; else standard output")

    account = add(
        "statement", "give a speaker account of every use", "consent statement --subject 'Ada Example'", where
    )
    account.add_argument("--subject", required=True, metavar="ID", help="did:key, a grant's digest, or the name")
    account.add_argument("--since", metavar="DATE", help="first day, such as 2026-01-31")
    account.add_argument("--until", metavar="DATE", help="last day, included")
    account.add_argument("--out", metavar="FILE", help="the signed account (default: VOICE.voicestatement)")
    account.add_argument("--html", metavar="F.html", help="also write it as a page")

    check = add("verify-statement", "check an account, offline", "consent verify-statement ada.voicestatement")
    check.add_argument("file", metavar="FILE", help="a .voicestatement")
    check.add_argument("--trust", action="append", default=[], metavar="KEY", help="a key you trust: did:key or file")
    check.add_argument("--html", metavar="F.html", help="also write what was verified as a page")

    affected = add("affected", "list the files made under a grant", "consent affected --grant 3fa1c29b", where)
    affected.add_argument("--grant", required=True, metavar="GRANT", help="digest, or its first 8 digits or more")

    due = add("due", "list dates to keep: ends, confirmations, erasures", "consent due --within 30", where)
    due.add_argument("--within", metavar="DAYS", type=int, help="only what is overdue or falls due in so many days")

    erase = add("erase", "erase a person's data; proofs stay valid", "consent erase --subject 3fa1c29b", where)
    erase.add_argument("--subject", required=True, metavar="ID", help="did:key, a grant's digest, or the name")
    erase.add_argument("--reason", default="data-subject-request", metavar="SLUG", help="short, lower-case")
    erase.add_argument("--dry-run", action="store_true", help="only say what would be erased")
    _add_exchange(add, where)
    erase.add_argument("--revoke", action="store_true", help="also revoke the person's active grants")


def _add_exchange(add: Adder, where: argparse.ArgumentParser) -> None:
    record = add(
        "export-record",
        "write a grant as an ISO/IEC TS 27560 record",
        "consent export-record 3fa1c29b --out r.json",
        where,
    )
    record.add_argument("grant", metavar="GRANT", help="digest, or its first 8 digits or more")
    record.add_argument("--out", metavar="F.json", help="where to write it; else standard output")

    export = add("export", "hand a voice's grant on in one file", "consent export --grant 3fa1c29b", where)
    export.add_argument("--grant", required=True, metavar="GRANT", help="digest, or its first 8 digits or more")
    export.add_argument("--out", metavar="F.voicegrant", help="new file (default: VOICE.voicegrant)")
    export.add_argument("--to", metavar="KEY", default="", help="another operator, named by the grant as recipient")
    export.add_argument("--sealed", metavar="FILE", help="take this sealed voice along")

    taken = add("import", "check a voice's grant from elsewhere", "consent import ada.voicegrant", where)
    taken.add_argument("file", metavar="FILE", help="a .voicegrant")
    taken.add_argument("--draft", metavar="F.toml", help="write a draft for the speaker to sign for this ledger")
    taken.add_argument("--sealed", metavar="FILE", help="write the sealed voice here")


def _write(out: str | None, data: bytes, args: argparse.Namespace) -> None:
    """To a file, aside and then in place; or to standard output, which a JSON result has for itself."""
    from .keys import write_new_file

    if out and out != "-":
        write_new_file(Path(out), data, replace=True, mode=0o600)
    elif not args.json:
        sys.stdout.write(data.decode("utf-8"))
        sys.stdout.flush()


def _page(args: argparse.Namespace) -> Result:
    from .page import grant_page

    paper = _paper(args)
    text = grant_page(paper)
    _write(args.out, text.encode("utf-8"), args)
    result = {"ok": True, "file": args.out or "", "final": paper.final, "signed": paper.envelope is not None}
    if paper.final:
        result["grant"] = paper.grant.digest
    if not args.out:
        result["html"] = text
    return True, result, f"page in {args.out}" if args.out and args.out != "-" else ""


def _paper(args: argparse.Namespace) -> GrantPaper:
    """A grant of the ledger, a draft bound to it for reading, or a signed grant from a file."""
    from ._commands import open_ledger
    from .challenge import challenge_words
    from .draft import read_draft
    from .envelope import Envelope
    from .page import GrantPaper
    from .statements import Grant, parse_statement

    path = Path(args.grant)
    if path.suffix == ".toml":
        draft = read_draft(path)
        with open_ledger(args) as ledger:
            party, moment = ledger.operator_party(), ledger.moment()
            built = draft.build(ledger=ledger.id, operator=party, now=moment)
        return GrantPaper(built.grant, None, built.person, built.notice, final=False)
    if path.suffix == ".json" or path.is_file():
        from .keys import read_small_file

        envelope = Envelope.parse(read_small_file(path, 1 << 20), what=args.grant)
        statement = parse_statement(envelope, Grant, what=args.grant)
        if not isinstance(statement, Grant):
            raise InvalidInputError("not a grant", file=args.grant, reason="statement-kind")
        return GrantPaper(statement, envelope, words=challenge_words(statement))
    with open_ledger(args) as ledger:
        digest = ledger.resolve(args.grant)
        person, notice = ledger.person(digest), ledger.notice_text(digest)
        envelope = Envelope.parse(ledger.entry(digest)[2], what=digest[:16])
        statement = parse_statement(envelope, Grant, what=digest[:16])
    if not isinstance(statement, Grant):
        raise UsageError(f"{digest[:16]} is no grant")
    return GrantPaper(statement, envelope, person, notice, challenge_words(statement))


def _moment(text: str | None, *, end: bool) -> int | None:
    """The first or last second of a day, UTC."""
    import datetime

    if text is None:
        return None
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError as exc:
        raise UsageError(f"{text!r} is no date; write it like 2026-01-31") from exc
    start = datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC)
    return int(start.timestamp()) + (86_399 if end else 0)


def _statement(args: argparse.Namespace) -> Result:
    from ._commands import open_ledger
    from .account import ACCOUNT_SUFFIX, verify_account
    from .account_page import account_page
    from .keys import write_new_file

    since, until = _moment(args.since, end=False) or 0, _moment(args.until, end=True)
    with open_ledger(args) as ledger:
        data = ledger.account(args.subject, since=since, until=until)
        found = verify_account(data, what=args.out or "statement", trust=[ledger.operator])
    if found.account is None:
        return False, found.as_dict(), found.text()
    out = args.out or f"{found.account.voices[0]}{ACCOUNT_SUFFIX}"
    write_new_file(Path(out), data, replace=bool(args.out))
    if args.html:
        _write(args.html, account_page(found.account, found.lines).encode("utf-8"), args)
    result = {**found.as_dict(), "file": out, "html": args.html or ""}
    return found.ok, result, f"{out}\n{found.text().partition(chr(10))[2]}"


def _verify_statement(args: argparse.Namespace) -> Result:
    from ._commands import public_key
    from .account import MAX_ACCOUNT, verify_account
    from .account_page import account_page
    from .keys import read_small_file

    trust = [public_key(item) for item in args.trust]
    found = verify_account(read_small_file(Path(args.file), MAX_ACCOUNT), what=args.file, trust=trust)
    if args.html and found.ok and found.account is not None:
        _write(args.html, account_page(found.account, found.lines).encode("utf-8"), args)
    return found.ok and not found.breaches, found.as_dict(), found.text()


_DEMAND = {
    "stop-new": "nothing new may be made; what was delivered may stay",
    "delete-voice": "nothing new may be made and the voice is to be deleted; what was delivered may stay",
    "recall": "nothing new may be made, the voice is to be deleted, and these files are to be called back",
}


def _affected(args: argparse.Namespace) -> Result:
    from dataclasses import asdict

    from ._commands import open_ledger
    from .envelope import Envelope
    from .statements import Grant, parse_statement

    with open_ledger(args) as ledger:
        digest = ledger.resolve(args.grant)
        files = ledger.affected(digest)
        state = ledger.balance(digest).state
        grant = parse_statement(Envelope.parse(ledger.entry(digest)[2]), Grant)
    effect = grant.withdrawal.effect if isinstance(grant, Grant) else ""
    revoked = state == "revoked"
    result = {
        "ok": True,
        "grant": digest,
        "state": state,
        "withdrawal_effect": effect,
        "demand": _DEMAND[effect],
        "to_recall": [item.sha256 for item in files] if revoked and effect == "recall" else [],
        "files": [asdict(item) for item in files],
    }
    when = "it is revoked, so" if revoked else "if it is revoked,"
    lines = [f"grant {digest[:16]} ({state}): {len(files)} files; {when} {_DEMAND[effect]}"]
    for item in files:
        lines += [f"  {item.state:<9} {item.sha256}  {item.path or item.name}  (entry {item.entry}, {item.title!r})"]
    return True, result, "\n".join(lines)


def _due(args: argparse.Namespace) -> Result:
    from dataclasses import asdict

    from ._commands import open_ledger
    from .html import moment

    with open_ledger(args) as ledger:
        dates = ledger.due()
        now = ledger.moment()
    if args.within is not None:
        dates = tuple(item for item in dates if item.time <= now + args.within * 86_400)
    lines = [
        f"{'OVER ' if item.overdue else '     '}{moment(item.time)}  {item.grant[:16]}  {item.voice}: {item.what}"
        for item in dates
    ]
    return True, {"ok": True, "dates": [asdict(item) for item in dates]}, "\n".join(lines) or "no dates to keep"


def _erase(args: argparse.Namespace) -> Result:
    from ._commands import open_ledger

    revoked = []
    with open_ledger(args) as ledger:
        report = ledger.erase_subject(args.subject, reason=args.reason, dry_run=args.dry_run)
        if args.revoke and not args.dry_run:
            revoked = [ledger.revoke(digest, reason="erasure") for digest in report.active]
    verb = "would erase" if args.dry_run else "erased"
    lines = [
        f"{verb} {report.names} names, {report.salts} salts of texts, {report.deliveries} places of files",
        *(f"  entry {digest}" for digest in report.entries),
        "  backups, snapshots and disk blocks not yet reused are out of this program's reach",
    ]
    if report.active and not revoked:
        active = " ".join(digest[:16] for digest in report.active)
        lines.append(f"  still active, for erasing withdraws nothing: {active} (revoke them, or add --revoke)")
    lines += [f"  revoked: entry {digest}" for digest in revoked]
    return True, {"ok": True, **report.as_dict(), "revoked": revoked}, "\n".join(lines)


def _export_record(args: argparse.Namespace) -> Result:
    import json

    from ._commands import open_ledger

    with open_ledger(args) as ledger:
        record = ledger.consent_record(ledger.resolve(args.grant))
    text = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
    _write(args.out, text.encode("utf-8"), args)
    return True, {"ok": True, "file": args.out or "", "record": record}, f"record in {args.out}" if args.out else ""


def _export(args: argparse.Namespace) -> Result:
    from ._commands import open_ledger, public_key
    from .voicegrant import VOICEGRANT_SUFFIX

    to = public_key(args.to).did if args.to else ""
    with open_ledger(args) as ledger:
        digest = ledger.resolve(args.grant)
        voice = next((item.voice for item in ledger.grants() if item.digest == digest), "voice")
        out = Path(args.out or f"{voice}{VOICEGRANT_SUFFIX}")
        export = ledger.export_grant(digest, out, to=to, blob=Path(args.sealed) if args.sealed else None)
    whom = export.to or "machines that work with this very ledger"
    text = f"{out}: grant {digest[:16]} for {whom}\n  it counts in ledger {export.ledger} alone"
    return True, {"ok": True, "file": str(out), "export": export.as_obj()}, text


def _import(args: argparse.Namespace) -> Result:
    from ._commands import open_ledger
    from .keys import write_new_file

    with open_ledger(args) as ledger:
        found = ledger.import_grant(Path(args.file), blob_to=Path(args.sealed) if args.sealed else None)
    if args.draft and found.draft:
        write_new_file(Path(args.draft), found.draft.encode("utf-8"))
    grant = found.found.export.grant
    built = found.enrolment
    result = {"ok": True, "grant": grant, "counts_here": found.here, "draft": args.draft or found.draft}
    result["enrolment"] = built.as_obj() if built else None
    if found.here:
        return True, result, f"grant {grant[:16]} is one of this ledger's and counts here"
    if not found.draft:
        return True, result, "a shipped voice is granted by its record: consent grant --record record.dsse.json"
    where = f"; draft in {args.draft}" if args.draft else "; --draft F.toml writes a draft of it"
    text = f"grant {grant[:16]} is sound and does not count here: the speaker has to sign for this ledger{where}"
    if built is not None:
        models = ", ".join(f"{item.name} {item.sha256[:12]}" for item in built.base)
        text += f"\n  there a voice was built by {built.method} from {len(built.references)} recordings on {models};"
        text += "\n  here it is built anew, from the same recordings, once the speaker has signed"
    return True, result, text


COMMANDS: dict[str, Callable[[argparse.Namespace], Result]] = {
    "page": _page,
    "statement": _statement,
    "verify-statement": _verify_statement,
    "affected": _affected,
    "due": _due,
    "erase": _erase,
    "export-record": _export_record,
    "export": _export,
    "import": _import,
}
