"""A13: more asked for, or more done, than was granted."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ..errors import ConsentRefusedError
from ..policy import Standing, decide
from ..scope import ALL_CONTENT, CONTENT_CLASSES, MODES, UNLIMITED, Scope, Use, covers, within
from ..statements import Grant
from .forge import Forger
from .lab import Attack, Lab
from .world import DAY, RELEASE, START, STRANGER, World, changed, weights

__all__ = ["ATTACKS"]


_AXES: dict[str, tuple[Use, str]] = {
    "speech to singing": (changed(mode="singing"), "mode-not-granted"),
    "speech to conversion": (changed(mode="conversion"), "mode-not-granted"),
    "another purpose": (changed(purpose="advertising"), "purpose-not-granted"),
    "another language": (changed(languages=("de",)), "language-not-granted"),
    "one language more": (changed(languages=("en", "fr")), "language-not-granted"),
    "another territory": (changed(territories=("FR",)), "territory-not-granted"),
    "the world": (changed(territories=("001",)), "territory-not-granted"),
    "one territory more": (changed(territories=("DE", "FR")), "territory-not-granted"),
    "another title": (changed(title="Through the Looking-Glass"), "title-not-granted"),
    "no title": (changed(title=""), "title-not-granted"),
    "a title named any": (changed(title="any"), "title-not-granted"),
    "more seconds": (changed(seconds=101), "budget-seconds"),
    **{f"{name} content": (changed(content=(name,)), "content-refused") for name in CONTENT_CLASSES},
}


def widening(lab: Lab) -> None:
    """A13."""
    world = lab.world()
    world.grant()
    lab.control("the use that was granted", lambda: world.ledger.abort(world.request(), "cancelled"))
    lab.control("part of a language", lambda: world.ledger.abort(world.request(changed(languages=("en-GB",))), "x"))
    for case, (use, reason) in _AXES.items():
        lab.refused(case, f"asked for: {use.as_obj()}", lambda use=use: world.request(use), reason)  # type: ignore[misc]
    private = lab.world("private")
    private.grant(commercial="false")
    lab.refused("commercial", "a non-commercial grant used for sale", private.request, "commercial-not-granted")
    for number in range(3):
        world.render(name=f"{number}.mp3", milli=1_000)
    lab.refused("one render more", "a fourth render of three", world.request, "budget-renders")
    longer = lab.world("longer")
    longer.grant()
    permit = longer.request(changed(seconds=1))
    lab.refused(
        "longer than said",
        "one second asked for, 101 seconds handed in",
        lambda: longer.render(permit, milli=101_000),
        "budget-seconds",
    )
    several = lab.world("several")
    several.grant(modes='["singing"]', territories='["DE"]')
    several.grant(territories='["FR"]')
    lab.refused(
        "two grants added together",
        "singing in France, where one grant has singing and another has France",
        lambda: several.request(changed(mode="singing", territories=("FR",))),
        "territory-not-granted",
        "mode-not-granted",
    )
    offered = Scope(("speech",), ("any",), False, ("en",), ("001",), ALL_CONTENT, ("any",), UNLIMITED, UNLIMITED)
    house = lab.world("house")
    record = house.ledger.add_record(house.record(offered=offered), release_keys=[RELEASE.public])
    axes: dict[str, dict[str, Any]] = {
        "modes": {"modes": ("speech", "singing")},
        "commercial": {"commercial": True},
        "languages": {"languages": ("any",)},
        "content": {"content_refused": ALL_CONTENT[1:]},
    }
    for axis, wider in axes.items():
        scope = Scope(**{**offered.__dict__, **wider})
        lab.refused(
            f"wider than the record on {axis}",
            "a local grant that allows more than the voice's record offers",
            lambda scope=scope: house.ledger.grant_house_voice(record, scope=scope),  # type: ignore[misc]
            "record-exceeded",
        )
    lab.refused(
        "an untrusted record",
        "a voice record signed by a stranger",
        lambda: house.ledger.add_record(house.record("other", STRANGER), release_keys=[RELEASE.public]),
        "record-untrusted",
    )
    _forged_scope(lab)
    _lattice(lab)


def _forged_scope(lab: Lab) -> None:
    """The operator writes a receipt outside the grant with the true keys: the verifier decides again."""
    world = lab.world("forged")
    world.grant()
    forger = Forger(world)
    lab.control("a forged proof within the grant", lambda: _must_be_within(forger, {}))
    cases: dict[str, dict[str, Any]] = {case: {"use": use} for case, (use, _reason) in _AXES.items()}
    del cases["more seconds"]
    cases |= {
        "after the term": {"time": START + 200 * DAY},
        "before the term": {"time": START - 2 * DAY},
        "more renders": {"spent": {"renders": 9, "seconds": 1}},
        "other weights": {"operands": (weights(content=b"x"),), "intent": {"operands": (weights(content=b"x"),)}},
        "intent and receipt differ": {"intent": {"use": changed(purpose="podcast")}},
        "intent for another text": {"intent": {"text_commit": "9" * 64}},
    }
    for number, (case, more) in enumerate(cases.items()):
        name = f"forged-{number}"
        shown = forger.verify(name, **more)
        lab.holds(
            f"forged: {case}",
            "the operator signs a receipt for it with the true key, past the gate; verified by a stranger",
            lambda shown=shown: not shown.ok and (shown.use.ok is False or shown.records.ok is False),  # type: ignore[misc]
            "one of the two verdicts is no",
            files={"forged": world.folder / name},
        )


def _must_be_within(forger: Forger, more: dict[str, Any]) -> None:
    shown = forger.verify("within", **more)
    if not shown.ok:
        raise ConsentRefusedError("no-grant", f"{shown.records.problems} {shown.use.problems}")


def _lattice(lab: Lab) -> None:
    """Random grants: what several allow, one of them allows alone; and less never allows more."""
    world = lab.world("lattice")
    base = Forger(_with_grant(world)).grant()
    rng, seen = lab.rng, Counter[str]()

    def some(items: list[str]) -> tuple[str, ...]:
        return tuple(sorted(rng.sample(items, rng.randint(0, len(items)))))

    def scope() -> Scope:
        return Scope(
            some(sorted(MODES)),
            some(["audiobook", "podcast", "any"]),
            rng.random() < 0.5,
            some(["en", "en-GB", "de", "any"]),
            some(["DE", "US", "US-CA", "001"]),
            some(list(ALL_CONTENT)[:4]),
            some(["Alice", "Peter", "any"]),
            rng.choice([0, 1, UNLIMITED]),
            rng.choice([0, 30, UNLIMITED]),
        )

    for _turn in range(500 if lab.quick else 10_000):
        scopes = [scope() for _ in range(rng.randint(1, 3))]
        use = Use(
            rng.choice(sorted(MODES)),
            rng.choice(["audiobook", "podcast"]),
            rng.random() < 0.5,
            some(["en", "en-GB", "de"]) or ("en",),
            some(["DE", "US", "US-CA"]) or ("DE",),
            rng.choice(["Alice", "Peter", "Mary"]),
            rng.randint(0, 40),
            some(list(ALL_CONTENT)[:2]),
        )
        standings = [Standing(f"{i:064x}", Grant(**{**base.__dict__, "scope": item})) for i, item in enumerate(scopes)]
        asked: dict[str, Any] = {"voice": "ada", "use": use, "operands": (weights(),), "now": START}
        alone = [decide([item], **asked).allowed for item in standings]
        good = decide(standings, **asked).allowed == any(alone)
        for inner in scopes:
            for outer in scopes:
                if not within(inner, outer) and covers(inner, use) is None and covers(outer, use) is not None:
                    good = False
        seen["nothing widens" if good else "widened"] += 1
    lab.tally("lattice", "random sets of grants and uses", seen, "nothing widens")


def _with_grant(world: World) -> World:
    world.grant()
    return world


ATTACKS = (
    Attack(
        "A13",
        "a scope widened",
        "Denied on every axis with its own reason; grants are never added together; the verifier decides again.",
        widening,
        ("language, territory and purpose of the true use: they are what the operator states",),
    ),
)
