"""From recordings to aligned examples, with a transcript or with what a recogniser hears."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from voicekit.audio import Audio
from voicekit.enrol.recording import Recording
from voicekit.errors import InputError, UsageError
from voicekit.text import split_sentences
from voicekit.text.phones import PAUSE, PHONE_ID, SILENCE
from voicekit.train.prepare import Example, make_example

__all__ = ["Prepared", "make_examples"]

LISTEN_S = 45.0  #: heard by the recogniser where there is no transcript: it takes a third of real time
ALIGN_S = 70.0  #: aligned for the embedding; more changes little
PIECE_S = 14.0
_SYMBOL = {number: symbol for symbol, number in PHONE_ID.items()}


@dataclass(frozen=True)
class Prepared:
    """Examples, and how they came about.

    Attributes
    ----------
    examples : tuple of Example
    heard : bool
        Whether a recogniser had to guess what is said in any of them.
    failed : int
        Pieces in which the text was not found.
    """

    examples: tuple[Example, ...]
    heard: bool
    failed: int

    @property
    def symbols(self) -> list[str]:
        """Phones of everything, pauses left out."""
        found = (_SYMBOL[int(number)] for one in self.examples for number in one.phones[:, 0])
        return [symbol for symbol in found if symbol not in (PAUSE, SILENCE)]

    @property
    def seconds(self) -> float:
        """Seconds that were aligned."""
        return sum(len(one.f0_hz) for one in self.examples) / 100.0


def make_examples(
    recordings: Sequence[Recording],
    texts: Mapping[str, str],
    *,
    most_s: float = ALIGN_S,
    tell: Callable[[float], None] | None = None,
) -> Prepared:
    """Align recordings to what is said in them.

    Parameters
    ----------
    recordings : sequence of Recording
    texts : mapping
        By file name; recordings without a text are listened to.
    most_s : float
        Seconds to use; taken evenly from all recordings.
    tell : callable, optional
        Told the share done, 0 to 1.

    Raises
    ------
    voicekit.errors.InputError
        In none of them anything could be aligned.
    """
    hear = _Listener()
    found: list[Example] = []
    failed, used, listened = 0, 0.0, 0.0
    for number, (name, samples, rate, text) in enumerate(_pieces(recordings, texts)):
        seconds = len(samples) / rate
        if used >= most_s or (not text and listened >= LISTEN_S):
            continue
        if not text:
            text = hear(samples, rate)
            listened += seconds
        example = make_example(f"{name}#{number}", "speaker", samples, rate, _spoken(text)) if text else None
        if example is None or len(example.phones) < 4 or (example.f0_hz > 0).sum() < 20:
            failed += 1
            continue
        found.append(example)
        used += seconds
        if tell is not None:
            tell(min(1.0, used / most_s))
    if not found:
        remedy = "Give the right --transcript, or recordings that are spoken clearly."
        name = recordings[0].name if recordings else "recordings"
        raise InputError(name, "", "what is said in it could not be found in the sound", remedy)
    return Prepared(tuple(found), hear.used, failed)


def _spoken(text: str) -> str:
    """Words as they are said; figures are spelt out."""
    return " ".join(sentence.spoken for sentence in split_sentences(text))


def _pieces(
    recordings: Sequence[Recording], texts: Mapping[str, str]
) -> list[tuple[str, npt.NDArray[np.float32], int, str]]:
    """What is aligned at a time: whole recordings where the text is known, pieces between pauses else; in turn."""
    rows: list[list[tuple[str, npt.NDArray[np.float32], int, str]]] = []
    for one in recordings:
        text, rate = texts.get(one.name, ""), one.audio.sample_rate
        if text:
            rows.append([(one.name, one.audio.samples, rate, text)])
        else:
            rows.append([(one.name, piece, rate, "") for piece in _cut(one.audio.samples, rate)])
    most = max((len(row) for row in rows), default=0)
    return [row[i] for i in range(most) for row in rows if i < len(row)]


def _cut(samples: npt.NDArray[np.float32], rate: int) -> list[npt.NDArray[np.float32]]:
    """Pieces of at most `PIECE_S`, cut where it is quietest."""
    pieces, rest, longest = [], samples, int(PIECE_S * rate)
    window = max(1, rate // 10)
    while len(rest) > longest:
        part = rest[longest // 2 : longest].astype(np.float64)
        level = np.convolve(part**2, np.ones(window) / window, mode="same")
        cut = longest // 2 + int(level.argmin())
        pieces.append(rest[:cut])
        rest = rest[cut:]
    if len(rest) > rate:
        pieces.append(rest)
    return pieces


class _Listener:
    """The recogniser, made when first needed."""

    def __init__(self) -> None:
        self.used = False
        self._recogniser: Any = None

    def __call__(self, samples: npt.NDArray[np.float32], rate: int) -> str:
        from voicekit.evaluate.recogniser import Recogniser  # only without a transcript

        self.used = True
        if self._recogniser is None:
            try:
                self._recogniser = Recogniser()
            except UsageError:
                raise UsageError("without pocketsphinx a transcript is needed", "give --transcript FILE") from None
        peak = float(np.abs(samples).max(initial=0.0)) or 1.0
        return str(self._recogniser.hear(Audio((samples / peak * 0.8).astype(np.float32), rate)))

