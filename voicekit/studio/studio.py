"""The studio: ledger, voices, takes, and the one door to a sounding file."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from threading import Event
from types import TracebackType

import consent
from consent import Ledger
from consent.envelope import Envelope
from consent.statements import parse_statement
from voicekit.audio import io_error
from voicekit.book import Book
from voicekit.config import studio_folder
from voicekit.errors import UsageError
from voicekit.pipelines import Progress, TakeStore
from voicekit.studio.models import GrantStatus, NarrateOptions, Take, VoiceStatus
from voicekit.studio.narration import Narration, check_folder, folder_name
from voicekit.studio.sources import open_source
from voicekit.studio.voices import RECORD_FILE, ShippedVoice, VoiceSource, house_voices

__all__ = ["Studio", "draft_of"]

_INTENDED_USE = (
    "Narration of books and other texts in this studio with the house voice {}, a blend of many readers "
    "measured to match none of them: audiobooks, podcasts, lessons and announcements for listeners "
    "anywhere, every file marked as AI-generated speech."
)
# A grant must say in at least twenty words what the voice is for.


class Studio:
    """A folder with a consent ledger, takes and outputs.

    Use `Studio.create` or `Studio.open`.

    Attributes
    ----------
    folder, takes_folder, out_folder : pathlib.Path
    ledger : consent.Ledger
    """

    def __init__(self, folder: Path, ledger: Ledger, voices: VoiceSource) -> None:
        self.folder = folder
        self.takes_folder = folder / "takes"
        self.out_folder = folder / "out"
        self.ledger = ledger
        self._voices = voices

    @classmethod
    def create(
        cls,
        folder: str | PathLike[str] | None = None,
        operator_name: str = "studio",
        *,
        voices: VoiceSource | None = None,
    ) -> Studio:
        """Make a new studio with an empty ledger and an operator's key.

        Parameters
        ----------
        folder : path, optional
            ``$VOICEKIT_STUDIO``, else the platform's data folder when None.
        operator_name : str
            Who answers for the ledger; written into its first statement.
        voices : VoiceSource, optional
            Where voices come from; those shipped with voicekit when None.

        Returns
        -------
        Studio

        Raises
        ------
        UsageError
            A studio is there already.
        InputError
            The folder cannot be made.
        """
        place = studio_folder(folder)
        if (place / "ledger").exists():
            raise UsageError(f"{place}: there is a studio here already", "open it, or name another folder")
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            ledger = Ledger.init(place / "ledger", operator_name=operator_name)
        except OSError as problem:
            raise io_error(problem, place) from problem
        return cls(place, ledger, voices or house_voices())

    @classmethod
    def open(
        cls,
        folder: str | PathLike[str] | None = None,
        *,
        create: bool = False,
        voices: VoiceSource | None = None,
    ) -> Studio:
        """Open a studio; the whole ledger is verified.

        Parameters
        ----------
        folder : path, optional
            As in `create`.
        create : bool
            Make it where there is none.
        voices : VoiceSource, optional

        Returns
        -------
        Studio

        Raises
        ------
        UsageError
            There is no studio.
        consent.ConsentRefusedError
            The ledger is not what it was: nothing is rendered from it.
        """
        place = studio_folder(folder)
        if not (place / "ledger").exists():
            if create:
                return cls.create(place, voices=voices)
            raise UsageError(
                f"{place}: there is no studio here",
                "make one with `voicekit voices adopt NAME` or `consent init`, or name it with --studio",
            )
        try:
            return cls(place, Ledger.open(place / "ledger"), voices or house_voices())
        except OSError as problem:
            raise io_error(problem, place) from problem

    def __enter__(self) -> Studio:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the ledger."""
        self.ledger.close()

    # -- looking -----------------------------------------------------------------------------

    def grants(self, voice: str | None = None) -> tuple[GrantStatus, ...]:
        """All grants in the ledger, with what is left of them.

        Parameters
        ----------
        voice : str, optional
            Only this voice's.

        Returns
        -------
        tuple of GrantStatus
        """
        return tuple(_status(grant) for grant in self.ledger.grants() if voice is None or grant.voice == voice)

    def voices(self) -> tuple[VoiceStatus, ...]:
        """All voices that can be used here, with their grants."""
        grants = self.grants()
        return tuple(
            VoiceStatus(
                name=one.name,
                card=dict(one.card),
                basis=str(one.card.get("basis", "no-donor")),
                description=str(one.card.get("description", "")),
                shipped=True,
                grants=tuple(grant for grant in grants if grant.voice == one.name),
            )
            for one in self._voices.list_voices()
        )

    def voice(self, name: str) -> VoiceStatus:
        """One voice.

        Raises
        ------
        UsageError
            There is none of this name.
        """
        self._shipped(name)
        return next(voice for voice in self.voices() if voice.name == name)

    # -- permission --------------------------------------------------------------------------

    def draft(self, voice: str) -> str:
        """The grant that `adopt_house_voice` would sign, to be read before.

        Parameters
        ----------
        voice : str

        Returns
        -------
        str
            TOML.
        """
        return draft_of(voice, self._voices)

    def adopt_house_voice(self, name: str) -> GrantStatus:
        """Register a shipped voice's signed record and sign a local grant within what it offers.

        Parameters
        ----------
        name : str

        Returns
        -------
        GrantStatus
            An active grant for it that was there already, else the new one.

        Raises
        ------
        UsageError
            Unknown voice.
        consent.ConsentError
            The record is not signed by a release key, or damaged.
        """
        shipped = self._shipped(name)
        record = self.ledger.add_record(_read_record(shipped), release_keys=tuple(self._voices.release_keys()))
        for grant in self.grants(name):
            # after an update of voicekit the voice may have new weights, and so a new record: an older
            # grant does not reach them
            if grant.basis == "no-donor" and grant.usable and self._record_of(grant.id) == record:
                return grant
        made = self.ledger.grant_house_voice(record, intended_use=_INTENDED_USE.format(name))
        return next(grant for grant in self.grants(name) if grant.id == made)

    def _shipped(self, name: str) -> ShippedVoice:
        return _find(name, self._voices)

    def _record_of(self, grant: str) -> str:
        """Digest of the voice record that a grant rests on."""
        _, _, envelope = self.ledger.entry(grant)
        statement = parse_statement(Envelope.parse(envelope), consent.Grant)
        return statement.record if isinstance(statement, consent.Grant) else ""

    # -- sound -------------------------------------------------------------------------------

    def narrate(
        self,
        source: str | Path | Book,
        *,
        voice: str,
        out: str | PathLike[str] | None = None,
        grant: str | None = None,
        options: NarrateOptions | None = None,
        progress: Callable[[Progress], None] | None = None,
        cancel: Event | None = None,
    ) -> Take:
        """Narrate a text, a file or a book under a grant.

        The same call resumes what was stopped or killed, and makes only what is
        missing or changed.

        Parameters
        ----------
        source : str, pathlib.Path or Book
            A ``str`` is the text itself; a ``Path`` is a file (EPUB, text).
        voice : str
        out : path, optional
            Folder of the production; under the studio's ``out`` when None.
        grant : str, optional
            Digest of one grant (or its beginning); else the narrowest that covers the use.
        options : NarrateOptions, optional
        progress : callable, optional
            Called from this thread with each step.
        cancel : threading.Event, optional
            Set it to stop after the current sentence.

        Returns
        -------
        Take

        Raises
        ------
        consent.ConsentRefusedError
            Not permitted, with ``.reason``; nothing is delivered.
        Cancelled
            Stopped; resumable.
        UsageError, InputError
            A wrong call; a bad file or a full disk.
        """
        chosen = options or NarrateOptions()
        self._shipped(voice)
        only = self._grant_id(grant)
        opened = open_source(source, chosen.title)
        folder = Path(out) if out is not None else self.out_folder / folder_name(opened, chosen.title)
        check_folder(folder)
        return Narration(
            self.ledger,
            TakeStore(self.takes_folder),
            self._voices,
            opened,
            voice=voice,
            folder=folder,
            options=chosen,
            grant=only,
        ).run(progress, cancel)

    def _grant_id(self, grant: str | None) -> str | None:
        """The whole digest for a beginning of it."""
        if grant is None:
            return None
        found = [one.id for one in self.grants() if one.id.startswith(grant)]
        if len(found) != 1:
            what = "no grant" if not found else f"{len(found)} grants"
            raise UsageError(f"{what} in this ledger begin with {grant}", "see `consent list`")
        return found[0]


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
    envelope = _read_record(_find(voice, source))
    return _draft_text(voice, consent.read_record(envelope, release_keys=tuple(source.release_keys())))


def _find(name: str, voices: VoiceSource) -> ShippedVoice:
    known = {one.name: one for one in voices.list_voices()}
    if name not in known:
        raise UsageError(f"unknown voice: {name}", f"choose from: {', '.join(sorted(known)) or '(none)'}")
    return known[name]


def _read_record(shipped: ShippedVoice) -> bytes:
    path = Path(shipped.folder) / RECORD_FILE
    try:
        return path.read_bytes()
    except OSError as problem:
        raise io_error(problem, path) from problem


def _status(grant: consent.GrantInfo) -> GrantStatus:
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


def _draft_text(voice: str, record: consent.AssetRegistered) -> str:
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
