"""Time and pitch of a planned line; expectations are counted by hand or measured on the curve by other formulas."""

from __future__ import annotations

import math
from fractions import Fraction as F
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicekit.errors import InputError, UsageError
from voicekit.score import Curve, Lyric, Note, Part, Tempo, TempoMap, Vibrato
from voicekit.singing import SingStyle, SungLine, plan_line
from voicekit.singing.line import Deviation
from voicekit.singing.textgrid import read_textgrid, textgrid_of

STILL = SingStyle(vibrato_cents=0, fluctuation_cents=0, scoop_cents=0)
AT_60 = TempoMap([Tempo(F(0), 60)])


def part(*items: tuple[float, float, float, str], **changes) -> Part:
    """(onset, duration, pitch, word) ..."""
    notes = tuple(Note(F(o), F(d), p, Lyric(w) if w else None) for o, d, p, w in items)
    return Part("tune", notes, **changes)


def at(line: SungLine, second: float) -> float:
    return float(line.pitch_midi[round(second * 100)])


def test_vowels_stand_on_the_beat_and_consonants_before_it() -> None:
    line = plan_line(part((0, 1, 60, "sing"), (1, 1, 62, "strong"), (2, 2, 64, "songs")), AT_60, STILL, lead_in_s=1.0)
    begins = {p.note: p.start_s for p in line.phones if p.role == "nucleus"}
    assert begins == pytest.approx({0: 1.0, 1: 2.0, 2: 3.0})
    for phone in line.phones:
        if phone.role == "onset":
            assert phone.end_s <= begins[phone.note] + 1e-9
    assert [p.symbol for p in line.phones if p.role == "onset"] == ["S", "S", "T", "R", "S"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from([F(1, 8), F(1, 4), F(1, 3), F(1, 2), F(1), F(4)]),
            st.floats(45, 84),
            st.sampled_from(["strengths", "a", "la", "twelfths", "", "through", "mm"]),
        ),
        min_size=1,
        max_size=12,
    ),
    st.floats(30, 240),
)
def test_a_line_has_no_gap_and_no_overlap(rows: list[tuple[int, F, float, str]], bpm: float) -> None:
    beat, notes = F(0), []
    for rest, duration, pitch, word in rows:
        beat += F(rest, 2)
        notes.append(Note(beat, duration, pitch, Lyric(word) if word else None))
        beat += duration
    line = plan_line(Part("p", tuple(notes)), TempoMap([Tempo(F(0), bpm)]), lead_in_s=0.5)
    assert line.phones[0].start_s == 0.0
    assert line.phones[-1].end_s == pytest.approx(line.duration_s)
    for before, after in zip(line.phones, line.phones[1:], strict=False):
        assert before.end_s == pytest.approx(after.start_s, abs=1e-9)
        assert before.end_s > before.start_s
    assert np.isfinite(line.pitch_midi).all() and np.isfinite(line.gain_db).all()
    for note, planned in zip(notes, line.notes, strict=True):
        assert planned.start_s == pytest.approx(0.5 + float(note.onset) * 60 / bpm)


def test_a_note_is_reached_and_held() -> None:
    line = plan_line(part((0, 1, 60, "la"), (1, 1, 67, "la"), (2, 1, 55, "la")), AT_60, STILL, lead_in_s=1.0)
    for start, pitch in ((1.0, 60), (2.0, 67), (3.0, 55)):
        held = line.pitch_midi[round((start + 0.3) * 100) : round((start + 0.85) * 100)]
        assert np.abs(held - pitch).max() * 100 < 2.0
    assert abs(at(line, 2.05) - 67) < 0.5  # arrived just after the beat
    assert at(line, 1.80) == pytest.approx(60, abs=0.2)  # not under way long before it
    over = line.pitch_midi[200:260].max() - 67
    assert 0.05 < over < 0.35  # some overshoot, less than a third of a semitone


