"""Small score files, each against an expectation written by hand from the file (see data/SOURCE.md)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest

from tests.score.conftest import expected, line, notices
from voicekit.errors import UsageError
from voicekit.score import Chord, Key, Meter, Score, Tempo, Vibrato

Read = Callable[..., Score]
TEXT_OF_FIRST = "0 1 G4 Morn-|> 1 A4 -ing|> 1 B4 comes,|> 3/2 C5 la|> 3/2 B4 lo|> 2 A4 Oh|> 1 G4 <humming>"


def test_first_verse_title_and_line_ends(read: Read) -> None:
    score = read("verses.musicxml")
    assert line(score.parts[0]) == expected(TEXT_OF_FIRST)
    assert (score.title, score.composer, score.lyricist) == ("Two verses and a refrain", "Nobody", "No One")
    ends = [note.lyric.ends for note in score.parts[0].notes if note.lyric]
    assert ends == ["", "", "line", "", "paragraph", "", ""]
    assert "2 verses; 1 of them sung" in notices(score) and "verse numbers" in notices(score)
    assert score.keys == (Key(Fraction(0), 1, "major"),) and score.meters == (Meter(Fraction(0), 3, 4),)


@pytest.mark.parametrize("verse", [2, "2", "Evening"])
def test_second_verse(read: Read, verse: int | str) -> None:
    """Measure 2 has no syllable of verse 2, but its 'goes,' is still held: it stays a melisma, no refrain."""
    score = read("verses.musicxml", verse=verse)
    text = "0 1 G4 Eve-|> 1 A4 -ning|> 1 B4 goes,|> 3/2 C5|> 3/2 B4|> 2 A4 Ah|> 1 G4 <laughing>"
    assert line(score.parts[0]) == expected(text)


def test_no_such_verse(read: Read) -> None:
    with pytest.raises(UsageError, match=r"no verse '3'.*1, 2 \(Evening\)"):
        read("verses.musicxml", verse=3)


def test_elision_tie_over_a_barline_slur_and_extend(read: Read) -> None:
    score = read("elision_tie_slur.musicxml")
    part = score.parts[0]
    assert line(part) == expected("0 1 E4 can-|> 3/2 F4|> 1/2 G4 -to\u203fe|> 1 A4")
    assert [note.slurred for note in part.notes] == [False, True, False, False]
    last = [(n.accent, n.staccato, n.breath_after) for n in part.notes[2:]]
    assert last == [(True, False, True), (False, True, False)]
    assert part.notes[2].lyric is not None and part.notes[2].lyric.extend
    assert part.language == "it" and part.notes[1].spelling == "F4"


def test_tuplets_are_exact_even_where_the_file_rounds(read: Read) -> None:
    score = read("tuplets.musicxml")
    assert line(score.parts[0]) == expected(
        "0 1/3 C4|> 1/3 D4|> 1/3 E4|> 1/7 F4|> 1/7 G4|> 1/7 A4|2 2 B4|"
        "4 2/3 C5|> 2/9 D5|> 2/9 E5|> 2/9 D5|> 2/3 C5|> 2 G4"
    )


def test_repeat_with_two_endings_sings_a_verse_each(read: Read) -> None:
    score = read("endings.musicxml")
    assert score.pickup == 1
    assert line(score.parts[0]) == expected(
        "0 1 G4 O|> 4 C5 one|> 4 D5 back|> 4 C5 two|> 4 E5 on|> 3 C5 end"
    )


def test_a_repeat_of_three_and_an_ending_for_two_passes(read: Read) -> None:
    score = read("three_times.musicxml")
    words = [note.lyric.text for note in score.parts[0].notes if note.lyric]
    assert words == ["a", "b", "c", "x", "y", "x", "y", "x", "z"]


def test_da_capo_al_fine(read: Read) -> None:
    """No repeat after the jump; the old tempo is back; the end is after the note that 'Fine' stands over."""
    score = read("da_capo.musicxml")
    assert line(score.parts[0]) == expected("0 2 C4|> 2 C4|> 1 D4|> 1 E4|> 2 F4|> 2 C4|> 1 D4|> 1 E4")
    assert [score.tempo.bpm_at(beat) for beat in (0, 2, 5, 6, 7, 8, 11)] == [60, 60, 60, 120, 120, 60, 60]


def test_dal_segno_al_coda(read: Read) -> None:
    score = read("dal_segno.musicxml")
    assert [note.spelling[0] for note in score.parts[0].notes] == list("CDEFDEG")


def test_tempo_marks_ramp_modulation_and_fermata(read: Read) -> None:
    """Dotted quarter 80 is 120; rit. leads to 60; old dotted quarter = quarter: 60 * 2/3 = 40; fermata holds 1.5."""
    score = read("tempo.musicxml")
    assert score.tempo.points == (
        Tempo(Fraction(0), 120), Tempo(Fraction(3), 120, 60), Tempo(Fraction(6), 60), Tempo(Fraction(9), 40),
        Tempo(Fraction(11), 40 / 1.5), Tempo(Fraction(13), 40),
    )  # fmt: skip
    assert "'accel.' is not sung" in notices(score)
    assert score.tempo.seconds(13) - score.tempo.seconds(11) == pytest.approx(1.5 * 2 * 60 / 40)
    assert score.meters == (Meter(Fraction(0), 6, 8), Meter(Fraction(9), 2, 4))


def test_transposing_parts_sound_where_they_should(read: Read) -> None:
    """A clarinet's D is C; a tenor's clef changes nothing in the file's pitches; a guitar sounds an octave lower."""
    score = read("transposed.musicxml")
    clarinet, tenor, guitar = score.parts
    assert line(clarinet) == expected("0 1 C5|> 1 E5") and [n.spelling for n in clarinet.notes] == ["C5", "E5"]
    assert line(tenor) == expected("0 2 C3") and line(guitar) == expected("0 2 E3")
    assert score.keys == (Key(Fraction(0), 0, "major"),)
    assert guitar.notes[0].spelling == "E3"


