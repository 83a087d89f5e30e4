# ruff: noqa: RUF009 - the field functions are `dataclasses.field` with a check; they share no state
"""The account a speaker gets: every use of their voice, signed by the operator, checkable offline.

A file holds the operator's signed account, one tree head, and the ledger's own entries it speaks of, each with its
inclusion proof. Whoever verifies takes nothing from the account on trust: lines and totals are made again from the
entries, and the account is compared with them. Needs `cryptography` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from . import merkle
from .authority import check_signatures, guardian_missing
from .encoding import b64decode, b64encode, parse_json, sha256_hex
from .envelope import Envelope
from .errors import ConsentError, InvalidInputError
from .fields import Record, did, flag, hexes, many, nested, text, texts, whole
from .keybook import KeyBook
from .keys import PublicKey
from .policy import Standing, check_disclosure, decide_one
from .statements import (
    AssetRegistered,
    Enrolment,
    Genesis,
    Grant,
    Party,
    RenderAborted,
    RenderDenied,
    RenderIntent,
    RenderReceipt,
    Revocation,
    Spent,
    Statement,
    parse_statement,
)
from .tree_head import read_checkpoint, verify_checkpoint

__all__ = [
    "ACCOUNT_SUFFIX",
    "NOT_SHOWN_BY_ACCOUNT",
    "Account",
    "AccountVerification",
    "Line",
    "Total",
    "is_account",
    "make_lines",
    "make_totals",
    "parse_account",
    "verify_account",
]

ACCOUNT_SUFFIX = ".voicestatement"
FORMAT = "voicekit-account/1"
MAX_ACCOUNT = 256 << 20

NOT_SHOWN_BY_ACCOUNT: tuple[str, ...] = (
    "whether the operator left an entry out: it signed that it did not, so a delivered file whose receipt is missing "
    "here is proof against it",
    "whether the operator rendered without this ledger, or keeps another",
    "what happened after the tree head",
    "that titles, languages and territories are what the operator stated",
    "whether files were really deleted or called back",
)


@dataclass(frozen=True)
class Total(Record):
    """Renders of one kind: how many, how long, how many files."""

    purpose: str = text()
    mode: str = text()
    commercial: bool = flag()
    renders: int = whole()
    files: int = whole()
    seconds_milli: int = whole()


@dataclass(frozen=True, kw_only=True)
class Account(Statement):
    """What the operator signs: whom it is about, from when until when, under which tree head, and the sums.

    `listing` is the SHA-256 of the lines "INDEX DIGEST" of every entry the account rests on, in order.
    """

    KIND: ClassVar[str] = "account"
    operator: Party = nested(Party)
    subject: str = did()
    grants: tuple[str, ...] = texts("[0-9a-f]{64}", low=1, most=10_000)
    voices: tuple[str, ...] = texts(most=10_000)
    since: int = whole(default=0)
    until: int = whole()
    size: int = whole(1)
    root: str = hexes(64)
    entries: int = whole(1)
    listing: str = hexes(64)
    totals: tuple[Total, ...] = many(Total, most=2_000, default=())
    refused: int = whole()
    aborted: int = whole()
    open: int = whole()


@dataclass(frozen=True)
class Line:
    """One entry of an account, as it follows from the entry itself.

    Parameters
    ----------
    entry, kind, digest, time : int, str, str, int
        Its place in the ledger, its kind, its name, when.
    detail : dict
        What it says, by kind.
    problems : tuple of str
        Where a render left its grant.
    """

    entry: int
    kind: str
    digest: str
    time: int
    detail: dict[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**self.__dict__, "problems": list(self.problems)}


@dataclass(frozen=True)
class AccountVerification:
    """Outcome of verifying an account."""

    file: str
    problems: tuple[str, ...]
    account: Account | None = None
    lines: tuple[Line, ...] = ()
    trusted: bool | None = None

    @property
    def ok(self) -> bool:
        """The records are sound and say what the account says."""
        return not self.problems

    @property
    def breaches(self) -> tuple[str, ...]:
        """Uses outside their grants, told by sound records."""
        return tuple(f"entry {line.entry}: {problem}" for line in self.lines for problem in line.problems)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "ok": self.ok and not self.breaches,
            "file": self.file,
            "sound": self.ok,
            "problems": list(self.problems),
            "within_permission": not self.breaches if self.ok else None,
            "breaches": list(self.breaches),
            "trusted": self.trusted,
            "account": self.account.as_obj() if self.account else {},
            "lines": [line.as_dict() for line in self.lines],
            "not_shown": list(NOT_SHOWN_BY_ACCOUNT),
        }

    def text(self) -> str:
        """For people."""
        lines = [self.file, f"  records sound and as stated?  {'yes' if self.ok else 'no'}"]
        lines += [f"    - {item}" for item in self.problems]
        if self.account is not None and self.ok:
            lines.append(f"  uses within permission?       {'no' if self.breaches else 'yes'}")
            lines += [f"    - {item}" for item in self.breaches]
            lines += account_text(self.account, self.lines)
        lines.append("  not shown:")
        lines += [f"    - {item}" for item in NOT_SHOWN_BY_ACCOUNT]
        return "\n".join(lines)


def account_text(account: Account, lines: Sequence[Line]) -> list[str]:
    """Sums and lines of an account as text."""
    out = [f"  {account.operator.name} about {', '.join(account.voices)}: {account.entries} of {account.size} entries"]
    for item in account.totals:
        sold = "commercial" if item.commercial else "not commercial"
        seconds = f"{item.seconds_milli // 1_000}.{item.seconds_milli % 1_000:03d} s"
        out.append(f"  {item.purpose} ({item.mode}, {sold}): {item.renders} renders, {seconds}, {item.files} files")
    out.append(f"  refused {account.refused}, aborted {account.aborted}, under way {account.open}")
    for line in lines:
        what = ", ".join(f"{k} {v}" for k, v in line.detail.items() if k != "outputs" and v not in ("", [], ()))
        out.append(f"  entry {line.entry}  {line.kind}  {what}")
        out += [f"      {item['name']}  {item['sha256']}" for item in line.detail.get("outputs", [])]
    return out


def is_account(data: bytes) -> bool:
    """Whether bytes look like an account file."""
    return data[:4_096].lstrip().startswith(b"{") and f'"spec":"{FORMAT}"'.encode() in data


def make_lines(statements: Mapping[int, tuple[Statement, Envelope]], since: int, until: int) -> tuple[Line, ...]:
    """The account's lines from the entries themselves: everything between two times, and every grant."""
    grants = {
        envelope.digest: (statement, envelope)
        for statement, envelope in statements.values()
        if isinstance(statement, Grant)
    }
    assets = {e.digest: s for s, e in statements.values() if isinstance(s, AssetRegistered)}
    intents = {e.digest: s for s, e in statements.values() if isinstance(s, RenderIntent)}
    found = []
    for place, (statement, envelope) in sorted(statements.items()):
        if isinstance(statement, (Genesis, AssetRegistered)):
            continue
        if not isinstance(statement, Grant) and not since <= statement.time <= until:
            continue
        detail = _detail(statement, intents)
        problems: tuple[str, ...] = ()
        if isinstance(statement, RenderReceipt) and statement.grant in grants:
            built = [s for at, (s, _e) in statements.items() if isinstance(s, Enrolment) and at < place]
            problems = _breaches(statement, *grants[statement.grant], assets, built)
        found.append(Line(place, statement.KIND, envelope.digest, statement.time, detail, problems))
    return tuple(found)


