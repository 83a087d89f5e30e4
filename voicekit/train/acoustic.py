"""Training of the acoustic model on aligned speech."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from voicekit.models.acoustic import F0_REFERENCE_HZ, Acoustic, AcousticConfig, phone_positions
from voicekit.train.critic import EnvelopeCritic, discernment, likeness, persuasion
from voicekit.train.loop import RunConfig, run, warm_start
from voicekit.train.prepare import Example, load_all
from voicekit.train.split import is_held_out, is_validation

CROP_FRAMES = 160
PHONE_CONTEXT = 10  #: phones on both sides of a crop; the encoder sees eight
BATCH = 32
QUIET_FLOOR = -10.0  #: digital silence and a quiet room are the same thing to learn
FLITE_SHARE = 0.4  #: of the utterances of a batch
VOICES = "voices"  #: embeddings (V, S) of finished voices, among the weights a training begins from
JUDGED = 12  #: items of a batch that the critic sees
PERSUASION, LIKENESS = 0.1, 0.3  #: weights of what the critic says


@dataclass(frozen=True)
class Item:
    """An example with what the model needs of it computed once."""

    example: Example
    speaker: int
    octaves: np.ndarray  # (T,) above the reference, bridged
    vuv: np.ndarray  # (T,) bool
    positions: np.ndarray  # (L, 4) where each phone stands in its utterance


@dataclass(frozen=True)
class AcousticBatch:
    """Crops of frames, and the phones they come from with `PHONE_CONTEXT` more on both sides."""

    phones: Tensor  # (B, L, 4)
    positions: Tensor  # (B, L, 4)
    mask: Tensor  # (B, L)
    frames: Tensor  # (B, L)
    speaker: Tensor  # (B,)
    start: Tensor  # (B,)
    envelope: Tensor  # (B, C, 80)
    octaves: Tensor  # (B, C)
    vuv: Tensor  # (B, C)
    frame_mask: Tensor  # (B, C)


def to_items(examples: list[Example], speakers: dict[str, int]) -> list[Item]:
    """Items of the aligned examples."""
    items = []
    for example in examples:
        if len(example.phones) < 4:
            continue
        vuv = example.f0_hz > 0
        if vuv.sum() < 20:
            continue
        voiced = np.flatnonzero(vuv)
        octaves = np.interp(np.arange(len(vuv)), voiced, np.log2(example.f0_hz[voiced] / F0_REFERENCE_HZ))
        ids = torch.from_numpy(example.phones[None, :, 0].astype(np.int64))
        positions = phone_positions(ids, torch.ones(ids.shape))[0].numpy()
        items.append(Item(example, speakers[example.speaker], octaves.astype(np.float32), vuv, positions))
    return items


def _phones_around(durations: np.ndarray, start: int, stop: int) -> tuple[int, int]:
    """First and last (exclusive) phone that the frames [start, stop) need."""
    ends = np.cumsum(durations, dtype=np.int64)
    first = int(np.searchsorted(ends, start, side="right")) - PHONE_CONTEXT
    last = int(np.searchsorted(ends, stop - 1, side="right")) + 1 + PHONE_CONTEXT
    return max(0, first), min(len(durations), last)


def collate(items: list[Item], starts: list[int], crop: int) -> AcousticBatch:
    """Cut crops of `crop` frames and the phones around them, pad, stack."""
    spans = [
        _phones_around(i.example.durations, s, min(s + crop, len(i.vuv))) for i, s in zip(items, starts, strict=True)
    ]
    length = max(last - first for first, last in spans)
    phones = np.zeros((len(items), length, 4), dtype=np.int64)
    positions = np.zeros((len(items), length, 4), dtype=np.float32)
    mask = np.zeros((len(items), length), dtype=np.float32)
    frames = np.zeros((len(items), length), dtype=np.int64)
    env = np.zeros((len(items), crop, 80), dtype=np.float32)
    octaves = np.zeros((len(items), crop), dtype=np.float32)
    vuv = np.zeros((len(items), crop), dtype=np.float32)
    frame_mask = np.zeros((len(items), crop), dtype=np.float32)
    offsets = []
    for row, (item, start, (first, last)) in enumerate(zip(items, starts, spans, strict=True)):
        count = last - first
        phones[row, :count] = item.example.phones[first:last]
        positions[row, :count] = item.positions[first:last]
        mask[row, :count] = 1.0
        frames[row, :count] = item.example.durations[first:last]
        offsets.append(start - int(item.example.durations[:first].sum()))
        stop = min(start + crop, len(item.vuv))
        size = stop - start
        env[row, :size] = np.maximum(item.example.envelope[start:stop].astype(np.float32), QUIET_FLOOR)
        octaves[row, :size] = item.octaves[start:stop]
        vuv[row, :size] = item.vuv[start:stop]
        frame_mask[row, :size] = 1.0
    return AcousticBatch(
        *(torch.from_numpy(x) for x in (phones, positions, mask, frames)),
        torch.tensor([i.speaker for i in items]),
        torch.tensor(offsets),
        *(torch.from_numpy(x) for x in (env, octaves, vuv, frame_mask)),
    )


class AcousticRival:
    """The critic of the acoustic model; it begins to judge at step `begin`."""

    def __init__(self, begin: int) -> None:
        self.begin = begin
        self.module: EnvelopeCritic = EnvelopeCritic()
        self._seen: tuple[Tensor, Tensor, Tensor, Tensor] | None = None

    def judge(self, made: Tensor, batch: AcousticBatch, step: int) -> Tensor | None:
        """What the model is to learn from the critic; None before `begin`."""
        self._seen = None
        if step < self.begin:
            return None
        real, around = batch.envelope[:JUDGED], (batch.octaves[:JUDGED], batch.vuv[:JUDGED])
        made = torch.where(batch.frame_mask[:JUDGED, :, None] > 0, made[:JUDGED], real)
        self._seen = (made.detach(), real, *around)
        verdict, seen = self.module(made, *around)
        with torch.no_grad():
            _, wanted = self.module(real, *around)
        return PERSUASION * persuasion([verdict]) + LIKENESS * likeness(wanted, seen)

    def lesson(self) -> Tensor | None:
        """See `voicekit.train.loop.Rival`."""
        if self._seen is None:
            return None
        made, real, octaves, vuv = self._seen
        return discernment([self.module(real, octaves, vuv)[0]], [self.module(made, octaves, vuv)[0]])


def losses(
    model: Acoustic, batch: AcousticBatch, judge: Callable[[Tensor], Tensor | None] | None = None
) -> tuple[Tensor, dict[str, float]]:
    """All losses of a batch: envelope and its movement, F0, voicing, duration, and what a critic says."""
    speaker = model.speakers(batch.speaker)
    level = model.pitch_level(batch.speaker)
    encoded, log_frames = model.encode(batch.phones, batch.positions, batch.mask, speaker)
    spread = model.spread(encoded, batch.frames, batch.start, batch.envelope.shape[1])
    octaves, voiced = model.predict_melody(spread, speaker)
    env = model.decode(spread, batch.octaves, batch.vuv, speaker)
    m = batch.frame_mask
    n = m.sum()
    difference = env - batch.envelope
    l_env = (difference.abs().mean(2) * m).sum() / n
    both = m[:, 1:] * m[:, :-1]
    l_move = ((difference[:, 1:] - difference[:, :-1]).abs().mean(2) * both).sum() / n
    v = m * batch.vuv
    l_f0 = ((octaves + level - batch.octaves).abs() * v).sum() / v.sum().clamp(min=1)
    l_vuv = (torch.nn.functional.binary_cross_entropy_with_logits(voiced, batch.vuv, reduction="none") * m).sum() / n
    target = (batch.frames.float().clamp(min=1)).log()
    l_dur = ((log_frames - target).abs() * batch.mask).sum() / batch.mask.sum()
    total = l_env + 0.5 * l_move + 2.0 * l_f0 + 0.2 * l_vuv + 0.3 * l_dur
    parts = {
        "envelope": l_env.item(),
        "move": l_move.item(),
        "f0_octaves": l_f0.item(),
        "vuv": l_vuv.item(),
        "duration": l_dur.item(),
    }
    judged = judge(env) if judge else None
    if judged is not None:
        total = total + judged
        parts["judged"] = judged.item()
    return total, parts


def validate(model: Acoustic, items: list[Item]) -> dict[str, float]:
    """Losses over whole validation utterances."""
    model.eval()
    sums: dict[str, float] = {}
    with torch.no_grad():
        for item in items:
            _, parts = losses(model, collate([item], [0], len(item.vuv)))
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value / len(items)
    model.train()
    return {name: round(value, 4) for name, value in sums.items()}


def speaker_table(examples: list[Example]) -> dict[str, int]:
    """Numbers of all training speakers with aligned speech, in alphabetical order."""
    return {s: i for i, s in enumerate(sorted({e.speaker for e in examples if len(e.phones) >= 4}))}


def train(
    data: Path,
    folder: Path,
    config: RunConfig,
    log: Callable[[str], None] = print,
    start: dict[str, Tensor] | None = None,
    critic_from: int | None = None,
) -> Acoustic:
    """Train on the prepared examples in `data`; resumes from `folder`.

    Parameters
    ----------
    start : dict, optional
        Weights to begin from; the speakers are learnt anew, since no table of them is ever shipped.
    critic_from : int, optional
        The step from which a critic judges too.
    """
    everyone = [e for e in load_all(data / "examples") if not is_held_out(e)]
    speakers = speaker_table(everyone)
    items = to_items(everyone, speakers)
    validation = [i for i in items if is_validation(i.example)]
    training = [i for i in items if not is_validation(i.example)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "speakers.json").write_text(json.dumps(speakers, indent=0) + "\n")
    torch.manual_seed(config.seed)
    model = Acoustic(AcousticConfig(n_speakers=len(speakers)))
    if start is not None:
        warm_start(model, start)
        with torch.no_grad():  # every speaker begins where the known voices are
            model.speakers.weight.mul_(0.3).add_(start[VOICES].mean(0) if VOICES in start else 0.0)
    rival = AcousticRival(critic_from) if critic_from is not None else None
    with torch.no_grad():
        for name, number in speakers.items():
            mine = [i.octaves[i.vuv] for i in training if i.example.speaker == name]
            model.pitch_level.weight[number] = float(np.concatenate(mine).mean()) if mine else 0.0
    model.pitch_level.weight.requires_grad_(False)
    flite = torch.tensor([i.example.key.startswith("flite/") for i in training])
    weights = torch.tensor([float(len(i.vuv)) for i in training])
    for part, share in ((flite, FLITE_SHARE), (~flite, 1 - FLITE_SHARE)):
        if part.any():
            weights[part] *= share / weights[part].sum()

    def draw(generator: torch.Generator) -> AcousticBatch:
        picked = torch.multinomial(weights, BATCH, generator=generator, replacement=True).tolist()
        chosen = [training[i] for i in picked]
        starts = [int(torch.randint(max(1, len(i.vuv) - CROP_FRAMES + 1), (1,), generator=generator)) for i in chosen]
        return collate(chosen, starts, CROP_FRAMES)

    def loss(batch: object, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        if not isinstance(batch, AcousticBatch):
            raise TypeError("an acoustic model is trained on AcousticBatch")
        if step and step % 250 == 0:
            log(json.dumps({"validation": validate(model, validation), "step": step}))
        return losses(model, batch, (lambda made: rival.judge(made, batch, step)) if rival else None)

    return run(model, draw, loss, config, folder, log, rival)  # type: ignore[return-value]
