"""Correction of contours made by hand: what is wanted of each is known in cents."""

from __future__ import annotations

import numpy as np
import pytest

from voicekit.errors import UsageError
from voicekit.pitch import (
    Contour,
    CorrectionOptions,
    PitchTrack,
    TargetNote,
    correct_contour,
    infer_key,
    infer_tuning,
    note_name,
    parse_scale,
    sung_notes,
)
from voicekit.pitch.overlap_add import lay_periods
from voicekit.units import hz_to_midi, midi_to_hz

CENTS_TOL = 3.0


def sing(
    notes: list[tuple[float, float]], *, vibrato_cents: float = 0.0, glide: int = 8, gap: int = 0, drift: float = 0.0
) -> PitchTrack:
    """A contour of (pitch_midi, seconds): glides of so many frames, or gaps of silence, between the notes."""
    midi: list[float] = []
    vuv: list[bool] = [False] * 10
    midi += [60.0] * 10
    for i, (pitch, seconds) in enumerate(notes):
        n = round(seconds * 100)
        if i and not gap:
            ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(glide) + 0.5) / glide)
            midi += list(notes[i - 1][0] + drift + ramp * (pitch - notes[i - 1][0] - drift))
            vuv += [True] * glide
        midi += list(pitch + np.linspace(0, drift, n))
        vuv += [True] * n
        midi += [60.0] * gap
        vuv += [False] * gap
    curve = np.array(midi) + vibrato_cents / 100 * np.sin(2 * np.pi * 5.5 * np.arange(len(midi)) / 100)
    voiced = np.array(vuv)
    return PitchTrack(np.where(voiced, midi_to_hz(curve), 0.0), voiced)


def middles(track: PitchTrack, reference: PitchTrack) -> list[float]:
    """Pitch of the inner part of each note of `reference` as it is in `track`."""
    return [
        float(np.mean(hz_to_midi(track.f0_hz[n.start + 12 : n.stop - 12])))
        for n in sung_notes(reference)
        if n.stop - n.start > 40
    ]


MELODY = [(60.4, 0.6), (62.3, 0.6), (63.75, 0.8), (59.6, 0.6)]


@pytest.mark.parametrize("vibrato", [0.0, 70.0])
@pytest.mark.parametrize("gap", [0, 15])
def test_notes_are_found_and_brought_to_the_scale(vibrato: float, gap: int) -> None:
    track = sing(MELODY, vibrato_cents=vibrato, gap=gap)
    found = sung_notes(track)
    assert [round(n.pitch_midi, 1) for n in found] == pytest.approx([p for p, _ in MELODY], abs=0.15)
    made = correct_contour(track, parse_scale("C major"))
    wanted = [60.0, 62.0, 64.0, 60.0]
    moved = np.array(middles(made.commanded, track)) - np.array(middles(track, track))
    off = moved - (np.array(wanted) - [p for p, _ in MELODY])
    assert np.abs(off).max() * 100 < (CENTS_TOL if not vibrato else 5.0)
    assert (made.commanded.vuv == track.vuv).all() and (made.commanded.f0_hz[~track.vuv] == 0).all()


def test_vibrato_is_kept_or_flattened() -> None:
    track = sing([(60.4, 2.0)], vibrato_cents=80.0)
    for keep, low, high in ((True, 0.95, 1.05), (False, 0.0, 0.25)):
        made = correct_contour(track, parse_scale("C major"), CorrectionOptions(keep_vibrato=keep))
        inner = slice(40, 180)
        ratio = np.std(hz_to_midi(made.commanded.f0_hz[inner])) / np.std(hz_to_midi(track.f0_hz[inner]))
        assert low <= ratio <= high


def test_glides_are_carried_along_not_cut_into_stairs() -> None:
    track = sing([(60.4, 0.6), (67.3, 0.6)], glide=16)
    made = correct_contour(track, parse_scale("C major"), CorrectionOptions(speed_ms=0))
    step = np.abs(np.diff(hz_to_midi(made.commanded.f0_hz[made.commanded.vuv])))
    before = np.abs(np.diff(hz_to_midi(track.f0_hz[track.vuv])))
    assert step.max() < 1.25 * before.max()  # a staircase would step by seven semitones


