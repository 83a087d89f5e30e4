"""Voices that were built here from a person: listed like house voices, opened for a permit alone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from consent import ConsentRefusedError, Ledger, Operand, Permit, UsageError, Vault
from consent import InvalidInputError as BadFile
from consent.statements import Enrolment, WeightsRef
from voicekit.audio import Audio
from voicekit.pipelines import Engine
from voicekit.studio.frames import frames_path, kept_or_made, sweep_frames
from voicekit.studio.voices import ShippedVoice, VoiceSource

__all__ = ["PASSPHRASE_FILE", "EnrolledVoice", "enrolled_voices", "open_vault", "with_enrolled"]

GRANTED = "LicenseRef-granted-recording"
PASSPHRASE_FILE = "CONSENT_PASSPHRASE_FILE"
"""Names the file that holds the vault's passphrase, as for the commands of `consent`."""

FRAMES_VERSION = 1  #: of how frames are found in recordings; another number finds them anew

_WEAKNESSES = (
    "built from little speech on a model of many readers: like the person, not the same",
    "other languages than English are read with English sounds",
    "names and homographs are said as espeak-ng guesses them",
)


@dataclass(frozen=True)
class EnrolledVoice:
    """A person's voice, by what the ledger says of it.

    Attributes
    ----------
    name : str
    folder : pathlib.Path
        Of the vault; nothing in it is readable without its keys.
    card : dict
        Basis, tier, data, measures, weaknesses.
    entry : Enrolment
        The newest entry whose files are sealed.
    recordings : bool
        Whether what it was built from is sealed here still.
    """

    name: str
    folder: Path
    card: dict[str, Any]
    entry: Enrolment
    recordings: bool = False


def open_vault(ledger: Ledger, passphrase: bytes | None = None) -> Vault:
    """The vault of a studio; the passphrase comes from the file that ``$CONSENT_PASSPHRASE_FILE`` names, if any.

    Raises
    ------
    consent.ConsentError
        The file cannot be read; the vault cannot be opened.
    """
    phrase = passphrase
    if phrase is None and os.environ.get(PASSPHRASE_FILE):
        from consent._secrets import read_passphrase  # asks nobody

        phrase = read_passphrase(os.environ[PASSPHRASE_FILE])
    return Vault.open(ledger, passphrase=phrase)


def enrolled_voices(ledger: Ledger) -> tuple[EnrolledVoice, ...]:
    """Voices with an enrolment whose sealed files are alive, by name; what may be kept no longer is destroyed first."""
    entries = ledger.enrolments()
    if not entries:
        return ()
    try:
        vault = open_vault(ledger)
        vault.retire()
    except (UsageError, BadFile):
        return ()  # opened for reading alone, or the keys are away: nothing can be opened
    alive: dict[tuple[str, str], set[str]] = {}
    for item in vault.list():
        if item.state == "sealed":
            alive.setdefault((item.voice, item.grant), set()).update(item.files)
    tiers = {info.digest: info for info in ledger.grants()}
    heard_of: set[tuple[str, str]] = set()
    found: dict[str, EnrolledVoice] = {}
    for _digest, entry in entries:
        sealed = alive.get((entry.voice, entry.grant), set())
        if {one.name for one in entry.derived} <= sealed:
            info = tiers[entry.grant]
            card = _card(entry, info.tier, info.basis)
            heard = {one.name for one in _references(ledger, entry)} <= sealed
            found[entry.voice] = EnrolledVoice(entry.voice, vault.folder, card, entry, heard)
            if heard:
                heard_of.add((entry.voice, entry.grant[:16]))
    sweep_frames(vault.folder, heard_of)
    return tuple(found[name] for name in sorted(found))


def _card(entry: Enrolment, tier: str, basis: str) -> dict[str, Any]:
    measured = dict(entry.measured)
    seconds = int(measured.get("seconds_milli", 0)) / 1000
    return {
        "basis": basis,
        "tier": tier,
        "grant": entry.grant,
        "description": f"A person's voice, built from {seconds:.0f} s of their recordings ({entry.method}).",
        "languages": ["en"],
        "method": entry.method,
        "data": [f"{len(entry.references)} recordings the grant names, {seconds:.0f} s"],
        "measured": measured,
        "weaknesses": list(_WEAKNESSES),
        "weights": [one.as_obj() for one in (*entry.base, *entry.derived)],
    }


