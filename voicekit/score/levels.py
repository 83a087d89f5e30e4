"""Loudness words and MIDI velocities on one scale from 0 to 1."""

from __future__ import annotations

__all__ = ["MARKS", "dynamic_of_velocity", "velocity_of_dynamic"]

_MEZZOFORTE = 80.0
_LOUDEST = 127.0
#: Velocities that notation programs play the marks at (MuseScore's table); an "n" is niente.
_VELOCITIES = {
    "n": 1, "pppppp": 1, "ppppp": 5, "pppp": 10, "ppp": 16, "pp": 33, "p": 49, "mp": 64, "mf": 80, "f": 96, "ff": 112,
    "fff": 126, "ffff": 127, "fffff": 127, "ffffff": 127, "pf": 96,
}  # fmt: skip


def dynamic_of_velocity(velocity: float) -> float:
    """MIDI velocity 0..127 as a dynamic 0..1; 80 (mezzoforte) is 0.5, linear on either side."""
    velocity = min(max(velocity, 0.0), _LOUDEST)
    if velocity <= _MEZZOFORTE:
        return round(0.5 * velocity / _MEZZOFORTE, 9)
    return round(0.5 + 0.5 * (velocity - _MEZZOFORTE) / (_LOUDEST - _MEZZOFORTE), 9)


def velocity_of_dynamic(dynamic: float) -> float:
    """The inverse of `dynamic_of_velocity`; not rounded."""
    if dynamic <= 0.5:
        return 2.0 * dynamic * _MEZZOFORTE
    return _MEZZOFORTE + 2.0 * (dynamic - 0.5) * (_LOUDEST - _MEZZOFORTE)


#: Dynamic of each printed mark.
MARKS = {mark: dynamic_of_velocity(velocity) for mark, velocity in _VELOCITIES.items()}
