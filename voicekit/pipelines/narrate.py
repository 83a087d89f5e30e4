"""Speak a chapter sentence by sentence, and put the takes together.

Sound goes through 16-bit takes on disk: what is assembled is always read back
from there, so a run that was killed and resumed cannot differ from one that
was left in peace.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consent import Permit
from voicekit.audio import from_int16, to_int16
from voicekit.errors import VoicekitError
from voicekit.pipelines.engine import Engine, ParamsMaker
from voicekit.pipelines.listening import Hear, Listening
from voicekit.pipelines.plan import ChapterPlan, PlannedSentence
from voicekit.pipelines.progress import ProgressMeter
from voicekit.pipelines.takes import StoredTake, TakeStore

__all__ = ["ChapterSound", "SentenceTime", "chapter_source", "speak_chapter"]

_FADE_S = 0.002
# Takes end at the last sound, not at a zero crossing: 2 ms keep the joint from clicking.


@dataclass(frozen=True)
class SentenceTime:
    """Where a sentence lies in its chapter's sound.

    Parameters
    ----------
    number : int
    start, end : int
        Samples at the engine's rate, from the chapter's first sound (the head is not counted).
    """

    number: int
    start: int
    end: int


@dataclass(frozen=True)
class ChapterSound:
    """What speaking a chapter gave.

    Parameters
    ----------
    times : tuple of SentenceTime
    frames : int
        Samples at the engine's rate, pauses included.
    made, reused : int
        Takes rendered now, and found on disk.
    """

    times: tuple[SentenceTime, ...]
    frames: int
    made: int
    reused: int


def speak_chapter(
    permit: Permit,
    plan: ChapterPlan,
    engine: Engine,
    make_params: ParamsMaker,
    takes: TakeStore,
    *,
    recheck: Callable[[], None],
    meter: ProgressMeter,
    hear: Hear | None = None,
) -> ChapterSound:
    """See that every sentence of a chapter has its take on disk.

    Parameters
    ----------
    permit : Permit
        For this chapter; checked before the first take is looked for.
    plan : ChapterPlan
    engine : Engine
    make_params : callable
        From a `SpeechChoice` to the engine's own parameters.
    takes : TakeStore
    recheck : callable
        Asks the ledger before each sentence whether the permission still stands; raises if not.
    meter : ProgressMeter
    hear : callable, optional
        Given the chapter's sound in order, pauses included, while it is made: the takes as they are kept, before
        mastering. Called from this thread; the ledger is asked before each block.

    Returns
    -------
    ChapterSound

    Raises
    ------
    consent.ConsentRefusedError
        The permit is not good, or the permission was withdrawn meanwhile.
    Cancelled
        On request; finished sentences are on disk.
    """
    permit.require(mode="speech", operands=engine.operands)
    times: list[SentenceTime] = []
    frames = made = reused = 0
    for sentence, length, found in _in_order(permit, plan, engine, make_params, takes, recheck, hear):
        if sentence.spoken:
            reused += found
            made += not found
        meter.sentence(len(sentence.spoken), length / engine.sample_rate, sentence.text, reused=found)
        times.append(SentenceTime(sentence.number, frames, frames + length))
        pause = _pause_frames(sentence, engine.sample_rate)
        if hear is not None and pause:
            hear(np.zeros(pause, dtype=np.float32), engine.sample_rate)
        frames += length + pause
    recheck()
    return ChapterSound(tuple(times), frames, made, reused)


def _in_order(
    permit: Permit,
    plan: ChapterPlan,
    engine: Engine,
    make_params: ParamsMaker,
    takes: TakeStore,
    recheck: Callable[[], None],
    hear: Hear | None,
) -> Iterator[tuple[PlannedSentence, int, bool]]:
    """Every sentence with the length of its take and whether that was there; `engine.at_once` are under way.

    A sentence is begun only after a fresh `recheck`, and is on disk as soon as it is spoken, whichever of its
    neighbours is late: a kill loses the sentences under way and no others.
    """

    def see_to(sentence: PlannedSentence, listening: Listening | None) -> tuple[int, bool]:
        try:
            recheck()
            if not sentence.spoken:
                return 0, True
            take = takes.fetch(permit, engine.operands, sentence.take)
            if take is not None and take.sample_rate == engine.sample_rate:
                if listening is not None:
                    listening.blocks.put(take.pcm)
                return len(take.pcm), True
            take = _speak(permit, sentence, engine, make_params, listening)
            takes.keep(permit, engine.operands, sentence.take, take)
            return len(take.pcm), False
        finally:
            if listening is not None:
                listening.close()

    under_way: deque[tuple[PlannedSentence, Listening | None, Future[tuple[int, bool]]]] = deque()

    def first() -> tuple[PlannedSentence, int, bool]:
        sentence, listening, work = under_way[0]
        if listening is not None and hear is not None:
            listening.play(hear, engine.sample_rate, recheck)
        found = work.result()
        under_way.popleft()
        return sentence, *found

    with ThreadPoolExecutor(engine.at_once, thread_name_prefix="voicekit-speak") as workers:
        try:
            for sentence in plan.sentences:
                listening = None if hear is None else Listening()
                under_way.append((sentence, listening, workers.submit(see_to, sentence, listening)))
                while len(under_way) > engine.at_once:
                    yield first()
            while under_way:
                yield first()
        finally:
            for _sentence, _listening, work in under_way:
                work.cancel()


def _speak(
    permit: Permit,
    sentence: PlannedSentence,
    engine: Engine,
    make_params: ParamsMaker,
    listening: Listening | None,
) -> StoredTake:
    params = make_params(sentence.choice)
    if listening is not None:
        blocks = engine.stream(permit, sentence.said, params)
        pcm = np.concatenate([listening.put(_sound(block, sentence)) for block in blocks])
        return StoredTake(pcm, engine.sample_rate)
    audio = engine.speak(permit, sentence.said, params)
    if audio.sample_rate != engine.sample_rate:
        raise VoicekitError(f"the engine gave {audio.sample_rate} Hz where it announced {engine.sample_rate} Hz")
    return StoredTake(to_int16(_sound(audio.samples, sentence)), audio.sample_rate)


def _sound(samples: NDArray[np.float32], sentence: PlannedSentence) -> NDArray[np.float32]:
    if not np.isfinite(samples).all():
        raise VoicekitError(
            f"the engine gave no usable sound for sentence {sentence.number} ({sentence.text[:60]!r}); "
            "re-render it with another seed (--redo)"
        )
    return samples


def _pause_frames(sentence: PlannedSentence, sample_rate: int) -> int:
    return max(0, round(sentence.pause_s * sample_rate))


def chapter_source(
    permit: Permit, plan: ChapterPlan, engine: Engine, takes: TakeStore
) -> Callable[[], Iterator[NDArray[np.float32]]]:
    """The chapter as a stream that can be started again.

    Parameters
    ----------
    permit : Permit
    plan : ChapterPlan
        All its takes must be on disk (`speak_chapter`).
    engine : Engine
    takes : TakeStore

    Returns
    -------
    callable
        Each call starts the stream of float32 blocks at the engine's rate anew.
    """

    def fetch(sentence: PlannedSentence) -> StoredTake | None:
        return takes.fetch(permit, engine.operands, sentence.take) if sentence.take else None

    def blocks() -> Iterator[NDArray[np.float32]]:
        for sentence, take in _one_ahead(fetch, plan.sentences):
            if sentence.take:
                if take is None:
                    raise VoicekitError(
                        f"{takes.path(sentence.take)}: this take was removed or damaged while the chapter "
                        "was being finished; run the same command again"
                    )
                yield _faded(from_int16(take.pcm), round(_FADE_S * engine.sample_rate))
            pause = _pause_frames(sentence, engine.sample_rate)
            if pause:
                yield np.zeros(pause, dtype=np.float32)

    return blocks


def _one_ahead(
    fetch: Callable[[PlannedSentence], StoredTake | None], sentences: Sequence[PlannedSentence]
) -> Iterator[tuple[PlannedSentence, StoredTake | None]]:
    """Each sentence with its take; the next one is read and decoded while this one is worked on."""
    with ThreadPoolExecutor(1, thread_name_prefix="voicekit-takes") as reader:
        coming: deque[Future[StoredTake | None]] = deque()
        for index, sentence in enumerate(sentences):
            while len(coming) < 2 and index + len(coming) < len(sentences):
                coming.append(reader.submit(fetch, sentences[index + len(coming)]))
            yield sentence, coming.popleft().result()


def _faded(waveform: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    length = min(length, len(waveform) // 2)
    if length:
        ramp = np.linspace(0.0, 1.0, length, dtype=np.float32)
        waveform[:length] *= ramp
        waveform[-length:] *= ramp[::-1]
    return waveform
