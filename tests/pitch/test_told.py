"""A finished sound told its pitch and pace; the judge is librosa's YIN, another algorithm than Praat's."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engines.speechlike import RATE, speechlike
from voicekit.pitch import PitchTrack, track_pitch
from voicekit.pitch.told import follow_pitch, move_pitch, stretch

CENTS_TOL = 10.0


def yin(wave: np.ndarray) -> np.ndarray:
    """F0 (T,) in Hz every 10 ms, of every frame, voiced or not."""
    librosa = pytest.importorskip("librosa", reason="YIN, the other tracker, comes with coqui-tts and the bench extra")
    found: np.ndarray = librosa.yin(wave, fmin=50, fmax=800, sr=RATE, frame_length=2048, hop_length=RATE // 100)
    return found


def off_cents(made: np.ndarray, commanded: np.ndarray, voiced: np.ndarray) -> float:
    """Median distance of what YIN hears from what was commanded, in the middle of voiced stretches."""
    inner = voiced.copy()
    for shift in range(1, 6):
        inner[shift:] &= voiced[:-shift]
        inner[:-shift] &= voiced[shift:]
    heard = yin(made)[: len(inner)]
    assert inner.sum() > 40
    return float(np.median(np.abs(1200 * np.log2(heard[inner] / commanded[inner]))))


@pytest.mark.parametrize("semitones", [-7.0, -2.0, 4.0, 12.0])
def test_a_sound_is_moved_by_what_was_asked(semitones: float) -> None:
    wave = speechlike(3.0)
    before = track_pitch(wave, RATE)
    commanded = yin(wave)[: len(before.vuv)] * 2 ** (semitones / 12)
    assert off_cents(move_pitch(wave, semitones), commanded, before.vuv) < CENTS_TOL
    assert move_pitch(wave, 0.0) is wave


def test_a_sound_follows_a_commanded_curve_and_keeps_what_is_unvoiced() -> None:
    wave = speechlike(3.0)
    track = track_pitch(wave, RATE)
    curve = 180.0 * 2 ** (0.2 * np.sin(np.arange(len(track.vuv)) / 30.0))
    made = follow_pitch(wave, PitchTrack(curve, np.ones(len(curve), dtype=bool)))
    assert off_cents(made, curve, track.vuv) < CENTS_TOL
    quiet = np.repeat(~track.vuv, 240)[: len(wave)]
    far = np.convolve(~quiet, np.ones(4_000), "same") < 0.5
    assert far.any() and np.array_equal(made[far], wave[far])
    noise = np.random.default_rng(0).standard_normal(24_000).astype(np.float32)
    assert follow_pitch(noise, PitchTrack(np.zeros(100), np.zeros(100, dtype=bool))) is noise


@pytest.mark.parametrize("factor", [0.7, 1.5])
def test_a_sound_is_stretched_at_its_pitch_and_the_same_each_time(factor: float) -> None:
    wave = speechlike(3.0)
    made = stretch(wave, factor)
    assert abs(len(made) / len(wave) - factor) < 0.02
    levels = []
    for sound in (wave, made):
        track = track_pitch(sound, RATE)
        levels.append(np.median(yin(sound)[: len(track.vuv)][track.vuv]))
    assert abs(1200 * np.log2(levels[1] / levels[0])) < 40.0  # the curve is another where syllables are longer
    assert np.array_equal(made, stretch(wave, factor))
