"""Conversion of unseen readers into house voices, and into other unseen readers: words kept, identity moved, pitch
kept, time needed.

The readers converted into are enrolled for it through the studio, under a grant, from what the corpus has of them: 9 to
15 seconds, and of p226 up to 49.  None of them was trained on.  Nobody unseen has more.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bench.clips import choose, corpus_folder
from bench.report import Options, Report, Table, command, one_thread, parse, percent, rounded, say
from consent import UNLIMITED, ConsentRefusedError, GrantDraft
from consent.engines import Engines
from voicekit.audio import Audio, read_audio, resample, sha256_file
from voicekit.engines import list_voices, open_engine
from voicekit.engines.convert import take_envelope
from voicekit.engines.guide import GuideTake
from voicekit.engines.house import HouseEngine, load_vocoder, resynthesise
from voicekit.engines.retune import method_operands
from voicekit.enrol.recording import read_recording
from voicekit.errors import InputError
from voicekit.evaluate import WordErrors, bootstrap_ratio, count_word_errors, plain_words, set_level
from voicekit.evaluate.recogniser import Recogniser
from voicekit.evaluate.trackers import track_harvest
from voicekit.features.frames import SAMPLE_RATE, pad_to_frames
from voicekit.pitch import PitchTrack, track_pitch, track_sung_pitch
from voicekit.studio import ConvertOptions, EnrolOptions, NarrateOptions, Studio, house_voices
from voicekit.studio import enrolment as enrolment_module
from voicekit.train.corpus import read_corpus
from voicekit.train.split import is_held_out

CLIPS, QUICK_CLIPS = 10, 2
SWEEP_CLIPS = 3
PEOPLE = ("ls1867", "ls4680", "ls332", "ls8580", "ls887", "ls27")  #: of one recording each, low and high
REFERENCE_S = (15.0, 30.0, 120.0)  #: of p226, as far as there is
EACH = 5  #: sources into each enrolled reader
DETAILS = (0.0, 0.7)
TARGETS = ("alder", "linnet")
REGISTER_HZ = 165.0  #: readers whose median F0 lies below are counted as low: sexes are not written in the data
READER = "readers-given-to-everybody"
SHARED = Path(os.environ.get("VOICEKIT_SHARED", Path(__file__).resolve().parents[2] / "shared"))
SONGS = {"vocadito_1": "vocadito/vocadito_1.wav", "nit_song070": "nit_song070/004.wav"}
NOTICE = (
    "These recordings were read for LibriVox and given to everybody; nobody agreed to a synthesis in particular. They "
    "are turned into other voices here to measure how well that works, and are deleted afterwards."
)
TEXT = """The path along the river was dry again by noon. Nobody in the village could say who had lit the lamps.
She counted nine boats, and then a tenth, far out by the rocks. Give the old dog some water before you go.
A thin rain was falling when they opened the gate. Every window on the north side was painted blue.
They walked home slowly, and talked of other things. There is a good reason why the clock is always late."""


@dataclass(frozen=True)
class Source:
    """A recording of a reader who was never trained on."""

    key: str
    speaker: str
    text: str
    path: Path
    audio: Audio
    track: PitchTrack

    @property
    def register(self) -> str:
        """low or high, by the median F0."""
        return "low" if _median_hz(self.track) < REGISTER_HZ else "high"


def _median_hz(track: PitchTrack) -> float:
    return float(np.median(track.f0_hz[track.vuv]))


def sources(folder: Path, count: int) -> list[Source]:
    """Held-out readers, as many low as high ones where there are so many."""
    spoken = [u for u in read_corpus(corpus_folder()) if u.confidence >= 0.9 and u.subset.startswith("librispeech")]
    found: dict[str, list[Source]] = {"low": [], "high": []}
    for utterance in choose(spoken, 4 * count):
        audio = read_audio(utterance.path)
        wave = set_level(audio.samples, audio.sample_rate, rms=0.08)
        wave = pad_to_frames(resample(Audio(wave, audio.sample_rate), SAMPLE_RATE).samples)
        path = folder / f"{utterance.speaker}-{len(found['low']) + len(found['high'])}.wav"
        track = track_pitch(wave, SAMPLE_RATE)
        one = Source(utterance.key, utterance.speaker, utterance.text, path, Audio(wave, SAMPLE_RATE), track)
        if len(found[one.register]) < (count + 1) // 2:
            soundfile.write(path, wave, SAMPLE_RATE, subtype="PCM_24")
            found[one.register].append(one)
    return [*found["low"], *found["high"]]


def permit_readers(studio: Studio, paths: Sequence[Path]) -> None:
    """Sign what stands behind the sources: recordings given to everybody, and nobody's consent to synthesis."""
    now = int(time.time())
    references = []
    for path in paths:
        sound = soundfile.info(str(path))
        milli = max(1, round(1000 * sound.frames / sound.samplerate))
        digest = sha256_file(path)
        references.append(
            {"name": path.name, "file_sha256": digest, "pcm_sha256": digest, "seconds_milli": milli}
        )
    data: dict[str, Any] = {
        "voice": READER,
        "basis": "dedication",
        "intended_use": NOTICE,
        "subject": {"adult": True},
        "notice": {"text": NOTICE, "language": "en", "version": "bench-1"},
        "scope": {
            "modes": ["conversion"], "purposes": ["test"], "commercial": False, "languages": ["any"],
            "territories": ["001"], "titles": ["any"], "content_refused": [], "max_renders": UNLIMITED,
            "max_seconds": UNLIMITED,
        },
        "validity": {"not_before": now, "not_after": now + 86_400},
        "references": references,
        "weights": [{"name": o.name, "sha256": o.sha256, "license": o.license} for o in method_operands()],
        "withdrawal": {"how": "The studio is thrown away.", "effect": "stop-new"},
        "disclosure": {"metadata": True, "watermark": False, "audible": "never"},
    }  # fmt: skip
    studio.ledger.add_grant(GrantDraft(data, "", "the readers of the bench", Path()))


