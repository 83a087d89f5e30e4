"""Where voices come from: those shipped with voicekit, each with its signed record."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from consent import PublicKey
from voicekit.pipelines import Engine, SpeechChoice

__all__ = ["RECORD_FILE", "ShippedVoice", "VoiceSource", "house_voices", "opened"]

RECORD_FILE = "record.dsse.json"
"""Name of a voice's signed record in its folder."""


class ShippedVoice(Protocol):
    """What the engines say about a voice."""

    @property
    def name(self) -> str: ...

    @property
    def folder(self) -> Path: ...

    @property
    def card(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class VoiceSource:
    """How voices are found and opened.

    Parameters
    ----------
    list_voices : callable
        All voices that can be opened; the first is what is used where nobody chose.
    open_engine : callable
        From a voice's name to an engine that has hashed what it read.
    make_params : callable
        From a `SpeechChoice` to the engine's parameters.
    release_keys : callable
        The keys that may sign a shipped voice's record.
    make_sing_params : callable
        From a seed to the engine's parameters for singing.
    """

    list_voices: Callable[[], Sequence[ShippedVoice]]
    open_engine: Callable[[str], Engine]
    make_params: Callable[[SpeechChoice], Any]
    release_keys: Callable[[], Sequence[PublicKey]]
    make_sing_params: Callable[[int], Any] = int


@contextlib.contextmanager
def opened(source: VoiceSource, name: str) -> Iterator[Any]:
    """An engine for one render; a person's voice is forgotten when it ends, however it ends.

    Parameters
    ----------
    source : VoiceSource
    name : str

    Yields
    ------
    Engine
    """
    engine: Any = source.open_engine(name)
    try:
        yield engine
    finally:
        forget = getattr(engine, "forget", None)  # house voices are nobody's, and stay open
        if forget is not None:
            forget()


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        return ()  # opening it will say what is wrong
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def house_voices() -> VoiceSource:
    """The voices shipped with voicekit; the engine is loaded when first needed."""

    def list_all() -> Sequence[ShippedVoice]:
        from voicekit.engines import list_voices  # not needed to look at a ledger

        return tuple(list_voices())

    kept: dict[str, tuple[object, Engine]] = {}

    def open_one(name: str) -> Engine:
        from voicekit.engines import load_voice, open_engine  # loads torch, 1.5 s

        # The last voice stays open: reading and hashing its weights takes longer than a sentence.  What was read is
        # what was hashed, so a file that changes meanwhile is noticed by its stamp, and a stale one by the permit.
        stamp = [(path, *_stamp(path)) for path in load_voice(name).weights]
        if name not in kept or kept[name][0] != stamp:
            kept.clear()
            kept[name] = (stamp, open_engine(name))
        return kept[name][1]

    def make(choice: SpeechChoice) -> Any:
        from voicekit.engines import SpeechParams  # loaded by then

        return SpeechParams(
            seed=choice.seed,
            rate=choice.rate,
            pitch_semitones=choice.pitch_semitones,
            kind=choice.kind,
            language=choice.language,
            place=choice.place,
        )

    def keys() -> Sequence[PublicKey]:
        from voicekit.engines import release_keys  # see list_all

        return tuple(PublicKey.from_did(key) for key in release_keys())

    def make_sing(seed: int) -> Any:
        from voicekit.engines import SingParams  # loaded by then

        return SingParams(seed=seed)

    return VoiceSource(list_all, open_one, make, keys, make_sing)
