"""Words on notes. Expected syllables are those of dictionaries; phones those of General American."""

from __future__ import annotations

from fractions import Fraction

import pytest

from voicekit.score import Lyric, Note
from voicekit.singing.syllables import syllables_of, word_phones
from voicekit.text.phones import VOWELS


def notes(*words: tuple[str, str] | None) -> list[Note]:
    found = []
    for k, word in enumerate(words):
        lyric = Lyric(*word) if word else None
        found.append(Note(Fraction(k), Fraction(1), 60.0, lyric))
    return found


def shown(line: list[Note]) -> list[str]:
    """``onset.nucleus.coda`` of each syllable."""
    return [
        ".".join(" ".join(p.symbol for p in group) for group in (s.onset, s.nucleus, s.coda))
        for s in syllables_of(line)[0]
    ]


def test_a_word_is_cut_where_syllables_begin() -> None:
    line = notes(("A", "begin"), ("ma", "middle"), ("zing", "end"), ("grace", "single"))
    assert shown(line) == [".AX.", "M.EY.", "Z.IH.NG", "G R.EY.S"]


def test_a_cluster_goes_to_the_next_note_as_far_as_it_may_open_a_syllable() -> None:
    line = notes(("won", "begin"), ("ders", "end"), ("hun", "begin"), ("dred", "end"), ("an", "begin"), ("gry", "end"))
    found = shown(line)
    assert [one.split(".")[0] for one in found] == ["W", "D", "HH", "D R", "", "G R"]


def test_a_melisma_holds_the_vowel_and_its_end_waits() -> None:
    found = syllables_of(notes(("light", "single"), None, None, ("shine", "single")))[0]
    assert [(s.note, s.notes) for s in found] == [(0, 3), (3, 1)]
    assert [p.symbol for p in found[0].coda] == ["T"]


def test_a_rest_ends_a_melisma() -> None:
    line = notes(("light", "single"), None)
    line.append(Note(Fraction(4), Fraction(1), 62.0))
    found = syllables_of(line)[0]
    assert [(s.note, s.notes) for s in found] == [(0, 2), (2, 1)]
    assert [p.symbol for p in found[1].nucleus] == ["AA"]


@pytest.mark.parametrize(
    ("word", "notes_of"),
    [("ev-er-y", 3), ("heav-en", 2), ("fire", 1), ("fi-re", 2), ("pow-er-ful", 3), ("flow'r", 1), ("glo-ri-a", 3)],
)
def test_every_note_has_a_vowel_whatever_the_speller_thought(word: str, notes_of: int) -> None:
    parts = word.split("-")
    kinds = ["single"] if len(parts) == 1 else ["begin", *["middle"] * (len(parts) - 2), "end"]
    found, problems = syllables_of(notes(*zip(parts, kinds, strict=True)))
    assert len(found) == notes_of and problems == []
    assert all(any(p.symbol in VOWELS for p in s.nucleus) for s in found)


def test_all_consonants_of_a_word_are_sung_once() -> None:
    whole = [p.symbol for p in word_phones("strengthening")]
    found = syllables_of(notes(("strength", "begin"), ("en", "middle"), ("ing", "end")))[0]
    assert [p.symbol for s in found for g in (s.onset, s.nucleus, s.coda) for p in g] == whole


def test_poetic_contractions_have_the_vowel_of_their_word() -> None:
    for short, whole in (("heav'n", "heaven"), ("pow'r", "power"), ("wand'ring", "wandering"), ("ev'ry", "every")):
        assert word_phones(short) == word_phones(whole)
    assert [p.symbol for p in word_phones("don't")][-1] == "T"


def test_an_elision_sings_two_words_on_one_note() -> None:
    found = syllables_of(notes(("the\u203fend", "single")))[0]
    assert len(found) == 1
    symbols = [p.symbol for p in (*found[0].onset, *found[0].nucleus, *found[0].coda)]
    assert symbols[0] == "DH" and symbols[-3:] == ["EH", "N", "D"]


def test_hums_and_what_cannot_be_pronounced() -> None:
    assert shown(notes(("Mm", "single"), ("oo", "single"))) == [".M.", ".UW."]
    found, problems = syllables_of(notes(("\u4f60", "single"), ("...", "single")))
    assert [[p.symbol for p in s.nucleus] for s in found] == [["AA"], ["AA"]]
    assert [index for index, _ in problems] == [0]


def test_phones_of_the_file_itself_count_where_they_are_known() -> None:
    line = [Note(Fraction(0), Fraction(1), 60.0, Lyric("xx", phonemes=("SH", "IY1", "Z")))]
    assert shown(line) == ["SH.IY.Z"]


def test_a_word_written_whole_on_its_first_note_is_spread() -> None:  # as editors write it: beautiful, +, +
    assert shown(notes(("beautiful", "begin"), ("", "middle"), ("", "end"))) == ["B Y.UW.", "DX.IY.", "F.AX.L"]
    assert [one.split(".")[1] for one in shown(notes(("beautiful", "begin"), ("", "end")))][1] == "AX"


def test_a_hum_is_sung_on_a_nasal() -> None:
    line = [Note(Fraction(0), Fraction(1), 60.0, Lyric("", style="humming"))]
    assert shown(line) == [".M."]
