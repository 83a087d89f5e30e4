"""One narration from first to last chapter: the order of steps, and nothing else.

For each chapter: plan -> (already delivered? skip) -> permit -> takes -> master
and encode -> read back -> receipt -> delivery.  Nothing of a chapter has its
name before its receipt is in the ledger.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Any

from consent import Ledger, RenderReceipt, Use
from voicekit.audio import Tags, io_error
from voicekit.book import Chapter
from voicekit.errors import InputError, UsageError
from voicekit.master import PROFILES, MasterProfile
from voicekit.pipelines import (
    ChapterPlan,
    ChapterSound,
    Engine,
    FinishedFile,
    Hear,
    Progress,
    ProgressMeter,
    TakeRecipe,
    TakeStore,
    chapter_source,
    finish_chapter,
    plan_chapter,
    speak_chapter,
)
from voicekit.pipelines.plan import Retake, digest_json, recipe_of, sentence_seed, spoken_digest
from voicekit.studio.gate import Gate, Request
from voicekit.studio.models import ChapterTake, NarrateOptions, Take
from voicekit.studio.production import PROOF_SUFFIX, DeliveredChapter, Production
from voicekit.studio.sources import OpenSource, slug
from voicekit.studio.voices import VoiceSource, opened
from voicekit.text import TextContext
from voicekit.text.languages import ENGLISH, LANGUAGES, asked_languages, base_tag
from voicekit.text.phonemise import accent_of

__all__ = ["Narration"]

PIPELINE_VERSION = "2"
"""Changes whenever assembly, mastering or encoding would give other bytes."""


@dataclass(frozen=True)
class _Tools:
    """The studio's things that a narration works with."""

    ledger: Ledger
    takes: TakeStore
    voices: VoiceSource


@dataclass(frozen=True)
class _Chosen:
    """A chapter that is to be made, and how much there is to say."""

    index: int
    chapter: Chapter
    size: int