def test_a_jump_and_a_slow_glide() -> None:
    notes = (Note(F(0), F(1), 60.0, Lyric("la")), Note(F(1), F(1), 72.0, None, portamento_s=0.0))
    jump = plan_line(Part("p", notes), AT_60, STILL)
    assert at(jump, 0.98) == 60 and at(jump, 1.01) == 72
    slow = (notes[0], Note(F(1), F(1), 72.0, None, portamento_s=0.4))
    glide = plan_line(Part("p", slow), AT_60, STILL)
    assert 60.5 < at(glide, 0.8) < 71.5


def test_vibrato_has_the_rate_and_extent_asked_for() -> None:
    asked = Vibrato(start_s=0.5, rate_hz=5.2, extent_cents=48, fade_in_s=0.2, fade_out_s=0.1)
    note = Note(F(0), F(4), 62.0, Lyric("ah"), vibrato=asked)
    line = plan_line(Part("p", (note,)), AT_60, STILL)
    swing = (line.pitch_midi[100:360] - 62) * 100
    assert swing.max() == pytest.approx(48, abs=1.5) and swing.min() == pytest.approx(-48, abs=1.5)
    spectrum = np.abs(np.fft.rfft(swing * np.hanning(len(swing)), 1 << 16))
    assert np.fft.rfftfreq(1 << 16, 0.01)[spectrum.argmax()] == pytest.approx(5.2, abs=0.05)
    assert np.abs(line.pitch_midi[20:48] - 62).max() < 0.01  # not before it begins


def test_short_notes_do_not_tremble_and_long_ones_do() -> None:
    style = SingStyle(fluctuation_cents=0, scoop_cents=0)
    line = plan_line(part((0, 0.5, 60, "la"), (0.5, 0.5, 60, "la"), (1, 3, 60, "la")), AT_60, style)
    assert np.abs(line.pitch_midi[:100] - 60).max() < 0.01
    assert np.abs(line.pitch_midi[200:350] - 60).max() == pytest.approx(0.35, abs=0.02)


def test_a_phrase_is_scooped_into_and_falls_away_where_asked() -> None:
    style = SingStyle(vibrato_cents=0, fluctuation_cents=0, scoop_cents=80, fall_cents=200)
    line = plan_line(part((0, 2, 60, "la")), AT_60, style, lead_in_s=1.0)
    assert at(line, 0.95) < 59.6 and at(line, 1.3) == pytest.approx(60, abs=0.01)
    assert at(line, 2.99) < 58.4


def test_fluctuation_is_small_seeded_and_of_the_size_asked_for() -> None:
    style = SingStyle(vibrato_cents=0, scoop_cents=0, fluctuation_cents=3.0)
    one, two, other = (plan_line(part((0, 8, 60, "la")), AT_60, style, seed=s) for s in (1, 1, 2))
    assert np.array_equal(one.pitch_midi, two.pitch_midi)
    assert not np.array_equal(one.pitch_midi, other.pitch_midi)
    assert np.std(one.pitch_midi * 100) == pytest.approx(3.0, rel=0.15)


def test_reference_pitch_and_tuning() -> None:
    tune = part((0, 1, 69, "la"), (1, 1, 64, "la"))
    low = plan_line(tune, AT_60, SingStyle(vibrato_cents=0, fluctuation_cents=0, scoop_cents=0, a4_hz=415.0))
    assert low.notes[0].pitch_midi == pytest.approx(69 + 12 * math.log2(415 / 440))
    just = [0, 0, 3.9, 0, -13.7, 0, 0, 2.0, 0, -15.6, 0, -11.7]
    style = SingStyle(vibrato_cents=0, fluctuation_cents=0, scoop_cents=0, scale_cents=tuple(just))
    tuned = plan_line(tune, AT_60, style)
    assert tuned.notes[1].pitch_midi == pytest.approx(64 - 0.137)
    with pytest.raises(UsageError, match="12 deviations"):
        SingStyle(scale_cents=(1.0,))


