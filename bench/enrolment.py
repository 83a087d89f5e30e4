"""Enrolled voices: how like the person, by an independent verifier, and how long it takes.

Run as ``python -m bench.enrolment [CORPUS]``, a folder with ``transcripts.tsv`` (see docs/training.md). Each reader is
enrolled through the studio, under a grant, from some of their recordings; the voice says five sentences; resemblyzer
compares them with recordings of the reader that were not used, and with every other reader of the corpus; pocketsphinx
says how many words are understood.  Readers that were never heard by the model come first: a run may be stopped.

The readers of librispeech_other, LJ Speech and awb were among those the general model was trained on (their embeddings
are not shipped); p226 and the readers that `voicekit.train.split.is_held_out` picks were not, but all of those except
p226 have one recording only, of which nothing can be kept back: they are enrolled from it and compared with it.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.clips import corpus_folder
from bench.report import Options, Report, Table, command, common_options, folder_of, say
from consent import UNLIMITED, GrantDraft
from consent.engines import Engines, find_engines
from voicekit.audio import Audio, read_audio, resample
from voicekit.enrol.recording import read_recording
from voicekit.errors import UsageError
from voicekit.evaluate import count_word_errors, plain_words
from voicekit.evaluate.recogniser import Recogniser
from voicekit.studio import EnrolOptions, NarrateOptions, Studio
from voicekit.studio import enrolment as enrolment_module
from voicekit.train.split import is_held_out

SENTENCES = (
    "The boy was there when the sun rose. A rod is used to catch pink salmon. The source of the huge river is the "
    "clear spring. Kick the ball straight and follow through. Help the woman get back to her feet."
)
USE = (
    "A measurement of how like a person a voice becomes that is built from their recordings, made once, on this "
    "machine, and thrown away afterwards; nothing of it is published or kept."
)


@dataclass(frozen=True)
class Row:
    """A line of the corpus's table."""

    key: str
    speaker: str
    text: str
    seconds: float


def read_rows(corpus: Path) -> list[Row]:
    """All recordings with a text that is believed."""
    import soundfile

    with (corpus / "transcripts.tsv").open(encoding="utf-8", newline="") as handle:
        table = list(csv.DictReader(handle, delimiter="\t"))
    found = [row for row in table if row["text"] and float(row["confidence"]) >= 0.7]
    return [Row(r["file"], r["speaker"], r["text"], soundfile.info(corpus / r["file"]).duration) for r in found]


METHODS = ("embedding", "low-rank")
AMOUNTS = (("30 s", 30.0), ("49 s", 120.0))
LONG, LONG_S = "10 min, the same over and over, reader known", 600.0
KEPT = 3  #: recordings of each reader that are not enrolled from, where there are several


def held_out(row: Row) -> bool:
    """Whether the general model never heard this reader."""
    return bool(is_held_out(row))  # type: ignore[arg-type]


def choose(rows: list[Row], seconds: float) -> tuple[list[Row], list[Row]]:
    """Recordings to enrol from, in all about `seconds`, and those kept back."""
    used: list[Row] = []
    for row in rows[:-KEPT] if len(rows) > KEPT else rows:
        if sum(one.seconds for one in used) >= seconds:
            break
        used.append(row)
    return used, rows[len(used) :]


def repeated(corpus: Path, used: list[Row], seconds: float, folder: Path) -> list[tuple[Path, str]]:
    """The recordings over and over, each time a little softer, until there is so much of them."""
    import soundfile

    found: list[tuple[Path, str]] = []
    total, turn = 0.0, 0
    while total < seconds:
        turn += 1
        for row in used:
            samples, rate = soundfile.read(corpus / row.key)
            path = folder / f"{turn}-{Path(row.key).stem}.wav"
            soundfile.write(path, samples * 0.9**turn, rate, subtype="PCM_16")
            found.append((path, row.text))
            total += row.seconds
            if total >= seconds:
                break
    return found


