"""The Narrate tab: a text becomes sound under a chosen grant."""

from __future__ import annotations

import json
import math
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from demos.desk import Desk, check_upload
from demos.fields import player, use_fields
from demos.hearing import Ear
from demos.job import watched
from demos.picture import draw, sentence_list
from demos.words import (
    Trouble,
    bar,
    basis_words,
    card,
    clock,
    esc,
    facts,
    grant_label,
    left_of,
    links,
    listing,
    note,
    short,
    trouble_of,
)
from voicekit import NarrateOptions, Take, UsageError
from voicekit.studio import ChapterTake, GrantStatus, Progress

__all__ = ["RENDERING", "NarrateTab", "Wish", "choices", "named", "number"]

RENDERING = "rendering"
"""Name of the queue in which one render runs at a time."""

SAMPLE = (
    "It was a bright cold evening, and the clocks were striking nine. Dr. Ames paid £12.50 for the lamp, "
    "lit it, and began to read aloud."
)
DOCUMENTS = (".txt", ".epub")
_DOCUMENT_LIMIT = 60_000_000
_TEXT_LIMIT = 100_000
_PURPOSES = ("audiobook", "podcast", "personal", "demo")
_EMPTY = '<div class="vk-empty"><p>The sound, its picture and what was measured appear here.</p></div>'


@dataclass(frozen=True)
class Wish:
    """What the page (or a program) asked for, not yet believed.

    Parameters
    ----------
    text : str
    document : str or None
        Path of an upload; wins over the text.
    grant : str or None
    rate, pitch, seed : float
    title, chapters, purpose : str
    commercial : bool
    territory : str
    """

    text: str
    document: str | None
    grant: str | None
    rate: float
    pitch: float
    seed: float
    title: str
    chapters: str
    purpose: str
    commercial: bool
    territory: str

    def source(self) -> str | Path:
        """The text or the file to be read.

        Raises
        ------
        UsageError, InputError
            Nothing there, too much, or of a type that cannot be read.
        """
        if self.document:
            return check_upload(Path(self.document), suffixes=DOCUMENTS, limit=_DOCUMENT_LIMIT, what="text or EPUB")
        text = str(self.text or "")
        if not text.strip():
            raise UsageError("there is nothing to read aloud", "write some words, or give a .txt or .epub file")
        if len(text) > _TEXT_LIMIT:
            raise UsageError(
                f"{len(text)} characters are too many for the text box", "give them as a .txt file instead"
            )
        return text

    def options(self) -> NarrateOptions:
        """The library's options; it refuses what is out of range."""
        title = " ".join(str(self.title or "").split())
        if not title and not self.document:
            title = _first_words(self.text)
        territory = tuple(re.split(r"[\s,;]+", str(self.territory or "").strip())) if self.territory else ()
        return NarrateOptions(
            chapters=chapter_numbers(self.chapters) if self.document else None,
            seed=int(number("seed", self.seed)),
            rate=number("rate", self.rate),
            pitch_semitones=number("pitch", self.pitch),
            purpose=str(self.purpose or "audiobook").strip(),
            commercial=bool(self.commercial),
            territories=tuple(part for part in territory if part) or ("001",),
            title=title or None,
            profile="acx" if self.document else "clip",
        )


def chapter_numbers(text: str | None) -> tuple[int, ...] | None:
    """``1-3, 7`` -> (1, 2, 3, 7); nothing -> None, that is, all.

    Raises
    ------
    UsageError
        Not of that form.
    """
    found: list[int] = []
    for part in re.split(r"[\s,;]+", str(text or "").strip()):
        if not part:
            continue
        match = re.fullmatch(r"(\d{1,5})(?:[-–](\d{1,5}))?", part)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise UsageError(f"not chapter numbers: {text}", "write for example 1-3, 7")
        found.extend(range(int(match[1]), int(match[2] or match[1]) + 1))
    return tuple(dict.fromkeys(found)) or None


def number(name: str, value: object) -> float:
    """What a control or a program gave, as a finite number.

    Raises
    ------
    UsageError
        It is none.
    """
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise UsageError(f"the {name} is not a number: {value}", "write a number") from None
    if not math.isfinite(found):
        raise UsageError(f"the {name} is not a number: {value}", "write a number")
    return found


def _first_words(text: str) -> str:
    words = re.sub(r"[^\w\s'’-]", " ", text).split()[:6]
    return " ".join(words)[:48].strip() or "Untitled"


