"""The scope lattice against brute force: every use of a small world is enumerated and the sets are compared.

The oracle knows no code of the package: what each granted code holds is written out by hand below, and a scope is the
product of its axes as an array of booleans. Every axis has a value that no grant ever lists, so that "any" and a
list of everything else differ. 2,500 random pairs by default, 10,000 with `-m slow`.
"""

from __future__ import annotations

import functools
import random
from itertools import product

import numpy as np
import pytest

from consent import ALL_CONTENT, UNLIMITED, Scope, SigningKey, Use
from consent.chain import Chain
from consent.policy import NOTHING_SPENT, Standing, decide, decide_one
from consent.scope import covers, within
from consent.statements import AssetRegistered, Genesis, Grant, Party, Revocation, Software, Spent, new_nonce
from tests.consent.world import RELEASE, SPEAKER, START, STRANGER, World, draft, weights

SOME = pytest.mark.parametrize("pairs", [2_500, pytest.param(10_000, marks=pytest.mark.slow)])
OPERATOR = SigningKey.from_seed(b"o" * 32)
FILES = (weights(),)

# Axis by axis: the values a use may have, and what each granted code holds of them.
MODES = {"speech": {"speech"}, "singing": {"singing"}}
PURPOSES = {"audiobook": {"audiobook"}, "podcast": {"podcast"}, "any": {"audiobook", "podcast", "film"}}
LANGUAGES = {
    "en": {"en", "en-GB"},
    "en-GB": {"en-GB"},
    "de": {"de"},
    "any": {"en", "en-GB", "de", "fr"},
}
TERRITORIES = {
    "US": {"US", "US-CA"},
    "US-CA": {"US-CA"},
    "DE": {"DE"},
    "001": {"US", "US-CA", "DE", "FR", "001"},
}
TITLES = {"Alice": {"Alice"}, "ALICE": {"Alice"}, "Emma": {"Emma"}, "any": {"Alice", "Emma", "Persuasion"}}
CONTENT = ("political", "sexual")
SECONDS = (1, 20, 40)
AXES = ("modes", "purposes", "languages", "territories", "titles")
HOLDS = dict(zip(AXES, (MODES, PURPOSES, LANGUAGES, TERRITORIES, TITLES), strict=True))
VALUES = {axis: sorted(set().union(*HOLDS[axis].values())) for axis in AXES}
ROWS = [*(VALUES[axis] for axis in AXES), [False, True], [(), *((c,) for c in CONTENT), CONTENT], list(SECONDS)]
UNIVERSE = [len(row) for row in ROWS]


def random_scope(rng: random.Random, *, empty: bool = True) -> Scope:
    def some(items: list[str]) -> tuple[str, ...]:
        return tuple(rng.sample(items, rng.randint(0 if empty and rng.random() < 0.05 else 1, min(3, len(items)))))

    return Scope(
        *(some(list(HOLDS[axis])) for axis in ("modes", "purposes")),
        rng.random() < 0.5,
        *(some(list(HOLDS[axis])) for axis in ("languages", "territories")),
        tuple(rng.sample(CONTENT, rng.randint(0, 2))),
        some(list(TITLES)),
        rng.choice((0, 1, 2, UNLIMITED)) if empty else rng.choice((1, 2, UNLIMITED)),
        rng.choice((0, 1, 20, 40, UNLIMITED)) if empty else rng.choice((1, 20, 40, UNLIMITED)),
    )


def nearby(rng: random.Random, scope: Scope, **how: bool) -> Scope:
    """Another scope that differs on one or two axes, so that subsets are not rare."""
    other = random_scope(rng, **how)
    axes = rng.sample(list(scope.__dict__), rng.randint(1, 2))
    return Scope(**{**scope.__dict__, **{axis: getattr(other, axis) for axis in axes}})


@functools.cache
def axis_mask(axis: str, granted: tuple[str, ...]) -> np.ndarray:
    held = set().union(*(HOLDS[axis][code] for code in granted)) if granted else set()
    return np.array([value in held for value in VALUES[axis]])


@functools.lru_cache(maxsize=4_096)
def permitted(scope: Scope, spent: Spent = NOTHING_SPENT) -> np.ndarray:
    """All uses a scope permits, as one flat array of booleans over the universe."""
    masks = [axis_mask(axis, getattr(scope, axis)) for axis in AXES]
    masks.append(np.array([True, scope.commercial]))
    masks.append(np.array([not set(content) & set(scope.content_refused) for content in ROWS[6]]))
    masks.append(np.array([seconds + spent.seconds <= scope.max_seconds for seconds in SECONDS]))
    out = masks[0]
    for mask in masks[1:]:
        out = np.logical_and.outer(out, mask).reshape(-1)
    return out if spent.renders < scope.max_renders else np.zeros_like(out)


