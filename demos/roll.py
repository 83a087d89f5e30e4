"""A picture of what is sung: notes with their syllables, and over them the pitch that was commanded.

The picture is SVG in pixels, so that it stays sharp; a table says the same in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from demos.words import clock, esc
from voicekit.pitch import note_name, read_contour
from voicekit.score import Note, Part, Score

__all__ = ["Voice", "draw_roll", "note_tables"]

LONGEST_S = 240.0
"""At most this much of a song is drawn."""

_PER_SECOND = 84.0  # pixels
_ROW = 10.0  # pixels a semitone
_HEAD, _FOOT, _AXIS = 26.0, 18.0, 46.0  # above a part's highest row, below its lowest, and left of all
_TOP = 18.0  # for the measure numbers
_MOST_ROWS = 400
_HELD = "–"


@dataclass(frozen=True)
class Voice:
    """One part of the picture.

    Parameters
    ----------
    name : str
    part : Part
    pitch : pathlib.Path or None
        The delivered PitchTier; None before anything is sung.
    """

    name: str
    part: Part
    pitch: Path | None = None


@dataclass(frozen=True)
class _Lane:
    """Where a part lies in the picture."""

    voice: Voice
    top: float
    high: int
    low: int

    @property
    def bottom(self) -> float:
        return self.top + _HEAD + (self.high - self.low + 1) * _ROW + _FOOT

    def y(self, pitch_midi: float) -> float:
        """Middle of a pitch's row."""
        return self.top + _HEAD + (self.high - pitch_midi + 0.5) * _ROW


def draw_roll(score: Score, voices: Sequence[Voice], *, lead_in_s: float = 0.0) -> str:
    """Draw parts one below the other on one time axis.

    Parameters
    ----------
    score : Score
        For tempo and measures.
    voices : sequence of Voice
    lead_in_s : float
        Silence before beat 0, seconds.

    Returns
    -------
    str
        An HTML figure with a text alternative; `note_tables` has the notes themselves in words.
    """
    end_s = lead_in_s + max(score.tempo.seconds(voice.part.end) for voice in voices)
    shown_s = min(end_s, LONGEST_S)
    lanes: list[_Lane] = []
    top = _TOP
    for voice in voices:
        heights = [note.pitch_midi for note in voice.part.notes]
        lane = _Lane(voice, top, round(max(heights)) + 1, round(min(heights)) - 1)
        lanes.append(lane)
        top = lane.bottom
    width, height = shown_s * _PER_SECOND + 12, top + 4
    body = _measures(score, lead_in_s, shown_s, height)
    body += "".join(_lane(lane, score, lead_in_s, shown_s, width) for lane in lanes)
    sung = any(voice.pitch for voice in voices)
    names = ", ".join(f"{voice.name} ({_range(voice.part)})" for voice in voices)
    alt = f"Notes of {names}, each with its syllable, over {clock(shown_s)} of time"
    alt += ", with the commanded pitch as a line over them." if sung else "."
    key = '<span class="vk-key">commanded pitch</span> ' if sung else ""
    part = f"the first {clock(shown_s)} of {clock(end_s)}" if shown_s < end_s else f"all {end_s:.1f} seconds"
    return (
        '<figure class="vk-picture"><div class="vk-roll" tabindex="0" role="region" '
        f'aria-label="Notes; scroll sideways to see all" data-per-second="{_PER_SECOND:g}" data-axis="{_AXIS:g}">'
        f'<div class="vk-roll-in" style="width:{width + _AXIS:.0f}px;height:{height:.0f}px">'
        f'<svg class="vk-roll-axis" width="{_AXIS:.0f}" height="{height:.0f}" aria-hidden="true">'
        f"{''.join(_axis(lane) for lane in lanes)}</svg>"
        f'<svg class="vk-roll-notes" role="img" aria-label="{esc(alt)}" width="{width:.0f}" height="{height:.0f}">'
        f'{body}</svg><div class="vk-roll-head"></div></div></div>'
        f"<figcaption>{key}{esc(f'Shown: {part}. The notes stand in words below.')}</figcaption></figure>"
    )


def note_tables(score: Score, voices: Sequence[Voice], *, lead_in_s: float = 0.0) -> str:
    """The notes of each part as a table.

    Parameters
    ----------
    score : Score
    voices : sequence of Voice
    lead_in_s : float
        Silence before beat 0, seconds.

    Returns
    -------
    str
        HTML; a part a table, each in a section that opens.
    """
    return "".join(_table(score, voice, lead_in_s) for voice in voices)


