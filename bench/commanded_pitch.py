"""Whether the sound has the F0 that was commanded, by two independent trackers, at -12 to +12 semitones."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bench.clips import Clip, band_extension, load_clips
from bench.report import Options, Report, Table, command, one_thread, parse, percent, rounded, say
from bench.vocoders import F32, Exact, Ours, Psola, System, World, our_vocoder
from voicekit.audio import Audio
from voicekit.engines.house import resynthesise
from voicekit.evaluate import PitchAgreement, compare_pitch
from voicekit.evaluate.quality import dnsmos
from voicekit.evaluate.trackers import track_crepe, track_harvest
from voicekit.features.frames import HOP_LENGTH, SAMPLE_RATE
from voicekit.features.mel import band_centres
from voicekit.models.vocoder import Vocoder
from voicekit.pitch import PitchTrack
from voicekit.units import cents_between, cents_to_ratio, midi_to_hz

SHIFTS = (-12, -7, -5, 0, 5, 7, 12)  #: semitones
QUICK_SHIFTS = (-12, 0, 12)
QUALITY_SHARE = 0.5  #: of the clips have their DNSMOS taken: the slowest of the instruments
TRACKERS = ("harvest", "crepe")
CREPE_EVERY = 2  #: frames
ROOM = 2.2  #: a tracker may look so far beyond the commanded range: an octave error must be able to show
LOWEST_HZ, HIGHEST_HZ = 33.0, 1950.0  #: what the trackers can look for at all
LEGIBLE_CENTS = 25.0
STEADY_MIDI = tuple(range(36, 85, 3))  #: C2 to C6 in minor thirds
STEADY_FRAMES, STEADY_EDGE = 120, 10
NATURAL = "the recordings themselves"
REGISTERS = {
    f"C{n} to C{n + 1}": (float(midi_to_hz(12.0 * n + 12)), float(midi_to_hz(12.0 * n + 24))) for n in range(2, 6)
}  #: Hz
LEAST_FRAMES = 100  #: fewer say nothing of a register


@dataclass(frozen=True)
class Heard:
    """One piece of sound through one tracker.

    Attributes
    ----------
    system, tracker : str
    shift : int
        Semitones.
    commanded, measured : PitchTrack
        On the frames the tracker looked at.
    legible : ndarray
        (T,) bool: frames on which the tracker hears the exact tone of the same F0 within 25 cents.
    """

    system: str
    tracker: str
    shift: int
    commanded: PitchTrack
    measured: PitchTrack
    legible: npt.NDArray[np.bool_]

    @property
    def pair(self) -> tuple[PitchTrack, PitchTrack]:
        """All frames."""
        return self.commanded, self.measured

    @property
    def legible_pair(self) -> tuple[PitchTrack, PitchTrack]:
        """What was commanded on the legible frames alone."""
        return PitchTrack(self.commanded.f0_hz, self.commanded.vuv & self.legible), self.measured


@dataclass(frozen=True)
class ClipResult:
    """Everything heard of one clip, and DNSMOS by (system, shift)."""

    heard: list[Heard]
    quality: dict[tuple[str, int], float]


def shifted(track: PitchTrack, semitones: float) -> PitchTrack:
    """A track moved by semitones."""
    return PitchTrack(track.f0_hz * cents_to_ratio(100.0 * semitones), track.vuv)


def look(waveform: F32, commanded: PitchTrack, tracker: str) -> tuple[PitchTrack, PitchTrack]:
    """What was commanded and what a tracker hears, on the frames it looks at; it searches around the command."""
    voiced = commanded.f0_hz[commanded.vuv]
    bounds = (max(LOWEST_HZ, float(voiced.min()) / ROOM), min(HIGHEST_HZ, float(voiced.max()) * ROOM))
    audio = Audio(waveform, SAMPLE_RATE)
    if tracker == "harvest":
        return commanded, track_harvest(audio, bounds)
    some = PitchTrack(commanded.f0_hz[::CREPE_EVERY], commanded.vuv[::CREPE_EVERY])
    return some, track_crepe(audio, bounds, every=CREPE_EVERY)


def legible_frames(commanded: PitchTrack, measured: PitchTrack) -> npt.NDArray[np.bool_]:
    """Frames (T,) of the exact tone that the tracker gets right."""
    both = commanded.vuv & measured.vuv
    legible = np.zeros(len(both), dtype=bool)
    legible[both] = np.abs(cents_between(commanded.f0_hz[both], measured.f0_hz[both])) <= LEGIBLE_CENTS
    return legible


def hear(waves: dict[str, F32], commanded: PitchTrack, shift: int) -> Iterator[Heard]:
    """The exact tone and then each waveform through both trackers."""
    exact = Exact()
    tone = exact.render((commanded, len(commanded.vuv) * HOP_LENGTH), None)
    for tracker in TRACKERS:
        asked, found = look(tone, commanded, tracker)
        legible = legible_frames(asked, found)
        yield Heard(exact.name, tracker, shift, asked, found, legible)
        for name, wave in waves.items():
            asked, found = look(wave, commanded, tracker)
            yield Heard(name, tracker, shift, asked, found, legible)


def measure_clip(clip: Clip, systems: Sequence[System], shifts: Sequence[int], with_quality: bool) -> ClipResult:
    """One clip at every shift through every system."""
    parts = {system.name: system.analyse(clip, track=clip.track) for system in systems}
    heard: list[Heard] = []
    quality: dict[tuple[str, int], float] = {}
    for shift in shifts:
        commanded = shifted(clip.track, shift)
        waves = {system.name: system.render(parts[system.name], commanded) for system in systems}
        if shift == 0:
            waves[NATURAL] = clip.audio.samples
        heard += hear(waves, commanded, shift)
        if with_quality:
            quality |= {(name, shift): dnsmos(Audio(wave, SAMPLE_RATE)).overall for name, wave in waves.items()}
    return ClipResult(heard, quality)


def systems_of(options: Options) -> list[System]:
    """Ours and the rivals."""
    return [Ours(our_vocoder(options.weights)[0], band_extension(options)), World(), Psola()]


def _work(job: tuple[Clip, Options, tuple[int, ...], bool]) -> ClipResult:
    one_thread()
    clip, options, shifts, with_quality = job
    return measure_clip(clip, systems_of(options), shifts, with_quality)


def vowel(level: float = -1.0) -> F32:
    """Envelope (80,) of a steady neutral vowel, natural log of amplitude.

    Source
    ------
    G. Fant, "Acoustic theory of speech production" (1960): a uniform tube of 17 cm resonates at 500, 1500, 2500 ...
    Hz; source and radiation together fall by 6 dB an octave.
    """
    hertz = band_centres().numpy()
    log = -np.log1p(hertz / 100.0)
    for formant, width in ((500, 120), (1500, 140), (2500, 180), (3500, 250), (4500, 300)):
        log -= 0.5 * np.log((1 - (hertz / formant) ** 2) ** 2 + (hertz * width / formant**2) ** 2)
    envelope: F32 = np.maximum(log - log.max() + level, -10.0).astype(np.float32)
    return envelope


class HasVocoder(Protocol):
    """A system with a network that makes sound of envelopes."""

    name: str
    vocoder: Vocoder


def steady_notes(system: HasVocoder, notes: Sequence[int] = STEADY_MIDI) -> list[Heard]:
    """A vowel held on notes from C2 to C6, and the exact tone; `Heard.shift` is the MIDI number here."""
    found: list[Heard] = []
    vuv = np.zeros(STEADY_FRAMES, dtype=bool)
    vuv[STEADY_EDGE:-STEADY_EDGE] = True
    envelope = np.where(vuv[:, None], vowel(), np.float32(-11.0)).astype(np.float32)
    for midi in notes:
        track = PitchTrack(np.where(vuv, float(midi_to_hz(float(midi))), 0.0), vuv)
        waves = {system.name: resynthesise(system.vocoder, envelope, track.f0_hz, 0)}
        found += hear(waves, track, midi)
    return found


def overall_table(heard: Sequence[Heard], names: Sequence[str], legible: bool, title: str) -> Table:
    """All shifts pooled, a row a system and tracker."""
    rows: list[tuple[object, ...]] = []
    for name in names:
        for tracker in TRACKERS:
            every = pooled(heard, name, tracker, legible=legible)
            rows.append(
                (
                    name, tracker, rounded(every.median_abs_cents, 1), rounded(every.bias_cents, 1),
                    rounded(every.rmse_cents, 1), percent(every.within_25), percent(every.within_50),
                    percent(every.octave_share),
                    percent(every.voicing_recall), every.frames,
                )
            )  # fmt: skip
    heads = (
        "system", "tracker", "median, cents", "bias, cents", "RMSE, cents", "within 25 cents, %", "within 50 cents, %",
        "beyond 600 cents, %", "voicing recall, %", "frames",
    )  # fmt: skip
    return Table(title, heads, rows)


def pooled(
    heard: Sequence[Heard],
    name: str,
    tracker: str,
    *,
    shift: int | None = None,
    legible: bool = False,
    register: tuple[float, float] | None = None,
) -> PitchAgreement:
    """Agreement over everything heard of a system by a tracker, at one shift or all, in one register (Hz) or all."""
    chosen = [h for h in heard if h.system == name and h.tracker == tracker and shift in (None, h.shift)]
    pairs = (h.legible_pair if legible else h.pair for h in chosen)
    return compare_pitch(pairs if register is None else ((_only(asked, register), found) for asked, found in pairs))


def _only(track: PitchTrack, register: tuple[float, float]) -> PitchTrack:
    """A track whose frames outside a register count as unvoiced."""
    low, high = register
    return PitchTrack(track.f0_hz, track.vuv & (track.f0_hz >= low) & (track.f0_hz < high))


def register_table(report: Report, heard: Sequence[Heard], names: Sequence[str]) -> Table:
    """Speech at all shifts by the register of what was commanded, frames the tracker can read."""
    rows: list[tuple[object, ...]] = []
    for name in names:
        for tracker in TRACKERS:
            cells: list[str] = []
            for label, bounds in REGISTERS.items():
                found = pooled(heard, name, tracker, legible=True, register=bounds)
                report.data.setdefault("by_register", {})[f"{name} | {tracker} | {label}"] = asdict(found)
                told = found.frames >= LEAST_FRAMES
                cells.append(f"{found.median_abs_cents:.1f} / {percent(found.within_50)}" if told else "-")
            rows.append((name, tracker, *cells))
    title = "Speech by register of the command: median error, cents / within 50 cents, %, frames the tracker can read"
    return Table(title, ("system", "tracker", *REGISTERS), rows)


def shift_table(
    title: str, rows: Sequence[str], shifts: Sequence[int], cells: dict[tuple[str, int], str]
) -> Table:
    """Systems down, shifts across."""
    heads = ("system", *(f"{shift:+d}" if shift else "0" for shift in shifts))
    return Table(title, heads, [(name, *(cells.get((name, s), "-") for s in shifts)) for name in rows])


def note_table(heard: Sequence[Heard], names: Sequence[str]) -> Table:
    """Steady notes: how far off, by system and tracker."""
    rows: list[tuple[object, ...]] = []
    for name in names:
        for tracker in TRACKERS:
            notes = {midi: pooled(heard, name, tracker, shift=midi) for midi in STEADY_MIDI}
            worst = max(STEADY_MIDI, key=lambda midi: np.nan_to_num(notes[midi].median_abs_cents, nan=np.inf))
            every = pooled(heard, name, tracker)
            rows.append(
                (
                    name, tracker, rounded(every.median_abs_cents, 2), rounded(notes[worst].median_abs_cents, 2),
                    worst, percent(every.within_50), percent(every.voicing_recall),
                )
            )  # fmt: skip
    heads = (
        "system", "tracker", "median, cents", "worst note's median, cents", "worst note, MIDI",
        "within 50 cents, %", "voicing recall, %",
    )  # fmt: skip
    return Table("Steady vowel on C2 to C6 (MIDI 36 to 84, in minor thirds)", heads, rows)


def fill(
    report: Report, results: Sequence[ClipResult], steady: Sequence[Heard], shifts: Sequence[int], ours: str
) -> None:
    """Tables and data from what was heard."""
    heard = [h for result in results for h in result.heard]
    audible = [ours, World.name, Psola.name]
    names = [*audible, NATURAL, Exact.name]
    report.tables += [
        overall_table(heard, names, False, "All shifts, all frames voiced in command and measurement"),
        overall_table(
            heard, [*audible, NATURAL], True,
            "All shifts, frames the tracker can read (it hears the exact tone of the same F0 within 25 cents)",
        ),
    ]  # fmt: skip
    report.tables.append(register_table(report, heard, audible))
    for tracker in TRACKERS:
        for title, field, scale, legible in (
            ("median error, cents, all frames", "median_abs_cents", 1.0, False),
            ("within 50 cents, %, all frames", "within_50", 100.0, False),
            ("within 50 cents, %, frames the tracker can read", "within_50", 100.0, True),
            ("voicing recall, %", "voicing_recall", 100.0, False),
        ):
            cells = {}
            for name in names:
                for shift in shifts:
                    agreement = pooled(heard, name, tracker, shift=shift, legible=legible)
                    cells[name, shift] = rounded(scale * getattr(agreement, field), 1)
                    key = f"{tracker}, {'readable' if legible else 'all'} frames"
                    by_shift = report.data.setdefault("by_shift", {}).setdefault(key, {}).setdefault(name, {})
                    by_shift[f"{shift:+d}"] = asdict(agreement)
            report.tables.append(shift_table(f"By shift, semitones, {tracker}: {title}", names, shifts, cells))
    quality: dict[tuple[str, int], list[float]] = {}
    for result in results:
        for at, value in result.quality.items():
            quality.setdefault(at, []).append(value)
    cells = {at: rounded(float(np.mean(values)), 2) for at, values in quality.items()}
    count = len(next(iter(quality.values()), []))
    report.tables.append(
        shift_table(f"By shift, semitones: DNSMOS overall ({count} clips)", [*audible, NATURAL], shifts, cells)
    )
    report.tables.append(note_table(steady, [ours, Exact.name]))
    report.data["all_shifts"] = {
        f"{name} | {tracker} | {'readable' if legible else 'all'} frames": asdict(
            pooled(heard, name, tracker, legible=legible)
        )
        for name in names
        for tracker in TRACKERS
        for legible in (False, True)
    }
    report.data["dnsmos"] = {f"{name} | {shift:+d}": values for (name, shift), values in quality.items()}
    report.data["steady_notes"] = {
        f"{name} | {tracker} | {midi}": asdict(pooled(steady, name, tracker, shift=midi))
        for name in (ours, Exact.name)
        for tracker in TRACKERS
        for midi in STEADY_MIDI
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = parse(__doc__ or "", argv, weights=True, workers=True)
    one_thread()
    vocoder, digest = our_vocoder(options.weights)
    ours = Ours(vocoder, band_extension(options))
    shifts = QUICK_SHIFTS if options.quick else SHIFTS
    clips = [clip for clip in load_clips(options) if clip.track.vuv.any()]
    report = Report("commanded_pitch", "Commanded F0: what was asked and what independent trackers hear")
    jobs = [(clip, options, shifts, number < QUALITY_SHARE * len(clips)) for number, clip in enumerate(clips)]
    results = []
    with ExitStack() as stack:
        run: Iterator[ClipResult] = map(_work, jobs)
        if options.workers > 1:
            # spawn: torch and onnxruntime do not survive a fork
            context = multiprocessing.get_context("spawn")
            run = stack.enter_context(ProcessPoolExecutor(options.workers, context)).map(_work, jobs)
        for result in run:
            results.append(result)
            say(f"{len(results)} of {len(jobs)} clips")
    say("steady notes")
    fill(report, results, steady_notes(ours), shifts, ours.name)
    report.notes += [
        f"{len(clips)} clips of unseen speakers. The command is Praat's F0 of the recording, moved; it is measured "
        "by Harvest and by CREPE (tiny, every second frame), which had no part in it. No frame is left out for lying "
        "near a voicing border.",
        f"“{NATURAL}” is how far the trackers disagree with Praat on natural speech; “{Exact.name}” carries exactly "
        "the commanded F0: over all frames, no system can be measured to follow better than that.",
        "Over the frames the tracker can read its own failures are out: what is left there is the system's.",
    ]
    report.data["weights_sha256"] = digest
    report.data["clips"] = [clip.key for clip in clips]
    report.write(options)
    return 0


if __name__ == "__main__":
    command(main)
