"""Carrying out withdrawals: the keys of sealed voices whose grants were withdrawn are destroyed, and it is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .authority import may_revoke
from .errors import InvalidInputError
from .faults import reach
from .keys import read_small_file
from .keystore import Destroyed, Keystore
from .policy import state_of
from .sealed import open_sealed
from .statements import Erasure, key_of, new_nonce
from .withdrawal import Holding, Withdrawn, doom

if TYPE_CHECKING:
    from .ledger import Ledger

__all__ = ["SEALED_SUFFIX", "WHERE", "holdings", "keystore_folder", "settle"]

SEALED_SUFFIX = ".sealed"
#: File in the vault's folder that says where its keys are.
WHERE = "keystore.at"


def settle(ledger: Ledger) -> tuple[Destroyed, ...]:
    """Carry out withdrawals: destroy keys that must die, record it in the ledger, delete the dead files.

    Safe to repeat and to be killed at any step: destroyed first, recorded after, and what is not yet recorded stands in
    the keystore until it is.

    Returns
    -------
    tuple of Destroyed
        What was recorded by this call.
    """
    folder = ledger.folder / "vault"
    where = keystore_folder(folder)
    if where is None:
        return ()
    # What is recorded below is itself a writing of the ledger, after which it would call this again.
    with ledger.settling():
        return _settle(ledger, folder, where)


def _settle(ledger: Ledger, folder: Path, where: Path) -> tuple[Destroyed, ...]:
    if not where.is_dir():
        raise InvalidInputError(
            "the vault's keystore is not there",
            file=str(where),
            remedy="Attach the disk it is on; withdrawals wait until then, and nothing can be unsealed",
            reason="keystore-missing",
        )
    store = Keystore(where, ledger.id)
    with store.locked():
        content = store.read()
        known = {voice: holdings(ledger, voice) for voice in {item.voice for item in content.keys}}
        erased = _erased(ledger) if content.keys else set()
        doomed = []
        for item in content.keys:
            reason = doom(item.grant, item.place, known[item.voice], ledger._chain.keys.same)
            # A keystore from a backup may bring a destroyed key back: the ledger remembers.
            if reason or item.key in erased:
                doomed.append(Destroyed(item.key, item.voice, item.grant, item.subject, reason or "restored"))
        store.destroy(doomed)
        reach("vault-destroyed")
        waiting = [item for item in store.read().destroyed if not item.recorded]
        if waiting:
            _record(ledger, waiting)
            reach("vault-recorded")
            store.mark_recorded({item.key for item in waiting})
            reach("vault-marked")
        _delete_dead(folder, {item.key for item in (*content.destroyed, *doomed, *waiting)})
    return tuple(waiting)


def _record(ledger: Ledger, destroyed: list[Destroyed]) -> None:
    """Entries of kind erasure: which keys are gone, whose, and why; none twice."""
    known = _erased(ledger)
    fresh = [item for item in destroyed if item.key not in known]
    for subject, reason in sorted({(item.subject, item.reason) for item in fresh}):
        names = tuple(sorted(item.key for item in fresh if (item.subject, item.reason) == (subject, reason)))
        with ledger._write("erase") as session:
            statement = Erasure(
                ledger=ledger.id,
                nonce=new_nonce(),
                time=ledger._moment()[0],
                subject=subject,
                commitments=names,
                items=len(names),
                reason=reason,
            )
            ledger._append(session, [statement.sign(ledger.operator_signing_key())])


def _erased(ledger: Ledger) -> set[str]:
    """Everything the ledger says was erased."""
    found: set[str] = set()
    for entry in ledger.entries((Erasure.KIND,)):
        if isinstance(entry.statement, Erasure):
            found |= set(entry.statement.commitments)
    return found


def _delete_dead(folder: Path, keys: set[str]) -> None:
    for path in folder.glob(f"*{SEALED_SUFFIX}"):
        try:
            with open_sealed(path) as (header, _handle):
                dead = header.key in keys
        except InvalidInputError:
            continue
        if dead:
            path.unlink(missing_ok=True)


def holdings(ledger: Ledger, voice: str) -> tuple[Holding, ...]:
    """All grants of a voice, with the withdrawals in force."""
    found = []
    with ledger._read("vault"):
        chain, loose = ledger._chain, ledger._loose()
        keys, moment = chain.keys, ledger._moment()[0]
        for standing in chain.standings(voice, loose=loose):
            grant, envelope = chain.grants[standing.digest]
            known = [*chain.revocations.get(standing.digest, []), *(r for r in loose if r.target == standing.digest)]
            withdrawn = {
                Withdrawn(chain.decisive.get(item.digest), keys.is_operator(item.by))
                for item in known
                if item.effective <= moment and may_revoke(item, grant, keys.same)
            }
            subject = key_of(grant.subject.key)
            speaker = not keys.is_operator(subject.did) and bool(envelope.signers([subject]))
            found.append(Holding(standing.digest, grant, state_of(standing, moment), speaker, tuple(withdrawn)))
    return tuple(found)


def keystore_folder(folder: Path) -> Path | None:
    """Where the keys of a vault are; None when there is no vault."""
    try:
        return Path(read_small_file(folder / WHERE, 4_096).decode("utf-8").strip())
    except (InvalidInputError, UnicodeDecodeError):
        return None
