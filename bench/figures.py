"""What is drawn of each benchmark; see `bench.plots`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.plots import COLOURS, Plot, colour_of, in_order, mark_of, new
from voicekit.evaluate.statistics import Interval, bootstrap_mean, bootstrap_ratio

__all__ = ["PLOTS"]

_NOTES = {36: "C2", 48: "C3", 60: "C4", 72: "C5", 84: "C6"}


def _dots(axis: Any, values: Mapping[str, Interval], label: str) -> None:
    """A dot and its interval for each system, the first on top."""
    names = list(values)
    for row, name in enumerate(names):
        found = values[name]
        if np.isfinite(found.low) and np.isfinite(found.high):
            axis.plot([found.low, found.high], [row, row], color=colour_of(name), linewidth=2)
        axis.plot(found.value, row, mark_of(name), color=colour_of(name))
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_xlabel(label)


def _single(value: float) -> Interval:
    return Interval(value, float("nan"), float("nan"))


def _mean(values: Sequence[float | None]) -> Interval:
    known = [value for value in values if value is not None]
    return bootstrap_mean(known, resamples=2000) if len(known) > 1 else _single(known[0] if known else float("nan"))


def _word_error(found: dict[str, Any]) -> Interval:
    rows = found["sentences"]
    errors = [row["substitutions"] + row["deletions"] + row["insertions"] for row in rows]
    ratio = bootstrap_ratio(errors, [row["words"] for row in rows], resamples=2000)
    return Interval(100 * ratio.value, 100 * ratio.low, 100 * ratio.high)


def _word_errors(results: dict[str, Any]) -> Any:
    voices = results["voices"]
    names = in_order(list(voices))
    figure, (words, quality) = new(2, width=8.4, height=0.9 + 0.24 * len(names), sharey=True)
    _dots(words, {name: _word_error(voices[name]) for name in names}, "word error, % (95 %), less is better")
    overall = {n: _mean([row["dnsmos"]["overall"] for row in voices[n]["sentences"]]) for n in names}
    _dots(quality, overall, "DNSMOS overall, 1 to 5 (95 %)")
    return figure


def _rates(results: dict[str, Any]) -> Any:
    by_rate = results["rates"]
    figure, (axis,) = new(width=7.2, height=3.8)
    marks = "osD^vP*Xhd"
    ours = [name for name in in_order(list(by_rate)) if name.startswith("voicekit")]
    for name in in_order(list(by_rate)):
        points = sorted((one["words_per_minute"], 100 * one["wer"]) for one in by_rate[name].values())
        mine = name in ours
        mark = marks[ours.index(name) % len(marks)] if mine else mark_of(name)
        line = "-" if mine else "--" if name.startswith("flite") else ":"
        axis.plot(*zip(*points, strict=True), line, marker=mark, color=colour_of(name), label=name)
    axis.set_xlabel("rate, words a minute")
    axis.set_ylabel("word error, %")
    axis.set_ylim(bottom=0)
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _read(results: dict[str, Any]) -> Any:
    voices = results["read"]
    names = in_order(list(voices))
    figure, (words, quality) = new(2, width=8.4, height=0.9 + 0.24 * len(names), sharey=True)
    _dots(words, {name: _word_error(voices[name]) for name in names}, "word error, % (95 %), less is better")
    overall = {n: _mean([row["dnsmos"]["overall"] for row in voices[n]["sentences"]]) for n in names}
    _dots(quality, overall, "DNSMOS overall, 1 to 5 (95 %)")
    return figure


_COPY = {
    "pesq": "PESQ wb, more is better", "stoi": "STOI, more is better", "log_magnitude_db": "log magnitude, dB, less",
    "cepstral_db": "mel-cepstral distortion, dB, less", "dnsmos": "DNSMOS, more is better",
}  # fmt: skip


def _copy_synthesis(results: dict[str, Any]) -> Any:
    systems = results["systems"]
    names = in_order(list(systems))
    metrics = [m for m in _COPY if m in systems[names[0]]["clips"][0]]
    figure, axes = new(len(metrics), width=1.2 + 2.3 * len(metrics), height=1.0 + 0.26 * len(names), sharey=True)
    for axis, metric in zip(axes, metrics, strict=True):
        _dots(axis, {n: _mean([clip[metric] for clip in systems[n]["clips"]]) for n in names}, _COPY[metric])
        if metric == "dnsmos":
            axis.axvline(results["natural_dnsmos"], color=COLOURS["black"], linestyle=":", linewidth=1)
            axis.set_title("dotted: the recordings", fontsize=8)
    return figure


def _hisses(results: dict[str, Any]) -> Any:
    systems = results["systems"]
    names = in_order([n for n in systems if "buzz" in systems[n]["clips"][0]])
    if not names:
        raise KeyError("buzz")
    figure, (voicing, buzz) = new(2, width=7.6, height=1.0 + 0.26 * len(names), sharey=True)
    f1 = {n: _mean([100 * clip["vuv_f1"] for clip in systems[n]["clips"]]) for n in names}
    _dots(voicing, f1, "voicing F1, % (95 %), more is better")
    _dots(buzz, {n: _mean([clip["buzz"] for clip in systems[n]["clips"]]) for n in names}, "buzz in hisses, 0 is life")
    buzz.axvline(0, color=COLOURS["black"], linestyle=":", linewidth=1)
    return figure


def _networks(results: dict[str, Any]) -> Any:
    rows = results["networks"]
    seconds = results.get("network_seconds", 6)
    figure, (axis,) = new(width=6.4, height=2.6)
    systems = list(dict.fromkeys(row["system"] for row in rows))
    threads = sorted({row["threads"] for row in rows})
    for number, name in enumerate(in_order(systems)):
        mine = {row["threads"]: row["wall"] / seconds for row in rows if row["system"] == name}
        places = [place + 0.36 * (number - (len(systems) - 1) / 2) for place in range(len(threads))]
        bars = axis.bar(places, [mine[t] for t in threads], 0.34, color=colour_of(name), label=name)
        axis.bar_label(bars, fmt="%.4f", fontsize=8, padding=2)
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.margins(y=0.2)
    axis.set_xticks(range(len(threads)), [f"{t} thread{'s' if t > 1 else ''}" for t in threads])
    axis.set_ylabel("wall time, x real time")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _drift(results: dict[str, Any]) -> Any:
    systems = results["systems"]
    figure, axes = new(3, width=8.4, height=2.8, sharey=True)
    for number, axis in enumerate(axes):
        for name in in_order(list(systems)):
            clips = systems[name].values()
            shifts = sorted({int(s) for clip in clips for s in clip})
            drift = [
                100 * np.mean([abs(np.expm1(c[str(s)][number])) for c in clips if c[str(s)][number] is not None])
                for s in shifts
            ]
            axis.plot(shifts, drift, marker=mark_of(name), color=colour_of(name), label=name)
        axis.axhline(5, color=COLOURS["grey"], linestyle=":", linewidth=1)
        axis.set_title(f"F{number + 1}")
        axis.set_xlabel("shift, semitones")
        axis.set_ylim(bottom=0)
    axes[0].set_ylabel("drift of the median formant, %")
    axes[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _lost(results: dict[str, Any]) -> Any:
    sounds = results["sounds"]
    names = list(dict.fromkeys(key.split(" | ")[0] for key in sounds))[::-1]
    figure, axes = new(2, width=8.4, height=0.9 + 0.24 * len(names), sharey=True)
    for axis, tracker in zip(axes, ("harvest", "crepe"), strict=True):
        for where, mark in (("all", "o"), ("inside", "D")):
            shares = [100 * sounds[f"{name} | {tracker} | {where}"]["within_50"] for name in names]
            label = "all frames" if where == "all" else "away from borders"
            axis.plot(shares, range(len(names)), mark, label=label, color=COLOURS["blue" if where == "all" else "grey"])
        axis.set_yticks(range(len(names)), names)
        axis.set_title(tracker)
        axis.set_xlabel("frames within 50 cents, %")
    axes[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _by_shift(results: dict[str, Any]) -> Any:
    by_shift = results["by_shift"]
    figure, axes = new(2, width=8.4, height=3.2)
    tracker = by_shift["harvest, readable frames"]
    every = by_shift["harvest, all frames"]
    for axis, of, key, scale, label in (
        (axes[0], every, "median_abs_cents", 1.0, "median error, cents"),
        (axes[1], tracker, "within_50", 100.0, "within 50 cents, % of readable frames"),
    ):
        for name in in_order(list(of)):
            points = sorted((int(s), scale * v[key]) for s, v in of[name].items() if v[key] is not None)
            if points:
                style = "" if len(points) == 1 else "-"
                axis.plot(*zip(*points, strict=True), style, marker=mark_of(name), color=colour_of(name), label=name)
        axis.set_xlabel("shift, semitones (measured by Harvest)")
        axis.set_ylabel(label)
    axes[0].set_ylim(bottom=0)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def _steady(results: dict[str, Any]) -> Any:
    steady = results["steady_notes"]
    figure, axes = new(2, width=8.4, height=2.8)
    for axis, tracker in zip(axes, ("harvest", "crepe"), strict=True):
        lines: dict[str, list[tuple[int, float]]] = {}
        for key, value in steady.items():
            name, by, midi = key.split(" | ")
            if by == tracker and value["median_abs_cents"] is not None:
                lines.setdefault(name, []).append((int(midi), value["median_abs_cents"]))
        for name in in_order(list(lines)):
            points = sorted(lines[name])
            axis.plot(*zip(*points, strict=True), marker=mark_of(name), color=colour_of(name), label=name)
        axis.axhline(5, color=COLOURS["grey"], linestyle=":", linewidth=1)
        axis.set_xticks(list(_NOTES), list(_NOTES.values()))
        axis.set_title(f"measured by {tracker.capitalize() if tracker == 'harvest' else 'CREPE'}")
        axis.set_xlabel("note of a steady vowel")
        axis.set_ylim(bottom=0)
    axes[0].set_ylabel("median error, cents")
    axes[0].legend(loc="upper right")
    return figure


def _melody(results: dict[str, Any]) -> Any:
    voices = results["voices"]
    figure, (melody, drone) = new(2, width=8.0, height=1.0 + 0.26 * len(voices), sharey=True)
    _dots(
        melody,
        {n: _mean([row["f0_r"] for row in v["recordings"]]) for n, v in voices.items()},
        "F0 against readers, correlation (95 %)",
    )
    _dots(
        drone,
        {n: Interval(*(v["drone"][k] for k in ("value", "low", "high"))) for n, v in voices.items()},
        "F0 deviation minus the readers', semitones (95 %)",
    )
    drone.axvline(0, color=COLOURS["black"], linestyle=":", linewidth=1)
    return figure


def _rules(results: dict[str, Any]) -> Any:
    voices = results["voices"]
    rules = list(next(iter(voices.values()))["effects"])
    figure, (axis,) = new(width=7.2, height=0.9 + 0.3 * len(rules))
    marks = "osD^vP*X"
    for number, (name, voice) in enumerate(voices.items()):
        rows = [row + 0.08 * (number - (len(voices) - 1) / 2) for row in range(len(rules))]
        axis.plot(
            [voice["effects"][rule] for rule in rules], rows, marks[number % len(marks)],
            color=COLOURS["blue"], fillstyle="none", label=name,
        )  # fmt: skip
    axis.axvline(0, color=COLOURS["black"], linestyle=":", linewidth=1)
    axis.set_yticks(range(len(rules)), rules)
    axis.set_ylim(len(rules) - 0.4, -0.6)
    axis.set_xlabel("change: semitones; dB for volume; times as long for rate")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _sung(results: dict[str, Any]) -> Any:
    voices = {name: one for name, one in results.items() if isinstance(one, dict) and "steady" in one}
    if not voices:
        raise KeyError("steady")
    figure, (notes, vibrato) = new(2, width=8.4, height=3.2)
    marks = "osD^vP*X"
    for number, (name, one) in enumerate(voices.items()):
        heard = [(midi, error) for midi, error, _ in one["steady"]["harvest"] if error is not None]
        mark = marks[number % len(marks)]
        notes.plot(*zip(*heard, strict=True), mark, color=COLOURS["blue"], fillstyle="none", markersize=3, label=name)
        vibrato.plot(
            [v["extent"] for v in one["vibrato"]], [v["heard_extent"] for v in one["vibrato"]], mark,
            color=COLOURS["blue"], fillstyle="none",
        )  # fmt: skip
    notes.axhspan(-5, 5, color=COLOURS["grey"], alpha=0.15, linewidth=0)
    notes.set_xticks([m for m in _NOTES if m >= 48], [n for m, n in _NOTES.items() if m >= 48])
    notes.set_xlabel("held note")
    notes.set_ylabel("error by Harvest, cents (grey: 5)")
    top = max(v["extent"] for one in voices.values() for v in one["vibrato"]) * 1.1
    vibrato.plot([0, top], [0, top], color=COLOURS["grey"], linestyle=":", linewidth=1)
    vibrato.set_xlabel("vibrato commanded, cents")
    vibrato.set_ylabel("vibrato heard, cents")
    figure.legend(*notes.get_legend_handles_labels(), loc="outside upper center", ncols=len(voices))
    return figure


def _conditions(results: dict[str, Any]) -> Any:
    signals = results["signals"]
    names = in_order(list(signals))
    groups = list(next(iter(signals.values()))["groups"])
    figure, axes = new(2, width=8.4, height=0.9 + 0.26 * len(groups), sharey=True)
    for axis, key, label in (
        (axes[0], "rpa_50", "frames within 50 cents, %"),
        (axes[1], "voicing_f1", "voicing F1, %"),
    ):
        for name in names:
            values = [100 * signals[name]["groups"][g][key] for g in groups]
            axis.plot(values, range(len(groups)), mark_of(name), color=colour_of(name), label=name, alpha=0.9)
        axis.set_xlabel(label)
    axes[0].set_yticks(range(len(groups)), groups)
    axes[0].set_ylim(len(groups) - 0.4, -0.6)
    axes[1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _cost(results: dict[str, Any]) -> Any:
    signals = results["signals"]
    names = in_order(list(signals))
    figure, (axis,) = new(width=6.4, height=0.8 + 0.26 * len(names))
    bars = axis.barh(range(len(names)), [signals[n]["ms_per_s"] for n in names], color=[colour_of(n) for n in names])
    axis.bar_label(bars, fmt="%.1f", fontsize=8, padding=2)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter("{x:g}")
    axis.margins(x=0.15)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.set_xlabel("processor time for one second of sound, ms")
    return figure


def _corrected(results: dict[str, Any]) -> Any:
    takes = list(results)
    figure, axes = new(len(takes), width=1.6 + 2.6 * len(takes), height=2.6, sharey=True)
    for axis, take in zip(axes, takes, strict=True):
        ways = [way for way in results[take] if way != "the recording itself"]
        for tracker in ("Harvest", "CREPE"):
            known = [(w, results[take][way][tracker]) for w, way in enumerate(ways) if tracker in results[take][way]]
            shift = -0.08 if tracker == "Harvest" else 0.08
            for place, one in known:
                axis.plot([place + shift] * 2, [one["median_cents"], one["p90_cents"]], color=colour_of(tracker))
            axis.plot(
                [w + shift for w, _ in known], [o["median_cents"] for _, o in known], mark_of(tracker),
                color=colour_of(tracker), label=tracker,
            )  # fmt: skip
        axis.axhline(8, color=COLOURS["grey"], linestyle=":", linewidth=1)
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.set_xticks(range(len(ways)), ways)
        axis.set_xlim(-0.5, len(ways) - 0.5)
        axis.set_title(take if len(take) < 24 else take.split(",")[0], fontsize=9)
    axes[0].set_ylabel("notes off by, cents: median to 90 %")
    axes[0].legend(loc="upper right")
    return figure


def _likeness(results: dict[str, Any]) -> Any:
    rows = [row for row in results["rows"] if row["kind"] == "converted"]
    figure, (who, words) = new(2, width=8.4, height=3.2)
    for target, mark in zip(dict.fromkeys(row["target"] for row in rows), "osD^v", strict=False):
        mine = [row for row in rows if row["target"] == target]
        who.plot(
            [r["to_source"] for r in mine], [r["to_target"] for r in mine], mark, color=COLOURS["blue"],
            fillstyle="none" if mark == "s" else "full", label=f"into {target}",
        )  # fmt: skip
    low = min(min(r["to_source"], r["to_target"]) for r in rows) - 0.02
    who.plot([low, 1], [low, 1], color=COLOURS["grey"], linestyle=":", linewidth=1)
    who.set_xlabel("likeness to the reader (resemblyzer)")
    who.set_ylabel("likeness to the voice")
    who.legend(loc="lower right")
    kinds = {"natural": "the recording", "copy": "copied by the vocoder", "converted": "converted"}
    values = {}
    for kind, label in kinds.items():
        errors = [row["errors"] for row in results["rows"] if row["kind"] == kind]
        counts = [e["substitutions"] + e["deletions"] + e["insertions"] for e in errors]
        ratio = bootstrap_ratio(counts, [e["words"] for e in errors], resamples=2000)
        values[label] = Interval(100 * ratio.value, 100 * ratio.low, 100 * ratio.high)
    _dots(words, values, "word error, % (95 %)")
    return figure


def _enrolled(results: dict[str, Any]) -> Any:
    rows = [row for row in results["rows"] if "refused" not in row]
    if not rows:
        raise KeyError("rows")
    figure, (axis,) = new(width=7.2, height=1.1 + 0.26 * len(rows))
    for key, label, colour, mark in (
        ("strangers_median", "strangers' median", "grey", "x"),
        ("nearest_other", "nearest other reader", "orange", "s"),
        ("similarity", "to the person", "blue", "o"), ("natural_same_reader", "recordings of the person", "black", "*"),
    ):  # fmt: skip
        places = [(row[key], place) for place, row in enumerate(rows) if row[key] is not None]
        if places:
            axis.plot(*zip(*places, strict=True), mark, color=COLOURS[colour], label=label)
    axis.set_yticks(range(len(rows)), [f"{row['reader']}, {row['group']}" for row in rows])
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlabel("likeness (cosine, resemblyzer)")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _nearest(results: dict[str, Any]) -> Any:
    voices, speakers = results["voices"], results["speakers"]
    figure, (axis,) = new(width=7.2, height=1.1 + 0.26 * len(voices))
    nearest = {name: _single(one["nearest"]) for name, one in voices.items()}
    _dots(axis, nearest, "likeness to the nearest training reader")
    for key, label, style in (
        ("stranger_median", "a reader and the nearest stranger, median", "--"),
        ("same_p05", "two halves of one reader, 5th percentile", ":"),
    ):
        axis.axvline(speakers[key], color=COLOURS["black"], linestyle=style, linewidth=1.2, label=label)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, 1.3), ncols=2)
    return figure


def _speed(results: dict[str, Any]) -> Any:
    runs = results["runs"]
    cores = [f"{run['cores']} core{'s' if run['cores'] > 1 else ''}" for run in runs]
    labels = [run["what"].replace(", ", ",\n") + "\n" + of for run, of in zip(runs, cores, strict=True)]
    figure, (time, memory) = new(2, width=8.0, height=3.0)
    for shift, key, label, colour in ((-0.2, "wall_s", "wall time", "blue"), (0.2, "cpu_s", "processor time", "sky")):
        values = [run[key] / run["audio_s"] for run in runs]
        bars = time.bar([i + shift for i in range(len(runs))], values, 0.38, color=COLOURS[colour], label=label)
        time.bar_label(bars, fmt="%.3f", fontsize=8, padding=2)
    time.set_ylabel("x real time, less is better")
    time.axhline(0.02, color=COLOURS["grey"], linestyle=":", linewidth=1)
    time.legend(loc="upper right")
    time.margins(y=0.4)
    above = [(run["peak_bytes"] - run["torch_bytes"]) / 1e6 for run in runs]
    torch = [run["torch_bytes"] / 1e6 for run in runs]
    memory.bar(range(len(runs)), torch, color=COLOURS["grey"], label="torch")
    more = memory.bar(
        range(len(runs)), above, bottom=torch, color=COLOURS["blue"], label="above its import"
    )  # fmt: skip
    memory.bar_label(more, labels=[f"{value:.0f}" for value in above], fontsize=8, padding=2)
    memory.set_ylabel("peak memory, MB")
    memory.margins(y=0.3)
    memory.legend(loc="upper left")
    for axis in (time, memory):
        axis.set_xticks(range(len(runs)), labels, fontsize=8)
    return figure


def _first(results: dict[str, Any]) -> Any:
    rows = results["first_sound"]
    figure, (axis,) = new(width=6.4, height=1.0 + 0.3 * len(rows))
    for place, row in enumerate(rows):
        axis.plot([1000 * row["wall_s"], 1000 * row["wall_worst_s"]], [place] * 2, color=COLOURS["blue"])
        wall, cpu = ("", "") if place else ("median to longest of seven", "processor time")
        axis.plot(1000 * row["wall_s"], place, "o", color=COLOURS["blue"], label=wall)
        axis.plot(1000 * row["cpu_s"], place, "x", color=COLOURS["black"], label=cpu)
    axis.axvline(300, color=COLOURS["grey"], linestyle=":", linewidth=1)
    axis.set_yticks(range(len(rows)), [f"{row['text']} ({row['characters']} characters)" for row in rows])
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlim(left=0)
    axis.set_xlabel("from the call to the first samples, ms")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _ledger(results: dict[str, Any]) -> Any:
    decisions = results["decision_ms"]
    figure, (axis,) = new(width=7.2, height=2.8)
    rows = [
        ("gate decision, median to p99", decisions["decision"]["p50"], decisions["decision"]["p99"]),
        ("durable append, median to p99", decisions["append"]["p50"], decisions["append"]["p99"]),
        ("open and verify, fastest to slowest", 1000 * min(results["open_s"]), 1000 * max(results["open_s"])),
        ("first opening, no snapshot", *[1000 * results["first_open_s"]] * 2),
        ("full audit, every signature", *[1000 * results["audit_s"]] * 2),
    ]
    for place, (_, low, high) in enumerate(rows):
        axis.plot([low, high], [place, place], "o-", color=COLOURS["blue"])
        told = f"{low:,.0f} ms" if low > 20 else f"{low:.1f} ms"
        axis.annotate(told, (high, place), (6, -3), textcoords="offset points")
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter("{x:,g}")
    axis.margins(x=0.25)
    axis.set_yticks(range(len(rows)), [name for name, *_ in rows])
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlabel(f"ms, {results['ledger']['entries']:,} entries")
    return figure


def _runtimes(results: dict[str, Any]) -> Any:
    times = results["times_s"]
    figure, (axis,) = new(width=6.4, height=2.6)
    looks = {"torch float32": "sky", "onnxruntime float32": "orange", "torch bfloat16": "blue"}
    for number, (kind, colour) in enumerate(looks.items()):
        values = [1000 * one[kind] for one in times.values()]
        bars = axis.bar(np.arange(len(times)) + 0.27 * (number - 1), values, 0.25, color=COLOURS[colour], label=kind)
        axis.bar_label(bars, fmt="%.1f", fontsize=8, padding=2)
    axis.margins(y=0.15)
    axis.set_xticks(range(len(times)), list(times))
    axis.set_ylabel("processor time, ms")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _challenge(results: dict[str, Any]) -> Any:
    figure, (axis,) = new(width=6.4, height=2.6)
    kinds = [kind for kind in ("synthetic", "natural") if kind in results]
    rows = [(reader, one) for kind in kinds for reader, one in results[kind].items()]
    if not rows:
        raise KeyError("synthetic")
    shares = [100 * one["accepted"] / max(1, one["tried"]) for _, one in rows]
    wrong = [100 * one["wrong_accepted"] / max(1, one["wrong_tried"]) for _, one in rows]
    axis.plot(shares, range(len(rows)), "o", color=COLOURS["blue"], label="the right words")
    axis.plot(wrong, range(len(rows)), "x", color=COLOURS["red"], label="other words")
    axis.set_yticks(range(len(rows)), [name for name, _ in rows])
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlim(-3, 103)
    axis.set_xlabel("accepted, %")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


PLOTS: dict[str, tuple[Plot, ...]] = {
    "intelligibility": (
        Plot("voices", "Word error and DNSMOS of each voice with 95 % intervals", _word_errors),
        Plot("rates", "Word error of each voice against its rate in words a minute", _rates),
        Plot("read", "Word error and DNSMOS on texts that were also recorded by readers", _read),
    ),
    "vocoder": (
        Plot("copy", "Copy-synthesis measures of each system with 95 % intervals", _copy_synthesis),
        Plot("hisses", "Voicing F1 and buzz in unvoiced sounds of each system", _hisses),
        Plot("threads", "Time of the vocoders by number of threads", _networks),
    ),
    "formants": (Plot("drift", "Drift of F1, F2 and F3 by shift of the pitch, each system", _drift),),
    "commanded_pitch": (
        Plot("shifts", "Error of commanded F0 by shift, each system", _by_shift),
        Plot("notes", "Error of commanded F0 on a steady vowel from C2 to C6", _steady),
    ),
    "pitch_loss": (Plot("sounds", "Frames within 50 cents with a part of the sound changed, two trackers", _lost),),
    "steady": (Plot("notes", "Error of commanded F0 on a steady vowel, every semitone from C2 to C6", _steady),),
    "prosody": (
        Plot("melody", "Melody of each voice against held-out readers", _melody),
        Plot("rules", "What each rule of prosody changes, each voice", _rules),
    ),
    "singing": (Plot("notes", "Held notes and vibrato: commanded and heard, each voice", _sung),),
    "tracker": (
        Plot("conditions", "Frames within 50 cents and voicing F1 of each tracker by condition", _conditions),
        Plot("cost", "Processor time of each tracker", _cost),
    ),
    "correction": (Plot("notes", "How far notes lie off before and after correction", _corrected),),
    "conversion": (Plot("likeness", "Likeness to reader and voice, and word error, after conversion", _likeness),),
    "enrolment": (Plot("likeness", "Likeness of enrolled voices to the person and to others", _enrolled),),
    "no_donor": (Plot("nearest", "Likeness of each house voice to its nearest training reader; the limits", _nearest),),
    "speed": (
        Plot("narration", "Time and memory of a narration by cores", _speed),
        Plot("first", "Time to the first sound of a warm process", _first),
    ),
    "onnx_speed": (Plot("times", "Processor time of torch and ONNX Runtime for two networks", _runtimes),),
    "ledger": (Plot("times", "Times of a long ledger: decision, append, opening, audit", _ledger),),
    "spoken_consent": (Plot("accepted", "Spoken challenges accepted: the right words and others", _challenge),),
}
