"""Alignments once more: the content encoder, which learnt from the first ones, says where each phone lies.

A forced aligner decides utterance by utterance, with a general model of speech.  The encoder has heard every reader
many times; what it learnt from the first alignments is their mean, which is better than each of them.  The path that
fits its posteriors best is found again, near the first one (Viterbi).

Source
------
Embedded re-estimation as in Young et al., The HTK Book, with a network's scaled posteriors (Bourlard & Morgan 1994).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from voicekit.errors import InputError
from voicekit.models.content import Content, content_features, statistics_of
from voicekit.models.weights import build_content, read_weights
from voicekit.text.phones import INVENTORY, PHONE_ID
from voicekit.train.loop import read_state
from voicekit.train.prepare import Example, load_all, save

__all__ = ["best_path", "posteriors", "realign", "realign_folder"]

MOST_FRAMES = 12  #: that a boundary may move, either way
LEAST_FRAMES = 3  #: of a phone: with less, noise of single frames would be taken for haste
PRIOR = 0.5  #: how far frequent phones are held back: the encoder has learnt how frequent they are
_SLOTS = {PHONE_ID[symbol]: slot for slot, symbol in enumerate(INVENTORY)}

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]


@torch.inference_mode()
def posteriors(content: Content, example: Example) -> F64:
    """Logarithm of what the encoder hears in each frame of an example, (T, P) over `INVENTORY`."""
    heard = torch.from_numpy(example.envelope.astype(np.float32))
    vuv = torch.from_numpy(example.f0_hz > 0)[None].float()
    logits, _ = content.encode(content_features(heard[None], vuv, statistics_of(heard)))
    found: F64 = logits[0].T.double().log_softmax(1).numpy()
    return found


def best_path(scores: F64, durations: Ints, most: int = MOST_FRAMES, least: int = 1) -> Ints:
    """Durations that fit best, each boundary within `most` frames of where it was.

    Parameters
    ----------
    scores : ndarray
        (T, L): how well each phone of the utterance fits each frame, summed along a path.
    durations : ndarray
        (L,) frames, summing to T.  A phone of no length stays so.
    most : int
    least : int
        Frames that a phone keeps, or what it had where that is less.

    Returns
    -------
    ndarray
        (L,) summing to T.
    """
    real = np.flatnonzero(durations > 0)
    old = np.cumsum(durations[real])  # where each phone ends
    total = np.concatenate([np.zeros((1, len(real))), np.cumsum(scores[:, real], axis=0)])
    n, width = len(real), 2 * most + 1
    floor = np.minimum(durations[real], max(1, least))
    ends = np.full((n, width), -1)
    best = np.full((n, width), -np.inf)
    back = np.zeros((n, width), dtype=int)
    for k in range(n):
        last = k == n - 1
        place = old[k] + np.arange(-most, most + 1)
        fits = (place > 0) & (place < len(scores)) if not last else place == len(scores)
        ends[k] = np.where(fits, place, -1)
        if k == 0:
            fits &= place >= floor[0]
            best[k] = np.where(fits, total[np.clip(place, 0, len(scores)), 0], -np.inf)
            continue
        gain = total[np.clip(place, 0, len(scores)), k][:, None] - total[np.clip(ends[k - 1], 0, None), k][None]
        allowed = (ends[k - 1][None] >= 0) & (ends[k - 1][None] + floor[k] <= place[:, None]) & fits[:, None]
        value = np.where(allowed, best[k - 1][None] + gain, -np.inf)
        back[k], best[k] = value.argmax(1), value.max(1)
    result = np.array(durations)
    slot = int(best[-1].argmax())
    if not np.isfinite(best[-1, slot]):
        return result
    for k in range(n - 1, -1, -1):
        before = back[k, slot]
        result[real[k]] = ends[k, slot] - (ends[k - 1, before] if k else 0)
        slot = before
    return result


def realign(
    examples: Sequence[Example], content: Content, told: Callable[[float], None] = lambda share: None
) -> list[Example]:
    """The examples with the alignment that the encoder finds near theirs; those without phones as they are."""
    seen = np.ones(len(INVENTORY))
    for example in examples:
        for phone, frames in zip(example.phones[:, 0], example.durations, strict=True):
            seen[_SLOTS[int(phone)]] += frames
    prior = PRIOR * np.log(seen / seen.sum())
    found = []
    for number, example in enumerate(examples):
        if len(example.phones):
            slots = [_SLOTS[int(phone)] for phone in example.phones[:, 0]]
            scores = (posteriors(content, example) - prior)[:, slots]
            moved = best_path(scores, example.durations.astype(int), least=LEAST_FRAMES)
            example = dataclasses.replace(example, durations=moved.astype(np.int16))
        found.append(example)
        told((number + 1) / len(examples))
    return found


def realign_folder(
    work: Path, start: Path | None, told: Callable[[float], None] = lambda share: None
) -> dict[str, object]:
    """Align the examples of a training anew, and say how far boundaries moved.

    Parameters
    ----------
    work : pathlib.Path
        Its ``examples`` are written over one by one, each aside and then under its name.
    start : pathlib.Path, optional
        A folder of voices whose content encoder is to listen; else the one that was trained in `work`.

    Raises
    ------
    voicekit.errors.InputError
        There is no such encoder, or no example.
    """
    if start is None:
        state = work / "content" / "state.pt"
        if not state.is_file():
            raise InputError(state, "", "no content encoder was trained here", "train it, or name voices with --start")
        content = Content()
        content.load_state_dict(read_state(state)["average"])
    else:
        content = build_content(read_weights(start / "_model" / "content.safetensors"))
    examples = load_all(work / "examples")
    if not examples:
        raise InputError(work / "examples", "", "there is no prepared example", "run voicekit train prepare first")
    moved: list[float] = []
    for before, after in zip(examples, realign(examples, content.eval(), told), strict=True):
        if len(before.phones):
            ends = [np.cumsum(one.durations.astype(int)) for one in (before, after)]
            moved += np.abs(ends[1] - ends[0])[:-1].tolist()
            save(after, work / "examples")
    return {
        "examples": len(examples),
        "boundaries": len(moved),
        "moved_ms": round(10 * float(np.mean(moved)), 2),
        "moved_more_than_20_ms": round(float(np.mean(np.array(moved) > 2)), 4),
    }
