"""Timing and melody of a sentence: what its marks ask for, over what the model predicts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from voicekit.text.phones import SILENCE, VOWELS, Phone

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

Floats = npt.NDArray[np.floating]


def phone_seconds(phones: tuple[Phone, ...], marks: tuple[str, ...], predicted: Floats, rate: float) -> Floats:
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

    Returns
    -------
    ndarray
        (L,).
    """
    seconds = np.asarray(predicted, dtype=np.float64) / rate
    for index, (phone, mark) in enumerate(zip(phones, marks, strict=True)):
        if phone.symbol == SILENCE:
            seconds[index] = OPENING_SECONDS if index == 0 else CLOSING_SECONDS
        elif phone.is_pause:
            seconds[index] = MARK_SECONDS.get(mark, 0.18) / rate
        else:
            seconds[index] = max(seconds[index], STOP_SECONDS if phone.symbol in _STOPS else MIN_SECONDS)
    return seconds


def split_at_pauses(
    marked: tuple[tuple[Phone, ...], tuple[str, ...]], limit: int = MAX_PIECE_PHONES
) -> Iterator[tuple[tuple[Phone, ...], tuple[str, ...]]]:
    """Cut phones into pieces that fit one pass, at pauses; a piece without a pause is cut between words."""
    phones, marks = marked
    start = 0
    while len(phones) - start > limit:
        window = range(start + limit, start + limit // 4, -1)
        cut = next((i for i in window if phones[i].is_pause), None)
        if cut is None:
            cut = next((i for i in window if phones[i].word_end), start + limit)
        yield phones[start : cut + 1], marks[start : cut + 1]
        start = cut + 1
    yield phones[start:], marks[start:]


def shape_melody(
    octaves: Floats,
    vuv: npt.NDArray[np.bool_],
    phones: tuple[Phone, ...],
    marks: tuple[str, ...],
    frames: npt.NDArray[np.integer],
    liveliness: float,
) -> npt.NDArray[np.float32]:
    """The F0 curve of a sentence.

    The model's curve, its movement scaled by `liveliness`; at each mark a rise (question), a further fall (full
    stop) or a slight rise (comma) over the last vowels before it.

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
        size = {"?": _RISE_OCTAVES, ".": -_FALL_OCTAVES, "!": -_FALL_OCTAVES}.get(mark[:1], 0.0)
        if mark[:1] in (",", ";", ":", "—", "–"):
            size = _CONTINUE_OCTAVES
        if not size:
            continue
        stop = int(ends[index - 1]) if index else 0
        start = max(0, stop - round(_RISE_SECONDS * 100))
        # begin with the last vowel if that is longer ago than the ramp
        last = next((j for j in range(index - 1, -1, -1) if phones[j].symbol in VOWELS), None)
        if last is not None:
            start = min(start, int(ends[last] - frames[last]))
        if stop > start:
            curve[start:stop] += size * np.linspace(0.0, 1.0, stop - start) ** 1.5
            after = min(len(curve), stop + 10)
            curve[stop:after] += size * np.linspace(1.0, 0.0, after - stop)
    return curve.astype(np.float32)
