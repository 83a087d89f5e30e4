"""The half of `Studio` that deals with voices of coqui models."""

from __future__ import annotations

from collections.abc import Callable

from consent import Ledger, Operand
from voicekit.studio.coqui import ModelTerms, Shelf, adopt, model_place, point, with_terms
from voicekit.studio.models import GrantStatus
from voicekit.studio.voices import VoiceSource

__all__ = ["ModelVoices"]


def _quiet(_text: str) -> None:
    """Tell nobody."""


class ModelVoices:
    """Adopting a speaker of a coqui model, and saying where its files lie."""

    ledger: Ledger
    _voices: VoiceSource
    _shelf: Shelf

    def adopt_model_voice(
        self,
        name: str,
        *,
        engine: str,
        speaker: str = "",
        language: str = "",
        terms: ModelTerms | None = None,
        told: Callable[[str], None] = _quiet,
    ) -> GrantStatus:
        """Sign, as the operator, a grant for one speaker of a coqui model whose recordings were given to the public.

        The basis is ``dedication``: nobody consented to synthesis.  The grant names every file of the model and the
        speaker, each by its hash and licence.

        Parameters
        ----------
        name : str
            What the voice is to be called.
        engine : str
            ``coqui:MODEL``, a coqui name (fetched if it is not here yet) or a folder.
        speaker, language : str
            Where the model has several.
        terms : ModelTerms, optional
            Licences, and whose recordings they are, where coqui's list does not say.
        told : callable
            Told in one line what is being fetched.

        Returns
        -------
        GrantStatus
            One that says the same and still stands, else the new one.

        Raises
        ------
        UsageError
            No such model or speaker; a name that is taken; nobody says whose recordings they are.
        InputError
            Files that are no model.
        consent.ConsentError
            A name that the ledger does not take.
        """
        from voicekit.engines.coqui import find_model  # loads torch

        place = model_place(engine)
        found = with_terms(find_model(place, fetch=True, told=told), terms or ModelTerms())
        others = {one.name for one in self._voices.list_voices()} - set(self._shelf.names())
        others |= {info.voice for info in self.ledger.grants() if info.basis != "dedication"}
        made = adopt(
            self.ledger, self._shelf, name, found, speaker=speaker, language=language, taken=sorted(others)
        )
        return next(grant for grant in self.grants(name) if grant.id == made)

    def _listeners(self, engine: str | None, told: Callable[[str], None] = _quiet) -> tuple[Operand, ...]:
        """The files with which a converter listens to a take."""
        if engine in (None, "house"):
            return ()
        from voicekit.engines.coqui import find_model  # loads torch
        from voicekit.engines.coqui_files import hash_model

        return hash_model(find_model(model_place(str(engine)), fetch=True, told=told))

    def _use_engine(self, voice: str, engine: str | None, told: Callable[[str], None] = _quiet) -> None:
        """Heed the engine that a caller named; see `voicekit.studio.coqui.point`."""
        point(self.ledger, self._shelf, self._voices, voice, engine, told)

    def grants(self, voice: str | None = None) -> tuple[GrantStatus, ...]:
        raise NotImplementedError
