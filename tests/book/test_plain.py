"""Plain text, Markdown and HTML to chapters."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicekit.book import Book, ReadingPolicy, book_from_text, read_book


def spoken(book: Book) -> list[list[str]]:
    return [[sentence.spoken for sentence in chapter.sentences()] for chapter in book.chapters]


def test_chapters_by_their_headings() -> None:
    text = (
        "CHAPTER I\n\nDown the Hole\n\nAlice was tired.\nShe sat.\n\nCHAPTER II.\nThe Pool\n\n"
        "Curious!\n\n* * *\n\nEnd.\n\n"
        "III\n\nThree.\n\nEPILOGUE\n\nBye."
    )
    book = book_from_text(text, title="Alice")
    assert [c.title for c in book.chapters] == ["CHAPTER I", "CHAPTER II. The Pool", "III", "EPILOGUE"]
    assert spoken(book) == [
        ["chapter one", "Down the Hole", "Alice was tired.", "She sat."],
        ["chapter two.", "The Pool", "Curious!", "End."],
        ["three", "Three."],
        ["epilogue", "Bye."],
    ]


@pytest.mark.parametrize(
    "line",
    [
        "I",
        "Chapter one was the hardest to write of them all.",
        "Part of the crowd went home.",
        "“WHAT?”",
        "He said 5",
        "I went.",
        "Book one of these, please,",
    ],
)
def test_what_is_no_heading(line: str) -> None:
    book = book_from_text(f"He came.\n\n{line}\n\nHe went.")
    assert len(book.chapters) == 1
    assert [b.kind for b in book.chapters[0].blocks][1] == "paragraph"


def test_gutenberg_frame_is_kept_but_not_read() -> None:
    text = (
        "The Project Gutenberg eBook of Emma\n\nTitle: Emma\n\nAuthor: Jane Austen\n\nLanguage: English\n\n"
        "*** START OF THE PROJECT GUTENBERG EBOOK EMMA ***\n\nCHAPTER I\n\nEmma Woodhouse, handsome.\n\n"
        "*** END OF THE PROJECT GUTENBERG EBOOK EMMA ***\n\nLicence text here."
    )
    book = book_from_text(text, name="emma.txt")
    assert (book.title, book.authors, book.language) == ("Emma", ("Jane Austen",), "en")
    assert spoken(book) == [[], ["chapter one", "Emma Woodhouse, handsome."], []]
    assert [c.matter for c in book.chapters] == ["front", "body", "back"]
    assert [c.read for c in book.chapters] == [False, True, False]
    kept = "".join(c.text for c in book.chapters)
    assert "Title: Emma" in kept and "Licence text here." in kept
    assert [n.code for n in book.notices] == ["gutenberg-matter", "gutenberg-matter"]


def test_verse_in_a_text() -> None:
    text = "He sang:\n\n    Tiger, tiger, burning bright\n    In the forests of the night,\n\n"
    text += "and then he slept again."
    (chapter,) = book_from_text(text).chapters
    assert [(s.kind, s.spoken) for s in chapter.sentences()] == [
        ("sentence", "He sang:"),
        ("verse", "Tiger, tiger, burning bright"),
        ("verse", "In the forests of the night,"),
        ("sentence", "and then he slept again."),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_encodings_are_told(tmp_path: Path, encoding: str) -> None:
    text = "“Café,” she said — naïve. " + "Plain words follow here. " * 4
    path = tmp_path / "book.txt"
    path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    book = read_book(path)
    assert book.chapters[0].text == text.strip()
    assert [n.code for n in book.notices] == (["encoding-guessed"] if encoding == "cp1252" else [])


def test_markdown(tmp_path: Path) -> None:
    path = tmp_path / "book.md"
    path.write_text(
        "---\nauthor: me\n---\n# One\n\nSome *stressed* and **bold** [link](http://x.org/) `code`.\n\n"
        "- first\n- second\n\n"
        "> quoted\n> twice\n\n---\n\n```\nx = 1\n```\n\nTwo\n===\n\nMore.\n<!-- hidden -->\n\n### Sub\nEnd."
    )
    book = read_book(path, policy=ReadingPolicy(code=False))
    assert [c.title for c in book.chapters] == ["One", "Two"]
    assert spoken(book) == [
        ["One", "Some stressed and bold link code.", "first", "second", "quoted twice"],
        ["Two", "More.", "Sub", "End."],
    ]
    assert [b.kind for b in book.chapters[0].blocks] == [
        "heading", "paragraph", "list", "list", "quote", "break", "code",
    ]  # fmt: skip


def test_html(tmp_path: Path) -> None:
    path = tmp_path / "book.html"
    path.write_bytes(
        b"<html><head><meta charset=windows-1252><title>T</title><script>x()</script></head>"
        b"<body><h1>One</h1>"
        b"<p>Caf\xe9 &amp; tea<br>now<h1>Two</h1>Loose text"
    )
    book = read_book(path)
    assert (book.title, book.format, [c.title for c in book.chapters]) == ("T", "html", ["One", "Two"])
    assert spoken(book) == [["One", "Café and tea now"], ["Two", "Loose text"]]


def test_the_hash_is_of_the_files_bytes(tmp_path: Path) -> None:
    path = tmp_path / "abc.txt"
    path.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert read_book(path).sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
