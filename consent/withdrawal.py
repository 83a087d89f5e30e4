"""When the key of a sealed voice must die: pure, from the grants of a voice and what was withdrawn of them.

A withdrawal counts if its grant says `delete-voice` or `recall`, it is in force, and it came after the voice was sealed
(a voice sealed anew under a later grant is another one). Lapse is no withdrawal: an expired grant stops renders and
leaves the key, so that a renewal need not build the voice again.

- Withdrawn by the speaker (or a minor's guardian): the key dies, unless the same speaker signed another grant for this
  voice that still stands. Grants that the operator alone attests do not keep it, nor do those of another person.
- Withdrawn by the operator: the key dies, unless any other grant for this voice still stands.

So a key dies when nobody is left whose permission could keep it, and the speaker's word outweighs the operator's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .statements import Grant

__all__ = ["DEADLY", "Holding", "Withdrawn", "doom"]

#: Effects of withdrawal that destroy the key.
DEADLY = frozenset({"delete-voice", "recall"})
#: States in which a grant still stands, or may come to stand again without anybody's new permission.
_STANDING = frozenset({"active", "not-yet-valid", "recheck-due"})


@dataclass(frozen=True)
class Withdrawn:
    """A revocation in force: its place in the ledger (None for a loose file), and whether the operator made it."""

    place: int | None
    by_operator: bool


@dataclass(frozen=True)
class Holding:
    """A grant of a voice as the vault sees it.

    Parameters
    ----------
    digest : str
        The grant.
    grant : Grant
        Its content.
    state : str
        As `consent.policy.state_of` says.
    speaker_signed : bool
        Whether a key that is not the operator's signed it as the subject.
    withdrawn : tuple of Withdrawn
        Revocations in force.
    """

    digest: str
    grant: Grant
    state: str
    speaker_signed: bool
    withdrawn: tuple[Withdrawn, ...] = ()


def doom(
    sealed_under: str,
    sealed_at: int,
    holdings: Iterable[Holding],
    same: Callable[[str, str], bool] = lambda one, other: one == other,
) -> str:
    """Why the key of a sealed voice must be destroyed: `delete-voice`, `recall`, or '' when it lives.

    Parameters
    ----------
    sealed_under : str
        Digest of the grant it was sealed under.
    sealed_at : int
        Entries the ledger had then.
    holdings : iterable of Holding
        All grants for the voice.
    same : callable
        Whether two did:keys stand in one place (a speaker's key may have been replaced).
    """
    everything = list(holdings)
    standing = [item for item in everything if item.state in _STANDING]
    reasons = set()
    for item in everything:
        if item.grant.withdrawal.effect not in DEADLY:
            continue
        for event in item.withdrawn:
            if item.digest != sealed_under and event.place is not None and event.place < sealed_at:
                continue
            keepers = standing
            if not event.by_operator:
                keepers = [
                    other
                    for other in standing
                    if other.speaker_signed and same(other.grant.subject.key, item.grant.subject.key)
                ]
            if not keepers:
                reasons.add(item.grant.withdrawal.effect)
    return "recall" if "recall" in reasons else "delete-voice" if reasons else ""
