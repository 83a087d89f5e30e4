"""Voices at other places, measured before one is chosen: likeness to training speakers, words understood, DNSMOS.

Run as ``python -m bench.places WORK SPEC...`` with the folder of a training and places such as
``oak:low=0,high=0.4,formants=0.9,pitch_semitones=-2.5,1=-1,3=1``: a name; the part of the register whose readers are
blended, and how many (``count``); settings of the voice; and how many standard deviations it lies beside their mean
along each of the directions in which readers differ (`voicekit/train/places.py`).  The sentences are what held-out
readers read: no other bench uses them.  Every sentence is heard through the gate, under a provisional record.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from bench.clips import corpus_folder
from bench.intelligibility import prepared
from bench.report import Options, Report, Table, command, common_options, folder_of, one_thread, percent, rounded, say
from consent import DataSource, SigningKey
from voicekit.audio import Audio
from voicekit.engines.house import VoiceSettings
from voicekit.engines.voices import CONTENT_FILE, MODEL_FOLDER
from voicekit.errors import UsageError
from voicekit.evaluate import count_word_errors, plain_words
from voicekit.evaluate.quality import dnsmos
from voicekit.evaluate.recogniser import Recogniser
from voicekit.studio.audition import audition
from voicekit.train.blend import choose, speaker_facts, write_model, write_voice
from voicekit.train.corpus import read_corpus
from voicekit.train.pack import SPOKEN, HouseVoice, averaged
from voicekit.train.places import find_directions
from voicekit.train.prepare import load_all
from voicekit.train.seal import SENTENCES, measure_speakers, provisional, recordings_of, remembered, speaker_encoder
from voicekit.train.split import is_held_out

HEARD, QUICK_HEARD = 24, 4
WORDS = (7, 16)  #: in a sentence
DATA = DataSource("the training's corpus", "LicenseRef-see-its-manifest", "see its manifest", "")
SETTINGS = {one.name for one in fields(VoiceSettings)} - {"pitch_level", "range_octaves"}  # those are the readers'
SETTINGS |= {"pitch_semitones", "low", "high", "count"}


def sentences(count: int) -> list[str]:
    """What held-out readers read, in a fixed order that has nothing to do with them."""
    found = {
        u.text for u in read_corpus(corpus_folder())
        if is_held_out(u) and u.key.startswith("librispeech") and WORDS[0] <= len(u.text.split()) <= WORDS[1]
    }  # fmt: skip
    order = sorted(found)
    np.random.default_rng(3).shuffle(order)
    return order[:count]


def parse_place(text: str) -> tuple[str, dict[str, float], dict[int, float]]:
    """Name, settings and steps of ``NAME:KEY=VALUE,...``.

    Raises
    ------
    voicekit.errors.UsageError
        It is not of this form.
    """
    name, _, rest = text.partition(":")
    settings, steps = {"low": 0.0, "high": 1.0, "count": 60.0}, {}
    for part in filter(None, rest.split(",")):
        key, _, value = part.partition("=")
        try:
            number = float(value)
        except ValueError:
            raise UsageError(f"{part!r} in {text!r} is no setting", "write KEY=NUMBER, see --help") from None
        if key.isdigit():
            steps[int(key)] = number
        elif key not in SETTINGS:
            known = ", ".join(sorted(SETTINGS))
            raise UsageError(f"there is no setting {key!r}", f"use a direction's number, or {known}")
        else:
            settings[key] = number
    if not name.isidentifier():
        raise UsageError(f"{text!r} has no name", "write NAME:KEY=VALUE,...")
    return name, settings, steps


class Places:
    """Voices of one training, made and measured one by one.

    Parameters
    ----------
    work : pathlib.Path
        Folder of the training.
    folder : pathlib.Path
        For the voices, thrown away by the caller.
    heard : int
        Sentences for words and DNSMOS.
    """

    def __init__(self, work: Path, folder: Path, heard: int) -> None:
        self._folder, self._key, self._heard = folder, SigningKey.generate(), sentences(heard)
        self._acoustic, vocoder = (averaged(work / part) for part in ("acoustic", "vocoder"))
        examples = [one for one in load_all(work / "examples") if not is_held_out(one)]
        self._facts = speaker_facts(examples)
        write_model(self._acoustic, vocoder, folder / "_model")
        shutil.copy(MODEL_FOLDER / CONTENT_FILE, folder / "_model")  # a record names one; nothing is converted here
        self._rows: dict[str, int] = json.loads((work / "acoustic" / "speakers.json").read_text(encoding="utf-8"))
        self._directions = find_directions(self._acoustic["speakers.weight"], self._rows, self._facts)
        self._embed, self._ear = speaker_encoder(), Recogniser()
        digest = json.loads((work / "manifest.json").read_text(encoding="utf-8"))["sha256"]
        self.speakers = remembered(work, digest, lambda: measure_speakers(recordings_of(examples), self._embed))

    def measure(self, text: str) -> dict[str, Any]:
        """One place, see `parse_place`."""
        name, settings, steps = parse_place(text)
        lean = self._directions.lean(steps)
        register, count = (settings.pop("low"), settings.pop("high")), int(settings.pop("count"))
        members = dict.fromkeys(choose(self._facts, register, count), 1.0)
        folder = self._folder / name
        write_voice(
            name, members, self._acoustic, self._rows, self._facts, folder, lean=lean, **{**SPOKEN, **settings}
        )
        provisional(folder, HouseVoice(name, register, count, "", ""), self._key, [DATA], int(time.time()))
        made = self._embed(audition(folder, SENTENCES, self._key.public))
        alike = {speaker: float(made @ other) for speaker, other in self.speakers.speakers.items()}
        nearest = max(alike, key=lambda speaker: alike[speaker])
        errors = words = 0
        quality = []
        for sentence in self._heard:
            sound: Audio = prepared(audition(folder, [sentence], self._key.public))[0]
            found = count_word_errors(plain_words(sentence), plain_words(self._ear.hear(sound)))
            errors, words = errors + found.errors, words + found.words
            quality.append(dnsmos(sound))
        return {
            "place": text, "nearest_reader": alike[nearest], "reader": nearest, "word_error": errors / words,
            "words": words, "dnsmos": float(np.mean([one.overall for one in quality])),
            "p808": float(np.mean([one.p808 for one in quality])), "lean": lean,
        }  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Measure each place, and say each as it is known."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path, help="folder of a training")
    parser.add_argument("place", nargs="+", help="NAME:KEY=VALUE,..., see bench/places.py")
    common_options(parser)
    args = parser.parse_args(argv)
    one_thread()
    options = Options(args.quick, folder_of(args))
    report = Report("places", "Voices at other places")
    with tempfile.TemporaryDirectory(prefix="voicekit-bench-") as folder:
        places = Places(args.work, Path(folder), QUICK_HEARD if args.quick else HEARD)
        found = []
        for text in args.place:
            found.append(places.measure(text))
            say(f"{text}: {found[-1]['nearest_reader']:.3f}, {percent(found[-1]['word_error'])} %")
        limit = min(places.speakers.stranger_median, places.speakers.same_p05)
    rows: list[tuple[object, ...]] = [
        (one["place"], rounded(one["nearest_reader"], 3), one["reader"], percent(one["word_error"]),
         rounded(one["dnsmos"], 3), rounded(one["p808"], 3))
        for one in found
    ]  # fmt: skip
    heads = ("place", "nearest training speaker", "who", "word error, %", "DNSMOS", "P.808")
    report.tables.append(Table(f"Below {limit:.3f} it is nobody's", heads, rows))
    report.data = {"places": found, "limit": limit}
    report.write(options)
    return 0


if __name__ == "__main__":
    command(main)
