"""A sound like speech whose F0, voicing and level are known: vowels, hisses and pauses."""

from __future__ import annotations

import numpy as np

from voicekit.evaluate.signals import vowel_gain

RATE = 24_000
_VOWELS = ((700.0, 1200.0, 2600.0, 3500.0), (300.0, 2200.0, 3000.0, 3600.0), (450.0, 900.0, 2400.0, 3300.0))


def speechlike(seconds: float, hz: float = 130.0, seed: int = 0) -> np.ndarray:
    """(N,) float32 at 24 kHz: syllables of 0.3 s, a hiss before each, a pause after every third."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    t = np.arange(n) / RATE
    f0 = hz * 2 ** (0.15 * np.sin(2 * np.pi * 0.7 * t))
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    wave = np.zeros(n)
    for index, start in enumerate(np.arange(0.2, seconds - 0.4, 0.45)):
        if index % 4 == 3:
            continue  # a pause
        a, b = round(start * RATE), round((start + 0.3) * RATE)
        formants = _VOWELS[index % 3]
        harmonics = np.arange(1, int(7000 / hz))
        gain = vowel_gain(harmonics * hz, formants)
        voice = (gain[:, None] * np.cos(harmonics[:, None] * phase[a:b])).sum(0)
        voice *= np.hanning(b - a) ** 0.3
        wave[a:b] += 0.1 * voice / max(1e-9, np.abs(voice).max())
        h = round((start - 0.08) * RATE)
        hiss = np.diff(rng.standard_normal(a - h + 1)) * np.hanning(a - h)
        wave[h:a] += 0.01 * hiss
    return (wave + 1e-5 * rng.standard_normal(n)).astype(np.float32)
