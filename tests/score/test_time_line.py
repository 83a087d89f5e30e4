"""Beats and seconds: against numeric integration and hand-made cases."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicekit.score import Note, Part, Tempo, TempoMap


def test_hand_made_steps() -> None:
    tempo = TempoMap([Tempo(Fraction(0), 120), Tempo(Fraction(4), 60), Tempo(Fraction(6), 240)])
    assert [tempo.seconds(b) for b in (0, 2, 4, 5, 6, 10)] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert [tempo.beats(s) for s in (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)] == [0, 2, 4, 5, 6, 10]
    assert tempo.bpm_at(5) == 60


def test_a_ramp_is_the_integral_of_its_tempo() -> None:
    tempo = TempoMap([Tempo(Fraction(0), 90, ramp_to=150), Tempo(Fraction(8), 150)])
    grid = (np.arange(800_000) + 0.5) * 8 / 800_000
    numeric = float(np.sum(60.0 / (90 + 60 * grid / 8)) * 8 / 800_000)
    assert math.isclose(tempo.seconds(8), numeric, rel_tol=1e-9)
    assert tempo.bpm_at(4) == 120


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 64), st.floats(20, 400), st.none() | st.floats(20, 400)), max_size=6),
    st.floats(0, 80),
)
def test_there_and_back(points: list[tuple[int, float, float | None]], beat: float) -> None:
    tempo = TempoMap([Tempo(Fraction(onset), bpm, ramp) for onset, bpm, ramp in points])
    assert math.isclose(tempo.beats(tempo.seconds(beat)), beat, rel_tol=1e-9, abs_tol=1e-9)
    assert tempo.seconds(beat + 0.5) > tempo.seconds(beat)


@pytest.mark.parametrize("bpm", [0.0, -3.0, math.nan, math.inf])
def test_impossible_tempos(bpm: float) -> None:
    with pytest.raises(ValueError, match="tempo"):
        TempoMap([Tempo(Fraction(0), bpm)])


def test_a_part_is_one_line() -> None:
    one = Note(Fraction(0), Fraction(2), 60.0)
    with pytest.raises(ValueError, match="overlap"):
        Part("a", (one, Note(Fraction(1), Fraction(1), 62.0)))
    with pytest.raises(ValueError, match="duration"):
        Part("a", (Note(Fraction(0), Fraction(0), 60.0),))
