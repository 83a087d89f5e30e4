"""Pitch bends of MIDI channels as curves in cents."""

from __future__ import annotations

from fractions import Fraction

from voicekit.score.inputs import Notices
from voicekit.score.model import Curve
from voicekit.score.smf import Event

__all__ = ["BendReader"]

_CONTROL, _BEND = 11, 14
_DATA_COARSE, _DATA_FINE, _NRPN_FINE, _NRPN_COARSE, _RPN_FINE, _RPN_COARSE = 6, 38, 98, 99, 100, 101
_CENTRE = 8192
_DEFAULT_CENTS = 200.0


class BendReader:
    """Reads the pitch bends of all channels once.

    The range is that of registered parameter 0 (two semitones until it is set).
    """

    def __init__(self, tracks: tuple[tuple[Event, ...], ...], scale: Fraction, notices: Notices) -> None:
        self._times: dict[int, list[Fraction]] = {}
        self._values: dict[int, list[float]] = {}
        events = sorted(
            (e for track in tracks for e in track if e.kind in (_CONTROL, _BEND)), key=lambda e: e.tick
        )
        state: dict[int, list[float]] = {}
        for event in events:
            # range in cents, parameter coarse and fine, bend -1..1, tuning in cents
            row = state.setdefault(event.channel, [_DEFAULT_CENTS, 127.0, 127.0, 0.0, 0.0])
            if event.kind == _BEND:
                row[3] = ((event.data[1] << 7 | event.data[0]) - _CENTRE) / _CENTRE
            elif not self._control(event, row, notices):
                continue
            self._put(event.channel, event.tick * scale, row[3] * row[0] + row[4])

    @staticmethod
    def _control(event: Event, row: list[float], notices: Notices) -> bool:
        """Registered parameters; whether the pitch may have changed."""
        number, value = event.data
        if number in (_NRPN_FINE, _NRPN_COARSE):
            row[1] = row[2] = 127.0
        elif number == _RPN_COARSE:
            row[1] = float(value)
        elif number == _RPN_FINE:
            row[2] = float(value)
        elif number in (_DATA_COARSE, _DATA_FINE) and row[1] == 0:
            coarse = number == _DATA_COARSE
            if row[2] == 0:
                row[0] = value * 100.0 if coarse else row[0] // 100 * 100 + value
                return True
            if row[2] == 1:
                row[4] = (value - 64) / 64 * 100.0 if coarse else row[4] + value / 8192 * 100.0
                return True
            if row[2] == 2 and coarse and value != 64:
                notices.add(f"channel {event.channel + 1}", "coarse tuning of a channel is not sung")
        return False

    def _put(self, channel: int, beat: Fraction, cents: float) -> None:
        times = self._times.setdefault(channel, [Fraction(0)])
        values = self._values.setdefault(channel, [0.0])
        cents = round(cents, 6)
        if values[-1] == cents:
            return
        if times[-1] != beat:
            times.append(beat)
            values.append(values[-1])  # a bend holds until the next one: a step
        elif len(times) > 1 and times[-2] == beat:
            values[-1] = cents
            return
        times.append(beat)
        values.append(cents)

    def curve(self, channel: int) -> Curve | None:
        """Cents over beats; None for a channel that is never bent."""
        values = self._values.get(channel, [])
        if not any(values):
            return None
        return Curve(tuple(self._times[channel]), tuple(values))