def test_a_drawn_curve_is_added_and_dynamics_are_heard() -> None:
    curve = Curve((F(0), F(1), F(2)), (0.0, 100.0, 0.0))
    line = plan_line(part((0, 4, 60, "la"), pitch_curve=curve), AT_60, STILL)
    assert at(line, 1.0) == pytest.approx(61, abs=0.02) and at(line, 3.0) == pytest.approx(60, abs=0.02)
    soft, loud = (Note(F(k), F(1), 60.0, Lyric("la"), dynamic=d) for k, d in enumerate((0.25, 1.0)))
    gain = plan_line(Part("p", (soft, loud)), AT_60, STILL).gain_db
    assert gain[50] == pytest.approx(-4.0, abs=0.1) and gain[150] == pytest.approx(8.0, abs=0.1)


def test_one_singer_of_several_is_late_and_sharp_as_told() -> None:
    tune = part((0, 1, 60, "la"), (1, 1, 62, "la"))
    line = plan_line(tune, AT_60, STILL, lead_in_s=1.0, deviation=Deviation([0.02, -0.03], [10.0, -5.0]))
    assert [n.start_s for n in line.notes] == pytest.approx([1.02, 1.97])
    assert [n.pitch_midi for n in line.notes] == pytest.approx([60.1, 61.95])


def test_a_breath_is_taken_where_there_is_room() -> None:
    tune = part((0, 1, 60, "one"), (2, 1, 60, "two"), (3.1, 1, 60, "three"))
    roles = [p.role for p in plan_line(tune, AT_60, STILL, lead_in_s=1.0).phones]
    assert roles.count("breath") == 1
    quiet = SingStyle(breaths=False)
    assert "breath" not in [p.role for p in plan_line(tune, AT_60, quiet, lead_in_s=1.0).phones]


def test_a_breath_mark_is_breathed() -> None:
    notes = [Note(F(0), F(2), 60.0, Lyric("one"), breath_after=True), Note(F(2), F(1), 60.0, Lyric("two"))]
    line = plan_line(Part("p", tuple(notes)), AT_60, STILL, lead_in_s=1.0)
    (breath,) = [p for p in line.phones if p.role == "breath"]
    assert 2.4 < breath.start_s < breath.end_s < 3.0
    assert line.notes[0].end_s == pytest.approx(2.5) and line.notes[1].start_s == pytest.approx(3.0)


def test_a_timeline_goes_out_and_comes_back_edited(tmp_path: Path) -> None:
    parselmouth = pytest.importorskip("parselmouth")
    line = plan_line(part((0, 1, 60, "sing"), (1, 2, 62, "on")), AT_60, STILL, lead_in_s=1.0)
    path = tmp_path / "line.TextGrid"
    path.write_text(textgrid_of(line), encoding="utf-8")
    grid = parselmouth.read(str(path))  # Praat itself reads it
    assert parselmouth.praat.call(grid, "Get number of tiers") == 3
    assert parselmouth.praat.call(grid, "Get number of intervals", 1) == len(line.phones)
    same = read_textgrid(path, line)
    assert [(p.symbol, p.role, p.note) for p in same.phones] == [(p.symbol, p.role, p.note) for p in line.phones]
    edge = next(p.end_s for p in line.phones if p.symbol == "S")
    path.write_text(path.read_text().replace(repr(edge), repr(edge - 0.03)), encoding="utf-8")
    moved = read_textgrid(path, line)
    assert next(p.end_s for p in moved.phones if p.symbol == "S") == pytest.approx(edge - 0.03)
    path.write_text("hello", encoding="utf-8")
    with pytest.raises(InputError, match="not a TextGrid"):
        read_textgrid(path, line)


def test_nothing_to_sing_is_said() -> None:
    with pytest.raises(UsageError, match="no notes"):
        plan_line(Part("empty", ()), AT_60)