def test_two_voices_on_a_staff_and_two_staves(read: Read) -> None:
    score = read("staves.musicxml")
    assert [part.name for part in score.parts] == ["Choir 1", "Choir 2", "Choir 3"]
    assert line(score.parts[0]) == expected("0 2 E5 A-|> 2 D5 -men")
    assert line(score.parts[1]) == expected("0 2 C5 A-|> 2 B4 -men")
    assert line(score.parts[2]) == expected("1 3 C3 Oh")
    assert "sings those of the voice on its staff" in notices(score)


def test_chords_are_divided_and_unisons_sung_by_all(read: Read) -> None:
    score = read("divisi.musicxml")
    assert line(score.parts[0]) == expected("0 1 G4 all|> 2 C5 two|> 1 B4 move")
    assert line(score.parts[1]) == expected("0 1 G4 all|> 3 A4 two")
    assert "chords are sung by 2 lines" in notices(score)


def test_grace_notes_take_time_by_the_rule(read: Read) -> None:
    score = read("grace.musicxml")
    assert line(score.parts[0]) == expected(
        "0 1/2 D5 long|> 1/2 C5|> 1/8 E5 quick|> 1/8 F5|> 3/4 G5|> 1/2 B4 said|> 11/8 A4|> 1/8 G4"
    )
    assert [note.grace for note in score.parts[0].notes] == [True, False, True, True, False, True, False, True]


