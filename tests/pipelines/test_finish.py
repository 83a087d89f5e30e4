"""Finishing a chapter: encoded beside each other, read back, and nothing left where one of them failed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from voicekit.audio import Tags
from voicekit.errors import VoicekitError
from voicekit.master import PROFILES, measure_file
from voicekit.pipelines import ProgressMeter, finish, finish_chapter

RATE = 24_000


def source() -> Iterator[np.ndarray]:
    """45 s, more than one piece of MP3."""
    time = np.arange(45 * RATE) / RATE
    wave = 0.2 * np.sin(2 * np.pi * 220 * time) * (np.sin(2 * np.pi * 1.1 * time) > -0.5)
    yield from np.array_split(wave.astype(np.float32), 9)


def made(folder: Path) -> tuple:
    folder.mkdir()
    names = ("one.mp3", "one.flac", "one.wav")
    return finish_chapter(
        source, RATE, folder, names, profile=PROFILES["acx"], tags=Tags(title="One"), seed=1,
        meter=ProgressMeter([1], None, None),
    )  # fmt: skip


def test_each_file_is_measured_from_the_disk_and_the_same_again(tmp_path: Path) -> None:
    files, _ = made(tmp_path / "a")
    again, _ = made(tmp_path / "b")
    assert [one.name for one in files] == ["one.mp3", "one.flac", "one.wav"]
    assert [one.sha256 for one in files] == [one.sha256 for one in again]
    assert files[0].loudness == measure_file(files[0].path)
    # independent of our meter: the decoder's samples, all of them
    import soundfile

    pcm, rate = soundfile.read(files[1].path.rename(tmp_path / "one.flac"))
    assert rate == 44_100 and len(pcm) == files[1].loudness.frames
    assert 20 * np.log10(np.sqrt(np.mean(pcm**2))) == pytest.approx(files[1].loudness.rms_dbfs, abs=0.01)


@pytest.mark.parametrize("which", ["_pcm_digest", "_check_mp3"])
def test_what_reads_back_wrong_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    def wrong(*_: object) -> str:
        if which == "_check_mp3":
            raise VoicekitError("not what was encoded")
        return "0" * 64

    monkeypatch.setattr(finish, which, wrong)
    with pytest.raises(VoicekitError, match="not what was encoded"):
        made(tmp_path / "a")
    assert list((tmp_path / "a").iterdir()) == []
