"""Forced alignment of speech to phones by pocketsphinx (its English model comes in the package)."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from voicekit.text.phones import PAUSE, SILENCE, Phone, to_cmu

ALIGNER_RATE = 16_000  #: Hz, what the aligner listens to
SHORT_SILENCE_FRAMES = 8  #: a gap below 80 ms is a closure of its neighbour, not a pause
_LATENCY_FRAMES = 1  # the aligner's 25.6 ms window centres 0.8 frames after ours


@dataclass(frozen=True)
class AlignedPhone:
    """A phone and how long it lasts, in frames of 10 ms."""

    phone: Phone
    frames: int


def _decode(pcm: bytes, words: list[list[str]]) -> Any:
    import pocketsphinx

    names = ["W" + "_".join(word) for word in words]
    with tempfile.NamedTemporaryFile("w", suffix=".dict", delete=False) as handle:
        for name, word in dict(zip(names, words, strict=True)).items():
            handle.write(f"{name} {' '.join(word)}\n")
    try:
        decoder = pocketsphinx.Decoder(
            hmm=pocketsphinx.get_model_path() + "/en-us/en-us", dict=handle.name, lm=None, loglevel="FATAL"
        )
        decoder.set_align_text(" ".join(names))
        for second_pass in (False, True):
            if second_pass:
                if decoder.hyp() is None:
                    return None
                decoder.set_alignment()
            decoder.start_utt()
            decoder.process_raw(pcm, full_utt=True)
            decoder.end_utt()
        return decoder.get_alignment()
    except RuntimeError:  # the aligner's word for "the beam lost every path"
        return None
    finally:
        os.unlink(handle.name)


def align(waveform_16k: npt.NDArray[np.float32], phones: tuple[Phone, ...]) -> list[AlignedPhone] | None:
    """Where each phone lies.

    Parameters
    ----------
    waveform_16k : ndarray
        (N,) at 16 kHz.
    phones : tuple of Phone
        What was said; its pauses are not used: the aligner finds its own.

    Returns
    -------
    list of AlignedPhone or None
        Silence, phones with the pauses heard between them, silence; None where no path was found (nearly
        always a transcript that is not what was said).
    """
    words: list[list[Phone]] = [[]]
    for phone in phones:
        if phone.is_pause:
            continue
        words[-1].append(phone)
        if phone.word_end:
            words.append([])
    words = [word for word in words if word]
    peak = float(np.abs(waveform_16k).max()) or 1.0
    pcm = (np.clip(waveform_16k / peak * 0.8, -1, 1) * 32767).astype("<i2").tobytes()
    found = _decode(pcm, [[to_cmu(p.symbol) for p in word] for word in words])
    if found is None:
        return None
    result: list[AlignedPhone] = [AlignedPhone(Phone(SILENCE), _LATENCY_FRAMES)]
    queue = iter(words)
    for entry in found:
        if entry.name.startswith(("<", "[", "++")):
            length = sum(phone.duration for phone in entry)
            last = result[-1]
            if last.phone.is_pause or length < SHORT_SILENCE_FRAMES:
                result[-1] = AlignedPhone(last.phone, last.frames + length)
            else:
                result.append(AlignedPhone(Phone(PAUSE), length))
            continue
        word = next(queue, None)
        segments = list(entry)
        if word is None or len(segments) != len(word):
            return None
        for phone, segment in zip(word, segments, strict=True):
            if segment.name != to_cmu(phone.symbol):
                return None
            result.append(AlignedPhone(phone, segment.duration))
    if next(queue, None) is not None:
        return None
    if result[-1].phone.symbol == PAUSE:
        result[-1] = AlignedPhone(Phone(SILENCE), result[-1].frames)
    else:
        result.append(AlignedPhone(Phone(SILENCE), 0))
    return result