def _table(score: Score, voice: Voice, lead_in_s: float) -> str:
    rows = "".join(
        f"<tr><td>{start:.2f}</td><td>{length:.2f}</td><td>{esc(_name(note))}</td><td>{esc(_syllable(note))}</td></tr>"
        for note, start, length in _timed(score, voice.part.notes[:_MOST_ROWS], lead_in_s)
    )
    count = len(voice.part.notes)
    more = f"; the first {_MOST_ROWS} are listed" if count > _MOST_ROWS else ""
    return (
        f"<details class='vk-more'><summary>Notes of {esc(voice.name)} as a table</summary><div class='vk-table' "
        f"tabindex='0' role='region' aria-label='Notes of {esc(voice.name)}'><table><caption>{esc(voice.name)}: "
        f"{count} notes, {esc(_range(voice.part))}{more}</caption><thead><tr><th scope='col'>Starts (s)</th>"
        "<th scope='col'>Lasts (s)</th><th scope='col'>Note</th><th scope='col'>Syllable</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def _timed(score: Score, notes: Sequence[Note], lead_in_s: float) -> list[tuple[Note, float, float]]:
    """Notes with their start and length, seconds."""
    found = []
    for note in notes:
        start, end = score.tempo.seconds(note.onset), score.tempo.seconds(note.end)
        found.append((note, lead_in_s + start, end - start))
    return found


def _name(note: Note) -> str:
    return (note.spelling or note_name(note.pitch_midi)).replace("#", "♯")


def _syllable(note: Note) -> str:
    """What is sung on a note: a hyphen where its word goes on, a dash where the vowel before is held."""
    lyric = note.lyric
    if lyric is None or not (lyric.text or lyric.style):
        return _HELD
    return (lyric.text or lyric.style) + ("-" if lyric.syllabic in ("begin", "middle") else "")


def _range(part: Part) -> str:
    low = min(part.notes, key=lambda note: note.pitch_midi)
    high = max(part.notes, key=lambda note: note.pitch_midi)
    return f"{_name(low)} to {_name(high)}"


def _measures(score: Score, lead_in_s: float, shown_s: float, height: float) -> str:
    """A line at each measure, with its number."""
    lines: list[str] = []
    number = 0
    for index, meter in enumerate(score.meters):
        stop = score.meters[index + 1].onset if index + 1 < len(score.meters) else score.end
        at, length = meter.onset + (score.pickup if index == 0 else 0), Fraction(meter.beats * 4, meter.beat_type)
        while at < stop:
            number += 1
            x = (lead_in_s + score.tempo.seconds(at)) * _PER_SECOND
            if x > shown_s * _PER_SECOND:
                return "".join(lines)
            lines.append(f'<path class="vk-roll-bar" d="M{x:.1f} 0V{height:.0f}"/>')
            lines.append(f'<text class="vk-roll-number" x="{x + 3:.1f}" y="12">{number}</text>')
            at += length
    return "".join(lines)


def _axis(lane: _Lane) -> str:
    """The part's name, and those of its pitches that do not stand on each other."""
    last = None
    found = [f'<text class="vk-roll-part" x="6" y="{lane.top + 16:.1f}">{esc(lane.voice.name)}</text>']
    by_pitch = {round(note.pitch_midi): _name(note) for note in lane.voice.part.notes}
    for pitch in sorted(by_pitch):
        if last is None or pitch - last >= 2:
            found.append(f'<text x="{_AXIS - 5:.0f}" y="{lane.y(pitch) + 4:.1f}">{esc(by_pitch[pitch])}</text>')
            last = pitch
    return "".join(found)


def _lane(lane: _Lane, score: Score, lead_in_s: float, shown_s: float, width: float) -> str:
    found = [f'<path class="vk-roll-edge" d="M0 {lane.top:.1f}H{width:.0f}"/>']
    found += [
        f'<path class="vk-grid" d="M0 {lane.y(pitch):.1f}H{width:.0f}"/>'
        for pitch in sorted({round(note.pitch_midi) for note in lane.voice.part.notes})
    ]
    words = []
    for note, start, length in _timed(score, lane.voice.part.notes, lead_in_s):
        if start >= shown_s:
            break
        x, y = start * _PER_SECOND, lane.y(note.pitch_midi)
        across = max(2.0, length * _PER_SECOND - 1.5)
        found.append(
            f'<rect class="vk-note" x="{x:.1f}" y="{y - _ROW / 2:.1f}" width="{across:.1f}" height="{_ROW:g}" rx="3"/>'
        )
        if (text := _syllable(note)) != _HELD:
            words.append(f'<text class="vk-syllable" x="{x + 2:.1f}" y="{y + _ROW / 2 + 11:.1f}">{esc(text)}</text>')
    if lane.voice.pitch is not None:
        path = _curve(lane, lane.voice.pitch, shown_s)
        found.append(f'<path class="vk-f0-under" d="{path}"/><path class="vk-f0" d="{path}"/>')
    return "".join(found + words)


def _curve(lane: _Lane, pitch: Path, shown_s: float) -> str:
    """The delivered pitch as a line, broken where nothing sounds."""
    contour = read_contour(pitch)
    lines: list[str] = []
    keep = contour.vuv & (contour.times_s < shown_s)
    times, heights = contour.times_s[keep], 69 + 12 * np.log2(contour.f0_hz[keep] / 440)
    heights = np.clip(heights, lane.low - 1.0, lane.high + 1.0)
    for run in np.split(np.arange(len(times)), np.flatnonzero(np.diff(times) > 0.05) + 1):
        points = [f"{times[k] * _PER_SECOND:.1f} {lane.y(float(heights[k])):.1f}" for k in run[::2]]
        if len(points) > 1:
            lines.append("M" + "L".join(points))
    return "".join(lines)
