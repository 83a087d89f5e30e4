"""Corrected takes as they are delivered: channels, rates, bits, untouched samples, levels, clear refusals.

Where the notes lie is measured on the delivered file by Harvest, which has no part in the correction.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile

from consent import verify_file
from voicekit.audio import sha256_file
from voicekit.errors import InputError, UsageError
from voicekit.evaluate.signals import SAMPLE_RATE, SungSpec, sung_signal
from voicekit.pitch import CorrectionOptions, TargetNote, parse_scale
from voicekit.studio import CorrectOptions, Studio

RATE = 24_000
CENTS_TOL = 8.0
NOTES = (57.35, 59.6, 61.4)


def sung(rate: int = RATE, level: float = 0.1, vibrato: float = 0.25) -> np.ndarray:
    """Three detuned notes of 0.8 s with vibrato, breath noise between them."""
    parts = []
    rng = np.random.default_rng(3)
    for midi in NOTES:
        t = np.arange(round(0.8 * rate)) / rate
        hz = 440 * 2 ** ((midi + vibrato * np.sin(2 * np.pi * 5.5 * t) - 69) / 12)
        phase = 2 * np.pi * np.cumsum(hz) / rate
        wave = sum(np.cos(k * phase) / k for k in range(1, 15))
        ramp = np.minimum(1, np.minimum(t, t[::-1]) / 0.02)
        breath = 0.1 * np.diff(rng.standard_normal(round(0.25 * rate) + 1))
        parts += [breath, wave * ramp]
    parts.append(np.zeros(round(0.2 * rate)))
    wave = np.concatenate(parts)
    return level * wave


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Studio, Path]:
    folder = tmp_path_factory.mktemp("shop")
    return Studio.create(folder / "studio"), folder


_NUMBER = itertools.count()


def correct(shop: tuple[Studio, Path], wave: np.ndarray, rate: int, suffix: str = ".wav", **given: object):
    """Write, attest, correct: (take, made, samples (N, C), rate)."""
    studio, folder = shop
    number = next(_NUMBER)
    take = folder / f"take{number}.wav"
    soundfile.write(take, wave, rate, subtype=str(given.pop("subtype", "PCM_16")))
    studio.attest_own_voice("my-own", [take])
    values = {"scale": "chromatic"} | given
    made = studio.correct(take, out=folder / f"out{number}{suffix}", **values)  # type: ignore[arg-type]
    samples, out_rate = soundfile.read(made.path, always_2d=True)
    return take, made, samples, out_rate


def harvest_middles(wave: np.ndarray, rate: int) -> np.ndarray:
    pyworld = pytest.importorskip("pyworld")
    f0, times = pyworld.harvest(np.ascontiguousarray(wave, dtype=np.float64), rate)
    starts = 0.25 + 1.05 * np.arange(3)
    return np.array([69 + 12 * np.log2(np.median(f0[(times > s + 0.13) & (times < s + 0.67)]) / 440) for s in starts])


@pytest.mark.parametrize("method", ["psola", pytest.param("vocoder", marks=pytest.mark.slow)])
def test_notes_lie_on_the_scale(shop: tuple[Studio, Path], method: str) -> None:
    _, made, samples, rate = correct(shop, sung(), RATE, options=CorrectOptions(method=method))
    off = 100 * (harvest_middles(samples[:, 0], rate) - [57, 60, 61])
    assert np.abs(off).max() < CENTS_TOL
    assert made.measured["off_before_cents"] > 30 and made.measured["off_after_cents"] < CENTS_TOL


@pytest.mark.slow
@pytest.mark.parametrize("semitones", [-5.0, 4.0])
def test_transposed_by_semitones_with_formants_in_place(shop: tuple[Studio, Path], semitones: float) -> None:
    signal = sung_signal(SungSpec(low_midi=50, high_midi=55, seconds=3.0), 12)
    options = CorrectOptions(pitch=CorrectionOptions(transpose=semitones))
    _, _, samples, _ = correct(shop, signal.waveform, SAMPLE_RATE, scale=None, options=options)
    pyworld = pytest.importorskip("pyworld")

    def spectrum(wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        wave = np.ascontiguousarray(wave, dtype=np.float64)
        f0, times = pyworld.harvest(wave, SAMPLE_RATE)
        envelope = pyworld.cheaptrick(wave, f0, times, SAMPLE_RATE)
        return f0, 10 * np.log10(envelope[f0 > 0].mean(0))

    (f0_a, a), (f0_b, b) = spectrum(signal.waveform), spectrum(samples[:, 0])
    shift = 12 * np.log2(np.median(f0_b[f0_b > 0]) / np.median(f0_a[f0_a > 0]))
    assert shift == pytest.approx(semitones, abs=0.4)
    bins = np.arange(len(a)) * SAMPLE_RATE / 2 / (len(a) - 1)
    band = (bins > 300) & (bins < 4000)
    # Moved formants would lay the envelope of the recording at other frequencies: it fits best where it was.
    ratios = 2.0 ** (np.linspace(-6, 6, 49) / 12)
    fits = [np.corrcoef(b[band], np.interp(bins[band] / r, bins, a))[0, 1] for r in ratios]
    assert abs(12 * np.log2(ratios[int(np.argmax(fits))])) < 1.5


def test_what_is_unvoiced_keeps_its_samples(shop: tuple[Studio, Path]) -> None:
    take, _, samples, _ = correct(shop, sung(), RATE)
    before = soundfile.read(take)[0]
    for start in (0.0, 1.05, 2.1):  # the breaths; the last 60 ms of each may belong to a fade
        inner = slice(round((start + 0.07) * RATE), round((start + 0.19) * RATE))
        assert (samples[inner, 0] == before[inner]).all()
    assert np.abs(samples[:, 0] - before).max() > 0.01


def test_a_take_in_tune_stays_as_it_is_to_the_sample(shop: tuple[Studio, Path]) -> None:
    options = CorrectOptions(pitch=CorrectionOptions(strength=0.0))
    take, made, samples, _ = correct(shop, sung(), RATE, options=options)
    assert (samples[:, 0] == soundfile.read(take)[0]).all() and made.measured["remade_s"] == 0


def test_stereo_keeps_its_channels_and_its_image(shop: tuple[Studio, Path]) -> None:
    wave = sung(44_100)
    take, _, samples, rate = correct(shop, np.stack([wave, 0.5 * wave], axis=1), 44_100)
    assert samples.shape == soundfile.read(take)[0].shape and rate == 44_100
    middle = slice(44_100, 3 * 44_100)
    left, right = samples[middle].T
    assert np.corrcoef(left, right)[0, 1] > 0.999
    assert np.sqrt((right**2).mean() / (left**2).mean()) == pytest.approx(0.5, abs=0.01)
    assert np.abs(100 * (harvest_middles(samples[:, 0], rate) - [57, 60, 61])).max() < CENTS_TOL


@pytest.mark.slow
def test_channels_that_cancel_each_other_are_told(shop: tuple[Studio, Path]) -> None:
    wave = sung()
    _, made, samples, rate = correct(shop, np.stack([wave, -wave], axis=1), RATE)
    assert any("cancel" in notice for notice in made.notices)
    assert np.abs(100 * (harvest_middles(samples[:, 0], rate) - [57, 60, 61])).max() < CENTS_TOL


@pytest.mark.parametrize(
    ("rate", "suffix", "subtype", "expected"),
    [
        (48_000, ".flac", "PCM_24", (48_000, "PCM_24")),
        (16_000, ".wav", "FLOAT", (16_000, "PCM_24")),
        (22_050, ".mp3", "PCM_16", (44_100, "MPEG_LAYER_III")),
    ],
)
def test_rates_bits_and_formats(
    shop: tuple[Studio, Path], rate: int, suffix: str, subtype: str, expected: tuple[int, str]
) -> None:
    wave = np.stack([sung(rate)] * 2, axis=1)
    take, made, _samples, _ = correct(shop, wave, rate, suffix, subtype=subtype)
    info = soundfile.info(str(made.path))
    assert (info.samplerate, info.subtype, info.channels) == (*expected, 2)
    assert info.duration == pytest.approx(soundfile.info(str(take)).duration, abs=0.06)
    assert verify_file(made.path).voice == "my-own"
    assert any("44.1 kHz" in notice for notice in made.notices) == (suffix == ".mp3")


@pytest.mark.slow
def test_nothing_clips(shop: tuple[Studio, Path]) -> None:
    loud = sung()
    loud *= 0.9999 / np.abs(loud).max()
    options = CorrectOptions(pitch=CorrectionOptions(transpose=-4))
    _, made, samples, _ = correct(shop, loud, RATE, options=options)
    assert np.abs(samples).max() < 1.0
    top = np.abs(samples[:, 0]) >= np.abs(samples).max() - 1e-4
    assert not (top[2:] & top[1:-1] & top[:-2]).any()  # no flat tops
    if made.measured["gain_db"] < 0:
        assert any("turned down" in notice for notice in made.notices)


@pytest.mark.parametrize("method", ["psola", pytest.param("vocoder", marks=pytest.mark.slow)])
def test_same_seed_same_bytes(shop: tuple[Studio, Path], method: str) -> None:
    studio, folder = shop
    options = CorrectOptions(method=method, seed=4)
    take, made, _, _ = correct(shop, sung(), RATE, ".flac", options=options)
    again = studio.correct(take, scale="chromatic", out=folder / f"again-{method}.flac", options=options)
    assert sha256_file(again.path) == sha256_file(made.path)
    other = CorrectOptions(method=method, seed=5)
    third = studio.correct(take, scale="chromatic", out=folder / f"third-{method}.flac", options=other)
    assert (sha256_file(third.path) == sha256_file(made.path)) == (method == "psola")


def test_to_notes_and_to_a_curve_in_a_file(shop: tuple[Studio, Path]) -> None:
    studio, folder = shop
    score = [TargetNote(i, i + 0.8, midi) for i, midi in enumerate((58.0, 60.0, 62.0))]
    take, _, samples, rate = correct(shop, sung(), RATE, scale=None, score=score)
    assert np.abs(100 * (harvest_middles(samples[:, 0], rate) - [58, 60, 62])).max() < CENTS_TOL
    from fractions import Fraction

    from voicekit.score import Note, Part, Score, TempoMap, write_midi

    notes = tuple(Note(Fraction(2 * i), Fraction(2), float(60 + m)) for i, m in enumerate((-2, 0, 2)))
    parts = (Part("lead", notes), Part("other", notes[:1]))
    for number, sheet in enumerate((Score(parts, TempoMap()), Score(parts[:1], TempoMap()))):
        write_midi(sheet, folder / f"{number}.mid")
    made = studio.correct(take, score=folder / "1.mid", out=folder / "score.wav")
    assert np.abs(100 * (harvest_middles(soundfile.read(made.path)[0], RATE) - [58, 60, 62])).max() < CENTS_TOL
    assert studio.correct(take, score=folder / "0.mid", part="1", out=folder / "part.wav").measured["notes"] == 3
    with pytest.raises(UsageError, match="2 parts"):
        studio.correct(take, score=folder / "0.mid", out=folder / "x.wav")
    curve = folder / "drawn.csv"
    curve.write_text("time_s,f0_hz\n0.0,220\n4.0,220\n")
    made = studio.correct(take, curve=curve, out=folder / "curve.wav")
    flat = harvest_middles(soundfile.read(made.path)[0], RATE)
    assert np.abs(100 * (flat - 57)).max() < CENTS_TOL
    with pytest.raises(UsageError, match="cannot both be followed"):
        studio.correct(take, curve=curve, scale="C", out=folder / "x.wav")


@pytest.mark.parametrize("kind", ["silence", "noise", "empty", "nan", "text"])
def test_what_holds_no_voice_is_said_plainly(shop: tuple[Studio, Path], kind: str, tmp_path: Path) -> None:
    studio, _ = shop
    take = tmp_path / "take.wav"
    rng = np.random.default_rng(1)
    if kind == "text":
        take.write_text("no sound")
    else:
        wave = {
            "silence": np.zeros(RATE),
            "noise": 0.1 * rng.standard_normal(2 * RATE),
            "empty": np.zeros(0),
            "nan": np.full(RATE, np.nan),
        }[kind]
        soundfile.write(take, wave, RATE, subtype="FLOAT")
    message = {
        "silence": "silence or noise alone",
        "noise": "silence or noise alone",
        "empty": "no sound in this file",
        "nan": "no numbers",
        "text": "not a sound file",
    }[kind]
    renders = [grant.renders_left for grant in studio.grants()]
    with pytest.raises(InputError, match=message):
        studio.correct(take, scale=parse_scale("C"), out=tmp_path / "out" / "x.wav")
    assert not (tmp_path / "out").exists()
    assert [grant.renders_left for grant in studio.grants()] == renders


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scale": None}, "nothing is to be corrected"),
        ({"scale": "X major"}, "not a scale"),
        ({"out": "x.ogg"}, "cannot write this kind of sound"),
        ({"grant": "ffff"}, "no grant in this ledger"),
    ],
)
def test_wrong_calls(shop: tuple[Studio, Path], tmp_path: Path, given: dict[str, object], message: str) -> None:
    studio, _ = shop
    take = tmp_path / "take.wav"
    soundfile.write(take, sung(), RATE)
    values = {"scale": "C", "out": tmp_path / "x.wav"} | given
    with pytest.raises(UsageError, match=message):
        studio.correct(take, **values)  # type: ignore[arg-type]


def test_a_killed_run_is_put_right_by_the_next(shop: tuple[Studio, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between receipt and delivery, and before any receipt: the one is delivered, the other swept away."""
    from consent import Ledger

    studio, folder = shop
    take, _, _, _ = correct(shop, sung(), RATE)
    place = folder / "killed"
    real = Ledger.deliver

    def die(self: Ledger, receipt: object, moves: object) -> None:
        raise SystemExit

    import shutil

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "deliver", die)
        patch.setattr(shutil, "rmtree", lambda *a, **k: None)
        with pytest.raises(SystemExit):
            studio.correct(take, scale="chromatic", out=place / "a.wav")
    assert not (place / "a.wav").exists() and real is Ledger.deliver
    studio.correct(take, scale="chromatic", out=place / "b.wav")
    assert sorted(p.name for p in place.iterdir()) == [
        "a.wav", "a.wav.voiceproof", "b.wav", "b.wav.voiceproof",
    ]  # fmt: skip
    assert verify_file(place / "a.wav").voice == "my-own"
