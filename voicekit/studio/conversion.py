"""One conversion from take to delivered file: the order of steps.

Copy and hash -> decode -> measure -> two permits -> make -> encode -> read back -> two receipts -> delivery.

Two people may say no.  The voice that is to be heard needs a grant for conversion, and so does the take: whoever is
heard in it must have granted this very recording, or the operator attested that it is their own voice, as for a
correction of pitch.  Each of the two grants gets a receipt for the result, which carries a proof from both.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consent import Ledger, Operand, RenderReceipt, Use
from voicekit.audio import Audio, DecodedFile, Tags, io_error, read_audio, settle_bytes
from voicekit.audio.resample import StreamResampler
from voicekit.errors import InputError, UsageError
from voicekit.pipelines import FinishedFile, Progress
from voicekit.pipelines.plan import digest_json
from voicekit.pipelines.retake import Retake, check_kind, encode_retake
from voicekit.pitch import PitchTrack
from voicekit.pitch.long import KINDS, track_long
from voicekit.studio.gate import Gate, OpenRender, Request
from voicekit.studio.own_voice import is_attested
from voicekit.studio.production import PROOF_SUFFIX
from voicekit.studio.voices import VoiceSource, opened
from voicekit.studio.workplace import Meter, mono_blocks, read_take, workplace

__all__ = ["ConversionJob", "ConvertOptions", "ConvertedTake"]

PIPELINE_VERSION = "convert-2"
GENERATED_CONVERSION = "AI-converted recording of a voice"
_HIDDEN = ".voicekit-convert"
_LEAST_VOICED_S = 0.1
_RATE = 24_000  # of every voice of ours
ATTESTED, SIGNED = "operator-attested", "speaker-signed"

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class ConvertOptions:
    """How a take is converted, and what the result is for.

    Parameters
    ----------
    transpose : float or str
        Semitones; ``auto``: speech by whole semitones to the voice's own pitch, song as ``octave``; ``octave``: by
        whole octaves, so that the take stays in its key.
    kind : str
        ``speech`` or ``song``: how its pitch is tracked.
    neighbours : int, optional
        For a voice that has recordings: how many of their frames stand behind each frame; 0 for none.  Left out: four
        where its recordings are still sealed here, else none.
    detail : float, optional
        How much of the take's own articulation is kept, 0 to 1: more is understood better, and sounds more like
        whoever spoke it.  Left out: 0.35 for a house voice, 0.2 for a person's.
    seed : int
        Same seed, same bytes.
    purpose : str
        As the grants name it.
    commercial : bool
    languages, territories : tuple of str
    title : str

    Raises
    ------
    UsageError
        A value outside its range.
    """

    transpose: float | str = "auto"
    kind: str = "speech"
    neighbours: int | None = None
    detail: float | None = None
    seed: int = 0
    purpose: str = "personal"
    commercial: bool = False
    languages: tuple[str, ...] = ("en",)
    territories: tuple[str, ...] = ("001",)
    title: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        if isinstance(self.transpose, str):
            if self.transpose not in ("auto", "octave"):
                raise UsageError(f"no transposition: {self.transpose}", "give semitones, auto or octave")
        elif not -36.0 <= self.transpose <= 36.0:
            raise UsageError(f"{self.transpose:g} semitones are too far", "give -36 to 36")
        if self.kind not in KINDS:
            raise UsageError(f"unknown kind of take: {self.kind}", f"use one of: {', '.join(KINDS)}")
        if self.neighbours is not None and not 0 <= self.neighbours <= 32:
            raise UsageError(f"{self.neighbours} neighbours are not possible", "give 0 to 32")
        if self.detail is not None and not 0.0 <= self.detail <= 1.0:
            raise UsageError(f"a detail of {self.detail:g} is not possible", "give 0 to 1")
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"the seed must lie in 0 .. 2147483647, not {self.seed}")


@dataclass(frozen=True)
class ConvertedTake:
    """A converted take that was delivered.

    Parameters
    ----------
    path, proof : pathlib.Path
    source_proof : pathlib.Path
        The proof under the take's own grant.
    voice, grant : str
        What is heard now.
    source_voice, source_grant : str
        Whose take it was.
    tier : str
        What the voice's grant's signatures are worth.
    permission : str
        What stands behind the take: ``operator-attested`` or ``speaker-signed``.
    measured : dict
        Numbers: seconds, transposition, F0 as commanded and as measured in the result, levels.
    notices : tuple of str
    receipts : tuple of RenderReceipt
        The take's, then the voice's.
    """

    path: Path
    proof: Path
    source_proof: Path
    voice: str
    grant: str
    source_voice: str
    source_grant: str
    tier: str
    permission: str
    measured: dict[str, Any]
    notices: tuple[str, ...]
    receipts: tuple[RenderReceipt, ...] = field(default=(), repr=False)

    @property
    def audio(self) -> Audio:
        """The file, decoded, mono."""
        return read_audio(self.path)

    @property
    def receipt(self) -> RenderReceipt:
        """The voice's."""
        return self.receipts[-1]

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "file": str(self.path),
            "proof": str(self.proof),
            "source_proof": str(self.source_proof),
            "voice": self.voice,
            "grant": self.grant,
            "source_voice": self.source_voice,
            "source_grant": self.source_grant,
            "tier": self.tier,
            "permission": self.permission,
            "receipts": [one.digest for one in self.receipts],
            "measured": self.measured,
            "notices": list(self.notices),
        }


