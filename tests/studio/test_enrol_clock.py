"""The time left of an enrolment is told for all of it, at the pace of this machine."""

from __future__ import annotations

import pytest

from voicekit.studio.enrol_clock import EnrolClock, usual_seconds

USUAL = {"check": 2.0, "align": 8.0, "embedding": 10.0, "seal": 0.0, "measure": 5.0}


class Hours:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.mark.parametrize("slower", [0.5, 1.0, 4.0])
def test_told_at_the_pace_of_the_machine(slower: float) -> None:
    hours = Hours()
    clock = EnrolClock(USUAL, hours)
    done = 0.0
    for stage, usual in USUAL.items():
        for part in (0.25, 0.5, 1.0):
            hours.time = 100.0 + slower * (done + part * usual)
            left = clock.left_s(stage, part)
            if done + part * usual >= 10.0:
                assert left == pytest.approx(slower * (25.0 - done - part * usual), rel=0.25, abs=0.1)
            else:
                assert left is not None and left > 5.0  # the first steps do not yet tell the pace
        done += usual


def test_going_on_counts_what_was_done_before_as_done() -> None:
    hours = Hours()
    clock = EnrolClock(USUAL, hours)
    clock.skip_to("embedding")
    hours.time += 5.0
    assert clock.left_s("embedding", 0.5) == pytest.approx(10.0)  # 5 s for 5 s of usual work, 10 of it are left
    clock.skip_to("align")
    assert clock.left_s("embedding", 0.5) == pytest.approx(10.0)


def test_a_stage_that_comes_again_or_is_not_known_takes_nothing_back() -> None:
    hours = Hours()
    clock = EnrolClock(USUAL, hours)
    hours.time += 20.0
    before = clock.left_s("embedding", 1.0)
    assert clock.left_s("check", 0.0) == before == pytest.approx(5.0)
    share = clock.share
    assert 0.0 < share < 1.0
    assert clock.left_s("something", 0.5) is None and clock.share == share


def test_more_is_longer() -> None:
    short, long = (
        sum(usual_seconds(s, aligned_s=s, listened_s=0.0, rank_steps=steps).values())
        for s, steps in ((30, 0), (600, 400))
    )
    heard = sum(usual_seconds(30, aligned_s=30, listened_s=30, rank_steps=0).values())
    assert short < heard < long < 900


def test_in_the_order_in_which_an_enrolment_goes() -> None:
    """The recordings are sealed before anything is learnt: that must not count as the end."""
    hours = Hours()
    usual = usual_seconds(60, aligned_s=60, listened_s=0, rank_steps=100)
    clock = EnrolClock(usual, hours)
    told = []
    for stage in ("speaker", "seal", "align", "embedding", "low-rank", "seal", "measure"):
        hours.time += usual[stage] if (stage, 0) not in told else 0.0
        told.append((stage, 0))
        left = clock.left_s(stage, 1.0)
        later = sum(usual.values()) - (hours.time - 100.0)
        assert left is None or left == pytest.approx(later, abs=1e-6), stage
    assert clock.left_s("measure", 1.0) == pytest.approx(0.0)
