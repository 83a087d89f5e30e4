"""The package of an EPUB: container, OPF, spine, table of contents (nav or NCX), lexicons."""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree

from voicekit.book.archive import Archive
from voicekit.book.markup import parse_xhtml, parse_xml
from voicekit.book.model import Pronunciation
from voicekit.errors import InputError
from voicekit.text import Notice

__all__ = ["Package", "SpineItem", "TocEntry", "read_lexicons", "read_package", "read_toc"]

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
#: Algorithms that only garble embedded fonts; text stays readable.
_FONT_ALGORITHMS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_XHTML_TYPES = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document", "application/xml", "text/xml"})
_UNPROTECTED = "get the book without copy protection from where you bought it"


@dataclass(frozen=True)
class SpineItem:
    """A document in reading order."""

    name: str
    linear: bool
    is_nav: bool


@dataclass(frozen=True)
class TocEntry:
    """An entry of the table of contents that leads to a place in the book; depth 1 is the top."""

    label: str
    name: str
    fragment: str
    depth: int


@dataclass(frozen=True)
class Package:
    """What the OPF says."""

    path: str
    title: str
    authors: tuple[str, ...]
    language: str
    spine: tuple[SpineItem, ...]
    nav: str = ""
    ncx: str = ""
    lexicons: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = field(default=())


def _name(node: etree._Element) -> str:
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""


def _children(node: etree._Element, name: str) -> list[etree._Element]:
    return [child for child in node.iter() if _name(child) == name]


def _text(node: etree._Element) -> str:
    return " ".join("".join(node.itertext()).split())


def read_package(archive: Archive) -> Package:
    """Find and read the OPF.

    Raises
    ------
    InputError
        It is no EPUB, is copy-protected, or has no spine.
    """
    file = str(archive.path)
    if _CONTAINER not in archive:
        if "word/document.xml" in archive:
            raise InputError(file, "", "is a Word document, not an EPUB", "save it as EPUB, HTML or plain text")
        raise InputError(file, _CONTAINER, "is missing: this zip file is no EPUB", "give an EPUB or a text file")
    container = parse_xml(archive.read(_CONTAINER), file, _CONTAINER)
    paths = [node.get("full-path") for node in _children(container, "rootfile") if node.get("full-path")]
    path = next((p for p in paths if p in archive), None)
    if path is None:
        named = f" (it names {paths[0]!r})" if paths else ""
        raise InputError(file, _CONTAINER, f"leads to no package file{named}", "re-export the book")
    _refuse_protection(archive, file)
    root = parse_xml(archive.read(path), file, path)
    manifest = {node.get("id"): node for node in _children(root, "item") if node.get("id") and node.get("href")}
    spine_nodes = _children(root, "spine")
    if not spine_nodes:
        raise InputError(file, path, "has no spine: no reading order", "re-export the book")
    notices: list[Notice] = []
    spine = _spine(archive, path, manifest, spine_nodes[0], notices)
    if not spine:
        raise InputError(file, path, "its spine names no document that is in the file", "re-export the book")
    title, authors, language = _metadata(root)
    nav = next((n for n in manifest.values() if "nav" in (n.get("properties") or "").split()), None)
    ncx_nodes = [manifest.get(spine_nodes[0].get("toc"))]
    ncx_nodes += [n for n in manifest.values() if n.get("media-type") == "application/x-dtbncx+xml"]
    ncx_node = next((n for n in ncx_nodes if n is not None), None)
    lexicons = [
        archive.resolve(path, n.get("href"))[0]
        for n in manifest.values()
        if n.get("media-type") == "application/pls+xml"
    ]
    return Package(
        path, title, authors, language, tuple(spine),
        nav=archive.resolve(path, nav.get("href"))[0] if nav is not None else "",
        ncx=archive.resolve(path, ncx_node.get("href"))[0] if ncx_node is not None else "",
        lexicons=tuple(name for name in lexicons if name in archive), notices=tuple(notices),
    )  # fmt: skip


def _refuse_protection(archive: Archive, file: str) -> None:
    if "META-INF/license.lcpl" in archive or "META-INF/rights.xml" in archive:
        raise InputError(file, "META-INF", "the book is copy-protected (DRM)", _UNPROTECTED)
    if _ENCRYPTION not in archive:
        return
    root = parse_xml(archive.read(_ENCRYPTION), file, _ENCRYPTION)
    for data in _children(root, "EncryptedData"):
        method = next((n.get("Algorithm") or "" for n in _children(data, "EncryptionMethod")), "")
        target = next((n.get("URI") or "" for n in _children(data, "CipherReference")), "")
        if method not in _FONT_ALGORITHMS:
            raise InputError(
                file, target or _ENCRYPTION, "is encrypted: the book is copy-protected (DRM)", _UNPROTECTED
            )


def _spine(
    archive: Archive,
    path: str,
    manifest: dict[str, etree._Element],
    spine: etree._Element,
    notices: list[Notice],
) -> list[SpineItem]:
    items: list[SpineItem] = []
    for reference in _children(spine, "itemref"):
        idref = reference.get("idref") or ""
        node = manifest.get(idref)
        if node is None:
            notices.append(
                Notice("spine-item-missing", idref, 0, 0, "named in the spine but not in the manifest", path)
            )
            continue
        name, _ = archive.resolve(path, node.get("href"))
        if name not in archive:
            raise InputError(
                str(archive.path),
                name,
                "is in the reading order but not in the file",
                "get the file again, or re-export it",
            )
        media_type = (node.get("media-type") or "").lower()
        if media_type not in _XHTML_TYPES and not name.lower().endswith((".xhtml", ".html", ".htm", ".xml")):
            notices.append(
                Notice("document-without-text", name, 0, 0, f"a page of type {media_type} is not read", name)
            )
            continue
        is_nav = "nav" in (node.get("properties") or "").split()
        items.append(SpineItem(name, (reference.get("linear") or "yes").lower() != "no", is_nav))
    return items