def result_of(take: Take, grant: GrantStatus, root: Path) -> dict[str, Any]:
    """A finished narration for programs; no path of the server leaves the studio's ``out``."""
    return {
        "ok": True,
        "title": take.title,
        "voice": take.voice,
        "basis": grant.basis,
        "grant": grant.id,
        "left": {
            "renders": grant.renders_left,
            "seconds": grant.seconds_left,
            "not_after": grant.not_after,
            "state": grant.state,
        },
        "receipts": [chapter.receipt_id for chapter in take.chapters],
        "files": [file.relative_to(root).as_posix() for file in take.files],
        "measured": take.measured,
        "chapters": [
            {"title": chapter.title, "duration_s": chapter.duration_s, "measured": chapter.measured}
            for chapter in take.chapters
        ],
        "already_there": all(chapter.skipped for chapter in take.chapters),
        "notices": list(take.notices),
    }


class NarrateTab:
    """The tab; its parts are attributes so that other tabs can refresh them.

    Parameters
    ----------
    desk : Desk
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    # -- layout ------------------------------------------------------------------------------

    def build(self) -> None:
        """Lay the tab out; called inside its ``gr.Tab``."""
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=330):
                self.grant = gr.Radio(
                    [], label="Whose voice, under which grant, and what is left of it", elem_id="grant-choice"
                )
                self.grant_id = named(self.grant)
                self.text = gr.Textbox(
                    SAMPLE, label="Text to read aloud", lines=6, max_lines=18, elem_id="narrate-text"
                )
                with gr.Accordion("A file instead of the text", open=False):
                    self.document = gr.File(
                        label="Text or book (.txt, .epub, up to 60 MB)",
                        file_types=list(DOCUMENTS),
                        type="filepath",
                        height=130,
                    )
                    self.chapters = gr.Textbox(
                        "", label="Chapters", info="For example 1-3, 7. Empty: the whole book.", max_lines=1
                    )
                with gr.Row():
                    self.rate = gr.Slider(
                        0.5, 2.0, 1.0, step=0.05, label="Speaking rate", info="1 is the voice's own pace"
                    )
                    self.pitch = gr.Slider(-12, 12, 0, step=0.5, label="Pitch shift", info="in semitones, 0 is none")
                with gr.Accordion("More choices: seed, title, purpose, territory", open=False):
                    self.seed, self.title, self.purpose, self.commercial, self.territory = use_fields(
                        _PURPOSES, "What the sound is for", "Empty: the book's own, or the first words."
                    )
                self.listen = gr.Checkbox(
                    False,
                    label="Let me hear it while it is made",
                    info="What is heard before the end has no receipt yet, and is no file: that comes at the end.",
                    elem_id="narrate-listen",
                )
                self.token = gr.Textbox("", visible=False)
                with gr.Row():
                    self.go = gr.Button("Narrate", variant="primary", elem_id="narrate-go")
                    self.stop = gr.Button("Cancel", variant="secondary", elem_id="narrate-stop", scale=0)
                self.hearing = gr.HTML("", elem_id="narrate-hear")
                self.status = gr.HTML("", elem_id="narrate-status")
            with gr.Column(scale=6, min_width=330):
                self.picture = gr.HTML(_EMPTY, elem_id="result-picture")
                self.audio = player("result-audio")
                self.lines = gr.HTML("", elem_id="result-lines")
                self.chapter = gr.Radio([], label="Chapter", visible=False, elem_id="result-chapter")
                self.facts = gr.HTML("", elem_id="result-facts")
        self.files = gr.File(file_count="multiple", visible=False)  # for programs; people get links
        self.result = gr.JSON(visible=False)

    def wire(self, again: dict[str, Any]) -> None:
        """Connect the buttons.

        Parameters
        ----------
        again : dict
            A listener that shows anew what is in the ledger, after that changed.
        """
        inputs = [
            self.text,
            self.document,
            self.grant_id,
            self.rate,
            self.pitch,
            self.seed,
            self.title,
            self.chapters,
            self.purpose,
            self.commercial,
            self.territory,
            self.token,
        ]
        outputs = [self.status, self.audio, self.files, self.picture, self.lines, self.facts, self.result]
        gr.on(
            [self.go.click],
            self.prepare,
            self.listen,
            [self.status, self.hearing, self.token],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        ).then(
            self.narrate,
            inputs,
            outputs,
            api_name="narrate",
            concurrency_limit=1,
            concurrency_id=RENDERING,
            show_progress="hidden",
            trigger_mode="once",
        ).then(
            self.chapters_of, self.result, self.chapter, show_progress="hidden", api_visibility="private"
        ).then(**again)
        self.stop.click(self.cancel, outputs=self.status, queue=False, show_progress="hidden", api_name="cancel")
        self.chapter.input(
            self.show_chapter,
            [self.chapter],
            [self.audio, self.picture, self.lines],
            show_progress="hidden",
            api_visibility="private",
        )

    # -- doing -------------------------------------------------------------------------------

    def prepare(self, listen: bool = False) -> tuple[str, str, str]:
        """What stands there until it begins; and the token to listen with, where that is asked for."""
        waiting = note("Waiting for its turn …", say="Narration asked for")
        if not listen:
            return waiting, "", ""
        token = secrets.token_urlsafe(24)
        self._desk.ears.open(token)
        return waiting, _hearing_html(token), token

    def narrate(
        self,
        text: str,
        document: str | None,
        grant: str | None,
        rate: float = 1.0,
        pitch: float = 0.0,
        seed: float = 0,
        title: str = "",
        chapters: str = "",
        purpose: str = "audiobook",
        commercial: bool = False,
        territory: str = "001",
        hear: str = "",
        request: gr.Request | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """Narrate a text, or a .txt or .epub file, under a grant of this studio.

        With ``hear``, 22 to 64 random letters and digits, the sound can be had from ``/hear/`` and these letters while
        it is made (`demos.hearing`); it is no file, and has no receipt before the end.

        Returns the state as HTML, the first sound file, all files with their
        proofs, a picture, the sentences, what was measured, and the result as
        JSON; a refusal ``refused`` with its stable reason code there, and no file.
        """
        wish = Wish(text, document, grant, rate, pitch, seed, title, chapters, purpose, commercial, territory)
        session = str(getattr(request, "session_hash", "") or id(wish))
        job = self._desk.begin(session)
        ear: Ear | None = None
        nothing = (None, None, _EMPTY, "", "")
        try:
            yield (self._progress_html(None), *nothing, None)
            ear = self._desk.ears.open(str(hear)) if hear else None
            for event in self._run(wish, job, ear):
                if isinstance(event, Progress):
                    yield (self._progress_html(event), *([gr.skip()] * 6))
                elif isinstance(event, Trouble):
                    yield (event.html(), *nothing, event.as_dict())
                else:
                    if ear is not None:
                        ear.close(whole=True)
                    yield self._show(*event)
        except UsageError as problem:  # of the token
            trouble = trouble_of(problem)
            yield (trouble.html(), *nothing, trouble.as_dict())
        finally:
            if ear is not None:
                ear.close(whole=False)
                self._desk.ears.over(str(hear))
            # Also when the browser went away: the job stops after its sentence, which is kept.
            job.set()
            self._desk.end(session, job)

    def _run(
        self, wish: Wish, job: threading.Event, ear: Ear | None = None
    ) -> Iterator[Progress | Trouble | tuple[Take, GrantStatus]]:
        """Narrate in a thread, so that progress can be shown meanwhile."""

        def work(report: Callable[[Progress], None]) -> tuple[Take, GrantStatus]:
            grant = self._desk.grant(wish.grant)
            source, options = wish.source(), wish.options()
            take = self._desk.narrate(source, grant, options, progress=report, cancel=job, ear=ear)
            return take, self._desk.grant(grant.id)

        return watched(work, name="narrate")

    def cancel(self, request: gr.Request | None = None) -> str:
        """Stop the narration of this session after the sentence it is at."""
        session = str(getattr(request, "session_hash", "") or "")
        if self._desk.stop(session):
            return note("Stopping after this sentence …", say="Stopping")
        return note("Nothing is running.", say="Nothing is running")

    def chapters_of(self, result: dict[str, Any] | None) -> Any:
        """A choice of chapters, where there are several."""
        if not result or not result.get("ok") or len(result["chapters"]) < 2:
            return gr.Radio(choices=[], value=None, visible=False)
        firsts: list[tuple[str, str]] = []
        each = len(result["files"]) // len(result["chapters"])
        for index, chapter in enumerate(result["chapters"]):
            firsts.append((f"{chapter['title']} ({clock(chapter['duration_s'])})", result["files"][index * each]))
        return gr.Radio(choices=firsts, value=firsts[0][1], visible=True)

    def show_chapter(self, name: str | None) -> tuple[Any, str, str]:
        """Another chapter's sound and picture."""
        try:
            path = self._desk.inside(name or "")
            return self._desk.give(path), draw(path), self._lines(path)
        except Exception as problem:
            return None, trouble_of(problem).html(), ""

    # -- showing -----------------------------------------------------------------------------

    def _show(self, take: Take, grant: GrantStatus) -> tuple[Any, ...]:
        result = result_of(take, grant, self._desk.studio().out_folder)
        kept = [
            self._desk.give(path)
            for chapter in take.chapters
            for pair in zip(chapter.files, chapter.proofs, strict=True)
            for path in pair
        ]
        total = clock(take.measured.get("duration_s"))
        if result["already_there"]:
            head, what = "Already there", "The same text and choices were made before, so nothing was rendered again."
        else:
            head = "Done"
            rtf = take.measured.get("rtf")
            speed = f", {1 / rtf:.0f} times faster than it is heard" if rtf and rtf < 0.6 else ""
            what = f"Made in {take.measured['elapsed_s']:.1f} s{speed}."
        body = f"<p>{total} of sound in the voice <strong>{esc(take.voice)}</strong>. {esc(what)}</p>"
        if take.notices:
            body += "<details class='vk-more'><summary>Worth knowing about the text</summary>"
            body += listing(take.notices) + "</details>"
        status = card(head, body, kind="good", say=f"{head}. {total} of sound, ready to be played.")
        return (
            status,
            kept[0],
            kept,
            draw(take.path),
            self._lines(take.path),
            self._facts(take, grant) + links(kept),
            result,
        )

    def _lines(self, path: Path) -> str:
        """The sentences of a delivered chapter, from the report beside it."""
        sentences: list[dict[str, object]] = []
        report = json.loads((path.parent / "report.json").read_text(encoding="utf-8"))
        for chapter in report["chapters"]:
            if any(file["name"] == path.name for file in chapter["files"]):
                sentences = chapter["sentences"]
        return sentence_list(sentences)

    def _facts(self, take: Take, grant: GrantStatus) -> str:
        first: ChapterTake = take.chapters[0]
        levels = first.measured[first.files[0].name]
        under = facts(
            [
                ("Voice", f"{esc(grant.voice)}"),
                ("Basis", esc(basis_words(grant.basis))),
                ("Grant", f"<code>{short(grant.id)}</code>"),
                ("Left of it", esc(left_of(grant))),
                ("Receipt", f"<code>{short(first.receipt_id)}</code>"),
                ("Purpose asked for", esc(take.receipt.use.purpose) if take.receipt else "as before"),
            ]
        )
        measured = facts(
            [
                ("Length", f"{first.duration_s:.1f} s"),
                ("Loudness (RMS)", f"{levels['rms_dbfs']:.1f} dB"),
                ("Peak", f"{levels['peak_dbfs']:.1f} dB"),
                ("Noise floor", f"{levels['floor_dbfs']:.1f} dB"),
                ("Sampling", f"{levels['sample_rate'] / 1000:g} kHz"),
                ("Sentences", str(first.sentences)),
            ]
        )
        which = f" ({esc(first.title)})" if len(take.chapters) > 1 else ""
        return card("Permission", under) + card(f"Measured on the finished file{which}", measured)

    def _progress_html(self, now: Progress | None) -> str:
        if now is None:
            return bar(0.0, "Starting …", "Narration begins", label="Narration")
        stage = {"voice": "Loading the voice", "speak": "Speaking", "skip": "Already there"}.get(
            now.stage, "Mastering and checking"
        )
        left = f"about {clock(now.eta_s)} left" if now.eta_s is not None else "time left not yet known"
        where = f"chapter {now.chapter} of {now.chapters}, " if now.chapters > 1 else ""
        text = f"{stage}: {where}sentence {now.sentence} of {now.sentences}, {clock(now.seconds_done)} of sound, {left}"
        quarter = int(now.fraction * 4) * 25
        # Spoken only at every quarter: a bar that talks all the time is a nuisance.
        say = f"{quarter} percent" if quarter else "Narration begins"
        return bar(now.fraction, text, say, label="Narration")


def _hearing_html(token: str) -> str:
    """What is shown while it can be heard; hear.js plays it."""
    text = "You hear it while it is made. It has no receipt yet: the file comes with one, at the end."
    return (
        f'<div class="vk-hear" data-hear="{esc(token)}" data-say="{esc(text)}"><p class="vk-hear-now">{esc(text)}</p>'
        '<p><button type="button" class="vk-play vk-hear-stop">Stop listening</button> '
        '<span class="vk-hear-said"></span></p></div>'
    )


def choices(grants: tuple[GrantStatus, ...]) -> list[tuple[str, str]]:
    """Grants as choices of a radio."""
    return [(grant_label(grant), grant.id) for grant in grants]


def named(radio: gr.Radio) -> gr.Textbox:
    """A hidden field that follows a radio whose list changes while the page is open.

    Handlers read the field: the radio would judge a value by the list it was
    built with.  Whether what is named there exists and is permitted is for the
    library to say, to the page and to programs alike.
    """
    field = gr.Textbox(visible=False)
    radio.input(None, radio, field, js="(chosen) => chosen", show_progress="hidden")
    return field
