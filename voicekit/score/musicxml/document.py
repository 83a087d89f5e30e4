"""A MusicXML file, plain or compressed, part- or timewise, as parts of measures; no entity, no network, no DTD."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from voicekit.errors import InputError
from voicekit.score.inputs import MAX_MEMBERS, Notices, read_member

__all__ = ["MeasureXml", "PartXml", "parts_of", "root_of"]

_REMEDY = "export it from the notation program anew, as MusicXML"
MAX_PARTS = 500
MAX_MEASURES = 20_000


@dataclass(frozen=True)
class MeasureXml:
    """One measure of one part as it stands in the file; `element` is None where the part has none."""

    number: str
    implicit: bool
    element: etree._Element | None


@dataclass(frozen=True)
class PartXml:
    """One part of the file: its id, printed name, and measures."""

    ident: str
    name: str
    measures: tuple[MeasureXml, ...]


def _parsed(data: bytes, path: Path, place: str) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        line = getattr(error, "lineno", None)
        where = f"{place}, line {line}".removeprefix(", ") if line else place
        raise InputError(path, where, f"is not well-formed XML ({error})", _REMEDY) from None
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and any(True for _ in dtd.iterentities()):
        raise InputError(path, place, "declares XML entities, which are never expanded here", _REMEDY)
    for element in root.iter():
        if isinstance(element.tag, str) and element.tag.startswith("{"):
            element.tag = element.tag.rpartition("}")[2]
    return root


def root_of(data: bytes, path: Path, notices: Notices) -> etree._Element:
    """The root element of a MusicXML file; of a compressed one, of the score that its container names.

    Raises
    ------
    InputError
        It is damaged, no MusicXML, or hostile.
    """
    place = ""
    if data[:4] == b"PK\x03\x04":
        data, place = _unpacked(data, path, notices)
    root = _parsed(data, path, place)
    if root.tag not in ("score-partwise", "score-timewise"):
        raise InputError(path, place, f"is XML but no MusicXML score (its root is <{root.tag}>)", _REMEDY)
    return root


def _unpacked(data: bytes, path: Path, notices: Notices) -> tuple[bytes, str]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(path, "", f"is a damaged zip file ({error})", "get the file again") from None
    with archive:
        names = archive.namelist()
        if len(names) > MAX_MEMBERS:
            raise InputError(path, "", f"holds {len(names)} members", "this is no ordinary score")
        if "META-INF/container.xml" in names:
            container = _parsed(read_member(archive, "META-INF/container.xml", path), path, "META-INF/container.xml")
            for rootfile in container.iter("rootfile"):
                if rootfile.get("media-type", "application/vnd.recordare.musicxml+xml").endswith("musicxml+xml"):
                    name = rootfile.get("full-path", "")
                    return read_member(archive, name, path), name
        for name in names:
            if name.lower().endswith((".musicxml", ".xml")) and not name.startswith("META-INF/"):
                notices.add(name, "the container names no score; the first one in it was taken")
                return read_member(archive, name, path), name
    raise InputError(path, "", "is a zip file without a MusicXML score", _REMEDY)


def parts_of(root: etree._Element, path: Path) -> tuple[PartXml, ...]:
    """All parts in the order of the part list, each with as many measures as the longest.

    Raises
    ------
    InputError
        The part list and the parts do not fit, or there are too many of them.
    """
    names = {
        entry.get("id", ""): " ".join((entry.findtext("part-name") or "").split())
        for entry in root.iterfind("part-list/score-part")
    }
    measures: dict[str, list[MeasureXml]] = {ident: [] for ident in names}
    for index, (ident, measure) in enumerate(_walk(root)):
        if ident not in measures:
            raise InputError(path, f"part {ident!r}", "is not in the part list", _REMEDY)
        if index > MAX_PARTS * MAX_MEASURES or len(measures) > MAX_PARTS:
            raise InputError(path, "", "has too many parts or measures", "this is no ordinary score")
        measures[ident].append(measure)
    longest = max(measures.values(), key=len, default=[])
    if not longest:
        raise InputError(path, "", "has no part with a measure", _REMEDY)
    if len(longest) > MAX_MEASURES:
        raise InputError(path, "", f"has {len(longest)} measures", "this is no ordinary score")
    for row in measures.values():
        row.extend(MeasureXml(m.number, m.implicit, None) for m in longest[len(row) :])
    return tuple(PartXml(ident, names[ident], tuple(row)) for ident, row in measures.items())


def _walk(root: etree._Element) -> Iterator[tuple[str, MeasureXml]]:
    """Part id and measure, whichever way the file nests them."""
    if root.tag == "score-partwise":
        for part in root.iterfind("part"):
            for measure in part.iterfind("measure"):
                number, implicit = measure.get("number", ""), measure.get("implicit") == "yes"
                yield part.get("id", ""), MeasureXml(number, implicit, measure)
        return
    for measure in root.iterfind("measure"):
        number, implicit = measure.get("number", ""), measure.get("implicit") == "yes"
        for part in measure.iterfind("part"):
            yield part.get("id", ""), MeasureXml(number, implicit, part)
