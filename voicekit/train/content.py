"""Training of the content encoder, with the acoustic model as a frozen teacher.

Each crop of aligned speech is heard warped, smeared and noisy, and has to come out of the frozen decoder in a voice: in
the speaker's own, as it was recorded; or in another's or a blend of several, as the acoustic model would have said the
same phones at the same pace.  So the pairs that conversion needs exist without anybody having said a sentence twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from voicekit.errors import InputError, UsageError
from voicekit.features.mel import SAMPLE_RATE, analysis_matrix, band_centres, hz_to_mel, synthesis_matrix
from voicekit.models.acoustic import Acoustic, AcousticConfig
from voicekit.models.content import (
    QUIET_FLOOR,
    Content,
    SpeakerStatistics,
    content_features,
    frame_level,
    statistics_of,
)
from voicekit.train.acoustic import AcousticBatch, Item, collate, to_items
from voicekit.train.loop import RunConfig, read_state, run, warm_start
from voicekit.train.prepare import Example, load_all
from voicekit.train.split import is_held_out, is_validation

CROP_FRAMES = 128
BATCH = 20
FLITE_SHARE = 0.25  #: of the utterances of a batch
OWN_SHARE = 0.4  #: of the crops come back in their speaker's own voice
NOISY_SHARE = 0.4
STATISTICS_FRAMES = 160  #: of an utterance, for its statistics under a perturbation
WARPS = tuple(float(r) for r in np.geomspace(0.80, 1.25, 15))
SMEARS_HZ = (0.0, 0.0, 200.0, 350.0, 550.0)  #: an F0 so high smears the envelope so far; 0 leaves it
_FFT_BINS = 1025


@dataclass(frozen=True)
class Teacher:
    """The frozen acoustic model and what it knows of the speakers.

    Attributes
    ----------
    model : Acoustic
    table : Tensor
        (S, E) embeddings of the training speakers.
    levels : Tensor
        (S,) mean F0, octaves above the reference.
    """

    model: Acoustic
    table: Tensor
    levels: Tensor


def load_teacher(folder: Path) -> tuple[Teacher, dict[str, int]]:
    """The acoustic model of a training, and its speakers' numbers.

    Raises
    ------
    voicekit.errors.InputError
        It has not been trained, or its state is damaged.
    """
    state = folder / "state.pt"
    if not state.is_file():
        raise InputError(state, "", "there is no trained acoustic model", "run voicekit train acoustic first")
    average: dict[str, Tensor] = read_state(state)["average"]
    speakers: dict[str, int] = json.loads((folder / "speakers.json").read_text(encoding="utf-8"))
    n_speakers, channels = average["speakers.weight"].shape
    model = Acoustic(AcousticConfig(n_speakers=n_speakers, speaker_channels=channels))
    model.load_state_dict(average)
    model.eval().requires_grad_(False)
    return Teacher(model, model.speakers.weight.detach(), model.pitch_level.weight.detach()[:, 0]), speakers


def perturbations() -> Tensor:
    """(W, S, 80, 80): every warp with every smear, applied to a log envelope from the right."""
    centres = band_centres().double()
    n_bands = len(centres)
    top = hz_to_mel(torch.tensor(SAMPLE_RATE / 2, dtype=torch.float64))
    frequencies = torch.linspace(0, SAMPLE_RATE / 2, _FFT_BINS, dtype=torch.float64)
    out = torch.zeros(len(WARPS), len(SMEARS_HZ), n_bands, n_bands)
    for s, width in enumerate(SMEARS_HZ):
        smear = torch.eye(n_bands)
        if width:
            near = (frequencies[:, None] - frequencies[None]).abs() <= width / 2
            box = near.double() / near.double().sum(0, keepdim=True)
            smear = synthesis_matrix(_FFT_BINS) @ box.float() @ analysis_matrix(_FFT_BINS)
        for w, ratio in enumerate(WARPS):
            position = (hz_to_mel(centres / ratio) / (top / n_bands) - 0.5).clamp(0, n_bands - 1)
            low = position.floor().long().clamp(max=n_bands - 2)
            warp = torch.zeros(n_bands, n_bands)
            columns = torch.arange(n_bands)
            warp[low, columns] = (1 - (position - low)).float()
            warp[low + 1, columns] += (position - low).float()
            out[w, s] = warp @ smear
    return out


@dataclass(frozen=True)
class Heard:
    """A crop as the encoder hears it, and what is to become of it.

    Attributes
    ----------
    batch : AcousticBatch
    features : Tensor
        (B, F, C), see `content_features`.
    labels : Tensor
        (B, C) phone of each frame.
    speaker : Tensor
        (B, S) embedding of the voice that shall say it.
    octaves : Tensor
        (B, C) F0 as that voice would have it.
    own : Tensor
        (B,) bool: the speaker's own voice.
    """

    batch: AcousticBatch
    features: Tensor
    labels: Tensor
    speaker: Tensor
    octaves: Tensor
    own: Tensor


class Hearing:
    """Draws batches.

    Parameters
    ----------
    items : list of Item
        Aligned utterances.
    teacher : Teacher
    """

    def __init__(self, items: list[Item], teacher: Teacher) -> None:
        self.items = items
        self.teacher = teacher
        self._perturb = perturbations()
        flite = torch.tensor([i.example.key.startswith("flite/") for i in items], dtype=torch.bool)
        self._weights = torch.tensor([float(len(i.vuv)) for i in items])
        for part, share in ((flite, FLITE_SHARE), (~flite, 1 - FLITE_SHARE)):
            if part.any():
                self._weights[part] *= share / self._weights[part].sum()
        self._labels = [np.repeat(i.example.phones[:, 0], i.example.durations).astype(np.int64) for i in items]

    def draw(self, generator: torch.Generator) -> Heard:
        """One batch of perturbed crops."""
        picked = torch.multinomial(self._weights, BATCH, generator=generator, replacement=True).tolist()
        starts = [
            int(torch.randint(max(1, len(self.items[i].vuv) - CROP_FRAMES + 1), (1,), generator=generator))
            for i in picked
        ]
        return self.hear(picked, starts, CROP_FRAMES, generator)

    def hear(self, picked: list[int], starts: list[int], crop: int, generator: torch.Generator | None) -> Heard:
        """Crops of the picked utterances; as they are, and in their own voice, without a generator."""
        with torch.autocast("cpu", enabled=False):  # levels and statistics want their digits
            return self._hear(picked, starts, crop, generator)

    def _hear(self, picked: list[int], starts: list[int], crop: int, generator: torch.Generator | None) -> Heard:
        items = [self.items[i] for i in picked]
        batch = collate(items, starts, crop)
        n = len(items)
        labels = torch.zeros(n, crop, dtype=torch.long)
        for row, (i, start) in enumerate(zip(picked, starts, strict=True)):
            cut = self._labels[i][start : start + crop]
            labels[row, : len(cut)] = torch.from_numpy(cut)
        some = torch.stack([self._some_frames(item.example) for item in items])
        env = batch.envelope
        own = torch.ones(n, dtype=torch.bool)
        if generator is not None:
            warp = torch.randint(len(WARPS), (n,), generator=generator)
            smear = torch.randint(len(SMEARS_HZ), (n,), generator=generator)
            matrix = self._perturb[warp, smear]
            env, some = env @ matrix, some @ matrix
            env, some = _add_noise(env, some, generator)
            own = torch.rand(n, generator=generator) < OWN_SHARE
        stats = [statistics_of(one) for one in some]
        mean = torch.stack([s.mean for s in stats])[:, None]
        level = torch.stack([s.level for s in stats])[:, None]
        if generator is not None:
            tilt = torch.linspace(-1, 1, mean.shape[2]) * 0.3 * torch.randn(n, 1, 1, generator=generator)
            mean = mean + tilt + 0.15 * torch.randn(n, 1, 1, generator=generator)
            level = level + 0.2 * torch.randn(n, 1, generator=generator)
        features = content_features(env, batch.vuv, SpeakerStatistics(mean, level))
        speaker, moved = self._voices(batch.speaker, own, generator)
        return Heard(batch, features, labels, speaker, batch.octaves + moved[:, None], own)

    def _some_frames(self, example: Example) -> Tensor:
        index = np.linspace(0, len(example.envelope) - 1, STATISTICS_FRAMES).astype(int)
        return torch.from_numpy(np.maximum(example.envelope[index].astype(np.float32), QUIET_FLOOR))

    def _voices(self, own_id: Tensor, own: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Embeddings (B, S), and octaves (B,) by which F0 moves to lie where that voice speaks."""
        table, levels = self.teacher.table, self.teacher.levels
        speaker, level = table[own_id].clone(), levels[own_id].clone()
        if generator is not None:
            for row in torch.nonzero(~own).flatten().tolist():
                # one speaker, a few, or as many as a house voice has
                count = int(2.0 ** (6.0 * torch.rand((), generator=generator)))
                near = torch.rand((), generator=generator) < 0.7  # blends are of voices of one register
                middle = float(levels[torch.randint(len(levels), (1,), generator=generator)])
                pool = torch.nonzero((levels - middle).abs() < 0.35).flatten() if near else torch.arange(len(levels))
                chosen = pool[torch.randint(len(pool), (count,), generator=generator)]
                speaker[row], level[row] = table[chosen].mean(0), levels[chosen].mean()
        return speaker, level - levels[own_id]


