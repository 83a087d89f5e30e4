"""Laundering: a synthetic recording offered as a person's reference audio is refused.

Three things are asked of a reference, each by itself enough to refuse it: whether its file or its samples are an output
of this very ledger, whether a `.voiceproof` lies beside it, and whether its metadata say that it was generated. The
metadata are looked for as bytes in the first and the last MiB, where every common container keeps them; nothing is
decoded. A caller that can decode (or hear a watermark) adds its own detector to `Ledger.reference_detectors`.

Somebody who re-encodes a synthetic file and strips its tags passes this check.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ConsentRefusedError, InvalidInputError
from .proof import PROOF_SUFFIX
from .statements import RenderReceipt

if TYPE_CHECKING:
    from .lookups import Lookups

__all__ = ["marks", "refuse_outputs", "refuse_synthetic"]

_WINDOW = 1 << 20


def _spellings(text: str) -> tuple[bytes, ...]:
    return text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be")


#: What to look for -> what it is. IPTC's digital source types, and the plain words of a disclosure.
_MARKS = {
    "trainedalgorithmicmedia": "the digital source type of generated media",
    "algorithmicmedia": "the digital source type of generated media",
    "ai-generated speech": "the words 'AI-generated speech'",
    "ai generated speech": "the words 'AI-generated speech'",
    "synthetic voice)": "an artist that is a synthetic voice",
}
#: These name a source or a signed history, which may be a microphone's.
_CLAIMS = {
    "digital_source_type": "a digital source type",
    "c2pa.assertions": "a C2PA manifest",
    "c2pa.claim": "a C2PA manifest",
    "urn:c2pa:": "a C2PA manifest",
}
_CAPTURED = tuple(part for word in ("digitalcapture", "digitisedfrom") for part in _spellings(word))


def marks(data: bytes | Path) -> str:
    """What in a file's beginning and end says that it was generated; '' when nothing does.

    A digital source type or a C2PA manifest counts unless it names a recording (`digitalCapture`).
    """
    for window in _windows(data):
        low = window.lower()
        for word, meaning in _MARKS.items():
            if any(spelling in low for spelling in _spellings(word)):
                return meaning
        captured = any(spelling in low for spelling in _CAPTURED)
        for word, meaning in _CLAIMS.items():
            if not captured and any(spelling in low for spelling in _spellings(word)):
                return f"{meaning} that names no recording"
    return ""


def _windows(data: bytes | Path) -> tuple[bytes, ...]:
    if isinstance(data, bytes):
        return (data[:_WINDOW], data[-_WINDOW:]) if len(data) > _WINDOW else (data,)
    try:
        fd = os.open(data, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(fd, "rb") as handle:
            first = handle.read(_WINDOW)
            size = os.fstat(handle.fileno()).st_size
            handle.seek(max(size - _WINDOW, 0))
            return (first, handle.read(_WINDOW)) if size > _WINDOW else (first,)
    except OSError as exc:
        raise InvalidInputError(
            f"cannot be read ({exc.strerror})", file=str(data), remedy="Check the path", reason="file-unreadable"
        ) from exc


def _refused(name: str, why: str, statements: tuple[str, ...] = ()) -> ConsentRefusedError:
    return ConsentRefusedError(
        "reference-synthetic",
        f"{name} is no recording of a person: {why}",
        statements=statements,
        remedy="Offer the original recordings",
    )


def refuse_outputs(ledger: Lookups, hashes: Iterable[tuple[str, str]]) -> None:
    """Refuse recordings that are outputs of this ledger.

    Parameters
    ----------
    ledger : Lookups
        The ledger; not inside a transaction.
    hashes : iterable of (name, SHA-256)
        Of files and of samples.

    Raises
    ------
    ConsentRefusedError
        reason reference-synthetic, naming the receipt.
    """
    wanted = {digest: name for name, digest in hashes}
    if not wanted:
        return
    for entry in ledger.entries((RenderReceipt.KIND,)):
        if not isinstance(entry.statement, RenderReceipt):
            continue
        for output in entry.statement.outputs:
            for digest in (output.sha256, output.pcm_sha256):
                if digest in wanted:
                    why = f"it is the output {output.name} of receipt {entry.digest[:16]}"
                    raise _refused(wanted[digest], why, (entry.digest,))


def refuse_synthetic(ledger: Lookups, name: str, data: bytes | Path, sha256: str = "") -> None:
    """Refuse one reference recording by its file: hash, proof beside it, metadata, and the caller's detectors.

    Raises
    ------
    ConsentRefusedError
        reason reference-synthetic.
    """
    if isinstance(data, Path) and os.path.lexists(data.with_name(data.name + PROOF_SUFFIX)):
        raise _refused(name, f"{data.name}{PROOF_SUFFIX} lies beside it")
    if found := marks(data):
        raise _refused(name, f"it carries {found}")
    if sha256:
        refuse_outputs(ledger, [(name, sha256)])
    for detector in ledger.reference_detectors:
        if found := detector(data):
            raise _refused(name, re.sub(r"\s+", " ", found)[:200])
