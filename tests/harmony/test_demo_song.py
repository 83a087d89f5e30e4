"""The bundled song: whole, valid as far as it can be judged here, and good for four voices."""

from __future__ import annotations

from fractions import Fraction
from importlib import resources
from pathlib import Path

import pytest
from lxml import etree

from tests.harmony.tunes import CLASSES, Tune, tunes

SONG = Path(str(resources.files("voicekit") / "demo" / "song.musicxml"))


@pytest.fixture(scope="module")
def tune() -> Tune:
    """The same melody as it stands in the other notation."""
    return next(t for t in tunes() if t.name == "amazing_grace")


@pytest.fixture(scope="module")
def root() -> etree._Element:
    return etree.parse(str(SONG), etree.XMLParser(resolve_entities=False, no_network=True)).getroot()


def test_every_measure_is_full(root: etree._Element) -> None:
    lengths = [sum(int(d.text) for d in m.iter("duration")) for m in root.iter("measure")]
    assert lengths == [2, *[6] * 15, 4]


def test_notes_words_and_chords_are_those_of_the_tune(root: etree._Element, tune: Tune) -> None:
    notes: list[list[object]] = []
    beat, chords = Fraction(0), []
    for element in root.iter("note", "harmony"):
        if element.tag == "harmony":
            chords.append((beat, CLASSES[element.findtext("root/root-step")], element.findtext("kind")))
            continue
        duration = Fraction(int(element.findtext("duration")), 2)
        step, octave = element.findtext("pitch/step"), int(element.findtext("pitch/octave"))
        if element.find("tie[@type='stop']") is not None:
            notes[-1][1] += duration
        else:
            text = element.findtext("lyric/text"), element.findtext("lyric/syllabic")
            notes.append([beat, duration, CLASSES[step] + 12 * (octave + 1), text])
        beat += duration
    wanted = [
        [n.onset, n.duration, n.pitch_midi, (n.lyric.text, n.lyric.syllabic) if n.lyric else (None, None)]
        for n in tune.part.notes
    ]
    assert notes == wanted
    kinds = {"dominant-seventh": "dominant"}
    assert chords == [(c.onset, c.root, kinds.get(c.kind, c.kind)) for c in tune.score.chords]


def test_it_lasts_half_a_minute_and_its_ties_and_slurs_close(root: etree._Element) -> None:
    tempo = float(root.find(".//sound").get("tempo"))
    beats = sum(int(d.text) for d in root.iter("duration")) / 2
    assert 30 <= beats * 60 / tempo <= 45
    for tag in ("tie", "tied", "slur"):
        kinds = [e.get("type") for e in root.iter(tag)]
        assert kinds and kinds == ["start", "stop"] * (len(kinds) // 2)


def test_music21_reads_it_alike(tune: Tune) -> None:
    music21 = pytest.importorskip("music21", reason="a second opinion, only where music21 is installed")
    part = music21.converter.parse(SONG).parts[0]
    found = [n for n in part.stripTies().recurse().notes if n.isNote]
    assert [(n.pitch.midi, n.quarterLength) for n in found] == [(n.pitch_midi, n.duration) for n in tune.part.notes]
    assert [n.lyric for n in found] == [n.lyric.text if n.lyric else None for n in tune.part.notes]
