"""The half of `Ledger` that answers to the people in it: who is meant, what was made, what falls due, erasure."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .encoding import parse_json, sha256_hex
from .errors import InvalidInputError, UsageError
from .locks import writer_lock
from .lookups import Lookups
from .outputs import hash_file
from .persons import SIDE_CHALLENGE, SIDE_NOTICE, SIDE_PERSON, Person
from .policy import ended_at, retention_due
from .statements import Erasure, Grant, new_nonce
from .store import Row, Session

__all__ = ["AffectedFile", "Due", "ErasureReport", "SubjectBook", "SubjectInfo"]

#: So many commitments fit into one statement with room to spare.
_COMMITMENTS = 4_000


@dataclass(frozen=True)
class SubjectInfo:
    """A person as a ledger knows them.

    Parameters
    ----------
    key : str
        did:key in their grants. The operator's own where the operator attested.
    grants : tuple of str
        Digests, oldest first.
    voices : tuple of str
        Names of their voices.
    person : Person or None
        Name and contact, unless erased or never given.
    """

    key: str
    grants: tuple[str, ...]
    voices: tuple[str, ...]
    person: Person | None = None


@dataclass(frozen=True)
class ErasureReport:
    """What an erasure removed, or would remove. `entries` are the digests of the erasure statements."""

    subject: str
    grants: tuple[str, ...]
    names: int
    salts: int
    deliveries: int
    active: tuple[str, ...]
    entries: tuple[str, ...] = ()
    dry_run: bool = False

    @property
    def items(self) -> int:
        """Rows of side tables."""
        return self.names + self.salts + self.deliveries

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**{k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}, "items": self.items}


@dataclass(frozen=True)
class AffectedFile:
    """A file made under a grant.

    Parameters
    ----------
    name, sha256, bytes : str, str, int
        As in the receipt.
    entry, receipt, time, title : int, str, int, str
        Where the receipt stands, its digest, when it was written, what for.
    path : str
        Where it was delivered to, if that is known and not erased.
    state : str
        unchanged, changed, missing, waiting (never delivered) or unknown.
    """

    name: str
    sha256: str
    bytes: int
    entry: int
    receipt: str
    time: int
    title: str
    path: str
    state: str


@dataclass(frozen=True)
class Due:
    """A date somebody has to keep."""

    time: int
    what: str
    grant: str
    voice: str
    overdue: bool


class SubjectBook(Lookups):
    """Subjects, files and dates of a ledger."""

    def moment(self) -> int:
        """The ledger's time: the clock's, but never before its last entry."""
        with self._read("show"):
            return self._moment()[0]

    # who is meant

    def person(self, grant: str) -> Person | None:
        """The name behind a grant's commitment; None when none was given or it was erased."""
        with self._read("show") as session:
            return self._person(session, self._grant(grant))

    def people(self) -> dict[str, Person]:
        """The persons behind all grants that still have a name here."""
        with self._read("show") as session:
            found = {digest: self._person(session, grant) for digest, (grant, _e) in self._chain.grants.items()}
        return {digest: person for digest, person in found.items() if person is not None}

    def notice_text(self, grant: str) -> str:
        """The text the speaker was shown, if it is kept here ('' when only its hash is known)."""
        with self._read("show") as session:
            digest = self._grant(grant).notice.sha256
            data = session.side(SIDE_NOTICE, digest)
        return data.decode("utf-8") if data is not None and sha256_hex(data) == digest else ""

    def _grant(self, digest: str) -> Grant:
        if digest not in self._chain.grants:
            raise UsageError(f"the ledger has no grant {digest[:16]}")
        return self._chain.grants[digest][0]

    def _person(self, session: Session, grant: Grant) -> Person | None:
        data = session.side(SIDE_PERSON, grant.subject.name_commit) if grant.subject.name_commit else None
        if data is None:
            return None
        try:
            person = Person.parse(data)
        except InvalidInputError:
            return None
        # Side tables are not part of the tree: a name is shown only if it opens what was signed.
        return person if person.commitment == grant.subject.name_commit else None

    def find_subject(self, wanted: str) -> SubjectInfo:
        """The person meant by a did:key, a grant's digest (8 digits or more) or a name.

        Grants the operator attested all carry the operator's key; there, one name and contact makes one person.

        Raises
        ------
        UsageError
            Nobody, or several.
        """
        with self._read("list") as session:
            return self._find_subject(session, wanted)

    def _find_subject(self, session: Session, wanted: str) -> SubjectInfo:
        known = {digest: grant for digest, (grant, _envelope) in self._chain.grants.items()}
        people = {digest: self._person(session, grant) for digest, grant in known.items()}
        if wanted.startswith("did:"):
            found = [digest for digest, grant in known.items() if self._chain.keys.same(grant.subject.key, wanted)]
            if self._chain.keys.is_operator(wanted):
                raise UsageError("that is the operator's own key, which stands for many: name the grant or the person")
        elif len(wanted) >= 8 and any(digest.startswith(wanted) for digest in known):
            found = [digest for digest in known if digest.startswith(wanted)]
            if len(found) > 1:
                raise UsageError(f"{wanted!r} names several grants; give more digits")
        else:
            found = [digest for digest, person in people.items() if person is not None and person.name == wanted]
        if not found:
            raise UsageError(f"no grant here speaks of {wanted!r}; give a did:key, a grant (`consent list`) or a name")
        group_of = {digest: self._group(digest, grant, people[digest]) for digest, grant in known.items()}
        groups = {group_of[digest] for digest in found}
        if len(groups) > 1:
            names = ", ".join(digest[:16] for digest in found)
            raise UsageError(f"{wanted!r} may be several people: name one of the grants {names}")
        (group,) = groups
        mine = _with_predecessors([digest for digest in known if group_of[digest] == group], known)
        person = next((people[digest] for digest in reversed(mine) if people[digest] is not None), None)
        voices = tuple(dict.fromkeys(known[digest].voice for digest in mine))
        return SubjectInfo(self._chain.keys.current(known[found[0]].subject.key), tuple(mine), voices, person)

    def _group(self, digest: str, grant: Grant, person: Person | None) -> tuple[str, ...]:
        """What makes two grants one person's."""
        key = self._chain.keys.current(grant.subject.key)
        if not self._chain.keys.is_operator(key):
            return (key,)
        return (key, person.name, person.contact) if person is not None else (key, digest)

    def _concerned(self, session: Session, subject: SubjectInfo) -> list[tuple[Row, dict[str, Any]]]:
        """Entries about a subject, with their payloads: grants, revocations, keys, erasures, renders, refusals."""
        mine, intents = set(subject.grants), set()
        keys = self._chain.keys
        attested = keys.is_operator(subject.key)
        others = {grant.voice for digest, (grant, _e) in self._chain.grants.items() if digest not in mine}
        voices = set(subject.voices) - others
        found = []
        for row in session.rows():
            obj = json.loads(b64decode(json.loads(row.envelope)["payload"]))
            named = [obj[name] for name in ("key", "old", "new", "subject") if isinstance(obj.get(name), str)]
            if row.kind == "render-intent" and obj["grant"] in mine:
                intents.add(row.digest)
            concerned = (
                row.digest in mine
                or row.digest in intents
                or (row.kind == "revocation" and obj["target"] in mine)
                or (row.kind in ("render-receipt", "enrolment") and obj["grant"] in mine)
                or (row.kind == "render-aborted" and obj["intent"] in intents)
                or (row.kind == "render-denied" and _denies(obj, mine, voices))
                or (row.kind.startswith("key-") and not attested and any(keys.same(n, subject.key) for n in named))
                or (row.kind == "erasure" and not attested and any(keys.same(n, subject.key) for n in named))
            )
            if concerned:
                self._check_leaf(row)
                found.append((row, obj))
        return found

    # what was made, and what falls due

    def affected(self, grant: str) -> tuple[AffectedFile, ...]:
        """Every file made under a grant, where it went, and whether it still is what was delivered."""
        with self._read("list") as session:
            self._grant(grant)
            rows = list(session.rows(kinds=("render-receipt",)))
            places = {(receipt, name): (path, done) for receipt, name, path, done in session.deliveries()}
        found = []
        for row in rows:
            self._check_leaf(row)
            receipt = self._chain.receipt(row.envelope)
            if receipt.grant != grant:
                continue
            for item in receipt.outputs:
                path, done = places.get((row.digest, item.name), ("", False))
                state = _state_of_file(path, done, item.sha256)
                found.append(
                    AffectedFile(
                        item.name,
                        item.sha256,
                        item.bytes,
                        row.seq,
                        row.digest,
                        row.time,
                        receipt.use.title,
                        path,
                        state,
                    )
                )
        return tuple(found)

    def due(self) -> tuple[Due, ...]:
        """Dates to be kept, soonest first: ends of grants, confirmations, and what must be erased after them."""
        found = []
        with self._read("list"):
            moment, _back = self._moment()
            loose = self._loose()
            for digest in self._chain.grants:
                standing = self._chain.standing(digest, loose=loose)
                grant, end = standing.grant, self._ended(digest, ended_at(standing))
                dates = {"the grant ends": end, **retention_due(grant, end)}
                if grant.validity.recheck_days and end > moment:
                    dates["confirm again"] = grant.time + grant.validity.recheck_days * 86_400
                found += [Due(when, what, digest, grant.voice, when <= moment) for what, when in dates.items()]
        return tuple(sorted(found, key=lambda item: (item.time, item.grant, item.what)))

    def _ended(self, digest: str, end: int) -> int:
        """When a grant ended, counting its replacement by a later one."""
        if digest not in self._chain.superseded:
            return end
        later = [grant.time for grant, _envelope in self._chain.grants.values() if digest in grant.supersedes]
        return min([end, *later])

    # erasure

    def erase_subject(
        self, wanted: str, *, reason: str = "data-subject-request", dry_run: bool = False
    ) -> ErasureReport:
        """Erase what can identify a person: name, contact, salts of their texts, paths of their files.

        Nothing in the tree changes, so every proof stays valid; that it was done becomes an entry. No grant is
        revoked by this. Copies elsewhere (backups, snapshots, blocks a disk has not reused) are out of reach.

        Parameters
        ----------
        wanted : str
            did:key, grant or name; see `find_subject`.
        reason : str
            Short slug.
        dry_run : bool
            Only say what would go.
        """
        if dry_run:
            with self._read("list") as session:
                return self._plan(session, self._find_subject(session, wanted))[0]
        with self._write("erase") as session:
            subject = self._find_subject(session, wanted)
            report, commitments, receipts = self._plan(session, subject)
            moment, _back = self._moment()
            for name in {self._grant(digest).subject.name_commit for digest in subject.grants}:
                session.erase_side(SIDE_PERSON, name)
            for name in self._challenges_of(session, subject):
                session.erase_side(SIDE_CHALLENGE, name)
            for name in commitments:
                session.erase_salt(name)
            for name in receipts:
                session.erase_delivery(name)
            entries: list[str] = []
            # A ledger's statements have a greatest length, so many commitments take several.
            for start in range(0, max(len(commitments), 1 if report.items else 0), _COMMITMENTS):
                part = commitments[start : start + _COMMITMENTS]
                statement = Erasure(
                    ledger=self.id,
                    nonce=new_nonce(),
                    time=moment,
                    subject=subject.key,
                    commitments=tuple(part),
                    items=len(part) + (report.deliveries if start == 0 else 0),
                    reason=reason,
                )
                entries += self._append(session, [statement.sign(self.operator_signing_key())])
        with self._mutex, writer_lock(self.folder):
            self._store.vacuum()
        return ErasureReport(**{**report.__dict__, "entries": tuple(entries), "dry_run": False})

    def _challenges_of(self, session: Session, subject: SubjectInfo) -> list[str]:
        """Open challenges that hold the person's name."""
        found = []
        for name, value in session.sides(SIDE_CHALLENGE).items():
            try:
                obj = parse_json(value, what="challenge")
                key, said = str(obj["grant"]["subject"]["key"]), str(obj["name"])
            except (InvalidInputError, KeyError, TypeError):
                continue  # closed: no name is left in it
            own = not self._chain.keys.is_operator(key) and self._chain.keys.same(key, subject.key)
            if own or (subject.person is not None and said == subject.person.name):
                found.append(name)
        return found

    def _plan(self, session: Session, subject: SubjectInfo) -> tuple[ErasureReport, list[str], list[str]]:
        """What there is to erase: a report, commitments that can still be opened, receipts with known paths."""
        names = {self._grant(digest).subject.name_commit for digest in subject.grants} - {""}
        names = {n for n in names if session.side(SIDE_PERSON, n) is not None or session.salt(n) is not None}
        texts, receipts = set(), set()
        for row, obj in self._concerned(session, subject):
            for name in ("text_commit", "holder_commit"):
                if obj.get(name) and session.salt(obj[name]) is not None:
                    texts.add(obj[name])
            if row.kind == "render-receipt":
                receipts.add(row.digest)
        count = len(names) + len(self._challenges_of(session, subject))
        known = [receipt for receipt, _name, _path, _done in session.deliveries() if receipt in receipts]
        loose = self._loose()
        active = tuple(digest for digest in subject.grants if self._balance(digest, loose).state == "active")
        report = ErasureReport(subject.key, subject.grants, count, len(texts), len(known), active, dry_run=True)
        return report, sorted(names | texts), sorted(set(known))


def _with_predecessors(mine: Iterable[str], known: dict[str, Grant]) -> list[str]:
    """Add the grants that these replace, for the same voice and key; in the ledger's order."""
    todo, found = list(mine), set()
    while todo:
        digest = todo.pop()
        found.add(digest)
        grant = known[digest]
        for old in grant.supersedes:
            same = old in known and (known[old].voice, known[old].subject.key) == (grant.voice, grant.subject.key)
            if same and old not in found:
                todo.append(old)
    return [digest for digest in known if digest in found]


def _denies(obj: dict[str, Any], grants: set[str], voices: set[str]) -> bool:
    considered = set(obj.get("grants", ()))
    return bool(considered & grants) or (not considered and obj["voice"] in voices)


def _state_of_file(path: str, done: bool, digest: str) -> str:
    if not path:
        return "unknown"
    if not done:
        return "waiting" if Path(path).is_file() else "missing"
    try:
        return "unchanged" if hash_file(Path(path))[0] == digest else "changed"
    except InvalidInputError:
        return "missing"
