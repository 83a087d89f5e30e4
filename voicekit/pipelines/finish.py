"""From a chapter's stream to encoded files, each read back and checked."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from voicekit.audio import (
    PcmWriter,
    Tags,
    Written,
    aside,
    io_error,
    open_writer,
    read_mp3_frames,
    sha256_file,
    to_int16,
)
from voicekit.audio.write import MP3_BIT_RATE, MP3_SAMPLE_RATE
from voicekit.errors import VoicekitError
from voicekit.master import Loudness, LoudnessMeter, MasterProfile, master_stream, measure_file, plan_master
from voicekit.pipelines.progress import ProgressMeter

__all__ = ["FinishedFile", "finish_chapter"]

_MP3_RMS_TOLERANCE_DB = 0.3
MP3_FRAME_SAMPLES = 1152
_QUEUE = 16  # blocks an encoder may lie behind: 2 MB


@dataclass(frozen=True)
class FinishedFile:
    """One encoded file that still lies aside.

    Parameters
    ----------
    path : pathlib.Path
        Where it lies.
    name : str
        The name it is to have.
    sha256 : str
        Of its bytes, as read back.
    pcm_sha256 : str
        Of the 16-bit master that was encoded (for WAV and FLAC also of what decoding gives).
    loudness : Loudness
        Measured on the decoded file.
    """

    path: Path
    name: str
    sha256: str
    pcm_sha256: str
    loudness: Loudness


class _Lane:
    """An encoder on a thread of its own: LAME takes longer than all the rest."""

    def __init__(self, writer: PcmWriter) -> None:
        self.writer = writer
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="voicekit-encode")
        self._waiting: deque[Future[None]] = deque()

    def write(self, pcm: NDArray[np.int16]) -> None:
        if len(self._waiting) >= _QUEUE:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self.writer.write, pcm))

    def close(self, read_back: Callable[[Written], FinishedFile]) -> Future[FinishedFile]:
        """Close the file and read it back, beside the other lanes."""
        written = list(self._waiting)  # one thread: all done when the next work begins

        def end() -> FinishedFile:
            for one in written:
                one.result()
            return read_back(self.writer.close())

        return self._thread.submit(end)

    def drop(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        if aside_exists(self.writer):
            self.writer.drop()

    def end(self) -> None:
        self._thread.shutdown(wait=True)


def aside_exists(writer: PcmWriter) -> bool:
    """Whether the writer's file is still there."""
    return writer.path.exists()


def finish_chapter(
    source: Callable[[], Iterator[NDArray[np.float32]]],
    sample_rate: int,
    folder: Path,
    names: Sequence[str],
    *,
    profile: MasterProfile,
    tags: Tags,
    seed: int,
    meter: ProgressMeter,
) -> tuple[tuple[FinishedFile, ...], dict[str, Any]]:
    """Master a chapter, encode it in every format, read every file back.

    Parameters
    ----------
    source : callable
        See `chapter_source`.
    sample_rate : int
        Of the source, Hz.
    folder : pathlib.Path
        Where the files are made; they get ``.partial`` names.
    names : sequence of str
        Final names; their suffixes choose the formats.
    profile : MasterProfile
    tags : Tags
    seed : int
        Of the room tone.
    meter : ProgressMeter

    Returns
    -------
    files : tuple of FinishedFile
        In the order of ``names``.
    measured : dict
        Gain and levels of the master.

    Raises
    ------
    InputError
        The disk is full or may not be written.
    VoicekitError
        A file read back is not what was encoded.
    """
    meter.tell("master")
    plan = plan_master(source, sample_rate, profile)
    total = plan.frames_out(profile)
    heard = LoudnessMeter(profile.sample_rate)
    digest = hashlib.sha256()
    frames = 0
    lanes: list[_Lane] = []
    with ExitStack() as undo:
        for name in names:
            lane = _Lane(open_writer(folder / name, profile.sample_rate, tags=tags))
            undo.callback(lane.drop)
            lanes.append(lane)
        for block in master_stream(source, plan, profile, seed=seed):
            pcm = to_int16(block)
            digest.update(pcm.astype("<i2", copy=False).tobytes())
            heard.add(block)
            for lane in lanes:
                lane.write(pcm)
            frames += len(pcm)
            meter.tell("encode", part=0.7 * frames / total)
        master = heard.result()
        if frames != total:
            raise VoicekitError(f"the master has {frames} samples where {total} were announced")
        meter.tell("verify", part=0.8)
        reading = [
            lane.close(partial(_read_back, name=name, pcm_sha256=digest.hexdigest(), master=master))
            for name, lane in zip(names, lanes, strict=True)
        ]
        files = tuple(future.result() for future in reading)
        undo.pop_all()
    for lane in lanes:
        lane.end()
    measured = {
        "gain_db": plan.gain_db,
        "limited_db": round(plan.limited_db, 4),
        "source_rms_dbfs": round(plan.source_rms_dbfs, 3),
        "master": master.to_json(),
    }
    return files, measured


def _read_back(made: Written, name: str, pcm_sha256: str, master: Loudness) -> FinishedFile:
    """Decode what was encoded and hold it against the master."""
    try:
        sha256 = sha256_file(made.path)
    except OSError as problem:
        raise io_error(problem, made.path) from problem
    if name.lower().endswith(".mp3"):
        loudness = measure_file(made.path)
        _check_mp3(made.path, loudness, master)
    else:
        if _pcm_digest(made.path) != pcm_sha256:
            raise VoicekitError(f"{made.path}: read back, it is not what was encoded; check the disk")
        loudness = master
    return FinishedFile(made.path, name, sha256, pcm_sha256, loudness)


def _check_mp3(path: Path, loudness: Loudness, master: Loudness) -> None:
    headers = read_mp3_frames(path)
    if headers.bit_rates != (MP3_BIT_RATE,) or headers.sample_rates != (MP3_SAMPLE_RATE,) or not headers.mono:
        raise VoicekitError(f"{path}: not a constant 192 kbit/s 44.1 kHz mono MP3: {headers}")
    # An MP3 tells its padding only where that is at least the decoder's own delay; else a tail of it is decoded too.
    if not 0 <= loudness.frames - master.frames < MP3_FRAME_SAMPLES:
        raise VoicekitError(f"{path}: {loudness.frames} samples read back, {master.frames} encoded")
    if abs(loudness.rms_dbfs - master.rms_dbfs) > _MP3_RMS_TOLERANCE_DB:
        raise VoicekitError(f"{path}: RMS {loudness.rms_dbfs:.2f} dB read back, {master.rms_dbfs:.2f} dB encoded")


def _pcm_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with soundfile.SoundFile(str(path)) as sound:
        for block in sound.blocks(1 << 16, dtype="int16"):
            digest.update(block.astype("<i2", copy=False).tobytes())
    return digest.hexdigest()


def partial_path(folder: Path, name: str) -> Path:
    """Where `finish_chapter` writes a file of this final name."""
    return aside(folder / name)
