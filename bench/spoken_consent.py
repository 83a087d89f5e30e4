"""How often a spoken challenge is accepted, and how often a wrong one or another reader is.

Three parts. Synthetic: flite and espeak-ng read whole statements with random challenge words. Natural: words of the
list cut out of readings by forced alignment, six in a row with 0.3 s between them; cut from running speech and of
several readers in one, so harder than one person reading a list. Voices: resemblyzer's likeness between clips of one
reader and between readers.

    python -m bench.spoken_consent [--corpus ../shared/corpus] [--synthetic 40] [--natural 200] [--quick]
"""

from __future__ import annotations

import argparse
import collections
import csv
import random
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.clips import corpus_folder
from bench.report import Options, Report, Table, command, common_options, folder_of, say
from consent.challenge import ALLOWED_MISSES, CHALLENGE_WORDS, STATEMENT_PPM, WORDS_PPM, compare_words, plain_words
from consent.challenge_words_table import WORDS
from voicekit.errors import UsageError
from voicekit.evaluate.spoken import SAMPLE_RATE, THRESHOLD_PPM, LoopRecogniser, ResemblyzerCheck, _lexicon, _read

F32 = npt.NDArray[np.float32]
SENTENCE = (
    "I, Ada Example, allow Example Press to make my synthetic voice for speaking and singing, for commercial use, "
    "until the thirty first of December twenty twenty eight, and I know that I can withdraw this at any time. "
    "My words are: "
)
READERS = ("rms", "slt", "kal", "espeak-ng")


def _accepted(heard: tuple[str, ...], statement: str, challenge: list[str]) -> bool:
    words, before = compare_words(heard, statement, challenge)
    return words >= WORDS_PPM and before >= STATEMENT_PPM


def _places(heard: tuple[str, ...], challenge: list[str]) -> int:
    return round(compare_words(heard, " ".join(challenge), challenge)[0] * CHALLENGE_WORDS / 1_000_000)


def _speak(reader: str, text: str, path: Path) -> None:
    if reader == "espeak-ng":
        command = ["espeak-ng", "-v", "en-us", "-s", "140", "-w", str(path), text]
    else:
        command = ["flite", "-voice", reader, "-t", text, "-o", str(path)]
    subprocess.run(command, check=True, capture_output=True)


def synthetic(count: int, report: Report, seed: int = 5) -> None:
    """Whole statements, read by programs."""
    rows: list[tuple[object, ...]] = []
    rng, engine = random.Random(seed), LoopRecogniser()
    vocabulary = tuple(sorted({*WORDS, *plain_words(SENTENCE)}))
    with tempfile.TemporaryDirectory() as folder:
        for reader in READERS:
            if shutil.which("espeak-ng" if reader == "espeak-ng" else "flite") is None:
                report.notes.append(f"{reader} is not installed: left out.")
                continue
            say(f"{reader}: {count} statements")
            true = other = places = 0
            for _ in range(count):
                challenge = rng.sample(WORDS, CHALLENGE_WORDS)
                statement = SENTENCE + ", ".join(challenge) + "."
                path = Path(folder) / "spoken.wav"
                _speak(reader, statement, path)
                heard = engine.words(path, vocabulary)
                true += _accepted(heard, statement, challenge)
                places += _places(heard, challenge)
                for _again in range(25):
                    wrong = rng.sample(WORDS, CHALLENGE_WORDS)
                    other += _accepted(heard, SENTENCE + ", ".join(wrong) + ".", wrong)
            report.data.setdefault("synthetic", {})[reader] = {
                "tried": count, "accepted": true, "words_in_place": places, "wrong_tried": count * 25,
                "wrong_accepted": other,
            }  # fmt: skip
            in_place = f"{places} of {count * CHALLENGE_WORDS}"
            rows.append((reader, f"{true} of {count}", in_place, f"{other} of {count * 25}"))
    heads = ("read by", "accepted", "words in place", "other challenges accepted")
    report.tables.append(Table("Whole statements, read by programs", heads, rows))


