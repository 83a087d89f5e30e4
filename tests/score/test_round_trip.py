"""What is written comes back: MusicXML exactly, MIDI up to its ticks."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.score.strategies import scores
from voicekit.score import (
    Curve,
    Lyric,
    Note,
    Part,
    Score,
    Tempo,
    TempoMap,
    Vibrato,
    read_score,
    write_midi,
    write_musicxml,
)
from voicekit.score.musicxml.values import values_of

DATA = Path(__file__).parent / "data"
ONE_TICK = Fraction(1, 480)
# without shrinking: it takes minutes, and a score is read easily enough as it is
many = settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)


def honoured(score: Score) -> Score:
    """A score without what says where it came from."""
    return replace(score, source="", format="", notices=())


@many
@given(scores())
def test_musicxml_gives_back_every_field(tmp_path: Path, score: Score) -> None:
    path = tmp_path / "a.musicxml"
    assert write_musicxml(score, path) == ()
    back = honoured(read_score(path))
    for ours, theirs in zip(score.parts, back.parts, strict=True):
        assert theirs.notes == ours.notes
    assert back == honoured(score)


@many
@given(scores())
def test_midi_gives_back_notes_words_and_time(tmp_path: Path, score: Score) -> None:
    path = tmp_path / "a.mid"
    write_midi(score, path)
    back = read_score(path)
    assert [part.name for part in back.parts] == [part.name for part in score.parts]
    for ours, theirs in zip(score.parts, back.parts, strict=True):
        assert len(ours.notes) == len(theirs.notes)
        for a, b in zip(ours.notes, theirs.notes, strict=True):
            assert abs(a.onset - b.onset) <= ONE_TICK and abs(a.duration - b.duration) <= ONE_TICK
            assert b.pitch_midi == round(a.pitch_midi)
            bent = theirs.pitch_curve.at(b.onset) / 100 if theirs.pitch_curve else 0.0
            assert b.pitch_midi + bent == pytest.approx(a.pitch_midi, abs=0.003)
            assert b.dynamic == pytest.approx(max(a.dynamic, 0.00625), abs=0.011)
            assert (b.lyric.text if b.lyric else "") == (a.lyric.text if a.lyric else "")
            assert score.tempo.seconds(a.onset) == pytest.approx(back.tempo.seconds(b.onset), abs=0.012)
    assert back.meters == score.meters
    assert [(key.onset, key.fifths) for key in back.keys] == [(key.onset, key.fifths) for key in score.keys]


def test_midi_words_keep_their_hyphens_and_lines(tmp_path: Path) -> None:
    words = [Lyric("Hal", "begin"), Lyric("le", "middle"), None, Lyric("lu", "end", ends="line")]
    words.append(Lyric("ja", ends="paragraph"))
    notes = tuple(Note(Fraction(n), Fraction(1), 60.0 + n, word) for n, word in enumerate(words))
    write_midi(Score((Part("A", notes),), TempoMap()), tmp_path / "a.mid")
    assert [note.lyric for note in read_score(tmp_path / "a.mid").parts[0].notes] == words


@pytest.mark.parametrize("name", sorted(p.name for p in DATA.iterdir() if p.suffix not in (".md",)))
def test_every_score_file_survives_musicxml(tmp_path: Path, name: str) -> None:
    """Whatever format it came from: times, pitches, words and tempo are the same after a turn through MusicXML."""
    score = read_score(DATA / name)
    write_musicxml(score, tmp_path / "a.mxl")
    back = read_score(tmp_path / "a.mxl")
    assert back.tempo == score.tempo and back.meters == score.meters and back.keys == score.keys
    assert back.chords == score.chords and back.pickup == score.pickup
    for ours, theirs in zip(score.parts, back.parts, strict=True):
        for a, b in zip(ours.notes, theirs.notes, strict=True):
            assert abs(b.onset - a.onset) <= Fraction(1, 10_000) and abs(b.duration - a.duration) <= Fraction(1, 5_000)
            assert (b.pitch_midi, b.accent, b.dynamic) == (a.pitch_midi, a.accent, a.dynamic)
            assert (b.lyric.text if b.lyric else "") == (a.lyric.text if a.lyric else "")


def test_what_musicxml_cannot_hold_is_said(tmp_path: Path) -> None:
    note = Note(
        Fraction(0), Fraction(1), 60.0, Lyric("a", phonemes=("aa",)), vibrato=Vibrato(0.1, 5.0, 50.0), portamento_s=0.1
    )
    drawn = Curve((Fraction(0),), (1.0,))
    found = write_musicxml(Score((Part("A", (note,), "", drawn, drawn),), TempoMap()), tmp_path / "a.xml")
    text = " ".join(notice.text for notice in found)
    assert all(word in text for word in ("pitch curve", "loudness curve", "vibrato", "glides", "phones"))


def test_a_ramp_in_midi_ends_on_time(tmp_path: Path) -> None:
    """Steps of whole microseconds must not add up their roundings."""
    score = Score(
        (Part("A", (Note(Fraction(0), Fraction(400), 60.0),)),),
        TempoMap([Tempo(Fraction(0), 61.7, 183.3), Tempo(Fraction(400), 183.3)]),
    )
    write_midi(score, tmp_path / "a.mid")
    back = read_score(tmp_path / "a.mid")
    assert back.tempo.seconds(400) == pytest.approx(score.tempo.seconds(400), abs=2e-6)


def test_printed_values_add_up() -> None:
    for numerator in range(1, 100):
        for denominator in (1, 2, 3, 4, 5, 6, 7, 9, 12, 16, 20, 24, 28, 64):
            length = Fraction(numerator, denominator)
            values = values_of(length)
            assert sum(value.duration for value in values) == length
            assert all(value.type for value in values)
