"""A vibrato is found where one was put, as wide as it was made, and not in what only wanders."""

from __future__ import annotations

import numpy as np

from voicekit.evaluate.vibrato import extent_at, fit_vibrato

CENTS_TOL = 0.5


def wandering(rng: np.random.Generator, size: int, top_hz: float, cents: float) -> np.ndarray:
    spectrum = np.fft.rfft(rng.standard_normal(size + 200))
    freqs = np.fft.rfftfreq(size + 200, 0.01)
    made = np.fft.irfft(spectrum / np.sqrt(1.0 + (freqs / top_hz) ** 2), size + 200)[:size]
    return made / made.std() * cents


def test_rate_and_extent_are_what_was_made() -> None:
    t = np.arange(120) / 100
    curve = 60.0 + 0.3 * t + 0.45 * np.sin(2 * np.pi * 5.5 * t + 1.0)
    found = fit_vibrato(curve)
    assert found is not None and found.is_regular
    assert abs(found.rate_hz - 5.5) < 0.06 and abs(found.extent_cents - 45.0) < CENTS_TOL
    assert abs(extent_at(60.0 + 0.225 * np.sin(2 * np.pi * 5.5 * t), found.rate_hz) - 22.5) < CENTS_TOL


def test_what_wanders_has_none() -> None:
    rng = np.random.default_rng(1)
    found = [
        (fit := fit_vibrato(60.0 + wandering(rng, int(rng.integers(40, 200)), top, cents) / 100)) is not None
        and fit.is_regular
        for cents in (5, 10, 20, 40)
        for top in (1.0, 3.0, 6.0)
        for _ in range(60)
    ]
    assert np.mean(found) < 0.01


def test_an_uneven_vibrato_is_found_and_its_extent_is_right_in_the_middle() -> None:
    rng = np.random.default_rng(2)
    for extent in (15.0, 30.0, 80.0):
        hits, ratios = [], []
        for _ in range(60):
            size = int(rng.integers(70, 200))
            rate = rng.uniform(4.5, 7.0)
            cycles = np.cumsum(1 + 0.04 * wandering(rng, size, 2.0, 1.0)) / 100 * rate
            uneven = 1 + 0.15 * wandering(rng, size, 1.0, 1.0)
            swing = extent * np.sin(2 * np.pi * cycles + rng.uniform(0, 6)) * uneven
            found = fit_vibrato(60.0 + (swing + wandering(rng, size, 3.0, 5.0)) / 100)
            assert found is not None
            hits.append(found.is_regular)
            ratios.append(found.extent_cents / extent)
        assert np.mean(hits) > 0.95 and abs(np.median(ratios) - 1) < 0.05


def test_a_short_note_says_nothing() -> None:
    assert fit_vibrato(np.full(30, 60.0)) is None
    half_second = fit_vibrato(60.0 + 0.5 * np.sin(2 * np.pi * 4.0 * np.arange(50) / 100))  # two cycles
    assert half_second is None or not half_second.is_regular
