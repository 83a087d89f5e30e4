"""What a conversion is told: which take, and how."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from voicekit.errors import UsageError
from voicekit.features.frames import frame_count
from voicekit.pitch import PitchTrack

__all__ = ["MOST_SEMITONES", "ConvertParams", "GuideTake"]

MOST_SEMITONES = 36.0
DETAIL = 0.35  #: measured, see bench/results/conversion.md: more is understood better and resembles the source more
PERSON_DETAIL = 0.2  #: for a person's voice, which has to be told from the source's: see docs/convert.md


@dataclass(frozen=True)
class ConvertParams:
    """How a take is converted.

    Attributes
    ----------
    source_sha256 : str
        Of the take's file; a permit is for these parameters, so it is for this take.
    semitones : float
        Added to the take's F0, -36 to 36.
    neighbours : int
        How many frames of the voice's own recordings stand behind each frame; 0 for none.  A house voice has none.
    detail : float
        How much of the take's own articulation, beyond what the content encoder understood, is kept, 0 to 1.  What
        is always so in the take, its speaker's colour, is taken off first.
    seed : int
        Of the noise.
    use : str
        What the result is for, digested by whoever asks for the permit.
    """

    source_sha256: str
    semitones: float = 0.0
    neighbours: int = 0
    detail: float = DETAIL
    seed: int = 0
    use: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        if not -MOST_SEMITONES <= self.semitones <= MOST_SEMITONES:
            raise UsageError(f"a shift of {self.semitones:g} semitones is too far", "give -36 to 36")
        if not 0 <= self.neighbours <= 32:
            raise UsageError(f"{self.neighbours} neighbours are not possible", "give 0 to 32")
        if not 0.0 <= self.detail <= 1.0:
            raise UsageError(f"a detail of {self.detail:g} is not possible", "give 0 to 1")
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"the seed must lie in 0 .. 2147483647, not {self.seed}")

    def digest(self) -> str:
        """SHA-256 over all of it, as a permit names it."""
        values = asdict(self) | {"semitones": repr(float(self.semitones)), "detail": repr(float(self.detail))}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class GuideTake:
    """A take that is to be converted.

    Attributes
    ----------
    read : callable
        Samples (b - a,) from a up to b, mono at 24 kHz.
    n_samples : int
    track : PitchTrack
        F0 and voicing of all its frames.
    """

    read: Callable[[int, int], npt.NDArray[np.float32]]
    n_samples: int
    track: PitchTrack

    @property
    def n_frames(self) -> int:
        """Frames, the last one perhaps not full."""
        return frame_count(self.n_samples)
