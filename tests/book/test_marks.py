"""What a page marks of the voice, from EPUB and HTML to the words with their manner."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.book.conftest import MakeEpub
from voicekit.book import read_book
from voicekit.text import Sentence, TextContext
from voicekit.text.styles import QUOTED, Style, Styler, plain, read_controls


def sentences(make_epub: MakeEpub, body: str, **options: str) -> list[Sentence]:
    (chapter,) = read_book(make_epub({"a.xhtml": body}, **options)).chapters
    return list(chapter.sentences())


def manners(found: list[Sentence]) -> dict[str, Style]:
    """The manner of each word, without its marks."""
    styler = Styler()
    said = [styler.say(one.tokens, one.manner) for one in found]
    assert [plain(one) for one in said] == [one.spoken for one in found]
    parts = [part for one in said for part in read_controls(one)]
    return {word.strip(",.!?"): style for words, style, _ in parts for word in words.split()}


@pytest.mark.parametrize(
    ("body", "emphasis"),
    [
        ("<p>It is <em>here</em> now.</p>", 1.0),
        ("<p>It is<em> here</em>, now.</p>", 1.0),
        ("<p>It is <strong>here</strong> now.</p>", 1.5),
        ("<p>It is <strong>right <em>here</em></strong> now.</p>", 1.5),
        ("<p>It is <i>here</i> now.</p>", 1.0),
        ("<p>It is <i class='calibre3'>here</i> now.</p>", 1.0),
        ("<ul><li>It is <em>here</em> now.</li></ul>", 1.0),
        ("<p>It is <b>here</b> now.</p>", 0.0),
        ("<p>It is <i lang='fr'>here</i> now.</p>", 0.0),
        ("<p lang='fr'>It is <em>here</em> now.</p>", 0.0),
        ("<p>It is <i epub:type='se:name.vessel.ship'>here</i> now.</p>", 0.0),
        ("<p>It is <i class='booktitle-title'>here</i> now.</p>", 0.0),
        ("<p>It is <cite><em>here</em></cite> now.</p>", 0.0),
        ("<p>It is <em>one of the very many here</em> now.</p>", 0.0),
        ("<p>It is <em>The Way to here</em> now.</p>", 1.0),
        ("<p>It is <em>From Me to Here</em> now, here.</p>", 0.0),
        ("<h2>It is <em>here</em> now</h2>", 0.0),
    ],
)
def test_emphasis_is_what_the_page_means_by_it(make_epub: MakeEpub, body: str, emphasis: float) -> None:
    found = manners(sentences(make_epub, body))
    assert found["here"] == Style(emphasis=emphasis)
    assert found["is"] == found["now"] == Style()


def test_the_same_as_between_asterisks(make_epub: MakeEpub, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("It is *here* now.", encoding="utf-8")
    (plain_text,) = read_book(path).chapters
    assert manners(list(plain_text.sentences())) == manners(sentences(make_epub, "<p>It is <em>here</em> now.</p>"))


def test_html_is_read_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("<h1>One</h1><p>It is <em>here</em>, <q>he says</q>. <i>I</i> go.", encoding="utf-8")
    (chapter,) = read_book(path).chapters
    found = manners(list(chapter.sentences()))
    assert found["here"] == Style(emphasis=1.0) == found["I"]
    assert found["says"] == QUOTED


def test_quotations_without_marks_of_their_own(make_epub: MakeEpub) -> None:
    body = (
        "<p>She said: <q>Come <em>here</em>.</q> He did.</p><blockquote><p>A letter.</p></blockquote>"
        "<blockquote><p>“Spoken already.”</p></blockquote><p>“He said <q>once</q> so.”</p>"
    )
    found = manners(sentences(make_epub, body))
    assert found["Come"] == found["letter"] == found["Spoken"] == found["once"] == QUOTED
    assert found["here"] == Style(QUOTED.pitch_semitones, gain_db=QUOTED.gain_db, emphasis=1.0)
    assert found["did"] == Style()


def test_verse_in_a_quotation_is_verse(make_epub: MakeEpub) -> None:
    body = "<blockquote class='poem'><p>Red rose,</p><p>white rose,</p><p>no rose.</p></blockquote>"
    assert set(manners(sentences(make_epub, body)).values()) == {Style()}


def test_marks_keep_their_place_behind_notes_spaces_and_in_rows(make_epub: MakeEpub) -> None:
    body = (
        "<p> \n It<a epub:type='noteref' href='#n'>1</a>   is\n<em>so</em>.</p>"
        "<table><tr><td>Ann</td><th>is <em>it</em></th><td>is <em>here</em></td></tr></table>"
    )
    (first, row) = sentences(make_epub, body)
    assert [first.text[m.start - first.start : m.end - first.start] for m in first.manner] == ["so"]
    assert [row.text[m.start - row.start : m.end - row.start] for m in row.manner] == ["here"]
    assert row.spoken == "Ann, is it, is here"


def test_pronunciations_of_the_page_and_of_the_books_lexicon(make_epub: MakeEpub) -> None:
    pls = (
        '<lexicon version="1.0" alphabet="ipa" xml:lang="en" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon">'
        "<lexeme><grapheme>lead</grapheme><phoneme>lɛd</phoneme></lexeme>"
        "<lexeme><grapheme>Beauchamp</grapheme><phoneme>ˈbiːtʃəm</phoneme></lexeme></lexicon>"
    )
    body = (
        "<p>Lead, in Beauchamp, they <span ssml:ph='rɛd'>read</span>. They read "
        "<span ssml:ph='liːd'>lead</span> <span ssml:ph='nɔrθ'>N.</span> of it.</p>"
    )
    first, *others = sentences(
        make_epub,
        body,
        manifest='<item id="pls" href="en.pls" media-type="application/pls+xml"/>',
        extra={"OPS/en.pls": pls},  # type: ignore[arg-type]
    )
    found = manners([first])
    assert found["Lead"].phones == "L.EH1.D"
    assert found["Beauchamp"].phones == "B.IY1.CH.AX.M"
    assert found["read"].phones == "R.EH1.D"
    rest = manners(others)
    assert rest["read"].phones == rest["lead"].phones == ""  # the page goes before the lexicon
    (notice,) = [n for one in others for n in one.notices if n.code == "pronunciation-not-used"]
    assert notice.text == "N." and "nɔrθ" in notice.detail and "alias" in notice.detail


def test_no_pronunciation_smuggles_words_past_those_who_read_the_text(make_epub: MakeEpub) -> None:
    """Harmless on the page, screened as harmless, and something else to the ear: that must not be."""
    body = (
        "<p>We will <span ssml:ph='kɪl'>kit</span> them <span ssml:ph='ɔːl tənaɪt'>out</span>, "
        "<span ssml:ph='ˈmɜːrdər'>with</span> <em ssml:ph='ðɛm'>pleasure</em>.</p>"
    )
    found = sentences(make_epub, body)
    assert not any(style.phones for style in manners(found).values())
    assert [n.code for one in found for n in one.notices] == ["pronunciation-not-used"] * 4


def test_a_pronunciation_of_a_part_of_a_word_is_reported(make_epub: MakeEpub) -> None:
    (found,) = sentences(make_epub, "<p>He un<span ssml:ph='rɛd'>read</span>able wrote.</p>")
    assert found.manner == ()
    assert [n.code for n in found.notices] == ["pronunciation-not-used"]


def test_words_of_another_language_are_reported(make_epub: MakeEpub) -> None:
    body = "<p>He said <i xml:lang='fr'>bonjour</i> and <i xml:lang='en-GB'>colour</i>.</p><p lang='de'>Guten Tag.</p>"
    found = sentences(make_epub, body)
    told = [(n.text, n.detail) for one in found for n in one.notices if n.code == "language-not-used"]
    assert told == [
        ("bonjour", "marked as fr; read by the rules of en"),
        ("Guten Tag.", "marked as de; read by the rules of en"),
    ]


def test_words_of_another_language_are_said_by_its_rules_where_it_is_asked_for(make_epub: MakeEpub) -> None:
    body = "<p>He said: <i lang='fr'>bonjour, monsieur</i>, and <i lang='de'>nacht</i>. <i lang='tlh'>Qapla</i>!</p>"
    (chapter,) = read_book(make_epub({"a.xhtml": body})).chapters
    found = list(chapter.sentences(TextContext(also=("fr", "tlh"))))
    told = manners(found)
    assert told["bonjour"].phones.startswith("B.AO") and told["bonjour"].phones.endswith("R")  # no English j, no n
    assert "JH" not in told["bonjour"].phones and "ZH" in told["bonjour"].phones
    assert told["monsieur"].phones.startswith("M")
    assert told["nacht"].phones == told["Qapla"].phones == ""
    left = [(n.text, n.detail) for one in found for n in one.notices if n.code == "language-not-used"]
    assert left[0] == ("nacht", "marked as de; read by the rules of en")
    assert left[1][0] == "Qapla" and "no voice can say" in left[1][1]


def test_in_another_language_the_marks_hold_and_pronunciations_are_reported(make_epub: MakeEpub) -> None:
    path = make_epub({"a.xhtml": "<p>Das ist <em>sehr</em> <span ssml:ph='ʃøːn'>schön</span>.</p>"})
    (chapter,) = read_book(path).chapters
    (found,) = chapter.sentences(TextContext(language="de"))
    assert [m.emphasis for m in found.manner] == [1.0]
    assert "English alone" in next(n.detail for n in found.notices if n.code == "pronunciation-not-used")
