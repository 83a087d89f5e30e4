"""The scope lattice: no grant, and no combination of grants, permits what none permits alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import ALL_CONTENT, UNLIMITED, InvalidInputError, Operand, Scope, Use
from consent.policy import NOTHING_SPENT, Standing, decide, decide_one
from consent.scope import MODES, commercial_licence, covers, within
from consent.statements import Grant, Spent
from tests.consent.world import SPEAKER, START, draft, weights

LANGUAGES = ["en", "en-GB", "en-GB-scotland", "de", "fr", "fr-CA"]
TERRITORIES = ["DE", "US", "US-CA", "US-NY", "FR", "001"]
PURPOSES = ["audiobook", "podcast", "demo"]
TITLES = ["Alice", "ALICE", "Through the Looking-Glass", ""]


def some(items, low=0):
    return st.lists(st.sampled_from(items), unique=True, min_size=low, max_size=4).map(tuple)


scopes = st.builds(
    Scope,
    some(sorted(MODES)),
    some([*PURPOSES, "any"]),
    st.booleans(),
    some([*LANGUAGES, "any"]),
    some(TERRITORIES),
    some(list(ALL_CONTENT)),
    some([*TITLES[:3], "any"]),
    st.integers(0, 3) | st.just(UNLIMITED),
    st.integers(0, 30) | st.just(UNLIMITED),
)
uses = st.builds(
    Use,
    st.sampled_from(sorted(MODES)),
    st.sampled_from(PURPOSES),
    st.booleans(),
    some(LANGUAGES, 1),
    some(TERRITORIES, 1),
    st.sampled_from(TITLES),
    st.integers(0, 40),
    some(list(ALL_CONTENT)),
)


@pytest.fixture(scope="module")
def grant(tmp_path_factory) -> Grant:
    folder = tmp_path_factory.mktemp("draft")
    from consent.statements import Party

    party = Party(SPEAKER.public.did, "x")
    return draft(folder).build(ledger="0" * 32, operator=party, now=START).grant


def standing(grant: Grant, scope: Scope, digest: str, spent: Spent = NOTHING_SPENT) -> Standing:
    return Standing(digest, Grant(**{**grant.__dict__, "scope": scope}), spent)


@given(one=scopes, two=scopes, use=uses, renders=st.integers(0, 4), seconds=st.integers(0, 40))
@settings(max_examples=500, deadline=None)
def test_two_grants_permit_exactly_what_one_of_them_permits(grant, one, two, use, renders, seconds) -> None:
    spent = Spent(renders, seconds)
    both = [standing(grant, one, "a" * 64, spent), standing(grant, two, "b" * 64)]
    alone = [decide_one(s, use=use, operands=(weights(),), now=START).allowed for s in both]
    together = decide(both, voice="ada", use=use, operands=(weights(),), now=START)
    assert together.allowed == any(alone)
    if together.allowed:
        assert alone[0 if together.grant == "a" * 64 else 1]


WIDER = {
    "modes": ("conversion", "singing", "speech"),
    "purposes": ("any",),
    "commercial": True,
    "languages": ("any",),
    "territories": ("001",),
    "content_refused": (),
    "titles": ("any",),
    "max_renders": UNLIMITED,
    "max_seconds": UNLIMITED,
}
NARROW = Scope(("speech",), ("demo",), False, ("en-GB",), ("US-CA",), ALL_CONTENT, ("Alice",), 1, 10)


@pytest.mark.parametrize("axis", WIDER)
def test_widening_one_axis_is_named(axis: str) -> None:
    assert within(Scope(**{**NARROW.__dict__, axis: WIDER[axis]}), NARROW) == (axis,)


@given(outer=scopes, other=scopes, axis=st.sampled_from(sorted(WIDER)), use=uses)
@settings(max_examples=600, deadline=None)
def test_within_means_every_use_of_the_inner_is_one_of_the_outer(outer, other, axis, use) -> None:
    # One axis differs and the use is drawn towards the inner scope, so that most examples say something.
    inner = Scope(**{**outer.__dict__, axis: getattr(other, axis)})
    drawn = {"mode": inner.modes, "purpose": tuple(p for p in inner.purposes if p != "any")}
    near = {name: items[0] for name, items in drawn.items() if items}
    use = Use(**{**use.__dict__, **near, "commercial": inner.commercial})
    if not within(inner, outer) and covers(inner, use) is None:
        assert covers(outer, use) is None


@given(scope=scopes, use=uses)
@settings(max_examples=500, deadline=None)
def test_narrowing_a_use_never_loses_it(scope, use) -> None:
    if covers(scope, use) is None:
        for change in ({"commercial": False}, {"content": ()}, {"languages": use.languages[:1]}):
            assert covers(scope, Use(**{**use.__dict__, **change})) is None


@given(scope=scopes)
@settings(max_examples=200, deadline=None)
def test_within_is_reflexive_and_emptying_an_axis_narrows(scope) -> None:
    assert within(scope, scope) == ()
    for axis in ("modes", "purposes", "languages", "territories", "titles"):
        assert within(Scope(**{**scope.__dict__, axis: ()}), scope) == ()


@given(use=uses)
@settings(max_examples=100, deadline=None)
def test_an_empty_axis_allows_nothing(use) -> None:
    wide = Scope(tuple(MODES), ("any",), True, ("any",), ("001",), (), ("any",), UNLIMITED, UNLIMITED)
    assert covers(wide, use) is None
    for axis in ("modes", "purposes", "languages", "territories", "titles"):
        assert covers(Scope(**{**wide.__dict__, axis: ()}), use) is not None


@pytest.mark.parametrize(
    ("name", "yes"),
    [
        ("CC-BY-4.0", True),
        ("cc0-1.0", True),
        ("CC-BY-4.0 AND MIT", True),
        ("CC-BY-NC-4.0", False),
        ("CC-BY-4.0 AND CC-BY-NC-4.0", False),
        ("CPML", False),
        ("unknown", False),
        ("MIT OR CPML", False),
    ],
)
def test_commercial_licences(name: str, yes: bool) -> None:
    assert commercial_licence(name) is yes


@pytest.mark.parametrize(
    "values",
    [
        {"territories": ("UK",)},
        {"territories": ("276",)},
        {"territories": ("150",)},
        {"territories": ("Germany",)},
        {"languages": ("english",)},
        {"mode": "whisper"},
        {"purpose": "any"},
        {"languages": ("any",)},
        {"seconds": -1},
        {"seconds": 1.5},
        {"seconds": True},
        {"content": ("rude",)},
        {"title": "a\u202eb"},
        {"languages": ()},
        {"languages": "en"},
    ],
)
def test_malformed_uses_are_refused(values: dict) -> None:
    with pytest.raises(InvalidInputError):
        Use(**{"mode": "speech", "purpose": "audiobook", **values})


def test_operand_names_have_no_folders() -> None:
    with pytest.raises(InvalidInputError):
        Operand("../x", "0" * 64, "weights", "MIT")
