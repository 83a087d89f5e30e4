"""Pitch correction: what a take's contour is to become, without its life being taken out.

The contour is taken apart into notes, the slow course within each note, and what rides upon that (vibrato, fine
fluctuation).  Only the distance of the slow course from the wanted pitch is corrected; the rest, and the glides
from note to note, are carried along.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voicekit.errors import UsageError
from voicekit.features.frames import FRAME_RATE, frame_times
from voicekit.pitch.align import TargetNote, align_notes
from voicekit.pitch.curve import Contour
from voicekit.pitch.notes import TREND_S, SungNote, middle_of, smooth, stretches_of, sung_notes
from voicekit.pitch.scales import Scale
from voicekit.pitch.tracking import PitchTrack
from voicekit.units import hz_to_midi, midi_to_hz

__all__ = ["CorrectedNote", "Correction", "CorrectionOptions", "correct_contour"]

F64 = npt.NDArray[np.float64]

_GLIDE_FRAMES = 4  # least half of a passage from note to note
_GLIDE_SLOPE = 0.04  # semitones in a frame: faster is a glide
_GLIDE_REACH = 12  # frames a glide may reach into a note
_MAX_MOVE = 24.0


@dataclass(frozen=True)
class CorrectionOptions:
    """How a correction is done.

    Attributes
    ----------
    strength : float
        0 (nothing) to 1 (all the way).
    speed_ms : float
        How slowly the pitch is drawn to where it should be; 0 is at once (drift within a note goes altogether),
        some hundred leave it.  The middle of a note is right at any speed.
    keep_vibrato : bool
        Else vibrato and fluctuation are flattened as well, by the strength.
    transpose : float
        Semitones added to everything, formants staying; -24 to 24.
    flip_cents : float
        A note that lies within so many cents of the middle between two degrees takes the one its equal before took.
    """

    strength: float = 1.0
    speed_ms: float = 80.0
    keep_vibrato: bool = True
    transpose: float = 0.0
    flip_cents: float = 15.0

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("strength", self.strength, 0.0, 1.0),
            ("speed in ms", self.speed_ms, 0.0, 5_000.0),
            ("transposition in semitones", self.transpose, -_MAX_MOVE, _MAX_MOVE),
            ("hysteresis in cents", self.flip_cents, 0.0, 50.0),
        ):
            if not (math.isfinite(value) and low <= value <= high):
                raise UsageError(f"the {name} must lie in {low:g} .. {high:g}, not {value:g}")


@dataclass(frozen=True)
class CorrectedNote:
    """A note and where it is to be.

    Attributes
    ----------
    note : SungNote
    wanted_midi : float
        Before strength and transposition; the note's own pitch where nothing is asked of it.
    """

    note: SungNote
    wanted_midi: float

    @property
    def off_cents(self) -> float:
        """How far it was sung from there."""
        return 100.0 * (self.note.pitch_midi - self.wanted_midi)


@dataclass(frozen=True, eq=False)
class Correction:
    """What is to be rendered.

    Attributes
    ----------
    measured, commanded : PitchTrack
        (T,) frames, voiced at the same places.
    notes : tuple of CorrectedNote
    notices : tuple of str
    """

    measured: PitchTrack
    commanded: PitchTrack
    notes: tuple[CorrectedNote, ...]
    notices: tuple[str, ...] = ()


def correct_contour(
    track: PitchTrack,
    target: Scale | Sequence[TargetNote] | Contour | None,
    options: CorrectionOptions | None = None,
    *,
    in_time: bool = False,
) -> Correction:
    """Decide the contour a take is to have.

    Parameters
    ----------
    track : PitchTrack
        As measured.
    target : Scale, sequence of TargetNote, Contour or None
        A scale; the notes of a score; a drawn curve; None transposes only.
    options : CorrectionOptions, optional
    in_time : bool
        The score's notes stand where they are sung (else they are aligned to the take).

    Returns
    -------
    Correction

    Raises
    ------
    UsageError
        A score without notes, or one that cannot be aligned.
    """
    chosen = options or CorrectionOptions()
    midi = hz_to_midi(np.maximum(track.continuous(), 1.0))
    notes = sung_notes(track)
    notices: list[str] = []
    move = np.zeros(len(midi))
    corrected: tuple[CorrectedNote, ...]
    if isinstance(target, Contour):
        move = _to_curve(midi, target, chosen)
        times = frame_times(len(midi))
        wanted = hz_to_midi(np.maximum(target.curve_at(times), 1.0))
        corrected = tuple(CorrectedNote(n, float(np.median(wanted[n.start : n.stop]))) for n in notes)
    else:
        if target is None:
            corrected = tuple(CorrectedNote(note, note.pitch_midi) for note in notes)
        elif isinstance(target, Scale):
            corrected = _to_scale(notes, target, chosen)
        else:
            corrected, notices = _to_score(notes, midi, track, target, in_time)
        if target is not None:
            move = _course(midi, track, corrected, chosen)
    f0 = np.where(track.vuv, midi_to_hz(midi + move + chosen.transpose), 0.0)
    return Correction(track, PitchTrack(f0, track.vuv.copy()), corrected, tuple(notices))


def _to_scale(notes: tuple[SungNote, ...], scale: Scale, options: CorrectionOptions) -> tuple[CorrectedNote, ...]:
    made: list[CorrectedNote] = []
    for note in notes:
        degrees = np.sort(scale.degrees_near(note.pitch_midi))
        order = np.argsort(np.abs(degrees - note.pitch_midi))
        wanted = float(degrees[order[0]])
        if made and len(order) > 1:
            rival = float(degrees[order[1]])
            undecided = 100.0 * (abs(rival - note.pitch_midi) - abs(wanted - note.pitch_midi)) <= 2 * options.flip_cents
            before = made[-1]
            same = abs(before.note.pitch_midi - note.pitch_midi) < 0.6
            if undecided and same and abs(before.wanted_midi - rival) < 1e-6:
                wanted = rival
        made.append(CorrectedNote(note, wanted))
    return tuple(made)


def _to_score(
    notes: tuple[SungNote, ...],
    midi: F64,
    track: PitchTrack,
    target: Sequence[TargetNote],
    in_time: bool,
) -> tuple[tuple[CorrectedNote, ...], list[str]]:
    """The score's notes laid upon the take: each stretch of a score note becomes a note of its own."""
    if not target:
        raise UsageError("the score has no notes", "choose another part")
    placed, notices = align_notes(midi, track.vuv, target, in_time=in_time)
    made = []
    for start, stop, wanted in placed:
        # What a singer made of one score note may be cut by a breath: each voiced part is measured by itself.
        for a, b in stretches_of(track):
            low, high = max(a, start), min(b, stop)
            if high - low >= 4:
                made.append(CorrectedNote(SungNote(low, high, middle_of(midi, low, high)), wanted))
    return tuple(made), notices


