"""How the house engine sings: speech-like decoding, stretched in time, at the F0 that was commanded.

The acoustic model learnt from readers, whose vowels last a fifth of a second.  A sung vowel is therefore decoded at a
length it knows, and its envelope is then held: the first and last part of a vowel keep their pace, the middle is
stretched; a diphthong is held on its first half and moves at the end, as singers do.  The vocoder gets the true F0,
the acoustic model the same curve moved by whole octaves into the register the voice was learnt in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from voicekit.features.frames import FRAME_RATE, HOP_LENGTH, SAMPLE_RATE
from voicekit.features.mel import band_centres
from voicekit.singing.line import SungLine, SungPhone
from voicekit.text.phones import PHONE_ID, SILENCE, UNVOICED, VOWELS

__all__ = ["Phrase", "clear_hiss", "phrases_of", "raise_first_formant", "stretch"]

DIPHTHONGS = frozenset({"AW", "AY", "EY", "OW", "OY"})
_VOWEL_FRAMES = 18  # what the model knows as a long vowel
_DIPHTHONG_FRAMES = 22
_CONSONANT_FRAMES = 14
_REST_FRAMES = 8
_EDGE_FRAMES = 4  # silence the networks see around a phrase
_JOIN_S = 0.12  # a shorter rest does not part phrases
_ATTACK_S = 0.012
_RELEASE_S = 0.05
HISS_FROM_HZ = 400.0
RUMBLE_NEPERS = 1.5  #: 13 dB
_FLANK_NEPERS = 4.0  # an octave: the flank of a formant of ordinary width
_DB = 20.0 / np.log(10.0)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Phrase:
    """Phones between two rests, on the frame grid.

    Parameters
    ----------
    phones : tuple of SungPhone
        L phones, with silence at both ends.
    first_frame : int
        Where it begins in its line.
    frames : ndarray
        (L,) frames as sung.
    natural : ndarray
        (L,) frames as decoded.
    """

    phones: tuple[SungPhone, ...]
    first_frame: int
    frames: Ints
    natural: Ints

    @property
    def n_frames(self) -> int:
        """T as sung."""
        return int(self.frames.sum())

    def tokens(self) -> Tensor:
        """(1, L, 4) phone, stress, word start, word end."""
        rows = [(PHONE_ID[p.symbol], p.stress, int(p.word_start), int(p.word_end)) for p in self.phones]
        return torch.tensor([rows])

    def voicing(self, counts: Ints) -> npt.NDArray[np.bool_]:
        """Which frames are voiced when every phone has so many frames."""
        voiced = np.array([p.symbol not in UNVOICED and p.role != "breath" for p in self.phones])
        return np.repeat(voiced, counts)


def phrases_of(line: SungLine) -> Iterator[Phrase]:
    """Cut a line at its rests; each phrase is a pass of its own, and nothing sounds between them."""
    group: list[SungPhone] = []
    for phone in line.phones:
        if phone.role == "rest" and phone.end_s - phone.start_s >= _JOIN_S:
            if group:
                yield _phrase(group, line.n_frames)
            group = []
        else:
            group.append(phone)
    if group:
        yield _phrase(group, line.n_frames)


def _phrase(group: Sequence[SungPhone], n_frames: int) -> Phrase:
    edges = np.round(np.array([group[0].start_s] + [p.end_s for p in group]) * FRAME_RATE).astype(np.int64)
    frames = np.maximum(np.diff(edges), 1)
    first = max(0, int(edges[0]) - _EDGE_FRAMES)
    before, after = int(edges[0]) - first, max(0, min(_EDGE_FRAMES, n_frames - int(edges[0] + frames.sum())))
    quiet = SungPhone(SILENCE, 0, False, False, 0.0, 0.0, "rest", -1)
    counts = np.array([max(before, 1), *frames, max(after, 1)], dtype=np.int64)
    phones = (quiet, *group, quiet)
    natural = np.minimum(counts, [_known_length(p) for p in phones])
    return Phrase(phones, first if before else first - 1, counts, natural)


def _known_length(phone: SungPhone) -> int:
    if phone.symbol in DIPHTHONGS:
        return _DIPHTHONG_FRAMES
    if phone.symbol in VOWELS:
        return _VOWEL_FRAMES
    return _REST_FRAMES if phone.role == "rest" else _CONSONANT_FRAMES


def stretch(phrase: Phrase) -> Floats:
    """For every sung frame the (fractional) decoded frame it shows, shape (T,)."""
    found = []
    start = 0
    for phone, out, natural in zip(phrase.phones, phrase.frames, phrase.natural, strict=True):
        if out <= natural:
            inside = np.arange(out, dtype=np.float64)
        else:
            head, tail = (0.30, 0.60) if phone.symbol in DIPHTHONGS else (0.40, 0.35)
            known = [0.0, head * natural, (1 - tail) * natural, natural - 1.0]
            inside = np.interp(np.arange(out), [0.0, head * natural, out - tail * natural, out - 1.0], known)
        found.append(start + inside)
        start += int(natural)
    return np.concatenate(found)


def hold(values: Tensor, positions: Floats) -> Tensor:
    """Read (1, T, M) at fractional frames -> (1, T', M)."""
    low = np.minimum(np.floor(positions).astype(np.int64), values.shape[1] - 1)
    high = np.minimum(low + 1, values.shape[1] - 1)
    share = torch.from_numpy((positions - low).astype(np.float32))[None, :, None]
    return values[:, low] * (1 - share) + values[:, high] * share


def clear_hiss(envelope: Tensor, sounding: Tensor) -> Tensor:
    """Take the rumble of the readers' rooms out of unvoiced frames: no hiss is made below 400 Hz.

    Parameters
    ----------
    envelope : Tensor
        (1, T, 80) natural log of amplitude.
    sounding : Tensor
        (1, T) 1 where voiced.
    """
    rumble = (band_centres() < HISS_FROM_HZ).to(envelope.dtype)
    return envelope - RUMBLE_NEPERS * (1 - sounding)[..., None] * rumble


def raise_first_formant(envelope: Tensor, f0_hz: Floats, vuv: npt.NDArray[np.bool_]) -> Tensor:
    """Let the first formant follow the pitch where the pitch has risen above it.

    Without it the only strong partial of a close vowel falls into the valley behind its formant and the note all but
    vanishes.  Source: J. Sundberg, "The Science of the Singing Voice", 1987: sopranos open the jaw so that F1 is
    never below F0.  Ours moves the peak and its flank; vowels grow more open, as sung ones do.

    Parameters
    ----------
    envelope : Tensor
        (1, T, 80) natural log of amplitude.
    f0_hz : ndarray
        (T,).
    vuv : ndarray
        (T,).

    Returns
    -------
    Tensor
        (1, T, 80).
    """
    centres = band_centres().float()
    octaves = torch.log2(centres[None] / torch.from_numpy(np.maximum(f0_hz, 1.0)).float()[:, None])  # (T, 80)
    below = octaves <= 0.1
    level, peak = torch.where(below, envelope[0], torch.full_like(envelope[0], -1e9)).max(1)
    after_peak = torch.arange(len(centres))[None] >= peak[:, None]
    flank = level[:, None] - _FLANK_NEPERS * octaves.clamp(min=0.0)
    follow = after_peak & torch.from_numpy(vuv)[:, None]
    return torch.where(follow, torch.maximum(envelope[0], flank), envelope[0])[None]


def gains(phrase: Phrase, line: SungLine, breath_db: float) -> npt.NDArray[np.float32]:
    """Natural logarithm of the gain of every frame (T,)."""
    at = np.clip(phrase.first_frame + np.arange(phrase.n_frames), 0, line.n_frames - 1)
    level = line.gain_db[at].copy()
    breath = np.repeat([p.role == "breath" for p in phrase.phones], phrase.frames)
    level[breath] += breath_db
    return np.asarray(level / _DB, dtype=np.float32)


def shape_ends(waveform: npt.NDArray[np.float32], phrase: Phrase) -> npt.NDArray[np.float32]:
    """Fade a phrase in and out, and silence what lies in its rests, in place."""
    ends = np.cumsum(phrase.frames) * HOP_LENGTH
    starts = ends - phrase.frames * HOP_LENGTH
    gate = np.ones(len(waveform), dtype=np.float32)
    for phone, begin, stop in zip(phrase.phones, starts, ends, strict=True):
        if phone.role == "rest":
            gate[begin:stop] = 0.0
    sounding = np.flatnonzero(gate)
    if not len(sounding):
        return np.zeros_like(waveform)
    for first in (int(i) for i in sounding[np.flatnonzero(np.diff(sounding, prepend=-2) > 1)]):
        length = min(round(_ATTACK_S * SAMPLE_RATE), len(waveform) - first)
        gate[first : first + length] *= np.linspace(0.0, 1.0, length, dtype=np.float32)
    for last in (int(i) for i in sounding[np.flatnonzero(np.diff(sounding, append=len(gate) + 2) > 1)]):
        length = min(round(_RELEASE_S * SAMPLE_RATE), last + 1)
        gate[last + 1 - length : last + 1] *= np.linspace(1.0, 0.0, length, dtype=np.float32) ** 2
    waveform *= gate
    return waveform
