"""Four parts for real melodies; judged by the checker."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from tests.harmony.tunes import Tune, tunes
from voicekit.errors import UsageError
from voicekit.harmony import VOICES, Harmony, check, harmonise
from voicekit.score import Chord, Curve, Key, Lyric, Meter, Note, Part, Score, TempoMap

# C4-A5, F3-D5, C3-G4, E2-C4: written down again, not taken from what is tested.
RANGES = {"soprano": (60, 81), "alto": (53, 74), "tenor": (48, 67), "bass": (40, 60)}
TUNES = tunes()
NAMES = [tune.name for tune in TUNES]


def faults(harmony: Harmony) -> list[str]:
    """What must never happen, by the checker, with ranges from the table above and not from the result."""
    found = check(harmony.parts, harmony.chords, harmony.key, RANGES, harmony.melody)
    return [str(fault) for fault in found if fault.forbidden]


def simple(pitches: list[float], chords: str = "", beats: int = 4) -> Score:
    """Quarters in C."""
    notes = tuple(Note(Fraction(i), Fraction(1), p) for i, p in enumerate(pitches))
    symbols = tuple(
        Chord(Fraction(i), int(s.split(":")[0]), s.split(":")[1]) for i, s in enumerate(chords.split()) if s != "-"
    )
    meters = (Meter(Fraction(0), beats, 4),)
    return Score((Part("melody", notes),), TempoMap(), meters, (Key(Fraction(0), 0),), symbols)


def test_thirty_melodies_are_here_and_their_bars_add_up() -> None:
    assert len(TUNES) >= 30
    for tune in TUNES:
        length = Fraction(4 * tune.score.meters[0].beats, tune.score.meters[0].beat_type)
        pickup = tune.score.pickup
        full = tune.measures[1:] if pickup else tune.measures
        assert not pickup or tune.measures[0] == pickup, tune.name
        assert set(full[:-1]) <= {length} and full[-1] in (length, length - pickup), tune.name


@pytest.mark.parametrize("tune", TUNES, ids=NAMES)
def test_no_parallels_no_range_violated_all_chord_tones(tune: Tune, four: dict[str, Harmony]) -> None:
    assert faults(four[tune.name]) == []


@pytest.mark.parametrize("tune", TUNES, ids=NAMES)
def test_all_four_sing_all_the_words_and_nobody_rests(tune: Tune, four: dict[str, Harmony]) -> None:
    harmony = four[tune.name]
    words = [(n.onset, n.lyric) for n in tune.part.notes if n.lyric]
    for part in harmony.parts:
        assert [(n.onset, n.lyric) for n in part.notes if n.lyric] == words
        assert sum(n.duration for n in part.notes) == sum(n.duration for n in tune.part.notes)
    assert not any("rest" in notice.text for notice in harmony.report)


def test_the_melody_is_the_melody(four: dict[str, Harmony]) -> None:
    for tune in TUNES:
        soprano = four[tune.name].parts[0]
        steps = {round(a.pitch_midi - b.pitch_midi) for a, b in zip(soprano.notes, tune.part.notes, strict=True)}
        displaced = any("octave" in notice.text for notice in four[tune.name].report)
        assert steps == {0} or (displaced and {s % 12 for s in steps} == {0})
        stripped = [replace(n, pitch_midi=0.0, spelling="") for n in soprano.notes]
        assert stripped == [replace(n, pitch_midi=0.0, spelling="") for n in tune.part.notes]


def test_triads_are_complete_and_leading_tones_single(four: dict[str, Harmony]) -> None:
    rules = frozenset(("missing-third", "doubled-leading-tone", "hidden-fifths", "hidden-octaves", "spacing"))
    found = [
        f"{name}: {fault}"
        for name, h in four.items()
        for fault in check(h.parts, h.chords, h.key, RANGES, h.melody, rules)
    ]
    assert found == []


def test_they_end_on_the_tonic_with_its_root_below(four: dict[str, Harmony]) -> None:
    for tune in TUNES:
        if "ends" in tune.header:
            continue
        assert round(four[tune.name].parts[3].notes[-1].pitch_midi) % 12 == tune.tonic, tune.name


def sounding(part: Part, beat: Fraction) -> float | None:
    return next((n.pitch_midi for n in part.notes if n.onset <= beat < n.end), None)


@pytest.mark.parametrize("voice", ["alto", "tenor", "bass"])
def test_the_melody_in_another_voice(voice: str) -> None:
    tune = next(t for t in TUNES if t.name == "amazing_grace")
    harmony = harmonise(tune.score, tune.part, f"satb:{voice}")
    index = VOICES.index(voice)
    assert harmony.melody == index
    assert faults(harmony) == []
    steps = {
        (a.pitch_midi - b.pitch_midi) % 12 for a, b in zip(harmony.parts[index].notes, tune.part.notes, strict=True)
    }
    assert steps == {0.0}


def test_given_ranges_are_kept() -> None:
    tune = next(t for t in TUNES if t.name == "old_hundredth")
    ranges = {"bass": (45, 57), "alto": (57, 69)}
    harmony = harmonise(tune.score, tune.part, "satb", ranges=ranges)
    assert [f for f in check(harmony.parts, ranges={**RANGES, **ranges}) if f.forbidden] == []
    assert dict(harmony.ranges) == {**RANGES, **ranges}
    before = harmonise(tune.score, tune.part, "satb")
    assert any(f.rule == "range" for f in check(before.parts, ranges=ranges))  # they would not have been by themselves


def test_the_same_seed_gives_the_same_parts_and_another_seed_others() -> None:
    tune = next(t for t in TUNES if t.name == "nun_danket")
    results = [harmonise(tune.score, tune.part, "satb", seed=seed) for seed in (0, 0, 7, 7, 8)]
    assert results[0] == results[1] and results[2] == results[3]
    assert results[0].parts != results[2].parts != results[4].parts
    assert all(faults(r) == [] for r in results)
    assert results[0].parts[0] == results[2].parts[0]


def test_a_melody_out_of_range_is_moved_by_octaves_and_that_is_said() -> None:
    score = simple([48, 52, 55, 67, 50, 47, 48])
    harmony = harmonise(score, score.parts[0], "satb")
    assert [n.pitch_midi for n in harmony.parts[0].notes] == [60, 64, 67, 79, 62, 71, 60]
    texts = [notice.text for notice in harmony.report]
    assert any("1 octave(s) higher" in text for text in texts)
    assert any("in another octave" in text for text in texts)
    assert any("transposed by +1 semitones" in text for text in texts)
    assert faults(harmony) == []


def test_a_note_foreign_to_a_given_chord_is_reported_and_the_chord_kept() -> None:
    score = simple([67, 66, 72, 72], "0:major 0:major 0:major 0:major")
    score = replace(
        score,
        parts=(
            replace(
                score.parts[0],
                notes=(
                    *score.parts[0].notes[:1],
                    replace(score.parts[0].notes[1], pitch_midi=61.0),
                    *score.parts[0].notes[2:],
                ),
            ),
        ),
    )
    harmony = harmonise(score, score.parts[0], "satb")
    assert any("foreign to its chord" in notice.text for notice in harmony.report)
    assert {(c.root, c.kind) for c in harmony.chords} == {(0, "major")}
    assert faults(harmony) == []


def test_passing_notes_need_no_chord_of_their_own_and_no_excuse() -> None:
    score = simple([64, 65, 67, 72], "0:major - - 0:major")
    harmony = harmonise(score, score.parts[0], "satb")
    assert harmony.report == ()
    assert faults(harmony) == []


def test_where_no_chord_is_given_the_others_rest() -> None:
    score = simple([67, 67, 67, 67], "0:major -1:none 0:major 0:major")
    harmony = harmonise(score, score.parts[0], "satb")
    assert [sounding(harmony.parts[3], Fraction(b)) is None for b in range(4)] == [False, True, False, False]
    assert any("no chord" in notice.text for notice in harmony.report)
    assert faults(harmony) == []


def test_a_melody_may_begin_where_no_chord_is_given() -> None:
    score = simple([67, 67, 72], "-1:none 0:major 0:major")
    harmony = harmonise(score, score.parts[0], "satb")
    assert [part.notes[0].onset for part in harmony.parts] == [0, 1, 1, 1]
    silent = simple([67, 67], "-1:none -1:none")
    assert [len(part.notes) for part in harmonise(silent, silent.parts[0], "satb").parts] == [2, 0, 0, 0]


def test_when_nothing_else_helps_they_rest_rather_than_run_in_parallels() -> None:
    """One chord after another in ranges that leave each voice a single note: only parallels remain."""
    score = simple([72, 74, 76], "0:major 2:major 4:major")
    ranges = {"alto": (66, 69), "tenor": (60, 64), "bass": (48, 52)}
    harmony = harmonise(score, score.parts[0], "satb", ranges=ranges)
    assert [f for f in check(harmony.parts, harmony.chords, harmony.key, {**RANGES, **ranges}, 0) if f.forbidden] == []
    silent = [sounding(harmony.parts[3], Fraction(b)) is None for b in range(3)]
    assert any(silent)
    assert any("rest" in notice.text for notice in harmony.report)


def test_chords_change_under_a_long_note_without_a_new_syllable() -> None:
    notes = (Note(Fraction(0), Fraction(2), 67, Lyric("long")), Note(Fraction(2), Fraction(2), 72, Lyric("end")))
    part = Part("melody", notes)
    chords = (Chord(Fraction(0), 0, "major"), Chord(Fraction(1), 7, "dominant-seventh"), Chord(Fraction(2), 0, "major"))
    harmony = harmonise(Score((part,), TempoMap(), chords=chords), part, "satb")
    bass = harmony.parts[3]
    assert [(n.onset, n.lyric.text if n.lyric else None) for n in bass.notes] == [(0, "long"), (1, None), (2, "end")]
    assert bass.notes[1].slurred
    assert faults(harmony) == []


def test_a_voice_that_stays_holds_through_a_melisma() -> None:
    lyrics = [Lyric("glo", "begin"), None, None, Lyric("ry", "end")]
    notes = tuple(
        Note(Fraction(i), Fraction(1), p, y) for i, (p, y) in enumerate(zip((67, 65, 64, 60), lyrics, strict=True))
    )
    part = Part("melody", notes)
    score = Score((part,), TempoMap(), chords=(Chord(Fraction(0), 0, "major"),))
    bass = harmonise(score, part, "satb").parts[3]
    assert [(n.onset, n.duration, n.lyric.text) for n in bass.notes] == [(0, 3, "glo"), (3, 1, "ry")]


def test_the_parts_follow_a_melody_that_lies_beside_the_semitones() -> None:
    score = simple([60.3, 64.3, 67.3, 60.3])
    harmony = harmonise(score, score.parts[0], "satb")
    rest = {round(n.pitch_midi % 1, 6) for part in harmony.parts for n in part.notes}
    assert rest == {0.3}


def test_a_drawn_pitch_curve_stays_with_the_melody_and_that_is_said() -> None:
    score = simple([60, 64, 67, 60])
    part = replace(score.parts[0], pitch_curve=Curve((Fraction(0), Fraction(4)), (0.0, 50.0)))
    harmony = harmonise(score, part, "satb")
    assert [p.pitch_curve is not None for p in harmony.parts] == [True, False, False, False]
    assert any("pitch curve" in notice.text for notice in harmony.report)


def test_a_score_of_the_parts_can_be_written(four: dict[str, Harmony]) -> None:
    tune = next(t for t in TUNES if t.name == "old_hundredth")
    made = four["old_hundredth"].score(tune.score)
    assert [p.name for p in made.parts] == list(VOICES)
    assert made.chords and made.tempo == tune.score.tempo and made.keys == tune.score.keys
    assert all(n.spelling for p in made.parts for n in p.notes)
    leading = [n.spelling for n in made.parts[1].notes if round(n.pitch_midi) % 12 == 6]
    assert all(s.startswith("F#") for s in leading)


def test_the_lowest_and_highest_notes_of_each_voice() -> None:
    """A melody that drives every voice to its edge: each range is as stated and no wider."""
    assert dict(harmonise(simple([60]), simple([60]).parts[0], "satb").ranges) == RANGES
    score = simple([60, 60, 62, 62, 60, 60], "0:major 4:minor 2:minor 7:major 5:major 0:major")
    for seed in range(6):
        assert faults(harmonise(score, score.parts[0], "satb", seed=seed)) == []


def test_a_melody_or_metre_of_no_sense_is_one_clear_line() -> None:
    score = simple([60, 64, 67])
    far = Part("melody", (*score.parts[0].notes, Note(Fraction(10**7), Fraction(1), 60)))
    with pytest.raises(UsageError, match="at most 100000 can be harmonised"):
        harmonise(score, far, "satb")
    with pytest.raises(UsageError, match="metre of 0/4"):
        harmonise(replace(score, meters=(Meter(Fraction(0), 0, 4),)), score.parts[0], "satb")


def test_wrong_calls_are_refused_by_name() -> None:
    score = simple([60, 64, 67])
    part = score.parts[0]
    with pytest.raises(UsageError, match="unknown style of harmony: 'barbershop'"):
        harmonise(score, part, "barbershop")
    with pytest.raises(UsageError, match="cannot be in 'baritone'"):
        harmonise(score, part, "satb:baritone")
    with pytest.raises(UsageError, match="no part 'contralto'"):
        harmonise(score, part, "satb", ranges={"contralto": (50, 60)})
    with pytest.raises(UsageError, match=r"range of 'alto' is 70\.\.60"):
        harmonise(score, part, "satb", ranges={"alto": (70, 60)})
    with pytest.raises(UsageError, match="no notes to harmonise"):
        harmonise(score, Part("empty", ()), "satb")
    odd = replace(score, chords=(Chord(Fraction(0), 0, "mystic"),))
    with pytest.raises(UsageError, match="unknown kind of chord: 'mystic'"):
        harmonise(odd, part, "satb")
