"""The manner of words: tags, signs of the page, controls; and that what is said stays what it was."""

from __future__ import annotations

import pytest

from voicekit.errors import InputError
from voicekit.text import join_spoken, normalise, split_sentences
from voicekit.text.styles import BRACKETED, NEUTRAL, QUOTED, Style, Styler, plain, read_controls
from voicekit.text.tones import FALLING_QUESTION, LIST_COMMA, tones


def said(text: str) -> str:
    styler = Styler()
    return " | ".join(styler.say(sentence.tokens) for sentence in split_sentences(text))


def manner_of(text: str, word: str) -> Style:
    return next(style for words, style, _ in read_controls(said(text)) if word in words.split())


TEXTS = [
    "He said, “I *really* mean it.” (And then he left.)",
    'A <emphasis level="strong">big</emphasis> dog. <break time="500ms"/> And <prosody rate="80%">slow</prosody> now.',
    "‘Well,’ said she, ‘don’t.’ It’s 5 < 6 and <b>bold</b>.",
    'k<emphasis>i</emphasis>ll<break/>joy <break strength="strong"/>, then.',
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_words_stay_and_no_character_is_lost(text: str) -> None:
    for sentence in split_sentences(text):
        styled = Styler()
        styled_text = styled.say([t for t in sentence.tokens if not t.text.startswith("</")])
        assert plain(styled_text) == sentence.spoken
        kept = "".join(token.text for token in sentence.tokens)
        assert "".join(kept.split()) == "".join(sentence.text.split())
        for token in sentence.tokens:
            assert text[token.start : token.end] == token.text


def test_a_tag_hides_no_word_from_who_reads_the_text() -> None:
    """The ledger screens what is spoken: a word cut by tags must still be that word."""
    assert join_spoken(t.spoken for t in normalise("k<emphasis>i</emphasis>ll")) == "kill"


@pytest.mark.parametrize(
    ("text", "word", "style"),
    [
        ("It is <emphasis>here</emphasis> now.", "here", Style(emphasis=1.0)),
        ('It is <emphasis level="strong">here</emphasis> now.', "here", Style(emphasis=1.5)),
        ("It is *here* now.", "here", Style(emphasis=1.0)),
        ("It is *here* now.", "now.", NEUTRAL),
        ('<prosody rate="80%" pitch="+2st" volume="-3dB">All of it.</prosody>', "All", Style(2.0, 0.8, -3.0)),
        ('<prosody rate="slow" pitch="high">All of it.</prosody>', "of", Style(2.0, 0.8)),
        ("He said, “Come here.”", "Come", QUOTED),
        ("“Come,” he said.", "he", NEUTRAL),
        ("It was (so they say) a fox.", "they", BRACKETED),
        ("It was (so they say) a fox.", "fox.", NEUTRAL),
        ('"One. Two." he said.', "two.", NEUTRAL),
        ("*A very long title of a book indeed* was read.", "title", NEUTRAL),
    ],
)
def test_signs_and_tags_give_their_manner(text: str, word: str, style: Style) -> None:
    if word == "two.":
        found = read_controls(said(text).split(" | ")[1])
        assert found[0][1] == QUOTED  # the quotation goes on into its second sentence
        return
    assert manner_of(text, word) == style


def test_pauses_are_seconds_before_what_follows() -> None:
    assert read_controls("one {b500} two{b0.5e3}") == [("one", NEUTRAL, 0.0), ("two", NEUTRAL, 0.5), ("", NEUTRAL, 0.5)]
    assert [pause for *_, pause in read_controls(said('Wait <break time="1.5s"/> here.'))] == [0.0, 1.5]


def test_quotations_end_with_their_paragraph() -> None:
    styler = Styler()
    first, second = split_sentences("“He never closed it.\n\nThe next one.")
    assert styler.say(first.tokens).startswith("{p")
    styler.paragraph()
    assert "{" not in styler.say(second.tokens)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('<prosody rate="900%">x</prosody>', "out of range"),
        ('<prosody pitch="up">x</prosody>', "cannot be read"),
        ('<emphasis level="huge">x</emphasis>', "not known"),
        ('<break time="soon"/> x', "no time"),
        ("x</emphasis>", "never opened"),
    ],
)
def test_a_tag_that_cannot_be_honoured_is_named(text: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        said(text)


@pytest.mark.parametrize(
    ("spoken", "marks", "wanted"),
    [
        ("Where is it?", ["?"], [FALLING_QUESTION]),
        ("Is it here?", ["?"], ["?"]),
        ("And to whom did she give it?", ["?"], [FALLING_QUESTION]),
        ("Tea or coffee?", ["?"], [FALLING_QUESTION]),
        ("It is late, isn't it?", [",", "?"], [",", "?"]),
        ("Apples, pears, and plums.", [",", ",", "."], [LIST_COMMA, LIST_COMMA, "."]),
        ("When he came, he sat down.", [",", "."], [",", "."]),
        ("He came, and she went.", [",", "."], [",", "."]),
        ("Well? Who came?", ["?", "?"], ["?", FALLING_QUESTION]),
        ("Where?", [",", "?"], [",", "?"]),  # marks that do not belong to these words are left alone
    ],
)
def test_marks_are_told_apart_by_the_words(spoken: str, marks: list[str], wanted: list[str]) -> None:
    assert list(tones(spoken, marks)) == wanted
