"""What checks a spoken consent for `consent`: pocketsphinx for the words, resemblyzer for the voice.

Registered in pyproject.toml under the entry point group ``consent.engines``. Neither decides anything: they give
numbers, and `consent` compares them with thresholds that are written into the grant.

The recogniser hears a loop over a closed vocabulary (all 2,048 challenge words and those of the sentence), every
word as likely as any other: it does not know which words are expected.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from consent import InvalidInputError
from voicekit.audio import Audio, read_audio, resample, to_int16
from voicekit.errors import InputError

__all__ = ["LoopRecogniser", "ResemblyzerCheck", "make_recogniser", "make_speaker_check"]

SAMPLE_RATE = 16_000
MAX_SECONDS = 180.0
#: Likeness from which two recordings count as one voice; chosen in bench/spoken_consent.py.
THRESHOLD_PPM = 750_000


def make_recogniser() -> LoopRecogniser:
    """The recogniser; raises ImportError where pocketsphinx is not installed."""
    return LoopRecogniser()


def make_speaker_check() -> ResemblyzerCheck:
    """The speaker check; raises ImportError where resemblyzer is not installed."""
    return ResemblyzerCheck()


@cache
def _tree_sha256(folder: Path) -> str:
    """One hash over the names and contents of all files under a folder (or of one file)."""
    whole = hashlib.sha256()
    for path in sorted(p for p in (folder.rglob("*") if folder.is_dir() else [folder]) if p.is_file()):
        inner = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{inner}  {path.relative_to(folder.parent).as_posix()}\n".encode())
    return whole.hexdigest()


def _open(path: Path) -> Audio:
    try:
        audio = read_audio(path)
    except InputError as problem:
        # `consent` knows its own errors alone.
        raise InvalidInputError(str(problem), file=str(path), reason="audio-unreadable") from problem
    if len(audio.samples) > MAX_SECONDS * audio.sample_rate:
        raise InvalidInputError(
            f"is longer than {MAX_SECONDS:.0f} seconds",
            file=str(path),
            remedy="Cut it to what is to be heard",
            reason="audio-too-long",
        )
    return audio


def _read(path: Path) -> npt.NDArray[np.float32]:
    found: npt.NDArray[np.float32] = resample(_open(path), SAMPLE_RATE).samples
    return found


class LoopRecogniser:
    """Words out of a given vocabulary, each as likely as any other, in any order.

    Source
    ------
    D. Huggins-Daines et al., "PocketSphinx", ICASSP 2006; the acoustic model and the dictionary (CMUdict) are those
    of the package.
    """

    name = "pocketsphinx 5 en-us, word loop"

    def __init__(self) -> None:
        import pocketsphinx  # only where a spoken consent is checked

        self._module: Any = pocketsphinx
        self._folder = Path(pocketsphinx.get_model_path()) / "en-us"
        self._lexicon: dict[str, list[str]] = {}
        self._decoder: tuple[tuple[str, ...], Any] | None = None

    @property
    def model_sha256(self) -> str:
        """Hash over the acoustic model and the dictionary."""
        parts = _tree_sha256(self._folder / "en-us") + _tree_sha256(self._folder / "cmudict-en-us.dict")
        return hashlib.sha256(parts.encode("ascii")).hexdigest()

    def pcm_sha256(self, path: Path) -> str:
        """Hash of the samples as 16-bit little-endian mono."""
        return hashlib.sha256(to_int16(_open(path).samples).astype("<i2").tobytes()).hexdigest()

    def words(self, path: Path, vocabulary: tuple[str, ...]) -> tuple[str, ...]:
        """Words heard, in order; words that the dictionary does not know are never heard."""
        return self.hear(_read(path), vocabulary)

    def hear(self, waveform: npt.NDArray[np.float32], vocabulary: tuple[str, ...]) -> tuple[str, ...]:
        """Like `words`, from samples at 16 kHz."""
        peak = float(np.abs(waveform).max(initial=0.0))
        if peak == 0.0:
            return ()
        pcm = np.ascontiguousarray((waveform / peak * 0.8 * 32767).astype("<i2"))
        decoder = self._decoder_for(tuple(sorted(set(vocabulary))))
        decoder.start_utt()
        decoder.process_raw(pcm.tobytes(), no_search=False, full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return tuple(found.hypstr.split()) if found is not None else ()

    def _decoder_for(self, vocabulary: tuple[str, ...]) -> Any:
        if self._decoder is not None and self._decoder[0] == vocabulary:
            return self._decoder[1]
        if not self._lexicon:
            self._lexicon = _lexicon(self._folder / "cmudict-en-us.dict")
        known = [word for word in vocabulary if word in self._lexicon]
        with tempfile.TemporaryDirectory() as folder:
            lexicon, model = os.path.join(folder, "words.dict"), os.path.join(folder, "words.lm")
            Path(lexicon).write_text(_dictionary(known, self._lexicon), encoding="ascii")
            Path(model).write_text(_flat_model(known), encoding="ascii")
            decoder = self._module.Decoder(
                hmm=str(self._folder / "en-us"), dict=lexicon, lm=model, lw=LANGUAGE_WEIGHT, wip=INSERTION,
                samprate=SAMPLE_RATE, loglevel="FATAL",
            )  # fmt: skip
        self._decoder = (vocabulary, decoder)
        return decoder


LANGUAGE_WEIGHT = 6.5
INSERTION = 0.65


def _lexicon(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, _blank, phones = line.partition(" ")
        found.setdefault(word.split("(")[0], []).append(phones.strip())
    return found


def _dictionary(words: list[str], lexicon: dict[str, list[str]]) -> str:
    lines = []
    for word in words:
        for i, phones in enumerate(lexicon[word]):
            lines.append(f"{word}{f'({i + 1})' if i else ''} {phones}\n")
    return "".join(lines)


def _flat_model(words: list[str]) -> str:
    """An ARPA model in which every word is as likely as any other at any place."""
    each = -float(np.log10(len(words) + 1))
    rows = [f"{each:.4f} {word} 0.0\n" for word in words]
    head = f"\\data\\\nngram 1={len(words) + 2}\n\n\\1-grams:\n"
    return head + f"{each:.4f} </s> 0.0\n-99.0 <s> 0.0\n" + "".join(rows) + "\n\\end\\\n"


class ResemblyzerCheck:
    """Likeness of two voices: the cosine of their embeddings, times a million.

    Source
    ------
    L. Wan et al., "Generalized end-to-end loss for speaker verification", ICASSP 2018; the weights are those of the
    package resemblyzer 0.1.4. It cannot tell a person from a good copy of their voice, and proves nobody's identity.
    """

    name = "resemblyzer 0.1.4"
    threshold_ppm = THRESHOLD_PPM

    def __init__(self) -> None:
        import resemblyzer  # 16 s to import

        self._module: Any = resemblyzer
        self._embed: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]] | None = None

    @property
    def model_sha256(self) -> str:
        """Hash of the weights."""
        return _tree_sha256(Path(self._module.__file__).parent / "pretrained.pt")

    def similarity_ppm(self, path_a: Path, path_b: Path) -> int:
        """Likeness in ppm, from -1,000,000 to 1,000,000."""
        return self.compare(_read(path_a), _read(path_b))

    def compare(self, a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> int:
        """Like `similarity_ppm`, from samples at 16 kHz."""
        return round(float(self.embed(a) @ self.embed(b)) * 1_000_000)

    def embed(self, waveform: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Embedding of samples at 16 kHz."""
        if self._embed is None:
            self._embed = self._module.VoiceEncoder("cpu", verbose=False).embed_utterance
        found: npt.NDArray[np.float32] = self._embed(self._module.preprocess_wav(waveform, source_sr=SAMPLE_RATE))
        return found
