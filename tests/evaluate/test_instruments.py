"""The wrapped instruments answer as their makers say, and what is missing is named."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from voicekit.audio import Audio, read_audio
from voicekit.errors import UsageError
from voicekit.evaluate import plain_words

RATE = 16_000
BENCH_EXTRA = "a package of the bench extra is not installed"


def speech_like(seconds: float = 1.5) -> Audio:
    """A pulse train through slowly moving gains: enough for PESQ to find an utterance."""
    t = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.cos(2 * np.pi * 140 * k * t) / k for k in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 3.0 * t), 0, None)
    return Audio((0.05 * tone * syllables).astype(np.float32), RATE)


def noisy(audio: Audio, rms: float) -> Audio:
    added = np.random.default_rng(0).normal(0, rms, len(audio.samples))
    return Audio((audio.samples + added).astype(np.float32), audio.sample_rate)


def test_pesq_is_4_64_on_identity_and_falls_with_noise() -> None:
    pytest.importorskip("pesq", reason=BENCH_EXTRA)
    from voicekit.evaluate.quality import pesq_wideband

    clean = speech_like()
    best = pesq_wideband(clean, clean)
    assert best == pytest.approx(4.64, abs=0.01)  # the wide-band mapping's upper end (P.862.2)
    assert best > pesq_wideband(clean, noisy(clean, 0.002)) > pesq_wideband(clean, noisy(clean, 0.02))


def test_stoi_is_one_on_identity_and_falls_with_noise() -> None:
    pytest.importorskip("pystoi", reason=BENCH_EXTRA)
    from voicekit.evaluate.quality import stoi

    clean = speech_like()
    assert stoi(clean, clean) == pytest.approx(1.0, abs=1e-6)
    assert stoi(clean, noisy(clean, 0.1)) < 0.9


def test_pesq_and_stoi_refuse_waveforms_that_cannot_lie_upon_each_other() -> None:
    pytest.importorskip("pesq", reason=BENCH_EXTRA)
    from voicekit.evaluate.quality import pesq_wideband

    clean = speech_like()
    with pytest.raises(UsageError, match="more than 10 ms"):
        pesq_wideband(clean, Audio(clean.samples[:-RATE], RATE))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from voicekit.evaluate.quality import stoi

    monkeypatch.setitem(sys.modules, "pystoi", None)
    with pytest.raises(UsageError, match=r"pystoi .*bench"):
        stoi(speech_like(), speech_like())


def flite(text: str, folder: Path) -> Audio:
    if shutil.which("flite") is None:
        pytest.skip("flite (Debian package) makes the speech to be understood, and is not installed")
    target = folder / "said.wav"
    subprocess.run(["flite", "-voice", "rms", "-t", text, "-o", str(target)], check=True)
    return read_audio(target)


def test_recogniser_understands_and_keeps_no_memory(tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx", reason=BENCH_EXTRA)
    from voicekit.evaluate.recogniser import Recogniser

    audio = flite("the girl at the booth sold fifty bonds", tmp_path)
    ear = Recogniser()
    first = ear.hear(audio)
    assert {"the", "girl", "sold", "fifty"} <= set(plain_words(first))
    ear.hear(noisy(audio, 0.05))
    ear.hear(Audio(np.zeros(RATE, np.float32), RATE))
    assert ear.hear(audio) == first


def test_dnsmos_prefers_clean_speech(tmp_path: Path) -> None:
    pytest.importorskip("speechmos", reason=BENCH_EXTRA)
    from voicekit.evaluate.quality import dnsmos

    audio = flite("the girl at the booth sold fifty bonds", tmp_path)
    clean, spoilt = dnsmos(audio), dnsmos(noisy(audio, 0.05))
    assert 1.0 <= spoilt.overall < clean.overall - 0.3 <= 5.0
    assert spoilt.background < clean.background
