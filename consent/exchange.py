# ruff: noqa: E501 - lines of the draft are the reader's
"""The half of `Ledger` that hands a voice with its grant on, and takes one in. See docs/adr/0006.

A grant counts in the one ledger whose id was signed. What is taken in from another ledger never becomes a grant here;
it becomes a draft, which the speaker signs or does not.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .accounts import AccountBook
from .errors import ConsentRefusedError, UsageError
from .outputs import hash_file
from .policy import enrolment_problem, state_of
from .scope import UNLIMITED
from .statements import Enrolment, Grant, new_nonce
from .voicegrant import VoiceExport, VoiceGrant, copy_blob, read_voicegrant, write_voicegrant

__all__ = ["ExchangeBook", "Imported", "draft_from"]


@dataclass(frozen=True)
class Imported:
    """What taking in a `.voicegrant` came to.

    Parameters
    ----------
    found : VoiceGrant
        The verified content.
    here : bool
        Whether the grant is one of this very ledger, and so counts.
    draft : str
        A draft for the speaker to sign for this ledger ('' when the grant counts here, or has no speaker).
    """

    found: VoiceGrant
    here: bool
    draft: str = ""

    @property
    def enrolment(self) -> Enrolment | None:
        """How the voice was built there, last; None where none was built. It counts in its own ledger alone."""
        return self.found.enrolments[-1] if self.found.enrolments else None


class ExchangeBook(AccountBook):
    """Export and import of voices."""

    def export_grant(self, grant: str, out: Path, *, to: str = "", blob: Path | None = None) -> VoiceExport:
        """Write a `.voicegrant`.

        Parameters
        ----------
        grant : str
            Digest of an active grant.
        out : Path
            New file.
        to : str
            did:key of another operator, who must stand among the grant's recipients; '' for own machines.
        blob : Path, optional
            The sealed voice, taken along as it is.

        Raises
        ------
        ConsentRefusedError
            The grant is not active, or recipient-not-granted.
        """
        key = self.operator_signing_key()
        with self._read("export") as session:
            statement = self._grant(grant)
            moment, _back = self._moment()
            state = state_of(self._chain.standing(grant, loose=self._loose()), moment)
            if state != "active":
                raise ConsentRefusedError(state, f"the grant is {state.replace('-', ' ')}", statements=(grant,))
            own = not to or self._chain.keys.is_operator(to)
            if not own and statement.basis == "consent" and to not in statement.recipients:
                raise ConsentRefusedError(
                    "recipient-not-granted",
                    f"{to} is not among the recipients of grant {grant[:16]}",
                    statements=(grant,),
                    remedy="Have the speaker sign a grant whose recipients name that key",
                )
            names = [grant, *filter(None, [statement.record if statement.record in self._chain.records else ""])]
            # How the voice was built: whoever takes the file in can see it, and compare what is built there anew.
            built = self._chain.enrolments.get(grant, [])
            names += [digest for digest, item in built if enrolment_problem(statement, item) is None]
            places = {0, *(self._find(session, name) for name in names)}
            places |= self._chain.keys.places_about(statement.subject.key, statement.subject.guardian_key)
            rows = [self._place(session, place) for place in sorted(places)]
            paths = [self._chain.leaves.inclusion_proof(row.seq) for row in rows]
            note = session.checkpoints()[0][1]
            size, root = len(self._chain), self._chain.leaves.root()
        digest, length = hash_file(blob) if blob else ("", 0)
        export = VoiceExport(
            ledger=self.id,
            nonce=new_nonce(),
            time=moment,
            operator=self.operator_party(),
            grant=grant,
            voice=statement.voice,
            to="" if own else to,
            size=size,
            root=root.hex(),
            blob_sha256=digest,
            blob_bytes=length,
        )
        entries = [(row.seq, row.envelope, path) for row, path in zip(rows, paths, strict=True)]
        write_voicegrant(out, export.sign(key).to_bytes(), note, entries, blob)
        return export

    def import_grant(self, path: Path, *, blob_to: Path | None = None) -> Imported:
        """Take in a `.voicegrant`: verify it, and say what it is worth here.

        Parameters
        ----------
        path : Path
            The file.
        blob_to : Path, optional
            Where the sealed voice goes, if there is one.

        Raises
        ------
        InvalidInputError
            It does not verify.
        ConsentRefusedError
            ledger-forked or ledger-rolled-back (it is of this ledger, but of another history), revoked, expired,
            recipient-not-granted (it was not given to this operator).
        """
        found = read_voicegrant(path)
        with self._read("import"):
            moment, _back = self._moment()
            here = found.export.ledger == self.id
            if here:
                self._same_history(found)
                state = state_of(self._chain.standing(found.export.grant, loose=self._loose()), moment)
            else:
                state = _state_elsewhere(found, moment)
                if found.grant.basis != "no-donor" and not self._chain.keys.is_operator(found.export.to):
                    raise ConsentRefusedError(
                        "recipient-not-granted",
                        "the file was not handed out to this operator",
                        statements=(found.export.grant,),
                        remedy=f"Have it exported with --to {self._chain.keys.latest.did}, if the grant names it",
                    )
        if state != "active":
            raise ConsentRefusedError(
                state, f"the grant is {state.replace('-', ' ')}", statements=(found.export.grant,)
            )
        if blob_to is not None:
            if not found.export.blob_bytes:
                raise UsageError("there is no sealed voice in this file")
            copy_blob(path, found, blob_to)
        draft = "" if here or found.grant.basis == "no-donor" else draft_from(found.grant)
        return Imported(found, here, draft)

    def _same_history(self, found: VoiceGrant) -> None:
        if found.head.size > len(self._chain):
            raise ConsentRefusedError(
                "ledger-rolled-back",
                f"the ledger has {len(self._chain)} entries, and the file has seen {found.head.size}",
                remedy="Restore the newest copy of the ledger",
            )
        if self._chain.leaves.root(found.head.size) != found.head.root:
            raise ConsentRefusedError(
                "ledger-forked",
                "the file is of another history under this ledger's id",
                remedy="Keep both and find out which is true",
            )


def _state_elsewhere(found: VoiceGrant, moment: int) -> str:
    if found.revoked_from is not None and found.revoked_from <= moment:
        return "revoked"
    return "expired" if moment >= found.grant.validity.not_after else "active"


def draft_from(grant: Grant) -> str:
    """A draft with the same terms for another ledger, never longer than the original; the speaker reads and signs it."""
    end = datetime.datetime.fromtimestamp(grant.validity.not_after, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    scope, own = grant.scope, grant.subject.key != grant.grantee.key
    lines = [
        f"# Terms of grant {grant.digest}",
        f"# of ledger {grant.ledger}. That grant does not count here: budgets and withdrawals are kept in one ledger.",
        "# Read it with the speaker, change what they want changed, then: consent grant DRAFT.toml --key speaker.key",
        f"voice = {_q(grant.voice)}",
        f"basis = {_q(grant.basis)}",
        f"intended_use = {_q(grant.intended_use)}",
        *([f"adaptation = {_q(grant.adaptation)}"] if grant.adaptation else []),
        "",
        "[subject]",
        '# name = "..."',
        *([f"key = {_q(grant.subject.key)}"] if own else []),
        f"adult = {_b(grant.subject.adult)}",
        *([f"guardian_key = {_q(grant.subject.guardian_key)}"] if grant.subject.guardian_key else []),
        *([f"jurisdiction = {_q(grant.subject.jurisdiction)}"] if grant.subject.jurisdiction else []),
        *_table("notice", grant.notice.as_obj()),
        "",
        "[scope]",
        *(f"{name} = {_list(getattr(scope, name))}" for name in ("modes", "purposes", "languages", "territories")),
        f"titles = {_list(scope.titles)}",
        f"content_refused = {_list(scope.content_refused)}",
        f"commercial = {_b(scope.commercial)}",
        f"max_renders = {_amount(scope.max_renders)}    # counted anew here: the other ledger keeps its own count",
        f"max_seconds = {_amount(scope.max_seconds)}",
        "",
        "[validity]",
        f"not_after = {end}",
        f"recheck_days = {grant.validity.recheck_days}",
        *(line for item in grant.weights for line in _table("[weights]", item.as_obj())),
        *(line for item in grant.references for line in _table("[references]", item.as_obj())),
        *_table("retention", grant.retention.as_obj()),
        *_table("withdrawal", grant.withdrawal.as_obj()),
        *_table("disclosure", grant.disclosure.as_obj()),
        "",
        "[[evidence]]",
        'kind = "document"',
        f"sha256 = {_q(grant.digest)}",
        f"note = {_q(f'the grant of ledger {grant.ledger} whose terms these were')}",
        "",
    ]
    return "\n".join(lines)


def _table(name: str, obj: dict[str, object]) -> list[str]:
    return ["", f"[{name}]", *(f"{key} = {_value(value)}" for key, value in obj.items())]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return _b(value)
    return str(value) if isinstance(value, int) else _q(str(value))


def _q(text: str) -> str:
    # The fields of a grant refuse control characters, so a JSON string is a TOML string.
    return json.dumps(text, ensure_ascii=False)


def _b(value: bool) -> str:
    return "true" if value else "false"


def _list(items: Sequence[str]) -> str:
    return "[" + ", ".join(_q(item) for item in items) + "]"


def _amount(number: int) -> str:
    return '"unlimited"' if number == UNLIMITED else str(number)
