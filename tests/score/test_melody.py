"""Notes of a sung line: against exact contours, and against a listener's notes of a real song."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from voicekit.errors import UsageError
from voicekit.score import MelodyOptions, Score, from_contour
from voicekit.score.melody import tuning_of

STEP_S = 0.005
ONSET_TOL_S = 0.03
CENTS_TOL = 10.0
Contour = tuple[np.ndarray, np.ndarray, np.ndarray]


def contour(notes: list[tuple[float, float, float]], vibrato_cents: float = 0.0, glide_s: float = 0.06) -> Contour:
    """Times, F0 and voicing of notes (start, end, MIDI number): vibrato of 5.5 Hz, glides between neighbours."""
    times = np.arange(0, notes[-1][1] + 0.2, STEP_S)
    pitch, voiced = np.full(len(times), np.nan), np.zeros(len(times), dtype=bool)
    for start, end, midi in notes:
        inside = (times >= start) & (times < end)
        pitch[inside] = midi + vibrato_cents / 100 * np.sin(2 * np.pi * 5.5 * (times[inside] - start))
        voiced |= inside
    for (_, end, low), (start, _, high) in pairwise(notes):
        if start == end:
            glide = np.abs(times - start) < glide_s / 2
            pitch[glide] = low + (high - low) * (times[glide] - start + glide_s / 2) / glide_s
    f0 = np.where(voiced, 440.0 * 2 ** ((np.nan_to_num(pitch, nan=69.0) - 69) / 12), 0.0)
    return times, f0, voiced


def seconds(score: Score) -> list[tuple[float, float, float]]:
    """Start, end and pitch of its notes."""
    return [
        (score.tempo.seconds(note.onset), score.tempo.seconds(note.end), note.pitch_midi)
        for note in score.parts[0].notes
    ]


@pytest.mark.parametrize("vibrato_cents", [0.0, 30.0, 60.0])
def test_exact_contours_give_their_notes(vibrato_cents: float) -> None:
    notes = [(0.1, 0.6, 60.0), (0.6, 1.0, 62.0), (1.0, 1.4, 59.0), (1.6, 2.2, 64.0), (2.2, 2.5, 65.0), (2.5, 3.5, 72.0)]
    found = seconds(from_contour(*contour(notes, vibrato_cents)))
    assert len(found) == len(notes)
    for (start, end, pitch), (a, b, midi) in zip(found, notes, strict=True):
        assert abs(start - a) < ONSET_TOL_S and abs(end - b) < ONSET_TOL_S
        assert 100 * abs(pitch - midi) < CENTS_TOL + 0.25 * vibrato_cents


def test_the_singers_own_tuning() -> None:
    """All notes 37 cents sharp: that is the tuning, and the semitones are those meant."""
    notes = [(0.1, 0.6, 60.37), (0.6, 1.0, 62.37), (1.2, 1.6, 67.37)]
    score = from_contour(*contour(notes), options=MelodyOptions(to_semitones=True))
    assert [note.pitch_midi for note in score.parts[0].notes] == [60, 62, 67]
    assert "+37 cents" in score.notices[0].text
    assert tuning_of([60.9, 61.9]) == pytest.approx(-0.1)


def test_onsets_that_pitch_does_not_show_and_a_grid() -> None:
    times, f0, voiced = contour([(0.02, 0.98, 60.0), (0.98, 1.51, 62.0)])
    assert len(seconds(from_contour(times, f0, voiced))) == 2
    options = MelodyOptions(bpm=120, grid=Fraction(1, 4))
    score = from_contour(times, f0, voiced, [0.49], options)
    assert [(note.onset, note.duration) for note in score.parts[0].notes] == [
        (0, 1), (1, 1), (2, 1),
    ]  # fmt: skip


def test_nothing_sung_and_wrong_calls() -> None:
    times = np.arange(100) * STEP_S
    assert from_contour(times, np.zeros(100), np.zeros(100, dtype=bool)).parts[0].notes == ()
    assert from_contour(np.zeros(0), np.zeros(0), np.zeros(0, dtype=bool)).parts[0].notes == ()
    with pytest.raises(UsageError, match="as long as"):
        from_contour(times, np.zeros(99), np.zeros(100, dtype=bool))
    with pytest.raises(UsageError, match="do not rise"):
        from_contour(times[::-1], np.ones(100), np.ones(100, dtype=bool))
    with pytest.raises(UsageError, match="tempo"):
        MelodyOptions(bpm=0)


def test_a_real_song_against_a_listeners_notes(shared: Path) -> None:
    """F-measure of onset and pitch (50 ms, 50 cents) nearly that of a second listener, who reaches 0.86.

    `jump_cost` was chosen on this very song, so this is a bound for regressions, not a claim for other songs.
    """
    transcription = pytest.importorskip("mir_eval.transcription", reason="mir_eval measures the notes")
    folder = shared / "eval" / "vocadito"
    track = np.loadtxt(folder / "vocadito_1_f0.csv", delimiter=",")
    truth = np.loadtxt(folder / "vocadito_1_notesA1.csv", delimiter=",")
    found = seconds(from_contour(track[:, 0], track[:, 1], track[:, 1] > 0))
    spans = np.array([(start, end) for start, end, _ in found])
    hertz = np.array([440.0 * 2 ** ((pitch - 69) / 12) for _, _, pitch in found])
    ours = (np.column_stack([truth[:, 0], truth[:, 0] + truth[:, 2]]), truth[:, 1], spans, hertz)
    _, _, f_measure, _ = transcription.precision_recall_f1_overlap(*ours, offset_ratio=None)
    assert f_measure > 0.8
