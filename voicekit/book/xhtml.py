"""A document's tree to blocks of text, in reading order, with nothing lost unsaid."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TypeVar

from lxml import etree

from voicekit.book.blocks import Block, Hint, ReadingPolicy, Skipped, Span
from voicekit.book.marks import language_of_node, mark_of

__all__ = ["Document", "read_document"]

_EPUB_TYPE = "{http://www.idpf.org/2007/ops}type"
_SSML = "{http://www.w3.org/2001/10/synthesis}"
#: White space that must change to become one space; a space alone is left as it is.
_SPACE = re.compile(r"[\t\n\r\f][ \t\n\r\f]*| [ \t\n\r\f]+")

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    [
        "p",
        "div",
        "section",
        "article",
        "aside",
        "header",
        "footer",
        "figure",
        "figcaption",
        "blockquote",
        "pre",
        "ul",
        "ol",
        "dl",
        "li",
        "dt",
        "dd",
        "table",
        "caption",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "nav",
        "main",
        "address",
        "center",
        "details",
        "summary",
        "hgroup",
        "hr",
        "body",
        "form",
        "fieldset",
        "legend",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    ]
)
_NO_TEXT = frozenset(["head", "script", "style", "template", "title", "link", "meta"])
_OBJECTS = frozenset(["svg", "math", "audio", "video", "object", "iframe", "canvas", "embed"])
_KINDS = {
    "li": "list",
    "dt": "list",
    "dd": "list",
    "blockquote": "quote",
    "figcaption": "caption",
    "caption": "caption",
    "pre": "code",
}
_VERSE_CLASS = re.compile(
    r"(?:^|[\s_-])(?:line-?group|linegroup|stanza|poem|poetry|verse|lg)(?:$|[\s_-])", re.IGNORECASE
)
_VERSE_ROLES = frozenset({"z3998:poem", "z3998:verse", "z3998:song", "z3998:hymn", "z3998:lyrics"})
_PAGE_CLASS = re.compile(r"(?:^|\s)(?:pagenum|pageno|page-?number|pb|pagebreak|page-break)(?:$|\s)", re.IGNORECASE)
_LINE_CLASS = re.compile(r"(?:^|\s)(?:lnum|linenum|line-?number|linenumber)(?:$|\s)", re.IGNORECASE)
_NOTE_CLASS = re.compile(r"(?:^|\s)(?:noteref|footnote-?ref|fnanchor|fnref|noteanchor)(?:$|\s)", re.IGNORECASE)
_NOTE_MARK = re.compile(r"[\s\[({]*(?:\d{1,4}|[*†‡§¶#‖]+|[a-zA-Z]|[ivxlc]{1,6})[\s\])}.]*$")
_BREAK = re.compile(r"[\s*#•·~_—–⁂❦❧☙\-=]+$")
_HEADING_ROLES = frozenset({"bridgehead", "title", "subtitle"})


_Placed = TypeVar("_Placed", Hint, Span)


@dataclass(frozen=True)
class Document:
    """Blocks of one document, and where its anchors stand among them."""

    blocks: list[Block]
    anchors: dict[str, int]
    title: str = ""
    body_role: str = ""


@dataclass(frozen=True)
class _Context:
    """What an element inherits from those around it."""

    kind: str = "paragraph"
    role: str = ""
    reason: str = ""
    level: int = 0
    preformatted: bool = False
    language: str = ""  # other than the document's


@dataclass
class _Builder:
    policy: ReadingPolicy
    alphabet: str = ""
    blocks: list[Block] = field(default_factory=list)
    anchors: dict[str, int] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    length: int = 0
    ends_in_space: bool = True
    skipped: list[Skipped] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    row_at: int | None = None

    def here(self) -> int:
        """Index of the block that what comes next will be in."""
        return len(self.blocks) if self.row_at is None else self.row_at

    def say(self, text: str, preformatted: bool = False) -> None:
        """Add running text, white space collapsed as a browser does."""
        if not preformatted:
            text = _SPACE.sub(" ", text)
            if self.ends_in_space and text.startswith(" "):
                text = text[1:]
        if text:
            self.parts.append(text)
            self.length += len(text)
            self.ends_in_space = text[-1] in " \n"

    def line_break(self) -> None:
        if self.parts and self.parts[-1].endswith(" "):
            self.parts[-1] = self.parts[-1][:-1]
            self.length -= 1
        self.parts.append("\n")
        self.length += 1
        self.ends_in_space = True

    def skip(self, kind: str, text: str) -> None:
        if text.strip():
            self.skipped.append(Skipped(kind, _SPACE.sub(" ", text).strip(), self.length))

    def flush(self, context: _Context, *, kind: str = "", last_of_group: bool = False) -> None:
        """Close the block under way, if anything is in it."""
        if not self.parts and not self.skipped:
            return
        text = "".join(self.parts)
        lead = len(text) - len(text.lstrip())
        text = text.strip()
        if text:
            skipped = tuple(replace(s, offset=min(max(0, s.offset - lead), len(text))) for s in self.skipped)
            hints = tuple(_moved(one, -lead, len(text)) for one in self.hints)
            spans = [Span(0, len(text), "language", context.language)] if context.language else []
            spans += [_moved(one, -lead, len(text)) for one in sorted(self.spans, key=lambda s: (s.start, -s.end))]
            kind = kind or context.kind
            if _BREAK.match(text) and kind not in ("row", "code"):
                kind = "break"
            elif kind in ("paragraph", "quote") and _is_verse(text):
                kind = "verse"
            self.blocks.append(
                Block(
                    kind,
                    text,
                    read=not context.reason,
                    reason=context.reason,
                    role=context.role,
                    level=context.level if kind == "heading" else 0,
                    last_of_group=last_of_group or (kind == "verse" and "\n" in text),
                    skipped=skipped,
                    hints=hints,
                    spans=tuple(spans),
                )
            )
            self.skipped.clear()
        else:  # what was left out alone in its paragraph belongs to the next one
            self.skipped[:] = [replace(s, offset=0) for s in self.skipped]
        self.parts.clear()
        self.hints.clear()
        self.spans.clear()
        self.length = 0
        self.ends_in_space = True


def _moved(one: _Placed, by: int, length: int) -> _Placed:
    return replace(one, start=max(0, one.start + by), end=min(one.end + by, length))


def read_document(root: etree._Element, policy: ReadingPolicy, *, role: str = "") -> Document:
    """Blocks of a document.

    Parameters
    ----------
    root : lxml element
        Root of an XHTML or HTML tree.
    policy : ReadingPolicy
    role : str
        What the whole document is (``toc`` for the navigation document), where it is known.
    """
    builder = _Builder(policy, alphabet=root.get(f"{_SSML}alphabet") or root.get("ssml:alphabet") or "")
    body = next((child for child in root.iter() if _name(child) == "body"), root)
    body_types = _types(body)
    role = role or next((t for t in body_types if policy.refusal(t) or t in ("toc", "cover")), "")
    context = _Context(role=role, reason=policy.refusal(role))
    _walk(body, builder, context)
    builder.flush(context)
    if builder.skipped:  # nothing followed: keep the account with an empty block at the end
        builder.blocks.append(Block("break", "", read=False, reason="only marks", skipped=tuple(builder.skipped)))
    title = next((_all_text(node) for node in root.iter() if _name(node) == "title"), "")
    return Document(builder.blocks, builder.anchors, title, role or (body_types[0] if body_types else ""))


def _name(node: etree._Element) -> str:
    tag = node.tag
    if not isinstance(tag, str):
        return ""
    return tag.rpartition("}")[2].lower()


def _types(node: etree._Element) -> tuple[str, ...]:
    """epub:type and ARIA ``doc-`` roles of an element, without prefix ``doc-``."""
    kinds = (node.get(_EPUB_TYPE) or node.get("epub:type") or "").split()
    kinds += [role[4:] for role in (node.get("role") or "").split() if role.startswith("doc-")]
    return tuple(kind.lower() for kind in kinds)


def _all_text(node: etree._Element) -> str:
    return _SPACE.sub(" ", "".join(node.itertext())).strip()


def _is_verse(text: str) -> bool:
    lines = [line for line in text.split("\n") if line.strip()]
    return len(lines) >= 3 and sum(len(line) for line in lines) / len(lines) < 60


def _walk(node: etree._Element, builder: _Builder, context: _Context) -> None:
    name = _name(node)
    if not name or name in _NO_TEXT:
        return
    is_block = name in _BLOCKS
    if is_block:
        builder.flush(context)
    for key in ("id", "name"):
        anchor = node.get(key)
        if anchor and (key == "id" or name == "a"):
            builder.anchors.setdefault(anchor, builder.here())
    types = _types(node)
    left_out = _left_out(node, name, types, builder.policy)
    if left_out:
        builder.skip(left_out, "".join(node.itertext()))
        if is_block:
            builder.flush(context)
        return
    if name == "br":
        builder.line_break()
        return
    if name == "hr":
        builder.blocks.append(Block("break", "", read=not context.reason, reason=context.reason, role=context.role))
        return
    if name == "img":
        _image(node, builder, context)
        return
    if name == "table":
        _table(node, builder, _inner(node, name, types, builder.policy, context))
        return
    inner = _inner(node, name, types, builder.policy, context)
    if name in ("div", "section", "blockquote", "figure") and _holds_verse(node, types):
        _verse(node, builder, replace(inner, kind="verse"))
        return
    start, block = builder.length, len(builder.blocks)
    if node.text:
        builder.say(node.text, inner.preformatted)
    for child in node:
        _walk(child, builder, inner)
        if child.tail:
            builder.say(child.tail, inner.preformatted)
    if not is_block and builder.length > start and len(builder.blocks) == block:
        _marks(node, name, types, builder, start, context, inner)
    phonemes = node.get(f"{_SSML}ph") or node.get("ssml:ph")
    if phonemes and builder.length > start:
        builder.hints.append(Hint(start, builder.length, phonemes, builder.alphabet or "ipa"))
    if is_block:
        builder.flush(inner)


def _marks(
    node: etree._Element,
    name: str,
    types: tuple[str, ...],
    builder: _Builder,
    start: int,
    context: _Context,
    inner: _Context,
) -> None:
    """Note what an inline element asks of the voice."""
    if inner.language != context.language:
        builder.spans.append(Span(start, builder.length, "language", inner.language))
    if name in ("em", "strong", "i", "q"):
        kind = mark_of(node, name, types, context.kind, inner.language, [_name(one) for one in node.iterancestors()])
        if kind:
            builder.spans.append(Span(start, builder.length, kind))


def _left_out(node: etree._Element, name: str, types: tuple[str, ...], policy: ReadingPolicy) -> str:
    """Kind of an inline piece that is not read, or an empty string."""
    css = node.get("class") or ""
    if name in _OBJECTS:
        return "object"
    if name in ("rt", "rp"):
        return "ruby"
    if not policy.page_numbers and (
        "pagebreak" in types or (css and _PAGE_CLASS.search(css) and name in ("span", "a", "div", "p"))
    ):
        text = "".join(node.itertext()).strip()
        return "page-number" if len(text) <= 24 else ""
    if not policy.line_numbers and css and _LINE_CLASS.search(css):
        return "line-number"
    if not policy.note_references and _is_note_reference(node, name, types, css):
        return "note-reference"
    if node.get("hidden") is not None and name != "body":
        return "hidden"
    return ""


def _is_note_reference(node: etree._Element, name: str, types: tuple[str, ...], css: str) -> bool:
    if name not in ("a", "sup", "span") or "annoref" in types:
        return False
    text = "".join(node.itertext()).strip()
    if not text or not _NOTE_MARK.match(text):
        return False
    if "noteref" in types or "backlink" in types or (css and _NOTE_CLASS.search(css)):
        return True
    if name == "sup":
        return any(_name(child) == "a" and child.get("href") for child in node.iter())
    parent = node.getparent()
    href = node.get("href") or ""
    raised = any(_name(child) == "sup" for child in node) or (parent is not None and _name(parent) == "sup")
    return name == "a" and "#" in href and (raised or (text[0] == "[" and text[-1] == "]"))


def _inner(
    node: etree._Element, name: str, types: tuple[str, ...], policy: ReadingPolicy, context: _Context
) -> _Context:
    kind, level, reason, role = context.kind, context.level, context.reason, context.role
    if name in _HEADINGS:
        kind, level = "heading", _HEADINGS[name]
    elif name in ("p", "div") and any(t in _HEADING_ROLES for t in types):
        kind, level = "heading", 6
    elif name in _KINDS and context.kind != "note":
        kind = _KINDS[name]
    elif name in ("p", "div") and kind == "heading":
        kind = "paragraph"
    for role_name in types:
        refused = policy.refusal(role_name)
        if refused or role_name in (
            "toc",
            "cover",
            "bibliography",
            "index",
            "titlepage",
            "epigraph",
            "dedication",
        ):
            role = role_name
            reason = reason or refused
        if role_name in ("footnote", "endnote", "rearnote", "note", "annotation"):
            role, kind = role_name, "note"
    if name == "nav" and not reason and "toc" not in types:
        reason = policy.refusal("toc")
    if name == "code" or name == "pre":
        reason = reason or ("" if policy.code else "code not read")
    if kind == "caption" and not policy.captions:
        reason = reason or "captions not read"
    if name == "table" and not policy.tables:
        reason = reason or "tables not read"
    marked = name != "body" and language_of_node(node)
    language = _other_language(node, marked) if marked else context.language
    return _Context(kind, role, reason, level, context.preformatted or name == "pre", language)


def _other_language(node: etree._Element, own: str) -> str:
    """The language an element is marked with, empty where it is its document's."""
    whole = next((tag for one in node.iterancestors("{*}html", "{*}body") if (tag := language_of_node(one))), "")
    return "" if own.partition("-")[0].lower() == whole.partition("-")[0].lower() else own


