"""What is written about a sound inside its own file."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GENERATED", "GENERATED_SINGING", "Tags"]

GENERATED = "AI-generated speech"
"""The plain words that every synthetic file carries as its comment."""

GENERATED_SINGING = "AI-generated singing"
"""The same for sung files."""


@dataclass(frozen=True)
class Tags:
    """Tags of one audio file.

    Nothing in here may depend on the clock or on the ledger: the same
    production gives the same bytes, and proofs travel beside the file.

    Parameters
    ----------
    title, album : str
        Chapter and book.
    artist : str
        Whose voice; see `synthetic_artist`.
    track, tracks : int
        Place in the book, from 1; 0 leaves it out.
    comment : str
        Disclosure in plain words.
    """

    title: str = ""
    album: str = ""
    artist: str = ""
    track: int = 0
    tracks: int = 0
    comment: str = GENERATED

    @staticmethod
    def synthetic_artist(voice: str) -> str:
        """The artist's name for a synthetic voice, which says that it is one."""
        return f"{voice} (synthetic voice)"

    @property
    def track_text(self) -> str:
        """``"3/12"``, ``"3"`` or nothing."""
        if not self.track:
            return ""
        return f"{self.track}/{self.tracks}" if self.tracks else str(self.track)
