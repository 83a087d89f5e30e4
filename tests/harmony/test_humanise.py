"""Singers drawn from a seed: the same again, others otherwise, and within what was measured on choirs."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.harmony.tunes import tunes
from voicekit.errors import UsageError
from voicekit.harmony import humanise, place
from voicekit.score import Note, Part, Tempo, TempoMap

# Cuesta et al. 2018: standard deviation of F0 between the singers of a section.
DISPERSION_CENTS = (16.0, 30.0)
LONG = Part("alto", tuple(Note(Fraction(i), Fraction(1), 60.0 + i % 7) for i in range(400)))
SHORT = Part("alto", LONG.notes[:4])
SLOW = TempoMap([Tempo(Fraction(0), 60.0)])


def cents(singers: int, seed: int, amount: float = 1.0) -> np.ndarray:
    """Tuning of each singer at the middle of each note, drift and all, (singers, notes)."""
    times = np.arange(400) + 0.5
    return np.stack(
        [
            np.array(s.humanisation.cents) + s.humanisation.drift(times)
            for s in humanise(LONG, singers, seed, amount, tempo=SLOW)
        ]
    )


@pytest.mark.parametrize("singers", [4, 8, 16])
def test_tuning_scatters_as_in_measured_sections(singers: int) -> None:
    spread = [cents(singers, seed).std(axis=0).mean() for seed in range(5)]
    assert DISPERSION_CENTS[0] <= np.mean(spread) <= DISPERSION_CENTS[1]
    assert abs(np.mean([cents(singers, seed).mean() for seed in range(5)])) < 2.0  # the section is in tune


def test_onsets_scatter_and_stay_within_their_bounds() -> None:
    offsets = np.array([s.humanisation.onset_s for seed in range(8) for s in humanise(LONG, 8, seed, tempo=SLOW)])
    assert 0.015 <= offsets.std() <= 0.025
    assert np.abs(offsets).max() <= 0.050
    assert (offsets[:, 0] >= 0).all()  # nothing before the score begins
    assert abs(offsets.mean()) < 0.002


def test_short_notes_move_less() -> None:
    part = Part("trill", tuple(Note(Fraction(i, 8), Fraction(1, 8), 60.0) for i in range(64)))
    for singer in humanise(part, 6, 5, 2.0, tempo=SLOW):
        assert max(abs(v) for v in singer.humanisation.onset_s) <= 0.125 / 4
    onsets = np.array([float(n.onset) for n in part.notes])
    for singer in humanise(part, 6, 5, 2.0, tempo=SLOW):
        assert (np.diff(onsets + np.array(singer.humanisation.onset_s)) > 0).all()


def test_vibrato_and_level() -> None:
    singers = [s.humanisation for seed in range(40) for s in humanise(SHORT, 6, seed)]
    rates = np.array([h.vibrato_rate_hz for h in singers]).reshape(40, 6)
    assert np.abs(rates[:, :4] - np.array([6.2, 5.8, 5.4, 5.0])).max() <= 0.15 + 1e-9
    assert rates.min() >= 4.8 and rates.max() <= 6.4
    phases = np.array([h.vibrato_phase for h in singers])
    assert phases.min() >= 0 and phases.max() < 1 and phases.std() > 0.2
    levels = np.array([h.level_db for h in singers])
    assert np.abs(levels).max() <= 3.0 and 0.6 <= levels.std() <= 1.6


def test_the_same_seed_is_the_same_and_others_are_others() -> None:
    first, again, other = (humanise(LONG, 4, seed) for seed in (9, 9, 10))
    assert first == again
    assert all(a.humanisation != b.humanisation for a, b in zip(first, other, strict=True))
    offsets = {s.humanisation.onset_s for s in first}
    assert len(offsets) == 4


def test_a_singer_does_not_change_when_others_join_and_parts_differ() -> None:
    few, many = humanise(LONG, 3, 2), humanise(LONG, 7, 2)
    assert [s.humanisation for s in few] == [s.humanisation for s in many[:3]]
    tenor = Part("tenor", LONG.notes)
    pair = [humanise(part, 1, 2)[0].humanisation for part in (tenor, LONG)]
    for one, other in ((pair[0].onset_s, pair[1].onset_s), (pair[0].cents, pair[1].cents)):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.2  # and not merely shifted


def test_the_amount_scales_and_nothing_is_baked_in() -> None:
    none = humanise(LONG, 4, 1, 0.0)
    for singer in none:
        h = singer.humanisation
        assert set(h.onset_s) == set(h.cents) == {0.0} and h.level_db == 0.0
        assert (h.drift(np.arange(9.0)) == 0).all()
        assert singer.part.notes == LONG.notes
    whole, half = cents(8, 3, 1.0), cents(8, 3, 0.5)
    assert half.std() == pytest.approx(whole.std() / 2, rel=0.05)
    assert [s.part.name for s in humanise(LONG, 2, 1)] == ["alto 1", "alto 2"]
    assert [s.part.name for s in humanise(LONG, 1, 1)] == ["alto"]


def test_drift_is_slow_and_as_large_as_it_says() -> None:
    singer = humanise(LONG, 1, 4)[0].humanisation
    times = np.arange(0, 4000, 0.1)
    wander = singer.drift(times)
    assert wander.std() == pytest.approx(singer.drift_cents, rel=0.1)
    assert np.abs(np.diff(wander)).max() < 6.0 * 0.4 * 2 * np.pi * 0.1 * 5  # no faster than its fastest sine
    assert (wander == singer.drift(times)).all()
    assert np.allclose(singer.drift(times[50:60]), wander[50:60])


def test_one_offset_a_note_for_real_parts() -> None:
    for tune in tunes()[:5]:
        for singer in humanise(tune.part, 3, 1, tempo=tune.score.tempo):
            assert len(singer.humanisation.onset_s) == len(singer.humanisation.cents) == len(tune.part.notes)
    assert humanise(Part("none", ()), 2, 1)[0].humanisation.onset_s == ()


@pytest.mark.parametrize(("n", "seed", "amount"), [(0, 1, 1.0), (65, 1, 1.0), (2, -1, 1.0), (2, 1, 2.1), (2, 1, -0.1)])
def test_what_makes_no_sense_is_refused(n: int, seed: int, amount: float) -> None:
    with pytest.raises(UsageError):
        humanise(LONG, n, seed, amount)


def test_places_in_the_mix() -> None:
    choir = place(("soprano", "alto", "tenor", "bass"))
    assert [row[0].pan for row in choir] == [-0.6, -0.2, 0.2, 0.6]
    lead = place(("melody", "third-above", "third-below"), lead=0)
    assert (lead[0][0].pan, lead[0][0].level_db) == (0.0, 0.0)
    assert [row[0].pan for row in lead[1:]] == [-0.5, 0.5] and lead[1][0].level_db < 0
    section = place(("soprano", "alto"), singers=4)
    power = sum(10 ** (p.level_db / 10) for p in section[0])
    assert power == pytest.approx(1.0) and all(-1 <= p.pan <= 1 for row in section for p in row)
    assert place(("solo",)) == place(("solo",), lead=0)
    assert place(()) == ()
    for bad in ({"singers": 0}, {"lead": 3}):
        with pytest.raises(UsageError):
            place(("a", "b"), **bad)