def enrol(
    recordings: Sequence[tuple[Path, str]], words: bool, method: str, work: Path
) -> tuple[np.ndarray, dict[str, Any]]:
    """What the voice says, at 16 kHz, and what was measured on the way."""
    paths = [path for path, _text in recordings]
    references = []
    for path in paths:
        one = read_recording(path)
        milli = round(one.seconds * 1000)
        references.append(
            {"name": one.name, "file_sha256": one.sha256, "pcm_sha256": one.pcm_sha256, "seconds_milli": milli}
        )
    now = int(time.time())
    draft = {
        "voice": "reader",
        "basis": "dedication",
        "adaptation": method,
        "intended_use": USE,
        "subject": {"adult": True},
        "notice": {"text": "Openly licensed recordings.", "language": "en", "version": "1"},
        "scope": {
            "modes": ["speech"], "purposes": ["any"], "commercial": False, "languages": ["en"], "territories": ["001"],
            "titles": ["any"], "content_refused": [], "max_renders": 10, "max_seconds": UNLIMITED,
        },
        "validity": {"not_before": now - 60, "not_after": now + 86_400},
        "references": references,
        "withdrawal": {"how": "Tell the operator.", "effect": "delete-voice"},
    }  # fmt: skip
    table = work / "words.tsv"
    table.write_text("".join(f"{path.name}\t{text}\n" for path, text in recordings), encoding="utf-8")
    with Studio.create(work / "studio", "bench") as studio:
        grant = studio.ledger.add_grant(GrantDraft(draft, "", "bench", work))
        began, spent = time.monotonic(), time.process_time()
        options = EnrolOptions(transcript=table if words else None, measure=False)
        made = studio.enrol("reader", paths, grant=grant, options=options)
        took, used_s = time.monotonic() - began, time.process_time() - spent
        asked = NarrateOptions(profile="clip", formats=("wav",), purpose="evaluation")
        take = studio.narrate(SENTENCES, voice="reader", out=work / "out", options=asked)
        sound = resample(read_audio(take.path), 16_000).samples
    return sound, {**dict(made.voice.card["measured"]), "took_s": took, "processor_s": used_s, "stages": made.seconds}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and write after each reader what there is so far: a run takes an hour, and may be stopped."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", type=Path, nargs="?", help="default: that of VOICEKIT_SHARED")
    parser.add_argument("--most", type=int, help="readers in each group (default: all, or 1 with --quick)")
    parser.add_argument("--others", type=int, help="readers to compare with (default: all, or 8 with --quick)")
    parser.add_argument(
        "--group", metavar="TEXT", help="only groups with this in their names; the other rows of the result stay"
    )
    common_options(parser)
    args = parser.parse_args(argv)
    options = Options(args.quick, folder_of(args))
    args.corpus = args.corpus or corpus_folder()
    args.most = args.most or (1 if args.quick else 1000)
    args.others = args.others or (8 if args.quick else 1000)
    engine: Any = find_engines().speaker
    ear = Recogniser()
    spoken = plain_words(SENTENCES)
    enrolment_module.find_engines = lambda: Engines(None, engine)
    rows = read_rows(args.corpus)
    readers: dict[str, list[Row]] = {}
    for row in rows:
        readers.setdefault(row.speaker, []).append(row)
    readers = {name: mine for name, mine in readers.items() if not mine[0].key.startswith(("flite", "thorsten"))}

    # With --others, those stay first who may be enrolled as unseen.
    lonely = sorted((n for n, mine in readers.items() if len(mine) < 8), key=lambda n: (not held_out(readers[n][0]), n))
    readers = {name: mine for name, mine in readers.items() if name not in lonely[args.others :]}
    if args.quick:
        often = sorted((name for name in readers if name not in lonely), key=lambda name: name != "p226")
        readers = {name: mine for name, mine in readers.items() if name in lonely or name in often[:2]}

    def embed(row: Row) -> np.ndarray:
        return np.asarray(engine.embed(read_recording(args.corpus / row.key).at(16_000)))

    say(f"listening to {len(readers)} readers")
    natural = {name: np.stack([embed(row) for row in mine[-KEPT:]]) for name, mine in readers.items()}
    means = {name: table.mean(0) / np.linalg.norm(table.mean(0)) for name, table in natural.items()}
    several = sorted((name for name, mine in readers.items() if len(mine) >= 8), key=lambda name: name != "p226")
    alone = [name for name, mine in readers.items() if len(mine) == 1 and held_out(mine[0])]
    single = sorted(name for name in alone if readers[name][0].seconds >= 13.5)  # less is refused as too short
    unseen = [name for name in several if held_out(readers[name][0])]
    long = [name for name in several if sum(r.seconds for r in readers[name][:-KEPT]) > 110]
    plans = [(label, name, s, True, both) for label, s in AMOUNTS for name in unseen for both in METHODS]
    plans += [("one recording", name, 1.0, True, both) for name in single for both in METHODS]
    plans += [("30 s, no transcript", name, 30.0, False, "embedding") for name in unseen]
    plans += [("2 min, reader known", name, 110.0, True, both) for name in long for both in METHODS]
    seen = [name for name in several if name not in unseen]
    plans += [("30 s, reader known", name, 30.0, True, "embedding") for name in seen]
    most = max(seen, key=lambda name: sum(r.seconds for r in readers[name]), default="")
    plans += [(LONG, most, 1e9, True, both) for both in METHODS] if most else []
    if args.quick:
        plans = plans[:1]
    counts: dict[str, int] = {}
    found: list[dict[str, Any]] = kept_rows(options.out, args.group) if args.group else []
    for label, name, seconds, words, method in plans:
        group = f"{label}, {method}"
        if args.group and args.group not in group:
            continue
        if counts.setdefault(group, 0) >= args.most:
            continue
        counts[group] += 1
        used, kept = choose(readers[name], seconds)
        with tempfile.TemporaryDirectory() as folder:
            try:
                given = [(args.corpus / row.key, row.text) for row in used]
                if label == LONG:
                    given = repeated(args.corpus, used, LONG_S, Path(folder))
                sound, measured = enrol(given, words, method, Path(folder))
            except Exception as problem:  # a reader that is refused is a result
                say(f"{group}, {name}: refused: {problem}")
                found.append({"group": group, "reader": name, "refused": str(problem)})
                continue
        made = np.asarray(engine.embed(sound))
        others = {other: float(made @ mean) for other, mean in means.items() if other != name}
        nearest = max(others, key=lambda other: others[other])
        own = [float(made @ vector) for vector in natural[name]]
        pairs = natural[name] @ natural[name].T
        same = float(pairs[~np.eye(len(pairs), dtype=bool)].mean()) if len(pairs) > 1 else float("nan")
        found.append(
            {
                "group": group,
                "reader": name,
                "held_out": held_out(readers[name][0]),
                "register": "lower" if int(measured["pitch_middle_millihertz"]) < 165_000 else "higher",
                "seconds": round(int(measured["seconds_milli"]) / 1000, 1),
                "similarity": round(float(np.mean(own)), 4),
                "similarity_of_means": round(float(made @ means[name]), 4),
                "nearest_other": round(others[nearest], 4),
                "rank": 1 + sum(value > float(made @ means[name]) for value in others.values()),
                "natural_same_reader": None if np.isnan(same) else round(same, 4),
                "strangers_median": round(float(np.median(list(others.values()))), 4),
                "took_s": round(float(measured["took_s"]), 1),
                "processor_s": round(float(measured["processor_s"]), 1),
                "stages": measured["stages"],
                "kept_back": len(kept),
                "word_errors": count_word_errors(spoken, plain_words(ear.hear(Audio(sound, 16_000)))).errors,
                "words": len(spoken),
            }
        )
        say(f"{group}, {name}: likeness {found[-1]['similarity']}")
        report_of(found, len(readers)).write(options, show=False)
    report_of(found, len(readers)).write(options)
    return 0


