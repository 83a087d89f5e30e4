"""The voices that come with the package: their cards, records and weights."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicekit.errors import InputError, UsageError

VOICES = Path(__file__).resolve().parent.parent / "voices"
MODEL_FOLDER = VOICES / "_model"  #: weights all house voices share
CONTENT_FILE = "content.safetensors"  #: among them what listens to a take that is to be converted
WEIGHTS_LICENSE = "CC-BY-4.0"
DEFAULT_VOICE = "linnet"  #: understood best of them, at every rate but the slowest (``bench.intelligibility``)


@dataclass(frozen=True)
class VoiceInfo:
    """A house voice.

    Attributes
    ----------
    name : str
    folder : Path
        Holds ``card.toml``, ``record.dsse.json`` and ``voice.safetensors``.
    card : dict
        The voice card.
    """

    name: str
    folder: Path
    card: dict[str, Any]

    @property
    def record(self) -> bytes:
        """The voice's record, a DSSE envelope signed by the release key."""
        return (self.folder / "record.dsse.json").read_bytes()

    @property
    def weights(self) -> tuple[Path, ...]:
        """Every weight file the voice's sound depends on."""
        shared = self.folder.parent / MODEL_FOLDER.name
        return (
            shared / "acoustic.safetensors",
            shared / "vocoder.safetensors",
            self.folder / "voice.safetensors",
        )


def read_voice(folder: Path) -> VoiceInfo:
    """The voice in a folder.

    Raises
    ------
    voicekit.errors.InputError
        The voice card cannot be read.
    """
    card_file = folder / "card.toml"
    try:
        card = tomllib.loads(card_file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problem = f"the voice card cannot be read: {error}"
        raise InputError(card_file, "", problem, "install voicekit anew") from None
    return VoiceInfo(folder.name, folder, card)


def list_voices() -> tuple[VoiceInfo, ...]:
    """All house voices: the default first, then by name.

    Raises
    ------
    voicekit.errors.InputError
        A voice card cannot be read.
    """
    folders = sorted(card_file.parent for card_file in VOICES.glob("*/card.toml"))
    return tuple(read_voice(folder) for folder in sorted(folders, key=lambda folder: folder.name != DEFAULT_VOICE))


def load_voice(name: str) -> VoiceInfo:
    """One house voice by name.

    Raises
    ------
    voicekit.errors.UsageError
        There is no such voice; the message lists those there are.
    """
    voices = {voice.name: voice for voice in list_voices()}
    if name not in voices:
        raise UsageError(f"there is no voice {name!r}", f"voices: {', '.join(voices) or 'none installed'}")
    return voices[name]


def release_keys() -> tuple[str, ...]:
    """The did:key of every release key whose records this version trusts."""
    import json

    path = VOICES / "release_keys.json"
    try:
        return tuple(entry["key"] for entry in json.loads(path.read_text(encoding="utf-8"))["keys"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(path, "", f"the release keys cannot be read: {error}", "install voicekit anew") from None
