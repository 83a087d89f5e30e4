"""What commanded F0 loses on speech, and to what: parts of the vocoder are taken away one at a time, and independent
trackers read what is left.

A change that is not worth keeping says as much as one that is: the share of frames within 50 cents is bounded by what
the tracker itself can read, and this bench shows how much of the rest each part of the sound costs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
import torch
from scipy.ndimage import binary_erosion, uniform_filter1d
from torch import Tensor

from bench.clips import Clip, band_extension, load_clips
from bench.commanded_pitch import TRACKERS, look, shifted
from bench.report import Options, Report, Table, command, one_thread, parse, percent, rounded, say
from bench.vocoders import F32, Exact, Ours, our_vocoder
from voicekit.audio import Audio
from voicekit.engines.house import FADING_PERIODS
from voicekit.evaluate import PitchAgreement, compare_pitch
from voicekit.evaluate.quality import dnsmos, pesq_wideband
from voicekit.features.frames import HOP_LENGTH, SAMPLE_RATE
from voicekit.features.mel import band_centres
from voicekit.models.source_filter import batch_pulses, harmonic_part, noise_part
from voicekit.models.vocoder import Vocoder
from voicekit.pitch import PitchTrack

SHIFTS = (-12, 0, 12)
CLIPS = 8
LOW_HZ = 1500.0  #: where trackers find F0
AWAY = 3  #: frames from a voicing border
PLAIN = "pulses where it is voiced alone"
SHIPPED = "a whole period beyond (shipped)"
SILENT = -20.0  #: natural log of amplitude

Parts = tuple[Tensor, Tensor, Tensor]
Change = Callable[[Parts, Tensor], Parts]


def as_it_is(parts: Parts, vuv: Tensor) -> Parts:
    """Nothing is changed."""
    return parts


def without_noise(parts: Parts, vuv: Tensor) -> Parts:
    """No noise where voiced."""
    harmonic, noise, phase = parts
    voiced = vuv.repeat_interleave(2, 1)[..., None] > 0.5
    return harmonic, torch.where(voiced, SILENT, noise), phase


def without_low_noise(parts: Parts, vuv: Tensor) -> Parts:
    """No noise below 1.5 kHz where voiced."""
    harmonic, noise, phase = parts
    voiced = vuv.repeat_interleave(2, 1)[..., None] > 0.5
    low = band_centres() < LOW_HZ
    return harmonic, torch.where(voiced & low, SILENT, noise), phase


def without_dispersion(parts: Parts, vuv: Tensor) -> Parts:
    """Every pulse of minimum phase."""
    harmonic, noise, phase = parts
    return harmonic, noise, torch.zeros_like(phase)


def pulses_alone(parts: Parts, vuv: Tensor) -> Parts:
    """Neither noise where voiced nor dispersion."""
    return without_dispersion(without_noise(parts, vuv), vuv)


def slow(parts: Parts, vuv: Tensor) -> Parts:
    """Spectra of the pulses averaged over 50 ms."""
    harmonic, noise, phase = parts
    return torch.from_numpy(uniform_filter1d(harmonic.numpy(), 5, axis=1, mode="nearest")), noise, phase


def slow_pulses_alone(parts: Parts, vuv: Tensor) -> Parts:
    """Averaged over 50 ms, without noise or dispersion."""
    return slow(pulses_alone(parts, vuv), vuv)


def level(parts: Parts, vuv: Tensor) -> Parts:
    """Every voiced frame equally loud: no fading in or out."""
    harmonic, noise, phase = parts
    loud = (2 * harmonic).exp().mean(2, keepdim=True).log() / 2
    return harmonic - loud + loud[vuv > 0.5].median(), noise, phase


def held(parts: Parts, vuv: Tensor) -> Parts:
    """Pulses near a border through the spectrum of the nearest voiced frame alone."""
    harmonic, noise, phase = parts
    voiced = np.flatnonzero(vuv[0].numpy() > 0.5)
    frames = np.arange(vuv.shape[1])
    right = np.searchsorted(voiced, frames).clip(max=len(voiced) - 1)
    left = (right - 1).clip(min=0)
    nearest = np.where(voiced[right] - frames < frames - voiced[left], voiced[right], voiced[left])
    nearest = np.where(vuv[0].numpy() > 0.5, frames, nearest)
    return harmonic[:, nearest], noise, phase[:, nearest]


@dataclasses.dataclass(frozen=True)
class Sound:
    """How a sound differs from pulses in voiced frames alone.

    Attributes
    ----------
    change : callable
        Of what the network says, before sound is made of it.
    beyond : float
        Periods that the train of pulses goes on beyond what is voiced, on either side.
    """

    change: Change = as_it_is
    beyond: float = 0.0


SOUNDS: dict[str, Sound] = {
    PLAIN: Sound(),
    "without noise where voiced": Sound(without_noise),
    "without noise below 1.5 kHz where voiced": Sound(without_low_noise),
    "without dispersion": Sound(without_dispersion),
    "pulses alone": Sound(pulses_alone),
    "pulses' spectra averaged over 50 ms": Sound(slow),
    "averaged pulses alone": Sound(slow_pulses_alone),
    "every voiced frame equally loud": Sound(level),
    "pulses half a period beyond what is voiced": Sound(beyond=0.5),
    SHIPPED: Sound(beyond=FADING_PERIODS),
    "half a period, spectrum of the last voiced frame": Sound(held, 0.5),
    "a whole period, spectrum of the last voiced frame": Sound(held, 1.0),
}


def render(vocoder: Vocoder, envelope: F32, track: PitchTrack, sound: Sound) -> F32:
    """As `voicekit.engines.house.resynthesise`, but for what the sound changes."""
    vuv = torch.from_numpy(track.vuv)[None].float()
    n_samples = len(envelope) * HOP_LENGTH
    noise = torch.randn((1, n_samples), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        parts = sound.change(vocoder.parameters_of(torch.from_numpy(envelope)[None], vuv), vuv)
        pulses = batch_pulses(track.f0_hz[None], track.vuv[None], beyond=sound.beyond)
        made = harmonic_part(parts[0], parts[2], pulses, n_samples) + noise_part(parts[1], noise)
    waveform: F32 = made[0].numpy()
    return waveform


def away(track: PitchTrack) -> PitchTrack:
    """What was commanded on frames away from voicing borders alone."""
    return PitchTrack(track.f0_hz, binary_erosion(track.vuv, iterations=AWAY))


@dataclasses.dataclass(frozen=True)
class Read:
    """One sound through one tracker: what was commanded and what was read, on the frames it looks at."""

    sound: str
    tracker: str
    shift: int
    commanded: PitchTrack
    measured: PitchTrack


def read(clip: Clip, ours: Ours, shifts: Sequence[int]) -> tuple[list[Read], dict[str, tuple[float, float]]]:
    """Everything read of one clip; and PESQ and DNSMOS of each sound of it made again as `bench.vocoder` does."""
    envelope, _ = ours.analyse(clip, track=clip.track)
    found: list[Read] = []
    exact = Exact()
    for shift in shifts:
        commanded = shifted(clip.track, shift)
        waves = {name: render(ours.vocoder, envelope, commanded, sound) for name, sound in SOUNDS.items()}
        waves[exact.name] = exact.render((commanded, len(commanded.vuv) * HOP_LENGTH), None)
        for name, wave in waves.items():
            for tracker in TRACKERS:
                asked, heard = look(wave, commanded, tracker)
                found.append(Read(name, tracker, shift, asked, heard))
    seen, f0_hz = ours.analyse(clip, track=None)
    quality = {}
    for name, sound in SOUNDS.items():
        wave = Audio(render(ours.vocoder, seen, PitchTrack(f0_hz, f0_hz > 0), sound), SAMPLE_RATE)
        quality[name] = (pesq_wideband(clip.audio, wave), dnsmos(wave).overall)
    return found, quality


def pooled(
    found: Sequence[Read], sound: str, tracker: str, shift: int | None = None, inside: bool = False
) -> PitchAgreement:
    """Agreement over all frames, or over those away from voicing borders."""
    chosen = [r for r in found if r.sound == sound and r.tracker == tracker and shift in (None, r.shift)]
    return compare_pitch((away(r.commanded) if inside else r.commanded, r.measured) for r in chosen)


def table(
    tracker: str, found: Sequence[Read], quality: dict[str, list[tuple[float, float]]], shifts: Sequence[int]
) -> Table:
    """A row a sound."""
    rows: list[tuple[object, ...]] = []
    for name in (*SOUNDS, Exact.name):
        every, inside = pooled(found, name, tracker), pooled(found, name, tracker, inside=True)
        made = [rounded(float(x), 2) for x in np.mean(quality[name], axis=0)] if name in quality else ["-", "-"]
        rows.append(
            (
                name, rounded(every.median_abs_cents, 1), percent(every.within_50), percent(inside.within_50),
                *(percent(pooled(found, name, tracker, shift).within_50) for shift in shifts),
                percent(every.voicing_recall), *made,
            )
        )  # fmt: skip
    heads = (
        "sound", "median, cents", "within 50 cents, %", f"{AWAY} frames from borders",
        *(f"at {shift:+d}" if shift else "at 0" for shift in shifts), "voicing recall, %", "PESQ", "DNSMOS",
    )  # fmt: skip
    return Table(f"{tracker}: within 50 cents, all frames, what was taken away", heads, rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options: Options = parse(__doc__ or "", argv, weights=True)
    one_thread()
    vocoder, digest = our_vocoder(options.weights)
    ours = Ours(vocoder, band_extension(options))
    clips = [clip for clip in load_clips(options) if clip.track.vuv.any()]
    clips = clips[:: max(1, len(clips) // CLIPS)][: 2 if options.quick else CLIPS]
    found: list[Read] = []
    quality: dict[str, list[tuple[float, float]]] = {}
    for number, clip in enumerate(clips):
        say(f"{number + 1} of {len(clips)} clips")
        some, marks = read(clip, ours, SHIFTS)
        found += some
        for name, value in marks.items():
            quality.setdefault(name, []).append(value)
    report = Report("pitch_loss", "Commanded F0 on speech: what is lost, and to what")
    report.tables += [table(tracker, found, quality, SHIFTS) for tracker in TRACKERS]
    report.notes += [
        f"{len(clips)} clips of unseen speakers at {', '.join(f'{s:+d}' if s else '0' for s in SHIFTS)} semitones, "
        "F0 commanded as in `bench.commanded_pitch`. Every row is the same envelope and the same command; a row says "
        "what was changed in the sound before it was read; all but those that say so have pulses in voiced frames "
        "alone.",
        "“exact tone” is the most a tracker can read. PESQ and DNSMOS are of the clip made again at its own F0, as in "
        "`bench.vocoder`.",
    ]
    report.data["weights_sha256"] = digest
    report.data["clips"] = [clip.key for clip in clips]
    report.data["sounds"] = {
        f"{name} | {tracker} | {where}": asdict(pooled(found, name, tracker, inside=where == "inside"))
        for name in (*SOUNDS, Exact.name)
        for tracker in TRACKERS
        for where in ("all", "inside")
    }
    report.data["dnsmos"] = quality
    report.write(options)
    return 0


if __name__ == "__main__":
    command(main)
