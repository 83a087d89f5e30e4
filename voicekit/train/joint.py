"""Joint tuning: the acoustic model's envelopes go through the vocoder, and both learn from the recording.

Apart, the one learns a mean envelope and the other to make sound of a natural one.  Here the phones of a recording, as
aligned, and its F0 become an envelope and the envelope becomes sound; only the acoustic model's decoder and the vocoder
move, so that durations, melody and what the content encoder was taught stay.  What it gives is kept only where held-out
measures improve (docs/training.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from voicekit.errors import InputError
from voicekit.features.frames import HOP_LENGTH
from voicekit.models.acoustic import Acoustic, AcousticConfig
from voicekit.models.source_filter import batch_pulses
from voicekit.models.vocoder import Vocoder
from voicekit.train.acoustic import AcousticBatch, Item, collate, to_items
from voicekit.train.loop import RunConfig, read_state, run
from voicekit.train.loudness import loudness_loss
from voicekit.train.prepare import load_all
from voicekit.train.split import is_held_out, is_validation
from voicekit.train.vocoder import FFT_SIZES, spectral_loss

CROP_FRAMES = 80
BATCH = 8
HOLD = 1.0  #: weight of the envelope's own distance: the interface must not drift
LOUDNESS = 0.03  #: weight of the distance in loudness
LEARNT = ("decoder_in", "decoder", "decoder_out")  #: parts of the acoustic model that move


@dataclass(frozen=True)
class JointBatch:
    """Crops with their phones, and the sound: audio (B, N), F0 (B, T) Hz, top of the recorded band (B,) Hz."""

    speech: AcousticBatch
    audio: Tensor
    f0_hz: np.ndarray
    bandwidth_hz: Tensor


class Joint(nn.Module):
    """An acoustic model and a vocoder in one row.

    Parameters
    ----------
    acoustic : Acoustic
        Only its decoder learns, and nothing of it with `vocoder_only`.
    vocoder : Vocoder
    vocoder_only : bool
    """

    def __init__(self, acoustic: Acoustic, vocoder: Vocoder, vocoder_only: bool = False) -> None:
        super().__init__()
        self.acoustic, self.vocoder = acoustic, vocoder
        for name, parameter in acoustic.named_parameters():
            parameter.requires_grad_(not vocoder_only and name.split(".")[0] in LEARNT)

    def forward(self, batch: JointBatch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Waveform (B, N) and the envelope (B, T, 80) it was made of, at the recording's timing and F0."""
        said = batch.speech
        speaker = self.acoustic.speakers(said.speaker)
        encoded, _ = self.acoustic.encode(said.phones, said.positions, said.mask, speaker)
        spread = self.acoustic.spread(encoded, said.frames, said.start, said.envelope.shape[1])
        envelope = self.acoustic.decode(spread, said.octaves, said.vuv, speaker)
        phase = torch.rand(len(batch.f0_hz), generator=generator).numpy()
        noise = torch.randn(batch.audio.shape, generator=generator)
        made = self.vocoder(envelope, said.vuv, batch_pulses(batch.f0_hz, batch.f0_hz > 0, phase), noise)
        return made, envelope


def joint_loss(
    model: Joint, batch: JointBatch, generator: torch.Generator, sizes: list[int]
) -> tuple[Tensor, dict[str, float]]:
    """Distance of the sound in spectra and loudness, and of the envelope that it was made of."""
    made, envelope = model(batch, generator)
    spectral = spectral_loss(made, batch.audio, batch.bandwidth_hz, sizes)
    heard = loudness_loss(made, batch.audio, batch.bandwidth_hz)
    hold = (envelope - batch.speech.envelope).abs().mean()
    parts = {"spectral": spectral.item(), "loudness": heard.item(), "envelope": hold.item()}
    return spectral + LOUDNESS * heard + HOLD * hold, parts


