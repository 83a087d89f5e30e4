"""Engines: what turns words into sound, given a permit."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from voicekit.engines.voices import VoiceInfo, list_voices, load_voice, release_keys

if TYPE_CHECKING:
    from voicekit.engines.base import Engine, SingParams, SpeechParams

__all__ = [
    "Engine",
    "SingParams",
    "SpeechParams",
    "VoiceInfo",
    "list_voices",
    "load_voice",
    "open_engine",
    "prepare",
    "release_keys",
]


def open_engine(voice: str, engine: str = "house") -> Engine:
    """Read a voice's weights and make it ready to speak (it will still ask for a permit, each time).

    Parameters
    ----------
    voice : str
        Name of a voice.
    engine : str
        ``house``.

    Raises
    ------
    voicekit.errors.UsageError
        No such voice or engine.
    voicekit.errors.InputError
        Weights that cannot be read.
    """
    from voicekit.errors import UsageError

    if engine != "house":
        raise UsageError(f"there is no engine {engine!r}", "engines: house")
    prepare()
    from voicekit.engines.house import HouseEngine

    return HouseEngine(load_voice(voice))


def prepare() -> None:
    """Import what a voice needs (torch among it, more than a second), if it is not there yet.

    Hundreds of thousands of objects come with it and stay; without looking through them for garbage again and again
    it takes a tenth less.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        import voicekit.engines.house  # noqa: F401 - torch
    finally:
        if collecting:
            gc.enable()


def __getattr__(name: str) -> object:
    if name in ("Engine", "SingParams", "SpeechParams"):
        from voicekit.engines import base

        return getattr(base, name)
    raise AttributeError(name)
