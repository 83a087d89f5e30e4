"""How like a training speaker each house voice is, by a speaker verifier, and how like each other they are."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.clips import corpus_folder
from bench.intelligibility import house, read_sentences
from bench.report import Options, Report, Table, command, one_thread, parse, rounded, say
from voicekit.audio import Audio, read_audio, resample
from voicekit.engines import list_voices
from voicekit.features.frames import SAMPLE_RATE
from voicekit.train.corpus import MIN_CONFIDENCE, read_corpus
from voicekit.train.seal import measure_speakers, speaker_encoder
from voicekit.train.split import is_held_out

SENTENCES, QUICK_SENTENCES = 12, 4
QUICK_SPEAKERS = 12

F32 = npt.NDArray[np.float32]


def training_speech(options: Options) -> dict[str, list[F32]]:
    """Recordings of every transcribed speaker the acoustic model learnt from, at 24 kHz."""
    found: dict[str, list[F32]] = {}
    for utterance in read_corpus(corpus_folder()):
        if is_held_out(utterance) or not utterance.text or utterance.confidence < MIN_CONFIDENCE:
            continue
        if options.quick and utterance.speaker not in found and len(found) >= QUICK_SPEAKERS:
            continue
        samples = resample(read_audio(utterance.path), SAMPLE_RATE).samples
        found.setdefault(utterance.speaker, []).append(samples.astype(np.float32))
    return found


def run(options: Options) -> Report:
    """Compare every voice with every training speaker and with the other voices."""
    report = Report("no_donor", "No donor: how like a training speaker the house voices are")
    embed = speaker_encoder()
    say("training speakers")
    speakers = measure_speakers(training_speech(options), embed)
    limit = min(speakers.stranger_median, speakers.same_p05)
    sentences = read_sentences()[: QUICK_SENTENCES if options.quick else SENTENCES]
    voices: dict[str, F32] = {}
    for voice in list_voices():
        say(voice.name)
        with tempfile.TemporaryDirectory(prefix="voicekit-bench-") as scratch:
            made = house(voice.name)(sentences, Path(scratch), 1.0)
        voices[voice.name] = embed(Audio(np.concatenate([a.samples for a in made]), made[0].sample_rate))
    rows: list[tuple[object, ...]] = []
    for name, mine in voices.items():
        alike = {speaker: float(mine @ other) for speaker, other in speakers.speakers.items()}
        nearest = max(alike.values())
        report.data.setdefault("voices", {})[name] = {
            "nearest": nearest,
            "mean": float(np.mean(list(alike.values()))),
            "others": {other: float(mine @ voices[other]) for other in voices if other != name},
        }
        below = "yes" if nearest < limit else "no"
        rows.append((name, rounded(nearest, 3), rounded(float(np.mean(list(alike.values()))), 3), below))
    report.data["speakers"] = {
        "count": len(speakers.speakers),
        "stranger_median": speakers.stranger_median,
        "same_mean": speakers.same_mean,
        "same_p05": speakers.same_p05,
    }
    heads = ("voice", "most like any training speaker", "mean over them", "below both limits")
    report.tables.append(Table(f"{len(speakers.speakers)} training speakers", heads, rows))
    report.tables.append(
        Table(
            "Between the voices",
            ("voice", *voices),
            [
                (one, *("-" if one == two else rounded(float(voices[one] @ voices[two]), 2) for two in voices))
                for one in voices
            ],
        )
    )
    report.notes += [
        "Cosine of embeddings by resemblyzer, which had no part in training. Limits: a reader and their own nearest "
        f"stranger, median {speakers.stranger_median:.3f}; two halves of one reader's recordings, 5th percentile "
        f"{speakers.same_p05:.3f} (mean {speakers.same_mean:.3f}).",
        "The sentences are not those the voices were sealed with; the voices speak through the studio.",
    ]
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = parse(__doc__ or "", argv)
    one_thread()
    run(options).write(options)
    return 0


if __name__ == "__main__":
    command(main)
