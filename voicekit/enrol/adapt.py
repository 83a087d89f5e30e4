"""Adaptation: the speaker embedding by gradient through the frozen acoustic model, then a low-rank part of its decoder.

The model has seen many readers; a voice is a point among them. What the point cannot say, offsets can at each place
where the decoder hears it, and given minutes of speech a low-rank change of the decoder's convolutions.

Source
------
E. Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022. Ours differs in acting on the kernels of
gated convolutions, flattened to matrices, and in being merged into the weights when a voice is loaded. The offsets
follow E. Ben Zaken et al., "BitFit", ACL 2022: biases alone.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from voicekit.engines.enrolled import low_rank_layers, offset_places
from voicekit.engines.house import VoiceSettings, sharpen
from voicekit.errors import InputError
from voicekit.features.mel import band_centres
from voicekit.models.acoustic import Acoustic
from voicekit.train.acoustic import AcousticBatch, Item, collate, to_items
from voicekit.train.prepare import NARROW_HZ, Example

__all__ = ["Adapted", "Embedder", "LowRank", "measure_settings"]

CROP = 160
BATCH = 6
STEPS = 70
RATE = 0.03
OFFSET_RATE = 0.01
OFFSET_PULL = 1e-3  #: towards none
PULL = 2e-3  #: towards where the search began: a voice far from all readers is a voice the decoder never learnt
SPREAD = (0.85, 1.5)  #: how far a band's movement over time may be narrowed and widened
MOST_SHIFT = 1.2  #: nepers that a band may be raised or lowered
RANKS = (4, 8)  #: with little speech and with much
RANK_STEPS = (60, 400)
RANK_S = (15.0, 480.0)  #: what is little and what is much, seconds; in between the steps follow the seconds
RANK_RATE = 2e-3
RANK_DECAY = 1e-3


@dataclass
class Adapted:
    """What an adaptation has come to; can be kept and taken up again.

    Attributes
    ----------
    embedding : Tensor
        (S,).
    step : int
        Steps done of the embedding's.
    rank_step : int
        Steps done of the low-rank part's.
    offsets : dict
        Name of a place (`voicekit.engines.enrolled.offset_places`) -> Tensor.
    low_rank : dict
        Name of a layer and ``.down`` or ``.up`` -> Tensor.
    optimiser : dict
        State of the running step's optimiser.
    losses : list of float
    """

    embedding: Tensor
    step: int = 0
    rank_step: int = 0
    offsets: dict[str, Tensor] = field(default_factory=dict)
    low_rank: dict[str, Tensor] = field(default_factory=dict)
    optimiser: dict[str, Tensor] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)

    def to_bytes(self) -> bytes:
        """For keeping, encrypted, by the caller."""
        sink = io.BytesIO()
        groups = {"offsets": self.offsets, "low_rank": self.low_rank, "optimiser": self.optimiser}
        arrays = {f"{group}/{k}": v.numpy() for group, parts in groups.items() for k, v in parts.items()}
        np.savez(
            sink,
            embedding=self.embedding.numpy(),
            steps=np.array([self.step, self.rank_step]),
            losses=np.array(self.losses),
            **arrays,
        )
        return sink.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Adapted:
        """What `to_bytes` gave.

        Raises
        ------
        voicekit.errors.InputError
            It is something else.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                parts = {name: torch.from_numpy(np.array(file[name])) for name in file.files}
            step, rank_step = (int(v) for v in parts.pop("steps"))
            embedding, losses = parts.pop("embedding"), [float(v) for v in parts.pop("losses")]
        except (KeyError, ValueError, OSError, EOFError) as problem:
            raise InputError("state", "", "the kept state cannot be read", "enrol without --resume") from problem
        groups: dict[str, dict[str, Tensor]] = {"offsets": {}, "low_rank": {}, "optimiser": {}}
        for name, value in parts.items():
            group, _, rest = name.partition("/")
            groups.setdefault(group, {})[rest] = value
        return cls(embedding, step, rank_step, groups["offsets"], groups["low_rank"], groups["optimiser"], losses)


