"""Letting a voice be heard before it is released: through the gate like any other, in a studio thrown away after.

A voice that is being measured has only a provisional record.  That is still a record: signed, with its weights, and
a grant rests on it.  There is no second way to make a voice speak.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path

from consent import PublicKey
from voicekit.audio import Audio, read_audio
from voicekit.studio.models import NarrateOptions
from voicekit.studio.studio import Studio
from voicekit.studio.voices import house_voices

__all__ = ["audition"]


def audition(folder: Path, sentences: Sequence[str], release_key: PublicKey) -> Audio:
    """Let the voice packed in a folder say some sentences.

    Parameters
    ----------
    folder : pathlib.Path
        A voice's folder with its card, its (provisional) record and its weights.
    sentences : sequence of str
    release_key : consent.PublicKey
        The key that signed the record.

    Returns
    -------
    Audio
        As delivered, mono.

    Raises
    ------
    consent.ConsentError
        The record is not signed by that key, or not for these weights.
    """
    from voicekit.engines.house import HouseEngine  # torch: only when something is to be heard
    from voicekit.engines.voices import read_voice

    info = read_voice(folder)
    source = dataclasses.replace(
        house_voices(),
        list_voices=lambda: (info,),
        open_engine=lambda name: HouseEngine(info),
        release_keys=lambda: (release_key,),
    )
    with (
        tempfile.TemporaryDirectory(prefix="voicekit-audition-") as scratch,
        Studio.create(Path(scratch) / "studio", "audition", voices=source) as studio,
    ):
        studio.adopt_house_voice(info.name)
        options = NarrateOptions(formats=("flac",), profile="clip", purpose="test")
        take = studio.narrate("\n\n".join(sentences), voice=info.name, out=Path(scratch) / "out", options=options)
        return read_audio(take.path)
