"""A second look at each recording, its voices followed to where they fade (`track_pitch`, ``faint``).

A vocoder that only ever saw what is plainly voiced must make the ends of words of noise.  It learns from both looks:
the acoustic model says what is plainly voiced, a recording made again comes with a faint track.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from voicekit.features.envelope import envelope
from voicekit.features.frames import SAMPLE_RATE
from voicekit.pitch.tracking import SPEECH_RANGE_HZ, track_pitch
from voicekit.train.prepare import Example, extend_band


def faint_view(example: Example, low_bands: int, matrix: np.ndarray) -> Example:
    """The example with a faint F0 track and the envelope seen with it, (T,) and (T, 80)."""
    waveform = example.audio.astype(np.float32) / 32768.0
    voiced = example.f0_hz[example.f0_hz > 0]
    range_hz = SPEECH_RANGE_HZ
    if len(voiced):  # sung notes lie higher
        range_hz = (SPEECH_RANGE_HZ[0], max(SPEECH_RANGE_HZ[1], 1.2 * float(voiced.max())))
    track = track_pitch(waveform, SAMPLE_RATE, range_hz=range_hz, faint=True)
    f0 = track.f0_hz[: len(example.f0_hz)].astype(np.float32)
    seen = envelope(torch.from_numpy(waveform), torch.from_numpy(f0)).numpy()
    if example.bandwidth_hz <= 10_000:
        seen = extend_band(seen, low_bands, matrix)
    return replace(example, f0_hz=f0, envelope=seen.astype(np.float16))


def faint_views(examples: list[Example], data: Path, log: Callable[[str], None] = print) -> list[Example]:
    """`faint_view` of each example, kept in ``data/faint`` for the next run."""
    folder = data / "faint"
    folder.mkdir(parents=True, exist_ok=True)
    with np.load(data / "band_extension.npz", allow_pickle=False) as kept:
        low_bands, matrix = int(kept["low_bands"]), kept["matrix"]
    views = []
    for number, example in enumerate(examples):
        path = folder / f"{example.key.replace('/', '__').rsplit('.', 1)[0]}.npz"
        if path.is_file():
            with np.load(path, allow_pickle=False) as found:
                view = replace(example, f0_hz=found["f0_hz"], envelope=found["envelope"])
        else:
            view = faint_view(example, low_bands, matrix)
            aside = path.with_suffix(".partial")
            with aside.open("wb") as handle:
                np.savez(handle, f0_hz=view.f0_hz, envelope=view.envelope)
            aside.rename(path)
        views.append(view)
        if (number + 1) % 200 == 0:
            log(f"looked again at {number + 1} of {len(examples)} recordings")
    return views
