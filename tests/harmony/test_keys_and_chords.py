"""Keys against what the tunes are printed in; chords against harmonisations anybody would give."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import pytest

from tests.harmony.tunes import Tune, midi, tunes
from voicekit.harmony import infer_chords, infer_key
from voicekit.score import Chord, Key, Meter, Note, Part, Score, TempoMap

TUNES = tunes()


def bare(tune: Tune) -> Score:
    """Without signature and symbols: the notes alone."""
    return replace(tune.score, keys=(), chords=())


def of(text: str, beats: int = 4, sharps: int | None = 0) -> Score:
    notes, beat = [], Fraction(0)
    for token in text.split():
        name, _, length = token.partition(":")
        duration = Fraction(length or 1)
        notes.append(Note(beat, duration, midi(name)))
        beat += duration
    keys = () if sharps is None else (Key(Fraction(0), sharps),)
    return Score((Part("melody", tuple(notes)),), TempoMap(), (Meter(Fraction(0), beats, 4),), keys)


def test_keys_of_the_tunes_from_their_notes_alone() -> None:
    wrong = []
    for tune in TUNES:
        key = infer_key(bare(tune), tune.part)
        if (key.tonic, key.mode) != (tune.tonic, tune.mode) and "ends" not in tune.header:
            wrong.append((tune.name, key.name, key.confidence))
    assert wrong == []


def test_a_tune_that_ends_in_another_key_is_seen_to_change() -> None:
    tune = next(t for t in TUNES if t.name == "we_three_kings")
    key = infer_key(bare(tune), tune.part)
    assert [local.name for local in key.local] == ["E minor", "G major"]
    assert Fraction(20) <= key.local[1].onset <= Fraction(33)  # the refrain begins at beat 24
    assert key.at(Fraction(10)).name == "E minor" and key.at(Fraction(40)).name == "G major"


@pytest.mark.parametrize("shift", range(-6, 6))
def test_a_transposed_tune_is_in_the_transposed_key(shift: int) -> None:
    for name in ("auld_lang_syne", "what_child_is_this"):
        tune = next(t for t in TUNES if t.name == name)
        part = replace(tune.part, notes=tuple(n.moved(shift) for n in tune.part.notes))
        key = infer_key(replace(bare(tune), parts=(part,)), part)
        assert (key.tonic, key.mode) == ((tune.tonic + shift) % 12, tune.mode)
        assert key.confidence == pytest.approx(infer_key(bare(tune), tune.part).confidence, abs=1e-9)


def test_confidence_is_high_where_it_is_plain_and_low_where_it_is_not() -> None:
    plain = of("C4 D4 E4 F4 G4 A4 G4 F4 E4 D4 B3 D4 C4:4", sharps=None)
    assert infer_key(plain, plain.parts[0]).confidence > 0.95
    vague = of("E4 A4", sharps=None)
    assert infer_key(vague, vague.parts[0]).confidence < 0.8
    empty = Part("none", ())
    assert infer_key(plain, empty).confidence == pytest.approx(1 / 24)


def test_a_signature_decides_between_what_the_notes_leave_open() -> None:
    open_notes = "G4 A4 D5 A4 G4"
    assert infer_key(of(open_notes, sharps=1), of(open_notes).parts[0]).name == "G major"
    flat = infer_key(of(open_notes, sharps=-2), of(open_notes).parts[0])
    assert flat.name in ("G minor", "Bb major")


def test_given_chords_are_taken_as_they_stand() -> None:
    score = of("C4 E4 G4 E4 D4 B3 C4:2")
    symbols = (
        Chord(Fraction(0), 9, "minor-seventh"),
        Chord(Fraction(3), -1, "none"),
        Chord(Fraction(4), 7, "major", bass=11),
    )
    chords = infer_chords(replace(score, chords=symbols), score.parts[0])
    assert [(c.onset, c.end, c.root, c.kind, c.bass) for c in chords] == [
        (0, 3, 9, "minor-seventh", -1),
        (3, 4, -1, "none", -1),
        (4, 8, 7, "major", 11),
    ]
    assert all(c.given and c.confidence == 1.0 for c in chords)


def test_before_the_first_symbol_chords_are_found() -> None:
    score = of("C4 E4 G4 E4 D4 B3 C4:2")
    chords = infer_chords(replace(score, chords=(Chord(Fraction(4), 7, "major"),)), score.parts[0])
    assert not chords[0].given and chords[0].root == 0 and chords[-1].given
    assert chords[-2].end == chords[-1].onset == 4


def test_chords_cover_the_melody_without_gaps_and_say_how_sure_they_are() -> None:
    for tune in TUNES[::3]:
        chords = infer_chords(bare(tune), tune.part)
        assert chords[0].onset <= tune.part.notes[0].onset and chords[-1].end >= tune.part.end
        assert all(a.end == b.onset for a, b in itertools.pairwise(chords))
        assert all(0.0 < c.confidence <= 1.0 and not c.given for c in chords)


@pytest.mark.parametrize(
    ("text", "beats", "roots"),
    [
        ("C4 E4 G4 E4 D4 G4 B3 D4 C4:4", 4, {0: 0, 4: 7, 8: 0}),
        ("E4 G4 C5 G4 A4 C5 F4 A4 G4 D4 F4 B3 C4:4", 4, {0: 0, 4: 5, 8: 7, 12: 0}),
        ("C4 E4 G4 F4 A4 F4 G4 B4 D5 C5:3", 3, {0: 0, 3: 5, 6: 7, 9: 0}),
    ],
)
def test_arpeggios_say_their_own_chords(text: str, beats: int, roots: dict[int, int]) -> None:
    score = of(text, beats)
    chords = infer_chords(score, score.parts[0])
    found = {beat: next(c.root for c in chords if c.onset <= beat < c.end) for beat in roots}
    assert found == roots


def test_the_raised_fourth_on_its_way_to_the_fifth_is_a_secondary_dominant() -> None:
    score = of("E4 F4 G4 C5 F#4 A4 D5 F#4 G4:4 F4 D4 B3 D4 C4:4")
    numerals = [c.numeral for c in infer_chords(score, score.parts[0])]
    assert any(n.endswith("/V") for n in numerals)
    assert numerals[-1] == "I"


def test_two_thirds_of_the_beats_agree_with_the_printed_symbols() -> None:
    """Tunes with symbols, found again without them; roots by the beat.  A measure, not a proof: taste differs."""
    agree = total = 0
    for tune in TUNES:
        if not tune.score.chords:
            continue
        found = infer_chords(replace(tune.score, chords=()), tune.part)
        given = infer_chords(tune.score, tune.part)
        for beat in range(int(tune.part.end)):
            a, b = (next((c.root for c in cs if c.onset <= beat < c.end), None) for cs in (found, given))
            if b is not None:
                agree, total = agree + (a == b), total + 1
    assert total > 300
    assert agree / total > 0.67
