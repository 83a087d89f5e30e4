"""From a melody to parts: which style is asked for, where the melody lies, what could not be done."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from voicekit.errors import UsageError
from voicekit.harmony.check import ALL_RULES, FORBIDDEN, PAIR_RULES, check
from voicekit.harmony.chords import ChordGuess, infer_chords, vocabulary
from voicekit.harmony.keys import KeyGuess, infer_key
from voicekit.harmony.lines import chord_lines, diatonic_line
from voicekit.harmony.satb import RANGES, VOICES, voice_lead
from voicekit.harmony.slices import Slice, cut
from voicekit.harmony.theory import Grid, nearest, spell
from voicekit.harmony.words import moved_part, write_part
from voicekit.score import Chord, Notice, Part, Score

__all__ = ["STYLES", "Harmony", "harmonise"]

STYLES = (
    "third-above", "third-below", "sixth-above", "sixth-below", "octave-above", "octave-below",
    "fixed:N", "chord:N", "chord-above:N", "chord-below:N", "satb", "satb:alto", "satb:tenor", "satb:bass",
)  # fmt: skip
ANY_RANGE = (28, 96)  # E1-C7: what voices beside a melody are kept to unless told otherwise
FIXED_LIMIT = 24
CHORD_LIMIT = 4
MENDS = 6


@dataclass(frozen=True)
class Harmony:
    """Parts to be sung together.

    Parameters
    ----------
    parts : tuple of Part
        The melody and the voices found for it, highest first.
    melody : int
        Which of them is the melody.
    chords : tuple of ChordGuess
        What they were found over; empty for styles that need none.
    key : KeyGuess
    report : tuple of Notice
        What had to be changed, left out or allowed, and where.
    ranges : tuple of (str, (int, int))
        Lowest and highest MIDI number each generated part was kept to.
    style : str
    """

    parts: tuple[Part, ...]
    melody: int
    chords: tuple[ChordGuess, ...]
    key: KeyGuess
    report: tuple[Notice, ...]
    ranges: tuple[tuple[str, tuple[int, int]], ...]
    style: str

    def score(self, source: Score) -> Score:
        """The score with these parts (alone) and these chords, to be written or edited."""
        symbols = tuple(Chord(c.onset, c.root, c.kind, c.bass) for c in self.chords)
        return replace(source, parts=self.parts, chords=source.chords or symbols)


@dataclass(frozen=True)
class _Job:
    """What every style works on."""

    score: Score
    part: Part
    key: KeyGuess
    grid: Grid
    seed: int
    report: list[Notice]

    def say(self, beat: Fraction, text: str) -> None:
        """A line for the report."""
        self.report.append(Notice(self.grid.place(beat), text))

    def slices(self, chords: Sequence[ChordGuess]) -> tuple[Slice, ...]:
        """The melody over chords."""
        return cut(self.part, chords, self.key, self.grid)


def _checked(ranges: Mapping[str, tuple[int, int]] | None, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Ranges that make sense, by part name."""
    for name, (low, high) in (ranges or {}).items():
        if name not in names:
            raise UsageError(f"there is no part {name!r} in this style", f"its parts are {', '.join(names)}")
        if not 0 <= low < high <= 127:
            raise UsageError(f"the range of {name!r} is {low}..{high}", "give two MIDI numbers 0..127, lower one first")
    return dict(ranges or {})


def _number(style: str, low: int, high: int) -> int:
    """The number after the colon."""
    text = style.partition(":")[2]
    if not re.fullmatch(r"[+-]?\d{1,3}", text) or not low <= int(text) <= high:
        raise UsageError(f"{style!r} needs a whole number from {low} to {high} after the colon")
    return int(text)


def _mended(
    job: _Job, chords: tuple[ChordGuess, ...], slices: Sequence[Slice], bad: Sequence[int]
) -> tuple[ChordGuess, ...]:
    """Other chords under slices whose inferred chord cannot stand: one that holds the note, dearest to the key."""
    for index in bad:
        piece = slices[index]
        if piece.chord.given:
            continue
        here = next(c for c in chords if c.onset <= piece.onset < c.end)
        options = [
            state
            for state in vocabulary(piece.key)
            if piece.pitch % 12 in state.tones and (state.root, state.kind) != (here.root, here.kind)
        ]
        if not options:
            continue
        best = max(options, key=lambda state: state.prior)
        new = ChordGuess(piece.onset, piece.end, best.root, best.kind, -1, best.numeral, 0.0)
        pieces = [replace(here, end=piece.onset), new, replace(here, onset=piece.end)]
        at = chords.index(here)
        chords = (*chords[:at], *(c for c in pieces if c.end > c.onset), *chords[at + 1 :])
        job.say(piece.onset, f"the chord is changed from {here.numeral} to {best.numeral}")
    return chords


