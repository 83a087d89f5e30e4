"""The decision: grants, revocations, a use, a time and what is spent -> yes, or no with a stable reason.

Pure: nothing here reads a file, a clock or a database. A use must lie inside one grant on every axis; grants
are never added together. Where a voice record stands behind a grant, the use must lie inside both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .scope import UNLIMITED, Operand, Scope, Use, commercial_licence, covers, within
from .statements import AssetRegistered, Disclosure, Enrolment, Grant, Spent, WeightsRef

__all__ = [
    "Decision",
    "Standing",
    "check_disclosure",
    "check_operands",
    "decide",
    "decide_one",
    "ended_at",
    "enrolment_problem",
    "retention_due",
    "state_of",
]

_DAY = 86_400


NOTHING_SPENT = Spent(0, 0)


@dataclass(frozen=True)
class Standing:
    """A grant and everything known about it.

    Parameters
    ----------
    digest : str
        The grant's name.
    grant : Grant
        Its content, signatures already checked.
    spent : Spent
        Receipts plus open intents under it.
    revoked_from : int or None
        Earliest time from which a valid revocation of the grant or of its record holds.
    superseded : bool
        Whether a later grant replaces it.
    record : AssetRegistered or None
        The voice record of a no-donor grant.
    key_revoked_from : int or None
        From when the speaker's or guardian's key, as it stands now, is revoked.
    enrolments : tuple of Enrolment
        Entries about voices that were built under it.
    """

    digest: str
    grant: Grant
    spent: Spent = NOTHING_SPENT
    revoked_from: int | None = None
    superseded: bool = False
    record: AssetRegistered | None = None
    key_revoked_from: int | None = None
    enrolments: tuple[Enrolment, ...] = ()


@dataclass(frozen=True)
class Decision:
    """Outcome for one use. `rank` says how far the use came before it was refused."""

    allowed: bool
    reason: str
    message: str
    grant: str = ""
    remedy: str = ""
    rank: int = 0
    considered: tuple[str, ...] = ()


_REMEDIES = {
    "no-grant": "Add a grant with `consent grant`",
    "expired": "Ask for a new grant",
    "key-revoked": "Have the speaker sign a new grant with a new key",
    "recheck-due": "Confirm the permission with the speaker and add a grant that supersedes this one",
    "not-yet-valid": "Wait, or ask for an earlier start",
    "weights-mismatch": "Reinstall the voice, or ask for a grant that names these model files",
    "weights-licence": "Use weights whose licence allows it, or make the use non-commercial",
    "budget-renders": "Ask for a larger budget",
    "budget-seconds": "Ask for a larger budget, or render less",
}


def state_of(standing: Standing, now: int) -> str:
    """active, revoked, key-revoked, superseded, not-yet-valid, expired, recheck-due or record-missing /
    record-exceeded."""
    grant, record = standing.grant, standing.record
    if standing.revoked_from is not None and standing.revoked_from <= now:
        return "revoked"
    if standing.key_revoked_from is not None and standing.key_revoked_from <= now:
        return "key-revoked"
    if standing.superseded:
        return "superseded"
    if grant.basis == "no-donor":
        if record is None:
            return "record-missing"
        if within(grant.scope, record.offered) or record.voice != grant.voice:
            return "record-exceeded"
        if record.not_after and now >= record.not_after:
            return "expired"
    if now < grant.validity.not_before:
        return "not-yet-valid"
    if now >= grant.validity.not_after:
        return "expired"
    if grant.validity.recheck_days and now >= grant.time + grant.validity.recheck_days * _DAY:
        return "recheck-due"
    return "active"


def ended_at(standing: Standing) -> int:
    """When a grant ends or ended: its last day, or its withdrawal if that comes first."""
    ends = [standing.grant.validity.not_after]
    ends += [moment for moment in (standing.revoked_from, standing.key_revoked_from) if moment is not None]
    if standing.record is not None and standing.record.not_after:
        ends.append(standing.record.not_after)
    return min(ends)


def retention_due(grant: Grant, ended: int) -> dict[str, int]:
    """Until when what was kept of the speaker must be erased, given when the grant ended.

    Returns
    -------
    dict
        "reference audio" and "embeddings" -> seconds since 1970 UTC. Nothing for a voice without a donor.
    """
    if grant.basis == "no-donor":
        return {}
    days = {"reference audio": grant.retention.reference_days, "embeddings": grant.retention.embedding_days}
    return {what: ended + count * _DAY for what, count in days.items()}


def check_disclosure(disclosure: Disclosure, marks: Sequence[str]) -> tuple[str, str] | None:
    """Compare the marks declared for finished files with those a grant demands, as (reason, message) or None.

    Signed metadata needs no declaration: the `.voiceproof` beside each file is that, and the ledger itself
    writes it. Whether a declared watermark really is in the sound is for the caller to measure.
    """
    if disclosure.watermark and "watermark" not in marks:
        return "disclosure-unmet", "the grant demands a watermark and none was declared"
    if disclosure.audible == "always" and "audible" not in marks:
        return "disclosure-unmet", "the grant demands an audible notice and none was declared"
    if disclosure.audible == "never" and "audible" in marks:
        return "disclosure-unmet", "the grant forbids an audible notice and one was declared"
    return None


def decide_one(standing: Standing, *, use: Use, operands: Sequence[Operand], now: int) -> Decision:
    """Decide one use under one grant; `use.seconds` is what it will add to the budget."""
    grant = standing.grant

    def no(rank: int, reason: str, message: str) -> Decision:
        text = f"{message} (grant {standing.digest[:16]})"
        return Decision(False, reason, text, standing.digest, _REMEDIES.get(reason, ""), rank)

    state = state_of(standing, now)
    if state != "active":
        return no(1, state, f"the grant for {grant.voice} is {state.replace('-', ' ')}")
    problem = covers(grant.scope, use)
    if problem is None and standing.record is not None:
        problem = covers(standing.record.offered, use)
    if problem is not None:
        return no(2, *problem)
    problem = check_operands(
        grant, standing.record, operands, commercial=use.commercial, enrolments=_good(standing, standing.enrolments)
    )
    if problem is not None:
        return no(3, *problem)
    if standing.spent.renders + 1 > grant.scope.max_renders:
        return no(4, "budget-renders", f"all {grant.scope.max_renders} renders are used up or under way")
    left = grant.scope.max_seconds - standing.spent.seconds
    if grant.scope.max_seconds != UNLIMITED and use.seconds > left:
        return no(4, "budget-seconds", f"{use.seconds} s asked for, {max(left, 0)} s left")
    return Decision(True, "", f"covered by grant {standing.digest[:16]}", standing.digest, rank=5)


def enrolment_problem(grant: Grant, enrolment: Enrolment) -> tuple[str, str] | None:
    """Why an enrolment does not count under a grant, as (reason, message); None where it does.

    The grant must allow the adaptation in so many words, must name every reference recording it was made from, and
    every model it was built on, unless it names no model at all and so leaves that to the operator.
    """
    reach = {"": (), "embedding": ("embedding",), "low-rank": ("embedding", "low-rank")}[grant.adaptation]
    if enrolment.voice != grant.voice:
        return "enrolment-invalid", f"the enrolment is for {enrolment.voice}, the grant for {grant.voice}"
    if enrolment.method not in reach:
        allowed = f"allows {grant.adaptation} alone" if grant.adaptation else "allows no voice to be built from it"
        return "adaptation-not-granted", f"a voice was built by {enrolment.method}, and the grant {allowed}"
    named = {item.file_sha256 for item in grant.references}
    for digest in enrolment.references:
        if digest not in named:
            return "reference-mismatch", f"the recording {digest[:12]}… is no reference of the grant"
    for item in enrolment.base if grant.weights else ():
        if item not in grant.weights:
            return "weights-mismatch", f"{item.name} ({item.sha256[:12]}…) is no model that the grant names"
    return None


def _good(standing: Standing, enrolments: Sequence[Enrolment]) -> tuple[Enrolment, ...]:
    """Enrolments that count under a grant."""
    return tuple(
        item
        for item in enrolments
        if item.grant == standing.digest and enrolment_problem(standing.grant, item) is None
    )


def check_operands(
    grant: Grant,
    record: AssetRegistered | None,
    operands: Sequence[Operand],
    *,
    commercial: bool,
    enrolments: Sequence[Enrolment] = (),
) -> tuple[str, str] | None:
    """Compare the files that shape the sound with those of the grant (and of its record).

    The model files must all be named by the grant, or all by one of `enrolments` (the caller has seen that they count):
    never some by one and some by another.
    """
    weights = [item for item in operands if item.role == "weights"]
    if not weights:
        return "weights-mismatch", "no model file was named"
    references = {item.file_sha256 for item in grant.references}
    for item in operands:
        if item.role == "reference" and item.sha256 not in references:
            return "reference-mismatch", f"{item.name} ({item.sha256[:12]}…) is no reference of the grant"
    sources: list[tuple[WeightsRef, ...]] = [grant.weights]
    if record is not None:
        sources.append(record.weights)
    problem = _check_weights(sources, weights, commercial)
    for enrolment in enrolments if problem is not None else ():
        made = {item.sha256 for item in enrolment.derived}
        if any(item.sha256 in made for item in weights):
            problem = _check_weights([(*enrolment.base, *enrolment.derived)], weights, commercial)
            if problem is None:
                return None
    return problem


def _check_weights(
    sources: Sequence[tuple[WeightsRef, ...]], weights: Sequence[Operand], commercial: bool
) -> tuple[str, str] | None:
    for item in weights:
        for source in sources:
            match = next((ref for ref in source if ref.sha256 == item.sha256), None)
            if match is None:
                return (
                    "weights-mismatch",
                    f"{item.name} ({item.sha256[:12]}…) is not the file that was agreed to",
                )
            if match.license != item.license:
                return "weights-licence", f"{item.name} is under {match.license}, not {item.license}"
            if commercial and not commercial_licence(match.license):
                return "weights-licence", f"{item.name} is under {match.license}: no commercial use"
    return None


def decide(
    standings: Iterable[Standing],
    *,
    voice: str,
    use: Use,
    operands: Sequence[Operand],
    now: int,
    grant: str | None = None,
) -> Decision:
    """Decide a use of `voice`: the narrowest single grant that covers it, or the refusal that came furthest.

    Parameters
    ----------
    standings : iterable of Standing
        All grants of the ledger.
    voice : str
        Whose voice.
    use, operands, now
        What is asked for, with which files, when.
    grant : str, optional
        Demand this very grant.
    """
    mine = [s for s in standings if s.grant.voice == voice and grant in (None, s.digest)]
    considered = tuple(sorted(s.digest for s in mine))
    if not mine:
        named = f" under the name {grant[:16]}" if grant else ""
        return Decision(False, "no-grant", f"no grant for the voice {voice}{named}", remedy=_REMEDIES["no-grant"])
    verdicts = [(s, decide_one(s, use=use, operands=operands, now=now)) for s in mine]
    yes = [(s, d) for s, d in verdicts if d.allowed]
    if yes:
        _, best = min(_minimal(yes), key=lambda pair: (breadth(pair[0].grant), pair[0].digest))
    else:
        _, best = max(verdicts, key=lambda pair: (pair[1].rank, pair[0].grant.time, pair[0].digest))
    return Decision(best.allowed, best.reason, best.message, best.grant, best.remedy, best.rank, considered)


def _minimal(yes: list[tuple[Standing, Decision]]) -> list[tuple[Standing, Decision]]:
    """Those grants inside which no other of them lies: two listed dialects are narrower than their language."""

    def inside(one: Standing, other: Standing) -> bool:
        return not within(one.grant.scope, other.grant.scope) and bool(within(other.grant.scope, one.grant.scope))

    return [pair for pair in yes if not any(inside(other[0], pair[0]) for other in yes)]


def breadth(grant: Grant) -> tuple[int, ...]:
    """Sort key among grants of which none lies inside another: the narrower first."""
    scope: Scope = grant.scope
    wide = 10**6
    return (
        wide if "any" in scope.titles else len(scope.titles),
        wide if "any" in scope.purposes else len(scope.purposes),
        wide if "001" in scope.territories else len(scope.territories),
        wide if "any" in scope.languages else len(scope.languages),
        len(scope.modes),
        int(scope.commercial),
        -len(scope.content_refused),
        grant.validity.not_after - grant.validity.not_before,
        scope.max_seconds,
        scope.max_renders,
    )
