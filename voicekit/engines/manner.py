"""Words with their manner to phones with their manner, and what the manner does to time, melody and level.

Source
------
Sizes: emphasis lengthens a stressed vowel by a quarter to a half and raises its F0 by two to four semitones (Cooper,
Eady and Mueller 1985); direct speech lies about a semitone and a decibel above its frame, and paragraphs begin high and
end low (Farrús, Lai and Moore 2016); parentheses are lower, faster and softer (Bolinger 1989).  Ours are in the
middle of what is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voicekit.errors import InputError
from voicekit.features.frames import FRAME_RATE
from voicekit.text.phonemise import phonemise_marked
from voicekit.text.phones import PAUSE, SILENCE, VOWELS, Phone
from voicekit.text.pronunciation import phones_from_text
from voicekit.text.styles import NEUTRAL, Style, plain, read_controls
from voicekit.text.tones import tones

__all__ = ["FIRST", "LAST", "Marked", "level_nepers", "mark", "melody_octaves", "stretch"]

FIRST, LAST = "first", "last"  #: words of a sentence's place in its paragraph

_EMPHASIS_VOWEL, _EMPHASIS_OTHER = 0.35, 0.12  # longer, for an emphasis of 1
_EMPHASIS_OCTAVES = 0.27
_EMPHASIS_DB = 2.5
_EMPHASIS_SIDE_S = 0.09
_RESET_OCTAVES, _RESET_SECONDS = 0.09, 1.5
_END_OCTAVES, _END_SECONDS, _END_STRETCH, _END_DB = 0.10, 1.2, 0.15, 1.5
_GLIDE_FRAMES = 5

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
Phonemiser = Callable[[str], tuple[tuple[Phone, ...], tuple[str, ...]]]


@dataclass(frozen=True)
class Marked:
    """A sentence as phones.

    Attributes
    ----------
    phones : tuple of Phone
        L, pauses among them.
    marks : tuple of str
        What stands at each pause, see `voicekit.text.tones`; ``|500`` behind it for milliseconds that were asked for.
    styles : tuple of Style
        The manner of each phone.
    """

    phones: tuple[Phone, ...]
    marks: tuple[str, ...]
    styles: tuple[Style, ...]

    def part(self, start: int, stop: int) -> Marked:
        """Some of the phones."""
        return Marked(self.phones[start:stop], self.marks[start:stop], self.styles[start:stop])


def mark(said: str, phonemise: Phonemiser = phonemise_marked) -> Marked:
    """Phones of what is to be said, controls honoured.

    Parameters
    ----------
    said : str
        Words and marks, with controls; see `voicekit.text.styles`.
    phonemise : callable
        From plain words to phones and marks.

    Raises
    ------
    voicekit.errors.InputError
        Nothing in it can be pronounced, or a control cannot be read.
    """
    if "{" not in said:
        phones, marks = phonemise(said)
        return Marked(phones, tones(said, marks), (NEUTRAL,) * len(phones))
    phones_out: list[Phone] = [Phone(SILENCE)]
    marks_out: list[str] = [""]
    styles_out: list[Style] = [NEUTRAL]
    pending, asked_s = "", 0.0
    for words, style, pause_s in read_controls(said):
        asked_s += pause_s
        try:
            phones, marks = phonemise(words)
        except InputError:
            continue  # marks alone, or nothing
        if style.phones:
            given = phones_from_text(style.phones)
            phones, marks = (phones[0], *given, phones[-1]), (marks[0], *[""] * len(given), marks[-1])
        if len(phones_out) == 1:
            marks_out[0] = _with_pause("", asked_s)
        elif pending or asked_s:
            phones_out.append(Phone(PAUSE))
            marks_out.append(_with_pause(pending, asked_s))
            styles_out.append(NEUTRAL)
        phones_out += phones[1:-1]
        marks_out += marks[1:-1]
        styles_out += [style] * (len(phones) - 2)
        pending, asked_s = marks[-1], 0.0
    if len(phones_out) == 1:
        phonemise(plain(said))  # says what is wrong
    phones_out.append(Phone(SILENCE))
    marks_out.append(_with_pause(pending, asked_s))
    styles_out.append(styles_out[-1])
    bare = [one.split("|")[0] for one in marks_out]
    toned = [a + b[len(c) :] for a, b, c in zip(tones(plain(said), bare), marks_out, bare, strict=True)]
    return Marked(tuple(phones_out), tuple(toned), tuple(styles_out))


def _with_pause(mark: str, seconds: float) -> str:
    return f"{mark}|{round(1000 * seconds)}" if seconds else mark


def stretch(phones: Sequence[Phone], styles: Sequence[Style], place: str) -> Floats:
    """Factor on the seconds of each phone: pace and emphasis of its manner, and the end of a paragraph."""
    factor = np.array([1.0 / style.rate for style in styles])
    for index, (phone, style) in enumerate(zip(phones, styles, strict=True)):
        if style.emphasis and not phone.is_pause:
            vowel = phone.symbol in VOWELS and phone.stress == 1
            factor[index] *= 1.0 + style.emphasis * (_EMPHASIS_VOWEL if vowel else _EMPHASIS_OTHER)
    if LAST in place:
        last = max((i for i, p in enumerate(phones) if p.symbol in VOWELS and p.stress), default=len(phones))
        factor[last:] *= 1.0 + _END_STRETCH
    return factor


def melody_octaves(marked: Marked, frames: Ints, place: str) -> Floats:
    """Octaves to add to the F0 of each frame (T,)."""
    shift = np.repeat([style.pitch_semitones / 12.0 for style in marked.styles], frames)
    count = len(shift)
    if shift.any():  # the voice glides from one level to the next
        kernel = np.hanning(2 * _GLIDE_FRAMES + 3)[1:-1]
        edged = np.pad(shift, _GLIDE_FRAMES, mode="edge")
        shift = np.convolve(edged, kernel / kernel.sum(), mode="valid")
    ends = np.cumsum(frames)
    side = round(_EMPHASIS_SIDE_S * FRAME_RATE)
    for index in _peaks(marked):
        start, stop = int(ends[index] - frames[index]) - side, int(ends[index]) + side
        bump = np.hanning(stop - start + 2)[1:-1] * _EMPHASIS_OCTAVES * marked.styles[index].emphasis
        low, high = max(0, start), min(count, stop)
        shift[low:high] += bump[low - start : high - start]
    time = np.arange(count) / FRAME_RATE
    if FIRST in place:
        shift = shift + _RESET_OCTAVES * np.clip(1.0 - time / _RESET_SECONDS, 0.0, 1.0)
    if LAST in place:
        shift = shift - _END_OCTAVES * np.clip(1.0 - (time[-1] - time) / _END_SECONDS, 0.0, 1.0)
    return np.asarray(shift, dtype=np.float64)


def _peaks(marked: Marked) -> list[int]:
    """The vowel of each emphasised word that carries its stress: the first stressed one, else the first."""
    found: list[int] = []
    word: list[int] = []
    for index, phone in enumerate(marked.phones):
        if marked.styles[index].emphasis and phone.symbol in VOWELS:
            word.append(index)
        if word and (phone.word_end or phone.is_pause):
            found.append(next((i for i in word if marked.phones[i].stress == 1), word[0]))
            word = []
    return found


def level_nepers(marked: Marked, frames: Ints, place: str) -> npt.NDArray[np.float32]:
    """Natural log of the factor on the amplitude of each frame (T,)."""
    level = np.repeat([style.gain_db + _EMPHASIS_DB * style.emphasis for style in marked.styles], frames)
    if LAST in place:
        time = np.arange(len(level)) / FRAME_RATE
        level = level - _END_DB * np.clip(1.0 - (time[-1] - time) / _END_SECONDS, 0.0, 1.0)
    if level.any():
        kernel = np.hanning(2 * _GLIDE_FRAMES + 3)[1:-1]
        level = np.convolve(np.pad(level, _GLIDE_FRAMES, mode="edge"), kernel / kernel.sum(), mode="valid")
    return np.asarray(level * np.log(10.0) / 20.0, dtype=np.float32)
