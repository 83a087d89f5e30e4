"""Plain text (and Markdown) to a `Book`: chapters by their headings, paragraphs by blank lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from voicekit.book.blocks import BLOCK_GAP, Block, ReadingPolicy, count_words, title_line
from voicekit.book.epub import classify
from voicekit.book.model import Book, Chapter
from voicekit.errors import InputError
from voicekit.text import Notice

__all__ = ["book_of_blocks", "book_of_plain_text"]

_PARAGRAPH = re.compile(r"(?:[^\S\n]*\S[^\n]*(?:\n|$))+")
_NUMBER_WORD = (
    r"(?:\d{1,3}|[IVXLC]+|[ivxlc]+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|"
    r"fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|(?:twenty|thirty|forty)-\w+|"
    r"the (?:first|second|third|fourth|fifth|last)|first|second|third|fourth|fifth|last)"
)
_LABELLED = re.compile(
    rf"(?:chapter|book|part|volume|canto|act|letter|stave|section)\s+{_NUMBER_WORD}\b[.:]?(?:\s*[-–—:.]?\s*\S.*)?",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(?:[IVXLC]{1,7}\.?|\d{1,3}\.?)(?:\s+[A-Z][^.!?]*)?")
_NAMED = re.compile(
    r"(?:prologue|epilogue|introduction|preface|foreword|afterword|conclusion|dedication|contents|"
    r"table of contents|appendix|acknowledge?ments|notes|index|the end)\.?",
    re.IGNORECASE,
)
_BREAK = re.compile(r"[\s*#•·~_—–⁂❦\-=+]+$")
_GUTENBERG_START = re.compile(r"^\*\*\*\s?START OF (?:THE|THIS) PROJECT GUTENBERG.*$", re.MULTILINE)
_GUTENBERG_END = re.compile(
    r"^(?:End of (?:the )?Project Gutenberg.*|\*\*\*\s?END OF (?:THE|THIS) PROJECT GUTENBERG.*)$",
    re.MULTILINE,
)
_GUTENBERG_FIELD = re.compile(r"^(Title|Author|Language):\s*(\S.*)$", re.MULTILINE)
_ATX = re.compile(r"(#{1,6})\s+(.*?)\s*#*$")
_SETEXT = re.compile(r"(.+)\n(=+|-{2,})\s*$")
_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s+\S")
_MARKDOWN_SIGNS = re.compile(r"[*_`]+|^>\s?|!?\[|\]\([^)]*\)|^\s*(?:[-*+])\s+", re.MULTILINE)


@dataclass(frozen=True)
class _Section:
    title: str
    blocks: tuple[Block, ...]


def book_of_plain_text(
    text: str,
    *,
    name: str,
    policy: ReadingPolicy,
    title: str = "",
    markdown: bool = False,
    sha256: str = "",
    notices: tuple[Notice, ...] = (),
) -> Book:
    """Chapters of a text.

    Raises
    ------
    InputError
        There is no text to read.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    fields: dict[str, str] = {}
    found_notices = list(notices)
    header = footer = ""
    if not markdown:
        header, text, footer = _split_gutenberg(text)
        for key, value in _GUTENBERG_FIELD.findall(header):
            fields.setdefault(key, value.strip())
        for part, what in ((header, "header"), (footer, "licence")):
            if part.strip():
                detail = f"the {what} of Project Gutenberg is kept but not read"
                found_notices.append(Notice("gutenberg-matter", part.strip()[:80], 0, len(part), detail, name))
    blocks = _markdown_blocks(text, policy) if markdown else _text_blocks(text, policy)
    sections = _sections(blocks)
    frame = [(header, "front", "Project Gutenberg header"), (footer, "back", "Project Gutenberg licence")]
    chapters: list[Chapter] = []
    if header.strip():
        chapters.append(_frame_chapter(*frame[0], 0, name))
    for section in sections:
        chapters.append(_chapter(section, len(chapters), name, policy, title or fields.get("Title", "") or _stem(name)))
    if footer.strip():
        chapters.append(_frame_chapter(*frame[1], len(chapters), name))
    if not any(chapter.words for chapter in chapters):
        raise InputError(name, "", "holds no text to read aloud", "give a file with text in it")
    language = "en" if fields.get("Language", "").lower().startswith("english") else ""
    return Book(
        title or fields.get("Title", "") or _stem(name),
        (fields["Author"],) if "Author" in fields else (),
        language,
        tuple(chapters),
        tuple(found_notices),
        name,
        "markdown" if markdown else "text",
        sha256,
    )