def use_at(index: int) -> Use:
    places = np.unravel_index(index, UNIVERSE)
    mode, purpose, language, territory, title, commercial, content, seconds = (
        row[int(place)] for row, place in zip(ROWS, places, strict=True)
    )
    return Use(mode, purpose, commercial, (language,), (territory,), title, seconds, content)


def permits(scope: Scope, use: Use, spent: Spent = NOTHING_SPENT) -> bool:
    """The same oracle for one use alone."""
    values = (use.mode, use.purpose, use.languages[0], use.territories[0], use.title)
    held = all(
        any(value in HOLDS[axis][code] for code in getattr(scope, axis))
        for axis, value in zip(AXES, values, strict=True)
    )
    money = scope.commercial or not use.commercial
    content = not set(use.content) & set(scope.content_refused)
    budget = spent.renders < scope.max_renders and spent.seconds + use.seconds <= scope.max_seconds
    return held and money and content and budget


def near(rng: random.Random, scope: Scope) -> Use:
    """A use that mostly lies inside a scope: each axis is drawn from what the scope holds, nine times of ten."""

    def one(axis: str) -> str:
        held = sorted(set().union(*(HOLDS[axis][code] for code in getattr(scope, axis)), ()))
        return rng.choice(held if held and rng.random() < 0.93 else VALUES[axis])

    free = [content for content in ROWS[6] if not set(content) & set(scope.content_refused)]
    return Use(
        one("modes"),
        one("purposes"),
        scope.commercial and rng.random() < 0.5,
        (one("languages"),),
        (one("territories"),),
        one("titles"),
        rng.choice(SECONDS),
        rng.choice(free if rng.random() < 0.9 else ROWS[6]),
    )


def draw(rng: random.Random, mask: np.ndarray) -> Use:
    """A use of the set half of the time, any use otherwise."""
    inside = np.flatnonzero(mask)
    if len(inside) and rng.random() < 0.5:
        return use_at(int(rng.choice(inside)))
    return use_at(rng.randrange(mask.size))


@pytest.fixture(scope="module")
def grant(tmp_path_factory: pytest.TempPathFactory) -> Grant:
    party = Party(OPERATOR.public.did, "Operator")
    return draft(tmp_path_factory.mktemp("draft")).build(ledger="0" * 32, operator=party, now=START).grant


def copy(statement: object, **changes: object):
    """A frozen statement with fields changed and its checks left out (they are tested elsewhere)."""
    new = object.__new__(type(statement))
    new.__dict__.update({**statement.__dict__, **changes})
    return new


def test_one_scope_is_the_set_of_its_uses() -> None:
    """`covers` on every single use of the world, for some scopes."""
    rng = random.Random(1)
    for _ in range(8):
        scope = random_scope(rng)
        free = Scope(**{**scope.__dict__, "max_renders": UNLIMITED, "max_seconds": UNLIMITED})
        truth = permitted(free)
        for index in rng.sample(range(truth.size), 1_500):
            use = use_at(index)
            assert (covers(free, use) is None) == truth[index] == permits(free, use), (free, use)


@SOME
def test_within_is_exactly_the_subset_relation(pairs: int) -> None:
    rng = random.Random(2)
    subsets = 0
    for _ in range(pairs):
        outer = random_scope(rng, empty=False)
        inner = nearby(rng, outer, empty=False)
        # Budgets of renders are no axis of a single use: the larger number permits more sequences of uses.
        truth = not (permitted(inner) & ~permitted(outer)).any() and inner.max_renders <= outer.max_renders
        # Among the seconds of the world, 40 and no limit permit the same; the numbers say which is more.
        truth = truth and inner.max_seconds <= outer.max_seconds
        assert (within(inner, outer) == ()) == truth, (inner, outer)
        subsets += truth
    assert pairs // 10 < subsets < pairs * 9 // 10


