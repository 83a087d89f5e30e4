"""Hand-made EPUBs for the tests of books."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

CONTAINER = (
    '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
    '<rootfiles><rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/>'
    "</rootfiles></container>"
)
PAGE = (
    '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml" '
    'xmlns:epub="http://www.idpf.org/2007/ops" xmlns:ssml="http://www.w3.org/2001/10/synthesis">'
    "<head><title>{title}</title></head><body>{body}</body></html>"
)
METADATA = "<dc:title>Book</dc:title><dc:creator>Ann Author</dc:creator><dc:language>en</dc:language>"
#: Takes pages (name -> body or whole document) and options; gives the path of the EPUB.
MakeEpub = Callable[..., Path]


def page(body: str, title: str = "A page") -> str:
    return PAGE.format(body=body, title=title)


@pytest.fixture
def make_epub(tmp_path: Path) -> MakeEpub:
    def make(
        pages: dict[str, str | bytes],
        *,
        nav: str = "",
        ncx: str = "",
        spine: str = "",
        metadata: str = METADATA,
        manifest: str = "",
        extra: dict[str, str | bytes] | None = None,
        leave_out: tuple[str, ...] = (),
        name: str = "book.epub",
    ) -> Path:
        items = [f'<item id="i{n}" href="{href}" media-type="application/xhtml+xml"/>' for n, href in enumerate(pages)]
        references = spine or "".join(f'<itemref idref="i{n}"/>' for n in range(len(pages)))
        toc = ""
        members: dict[str, str | bytes] = {}
        if nav:
            items.append('<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>')
            members["OPS/nav.xhtml"] = page(f'<nav epub:type="toc"><ol>{nav}</ol></nav>')
        if ncx:
            items.append('<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>')
            toc = ' toc="ncx"'
            members["OPS/toc.ncx"] = (
                f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/" version="2005-1"><navMap>{ncx}</navMap></ncx>'
            )
        members["META-INF/container.xml"] = CONTAINER
        members["OPS/book.opf"] = (
            '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
            f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">{metadata}</metadata>'
            f"<manifest>{''.join(items)}{manifest}</manifest><spine{toc}>{references}</spine></package>"
        )
        for href, body in pages.items():
            whole = isinstance(body, bytes) or body.lstrip().startswith(("<?xml", "<!DOCTYPE", "<html"))
            members[f"OPS/{href}"] = body if whole else page(str(body))
        members |= extra or {}
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
            for member, data in members.items():
                if member not in leave_out:
                    archive.writestr(member, data)
        return path

    return make


@pytest.fixture
def samples(shared: Path) -> Path:
    return shared / "samples" / "epub"