def _operands(files: Sequence[WeightsRef]) -> tuple[Operand, ...]:
    return tuple(Operand(one.name, one.sha256, "weights", one.license) for one in files)


def open_enrolled(ledger: Ledger, voice: EnrolledVoice) -> Engine:
    """The engine of an enrolled voice: shut, until it is shown a permit of this ledger."""
    from voicekit.engines.enrolled import EnrolledEngine  # loads torch
    from voicekit.engines.house import VoiceSettings
    from voicekit.engines.voices import MODEL_FOLDER

    @contextlib.contextmanager
    def opener(permit: Permit) -> Iterator[Any]:
        with open_vault(ledger).unseal(permit, voice.name) as files:
            yield files

    def recordings(permit: Permit, listener: str, find: Callable[[Sequence[Audio]], bytes]) -> bytes:
        from voicekit.enrol.recording import open_recording  # numpy is there by then

        with open_vault(ledger).unseal_references(permit, voice.name) as files:
            about = f"frames {FRAMES_VERSION} {ledger.id} {voice.name} {permit.grant} {listener}"
            path = frames_path(voice.folder, voice.name, permit.grant)
            return kept_or_made(
                path, files, about, lambda: find([open_recording(n, bytes(files[n])).audio for n in sorted(files)])
            )

    measured = dict(voice.entry.measured)

    def octaves(name: str) -> float:
        return int(measured.get(name, 0)) / 1_000_000

    settings = VoiceSettings(octaves("level_ppm"), (octaves("low_ppm"), octaves("high_ppm")))
    base, derived = _operands(voice.entry.base), _operands(voice.entry.derived)
    own = _references(ledger, voice.entry)
    return EnrolledEngine(
        voice.name, MODEL_FOLDER, base, derived, opener, settings, own, recordings, at_hand=voice.recordings
    )


def _references(ledger: Ledger, entry: Enrolment) -> list[Operand]:
    """The recordings a voice was built from, by the names that the grant gives them."""
    names = {one.file_sha256: one.name for one in ledger.grant_statement(entry.grant).references}
    return [Operand(names[one], one, "reference", GRANTED) for one in entry.references if one in names]


def with_enrolled(source: VoiceSource, ledger: Ledger) -> VoiceSource:
    """A source of voices that knows those enrolled in a ledger too.

    A shipped voice of the same name wins: nobody's voice can be passed off as a house voice.
    """

    def mine() -> dict[str, EnrolledVoice]:
        taken = {one.name for one in source.list_voices()}
        return {one.name: one for one in enrolled_voices(ledger) if one.name not in taken}

    def list_all() -> Sequence[ShippedVoice]:
        return (*source.list_voices(), *mine().values())

    def open_one(name: str) -> Engine:
        found = mine().get(name)
        return source.open_engine(name) if found is None else open_enrolled(ledger, found)

    return replace(source, list_voices=list_all, open_engine=open_one)


def refuse_closed(ledger: Ledger, name: str) -> None:
    """Say why a voice that was enrolled once cannot be used any more, where that is so.

    Raises
    ------
    consent.ConsentRefusedError
        The state of its grant, or voice-key-destroyed.
    """
    entries = ledger.enrolments(name)
    if not entries or any(one.name == name for one in enrolled_voices(ledger)):
        return
    grant = entries[-1][1].grant
    state = next((info.state for info in ledger.grants() if info.digest == grant), "no-grant")
    if state != "active":
        words = state.replace("-", " ")
        raise ConsentRefusedError(state, f"the grant for {name} is {words}", statements=(grant,))
    raise ConsentRefusedError(
        "voice-key-destroyed",
        f"the sealed voice {name} is not there, or its key was destroyed",
        statements=(grant,),
        remedy=f"Enrol it again: voicekit voices enroll {name} --grant {grant[:12]}",
    )
