"""A line ready to be sung: phones in time, pitch and loudness of every frame."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from voicekit.errors import UsageError
from voicekit.features.frames import FRAME_RATE
from voicekit.score.model import Curve, Note, Notice, Part
from voicekit.score.time_line import TempoMap
from voicekit.singing.melody import Target, drift, melody_curve
from voicekit.singing.style import SingStyle
from voicekit.singing.syllables import languages_in, syllables_of, words_of
from voicekit.singing.timing import Span, place_phones
from voicekit.text.languages import ENGLISH

__all__ = ["SungLine", "SungNote", "SungPhone", "plan_line"]

TAIL_S = 0.4  #: silence after the last note
_STACCATO = 0.5
_BREATH_S = 0.5  # what a breath mark takes from the note before it, at most
_BREATH_SHARE = 0.4
_SHORTEST_S = 0.06
_ACCENT_DB = 3.0
_RELEASE_S = 0.06
_ATTACK_S = 0.025
_SMOOTH_S = 0.05

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SungPhone:
    """A phone of a line.

    Parameters
    ----------
    symbol : str
    stress : int
    word_start, word_end : bool
    start_s, end_s : float
    role : str
        ``onset``, ``nucleus``, ``coda``, ``rest`` or ``breath``.
    note : int
        Index of its note, -1 for rests and breaths.
    """

    symbol: str
    stress: int
    word_start: bool
    word_end: bool
    start_s: float
    end_s: float
    role: str
    note: int


@dataclass(frozen=True)
class SungNote:
    """A note of a line, in seconds: what was commanded."""

    start_s: float
    end_s: float
    pitch_midi: float
    text: str = ""


@dataclass(frozen=True, eq=False)
class SungLine:
    """What an engine sings.

    Parameters
    ----------
    name : str
        Of the part.
    phones : tuple of SungPhone
        Without gap or overlap, from 0 to the end.
    pitch_midi : ndarray
        (T,) at 100 frames a second.
    gain_db : ndarray
        (T,).
    notes : tuple of SungNote
    notices : tuple of Notice
        What could not be sung as written.
    languages : tuple of str
        Whose words are sung.
    text : str
        The words whole, as they are read.
    """

    name: str
    phones: tuple[SungPhone, ...]
    pitch_midi: Floats
    gain_db: Floats
    notes: tuple[SungNote, ...]
    notices: tuple[Notice, ...] = field(default=())
    languages: tuple[str, ...] = (ENGLISH,)
    text: str = ""

    @property
    def n_frames(self) -> int:
        """T."""
        return len(self.pitch_midi)

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return self.n_frames / FRAME_RATE

    @property
    def words(self) -> str:
        """What is sung, syllable by syllable."""
        return " ".join(note.text for note in self.notes if note.text)

    def digest(self) -> str:
        """SHA-256 over all that shapes the sound."""
        found = hashlib.sha256()
        for phone in self.phones:
            found.update(repr(phone).encode())
        found.update(np.round(self.pitch_midi, 6).tobytes())
        found.update(np.round(self.gain_db, 6).tobytes())
        return found.hexdigest()

    def with_phones(self, phones: Sequence[SungPhone]) -> SungLine:
        """The same line with an edited timeline.

        Raises
        ------
        UsageError
            The phones leave a gap, overlap, or do not fill the line.
        """
        edges = [phone.start_s for phone in phones] + [phones[-1].end_s if phones else 0.0]
        joined = all(abs(a.end_s - b.start_s) < 1e-6 for a, b in itertools.pairwise(phones))
        if not phones or not joined or edges != sorted(edges) or abs(edges[0]) > 1e-6:
            raise UsageError("the phones of a line follow each other without gap or overlap, from 0 on")
        if abs(edges[-1] - self.duration_s) > 1.0 / FRAME_RATE:
            raise UsageError(f"the phones end at {edges[-1]:.3f} s, the line at {self.duration_s:.3f} s")
        return replace(self, phones=tuple(phones))


@dataclass(frozen=True)
class Deviation:
    """What one singer of several does differently, note by note.

    Parameters
    ----------
    onset_s : sequence of float
        Seconds to add to each note's onset.
    cents : sequence of float
        Cents to add to each note.
    drift_cents : float
        Root mean square of a slow wandering over the whole line.
    drift_seed : int
    """

    onset_s: Sequence[float] = ()
    cents: Sequence[float] = ()
    drift_cents: float = 0.0
    drift_seed: int = 0


def plan_line(
    part: Part,
    tempo: TempoMap,
    style: SingStyle | None = None,
    *,
    seed: int = 0,
    lead_in_s: float = 0.0,
    deviation: Deviation | None = None,
    language: str = ENGLISH,
) -> SungLine:
    """Plan how a part is sung.

    Parameters
    ----------
    part : Part
    tempo : TempoMap
    style : SingStyle, optional
    seed : int
        Of the fine fluctuation.
    lead_in_s : float
        Silence before beat 0, room for consonants before a note there.
    deviation : Deviation, optional
    language : str
        Of the words; one that is not known is sung on the style's vowel.  Kana are Japanese in any.

    Returns
    -------
    SungLine

    Raises
    ------
    UsageError
        The part has no notes.
    """
    chosen = style or SingStyle()
    if not part.notes:
        raise UsageError(f"part {part.name!r} has no notes", "choose another part")
    times = _times(part.notes, tempo, lead_in_s, deviation)
    length_s = times[-1][1] + TAIL_S
    n_frames = int(np.ceil(length_s * FRAME_RATE))
    syllables, problems = syllables_of(part.notes, chosen.vowel, language)
    spans = place_phones(syllables, times, chosen, 0.0, n_frames / FRAME_RATE)
    cents = deviation.cents if deviation and len(deviation.cents) else [0.0] * len(part.notes)
    pitches = [chosen.tuned(note.pitch_midi) + bend / 100.0 for note, bend in zip(part.notes, cents, strict=True)]
    targets = [
        Target(start, end, pitch, note.portamento_s, note.vibrato)
        for note, (start, end), pitch in zip(part.notes, times, pitches, strict=True)
    ]
    curve = melody_curve(targets, n_frames, chosen, seed)
    if deviation is not None:
        curve += drift(n_frames, deviation.drift_cents, deviation.drift_seed) / 100.0
    curve += _drawn(part.pitch_curve, tempo, lead_in_s, n_frames) / 100.0
    gain = _loudness(part, times, chosen, n_frames) + _drawn(part.loudness_curve, tempo, lead_in_s, n_frames)
    texts = [note.lyric.text if note.lyric else "" for note in part.notes]
    return SungLine(
        part.name,
        tuple(_phone(span) for span in spans if span.end_s - span.start_s > 1e-9),
        curve,
        gain,
        tuple(SungNote(s, e, p, text) for (s, e), p, text in zip(times, pitches, texts, strict=True)),
        tuple(Notice(f"{part.name}, note {index + 1}", text) for index, text in problems),
        languages_in(part.notes, language),
        " ".join(words_of(part.notes)),
    )


def _phone(span: Span) -> SungPhone:
    phone = span.phone
    return SungPhone(
        phone.symbol, phone.stress, phone.word_start, phone.word_end, span.start_s, span.end_s, span.role, span.note
    )


def _times(
    notes: Sequence[Note], tempo: TempoMap, lead_in_s: float, deviation: Deviation | None
) -> list[tuple[float, float]]:
    """Sounding start and end of every note, seconds."""
    shifts = deviation.onset_s if deviation and len(deviation.onset_s) else [0.0] * len(notes)
    found: list[tuple[float, float]] = []
    for note, shift in zip(notes, shifts, strict=True):
        start = lead_in_s + tempo.seconds(note.onset)
        end = lead_in_s + tempo.seconds(note.end)
        if note.staccato:
            end = start + max(_STACCATO * (end - start), min(_SHORTEST_S, end - start))
        elif note.breath_after:
            end -= min(_BREATH_S, _BREATH_SHARE * (end - start))
        start = max(0.0, start + shift)
        found.append((start, max(end + shift, start + 0.02)))
    for k in range(len(found) - 1):  # a late neighbour is waited for, an early one cut into
        (start, end), (following, _) = found[k], found[k + 1]
        joined = notes[k].end == notes[k + 1].onset and not notes[k].staccato and not notes[k].breath_after
        if following < start + 0.02:
            found[k + 1] = (start + 0.02, max(found[k + 1][1], start + 0.04))
            following = start + 0.02
        found[k] = (start, following if joined else min(end, following))
    return found


def _drawn(curve: Curve | None, tempo: TempoMap, lead_in_s: float, n_frames: int) -> Floats:
    """A curve of the score at every frame (T,); zeros where there is none."""
    if curve is None or not curve.times:
        return np.zeros(n_frames)
    seconds = [lead_in_s + tempo.seconds(beat) for beat in curve.times]
    return np.interp((np.arange(n_frames) + 0.5) / FRAME_RATE, seconds, curve.values)


def _loudness(part: Part, times: Sequence[tuple[float, float]], style: SingStyle, n_frames: int) -> Floats:
    """Level of every frame in dB against the voice's own (T,)."""
    time = (np.arange(n_frames) + 0.5) / FRAME_RATE
    starts = np.array([start for start, _ in times])
    level = np.array([(note.dynamic - 0.5) * style.dynamic_range_db for note in part.notes])
    # Consonants before a beat already have the level of their note.
    at = np.clip(np.searchsorted(starts - 0.08, time, side="right") - 1, 0, len(starts) - 1)
    gain = level[at]
    width = max(1, round(_SMOOTH_S * FRAME_RATE))
    kernel = np.hanning(2 * width + 3)[1:-1]
    padded = np.pad(gain, (width, width), mode="edge")
    gain = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    for note, (start, _end) in zip(part.notes, times, strict=True):
        if note.accent:
            gain += np.where(time >= start - 0.02, _ACCENT_DB * np.exp(-np.maximum(time - start, 0) / 0.12), 0.0)
    return np.asarray(gain)


def describe(line: SungLine) -> dict[str, Any]:
    """For reports."""
    return {
        "part": line.name,
        "notes": len(line.notes),
        "duration_s": round(line.duration_s, 3),
        "lowest": round(min(note.pitch_midi for note in line.notes), 2),
        "highest": round(max(note.pitch_midi for note in line.notes), 2),
        "notices": [f"{one.place}: {one.text}" for one in line.notices],
    }
