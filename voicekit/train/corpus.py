"""The recordings to learn from: a folder with ``transcripts.tsv``, and speech made by flite."""

from __future__ import annotations

import csv
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from voicekit.errors import InputError, UsageError

MIN_CONFIDENCE = 0.7  #: transcripts believed less than this are used for the vocoder alone

#: Where each part of the corpus comes from; repeated on every voice card.
ATTRIBUTIONS: dict[str, str] = {
    "librispeech_clean": "LibriSpeech train-clean-100 (Panayotov, Chen, Povey, Khudanpur 2015), LibriVox readers, "
    "CC BY 4.0",
    "librispeech_other": "LibriSpeech test-other (Panayotov, Chen, Povey, Khudanpur 2015), LibriVox readers, CC BY 4.0",
    "ljspeech": "LJ Speech (Ito, Johnson 2017), LibriVox, public domain",
    "vctk": "VCTK (Yamagishi, Veaux, MacDonald; CSTR, University of Edinburgh), CC BY 4.0",
    "awb": "cmu_time_awb (A. W. Black, Carnegie Mellon University), free use, modification and distribution",
    "thorsten": "Thorsten-Voice (T. Mueller), CC0, donated for synthesis",
    "vocobox": "vocobox human-voice-dataset, MIT",
    "flite": "speech made with Flite and its voices rms and slt (CMU ARCTIC, Carnegie Mellon University), free "
    "use, modification and distribution",
}


@dataclass(frozen=True)
class Utterance:
    """One recording: its file, who speaks, what is said (empty for sung notes), the set it belongs to."""

    path: Path
    key: str
    speaker: str
    text: str
    confidence: float

    @property
    def subset(self) -> str:
        """The folder of the corpus it lies in."""
        return self.key.split("/")[0]


def read_corpus(folder: Path) -> list[Utterance]:
    """All recordings of a corpus folder, sorted by name.

    Raises
    ------
    voicekit.errors.InputError
        No ``transcripts.tsv``, or a line of it that names no file.
    """
    table = folder / "transcripts.tsv"
    if not table.is_file():
        raise InputError(table, "", "there is no transcript table", "give a folder with transcripts.tsv in it")
    found = []
    with table.open(encoding="utf-8", newline="") as handle:
        for number, row in enumerate(csv.DictReader(handle, delimiter="\t"), start=2):
            path = folder / row["file"]
            if not path.is_file():
                raise InputError(table, f"line {number}", f"{row['file']} does not exist", "repair the table")
            found.append(Utterance(path, row["file"], row["speaker"], row["text"] or "", float(row["confidence"] or 0)))
    return sorted(found, key=lambda u: u.key)


def make_flite_corpus(sentences: list[str], folder: Path, voices: tuple[str, ...] = ("rms", "slt")) -> None:
    """Let flite read `sentences` into ``folder/flite``, one file a sentence and voice, with a transcript table.

    Raises
    ------
    voicekit.errors.UsageError
        flite is not installed.
    """
    if shutil.which("flite") is None:
        raise UsageError("flite is not installed", "install the Debian package flite")
    target = folder / "flite"
    target.mkdir(parents=True, exist_ok=True)
    lines = ["file\tspeaker\ttext\tconfidence"]
    for number, sentence in enumerate(sentences):
        voice = voices[number % len(voices)]
        name = f"flite/{voice}-{number:05d}.wav"
        if not (folder / name).is_file():
            subprocess.run(["flite", "-voice", voice, "-t", sentence, "-o", str(folder / name)], check=True)
        lines.append(f"{name}\tflite_{voice}\t{sentence}\t1.0")
    (folder / "transcripts.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