class Narration:
    """A narration, ready to run.

    Parameters
    ----------
    ledger : Ledger
    takes : TakeStore
    voices : VoiceSource
    source : OpenSource
    voice : str
    folder : pathlib.Path
        Of the production.
    options : NarrateOptions
    grant : str, optional
    """

    def __init__(
        self,
        ledger: Ledger,
        takes: TakeStore,
        voices: VoiceSource,
        source: OpenSource,
        *,
        voice: str,
        folder: Path,
        options: NarrateOptions,
        grant: str | None,
    ) -> None:
        self._tools = _Tools(ledger, takes, voices)
        self._source = source
        self._voice = voice
        self._folder = folder
        self._options = options
        self._grant = grant
        self._language = _reading_language(source, options)
        # Parts in another language are said by its rules where it was stated too: then the permit is asked for it.
        self._also = tuple(base_tag(tag) for tag in (options.languages or ())[1:])
        self._title = options.title or source.book.title or "Untitled"
        self._profile: MasterProfile = PROFILES[options.profile]
        self._notices: list[str] = []
        self._receipts: list[RenderReceipt] = []
        self._rendered_s = 0.0
        self._hear: Hear | None = None

    def run(
        self, progress: Callable[[Progress], None] | None, cancel: Event | None, hear: Hear | None = None
    ) -> Take:
        """Narrate all chosen chapters.

        Parameters
        ----------
        progress : callable, optional
        cancel : threading.Event, optional
        hear : callable, optional
            See `Studio.narrate`.

        Returns
        -------
        Take

        Raises
        ------
        consent.ConsentRefusedError, Cancelled, InputError, UsageError
            Chapters delivered before stay; finished sentences are kept.
        """
        chosen = self._choose()
        self._hear = hear
        with Production(self._folder) as production, contextlib.ExitStack() as stack:
            self._claim(production)
            self._deliver_left_over(production)
            production.sweep()
            self._tools.takes.sweep()
            meter = ProgressMeter([one.size for one in chosen], progress, cancel)
            meter.tell("voice")
            engine = stack.enter_context(opened(self._tools.voices, self._voice))
            recipe = self._recipe(engine)
            self._ask_again(production, chosen, recipe)
            done = [self._chapter(one, production, engine, recipe, meter) for one in chosen]
            made = [take for take in done if take is not None]
            if not made:
                raise InputError(self._source.name, "", "nothing in it is to be read aloud", "Give some words.")
            return self._take(production, made, meter, engine)

    # -- before the first chapter ------------------------------------------------------------

    def _choose(self) -> list[_Chosen]:
        chapters = self._source.book.reading
        wanted = self._options.chapters or tuple(range(1, len(chapters) + 1))
        if self._options.redo is not None:
            wanted = (self._options.redo[0],)
        beyond = [n for n in wanted if n > len(chapters)]
        if beyond:
            raise UsageError(f"{self._source.name} has no chapter {beyond[0]}", f"choose from 1-{len(chapters)}")
        return [_Chosen(n, chapters[n - 1], chapters[n - 1].characters) for n in sorted(set(wanted))]

    def _claim(self, production: Production) -> None:
        """See that the folder is ours, and note what was chosen."""
        if production.source and production.source != self._source.name:
            raise UsageError(f"{self._folder} holds a production of {production.source}", "choose another --out folder")
        options = self._options
        if options.redo is not None:
            if not production.settings:
                raise UsageError(
                    f"{self._folder} holds no production whose sentence could be redone",
                    "narrate it once without --redo",
                )
            seed = int(production.settings.get("seed", options.seed))
            self._seed = seed
        else:
            self._seed = options.seed
        production.source = self._source.name
        production.settings = {
            "title": self._title,
            "voice": self._voice,
            "seed": self._seed,
            "rate": options.rate,
            "pitch_semitones": options.pitch_semitones,
            "profile": options.profile,
            "formats": list(options.formats),
            "purpose": options.purpose,
            "source_sha256": self._source.sha256,
        }

    def _deliver_left_over(self, production: Production) -> None:
        """A run that was killed between receipt and delivery: its files only lack their names."""
        ledger = self._tools.ledger
        for left in ledger.undelivered():
            if left.waiting and production.hidden.resolve() in left.path.resolve().parents:
                ledger.deliver(ledger.receipt(left.receipt), {left.path: self._folder / left.name})

    def _ask_again(self, production: Production, chosen: Sequence[_Chosen], recipe: TakeRecipe) -> None:
        """Note the sentence that is to be said once more."""
        if self._options.redo is None:
            production.save()
            return
        index, number = self._options.redo
        plan = self._plan(chosen[0], production, recipe)
        spoken = next((one.spoken for one in plan.sentences if one.number == number), "")
        if not spoken:
            raise UsageError(f"chapter {index} has no spoken sentence {number}", f"choose from 1-{len(plan.sentences)}")
        before = production.retakes.get((index, number))
        take = before.take + 1 if before else 2
        seed = self._options.redo_seed
        if seed is None:
            seed = sentence_seed(self._seed, spoken, number, take)
        production.retakes[index, number] = Retake(spoken_digest(spoken), seed, take)
        production.save()

    # -- a chapter ---------------------------------------------------------------------------

    def _recipe(self, engine: Engine) -> TakeRecipe:
        return recipe_of(
            self._voice,
            [operand.sha256 for operand in engine.operands],
            engine.version,
            engine.sample_rate,
            self._options.rate,
            self._options.pitch_semitones,
            self._language,
        )

    def _plan(self, one: _Chosen, production: Production, recipe: TakeRecipe) -> ChapterPlan:
        def noted() -> Iterator[Any]:
            for sentence in one.chapter.sentences(TextContext(language=self._language, also=self._also)):
                parts.extend(asdict(notice) for notice in sentence.notices)
                yield sentence

        parts: list[dict[str, Any]] = []
        plan = plan_chapter(
            one.index,
            one.chapter.title or f"Chapter {one.index}",
            one.chapter.source,
            noted(),
            recipe,
            seed=self._seed,
            retakes=production.retakes_of(one.index),
        )
        parts.extend(asdict(notice) for notice in one.chapter.notices())
        self._chapter_notices = parts
        for number in plan.stale_retakes:
            self._notices.append(
                f"chapter {one.index}, sentence {number}: its text changed, so its retake no longer applies"
            )
        return plan

    def _chapter(
        self,
        one: _Chosen,
        production: Production,
        engine: Engine,
        recipe: TakeRecipe,
        meter: ProgressMeter,
    ) -> ChapterTake | None:
        plan = self._plan(one, production, recipe)
        meter.begin(plan.title, len(plan.sentences))
        if not plan.characters:
            self._notices.append(f"chapter {one.index} ({plan.title}): nothing in it is to be read aloud")
            meter.end(skipped=True)
            return None
        width = max(2, len(str(len(self._source.book.reading))))
        stem = f"{one.index:0{width}d}-{slug(plan.title)}"
        names = [f"{stem}.{kind}" for kind in self._options.formats]
        tags = Tags(
            title=plan.title,
            album=self._title,
            artist=Tags.synthetic_artist(self._voice),
            track=one.index,
            tracks=len(self._source.book.reading),
        )
        inputs = plan.digest(PIPELINE_VERSION, asdict(self._profile), asdict(tags))
        if production.is_delivered(one.index, inputs, names):
            part = production.part(one.index)
            if part:
                meter.seconds_done += float(part["duration_s"])
                meter.end(skipped=True)
                return self._take_of(part, names, made=0, reused=0, skipped=True)
        return self._render(plan, production, engine, meter, names, tags, inputs)

    def _render(
        self,
        plan: ChapterPlan,
        production: Production,
        engine: Engine,
        meter: ProgressMeter,
        names: list[str],
        tags: Tags,
        inputs: str,
    ) -> ChapterTake:
        with (
            Gate(self._tools.ledger).render(self._request(plan, engine, inputs)) as render,
            production.workplace() as place,
        ):
            sound = speak_chapter(
                render.permit,
                plan,
                engine,
                self._tools.voices.make_params,
                self._tools.takes,
                recheck=render.recheck,
                meter=meter,
                hear=self._hear,
            )
            files, measured = finish_chapter(
                chapter_source(render.permit, plan, engine, self._tools.takes),
                engine.sample_rate,
                place,
                names,
                profile=self._profile,
                tags=tags,
                seed=sentence_seed(self._seed, f"room tone {plan.index}", 0),
                meter=meter,
            )
            # Noted before the receipt: a kill in between leaves a note about files that are not
            # there, which counts for nothing; the other way round a delivered chapter would be lost.
            production.chapters[plan.index] = DeliveredChapter(inputs, {file.name: file.sha256 for file in files})
            production.keep_part(plan.index, self._part(plan, sound, engine, files, measured, ""))
            production.save()
            meter.tell("deliver", part=0.95)
            measured_too = _for_receipt(files[0], sound, inputs)
            if self._accented(engine):
                measured_too |= {"words": self._language, "sounds": ENGLISH}
            receipt = render.deliver(files, self._folder, measured_too)
        part = self._part(plan, sound, engine, files, measured, receipt.digest)
        production.keep_part(plan.index, part)
        self._receipts.append(receipt)
        self._rendered_s += files[0].loudness.duration_s
        meter.end(skipped=False)
        return self._take_of(part, names, made=sound.made, reused=sound.reused, skipped=False)

    def _accented(self, engine: Engine) -> bool:
        """Whether the words are said with the sounds of another language."""
        return self._language not in getattr(engine, "native", (ENGLISH,))

    def _request(self, plan: ChapterPlan, engine: Engine, inputs: str) -> Request:
        options = self._options
        profile = self._profile
        use = Use(
            mode="speech",
            purpose=options.purpose,
            commercial=options.commercial,
            languages=asked_languages(options.languages or (), [self._source.book.language], [self._language]),
            territories=options.territories,
            title=self._title,
            reviewed_content=options.reviewed_content,
            seconds=plan.estimated_s(options.rate, profile.head_s + profile.tail_s),
        )
        params = digest_json(
            {
                "inputs": inputs,
                "engine": engine.version,
                "seed": self._seed,
                "rate": repr(options.rate),
                "pitch_semitones": repr(options.pitch_semitones),
                "profile": options.profile,
            }
        )
        return Request(use, self._voice, tuple(engine.operands), params, plan.spoken_text, self._grant)

    # -- reports -----------------------------------------------------------------------------

    def _part(
        self,
        plan: ChapterPlan,
        sound: ChapterSound,
        engine: Engine,
        files: Sequence[FinishedFile],
        measured: dict[str, Any],
        receipt: str,
    ) -> dict[str, Any]:
        head = self._profile.head_s
        rate = engine.sample_rate
        return {
            "index": plan.index,
            "title": plan.title,
            "source": plan.source,
            "receipt": receipt,
            "duration_s": round(files[0].loudness.duration_s, 4),
            "files": [
                {
                    "name": file.name,
                    "sha256": file.sha256,
                    "pcm_sha256": file.pcm_sha256,
                    "proof": f"{file.name}{PROOF_SUFFIX}",
                    "measured": file.loudness.to_json(),
                }
                for file in files
            ],
            "measured": measured,
            "sentences": [
                {
                    "n": sentence.number,
                    "text": sentence.text,
                    "spoken": sentence.spoken,
                    "kind": sentence.kind,
                    "start_s": round(head + time.start / rate, 4),
                    "end_s": round(head + time.end / rate, 4),
                    "pause_s": sentence.pause_s,
                    "source": [sentence.start, sentence.end],
                    "seed": sentence.choice.seed,
                    "take": sentence.take,
                }
                for sentence, time in zip(plan.sentences, sound.times, strict=True)
            ],
            "notices": self._chapter_notices,
        }

    def _take_of(self, part: dict[str, Any], names: list[str], *, made: int, reused: int, skipped: bool) -> ChapterTake:
        files = {file["name"]: file for file in part["files"]}
        measured = {name: files[name]["measured"] for name in names}
        return ChapterTake(
            index=part["index"],
            title=part["title"],
            files=tuple(self._folder / name for name in names),
            proofs=tuple(self._folder / f"{name}{PROOF_SUFFIX}" for name in names),
            receipt_id=part["receipt"],
            duration_s=part["duration_s"],
            measured=measured | {"master": part["measured"]},
            sentences=len(part["sentences"]),
            takes_made=made,
            takes_reused=reused,
            skipped=skipped,
        )

    def _take(self, production: Production, done: list[ChapterTake], meter: ProgressMeter, engine: Engine) -> Take:
        elapsed = meter.elapsed_s
        measured = {
            "duration_s": round(sum(chapter.duration_s for chapter in done), 3),
            "rendered_s": round(self._rendered_s, 3),
            "elapsed_s": round(elapsed, 3),
            "rtf": round(elapsed / self._rendered_s, 4) if self._rendered_s else None,
            "takes_made": sum(chapter.takes_made for chapter in done),
            "takes_reused": sum(chapter.takes_reused for chapter in done),
            "takes_damaged": len(self._tools.takes.damaged),
        }
        for key in self._tools.takes.damaged:
            self._notices.append(f"take {key[:12]} was damaged on disk and was made again")
        book = self._source.book
        if self._accented(engine):
            said = LANGUAGES[self._language].name
            spoken = [s["spoken"] for n in sorted(production.chapters) for s in (production.part(n) or {})["sentences"]]
            replaced = accent_of([text for text in spoken if text], self._language).words()
            self._notices.append(f"read in {said} with English sounds" + (f": {replaced}" if replaced else ""))
        head = {
            "format": "voicekit-report/1",
            "title": self._title,
            "authors": list(book.authors),
            "language": book.language,
            "source": {"name": self._source.name, "sha256": self._source.sha256},
            "disclosure": "AI-generated speech",
            "voice": self._voice,
            "operands": [
                {"name": one.name, "sha256": one.sha256, "role": one.role, "license": one.license}
                for one in engine.operands
            ],
            "engine": engine.version,
            "pipeline": PIPELINE_VERSION,
            "python": platform.python_version(),
            "settings": production.settings,
            "measured": measured,
            "notices": self._notices,
            "book_notices": [asdict(notice) for notice in book.notices],
        }
        report = production.write_report(head, sorted(production.chapters))
        return Take(
            folder=self._folder,
            title=self._title,
            voice=self._voice,
            grant=str(self._receipts[0].grant) if self._receipts else "",
            chapters=tuple(done),
            report=report,
            production=production.file,
            measured=measured,
            notices=tuple(self._notices),
            receipt=self._receipts[0] if self._receipts else None,
        )


