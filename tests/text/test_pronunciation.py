"""Pronunciations from a source: other ways to say a word are followed, other words never.

The sounds wanted are those of Merriam-Webster and the Cambridge dictionary for the word in question.
"""

from __future__ import annotations

import pytest

from voicekit.engines.manner import mark
from voicekit.errors import InputError
from voicekit.text import Manner, split_sentences
from voicekit.text.pronunciation import follow, phones_from_text
from voicekit.text.styles import Styler, plain, read_controls


@pytest.mark.parametrize(
    ("words", "phonemes", "alphabet", "phones"),
    [
        ("read", "rɛd", "ipa", "R.EH1.D"),
        ("lead", "lɛd", "ipa", "L.EH1.D"),
        ("Mobile", "ˈmoʊbil", "ipa", "M.OW1.B.IY.L"),
        ("Beauchamp", "/ˈbiːtʃəm/", "ipa", "B.IY1.CH.AX.M"),
        ("Beauchamp", '"bi:tS@m', "x-sampa", "B.IY1.CH.AX.M"),
        ("tomato", "tə.ˈmɑː.təʊ", "ipa", "T.AX.M.AA1.T.OW"),
        ("record", "rɪˈkɔːrd", "ipa", "R.IH.K.AO1.R.D"),
    ],
)
def test_another_way_to_say_a_word_is_followed(words: str, phonemes: str, alphabet: str, phones: str) -> None:
    found = follow(words, phonemes, alphabet)
    assert (found.phones, found.why_not) == (phones, "")
    assert [p.symbol for p in phones_from_text(phones)] == [p.rstrip("12") for p in phones.split(".")]


@pytest.mark.parametrize(
    ("words", "phonemes"), [("Leicester", "ˈlɛstə"), ("thirty five degrees", "ˈθɜrtiˈfaɪv dɪˈgriz")]
)
def test_what_is_said_so_anyway_needs_nothing(words: str, phonemes: str) -> None:
    assert follow(words, phonemes).phones == follow(words, phonemes).why_not == ""


@pytest.mark.parametrize(
    ("words", "phonemes"),
    [
        ("kit", "kɪl"),
        ("kiss her", "kɪl hɜːr"),
        ("kiss her tonight", "kɪlhɜːr tənaɪt"),
        ("hello", "ˈmɜːdə"),
        ("a nice day", "ə naɪs"),
        ("hit", "ʃɪt"),
        ("N", "nɔrθ"),
        ("the garden", "ðə bɒm"),
        ("flowers", "ˈfɪstɪkʌfs"),
    ],
)
def test_no_pronunciation_makes_one_word_another(words: str, phonemes: str) -> None:
    """The ledger screens the words that are written: what is heard must be those words."""
    found = follow(words, phonemes)
    assert found.phones == ""
    assert "another word" in found.why_not


@pytest.mark.parametrize(("phonemes", "alphabet"), [("rɛd", "x-cmu"), ("r☃d", "ipa"), ("", "ipa"), ("ˈ", "ipa")])
def test_what_cannot_be_read_is_said(phonemes: str, alphabet: str) -> None:
    found = follow("read", phonemes, alphabet)
    assert found.phones == "" and found.why_not


def test_the_sounds_take_the_place_of_the_words_own_and_the_words_stay() -> None:
    text = "She read, and he read, it."
    (sentence,) = split_sentences(text)
    manner = [Manner(at, at + 4, phones="R.EH1.D") for at in (4, 17)]
    said = Styler().say(sentence.tokens, manner)
    assert plain(said) == sentence.spoken
    assert [style.phones for _, style, _ in read_controls(said)] == ["", "R.EH1.D", "", "R.EH1.D", ""]
    usual, marked = mark(sentence.spoken), mark(said)
    assert [p.symbol for p in usual.phones].count("EH") == 0
    changed = [(a.symbol, b.symbol) for a, b in zip(usual.phones, marked.phones, strict=True) if a.symbol != b.symbol]
    assert changed == [("IY", "EH")] * 2
    assert marked.marks == usual.marks


def test_the_same_word_twice_is_said_twice() -> None:
    (sentence,) = split_sentences("Lead lead here.")
    said = Styler().say(sentence.tokens, [Manner(at, at + 4, phones="L.EH1.D") for at in (0, 5)])
    assert [p.symbol for p in mark(said).phones].count("EH") == 2


def test_a_sound_that_is_none_is_named() -> None:
    with pytest.raises(InputError, match="'QQ' is no sound that is known"):
        read_controls("{=K.QQ.L} kill")
    with pytest.raises(InputError, match="no sound"):
        read_controls("{=PAU} kill")
