"""Commands about sealed voices.

`add_parsers` is called for every command line and imports nothing heavy; the commands import what they need.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import UsageError

if TYPE_CHECKING:
    from .ledger import Ledger
    from .vault import SealedVoice, Vault

__all__ = ["COMMANDS", "add_parsers"]

Result = tuple[bool, Any, str]
Adder = Callable[..., argparse.ArgumentParser]

_NO_PASSPHRASE = (
    "no passphrase was chosen: the vault key lies in a file ({path}) that only its mode 0600 protects; whoever copies "
    "this folder and the sealed files can open every voice"
)
_OLD_COPIES = "copies made before (backups, snapshots, the original files) are not reached"


def add_parsers(add: Adder, where: argparse.ArgumentParser) -> None:
    """Declare the commands.

    Parameters
    ----------
    add : callable
        ``add(name, text, example, *parents)`` makes a command's parser.
    where : ArgumentParser
        Parent with --studio, --sidecar and --passphrase-file.
    """
    vault = add(
        "vault",
        "keep voices of people encrypted",
        "consent vault seal ada ada.safetensors ada.wav --grant 3fa1c29b",
        where,
    )
    vault.add_argument(
        "action",
        choices=("list", "seal", "remove", "check", "retire"),
        help="list: what is sealed; seal: encrypt files a grant names; remove: destroy a voice's keys; check: decrypt "
        "everything once and throw it away; retire: destroy what the grants' retention lets nobody keep any longer "
        "(for a scheduler, once a day)",
    )
    vault.add_argument("voice", metavar="VOICE", nargs="?", help="name of the voice (seal, remove)")
    vault.add_argument("files", metavar="FILE", nargs="*", help="model files and references (seal)")
    vault.add_argument("--grant", metavar="ID", help="the grant that names these files; 8 digits or more (seal)")
    vault.add_argument("--keystore", metavar="DIR", help="where the keys lie; chosen once, e.g. on another disk")
    vault.add_argument(
        "--vault-passphrase-file", metavar="FILE", help="the vault's passphrase (else --passphrase-file)"
    )
    vault.add_argument("--keyring", action="store_true", help="keep a new vault's key in the system's keyring")


@contextmanager
def _opened(args: argparse.Namespace) -> Iterator[tuple[Ledger, Vault]]:
    from ._commands import open_ledger
    from ._secrets import VARIABLE, read_passphrase
    from .vault import Vault

    file = args.vault_passphrase_file or args.passphrase_file or os.environ.get(VARIABLE)
    phrase = read_passphrase(file) if file else None
    with open_ledger(args) as ledger:
        yield ledger, Vault.open(ledger, keystore=args.keystore, passphrase=phrase, keyring=args.keyring)


def _vault(args: argparse.Namespace) -> Result:
    actions = {"list": _list, "seal": _seal, "remove": _remove, "check": _check, "retire": _retire}
    if args.action in ("list", "check", "retire") and (args.voice or args.files):
        raise UsageError(f"`consent vault {args.action}` takes no VOICE")
    if args.action in ("seal", "remove") and not args.voice:
        raise UsageError(f"name the VOICE to {args.action}")
    with _opened(args) as (ledger, vault):
        return actions[args.action](args, ledger, vault)


def _facts(vault: Vault, voices: tuple[SealedVoice, ...]) -> dict[str, object]:
    return {
        "ok": True,
        "protection": vault.protection,
        "keystore": str(vault.keystore),
        "voices": [item.as_dict() for item in voices],
    }


def _lines(vault: Vault, voices: tuple[SealedVoice, ...]) -> list[str]:
    lines = [f"{len(voices)} sealed, keys in {vault.keystore} ({vault.protection})"]
    if vault.protection == "key-file":
        lines.append("note: " + _NO_PASSPHRASE.format(path=vault.keystore / "vault.key"))
    for item in voices:
        lines.append(f"{item.voice or item.path.name:<16} {item.state:<11} grant {item.grant[:16]}  {item.bytes} bytes")
        if item.files:
            lines.append(f"    {', '.join(item.files)}")
        if item.problem:
            lines.append(f"    PROBLEM {item.problem}")
    return lines


def _list(_args: argparse.Namespace, _ledger: Ledger, vault: Vault) -> Result:
    found = vault.list()
    return True, _facts(vault, found), "\n".join(_lines(vault, found))


def _check(_args: argparse.Namespace, _ledger: Ledger, vault: Vault) -> Result:
    found = vault.check()
    ok = not any(item.problem for item in found)
    return ok, {**_facts(vault, found), "ok": ok}, "\n".join(_lines(vault, found))


def _seal(args: argparse.Namespace, ledger: Ledger, vault: Vault) -> Result:
    if not args.grant or not args.files:
        raise UsageError("name the FILEs to seal, and the --grant that names them")
    paths = [Path(name) for name in args.files]
    if len({path.name for path in paths}) != len(paths):
        raise UsageError("two of the files have one name; rename one")
    item = vault.seal(args.voice, {path.name: path for path in paths}, ledger.resolve(args.grant))
    lines = [
        f"{item.voice} sealed in {item.path} ({item.bytes} bytes) under grant {item.grant[:16]}",
        "the original files are still where they were: delete them, or keep them offline",
    ]
    if vault.protection == "key-file":
        lines.append("note: " + _NO_PASSPHRASE.format(path=vault.keystore / "vault.key"))
    return True, {"ok": True, "protection": vault.protection, **item.as_dict()}, "\n".join(lines)


def _remove(args: argparse.Namespace, _ledger: Ledger, vault: Vault) -> Result:
    if args.files:
        raise UsageError("a voice is removed as a whole: name no FILE")
    count = vault.remove(args.voice)
    return (
        True,
        {"ok": True, "voice": args.voice, "keys": count},
        f"{count} keys of {args.voice} destroyed; {_OLD_COPIES}",
    )


def _retire(_args: argparse.Namespace, _ledger: Ledger, vault: Vault) -> Result:
    before = {item.key: item for item in vault.list() if item.state == "sealed"}
    count = vault.retire()
    left = {item.key for item in vault.list() if item.state == "sealed"}
    gone = [item for key, item in before.items() if key not in left]
    lines = [f"{count} keys destroyed" if count else "nothing is due"]
    lines += [f"  {item.voice}: {', '.join(item.files)} (grant {item.grant[:16]})" for item in gone]
    return True, {"ok": True, "keys": count, "destroyed": [item.as_dict() for item in gone]}, "\n".join(lines)


COMMANDS: dict[str, Callable[[argparse.Namespace], Result]] = {"vault": _vault}
