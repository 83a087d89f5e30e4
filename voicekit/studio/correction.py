"""One correction from take to delivered file: the order of steps.

Copy and hash -> decode -> measure -> decide -> permit -> make anew -> encode -> read back -> receipt -> delivery.
What is decoded is the copy that was hashed, so nothing that happens to the take meanwhile can be heard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from consent import Ledger, Operand, RenderReceipt, Use
from voicekit.audio import Audio, DecodedFile, Tags, read_audio
from voicekit.engines.retune import METHODS, RetuneEngine
from voicekit.errors import InputError, UsageError
from voicekit.pipelines import FinishedFile, Progress
from voicekit.pipelines.plan import digest_json
from voicekit.pipelines.retake import check_kind, encode_retake, splice
from voicekit.pitch import (
    Contour,
    Correction,
    CorrectionOptions,
    PitchTrack,
    Scale,
    TargetNote,
    correct_contour,
    infer_key,
    infer_tuning,
    parse_scale,
    sung_notes,
    track_sung_blocks,
)
from voicekit.pitch.notes import middle_of
from voicekit.studio.gate import Gate, Request
from voicekit.studio.own_voice import is_attested
from voicekit.studio.production import PROOF_SUFFIX
from voicekit.studio.workplace import Meter, mono_blocks, read_take, workplace
from voicekit.units import hz_to_midi

__all__ = ["CorrectOptions", "CorrectedTake", "CorrectionJob"]

_HIDDEN = ".voicekit-correct"
_LEAST_VOICED_S = 0.1
ATTESTED, SIGNED = "operator-attested", "speaker-signed"


@dataclass(frozen=True)
class CorrectOptions:
    """How a take is corrected, and what the result is for.

    Parameters
    ----------
    pitch : CorrectionOptions
        Strength, speed, vibrato, transposition.
    method : str
        ``psola`` (overlap-add of the take's own periods) or ``vocoder``.
    a4_hz : float or None
        Reference pitch of the scale; None: the take's own tuning.
    in_time : bool
        The score's notes stand where they are sung.
    seed : int
        Of the vocoder's noise: same seed, same bytes.
    purpose : str
        As the grant names it.
    commercial : bool
    languages, territories : tuple of str
    title : str

    Raises
    ------
    UsageError
        A value outside its range.
    """

    pitch: CorrectionOptions = field(default_factory=CorrectionOptions)
    method: str = "psola"
    a4_hz: float | None = 440.0
    in_time: bool = False
    seed: int = 0
    purpose: str = "music"
    commercial: bool = False
    languages: tuple[str, ...] = ("und",)
    territories: tuple[str, ...] = ("001",)
    title: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        if self.method not in METHODS:
            raise UsageError(f"unknown method: {self.method}", f"use one of: {', '.join(METHODS)}")
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"the seed must lie in 0 .. 2147483647, not {self.seed}")


@dataclass(frozen=True)
class CorrectedTake:
    """A corrected take that was delivered.

    Parameters
    ----------
    path, proof : pathlib.Path
    voice, grant : str
    tier : str
        What the grant's signatures are worth.
    permission : str
        ``operator-attested`` (one's own take, on one's own word) or ``speaker-signed``; the receipt has it too.
    measured : dict
        Numbers: notes, how far they lay off before and after, seconds made anew, levels.
    notices : tuple of str
    correction : Correction
        Contours and notes, for pictures.
    receipt : RenderReceipt, optional
    """

    path: Path
    proof: Path
    voice: str
    grant: str
    tier: str
    permission: str
    measured: dict[str, Any]
    notices: tuple[str, ...]
    correction: Correction = field(repr=False)
    receipt: RenderReceipt | None = field(default=None, repr=False)

    @property
    def audio(self) -> Audio:
        """The file, decoded, mono."""
        return read_audio(self.path)

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "file": str(self.path),
            "proof": str(self.proof),
            "voice": self.voice,
            "grant": self.grant,
            "tier": self.tier,
            "permission": self.permission,
            "receipt": self.receipt.digest if self.receipt else "",
            "measured": self.measured,
            "notices": list(self.notices),
        }


class CorrectionJob:
    """A correction, ready to run.

    Parameters
    ----------
    ledger : Ledger
    take, out : pathlib.Path
    target : str, Scale, sequence of TargetNote, Contour or None
        A scale's name (``auto``: the key that fits), or what `correct_contour` takes.
    voice : str
    options : CorrectOptions
    grant : str, optional
    notices : tuple of str
        What is known already.
    """

    def __init__(
        self,
        ledger: Ledger,
        take: Path,
        out: Path,
        target: str | Scale | Sequence[TargetNote] | Contour | None,
        *,
        voice: str,
        options: CorrectOptions,
        grant: str | None,
        notices: tuple[str, ...] = (),
    ) -> None:
        check_kind(out.name)
        if isinstance(target, str) and target != "auto":
            target = parse_scale(target, options.a4_hz or 440.0)  # a wrong name is told before anything is read
        if target is None and not options.pitch.transpose:
            raise UsageError("nothing is to be corrected", "give a scale, a score, a curve or a transposition")
        if out.exists() and take.exists() and out.samefile(take):
            raise UsageError(f"{out} is the take itself", "choose another name for the corrected file")
        self._ledger = ledger
        self._take = take
        self._out = out
        self._target = target
        self._voice = voice
        self._options = options
        self._grant = grant
        self._notices: list[str] = list(notices)

    def run(self, progress: Callable[[Progress], None] | None, cancel: Event | None) -> CorrectedTake:
        """Correct and deliver.

        Raises
        ------
        consent.ConsentRefusedError, Cancelled, InputError, UsageError
            Nothing is delivered.
        """
        meter = Meter(progress, cancel)
        meter.tell("read", 0.0)
        with workplace(self._out.parent, self._ledger, _HIDDEN) as place:
            sound, reference = read_take(self._take, place)
            meter.tell("measure", 0.02)
            track = self._measure(sound)
            correction = self._decide(track)
            meter.tell("measure", 0.2)
            return self._render(sound, correction, reference, place, meter)

    # -- before the permit: measuring makes no sound -------------------------------------------

    def _measure(self, sound: DecodedFile) -> PitchTrack:
        track = track_sung_blocks(mono_blocks(sound, self._notices), sound.sample_rate, sound.frames)
        if track.vuv.sum() < 100 * _LEAST_VOICED_S:
            raise InputError(
                self._take, "", "no pitch was found in it: silence or noise alone", "Give a take with a voice in it."
            )
        return track

    def _decide(self, track: PitchTrack) -> Correction:
        target = self._target
        if isinstance(target, str | Scale):
            target = self._scale(target, track)
        made = correct_contour(track, target, self._options.pitch, in_time=self._options.in_time)
        self._notices += made.notices
        return made

    def _scale(self, wanted: str | Scale, track: PitchTrack) -> Scale:
        notes = sung_notes(track)
        a4 = self._options.a4_hz
        if a4 is None:
            a4 = infer_tuning(notes)
            self._notices.append(f"the take is tuned to A4 = {a4:.1f} Hz")
        if isinstance(wanted, Scale):
            return Scale(wanted.name, wanted.tonic, wanted.cents, a4)
        scale, confidence = infer_key(notes, a4)
        sure = "clearly" if confidence >= 0.1 else "but other keys fit nearly as well"
        self._notices.append(f"the key that fits is {scale.name}, {sure}")
        return scale

    # -- under the permit -----------------------------------------------------------------------

    def _request(self, sound: DecodedFile, correction: Correction, operands: tuple[Operand, ...]) -> Request:
        options = self._options
        use = Use(
            mode="conversion",
            purpose=options.purpose,
            commercial=options.commercial,
            languages=options.languages,
            territories=options.territories,
            title=options.title,
            seconds=max(1, int(np.ceil(sound.duration_s))),
        )
        params = digest_json(
            {
                "options": {key: repr(value) for key, value in asdict(options).items()},
                "commanded": [round(1000 * float(hz)) for hz in correction.commanded.f0_hz],
            }
        )
        return Request(use, self._voice, operands, params, f"pitch correction of {self._take.name}", self._grant)

    def _render(
        self, sound: DecodedFile, correction: Correction, reference: Operand, place: Path, meter: Meter
    ) -> CorrectedTake:
        engine = RetuneEngine(self._options.method, self._options.seed)
        request = self._request(sound, correction, (*engine.operands, reference))
        with Gate(self._ledger).render(request) as render:

            def step(done: float) -> None:
                meter.tell("retune", 0.2 + 0.5 * done)
                render.recheck()

            step(0.0)
            pieces = engine.retune(render.permit, reference, sound.read, sound.frames, sound.sample_rate, correction)
            made = splice(sound, pieces, place / "made.f32", step)
            after = track_sung_blocks(mono_blocks(made.sound, []), sound.sample_rate, sound.frames)
            tags = Tags(title=self._options.title or self._take.stem, comment="Pitch-corrected recording of a voice")
            file, gain_db = encode_retake(
                made, place, self._out.name, tags, lambda stage, part: meter.tell(stage, 0.8 + 0.1 * part)
            )
            if gain_db < 0:
                self._notices.append(f"turned down by {-gain_db:.1f} dB as a whole, since it would have clipped")
            if self._out.suffix.lower() == ".mp3" and sound.sample_rate != file.loudness.sample_rate:
                self._notices.append(f"MP3 is written at 44.1 kHz; the take has {sound.sample_rate} Hz")
            measured = self._figures(correction, after, made.moved_s, gain_db, file)
            attested = is_attested(self._ledger, render.permit.grant)
            meter.tell("deliver", 0.95)
            receipt = render.deliver([file], self._out.parent, self._for_receipt(measured, engine, attested))
        meter.tell("deliver", 1.0)
        info = next(one for one in self._ledger.grants() if one.digest == receipt.grant)
        return CorrectedTake(
            path=self._out,
            proof=self._out.with_name(self._out.name + PROOF_SUFFIX),
            voice=self._voice,
            grant=receipt.grant,
            tier=info.tier,
            permission=ATTESTED if attested else SIGNED,
            measured=measured,
            notices=tuple(self._notices),
            correction=correction,
            receipt=receipt,
        )

    def _figures(
        self, correction: Correction, after: PitchTrack, moved_s: float, gain_db: float, file: FinishedFile
    ) -> dict[str, Any]:
        """How far the notes lay off before and lie off now, measured on the sound that was made."""
        long = [one for one in correction.notes if one.note.stop - one.note.start >= 12]
        midi = hz_to_midi(np.maximum(after.continuous(), 1.0)) if after.vuv.any() else np.zeros(len(after.vuv))
        shift = self._options.pitch.transpose
        left = [100.0 * (middle_of(midi, n.note.start, n.note.stop) - n.wanted_midi - shift) for n in long]
        return {
            "notes": len(correction.notes),
            "off_before_cents": round(float(np.median(np.abs([n.off_cents for n in long]))), 2) if long else None,
            "off_after_cents": round(float(np.median(np.abs(left))), 2) if long else None,
            "remade_s": round(moved_s, 3),
            "gain_db": round(gain_db, 3),
            "method": self._options.method,
            "levels": file.loudness.to_json(),
        }

    def _for_receipt(self, measured: dict[str, Any], engine: RetuneEngine, attested: bool) -> dict[str, int | str]:
        pitch = self._options.pitch
        return {
            "permission": ATTESTED if attested else SIGNED,
            "method": self._options.method,
            "engine": engine.version,
            "notes": measured["notes"],
            "off_before_millicents": round(1000 * (measured["off_before_cents"] or 0.0)),
            "off_after_millicents": round(1000 * (measured["off_after_cents"] or 0.0)),
            "strength_ppm": round(1e6 * pitch.strength),
            "transpose_millisemitones": round(1000 * pitch.transpose),
        }
