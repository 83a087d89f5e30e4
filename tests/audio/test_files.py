"""Writers and readers, held against other programs' views of the same files.

Truth comes from the wave module of Python, FFmpeg's decoders (PyAV), libsndfile
and mutagen-free parsing of the bytes: never from the writer itself.
"""

from __future__ import annotations

import errno
import hashlib
import io
import wave
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from voicekit.audio import (
    Audio,
    AudioReader,
    Tags,
    aside,
    encode_mp3,
    from_int16,
    open_writer,
    read_audio,
    read_mp3_frames,
    settle,
    settle_bytes,
    to_int16,
    write_flac,
    write_wav,
)
from voicekit.audio import files as files_module
from voicekit.errors import InputError, UsageError

RATE = 44100
TAGS = Tags(title="Chapter One – é", album="A Book", artist=Tags.synthetic_artist("ada"), track=3, tracks=12)


def tone(seconds: float = 1.0, rate: int = RATE, hz: float = 440.0, level: float = 0.25) -> Audio:
    t = np.arange(round(seconds * rate)) / rate
    return Audio((level * np.sin(2 * np.pi * hz * t)).astype(np.float32), rate)


def test_int16_round_trip_is_exact_for_every_value() -> None:
    every = np.arange(-32768, 32768, dtype=np.int16)
    assert np.array_equal(to_int16(from_int16(every)), every)


def test_rounding_clips_at_full_scale_and_not_before() -> None:
    assert to_int16(np.array([1.0, -1.0, 2.0, -2.0, 32767 / 32768], np.float32)).tolist() == [
        32767,
        -32768,
        32767,
        -32768,
        32767,
    ]


def test_wav_is_what_pythons_own_reader_sees(tmp_path: Path) -> None:
    audio = tone()
    written = write_wav(tmp_path / "a.wav", audio, tags=TAGS)
    assert written.path == tmp_path / "a.wav.partial"
    assert not (tmp_path / "a.wav").exists()  # nobody but a deliverer gives it its name
    final = settle(written.path, tmp_path / "a.wav")
    with wave.open(str(final)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2)
        pcm = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    assert np.array_equal(pcm, to_int16(audio.samples))


def test_flac_is_lossless_for_ffmpegs_decoder(tmp_path: Path) -> None:
    audio = tone()
    final = settle(write_flac(tmp_path / "a.flac", audio, tags=TAGS).path, tmp_path / "a.flac")
    with av.open(str(final)) as container:
        pcm = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])
        metadata = {key.lower(): value for key, value in container.metadata.items()}
    assert pcm.dtype == np.int16 and np.array_equal(pcm, to_int16(audio.samples))
    assert metadata["title"] == "Chapter One – é"
    assert metadata["artist"] == "ada (synthetic voice)"
    assert metadata["comment"] == "AI-generated speech"


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_24_bits_keep_what_16_cannot(tmp_path: Path, kind: str) -> None:
    quiet = Audio(np.array([1 / 2**23, -3 / 2**23, 0.5], np.float32), RATE)
    write = write_wav if kind == "wav" else write_flac
    path = settle(write(tmp_path / f"q.{kind}", quiet, bits=24).path, tmp_path / f"q.{kind}")
    read, _ = soundfile.read(str(path), dtype="int32")
    assert (read >> 8).tolist() == [1, -3, 2**22]


def test_mp3_frame_by_frame_and_gapless(tmp_path: Path) -> None:
    audio = tone(3.0)
    path = settle(encode_mp3(tmp_path / "a.mp3", audio, tags=TAGS).path, tmp_path / "a.mp3")
    headers = read_mp3_frames(path)
    assert headers.bit_rates == (192_000,)
    assert headers.sample_rates == (44_100,)
    assert headers.mono
    # ffmpeg's own demuxer must agree with our reading of the headers (its Info frame is no packet)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]
        assert headers.frames - len(packets) in (0, 1)
        assert {packet.size for packet in packets} <= {626, 627}  # 144 * 192000 / 44100 = 626.9
    decoded, rate = soundfile.read(str(path), dtype="float32")
    assert rate == RATE and len(decoded) == len(audio.samples)  # encoder delay and padding taken out


