"""Who sings what: parts, harmony and doubles of a score, dealt out to voices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from voicekit.errors import InputError, UsageError
from voicekit.features.frames import FRAME_RATE, frame_times
from voicekit.harmony import HumanisedPart, harmonise, humanise, place
from voicekit.pipelines.plan import sentence_seed
from voicekit.pitch import read_contour
from voicekit.score import Part, Score
from voicekit.singing import SingStyle, SungLine, plan_line
from voicekit.singing.line import Deviation
from voicekit.singing.syllables import words_of
from voicekit.singing.textgrid import read_textgrid
from voicekit.studio.song_models import SingOptions
from voicekit.text.languages import ENGLISH, LANGUAGES, base_tag, script_language
from voicekit.text.phonemise import accent_of
from voicekit.units import hz_to_midi

__all__ = ["Member", "accent_notices", "beats_of", "chorus_of", "lead_in", "part_language", "pitch_tier"]

_ROOM_FOR_CONSONANTS_S = 0.5


@dataclass(frozen=True)
class Member:
    """One singer of the chorus.

    Parameters
    ----------
    name : str
        Of the stem.
    voice : str
    line : SungLine
    seed : int
    pan, level_db : float
        Place in the mix.
    marked : str
        Language that its part is marked with, as the score says it.
    """

    name: str
    voice: str
    line: SungLine
    seed: int
    pan: float
    level_db: float
    marked: str = ""


def chorus_of(
    score: Score, voices: Sequence[str], options: SingOptions
) -> tuple[list[Member], list[str], Score]:
    """Plan every line of a song.

    Parameters
    ----------
    score : Score
    voices : sequence of str
        For the parts in order, dealt out again from the first.
    options : SingOptions

    Returns
    -------
    members : list of Member
    notices : list of str
        What could not be sung as written.
    sung : Score
        The parts as they are sung, harmony among them.

    Raises
    ------
    UsageError
        No such part, or nothing to sing.
    InputError
        An edited timeline or pitch that cannot be read.
    """
    if not voices:
        raise UsageError("no voice was named", "see `voicekit voices`")
    notices = [f"{one.place}: {one.text}" if one.place else one.text for one in score.notices]
    parts = _chosen(score, options)
    lead: int | None = None
    if options.harmony:
        found = harmonise(score, parts[0], options.harmony, seed=options.seed)
        parts = [*found.parts, *parts[1:]]
        lead = found.melody
        notices += [f"{one.place}: {one.text}" if one.place else one.text for one in found.report]
    parts = [replace(part, notes=tuple(n.moved(options.transpose) for n in part.notes)) for part in parts]
    members: list[Member] = []
    places = place([part.name for part in parts], lead, options.doubles)
    for index, part in enumerate(parts):
        singers: Sequence[HumanisedPart | None] = [None]
        if options.doubles > 1:
            singers = humanise(part, options.doubles, options.seed + index, tempo=score.tempo)
        for k, human in enumerate(singers):
            seed = sentence_seed(options.seed, part.name, index * 100 + k)
            name = part.name or f"part {index + 1}"
            planned = _line(part, score, options.style, seed, human, part_language(part, options.languages))
            line = _edited(planned, name, index, options)
            name = f"{name} {k + 1}" if len(singers) > 1 else name
            where = places[index][k]
            level = where.level_db + (human.humanisation.level_db if human is not None else 0.0)
            voice = voices[index % len(voices)]
            members.append(Member(name, voice, line, seed, where.pan, level, part.language))
            if k == 0:
                notices += [f"{one.place}: {one.text}" for one in line.notices]
                notices += accent_notices(name, part, line.languages)
    _all_used("timeline", options.timelines, parts)
    _all_used("pitch", options.pitches, parts)
    return members, notices, replace(score, parts=tuple(parts))


def _edited(line: SungLine, name: str, index: int, options: SingOptions) -> SungLine:
    """The line with the timeline and the pitch that were edited for its part, if there are any."""
    for key in (name, str(index + 1)):
        if key in options.timelines:
            line = read_textgrid(Path(options.timelines[key]), line)
        if key in options.pitches:
            contour = read_contour(Path(options.pitches[key]))
            hertz = contour.curve_at(frame_times(line.n_frames))
            if not hertz.any():
                raise InputError(options.pitches[key], "", "it has no voiced point", "Choose another file.")
            line = replace(line, pitch_midi=hz_to_midi(hertz))
    return line


def _all_used(what: str, files: Mapping[str, str], parts: Sequence[Part]) -> None:
    known = {part.name or f"part {index + 1}" for index, part in enumerate(parts)}
    known |= {str(index + 1) for index in range(len(parts))}
    for key in files:
        if key not in known:
            raise UsageError(f"there is no part {key} for this {what}", f"choose from {', '.join(sorted(known))}")


def part_language(part: Part, stated: Sequence[str] | None) -> str:
    """The language in which a part's words are said: its own mark if it is among those stated, else the first."""
    marked = base_tag(part.language)
    known = [base_tag(tag) for tag in stated or ()]
    if marked and marked != "und" and (not known or marked in known):
        return marked
    return known[0] if known else ENGLISH


