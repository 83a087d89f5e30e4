"""Real books: chapters as their contents say, every character accounted for, at speed.

The account is checked against the text that the standard library's ElementTree finds in the
documents' bodies.
"""

from __future__ import annotations

import re
import time
import zipfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from voicekit.book import Block, read_book

BOOKS = ["childrens-literature", "georgia-pls-ssml", "wasteland"]
BODY = "{http://www.w3.org/1999/xhtml}body"


def visible(text: str) -> str:
    """Without white space, and without the commas that stand between the cells of a table's row."""
    return re.sub(r"[\s,]+", "", text)


def with_skipped(block: Block) -> str:
    parts, position = [], 0
    for skipped in block.skipped:
        if skipped.kind == "image-text":  # an attribute, not text
            continue
        parts += [block.text[position : skipped.offset], skipped.text]
        position = skipped.offset
    return "".join([*parts, block.text[position:]])


@pytest.mark.parametrize("name", BOOKS)
def test_every_character_of_the_source_is_accounted_for(samples: Path, name: str) -> None:
    path = samples / f"{name}.epub"
    book = read_book(path)
    found = visible("".join(with_skipped(block) for chapter in book.chapters for block in chapter.blocks))
    expected = ""
    with zipfile.ZipFile(path) as archive:
        documents = list(dict.fromkeys(chapter.source for chapter in book.chapters))
        for document in documents:
            body = ElementTree.fromstring(archive.read(document)).find(f".//{BODY}")
            assert body is not None
            for parent in list(body.iter()):
                for child in list(parent):
                    if child.tag.endswith("}script"):
                        parent.remove(child)
            expected += visible("".join(body.itertext()))
    assert found == expected


@pytest.mark.parametrize("name", BOOKS)
def test_what_is_read_is_said_or_reported(samples: Path, name: str) -> None:
    for chapter in read_book(samples / f"{name}.epub").chapters:
        text = chapter.text
        said = set()
        for sentence in chapter.sentences():
            assert text[sentence.start : sentence.end] == sentence.text
            position = sentence.start
            for token in sentence.tokens:
                assert token.start >= position and text[token.start : token.end] == token.text
                position = token.end
                said.update(range(token.start, token.end))
        quiet = [b for b in chapter.blocks if not b.read or b.kind == "break" or not any(c.isalnum() for c in b.text)]
        for block in quiet:
            said.update(range(block.start, block.end))
        assert not [i for i, c in enumerate(text) if not c.isspace() and i not in said]


def test_childrens_literature(samples: Path) -> None:
    book = read_book(samples / "childrens-literature.epub")
    assert book.title == "Children's Literature"
    assert book.authors == ("Charles Madison Curry", "Erle Elsworth Clippinger")
    titles = [chapter.title for chapter in book.reading]
    # as its navigation document lists them
    assert titles[:3] == ["BIBLIOGRAPHY", "INTRODUCTORY", "190 A FOUR-LEAVED CLOVER"]
    assert titles[-1] == "204 THE KING OF THE GOLDEN RIVER OR THE BLACK BROTHERS"
    assert len(titles) == 17
    assert [(c.matter, c.read) for c in book.chapters[:2]] == [("front", False), ("front", False)]
    codes = Counter(notice.code for chapter in book.chapters for notice in chapter.notices())
    assert codes["page-number-skipped"] == 84  # page breaks in the documents that the reader comes upon


def test_georgia(samples: Path) -> None:
    book = read_book(samples / "georgia-pls-ssml.epub")
    assert [c.title for c in book.reading] == [
        "GEORGIA",
        "Climate and Soils",
        "Minerals",
        "Agriculture",
        "Manufactures",
        "Population",
        "Government",
        "Education",
        "Finance",
        "History",
    ]
    assert len(book.pronunciations) == 71  # lexemes with a phoneme in en.pls
    codes = Counter(notice.code for chapter in book.chapters for notice in chapter.notices())
    assert codes["note-reference-skipped"] == 24
    said = [s for chapter in book.reading for s in chapter.sentences()]
    followed = {s.text[m.start - s.start : m.end - s.start] for s in said for m in s.manner if m.phones}
    assert {"Macon", "Mobile", "Altamaha", "Chattahoochee"} <= followed
    not_followed = {n.text for s in said for n in s.notices if n.code == "pronunciation-not-used"}
    assert {"N.", '"'} <= not_followed  # north, Democratic: words that are not written
    first = next(s for s in book.reading[0].sentences() if s.kind == "sentence")
    assert first.spoken.startswith(
        "georgia, a southern state of the United States of America, one of the thirteen original states, "
        "situated "
        "between thirty degrees thirty one minutes thirty nine seconds and thirty five degrees N, and between"
    )
    history = book.reading[-1]
    rows = [s.spoken for s in history.sentences() if s.kind == "row"]
    assert rows[1] == "James Edward Oglethorpe, seventeen thirty two to seventeen forty three"
    assert not any("nomenclature" in s.text for s in history.sentences())  # note 1
    assert any("nomenclature" in n.text for n in history.notices())


def test_wasteland(samples: Path) -> None:
    book = read_book(samples / "wasteland.epub")
    assert [c.title for c in book.reading][1] == "I. THE BURIAL OF THE DEAD"
    lines = [s for s in book.reading[1].sentences() if s.kind == "verse"]
    assert lines[0].spoken == "April is the cruellest month, breeding"
    assert lines[9].text == "And went on in sunlight, into the Hofgarten,"  # line 10, without its number
    by_text = {line.text: line for line in lines}
    last = by_text["I read, much of the night, and go south in the winter."]
    assert last.pause_after_s > by_text["In the mountains, there you feel free."].pause_after_s  # the stanza ends
    assert [c.matter for c in book.chapters][-1] == "back"
    epigraph = [n for s in book.reading[0].sentences() for n in s.notices]
    assert {n.code for n in epigraph} == {"other-script", "language-not-used"}


def test_speed(samples: Path, tmp_path: Path) -> None:
    """About a megabyte of text a second; measured against bare tokenising in the same run."""
    text = read_book(samples / "childrens-literature.epub").reading[-1].text
    path = tmp_path / "long.txt"
    path.write_text(f"{text}\n\n" * 20, encoding="utf-8")
    ratios = []
    for _ in range(2):
        start = time.process_time()
        bare = [(m.group(), m.start(), m.end()) for m in re.finditer(r"\w+|[^\w\s]", path.read_text(encoding="utf-8"))]
        middle = time.process_time()
        count = sum(1 for chapter in read_book(path).chapters for _ in chapter.sentences())
        ratios.append((time.process_time() - middle) / (middle - start))
    assert len(bare) > 200_000
    assert count > 5000
    assert min(ratios) < 15  # 5 as a rule: bare tokenising does some 5 MB a second
