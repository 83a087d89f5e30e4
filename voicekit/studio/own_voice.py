"""Grants for one's own takes: what the operator attests, and the grant that says so."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consent import UNLIMITED, Grant, GrantDraft, Ledger, Operand
from consent.envelope import Envelope
from consent.statements import parse_statement
from voicekit.audio import decode_channels, io_error, sha256_file
from voicekit.errors import UsageError

__all__ = ["ATTESTATION", "DEFAULT_USE", "OwnVoice", "attest"]

MOST_S = 7_200.0  #: the longest take
_DAY = 86_400

ATTESTATION = (
    "I, the operator of this ledger, attest that the voice in the recordings named here is my own voice, that I am of "
    "age, and that I may have these recordings changed. Nobody else's signature stands behind this statement."
)

DEFAULT_USE = (
    "Correction of pitch and transposition of these recordings of mine, and their conversion into voices that are "
    "granted to this studio, for songs, demos and productions of my own, which I publish or keep as I like; no other "
    "words are put into anybody's mouth than those I spoke or sang."
)


@dataclass(frozen=True)
class OwnVoice:
    """What an attestation allows.

    Attributes
    ----------
    intended_use : str
        In words; with the attestation before it at least twenty of them.
    purposes : tuple of str
    commercial : bool
    territories : tuple of str
    max_renders : int
    days : int
        How long it holds.
    """

    intended_use: str = DEFAULT_USE
    purposes: tuple[str, ...] = ("any",)
    commercial: bool = True
    territories: tuple[str, ...] = ("001",)
    max_renders: int = UNLIMITED
    days: int = 3_650


@dataclass(frozen=True)
class _Recording:
    """A take as a grant names it."""

    name: str
    file_sha256: str
    pcm_sha256: str
    seconds_milli: int


def _look_at(path: Path) -> _Recording:
    """Hash a take's bytes and its samples."""
    try:
        with tempfile.TemporaryDirectory(prefix="voicekit-take-") as scratch:
            copy, digest = copy_hashed(path, Path(scratch) / "take")
            sound = decode_channels(copy, Path(scratch) / "decoded", most_s=MOST_S, called=str(path))
            seconds = max(1, round(1000 * sound.duration_s))
            return _Recording(path.name, digest, sha256_file(sound.path), seconds)
    except OSError as problem:
        raise io_error(problem, path) from problem


def copy_hashed(source: Path, place: Path) -> tuple[Path, str]:
    """Copy a file and hash the very bytes that were copied: (copy, SHA-256).

    Raises
    ------
    InputError
        It cannot be read, or the copy not be written.
    """
    digest = hashlib.sha256()
    try:
        with open(source, "rb") as file, open(place, "wb") as sink:
            while block := file.read(1 << 20):
                digest.update(block)
                sink.write(block)
    except OSError as problem:
        raise io_error(problem, source) from problem
    return place, digest.hexdigest()


def attest(
    ledger: Ledger, name: str, takes: Sequence[Path], allowed: OwnVoice, listeners: Sequence[Operand] = ()
) -> str:
    """Sign the operator's grant for takes of their own voice (tier D) and give its digest.

    `listeners` are files of other engines that may listen to the takes.

    Raises
    ------
    UsageError
        No take, or a name under which somebody else's grants stand.
    InputError
        A take that is no sound file.
    consent.ConsentError
        A name or a use the ledger does not take.
    """
    from voicekit.engines.retune import method_operands  # numpy and Praat's side: not to look at a ledger

    if not takes:
        raise UsageError(f"{name}: no take is named", "name the recordings of your voice")
    others = [one for one in ledger.grants() if one.voice == name and not is_attested(ledger, one.digest)]
    if others:
        raise UsageError(
            f"{name} is a voice with a grant signed by its speaker or publisher ({others[0].digest[:12]})",
            "choose another name for your own voice",
        )
    recordings = {one.file_sha256: one for one in map(_look_at, takes)}
    files = (*method_operands(), *listeners)
    now = int(time.time())
    data: dict[str, Any] = {
        "voice": name,
        "basis": "consent",
        "intended_use": f"{ATTESTATION} {allowed.intended_use}",
        "subject": {"adult": True},
        "notice": {"text": ATTESTATION, "language": "en", "version": "own-voice-1"},
        "scope": {
            "modes": ["conversion"],
            "purposes": list(allowed.purposes),
            "commercial": allowed.commercial,
            "languages": ["any"],
            "territories": list(allowed.territories),
            "titles": ["any"],
            "content_refused": [],
            "max_renders": allowed.max_renders,
            "max_seconds": UNLIMITED,
        },
        "validity": {"not_before": now, "not_after": now + allowed.days * _DAY},
        "references": [dict(one.__dict__) for one in recordings.values()],
        "weights": [{"name": one.name, "sha256": one.sha256, "license": one.license} for one in files],
        "withdrawal": {"how": "The operator revokes it with `consent revoke`.", "effect": "stop-new"},
        "disclosure": {"metadata": True, "watermark": False, "audible": "never"},
    }
    return _same(ledger, name, data) or ledger.add_grant(GrantDraft(data, "", f"attestation for {name}", Path()))


def _grant(ledger: Ledger, digest: str) -> Grant:
    statement = parse_statement(Envelope.parse(ledger.entry(digest)[2]), Grant)
    if not isinstance(statement, Grant):
        raise UsageError(f"{digest[:12]} is no grant")
    return statement


def is_attested(ledger: Ledger, digest: str) -> bool:
    """Whether a grant is the operator's own word: its speaker is the operator, and no other key stands for them."""
    grant = _grant(ledger, digest)
    return grant.basis == "consent" and grant.subject.key == grant.grantee.key


def _same(ledger: Ledger, name: str, data: dict[str, Any]) -> str:
    """A grant that says all this already and still stands; empty when there is none."""
    for info in ledger.grants():
        if info.voice != name or info.state != "active" or info.renders_left == 0:
            continue
        grant = _grant(ledger, info.digest)
        held = {one.file_sha256 for one in grant.references}
        files = {one.sha256 for one in grant.weights}
        wanted = {key: tuple(v) if isinstance(v, list) else v for key, v in data["scope"].items()}
        if (
            held >= {one["file_sha256"] for one in data["references"]}
            and files >= {one["sha256"] for one in data["weights"]}
            and all(getattr(grant.scope, key) == value for key, value in wanted.items())
            and grant.intended_use == data["intended_use"]
        ):
            return info.digest
    return ""
