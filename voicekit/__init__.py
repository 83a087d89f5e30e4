"""voicekit: voice synthesis in which every sound is made under a signed grant.

``Studio`` is the one way to a voice: it asks the consent ledger for a permit
before anything is synthesised or read from a cache.  Everything else here is
loaded on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voicekit.errors import InputError, UsageError, VoicekitError

if TYPE_CHECKING:
    from voicekit.studio import NarrateOptions, Studio, Take

__all__ = [
    "InputError",
    "NarrateOptions",
    "Studio",
    "Take",
    "UsageError",
    "VoicekitError",
    "__version__",
]

__version__ = "0.1.0"

_LAZY = ("NarrateOptions", "Studio", "Take")


def __getattr__(name: str) -> Any:
    """Load the studio on first use: it imports numpy and the ledger's database."""
    if name in _LAZY:
        import voicekit.studio as studio

        return getattr(studio, name)
    raise AttributeError(f"module 'voicekit' has no attribute {name!r}")
