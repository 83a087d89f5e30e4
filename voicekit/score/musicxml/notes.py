"""Single notes and lyrics of MusicXML."""

from __future__ import annotations

import functools
import re
from fractions import Fraction
from pathlib import Path

from lxml import etree

from voicekit.errors import InputError
from voicekit.score.inputs import Notices, Place, parse_number
from voicekit.score.levels import dynamic_of_velocity
from voicekit.score.model import ELISION, SYLLABICS
from voicekit.score.musicxml.written import WrittenLyric, WrittenNote
from voicekit.score.spelling import STEP_SEMITONES, name_of, transposed

__all__ = ["OTHER_GRACE", "Transposition", "passes_of", "read_lyric", "read_notations", "read_pitch"]

#: What our own writer puts into <other-notation> for a note whose time was a grace note's.
OTHER_GRACE = "voicekit:grace"
_VERSE_NUMBER = re.compile(r"\d{1,2}[.)]\s*(?=\S)")
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
Transposition = tuple[int, int | None]
_SMALL_ORNAMENTS = frozenset({
    "trill-mark", "turn", "delayed-turn", "inverted-turn", "mordent", "inverted-mordent", "tremolo", "shake", "haydn",
    "schleifer",
})  # fmt: skip
_SLIDES = frozenset({"glissando", "slide"})
_ARTICULATED = frozenset({
    "tenuto", "detached-legato", "scoop", "plop", "doit", "falloff", "stress", "unstress", "soft-accent",
})  # fmt: skip


def passes_of(text: str | None) -> frozenset[int]:
    """``time-only="1,3"`` as numbers."""
    return frozenset(int(n) for n in re.findall(r"\d{1,4}", text)) if text else frozenset()


def read_pitch(pitch: etree._Element, place: Place, moved: Transposition) -> tuple[float, str]:
    """Sounding pitch and spelling of a ``pitch`` element in a part that transposes by `moved`."""
    texts = {child.tag: child.text for child in pitch}
    step, alter, octave = texts.get("step"), texts.get("alter"), texts.get("octave")
    try:
        return _pitch(step or "", alter or "0", octave or "", moved)
    except InputError as error:
        raise place.error(error.problem) from None


@functools.lru_cache(maxsize=4096)
def _pitch(step: str, alter_text: str, octave_text: str, moved: Transposition) -> tuple[float, str]:
    """The few hundred pitches of a score are each computed once; errors are placed by the caller."""
    place = Place(Path())
    step = step.strip()
    if step not in STEP_SEMITONES:
        raise place.error(f"<step> is {step[:10]!r}, not a letter from A to G")
    octave = int(parse_number(octave_text, place, "<octave>", -1, 10))
    alter = parse_number(alter_text, place, "<alter>", -4, 4)
    chromatic, diatonic = moved
    sounding = 12 * (octave + 1) + STEP_SEMITONES[step] + alter + chromatic
    if chromatic == 0 and not diatonic:
        return round(float(sounding), 6), name_of(step, alter, octave)
    return round(float(sounding), 6), transposed(step, alter, octave, chromatic, diatonic)