class Embedder:
    """Finds the embedding of a speaker, and the offsets beside it.

    Parameters
    ----------
    model : Acoustic
        Frozen, but for the offsets, which stay added to its biases.
    examples : sequence of Example
        Aligned.
    starts : sequence of Tensor
        Embeddings (S,) to begin from; the one that fits best is taken.
    seed : int
    """

    def __init__(self, model: Acoustic, examples: Sequence[Example], starts: Sequence[Tensor], seed: int = 0) -> None:
        self.model = model.eval().requires_grad_(False)
        self.items = to_items(list(examples), {e.speaker: 0 for e in examples})
        self._starts = list(starts)
        self._places = dict(offset_places(self.model))
        self._plain = {name: bias.detach().clone() for name, bias in self._places.items()}
        self._seed = seed
        self.bands = int((band_centres() < min((e.bandwidth_hz for e in examples), default=NARROW_HZ)).sum())
        voiced = [i.octaves[i.vuv] for i in self.items]
        self.level = float(np.concatenate(voiced).mean()) if voiced else 0.0

    def draw(self, step: int) -> AcousticBatch:
        """The crops of a step; the same for the same step, whatever was done before."""
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + step)
        weights = torch.tensor([float(len(i.vuv)) for i in self.items])
        picked = torch.multinomial(weights, BATCH, generator=generator, replacement=True).tolist()
        chosen: list[Item] = [self.items[i] for i in picked]
        starts = [int(torch.randint(max(1, len(i.vuv) - CROP + 1), (1,), generator=generator)) for i in chosen]
        return collate(chosen, starts, CROP)

    def loss(self, embedding: Tensor, batch: AcousticBatch, *, all_heads: bool = True) -> Tensor:
        """Distance of what the model predicts to what was recorded, over the bands that were recorded."""
        model = self.model
        speaker = embedding[None].expand(len(batch.phones), -1)
        encoded, log_frames = model.encode(batch.phones, batch.positions, batch.mask, speaker)
        spread = model.spread(encoded, batch.frames, batch.start, batch.envelope.shape[1])
        env = model.decode(spread, batch.octaves, batch.vuv, speaker)
        mask = batch.frame_mask
        difference = (env - batch.envelope)[..., : self.bands]
        total = (difference.abs().mean(2) * mask).sum() / mask.sum()
        if not all_heads:
            return total
        octaves, voiced = model.predict_melody(spread, speaker)
        v = mask * batch.vuv
        total = total + 0.5 * ((octaves + self.level - batch.octaves).abs() * v).sum() / v.sum().clamp(min=1)
        vuv = nn.functional.binary_cross_entropy_with_logits(voiced, batch.vuv, reduction="none")
        total = total + 0.1 * (vuv * mask).sum() / mask.sum()
        target = batch.frames.float().clamp(min=1).log()
        return total + 0.1 * ((log_frames - target).abs() * batch.mask).sum() / batch.mask.sum()

    def begin(self) -> Adapted:
        """The start that fits best."""
        batch = self.draw(0)
        with torch.no_grad():
            found = min(self._starts, key=lambda start: float(self.loss(start, batch, all_heads=False)))
        return Adapted(found.clone())

    def run(self, state: Adapted, keep: Callable[[Adapted, float], None], most_s: float = 60.0) -> Adapted:
        """Search on from `state`; `keep` is told each ten steps, with the share done."""
        began = time.monotonic()
        self.apply(state)
        point = state.embedding.clone().requires_grad_(True)
        moving = {"": point, **{name: bias.requires_grad_(True) for name, bias in self._places.items()}}
        size = sum(value.numel() for value in moving.values())
        mean = state.optimiser.get("mean", torch.zeros(size)).clone()
        square = state.optimiser.get("square", torch.zeros(size)).clone()
        origin = state.optimiser.get("origin", state.embedding).clone()
        for step in range(state.step, STEPS):
            loss = self.loss(point, self.draw(step + 1)) + PULL * (point - origin).square().sum()
            loss = loss + OFFSET_PULL * sum((b - self._plain[n]).square().sum() for n, b in self._places.items())
            slope = torch.cat([one.flatten() for one in torch.autograd.grad(loss, list(moving.values()))])
            mean.mul_(0.9).add_(slope, alpha=0.1)
            square.mul_(0.99).addcmul_(slope, slope, value=0.01)
            move = (mean / (1 - 0.9 ** (step + 1))) / ((square / (1 - 0.99 ** (step + 1))).sqrt() + 1e-8)
            share = 0.5 + 0.5 * np.cos(np.pi * step / STEPS)
            with torch.no_grad():
                for (name, value), part in zip(
                    moving.items(), move.split([v.numel() for v in moving.values()]), strict=True
                ):
                    value -= (OFFSET_RATE if name else RATE) * share * part
            state.losses.append(float(loss.detach()))
            state.embedding, state.step = point.detach().clone(), step + 1
            state.offsets = {name: (b - self._plain[name]).detach() for name, b in self._places.items()}
            state.optimiser = {"mean": mean, "square": square, "origin": origin}
            over = time.monotonic() - began > most_s
            if over:
                state.step = STEPS
            if state.step % 10 == 0 or over:
                keep(state, state.step / STEPS)
            if over:
                break
        for bias in self._places.values():
            bias.requires_grad_(False)
        state.optimiser = {}
        return state

    @torch.no_grad()
    def apply(self, state: Adapted) -> None:
        """Set the model's biases to what they are with a state's offsets."""
        for name, bias in self._places.items():
            bias.copy_(self._plain[name] + state.offsets.get(name, torch.zeros_like(bias)))


