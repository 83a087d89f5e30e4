"""EPUBs by hand: chapters, matter, what is read and what is reported."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from voicekit.book import ReadingPolicy, read_book
from voicekit.errors import InputError
from voicekit.text import Pauses

MakeEpub = Callable[..., Path]
P = "<p>{}</p>".format
LONG = "<p>" + "Word after word goes by. " * 60 + "</p>"


def spoken(chapter: object) -> list[str]:
    return [sentence.spoken for sentence in chapter.sentences()]  # type: ignore[attr-defined]


def test_chapters_follow_the_contents_and_documents_split_at_anchors(make_epub: MakeEpub) -> None:
    one = f'<h1 id="a">One</h1>{P("First.")}<h1 id="b">Two</h1>{P("Second.")}'
    nav = (
        '<li><a href="one.xhtml#a">Chapter <i>One</i></a></li><li><a href="one.xhtml#b">Chapter Two</a></li>'
        '<li><a href="three.xhtml">Chapter Three</a></li>'
    )
    book = read_book(make_epub({"one.xhtml": one, "three.xhtml": P("Third.")}, nav=nav))
    assert (book.title, book.authors, book.language, book.format) == ("Book", ("Ann Author",), "en", "epub")
    assert [c.title for c in book.chapters] == ["Chapter One", "Chapter Two", "Chapter Three"]
    assert [spoken(c) for c in book.chapters] == [["One", "First."], ["Two", "Second."], ["Third."]]
    assert [c.source for c in book.chapters] == ["OPS/one.xhtml", "OPS/one.xhtml", "OPS/three.xhtml"]
    assert [c.words for c in book.chapters] == [2, 2, 1]


def test_epub2_ncx_nested_and_names_with_spaces(make_epub: MakeEpub) -> None:
    point = '<navPoint><navLabel><text>{}</text></navLabel><content src="{}"/>{}</navPoint>'.format
    ncx = point("Part One", "part%20one.xhtml", point("I", "c1.xhtml", "") + point("II", "c2.xhtml#x", ""))
    pages = {
        "part one.xhtml": "<h1>Part One</h1>",
        "c1.xhtml": "<h2>I</h2>" + LONG,
        "c2.xhtml": '<h2 id="x">II</h2>' + LONG,
    }
    book = read_book(make_epub(pages, ncx=ncx))
    assert [c.title for c in book.chapters] == ["I", "II"]
    assert spoken(book.chapters[0])[:2] == [
        "Part One",
        "one",
    ]  # the part's title is read with its first chapter
    assert spoken(book.chapters[1])[0] == "two"


def test_short_subsections_are_read_with_the_chapter_before(make_epub: MakeEpub) -> None:
    body = f'<h1 id="a">A</h1>{LONG}<h2 id="s">S</h2>{P("Short.")}<h2 id="t">T</h2>{LONG}'
    nav = '<li><a href="p.xhtml#a">A</a><ol><li><a href="p.xhtml#s">S</a></li>'
    nav += '<li><a href="p.xhtml#t">T</a></li></ol></li>'
    path = make_epub({"p.xhtml": body}, nav=nav)
    assert [c.title for c in read_book(path).chapters] == ["A", "T"]
    everything = read_book(path, policy=ReadingPolicy(merge_below_words=0))
    assert [c.title for c in everything.chapters] == ["A", "S", "T"]


def test_without_contents_each_document_is_a_chapter(make_epub: MakeEpub) -> None:
    book = read_book(make_epub({"a.xhtml": "<h1>Alpha</h1>" + P("A."), "b.xhtml": "<h1>Beta</h1>" + P("B.")}))
    assert [c.title for c in book.chapters] == ["Alpha", "Beta"]
    assert "no-contents" in [n.code for n in book.notices]


def test_a_chapter_split_over_files_is_one(make_epub: MakeEpub) -> None:
    nav = '<li><a href="a.xhtml">A</a></li><li><a href="c.xhtml">C</a></li>'
    book = read_book(make_epub({"a.xhtml": P("One."), "b.xhtml": P("Two."), "c.xhtml": P("Three.")}, nav=nav))
    assert [spoken(c) for c in book.chapters] == [["One.", "Two."], ["Three."]]


def test_front_and_back_matter_is_kept_classified_and_left_out_by_policy(make_epub: MakeEpub) -> None:
    pages = {
        "cover.xhtml": '<section epub:type="cover"><p>Cover words</p></section>',
        "title.xhtml": '<section epub:type="titlepage"><h1>Book</h1></section>',
        "rights.xhtml": P("Copyright © 1999 by Nobody. All rights reserved. ISBN 1-2345-6789-0."),
        "toc.xhtml": "<h1>Contents</h1>" + P("One"),
        "one.xhtml": "<h1>One</h1>" + P("It begins."),
        "index.xhtml": "<h1>Index</h1>" + P("Apples, 5"),
    }
    path = make_epub(pages)
    book = read_book(path)
    by_source = {c.source.removeprefix("OPS/"): c for c in book.chapters}
    assert [name for name, c in by_source.items() if c.read] == ["title.xhtml", "one.xhtml"]
    assert [c.source for c in book.reading] == ["OPS/title.xhtml", "OPS/one.xhtml"]
    assert [c.matter for c in by_source.values()] == ["front", "front", "front", "front", "body", "back"]
    assert by_source["rights.xhtml"].reason == "copyright not read"
    assert spoken(by_source["rights.xhtml"]) == []
    assert by_source["rights.xhtml"].notices()[0].text.startswith("Copyright ©")
    everything = read_book(path, policy=ReadingPolicy(cover=True, contents=True, copyright=True, index=True))
    assert all(c.read for c in everything.chapters)


def test_nonlinear_documents_are_kept_but_not_read(make_epub: MakeEpub) -> None:
    spine = '<itemref idref="i0" linear="no"/><itemref idref="i1"/>'
    path = make_epub({"aside.xhtml": P("Aside."), "main.xhtml": P("Main.")}, spine=spine)
    assert [(c.read, spoken(c)) for c in read_book(path).chapters] == [(False, []), (True, ["Main."])]
    assert [c.read for c in read_book(path, policy=ReadingPolicy(nonlinear=True)).chapters] == [True, True]


def test_marks_of_notes_pages_and_lines_are_left_out_and_reported(make_epub: MakeEpub) -> None:
    body = (
        '<p>Un<span epub:type="pagebreak" id="p7">7</span>broken word'
        '<a epub:type="noteref" href="#n1">1</a>, and'
        '<sup><a href="#n2">[2]</a></sup> a <a href="#x">link</a><span class="lnum">10</span>.</p>'
        '<aside epub:type="footnote" id="n1"><p>1. The note.</p></aside>'
    )
    path = make_epub({"a.xhtml": body})
    (chapter,) = read_book(path).chapters
    assert spoken(chapter) == ["Unbroken word, and a link."]
    reported = {(n.code, n.text) for n in chapter.notices()}
    assert reported == {
        ("page-number-skipped", "7"),
        ("note-reference-skipped", "1"),
        ("note-reference-skipped", "[2]"),
        ("line-number-skipped", "10"),
        ("block-not-read", "1. The note."),
    }
    (with_notes,) = read_book(path, policy=ReadingPolicy(notes=True, note_references=True)).chapters
    assert spoken(with_notes) == ["Unbroken word one, and two a link.", "one. The note."]


def test_kinds_and_pauses_by_structure(make_epub: MakeEpub) -> None:
    body = (
        "<h1>Chapter I<br/>The Start</h1><p>One. Two.</p><p>Three.</p><hr/><p>Four.</p><p>* * *</p>"
        '<div class="stanza"><p>A line</p><p>of verse</p></div>'
        "<ul><li>Item <p>inner</p></li></ul><blockquote><p>Quoted.</p></blockquote>"
        "<table><tr><th>Name</th><th>Age</th></tr><tr><td>Ann</td><td>5</td></tr></table>"
        "<figure><img src='x.png' alt='A cat'/><figcaption>Fig. 1</figcaption></figure><p>End.</p>"
    )
    (chapter,) = read_book(make_epub({"a.xhtml": body})).chapters
    p = Pauses()
    assert [(s.kind, s.spoken, s.pause_after_s) for s in chapter.sentences()] == [
        ("heading", "Chapter one", p.paragraph_s),
        ("heading", "The Start", p.heading_s),
        ("sentence", "One.", p.sentence_s),
        ("sentence", "Two.", p.paragraph_s),
        ("sentence", "Three.", p.break_s),
        ("sentence", "Four.", p.break_s),
        ("verse", "a line", p.line_s),
        ("verse", "of verse", p.stanza_s),
        ("list", "Item", p.item_s),
        ("list", "inner", p.item_s),
        ("quote", "Quoted.", p.paragraph_s),
        ("row", "Name, Age", p.row_s),
        ("row", "Ann, five", p.paragraph_s),
        ("caption", "figure one", p.paragraph_s),
        ("sentence", "End.", p.end_s),
    ]
    assert ("image-text-skipped", "A cat") in {(n.code, n.text) for n in chapter.notices()}


def test_verse_of_lines_with_breaks(make_epub: MakeEpub) -> None:
    body = "<p>Tiger, tiger, burning bright<br/>In the forests of the night,<br/>What immortal hand or eye</p>"
    (chapter,) = read_book(make_epub({"a.xhtml": body})).chapters
    assert [(s.kind, s.spoken) for s in chapter.sentences()] == [
        ("verse", "Tiger, tiger, burning bright"),
        ("verse", "In the forests of the night,"),
        ("verse", "What immortal hand or eye"),
    ]


def test_drop_caps_hidden_text_ruby_and_objects(make_epub: MakeEpub) -> None:
    body = (
        '<p><span class="drop">O</span>nce <img alt="U" src="u.png"/>pon <ruby>漢<rt>kan</rt></ruby></p>'
        "<p hidden='hidden'>Secret</p><svg><text>Drawn</text></svg>"
    )
    (chapter,) = read_book(make_epub({"a.xhtml": body})).chapters
    assert spoken(chapter) == ["Once Upon Chinese characters"]
    assert {(n.code, n.text) for n in chapter.notices()} == {
        ("ruby-skipped", "kan"),
        ("hidden-skipped", "Secret"),
        ("object-skipped", "Drawn"),
    }


def test_offsets_lead_into_the_chapters_text(make_epub: MakeEpub) -> None:
    body = "<h1>One</h1><p>Caf\u00e9 &amp; <b>tea</b>,\n   at&nbsp;5&mdash;no.</p><p>Two. Three.</p>"
    (chapter,) = read_book(make_epub({"a.xhtml": body})).chapters
    text = chapter.text
    assert "Café & tea, at\u00a05—no." in text
    for sentence in chapter.sentences():
        assert text[sentence.start : sentence.end] == sentence.text
        for token in sentence.tokens:
            assert text[token.start : token.end] == token.text


def test_pronunciations_are_read_and_aliases_are_honoured(make_epub: MakeEpub) -> None:
    pls = (
        '<lexicon version="1.0" alphabet="ipa" xml:lang="en" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon">'
        "<lexeme><grapheme>Cholmondeley</grapheme><alias>Chumley</alias></lexeme>"
        "<lexeme><grapheme>Leicester</grapheme><phoneme>ˈlɛstə</phoneme></lexeme></lexicon>"
    )
    path = make_epub(
        {"a.xhtml": '<p>Cholmondeley of <span ssml:ph="ˈlɛstə">Leicester</span>.</p>'},
        manifest='<item id="pls" href="en.pls" media-type="application/pls+xml"/>',
        extra={"OPS/en.pls": pls},
    )
    book = read_book(path)
    (chapter,) = book.chapters
    assert spoken(chapter) == ["Chumley of Leicester."]
    (block,) = chapter.blocks
    assert [(block.text[h.start : h.end], h.phonemes) for h in block.hints] == [("Leicester", "ˈlɛstə")]
    assert [(p.written, p.phonemes) for p in book.pronunciations] == [("Leicester", "ˈlɛstə")]


def test_encodings_and_tag_soup(make_epub: MakeEpub) -> None:
    latin = '<?xml version="1.0" encoding="iso-8859-1"?><html><body><p>Caf\xe9 \x93q\x94</p></body></html>'
    wide = '<?xml version="1.0" encoding="utf-16"?><html><body><p>Wide café</p></body></html>'.encode("utf-16")
    soup = "<html><body><p>Open <b>bold<p>Next &copy; <br>line</body></html>"
    book = read_book(make_epub({"a.xhtml": latin.encode("latin-1"), "b.xhtml": wide, "c.xhtml": soup}))
    assert [c.text for c in book.chapters] == ["Café “q”", "Wide café", "Open bold\n\nNext ©\nline"]
    assert [n.file for n in book.notices if n.code == "malformed-document"] == ["OPS/c.xhtml"]


def test_a_file_changed_after_opening_is_refused(make_epub: MakeEpub) -> None:
    path = make_epub({"a.xhtml": P("One."), "b.xhtml": P("Two.")})
    book = read_book(path)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(InputError, match="has changed since it was opened"):
        list(book.chapters[0].sentences())


def test_memory_stays_flat(make_epub: MakeEpub) -> None:
    """Opening keeps no document, and reading all chapters takes hardly more than reading one."""
    pages = {f"p{n}.xhtml": f"<h1>Chapter {n}</h1>" + P("Some words of a chapter here. " * 300) for n in range(8)}
    path = make_epub(pages)
    tracemalloc.start()
    book = read_book(path)
    kept, _ = tracemalloc.get_traced_memory()
    peaks, held = [], []
    for chapters in (book.chapters[:1], book.chapters):
        tracemalloc.reset_peak()
        for chapter in chapters:
            assert sum(1 for _ in chapter.sentences()) == 301
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
        peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert kept < 100_000  # 70 kB of text in all
    assert peaks[1] < 1.3 * peaks[0]
    assert held[1] - held[0] < 30_000  # one document stays, as after the first chapter


def test_marks_and_hints_keep_their_place_in_a_row(make_epub: MakeEpub) -> None:
    row = '<tr><td>Ann</td><td>Bo<a epub:type="noteref" href="#n">1</a>b <i ssml:ph="liː">Lee</i></td></tr>'
    (chapter,) = read_book(make_epub({"a.xhtml": f"<table>{row}</table>"})).chapters
    (block,) = chapter.blocks
    assert block.text == "Ann, Bob Lee"
    assert [(s.text, block.text[s.offset :]) for s in block.skipped] == [("1", "b Lee")]
    assert [block.text[h.start : h.end] for h in block.hints] == ["Lee"]
