"""A9 and A12: the wrong time, and a grant that has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import BUILD_FLOOR
from ..ledger import Ledger
from ..permit import Permit
from .lab import Attack, Lab
from .world import DAY, SPEAKER, START, STRANGER, World, stored

__all__ = ["ATTACKS"]


def clock(lab: Lab) -> None:
    """A9."""
    world = lab.world()
    world.grant(end=START + 100 * DAY)
    world.clock.time = START + 101 * DAY
    lab.refused("expired", "the grant's term is over", world.request, "expired")
    world.clock.time = START + DAY
    lab.refused(
        "set back to revive a grant",
        "after that refusal the clock is set back by 100 days",
        world.request,
        "clock-set-back",
    )
    lab.refused(
        "set back, program restarted",
        "and the program started anew",
        lambda: (world.reopen(), world.request()),
        "clock-set-back",
    )
    lab.refused("set back, a new grant", "and a grant added", world.grant, "clock-set-back")
    world.clock.time = START + 101 * DAY - 301
    lab.refused("301 seconds", "set back by 301 seconds", world.request, "clock-set-back")
    world.clock.time = START + 101 * DAY - 299
    lab.refused("299 seconds", "set back by 299 seconds: the ledger's own time counts", world.request, "expired")
    early = lab.world("early")
    early.grant(begin=START + DAY, end=START + 9 * DAY)
    lab.refused("not yet", "before the term", early.request, "not-yet-valid")
    early.clock.time = START + 30 * DAY
    lab.refused("set forward", "the clock set forward past the term", early.request, "expired")
    early.clock.time = START + 2 * DAY
    lab.refused("and back again", "then to a day inside the term", early.request, "clock-set-back")
    old = lab.world("old")
    old.grant()
    old.clock.time = 0
    lab.refused("1970", "the clock says 1970", old.request, "clock-set-back")
    from .world import Clock

    folder = lab.folder / "unset"
    folder.mkdir()
    with Ledger.init(folder / "ledger", operator_name="Operator", now=Clock(0)) as ledger:
        _seq, moment, _data = ledger.entry(stored(folder / "ledger")[0].digest)
    lab.holds(
        "a ledger made in 1970",
        "a ledger made under a clock that was never set",
        lambda: moment >= BUILD_FLOOR,
        "not before this program was written",
    )
    running = lab.world("running")
    running.grant(end=START + 60)
    permit = running.request()
    running.clock.time = START - 4_000
    lab.refused(
        "during a render", "set back between request and completion", lambda: running.render(permit), "clock-set-back"
    )
    monotone = _times(world)
    lab.holds("order", "the stored times after all this", lambda: monotone == sorted(monotone), "never go backwards")


def _times(world: World) -> list[int]:
    return [row.time for row in stored(world.path)]


def withdrawn(lab: Lab) -> None:
    """A12."""
    cases: dict[str, tuple[str, Callable[[World, str], Any]]] = {
        "by an entry": ("revoked", lambda w, g: w.ledger.revoke(g, key=SPEAKER)),
        "by the operator": ("revoked", lambda w, g: w.ledger.revoke(g)),
        "by a loose file": (
            "revoked",
            lambda w, g: (w.path / "revocations" / "r.json").write_bytes(w.ledger.make_revocation(g, SPEAKER)),
        ),
        "by another program": ("revoked", _revoke_elsewhere),
        "by a newer grant": ("superseded", lambda w, g: w.grant(supersedes=f'supersedes = ["{g}"]')),
        "by time": ("expired", lambda w, g: setattr(w.clock, "time", START + 101 * DAY)),
    }
    for case, (reason, withdraw) in cases.items():
        slug = case.replace(" ", "-")
        before = lab.world(f"before-{slug}")
        grant = before.grant()
        lab.control(f"{case}, not yet", lambda: before.ledger.abort(before.request(), "cancelled"))  # noqa: B023
        withdraw(before, grant)
        lab.refused(
            f"{case}, then asked",
            f"the grant ended {case}, then a use asked for under it",
            lambda: before.request(grant=grant),  # noqa: B023
            reason,
            files={"ledger": before.path},
        )
        during = lab.world(f"during-{slug}")
        grant = during.grant()
        permit = during.request(grant=grant, valid_seconds=2_000_000)
        withdraw(during, grant)
        lab.refused(
            f"{case}, between sentences",
            f"the grant ended {case} while a render was under way",
            lambda: during.ledger.recheck(permit),  # noqa: B023
            reason,
        )
        lab.refused(
            f"{case}, at the receipt",
            "and the finished files handed in all the same",
            lambda: during.render(permit),  # noqa: B023
            reason,
        )
        lab.holds(
            f"{case}, nothing delivered",
            "the folder is searched",
            lambda: _nothing_out(during, permit),  # noqa: B023
            "no proof, no file, the intent closed as aborted",
            files={"ledger": during.path},
        )
    _who_may_revoke(lab)


def _revoke_elsewhere(world: World, grant: str) -> None:
    with Ledger.open(world.path, now=world.clock) as other:
        other.revoke(grant, key=SPEAKER)


def _nothing_out(world: World, permit: Permit) -> bool:
    proofs = list(world.folder.rglob("*.voiceproof"))
    delivered = list(world.folder.rglob("out/*"))
    last = stored(world.path)[-1].kind
    receipt = world.ledger.receipt_of(permit.intent)
    return not proofs and not delivered and receipt is None and last == "render-aborted"


def _who_may_revoke(lab: Lab) -> None:
    world = lab.world("who")
    grant = world.grant()
    lab.refused(
        "a stranger's revocation",
        "a stranger revokes",
        lambda: world.ledger.revoke(grant, key=STRANGER),
        "key-mismatch",
    )
    loose = world.ledger.make_revocation(grant, STRANGER)
    (world.path / "revocations" / "s.json").write_bytes(loose)
    lab.control("a stranger's file revokes nothing", lambda: world.ledger.abort(world.request(), "cancelled"))
    replaced = world.grant(STRANGER, supersedes=f'supersedes = ["{grant}"]')
    lab.holds(
        "a stranger's replacement",
        "a grant by another key that claims to replace the speaker's",
        lambda: {g.digest: g.state for g in world.ledger.grants()}[grant] == "active" and bool(replaced),
        "the speaker's grant stands",
    )


ATTACKS = (
    Attack(
        "A9",
        "the clock set back or forward",
        "Effective time is the latest of clock, last entry and build date; more than 300 s behind is refused.",
        clock,
        ("a clock that was wrong before the first entry, or was always slow",),
    ),
    Attack(
        "A12",
        "a grant revoked or expired, also during a render",
        "Refused at the request, between sentences and at the receipt; the render is closed as aborted.",
        withdrawn,
        ("a revocation that reaches neither the ledger nor its drop folder",),
    ),
)
