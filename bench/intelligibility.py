"""How many words an independent recogniser gets wrong, at several rates, and DNSMOS: house voices, flite, espeak-ng
and readers."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.clips import choose, corpus_folder
from bench.report import Options, Report, Table, command, one_thread, parse, percent, rounded, say
from voicekit.audio import Audio, read_audio, resample
from voicekit.engines import list_voices
from voicekit.errors import UsageError, VoicekitError
from voicekit.evaluate import (
    WordErrors,
    bootstrap_mean,
    bootstrap_ratio,
    count_word_errors,
    plain_words,
    set_level,
    trim_silence,
)
from voicekit.evaluate.quality import dnsmos
from voicekit.evaluate.recogniser import SAMPLE_RATE, Recogniser
from voicekit.train.corpus import Utterance, read_corpus

SENTENCES = Path(__file__).resolve().parent / "data" / "harvard.txt"
QUICK_SENTENCES = 5
LIST_LENGTH = 10
FLITE_VOICES = ("rms", "slt", "awb")
RIVAL = "flite rms"
ESPEAK_WPM = 175  #: what espeak-ng calls its usual rate
PAD_S = 0.25
FLOOR_RMS = 1e-4  #: white noise under everything, -80 dB of full scale: no system has the advantage of digital zeros

RATES = (0.8, 1.25, 1.5, 2.0)  #: times a voice's own
RATE_SENTENCES, QUICK_RATE_SENTENCES = 20, 3
QUICK_RATES = (1.5,)
READ, QUICK_READ = 24, 3  #: recordings of readers
READ_LETTERS = (40, 160)  #: of a text, so that it is one sentence for everybody
NATURAL = "the recordings"

Speaker = Callable[[Sequence[str], Path, float], list[Audio]]


def read_sentences() -> list[str]:
    """The 60 sentences."""
    lines = SENTENCES.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def prepared(audio: Audio) -> tuple[Audio, float]:
    """One rate, level and silence for every system, and the seconds that were speech.

    16 kHz, edges 50 dB below the loudest frame cut off, -26 dB active level, a quarter of a second of -80 dB noise
    on both sides and under it all.
    """
    wave = trim_silence(resample(audio, SAMPLE_RATE).samples, SAMPLE_RATE)
    spoken_s = len(wave) / SAMPLE_RATE
    wave = np.pad(set_level(wave, SAMPLE_RATE), round(PAD_S * SAMPLE_RATE))
    floor = np.random.default_rng(0).normal(0.0, FLOOR_RMS, len(wave))
    return Audio((wave + floor).astype(np.float32), SAMPLE_RATE), spoken_s


def by_command(command: Callable[[str, Path, float], list[str]]) -> Speaker:
    """A speaker that is a program writing one WAV file a sentence, at a rate."""

    def speak(sentences: Sequence[str], folder: Path, rate: float) -> list[Audio]:
        made = []
        for number, sentence in enumerate(sentences):
            target = folder / f"{number:03d}.wav"
            subprocess.run(command(sentence, target, rate), check=True, capture_output=True)
            made.append(read_audio(target))
        return made

    return speak


def flite(voice: str) -> Speaker:
    """Flite in one of its built-in voices."""

    def line(sentence: str, target: Path, rate: float) -> list[str]:
        slower = [] if rate == 1.0 else ["--setf", f"duration_stretch={1.0 / rate:.4f}"]
        return ["flite", "-voice", voice, *slower, "-t", sentence, "-o", str(target)]

    return by_command(line)


def espeak() -> Speaker:
    """espeak-ng's formant synthesis, US English."""

    def line(sentence: str, target: Path, rate: float) -> list[str]:
        faster = [] if rate == 1.0 else ["-s", f"{ESPEAK_WPM * rate:.0f}"]
        return ["espeak-ng", "-v", "en-us", *faster, "-w", str(target), sentence]

    return by_command(line)


def house(voice: str) -> Speaker:
    """A house voice through the studio: a grant, a permit, a narration; sentences cut at the report's times."""

    def speak(sentences: Sequence[str], folder: Path, rate: float = 1.0) -> list[Audio]:
        from voicekit.studio import NarrateOptions, Studio

        studio = Studio.create(folder / "studio", "bench")
        studio.adopt_house_voice(voice)
        lists = [" ".join(sentences[i : i + LIST_LENGTH]) for i in range(0, len(sentences), LIST_LENGTH)]
        take = studio.narrate(
            "\n\n".join(lists) + "\n",
            voice=voice,
            out=folder / "out",
            options=NarrateOptions(formats=("flac",), title="Sentences", profile="clip", languages=("en",), rate=rate),
        )
        return cut(take.report, [chapter.files[0] for chapter in take.chapters], sentences)

    return speak