def _detail(statement: Statement, intents: Mapping[str, RenderIntent]) -> dict[str, Any]:
    if isinstance(statement, Grant):
        return {
            "voice": statement.voice,
            "intended_use": statement.intended_use,
            "not_before": statement.validity.not_before,
            "not_after": statement.validity.not_after,
            "withdrawal_effect": statement.withdrawal.effect,
        }
    if isinstance(statement, Enrolment):
        return {
            "grant": statement.grant,
            "voice": statement.voice,
            "method": statement.method,
            "recordings": len(statement.references),
            "files": [{"name": item.name, "sha256": item.sha256} for item in statement.derived],
        }
    if isinstance(statement, Revocation):
        return {"grant": statement.target, "effective": statement.effective, "reason": statement.reason}
    if isinstance(statement, RenderReceipt):
        return {
            "grant": statement.grant,
            **_use(statement),
            "seconds_milli": _milli(statement),
            "outputs": [{"name": item.name, "sha256": item.sha256} for item in statement.outputs],
        }
    if isinstance(statement, RenderIntent):
        return {"grant": statement.grant, **_use(statement)}
    if isinstance(statement, RenderAborted):
        begun = intents.get(statement.intent)
        return {"intent": statement.intent, "reason": statement.reason, **(_use(begun) if begun else {})}
    if isinstance(statement, RenderDenied):
        return {"reason": statement.reason, **_use(statement)}
    return {name: value for name, value in statement.as_obj().items() if isinstance(value, (str, int))}


