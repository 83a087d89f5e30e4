"""The half of `Studio` that deals with people who give their voice."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from consent import ConsentRefusedError, Ledger
from voicekit.errors import UsageError
from voicekit.studio.coqui import ModelTerms, Shelf, model_place, with_terms
from voicekit.studio.coqui_enrolment import CoquiEnrolment
from voicekit.studio.enrolled import enrolled_voices, open_vault, refuse_closed
from voicekit.studio.enrolment import Enrolled, Enrolment, EnrolOptions, EnrolStep
from voicekit.studio.references import Finding, PersonDraft, examine
from voicekit.studio.voices import VoiceSource

if TYPE_CHECKING:
    from voicekit.enrol.recording import Recording

__all__ = ["People"]

#: Reasons after which a person's voice is gone for good.
_GONE = frozenset({"revoked", "key-revoked", "voice-key-destroyed"})


class People:
    """Enrolling a voice, and removing it.

    Attributes
    ----------
    folder : pathlib.Path
    ledger : consent.Ledger
    """

    folder: Path
    takes_folder: Path
    ledger: Ledger
    _voices: VoiceSource
    _shelf: Shelf

    def enrol(
        self,
        voice: str,
        recordings: Sequence[str | PathLike[str] | Recording] = (),
        *,
        grant: str,
        engine: str | None = None,
        terms: ModelTerms | None = None,
        options: EnrolOptions | None = None,
        progress: Callable[[EnrolStep], None] | None = None,
        cancel: Event | None = None,
    ) -> Enrolled:
        """Build a person's voice from the recordings that their grant names.

        Nothing of it is written in plain: recordings and voice are sealed in the vault, what is not finished is kept
        encrypted. The originals stay where they are.

        Parameters
        ----------
        voice : str
            As the grant names it.
        recordings : sequence of path or Recording
            Those of the grant, unchanged; the ones sealed before when empty.
        grant : str
            Digest of the grant (or its beginning); it must say that a voice may be built.
        engine : str, optional
            ``coqui:MODEL``: a model of coqui that learns the person, instead of ours.
        terms : ModelTerms, optional
            The licence of its weights, where coqui's list does not say.
        options : EnrolOptions, optional
        progress : callable, optional
            Told of each step.
        cancel : threading.Event, optional
            Set it to stop after the current step.

        Returns
        -------
        Enrolled

        Raises
        ------
        consent.ConsentRefusedError
            Not permitted, with ``.reason``.
        voicekit.errors.InputError
            Recordings that no voice should be built from.
        Cancelled
            Stopped; go on with ``EnrolOptions(resume=True)``.
        """
        digest = self._grant_id(grant)
        if digest is None:
            raise UsageError("no grant is named", "give --grant ID; see `consent list`")
        return self._enrolment(engine, terms, progress)(
            self.ledger,
            self.folder,
            self._voices,
            voice=voice,
            grant=digest,
            recordings=[Path(one) if isinstance(one, str | PathLike) else one for one in recordings],
            options=options or EnrolOptions(),
        ).run(progress, cancel)

    def examine(self, recordings: Sequence[Recording], grant: str | None = None) -> tuple[Finding, ...]:
        """Look at recordings before anything is built, and tell every fault; nothing is kept or made.

        Parameters
        ----------
        recordings : sequence of Recording
        grant : str, optional
            Digest of a grant; then also whether it names them, and whether one person speaks in all of them. Voices
            are compared under a grant alone: what is computed for it is a person's.

        Returns
        -------
        tuple of Finding
        """
        return examine(self.ledger, recordings, self._grant_id(grant) or "")

    def draft_for(self, person: PersonDraft, recordings: Sequence[Recording]) -> str:
        """The grant a person could sign for these recordings, to be read, changed and signed by them.

        Returns
        -------
        str
            TOML for `consent grant`; see `PersonDraft.text`.
        """
        return person.checked(self.ledger, recordings)

    def unfinished(self, voice: str, grant: str) -> bool:
        """Whether a stopped enrolment of this voice under this grant can go on."""
        digest = self._grant_id(grant) or ""
        return (self.folder / "enrol" / f"{voice}-{digest[:16]}.state").is_file()

    def remove_voice(self, voice: str) -> int:
        """Destroy the keys of an enrolled voice, its sealed recordings and what is unfinished; no grant is revoked.

        Returns
        -------
        int
            How many keys were destroyed.

        Raises
        ------
        consent.UsageError
            The vault holds no such voice.
        """
        removed = open_vault(self.ledger).remove(voice)
        self._forget_takes(voice)
        enrolled_voices(self.ledger)  # and the frames of its recordings
        for path in (self.folder / "enrol").glob(f"*{voice}-*.state*"):
            path.unlink(missing_ok=True)
        return removed

    def _must_be_open(self, voice: str) -> None:
        """Say why a person's voice cannot be used any more, where that is so; what it had spoken so far goes too."""
        try:
            refuse_closed(self.ledger, voice)
        except ConsentRefusedError:
            self._forget_takes(voice)
            raise

    def _takes_of(self, voice: str) -> Path:
        """Where finished sentences lie: a person's in a folder of their own, to be found when they must go."""
        return self.takes_folder / "people" / voice if self._is_person(voice) else self.takes_folder

    @contextlib.contextmanager
    def _forgetting(self, voice: str) -> Iterator[None]:
        """When a person withdraws while their voice is in use, the sentences it had spoken so far are deleted too."""
        try:
            yield
        except ConsentRefusedError as refused:
            if refused.reason in _GONE:
                self._forget_takes(voice)
            raise

    def _forget_takes(self, voice: str) -> None:
        shutil.rmtree(self.takes_folder / "people" / voice, ignore_errors=True)

    def _is_person(self, voice: str) -> bool:
        return any(one.name == voice for one in enrolled_voices(self.ledger))

    def _enrolment(
        self, engine: str | None, terms: ModelTerms | None, progress: Callable[[EnrolStep], None] | None
    ) -> Callable[..., Enrolment]:
        """What builds voices with an engine; a model that has to be fetched first is told of."""
        if engine in (None, "house"):
            return Enrolment
        from voicekit.engines.coqui import find_model  # loads torch

        def told(text: str) -> None:
            if progress is not None:
                progress(EnrolStep("fetch", 0.0, None, text))

        model = with_terms(find_model(model_place(str(engine)), fetch=True, told=told), terms or ModelTerms())
        return partial(CoquiEnrolment, self._shelf, model)

    def _grant_id(self, grant: str | None) -> str | None:
        raise NotImplementedError