def cut(report: Path, files: Sequence[Path], sentences: Sequence[str]) -> list[Audio]:
    """The sentences of a narration, one by one, in order.

    Raises
    ------
    voicekit.errors.VoicekitError
        What was narrated is not sentence for sentence what was asked.
    """
    told = json.loads(report.read_text(encoding="utf-8"))
    made: list[Audio] = []
    for chapter, file in zip(told["chapters"], files, strict=True):
        audio = read_audio(file)
        for entry in chapter["sentences"]:
            wanted = sentences[len(made)] if len(made) < len(sentences) else ""
            if plain_words(entry["text"]) != plain_words(wanted):
                raise VoicekitError(f"{report}: sentence {len(made) + 1} is {entry['text']!r}, not {wanted!r}")
            start, end = (round(entry[key] * audio.sample_rate) for key in ("start_s", "end_s"))
            made.append(Audio(audio.samples[start:end], audio.sample_rate))
    if len(made) != len(sentences):
        raise VoicekitError(f"{report}: {len(made)} sentences were narrated, not {len(sentences)}")
    return made


def speakers(report: Report) -> dict[str, Speaker]:
    """Everybody who can speak here; who cannot is named in the report's notes."""
    found: dict[str, Speaker] = {f"voicekit {voice.name}": house(voice.name) for voice in list_voices()}
    if not found:
        report.notes.append("No house voice is installed: only the rivals were measured.")
    if shutil.which("flite"):
        found |= {f"flite {voice}": flite(voice) for voice in FLITE_VOICES}
    else:
        report.notes.append("flite is not installed (Debian package flite): left out.")
    if shutil.which("espeak-ng"):
        found["espeak-ng en-us"] = espeak()
    else:
        report.notes.append("espeak-ng is not installed (Debian package espeak-ng): left out.")
    return found


def measure(
    name: str, audios: Sequence[Audio], sentences: Sequence[str], ear: Recogniser, *, judged: bool = True
) -> dict[str, Any]:
    """Listen to one system's sentences; `judged` by DNSMOS, which takes longer than all else, or not."""
    rows = []
    for sentence, audio in zip(sentences, audios, strict=True):
        ready, spoken_s = prepared(audio)
        heard = ear.hear(ready)
        errors = count_word_errors(plain_words(sentence), plain_words(heard))
        row = {"text": sentence, "heard": heard, "spoken_s": spoken_s, **asdict(errors)}
        rows.append(row | {"dnsmos": asdict(dnsmos(ready))} if judged else row)
    return together(rows)


def together(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of several sentences."""
    total = sum(
        (WordErrors(*(row[k] for k in ("substitutions", "deletions", "insertions", "words"))) for row in rows),
        start=WordErrors(0, 0, 0, 0),
    )
    return {
        "sentences": rows,
        "wer": total.rate,
        "errors": asdict(total),
        "dnsmos": {k: float(np.mean([r["dnsmos"][k] for r in rows])) for k in rows[0].get("dnsmos", ())},
        "words_per_minute": 60.0 * total.words / sum(row["spoken_s"] for row in rows),
    }


def error_counts(found: dict[str, Any]) -> list[int]:
    """Errors of each sentence."""
    return [row["substitutions"] + row["deletions"] + row["insertions"] for row in found["sentences"]]


def against_rival(found: dict[str, Any], rival: dict[str, Any]) -> dict[str, Any]:
    """Ratio of word errors and difference of DNSMOS to flite's rms, with paired 95 % intervals."""
    ratio = bootstrap_ratio(error_counts(found), error_counts(rival))
    pairs = zip(found["sentences"], rival["sentences"], strict=True)
    gap = bootstrap_mean([a["dnsmos"]["overall"] - b["dnsmos"]["overall"] for a, b in pairs])
    return {"wer_ratio": asdict(ratio), "dnsmos_difference": asdict(gap)}


def speak_and_measure(
    name: str, speaker: Speaker, sentences: Sequence[str], ear: Recogniser, rate: float = 1.0, *, judged: bool = True
) -> dict[str, Any]:
    """Let one system speak, in a folder that is thrown away, and listen to it."""
    with tempfile.TemporaryDirectory(prefix="voicekit-bench-") as scratch:
        return measure(name, speaker(sentences, Path(scratch), rate), sentences, ear, judged=judged)


def at_rates(
    report: Report, speakers: dict[str, Speaker], usual: dict[str, dict[str, Any]], options: Options, ear: Recogniser
) -> None:
    """Slower and faster, on some of the sentences."""
    count = QUICK_RATE_SENTENCES if options.quick else RATE_SENTENCES
    sentences = read_sentences()[:count]
    rates = QUICK_RATES if options.quick else RATES
    found: dict[str, dict[str, Any]] = {}
    for name, speaker in speakers.items():
        found[name] = {"1": together(usual[name]["sentences"][:count])}
        for rate in rates:
            say(f"{name}: {count} sentences at {rate:g} times its rate")
            found[name][f"{rate:g}"] = speak_and_measure(name, speaker, sentences, ear, rate, judged=False)
    order = sorted({*found[next(iter(found))]}, key=float)
    rows = [
        (name, *(f"{percent(one[rate]['wer'])} ({one[rate]['words_per_minute']:.0f})" for rate in order))
        for name, one in found.items()
    ]
    heads = ("voice", *(f"{rate} x" for rate in order))
    report.tables.append(Table(f"At several rates, {count} of the sentences: word error, % (words/min)", heads, rows))
    report.data["rates"] = found


def readings(count: int) -> list[Utterance]:
    """Recordings of readers never trained on, of one short sentence each."""
    low, high = READ_LETTERS
    fitting = [u for u in read_corpus(corpus_folder()) if u.confidence >= 0.9 and low <= len(u.text) <= high]
    return choose(fitting, count)


def beside_readers(report: Report, speakers: dict[str, Speaker], options: Options, ear: Recogniser) -> None:
    """The same texts by readers and by voices: what the recogniser and DNSMOS make of people is the ceiling."""
    try:
        chosen = readings(QUICK_READ if options.quick else READ)
    except UsageError as missing:
        report.notes.append(f"No recordings of readers were measured: {missing}.")
        return
    texts = [" ".join(plain_words(one.text)).capitalize() + "." for one in chosen]
    say(f"{NATURAL}: {len(texts)} sentences")
    found = {NATURAL: measure(NATURAL, [read_audio(one.path) for one in chosen], texts, ear)}
    for name, speaker in speakers.items():
        if name.startswith("voicekit") or name == RIVAL:
            say(f"{name}: {len(texts)} sentences of the readers")
            found[name] = speak_and_measure(name, speaker, texts, ear)
    rows: list[tuple[object, ...]] = []
    for name, one in found.items():
        ratio = bootstrap_ratio(error_counts(one), error_counts(found[NATURAL]))
        rows.append(
            (
                name, percent(one["wer"]), f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})",
                rounded(one["dnsmos"]["overall"], 2), rounded(one["dnsmos"]["p808"], 2),
                rounded(one["words_per_minute"], 0),
            )
        )  # fmt: skip
    heads = ("voice", "word error, %", f"its ratio to {NATURAL} (95 %)", "DNSMOS overall", "P.808", "words/min")
    speakers_count = len({one.speaker for one in chosen})
    title = f"The same {len(texts)} texts read by {speakers_count} people never trained on, and by voices"
    report.tables.append(Table(title, heads, rows))
    report.data["read"] = found


