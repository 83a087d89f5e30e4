"""Streaming resampling against whole resampling and against sines."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import resample_poly

from voicekit.audio import Audio, StreamResampler, reblock, resample


def chirp(count: int, rate: int) -> NDArray[np.float32]:
    t = np.arange(count) / rate
    return (0.5 * np.sin(2 * np.pi * (100 * t + 400 * t * t))).astype(np.float32)


@pytest.mark.parametrize("cut", [1, 997, 24000])
@pytest.mark.parametrize("count", [0, 1, 2400, 24001])
def test_stream_has_the_announced_length_and_the_right_wave(cut: int, count: int) -> None:
    error_tol = 0.003
    wave = chirp(count, 24000)
    if cut == 1:
        wave = wave[:500]
    blocks = [wave[i : i + cut] for i in range(0, len(wave), cut)]
    stream = StreamResampler(24000, 44100)
    out = list(stream.run(blocks))
    got = np.concatenate([*out, np.zeros(0, np.float32)])
    assert len(got) == stream.out_length(len(wave)) == round(len(wave) * 44100 / 24000)
    if len(wave) > 2000:
        truth = resample_poly(wave.astype(np.float64), 147, 80)[: len(got)]  # scipy, not soxr
        inner = slice(400, len(truth) - 400)
        assert np.max(np.abs(got[inner] - truth[inner])) < error_tol


def test_a_sine_keeps_frequency_and_level() -> None:
    hz_tol, level_tol = 0.5, 0.001
    t = np.arange(48000) / 24000
    moved = resample(Audio((0.5 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32), 24000), 44100)
    middle = moved.samples[22050:66150]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert abs(spectrum.argmax() * 44100 / len(middle) - 1000) < hz_tol
    assert abs(np.sqrt(np.mean(middle**2)) - 0.5 / np.sqrt(2)) < level_tol


def test_same_rate_passes_through() -> None:
    audio = Audio(chirp(100, 24000), 24000)
    assert resample(audio, 24000) is audio
    assert next(iter(StreamResampler(24000, 24000).run([audio.samples]))) is audio.samples


@pytest.mark.parametrize("cuts", [[10], [3, 3, 4], [1] * 10, [0, 10, 0], [25, 1, 14]])
def test_blocks_of_one_size_whatever_came(cuts: list[int]) -> None:
    wave = np.arange(sum(cuts), dtype=np.float32)
    edges = np.cumsum([0, *cuts])
    blocks = [wave[a:b] for a, b in itertools.pairwise(edges)]
    got = list(reblock(blocks, 4))
    assert np.array_equal(np.concatenate(got), wave)
    assert all(len(block) == 4 for block in got[:-1]) and 0 < len(got[-1]) <= 4
