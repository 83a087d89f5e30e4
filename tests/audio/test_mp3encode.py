"""MP3 pieces encoded at once.  Truth: the same library asked once for everything."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from voicekit.audio import mp3encode
from voicekit.audio.mp3encode import FRAME, MP3_BIT_RATE, MP3_SAMPLE_RATE, PIECE_FRAMES, Mp3Encoder, lame_options

av = pytest.importorskip("av")


def speechlike(count: int, channels: int, seed: int = 3) -> np.ndarray:
    """Bursts and rests, so that LAME's window switching has something to do: (N,) or (N, 2) int16."""
    random = np.random.default_rng(seed)
    time = np.arange(count) / MP3_SAMPLE_RATE
    tone = np.sin(2 * np.pi * 140 * time + 3 * np.sin(2 * np.pi * 0.7 * time)) ** 9
    bursts = (np.sin(2 * np.pi * 3.1 * time) > 0.2) * random.normal(0, 0.1, count)
    one = 0.4 * tone * (np.sin(2 * np.pi * 1.3 * time) > -0.3) + bursts
    if channels == 1:
        return (one * 20000).clip(-32768, 32767).astype(np.int16)
    other = 0.5 * np.roll(one, 300) + 0.1 * random.normal(0, 0.1, count)
    return (np.stack([one, other], 1) * 20000).clip(-32768, 32767).astype(np.int16)


def in_one_go(waveform: np.ndarray) -> list:
    """Packets of one encoder for the whole."""
    channels = 1 if waveform.ndim == 1 else waveform.shape[1]
    layout = "stereo" if channels == 2 else "mono"
    lame = av.CodecContext.create("libmp3lame", "w")
    lame.sample_rate, lame.layout, lame.format = MP3_SAMPLE_RATE, layout, "fltp"
    lame.bit_rate, lame.options = MP3_BIT_RATE, lame_options()
    packets = []
    for start in range(0, len(waveform), 50_000):
        part = (waveform[start : start + 50_000].astype(np.float32) / 32768) * np.float32(1 / 0.97)
        planes = np.ascontiguousarray(part.reshape(-1, channels).T)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = MP3_SAMPLE_RATE, Fraction(1, MP3_SAMPLE_RATE), start
        packets += lame.encode(frame)
    return packets + lame.encode(None)


def in_pieces(waveform: np.ndarray, cuts: list[int]) -> list:
    encoder = Mp3Encoder(1 if waveform.ndim == 1 else waveform.shape[1])
    packets = []
    for part in np.split(waveform, cuts):
        packets += encoder.add(part)
    return packets + list(encoder.finish())


@pytest.mark.parametrize("channels", [1, 2])
def test_pieces_put_together_are_what_one_encoder_gives(channels):
    waveform = speechlike(round(2.4 * PIECE_FRAMES * FRAME), channels)
    want, got = in_one_go(waveform), in_pieces(waveform, [1000, 400_000, 1_500_000])
    assert [bytes(one) for one in got] == [bytes(one) for one in want]
    assert [(one.pts, one.duration) for one in got] == [(one.pts, one.duration) for one in want]


@pytest.mark.parametrize("beyond", [-3, 0, 1, 12 * FRAME, 12 * FRAME + 1])
def test_wherever_the_end_lies(beyond):
    waveform = speechlike(PIECE_FRAMES * FRAME + beyond, 1)
    assert [bytes(one) for one in in_pieces(waveform, [])] == [bytes(one) for one in in_one_go(waveform)]


@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_of_threads_changes_nothing(workers, monkeypatch):
    waveform = speechlike(2 * PIECE_FRAMES * FRAME + 20 * FRAME, 1, seed=5)
    before = [bytes(one) for one in in_pieces(waveform, [77])]
    monkeypatch.setattr(mp3encode, "_workers", lambda: workers)
    assert [bytes(one) for one in in_pieces(waveform, [500_000])] == before


def test_the_caller_may_use_its_buffer_again():
    waveform = speechlike(5 * FRAME, 1)
    want = [bytes(one) for one in in_one_go(waveform)]
    encoder = Mp3Encoder(1)
    buffer = waveform.copy()
    packets = list(encoder.add(buffer))
    buffer[:] = 0
    assert [bytes(one) for one in [*packets, *encoder.finish()]] == want


def test_nothing_gives_no_more_than_its_delay():
    assert len(list(Mp3Encoder(1).finish())) <= 2
