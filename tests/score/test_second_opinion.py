"""Our readers against others': music21 for MusicXML, mido and pretty_midi for MIDI, where they are installed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from voicekit.score import Score, read_score

DATA = Path(__file__).parent / "data"
#: Files that music21 reads otherwise by its own rules: it gives grace notes no time, plays cue notes, leaves printed
#: measure repeats empty, joins 'fine' and 'coda' by the printed words, not by the sound attributes, and joins tied
#: chords only where all their notes are tied.
OWN_RULES = {"grace.musicxml", "changes.musicxml", "da_capo.musicxml", "dal_segno.musicxml", "divisi.musicxml"}
#: Quarter notes: where a file has to round its tuplets, music21 takes the rounded numbers.
ROUNDED_BEATS = 1 / 400
XML = sorted(p.name for p in DATA.iterdir() if p.suffix == ".musicxml")  # it reads no timewise files
SAMPLES = (
    "02a-Rests-Durations", "03aa-Rhythm-Durations", "21c-Chords-ThreeNotesDuration", "33b-Spanners-Tie", "61a-Lyrics",
)  # fmt: skip


def ours(score: Score) -> set[tuple[Fraction, Fraction, float]]:
    """Onset, duration and pitch of all notes; unisons of divided lines once."""
    return {(note.onset, note.duration, note.pitch_midi) for part in score.parts for note in part.notes}


def parsed(path: Path) -> Any:
    """music21's own reading, repeats unfolded, sounding, ties joined."""
    music21 = pytest.importorskip("music21", reason="music21 gives the second opinion")
    score = music21.converter.parse(str(path), forceSource=True)
    return score.toSoundingPitch().expandRepeats().stripTies()


def theirs(score: Any) -> Iterator[tuple[Fraction, Fraction, float]]:
    """The same of a music21 stream."""
    for element in score.flatten().notes:
        if type(element).__name__ in ("ChordSymbol", "NoChord"):
            continue
        pitches = element.pitches
        for pitch in pitches:
            onset = Fraction(element.offset).limit_denominator(5040)
            yield onset, Fraction(element.quarterLength).limit_denominator(5040), float(pitch.ps)


@pytest.mark.parametrize("name", [name for name in XML if name not in OWN_RULES])
def test_music21_agrees_on_onset_duration_and_pitch(name: str) -> None:
    found = sorted(ours(read_score(DATA / name)))
    expected = sorted(set(theirs(parsed(DATA / name))))
    assert [pitch for _, _, pitch in found] == [pitch for _, _, pitch in expected]
    for (onset, length, _), (their_onset, their_length, _) in zip(found, expected, strict=True):
        assert abs(onset - their_onset) <= ROUNDED_BEATS and abs(length - their_length) <= ROUNDED_BEATS


@pytest.mark.parametrize("name", SAMPLES)
def test_music21_agrees_on_the_samples(name: str, shared: Path) -> None:
    path = shared / "samples" / "musicxml" / f"{name}.musicxml"
    assert ours(read_score(path)) == set(theirs(parsed(path)))


@pytest.mark.parametrize(("name", "verse"), [("verses.musicxml", 1), ("verses.musicxml", 2), ("staves.musicxml", 1)])
def test_music21_agrees_on_words(name: str, verse: int) -> None:
    """Where a verse has its own words; what a refrain borrows from verse 1 is our rule."""
    score = read_score(DATA / name, verse=verse)
    found = {
        (note.onset, note.lyric.text, note.lyric.syllabic)
        for part in score.parts
        for note in part.notes
        if note.lyric and note.lyric.text
    }
    expected = {
        (Fraction(note.offset), lyric.text.removeprefix("1. "), lyric.syllabic or "single")
        for note in parsed(DATA / name).flatten().notes
        for lyric in note.lyrics
        if lyric.number == verse and lyric.text
    }
    assert found == expected


@pytest.mark.parametrize("name", ["two_on_a_tick.mid", "karaoke.kar", "format0.mid"])
def test_mido_agrees_on_notes_and_texts(name: str) -> None:
    mido = pytest.importorskip("mido", reason="mido gives the second opinion")
    file = mido.MidiFile(str(DATA / name))
    notes: Counter[tuple[float, int]] = Counter()
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "note_on" and message.velocity and message.channel != 9:
                notes[Fraction(tick, file.ticks_per_beat), message.note] += 1
    score = read_score(DATA / name)
    assert notes == Counter((note.onset, int(note.pitch_midi)) for part in score.parts for note in part.notes)


@pytest.mark.parametrize("name", ["two_on_a_tick.mid", "karaoke.kar", "format0.mid"])
def test_pretty_midi_agrees_on_seconds(name: str) -> None:
    """Seconds through the tempo changes; ends too, but for the note that we shorten."""
    pretty_midi = pytest.importorskip("pretty_midi", reason="pretty_midi gives the second opinion")
    file = pretty_midi.PrettyMIDI(str(DATA / name))
    expected = sorted((n.start, n.pitch) for i in file.instruments if not i.is_drum for n in i.notes)
    score = read_score(DATA / name)
    found = sorted((score.tempo.seconds(n.onset), int(n.pitch_midi)) for p in score.parts for n in p.notes)
    assert [pitch for _, pitch in found] == [pitch for _, pitch in expected]
    assert [time for time, _ in found] == pytest.approx([time for time, _ in expected], abs=1e-9)


def test_music21_reads_what_we_write(tmp_path: Path) -> None:
    """Tied, dotted and tuplet notes as written, read by another program."""
    from voicekit.score import write_musicxml

    for name in ("tuplets.musicxml", "format0.mid", "groups.svp", "sakura.ust", "song.ustx"):
        score = read_score(DATA / name)
        write_musicxml(score, tmp_path / "a.musicxml")
        assert ours(score) == set(theirs(parsed(tmp_path / "a.musicxml"))), name
