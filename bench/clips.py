"""Recordings of speakers that were kept out of training."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.report import Options, say
from voicekit.audio import Audio, read_audio, resample
from voicekit.errors import UsageError
from voicekit.evaluate import set_level, trim_silence
from voicekit.features.frames import HOP_LENGTH, SAMPLE_RATE, pad_to_frames
from voicekit.pitch import PitchTrack, tidy, track_pitch
from voicekit.train.corpus import Utterance, read_corpus
from voicekit.train.prepare import ACTIVE_RMS, NARROW_HZ, extend_band, fit_band_extension, prepare_one
from voicekit.train.split import is_held_out

F32 = npt.NDArray[np.float32]

CLIPS, QUICK_CLIPS = 24, 5
QUICK_FULL_BAND = 30  #: recordings that the band extension of a quick run is fitted on
LONGEST_S = 6.0
SHORTEST_S = 2.0
TOP_HZ = NARROW_HZ  #: the corpus is sampled at 16 kHz: nothing above is compared


@dataclass(frozen=True)
class Clip:
    """A recording of at most 6 s.

    Attributes
    ----------
    key, speaker : str
    audio : Audio
        24 kHz, whole frames, at the level of the training data.
    track : PitchTrack
        F0 by Praat.
    """

    key: str
    speaker: str
    audio: Audio
    track: PitchTrack


def corpus_folder() -> Path:
    """Where the corpus lies: ``$VOICEKIT_SHARED/corpus``, else ``../shared/corpus`` beside the checkout.

    Raises
    ------
    voicekit.errors.UsageError
        It is not there.
    """
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("VOICEKIT_SHARED", beside)) / "corpus"
    if not (folder / "transcripts.tsv").is_file():
        raise UsageError(
            f"{folder}: there is no corpus here", "set VOICEKIT_SHARED to the folder that holds corpus/"
        )
    return folder


def choose(utterances: list[Utterance], count: int) -> list[Utterance]:
    """Up to `count` recordings of held-out speakers, one of each speaker before a second of any, by name."""
    by_speaker: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in utterances:
        if is_held_out(utterance):
            by_speaker[utterance.speaker].append(utterance)
    rounds = max((len(of) for of in by_speaker.values()), default=0)
    order = [of[n] for n in range(rounds) for _, of in sorted(by_speaker.items()) if n < len(of)]
    return order[:count]


def load_clips(options: Options) -> list[Clip]:
    """The held-out clips with their F0.

    Raises
    ------
    voicekit.errors.UsageError
        There is no corpus, or nothing held out in it.
    """
    folder = corpus_folder()
    clips = []
    wanted = options.clips or (QUICK_CLIPS if options.quick else CLIPS)
    for utterance in choose(read_corpus(folder), 4 * wanted):
        audio = read_audio(utterance.path)
        samples = trim_silence(audio.samples, audio.sample_rate)[: round(LONGEST_S * audio.sample_rate)]
        if len(samples) < SHORTEST_S * audio.sample_rate:
            continue
        samples = set_level(samples, audio.sample_rate, rms=ACTIVE_RMS)
        wave = resample(Audio(samples, audio.sample_rate), SAMPLE_RATE).samples
        wave = pad_to_frames(wave[: len(wave) // HOP_LENGTH * HOP_LENGTH])
        track = tidy(track_pitch(wave, SAMPLE_RATE))  # slips at the edges are no pitch to command
        clips.append(Clip(utterance.key, utterance.speaker, Audio(wave, SAMPLE_RATE), track))
        if len(clips) == wanted:
            break
    if not clips:
        raise UsageError(
            f"{folder}: no recording of a held-out speaker is long enough", "use the whole corpus"
        )
    return clips


def band_extension(options: Options) -> Callable[[F32], F32]:
    """What training does to fill in the bands that 16 kHz recordings lack, (T, 80) -> (T, 80).

    Fitted again on the full-band recordings, and kept in the scratch folder for the next run.
    """
    low_bands, matrix = _band_extension(options)
    return lambda envelope: extend_band(envelope, low_bands, matrix)


def _band_extension(options: Options) -> tuple[int, F32]:
    kept = options.scratch / f"band_extension{'_quick' if options.quick else ''}.npz"
    if kept.is_file():
        with np.load(kept) as data:
            return int(data["low_bands"]), data["matrix"]
    say("fitting the band extension on the full-band recordings")
    examples = []
    for utterance in read_corpus(corpus_folder()):
        if utterance.subset in ("ljspeech", "vocobox"):
            made = prepare_one(replace(utterance, confidence=0.0))  # no alignment needed here
            if made is not None:
                examples.append(made)
        if options.quick and len(examples) == QUICK_FULL_BAND:
            break
    low_bands, matrix = fit_band_extension(examples)
    np.savez(kept, low_bands=low_bands, matrix=matrix)
    return low_bands, matrix
