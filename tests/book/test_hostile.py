"""Bad input: one clear error that names the file, the place and the remedy."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voicekit.book import read_book
from voicekit.errors import InputError

MakeEpub = Callable[..., Path]
PAGE = {"a.xhtml": "<h1>One</h1><p>It was a dark night. " + "It rained and rained. " * 200 + "</p>"}


def refusal(path: Path, match: str) -> InputError:
    with pytest.raises(InputError, match=match) as caught:
        for chapter in read_book(path).chapters:
            list(chapter.sentences())
    error = caught.value
    assert error.file == str(path)
    assert error.remedy
    assert "\n" not in str(error)
    return error


def rewrite(path: Path, change: Callable[[zipfile.ZipInfo, bytes], bytes | None]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, data in members:
            changed = change(info, data)
            if changed is not None:
                archive.writestr(info.filename, changed)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_truncated(make_epub: MakeEpub, share: float) -> None:
    path = make_epub(PAGE)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    refusal(path, "damaged or cut short")


def test_a_damaged_member(make_epub: MakeEpub) -> None:
    path = make_epub(PAGE)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("OPS/a.xhtml")
    data = bytearray(path.read_bytes())
    place = info.header_offset + 30 + len(info.filename) + info.compress_size // 2
    data[place] ^= 0xFF
    path.write_bytes(bytes(data))
    assert refusal(path, "damaged or cut short").place == "OPS/a.xhtml"


def test_zip_bomb(make_epub: MakeEpub) -> None:
    bomb = b"<html><body><p>" + b"0" * (80 * 2**20) + b"</p></body></html>"
    path = make_epub({"a.xhtml": bomb})
    assert path.stat().st_size < 200_000
    assert refusal(path, "zip bomb").place == "OPS/a.xhtml"


def test_a_bomb_that_lies_about_its_size(make_epub: MakeEpub) -> None:
    path = make_epub({"a.xhtml": b"<html><body><p>" + b"0" * (80 * 2**20) + b"</p></body></html>"})
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("OPS/a.xhtml")
    real = struct.pack("<I", info.file_size)
    small = struct.pack("<I", 1000)
    assert data.count(real) == 2
    path.write_bytes(bytes(data).replace(real, small))
    refusal(path, "zip bomb|damaged")


def test_billion_laughs_and_other_entities(make_epub: MakeEpub, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    for declared in ('<!ENTITY a "ha">', f'<!ENTITY a SYSTEM "{secret.as_uri()}">'):
        body = f'<?xml version="1.0"?><!DOCTYPE html [{declared}]><html><body><p>&a;</p></body></html>'
        assert refusal(make_epub({"a.xhtml": body}), "entities of its own").place == "OPS/a.xhtml"
    opf = '<?xml version="1.0"?><!DOCTYPE package [<!ENTITY a "x">]><package>&a;</package>'
    assert refusal(make_epub(PAGE, extra={"OPS/book.opf": opf}), "entities of its own").place == "OPS/book.opf"


def test_paths_out_of_the_book(make_epub: MakeEpub) -> None:
    manifest = '<item id="x" href="../../etc/passwd" media-type="application/xhtml+xml"/>'
    refusal(make_epub(PAGE, manifest=manifest, spine='<itemref idref="x"/>'), "points out of the book's folder")
    manifest = '<item id="x" href="file:///etc/passwd" media-type="application/xhtml+xml"/>'
    refusal(make_epub(PAGE, manifest=manifest, spine='<itemref idref="x"/>'), "points outside the book")


def test_copy_protection(make_epub: MakeEpub) -> None:
    encryption = (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:e="http://www.w3.org/2001/04/xmlenc#">'
        '<e:EncryptedData><e:EncryptionMethod Algorithm="{}"/><e:CipherData>'
        '<e:CipherReference URI="OPS/a.xhtml"/>'
        "</e:CipherData></e:EncryptedData></encryption>"
    )
    aes = encryption.format("http://www.w3.org/2001/04/xmlenc#aes128-cbc")
    error = refusal(make_epub(PAGE, extra={"META-INF/encryption.xml": aes}), "copy-protected")
    assert error.place == "OPS/a.xhtml"
    refusal(make_epub(PAGE, extra={"META-INF/rights.xml": "<rights/>"}), "copy-protected")
    fonts = encryption.format("http://www.idpf.org/2008/embedding")
    assert read_book(make_epub(PAGE, extra={"META-INF/encryption.xml": fonts})).chapters


def test_zip_encryption(make_epub: MakeEpub) -> None:
    path = make_epub(PAGE)
    data = bytearray(path.read_bytes())
    for signature, flag_at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(signature)
        while place >= 0:
            data[place + flag_at] |= 1
            place = data.find(signature, place + 1)
    path.write_bytes(bytes(data))
    refusal(path, "is encrypted")


def test_no_text(make_epub: MakeEpub) -> None:
    refusal(
        make_epub({"a.xhtml": '<p><img src="p.png" alt="A page"/></p>', "b.xhtml": "<p> * * * </p>"}),
        "no text to read",
    )


@pytest.mark.parametrize(
    ("member", "match"),
    [
        ("META-INF/container.xml", "no EPUB"),
        ("OPS/book.opf", "no package file"),
        ("OPS/a.xhtml", "not in the file"),
    ],
)
def test_missing_members(make_epub: MakeEpub, member: str, match: str) -> None:
    refusal(make_epub(PAGE, leave_out=(member,)), match)


def test_missing_or_empty_spine_and_broken_xml(make_epub: MakeEpub) -> None:
    opf = '<package xmlns="http://www.idpf.org/2007/opf"><manifest/>{}</package>'
    refusal(make_epub(PAGE, extra={"OPS/book.opf": opf.format("")}), "has no spine")
    refusal(make_epub(PAGE, extra={"OPS/book.opf": opf.format("<spine/>")}), "names no document")
    error = refusal(make_epub(PAGE, extra={"OPS/book.opf": "<package><spine>"}), "not well-formed")
    assert error.place.startswith("OPS/book.opf, line 1")


def test_wrong_encoding_in_a_document(make_epub: MakeEpub) -> None:
    body = '<?xml version="1.0" encoding="utf-8"?><html><body><p>Caf\xe9</p></body></html>'.encode("latin-1")
    error = refusal(make_epub({"a.xhtml": body}), "not valid")
    assert error.place == f"OPS/a.xhtml, byte {body.index(0xE9)}"
    refusal(
        make_epub({"a.xhtml": b'<?xml version="1.0" encoding="klingon-1"?><html/>'}),
        "unknown encoding 'klingon-1'",
    )


def test_other_zip_files(tmp_path: Path) -> None:
    path = tmp_path / "letter.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    refusal(path, "is a Word document")
    path = tmp_path / "many.epub"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20_001):
            archive.writestr(f"{number}", "")
    refusal(path, "20001 members")


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    refusal(tmp_path / "nowhere.epub", "cannot be read")
    refusal(tmp_path / "nowhere.txt", "cannot be read")
    refusal(tmp_path, "is a folder")


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "is a PNG image, not text"),
        (b"%PDF-1.7 ...", "is a PDF, not text"),
        (b"plain text and then \x00\x01\x02\x03 not", "control byte 0x00"),
        ("Καλημέρα κόσμε, τι κάνεις σήμερα".encode("iso-8859-7"), "neither UTF-8, UTF-16 nor Windows-1252"),
        ("naïve café — señor, déjà vu".encode()[:-10] + b"\xe9\xff end", "UTF-8 but damaged"),
        (b"", "no text to read"),
        (b" \n\n * * * \n", "no text to read"),
    ],
)
def test_text_files_that_are_none(tmp_path: Path, data: bytes, match: str) -> None:
    path = tmp_path / "book.txt"
    path.write_bytes(data)
    refusal(path, match)


def test_a_wrong_encoding_named_by_the_user(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_bytes("One.\nCafé".encode("cp1252"))
    with pytest.raises(InputError, match="line 2, byte 8: is not valid utf-8"):
        read_book(path, encoding="utf-8")
    with pytest.raises(InputError, match="'nonsense' is not known"):
        read_book(path, encoding="nonsense")


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_ends_in_an_input_error_or_a_book(make_epub: MakeEpub, data: st.DataObject) -> None:
    path = make_epub(PAGE, nav='<li><a href="a.xhtml">One</a></li>', name="damaged.epub")
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(raw))
    try:
        for chapter in read_book(path).chapters:
            list(chapter.sentences())
    except InputError:
        pass


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))))
def test_any_bytes_as_text_end_in_an_input_error_or_a_book(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any.txt"
    path.write_bytes(data)
    try:
        for chapter in read_book(path).chapters:
            list(chapter.sentences())
    except InputError:
        pass


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet="<>/&;\"'= abpdivh1tr!-[]\n", max_size=120))
def test_any_markup_ends_in_an_input_error_or_a_book(make_epub: MakeEpub, body: str) -> None:
    path = make_epub({"a.xhtml": f"<html><body><p>Text.</p>{body}</body></html>"}, name="markup.epub")
    try:
        for chapter in read_book(path).chapters:
            list(chapter.sentences())
    except InputError:
        pass