@dataclass(frozen=True)
class _Twin:
    """The result under a name of its own, for one of its receipts."""

    path: Path
    file: FinishedFile

    @property
    def sha256(self) -> str:
        return self.file.sha256

    @property
    def pcm_sha256(self) -> str:
        return self.file.pcm_sha256

    @property
    def duration_s(self) -> float:
        return self.file.loudness.duration_s


class ConversionJob:
    """A conversion, ready to run.

    Parameters
    ----------
    ledger : Ledger
    voices : VoiceSource
    take, out : pathlib.Path
    voices_of : (str, str)
        Whose take it is, as the ledger knows them, and what is to be heard.
    options : ConvertOptions
    grants : (str or None, str or None)
        For the take and for the voice, where one is demanded.
    """

    def __init__(
        self,
        ledger: Ledger,
        voices: VoiceSource,
        take: Path,
        out: Path,
        voices_of: tuple[str, str],
        options: ConvertOptions,
        grants: tuple[str | None, str | None] = (None, None),
    ) -> None:
        source_voice, voice = voices_of
        check_kind(out.name)
        if out.exists() and take.exists() and out.samefile(take):
            raise UsageError(f"{out} is the take itself", "choose another name for the converted file")
        if voice == source_voice:
            raise UsageError(f"{voice} is the take's own voice", "choose the voice that shall be heard")
        self._ledger = ledger
        self._voices = voices
        self._take = take
        self._out = out
        self._voice = voice
        self._source_voice = source_voice
        self._options = options
        self._grants = grants
        self._notices: list[str] = []

    def run(self, progress: Callable[[Progress], None] | None, cancel: Event | None) -> ConvertedTake:
        """Convert and deliver.

        Raises
        ------
        consent.ConsentRefusedError, Cancelled, InputError, UsageError
            Nothing is delivered.
        """
        meter = Meter(progress, cancel)
        meter.tell("read", 0.0)
        with workplace(self._out.parent, self._ledger, _HIDDEN) as place:
            sound, reference = read_take(self._take, place)
            mono = self._mono(sound, place)
            track = track_long(
                lambda a, b: mono.read(a, b)[0],
                mono.frames,
                self._options.kind,
                told=lambda part: meter.tell("measure", 0.02 + 0.13 * part),
            )
            if track.vuv.sum() < 100 * _LEAST_VOICED_S:
                raise InputError(
                    self._take, "", "no pitch was found in it: silence or noise alone", "Give a take with a voice."
                )
            meter.tell("voice", 0.15)
            with opened(self._voices, self._voice) as engine:
                return self._render(engine, mono, track, reference, place, meter)

    def _mono(self, sound: DecodedFile, place: Path) -> DecodedFile:
        """The take as the networks hear it: one channel at 24 kHz, on disk."""
        path = place / "mono.f32"
        frames = 0
        try:
            with open(path, "wb") as sink:
                for block in StreamResampler(sound.sample_rate, _RATE).run(mono_blocks(sound, self._notices)):
                    sink.write(np.ascontiguousarray(block, dtype="<f4").tobytes())
                    frames += len(block)
        except OSError as problem:
            raise io_error(problem, path) from problem
        return DecodedFile(path, _RATE, 1, frames, sound.bits)

    # -- under the permits ----------------------------------------------------------------------

    def _use(self, seconds: float) -> Use:
        options = self._options
        return Use(
            mode="conversion",
            purpose=options.purpose,
            commercial=options.commercial,
            languages=options.languages,
            territories=options.territories,
            title=options.title,
            seconds=max(1, int(np.ceil(seconds))),
        )

    def _render(
        self, engine: Any, mono: DecodedFile, track: PitchTrack, reference: Operand, place: Path, meter: Meter
    ) -> ConvertedTake:
        from voicekit.engines.guide import ConvertParams, GuideTake  # loaded by the engine anyway

        semitones = self._semitones(engine, track)
        params = ConvertParams(
            source_sha256=reference.sha256,
            semitones=semitones,
            neighbours=self._neighbours(engine),
            detail=float(engine.usual_detail if self._options.detail is None else self._options.detail),
            seed=self._options.seed,
            use=digest_json(self._described()),
        )
        operands = tuple(engine.operands_for(params))  # with the voice's own recordings, where they are asked for
        use = self._use(mono.duration_s)
        text = f"conversion of {self._take.name} ({self._source_voice}) into {self._voice}"
        source_grant, grant = self._grants
        with contextlib.ExitStack() as stack:
            gate = Gate(self._ledger)
            # The voice is asked for first: without it there is nothing to spend the take's permission on.
            voice_render = stack.enter_context(
                gate.render(Request(use, self._voice, operands, params.digest(), text, grant))
            )
            source_render = stack.enter_context(
                gate.render(
                    Request(use, self._source_voice, (*engine.listener, reference), params.digest(), text, source_grant)
                )
            )

            def recheck(done: float) -> None:
                meter.tell("convert", 0.2 + 0.55 * done)
                voice_render.recheck()
                source_render.recheck()

            recheck(0.0)
            take = GuideTake(lambda a, b: mono.read(a, b)[0], mono.frames, track)
            made = self._write(engine.convert(voice_render.permit, take, params), mono, place, recheck)
            after = track_long(lambda a, b: made.sound.read(a, b)[0], made.sound.frames, self._options.kind)
            tags = Tags(
                title=self._options.title or self._take.stem,
                artist=Tags.synthetic_artist(self._voice),
                comment=GENERATED_CONVERSION,
            )
            file, gain_db = encode_retake(
                made, place, self._out.name, tags, lambda stage, part: meter.tell(stage, 0.8 + 0.1 * part)
            )
            if gain_db < 0:
                self._notices.append(f"turned down by {-gain_db:.1f} dB as a whole, since it would have clipped")
            measured = self._figures(track, after, semitones, gain_db, file)
            attested = is_attested(self._ledger, source_render.permit.grant)
            meter.tell("deliver", 0.95)
            receipts = self._deliver(
                file, (source_render, voice_render), self._for_receipt(measured, engine.version, reference, attested)
            )
        meter.tell("deliver", 1.0)
        info = next(one for one in self._ledger.grants() if one.digest == receipts[1].grant)
        return ConvertedTake(
            path=self._out,
            proof=self._out.with_name(self._out.name + PROOF_SUFFIX),
            source_proof=self._source_proof,
            voice=self._voice,
            grant=receipts[1].grant,
            source_voice=self._source_voice,
            source_grant=receipts[0].grant,
            tier=info.tier,
            permission=ATTESTED if attested else SIGNED,
            measured=measured,
            notices=tuple(self._notices),
            receipts=receipts,
        )

    def _neighbours(self, engine: Any) -> int:
        if self._options.neighbours is not None:
            return self._options.neighbours
        usual = int(engine.usual_neighbours)
        if usual:
            self._notices.append(f"drawn towards frames of {self._voice}'s own recordings, {usual} for each")
        return usual

    def _semitones(self, engine: Any, track: PitchTrack) -> float:
        wanted, song = self._options.transpose, self._options.kind == "song"
        if not isinstance(wanted, str):
            return float(wanted)
        octaves = song or wanted == "octave"
        found = float(engine.transposition(track, octaves=octaves))
        how = "whole octaves, so it stays in its key" if octaves else "whole semitones, to where the voice speaks"
        self._notices.append(f"transposed by {found:+.0f} semitones ({how})")
        return found

    def _described(self) -> dict[str, Any]:
        """What is asked for, as the permits' parameters name it."""
        options = {key: repr(value) for key, value in asdict(self._options).items()}
        return {"pipeline": PIPELINE_VERSION, "options": options, "format": self._out.suffix.lower()}

    def _write(self, blocks: Any, mono: DecodedFile, place: Path, step: Callable[[float], None]) -> Retake:
        """Lay what is made on disk, block by block."""
        path, frames, peak = place / "made.f32", 0, 0.0
        try:
            with open(path, "wb") as sink:
                for block in blocks:
                    frames += len(block)
                    peak = max(peak, float(np.abs(block).max(initial=0.0)))
                    sink.write(np.ascontiguousarray(block, dtype="<f4").tobytes())
                    step(frames / mono.frames)
        except OSError as problem:
            raise io_error(problem, path) from problem
        return Retake(replace(mono, path=path, frames=frames), peak, frames / _RATE)

    def _figures(
        self, before: PitchTrack, after: PitchTrack, semitones: float, gain_db: float, file: FinishedFile
    ) -> dict[str, Any]:
        """What was commanded, against what is measured in the sound that was made."""
        both = before.vuv & after.vuv[: len(before.vuv)]
        cents = correlation = None
        if both.sum() >= 20:
            commanded = np.log2(before.f0_hz[both]) + semitones / 12.0
            heard = np.log2(after.f0_hz[: len(both)][both])
            cents = round(float(1200.0 * np.median(np.abs(heard - commanded))), 2)
            correlation = round(float(np.corrcoef(commanded, heard)[0, 1]), 4)
        return {
            "duration_s": round(len(before.vuv) / 100.0, 2),
            "semitones": semitones,
            "off_cents": cents,
            "f0_correlation": correlation,
            "gain_db": round(gain_db, 3),
            "levels": file.loudness.to_json(),
        }

    def _for_receipt(
        self, measured: dict[str, Any], version: str, reference: Operand, attested: bool
    ) -> dict[str, int | str]:
        return {
            "pipeline": PIPELINE_VERSION,
            "engine": version,
            "source_sha256": reference.sha256,
            "source_voice": self._source_voice,
            "voice": self._voice,
            "permission": ATTESTED if attested else SIGNED,
            "transpose_millisemitones": round(1000 * measured["semitones"]),
            "off_millicents": round(1000 * (measured["off_cents"] or 0.0)),
        }

    # -- delivery --------------------------------------------------------------------------------

    @property
    def _source_proof(self) -> Path:
        return self._out.with_name(f"{self._out.name}.2{PROOF_SUFFIX}")

    def _deliver(
        self, file: FinishedFile, renders: tuple[OpenRender, OpenRender], measured: dict[str, int | str]
    ) -> tuple[RenderReceipt, RenderReceipt]:
        """Both receipts first, then the name; the voice's proof lies under it, the take's under a numbered one."""
        twin = file.path.with_name(f"2-{file.path.name}")
        try:
            os.link(file.path, twin)
        except OSError:  # a file system without hard links
            shutil.copyfile(file.path, twin)
        source, voice = renders
        for render in renders:
            render.recheck()
        first = source.complete([(_Twin(twin, file), file.name)], measured)
        second = voice.complete([(_Twin(file.path, file), file.name)], measured)
        settle_bytes(self._source_proof, self._ledger.proof(first.digest))
        source.settle({twin: self._out})
        voice.settle({file.path: self._out})
        return first, second