def _for_receipt(file: FinishedFile, sound: ChapterSound, inputs: str) -> dict[str, int | str]:
    """What was measured, as the integers that a signed statement may hold."""
    loudness = file.loudness
    return {
        "rms_millidb": round(loudness.rms_dbfs * 1000),
        "peak_millidb": round(loudness.peak_dbfs * 1000),
        "floor_millidb": round(loudness.floor_dbfs * 1000),
        "frames": loudness.frames,
        "sample_rate": loudness.sample_rate,
        "takes_made": sound.made,
        "takes_reused": sound.reused,
        "inputs": inputs,
    }


def _reading_language(source: OpenSource, options: NarrateOptions) -> str:
    """The language in which a source is read: as stated, else its own, else English."""
    stated = options.languages[0] if options.languages else ""
    tag = base_tag(stated) or base_tag(source.book.language)
    if tag not in LANGUAGES and tag:
        known = ", ".join(sorted(LANGUAGES))
        told = stated or source.book.language
        raise UsageError(
            f"{source.name} is in the language {told!r}, whose words no voice can say",
            f"state another with --language: one of {known}",
        )
    return tag or ENGLISH


def folder_name(source: OpenSource, title: str | None) -> str:
    """Name for an output folder nobody named."""
    name = slug(title or source.book.title or Path(source.name).stem, "narration")
    return f"{name}-{(source.sha256 or digest_json(name))[:8]}"


def check_folder(folder: Path) -> None:
    """Refuse a place that cannot be written, before anything is loaded."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".voicekit-probe"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as problem:
        raise io_error(problem, folder) from problem