def _settled(job: _Job) -> tuple[ChordGuess, ...]:
    """Chords of which each holds the melody's notes, or these are ornaments, or the score itself gives the chord."""
    chords = infer_chords(job.score, job.part, job.key)
    slices = job.slices(chords)
    chords = _mended(job, chords, slices, [i for i, s in enumerate(slices) if s.foreign == "unexplained"])
    for piece in job.slices(chords):
        name = spell(piece.pitch, piece.key.tonic, piece.key.mode)
        if piece.foreign == "unexplained":
            job.say(piece.onset, f"the melody's {name} is foreign to its chord and no ornament; the others avoid it")
        if not piece.chord.tones:
            job.say(piece.onset, "no chord here: the other voices rest")
    return chords


def _melody_place(job: _Job, low: int, high: int) -> tuple[list[int | None], list[int | None]]:
    """Octave shifts for each note of the melody so that it stays within a voice's range, and its pitches by slice."""
    pitches = [nearest(note.pitch_midi) for note in job.part.notes]

    def outside(shift: int) -> int:
        return sum(not low <= pitch + shift <= high for pitch in pitches)

    shift = min((0, 12, -12, 24, -24, 36, -36), key=lambda s: (outside(s), abs(s)))
    if shift:
        job.say(
            job.part.notes[0].onset,
            f"the melody is placed {abs(shift) // 12} octave(s) {'higher' if shift > 0 else 'lower'}",
        )
    if outside(shift):
        better = min((s for s in range(-11, 12)), key=lambda s: (outside(shift + s), abs(s)))
        if not outside(shift + better):
            job.say(job.part.notes[0].onset, f"transposed by {better:+d} semitones all of the melody would be in range")
    shifts: list[int | None] = []
    for note, pitch in zip(job.part.notes, pitches, strict=True):
        own: int | None = shift
        if not low <= pitch + shift <= high:
            fits = [s for s in range(-120, 121, 12) if low <= pitch + s <= high]
            own = min(fits, key=lambda s: abs(s - shift)) if fits else None
            what = "in another octave" if fits else "not sung: no octave of it is in range"
            job.say(note.onset, f"the melody's note lies outside of {low}..{high} and is {what}")
        shifts.append(own)
    return shifts, [None if own is None else pitch + own for pitch, own in zip(pitches, shifts, strict=True)]


def _four(job: _Job, voice: str, ranges: dict[str, tuple[int, int]]) -> Harmony:
    """Soprano, alto, tenor and bass, the melody in one of them."""
    melody, limits = VOICES.index(voice), {**RANGES, **ranges}
    chords = _settled(job)
    shifts, placed = _melody_place(job, *limits[voice])
    for attempt in range(MENDS + 1):
        slices = job.slices(chords)
        pitches = [placed[piece.note] for piece in slices]
        path = voice_lead(slices, pitches, melody, limits, job.seed)
        stuck = [i for i, row in enumerate(path) if row is None and slices[i].chord.tones]
        mended = _mended(job, chords, slices, stuck[:1]) if stuck and attempt < MENDS else chords
        if mended == chords:
            break
        chords = mended
    for index in stuck:
        job.say(slices[index].onset, "the other voices rest: every chord here would break a rule")
    parts = []
    for index, name in enumerate(VOICES):
        if index == melody:
            parts.append(moved_part(name, job.part, shifts))
        else:
            column = [None if row is None else int(row[index]) for row in path]
            parts.append(write_part(name, job.part, slices, column))
    for fault in check(parts, chords, job.key, limits, melody, ALL_RULES - FORBIDDEN):
        job.say(fault.beat, f"{fault.rule} ({', '.join(fault.voices)}): {fault.text}")
    return Harmony(tuple(parts), melody, chords, job.key, tuple(job.report), tuple(limits.items()), "")


def _beside(
    job: _Job, lines: Sequence[tuple[str, Sequence[int | None]]], above: int, chords: tuple[ChordGuess, ...],
    slices: Sequence[Slice], limits: dict[str, tuple[int, int]],
) -> Harmony:  # fmt: skip
    """A harmony of the melody itself and lines over or under it."""
    parts = [write_part(name, job.part, slices, pitches) for name, pitches in lines]
    for part, (_, pitches) in zip(parts, lines, strict=True):
        for piece, pitch in zip(slices, pitches, strict=True):
            if pitch is None and (piece.chord.tones or not part.name.startswith("chord")):
                job.say(piece.onset, f"{part.name} rests: no note in its range would keep the rules")
    parts.insert(above, job.part)
    if len({part.name for part in parts}) < len(parts):
        parts[above] = replace(job.part, name=f"{job.part.name} (melody)")
    for fault in check(parts, rules=PAIR_RULES - {"range"}):
        if job.part.name in fault.voices or chords:
            job.say(fault.beat, f"{fault.rule} ({', '.join(fault.voices)}): {fault.text}")
    return Harmony(tuple(parts), above, chords, job.key, tuple(job.report), tuple(limits.items()), "")


