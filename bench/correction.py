"""Correction of real singing with known detuning: overlap-add against the vocoder.

    python -m bench.correction [--quick]

The take is first tuned by WORLD so that its notes lie on the scale (that is the reference), then detuned by WORLD,
note by note, by 20 to 80 cents up or down: neither of the two ways that are measured made it.  After correction,
Harvest and CREPE, which had no part in it, say where the notes lie and what became of the vibrato.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.report import Report, Table, command, one_thread, parse, rounded, say
from voicekit.audio import Audio, read_audio
from voicekit.engines.house import load_vocoder
from voicekit.engines.vocoder_lay import VocoderLay
from voicekit.evaluate.quality import dnsmos, pesq_wideband
from voicekit.evaluate.signals import SAMPLE_RATE as SIGNAL_RATE
from voicekit.evaluate.signals import SungSpec, sung_signal
from voicekit.evaluate.spectra import spectral_distance
from voicekit.evaluate.trackers import track_crepe, track_harvest
from voicekit.evaluate.vibrato import extent_at, fit_vibrato
from voicekit.features.frames import frame_times
from voicekit.pitch import Correction, PitchTrack, correct_contour, parse_scale, track_sung_pitch
from voicekit.pitch.notes import middle_of, smooth
from voicekit.pitch.overlap_add import Lay, lay_periods, remade
from voicekit.units import hz_to_midi

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

SHARED = Path(os.environ.get("VOICEKIT_SHARED", Path(__file__).resolve().parents[2] / "shared"))
TAKES = {
    "vocadito 1": "vocadito/vocadito_1.wav",
    "NIT song 070/004": "nit_song070/004.wav",
    "signal, vibrato of 40 cents at 5.8 Hz": "",
}
SIGNAL = SungSpec(low_midi=52, high_midi=64, seconds=24.0, vibrato_cents=40.0, vibrato_hz=5.8, jitter=0.003)
SEED = 5
LEAST_FRAMES = 20
RANGE_HZ = (60.0, 1400.0)


@dataclass(frozen=True)
class Detuned:
    """A take whose notes lie off by a known amount.

    Attributes
    ----------
    tuned, detuned : Audio
        By WORLD, with the same envelope and aperiodicity; the first is the reference.
    notes : list of (start, stop, wanted_midi, off_cents)
        Frames.
    """

    tuned: Audio
    detuned: Audio
    notes: list[tuple[int, int, float, float]]


def detune(audio: Audio) -> Detuned:
    """Make reference and detuned take."""
    import pyworld

    rate = audio.sample_rate
    track = track_sung_pitch(audio.samples, rate)
    plan = correct_contour(track, parse_scale("chromatic"))
    rng = np.random.default_rng(SEED)
    cents = np.zeros(len(track.f0_hz))
    notes = []
    for one in plan.notes:
        off = float(rng.uniform(20, 80) * rng.choice([-1, 1]))
        # More than a quarter tone off, no tool can know the note: the scale gets it back below by its name.
        cents[one.note.start : one.note.stop] = off
        notes.append((one.note.start, one.note.stop, one.wanted_midi, off))
    cents = smooth(cents, 2.0)
    wave = audio.samples.astype(np.float64)
    seen, times = pyworld.harvest(wave, rate, *RANGE_HZ, frame_period=5.0)
    envelope = pyworld.cheaptrick(wave, seen, times, rate)
    aperiodicity = pyworld.d4c(wave, seen, times, rate)
    ratio = _at(times, plan.commanded.continuous() / np.maximum(track.continuous(), 1.0))
    tuned = pyworld.synthesize(seen * ratio, envelope, aperiodicity, rate, 5.0)
    shifted = pyworld.synthesize(seen * ratio * 2 ** (_at(times, cents) / 1200), envelope, aperiodicity, rate, 5.0)
    size = len(wave)
    return Detuned(
        *(Audio(np.pad(x, (0, max(0, size - len(x))))[:size].astype(np.float32), rate) for x in (tuned, shifted)),
        notes,
    )  # fmt: skip


def _signal() -> Audio:
    return Audio(sung_signal(SIGNAL, SEED).waveform, SIGNAL_RATE)


def _at(times: F64, values: F64) -> F64:
    return np.interp(times, frame_times(len(values)), values)


def trackers() -> dict[str, Callable[[Audio], PitchTrack]]:
    """Trackers that had no part in the correction."""
    made: dict[str, Callable[[Audio], PitchTrack]] = {"Harvest": lambda a: track_harvest(a, RANGE_HZ)}
    if importlib.util.find_spec("torchcrepe"):
        made["CREPE"] = lambda a: track_crepe(a, RANGE_HZ)
    return made


@dataclass(frozen=True)
class NoteFigures:
    """What a tracker says of the notes.

    Attributes
    ----------
    median_cents, p90_cents : float
        Distance of the notes from where they should be, against the same tracker's reading of the reference.
    within_8 : float
        Share of the notes within 8 cents.
    vibrato_notes : int
        Notes that have a vibrato in the tracker's reading of the reference, by `voicekit.evaluate.vibrato`: a regular
        swing of 4 to 8 Hz over three cycles or more.
    vibrato_ratio : float
        Extent of the swing at that rate against the reference's, median over these notes.
    vibrato_within_15 : float
        Share of these notes whose extent is within 15 % of the reference's.
    fluctuation_ratio, fluctuation_within_15 : float
        The same for the standard deviation of whatever moves within a note faster than its slow course, over all notes
        in which that is 8 cents or more: in notes without vibrato this is jitter and the tracker's own noise.
    """

    median_cents: float
    p90_cents: float
    within_8: float
    vibrato_notes: int
    vibrato_ratio: float | None
    vibrato_within_15: float | None
    fluctuation_ratio: float | None
    fluctuation_within_15: float | None


def judge(reference: PitchTrack, made: PitchTrack, notes: list[tuple[int, int, float, float]]) -> NoteFigures:
    """Compare notes of two tracks by one tracker."""
    off, swings, ratios = [], [], []
    count = min(len(reference.f0_hz), len(made.f0_hz))
    both = reference.vuv[:count] & made.vuv[:count]
    a = hz_to_midi(np.maximum(reference.continuous(), 1.0))
    b = hz_to_midi(np.maximum(made.continuous(), 1.0))
    for start, stop, _, _ in notes:
        if stop - start < LEAST_FRAMES or stop > count or both[start:stop].mean() < 0.9:
            continue
        off.append(100 * (middle_of(b, start, stop) - middle_of(a, start, stop)))
        inner = slice(start + 4, stop - 4)
        ripple = [float(np.std(x[inner] - smooth(x[inner], 15.0))) for x in (a, b)]
        if stop - start >= 30 and ripple[0] > 0.08:
            ratios.append(ripple[1] / ripple[0])
        vibrato = fit_vibrato(a[inner])
        if vibrato is not None and vibrato.is_regular:
            swings.append(extent_at(b[inner], vibrato.rate_hz) / vibrato.extent_cents)
    distance = np.abs(off)
    return NoteFigures(
        median_cents=float(np.median(distance)),
        p90_cents=float(np.quantile(distance, 0.9)),
        within_8=float((distance <= 8.0).mean()),
        vibrato_notes=len(swings),
        vibrato_ratio=_median(swings),
        vibrato_within_15=_kept(swings),
        fluctuation_ratio=_median(ratios),
        fluctuation_within_15=_kept(ratios),
    )


def _median(ratios: list[float]) -> float | None:
    return float(np.median(ratios)) if ratios else None


def _kept(ratios: list[float]) -> float | None:
    return float((np.abs(np.array(ratios) - 1) <= 0.15).mean()) if ratios else None


def _shown(value: float | None, digits: int, scale: float = 1.0) -> object:
    return "-" if value is None else rounded(scale * value, digits)


def plan_of(work: Detuned, known: bool) -> Correction:
    """The correction of a detuned take: to the scale, or to the notes it was made from."""
    from voicekit.pitch import TargetNote

    track = track_sung_pitch(work.detuned.samples, work.detuned.sample_rate)
    if not known:
        return correct_contour(track, parse_scale("chromatic"))
    score = [TargetNote(a / 100, b / 100, midi) for a, b, midi, _ in work.notes]
    return correct_contour(track, score, in_time=True)


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark."""
    options = parse(__doc__, argv)
    one_thread()
    report = Report("correction", "Correction of detuned singing")
    if not (SHARED / "eval").exists():
        report.notes.append("The evaluation takes are not at hand (VOICEKIT_SHARED): nothing was measured.")
        report.write(options)
        return 1
    pitch_rows, sound_rows = [], []
    for name, file in list(TAKES.items())[: 1 if options.quick else None]:
        audio = read_audio(SHARED / "eval" / file) if file else _signal()
        say(f"{name}: detuning by WORLD")
        work = detune(audio)
        readings = {t: track(work.tuned) for t, track in trackers().items()}
        plan = plan_of(work, known=True)
        ways: dict[str, Lay | None] = {
            "as detuned": None, "overlap-add": lay_periods, "vocoder": VocoderLay(load_vocoder())
        }  # fmt: skip
        for way, lay in ways.items():
            start = time.process_time()
            made = work.detuned
            if lay is not None:
                rate = made.sample_rate
                made = Audio(remade(made.samples[None], rate, plan.measured, plan.commanded, lay)[0], rate)
            spent = time.process_time() - start
            data = report.data.setdefault(name, {}).setdefault(way, {})
            for tracker, track in trackers().items():
                found = judge(readings[tracker], track(made), work.notes)
                data[tracker] = found.__dict__
                pitch_rows.append(
                    (name, way, tracker, rounded(found.median_cents, 1), rounded(found.p90_cents, 1),
                     rounded(100 * found.within_8, 0), found.vibrato_notes, _shown(found.vibrato_ratio, 3),
                     _shown(found.vibrato_within_15, 0, 100.0), _shown(found.fluctuation_ratio, 3),
                     _shown(found.fluctuation_within_15, 0, 100.0))
                )  # fmt: skip
            if not file:
                continue  # what a signal sounds like is no matter
            quality = {
                "pesq": pesq_wideband(work.tuned, made),
                "log_magnitude_db": spectral_distance(
                    work.tuned.samples, made.samples, made.sample_rate, top_hz=8000.0
                ).log_magnitude_db,
                "dnsmos": dnsmos(made).overall,
                "rtf": spent / audio.duration_s,
            }
            data["sound"] = quality
            sound_rows.append(
                (name, way, rounded(quality["pesq"], 2), rounded(quality["log_magnitude_db"], 2),
                 rounded(quality["dnsmos"], 2), rounded(quality["rtf"], 3))
            )  # fmt: skip
        if not file:
            continue
        data = report.data[name]["the recording itself"] = {"dnsmos": dnsmos(audio).overall}
        sound_rows.append((name, "the recording itself", "-", "-", rounded(data["dnsmos"], 2), "-"))
    heads = ("take", "made by", "measured by", "median cents", "90 % cents", "within 8 cents, %",
             "notes with vibrato", "vibrato x", "within 15 %, % of them",
             "fluctuation x", "within 15 %, % of notes")  # fmt: skip
    report.tables.append(Table("Notes against the tuned reference", heads, pitch_rows))
    heads = ("take", "made by", "PESQ wb against the reference", "log magnitude, dB", "DNSMOS", "x real time")
    report.tables.append(Table("Sound against the tuned reference", heads, sound_rows))
    report.notes.append(
        "Reference and detuned take are WORLD resyntheses of one recording (same envelope), detuned note by note by "
        "20 to 80 cents. The correction is told the notes (a score in time), since beyond 50 cents a scale cannot "
        "know them. Notes of 0.2 s and more. Vibrato: a sinusoid of 4 to 8 Hz, three cycles or more, that explains "
        "60 % or more of what moves in the note in the reference; its extent at that rate. Fluctuation: all that "
        "moves, in notes of 0.3 s and more with 8 cents of it; without vibrato this is jitter and the tracker's noise."
    )
    report.write(options)
    return 0


if __name__ == "__main__":
    command(main)