@SOME
def test_within_never_calls_a_wider_scope_a_subset_even_where_an_axis_is_empty(pairs: int) -> None:
    rng = random.Random(3)
    for _ in range(pairs // 4):
        outer = random_scope(rng)
        inner = nearby(rng, outer)
        if not within(inner, outer):
            assert not (permitted(inner) & ~permitted(outer)).any()


@SOME
def test_random_pairs_permit_what_one_of_them_permits(grant: Grant, pairs: int) -> None:
    """Grants, records, supersession, revocation, budgets: the union of what each permits alone, and no more."""
    rng = random.Random(4)
    record = object.__new__(AssetRegistered)
    record.__dict__.update(voice="ada", weights=grant.weights, not_after=0)
    allowed = 0
    for number in range(pairs):
        scopes = [random_scope(rng)]
        scopes.append(nearby(rng, scopes[0]) if rng.random() < 0.6 else random_scope(rng))
        use = near(rng, scopes[0])
        standings, alone = [], []
        for place, scope in enumerate(scopes):
            spent = Spent(rng.randint(0, 1), rng.choice((0, 0, 10, 39)))
            revoked = rng.choice((None, None, None, None, START, START - 5, START + 5))
            superseded = rng.random() < 0.1
            mine, behind = copy(grant, scope=scope), None
            living = not superseded and (revoked is None or revoked > START)
            truth = living and permits(scope, use, spent)
            if rng.random() < 0.3:
                offered = random_scope(rng) if rng.random() < 0.3 else scope
                mine, behind = copy(mine, basis="no-donor"), copy(record, offered=offered)
                # A grant that promises more than its record offers is worth nothing at all.
                truth = truth and not within(scope, offered) and permits(offered, use)
            standings.append(Standing("ab"[place] * 64, mine, spent, revoked, superseded, behind))
            alone.append(truth)
        verdict = decide(standings, voice="ada", use=use, operands=FILES, now=START)
        assert verdict.allowed == any(alone), (number, standings, use)
        for standing, single in zip(standings, alone, strict=True):
            assert decide_one(standing, use=use, operands=FILES, now=START).allowed == single
        if verdict.allowed:
            assert alone["ab".index(verdict.grant[0])]
            allowed += 1
    assert pairs // 8 < allowed < pairs * 3 // 4


@SOME
def test_the_narrowest_grant_that_covers_is_taken_and_named(grant: Grant, pairs: int) -> None:
    rng = random.Random(7)
    strict = 0
    for _ in range(pairs // 5):
        scopes = [random_scope(rng, empty=False)]
        scopes += [nearby(rng, scopes[0], empty=False) for _ in range(2)]
        scopes = [copy(scope, max_renders=UNLIMITED, max_seconds=UNLIMITED) for scope in scopes]
        use = near(rng, scopes[0])
        standings = [Standing("abc"[i] * 64, copy(grant, scope=scope)) for i, scope in enumerate(scopes)]
        verdict = decide(standings, voice="ada", use=use, operands=FILES, now=START)
        covering = [i for i, scope in enumerate(scopes) if permits(scope, use)]
        assert verdict.allowed == bool(covering)
        if not verdict.allowed:
            continue
        chosen = permitted(scopes["abc".index(verdict.grant[0])])
        for other in (permitted(scopes[i]) for i in covering):
            assert (other & ~chosen).any() or not (chosen & ~other).any()
            strict += bool((other & ~chosen).any())
    assert strict > pairs // 60


def universe_index(use: Use) -> int:
    values = (use.mode, use.purpose, use.languages[0], use.territories[0], use.title)
    places = [VALUES[axis].index(value) for axis, value in zip(AXES, values, strict=True)]
    places += [int(use.commercial), ROWS[6].index(use.content), SECONDS.index(use.seconds)]
    return int(np.ravel_multi_index(places, UNIVERSE))


def test_two_listed_dialects_are_narrower_than_their_language(grant: Grant) -> None:
    """By number of codes the list would look wider: the order is of sets, not of lengths."""
    wide = copy(grant.scope, languages=("en",))
    narrow = copy(grant.scope, languages=("en-GB", "en-US"))
    pair = [Standing("a" * 64, copy(grant, scope=wide)), Standing("b" * 64, copy(grant, scope=narrow))]
    use = Use("speech", "audiobook", True, ("en-GB",), ("DE",), "Alice", 1)
    assert decide(pair, voice="ada", use=use, operands=FILES, now=START).grant == "b" * 64


def test_several_languages_and_territories_must_all_be_granted_by_one_grant(grant: Grant) -> None:
    rng = random.Random(5)
    for _ in range(600):
        scopes = [random_scope(rng, empty=False), random_scope(rng, empty=False)]
        standings = [Standing("ab"[i] * 64, copy(grant, scope=scope)) for i, scope in enumerate(scopes)]
        use = draw(rng, permitted(scopes[0]))
        tags = tuple(rng.sample(VALUES["languages"], rng.randint(1, 3)))
        codes = tuple(rng.sample(VALUES["territories"], rng.randint(1, 3)))
        many = Use(**{**use.__dict__, "languages": tags, "territories": codes})
        alone = [
            all(
                permitted(scope)[universe_index(Use(**{**use.__dict__, "languages": (t,), "territories": (c,)}))]
                for t, c in product(tags, codes)
            )
            for scope in scopes
        ]
        assert decide(standings, voice="ada", use=many, operands=FILES, now=START).allowed == any(alone)


def random_chain(rng: random.Random, grant: Grant) -> tuple[Chain, list[tuple[str, Scope, bool]]]:
    """A signed history of grants, supersessions and revocations; and, by hand, which grants are alive."""
    chain = Chain("0" * 32, OPERATOR.public)
    moment = START
    grants: list[tuple[str, Grant, bool]] = []
    alive: dict[str, bool] = {}

    def take(envelope) -> str:
        return chain.next_row(envelope.to_bytes()).digest

    party, software = Party(OPERATOR.public.did, "Operator"), Software("test", "1")
    genesis = Genesis(ledger="0" * 32, nonce=new_nonce(), time=moment, operator=party, software=software)
    take(genesis.sign(OPERATOR))
    for _ in range(rng.randint(2, 4)):
        subject = rng.choice((SPEAKER, OPERATOR))
        by_speaker = subject is SPEAKER and rng.random() < 0.7
        olds = tuple(digest for digest, _, _ in grants if rng.random() < 0.3)
        fields = {
            "nonce": new_nonce(),
            "scope": random_scope(rng),
            "supersedes": olds,
            "subject": copy(grant.subject, key=subject.public.did),
        }
        mine = Grant(**{**grant.__dict__, **fields})
        digest = take(mine.sign(*((subject, OPERATOR) if by_speaker else (OPERATOR,))))
        for old, before, before_by_speaker in grants:
            same = before.subject.key == subject.public.did
            # Whoever signed as the speaker is replaced by the speaker's signature alone.
            if old in olds and same and (not before_by_speaker or by_speaker or subject is OPERATOR):
                alive[old] = False
        grants.append((digest, mine, by_speaker or subject is OPERATOR))
        alive[digest] = True
    for digest, mine, _ in grants:
        if rng.random() < 0.4:
            key = rng.choice((SPEAKER, OPERATOR, STRANGER, RELEASE))
            effective = rng.choice((moment - 9, moment, moment + 9))
            take(
                Revocation(
                    ledger="0" * 32,
                    nonce=new_nonce(),
                    time=moment,
                    target=digest,
                    by=key.public.did,
                    effective=effective,
                    reason="test",
                ).sign(key)
            )
            if key.public.did in (mine.subject.key, OPERATOR.public.did) and effective <= moment:
                alive[digest] = False
    return chain, [(digest, mine.scope, alive[digest]) for digest, mine, _ in grants]


def test_signed_histories_permit_the_union_of_their_living_grants(grant: Grant) -> None:
    rng = random.Random(6)
    allowed = 0
    for _ in range(250):
        chain, truth = random_chain(rng, grant)
        standings = [chain.standing(digest) for digest in chain.grants]
        union = np.zeros(int(np.prod(UNIVERSE)), dtype=bool)
        for _, scope, living in truth:
            union |= permitted(scope) if living else False
        for _ in range(4):
            use = draw(rng, union)
            verdict = decide(standings, voice="ada", use=use, operands=FILES, now=START)
            assert verdict.allowed == bool(union[universe_index(use)])
            if verdict.allowed:
                allowed += 1
                named = next(item for item in truth if item[0] == verdict.grant)
                assert named[2] and permitted(named[1])[universe_index(use)]
    assert allowed > 200


def test_a_record_behind_a_grant_restricts_it_in_a_real_ledger(world: World) -> None:
    narrow = Scope(("speech",), ("audiobook",), False, ("en-GB",), ("US-CA",), ALL_CONTENT, ("any",), 5, 50)
    digest, grant = world.house(scope=narrow)
    files = (weights("house.safetensors", b"house"),)
    inside = Use("speech", "audiobook", False, ("en-GB",), ("US-CA",), "Emma", 1)
    assert world.request(inside, voice="house", operands=files).grant == grant
    assert world.request(inside, voice="house", operands=files).record == digest