def _use(statement: RenderReceipt | RenderIntent | RenderDenied) -> dict[str, Any]:
    use = statement.use
    return {
        "voice": statement.voice,
        "mode": use.mode,
        "purpose": use.purpose,
        "commercial": use.commercial,
        "languages": list(use.languages),
        "territories": list(use.territories),
        "title": use.title,
    }


def _milli(receipt: RenderReceipt) -> int:
    return sum(item.seconds_milli for item in receipt.outputs if not item.same_as)


def _breaches(
    receipt: RenderReceipt,
    grant: Grant,
    envelope: Envelope,
    assets: Mapping[str, AssetRegistered],
    enrolments: Sequence[Enrolment],
) -> tuple[str, ...]:
    """Where a receipt leaves its grant, decided by the policy itself with the real seconds."""
    before = Spent(max(receipt.spent.renders - 1, 0), max(receipt.spent.seconds - receipt.seconds, 0))
    standing = Standing(
        receipt.grant, grant, before, record=assets.get(grant.record), enrolments=tuple(enrolments)
    )
    use = type(receipt.use)(**{**receipt.use.__dict__, "seconds": receipt.seconds})
    decision = decide_one(standing, use=use, operands=receipt.operands, now=receipt.time)
    problems = [] if decision.allowed else [f"{decision.reason}: {decision.message}"]
    unmet = check_disclosure(grant.disclosure, receipt.marks)
    if unmet is not None:
        problems.append(f"{unmet[0]}: {unmet[1]}")
    if guardian_missing(grant, envelope):
        problems.append("the grant is a minor's, and the guardian's signature is missing")
    return tuple(problems)


def make_totals(lines: Iterable[Line]) -> dict[str, Any]:
    """The sums of an account, from its lines."""
    sums: dict[tuple[str, str, bool], list[int]] = {}
    count = {"render-denied": 0, "render-aborted": 0}
    begun, ended = set(), set()
    for line in lines:
        if line.kind == RenderReceipt.KIND:
            row = sums.setdefault((line.detail["purpose"], line.detail["mode"], line.detail["commercial"]), [0, 0, 0])
            row[0] += 1
            row[1] += len(line.detail["outputs"])
            row[2] += line.detail["seconds_milli"]
        elif line.kind == RenderIntent.KIND:
            begun.add(line.digest)
        elif line.kind in count:
            count[line.kind] += 1
            ended.add(str(line.detail.get("intent", "")))
    totals = tuple(Total(*kind, *row) for kind, row in sorted(sums.items()))
    return {
        "totals": totals,
        "refused": count["render-denied"],
        "aborted": count["render-aborted"],
        "open": len(begun - ended),
    }