def _to_curve(midi: F64, target: Contour, options: CorrectionOptions) -> F64:
    """Semitones by which each frame (T,) has to move to follow a drawn curve; nothing outside its ends."""
    times = frame_times(len(midi))
    voiced = target.times_s[target.vuv]
    inside = (times >= voiced[0] - 0.5 / FRAME_RATE) & (times <= voiced[-1] + 0.5 / FRAME_RATE)
    wanted = hz_to_midi(np.maximum(target.curve_at(times), 1.0))
    return np.where(inside, options.strength * np.clip(wanted - midi, -_MAX_MOVE, _MAX_MOVE), 0.0)


def _course(midi: F64, track: PitchTrack, notes: tuple[CorrectedNote, ...], options: CorrectionOptions) -> F64:
    """Semitones by which each frame (T,) has to move, voiced stretch by voiced stretch."""
    move = np.zeros(len(midi))
    sigma = options.speed_ms / 1000.0 * FRAME_RATE / 2.0
    for start, stop in stretches_of(track):
        inside = [n for n in notes if n.note.start >= start and n.note.stop <= stop]
        if not inside:
            continue
        error = np.full(stop - start, np.nan)
        ripple = np.zeros(stop - start)
        for n, (a, b) in zip(inside, _steady_parts(midi, start, stop, inside), strict=True):
            curve = midi[n.note.start : n.note.stop]
            course = smooth(curve, min(TREND_S * FRAME_RATE, len(curve) / 4.0))
            ripple[n.note.start - start : n.note.stop - start] = curve - course
            # The course is smoothed over the note, but its level is that of the note's own middle.
            wanted = n.wanted_midi - course[a - n.note.start : b - n.note.start]
            slow = smooth(wanted, min(sigma, 10.0 * len(wanted)))
            error[a - start : b - start] = slow + (n.wanted_midi - n.note.pitch_midi - float(np.mean(slow)))
        known = np.flatnonzero(~np.isnan(error))
        # A glide from note to note is carried from the one's correction to the other's.
        whole = np.interp(np.arange(len(error)), known, error[known])
        whole = smooth(whole, min(max(sigma, 0.0), 4.0))
        if not options.keep_vibrato:
            whole -= ripple
        move[start:stop] = options.strength * whole
    return move


def _steady_parts(midi: F64, start: int, stop: int, notes: Sequence[CorrectedNote]) -> list[tuple[int, int]]:
    """Where each note is itself: its frames without the glides at its ends."""
    slope = np.abs(np.gradient(smooth(midi[start:stop], 2.0)))
    parts = []
    for n in notes:
        a, b = n.note.start, n.note.stop
        room = (b - a) // 3
        first, last = a, b
        near = slope[a - start : b - start] > _GLIDE_SLOPE
        reach = min(_GLIDE_REACH, room)
        # Counted from the ends inwards, as long as the pitch is on its way; vibrato swings fast as well, so a
        # glide is a run from the very end.
        while first - a < reach and near[first - a]:
            first += 1
        while b - last < reach and near[last - 1 - a]:
            last -= 1
        least = min(_GLIDE_FRAMES, room)
        parts.append((max(first, a + least), min(last, b - least)))
    return parts
