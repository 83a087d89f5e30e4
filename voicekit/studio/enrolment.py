"""Enrolment: from a person's grant and recordings to a sealed voice. Checks first, each with its own reason.

The order: grant -> recordings are those of the grant -> not synthetic -> fit to build from -> one person, and the one
who spoke the statement -> alignment -> adaptation (kept encrypted step by step) -> entry in the ledger -> sealed ->
measured, for a permit like any other sound.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from consent import ConsentRefusedError, Ledger, Operand, Use, Vault, WeightsRef
from consent.engines import SpeakerCheck, find_engines
from consent.sealed import MOST_FILES
from consent.statements import Grant
from consent.synthetic import refuse_outputs, refuse_synthetic
from voicekit.errors import UsageError
from voicekit.pipelines import Cancelled, SpeechChoice
from voicekit.studio.enrol_clock import EnrolClock, usual_seconds
from voicekit.studio.enrol_state import StateFile
from voicekit.studio.enrolled import EnrolledVoice, enrolled_voices, open_enrolled, open_vault
from voicekit.studio.gate import Gate, Request
from voicekit.studio.voices import VoiceSource

if TYPE_CHECKING:
    from voicekit.enrol.checks import Check
    from voicekit.enrol.recording import Recording

__all__ = ["EnrolOptions", "EnrolStep", "Enrolled", "Enrolment"]

_TEXT = (
    "The old lamp by the window gave a soft yellow light.",
    "Each morning we walk along the river and watch the boats go by.",
    "A quick answer is not always the right one, but it is often enough.",
)
_NEIGHBOURS = 8


@dataclass(frozen=True)
class EnrolStep:
    """Where an enrolment stands.

    Parameters
    ----------
    stage : str
        fetch, check, speaker, align, embedding, low-rank, seal or measure.
    fraction : float
        Of the stage, 0 to 1.
    left_s : float or None
        Seconds left of all stages, where that is known.
    text : str
        For people.
    done : float
        Of all stages, 0 to 1; never less than before.
    """

    stage: str
    fraction: float
    left_s: float | None = None
    text: str = ""
    done: float = 0.0


@dataclass(frozen=True)
class EnrolOptions:
    """How a voice is to be built.

    Parameters
    ----------
    transcript : pathlib.Path or mapping, optional
        What is said in the recordings, as a file or by their names; else a recogniser guesses.
    statement : pathlib.Path or Recording, optional
        The recording of the spoken consent; compared with the recordings once more.
    method : str
        ``auto``, ``embedding`` or ``low-rank``.
    resume : bool
        Go on from what a stopped enrolment has kept.
    measure : bool
        Whether to speak three sentences, under a permit, and compare them with the recordings.
    steps : int, optional
        Of the low-rank part; as many as the speech is good for by default.
    """

    transcript: Path | Mapping[str, str] | None = None
    statement: Path | Recording | None = None
    method: str = "auto"
    resume: bool = False
    measure: bool = True
    steps: int | None = None


@dataclass(frozen=True)
class Enrolled:
    """What an enrolment gave.

    Attributes
    ----------
    voice : EnrolledVoice
    checks : tuple of Check
    entry : str
        Digest of the ledger's entry.
    seconds : dict
        How long each stage took.
    notices : tuple of str
    """

    voice: EnrolledVoice
    checks: tuple[Check, ...]
    entry: str
    seconds: dict[str, float]
    notices: tuple[str, ...]


class Enrolment:
    """One enrolment, ready to run.

    Parameters
    ----------
    ledger : Ledger
    folder : pathlib.Path
        Of the studio; the encrypted state lies in ``enrol`` under it.
    voices : VoiceSource
    voice, grant : str
        Name, and digest of the grant.
    recordings : sequence of pathlib.Path or Recording
        Those of the grant, or some of them; the ones sealed before when empty.
    options : EnrolOptions
    """

    suffix = ".voice.safetensors"  #: of what is derived; says who opens it

    def __init__(
        self,
        ledger: Ledger,
        folder: Path,
        voices: VoiceSource,
        *,
        voice: str,
        grant: str,
        recordings: Sequence[Path | Recording],
        options: EnrolOptions,
    ) -> None:
        self._ledger, self._voices, self._voice, self._digest = ledger, voices, voice, grant
        self._paths, self._options = tuple(recordings), options
        self._state_path = folder / "enrol" / f"{voice}-{grant[:16]}.state"
        self._notices: list[str] = []
        self._took: dict[str, float] = {}
        self._tell: Callable[[EnrolStep], None] = lambda _step: None
        self._cancel: Event | None = None
        self._clock: EnrolClock | None = None

    def run(self, tell: Callable[[EnrolStep], None] | None = None, cancel: Event | None = None) -> Enrolled:
        """Check, build, seal, measure.

        Raises
        ------
        consent.ConsentRefusedError
            adaptation-not-granted, reference-mismatch, reference-synthetic, speaker-mismatch, challenge-mismatch, the
            grant's state, and every reason of the vault.
        voicekit.errors.InputError
            Recordings that no voice should be built from; see `voicekit.enrol.checks.REASONS`.
        Cancelled
            Stopped; resumable.
        """
        self._tell, self._cancel = tell or self._tell, cancel
        grant = self._granted()
        vault = open_vault(self._ledger)
        with self._stage("check"):
            recordings = self._recordings(grant, vault)
            from voicekit.enrol.checks import check_recordings  # numpy and more

            checks = check_recordings(recordings)
        self._clock = self._clock_for(grant, recordings)
        engine = find_engines().speaker
        with self._stage("speaker"):
            checks = (*checks, self._one_person(grant, recordings, engine))
        with self._stage("seal"):
            mine = [one for one in vault.list() if one.state == "sealed" and one.grant == self._digest]
            sealed = {name for one in mine for name in one.files}
            fresh = {one.name: one.data for one in recordings if one.name not in sealed}
            names = sorted(fresh)
            for first in range(0, len(names), MOST_FILES):
                part = names[first : first + MOST_FILES]
                vault.seal(self._voice, {name: fresh[name] for name in part}, self._digest)
        state = self._state(vault)
        done, variety = self._build(grant, recordings, state)
        entry, measured = self._bind(vault, grant, recordings, done)
        vault.drop_state(self._voice)
        state.remove()
        (voice,) = (one for one in enrolled_voices(self._ledger) if one.name == self._voice)
        if self._options.measure:
            with self._stage("measure"):
                entry = self._measure(voice, grant, recordings, engine, measured) or entry
            (voice,) = (one for one in enrolled_voices(self._ledger) if one.name == self._voice)
        return Enrolled(voice, (*checks, variety), entry, dict(self._took), tuple(self._notices))

    # -- before anything is built ------------------------------------------------------------

    def _granted(self) -> Grant:
        grant = self._ledger.grant_statement(self._digest)
        if self._voice in {one.name for one in self._voices.list_voices()} - {
            one.name for one in enrolled_voices(self._ledger)
        }:
            raise UsageError(f"{self._voice} is a house voice", "have the grant name another voice")
        if grant.voice != self._voice:
            raise UsageError(f"the grant is for {grant.voice}, not for {self._voice}", "name that voice, or its grant")
        info = next(item for item in self._ledger.grants() if item.digest == self._digest)
        if info.state != "active":
            words = info.state.replace("-", " ")
            raise ConsentRefusedError(info.state, f"the grant for {self._voice} is {words}", statements=(self._digest,))
        if not grant.adaptation:
            raise ConsentRefusedError(
                "adaptation-not-granted",
                "the grant allows no voice to be built from the recordings",
                statements=(self._digest,),
                remedy='Have the speaker sign a grant that says adaptation = "embedding"',
            )
        if self._options.method == "low-rank" and grant.adaptation != "low-rank":
            raise ConsentRefusedError(
                "adaptation-not-granted",
                "the grant allows an embedding alone, no low-rank part",
                statements=(self._digest,),
                remedy='Enrol with --method embedding, or have a grant signed that says adaptation = "low-rank"',
            )
        if info.assurance.spoken == "mismatch":
            raise ConsentRefusedError(
                "challenge-mismatch",
                "the spoken statement in the grant does not fit it",
                statements=(self._digest,),
                remedy="Have the speaker read the challenge of this very grant",
            )
        if not info.assurance.spoken:
            self._notices.append(f"no spoken statement is in the grant: the tier is {info.tier}")
        return grant

    def _recordings(self, grant: Grant, vault: Vault) -> tuple[Recording, ...]:
        from voicekit.enrol.recording import open_recording  # numpy

        if not self._paths:
            with vault.references(self._voice, self._digest) as plain:
                found = tuple(open_recording(name, bytes(plain[name])) for name in sorted(plain))
            if not found:
                raise UsageError(f"no recordings of {self._voice} are sealed here", "name them with --audio")
            return found
        found = tuple(_read(one) for one in self._paths)
        known = {one.file_sha256 for one in grant.references}
        for given, one in zip(self._paths, found, strict=True):
            if one.sha256 not in known:
                raise ConsentRefusedError(
                    "reference-mismatch",
                    f"{one.name} ({one.sha256[:12]}…) is no recording that the grant names",
                    statements=(self._digest,),
                    remedy="Use the recordings that the speaker agreed to, unchanged, or have a new grant signed",
                )
            refuse_synthetic(self._ledger, one.name, given if isinstance(given, Path) else one.data, one.sha256)
            refuse_outputs(self._ledger, [(one.name, one.pcm_sha256)])
            for detector in self._ledger.reference_detectors:
                if told := detector(one.data):
                    raise ConsentRefusedError("reference-synthetic", f"{one.name} is no recording of a person: {told}")
        if len({one.name for one in found}) != len(found):
            raise UsageError("two recordings have one name", "rename one of them in a copy, and in the grant")
        return found

    def _one_person(self, grant: Grant, recordings: Sequence[Recording], engine: SpeakerCheck | None) -> Check:
        from voicekit.enrol.checks import check_speakers

        embed = getattr(engine, "embed", None)
        if engine is None or embed is None:
            self._notices.append("no speaker verifier is installed: whether one person speaks was not checked")
        check = check_speakers(recordings, embed)
        spoken = next((item for item in grant.evidence if item.kind == "spoken"), None)
        if self._options.statement is None or spoken is None:
            return check
        if _read(self._options.statement).sha256 != spoken.sha256:
            raise ConsentRefusedError(
                "challenge-mismatch",
                f"{self._options.statement.name} is not the statement that the grant holds the hash of",
                statements=(self._digest,),
                remedy="Give the recording with which the grant was completed",
            )
        if engine is not None:
            self._same_voice(engine, recordings)
        return check

    def _same_voice(self, engine: SpeakerCheck, recordings: Sequence[Recording]) -> None:
        embed: Any = getattr(engine, "embed", None)
        if embed is None or self._options.statement is None:
            return
        said = embed(_read(self._options.statement).at(16_000))
        for one in recordings:
            like = round(float(said @ embed(one.at(16_000))) * 1_000_000)
            if like < engine.threshold_ppm:
                raise ConsentRefusedError(
                    "speaker-mismatch",
                    f"the voice in {one.name} is not that of the statement ({like} ppm, {engine.threshold_ppm} needed)",
                    statements=(self._digest,),
                    remedy="Use recordings of the person who agreed",
                )

    # -- building ----------------------------------------------------------------------------

    def _state(self, vault: Vault) -> StateFile:
        key = vault.state_key(self._voice, self._digest)
        try:
            return StateFile(self._state_path, key, f"{self._ledger.id} {self._voice} {self._digest}")
        finally:
            key[:] = bytes(len(key))

    def _build(self, grant: Grant, recordings: Sequence[Recording], state: StateFile) -> tuple[Any, Check]:
        from voicekit.enrol.builder import Builder  # loads torch

        kept = state.read() if self._options.resume else None
        low_rank = grant.adaptation == "low-rank"
        method = self._options.method if low_rank else "embedding"
        builder = Builder(recordings, self._texts(recordings), method, self._options.steps, kept)
        if kept is not None and self._clock is not None:
            self._clock.skip_to("embedding")

        def keep(stage: str, fraction: float, _left_s: float | None, data: bytes) -> None:
            state.keep(data)
            self._say(stage, fraction)
            if self._cancel is not None and self._cancel.is_set():
                raise Cancelled("stopped; go on with --resume")
            self._still(grant)

        with self._stage("align"):
            variety = builder.align(lambda share: self._say("align", share), keep)
        self._notices += builder.notices
        with self._stage("embedding"):
            builder.embed(keep)
        if low_rank and builder.worth_low_rank:
            with self._stage("low-rank"):
                builder.low_rank(keep)
        return builder.finish(), variety

    def _texts(self, recordings: Sequence[Recording]) -> dict[str, str]:
        from voicekit.enrol.recording import read_transcripts

        if not isinstance(self._options.transcript, Path):
            return dict(self._options.transcript or {})
        return read_transcripts(self._options.transcript, tuple(recordings))

    def _still(self, grant: Grant) -> None:
        """A withdrawal stops the building too."""
        state = self._ledger.balance(self._digest).state
        if state != "active":
            words = state.replace("-", " ")
            raise ConsentRefusedError(state, f"the grant for {grant.voice} is now {words}", statements=(self._digest,))

    def _bind(
        self, vault: Vault, grant: Grant, recordings: Sequence[Recording], done: Any
    ) -> tuple[str, dict[str, int | str]]:
        """Entry first, then sealed: files without an entry would be nobody's."""
        licence = done.base[0].license  # what was derived from a model is under no freer licence than the model
        name = f"{self._voice}{self.suffix}"
        measured: dict[str, int | str] = {
            "seconds_milli": round(sum(one.seconds for one in recordings) * 1000),
            **done.measured,
        }
        entry = self._ledger.add_enrolment(
            self._digest,
            method=done.method,
            references=[one.sha256 for one in recordings],
            base=[WeightsRef(one.name, one.sha256, one.license) for one in done.base],
            derived=[WeightsRef(name, done.sha256, licence)],
            measured=measured,
        )
        with self._stage("seal"):
            vault.seal(self._voice, {name: done.data}, self._digest)
        return entry, measured

    # -- measuring ---------------------------------------------------------------------------

    def _measure(
        self,
        voice: EnrolledVoice,
        grant: Grant,
        recordings: Sequence[Recording],
        engine: SpeakerCheck | None,
        measured: dict[str, int | str],
    ) -> str:
        """Speak three sentences for a permit and compare them; a second entry holds what was found."""
        embed: Any = getattr(engine, "embed", None)
        if embed is None or "speech" not in grant.scope.modes:
            why = "no speaker verifier is installed" if embed is None else "the grant does not allow speech"
            self._notices.append(f"likeness was not measured: {why}")
            return ""
        import numpy as np

        try:
            spoken = self._speak(voice, grant)
        except ConsentRefusedError as refused:
            self._notices.append(f"likeness was not measured: {refused.reason}")
            return ""
        made = embed(spoken)
        likeness = [float(made @ embed(one.at(16_000))) for one in recordings[:_NEIGHBOURS]]
        own = round(float(np.mean(likeness)) * 1_000_000)
        entry = voice.entry
        return self._ledger.add_enrolment(
            self._digest,
            method=entry.method,
            references=entry.references,
            base=entry.base,
            derived=entry.derived,
            measured={**measured, "similarity_ppm": own, "similarity_engine": str(getattr(engine, "name", ""))},
        )

    def _speak(self, voice: EnrolledVoice, grant: Grant) -> Any:
        """Three sentences at 16 kHz; the permit is closed without an output."""
        from voicekit.audio import resample

        scope = grant.scope
        use = Use(
            "speech",
            "evaluation" if "any" in scope.purposes else scope.purposes[0],
            False,
            ("en",) if "any" in scope.languages else (scope.languages[0],),
            ("001",) if "001" in scope.territories else (scope.territories[0],),
            "" if "any" in scope.titles else scope.titles[0],
            15,
        )
        speaker: Any = open_enrolled(self._ledger, voice)
        request = Request(use, self._voice, tuple(speaker.operands), "0" * 64, " ".join(_TEXT), self._digest)
        parts: list[Any] = []
        import numpy as np

        with contextlib.ExitStack() as stack:
            stack.callback(speaker.forget)
            stack.enter_context(contextlib.suppress(_Measured))
            render = stack.enter_context(Gate(self._ledger).render(request))
            for number, text in enumerate(_TEXT):
                params = self._voices.make_params(SpeechChoice(seed=number))
                sound = speaker.speak(render.permit, text, params)
                parts.append(resample(sound, 16_000).samples)
            raise _Measured
        return np.concatenate(parts)

    # -- telling -----------------------------------------------------------------------------

    def _clock_for(self, grant: Grant, recordings: Sequence[Recording]) -> EnrolClock:
        from voicekit.enrol.examples import ALIGN_S, LISTEN_S

        seconds = sum(one.seconds for one in recordings)
        low_rank = grant.adaptation == "low-rank" and self._options.method != "embedding"
        known = bool(self._options.transcript)
        aligned = (seconds if low_rank else min(seconds, ALIGN_S)) if known else min(seconds, LISTEN_S)
        steps = self._options.steps or 0
        if low_rank and self._options.steps is None:
            from voicekit.enrol.adapt import rank_plan  # loads torch

            steps = rank_plan(aligned)[1]
        usual = usual_seconds(
            seconds, aligned_s=aligned, listened_s=0.0 if known else aligned, rank_steps=steps if low_rank else 0,
            measured=self._options.measure,
        )  # fmt: skip
        return EnrolClock(usual)

    def _say(self, stage: str, fraction: float) -> None:
        clock = self._clock
        left_s = clock.left_s(stage, fraction) if clock else None
        self._tell(EnrolStep(stage, fraction, left_s, done=clock.share if clock else 0.0))

    @contextlib.contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        import time

        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled("stopped; go on with --resume")
        self._say(name, 0.0)
        began = time.monotonic()
        try:
            yield
        finally:
            self._took[name] = round(self._took.get(name, 0.0) + time.monotonic() - began, 2)
        self._say(name, 1.0)


def _read(given: Path | Recording) -> Recording:
    """A recording by its path, or from the bytes of one in memory: neither hash nor samples are taken on trust."""
    from voicekit.enrol.recording import open_recording, read_recording  # numpy

    return read_recording(given) if isinstance(given, Path) else open_recording(given.name, given.data)


class _Measured(Exception):
    """Ends a render that was made to be measured alone: it leaves an aborted intent, and no file."""


def operands_of(voice: EnrolledVoice) -> tuple[Operand, ...]:
    """Every model file of an enrolled voice."""
    return tuple(
        Operand(one.name, one.sha256, "weights", one.license) for one in (*voice.entry.base, *voice.entry.derived)
    )
