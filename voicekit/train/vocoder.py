"""Training of the vocoder on natural recordings, by spectra and by consistency under a changed pitch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from voicekit.features.envelope import envelope
from voicekit.features.frames import HOP_LENGTH, SAMPLE_RATE
from voicekit.features.mel import band_centres
from voicekit.models.source_filter import batch_pulses
from voicekit.models.vocoder import Vocoder
from voicekit.train.critic import SpectrumCritic, discernment, likeness, persuasion
from voicekit.train.loop import RunConfig, run, warm_start
from voicekit.train.loudness import loudness_loss
from voicekit.train.prepare import Example, load_all
from voicekit.train.views import faint_views

FFT_SIZES = (2048, 1024, 768, 512, 384, 256, 128)
CROP_FRAMES = 80
BATCH = 16
CYCLE_SHARE = 0.3  #: of the steps that also check the envelope at another pitch
CYCLE_SEMITONES = 12.0
JUDGED = 6  #: items of a batch that the critic hears
PERSUASION, LIKENESS = 0.05, 0.4  #: weights of what the critic says
FAINT_SHARE = 0.5  #: of the crops that come with a faint F0 track, where there is one


@dataclass(frozen=True)
class VocoderAims:
    """What a vocoder learns from beside spectra and consistency.

    Attributes
    ----------
    faint : bool
        Half of the crops come with voices followed to where they fade (`voicekit.train.views`).
    loudness : float
        Weight of the distance in loudness (`voicekit.train.loudness`).
    """

    faint: bool = False
    loudness: float = 0.0


@dataclass(frozen=True)
class VocoderBatch:
    """Crops: audio (B, N), envelope (B, T, 80), F0 (B, T) Hz, top of the recorded band (B,) Hz."""

    audio: Tensor
    envelope: Tensor
    f0_hz: np.ndarray
    bandwidth_hz: Tensor


def batcher(examples: list[Example], faint: list[Example] | None = None) -> Callable[[torch.Generator], VocoderBatch]:
    """Draws crops, utterances weighted by the square root of their length; `faint` holds the same seen once more."""
    usable = [e for e in examples if len(e.f0_hz) > CROP_FRAMES + 2]
    again = [e for e in faint if len(e.f0_hz) > CROP_FRAMES + 2] if faint else None
    weights = torch.tensor([float(len(e.f0_hz)) for e in usable]).sqrt()

    def draw(generator: torch.Generator) -> VocoderBatch:
        picked = torch.multinomial(weights, BATCH, generator=generator, replacement=True).tolist()
        audio, env, f0, top = [], [], [], []
        for index in picked:
            example = usable[index]
            if again and float(torch.rand(1, generator=generator)) < FAINT_SHARE:
                example = again[index]
            start = int(torch.randint(len(example.f0_hz) - CROP_FRAMES, (1,), generator=generator))
            stop = start + CROP_FRAMES
            gain = float(torch.empty(1).uniform_(-1.5, 0.5, generator=generator))  # nepers
            audio.append(example.audio[start * HOP_LENGTH : stop * HOP_LENGTH] / 32768.0 * np.exp(gain))
            env.append(np.maximum(example.envelope[start:stop].astype(np.float32) + gain, -12.0))
            f0.append(example.f0_hz[start:stop])
            top.append(example.bandwidth_hz)
        return VocoderBatch(
            torch.from_numpy(np.stack(audio).astype(np.float32)),
            torch.from_numpy(np.stack(env)),
            np.stack(f0),
            torch.tensor(top),
        )

    return draw


def spectral_loss(made: Tensor, real: Tensor, bandwidth_hz: Tensor, sizes: list[int]) -> Tensor:
    """Log-magnitude and relative-magnitude distance over several windows, below each item's band limit."""
    total = made.new_zeros(())
    for size in sizes:
        window = torch.hann_window(size)
        spectra = [
            torch.stft(x, size, size // 4, size, window, return_complex=True).abs() / size**0.5 for x in (made, real)
        ]
        freqs = torch.linspace(0, SAMPLE_RATE / 2, size // 2 + 1)
        mask = (freqs[None, :, None] < bandwidth_hz[:, None, None]).float()
        a, b = spectra[0] * mask, spectra[1] * mask
        log_distance = (((a + 3e-4).log() - (b + 3e-4).log()).abs() * mask).sum() / (mask.sum() * a.shape[2])
        total = total + log_distance + 0.5 * (a - b).norm() / (b.norm() + 1e-3)
    return total / len(sizes)


def cycle_loss(model: Vocoder, batch: VocoderBatch, semitones: np.ndarray, generator: torch.Generator) -> Tensor:
    """Sing the same envelope at another pitch and look at it again: it must not have moved."""
    f0 = batch.f0_hz * 2.0 ** (semitones[:, None] / 12.0)
    vuv = f0 > 0
    pulses = batch_pulses(f0, vuv, torch.rand(len(f0), generator=generator).numpy())
    noise = torch.randn(batch.audio.shape, generator=generator)
    made = model(batch.envelope, torch.from_numpy(vuv).float(), pulses, noise)
    seen = envelope(made.reshape(-1), torch.from_numpy(f0.reshape(-1).astype(np.float32)), chunk=4096)
    seen = seen.view_as(batch.envelope)
    inside = torch.zeros(vuv.shape)
    inside[:, 3:-3] = 1.0
    low = (band_centres()[None, None, :] < batch.bandwidth_hz[:, None, None]).float()
    mask = inside[:, :, None] * low
    distance = (seen.clamp(min=-9.0) - batch.envelope.clamp(min=-9.0)).abs()
    return (distance * mask).sum() / mask.sum()


class VocoderRival:
    """The critic of the vocoder; it begins to judge at step `begin`."""

    def __init__(self, begin: int) -> None:
        self.begin = begin
        self.module: SpectrumCritic = SpectrumCritic()
        self._pair: tuple[Tensor, Tensor, Tensor] | None = None

    def judge(self, made: Tensor, batch: VocoderBatch, step: int) -> Tensor | None:
        """What the model is to learn from the critic; None before `begin`."""
        self._pair = None
        if step < self.begin:
            return None
        made, real, top = made[:JUDGED], batch.audio[:JUDGED], batch.bandwidth_hz[:JUDGED]
        self._pair = (made.detach(), real, top)
        verdicts, seen = self.module(made, top)
        with torch.no_grad():
            _, wanted = self.module(real, top)
        return PERSUASION * persuasion(verdicts) + LIKENESS * likeness(wanted, seen)

    def lesson(self) -> Tensor | None:
        """See `voicekit.train.loop.Rival`."""
        if self._pair is None:
            return None
        made, real, top = self._pair
        return discernment(self.module(real, top)[0], self.module(made, top)[0])


def train(
    data: Path,
    folder: Path,
    config: RunConfig,
    log: Callable[[str], None] = print,
    start: dict[str, Tensor] | None = None,
    critic_from: int | None = None,
    aims: VocoderAims | None = None,
) -> Vocoder:
    """Train on the prepared recordings in `data` (speech made by flite left out), held-out speakers excepted.

    Parameters
    ----------
    start : dict, optional
        Weights to begin from.
    critic_from : int, optional
        The step from which a critic judges too.
    aims : VocoderAims, optional
        What else it learns from; nothing by default.
    """
    from voicekit.train.split import is_held_out

    examples = [e for e in load_all(data / "examples") if not e.key.startswith("flite/") and not is_held_out(e)]
    torch.manual_seed(config.seed)
    model = Vocoder()
    if start is not None:
        warm_start(model, start)
    rival = VocoderRival(critic_from) if critic_from is not None else None
    aims = aims or VocoderAims()
    draw = batcher(examples, faint_views(examples, data, log) if aims.faint else None)

    def loss(batch: object, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        if not isinstance(batch, VocoderBatch):
            raise TypeError("a vocoder is trained on VocoderBatch")
        vuv = batch.f0_hz > 0
        phase = torch.rand(BATCH, generator=generator).numpy()
        noise = torch.randn(batch.audio.shape, generator=generator)
        made = model(batch.envelope, torch.from_numpy(vuv).float(), batch_pulses(batch.f0_hz, vuv, phase), noise)
        order = torch.randperm(len(FFT_SIZES), generator=generator)[:4].tolist()
        spectral = spectral_loss(made, batch.audio, batch.bandwidth_hz, [FFT_SIZES[i] for i in order])
        total, parts = spectral, {"spectral": spectral.item()}
        if aims.loudness:
            heard = loudness_loss(made, batch.audio, batch.bandwidth_hz)
            total = total + aims.loudness * heard
            parts["loudness"] = heard.item()
        if float(torch.rand(1, generator=generator)) < CYCLE_SHARE:
            semitones = torch.empty(BATCH).uniform_(-CYCLE_SEMITONES, CYCLE_SEMITONES, generator=generator)
            semitones[:4] = 0.0
            cycle = cycle_loss(model, batch, semitones.numpy(), generator)
            total = total + cycle
            parts["cycle"] = cycle.item()
        judged = rival.judge(made, batch, step) if rival else None
        if judged is not None:
            total = total + judged
            parts["judged"] = judged.item()
        return total, parts

    return run(model, draw, loss, config, folder, log, rival)  # type: ignore[return-value]