def cut_words(corpus: Path, most: int | None = None) -> dict[str, list[tuple[str, F32]]]:
    """Words of the list, cut out of readings; by reader."""
    import pocketsphinx

    lexicon = _lexicon(Path(pocketsphinx.get_model_path()) / "en-us" / "cmudict-en-us.dict")
    aligner = pocketsphinx.Decoder(samprate=SAMPLE_RATE, lm=None, loglevel="FATAL")
    listed, clips = set(WORDS), collections.defaultdict(list)
    with open(corpus / "transcripts.tsv", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    for row in rows[:most]:
        words = plain_words(row["text"])
        english = not row["file"].startswith(("thorsten", "vocobox"))
        if not english or float(row["confidence"] or 0) < 0.9 or not listed & set(words):
            continue
        if any(word not in lexicon for word in words):
            continue
        wave = _read(corpus / row["file"])
        pcm = (wave / max(float(np.abs(wave).max()), 1e-6) * 0.8 * 32767).astype("<i2").tobytes()
        try:
            aligner.set_align_text(" ".join(words))
            aligner.start_utt()
            aligner.process_raw(pcm, full_utt=True)
            aligner.end_utt()
            segments = list(aligner.seg()) if aligner.hyp() is not None else []
        except RuntimeError:  # no path: the text is not what was said
            continue
        for item in segments:
            word = item.word.split("(")[0]
            if word in listed:
                begin, end = max(0, item.start_frame * 160 - 480), (item.end_frame + 1) * 160 + 480
                clips[row["speaker"]].append((word, wave[begin:end]))
    return dict(clips)


def natural(corpus: Path, count: int, report: Report, seed: int = 1, rows: int | None = None) -> None:
    """Challenge words cut out of readings."""
    rng, engine = random.Random(seed), LoopRecogniser()
    clips = [item for found in cut_words(corpus, rows).values() for item in found]
    vocabulary = tuple(sorted({*WORDS, *plain_words(SENTENCE)}))
    hits, wrong, tried = collections.Counter[int](), 0, 0
    noise = np.random.default_rng(0)
    for _ in range(count):
        chosen = rng.sample(clips, CHALLENGE_WORDS)
        gap = np.zeros(round(0.3 * SAMPLE_RATE), np.float32)
        parts = [np.concatenate([gap, clip / max(float(np.abs(clip).max()), 1e-6) * 0.7]) for _word, clip in chosen]
        wave = np.concatenate([*parts, gap]).astype(np.float32)
        wave += noise.normal(0, 1e-3, len(wave)).astype(np.float32)
        challenge = [word for word, _clip in chosen]
        heard = engine.hear(wave, vocabulary)
        hits[_places(heard, challenge)] += 1
        for _again in range(25):
            tried += 1
            wrong += compare_words(heard, "", rng.sample(WORDS, CHALLENGE_WORDS))[0] >= WORDS_PPM
    least = CHALLENGE_WORDS - ALLOWED_MISSES
    good = sum(number for places, number in hits.items() if places >= least)
    report.data["natural"] = {
        "words cut from readings": {
            "clips": len(clips), "tried": count, "accepted": good, "wrong_tried": tried, "wrong_accepted": wrong,
            "by_words_in_place": dict(sorted(hits.items())),
        }
    }  # fmt: skip
    heads = ("words to choose from", "accepted", *(f"{n} in place" for n in sorted(hits)), "other challenges accepted")
    row = (len(clips), f"{good} of {count}", *(hits[n] for n in sorted(hits)), f"{wrong} of {tried}")
    report.tables.append(Table("Words cut out of readings, six in a row (words alone)", heads, [row]))


def voices(corpus: Path, readers: int, report: Report, seed: int = 2, several: int | None = None) -> None:
    """Likeness within and between readers."""
    engine, rng = ResemblyzerCheck(), random.Random(seed)
    by_reader = collections.defaultdict(list)
    with open(corpus / "transcripts.tsv", encoding="utf-8") as handle:
        for row in csv.DictReader(handle, delimiter="\t"):
            if not row["file"].startswith("vocobox"):
                by_reader[row["speaker"]].append(corpus / row["file"])
    pairs: list[tuple[str, npt.NDArray[np.float32]]] = []
    often = [name for name, files in sorted(by_reader.items()) if len(files) > 1][:several]
    single = [name for name, files in sorted(by_reader.items()) if len(files) == 1]
    for name in often:
        pairs += [
            (name, engine.embed(_read(path))) for path in rng.sample(by_reader[name], min(6, len(by_reader[name])))
        ]
    for name in rng.sample(single, min(readers, len(single))):
        wave = _read(by_reader[name][0])
        half = len(wave) // 2
        pairs += [(name, engine.embed(wave[:half])), (name, engine.embed(wave[half:]))]
    same, other = [], []
    for i, (name, a) in enumerate(pairs):
        for other_name, b in pairs[:i]:
            (same if name == other_name else other).append(float(a @ b))
    at = THRESHOLD_PPM / 1e6
    limits = sorted({0.65, 0.7, 0.75, 0.8, at})
    rows: list[tuple[object, ...]] = []
    for limit in limits:
        refused, accepted = np.mean(np.array(same) < limit), np.mean(np.array(other) >= limit)
        report.data.setdefault("voices", {})[f"{limit:g}"] = {"same_refused": refused, "other_accepted": accepted}
        label = f"{limit:g}, ours" if limit == at else f"{limit:g}"
        rows.append((label, f"{100 * refused:.2f}", f"{100 * accepted:.2f}"))
    report.data["likeness"] = {
        "readers": len({name for name, _ in pairs}), "same": len(same), "same_median": float(np.median(same)),
        "other": len(other), "other_median": float(np.median(other)), "other_highest": max(other),
    }  # fmt: skip
    title = f"Likeness of {report.data['likeness']['readers']} readers: {len(same)} pairs of one, {len(other)} of two"
    report.tables.append(Table(title, ("limit", "the same reader refused, %", "another accepted, %"), rows))


def main(argv: Sequence[str] | None = None) -> int:
    """Run all three; what needs the corpus is left out without one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", type=Path, help="folder with transcripts.tsv (default: that of VOICEKIT_SHARED)")
    parser.add_argument("--synthetic", type=int, help="statements a program (default: 40, or 3 with --quick)")
    parser.add_argument("--natural", type=int, help="challenges from readings (default: 200, or 10 with --quick)")
    common_options(parser)
    given = parser.parse_args(argv)
    quick = given.quick
    report = Report("spoken_consent", "Spoken consent: challenges accepted and refused")
    synthetic(given.synthetic or (3 if quick else 40), report)
    try:
        corpus = given.corpus or corpus_folder()
    except UsageError as missing:
        report.notes.append(f"Nothing was measured on readings: {missing}.")
    else:
        say("readings")
        natural(corpus, given.natural or (10 if quick else 200), report, rows=200 if quick else None)
        say("likeness of readers")
        voices(corpus, 6 if quick else 40, report, several=4 if quick else None)
    report.notes.append(
        "pocketsphinx as recogniser, resemblyzer for likeness. A challenge is accepted with at most "
        f"{ALLOWED_MISSES} of its {CHALLENGE_WORDS} words out of place; words cut from running speech of several "
        "readers are harder than one person reading a list."
    )
    report.write(Options(quick, folder_of(given)))
    return 0


if __name__ == "__main__":
    command(main)