def _holds_verse(node: etree._Element, types: tuple[str, ...]) -> bool:
    """Whether the child blocks of an element are lines of verse."""
    marked = bool(_VERSE_ROLES.intersection(types)) or bool(_VERSE_CLASS.search(node.get("class") or ""))
    lines = [child for child in node if _name(child) in ("div", "p")]
    if len(lines) < 2 or any(_name(line) in _BLOCKS for child in lines for line in child):
        return False
    if marked:
        return True
    others = [
        child for child in node if _name(child) in _BLOCKS and _name(child) != "blockquote" and child not in lines
    ]
    if len(lines) < 4 or others or any(_name(child) == "p" for child in lines):
        return False
    return sum(len(_all_text(line)) for line in lines) / len(lines) < 60


def _verse(node: etree._Element, builder: _Builder, context: _Context) -> None:
    """A stanza: each child block is a line."""
    first = len(builder.blocks)
    if node.text:
        builder.say(node.text)
    for child in node:
        if _name(child) in ("div", "p"):
            builder.flush(context)
            _walk(child, builder, context)
        else:
            _walk(child, builder, context)
        if child.tail:
            builder.say(child.tail)
    builder.flush(context)
    if len(builder.blocks) > first:
        builder.blocks[-1] = replace(builder.blocks[-1], last_of_group=True)