def book_of_blocks(
    blocks: list[Block], *, name: str, title: str, policy: ReadingPolicy, format: str, sha256: str
) -> Book:
    """Chapters of a document of blocks whose headings of level 1 and 2 open chapters.

    Raises
    ------
    InputError
        There is no text to read.
    """
    chapters = [
        _chapter(section, index, name, policy, title or _stem(name)) for index, section in enumerate(_sections(blocks))
    ]
    if not any(chapter.words for chapter in chapters):
        raise InputError(name, "", "holds no text to read aloud", "give a file with text in it")
    return Book(title or _stem(name), (), "", tuple(chapters), (), name, format, sha256)


def _stem(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or name


def _split_gutenberg(text: str) -> tuple[str, str, str]:
    start = _GUTENBERG_START.search(text)
    if not start:
        return "", text, ""
    end = _GUTENBERG_END.search(text, start.end())
    last = end.start() if end else len(text)
    return text[: start.end()], text[start.end() : last], text[last:]


def _frame_chapter(text: str, matter: str, title: str, index: int, name: str) -> Chapter:
    reason = "Project Gutenberg matter not read"
    block = Block("paragraph", text.strip(), read=False, reason=reason)
    return Chapter(title, index, name, matter, False, reason, 0, 0, load=lambda: [block])


def _text_blocks(text: str, policy: ReadingPolicy) -> list[Block]:
    blocks: list[Block] = []
    for found in _PARAGRAPH.finditer(text):
        raw = found.group().rstrip("\n")
        lines = raw.split("\n")
        piece = raw.strip()
        if _BREAK.fullmatch(piece):
            blocks.append(Block("break", piece))
        elif _is_heading(piece, lines):
            blocks.append(Block("heading", "\n".join(line.strip() for line in lines), level=1))
        elif _is_verse(lines):
            blocks.append(Block("verse", "\n".join(line.strip() for line in lines), last_of_group=True))
        else:
            blocks.append(Block("paragraph", piece))
    return blocks


def _is_heading(piece: str, lines: list[str]) -> bool:
    if len(lines) > 3 or len(piece) > 160:
        return False
    first = lines[0].strip()
    if _LABELLED.fullmatch(first):
        # "Part of the crowd" is no heading, nor is a sentence that begins with "Chapter one was"
        return not (
            (len(lines) == 1 and first.endswith((",", ";"))) or re.search(r"\b(?:was|is|were|had|has)\b", first)
        )
    if len(lines) > 2:
        return False
    if _NAMED.fullmatch(piece) or (_NUMBERED.fullmatch(piece) and piece != "I" and len(piece) < 80):
        return not piece.endswith("?")
    if piece[0] in "\"“‘'":
        return False  # somebody shouts
    letters = [c for c in piece if c.isalpha()]
    return len(letters) >= 4 and len(piece) <= 80 and all(c.isupper() for c in letters) and piece[-1] not in ",;!"


def _is_verse(lines: list[str]) -> bool:
    """Several short lines, indented or each opened by a capital, that do not fill the page."""
    if len(lines) < 2:
        return False
    indented = sum(1 for line in lines if line.startswith((" ", "\t"))) >= len(lines) - 1
    capitals = sum(1 for line in lines if line.lstrip(" \t\"'“‘(_")[:1].isupper()) >= 0.8 * len(lines)
    longest = max(len(line.rstrip()) for line in lines)
    if indented and longest < 66:
        return True
    return len(lines) >= 3 and capitals and longest < 56


def _sections(blocks: list[Block]) -> list[_Section]:
    """Chapters begin at headings; headings on their own go with what follows."""
    sections: list[_Section] = []
    current: list[Block] = []

    def close() -> None:
        if not current:
            return
        headings = [block for block in current if block.kind == "heading"]
        own = title_line(headings[0].text) if headings and current[0].kind == "heading" else ""
        if own and len(headings) > 1 and current[1].kind == "heading":
            own = title_line(f"{own}\n{headings[1].text}") if _LABELLED.fullmatch(own) else own
        sections.append(_Section(own, tuple(current)))
        current.clear()

    for block in blocks:
        opens = block.kind == "heading" and block.level <= 2
        if opens and any(before.kind not in ("heading", "break") for before in current):
            close()
        current.append(block)
    close()
    return sections


def _chapter(section: _Section, index: int, name: str, policy: ReadingPolicy, book_title: str) -> Chapter:
    words = sum(count_words(b.text) for b in section.blocks if b.kind != "break")
    sample = BLOCK_GAP.join(b.text for b in section.blocks[:20]) if words < 400 else ""
    role = classify(section.title, sample, words)
    if role in ("notes", "endnotes", "index") and words > 4000:
        role = ""
    reason = policy.refusal(role)
    blocks = [replace(b, read=False, reason=reason, role=role) if reason else b for b in section.blocks]
    matter = "body"
    if role:
        matter = (
            "back" if role in ("index", "endnotes", "afterword", "appendix", "bibliography", "glossary") else "front"
        )
    return Chapter(
        section.title or book_title,
        index,
        name,
        matter,
        not reason,
        reason,
        0 if reason else words,
        0 if reason else sum(len(b.text) for b in blocks),
        load=lambda: blocks,
    )


def _markdown_blocks(text: str, policy: ReadingPolicy) -> list[Block]:
    """The common core of Markdown: headings, paragraphs, lists, quotations, code fences, rules."""
    blocks: list[Block] = []
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    pieces = re.split(r"(^```.*?^```[^\n]*$|^~~~.*?^~~~[^\n]*$)", text, flags=re.DOTALL | re.MULTILINE)
    for piece in pieces:
        if piece.startswith(("```", "~~~")):
            code = "\n".join(piece.split("\n")[1:-1]).strip()
            reason = "" if policy.code else "code not read"
            if code:
                blocks.append(Block("code", code, read=not reason, reason=reason))
            continue
        for found in _PARAGRAPH.finditer(piece):
            blocks += _markdown_paragraph(found.group().rstrip("\n"))
    return blocks


def _markdown_paragraph(raw: str) -> list[Block]:
    blocks: list[Block] = []
    rest: list[str] = []

    def flush() -> None:
        body = "\n".join(rest).strip()
        rest.clear()
        if not body:
            return
        setext = _SETEXT.fullmatch(body)
        if setext:
            blocks.append(Block("heading", _bare(setext.group(1)), level=1 if setext.group(2)[0] == "=" else 2))
        elif _BREAK.fullmatch(body):
            blocks.append(Block("break", body))
        elif _ITEM.match(body):
            items = re.split(r"\n(?=\s*(?:[-*+•]|\d{1,3}[.)])\s)", body)
            blocks.extend(Block("list", _bare(item)) for item in items)
        elif body.startswith(">"):
            blocks.append(Block("quote", _bare(body)))
        else:
            blocks.append(Block("paragraph", _bare(body)))

    for line in raw.split("\n"):
        heading = _ATX.match(line.strip())
        if heading:
            flush()
            if heading.group(2):
                blocks.append(Block("heading", _bare(heading.group(2)), level=len(heading.group(1))))
        else:
            rest.append(line)
    flush()
    return blocks


def _bare(text: str) -> str:
    """Text without the signs of Markdown."""
    return _MARKDOWN_SIGNS.sub("", text).strip()