def kept_rows(folder: Path, group: str) -> list[dict[str, Any]]:
    """Rows of an earlier run but those that are measured anew.

    Raises
    ------
    voicekit.errors.UsageError
        There is no earlier run.
    """
    path = folder / "enrolment.json"
    if not path.is_file():
        raise UsageError(f"there is no {path} to put rows into", "run without --group first")
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["results"]["rows"]
    return [row for row in rows if group not in row["group"]]


def report_of(found: list[dict[str, Any]], readers: int) -> Report:
    """Numbers and a table."""
    report = Report("enrolment", "Enrolled voices: how like the person")
    table: list[tuple[object, ...]] = []
    for group in dict.fromkeys(row["group"] for row in found):
        for register in ("lower", "higher", "all"):
            good = [r for r in found if r["group"] == group and "refused" not in r]
            mine = [r for r in good if register in ("all", r["register"])]
            if not mine:
                continue

            def mean(key: str, rows: list[dict[str, Any]] = mine) -> str:
                values = [row[key] for row in rows if row[key] is not None]
                return f"{np.mean(values):.3f}" if values else "-"

            table.append(
                (
                    group, register, len(mine),
                    *(mean(key) for key in ("similarity", "nearest_other", "strangers_median", "natural_same_reader")),
                    *(f"{sum(row['rank'] <= most for row in mine)} of {len(mine)}" for most in (1, 10)),
                    f"{100 * sum(r['word_errors'] for r in mine) / sum(r['words'] for r in mine):.0f}",
                    *(f"{np.median([row[key] for row in mine]):.1f}" for key in ("took_s", "processor_s")),
                )
            )  # fmt: skip
    heads = (
        "from", "register", "readers", "likeness", "nearest other", "strangers' median", "recordings of the reader",
        "nearest to the reader", "among the first ten", "word error, %", "time, s", "processor time, s",
    )  # fmt: skip
    report.tables.append(Table(f"Against {readers} readers", heads, table))
    report.notes = [
        f"refused: {row['group']}, {row['reader']}: {row['refused']}" for row in found if "refused" in row
    ]
    report.notes.append(
        "Likeness by resemblyzer, which had no part in the making; three recordings of each reader where there are so "
        "many. p226 (30 s, and all there is) and the readers of one recording (13 to 16 s) were never heard by the "
        "general model, the readers known were; nobody unseen has more than 49 s beside what is kept back. Readers "
        "of one recording are compared with that recording, all others with recordings they were not enrolled from. "
        "Nobody here has ten minutes: the last rows are of the reader who has most, over and over at other levels, to "
        "see how long it takes. "
        "Times are medians."
    )
    report.data = {"readers": readers, "rows": found}
    return report


if __name__ == "__main__":
    command(main)