def rank_plan(seconds: float) -> tuple[int, int]:
    """Rank and steps of a low-rank part, for so many seconds of aligned speech."""
    (little, much), (fewest, most) = RANK_S, RANK_STEPS
    share = float(np.clip((seconds - little) / (much - little), 0.0, 1.0))
    return RANKS[0] if share < 0.25 else RANKS[1], round(fewest + share * (most - fewest))


class LowRank:
    """Learns a low-rank change of the decoder's convolutions, with the embedding held.

    Parameters
    ----------
    search : Embedder
        Its model is changed while this runs, and given back unchanged by `close`.
    embedding : Tensor
    rank : int
    """

    def __init__(self, search: Embedder, embedding: Tensor, rank: int = RANKS[1]) -> None:
        self._search, self._embedding = search, embedding
        self._parts: dict[str, _Part] = {}
        generator = torch.Generator().manual_seed(7)
        for name, conv in low_rank_layers(search.model):
            part = _Part(conv.weight.shape, generator, rank)
            parametrize.register_parametrization(conv, "weight", part)
            conv.parametrizations["weight"].original.requires_grad_(False)
            self._parts[name] = part

    def close(self) -> None:
        """Take the change out of the model again."""
        for _name, conv in low_rank_layers(self._search.model):
            parametrize.remove_parametrizations(conv, "weight", leave_parametrized=False)

    def run(
        self,
        state: Adapted,
        keep: Callable[[Adapted, float, float], None],
        steps: int = RANK_STEPS[1],
        most_s: float = 840.0,
    ) -> Adapted:
        """Learn on from `state`; `keep` is told each twenty steps: share done and seconds left."""
        named = {f"{name}.{side}": getattr(part, side) for name, part in self._parts.items() for side in part.SIDES}
        with torch.no_grad():
            for key, value in state.low_rank.items():
                named[key].copy_(value)
        optimiser = torch.optim.AdamW(named.values(), lr=RANK_RATE, weight_decay=RANK_DECAY)
        began, first = time.monotonic(), state.rank_step
        _restore(optimiser, named, state.optimiser, first)
        for step in range(first, steps):
            for group in optimiser.param_groups:
                group["lr"] = RANK_RATE * (0.5 + 0.5 * np.cos(np.pi * step / steps))
            optimiser.zero_grad(set_to_none=True)
            loss = self._search.loss(self._embedding, self._search.draw(100_000 + step), all_heads=False)
            loss.backward()
            optimiser.step()
            state.losses.append(float(loss.detach()))
            state.rank_step = step + 1
            spent = time.monotonic() - began
            left = spent / (step + 1 - first) * (steps - step - 1)
            if state.rank_step % 20 == 0 or state.rank_step == steps or spent > most_s:
                state.low_rank = {key: value.detach().clone() for key, value in named.items()}
                state.optimiser = _kept(optimiser, named)
                keep(state, state.rank_step / steps, left)
            if spent > most_s:
                state.rank_step = steps
                break
        state.optimiser = {}
        return state


class _Part(nn.Module):
    """W + up @ down, shaped like W."""

    SIDES = ("down", "up")

    def __init__(self, shape: torch.Size, generator: torch.Generator, rank: int) -> None:
        super().__init__()
        rows, columns = shape[0], int(np.prod(shape[1:]))
        self.down = nn.Parameter(torch.randn(rank, columns, generator=generator) / columns**0.5)
        self.up = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, weight: Tensor) -> Tensor:
        """(O, I, K) -> (O, I, K)."""
        return weight + (self.up @ self.down).view_as(weight)


