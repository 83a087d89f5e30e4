"""Bytes of a text file to characters, with a refusal rather than a guess that garbles."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from voicekit.errors import InputError

__all__ = ["decode_text"]

_MAGIC = (
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"RIFF", "a RIFF (WAV or AVI) file"),
    (b"ID3", "an MP3 file"),
    (b"OggS", "an Ogg file"),
    (b"fLaC", "a FLAC file"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0", "an old Word document"),
    (b"{\\rtf", "an RTF document"),
    (b"SQLite format 3", "a database"),
    (b"PK\x03\x04", "a zip archive"),
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")
_REMEDY = "save it as UTF-8, or name its encoding"


def decode_text(data: bytes, path: Path | str, encoding: str | None = None) -> tuple[str, str]:
    """Text of a file, and the encoding it was read in.

    A byte order mark decides; else UTF-8 if valid; else UTF-16 if its zero bytes show it; else
    Windows-1252, unless damaged UTF-8 or another encoding is the better explanation.

    Parameters
    ----------
    data : bytes
    path : Path or str
        For error messages.
    encoding : str, optional
        Use this one and no other.

    Raises
    ------
    InputError
        It is binary, or in no encoding that can be told.
    """
    if encoding:
        return _decode(data, path, encoding), encoding
    for bom, name in _BOMS:
        if data.startswith(bom):
            return _decode(data, path, name), name
    for magic, what in _MAGIC:
        if data.startswith(magic):
            raise InputError(path, "", f"is {what}, not text", "give an EPUB, a text, Markdown or HTML file")
    wide = _utf16_by_zeros(data)
    if wide:
        return _decode(data, path, wide), wide
    control = _CONTROL.search(data)
    if control:
        raise InputError(
            path,
            f"byte {control.start()}",
            f"is not text: it has the control byte 0x{control.group()[0]:02x}",
            "give an EPUB, a text, Markdown or HTML file",
        )
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        broken = error
    good, high = len(_MULTIBYTE.findall(data)), len(_HIGH.findall(data))
    line = data.count(b"\n", 0, broken.start) + 1
    place = f"line {line}, byte {broken.start}"
    if good >= 2 and good * 2 >= high * 0.5:
        raise InputError(path, place, "is UTF-8 but damaged there", "repair that place, or save the file anew as UTF-8")
    letters = sum(1 for byte in data[:65536] if 65 <= byte <= 90 or 97 <= byte <= 122)
    sample_high = len(_HIGH.findall(data[:65536]))
    if sample_high > max(3, letters * 0.25):
        raise InputError(path, place, "is in an encoding that is neither UTF-8, UTF-16 nor Windows-1252", _REMEDY)
    return _decode(data, path, "cp1252"), "cp1252"


def _utf16_by_zeros(data: bytes) -> str:
    """Western text in UTF-16 without a byte order mark has a zero in every other byte."""
    sample = data[:4096]
    if len(sample) < 4 or len(data) % 2:
        return ""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > 0.7 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.7 * half and odd < 0.05 * half:
        return "utf-16-be"
    return ""


def _decode(data: bytes, path: Path | str, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except LookupError:
        raise InputError(
            path, "", f"the encoding {encoding!r} is not known", "name one such as utf-8 or cp1252"
        ) from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(path, f"line {line}, byte {error.start}", f"is not valid {encoding}", _REMEDY) from None
    return text.removeprefix("\ufeff")