def read_lyric(element: etree._Element, place: Place, notices: Notices) -> WrittenLyric:
    """One ``lyric``; its elided syllables joined by U+203F."""
    texts: list[str] = []
    syllabics: list[str] = []
    extend, style, ends, language = False, "", "", ""
    syllabic = ""
    for child in element:
        if child.tag == "syllabic":
            syllabic = (child.text or "").strip()
            if syllabic not in SYLLABICS:
                notices.add(place.where, f"the syllabic {syllabic[:20]!r} is not known; taken as single")
                syllabic = "single"
        elif child.tag == "text":
            texts.append(" ".join((child.text or "").split()))
            syllabics.append(syllabic)
            syllabic = ""
            language = language or child.get(_LANGUAGE, "")
        elif child.tag == "extend":
            extend = child.get("type", "start") != "stop"
        elif child.tag in ("humming", "laughing"):
            style = child.tag
        elif child.tag in ("end-line", "end-paragraph"):
            ends = child.tag.removeprefix("end-")
    kept = [(text, syllabics[i]) for i, text in enumerate(texts) if text]
    text = ELISION.join(text for text, _ in kept)
    found = _VERSE_NUMBER.match(text)
    if found:
        text = text[found.end() :]
        notices.add(place.where, "verse numbers in the lyrics are taken off")
    first, last = (kept[0][1], kept[-1][1]) if kept else ("", "")
    starts, closes = first in ("", "single", "begin"), last in ("", "single", "end")
    if text.endswith("-") and len(text) > 1:
        text, closes = text.rstrip("-"), False
        notices.add(place.where, "a hyphen at the end of a syllable is taken as 'the word goes on'")
    if text.startswith("-") and len(text) > 1:
        text, starts = text.lstrip("-"), False
    joined = {(True, True): "single", (True, False): "begin", (False, True): "end", (False, False): "middle"}
    return WrittenLyric(
        verse=element.get("number", "1"), name=element.get("name", ""), text=text, syllabic=joined[starts, closes],
        extend=extend, style=style if not text else "", ends=ends, language=language,
        passes=passes_of(element.get("time-only")),
    )  # fmt: skip


def read_notations(notations: etree._Element, note: WrittenNote, place: Place, notices: Notices) -> None:
    """Slurs, ties, fermatas, articulations and ornaments of one note."""
    for child in notations:
        if child.tag == "slur":
            note.slurs += ((child.get("type", ""), child.get("number", "1")),)
        elif child.tag == "tied":
            note.tie_start |= child.get("type") in ("start", "continue")
            note.tie_stop |= child.get("type") in ("stop", "continue")
        elif child.tag == "fermata":
            note.fermata = True
        elif child.tag == "articulations":
            for mark in child:
                if mark.tag in ("accent", "strong-accent"):
                    note.accent = True
                elif mark.tag in ("staccato", "staccatissimo", "spiccato"):
                    note.staccato = True
                elif mark.tag == "breath-mark":
                    note.breath_after = True
                elif mark.tag == "caesura":
                    note.breath_after = True
                    notices.add(place.where, "a caesura is taken as a breath; the beat does not wait")
                elif mark.tag in _ARTICULATED:
                    notices.add(place.where, f"the articulation {mark.tag!r} is not sung")
        elif child.tag == "ornaments":
            for mark in child:
                if mark.tag in _SMALL_ORNAMENTS:
                    notices.add(place.where, f"the ornament {mark.tag!r} is not sung; the plain note is")
        elif child.tag in _SLIDES and child.get("type") == "start":
            notices.add(place.where, f"a {child.tag} is not drawn; the style's glide is sung")
        elif child.tag == "arpeggiate":
            notices.add(place.where, "an arpeggio is sung at once")
        elif child.tag == "other-notation" and (child.text or "") == OTHER_GRACE:
            note.grace = True
        elif child.tag == "dynamics":
            notices.add(place.where, "a dynamic inside a note's notations is not played")


def read_play(element: etree._Element, place: Place) -> float | None:
    """The note's own ``dynamics`` attribute (percent of a forte of velocity 90) as a dynamic; None without one."""
    if element.get("dynamics") is None:
        return None
    percent = parse_number(element.get("dynamics"), place, "note dynamics", -1000, 1000)
    return dynamic_of_velocity(float(percent * 9 / 10)) if percent >= 0 else None


def grace_of(element: etree._Element, note: WrittenNote, place: Place, notices: Notices) -> None:
    """What the ``grace`` element says of whose time the note takes."""
    note.grace = True
    note.slashed = element.get("slash") == "yes"
    for name in ("steal-time-previous", "steal-time-following"):
        if element.get(name) is not None:
            note.steal_before = name.endswith("previous")
            note.steal_part = parse_number(element.get(name), place, name, 0, 100) / Fraction(100)
    if element.get("make-time") is not None:
        notices.add(place.where, "a grace note that makes its own time takes it from its neighbour instead")