def _kept(optimiser: torch.optim.Optimizer, named: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    return {
        f"{key}/{part}": optimiser.state[value][part].clone()
        for key, value in named.items()
        for part in ("exp_avg", "exp_avg_sq")
        if value in optimiser.state
    }


def _restore(
    optimiser: torch.optim.Optimizer, named: dict[str, nn.Parameter], kept: dict[str, Tensor], step: int
) -> None:
    if not kept:
        return
    for key, value in named.items():
        optimiser.state[value] = {
            "step": torch.tensor(float(step)),
            "exp_avg": kept[f"{key}/exp_avg"].clone(),
            "exp_avg_sq": kept[f"{key}/exp_avg_sq"].clone(),
        }


@torch.no_grad()
def measure_settings(search: Embedder, embedding: Tensor) -> tuple[VoiceSettings, Tensor, dict[str, int]]:
    """Pitch level, range, liveliness, rate, sharpness and colour of a speaker, beside their embedding.

    Returns
    -------
    settings : VoiceSettings
    colour : Tensor
        (2, 80), see `voicekit.engines.house.coloured`.
    measured : dict
        Whole numbers for the ledger: F0 in millihertz, rate in ppm, envelope error in millidecibels.
    """
    model, speaker = search.model, embedding[None]
    real = np.concatenate([i.octaves[i.vuv] for i in search.items])
    low, middle, high = (float(v) for v in np.quantile(real, [0.05, 0.5, 0.95]))
    moved, said, meant, errors, contrast = [], 0.0, 0.0, [], []
    pairs: list[tuple[Tensor, Tensor]] = []
    for item in search.items[:12]:
        batch = collate([item], [0], len(item.vuv))
        encoded, log_frames = model.encode(batch.phones, batch.positions, batch.mask, speaker)
        spread = model.spread(encoded, batch.frames)
        octaves, _ = model.predict_melody(spread, speaker)
        whole = model.decode(spread, batch.octaves, batch.vuv, speaker)
        env, target = whole[..., : search.bands], batch.envelope[..., : search.bands]
        active = (target.mean(2) > target.mean(2).max() - 5.0)[0]
        pairs.append((whole[0, active], target[0, active]))
        errors.append(float((env - target)[0, active].abs().mean()))
        contrast.append(float(_ripple(target[:, active]) / _ripple(env[:, active]).clamp(min=1e-3)))
        moved.append(octaves[0].numpy()[item.vuv])
        inner = batch.phones[0, :, 0] != batch.phones[0, 0, 0]
        said += float(batch.frames[0][inner].sum())
        meant += float(log_frames[0].exp()[inner].sum())
    liveliness = float(np.clip(real.std() / max(float(np.concatenate(moved).std()), 1e-3), 0.8, 1.6))
    rate = float(np.clip(meant / max(said, 1.0), 0.7, 1.4))
    settings = VoiceSettings(
        pitch_level=round(search.level, 4),
        range_octaves=(round(low - 0.1, 4), round(high + 0.1, 4)),
        liveliness=round(liveliness, 3),
        sharpness=round(float(np.clip(np.median(contrast) - 1.0, 0.0, 0.8)), 3),
        rate=round(rate, 3),
    )
    hertz = [round(150_000 * 2**v) for v in (low, middle, high)]
    measured = {
        "pitch_low_millihertz": hertz[0],
        "pitch_middle_millihertz": hertz[1],
        "pitch_high_millihertz": hertz[2],
        "rate_ppm": round(rate * 1_000_000),
        "envelope_error_millidb": round(float(np.mean(errors)) * 8_686),
    }
    made = sharpen(torch.cat([one for one, _ in pairs])[None], settings.sharpness)[0]
    return settings, _colour(made, torch.cat([other for _, other in pairs])), measured


def _colour(made: Tensor, recorded: Tensor) -> Tensor:
    """Factor and sum of each band (2, 80), from frames as they are made (T, 80) and as they were recorded (T, M)."""
    bands = recorded.shape[1]
    factor, shift = torch.ones(made.shape[1]), torch.zeros(made.shape[1])
    factor[:bands] = (recorded.std(0) / made[:, :bands].std(0).clamp(min=0.1)).clamp(*SPREAD)
    shift[:bands] = (recorded - made[:, :bands]).mean(0).clamp(-MOST_SHIFT, MOST_SHIFT)
    shift[bands:] = shift[max(0, bands - 4) : bands].mean()
    middle = made.mean(0)
    return torch.stack([factor, middle + shift - factor * middle])


def _ripple(envelope: Tensor) -> Tensor:
    """How far peaks and valleys of (1, T, M) stand off the running mean over 13 bands."""
    flat = envelope.reshape(-1, 1, envelope.shape[2])
    smooth = nn.functional.avg_pool1d(nn.functional.pad(flat, (6, 6), mode="replicate"), 13, 1)
    return (flat - smooth).std()