def _shifted(job: _Job, name: str, semitones: int, ranges: dict[str, tuple[int, int]]) -> Harmony:
    """A voice at a fixed distance, in another octave where its range asks for that."""
    low, high = ranges.get(name, (0, 127))
    whole = (ChordGuess(Fraction(0), job.part.end, -1, "none"),)
    slices = job.slices(whole)
    pitches: list[int | None] = []
    for piece in slices:
        fits = [p for p in range(piece.pitch + semitones - 48, piece.pitch + semitones + 49, 12) if low <= p <= high]
        pitch = min(fits, key=lambda p: abs(p - piece.pitch - semitones)) if fits else None
        if pitch is not None and pitch != piece.pitch + semitones:
            job.say(piece.onset, f"{name} is placed in another octave to stay in its range")
        pitches.append(pitch)
    part = write_part(name, job.part, slices, pitches)
    for piece, pitch in zip(slices, pitches, strict=True):
        if pitch is None:
            job.say(piece.onset, f"{name} rests: no octave of its note is in its range")
    parts = (part, job.part) if semitones > 0 else (job.part, part)
    limits = ((name, (low, high)),)
    return Harmony(parts, 1 if semitones > 0 else 0, (), job.key, tuple(job.report), limits, "")


def _styled(job: _Job, style: str, ranges: Mapping[str, tuple[int, int]] | None) -> Harmony:
    """The style's own way."""
    kind = style.partition(":")[0]
    if kind == "satb":
        voice = style.partition(":")[2] or "soprano"
        if voice not in VOICES:
            raise UsageError(f"{style!r}: the melody cannot be in {voice!r}", f"use one of {', '.join(VOICES)}")
        return _four(job, voice, _checked(ranges, VOICES))
    if kind == "fixed":
        return _shifted(job, style, _number(style, -FIXED_LIMIT, FIXED_LIMIT), _checked(ranges, [style]))
    if style in ("octave-above", "octave-below"):
        return _shifted(job, style, 12 if style.endswith("above") else -12, _checked(ranges, [style]))
    if style in ("third-above", "third-below", "sixth-above", "sixth-below"):
        limits = {style: _checked(ranges, [style]).get(style, ANY_RANGE)}
        interval, _, side = style.partition("-")
        up = 1 if side == "above" else -1
        chords = infer_chords(job.score, job.part, job.key)
        slices = job.slices(chords)
        line = diatonic_line(slices, interval, up, limits[style], job.seed)
        return _beside(job, [(style, line)], 1 if up > 0 else 0, chords, slices, limits)
    if kind in ("chord", "chord-above", "chord-below"):
        count = _number(style, 1, CHORD_LIMIT)
        above = {"chord": (count + 1) // 2, "chord-above": count, "chord-below": 0}[kind]
        names = [f"chord {number}" for number in range(1, count + 1)]
        own = _checked(ranges, names)
        limits = {name: own.get(name, ANY_RANGE) for name in names}
        chords = _settled(job)
        slices = job.slices(chords)
        bounds = (max(low for low, _ in limits.values()), min(high for _, high in limits.values()))
        rows = chord_lines(slices, above, count - above, bounds, job.seed)
        lines = [(name, [None if row is None else row[k] for row in rows]) for k, name in enumerate(names)]
        return _beside(job, lines, above, chords, slices, limits)
    raise UsageError(f"an unknown style of harmony: {style!r}", f"use one of {', '.join(STYLES)}")


def harmonise(
    score: Score,
    part: Part,
    style: str,
    *,
    seed: int = 0,
    ranges: Mapping[str, tuple[int, int]] | None = None,
) -> Harmony:
    """Parts for a melody.

    Parameters
    ----------
    score : Score
        For its metre, signatures and chord symbols; it is not changed.
    part : Part
        The melody, one of the score's or any other.
    style : str
        ``third-above``, ``third-below``, ``sixth-above``, ``sixth-below``: a voice in the key that goes with the
        chords.  ``octave-above``, ``octave-below``.  ``fixed:+7``: semitones, -24..24.  ``chord:2``: so many voices
        (1..4) on the nearest chord tones, above and below by turns; ``chord-above:2``, ``chord-below:2``.  ``satb``:
        soprano, alto, tenor and bass with the melody in the soprano; ``satb:tenor`` with it there.
    seed : int
        0 gives the best solution; others prefer others of nearly the same worth.  One seed, one result.
    ranges : mapping, optional
        Lowest and highest MIDI number by the name of a part (``alto``, ``third-above``, ``chord 1``).

    Returns
    -------
    Harmony
        With the melody among its parts.  Two voices never have fifths, octaves or unisons running (but for
        ``fixed`` and ``octave``, which are made of them) and never leave their ranges; where the melody leaves no
        other way they rest, and the report says so.

    Raises
    ------
    UsageError
        An unknown style, part or range, a melody without notes, or a chord symbol of an unknown kind.
    """
    if not part.notes:
        raise UsageError(f"the part {part.name!r} has no notes to harmonise", "choose another part")
    key = infer_key(score, part)
    job = _Job(score, part, key, Grid.of(score), seed, [])
    if part.pitch_curve is not None:
        job.report.append(Notice(part.name, "its drawn pitch curve stays with the melody alone"))
    return replace(_styled(job, style, ranges), style=style)
