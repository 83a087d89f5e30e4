"""The zip file of an EPUB, read with limits: nothing is unpacked, nothing is believed."""

from __future__ import annotations

import lzma
import posixpath
import struct
import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

from voicekit.errors import InputError

__all__ = ["Archive"]

MAX_MEMBERS = 20_000
MAX_DOCUMENT_BYTES = 64 * 2**20
MAX_TOTAL_BYTES = 1024 * 2**20
#: Text compresses 3 to 6 times, at the very most some 50 times; zip bombs a thousand times.
MAX_RATIO = 200
SMALL_BYTES = 2**20
_DAMAGED = "is damaged or cut short"
_AGAIN = "get the file again"


class Archive:
    """Members of a zip file by name, each read whole under a cap.

    Raises
    ------
    InputError
        The file is no zip file, damaged, encrypted, or unreasonably large.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._total = 0
        try:
            self._zip = zipfile.ZipFile(path)
        except zipfile.BadZipFile:
            raise InputError(path, "", f"{_DAMAGED}: it has no table of contents of a zip file", _AGAIN) from None
        except (OSError, ValueError, NotImplementedError, struct.error) as error:
            raise InputError(path, "", f"cannot be opened ({error})", "check the file") from error
        infos = self._zip.infolist()
        if len(infos) > MAX_MEMBERS:
            self._zip.close()
            raise InputError(
                path, "", f"holds {len(infos)} members, more than {MAX_MEMBERS}", "this is no ordinary book"
            )
        self._infos = {info.filename: info for info in infos}

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def __contains__(self, name: str) -> bool:
        return name in self._infos

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all members."""
        return tuple(self._infos)

    def read(self, name: str) -> bytes:
        """Bytes of a member.

        Raises
        ------
        InputError
            It is not there, encrypted, damaged, or a zip bomb.
        """
        info = self._infos.get(name)
        if info is None:
            raise InputError(self.path, name, "is named in the book but is not in the file", "re-export the book")
        if info.flag_bits & 0x1:
            raise InputError(self.path, name, "is encrypted", "give the book without copy protection")
        limit = MAX_DOCUMENT_BYTES
        if info.file_size > SMALL_BYTES:
            limit = min(limit, max(SMALL_BYTES, info.compress_size * MAX_RATIO))
        try:
            with self._zip.open(info) as member:
                data = member.read(limit + 1)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, struct.error, ValueError) as error:
            # ValueError: among others a name in the member's own header that is no UTF-8
            raise InputError(self.path, name, f"{_DAMAGED} ({error})", _AGAIN) from None
        except (NotImplementedError, RuntimeError) as error:
            raise InputError(self.path, name, f"cannot be unpacked ({error})", "re-export the book") from None
        self._total += len(data)
        if len(data) > limit or info.file_size > limit:
            raise InputError(
                self.path,
                name,
                f"unpacks to more than {limit // 2**20} MiB from {info.compress_size} bytes: "
                "this looks like a zip bomb",
                "do not use this file; a book's document is far smaller",
            )
        if self._total > MAX_TOTAL_BYTES:
            raise InputError(
                self.path, name, f"the book unpacks to more than {MAX_TOTAL_BYTES // 2**20} MiB", "split it"
            )
        return data

    def resolve(self, base: str, href: str) -> tuple[str, str]:
        """Member and fragment that ``href`` in member ``base`` points to.

        Raises
        ------
        InputError
            It points out of the file.
        """
        parts = urlsplit(href)
        if parts.scheme or parts.netloc:
            raise InputError(self.path, base, f"points outside the book: {href!r}", "re-export the book")
        target = unquote(parts.path)
        if not target:
            return base, unquote(parts.fragment)
        name = posixpath.normpath(posixpath.join(posixpath.dirname(base), target))
        if name.startswith(("../", "/")) or name == ".." or "\\" in name or "\x00" in name:
            raise InputError(self.path, base, f"points out of the book's folder: {href!r}", "do not use this file")
        return name, unquote(parts.fragment)