def test_changes_of_key_metre_and_divisions_chords_microtone_and_measure_repeat(read: Read) -> None:
    score = read("changes.musicxml")
    start, change, third = Fraction(0), Fraction(5, 2), Fraction(13, 2)
    assert score.meters == (Meter(start, 5, 8), Meter(change, 2, 2))
    assert score.keys == (Key(start, -3, "minor"), Key(change, 4, "major"))
    assert line(score.parts[0]) == expected("0 5/2 Eb4|> 4/3 E4|9/2 2 69.5|13/2 4/3 E4|17/2 2 69.5")
    assert score.chords == (
        Chord(start, 0, "minor-seventh", -1, "Cm7"), Chord(Fraction(9, 2), 11, "dominant-seventh", 3, "B7(addb9)/D#"),
        Chord(third, -1, "none", -1, "N.C."),
    )  # fmt: skip
    assert len(score.parts) == 1
    assert "percussion" in notices(score) and "cue notes" in notices(score)


def test_dynamics_and_hairpins(read: Read) -> None:
    """p is velocity 49, f 96; half of a forte of 90 is 45; the hairpin runs from beat 2 to 6."""
    score = read("loudness.musicxml")
    soft, loud = 0.5 * 49 / 80, 0.5 + 0.5 * (96 - 80) / 47
    notes = score.parts[0].notes
    assert [n.dynamic for n in notes] == pytest.approx([soft, soft, (soft + loud) / 2, loud, 0.5 * 45 / 80], abs=1e-8)
    assert [n.accent for n in notes] == [False, False, False, False, True]
    curve = score.parts[0].loudness_curve
    assert curve is not None
    assert curve.at(Fraction(1)) == 0 and curve.at(Fraction(3)) == pytest.approx(30 * (loud - soft) / 4, abs=1e-4)


@pytest.mark.parametrize("name", ["timewise.xml", "packed.mxl"])
def test_timewise_plain_and_packed(read: Read, name: str) -> None:
    score = read(name)
    assert [part.name for part in score.parts] == ["High", "Low"]
    assert line(score.parts[0]) == expected("0 1 C5 hi|> 1 D5") and line(score.parts[1]) == expected("0 1 C3 lo")


def test_one_part_alone(read: Read) -> None:
    assert [part.name for part in read("staves.musicxml", part="Choir").parts] == ["Choir 1", "Choir 2", "Choir 3"]
    assert [part.name for part in read("staves.musicxml", part="2").parts] == ["Choir 2"]
    with pytest.raises(UsageError, match=r"no part 'Bass'.*'Choir 1'"):
        read("staves.musicxml", part="Bass")


def test_midi_two_lyrics_on_a_tick(read: Read) -> None:
    score = read("two_on_a_tick.mid")
    assert score.title == "Two on a tick" and score.parts[0].name == "Sängerin"
    assert line(score.parts[0]) == expected("0 1 E4 can-|> 1 G4 -to\u203fe|> 1/2 A4")
    assert "two lyrics on one tick" in notices(score)
    assert score.keys == (Key(Fraction(0), -2, "minor"),) and score.meters == (Meter(Fraction(0), 3, 4),)
    assert [note.dynamic for note in score.parts[0].notes] == pytest.approx([0.5, 0.5 + 8 / 47, 0.5 + 16 / 47])


def test_midi_karaoke(read: Read) -> None:
    score = read("karaoke.kar")
    assert score.title == "Song of nobody"
    assert line(score.parts[0]) == expected(
        "1 15/16 C4 Hel-|2 15/16 D4 -lo|3 15/16 E4 world|4 15/16 F4 of|5 15/16 G4 song"
    )
    assert [n.lyric.ends for n in score.parts[0].notes if n.lyric] == ["", "", "line", "", ""]
    assert score.tempo.points == (Tempo(Fraction(0), 100),)
    assert "percussion" in notices(score)


def test_midi_format_0_with_tempo_change_bend_overlap_and_shift_jis(read: Read) -> None:
    score = read("format0.mid")
    low = next(part for part in score.parts if part.ident.endswith("c2"))
    voice = next(part for part in score.parts if part.ident.endswith("c1"))
    assert line(voice) == expected("0 1 C4 さ|> 1 D4 く|> 1 E4 ら") and line(low) == expected("0 2 C3")
    assert score.tempo.points == (Tempo(Fraction(0), 120), Tempo(Fraction(2), 60))
    assert "Shift-JIS" in notices(score) and "1 notes held a little into the next" in notices(score)
    assert voice.pitch_curve is not None and low.pitch_curve is None
    # a quarter of a range of 12 semitones, from half a beat to one beat
    assert [voice.pitch_curve.at(Fraction(b, 4)) for b in (0, 1, 2, 3, 4, 5)] == [0, 0, 300, 300, 0, 0]


