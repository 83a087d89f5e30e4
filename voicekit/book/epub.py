"""EPUB 2 and 3 to a `Book`.

At opening, each document is parsed once, one at a time, to find chapters and
whatever is damaged before any work is done; nothing of it is kept but the
plan. A chapter's text is parsed again when it is asked for.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from voicekit.book.archive import Archive
from voicekit.book.blocks import Block, ReadingPolicy, count_words, title_line
from voicekit.book.markup import parse_xhtml
from voicekit.book.model import Book, Chapter
from voicekit.book.package import Package, SpineItem, TocEntry, read_lexicons, read_package, read_toc
from voicekit.book.xhtml import Document, read_document
from voicekit.errors import InputError
from voicekit.text import Lexicon, LexiconEntry, Notice

__all__ = ["classify", "read_epub"]

_ROLE_BY_TITLE = (
    (re.compile(r"(?:the\s+)?(?:table of\s+)?contents", re.I), "toc"),
    (re.compile(r"list of (?:illustrations|figures|plates|maps)|illustrations", re.I), "loi"),
    (re.compile(r"list of tables", re.I), "lot"),
    (re.compile(r"copyright(?:\s+(?:page|notice|information))?|imprint", re.I), "copyright-page"),
    (re.compile(r"cover(?:\s+(?:page|image))?|front cover|back cover", re.I), "cover"),
    (re.compile(r"(?:general\s+)?index", re.I), "index"),
    (re.compile(r"(?:foot|end)?notes", re.I), "endnotes"),
    (re.compile(r"title\s*page|half\s*title", re.I), "titlepage"),
    (re.compile(r"dedication", re.I), "dedication"),
    (re.compile(r"epigraph", re.I), "epigraph"),
    (re.compile(r"foreword", re.I), "foreword"),
    (re.compile(r"preface", re.I), "preface"),
    (re.compile(r"acknowledge?ments?", re.I), "acknowledgments"),
    (re.compile(r"afterword", re.I), "afterword"),
    (re.compile(r"appendix(?:\s+\w+)?", re.I), "appendix"),
    (re.compile(r"bibliography|works cited|references", re.I), "bibliography"),
    (re.compile(r"glossary", re.I), "glossary"),
    (re.compile(r"colophon", re.I), "colophon"),
    (re.compile(r"also by\b.*|about the (?:author|publisher)|other books by\b.*", re.I), "backmatter"),
)
_COPYRIGHT = re.compile(r"all rights reserved|\bISBN\b|copyright ©|© ?\d{4}|library of congress catalog", re.I)
_BACK = frozenset(
    {
        "index",
        "endnotes",
        "afterword",
        "appendix",
        "bibliography",
        "glossary",
        "colophon",
        "backmatter",
        "rearnotes",
        "footnotes",
        "notes",
    }
)
_FRONT = frozenset(
    {
        "toc",
        "loi",
        "lot",
        "copyright-page",
        "cover",
        "titlepage",
        "halftitlepage",
        "dedication",
        "epigraph",
        "foreword",
        "preface",
        "acknowledgments",
        "frontmatter",
    }
)


def classify(title: str, text: str = "", words: int = 0) -> str:
    """Role of a part by its title, or (a short text) by what a copyright page says; empty if none."""
    bare = title.strip().strip(".:—- ").strip()
    for pattern, role in _ROLE_BY_TITLE:
        if bare and pattern.fullmatch(bare):
            return role
    if 0 < words < 400 and len(_COPYRIGHT.findall(text)) >= 2:
        return "copyright-page"
    return ""


@dataclass
class _Part:
    """A run of blocks of one document; consecutive parts make a chapter."""

    document: int
    first: int
    last: int
    title: str = ""
    depth: int = 1
    from_toc: bool = False
    role: str = ""
    reason: str = ""
    words: int = 0
    characters: int = 0
    heading_only: bool = False
    has_heading: bool = False


@dataclass
class _Loader:
    """Reads documents of the book again; keeps the last one, as chapters often share it."""

    path: Path
    stamp: tuple[int, int]
    spine: tuple[SpineItem, ...]
    policy: ReadingPolicy
    kept: tuple[int, Document] | None = field(default=None)

    def document(self, index: int) -> Document:
        if self.kept is not None and self.kept[0] == index:
            return self.kept[1]
        if _stamp(self.path) != self.stamp:
            raise InputError(self.path, "", "has changed since it was opened", "start again with the new file")
        with Archive(self.path) as archive:
            document = _parse(archive, self.spine[index], self.policy)[0]
        self.kept = (index, document)
        return document

    def blocks(self, parts: tuple[_Part, ...]) -> list[Block]:
        found: list[Block] = []
        for part in parts:
            blocks = self.document(part.document).blocks[part.first : part.last]
            if part.reason:
                blocks = [replace(b, read=False, reason=b.reason or part.reason) for b in blocks]
            found += blocks
        return found


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(path, "", f"cannot be read ({error.strerror})", "check the file") from error
    return status.st_size, status.st_mtime_ns


def _parse(archive: Archive, item: SpineItem, policy: ReadingPolicy) -> tuple[Document, str]:
    root, wrong = parse_xhtml(archive.read(item.name), str(archive.path), item.name)
    return read_document(root, policy, role="toc" if item.is_nav else ""), wrong


def read_epub(path: Path, policy: ReadingPolicy) -> Book:
    """Open an EPUB.

    Raises
    ------
    InputError
        Damaged, protected, hostile, or without text.
    """
    stamp = _stamp(path)
    with Archive(path) as archive:
        package = read_package(archive)
        entries, toc_notices = read_toc(archive, package)
        notices = [*package.notices, *toc_notices]
        parts: list[_Part] = []
        for index, item in enumerate(package.spine):
            document, wrong = _parse(archive, item, policy)
            if wrong:
                detail = f"is not well-formed and was read as browsers do ({wrong})"
                notices.append(Notice("malformed-document", "", 0, 0, detail, item.name))
            here = [entry for entry in entries if entry.name == item.name]
            parts += _plan(document, index, item, here, policy, notices)
        phonemes, aliases = read_lexicons(archive, package)
        if package.language and not package.language.lower().startswith("en"):
            detail = "the book is not in English; it is said with English sounds, if its language is known"
            notices.append(Notice("language-not-english", package.language, 0, 0, detail, package.path))
    lexicon = Lexicon(LexiconEntry(w, s, note="the book's own lexicon") for w, s in aliases) if aliases else None
    loader = _Loader(path, stamp, package.spine, policy)
    chapters = _chapters(parts, package, loader, bool(entries), policy)
    chapters = tuple(replace(one, lexicon=lexicon, pronunciations=tuple(phonemes)) for one in chapters)
    if not any(chapter.words for chapter in chapters):
        raise InputError(
            path,
            "",
            "holds no text to read aloud",
            "it may be a book of images; give one with text, or its plain text",
        )
    return Book(
        package.title or path.stem,
        package.authors,
        package.language,
        chapters,
        tuple(notices),
        str(path),
        "epub",
        _sha256(path),
        tuple(phonemes),
        lexicon,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _plan(
    document: Document,
    index: int,
    item: SpineItem,
    entries: list[TocEntry],
    policy: ReadingPolicy,
    notices: list[Notice],
) -> list[_Part]:
    """Cut a document at the places that the table of contents leads to."""
    blocks = document.blocks
    if not blocks:
        notices.append(Notice("document-without-text", "", 0, 0, "holds no text", item.name))
        return []
    cuts: dict[int, TocEntry] = {}
    for entry in entries:
        place = document.anchors.get(entry.fragment) if entry.fragment else 0
        if place is None:
            detail = f"the contents lead to #{entry.fragment}, which is not there"
            notices.append(Notice("contents-entry-ignored", entry.label, 0, 0, detail, item.name))
            place = 0 if len(entries) == 1 else None
        if place is not None and place < len(blocks):
            cuts.setdefault(_before_only_marks(blocks, place), entry)
    starts = sorted({0, *cuts})
    parts: list[_Part] = []
    for first, last in zip(starts, [*starts[1:], len(blocks)], strict=True):
        found = cuts.get(first)
        part = _Part(index, first, last)
        if found:
            part.title, part.depth, part.from_toc = found.label, found.depth, True
        _measure(part, blocks[first:last], document, item, policy)
        parts.append(part)
    return parts


def _before_only_marks(blocks: list[Block], place: int) -> int:
    """A chapter that begins after a scene break or nothing but marks takes them in."""
    while place > 0 and blocks[place - 1].kind == "break" and not blocks[place - 1].text and place == 1:
        place -= 1
    return place


def _measure(part: _Part, blocks: list[Block], document: Document, item: SpineItem, policy: ReadingPolicy) -> None:
    read = [block for block in blocks if block.read and block.kind != "break"]
    part.words = sum(count_words(block.text) for block in read)
    part.characters = sum(len(block.text) for block in read)
    headings = [block for block in blocks if block.kind == "heading"]
    part.has_heading = any(block.kind == "heading" and block.level <= 3 for block in blocks[:4])
    part.heading_only = bool(headings) and all(block.kind in ("heading", "break") for block in blocks)
    if not part.title:
        part.title = title_line(headings[0].text) if headings else document.title if part.first == 0 else ""
    roles = {block.role for block in blocks if block.text}
    part.role = roles.pop() if len(roles) == 1 else ""
    sample = " ".join(block.text for block in read[:40]) if part.words < 400 else ""
    if not part.role and document.body_role in _FRONT | _BACK:
        part.role = document.body_role
    part.role = part.role or classify(part.title, sample, part.words)
    if not item.linear and not policy.nonlinear:
        part.reason = "outside the main reading order (linear=no)"
    elif policy.refusal(part.role):
        part.reason = policy.refusal(part.role)


def _chapters(
    parts: list[_Part],
    package: Package,
    loader: _Loader,
    has_toc: bool,
    policy: ReadingPolicy,
) -> tuple[Chapter, ...]:
    """Join parts to chapters: a title alone goes with what follows, a split file with what precedes."""
    groups: list[list[_Part]] = []
    seen_toc = False
    for part in parts:
        before = groups[-1] if groups else None
        joins = False
        if before is not None and before[-1].reason == part.reason:
            if all(p.heading_only for p in before) and before[-1].words < 40 and before[-1].from_toc:
                joins = True  # "Part One" goes with "Chapter One"
            elif before[-1].role != part.role:
                joins = False
            elif part.from_toc:
                joins = part.depth > 1 and part.words < policy.merge_below_words
            elif part.first == 0:
                joins = has_toc and seen_toc and not part.has_heading
        seen_toc = seen_toc or part.from_toc
        if joins and before is not None:
            before.append(part)
        else:
            groups.append([part])
    chapters: list[Chapter] = []
    body = _body_range(groups)
    for index, group in enumerate(groups):
        titled = [p for p in group if p.title and not p.heading_only] or [p for p in group if p.title]
        lead = next((p for p in group if p.from_toc and not p.heading_only), titled[0] if titled else group[0])
        words = sum(p.words for p in group if not p.reason)
        reason = group[0].reason or ("" if words else "nothing in it is read")
        matter = "front" if index < body[0] else "back" if index >= body[1] else "body"
        frozen = tuple(group)
        chapters.append(
            Chapter(
                lead.title or f"Part {index + 1}",
                index,
                package.spine[group[0].document].name,
                matter,
                not reason,
                reason,
                words,
                sum(p.characters for p in group if not p.reason),
                load=lambda chosen=frozen: loader.blocks(chosen),  # type: ignore[misc]
            )
        )
    return tuple(chapters)


def _body_range(groups: list[list[_Part]]) -> tuple[int, int]:
    """First and one past the last chapter of the body: what lies between front and back matter."""
    silent = [bool(group[0].reason) or not any(p.words for p in group) for group in groups]
    is_front = [quiet or group[-1].role in _FRONT for quiet, group in zip(silent, groups, strict=True)]
    is_back = [quiet or group[-1].role in _BACK for quiet, group in zip(silent, groups, strict=True)]
    first = next((i for i, front in enumerate(is_front) if not front and groups[i][0].role not in _BACK), 0)
    last = len(groups)
    while last > first + 1 and is_back[last - 1]:
        last -= 1
    return first, last