class Bench:
    """A studio with the house voices and the readers' recordings, thrown away afterwards."""

    def __init__(self, folder: Path, people: int) -> None:
        self.folder, self.people = folder, people
        self.studio = Studio.create(
            folder / "studio", "bench", voices=dataclasses.replace(house_voices(), open_engine=self._open)
        )
        self._engines: dict[str, HouseEngine] = {}
        self._count = 0

    def _open(self, name: str) -> HouseEngine:
        if name not in self._engines:
            self._engines[name] = open_engine(name)  # type: ignore[assignment]
        return self._engines[name]

    def narration(self, voice: str) -> Audio:
        """The voice itself, as delivered."""
        options = NarrateOptions(formats=("flac",), title="T", profile="clip", purpose="test", languages=("en",))
        take = self.studio.narrate(TEXT, voice=voice, out=self.folder / f"narration-{voice}", options=options)
        return read_audio(take.path)

    def convert(self, path: Path, voice: str, **options: Any) -> tuple[Audio, dict[str, Any], float]:
        """As delivered, what was measured, and processor seconds."""
        self._count += 1
        out = self.folder / "out" / f"{self._count:04d}.wav"
        start = time.process_time()
        made = self.studio.convert(
            path, voice=voice, out=out, source_voice=READER, options=ConvertOptions(purpose="test", **options)
        )
        spent = time.process_time() - start
        return read_audio(out), made.measured, spent


class Verifier:
    """Resemblyzer: cosine of two voices."""

    def __init__(self) -> None:
        from resemblyzer import VoiceEncoder

        self._encoder = VoiceEncoder("cpu", verbose=False)

    def embed(self, audio: Audio) -> np.ndarray:
        """A unit vector (256,)."""
        from resemblyzer import preprocess_wav

        wave = preprocess_wav(resample(audio, 16_000).samples, source_sr=16_000)
        return np.asarray(self._encoder.embed_utterance(wave))


