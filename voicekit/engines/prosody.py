"""Timing and melody of a sentence: what its marks ask for, over what the model predicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from voicekit.text.phones import SILENCE, VOWELS, Phone
from voicekit.text.tones import FALLING_QUESTION, LIST_COMMA

#: Seconds of silence for each mark inside a sentence, at a rate of one.
MARK_SECONDS = {",": 0.18, ";": 0.32, ":": 0.32, "—": 0.30, "–": 0.30, ".": 0.42, "!": 0.42, "?": 0.42, "…": 0.45}
OPENING_SECONDS = 0.03
CLOSING_SECONDS = 0.04
MIN_SECONDS = 0.02  #: no phone is shorter: its filters need two frames
STOP_SECONDS = 0.03  #: a plosive needs a closure and a burst
MAX_PIECE_PHONES = 400  #: phones in one pass of the networks (about half a minute)

_STOPS = frozenset({"B", "CH", "D", "G", "JH", "K", "P", "T"})
_RISE_OCTAVES = 0.35  #: a yes-no question ends about four semitones up
_RISE_SECONDS = 0.30
_FALL_OCTAVES = 0.12  #: on top of what the model predicts, for a full stop
_CONTINUE_OCTAVES = 0.06
_LIST_OCTAVES = 0.14  #: after an item of a list, held up more than a mere comma
_CONTOURS = {
    "?": _RISE_OCTAVES,
    FALLING_QUESTION: -_FALL_OCTAVES,
    ".": -_FALL_OCTAVES,
    "!": -_FALL_OCTAVES,
    LIST_COMMA: _LIST_OCTAVES,
    **dict.fromkeys(",;:—–", _CONTINUE_OCTAVES),
}
#: Where a rise ends at least, octaves above the sentence's middle: the model knows no marks and may have fallen far.
_AIMS = {"?": 0.38, LIST_COMMA: 0.0}
_MOST_RISE_OCTAVES = 0.9
_RELEASE_FRAMES = 12

Floats = npt.NDArray[np.floating]


def phone_seconds(
    phones: tuple[Phone, ...],
    marks: tuple[str, ...],
    predicted: Floats,
    rate: float,
    factor: Floats | None = None,
) -> Floats:
    """Seconds of each phone.

    Parameters
    ----------
    phones : tuple of Phone
        L phones, pauses among them.
    marks : tuple of str
        The mark at each of the L places (empty where there is none).
    predicted : ndarray
        (L,) seconds, by the model.
    rate : float
        Speaking rate; 2 halves every duration.
    factor : ndarray, optional
        (L,) on the seconds of each phone that sounds, see `voicekit.engines.manner.stretch`.

    Returns
    -------
    ndarray
        (L,).
    """
    seconds = np.asarray(predicted, dtype=np.float64) / rate * (1.0 if factor is None else factor)
    for index, (phone, mark) in enumerate(zip(phones, marks, strict=True)):
        sign, _, asked_ms = mark.partition("|")
        asked = float(asked_ms or 0.0) / 1000.0  # a pause that was asked for is as long as it was asked for
        if phone.symbol == SILENCE:
            seconds[index] = (OPENING_SECONDS if index == 0 else CLOSING_SECONDS) + asked
        elif phone.is_pause:
            seconds[index] = asked or MARK_SECONDS.get(sign[:1], 0.18) / rate
        else:
            seconds[index] = max(seconds[index], STOP_SECONDS if phone.symbol in _STOPS else MIN_SECONDS)
    return seconds


def split_at_pauses(phones: Sequence[Phone], limit: int = MAX_PIECE_PHONES) -> Iterator[tuple[int, int]]:
    """Cut phones into pieces that fit one pass, at pauses; a piece without a pause is cut between words.

    Yields
    ------
    (int, int)
        First phone and end of a piece.
    """
    start = 0
    while len(phones) - start > limit:
        window = range(start + limit, start + limit // 4, -1)
        cut = next((i for i in window if phones[i].is_pause), None)
        if cut is None:
            cut = next((i for i in window if phones[i].word_end), start + limit)
        yield start, cut + 1
        start = cut + 1
    yield start, len(phones)


def shape_melody(
    octaves: Floats,
    vuv: npt.NDArray[np.bool_],
    phones: tuple[Phone, ...],
    marks: tuple[str, ...],
    frames: npt.NDArray[np.integer],
    liveliness: float,
) -> npt.NDArray[np.float32]:
    """The F0 curve of a sentence.

    The model's curve, its movement scaled by `liveliness`; at each mark a rise (a question for yes or no), a further
    fall (full stop, a question for a thing) or a slight rise (comma, more of it in a list) over the last vowels
    before it.

    Parameters
    ----------
    octaves : ndarray
        (T,) around the speaker's mean.
    vuv : ndarray
        (T,).
    phones, marks
        L each.
    frames : ndarray
        (L,) frames of each phone.
    liveliness : float

    Returns
    -------
    ndarray
        (T,) octaves around the speaker's mean.
    """
    curve = np.asarray(octaves, dtype=np.float64).copy()
    if not vuv.any():
        return curve.astype(np.float32)
    centre = float(curve[vuv].mean())
    curve = centre + liveliness * (curve - centre)
    voiced = np.flatnonzero(vuv)
    curve = np.interp(np.arange(len(curve)), voiced, curve[voiced])
    ends = np.cumsum(frames)
    for index, mark in enumerate(marks):
        sign = mark.partition("|")[0]
        size = _CONTOURS.get(sign, 0.0)
        if not size:
            continue
        stop = int(ends[index - 1]) if index else 0
        start = max(0, stop - round(_RISE_SECONDS * 100))
        # begin with the last vowel if that is longer ago than the ramp
        last = next((j for j in range(index - 1, -1, -1) if phones[j].symbol in VOWELS), None)
        if last is not None:
            start = min(start, int(ends[last] - frames[last]))
        heard = np.flatnonzero(vuv[start:stop])
        if len(heard):
            stop = start + int(heard[-1]) + 1  # what is not voiced is not heard to rise
            if sign in _AIMS:
                size = min(max(size, centre + _AIMS[sign] - float(curve[stop - 1])), _MOST_RISE_OCTAVES)
            curve[start:stop] += size * np.linspace(0.0, 1.0, stop - start) ** 1.2
            after = min(len(curve), stop + _RELEASE_FRAMES)
            curve[stop:after] += size * np.linspace(1.0, 0.0, after - stop)
    return curve.astype(np.float32)
