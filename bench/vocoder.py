"""How well the vocoder makes unseen speakers' recordings again, against WORLD and Praat's PSOLA."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfiltfilt

from bench.clips import TOP_HZ, Clip, band_extension, load_clips
from bench.networks import networks
from bench.report import Report, Table, command, one_thread, parse, percent, rounded, say
from bench.vocoders import F32, GriffinLim, Ours, Psola, System, World, our_vocoder
from voicekit.audio import Audio
from voicekit.evaluate import bootstrap_mean, cepstral_distortion, periodicity, spectral_distance
from voicekit.evaluate.quality import dnsmos, pesq_wideband, stoi
from voicekit.features.frames import HOP_LENGTH, SAMPLE_RATE
from voicekit.models.vocoder import Vocoder
from voicekit.pitch import tidy, track_pitch

METRICS = (
    "pesq", "pesq_above_rumble", "stoi", "convergence", "log_magnitude_db", "cepstral_db", "vuv_f1", "buzz", "dnsmos"
)  # fmt: skip


RUMBLE_HZ = 80.0


def without_rumble(waveform: F32) -> Audio:
    """The waveform above 80 Hz (Butterworth, fourth order, both ways).

    Readers' rooms rumble: in some recordings most of the energy lies below any F0, unheard, and PESQ judges it.
    """
    sections = butter(4, RUMBLE_HZ, "highpass", fs=SAMPLE_RATE, output="sos")
    return Audio(np.ascontiguousarray(sosfiltfilt(sections, waveform), dtype=np.float32), SAMPLE_RATE)


def measure(clip: Clip, waveform: F32) -> dict[str, float]:
    """Every figure of one clip made again."""
    made = Audio(waveform, SAMPLE_RATE)
    distance = spectral_distance(clip.audio.samples, waveform, SAMPLE_RATE, top_hz=TOP_HZ)
    return {
        "pesq": pesq_wideband(clip.audio, made),
        "pesq_above_rumble": pesq_wideband(without_rumble(clip.audio.samples), without_rumble(waveform)),
        "stoi": stoi(clip.audio, made),
        "convergence": distance.convergence,
        "log_magnitude_db": distance.log_magnitude_db,
        "cepstral_db": cepstral_distortion(clip.audio.samples, waveform, SAMPLE_RATE, top_hz=TOP_HZ),
        "vuv_f1": voicing_f1(clip.track.vuv, tidy(track_pitch(waveform, SAMPLE_RATE)).vuv),
        "buzz": buzz(clip, waveform),
        "dnsmos": dnsmos(made).overall,
    }


def voicing_f1(asked: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_]) -> float:
    """F1 of being voiced, frame by frame, by the tracker that also looked at the recording."""
    count = min(len(asked), len(found))
    asked, found = asked[:count], found[:count]
    both = float(np.sum(asked & found))
    return 2.0 * both / max(1.0, float(asked.sum() + found.sum()))


def buzz(clip: Clip, waveform: F32) -> float:
    """How much more periodic the loud unvoiced frames are than in the recording; above 0 hisses buzz."""
    vuv = clip.track.vuv
    level = np.square(clip.audio.samples.reshape(-1, HOP_LENGTH)).mean(axis=1)
    quiet = ~(vuv | np.roll(vuv, 3) | np.roll(vuv, -3)) & (level > 1e-3 * level.max())
    quiet[:5] = quiet[-8:] = False
    if not quiet.any():
        return float("nan")
    centres = (np.flatnonzero(quiet) + 0.5) * HOP_LENGTH
    made, natural = (periodicity(w, SAMPLE_RATE, centres.astype(int)) for w in (waveform, clip.audio.samples))
    return float(np.mean(made - natural))


def run(system: System, clips: Sequence[Clip]) -> dict[str, Any]:
    """Make every clip again with one system; per clip the figures, in all the processor time of one
    thread."""
    system.render(system.analyse(clips[0], track=None), None)  # tables and caches are made once, untimed
    rows, analysis_s, synthesis_s = [], 0.0, 0.0
    for clip in clips:
        start = time.process_time()
        parts = system.analyse(clip, track=None)
        between = time.process_time()
        waveform = system.render(parts, None)
        synthesis_s += time.process_time() - between
        analysis_s += between - start
        rows.append({"clip": clip.key, **measure(clip, waveform)})
    seconds = sum(clip.audio.duration_s for clip in clips)
    return {
        "clips": rows,
        "mean": {metric: float(np.nanmean([row[metric] for row in rows])) for metric in METRICS},
        "rtf_analysis": analysis_s / seconds,
        "rtf_synthesis": synthesis_s / seconds,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = parse(__doc__ or "", argv, weights=True)
    one_thread()
    vocoder, digest = our_vocoder(options.weights)
    clips = load_clips(options)
    extend = band_extension(options)
    systems: list[System] = [
        Ours(vocoder, extend), Ours(Vocoder(), extend, "voicekit, untrained"), World(), Psola(), GriffinLim()
    ]  # fmt: skip
    report = Report("vocoder", "Vocoder: recordings of unseen speakers made again")
    natural = float(np.mean([dnsmos(clip.audio).overall for clip in clips]))
    results = {}
    for system in systems:
        say(f"{system.name}: {len(clips)} clips")
        results[system.name] = run(system, clips)
    rows: list[tuple[object, ...]] = [("the recordings", *["-"] * 8, rounded(natural, 2), "-", "-")]
    for name, found in results.items():
        mean = found["mean"]
        rows.append(
            (
                name, rounded(mean["pesq"], 2), rounded(mean["pesq_above_rumble"], 2),
                rounded(mean["stoi"], 3), rounded(mean["convergence"], 3),
                rounded(mean["log_magnitude_db"], 2), rounded(mean["cepstral_db"], 2), percent(mean["vuv_f1"]),
                f"{mean['buzz']:+.3f}", rounded(mean["dnsmos"], 2),
                rounded(found["rtf_analysis"], 4), rounded(found["rtf_synthesis"], 4),
            )
        )  # fmt: skip
    heads = (
        "system", "PESQ wb", "PESQ wb above 80 Hz", "STOI", "spectral convergence",
        "log magnitude, dB", "mel-cepstral distortion, dB", "voicing F1, %", "buzz in hisses", "DNSMOS overall",
        "analysis, x real time", "synthesis, x real time",
    )  # fmt: skip
    speakers = len({clip.speaker for clip in clips})
    title = f"{len(clips)} clips of {speakers} speakers, {sum(c.audio.duration_s for c in clips):.0f} s"
    report.tables.append(Table(title, heads, rows))
    ours, world = results["voicekit"]["clips"], results["WORLD"]["clips"]
    gaps = {}
    for metric in METRICS:
        gap = bootstrap_mean(
            [a[metric] - b[metric] for a, b in zip(ours, world, strict=True) if np.isfinite(a[metric] - b[metric])]
        )
        gaps[metric] = {"mean": gap.value, "low": gap.low, "high": gap.high}

    def told(metric: str) -> str:
        return "{mean:+.2f} (95 % {low:+.2f} to {high:+.2f})".format(**gaps[metric])

    report.notes += [
        f"voicekit minus WORLD, clip by clip: PESQ {told('pesq')}, above 80 Hz {told('pesq_above_rumble')}, log "
        f"magnitude {told('log_magnitude_db')} dB (less is better).",
        "PESQ is given twice: some recordings rumble below 80 Hz, unheard, and PESQ judges that too; single clips "
        "swing by a point either way for it.",
        "Real-time factors are processor time of one thread over seconds of sound; each system's analysis includes "
        "its own F0 tracking.",
        "Everything is compared below 7.6 kHz: the recordings are sampled at 16 kHz. PSOLA lays the recording's own "
        "samples anew and is no vocoder: it shows what editing alone can reach.",
    ]
    report.notes.append(
        "Buzz: mean autocorrelation peak of loud unvoiced frames, minus the recording's; 0 is as noisy as life. "
        "Voicing F1 by Praat on both. " + networks(report, vocoder)
    )
    report.data = {
        **report.data,
        "weights_sha256": digest,
        "natural_dnsmos": natural,
        "systems": results,
        "voicekit_minus_world": gaps,
    }
    report.write(options)
    return 0


if __name__ == "__main__":
    command(main)