def test_strength_and_speed() -> None:
    track = sing([(60.4, 1.5)])
    half = correct_contour(track, parse_scale("C major"), CorrectionOptions(strength=0.5))
    assert 100 * (middles(half.commanded, track)[0] - 60.2) == pytest.approx(0, abs=CENTS_TOL)
    none = correct_contour(track, parse_scale("C major"), CorrectionOptions(strength=0.0))
    assert np.allclose(none.commanded.f0_hz, track.f0_hz)
    falling = sing([(60.3, 2.0)], drift=-0.4)

    def drift_left(speed_ms: float) -> float:
        made = correct_contour(falling, parse_scale("C major"), CorrectionOptions(speed_ms=speed_ms))
        midi = hz_to_midi(made.commanded.f0_hz[made.commanded.vuv])
        return float(midi[20:40].mean() - midi[-40:-20].mean())

    assert drift_left(0.0) < 0.06 < drift_left(3000.0)
    assert 0.2 < drift_left(5000.0) < 0.35  # of the 0.28 that there were between those places


def test_a_note_between_two_degrees_does_not_flip() -> None:
    track = sing([(60.42, 0.5), (60.55, 0.5), (60.45, 0.5)], gap=12)
    chromatic = parse_scale("chromatic")
    with_memory = [n.wanted_midi for n in correct_contour(track, chromatic).notes]
    without = [n.wanted_midi for n in correct_contour(track, chromatic, CorrectionOptions(flip_cents=0)).notes]
    assert with_memory == [60.0, 60.0, 60.0] and without == [60.0, 61.0, 60.0]


def test_transposition_alone() -> None:
    track = sing(MELODY, vibrato_cents=40)
    made = correct_contour(track, None, CorrectionOptions(transpose=-3.5))
    assert np.allclose(hz_to_midi(made.commanded.f0_hz[track.vuv]), hz_to_midi(track.f0_hz[track.vuv]) - 3.5)


@pytest.mark.parametrize("octave", [0.0, 12.0])
def test_to_a_score_out_of_time_and_in_another_octave(octave: float) -> None:
    track = sing(MELODY, vibrato_cents=30)
    score = [TargetNote(2 * i, 2 * i + 1.5, p + octave) for i, p in enumerate((61.0, 62.0, 64.0, 59.0))]
    made = correct_contour(track, score)
    assert 100 * np.abs(np.array(middles(made.commanded, track)) - [61, 62, 64, 59]).max() < 10
    assert any("octave" in notice for notice in made.notices) == bool(octave)


def test_to_a_score_in_time() -> None:
    track = sing([(60.4, 0.6), (60.45, 0.6)], gap=20)
    score = [TargetNote(0.1, 0.7, 60.0), TargetNote(0.9, 1.5, 61.0), TargetNote(9.0, 9.5, 72.0)]
    made = correct_contour(track, score, in_time=True)
    assert [n.wanted_midi for n in made.notes] == [60.0, 61.0]
    assert made.notices == ("1 notes of the score lie beyond the end of the take",)
    with pytest.raises(UsageError, match="no notes"):
        correct_contour(track, [])
    with pytest.raises(UsageError, match="cannot be found"):
        correct_contour(track, [TargetNote(i, i + 1, 60.0) for i in range(500)])


def test_repeated_notes_of_a_score_share_the_time() -> None:
    track = sing([(60.2, 0.5), (60.2, 1.0), (64.1, 0.5)])
    made = correct_contour(track, [TargetNote(0, 0.5, 60), TargetNote(0.5, 1.5, 60), TargetNote(1.5, 2, 64)])
    edges = [n.note.start for n in made.notes]
    assert abs(edges[1] - 60) < 12


def test_a_score_that_does_not_fit_is_told() -> None:
    track = sing(MELODY)
    made = correct_contour(track, [TargetNote(0, 1, 66.0), TargetNote(1, 2, 54.5)])
    assert any("hardly follows" in notice for notice in made.notices)


def test_to_a_drawn_curve() -> None:
    track = sing([(60.4, 2.0)], vibrato_cents=30)
    drawn = Contour(np.array([0.3, 1.5]), midi_to_hz(np.array([60.0, 62.0])), np.array([True, True]), 2.0)
    made = correct_contour(track, drawn).commanded
    times = (np.arange(len(made.f0_hz)) + 0.5) / 100
    inside = made.vuv & (times > 0.3) & (times < 1.5)
    assert np.allclose(made.f0_hz[inside], drawn.curve_at(times[inside]))
    outside = made.vuv & ((times < 0.29) | (times > 1.51))
    assert np.allclose(made.f0_hz[outside], track.f0_hz[outside])


