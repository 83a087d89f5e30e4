"""Who is never trained on: held-out speakers, and held-out utterances of speakers who are."""

from __future__ import annotations

import hashlib
from typing import Protocol


class Recording(Protocol):
    """What is asked of a recording: which it is, and who speaks."""

    @property
    def key(self) -> str: ...

    @property
    def speaker(self) -> str: ...


#: Speakers kept for measurement by name, beside the LibriSpeech readers that `is_held_out` picks.
HELD_OUT_SPEAKERS = frozenset({"p226"})


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def is_held_out(example: Recording) -> bool:
    """Whether an example's speaker is kept for measurement.

    One LibriSpeech reader in twelve is, chosen by a hash of the name; sung notes and flite's voices never are.
    """
    if example.speaker in HELD_OUT_SPEAKERS:
        return True
    return example.key.startswith("librispeech") and _digest(example.speaker) % 12 == 0


def is_validation(example: Recording) -> bool:
    """Whether an utterance of a training speaker is kept to watch the acoustic model: one in forty."""
    return not is_held_out(example) and _digest(example.key) % 40 == 0
