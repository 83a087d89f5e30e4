"""Grants of house voices: what is offered, what is left, the draft that would be signed."""

from __future__ import annotations

import datetime
from pathlib import Path

import consent
from voicekit.audio import io_error
from voicekit.errors import UsageError
from voicekit.studio.models import GrantStatus
from voicekit.studio.voices import RECORD_FILE, ShippedVoice, VoiceSource, house_voices

__all__ = ["draft_of", "draft_text", "find_shipped", "intended_use", "record_bytes", "status_of"]

_MADE = {
    "speech": "narration of books and other texts",
    "singing": "singing of songs, alone and in harmony",
    "conversion": "conversion of recordings, whose own speakers have agreed to it, into this voice",
}
_FOR = {
    "speech": "audiobooks, podcasts, lessons and announcements",
    "singing": "songs and choirs",
    "conversion": "productions in which a recorded take is to be heard in another voice",
}


def intended_use(voice: str, modes: tuple[str, ...]) -> str:
    """What adopting a house voice is for, in words: each mode that is granted, and no other.

    Parameters
    ----------
    voice : str
    modes : tuple of str
        As its record offers them.

    Returns
    -------
    str
        More than the twenty words that a grant has to say.
    """
    made, products = (_listed([words[mode] for mode in words if mode in modes]) for words in (_MADE, _FOR))
    return (
        f"{made[:1].upper()}{made[1:]}, in this studio, with the house voice {voice}, a blend of many readers measured "
        f"to match none of them: {products} for listeners anywhere, every file marked as AI-generated."
    )


def _listed(parts: list[str]) -> str:
    return "; ".join(parts[:-1]) + "; and " + parts[-1] if len(parts) > 1 else "".join(parts)


def draft_of(voice: str, voices: VoiceSource | None = None) -> str:
    """The grant that adopting this house voice would sign; needs no studio.

    Parameters
    ----------
    voice : str
    voices : VoiceSource, optional

    Returns
    -------
    str
        TOML.

    Raises
    ------
    UsageError
        Unknown voice.
    """
    source = voices or house_voices()
    envelope = record_bytes(find_shipped(voice, source))
    return draft_text(voice, consent.read_record(envelope, release_keys=tuple(source.release_keys())))


def find_shipped(name: str, voices: VoiceSource) -> ShippedVoice:
    known = {one.name: one for one in voices.list_voices()}
    if name not in known:
        raise UsageError(f"unknown voice: {name}", f"choose from: {', '.join(sorted(known)) or '(none)'}")
    return known[name]


def record_bytes(shipped: ShippedVoice) -> bytes:
    path = Path(shipped.folder) / RECORD_FILE
    try:
        return path.read_bytes()
    except OSError as problem:
        raise io_error(problem, path) from problem


def status_of(grant: consent.GrantInfo) -> GrantStatus:
    scope = grant.scope
    renders = None if grant.renders_left >= consent.UNLIMITED else int(grant.renders_left)
    seconds = None if grant.seconds_left >= consent.UNLIMITED else int(grant.seconds_left)
    state = {"active": "usable"}.get(grant.state, str(grant.state))
    if state == "usable" and (renders == 0 or seconds == 0):
        state = "used-up"
    until = datetime.datetime.fromtimestamp(grant.not_after, tz=datetime.UTC).date().isoformat()
    return GrantStatus(
        id=grant.digest,
        voice=grant.voice,
        basis=grant.basis,
        tier=grant.tier,
        description=grant.intended_use,
        modes=tuple(scope.modes),
        purposes=tuple(scope.purposes),
        languages=tuple(scope.languages),
        territories=tuple(scope.territories),
        commercial=bool(scope.commercial),
        renders_left=renders,
        seconds_left=seconds,
        not_after=until,
        state=state,
    )


def draft_text(voice: str, record: consent.AssetRegistered) -> str:
    def names(values: tuple[str, ...]) -> str:
        return "[" + ", ".join(f'"{value}"' for value in values) + "]"

    offered = record.offered
    return "\n".join(
        [
            f"# Grant for the house voice {voice}: all that its signed record offers.",
            "# Nobody's voice was cloned: the voice is a blend measured to match no reader.",
            f'voice = "{voice}"',
            'basis = "no-donor"',
            f'record = "{record.digest}"',
            f'intended_use = "{intended_use(voice, tuple(offered.modes))}"',
            "",
            "[scope]",
            f"modes = {names(tuple(offered.modes))}",
            f"purposes = {names(tuple(offered.purposes))}",
            f"commercial = {str(bool(offered.commercial)).lower()}",
            f"languages = {names(tuple(offered.languages))}",
            f"territories = {names(tuple(offered.territories))}",
            f"content_refused = {names(tuple(offered.content_refused))}",
            "",
        ]
    )