def pitch_kept(before: PitchTrack, made: Audio, semitones: float, range_hz: tuple[float, float]) -> dict[str, float]:
    """What another tracker hears against what was commanded, on frames well inside voiced stretches."""
    after = track_harvest(made, range_hz)
    n = min(len(before.vuv), len(after.vuv))
    both = before.vuv[:n] & after.vuv[:n]
    inner = both & np.roll(both, 3) & np.roll(both, -3)
    if inner.sum() < 20:
        return {"cents": float("nan"), "correlation": float("nan")}
    wanted, heard = np.log2(before.f0_hz[:n][inner]) + semitones / 12, np.log2(after.f0_hz[:n][inner])
    near = np.abs(heard - wanted) < 0.6  # the other tracker's octave slips are counted apart
    return {
        "cents": float(1200 * np.median(np.abs(heard - wanted))),
        "correlation": float(np.corrcoef(wanted[near], heard[near])[0, 1]),
        "slips": float(1 - near.mean()),
    }


def vibrato_kept(before: PitchTrack, made: Audio, semitones: float) -> dict[str, float]:
    """Fluctuation around the running mean of 0.25 s: extent against the source's, and correlation with it."""
    after = track_harvest(made, (60.0, 1400.0))
    n = min(len(before.vuv), len(after.vuv))
    both = before.vuv[:n] & after.vuv[:n]
    ones, twos = [], []
    kernel = np.ones(25) / 25
    for run in np.split(np.arange(n), np.flatnonzero(np.diff(both.astype(int))) + 1):
        if not both[run[0]] or len(run) < 40:
            continue
        a, b = (1200 * np.log2(t.f0_hz[:n][run]) for t in (before, after))
        b = b - 100 * semitones
        one, two = (x - np.convolve(x, kernel, mode="same") for x in (a, b))
        ones.append(one[13:-13])
        twos.append(two[13:-13])
    a, b = np.concatenate(ones), np.concatenate(twos)
    calm = (np.abs(a) < 150) & (np.abs(b) < 150)
    return {"extent": float(b[calm].std() / a[calm].std()), "correlation": float(np.corrcoef(a[calm], b[calm])[0, 1])}


