"""The studio: ledger, voices, takes, and the one door to a sounding file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
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
from voicekit.pipelines import Hear, Progress, TakeStore
from voicekit.pitch import Contour, Scale, TargetNote, read_contour
from voicekit.score import Score
from voicekit.studio.conversion import ConversionJob, ConvertedTake, ConvertOptions
from voicekit.studio.coqui import Shelf, with_coqui
from voicekit.studio.correction import CorrectedTake, CorrectionJob, CorrectOptions
from voicekit.studio.enrolled import with_enrolled
from voicekit.studio.grants import draft_of, find_shipped, intended_use, record_bytes, status_of
from voicekit.studio.model_voices import ModelVoices
from voicekit.studio.models import GrantStatus, NarrateOptions, Take, VoiceStatus
from voicekit.studio.narration import Narration, check_folder, folder_name
from voicekit.studio.own_voice import DEFAULT_USE, OwnVoice, attest
from voicekit.studio.people import People
from voicekit.studio.song import Singing, check_voices, song_folder
from voicekit.studio.song_models import SingOptions, Song
from voicekit.studio.sources import open_score, open_source, target_notes
from voicekit.studio.voices import ShippedVoice, VoiceSource, house_voices

__all__ = ["Studio"]


class Studio(People, ModelVoices):
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
        self._shelf = Shelf(folder)
        self._voices = with_coqui(with_enrolled(voices, ledger), ledger, self._shelf)

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
                "make one with `voicekit voices adopt NAME`, `voicekit voices own NAME TAKE` or `consent init`, "
                "or name it with --studio",
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
        return tuple(status_of(grant) for grant in self.ledger.grants() if voice is None or grant.voice == voice)

    def voices(self) -> tuple[VoiceStatus, ...]:
        """All voices that can be used here, with their grants."""
        grants = self.grants()
        return tuple(
            VoiceStatus(
                name=one.name,
                card=dict(one.card),
                basis=str(one.card.get("basis", "no-donor")),
                description=str(one.card.get("description", "")),
                shipped=one.card.get("basis", "no-donor") == "no-donor",
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
        if self._is_person(name):
            raise UsageError(f"{name} is a person's voice", "it is used under the grant it was enrolled with")
        envelope, keys = record_bytes(shipped), tuple(self._voices.release_keys())
        record = self.ledger.add_record(envelope, release_keys=keys)
        for grant in self.grants(name):
            # after an update of voicekit the voice may have new weights, and so a new record: an older
            # grant does not reach them
            if grant.basis == "no-donor" and grant.usable and self._record_of(grant.id) == record:
                return grant
        modes = tuple(consent.read_record(envelope, release_keys=keys).offered.modes)
        made = self.ledger.grant_house_voice(record, intended_use=intended_use(name, modes))
        return next(grant for grant in self.grants(name) if grant.id == made)

    def _shipped(self, name: str) -> ShippedVoice:
        self._must_be_open(name)
        return find_shipped(name, self._voices)

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
        engine: str | None = None,
        options: NarrateOptions | None = None,
        progress: Callable[[Progress], None] | None = None,
        cancel: Event | None = None,
        hear: Hear | None = None,
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
        engine : str, optional
            ``coqui:MODEL`` says where the model of a coqui voice lies; see `adopt_model_voice`.
        options : NarrateOptions, optional
        progress : callable, optional
            Called from this thread with each step.
        cancel : threading.Event, optional
            Set it to stop after the current sentence.
        hear : callable, optional
            Given samples (n,) and their rate in Hz, in order, while they are made: what a listener may hear before
            the chapter is finished. It runs under the chapter's permit, the ledger is asked before each block, and a
            withdrawal ends it. It is called from this thread, and the work waits while it takes its time.

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
        self._use_engine(voice, engine)
        self._shipped(voice)
        only = self._grant_id(grant)
        opened = open_source(source, chosen.title)
        folder = Path(out) if out is not None else self.out_folder / folder_name(opened, chosen.title)
        check_folder(folder)
        narration = Narration(
            self.ledger,
            TakeStore(self._takes_of(voice)),
            self._voices,
            opened,
            voice=voice,
            folder=folder,
            options=chosen,
            grant=only,
        )
        with self._forgetting(voice):
            return narration.run(progress, cancel, hear)

    def sing(
        self,
        score: Score | str | PathLike[str],
        *,
        voice: str | Sequence[str],
        out: str | PathLike[str] | None = None,
        harmony: str | None = None,
        grant: str | Sequence[str] | None = None,
        options: SingOptions | None = None,
        progress: Callable[[Progress], None] | None = None,
        cancel: Event | None = None,
    ) -> Song:
        """Sing a score under a grant for each voice.

        Parameters
        ----------
        score : Score or path
            MusicXML, MIDI, UST, USTX, SVP or .ds; or a recorded melody.
        voice : str or sequence of str
            One voice, or one for each part in order.
        out : path, optional
            Folder for stems and mix; under the studio's ``out`` when None.
        harmony : str, optional
            Such as ``satb`` or ``third-above``; overrides ``options.harmony``.
        grant : str or sequence of str, optional
            Digests of grants (or their beginnings) to sing under; else the narrowest that covers the use.
        options : SingOptions, optional
        progress, cancel
            As for `narrate`.

        Returns
        -------
        Song

        Raises
        ------
        consent.ConsentRefusedError
            A voice may not sing this, with ``.reason``; nothing is delivered.
        Cancelled, UsageError, InputError
            Nothing is delivered.
        """
        chosen = options or SingOptions()
        if harmony is not None:
            chosen = replace(chosen, harmony=harmony)
        names = check_voices((voice,) if isinstance(voice, str) else tuple(voice))
        for name in names:
            self._shipped(name)
        read = score if isinstance(score, Score) else open_score(Path(score), chosen.verse)
        folder = Path(out) if out is not None else self.out_folder / song_folder(read, chosen.title)
        check_folder(folder)
        wanted = [self._grant_id(one) for one in ((grant,) if isinstance(grant, str) else tuple(grant or ()))]
        grants = {one.voice: one.id for one in self.grants() if one.id in wanted}
        singing = Singing(
            self.ledger, self._voices, read, names=names, folder=folder, options=chosen, grants=grants
        )
        return singing.run(progress, cancel)

    def correct(
        self,
        take: str | PathLike[str],
        *,
        out: str | PathLike[str],
        scale: str | Scale | None = None,
        score: Score | str | PathLike[str] | Sequence[TargetNote] | None = None,
        part: str | None = None,
        curve: Contour | str | PathLike[str] | None = None,
        voice: str = "my-own",
        grant: str | None = None,
        options: CorrectOptions | None = None,
        progress: Callable[[Progress], None] | None = None,
        cancel: Event | None = None,
    ) -> CorrectedTake:
        """Correct the pitch of a take under a grant that names it.

        Parameters
        ----------
        take : path
            A recording of one voice; all its channels move as one.
        out : path
            ``.wav``, ``.flac`` or ``.mp3``; a proof lies beside it.
        scale : str or Scale, optional
            ``C major`` and the like, or ``auto``.
        score : Score, path or sequence of TargetNote, optional
        part : str, optional
            Of the score: its name, or its number from 1; not needed where there is one only.
        curve : Contour or path, optional
            A drawn curve (PitchTier or CSV).
        voice : str
            Whose voice it is; see `attest_own_voice` for one's own.
        grant : str, optional
            Digest of one grant (or its beginning); else the narrowest that covers the use.
        options : CorrectOptions, optional
        progress : callable, optional
        cancel : threading.Event, optional

        Returns
        -------
        CorrectedTake

        Raises
        ------
        consent.ConsentRefusedError
            Not permitted, with ``.reason``; nothing is delivered.
        Cancelled
            Stopped.
        UsageError, InputError
            A wrong call; a take without a voice, a damaged file, a full disk.
        """
        named = [name for name, value in (("scale", scale), ("score", score), ("curve", curve)) if value is not None]
        if len(named) > 1:
            raise UsageError(f"{' and '.join(named)} cannot both be followed", "give one of them")
        target: str | Scale | Sequence[TargetNote] | Contour | None = scale
        notices: tuple[str, ...] = ()
        if score is not None:
            target, notices = target_notes(score, part)
        elif curve is not None:
            target = curve if isinstance(curve, Contour) else read_contour(Path(curve))
        job = CorrectionJob(
            self.ledger,
            Path(take),
            Path(out),
            target,
            voice=voice,
            options=options or CorrectOptions(),
            grant=self._grant_id(grant),
            notices=notices,
        )
        return job.run(progress, cancel)

    def convert(
        self,
        take: str | PathLike[str],
        *,
        voice: str,
        out: str | PathLike[str],
        transpose: float | str | None = None,
        source_voice: str = "my-own",
        grant: str | None = None,
        source_grant: str | None = None,
        engine: str | None = None,
        options: ConvertOptions | None = None,
        progress: Callable[[Progress], None] | None = None,
        cancel: Event | None = None,
    ) -> ConvertedTake:
        """Turn a take into a granted voice: its words, timing, melody, level and breath stay.

        Parameters
        ----------
        take : path
            A recording of one voice, speech or song; several channels become one.
        voice : str
            What is to be heard; its grant must cover conversion.
        out : path
            ``.wav``, ``.flac`` or ``.mp3``; a proof from each of the two grants lies beside it.
        transpose : float or str, optional
            Overrides ``options.transpose``: semitones, ``auto`` or ``octave``.
        source_voice : str
            Whose take it is; see `attest_own_voice` for one's own.
        grant, source_grant : str, optional
            Digest of a grant (or its beginning); else the narrowest that covers the use.
        engine, options, progress, cancel
            As for `narrate` and `correct`, whose errors it also raises: nothing is delivered then.
        """
        chosen = options or ConvertOptions()
        if transpose is not None:
            chosen = replace(chosen, transpose=transpose)
        self._use_engine(voice, engine)
        self._shipped(voice)
        grants = (self._grant_id(source_grant), self._grant_id(grant))
        job = ConversionJob(self.ledger, self._voices, Path(take), Path(out), (source_voice, voice), chosen, grants)
        return job.run(progress, cancel)

    def attest_own_voice(
        self,
        name: str,
        takes: Sequence[str | PathLike[str]],
        *,
        intended_use: str = DEFAULT_USE,
        purposes: tuple[str, ...] = ("any",),
        commercial: bool = True,
        territories: tuple[str, ...] = ("001",),
        max_renders: int = consent.UNLIMITED,
        engine: str | None = None,
        told: Callable[[str], None] = lambda text: None,
    ) -> GrantStatus:
        """Sign, as the operator, that these takes are of one's own voice and may be changed.

        The grant names each take by its bytes, covers conversion alone (no words are put into the voice's mouth),
        and is of tier D: nobody's word but the operator's stands behind it.

        Parameters
        ----------
        name : str
            The voice's name from now on, such as ``my-own``.
        takes : sequence of path
        intended_use : str
            What the results are for, in words.
        purposes, territories : tuple of str
        commercial : bool
        max_renders : int
        engine : str, optional
            ``coqui:MODEL``: a converter that may listen to the takes too.
        told : callable
            Told in one line what is being fetched for it.

        Returns
        -------
        GrantStatus
            One that says the same and still stands, else the new one.

        Raises
        ------
        UsageError
            No take, or the name of somebody else's voice.
        InputError
            A take that is no sound file.
        consent.ConsentError
            A name or a use that the ledger does not take.
        """
        if name in {one.name for one in self._voices.list_voices()}:
            raise UsageError(f"{name} is a house voice", "choose another name for your own voice")
        allowed = OwnVoice(intended_use, purposes, commercial, territories, max_renders)
        made = attest(self.ledger, name, [Path(take) for take in takes], allowed, self._listeners(engine, told))
        return next(grant for grant in self.grants(name) if grant.id == made)

    def _grant_id(self, grant: str | None) -> str | None:
        """The whole digest for a beginning of it."""
        if grant is None:
            return None
        found = [one.id for one in self.grants() if one.id.startswith(grant)]
        if len(found) != 1:
            what = "no grant" if not found else f"{len(found)} grants"
            raise UsageError(f"{what} in this ledger begin with {grant}", "see `consent list`")
        return found[0]