def fill(report: Report, results: dict[str, dict[str, Any]], count: int) -> None:
    """The table."""
    rows: list[tuple[object, ...]] = []
    for name, found in results.items():
        beside = found.get("against_rms")
        ratio = gap = "-"
        if beside is not None:
            r, g = beside["wer_ratio"], beside["dnsmos_difference"]
            ratio = f"{r['value']:.2f} ({r['low']:.2f} to {r['high']:.2f})"
            gap = f"{g['value']:+.2f} ({g['low']:+.2f} to {g['high']:+.2f})"
        quality = found["dnsmos"]
        rows.append(
            (
                name, percent(found["wer"]), ratio, rounded(quality["overall"], 2), gap,
                rounded(quality["signal"], 2), rounded(quality["background"], 2), rounded(quality["p808"], 2),
                rounded(found["words_per_minute"], 0),
            )
        )  # fmt: skip
    heads = (
        "voice", "word error, %", f"its ratio to {RIVAL} (95 %)", "DNSMOS overall", f"minus {RIVAL} (95 %)",
        "signal", "background", "P.808", "words/min",
    )  # fmt: skip
    report.tables.append(Table(f"{count} Harvard sentences", heads, rows))


def run(options: Options) -> Report:
    """Let everybody speak and listen to them."""
    report = Report("intelligibility", "Intelligibility: words an independent recogniser understands")
    sentences = read_sentences()[: QUICK_SENTENCES if options.quick else None]
    ear = Recogniser()
    results: dict[str, dict[str, Any]] = {}
    everybody = speakers(report)
    for name, speaker in everybody.items():
        say(f"{name}: {len(sentences)} sentences")
        results[name] = speak_and_measure(name, speaker, sentences, ear)
    if RIVAL in results:
        for found in results.values():
            found["against_rms"] = against_rival(found, results[RIVAL])
    fill(report, results, len(sentences))
    at_rates(report, everybody, results, options, ear)
    beside_readers(report, everybody, options, ear)
    report.notes += [
        "pocketsphinx with its own US English acoustic model, dictionary and language model; all voices at 16 kHz, "
        "one level, the same silence around them. Compare within the table: the recogniser is a weak one.",
        "House voices speak through the studio (grant, permit, mastering, receipt) and are measured as delivered. "
        "Intervals: sentences drawn anew 10,000 times, the same for both voices.",
        "Rates are times each system's own; words a minute are what came of it.",
        "The readers' texts stand without commas, in small letters, for recogniser and voices alike; the recordings "
        "are LibriVox readings with their rooms, the recogniser's own kind of speech.",
    ]
    report.data["voices"] = results
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = parse(__doc__ or "", argv)
    one_thread()
    run(options).write(options)
    return 0


if __name__ == "__main__":
    command(main)
