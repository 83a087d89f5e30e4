"""What the pipelines ask of an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from consent import Operand, Permit
from voicekit.audio import Audio

__all__ = ["Engine", "ParamsMaker", "SpeechChoice"]


@dataclass(frozen=True)
class SpeechChoice:
    """What is chosen for one sentence, in words that every engine's own parameters have.

    Parameters
    ----------
    seed : int
    rate : float
        1.0 is the voice's own pace, 2.0 twice as fast.
    pitch_semitones : float
    kind : str
        Kind of the sentence (``sentence``, ``heading``, ``verse`` ...).
    language : str
        Of its words.
    place : str
        In its paragraph: ``first``, ``last``, ``first last`` or empty; it begins higher, or ends lower and slower.
    """

    seed: int = 0
    rate: float = 1.0
    pitch_semitones: float = 0.0
    kind: str = "sentence"
    language: str = "en"
    place: str = ""


ParamsMaker = Callable[[SpeechChoice], Any]
"""Turns a choice into the engine's own parameter object."""


class Engine(Protocol):
    """A voice made ready to speak.

    Attributes
    ----------
    operands : sequence of Operand
        The files it was made of, hashed as they were read.
    sample_rate : int
        Hz.
    version : str
        Changes whenever the same input would sound different.
    at_once : int
        How many sentences may be spoken at a time, each on a thread of its own.
    """

    @property
    def at_once(self) -> int: ...

    @property
    def operands(self) -> Sequence[Operand]: ...

    @property
    def sample_rate(self) -> int: ...

    @property
    def version(self) -> str: ...

    def speak(self, permit: Permit, spoken: str, params: Any) -> Audio:
        """Say one sentence; checks the permit first, and ends right after the last sound."""
        ...

    def stream(self, permit: Permit, spoken: str, params: Any) -> Iterator[NDArray[np.float32]]:
        """Say one sentence, handing out its samples while they are made; together exactly those of `speak`."""
        ...