@pytest.mark.parametrize(
    ("text", "tonic", "cents"),
    [
        ("C major", 0, (0, 200, 400, 500, 700, 900, 1100)),
        ("a minor", 9, (0, 200, 300, 500, 700, 800, 1000)),
        ("D dorian", 2, (0, 200, 300, 500, 700, 900, 1000)),
        ("Bb", 10, (0, 200, 400, 500, 700, 900, 1100)),
        ("F♯ harmonic minor", 6, (0, 200, 300, 500, 700, 800, 1100)),
        ("chromatic", 0, tuple(range(0, 1200, 100))),
        ("G: 0 2 4 7 9 12", 7, (0, 200, 400, 700, 900)),
        ("C cents: 0 203.9 386.3 702", 0, (0, 203.9, 386.3, 702)),
    ],
)
def test_scales_as_people_write_them(text: str, tonic: int, cents: tuple[float, ...]) -> None:
    scale = parse_scale(text)
    assert scale.tonic == tonic and scale.cents == pytest.approx(cents)


@pytest.mark.parametrize(
    "text", ["", "H major", "C wobbly", "C: 0 x", "C: ", "C cents: -5 100", "C: 0 14", "C tones: 1"]
)
def test_what_is_no_scale(text: str) -> None:
    with pytest.raises(UsageError):
        parse_scale(text)


def test_reference_pitch_and_microtones() -> None:
    assert parse_scale("C major", 432.0).nearest(69.0) == pytest.approx(69 + 12 * np.log2(432 / 440))
    assert parse_scale("C cents: 0 350 700").nearest(63.3) == pytest.approx(63.5)
    with pytest.raises(UsageError, match="reference pitch"):
        parse_scale("C major", 100.0)


def test_key_and_tuning_are_inferred() -> None:
    degrees = (0, 4, 7, 5, 4, 2, 0, 9, 7, 11, 12, 7, 4, 0)
    track = sing([(62 + d - 0.22, 0.4) for d in degrees], gap=12)
    notes = sung_notes(track)
    a4 = infer_tuning(notes)
    assert 1200 * np.log2(a4 / 440) == pytest.approx(-22, abs=3)
    scale, confidence = infer_key(notes, a4)
    assert scale.name == "D major" and confidence > 0.02


@pytest.mark.parametrize(
    "wrong",
    [{"strength": 1.5}, {"strength": float("nan")}, {"speed_ms": -1}, {"transpose": 30}, {"flip_cents": 80}],
)
def test_options_have_their_bounds(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="must lie in"):
        CorrectionOptions(**wrong)


def test_nothing_voiced_is_left_alone() -> None:
    silent = PitchTrack(np.zeros(50), np.zeros(50, dtype=bool))
    made = correct_contour(silent, parse_scale("C major"))
    assert not made.commanded.vuv.any() and made.notes == ()


def test_note_names() -> None:
    assert [note_name(m) for m in (60, 61, 69.2, 45.98, 57.5 - 0.1)] == ["C4", "C#4", "A4+20", "Bb2", "A3+40"]


def test_overlap_add_keeps_what_the_contour_is_too_slow_for() -> None:
    """What shakes at 15 Hz is smoothed out of a contour with long windows; the periods themselves keep it."""
    rate, extent = 24_000, 30.0
    t = np.arange(2 * rate) / rate
    hz = 220.0 * 2 ** (extent / 1200 * np.sin(2 * np.pi * 15.0 * t))
    wave = sum(np.sin(2 * np.pi * k * np.cumsum(hz) / rate) / k for k in range(1, 15)) * 0.1
    frames = np.full(200, 220.0)  # a tracker that saw nothing of it
    made = lay_periods(np.asarray(wave)[None], rate, frames, frames * 2 ** (1 / 12))[0]
    # Truth by the analytic phase of the fundamental, which is no tracker: band-passed, unwrapped, differentiated.
    spectrum = np.fft.fft(made)
    freqs = np.fft.fftfreq(len(made), 1 / rate)
    band = np.where((freqs > 140) & (freqs < 330), 2 * spectrum, 0)
    heard = np.diff(np.unwrap(np.angle(np.fft.ifft(band)))) * rate / (2 * np.pi)
    inner = heard[rate // 2 : -rate // 2]
    cents = 1200 * np.log2(inner / (220.0 * 2 ** (1 / 12)))
    at = np.arange(len(inner)) / rate
    swing = 2 * np.abs(np.mean(cents * np.exp(-2j * np.pi * 15.0 * at)))
    assert abs(np.mean(cents)) < 3.0 and swing > 0.8 * extent