def listing(entries: Iterable[tuple[int, str]]) -> str:
    """The hash an account carries of the entries it rests on."""
    return sha256_hex("".join(f"{place} {digest}\n" for place, digest in entries).encode("ascii"))


@dataclass(frozen=True)
class AccountFile:
    """A parsed, unverified account file."""

    account: Envelope
    checkpoint: bytes
    entries: tuple[tuple[int, bytes, tuple[bytes, ...]], ...]


def account_obj(account: bytes, note: bytes, entries: Iterable[tuple[int, bytes, Sequence[bytes]]]) -> dict[str, Any]:
    """The JSON object of an account file."""
    return {
        "spec": FORMAT,
        "account": account.decode("utf-8"),
        "checkpoint": note.decode("utf-8"),
        "entries": [
            {"index": place, "envelope": data.decode("utf-8"), "path": [b64encode(step) for step in path]}
            for place, data, path in entries
        ],
    }


def parse_account(data: bytes, *, what: str = "account") -> AccountFile:
    """Read an account file strictly.

    Raises
    ------
    InvalidInputError
        Malformed.
    """
    obj = parse_json(data, what=what, max_bytes=MAX_ACCOUNT)
    bad = InvalidInputError(
        f"not a {FORMAT} file", file=what, remedy="Ask the operator for it again", reason="account-invalid"
    )
    if set(obj) != {"spec", "account", "checkpoint", "entries"} or obj["spec"] != FORMAT:
        raise bad
    if not all(isinstance(obj[name], str) for name in ("account", "checkpoint")) or not isinstance(
        obj["entries"], list
    ):
        raise bad
    entries = []
    for item in obj["entries"]:
        if not isinstance(item, dict) or set(item) != {"index", "envelope", "path"}:
            raise bad
        place, text_, path = item["index"], item["envelope"], item["path"]
        typed = isinstance(place, int) and not isinstance(place, bool) and isinstance(text_, str)
        if not typed or not isinstance(path, list) or len(path) > 64 or not all(isinstance(x, str) for x in path):
            raise bad
        entries.append((place, text_.encode("utf-8"), tuple(b64decode(step, what=what) for step in path)))
    envelope = Envelope.parse(obj["account"].encode("utf-8"), what=what)
    return AccountFile(envelope, obj["checkpoint"].encode("utf-8"), tuple(entries))


def verify_account(data: bytes, *, what: str, trust: Sequence[PublicKey] = ()) -> AccountVerification:
    """Verify an account file: signatures, tree, lines and sums.

    Parameters
    ----------
    data : bytes
        The file.
    what : str
        Its name.
    trust : sequence of PublicKey
        Operators' keys you trust; when given, the account's must be one.

    Raises
    ------
    InvalidInputError
        Not an account file at all.
    """
    file = parse_account(data, what=what)
    try:
        account, statements, keys = _shown(file)
    except ConsentError as exc:
        return AccountVerification(what, (str(exc),))
    lines = make_lines(statements, account.since, account.until)
    problems = _disagreements(account, statements, lines, keys)
    known = {key.did for _start, key in keys.operators}
    trusted = bool(known & {key.did for key in trust}) if trust else None
    if trusted is False:
        problems.append("the operator's key is not among those you trust")
    return AccountVerification(what, tuple(problems), account, lines, trusted)


