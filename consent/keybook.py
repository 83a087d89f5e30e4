"""Which key stands where, at every entry of a ledger: enrolled, replaced, revoked.

The operator's first key is in the genesis entry. A `key-rotated` entry is signed by the key in force before
it; from the next entry and from that entry's own tree head on, the new key signs. A speaker's or guardian's
key that was replaced keeps nothing but the right to withdraw; a revoked one likewise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import ConsentRefusedError, InvalidInputError
from .keys import PublicKey
from .statements import Genesis, Grant, KeyEnrolled, KeyRevoked, KeyRotated, Statement

__all__ = ["KEY_KINDS", "KeyBook", "KeyInfo"]

KEY_KINDS = (KeyEnrolled.KIND, KeyRotated.KIND, KeyRevoked.KIND)


@dataclass(frozen=True)
class KeyInfo:
    """A key at a glance.

    Parameters
    ----------
    did : str
        The key.
    role : str
        operator, subject, guardian, witness or publisher.
    state : str
        active, replaced or revoked.
    since : int
        Place of the entry that brought it in.
    replaced_by : str
        The key that took its place, '' if none.
    """

    did: str
    role: str
    state: str
    since: int
    replaced_by: str = ""

    def as_dict(self) -> dict[str, int | str]:
        """For JSON."""
        return dict(self.__dict__)


@dataclass
class KeyBook:
    """The keys of one history, extended entry by entry."""

    operators: list[tuple[int, PublicKey]] = field(default_factory=list)
    known: dict[str, tuple[str, int]] = field(default_factory=dict)
    successor: dict[str, tuple[str, int]] = field(default_factory=dict)
    revoked: dict[str, tuple[int, int]] = field(default_factory=dict)
    enrolled: set[tuple[str, str]] = field(default_factory=set)

    @property
    def latest(self) -> PublicKey:
        """The operator's key in force."""
        return self.operators[-1][1]

    def operator_at(self, place: int) -> PublicKey:
        """The key that signs entry `place` as operator, and equally a tree head of `place` entries."""
        return next((key for start, key in reversed(self.operators) if start < place), self.operators[0][1])

    def is_operator(self, did: str) -> bool:
        """Whether the key is or was the operator's."""
        return any(key.did == did for _start, key in self.operators)

    def current(self, did: str) -> str:
        """The key that stands where `did` once stood."""
        while did in self.successor:
            did = self.successor[did][0]
        return did

    def same(self, one: str, other: str) -> bool:
        """Whether two keys stand, or stood, in one place."""
        return bool(one and other) and self.current(one) == self.current(other)

    def revoked_from(self, *dids: str, before: int | None = None) -> int | None:
        """From when one of these places holds a revoked key (by entries before `before`); None when none does."""
        found = [self.revoked[self.current(did)] for did in dids if did and self.current(did) in self.revoked]
        return min((moment for seq, moment in found if before is None or seq < before), default=None)

    def places_about(self, *dids: str) -> set[int]:
        """Entries a stranger needs to judge these keys: the operator's hand-overs, and what became of the keys."""
        found = {start for start, _key in self.operators[1:]}
        for did in dids:
            here = did
            while here in self.successor:
                here, seq = self.successor[here]
                found.add(seq)
            if here in self.revoked:
                found.add(self.revoked[here][0])
        return found

    def check(self, statement: Statement) -> None:
        """Whether the keys a new statement rests on still count, and a key event makes sense here.

        Raises
        ------
        ConsentRefusedError
            reason key-revoked or key-replaced.
        InvalidInputError
            reason key-event-invalid.
        """
        if isinstance(statement, Grant):
            self._usable(statement.subject.key, statement.subject.guardian_key)
        elif isinstance(statement, KeyEnrolled):
            self._usable(statement.key)
            if (statement.key, statement.role) in self.enrolled:
                raise _invalid(f"{statement.key} is enrolled as {statement.role} already")
        elif isinstance(statement, KeyRotated):
            self._usable(statement.old, statement.new)
            self._check_rotation(statement)
        elif isinstance(statement, KeyRevoked):
            self._usable(statement.key)
            if self.is_operator(statement.key):
                raise _invalid("the operator's key is replaced, not revoked")
            if statement.key not in self.known:
                raise _invalid(f"the ledger does not know {statement.key}")

    def _check_rotation(self, statement: KeyRotated) -> None:
        if statement.role == "operator":
            if statement.old != self.latest.did:
                raise _invalid("the key it replaces is not the operator's")
            if statement.new in self.known:
                raise _invalid("the operator's new key stands in another place already")
            return
        if self.is_operator(statement.old) or self.is_operator(statement.new):
            raise _invalid("the operator's key cannot stand in for another's")
        if statement.old not in self.known:
            raise _invalid(f"the ledger does not know {statement.old}")

    def _usable(self, *dids: str) -> None:
        for did in filter(None, dids):
            if did in self.successor:
                raise ConsentRefusedError(
                    "key-replaced",
                    f"{did} was replaced by {self.successor[did][0]} at entry {self.successor[did][1]}",
                    remedy="Sign with the new key",
                )
            if did in self.revoked:
                raise ConsentRefusedError(
                    "key-revoked",
                    f"{did} was revoked at entry {self.revoked[did][0]}",
                    remedy="Make a new key, and have the speaker sign a new grant",
                )

    def take(self, seq: int, statement: Statement) -> None:
        """Take in a statement that passed `check` and whose signatures were verified."""
        if isinstance(statement, Genesis) and not self.operators:
            key = PublicKey.from_did(statement.operator.key)
            self.operators = [(-1, key)]
            self.known[key.did] = ("operator", seq)
        elif isinstance(statement, Grant):
            role = "publisher" if statement.basis == "no-donor" else "subject"
            self.known.setdefault(statement.subject.key, (role, seq))
            if statement.subject.guardian_key:
                self.known.setdefault(statement.subject.guardian_key, ("guardian", seq))
        elif isinstance(statement, KeyEnrolled):
            self.known.setdefault(statement.key, (statement.role, seq))
            self.enrolled.add((statement.key, statement.role))
        elif isinstance(statement, KeyRotated):
            self.successor[statement.old] = (statement.new, seq)
            self.known.setdefault(statement.new, (statement.role, seq))
            if statement.role == "operator":
                self.operators.append((seq, PublicKey.from_did(statement.new)))
        elif isinstance(statement, KeyRevoked):
            self.revoked[statement.key] = (seq, statement.effective)

    def infos(self) -> tuple[KeyInfo, ...]:
        """All keys, oldest first."""
        found = []
        for did, (role, since) in sorted(self.known.items(), key=lambda item: (item[1][1], item[0])):
            state = "replaced" if did in self.successor else "revoked" if did in self.revoked else "active"
            found.append(KeyInfo(did, role, state, since, self.successor.get(did, ("",))[0]))
        return tuple(found)


def _invalid(problem: str) -> InvalidInputError:
    return InvalidInputError(problem, file="key event", reason="key-event-invalid")
