"""How often a spoken challenge is accepted, and how often a wrong one or another reader is.

Three parts. Synthetic: flite and espeak-ng read whole statements with random challenge words. Natural: words of the
list cut out of readings by forced alignment, six in a row with 0.3 s between them; cut from running speech and of
several readers in one, so harder than one person reading a list. Voices: resemblyzer's likeness between clips of one
reader and between readers.

    python -m bench.spoken_consent --corpus ../shared/corpus [--synthetic 40] [--natural 200]
"""

from __future__ import annotations

import argparse
import collections
import csv
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from consent.challenge import ALLOWED_MISSES, CHALLENGE_WORDS, STATEMENT_PPM, WORDS_PPM, compare_words, plain_words
from consent.challenge_words_table import WORDS
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


def synthetic(count: int, seed: int = 5) -> None:
    """Whole statements, read by programs."""
    rng, engine = random.Random(seed), LoopRecogniser()
    vocabulary = tuple(sorted({*WORDS, *plain_words(SENTENCE)}))
    with tempfile.TemporaryDirectory() as folder:
        for reader in READERS:
            if shutil.which("espeak-ng" if reader == "espeak-ng" else "flite") is None:
                print(f"{reader}: not installed")
                continue
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
            print(f"{reader}: accepted {true}/{count}; words in place {places}/{count * CHALLENGE_WORDS}; "
                  f"other challenges accepted {other}/{count * 25}")  # fmt: skip


def cut_words(corpus: Path) -> dict[str, list[tuple[str, F32]]]:
    """Words of the list, cut out of readings; by reader."""
    import pocketsphinx

    lexicon = _lexicon(Path(pocketsphinx.get_model_path()) / "en-us" / "cmudict-en-us.dict")
    aligner = pocketsphinx.Decoder(samprate=SAMPLE_RATE, lm=None, loglevel="FATAL")
    listed, clips = set(WORDS), collections.defaultdict(list)
    with open(corpus / "transcripts.tsv", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    for row in rows:
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


def natural(corpus: Path, count: int, seed: int = 1) -> None:
    """Challenge words cut out of readings."""
    rng, engine = random.Random(seed), LoopRecogniser()
    clips = [item for found in cut_words(corpus).values() for item in found]
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
    print(f"natural: {len(clips)} words of readings; accepted (words alone) {good}/{count}; by words in place "
          f"{dict(sorted(hits.items()))}; other challenges accepted {wrong}/{tried}")  # fmt: skip


def voices(corpus: Path, readers: int = 40, seed: int = 2) -> None:
    """Likeness within and between readers."""
    engine, rng = ResemblyzerCheck(), random.Random(seed)
    by_reader = collections.defaultdict(list)
    with open(corpus / "transcripts.tsv", encoding="utf-8") as handle:
        for row in csv.DictReader(handle, delimiter="\t"):
            if not row["file"].startswith("vocobox"):
                by_reader[row["speaker"]].append(corpus / row["file"])
    pairs: list[tuple[str, npt.NDArray[np.float32]]] = []
    several = [name for name, files in sorted(by_reader.items()) if len(files) > 1]
    single = [name for name, files in sorted(by_reader.items()) if len(files) == 1]
    for name in several:
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
    print(f"voices: {len({n for n, _ in pairs})} readers; same reader accepted "
          f"{sum(s >= at for s in same)}/{len(same)} (median {np.median(same):.3f}); another reader accepted "
          f"{sum(o >= at for o in other)}/{len(other)} (median {np.median(other):.3f}, highest {max(other):.3f}); "
          f"threshold {at}")  # fmt: skip
    for trial in (0.65, 0.7, 0.75, 0.8):
        print(f"  at {trial}: same refused {np.mean(np.array(same) < trial):.4f}, "
              f"other accepted {np.mean(np.array(other) >= trial):.4f}")  # fmt: skip


def main() -> None:
    """Run all three."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--synthetic", type=int, default=40)
    parser.add_argument("--natural", type=int, default=200)
    options = parser.parse_args()
    synthetic(options.synthetic)
    if options.corpus:
        natural(options.corpus, options.natural)
        voices(options.corpus)


if __name__ == "__main__":
    main()
