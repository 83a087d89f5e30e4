"""Random scores within what MusicXML can say (see docs/scores.md)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hypothesis import strategies as st

from voicekit.score import Chord, Key, Lyric, Meter, Note, Part, Score, Tempo, TempoMap
from voicekit.score.spelling import name_of

LENGTHS = [Fraction(n, d) for d in (1, 2, 3, 4, 5, 7, 12, 16) for n in range(1, 9)]
GAPS = [Fraction(0)] * 4 + [Fraction(1, 3), Fraction(1, 2), Fraction(1), Fraction(9, 4), Fraction(5)]
WORDS = st.text(alphabet="abcxyzäößéñçøłžあいう漢字'’", min_size=1, max_size=6)
STEP_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ROOTS = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]
KINDS = {
    "major": "", "minor": "m", "dominant-seventh": "7", "half-diminished": "ø7", "suspended-fourth": "sus4",
    "diminished-seventh": "dim7", "power": "5",
}  # fmt: skip


@st.composite
def lyrics(draw: st.DrawFn) -> Lyric | None:
    """A syllable, an elision, a hum, or none."""
    kind = draw(st.sampled_from(["text"] * 6 + ["none", "none", "elision", "hum"]))
    if kind == "none":
        return None
    if kind == "hum":
        return Lyric("", style=draw(st.sampled_from(["humming", "laughing"])))
    text = draw(WORDS) if kind == "text" else f"{draw(WORDS)}\u203f{draw(WORDS)}"
    syllabic = draw(st.sampled_from(["single", "begin", "middle", "end"]))
    return Lyric(text, syllabic, draw(st.booleans()), ends=draw(st.sampled_from(["", "", "", "line", "paragraph"])))


@st.composite
def pitches(draw: st.DrawFn) -> tuple[float, str]:
    """A pitch with its spelling, or a microtone without one."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.integers(36 * 8, 96 * 8).filter(lambda n: n % 8)) / 8.0, ""
    step, alter, octave = draw(st.sampled_from("CDEFGAB")), draw(st.integers(-2, 2)), draw(st.integers(2, 6))
    return float(12 * (octave + 1) + STEP_SEMITONES[step] + alter), name_of(step, alter, octave)


@st.composite
def parts(draw: st.DrawFn, number: int) -> Part:
    """A line of notes and rests."""
    at, notes = Fraction(0), []
    for index in range(draw(st.integers(1, 12))):
        at += draw(st.sampled_from(GAPS))
        length = draw(st.sampled_from(LENGTHS))
        pitch, spelling = draw(pitches())
        flags = draw(st.lists(st.booleans(), min_size=6, max_size=6))
        notes.append(
            Note(
                at, length, pitch, draw(lyrics()), slurred=flags[0] and index > 0,
                dynamic=draw(st.integers(0, 64)) / 64, accent=flags[1], staccato=flags[2], breath_after=flags[3],
                fermata=flags[4], grace=flags[5], spelling=spelling,
            )
        )  # fmt: skip
        at += length
    has_text = any(note.lyric and note.lyric.text for note in notes)
    language = draw(st.sampled_from(["", "de", "pt-BR"])) if has_text else ""
    return Part(f"Voice {number} {draw(WORDS)}", tuple(notes), f"P{number}", language=language)


@st.composite
def chords(draw: st.DrawFn, onset: Fraction) -> Chord:
    """A chord symbol printed as musicians do."""
    if draw(st.integers(0, 7)) == 0:
        return Chord(onset, -1, "none", -1, "N.C.")
    root, kind = draw(st.integers(0, 11)), draw(st.sampled_from(sorted(KINDS)))
    bass = draw(st.sampled_from([-1, -1, draw(st.integers(0, 11))]))
    text = draw(st.sampled_from([ROOTS[root] + KINDS[kind], f"chord {root}"]))
    return Chord(onset, root, kind, bass, text + (f"/{ROOTS[bass]}" if bass >= 0 else ""))


@st.composite
def scores(draw: st.DrawFn) -> Score:
    """One to three parts with metres on barlines, keys anywhere, steps and ramps of tempo, chord symbols."""
    lines = tuple(draw(parts(number)) for number in range(1, draw(st.integers(1, 3)) + 1))
    meters, at, last = [], Fraction(0), None
    for _ in range(draw(st.integers(0, 3))):
        beats, kind = draw(st.sampled_from([(4, 4), (3, 4), (6, 8), (2, 2), (5, 8), (7, 16)]))
        if (beats, kind) != last:
            meters.append(Meter(at, beats, kind))
        last = (beats, kind)
        at += draw(st.integers(1, 4)) * Fraction(4 * beats, kind)
    first = Fraction(4 * meters[0].beats, meters[0].beat_type) if meters else Fraction(4)
    pickup = draw(st.sampled_from([Fraction(0), first / 4, first / 2]))
    if pickup:  # the first measure is short, so everything after it comes earlier
        meters = meters[:1] + [replace(meter, onset=meter.onset - first + pickup) for meter in meters[1:]]
    ends = max(line.end for line in lines)
    if ends <= pickup:
        pickup = Fraction(0)
        meters = meters[:1]
    keys, seen = [], None
    for onset in sorted(draw(st.sets(st.sampled_from([Fraction(n, 2) for n in range(16)]), max_size=3))):
        key = (draw(st.integers(-7, 7)), draw(st.sampled_from(["", "major", "minor"])))
        if key != seen:
            keys.append(Key(onset, *key))
        seen = key
    bpm = st.floats(20, 300).map(lambda value: round(value, 3)) | st.floats(30, 200)
    changes = draw(st.sets(st.sampled_from([Fraction(n, 3) for n in range(20)]), max_size=3))
    points = [Tempo(onset, draw(bpm), draw(st.none() | bpm)) for onset in sorted({Fraction(0), *changes})]
    harmonies = draw(st.sets(st.sampled_from([Fraction(n) for n in range(8)]), max_size=3))
    symbols = tuple(draw(chords(onset)) for onset in sorted(harmonies))
    return Score(
        lines, TempoMap(points), tuple(meters), tuple(keys), symbols, title=draw(WORDS | st.just("")),
        composer=draw(WORDS | st.just("")), lyricist=draw(WORDS | st.just("")), pickup=pickup,
    )  # fmt: skip
