"""How a line is sung where the score does not say."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from voicekit.errors import UsageError

__all__ = ["SingStyle"]

_RANGES = {
    "portamento_s": (0.0, 1.0),
    "scoop_cents": (-400.0, 400.0),
    "scoop_s": (0.02, 1.0),
    "fall_cents": (-1200.0, 1200.0),
    "vibrato_hz": (1.0, 9.0),
    "vibrato_cents": (0.0, 300.0),
    "vibrato_delay_s": (0.0, 3.0),
    "vibrato_fade_s": (0.01, 3.0),
    "vibrato_min_s": (0.0, 10.0),
    "vibrato_phase": (0.0, 1.0),
    "fluctuation_cents": (0.0, 50.0),
    "consonants": (0.4, 2.5),
    "breath_db": (-60.0, 0.0),
    "dynamic_range_db": (0.0, 40.0),
    "a4_hz": (380.0, 500.0),
}


@dataclass(frozen=True)
class SingStyle:
    """Habits of a singer.

    Parameters
    ----------
    portamento_s : float
        Seconds from the start of a glide between two notes to its first arrival; 0 jumps.
    scoop_cents, scoop_s : float
        How far below (positive) a phrase's first note is begun, and over which time that is made good.
    fall_cents : float
        How far a phrase's last note falls in its last 150 ms (0: not).
    vibrato_hz, vibrato_cents : float
        Rate, and extent as half the distance from top to bottom.
    vibrato_delay_s, vibrato_fade_s : float
        From the note's onset to its first swing, and until it is full.
    vibrato_min_s : float
        Notes shorter than this have none.
    vibrato_phase : float
        0..1, of the first swing.
    fluctuation_cents : float
        Root mean square of the slow random wandering of a held note.
    consonants : float
        Factor on the length of consonants.
    breaths : bool
        Audible breaths where a rest leaves room.
    breath_db : float
        Their level under a sung vowel.
    dynamic_range_db : float
        Level between a note's dynamic of 0 and 1.
    a4_hz : float
        Reference pitch.
    scale_cents : tuple of float
        Twelve deviations in cents from equal temperament, from C up; empty for none.
    vowel : str
        What is sung where there are no words, as a phone of `voicekit.text.phones`.
    """

    portamento_s: float = 0.09
    scoop_cents: float = 50.0
    scoop_s: float = 0.12
    fall_cents: float = 0.0
    vibrato_hz: float = 5.5
    vibrato_cents: float = 35.0
    vibrato_delay_s: float = 0.35
    vibrato_fade_s: float = 0.30
    vibrato_min_s: float = 0.6
    vibrato_phase: float = 0.0
    fluctuation_cents: float = 2.5
    consonants: float = 1.0
    breaths: bool = True
    breath_db: float = -16.0
    dynamic_range_db: float = 16.0
    a4_hz: float = 440.0
    scale_cents: tuple[float, ...] = ()
    vowel: str = "AA"

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name not in _RANGES:
                continue
            low, high = _RANGES[field.name]
            value = getattr(self, field.name)
            if not (isinstance(value, (int, float)) and math.isfinite(value) and low <= value <= high):
                raise UsageError(f"{field.name} of {value} is out of range", f"give {low:g} to {high:g}")
        if self.scale_cents and len(self.scale_cents) != 12:
            raise UsageError(f"a tuning has 12 deviations, not {len(self.scale_cents)}", "give cents for C, C#, ... B")

    def tuned(self, pitch_midi: float) -> float:
        """A written pitch as a real MIDI number at A4 = 440 Hz, after tuning and reference pitch."""
        if self.scale_cents:
            below = math.floor(pitch_midi)
            part = pitch_midi - below
            at = [self.scale_cents[(below + step) % 12] for step in (0, 1)]
            pitch_midi += ((1 - part) * at[0] + part * at[1]) / 100.0
        return pitch_midi + 12.0 * math.log2(self.a4_hz / 440.0)
