"""Voices of nobody: blends of many readers' embeddings, packed as a voice folder with card and weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from voicekit.engines.house import VoiceSettings
from voicekit.engines.voices import CONTENT_FILE
from voicekit.errors import UsageError
from voicekit.models.acoustic import F0_REFERENCE_HZ, AcousticConfig
from voicekit.models.content import ContentConfig
from voicekit.models.vocoder import VocoderConfig
from voicekit.models.weights import write_weights
from voicekit.train.prepare import Example

MIN_MEMBERS = 20  #: fewer readers than this are not a blend but a choir


@dataclass(frozen=True)
class SpeakerFacts:
    """What a blend is chosen by.

    Attributes
    ----------
    name : str
    pitch : float
        Median F0, octaves above 150 Hz.
    low, high : float
        5th and 95th percentile of F0, octaves above 150 Hz.
    clarity_db : float
        Level of active frames over that of the quietest tenth.
    """

    name: str
    pitch: float
    low: float
    high: float
    clarity_db: float


def speaker_facts(examples: list[Example]) -> dict[str, SpeakerFacts]:
    """Facts of every speaker with aligned speech."""
    by_name: dict[str, list[Example]] = {}
    for example in examples:
        if len(example.phones) >= 4:
            by_name.setdefault(example.speaker, []).append(example)
    facts = {}
    for name, mine in by_name.items():
        f0 = np.concatenate([e.f0_hz[e.f0_hz > 0] for e in mine])
        if len(f0) < 50:
            continue
        octaves = np.log2(f0 / F0_REFERENCE_HZ)
        level = np.concatenate([e.envelope[:, :60].astype(np.float32).max(1) for e in mine])
        quiet, loud = np.quantile(level, [0.05, 0.8])
        low, middle, high = (float(v) for v in np.quantile(octaves, [0.05, 0.5, 0.95]))
        facts[name] = SpeakerFacts(name, middle, low, high, float((loud - quiet) * 8.686))
    return facts


def choose(facts: dict[str, SpeakerFacts], register: tuple[float, float], count: int) -> list[str]:
    """The `count` clearest readers of a part of the register.

    Parameters
    ----------
    facts : dict
    register : (float, float)
        From where to where in the order of median F0, 0 the lowest reader and 1 the highest.
    count : int

    Raises
    ------
    voicekit.errors.UsageError
        No such part, or too few readers in it.
    """
    low, high = register
    if not 0 <= low < high <= 1:
        raise UsageError(f"there is no register from {low} to {high}", "give two numbers from 0 to 1, the lower first")
    readers = sorted((f for f in facts.values() if f.name.startswith("ls")), key=lambda f: f.pitch)
    part = readers[round(low * len(readers)) : round(high * len(readers))]
    part = sorted(part, key=lambda f: -f.clarity_db)[:count]
    if len(part) < MIN_MEMBERS:
        raise UsageError(f"only {len(part)} readers to blend", f"give at least {MIN_MEMBERS}")
    return sorted(f.name for f in part)


def write_model(acoustic: dict[str, torch.Tensor], vocoder: dict[str, torch.Tensor], folder: Path) -> None:
    """Write the shared weights; the table of real speakers' embeddings stays behind.

    Whoever had that table could speak as one of the readers; nobody agreed to that.
    """
    folder.mkdir(parents=True, exist_ok=True)
    channels = acoustic["speakers.weight"].shape[1]
    shipped = dict(acoustic)
    shipped["speakers.weight"] = torch.zeros(0, channels)
    shipped["pitch_level.weight"] = torch.zeros(0, 1)
    config = asdict(AcousticConfig(n_speakers=0, speaker_channels=channels))
    write_weights(folder / "acoustic.safetensors", shipped, config)
    write_weights(folder / "vocoder.safetensors", dict(vocoder), asdict(VocoderConfig()))


def write_content(content: dict[str, torch.Tensor], folder: Path) -> None:
    """Write the content encoder beside the shared weights; it holds no speaker."""
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(folder / CONTENT_FILE, content, asdict(ContentConfig()))


def write_voice(
    name: str,
    members: dict[str, float],
    acoustic: dict[str, torch.Tensor],
    speakers: dict[str, int],
    facts: dict[str, SpeakerFacts],
    folder: Path,
    lean: dict[str, float] | None = None,
    **settings: float,
) -> VoiceSettings:
    """Write ``folder/voice.safetensors``: the mean of the members' embeddings, moved by `lean`, and the settings.

    Parameters
    ----------
    members : dict
        Weight of each speaker.
    lean : dict, optional
        How much of each speaker's embedding is added to that; the weights sum to about nothing, and no speaker has
        more than a small part, so the place is between and beyond all of them.
    settings : float
        Overrides of `VoiceSettings` (liveliness, sharpness, rate, gain), and `pitch_semitones` added to the members'
        mean pitch.
    """
    total = sum(members.values())
    table = acoustic["speakers.weight"].float()
    embedding = sum((table[speakers[m]] * (w / total) for m, w in members.items()), torch.zeros(table.shape[1]))
    for member, weight in (lean or {}).items():
        embedding = embedding + weight * table[speakers[member]]

    def mean(field: str) -> float:
        return sum(getattr(facts[m], field) * w for m, w in members.items()) / total

    values: dict[str, object] = {
        "range_octaves": (round(mean("low") - 0.1, 4), round(mean("high") + 0.1, 4)),
    }
    values["pitch_level"] = round(mean("pitch") + settings.pop("pitch_semitones", 0.0) / 12.0, 4)
    values.update(settings)
    made = VoiceSettings(**values)  # type: ignore[arg-type]
    folder.mkdir(parents=True, exist_ok=True)
    config = asdict(made)
    config["range_octaves"] = list(made.range_octaves)
    write_weights(folder / "voice.safetensors", {"embedding": embedding}, config)
    (folder / "members.json").write_text(json.dumps(sorted(members), indent=0) + "\n")
    return made
