"""Packing a training's result as the voices of the package."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from voicekit.errors import InputError
from voicekit.train.blend import choose, speaker_facts, write_model, write_voice
from voicekit.train.loop import read_state
from voicekit.train.prepare import load_all
from voicekit.train.split import is_held_out


@dataclass(frozen=True)
class HouseVoice:
    """How one house voice is blended.

    Attributes
    ----------
    name : str
        A tree or a bird, not a person.
    half : str
        ``lower`` or ``higher`` readers.
    count : int
        Readers blended.
    made_by_flite : str
        A flite voice mixed in for its clear articulation, empty for none.
    flite_share : float
        Its weight, 0 to 1.
    description : str
    settings : dict
        See `voicekit.engines.house.VoiceSettings`.
    """

    name: str
    half: str
    count: int
    made_by_flite: str
    flite_share: float
    description: str
    settings: dict[str, float] = field(default_factory=dict)


#: Chosen by measurement (bench/intelligibility.py on the first half of its sentences): sharper formants and a pace
#: near 170 words a minute are understood best; mixing flite's voices in was not needed.  The mean of sixty readers
#: alone came out as like one of them as strangers are (0.80 against 0.78); a vocal tract 7 to 11 % longer is nobody's.
_SPOKEN = {"sharpness": 0.6, "rate": 0.88, "liveliness": 1.15}

HOUSE: tuple[HouseVoice, ...] = (
    HouseVoice(
        "alder",
        "lower",
        60,
        "",
        0.0,
        "A lower voice, even and unhurried; American English.",
        {**_SPOKEN, "formants": 0.93},
    ),
    HouseVoice(
        "linnet",
        "higher",
        60,
        "",
        0.0,
        "A higher voice, light and clear; American English.",
        {**_SPOKEN, "formants": 0.90},
    ),
)


def _averaged(folder: Path) -> dict[str, torch.Tensor]:
    state = folder / "state.pt"
    if not state.is_file():
        raise InputError(state, "", "there is no trained state", f"run voicekit train {folder.name} first")
    average: dict[str, torch.Tensor] = read_state(state)["average"]
    return average


def pack(work: Path, out: Path, log: Callable[[str], None] = lambda line: print(line, file=sys.stderr)) -> None:
    """Write the shared weights and every voice of `HOUSE` into `out`.

    Raises
    ------
    voicekit.errors.InputError
        A network has not been trained yet.
    """
    acoustic, vocoder = _averaged(work / "acoustic"), _averaged(work / "vocoder")
    speakers: dict[str, int] = json.loads((work / "acoustic" / "speakers.json").read_text(encoding="utf-8"))
    facts = speaker_facts([e for e in load_all(work / "examples") if not is_held_out(e)])
    write_model(acoustic, vocoder, out / "_model")
    for voice in HOUSE:
        members = dict.fromkeys(choose(facts, voice.half, voice.count), 1.0)
        if voice.flite_share:
            members[voice.made_by_flite] = voice.flite_share / (1 - voice.flite_share) * len(members)
        made = write_voice(voice.name, members, acoustic, speakers, facts, out / voice.name, **voice.settings)
        log(f"{voice.name}: {len(members)} members, {made}")
