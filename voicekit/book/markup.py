"""XHTML and HTML documents to trees, hardened against hostile input."""

from __future__ import annotations

import codecs
import html.entities
import re

from lxml import etree
from lxml import html as lxml_html

from voicekit.errors import InputError

__all__ = ["decode_markup", "parse_html", "parse_xhtml", "parse_xml"]

_DECLARED = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_META = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([A-Za-z0-9._-]+)", re.IGNORECASE)
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_DOCTYPE = re.compile(r"<!DOCTYPE(?:[^\[>\"']|\"[^\"]*\"|'[^']*')*(\[.*?\]\s*)?>", re.IGNORECASE | re.DOTALL)
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode_markup(data: bytes, file: str, place: str) -> str:
    """Text of an XML or HTML document by its BOM, XML declaration or meta element; UTF-8 otherwise.

    Raises
    ------
    InputError
        The declared encoding is unknown, or the bytes are not in it.
    """
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), "")
    bom = bool(encoding)
    if not encoding and data[:4] in (b"<\x00?\x00", b"<\x00h\x00", b"<\x00!\x00"):
        encoding = "utf-16-le"
    elif not encoding and data[:4] in (b"\x00<\x00?", b"\x00<\x00h", b"\x00<\x00!"):
        encoding = "utf-16-be"
    elif not encoding:
        declared = _DECLARED.search(data[:400]) or _META.search(data[:2048])
        encoding = declared.group(1).decode("ascii") if declared else "utf-8"
        if encoding.lower() in ("iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii"):
            encoding = "cp1252"  # what is meant in practice (WHATWG Encoding Standard)
    try:
        text = data.decode(encoding)
    except LookupError:
        raise InputError(
            file, place, f"declares the unknown encoding {encoding!r}", "save the document as UTF-8"
        ) from None
    except UnicodeDecodeError as error:
        said = "has" if bom else "is read as"
        raise InputError(
            file,
            f"{place}, byte {error.start}",
            f"{said} {encoding}, but the bytes there are not valid in it",
            "declare the right encoding in the document, or save it as UTF-8",
        ) from None
    return text.removeprefix("\ufeff")


def parse_xml(data: bytes, file: str, place: str) -> etree._Element:
    """Root of an XML document (OPF, NCX, container): no entities, no DTD, no network.

    Raises
    ------
    InputError
        It is not well-formed, or declares entities of its own.
    """
    try:
        return _parse(decode_markup(data, file, place), file, place)
    except etree.XMLSyntaxError as error:
        raise InputError(
            file,
            f"{place}, line {error.lineno}",
            f"is not well-formed XML ({error.msg})",
            "repair or re-export the book",
        ) from None


def parse_xhtml(data: bytes, file: str, place: str) -> tuple[etree._Element, str]:
    """Root of an XHTML document, and what was wrong with it (empty where it is well-formed).

    A document that is not well-formed XML is read as HTML, as browsers do.
    """
    text = decode_markup(data, file, place)
    try:
        return _parse(text, file, place), ""
    except etree.XMLSyntaxError as error:
        return parse_html(text, file, place), f"line {error.lineno}: {error.msg}"


def parse_html(text: str, file: str, place: str) -> etree._Element:
    """Root of an HTML document of any quality."""
    body = _DECLARATION.sub("", text, count=1).replace("\x00", "")
    if not body.strip():
        raise InputError(file, place, "is empty", "give a document with text")
    parser = lxml_html.HTMLParser(
        no_network=True, huge_tree=False, encoding="utf-8", remove_comments=True, remove_pis=True
    )
    try:
        root = lxml_html.document_fromstring(body.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise InputError(file, place, f"cannot be read as HTML ({error})", "repair or re-export the book") from None
    return root


def _parse(text: str, file: str, place: str) -> etree._Element:
    text = _DECLARATION.sub("", text, count=1)
    doctype = _DOCTYPE.search(text, 0, 4096)
    if "<!ENTITY" in text[: doctype.end() if doctype else 65536]:
        raise InputError(
            file,
            place,
            "declares XML entities of its own, which is not accepted",
            "re-export the book without them",
        )
    text = text[: doctype.start()] + text[doctype.end() :] if doctype else text
    if "&" in text:
        text = _ENTITY.sub(_named_character, text)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True, encoding="utf-8",
    )  # fmt: skip
    return etree.fromstring(text.lstrip().encode("utf-8", "surrogatepass"), parser)


def _named_character(found: re.Match[str]) -> str:
    name = found.group(1)
    if name in _XML_ENTITIES:
        return found.group()
    return html.entities.html5.get(name + ";", found.group())