def test_midi_smpte_time(read: Read) -> None:
    score = read("smpte.mid")
    seconds = [(score.tempo.seconds(n.onset), score.tempo.seconds(n.end)) for n in score.parts[0].notes]
    assert seconds == [(0.0, 0.5), (0.5, 1.5)]


def test_ust_in_shift_jis_with_pitch_vibrato_and_tempo(read: Read) -> None:
    score = read("sakura.ust")
    part = score.parts[0]
    assert score.title == "さくら"
    assert line(part) == expected("1 1 A4 さ|> 1/2 B4 く|> 2 C5")
    assert score.tempo.points == (Tempo(Fraction(0), 120), Tempo(Fraction(2), 60))
    # half of half a second, period 200 ms, fades a fifth of it, a quarter turn ahead
    assert part.notes[0].vibrato == Vibrato(0.25, 5.0, 30.0, 0.05, 0.05, 0.25)
    assert part.notes[0].dynamic == 0.5 and part.notes[2].dynamic == pytest.approx(0.5 + 6.0206 / 30, abs=1e-5)
    assert part.notes[2].breath_after and part.notes[1].portamento_s == 0.0
    assert "VCV" in notices(score)
    curve = part.pitch_curve
    assert curve is not None
    # the line leaves A4 100 ms (at 120: 0.2 beats) early and reaches 50 cents above B4 on the beat
    assert curve.at(Fraction(9, 5)) == pytest.approx(0, abs=0.1)
    assert curve.at(Fraction(19, 10)) == pytest.approx(125, abs=0.1)  # halfway from A4 to 50 cents above B4
    assert curve.at(Fraction(2)) == pytest.approx(50, abs=0.1)
    assert curve.at(Fraction(2) + Fraction(1, 40)) == pytest.approx(25, abs=0.1)  # 25 of 50 ms at 60 a minute
    assert curve.at(Fraction(9, 4)) == 0


def test_ust_version_2(read: Read) -> None:
    score = read("version2.ust")
    assert line(score.parts[0]) == expected("1 1/2 C4 la|2 1 D4 lo")


def test_ustx_curves_mutes_and_phonemes(read: Read) -> None:
    score = read("song.ustx")
    assert [part.name for part in score.parts] == ["Lead"]
    lead = score.parts[0]
    assert [(str(n.onset), str(n.duration), n.pitch_midi) for n in lead.notes] == [
        ("1", "1", 60), ("2", "1", 62), ("3", "1/2", 64), ("7/2", "1/2", 65),
    ]  # fmt: skip
    lyrics = [n.lyric and (n.lyric.text, n.lyric.syllabic, n.lyric.phonemes) for n in lead.notes]
    assert lyrics == [("hel", "begin", ()), ("", "end", ()), None, ("world", "single", ("w", "er", "l", "d"))]
    assert score.meters == (Meter(Fraction(0), 3, 4), Meter(Fraction(6), 4, 4))
    assert score.keys == (Key(Fraction(0), 1),)
    vibrato = lead.notes[0].vibrato
    assert vibrato is not None and vibrato.extent_cents == 20
    assert vibrato.start_s == pytest.approx(0.3) and vibrato.rate_hz == pytest.approx(1000 / 180)
    assert lead.notes[1].dynamic == pytest.approx(0.5 + 6.0206 / 30, abs=1e-5)
    curve, loudness = lead.pitch_curve, lead.loudness_curve
    assert curve is not None and loudness is not None
    # pitd alone over the first note; the second's line goes from C4, 100 ms before beat 2 (0.2 beats at 120), to D4,
    # 100 ms after it (0.1 beats at 60), straight in beats as OpenUtau draws it
    assert curve.at(Fraction(3, 2)) == pytest.approx(25)
    assert curve.at(Fraction(2)) == pytest.approx(50 - 200 / 3, abs=0.01)
    assert curve.at(Fraction(5, 2)) == pytest.approx(25)
    assert loudness.at(Fraction(2)) == -6.0 and loudness.at(Fraction(4)) == 0
    assert "'tenc' is not sung" in notices(score) and "is muted" in notices(score)


