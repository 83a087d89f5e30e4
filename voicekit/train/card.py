"""Voice cards: what a house voice is, what it was learnt from, what was measured, what it is bad at."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from consent import DataSource, Operand
from voicekit.engines.house import HouseEngine
from voicekit.train.pack import HouseVoice
from voicekit.train.prepare import Example
from voicekit.train.split import is_held_out

REGISTER_HZ = 165.0  #: readers whose median F0 lies below are counted as low: sexes are not written in the data

WEAKNESSES = (
    "consonants are softer than in a recording",
    "names and homographs are said as espeak-ng guesses them",
    "other languages than English are said with English sounds",
)
_LANGUAGES = {"thorsten": "de, sound only"}
_ACCENTS = {
    "librispeech_clean": "as volunteers read, mostly North American; not recorded by the set",
    "librispeech_other": "as volunteers read, harder to recognise; not recorded by the set",
    "ljspeech": "North American",
    "vctk": "British Isles",
    "awb": "Scottish",
    "thorsten": "German",
    "vocobox": "sung vowels and notes",
    "flite": "synthetic, North American",
}


@dataclass(frozen=True)
class Made:
    """What is known of a voice when its card is written.

    Attributes
    ----------
    engine : HouseEngine
        The voice, loaded.
    no_donor : dict
        The verifier's measurement.
    data : list of DataSource
    manifest : dict
        Of the prepared data.
    metrics : dict
        Measured elsewhere.
    coverage : list of dict
        See `coverage`.
    """

    engine: HouseEngine
    no_donor: dict[str, Any]
    data: list[DataSource]
    manifest: dict[str, Any]
    metrics: dict[str, Any]
    coverage: list[dict[str, Any]]


def coverage(examples: list[Example]) -> list[dict[str, Any]]:
    """Who is in the training data, by set and register: speakers, minutes, language, accent."""
    spoken: dict[tuple[str, str], list[Example]] = {}
    by_speaker: dict[tuple[str, str], list[Example]] = {}
    for example in examples:
        if not is_held_out(example):
            by_speaker.setdefault((example.key.split("/")[0], example.speaker), []).append(example)
    for (name, _), mine in by_speaker.items():
        f0 = np.concatenate([e.f0_hz[e.f0_hz > 0] for e in mine])
        low = len(f0) > 0 and float(np.median(f0)) < REGISTER_HZ
        spoken.setdefault((name, "low" if low else "high"), []).extend(mine)
    return [
        {
            "set": name,
            "register": register,
            "speakers": len({e.speaker for e in mine}),
            "minutes": round(sum(len(e.audio) for e in mine) / 24_000 / 60, 1),
            "language": _LANGUAGES.get(name, "en"),
            "accent": _ACCENTS.get(name, "not known"),
        }
        for (name, register), mine in sorted(spoken.items())
    ]


def record_operands(engine: HouseEngine) -> tuple[Operand, ...]:
    """The files a voice's record and card name: also what listens to a take, where that was trained."""
    return engine.conversion_operands if engine.content_file.is_file() else engine.operands


def card_of(voice: HouseVoice, made: Made) -> dict[str, Any]:
    """The card of a voice, as `write_card` takes it."""
    settings = made.engine.settings
    return {
        "name": voice.name,
        "basis": "no-donor",
        "description": voice.description,
        "impression": f"may be taken for {voice.impression}; it is nobody",
        "languages": ["en"],
        "accent": "American English by its phonemes; the readers' accents are mixed",
        "weights_license": "CC-BY-4.0",
        "sample_rate": 24_000,
        "band": "most training speech is 16 kHz: what sounds above 7.6 kHz is predicted, not learnt from life",
        "pitch_hz": round(150 * 2**settings.pitch_level, 1),
        "range_hz": [round(150 * 2**o, 1) for o in settings.range_octaves],
        "blend_of": voice.count,
        "weaknesses": list(WEAKNESSES),
        "recipe": "voicekit train prepare, vocoder, acoustic, content, realign, blend, seal; see docs/training.md",
        "data_manifest_sha256": made.manifest["sha256"],
        "metrics": made.metrics,
        "no_donor": made.no_donor,
        "weights": [{"name": o.name, "sha256": o.sha256} for o in record_operands(made.engine)],
        "data": [
            {
                "name": d.name,
                "minutes": made.manifest["subsets"][d.name]["minutes"],
                "license": d.license,
                "attribution": d.attribution,
            }
            for d in made.data
        ],
        "coverage": made.coverage,
    }


def write_card(path: Path, card: dict[str, Any]) -> None:
    """Write a voice card: plain keys first, then tables, then arrays of tables."""
    lines = [f"{k} = {_toml(v)}" for k, v in card.items() if not isinstance(v, dict) and not _is_rows(v)]
    for name, table in card.items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]", *(f"{k} = {_toml(v)}" for k, v in table.items())]
    for name, rows in card.items():
        if _is_rows(rows):
            for row in rows:
                lines += ["", f"[[{name}]]", *(f"{k} = {_toml(v)}" for k, v in row.items())]
    aside = path.with_suffix(".partial")
    aside.write_text("\n".join(lines) + "\n", encoding="utf-8")
    aside.rename(path)


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return json.dumps(str(value), ensure_ascii=False)