def _shown(file: AccountFile) -> tuple[Account, dict[int, tuple[Statement, Envelope]], KeyBook]:
    """Whose ledger, its signed head, every entry where the proof says and signed by whom it must be."""

    def broken(problem: str) -> InvalidInputError:
        return InvalidInputError(problem, file="account", reason="account-invalid")

    if not file.entries or file.entries[0][0] != 0:
        raise broken("the ledger's first entry is not in it")
    if any(a[0] >= b[0] for a, b in zip(file.entries, file.entries[1:], strict=False)):
        raise broken("its entries are not in the ledger's order")
    # Nothing of what the entries say about keys is believed before the head is signed by the key in force.
    found: dict[int, tuple[Statement, Envelope]] = {}
    keys, genesis = KeyBook(), None
    for place, data, _path in file.entries:
        envelope = Envelope.parse(data, what=f"entry {place}")
        statement = parse_statement(envelope, what=f"entry {place}")
        if place == 0 and isinstance(statement, Genesis):
            genesis = statement
        elif genesis is None or isinstance(statement, Genesis):
            raise broken("the ledger's first entry is no genesis, or not the only one")
        else:
            keys.check(statement)
        keys.take(place, statement)
        found[place] = (statement, envelope)
    if genesis is None:
        raise broken("the ledger's first entry is no genesis")
    operator = keys.operator_at(read_checkpoint(file.checkpoint).size)
    head = verify_checkpoint(file.checkpoint, operator, f"voicekit.local/{genesis.ledger}")
    account = parse_statement(file.account, Account, what="account")
    file.account.require(operator, what="account")
    signer = Party(operator.did, genesis.operator.name, genesis.operator.contact)
    if not isinstance(account, Account) or account.ledger != genesis.ledger or account.operator != signer:
        raise broken("it is about another ledger")
    if (account.size, account.root) != (head.size, head.root.hex()):
        raise broken("it is about another tree head")
    for place, data, path in file.entries:
        merkle.verify_inclusion(merkle.leaf_hash(data), place, head.size, path, head.root)
        statement, envelope = found[place]
        check_signatures(statement, envelope, keys.operator_at(place), what=f"entry {place}")
        if statement.ledger not in (genesis.ledger, "any"):
            raise broken(f"entry {place} was made for another ledger")
    return account, found, keys


def _disagreements(
    account: Account, statements: Mapping[int, tuple[Statement, Envelope]], lines: Sequence[Line], keys: KeyBook
) -> list[str]:
    """What the account says otherwise than its entries do."""
    problems = []
    names = [(place, envelope.digest) for place, (_statement, envelope) in sorted(statements.items())]
    if (account.entries, account.listing) != (len(names), listing(names)):
        problems.append("the signed list of entries is not that of the file")
    mine = {e.digest: s for s, e in statements.values() if isinstance(s, Grant)}
    if set(mine) != set(account.grants):
        problems.append("the grants in the file are not those the account names")
    if not all(keys.same(grant.subject.key, account.subject) for grant in mine.values()):
        problems.append("a grant is about somebody else")
    intents = {e.digest for s, e in statements.values() if isinstance(s, RenderIntent)}
    for place, (statement, _envelope) in sorted(statements.items()):
        foreign = (isinstance(statement, (RenderReceipt, RenderIntent)) and statement.grant not in mine) or (
            isinstance(statement, RenderAborted) and statement.intent not in intents
        )
        if foreign:
            problems.append(f"entry {place} does not belong to this person's grants")
    said = {name: getattr(account, name) for name in ("totals", "refused", "aborted", "open")}
    for name, value in make_totals(lines).items():
        if said[name] != value:
            problems.append(f"the account's {name} are not what its entries add up to")
    if account.since == 0:
        problems += _gaps(mine, statements)
    return problems


def _gaps(grants: Mapping[str, Grant], statements: Mapping[int, tuple[Statement, Envelope]]) -> list[str]:
    """Receipts count renders under their grant; more counted than shown means that something was left out."""
    shown: dict[str, int] = dict.fromkeys(grants, 0)
    counted: dict[str, int] = dict.fromkeys(grants, 0)
    for statement, _envelope in statements.values():
        if isinstance(statement, (RenderReceipt, RenderIntent)) and statement.grant in shown:
            shown[statement.grant] += 1
            if isinstance(statement, RenderReceipt):
                counted[statement.grant] = max(counted[statement.grant], statement.spent.renders)
    return [
        f"receipts under grant {digest[:16]} count {counted[digest]} renders, and {shown[digest]} are in the file"
        for digest in grants
        if counted[digest] > shown[digest]
    ]
