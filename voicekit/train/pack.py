"""Packing a training's result as the voices of the package."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from voicekit.errors import InputError
from voicekit.train.blend import choose, speaker_facts, write_content, write_model, write_voice
from voicekit.train.loop import read_state
from voicekit.train.prepare import load_all
from voicekit.train.split import is_held_out

LEANINGS = Path(__file__).with_name("leanings.json")


@dataclass(frozen=True)
class HouseVoice:
    """How one house voice is blended.

    Attributes
    ----------
    name : str
        A tree or a bird, not a person.
    register : (float, float)
        Which readers, in the order of their median F0: 0 the lowest, 1 the highest.
    count : int
        Readers blended, the clearest recordings of the register; pitch and range are theirs.
    description : str
    impression : str
        What listeners may take it for; it is nobody.
    settings : dict
        See `voicekit.engines.house.VoiceSettings` and `voicekit.train.blend.write_voice`.
    """

    name: str
    register: tuple[float, float]
    count: int
    description: str
    impression: str
    settings: dict[str, float] = field(default_factory=dict)

    def lean(self) -> dict[str, float]:
        """What each reader's embedding adds to the mean of the members': the voice's place beside the middle.

        From ``voicekit/train/leanings.json``; empty for a plain mean.
        """
        table: dict[str, dict[str, float]] = json.loads(LEANINGS.read_text(encoding="utf-8"))
        return table.get(self.name, {})


#: Chosen by measurement on sentences that no bench uses (likeness, words, DNSMOS).  Plain means of readers come out as
#: like one of them as strangers are (0.80 to 0.84 against 0.78).  Two things make a voice nobody's and leave it
#: understood: a vocal tract a little longer than the members', and a place beside their mean, along directions in which
#: readers differ (`HouseVoice.lean`).  The vocal tract alone had to be moved so far that words were lost.
SPOKEN = {"sharpness": 0.3, "calm": 1.0, "rate": 0.88, "liveliness": 1.15}

HOUSE: tuple[HouseVoice, ...] = (
    HouseVoice(
        "alder", (0.0, 0.4), 60,
        "A lower voice, even and unhurried; American English.", "a man in his middle years",
        {**SPOKEN, "formants": 0.91},
    ),
    HouseVoice(
        "finch", (0.2, 0.5), 52,
        "A light lower voice, clear and near; American English.", "a young man",
        {**SPOKEN, "formants": 0.91},
    ),
    HouseVoice(
        "heron", (0.6, 1.0), 60,
        "A darker higher voice, measured; American English.", "an older woman",
        {**SPOKEN, "formants": 0.91, "pitch_semitones": -1.5},
    ),
    HouseVoice(
        "linnet", (0.6, 1.0), 60,
        "A higher voice, light and clear; American English.", "a woman in her middle years",
        {**SPOKEN, "formants": 0.89, "pitch_semitones": -1.5},
    ),
    HouseVoice(
        "oak", (0.0, 0.4), 60,
        "A deep voice, full and calm; American English.", "an older man",
        {**SPOKEN, "formants": 0.905, "pitch_semitones": -2.5},
    ),
    HouseVoice(
        "wren", (0.6, 1.0), 60,
        "The highest voice, bright and lively; American English.", "a young woman",
        {**SPOKEN, "formants": 0.93, "pitch_semitones": 0.5},
    ),
)  # fmt: skip


def averaged(folder: Path) -> dict[str, torch.Tensor]:
    """The averaged weights of a network that was trained in a folder."""
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
    acoustic, vocoder = averaged(work / "acoustic"), averaged(work / "vocoder")
    speakers: dict[str, int] = json.loads((work / "acoustic" / "speakers.json").read_text(encoding="utf-8"))
    facts = speaker_facts([e for e in load_all(work / "examples") if not is_held_out(e)])
    write_model(acoustic, vocoder, out / "_model")
    if (work / "content" / "state.pt").is_file():
        write_content(averaged(work / "content"), out / "_model")
    else:
        log("no content encoder was trained: these voices cannot convert a take")
    for voice in HOUSE:
        members = dict.fromkeys(choose(facts, voice.register, voice.count), 1.0)
        made = write_voice(
            voice.name, members, acoustic, speakers, facts, out / voice.name, lean=voice.lean(), **voice.settings
        )
        log(f"{voice.name}: {len(members)} members, {made}")
