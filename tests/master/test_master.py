"""Mastering, measured by other means than its own meters.

True peaks are held against a 64 times oversampled FFT interpolation, RMS and
floor against plain numpy over the whole array.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import resample as fft_resample

from voicekit.audio import Audio, encode_mp3, reblock, settle
from voicekit.errors import VoicekitError
from voicekit.master import (
    PROFILES,
    Limiter,
    LoudnessMeter,
    RoomTone,
    master_stream,
    measure_file,
    plan_master,
)
from voicekit.master.limiter import true_peaks

RATE = 24000
ACX = PROFILES["acx"]
RMS_DB_TOL = 0.1
PEAK_DB_TOL = 0.05


def db(value: float) -> float:
    return 20 * np.log10(value)


def speechlike(seconds: float, seed: int = 1, level: float = 0.05) -> NDArray[np.float32]:
    """Bursts with a crest factor like speech: harmonics under a syllable envelope, and pauses."""
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * 120 * k * t + random.uniform(0, 6)) / k for k in range(1, 30))
    envelope = np.clip(np.sin(2 * np.pi * 1.7 * t), 0, None) ** 2 * (1 + 0.5 * np.sin(2 * np.pi * 0.21 * t))
    out = np.asarray(wave * envelope * level, np.float32)
    out[(t % 4.0) > 3.4] = 0.0
    return out


def run(wave: NDArray[np.float32], seed: int = 5, cut: int = 5000) -> NDArray[np.float32]:
    def source() -> Iterator[NDArray[np.float32]]:
        return (wave[i : i + cut] for i in range(0, len(wave), cut))

    plan = plan_master(source, RATE, ACX)
    out = np.concatenate(list(master_stream(source, plan, ACX, seed=seed)))
    assert len(out) == plan.frames_out(ACX)
    return out


@pytest.mark.parametrize("level", [0.01, 0.05, 0.4])
def test_finished_level_ceiling_floor_and_pads(level: float) -> None:
    out = run(speechlike(12.0, level=level)).astype(np.float64)
    assert abs(db(np.sqrt(np.mean(out**2))) - ACX.target_rms_dbfs) < RMS_DB_TOL
    dense = fft_resample(out, len(out) * 8)
    assert db(np.max(np.abs(dense))) < ACX.ceiling_dbtp + PEAK_DB_TOL
    head, tail = out[: 44100 - 500], out[-round(2.4 * 44100) :]
    for quiet in (head, tail):
        assert -72.5 < db(np.sqrt(np.mean(quiet**2))) < -67.5
        assert np.count_nonzero(quiet) > 0.9 * len(quiet)  # room tone, no digital silence
    assert np.abs(out[44100 : 44100 + 44100]).max() > 0.01  # the sound begins after the head


def test_result_does_not_depend_on_how_takes_are_cut() -> None:
    wave = speechlike(6.0)
    assert np.array_equal(run(wave, cut=777), run(wave, cut=50_000))
    assert not np.array_equal(run(wave, seed=5), run(wave, seed=6))


def test_silence_is_an_error_not_a_loud_nothing() -> None:
    with pytest.raises(VoicekitError, match="silent"):
        plan_master(lambda: iter([np.zeros(RATE, np.float32)]), RATE, ACX)


def test_gain_is_bounded() -> None:
    faint = speechlike(4.0, level=1e-6)
    assert plan_master(lambda: iter([faint]), RATE, ACX).gain_db == ACX.max_gain_db


def test_true_peak_of_a_sine_between_samples() -> None:
    """A sine at a quarter of the rate, 45 degrees off: samples reach 0.707, the wave reaches 1."""
    n = np.arange(2000)
    wave = np.sin(np.pi / 2 * n + np.pi / 4).astype(np.float32)
    assert np.abs(wave).max() == pytest.approx(np.sqrt(0.5), abs=1e-3)
    assert abs(db(true_peaks(wave)[200:-200].max())) < PEAK_DB_TOL


@pytest.mark.parametrize("block", [64, 1000, 32768])
def test_limiter_holds_the_ceiling_for_any_blocks(block: int) -> None:
    random = np.random.default_rng(3)
    wave = (random.standard_normal(30_000) * 0.2).astype(np.float32)
    wave[::3000] = 1.5
    limiter = Limiter(-6.0, 44100)
    parts = [limiter.process(part) for part in reblock([wave], block)]
    parts.append(limiter.process(np.zeros(0, np.float32), last=True))
    out = np.concatenate(parts)
    assert len(out) == len(wave)
    assert db(np.abs(out).max()) < -6.0 + 1e-3
    assert np.argmax(np.abs(out)) % 3000 in range(-2, 3) or np.abs(out[3000]) > 0.4  # peaks stay in place
    untouched = np.abs(wave) < 1  # far from peaks nothing changes
    far = untouched.copy()
    for peak in range(0, 30_000, 3000):
        far[max(0, peak - 1500) : peak + 1500] = False
    loud = true_peaks(wave) > 10 ** (-6 / 20) * 0.999
    if not loud[far].any():
        assert np.array_equal(out[far], wave[far])


def test_limiter_leaves_quiet_sound_alone() -> None:
    wave = speechlike(1.0, level=0.01)
    limiter = Limiter(-3.5, RATE)
    out = np.concatenate([limiter.process(wave), limiter.process(np.zeros(0, np.float32), last=True)])
    assert np.array_equal(out, wave) and limiter.reduction_db == 0.0


def test_room_tone_level_seed_and_darkness() -> None:
    whole = RoomTone(-70.0, 9).next(441_000)
    pieces = RoomTone(-70.0, 9)
    cut = np.concatenate([pieces.next(1000), pieces.next(0), pieces.next(440_000)])
    assert np.array_equal(whole, cut)
    assert abs(db(np.sqrt(np.mean(whole.astype(float) ** 2))) + 70.0) < 0.2
    spectrum = np.abs(np.fft.rfft(whole)) ** 2
    low, high = spectrum[50:3000].mean(), spectrum[100_000:].mean()
    assert low > 100 * high


@pytest.mark.parametrize("block", [1000, 7777, 1 << 20])
def test_meter_against_plain_numpy(block: int) -> None:
    wave = speechlike(5.3)
    meter = LoudnessMeter(RATE)
    for part in reblock([wave], block):
        meter.add(part)
    got = meter.result()
    exact = wave.astype(np.float64)
    windows = exact[: len(exact) // 12000 * 12000].reshape(-1, 12000)
    assert got.rms_dbfs == pytest.approx(db(np.sqrt(np.mean(exact**2))), abs=1e-3)
    assert got.peak_dbfs == pytest.approx(db(np.abs(exact).max()), abs=1e-6)
    floor = np.sqrt((windows**2).mean(axis=1).min())
    assert got.floor_dbfs == pytest.approx(max(-144.0, db(max(floor, 1e-12))), abs=1e-3)
    dense = np.abs(fft_resample(exact, len(exact) * 16)).max()
    assert got.true_peak_dbtp == pytest.approx(db(dense), abs=PEAK_DB_TOL)
    assert got.frames == len(wave)


def test_a_sine_measures_three_db_under_its_peak(tmp_path: Path) -> None:
    t = np.arange(44100 * 2) / 44100
    sine = Audio((0.5 * np.sin(2 * np.pi * 997 * t)).astype(np.float32), 44100)
    path = settle(encode_mp3(tmp_path / "s.mp3", sine).path, tmp_path / "s.mp3")
    got = measure_file(path)
    assert got.rms_dbfs == pytest.approx(db(0.5) - 3.01, abs=0.05)
    assert got.duration_s == pytest.approx(2.0, abs=1e-4)


def test_memory_does_not_grow_with_length() -> None:
    one = speechlike(2.0)

    def peak(times: int) -> int:
        tracemalloc.start()
        plan = plan_master(lambda: (one for _ in range(times)), RATE, ACX)
        for _block in master_stream(lambda: (one for _ in range(times)), plan, ACX, seed=1):
            pass
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(1)
    short, long = peak(4), peak(20)  # 8 s and 40 s of sound
    assert long < short + 2_000_000
