"""What a vault shows of a sealed voice, and what it gives of one: bytes in memory that are overwritten after use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import UsageError

__all__ = ["SealedVoice", "Unsealed"]


@dataclass(frozen=True)
class SealedVoice:
    """A sealed voice at a glance.

    Parameters
    ----------
    voice, grant, key : str
        Whose; under which grant; name of its data key.
    path : Path
        The sealed file.
    files : tuple of str
        Names of what is inside.
    bytes : int
        Length of the sealed file.
    state : str
        sealed, dead (its key was destroyed), foreign (another ledger's) or unreadable.
    problem : str
        What is wrong with it, if anything.
    """

    voice: str
    grant: str
    key: str
    path: Path
    files: tuple[str, ...]
    bytes: int
    state: str
    problem: str = ""

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {**self.__dict__, "path": str(self.path), "files": list(self.files)}


class Unsealed(Mapping[str, bytearray]):
    """Plaintext in memory, by file name. Use it in a `with` block: its end overwrites the bytes.

    What was copied out of it (a tensor, a `bytes` object) is the caller's to forget.
    """

    def __init__(self, files: dict[str, bytearray]) -> None:
        self._files = files

    def __getitem__(self, name: str) -> bytearray:
        return self._files[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"Unsealed({', '.join(self._files)})"

    def __enter__(self) -> Unsealed:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.wipe()

    def __reduce__(self) -> str:
        raise UsageError("an unsealed voice is not pickled; unseal it where it is needed")

    def wipe(self) -> None:
        """Overwrite everything with zeros and forget it."""
        for data in self._files.values():
            data[:] = bytes(len(data))
        self._files = {}
