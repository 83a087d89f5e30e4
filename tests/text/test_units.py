"""Conversions against well-known values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit import units

HZ_TOL = 1e-3
CENTS_TOL = 1e-6


@pytest.mark.parametrize(
    ("pitch_midi", "f0_hz"),
    [(69, 440.0), (57, 220.0), (60, 261.6256), (21, 27.5), (108, 4186.009)],  # MIDI Tuning Standard
)
def test_midi_and_hz(pitch_midi: float, f0_hz: float) -> None:
    assert units.midi_to_hz(pitch_midi) == pytest.approx(f0_hz, abs=HZ_TOL)
    assert units.hz_to_midi(f0_hz) == pytest.approx(pitch_midi, abs=1e-5)


def test_cents() -> None:
    assert units.ratio_to_cents(1.5) == pytest.approx(701.955, abs=1e-3)  # a just fifth
    assert units.cents_to_ratio(1200.0) == pytest.approx(2.0)
    assert units.cents_between(440.0, 220.0) == pytest.approx(-1200.0, abs=CENTS_TOL)


@given(st.floats(20.0, 20000.0))
def test_there_and_back(f0_hz: float) -> None:
    assert units.midi_to_hz(units.hz_to_midi(f0_hz)) == pytest.approx(f0_hz)


def test_arrays() -> None:
    found = units.hz_to_midi(np.array([220.0, 440.0]))
    np.testing.assert_allclose(found, [57.0, 69.0])


def test_time() -> None:
    assert units.seconds_to_samples(1.5, 24000) == 36000
    assert units.samples_to_seconds(36000, 24000) == 1.5
    assert units.seconds_to_frames(1.0, 24000, 256) == 94
    assert [units.clock(s) for s in (0, 7.4, 59.6, 754, 3723)] == ["0:00", "0:07", "1:00", "12:34", "1:02:03"]
    with pytest.raises(ValueError, match="not negative"):
        units.clock(-1)