def _add_noise(env: Tensor, some: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Coloured noise under some of the crops, 10 to 45 dB below their loud frames."""
    n, bands = len(env), env.shape[2]
    loud = torch.quantile(frame_level(some), 0.95, dim=1)
    below = (10.0 + 35.0 * torch.rand(n, generator=generator)) / 8.686
    below = torch.where(torch.rand(n, generator=generator) < NOISY_SHARE, below, torch.full_like(below, 30.0))
    colour = torch.linspace(1, -1, bands) * 1.5 * torch.randn(n, 1, generator=generator)
    floor = ((loud - below)[:, None] + colour)[:, None]
    return 0.5 * torch.logaddexp(2 * env, 2 * floor), 0.5 * torch.logaddexp(2 * some, 2 * floor)


def losses(model: Content, teacher: Teacher, heard: Heard) -> tuple[Tensor, dict[str, float]]:
    """Phones, what the decoder reads first, and what it makes of it."""
    batch = heard.batch
    logits, bottleneck = (t.float() for t in model.encode(heard.features))
    if model.training:
        bottleneck = bottleneck + 0.05 * torch.randn_like(bottleneck)
    spread = model.spread(logits, bottleneck, heard.speaker).float()
    acoustic = teacher.model
    with torch.no_grad():
        encoded, _ = acoustic.encode(batch.phones, batch.positions, batch.mask, heard.speaker)
        taught = acoustic.spread(encoded, batch.frames, batch.start, batch.envelope.shape[1])
        said = acoustic.decode(taught, heard.octaves, batch.vuv, heard.speaker).float()
        target = torch.where(heard.own[:, None, None], batch.envelope, said)
    made = acoustic.decode(spread, heard.octaves, batch.vuv, heard.speaker).float()
    m = batch.frame_mask
    n = m.sum()
    difference = made - target
    l_env = (difference.abs().mean(2) * m).sum() / n
    both = m[:, 1:] * m[:, :-1]
    l_move = ((difference[:, 1:] - difference[:, :-1]).abs().mean(2) * both).sum() / n
    l_phone = (torch.nn.functional.cross_entropy(logits, heard.labels, reduction="none") * m).sum() / n
    kernel = acoustic.decoder_in.weight[:, : spread.shape[1]]
    read = torch.nn.functional.conv1d(spread - taught, kernel, padding=1)
    l_read = (read.square().mean(1) * m).sum() / n
    right = ((logits.argmax(1) == heard.labels).float() * m).sum() / n
    total = l_env + 0.5 * l_move + 0.3 * l_phone + 0.05 * l_read
    return total, {
        "envelope": l_env.item(),
        "move": l_move.item(),
        "phone": l_phone.item(),
        "read": l_read.item(),
        "right": right.item(),
    }


def validate(model: Content, teacher: Teacher, hearing: Hearing) -> dict[str, float]:
    """Losses over whole validation utterances, unperturbed, in their speakers' own voices."""
    model.eval()
    sums: dict[str, float] = {}
    with torch.no_grad():
        for index, item in enumerate(hearing.items):
            _, parts = losses(model, teacher, hearing.hear([index], [0], len(item.vuv), None))
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value / len(hearing.items)
    model.train()
    return {name: round(value, 4) for name, value in sums.items()}


def train(
    data: Path,
    folder: Path,
    config: RunConfig,
    log: Callable[[str], None] = print,
    start: dict[str, Tensor] | None = None,
    critic_from: int | None = None,
) -> Content:
    """Train on the prepared examples in `data` against its acoustic model; resumes from `folder`.

    After the acoustic model was trained further, the same command with more steps brings the encoder along.

    Parameters
    ----------
    start : dict, optional
        Weights to begin from.
    critic_from : None
        No critic judges an encoder.

    Raises
    ------
    voicekit.errors.InputError
        There is no acoustic model yet, or the examples cannot be read.
    voicekit.errors.UsageError
        A critic was asked for.
    """
    if critic_from is not None:
        raise UsageError("a content encoder is trained without a critic", "leave --critic-from away")
    teacher, speakers = load_teacher(data / "acoustic")
    everyone = [e for e in load_all(data / "examples") if not is_held_out(e) and e.speaker in speakers]
    items = to_items(everyone, speakers)
    validation = Hearing([i for i in items if is_validation(i.example)], teacher)
    training = Hearing([i for i in items if not is_validation(i.example)], teacher)
    torch.manual_seed(config.seed)
    model = Content()
    if start is not None:
        warm_start(model, start)

    def loss(batch: object, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        if not isinstance(batch, Heard):
            raise TypeError("a content encoder is trained on what Hearing draws")
        if step and step % 250 == 0:
            log(json.dumps({"validation": validate(model, teacher, validation), "step": step}))
        return losses(model, teacher, batch)

    return run(model, training.draw, loss, config, folder, log)  # type: ignore[return-value]
