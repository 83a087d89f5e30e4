"""Hearing a chapter while it is made, and every way to hear what is not allowed."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from consent import ConsentRefusedError
from tests.support.tone import RATE, ToneHouse, audio_bytes, loose_ends
from voicekit.audio import read_audio
from voicekit.pipelines import Cancelled
from voicekit.studio import NarrateOptions, Studio

TEXT = "It was a dark night. The rain fell in torrents. Nobody was on the road."
WAV = NarrateOptions(formats=("wav",), profile="clip")


class Ear:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.blocks: list[np.ndarray] = []

    def __call__(self, samples: np.ndarray, sample_rate: int) -> None:
        assert sample_rate == RATE and samples.dtype == np.float32
        self.blocks.append(samples)

    @property
    def sound(self) -> np.ndarray:
        return np.concatenate(self.blocks)


def kinds(studio: Studio) -> list[str]:
    with sqlite3.connect(f"file:{studio.folder / 'ledger' / 'ledger.db'}?mode=ro", uri=True) as db:
        return [kind for (kind,) in db.execute("select kind from entry order by seq")]


def test_what_is_heard_is_what_is_delivered_and_listening_changes_no_byte(
    studio: Studio, house: ToneHouse, tmp_path: Path
) -> None:
    ear = Ear()
    take = studio.narrate(TEXT, voice="tone", out=tmp_path / "heard", options=WAV, hear=ear)
    assert len(ear.blocks) > 12  # words, not sentences
    from_takes = Ear()
    studio.narrate(TEXT, voice="tone", out=tmp_path / "again", options=WAV, hear=from_takes)
    assert np.array_equal(ear.sound, from_takes.sound) and len(house.spoken) == 3
    studio.narrate(TEXT, voice="tone", out=tmp_path / "unheard", options=WAV)
    assert audio_bytes(tmp_path / "heard") == audio_bytes(tmp_path / "unheard") == audio_bytes(tmp_path / "again")
    # against the delivered file: the same sound at another level, by correlation of its energy in a hundred parts
    sent = read_audio(take.path)
    loud = [
        [float(np.mean(np.square(part, dtype=np.float64))) for part in np.array_split(_trim(wave), 100)]
        for wave in (ear.sound, sent.samples)
    ]
    assert np.corrcoef(*loud)[0, 1] > 0.95


def _trim(wave: np.ndarray) -> np.ndarray:
    loud = np.flatnonzero(np.abs(wave) > 0.05 * np.abs(wave).max())
    return wave[loud[0] : loud[-1]]


def test_a_refused_use_is_not_heard_even_from_takes_on_disk(studio: Studio, tmp_path: Path) -> None:
    studio.narrate(TEXT, voice="tone", out=tmp_path / "out", options=WAV)
    studio.ledger.revoke(studio.grants("tone")[0].id)
    ear = Ear()
    with pytest.raises(ConsentRefusedError):
        studio.narrate(TEXT, voice="tone", out=tmp_path / "two", options=WAV, hear=ear)
    assert ear.blocks == [] and audio_bytes(tmp_path / "two") == {}


@pytest.mark.parametrize("cached", [False, True])
def test_a_withdrawal_ends_the_sound_at_the_next_block(studio: Studio, tmp_path: Path, cached: bool) -> None:
    text = TEXT.replace(". ", " and then it was said again and again. ")
    if cached:
        studio.narrate(text, voice="tone", out=tmp_path / "before", options=WAV)
    heard: list[int] = []

    def ear(samples: np.ndarray, sample_rate: int) -> None:
        if samples.any():
            heard.append(len(samples))
            if len(heard) == 1:
                studio.ledger.revoke(studio.grants("tone")[0].id)

    with pytest.raises(ConsentRefusedError):
        studio.narrate(text, voice="tone", out=tmp_path / "out", options=WAV, hear=ear)
    assert len(heard) == 1
    assert audio_bytes(tmp_path / "out") == {} and loose_ends(tmp_path / "out") == []
    assert kinds(studio)[-1] == "render-aborted" and "render-receipt" not in kinds(studio)[-3:]


def test_a_listener_who_stops_or_fails_leaves_an_aborted_render_and_no_file(studio: Studio, tmp_path: Path) -> None:
    def broken(samples: np.ndarray, sample_rate: int) -> None:
        raise RuntimeError("no loudspeaker")

    with pytest.raises(RuntimeError, match="loudspeaker"):
        studio.narrate(TEXT, voice="tone", out=tmp_path / "out", options=WAV, hear=broken)
    assert kinds(studio)[-1] == "render-aborted" and audio_bytes(tmp_path / "out") == {}
    stop = Event()
    with pytest.raises(Cancelled):
        studio.narrate(
            TEXT, voice="tone", out=tmp_path / "out", options=WAV, cancel=stop, hear=lambda *sound: stop.set()
        )
    assert kinds(studio)[-1] == "render-aborted" and audio_bytes(tmp_path / "out") == {}
