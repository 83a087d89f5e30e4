"""Predicted F0 and durations against held-out readers, how much the voices drone, and what the rules of prosody do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bench.clips import choose, corpus_folder
from bench.report import Options, Report, Table, command, one_thread, parse, rounded, say
from voicekit.engines import list_voices, open_engine
from voicekit.engines.base import SpeechParams
from voicekit.engines.house import HouseEngine
from voicekit.errors import UsageError
from voicekit.evaluate import bootstrap_mean
from voicekit.models.acoustic import phone_positions
from voicekit.text.phones import PAUSE, PHONE_ID, SILENCE
from voicekit.train.corpus import read_corpus
from voicekit.train.prepare import Example, prepare_one

F64 = npt.NDArray[np.float64]

EXAMPLES, QUICK_EXAMPLES = 29, 6
_PAUSES = [PHONE_ID[PAUSE], PHONE_ID[SILENCE]]
_SLIP_SEMITONES = 12.0  # further from the median F0 is the tracker's slip, not the reader's melody
METRICS = ("f0_r", "f0_rmse_st", "duration_r", "duration_rmse", "natural_st", "predicted_st")

#: What is compared: a plain sentence, the same with a rule at work, and what Praat should see.
PAIRS: dict[str, tuple[str, str, str]] = {
    "emphasis on the first word": ("Mary will lend me a melon.", "{e+1} Mary {} will lend me a melon.", "start_st"),
    "emphasis, strong": ("Mary will lend me a melon.", "{e+1.5} Mary {} will lend me a melon.", "start_st"),
    "pitch +3 semitones": ("The men may marry in May.", "{p+3} The men may marry in May.", "median_st"),
    "volume -6 dB": ("The men may marry in May.", "{v-6} The men may marry in May.", "level_db"),
    "rate 80 %": ("The men may marry in May.", "{r0.8} The men may marry in May.", "seconds_ratio"),
    "direct speech": ("Many men lie in the room.", "{p+0.80 v+0.80} Many men lie in the room.", "median_st"),
    "brackets": ("Many men lie in the room.", "{p-1.50 r1.1 v-1.50} Many men lie in the room.", "median_st"),
    "question for yes or no, its end": ("Mary is in the room.", "Is Mary in the room?", "end_st"),
    "question for a thing, its end": ("Mary is in the room.", "Where is Mary now?", "end_st"),
}  # fmt: skip


def held_out(options: Options) -> list[Example]:
    """Aligned recordings of readers never trained on.

    Raises
    ------
    voicekit.errors.UsageError
        None could be aligned.
    """
    wanted = options.clips or (QUICK_EXAMPLES if options.quick else EXAMPLES)
    found: list[Example] = []
    for utterance in choose(read_corpus(corpus_folder()), 2 * wanted):
        made = prepare_one(utterance)
        if made is not None and len(made.phones):
            found.append(made)
        if len(found) == wanted:
            return found
    if not found:
        raise UsageError("no held-out recording could be aligned", "install pocketsphinx and use the whole corpus")
    return found


@torch.inference_mode()
def predicted(engine: HouseEngine, example: Example) -> tuple[F64, F64]:
    """Melody (T,) in semitones, at the reader's own timing, and log frames of each phone (L,), by the voice."""
    ids = torch.from_numpy(example.phones.astype(np.int64))[None]
    mask = torch.ones(1, ids.shape[1])
    encoded, log_frames = engine.acoustic.encode(ids, phone_positions(ids[..., 0], mask), mask, engine.embedding)
    frames = torch.from_numpy(example.durations.astype(np.int64))[None]
    octaves, _ = engine.acoustic.predict_melody(engine.acoustic.spread(encoded, frames), engine.embedding)
    melody = 12.0 * engine.settings.liveliness * octaves[0].numpy().astype(np.float64)
    return melody, log_frames[0].numpy().astype(np.float64)


def compare(engine: HouseEngine, example: Example) -> dict[str, float]:
    """Figures of one recording; F0 over frames the reader voiced, each melody around its own mean."""
    melody, log_frames = predicted(engine, example)
    f0 = example.f0_hz[: len(melody)].astype(np.float64)
    semitones = 12.0 * np.log2(np.maximum(f0, 1.0))
    voiced = f0 > 0
    voiced &= np.abs(semitones - np.median(semitones[voiced])) < _SLIP_SEMITONES
    natural, ours = semitones[voiced], melody[: len(f0)][voiced]
    natural, ours = natural - natural.mean(), ours - ours.mean()
    sounding = ~np.isin(example.phones[:, 0], _PAUSES)
    took, would = np.log(np.maximum(example.durations, 1))[sounding], log_frames[sounding]
    would = would - would.mean() + took.mean()  # how fast this reader reads is no prediction of prosody
    return {
        "f0_r": float(np.corrcoef(natural, ours)[0, 1]),
        "f0_rmse_st": float(np.sqrt(np.mean((natural - ours) ** 2))),
        "duration_r": float(np.corrcoef(took, would)[0, 1]),
        "duration_rmse": float(np.sqrt(np.mean((took - would) ** 2))),
        "natural_st": float(natural.std()),
        "predicted_st": float(ours.std()),
    }


