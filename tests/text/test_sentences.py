"""Sentence boundaries by hand, and properties of splitting and reading that hold for any text."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicekit.errors import UsageError
from voicekit.text import (
    Lexicon,
    LexiconEntry,
    Notice,
    Pauses,
    TextContext,
    normalise,
    sentence_spans,
    split_sentences,
)

#: Each list is the sentences of one text, joined there by a space. Written by hand.
SPLITS = [
    ["He came.", "She went."],
    ["Mr. Smith met Dr. Jones.", "They talked."],
    ["It cost $3.50.", "He paid 2.5 pounds."],
    ["J. R. R. Tolkien wrote it.", "C. S. Lewis read it."],
    ["“Who is it?” he asked.", "“It is I,” said she."],
    ['"Stop!" cried John.', "He ran."],
    ['"What?" John said.', '"Nothing."'],
    ["He lives at Baker St. with me.", "Good."],
    ["I came at 5 p.m. on Monday.", "It was late."],
    ["I came at 5 p.m.", "Then I left."],
    ["He was born in the U.S. Army hospital.", "He stayed."],
    ["They sold cats, dogs, etc.", "The shop closed."],
    ["We like fruit, e.g. Apples and pears."],
    ["See No. 5 and vol. ii of it.", "It is good."],
    ["No.", "I will not."],
    ["Wait... what?", "Yes."],
    ["He waited…", "Nothing came."],
    ["She said… nothing at all."],
    ["Wait . . . no.", "Yes."],
    ["In 1914.", "Then came war."],
    ["It was 3.", "It was 4."],
    ["So do I.", "You too."],
    ["“I know.”", "She turned.", "He (the king) left."],
    ["(He left.)", "She stayed."],
    ["He asked why.", "“Why not?”", "“No,” she said."],
    ["Is it?", "It is!", "Yes."],
    ["Acme Inc. and Dombey & Co. failed.", "Who cared?"],
    ["The years 44 B.C. and 79 A.D. were bad.", "Very bad."],
    ["St. John and St. Paul came.", "All of them."],
    ["It ended in Jan. 1905.", "He left on Sat. 5 May."],
    ["‘Yes.’", "‘No.’"],
    ["Hello!", "How are you?", "Fine."],
    ["The U.S.A.", "He loved it."],
    ["Chap. 3 is long.", "Fig. 4 is not."],
    ["Savannah, Ga., is hot.", "Is it?"],
    ["He did it.[12]", "She saw."],
    ["5 ft. 6 in. tall was he.", "She was not."],
    ["He said he was Henry VIII.", "He was not."],
    ["Vitamin C.", "The best one."],
    ["It cost £3 10s. 6d. then.", "Now it is 10s.", "Cheap."],
]


@pytest.mark.parametrize("parts", SPLITS, ids=lambda parts: parts[0][:24])
def test_boundaries(parts: list[str]) -> None:
    text = " ".join(parts)
    assert [text[a:b] for a, b in sentence_spans(text)] == parts


def test_blank_line_ends_a_sentence_and_a_line_feed_does_not() -> None:
    text = "The title\n\nHe came\nhome. She\nwent."
    assert [s.text for s in split_sentences(text)] == ["The title", "He came\nhome.", "She\nwent."]


def test_offsets_lead_into_the_source() -> None:
    text = "Dr. Who paid $3.50.  “Café”\tnaïve\u200b… soft\u00adhyphen."
    for sentence in split_sentences("x" * 7 + text, offset=100):
        source = "x" * 107 + text
        assert source[sentence.start : sentence.end] == sentence.text
        for token in sentence.tokens:
            assert source[token.start : token.end] == token.text


def test_silent_stretches_are_kept_with_a_neighbour() -> None:
    text = "* * *\n\nHe came.\n\n* * *\n\nShe went. ***"
    sentences = split_sentences(text)
    assert [s.spoken for s in sentences] == ["He came.", "She went."]
    assert sentences[0].start == 0
    assert sentences[-1].end == len(text)
    said = "".join(token.text for sentence in sentences for token in sentence.tokens)
    assert said == "***Hecame.***Shewent.***"


def test_nothing_to_say_gives_no_sentence() -> None:
    assert split_sentences("* * * — … \u200b") == ()
    assert split_sentences("") == ()


def test_long_sentences_are_said_in_parts_at_their_marks() -> None:
    text = "; ".join(f"part {word} of a very long sentence that goes on, and on" for word in "abcdefghijkl") + "."
    sentences = split_sentences(text, longest=200, pauses=Pauses(part_s=0.11, sentence_s=0.44))
    assert len(sentences) > 2
    assert all(len(s.text) <= 200 for s in sentences)
    assert all(s.text.endswith(";") for s in sentences[:-1])
    assert [s.pause_after_s for s in sentences] == [0.11] * (len(sentences) - 1) + [0.44]
    assert re.sub(r"\s", "", "".join(s.text for s in sentences)) == re.sub(r"\s", "", text)


def test_notices_say_what_is_not_read_as_written() -> None:
    (sentence,) = split_sentences("See Москва at https://example.com now\u00b9 then\ue000.")
    codes = {notice.code: notice.text for notice in sentence.notices}
    assert codes == {
        "other-script": "Москва",
        "link-scheme-silent": "https://",
        "note-mark-silent": "\u00b9",
        "no-spoken-form": "\ue000",
    }


def test_lexicon_goes_first_and_asks_for_its_context() -> None:
    lexicon = Lexicon(
        [
            LexiconEntry("Cholmondeley", "Chumley"),
            LexiconEntry("read", "red", before=r"\b(?:had|has|have)\s"),
            LexiconEntry("st. ives", "Saint Ives by the sea"),
        ]
    )
    context = TextContext(lexicon=lexicon)
    (sentence,) = split_sentences("I read that Cholmondeley had read it in St. Ives", context)
    assert sentence.spoken == "I read that Chumley had red it in Saint Ives by the sea"


def test_lexicon_refuses_a_broken_entry() -> None:
    with pytest.raises(UsageError, match="no regular expression"):
        Lexicon([LexiconEntry("a", "b", before="(")])
    with pytest.raises(UsageError, match="empty"):
        Lexicon([LexiconEntry("", "b")])


# Text as it occurs: words, numbers and signs of every kind, and then any characters whatever.
_WORDS = """
the He said Dr. Mr St. No. e.g. U.S.A. J. I IV viii chapter $3.50 £1m 3:45 p.m. 1914–18 1890s 12,000 3/4 ½ 5km
50% -5 +44 20°C a@b.org https://x.org/a #tag & + § “ ” ‘ ’ " ' ( ) [ ] — – - -- ... … . , ; : ? ! * _
café naïve ﬁ Москва 東京 ひらがな Σ 😀 don't o’clock well-known x² H₂O ² Ⅷ ｆ ٣ शब्द
"""
_PIECES = st.sampled_from(_WORDS.split())
_SPACES = st.sampled_from([" ", " ", " ", "", "\n", "\n\n", "\t", "\u00a0", "\u00ad", "\u200b"])
_WRITTEN = st.lists(st.tuples(_PIECES, _SPACES), max_size=25).map(lambda parts: "".join(a + b for a, b in parts))
TEXTS = st.one_of(_WRITTEN, st.text(max_size=60))


def _is_visible(character: str) -> bool:
    return not character.isspace()


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_tokens_cover_every_character_in_order(text: str) -> None:
    tokens = normalise(text)
    position = 0
    for token in tokens:
        assert token.start >= position
        assert token.text == text[token.start : token.end]
        assert not any(map(_is_visible, text[position : token.start]))
        position = token.end
    assert not any(map(_is_visible, text[position:]))


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.integers(0, 50))
def test_sentences_lose_nothing(text: str, offset: int) -> None:
    sentences = split_sentences(text, offset=offset, longest=80)
    position = offset
    for sentence in sentences:
        assert sentence.start >= position
        assert sentence.text == text[sentence.start - offset : sentence.end - offset]
        assert not any(map(_is_visible, text[position - offset : sentence.start - offset]))
        covered = {i for t in sentence.tokens for i in range(t.start, t.end)}
        visible = {i for i in range(sentence.start, sentence.end) if _is_visible(text[i - offset])}
        assert visible <= covered
        assert any(c.isalnum() for c in sentence.spoken)
        position = sentence.end
    if sentences:
        assert not any(map(_is_visible, text[position - offset :]))


_SAYABLE = re.compile(r"[^\W\d_]|[ ',.;:?!—]")


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_spoken_is_words_and_marks_only(text: str) -> None:
    for sentence in split_sentences(text):
        for character in sentence.spoken:
            assert _SAYABLE.match(character), (character, unicodedata.name(character, "?"), sentence.spoken)
        assert not re.search(r"[,.;:?!—]\s*[,.;:?!—]|\s\s|^\s|\s$|\s[,.;:?!]", sentence.spoken)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(categories=["L", "M", "N", "S"]), min_size=1, max_size=12))
def test_nothing_that_can_be_said_is_dropped_silently(text: str) -> None:
    """A letter or a number is said, or there is a notice about it."""
    notices: list[Notice] = []
    tokens = normalise(text, report=notices.append)
    reported = {i for n in notices for i in range(n.start, n.end)}
    for token in tokens:
        matters = any(unicodedata.category(c) in ("Lu", "Ll", "Lt", "Lo", "Nd", "Nl") for c in token.text)
        if matters and not token.spoken:
            assert set(range(token.start, token.end)) & reported, token
