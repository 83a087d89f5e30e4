"""What every training run shares: steps that resume, a seed, a curve on disk."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from voicekit.errors import InputError


@dataclass(frozen=True)
class RunConfig:
    """How long and how fast to train.

    Attributes
    ----------
    steps : int
        Steps in all, those of earlier sittings included.
    learning_rate : float
        Peak; it rises over `warmup` steps and falls along a cosine to a twentieth.
    save_every : int
        Steps between saved states; a killed run loses at most these.
    max_seconds : float
        Stop (and save) after so long; 0 for no limit.
    half : bool
        Multiply in bfloat16 (twice as fast on processors that have it); weights and losses stay float32.
    """

    steps: int
    learning_rate: float = 1e-3
    warmup: int = 200
    save_every: int = 200
    max_seconds: float = 0.0
    seed: int = 0
    half: bool = False
    average: float = 0.998


def _rate(config: RunConfig, step: int) -> float:
    rise = min(1.0, (step + 1) / config.warmup)
    progress = min(1.0, step / max(1, config.steps))
    fall = 0.05 + 0.95 * 0.5 * (1 + torch.cos(torch.tensor(torch.pi * progress)).item())
    return config.learning_rate * rise * fall


def read_state(path: Path) -> dict[str, Any]:
    """Read the state of a training run: tensors and numbers alone, never an object that runs code.

    Raises
    ------
    voicekit.errors.InputError
        It is no such file; there is no second, more trusting way of reading it.
    """
    try:
        state = torch.load(path, weights_only=True)
        if not isinstance(state, dict):
            raise ValueError("no table of tensors")
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, UnpicklingError) as error:
        problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(path, "", f"this is not a state of ours ({problem})", "train the voice again") from None
    return state


class Rival(Protocol):
    """A critic that learns beside a model."""

    module: nn.Module

    def lesson(self) -> Tensor | None:
        """The critic's own loss over what the model's last loss saw; None: nothing to learn in this step."""


def warm_start(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Begin from weights of another run; what differs in shape (the table of speakers) is left as it is."""
    own = model.state_dict()
    own.update({name: t.float() for name, t in tensors.items() if name in own and own[name].shape == t.shape})
    model.load_state_dict(own)


def run(
    model: nn.Module,
    batch: Callable[[torch.Generator], object],
    loss: Callable[[object, int, torch.Generator], tuple[Tensor, dict[str, float]]],
    config: RunConfig,
    folder: Path,
    log: Callable[[str], None] = print,
    rival: Rival | None = None,
) -> nn.Module:
    """Train `model`, resuming from `folder` if a state lies there.

    The running average of the weights is what is kept as the result; it is loaded into `model` at the end.
    Each step draws its randomness from a generator seeded by (seed, step), so that a resumed run sees what an
    undisturbed one would have seen.

    Returns
    -------
    nn.Module
        `model`, with the averaged weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state_file = folder / "state.pt"
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=1e-3)
    second = torch.optim.AdamW(rival.module.parameters(), lr=config.learning_rate, betas=(0.8, 0.98)) if rival else None
    average = {k: v.detach().clone() for k, v in model.state_dict().items()}
    step = 0
    if state_file.exists():
        state = read_state(state_file)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        average, step = state["average"], state["step"]
        if rival and second and "rival" in state:
            rival.module.load_state_dict(state["rival"])
            second.load_state_dict(state["rival_optimiser"])
        log(f"resumed at step {step}")
    started = time.monotonic()
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}

    def save() -> None:
        aside = state_file.with_suffix(".partial")
        state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "average": average, "step": step}
        if rival and second:
            state |= {"rival": rival.module.state_dict(), "rival_optimiser": second.state_dict()}
        torch.save(state, aside)
        aside.rename(state_file)

    model.train()
    while step < config.steps and not (config.max_seconds and time.monotonic() - started > config.max_seconds):
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
        torch.manual_seed(config.seed * 1_000_003 + step)  # dropout draws from the global generator
        for group in [*optimiser.param_groups, *(second.param_groups if second else [])]:
            group["lr"] = _rate(config, step)
        with torch.autocast("cpu", torch.bfloat16, enabled=config.half):
            value, parts = loss(batch(generator), step, generator)
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if torch.isfinite(norm):
            optimiser.step()
        with torch.autocast("cpu", torch.bfloat16, enabled=config.half):
            lesson = rival.lesson() if rival else None
        if second and lesson is not None:
            second.zero_grad(set_to_none=True)
            lesson.backward()
            second.step()
            parts = parts | {"critic": lesson.item()}
        step += 1
        keep = min(config.average, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, tensor in model.state_dict().items():
                average[name].lerp_(tensor, 1 - keep) if tensor.is_floating_point() else average[name].copy_(tensor)
        for name, number in parts.items():
            sums[name] = sums.get(name, 0.0) + number
            counts[name] = counts.get(name, 0) + 1
        if step % 50 == 0:
            row = {"step": step, "seconds": round(time.monotonic() - started, 1)}
            row |= {name: round(total / counts[name], 4) for name, total in sums.items()}
            with (folder / "curve.jsonl").open("a") as handle:
                handle.write(json.dumps(row) + "\n")
            log(json.dumps(row))
            sums, counts = {}, {}
        if step % config.save_every == 0:
            save()
    save()
    model.load_state_dict(average)
    return model.eval()
