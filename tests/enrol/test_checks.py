"""Recordings that no voice should be built from: clean speech is spoilt in known ways, and each fault is named."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from tests.support import person
from voicekit.enrol.checks import REASONS, UnfitError, check_recordings, check_speakers, check_variety
from voicekit.enrol.recording import Recording, open_recording, read_recording, read_transcripts
from voicekit.errors import InputError

RATE = 16_000
F64 = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> list[Recording]:
    """flite's speech with the quiet noise of a room: pure digital silence is in no recording."""
    chance = np.random.default_rng(5)
    found = []
    for path in person.say(tmp_path_factory.mktemp("person")):
        samples, rate = soundfile.read(path)
        samples = np.concatenate([np.zeros(rate // 4), samples, np.zeros(rate // 4)])
        hiss = chance.normal(size=len(samples)) * 5e-4
        found.append(recording(path.name, samples / np.abs(samples).max() * 0.5 + hiss))
    return found


def recording(name: str, samples: F64, rate: int = RATE) -> Recording:
    sink = io.BytesIO()
    soundfile.write(sink, np.clip(samples, -1, 1), rate, subtype="PCM_16", format="WAV")
    return open_recording(name, sink.getvalue())


def spoilt(clean: list[Recording], how) -> list[Recording]:
    return [recording(one.name, how(one.audio.samples.astype(np.float64))) for one in clean]


def refused(recordings: list[Recording]) -> str:
    with pytest.raises(UnfitError) as caught:
        check_recordings(recordings)
    assert REASONS[caught.value.reason] in str(caught.value)
    return caught.value.reason


def test_clean_speech_passes(clean: list[Recording]) -> None:
    assert all(check.ok for check in check_recordings(clean))


def test_too_short(clean: list[Recording]) -> None:
    assert refused(clean[:1]) == "too-short"


def test_silence(clean: list[Recording]) -> None:
    assert refused([recording("a.wav", np.zeros(RATE * 30))]) == "too-short"


def test_clipped(clean: list[Recording]) -> None:
    assert refused(spoilt(clean, lambda x: np.clip(x * 4, -0.6, 0.6))) == "clipped"


def test_noisy(clean: list[Recording]) -> None:
    chance = np.random.default_rng(1)
    level = 10 ** (-10 / 20)
    assert refused(spoilt(clean, lambda x: x + chance.normal(size=len(x)) * np.sqrt((x**2).mean()) * level)) == "noisy"


def test_reverberant(clean: list[Recording]) -> None:
    chance = np.random.default_rng(2)
    count = int(1.4 * RATE)
    room = chance.normal(size=count) * 10 ** (-3 * np.arange(count) / count)
    room[0] += 3.0

    def echo(x: F64) -> F64:
        size = len(x) + count
        found = np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(room, size), size)
        return found / np.abs(found).max() * 0.5

    assert refused(spoilt(clean, echo)) == "reverberant"


def test_music(clean: list[Recording]) -> None:
    def chord(x: F64) -> F64:
        time = np.arange(len(x)) / RATE
        tones = sum(np.sin(2 * np.pi * f * k * time) / k for f in (220.0, 277.2, 329.6) for k in (1, 2, 3))
        return x + tones / np.sqrt((tones**2).mean()) * np.sqrt((x**2).mean()) * 10 ** (-15 / 20)

    assert refused(spoilt(clean, chord)) == "music"


def test_named_twice(clean: list[Recording]) -> None:
    again = open_recording("again.wav", clean[0].data)
    assert refused([*clean, again]) == "repeated"


def test_too_little_variety() -> None:
    assert check_variety([chr(97 + i) for i in range(24)]).ok
    with pytest.raises(UnfitError, match="different sounds") as caught:
        check_variety(["a", "b"] * 500)
    assert caught.value.reason == "too-little-variety"


def test_several_speakers(clean: list[Recording]) -> None:
    """The verifier is a stand-in that knows who is who; what is tested is that one stranger is found."""
    me, stranger = np.array([1.0, 0.0]), np.array([0.5, np.sqrt(0.75)])
    calls = iter([me, me, me, stranger, me, me, me, me, me, me])
    with pytest.raises(UnfitError, match="is not like the others") as caught:
        check_speakers(clean, lambda _samples: next(calls))
    assert caught.value.reason == "several-speakers"
    assert check_speakers(clean, lambda _samples: me).ok
    assert check_speakers(clean, None).ok is None


def test_what_is_no_recording(tmp_path: Path) -> None:
    for data in (b"", b"RIFF nothing", b"\0" * 5_000):
        path = tmp_path / "a.wav"
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"a\.wav"):
            read_recording(path)
    with pytest.raises(InputError, match=r"b\.wav"):
        read_recording(tmp_path / "b.wav")


def test_transcripts(clean: list[Recording], tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("one two\nthree")
    assert read_transcripts(path, (clean[0],)) == {clean[0].name: "one two three"}
    with pytest.raises(InputError, match="one text for"):
        read_transcripts(path, tuple(clean))
    path.write_text(f"{clean[1].name}\tfour five\nnobody.wav\tsix")
    with pytest.raises(InputError, match="line 2"):
        read_transcripts(path, tuple(clean))