def listen(bench: Bench, clips: list[Source], report: Report) -> None:
    """Readers into voices: words, identity, pitch, time."""
    ear, verifier, vocoder = Recogniser(), Verifier(), load_vocoder()
    targets = [v.name for v in list_voices() if v.name in TARGETS]
    own = {name: bench.narration(name) for name in targets}
    voices = {name: verifier.embed(audio) for name, audio in own.items()}
    pitch = {name: _median_hz(track_pitch(audio.samples, audio.sample_rate)) for name, audio in own.items()}
    rows: list[dict[str, Any]] = []

    def words(audio: Audio, clip: Source) -> WordErrors:
        return count_word_errors(plain_words(clip.text), plain_words(ear.hear(audio)))

    same = []
    for number, clip in enumerate(clips):
        say(f"{number + 1}/{len(clips)} {clip.speaker} ({clip.register})")
        who = verifier.embed(clip.audio)
        half = len(clip.audio.samples) // 2
        first, second = (Audio(part, SAMPLE_RATE) for part in np.split(clip.audio.samples[: 2 * half], 2))
        same.append(float(verifier.embed(first) @ verifier.embed(second)))
        take = GuideTake(lambda a, b, w=clip.audio.samples: w[a:b], len(clip.audio.samples), clip.track)  # type: ignore[misc]
        envelope = take_envelope(take, 0, take.n_frames).numpy()
        copy = Audio(resynthesise(vocoder, envelope, clip.track.f0_hz, 0), SAMPLE_RATE)
        base = {"clip": clip.key, "speaker": clip.speaker, "register": clip.register}
        for name, audio in (("natural", clip.audio), ("copy", copy)):
            rows.append(base | {"target": name, "kind": name, "errors": asdict(words(audio, clip))})
        for target in targets:
            kinds: dict[str, dict[str, Any]] = {"converted": {}}
            if number % max(1, len(clips) // SWEEP_CLIPS) == 0:
                kinds |= {f"detail {d:g}": {"detail": d} for d in DETAILS}
            for kind, options in kinds.items():
                made, measured, spent = bench.convert(clip.path, target, **options)
                voice = verifier.embed(made)
                rows.append(
                    base | {
                        "target": target, "kind": kind, "errors": asdict(words(made, clip)),
                        "to_target": float(voice @ voices[target]), "to_source": float(voice @ who),
                        "apart": float(who @ voices[target]), "semitones": measured["semitones"],
                        "pitch": pitch_kept(clip.track, made, measured["semitones"], (50.0, 600.0)),
                        "rtf": spent / made.duration_s,
                        "target_register": "low" if pitch[target] < REGISTER_HZ else "high",
                    }
                )  # fmt: skip
    report.data |= {"rows": rows, "same_speaker": same}
    _tables(report, rows, same)
    people(bench, clips, rows, report)


@dataclass(frozen=True)
class Person:
    """An unseen reader who is converted into: what they are enrolled from, and what the result is compared with."""

    name: str
    speaker: str
    used: tuple[Any, ...]
    kept: tuple[Any, ...]


def choose_people(seconds: Sequence[float]) -> list[Person]:
    """p226 at several lengths of reference, and readers of one recording, low and high in turn."""
    table: dict[str, list[Any]] = {}
    for utterance in read_corpus(corpus_folder()):
        if is_held_out(utterance) and utterance.confidence >= 0.9:
            table.setdefault(utterance.speaker, []).append(utterance)
    found = []
    rows = table.get("p226", [])
    for most in seconds:
        used: list[Any] = []
        for row in rows[:-3]:
            if sum(soundfile.info(str(one.path)).duration for one in used) >= most:
                break
            used.append(row)
        found.append(Person(f"p226-{most:.0f}s", "p226", tuple(used), tuple(rows[-3:])))
    for speaker in PEOPLE:
        rows = table.get(speaker, [])
        if rows:
            found.append(Person(speaker, speaker, (rows[0],), (rows[0],)))
    return found


def enrol_person(bench: Bench, one: Person) -> None:
    """Sign what stands behind it, and enrol."""
    now, references = int(time.time()), []
    for item in one.used:
        read = read_recording(item.path)
        references.append({"name": read.name, "file_sha256": read.sha256, "pcm_sha256": read.pcm_sha256,
                           "seconds_milli": round(1000 * read.seconds)})  # fmt: skip
    data: dict[str, Any] = {
        "voice": one.name,
        "basis": "dedication",
        "adaptation": "embedding",
        "intended_use": NOTICE,
        "subject": {"adult": True},
        "notice": {"text": NOTICE, "language": "en", "version": "bench-1"},
        "scope": {
            "modes": ["conversion"], "purposes": ["test"], "commercial": False, "languages": ["any"],
            "territories": ["001"], "titles": ["any"], "content_refused": [], "max_renders": UNLIMITED,
            "max_seconds": UNLIMITED,
        },
        "validity": {"not_before": now - 60, "not_after": now + 86_400},
        "references": references,
        "withdrawal": {"how": "The studio is thrown away.", "effect": "delete-voice"},
    }  # fmt: skip
    words = bench.folder / f"{one.name}.tsv"
    words.write_text("".join(f"{item.path.name}\t{item.text}\n" for item in one.used), encoding="utf-8")
    grant = bench.studio.ledger.add_grant(GrantDraft(data, "", "the readers of the bench", bench.folder))
    options = EnrolOptions(transcript=words, measure=False)
    bench.studio.enrol(one.name, [item.path for item in one.used], grant=grant, options=options)


def people(bench: Bench, clips: list[Source], listened: list[dict[str, Any]], report: Report) -> None:
    """Unseen readers into other unseen readers, with and without frames of their sealed recordings."""
    ear, verifier = Recogniser(), Verifier()
    enrolment_module.find_engines = lambda: Engines(None, None)
    copies = [row for row in listened if row["kind"] == "copy"]
    rows: list[dict[str, Any]] = []
    refused = []
    for one in choose_people(REFERENCE_S)[: bench.people]:
        try:
            enrol_person(bench, one)
        except (InputError, ConsentRefusedError) as problem:
            refused.append(f"{one.name}: {problem}")
            continue
        own = np.stack([verifier.embed(read_audio(item.path)) for item in one.kept])
        level = _median_hz(track_pitch(*_samples(read_audio(one.used[0].path))))
        sources = [clip for clip in clips if clip.speaker != one.speaker]
        sources = sources[:: max(1, len(sources) // EACH)][:EACH]
        for clip in sources:
            say(f"{clip.speaker} -> {one.name}")
            who = verifier.embed(clip.audio)
            for kind, options in (("converted", {}), ("no neighbours", {"neighbours": 0})):
                made, measured, spent = bench.convert(clip.path, one.name, **options)
                voice = verifier.embed(made)
                errors = count_word_errors(plain_words(clip.text), plain_words(ear.hear(made)))
                rows.append(
                    {
                        "clip": clip.key, "speaker": clip.speaker, "register": clip.register, "target": one.name,
                        "kind": kind, "errors": asdict(errors), "to_target": float((own @ voice).mean()),
                        "to_source": float(voice @ who), "apart": float((own @ who).mean()),
                        "semitones": measured["semitones"],
                        "pitch": pitch_kept(clip.track, made, measured["semitones"], (50.0, 600.0)),
                        "rtf": spent / made.duration_s, "target_register": "low" if level < REGISTER_HZ else "high",
                    }
                )  # fmt: skip
    report.data |= {"people": rows, "refused": refused}
    lines = []
    for kind in ("converted", "no neighbours"):
        mine = [row for row in rows if row["kind"] == kind]
        both = mine + copies
        lines.append(_line(f"all, {kind}", mine, both))
        for source in ("low", "high"):
            for target in ("low", "high"):
                part = [row for row in mine if (row["register"], row["target_register"]) == (source, target)]
                lines += [_line(f"{source} -> {target}, {kind}", part, both)] if part else []
        for name in dict.fromkeys(row["target"] for row in mine):
            lines.append(_line(f"-> {name}, {kind}", [row for row in mine if row["target"] == name], both))
    report.tables.append(Table("Unseen readers into other unseen readers, enrolled", HEADS, lines))
    report.notes.append(
        "Enrolled readers of one recording are compared with that recording, p226 with three recordings that were kept "
        "back. They are converted into with frames of their sealed recordings, four behind each, and without."
        + ("".join(f" Refused: {text}." for text in refused))
    )


def _samples(audio: Audio) -> tuple[np.ndarray, int]:
    return audio.samples, audio.sample_rate


def _sum(rows: Sequence[dict[str, Any]]) -> WordErrors:
    return sum((WordErrors(**row["errors"]) for row in rows), start=WordErrors(0, 0, 0, 0))


def _errors(rows: Sequence[dict[str, Any]]) -> list[int]:
    return [WordErrors(**row["errors"]).errors for row in rows]


def _line(label: str, mine: list[dict[str, Any]], rows: list[dict[str, Any]]) -> tuple[object, ...]:
    by_clip = {row["clip"]: row for row in rows if row["kind"] == "copy"}
    copy = [by_clip[row["clip"]] for row in mine]
    wer, base = _sum(mine).rate, _sum(copy).rate
    ratio = bootstrap_ratio(_errors(mine), _errors(copy))
    closer = np.mean([row["to_target"] > row["to_source"] for row in mine])
    return (
        label, len(mine), percent(wer), percent(base), f"{wer / base:.2f} ({ratio.low:.2f} to {ratio.high:.2f})",
        percent(closer), rounded(float(np.mean([r["to_target"] for r in mine])), 3),
        rounded(float(np.mean([r["to_source"] for r in mine])), 3),
        rounded(float(np.mean([r["apart"] for r in mine])), 3),
        rounded(float(np.nanmedian([r["pitch"]["cents"] for r in mine])), 1),
        rounded(float(np.nanmin([r["pitch"]["correlation"] for r in mine])), 3),
        rounded(float(np.nanmean([r["pitch"]["correlation"] for r in mine])), 3),
        rounded(float(np.mean([r["rtf"] for r in mine])), 3),
    )  # fmt: skip


HEADS = (
    "source -> voice", "pairs", "word error, %", "copy-synthesis, %", "ratio (95 %)", "nearer the voice, %",
    "to the voice", "to the source", "source to voice", "pitch off, cents", "F0 corr., least", "mean",
    "x real time (processor)",
)  # fmt: skip


def _tables(report: Report, rows: list[dict[str, Any]], same: list[float]) -> None:
    made = [row for row in rows if row["kind"] == "converted"]
    lines = [_line("all", made, rows)]
    for source in ("low", "high"):
        for target in dict.fromkeys(row["target"] for row in made):
            mine = [row for row in made if row["register"] == source and row["target"] == target]
            if mine:
                lines.append(_line(f"{source} -> {target} ({mine[0]['target_register']})", mine, rows))
    report.tables.append(Table("Unseen readers into house voices, by register", HEADS, lines))
    swept = {row["clip"] for row in rows if row["kind"].startswith("detail")}
    few = [row for row in rows if row["clip"] in swept]
    kinds = [k for k in dict.fromkeys(row["kind"] for row in few) if k not in ("natural", "copy")]
    lines = [
        _line(f"{kind}, {target}", mine, few)
        for target in dict.fromkeys(row["target"] for row in made)
        for kind in kinds
        if (mine := [row for row in few if row["kind"] == kind and row["target"] == target])
    ]
    report.tables.append(Table("What is kept of the take's articulation (fewer clips)", HEADS, lines))
    natural = _sum([row for row in rows if row["kind"] == "natural"])
    report.notes += [
        f"Word error of the recordings themselves {percent(natural.rate)} %. Two halves of one recording: similarity "
        f"{np.mean(same):.3f} on average, 5th percentile {np.quantile(same, 0.05):.3f}.",
        "Readers kept out of training, through the studio (two grants, two receipts), measured as delivered. "
        "pocketsphinx as recogniser, resemblyzer as verifier (the voice's own narration as its reference), WORLD's "
        "Harvest as the tracker that had no part. Register: median F0 below or above 165 Hz; sexes are not written in "
        "the data.",
    ]


def songs(bench: Bench, files: dict[str, Path], report: Report) -> None:
    """Sung takes: pitch and vibrato."""
    rows = []
    for name, path in files.items():
        audio = resample(read_audio(path), SAMPLE_RATE)
        track = track_sung_pitch(audio.samples, SAMPLE_RATE)
        for target in TARGETS:
            say(f"{name} -> {target}")
            made, measured, spent = bench.convert(path, target, kind="song")
            kept = pitch_kept(track, made, measured["semitones"], (60.0, 1400.0))
            shake = vibrato_kept(track, made, measured["semitones"])
            report.data.setdefault("songs", []).append(
                {"song": name, "target": target, "semitones": measured["semitones"], "pitch": kept, "vibrato": shake,
                 "rtf": spent / made.duration_s}
            )  # fmt: skip
            rows.append(
                (name, target, f"{measured['semitones']:+.0f}", rounded(kept["cents"], 1),
                 rounded(kept["correlation"], 4), rounded(shake["extent"], 3), rounded(shake["correlation"], 3),
                 rounded(spent / made.duration_s, 3))
            )  # fmt: skip
    heads = ("song", "voice", "semitones", "pitch off, cents", "F0 correlation", "vibrato extent x", "its correlation",
             "x real time (processor)")  # fmt: skip
    report.tables.append(Table("Sung takes", heads, rows))


def run(options: Options) -> Report:
    """Measure."""
    report = Report("conversion", "Conversion: unseen readers and singers into house voices")
    with tempfile.TemporaryDirectory(prefix="voicekit-bench-") as scratch:
        folder = Path(scratch)
        (folder / "in").mkdir()
        clips = sources(folder / "in", options.clips or (QUICK_CLIPS if options.quick else CLIPS))
        sung = {n: SHARED / "eval" / f for n, f in SONGS.items() if (SHARED / "eval" / f).is_file()}
        sung = dict(list(sung.items())[: 1 if options.quick else None])
        bench = Bench(folder, 1 if options.quick else 99)
        for voice in TARGETS:
            bench.studio.adopt_house_voice(voice)
        permit_readers(bench.studio, [*(c.path for c in clips), *sung.values()])
        listen(bench, clips, report)
        songs(bench, sung, report)
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = parse(__doc__ or "", argv)
    one_thread()
    run(options).write(options)
    return 0


if __name__ == "__main__":
    command(main)