def crops(items: list[Item], starts: list[int]) -> JointBatch:
    """Cut `CROP_FRAMES` frames of each item, sound and all."""
    picked = [(i.example, slice(s, s + CROP_FRAMES)) for i, s in zip(items, starts, strict=True)]
    sound = [e.audio[at.start * HOP_LENGTH : at.stop * HOP_LENGTH] / np.float32(32768.0) for e, at in picked]
    return JointBatch(
        collate(items, starts, CROP_FRAMES),
        torch.from_numpy(np.stack(sound).astype(np.float32)),
        np.stack([e.f0_hz[at] for e, at in picked]),
        torch.tensor([e.bandwidth_hz for e, _ in picked]),
    )


def usable(items: list[Item]) -> list[Item]:
    """Natural recordings long enough for a crop."""
    return [i for i in items if len(i.vuv) > CROP_FRAMES and not i.example.key.startswith("flite/")]


def validate(model: Joint, items: list[Item]) -> dict[str, float]:
    """Mean losses over the middle crops of utterances kept from training; the same noise each time."""
    generator = torch.Generator().manual_seed(0)
    model.eval()
    with torch.no_grad():
        batch = crops(items, [(len(i.vuv) - CROP_FRAMES) // 2 for i in items])
        found = joint_loss(model, batch, generator, list(FFT_SIZES))[1]
    model.train()
    return {name: round(value, 4) for name, value in found.items()}


def train(
    data: Path,
    folder: Path,
    config: RunConfig,
    log: Callable[[str], None] = print,
    vocoder_only: bool = False,
) -> Joint:
    """Tune the averaged weights of ``data/acoustic`` and ``data/vocoder`` together; resumes from `folder`.

    The two are written as ``folder/acoustic/state.pt`` and ``folder/vocoder/state.pt``; those in `data` stay.

    Raises
    ------
    voicekit.errors.InputError
        One of the two has not been trained yet.
    """
    tables = data / "acoustic" / "speakers.json"
    for path, step in ((tables, "acoustic"), (data / "acoustic/state.pt", "acoustic"),
                       (data / "vocoder/state.pt", "vocoder")):  # fmt: skip
        if not path.is_file():
            raise InputError(path, "", "joint tuning begins from trained networks", f"run voicekit train {step} first")
    speakers: dict[str, int] = json.loads(tables.read_text(encoding="utf-8"))
    items = [
        i for i in usable(to_items([e for e in load_all(data / "examples") if e.speaker in speakers], speakers))
        if not is_held_out(i.example)
    ]  # fmt: skip
    training = [i for i in items if not is_validation(i.example)]
    watched = [i for i in items if is_validation(i.example)]
    if not training:
        raise InputError(data / "examples", "", "no natural recording here has phones", "prepare a transcribed corpus")
    acoustic, vocoder = Acoustic(AcousticConfig(n_speakers=len(speakers))), Vocoder()
    acoustic.load_state_dict(read_state(data / "acoustic" / "state.pt")["average"])
    vocoder.load_state_dict(read_state(data / "vocoder" / "state.pt")["average"])
    model = Joint(acoustic, vocoder, vocoder_only)
    weights = torch.tensor([float(len(i.vuv)) for i in training]).sqrt()

    def draw(generator: torch.Generator) -> JointBatch:
        picked = torch.multinomial(weights, BATCH, generator=generator, replacement=True).tolist()
        chosen = [training[i] for i in picked]
        starts = [int(torch.randint(len(i.vuv) - CROP_FRAMES, (1,), generator=generator)) for i in chosen]
        return crops(chosen, starts)

    def loss(batch: object, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        if not isinstance(batch, JointBatch):
            raise TypeError("joint tuning takes JointBatch")
        if watched and step % 100 == 0:
            log(json.dumps({"validation": validate(model, watched), "step": step}))
        order = torch.randperm(len(FFT_SIZES), generator=generator)[:4].tolist()
        return joint_loss(model, batch, generator, [FFT_SIZES[i] for i in order])

    run(model, draw, loss, config, folder, log)
    if watched:
        log(json.dumps({"validation": validate(model, watched), "step": "average"}))
    for name, part in (("acoustic", model.acoustic), ("vocoder", model.vocoder)):
        (folder / name).mkdir(exist_ok=True)
        aside = folder / name / "state.partial"
        torch.save({"average": part.state_dict()}, aside)
        aside.rename(folder / name / "state.pt")
    (folder / "acoustic" / "speakers.json").write_bytes(tables.read_bytes())
    return model
