"""A corrected take from its pieces to an encoded file that was read back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from voicekit.audio import DecodedFile, Tags, io_error, open_writer, sha256_file, to_int16
from voicekit.audio.resample import StreamResampler
from voicekit.audio.write import MP3_SAMPLE_RATE
from voicekit.errors import UsageError, VoicekitError
from voicekit.master import LoudnessMeter
from voicekit.pipelines.finish import FinishedFile

__all__ = ["Retake", "encode_retake", "splice"]

F32 = NDArray[np.float32]

PEAK_LIMIT = 0.999
_BLOCK = 65_536
_MP3_SLACK = 2_304  # samples an MP3 may be longer than what was encoded


@dataclass(frozen=True)
class Retake:
    """A take with its pieces in place, on disk.

    Attributes
    ----------
    sound : DecodedFile
    peak : float
        Largest absolute sample.
    moved_s : float
        Seconds that were made anew.
    """

    sound: DecodedFile
    peak: float
    moved_s: float


def splice(take: DecodedFile, pieces: Iterable[tuple[int, F32]], place: Path, step: Callable[[float], None]) -> Retake:
    """Lay pieces into a take; all else keeps its samples.

    Parameters
    ----------
    take : DecodedFile
    pieces : iterable of (int, ndarray)
        First sample and (C, n), in order, without overlap.
    place : pathlib.Path
        Written anew.
    step : callable
        Told how much (0..1) is done, after every piece.
    """
    peak, moved = 0.0, 0

    def parts() -> Iterator[F32]:
        nonlocal moved
        at = 0
        for start, piece in pieces:
            for a in range(at, start, _BLOCK):
                yield take.read(a, min(a + _BLOCK, start))
            yield piece
            moved += piece.shape[1]
            at = start + piece.shape[1]
            step(at / take.frames)
        for a in range(at, take.frames, _BLOCK):
            yield take.read(a, a + _BLOCK)

    frames = 0
    try:
        with open(place, "wb") as sink:
            for part in parts():
                peak = max(peak, float(np.abs(part).max(initial=0.0)))
                sink.write(np.ascontiguousarray(part.T, dtype="<f4").tobytes())
                frames += part.shape[1]
    except OSError as problem:
        raise io_error(problem, place) from problem
    if frames != take.frames:
        raise VoicekitError(f"{frames} samples were made where the take has {take.frames}")
    sound = DecodedFile(place, take.sample_rate, take.channels, frames, take.bits)
    return Retake(sound, peak, moved / take.sample_rate)


def encode_retake(
    made: Retake, folder: Path, name: str, tags: Tags, tell: Callable[[str, float], None]
) -> tuple[FinishedFile, float]:
    """Write WAV, FLAC or MP3 aside and read it back.

    Rate, channels and (for WAV and FLAC) 16 or 24 bits are the take's; an MP3 is at 44.1 kHz.  A take that would
    clip is turned down as a whole.

    Parameters
    ----------
    made : Retake
    folder : pathlib.Path
    name : str
        Final name; its suffix chooses the format.
    tags : Tags
    tell : callable
        Told stage and part.

    Returns
    -------
    file : FinishedFile
    gain_db : float
        0 where nothing would have clipped.

    Raises
    ------
    UsageError
        A format that cannot hold it.
    VoicekitError
        The file read back is not what was encoded.
    """
    kind = Path(name).suffix.lower()
    sound = made.sound
    rate = MP3_SAMPLE_RATE if kind == ".mp3" else sound.sample_rate
    bits = 16 if kind == ".mp3" else sound.bits
    gain = min(1.0, PEAK_LIMIT / made.peak) if made.peak > 1.0 else 1.0
    meter, digest, frames = LoudnessMeter(rate), hashlib.sha256(), 0
    with open_writer(folder / name, rate, tags=tags, bits=bits, channels=sound.channels) as writer:
        for block in _at_rate(sound, rate):
            pcm = _pcm(block * np.float32(gain), bits)
            digest.update(pcm.astype("<i2" if bits == 16 else "<i4", copy=False).tobytes())
            meter.add(np.ascontiguousarray(block.mean(1, dtype=np.float32) * np.float32(gain)))
            writer.write(pcm if sound.channels > 1 else pcm[:, 0])
            frames += len(pcm)
            tell("encode", frames / max(1.0, sound.duration_s * rate))
    written = writer.close()
    tell("verify", 0.0)
    _read_back(written.path, kind, bits, frames, digest.hexdigest())
    file = FinishedFile(written.path, name, sha256_file(written.path), digest.hexdigest(), meter.result())
    return file, 20.0 * float(np.log10(gain))


def _at_rate(sound: DecodedFile, rate: int) -> Iterator[F32]:
    """Blocks (n, C) at another rate, each channel by a stream of its own."""
    if rate == sound.sample_rate:
        for block in sound.blocks():
            yield block.T
        return
    # One stream for each channel: they give blocks of the same sizes, as they are fed with such.
    streams = [
        StreamResampler(sound.sample_rate, rate).run(block[c] for block in sound.blocks())
        for c in range(sound.channels)
    ]
    for parts in zip(*streams, strict=True):
        yield np.stack(parts, axis=1)


def _pcm(block: F32, bits: int) -> NDArray[np.int16] | NDArray[np.int32]:
    if bits == 16:
        return to_int16(block)
    scaled = np.clip(np.rint(block.astype(np.float64) * 2**23), -(2**23), 2**23 - 1)
    return (scaled.astype(np.int64) << 8).astype(np.int32)


def _read_back(path: Path, kind: str, bits: int, frames: int, expected: str) -> None:
    """Decode what was written and hold it against what was encoded."""
    digest, count = hashlib.sha256(), 0
    dtype = "int16" if bits == 16 else "int32"
    try:
        with soundfile.SoundFile(str(path)) as sound:
            for block in sound.blocks(_BLOCK, dtype=dtype):
                digest.update(block.astype("<i2" if bits == 16 else "<i4", copy=False).tobytes())
                count += len(block)
    except (soundfile.LibsndfileError, OSError) as problem:
        raise VoicekitError(f"{path}: cannot be read back ({problem}); check the disk") from problem
    if kind == ".mp3":
        if not 0 <= count - frames < _MP3_SLACK:
            raise VoicekitError(f"{path}: {count} samples read back, {frames} encoded")
    elif digest.hexdigest() != expected:
        raise VoicekitError(f"{path}: read back, it is not what was encoded; check the disk")


def check_kind(name: str) -> None:
    """Refuse a name that tells no format we can write."""
    if Path(name).suffix.lower() not in (".wav", ".flac", ".mp3"):
        raise UsageError(f"{name}: cannot write this kind of sound", "name it .wav, .flac or .mp3")