def _table(node: etree._Element, builder: _Builder, context: _Context) -> None:
    """A table, row by row; the cells of a row become a list with commas."""
    first = len(builder.blocks)
    for child in node:
        name = _name(child)
        if name == "tr":
            _row(child, builder, context)
        elif name in ("thead", "tbody", "tfoot"):
            if child.get("id"):
                builder.anchors.setdefault(child.get("id"), builder.here())
            for row in child:
                _row(row, builder, context)
        else:
            _walk(child, builder, context)
    if len(builder.blocks) > first:
        builder.blocks[-1] = replace(builder.blocks[-1], last_of_group=True)


def _row(row: etree._Element, builder: _Builder, context: _Context) -> None:
    if _name(row) != "tr":
        _walk(row, builder, context)
        return
    if row.get("id"):
        builder.anchors.setdefault(row.get("id"), builder.here())
    builder.flush(context)
    held, outer = builder.blocks, builder.row_at
    cells: list[Block] = []
    builder.blocks, builder.row_at = cells, builder.here()
    for cell in row:
        _walk(cell, builder, context)
        builder.flush(context)
    builder.blocks, builder.row_at = held, outer
    cells = [cell for cell in cells if cell.text]
    text, skipped, hints, spans = "", [], [], []
    for cell in cells:
        if text:
            text += " " if text[-1] in ",.;:?!" else ", "
        skipped += [replace(s, offset=s.offset + len(text)) for s in cell.skipped]
        hints += [replace(h, start=h.start + len(text), end=h.end + len(text)) for h in cell.hints]
        spans += [replace(s, start=s.start + len(text), end=s.end + len(text)) for s in cell.spans]
        text += cell.text.replace("\n", " ")
    if text:
        builder.blocks.append(
            Block(
                "row",
                text,
                read=not context.reason,
                reason=context.reason,
                role=context.role or "table",
                skipped=tuple(skipped),
                hints=tuple(hints),
                spans=tuple(spans),
            )
        )


def _image(node: etree._Element, builder: _Builder, context: _Context) -> None:
    """An image is read by its alternative text where the policy says so; a drawn initial always."""
    alt = (node.get("alt") or "").strip()
    if not alt:
        return
    tail = node.tail or ""
    if len(alt) == 1 and alt.isalpha() and (tail[:1].isalpha() or node.getnext() is not None):
        builder.say(alt)
    elif builder.policy.image_text:
        builder.flush(context)
        builder.say(f"Image: {alt}")
        builder.flush(context, kind="caption")
    else:
        builder.skip("image-text", alt)