def _metadata(root: etree._Element) -> tuple[str, tuple[str, ...], str]:
    """Main title, authors, language; EPUB 3 refinements and EPUB 2 attributes."""
    refined: dict[str, dict[str, str]] = {}
    for meta in _children(root, "meta"):
        target = (meta.get("refines") or "").lstrip("#")
        if target and meta.get("property"):
            refined.setdefault(target, {})[meta.get("property")] = _text(meta)
    titles = [node for node in _children(root, "title") if _text(node)]
    main = next((n for n in titles if refined.get(n.get("id"), {}).get("title-type") == "main"), None)
    title = _text(main if main is not None else titles[0]) if titles else ""
    authors: list[str] = []
    for node in _children(root, "creator"):
        role = refined.get(node.get("id"), {}).get("role", "")
        role = role or next((v for k, v in node.attrib.items() if str(k).endswith("}role")), "")
        if _text(node) and role in ("", "aut"):
            authors.append(_text(node))
    languages = [_text(node) for node in _children(root, "language") if _text(node)]
    return title, tuple(dict.fromkeys(authors)), languages[0] if languages else ""


def read_toc(archive: Archive, package: Package) -> tuple[list[TocEntry], list[Notice]]:
    """Entries of the table of contents in order, nested ones after their parent; hidden ones left out."""
    notices: list[Notice] = []
    entries: list[TocEntry] = []
    if package.nav and package.nav in archive:
        root, _ = parse_xhtml(archive.read(package.nav), str(archive.path), package.nav)
        navs = _children(root, "nav")
        toc = next((n for n in navs if "toc" in _nav_types(n)), navs[0] if navs else None)
        top = next((child for child in toc if _name(child) == "ol"), None) if toc is not None else None
        if top is not None:
            _nav_list(archive, package.nav, top, 1, entries, notices)
    if not entries and package.ncx and package.ncx in archive:
        root = parse_xml(archive.read(package.ncx), str(archive.path), package.ncx)
        for nav_map in _children(root, "navMap")[:1]:
            _ncx_points(archive, package.ncx, nav_map, 1, entries, notices)
    if not entries:
        notices.append(
            Notice("no-contents", "", 0, 0, "the book has no table of contents; its documents are its chapters")
        )
    return entries, notices


def _nav_types(node: etree._Element) -> list[str]:
    kinds = node.get("{http://www.idpf.org/2007/ops}type") or node.get("epub:type") or ""
    return [*kinds.split(), *("toc" for r in (node.get("role") or "").split() if r == "doc-toc")]


def _add(
    archive: Archive,
    base: str,
    label: str,
    href: str,
    depth: int,
    entries: list[TocEntry],
    notices: list[Notice],
) -> None:
    try:
        name, fragment = archive.resolve(base, href)
    except InputError as error:
        notices.append(Notice("contents-entry-ignored", label, 0, 0, error.problem, base))
        return
    entries.append(TocEntry(label, name, fragment, depth))


def _nav_list(
    archive: Archive,
    base: str,
    ol: etree._Element,
    depth: int,
    entries: list[TocEntry],
    notices: list[Notice],
) -> None:
    for li in ol:
        if _name(li) != "li" or li.get("hidden") is not None:
            continue
        link = next((c for c in li.iter() if _name(c) in ("a", "ol")), None)
        own = link is not None and _name(link) == "a" and link.get("href")
        if own and link is not None:
            _add(archive, base, _text(link), link.get("href"), depth, entries, notices)
        for child in li:
            if _name(child) == "ol" and child.get("hidden") is None:
                _nav_list(archive, base, child, depth + 1, entries, notices)


def _ncx_points(
    archive: Archive,
    base: str,
    node: etree._Element,
    depth: int,
    entries: list[TocEntry],
    notices: list[Notice],
) -> None:
    for point in node:
        if _name(point) != "navPoint":
            continue
        label = next((_text(c) for c in point if _name(c) == "navLabel"), "")
        href = next((c.get("src") for c in point if _name(c) == "content" and c.get("src")), None)
        if href:
            _add(archive, base, label, href, depth, entries, notices)
        _ncx_points(archive, base, point, depth + 1, entries, notices)


def read_lexicons(archive: Archive, package: Package) -> tuple[list[Pronunciation], list[tuple[str, str]]]:
    """Entries of the book's PLS lexicons: phonemes, and aliases (written, spoken)."""
    phonemes: list[Pronunciation] = []
    aliases: list[tuple[str, str]] = []
    for name in package.lexicons:
        root = parse_xml(archive.read(name), str(archive.path), name)
        alphabet = root.get("alphabet") or "ipa"
        for lexeme in _children(root, "lexeme"):
            written = [_text(node) for node in _children(lexeme, "grapheme") if _text(node)]
            said = next((_text(node) for node in _children(lexeme, "phoneme") if _text(node)), "")
            alias = next((_text(node) for node in _children(lexeme, "alias") if _text(node)), "")
            for word in written:
                if alias:
                    aliases.append((word, alias))
                elif said:
                    phonemes.append(Pronunciation(word, said, alphabet))
    return phonemes, aliases