def praat(samples: npt.NDArray[np.float32], rate: int) -> dict[str, float]:
    """What Praat sees in a sentence."""
    import parselmouth

    wave = samples.astype(np.float64)
    heard = parselmouth.Sound(wave, rate).to_pitch_ac(pitch_floor=50, pitch_ceiling=500)
    times, f0 = heard.xs(), heard.selected_array["frequency"]
    semitones = 12.0 * np.log2(f0[f0 > 0])
    return {
        "median_st": float(np.median(semitones)),
        "start_st": float(np.percentile(12.0 * np.log2(f0[(f0 > 0) & (times < 0.45)]), 95)),
        "end_st": float(np.median(semitones[-6:])),
        "level_db": float(10.0 * np.log10(np.mean(wave**2))),
        "seconds": len(wave) / rate,
    }


def effects(speak: Callable[[str], npt.NDArray[np.float32]], rate: int) -> dict[str, float]:
    """What each rule changes, in the unit of what it is about."""
    found = {}
    for name, (plain, styled, what) in PAIRS.items():
        before, after = praat(speak(plain), rate), praat(speak(styled), rate)
        if what == "seconds_ratio":
            found[name] = after["seconds"] / before["seconds"]
        else:
            found[name] = after[what] - before[what]
    return found


def speaker(engine: HouseEngine) -> Callable[[str], npt.NDArray[np.float32]]:
    """Sentences by an engine, under a permit of a ledger that is thrown away."""
    import tempfile
    from pathlib import Path

    from consent import Ledger, PublicKey, Use
    from voicekit.engines import load_voice, release_keys

    folder = Path(tempfile.mkdtemp(prefix="voicekit-bench-"))
    ledger = Ledger.init(folder / "ledger", operator_name="bench", sidecar=folder / "sidecar")
    keys = [PublicKey.from_did(did) for did in release_keys()]
    ledger.grant_house_voice(ledger.add_record(load_voice(engine.voice).record, release_keys=keys))
    permit = ledger.request(
        Use(mode="speech", purpose="test", seconds=600),
        voice=engine.voice,
        operands=engine.operands,
        params_sha256="0" * 64,
        text_commit=ledger.commit_text("bench"),
    )
    return lambda text: engine.speak(permit, text, SpeechParams()).samples


def mean_of(rows: Sequence[dict[str, float]], metric: str) -> float:
    """Mean of a figure over recordings."""
    return float(np.mean([row[metric] for row in rows]))


def run(options: Options) -> Report:
    """Measure every house voice."""
    report = Report("prosody", "Prosody: against held-out readers, and what the rules do")
    examples = held_out(options)
    voices: dict[str, Any] = {}
    for voice in list_voices():
        say(f"{voice.name}: {len(examples)} recordings")
        engine = open_engine(voice.name)
        if not isinstance(engine, HouseEngine):
            continue
        rows = [compare(engine, example) for example in examples]
        voices[voice.name] = {
            "recordings": rows,
            "mean": {metric: mean_of(rows, metric) for metric in METRICS},
            "drone": bootstrap_mean([row["predicted_st"] - row["natural_st"] for row in rows]).__dict__,
            "effects": effects(speaker(engine), engine.sample_rate),
        }
    heads = (
        "voice", "F0: correlation", "F0: RMSE, semitones", "F0 deviation, semitones", "the readers'",
        "difference (95 %)", "log duration: correlation", "its RMSE, nepers",
    )  # fmt: skip
    table: list[tuple[object, ...]] = []
    for name, found in voices.items():
        mean, drone = found["mean"], found["drone"]
        table.append(
            (
                name, rounded(mean["f0_r"], 2), rounded(mean["f0_rmse_st"], 2), rounded(mean["predicted_st"], 2),
                rounded(mean["natural_st"], 2),
                f"{drone['value']:+.2f} ({drone['low']:+.2f} to {drone['high']:+.2f})",
                rounded(mean["duration_r"], 2), rounded(mean["duration_rmse"], 2),
            )
        )  # fmt: skip
    title = f"{len(examples)} recordings of {len({e.speaker for e in examples})} readers never trained on"
    report.tables.append(Table(title, heads, table))
    units = {"start_st": "semitones", "median_st": "semitones", "end_st": "semitones", "level_db": "dB"}
    report.tables.append(
        Table(
            "What each rule does to the sound, by Praat",
            ("rule", "unit", *voices),
            [
                (rule, units.get(what, "times as long"), *(f"{v['effects'][rule]:+.2f}" for v in voices.values()))
                for rule, (_, _, what) in PAIRS.items()
            ],
        )
    )
    report.notes += [
        "F0 of the recordings at their own timing: only melody is compared, around each one's own mean; readers read "
        "what they understood, the model knows phones and pauses alone. Two readers of one text do not agree either.",
        "Deviation of F0 over a recording is the measure of droning: below the readers' is flatter than they read.",
    ]
    report.data["voices"] = voices
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = parse(__doc__ or "", argv)
    one_thread()
    run(options).write(options)
    return 0


if __name__ == "__main__":
    command(main)