def accent_notices(name: str, part: Part, languages: Sequence[str]) -> list[str]:
    """In what accent the words of a part are sung, language by language."""
    found = []
    words = words_of(part.notes)
    for tag in languages:
        if tag == ENGLISH or tag not in LANGUAGES or not words:
            continue
        if tag == "ja":
            said = [word for word in words if script_language(word) == "ja"] or words
        else:
            said = [word for word in words if not script_language(word)]
        replaced = accent_of(said, tag).words()
        manner = f" with English sounds: {replaced}" if replaced else ", every sound of it English as well"
        found.append(f"{name}: sung in {LANGUAGES[tag].name}{manner}")
    return found


def _line(
    part: Part, score: Score, style: SingStyle, seed: int, human: HumanisedPart | None, language: str
) -> SungLine:
    lead = lead_in(score)
    if human is None:
        return plan_line(part, score.tempo, style, seed=seed, lead_in_s=lead, language=language)
    own = human.humanisation
    style = replace(style, vibrato_hz=own.vibrato_rate_hz, vibrato_phase=own.vibrato_phase)
    deviation = Deviation(own.onset_s, own.cents, own.drift_cents, own.drift_seed)
    return plan_line(part, score.tempo, style, seed=seed, lead_in_s=lead, deviation=deviation, language=language)


def _chosen(score: Score, options: SingOptions) -> list[Part]:
    if options.parts is None:
        parts = [part for part in score.parts if part.notes]
    else:
        parts = []
        for name in options.parts:
            try:
                parts.append(score.part(name))
            except KeyError:
                known = ", ".join(f"{n}: {part.name}" for n, part in enumerate(score.parts, 1))
                raise UsageError(f"the score has no part {name}", f"choose from {known or '(none)'}") from None
    parts = [part for part in parts if part.notes]
    if not parts:
        raise UsageError(f"{score.source or 'the score'} has nothing to sing", "choose a score with notes")
    return parts


def lead_in(score: Score) -> float:
    """Seconds of silence before beat 0: one measure when a note comes too early for its consonants, else none."""
    first = min((part.notes[0].onset for part in score.parts if part.notes), default=Fraction(0))
    if score.tempo.seconds(first) >= _ROOM_FOR_CONSONANTS_S:
        return 0.0
    meter = score.meters[0] if score.meters else None
    beats = meter.beats * 4 / meter.beat_type if meter else 4.0
    return max(_ROOM_FOR_CONSONANTS_S, beats * 60.0 / score.tempo.bpm_at(0))


def beats_of(score: Score, lead_s: float) -> list[tuple[float, bool]]:
    """Every beat of a song with its lead-in, and whether it opens a measure."""
    end = float(score.end)
    meters = [(float(m.onset), m.beats, m.beat_type) for m in score.meters] or [(0.0, 4, 4)]
    if meters[0][0] > 0:
        meters.insert(0, (0.0, 4, 4))
    found: list[tuple[float, bool]] = []
    for k, (onset, count, kind) in enumerate(meters):
        stop = meters[k + 1][0] if k + 1 < len(meters) else end + 1e-9
        step = 4.0 / kind
        at = onset + (float(score.pickup) if k == 0 else 0.0)
        number = 0
        early = at - step
        while early >= onset - 1e-9:  # the beats of a pickup
            found.append((early, False))
            early -= step
        while at < stop - 1e-9:
            found.append((at, number % count == 0))
            at += step
            number += 1
    first = 60.0 / score.tempo.bpm_at(0)
    _, count, kind = meters[0]
    step = 4.0 / kind
    before = 1
    while before * step * first <= lead_s + 1e-6:
        found.append((-before * step, before % count == 0))
        before += 1
    return sorted(found)


def pitch_tier(line: SungLine) -> str:
    """The commanded pitch as a Praat PitchTier (text format), one point every 10 ms while something sounds."""
    points = []
    sounding = [(n.start_s - 0.1, n.end_s) for n in line.notes]
    k = 0
    for frame, midi in enumerate(line.pitch_midi):
        second = (frame + 0.5) / FRAME_RATE
        while k < len(sounding) and second > sounding[k][1]:
            k += 1
        if k < len(sounding) and second >= sounding[k][0]:
            points.append((second, 440.0 * 2.0 ** ((float(midi) - 69.0) / 12.0)))
    rows = ['File type = "ooTextFile"', 'Object class = "PitchTier"', "", "xmin = 0", f"xmax = {line.duration_s!r}"]
    rows.append(f"points: size = {len(points)}")
    for number, (second, hertz) in enumerate(points, 1):
        rows += [f"points [{number}]:", f"    number = {second!r}", f"    value = {hertz!r}"]
    return "\n".join(rows) + "\n"