@pytest.mark.parametrize("extra", [0, 11, 27, 40, 700, 1151])
def test_mp3_of_any_length_is_whole_and_passes_its_check(tmp_path: Path, extra: int) -> None:
    """A length of 1 to 47 samples over whole frames cannot be written into the header: the tail decodes longer."""
    from voicekit.master import LoudnessMeter, measure_file
    from voicekit.pipelines.finish import MP3_FRAME_SAMPLES, _check_mp3

    whole = tone(2.0).samples
    audio = Audio(whole[: len(whole) // MP3_FRAME_SAMPLES * MP3_FRAME_SAMPLES - MP3_FRAME_SAMPLES + extra], RATE)
    path = settle(encode_mp3(tmp_path / "a.mp3", audio).path, tmp_path / "a.mp3")
    meter = LoudnessMeter(RATE)
    meter.add(audio.samples)
    heard = measure_file(path)
    assert 0 <= heard.frames - len(audio.samples) < 48
    _check_mp3(path, heard, meter.result())


def test_mp3_has_the_level_of_its_master(tmp_path: Path) -> None:
    """LAME's preset for this bit rate would turn it down by 0.26 dB."""
    level_db_tol = 0.02
    audio = tone(3.0)
    path = settle(encode_mp3(tmp_path / "a.mp3", audio).path, tmp_path / "a.mp3")
    decoded, _ = soundfile.read(str(path), dtype="float64")
    middle = slice(RATE // 2, -RATE // 2)
    gain = 10 * np.log10(np.mean(decoded[middle] ** 2) / np.mean(audio.samples[middle].astype(float) ** 2))
    assert abs(gain) < level_db_tol


def test_mp3_tags_as_ffmpeg_reads_them(tmp_path: Path) -> None:
    path = settle(encode_mp3(tmp_path / "a.mp3", tone(0.2), tags=TAGS).path, tmp_path / "a.mp3")
    with av.open(str(path)) as container:
        seen = dict(container.metadata)
    assert seen == {
        "title": "Chapter One – é",
        "album": "A Book",
        "artist": "ada (synthetic voice)",
        "track": "3/12",
        "comment": "AI-generated speech",
    }


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3"])
def test_same_samples_same_bytes_however_they_are_cut(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = tone(2.0)
    digests = set()
    for run, size in enumerate([4096, 44100]):
        monkeypatch.setattr("time.time", lambda run=run: 1.0e9 + 1.0e6 * run)
        with open_writer(tmp_path / f"{run}.{kind}", RATE, tags=TAGS) as writer:
            for start in range(0, len(audio.samples), size):
                writer.write(audio.samples[start : start + size])
        digests.add(hashlib.sha256(aside(tmp_path / f"{run}.{kind}").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_a_writer_left_by_an_exception_leaves_nothing(tmp_path: Path) -> None:
    for kind in ("wav", "flac", "mp3"):
        with pytest.raises(RuntimeError, match="stop"), open_writer(tmp_path / f"a.{kind}", RATE) as writer:
            writer.write(tone(0.5).samples)
            raise RuntimeError("stop")
    assert list(tmp_path.iterdir()) == []


class FullDisk(io.RawIOBase):
    """A file on a disk with room for so many bytes."""

    def __init__(self, raw: io.BufferedRandom, room: int) -> None:
        self._raw, self._room = raw, room

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if self._raw.tell() + len(data) > self._room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._raw.write(data)

    def read(self, count: int = -1) -> bytes:
        return self._raw.read(count)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        if not self._raw.closed:
            self._raw.flush()

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._raw.close()


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3"])
def test_a_full_disk_is_one_clear_error_and_leaves_nothing(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open = open

    def small(path: str | Path, mode: str = "r", *args: object, **kw: object) -> object:
        raw = real_open(path, mode, *args, **kw)  # type: ignore[call-overload]
        return FullDisk(raw, 20_000) if str(path).endswith(".partial") and "w" in mode else raw

    monkeypatch.setattr("builtins.open", small)
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, RATE).astype(np.float32)
    with (
        pytest.raises(InputError, match="the disk is full"),
        open_writer(tmp_path / f"a.{kind}", RATE) as writer,
    ):
        for start in range(0, RATE, 4096):
            writer.write(noise[start : start + 4096])
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_settled_bytes_replace_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = settle_bytes(tmp_path / "a.json", b"old")

    def refuse(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files_module.os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        settle_bytes(target, b"new")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_reading_stereo_mixes_and_m4a_goes_through_ffmpeg(tmp_path: Path) -> None:
    stereo = np.stack([np.full(RATE, 0.5), np.full(RATE, 0.25)], axis=1)
    soundfile.write(tmp_path / "s.wav", stereo, RATE, subtype="PCM_16")
    assert read_audio(tmp_path / "s.wav").samples[100] == pytest.approx(0.375)

    with av.open(str(tmp_path / "a.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(to_int16(tone(1.0).samples).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    with pytest.raises(soundfile.LibsndfileError):
        soundfile.info(str(tmp_path / "a.m4a"))  # or this test would not reach PyAV
    audio = read_audio(tmp_path / "a.m4a")
    spectrum = np.abs(np.fft.rfft(audio.samples[:RATE]))
    assert audio.sample_rate == RATE and abs(int(spectrum.argmax()) - 440) <= 1


def test_bad_files_are_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not a sound")
    with pytest.raises(InputError, match=r"text\.wav: this is not a sound file"):
        read_audio(tmp_path / "text.wav")
    with pytest.raises(InputError, match=r"none\.wav: no such file"):
        AudioReader(tmp_path / "none.wav")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    with pytest.raises(InputError, match="there is no sound"):
        read_audio(tmp_path / "empty.wav")
    (tmp_path / "cut.mp3").write_bytes(b"ID3\x03\x00\x00\x00\x00\x00\x00\xff\xfb\xb0")
    with pytest.raises(InputError):
        read_audio(tmp_path / "cut.mp3")


def test_mp3_reader_names_the_byte_where_it_breaks(tmp_path: Path) -> None:
    path = settle(encode_mp3(tmp_path / "a.mp3", tone(1.0)).path, tmp_path / "a.mp3")
    data = bytearray(path.read_bytes())
    place = data.index(b"\xff\xfb", 2000)
    data[place + 1] = 0
    path.write_bytes(data)
    with pytest.raises(InputError, match=f"byte {place}"):
        read_mp3_frames(path)


def test_wrong_wishes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.ogg"):
        open_writer(tmp_path / "a.ogg", RATE)
    with pytest.raises(UsageError, match="24-bit"):
        open_writer(tmp_path / "a.mp3", RATE, bits=24)
    with pytest.raises(UsageError, match="44100 Hz, not 24000"):
        open_writer(tmp_path / "a.mp3", 24000)
    with pytest.raises(UsageError, match=r"must end in \.wav"):
        write_wav(tmp_path / "a.flac", tone(0.1))
    with pytest.raises(UsageError, match="float32"):
        Audio(np.zeros(3), RATE)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="shape"):
        Audio(np.zeros((3, 2), np.float32), RATE)
    with pytest.raises(InputError, match="no such file or folder"):
        open_writer(tmp_path / "none" / "a.wav", RATE)
    assert list(tmp_path.iterdir()) == []
