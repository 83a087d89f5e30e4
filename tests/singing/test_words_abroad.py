"""Words of other languages on notes: syllables as their dictionaries divide them, phones by `voicekit.text.accent`."""

from __future__ import annotations

from fractions import Fraction

import pytest

from voicekit.score import Lyric, Note, Part, Tempo, TempoMap
from voicekit.singing import plan_line
from voicekit.singing.syllables import languages_in, syllables_of, words_of


def notes(line: str) -> list[Note]:
    """``Stil-le Nacht``: a note for each syllable."""
    found = []
    for word in line.split():
        parts = word.split("-")
        for k, text in enumerate(parts):
            last = k + 1 == len(parts)
            kind = "single" if len(parts) == 1 else "begin" if k == 0 else "end" if last else "middle"
            found.append(Note(Fraction(len(found)), Fraction(1), 60.0, Lyric(text, kind)))
    return found


def shown(line: str, language: str) -> str:
    found, problems = syllables_of(notes(line), language=language)
    assert problems == []
    groups = ([" ".join(p.symbol for p in group) for group in (s.onset, s.nucleus, s.coda)] for s in found)
    return " | ".join(".".join(group) for group in groups)


@pytest.mark.parametrize(
    ("language", "line", "wanted"),
    [
        ("de", "Stil-le Nacht", "SH T.IH. | L.AX. | N.AA.HH T"),  # Stil-le: one l, of the second syllable
        ("de", "schö-ne Kna-ben", "SH.ER. | N.AX. | K N.AA. | B.AX.N"),
        ("de", "Freu-de schö-ner Göt-ter-fun-ken",
         "F R.OY. | D.AX. | SH.ER. | N.AX. | G.ER. | T.AX. | F.UH.NG | K.AX.N"),
        ("it", "bel-la", "B.EH.L | L.AA."),
        ("it", "a-mo-re", ".AA. | M.AO. | DX.EH."),
        ("la", "glo-ri-a in ex-cel-sis De-o",
         "G L.AO. | DX.IY. | .AA. | .IY.N | .EH.K | SH.EH.L | S.IY.S | D.EH. | .AO."),
        ("la", "a-gnus De-i", ".AA. | N Y.UW.S | D.EH. | .IY."),
        ("fr", "bel-le nuit", "B.EH. | L.AX. | N W.IY."),  # the e that speech leaves out is sung
        ("fr", "bon-jour", "B.AO.N | ZH.UW.R"),
        ("es", "co-ra-zón", "K.AO. | DX.AA. | TH.AO.N"),
        ("ja", "さ-く-ら", "S.AA. | K.UW. | R.AA."),  # each note has its kana: no flap across notes
        ("ja", "さ ん ぽ", "S.AA. | .NG. | P.AO."),
        ("ja", "が-っ-こ-う", "G.AA. | .AA. | K.AO. | .UW."),
        ("ja", "sa ku ra", "S.AA. | K.UW. | R.AA."),
        ("en", "さ く ら", "S.AA. | K.UW. | R.AA."),  # kana are Japanese whatever the score says
    ],
)  # fmt: skip
def test_syllables(language: str, line: str, wanted: str) -> None:
    assert shown(line, language) == wanted


def test_what_cannot_be_read_is_sung_on_a_vowel_and_said() -> None:
    for language, word, why in (("ja", "桜", "pronounced in Japanese"), ("de", "你好", "pronounced in German"),
                                ("sw", "habari", "is sw, whose sounds are not known")):  # fmt: skip
        found, problems = syllables_of(notes(word), language=language)
        assert [p.symbol for p in found[0].nucleus] == ["AA"] and why in problems[0][1]


def test_words_are_whole_again_and_their_languages_known() -> None:
    line = notes("Stil-le Nacht さ く")
    assert words_of(line) == ["Stille", "Nacht", "さ", "く"]
    assert languages_in(line, "de") == ("de", "ja") and languages_in(notes("さ"), "en") == ("ja",)
    planned = plan_line(Part("p", tuple(line)), TempoMap([Tempo(Fraction(0), 60)]), language="de")
    assert planned.languages == ("de", "ja") and planned.text == "Stille Nacht さ く"