def test_svp_groups_offsets_and_attributes(read: Read) -> None:
    score = read("groups.svp")
    assert [part.name for part in score.parts] == ["Lead"]
    lead = score.parts[0]
    assert [(float(n.onset), float(n.duration), n.pitch_midi) for n in lead.notes] == [
        (0, 1, 64), (1, 1, 65), (4, 1, 60), (5, 0.5, 62.5), (8, 1, 48), (9, 0.5, 50.5),
    ]  # fmt: skip
    texts = [n.lyric and (n.lyric.text, n.lyric.syllabic) for n in lead.notes]
    assert texts == [("hello", "begin"), ("", "end"), ("sing", "single"), None, ("sing", "single"), None]
    assert lead.notes[2].lyric is not None and lead.notes[2].lyric.phonemes == ("s", "ih", "ng")
    assert lead.notes[0].vibrato == Vibrato(0.3, 6.0, 60.0, 0.2, 0.2, 0.0)
    assert lead.notes[1].breath_after and lead.notes[1].portamento_s == pytest.approx(0.17)
    assert lead.language == "en"
    assert lead.pitch_curve is not None and lead.loudness_curve is not None
    beats = (Fraction(2), Fraction(9, 2), Fraction(5), Fraction(19, 2))
    assert [lead.pitch_curve.at(beat) for beat in beats] == [0, 50, 100, 50]
    assert lead.loudness_curve.at(Fraction(1)) == -6
    assert score.tempo.points == (Tempo(Fraction(0), 90), Tempo(Fraction(4), 120))
    assert "'tension' is not sung" in notices(score) and "is muted" in notices(score)


def test_ds_slurs_phones_and_f0(read: Read) -> None:
    score = read("star.ds")
    part = score.parts[0]
    seconds = [(score.tempo.seconds(n.onset), score.tempo.seconds(n.end)) for n in part.notes]
    assert seconds == [pytest.approx(pair) for pair in [(0.7, 1.2), (1.2, 1.6), (1.6, 2.0), (4.2, 4.7)]]
    assert [n.pitch_midi for n in part.notes] == [60, 62, 64.2, 60.5]
    assert [n.slurred for n in part.notes] == [False, False, True, False]
    assert [n.lyric and (n.lyric.text, n.lyric.phonemes) for n in part.notes] == [
        ("小", ("x", "iao")), ("星", ("x", "ing")), None, ("", ("l", "a")),
    ]  # fmt: skip
    assert part.notes[2].breath_after and part.notes[0].vibrato is not None
    assert part.pitch_curve is not None
    assert part.pitch_curve.at(Fraction(18, 10)) == pytest.approx(100, abs=0.01)  # sample 4, at 0.9 s: C#4
    assert part.pitch_curve.at(Fraction(28, 10)) == pytest.approx(0, abs=0.01)  # D4 on D4
    assert "'energy' is not sung" in notices(score)


def test_what_programs_write_loosely(read: Read) -> None:
    """A tie that nothing ends and one that nothing begins, breves for silent measures, negative 'unset' dynamics."""
    score = read("loose.musicxml")
    assert line(score.parts[0]) == expected("0 3 C5|> 3 D5|> 2 E5")
    assert [note.dynamic for note in score.parts[0].notes] == [0.5, 0.5, 0.5]
    for text in ("no mark ends it here", "none leads to", "Silent): has no notes"):
        assert text in notices(score)
