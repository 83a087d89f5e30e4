"""The `consent` command. Arguments here; what the commands do is in `_commands`, imported when one runs.

Exit codes: 0 done, 1 refused or a check failed, 2 wrong usage or unreadable input, 3 interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from . import _verbs_keys, _verbs_papers, _verbs_voices
from .errors import ConsentError, ConsentRefusedError, InvalidInputError

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="one machine-readable result on standard output")
    common.add_argument("--quiet", action="store_true", help="no text for people")
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--studio", metavar="DIR", help="studio folder; else $VOICEKIT_STUDIO, else the platform's")
    where.add_argument("--sidecar", metavar="DIR", help="folder of the high-water note (default: beside the ledger)")
    where.add_argument("--passphrase-file", metavar="FILE", help="file that holds the passphrase of the key")

    parser = argparse.ArgumentParser(
        prog="consent",
        description="A ledger of what may be done with a voice, and what was done.",
        epilog="Example: consent verify chapter-01.mp3",
    )
    sub = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, text: str, example: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        return sub.add_parser(
            name,
            parents=[common, *parents],
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=f"Example: {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    init = add("init", "make a ledger in the studio", "consent init --operator 'Example Press'", where)
    init.add_argument("--post-quantum", action="store_true", help="sign tree heads with ML-DSA-44 too")
    init.add_argument("--operator", metavar="NAME", default="", help="who renders and answers for it")
    init.add_argument("--contact", metavar="TEXT", default="", help="where speakers reach the operator; signed")

    keygen = add("keygen", "make a key of your own", "consent keygen speaker.key --passphrase-file pass.txt")
    keygen.add_argument("file", metavar="FILE", help="new key file (mode 0600)")
    keygen.add_argument("--passphrase-file", metavar="FILE", help="encrypt the key with the passphrase in FILE")
    keygen.add_argument("--no-passphrase", action="store_true", help="do not ask for one; leave the key open")

    grant = add("grant", "sign a grant into the ledger", "consent grant ada.toml --key speaker.key", where)
    grant.add_argument("draft", metavar="DRAFT.toml", nargs="?", help="the grant as a TOML file")
    grant.add_argument("--key", metavar="FILE", help="the speaker's own key; without it the operator attests")
    grant.add_argument("--key-passphrase-file", metavar="FILE", help="passphrase of --key")
    grant.add_argument("--guardian-key", metavar="FILE", help="for a minor: the guardian's key that the draft names")
    grant.add_argument(
        "--certificate",
        metavar="FILE",
        help="where the revocation certificate goes (default: beside the draft)",
    )
    _verbs_keys.add_spoken(grant)
    grant.add_argument("--template", action="store_true", help="print a draft with comments and stop")
    grant.add_argument("--record", metavar="FILE", help="grant a shipped voice by its record.dsse.json instead")
    grant.add_argument("--release-key", metavar="KEY", action="append", default=[], help="key that signs such records")

    revoke = add("revoke", "withdraw a grant or a voice record", "consent revoke 3fa1c29b --key speaker.key", where)
    revoke.add_argument("grant", metavar="GRANT", nargs="?", help="digest, or its first 8 digits or more")
    revoke.add_argument("--key", metavar="FILE", help="the speaker's or release key; else the operator's")
    revoke.add_argument("--key-passphrase-file", metavar="FILE", help="passphrase of --key")
    revoke.add_argument("--certificate", metavar="FILE", help="revoke by a revocation made earlier")
    revoke.add_argument("--reason", default="withdrawn", metavar="SLUG", help="such as withdrawn or breach")
    revoke.add_argument("--out", metavar="FILE", help="write a loose revocation instead of an entry")

    add("list", "list the grants and what is left of them", "consent list --json", where)

    show = add("show", "show one statement", "consent show 3fa1c29b", where)
    show.add_argument("id", metavar="ID", help="digest, or its first 8 digits or more")

    audit = add("audit", "check the whole ledger", "consent audit --against out/chapter-01.mp3", where)
    audit.add_argument("--against", nargs="+", metavar="FILE", default=[], help="notes, proofs or delivered files")
    audit.add_argument(
        "--witness", action="append", default=[], metavar="KEY", help="demand this witness's cosignature"
    )
    audit.add_argument("--renew-highwater", action="store_true", help="write the note anew from this ledger")

    verify = add("verify", "check delivered files, offline", "consent verify out/*.mp3 --trust did:key:z6Mk...")
    verify.add_argument("files", nargs="+", metavar="FILE", help="audio files with their .voiceproof beside them")
    verify.add_argument("--proof", metavar="FILE", help="the proof, if it lies elsewhere (one file only)")
    verify.add_argument("--trust", action="append", default=[], metavar="KEY", help="a key you trust: did:key or file")
    verify.add_argument(
        "--witness", action="append", default=[], metavar="KEY", help="demand this witness's cosignature"
    )
    for module in (_verbs_keys, _verbs_papers, _verbs_voices):
        module.add_parsers(add, where)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process when left out.
    """
    try:
        args = _parser().parse_args(argv)
    except SystemExit as exc:
        return int(exc.code or 0)
    try:
        from . import _commands

        ok, result, text = _commands.run(args)
    except KeyboardInterrupt:
        return _fail(args, 3, {"reason": "interrupted", "message": "interrupted", "remedy": "run it again"})
    except ConsentRefusedError as exc:
        facts = {"reason": exc.reason, "message": exc.message, "remedy": exc.remedy}
        return _fail(args, 1, {**facts, "statements": list(exc.statements)})
    except InvalidInputError as exc:
        facts = {"reason": exc.reason, "message": exc.problem, "remedy": exc.remedy}
        return _fail(args, 2, {**facts, "file": exc.file, "place": exc.place})
    except ConsentError as exc:
        return _fail(args, 2, {"reason": "usage", "message": str(exc), "remedy": ""})
    except OSError as exc:
        name = str(exc.filename or "")
        facts = {"reason": "file-unusable", "message": exc.strerror or str(exc), "file": name}
        return _fail(args, 2, {**facts, "remedy": "Check its path, permissions and free space"})
    if args.json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    if text and not args.quiet:
        # A template is a result, not a message: it goes where it can be redirected.
        stream = sys.stdout if getattr(args, "template", False) and not args.json else sys.stderr
        print(text, file=stream)
    return 0 if ok else 1


def _fail(args: argparse.Namespace, code: int, facts: dict[str, object]) -> int:
    if args.json:
        print(json.dumps({"ok": False, "error": facts}, ensure_ascii=False, indent=2))
    where = ", ".join(str(facts[name]) for name in ("file", "place") if facts.get(name))
    line = f"consent {args.command}: {where + ': ' if where else ''}{facts['message']} [{facts['reason']}]"
    remedy = f". {facts['remedy']}" if facts.get("remedy") else ""
    print(line + remedy, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
