"""The Enrol tab: a person gives their voice to the studio, and takes it back.

The page decides nothing and signs for nobody: a speaker's own key never comes near it.  Without a key of the speaker,
the operator's key signs what the speaker has said aloud and a recogniser has understood; where none is installed,
the page does not complete a grant.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from consent import ConsentRefusedError, Ledger, read_draft
from consent.engines import find_engines
from consent.spoken import SpokenAnswer
from demos.desk import Desk
from demos.enrol_words import (
    EMPTY,
    HOW,
    built_html,
    draft_html,
    findings_html,
    grant_html,
    held_html,
    people_html,
    progress_html,
    words_html,
)
from demos.held import RECORDINGS, Held, beside
from demos.job import watched
from demos.narrate import RENDERING, choices, named
from demos.words import Trouble, card, esc, note, short, trouble_of
from voicekit import UsageError
from voicekit.studio import Enrolled, EnrolOptions, EnrolStep, GrantStatus, PersonDraft

__all__ = ["EnrolTab", "may_be_built"]

_METHODS = [
    ("What the grant and the recordings allow", "auto"),
    ("The embedding: seconds", "embedding"),
    ("A low-rank part too: minutes", "low-rank"),
]
_MODES = [("Speaking", "speech"), ("Singing", "singing"), ("Conversion of takes", "conversion")]
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def may_be_built(ledger: Ledger, grants: tuple[GrantStatus, ...]) -> tuple[GrantStatus, ...]:
    """The usable grants under which a voice may be built."""
    return tuple(
        one for one in grants if one.usable and one.basis == "consent" and ledger.grant_statement(one.id).adaptation
    )


def _session(request: gr.Request | None) -> str:
    return str(getattr(request, "session_hash", "") or "nobody")


class EnrolTab:
    """The tab.

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
                self._recordings()
                self._permission()
                self._building()
            with gr.Column(scale=6, min_width=330):
                self.found = gr.HTML(EMPTY, elem_id="enrol-found")
                self.people = gr.HTML("", elem_id="enrol-people")
                with gr.Accordion("Remove a voice", open=False):
                    self.person = gr.Radio([], label="Voice that was built here", elem_id="enrol-person")
                    self.person_name = named(self.person)
                    self.sure = gr.Checkbox(
                        False, label="I know that this is final: its keys are destroyed, and its recordings' too"
                    )
                    self.remove_go = gr.Button("Remove the voice", variant="stop", elem_id="enrol-remove")
                    self.removed = gr.HTML("", elem_id="enrol-removed")
        self.result = gr.JSON(visible=False)

    def _recordings(self) -> None:
        gr.HTML("<h3>1. Recordings of one person</h3>")
        # No file types here: a file that Gradio itself turns away would stay in its cache.
        self.files = gr.File(
            label=f"Files ({', '.join(RECORDINGS)})",
            file_count="multiple",
            type="filepath",
            height=150,
            elem_id="enrol-files",
        )
        self.microphone = gr.Audio(
            label="Or record one take after the other",
            type="filepath",
            sources=["microphone"],
            elem_id="enrol-microphone",
            waveform_options=gr.WaveformOptions(show_recording_waveform=False),
        )
        self.held = gr.HTML(held_html(Held()), elem_id="enrol-held")
        with gr.Row():
            self.check_go = gr.Button("Check the recordings", elem_id="enrol-check")
            self.forget_go = gr.Button("Forget them", elem_id="enrol-forget", scale=0)

    def _permission(self) -> None:
        gr.HTML("<h3>2. The speaker's permission</h3>")
        self.grant = gr.Radio([], label="Grant that allows a voice to be built", elem_id="enrol-grant")
        self.grant_id = named(self.grant)
        self.about = gr.HTML("", elem_id="enrol-about")
        with gr.Accordion("There is no grant yet: what to do", open=False, elem_id="enrol-draft-panel"):
            gr.HTML(HOW)
            self.voice = gr.Textbox(
                "", label="Name of the voice", info="Not the person's: it can never be erased.", max_lines=1,
                elem_id="enrol-voice",
            )  # fmt: skip
            self.use = gr.Textbox(
                "", label="What it is for, in at least twenty words", info="Name products and audiences.", lines=3,
                elem_id="enrol-use",
            )  # fmt: skip
            self.modes = gr.CheckboxGroup(_MODES, value=["speech"], label="Allowed", elem_id="enrol-modes")
            self.adaptation = gr.Radio(
                [("The embedding alone", "embedding"), ("A low-rank part too", "low-rank")],
                value="embedding",
                label="What may be built",
            )
            self.years = gr.Slider(1, 10, 2, step=1, label="Years")
            self.commercial = gr.Checkbox(False, label="Commercial use too")
            self.adult = gr.Checkbox(
                False, label="The speaker is of age", info="For others a guardian signs, on the command line."
            )
            with gr.Row():
                self.draft_go = gr.Button("Write the draft", elem_id="enrol-draft-go")
                self.words_go = gr.Button("Show the words to read aloud", elem_id="enrol-words-go")
            self.draft_status = gr.HTML("", elem_id="enrol-draft-status")
            self.draft = gr.Textbox(
                "", label="The draft: nobody has signed it", lines=8, max_lines=14, interactive=False,
                elem_id="enrol-draft",
            )  # fmt: skip
        self.statement = gr.Audio(
            label="The spoken statement: record it, or give its file",
            type="filepath",
            sources=["upload", "microphone"],
            elem_id="enrol-statement",
            waveform_options=gr.WaveformOptions(show_recording_waveform=False),
        )
        self.heard = gr.HTML("", elem_id="enrol-heard")

    def _building(self) -> None:
        gr.HTML("<h3>3. Build the voice</h3>")
        self.method = gr.Radio(_METHODS, value="auto", label="How much is learnt", elem_id="enrol-method")
        with gr.Accordion("More choices: transcript, begin anew", open=False):
            self.transcript = gr.Textbox(
                "",
                label="What is said (optional)",
                info="One paragraph for each recording, in their order. Empty: a recogniser guesses.",
                lines=3,
                elem_id="enrol-transcript",
            )
            self.anew = gr.Checkbox(False, label="Begin anew, whatever a stopped enrolment has kept")
        with gr.Row():
            self.go = gr.Button("Build the voice", variant="primary", elem_id="enrol-go")
            self.stop = gr.Button("Cancel", variant="secondary", elem_id="enrol-stop", scale=0)
        self.status = gr.HTML("", elem_id="enrol-status")

    def wire(self, page: gr.Blocks, tab: gr.Tab, again: dict[str, Any]) -> None:
        """Connect the controls.

        Parameters
        ----------
        page : gradio.Blocks
            When it is left, what was given is forgotten.
        tab : gradio.Tab
            Looked at anew whenever it is opened: grants change in other tabs.
        again : dict
            A listener that shows anew what is in the ledger, after that changed.
        """
        seen = [self.grant, self.grant_id, self.about, self.people, self.person, self.person_name]
        look: dict[str, Any] = {"fn": self.look, "inputs": self.grant_id, "outputs": seen, **_QUIET}
        tab.select(**look)
        self.grant.input(self.tell_grant, self.grant, [self.grant_id, self.about], **_QUIET)
        self.files.upload(self.add_files, self.files, [self.files, self.held, self.result], api_name="enrol_add")
        self.microphone.stop_recording(
            self.add_one, self.microphone, [self.microphone, self.held, self.result], **_QUIET
        )
        self.forget_go.click(self.forget, outputs=[self.held, self.found], api_name="enrol_forget")
        self.check_go.click(self.check, self.grant_id, [self.found, self.result], api_name="enrol_check")
        asked = [self.voice, self.use, self.modes, self.adaptation, self.years, self.commercial, self.adult]
        self.draft_go.click(
            self.write_draft, asked, [self.draft_status, self.draft, self.result], api_name="enrol_draft"
        )
        self.words_go.click(self.ask_words, asked, [self.draft_status, self.draft, self.result], api_name="enrol_words")
        answered = [self.statement, self.heard, self.draft_status, self.grant_id, self.result]
        gr.on(
            [self.statement.upload, self.statement.stop_recording],
            self.hear_statement,
            [self.statement, self.grant_id],
            answered,
            api_name="enrol_statement",
        ).then(**again).then(**look)
        self.go.click(
            lambda: note("Waiting for its turn …", say="Enrolment asked for"),
            outputs=self.status,
            queue=False,
            **_QUIET,
        ).then(
            self.enrol,
            [self.grant_id, self.method, self.transcript, self.anew],
            [self.status, self.found, self.held, self.result],
            api_name="enrol",
            concurrency_limit=1,
            concurrency_id=RENDERING,
            show_progress="hidden",
            trigger_mode="once",
        ).then(**again).then(**look)
        self.stop.click(self.cancel, outputs=self.status, queue=False, **_QUIET)
        self.remove_go.click(
            self.remove,
            [self.person_name, self.sure],
            [self.removed, self.sure],
            api_visibility="private",
            api_name="remove_voice",
        ).then(**again).then(**look)
        page.unload(self.leave)

    # -- recordings --------------------------------------------------------------------------

    def add_files(
        self, recordings: list[str] | None, request: gr.Request | None = None
    ) -> tuple[None, str, dict[str, Any]]:
        """Take recordings of one person into memory; the uploads are deleted at once."""
        session = _session(request)
        try:
            held = self._desk.basket.add(session, [str(one) for one in recordings or ()])
            return None, held_html(held), {"ok": True, "recordings": [one.name for one in held.recordings]}
        except Exception as problem:
            trouble = trouble_of(problem)
            try:
                shown = held_html(self._desk.basket.of(session))
            except UsageError:
                shown = ""
            return None, trouble.html() + shown, trouble.as_dict()

    def add_one(self, take: str | None, request: gr.Request | None = None) -> tuple[None, str, dict[str, Any]]:
        """The same with a take from the microphone."""
        return self.add_files([take] if take else [], request)

    def forget(self, request: gr.Request | None = None) -> tuple[str, str]:
        """Drop the recordings and the statement that were given."""
        self._desk.basket.forget(_session(request))
        return held_html(Held()), EMPTY

    def leave(self, request: gr.Request | None = None) -> None:
        """The page was closed."""
        self._desk.basket.forget(_session(request))

    def check(self, grant: str | None, request: gr.Request | None = None) -> tuple[str, dict[str, Any]]:
        """Look at the recordings before anything is built: every fault with its reason and what to do."""
        try:
            held = self._desk.basket.of(_session(request))
            if not held.recordings:
                raise UsageError("there is no recording yet", "give files, or record a take")
            found = self._desk.studio().examine(tuple(held.recordings), grant or None)
            good = all(one.ok is not False for one in found)
            return findings_html(found), {"ok": good, "findings": [dict(one.__dict__) for one in found]}
        except Exception as problem:
            trouble = trouble_of(problem)
            return trouble.html(), trouble.as_dict()

    # -- permission --------------------------------------------------------------------------

    def look(self, grant: str | None) -> tuple[Any, ...]:
        """Grants that allow a voice, the one that was chosen, and the voices that were built."""
        try:
            studio = self._desk.studio()
            may = may_be_built(studio.ledger, self._desk.grants())
            people = self._desk.people()
        except Exception as problem:
            return gr.update(choices=[], value=None), "", trouble_of(problem).html(), "", gr.update(choices=[]), ""
        chosen = grant if grant in {one.id for one in may} else (may[0].id if may else "")
        names = [one.name for one in people]
        return (
            gr.update(choices=choices(may), value=chosen or None),
            chosen,
            self._about(chosen),
            people_html(people),
            gr.update(choices=names, value=names[0] if names else None),
            names[0] if names else "",
        )

    def tell_grant(self, grant: str | None) -> tuple[str, str]:
        """What the chosen grant allows."""
        return grant or "", self._about(grant or "")

    def _about(self, grant: str) -> str:
        if not grant:
            return note("No grant here allows a voice to be built. Open the panel below to see what to do.")
        try:
            studio, chosen = self._desk.studio(), self._desk.grant(grant)
            unfinished = studio.unfinished(chosen.voice, chosen.id)
            return grant_html(chosen, studio.ledger.grant_statement(chosen.id), unfinished)
        except Exception as problem:
            return trouble_of(problem).html()

    def write_draft(
        self,
        voice: str,
        use: str,
        modes: list[str] | None = None,
        adaptation: str = "embedding",
        years: float = 2,
        commercial: bool = False,
        adult: bool = False,
        request: gr.Request | None = None,
    ) -> tuple[str, str, dict[str, Any]]:
        """Write the grant that a speaker could sign for the recordings given; nobody has signed it."""
        try:
            held = self._desk.basket.of(_session(request))
            text = self._draft(held, voice, use, modes, adaptation, years, commercial, adult)
        except Exception as problem:
            trouble = trouble_of(problem)
            return trouble.html(), "", trouble.as_dict()
        say = "The draft is written: save it as a file, for the speaker to read, change and sign"
        return card("Not signed by anybody", draft_html(say, text), say=say), text, {"ok": True, "draft": text}

    def ask_words(
        self,
        voice: str,
        use: str,
        modes: list[str] | None = None,
        adaptation: str = "embedding",
        years: float = 2,
        commercial: bool = False,
        adult: bool = False,
        request: gr.Request | None = None,
    ) -> tuple[str, str, dict[str, Any]]:
        """The sentence that a speaker without a key reads aloud to agree to this very grant."""
        try:
            held = self._desk.basket.of(_session(request))
            text = self._draft(held, voice, use, modes, adaptation, years, commercial, adult)
            challenge = self._desk.studio().ledger.open_challenge(_read(text))
            held.draft, held.challenge = text, challenge.id
        except Exception as problem:
            trouble = trouble_of(problem)
            return trouble.html(), "", trouble.as_dict()
        return words_html(challenge.grant), text, {"ok": True, **challenge.as_dict()}

    def _draft(
        self,
        held: Held,
        voice: str,
        use: str,
        modes: list[str] | None,
        adaptation: str,
        years: float,
        commercial: bool,
        adult: bool,
    ) -> str:
        if not held.recordings:
            raise UsageError("the grant names the recordings, and there are none yet", "give them in step 1")
        if not adult:
            raise UsageError("a speaker who is not of age needs a guardian's key", "see `consent grant --guardian-key`")
        wanted = PersonDraft(
            str(voice or "").strip(),
            str(use or ""),
            tuple(modes or ()),
            str(adaptation),
            int(years),
            bool(commercial),
            bool(adult),
        )
        return self._desk.studio().draft_for(wanted, tuple(held.recordings))

    def hear_statement(
        self, statement: str | None, grant: str | None, request: gr.Request | None = None
    ) -> tuple[None, str, Any, Any, dict[str, Any]]:
        """Take the spoken statement: it completes the grant whose words were asked for, or is kept to be compared."""
        held, digest = None, None
        try:
            if not statement:
                raise UsageError("there is no recording of the statement", "record it, or give its file")
            held = self._desk.basket.of(_session(request))
            if held.challenge:
                digest = self._complete(held, Path(statement))
            held.statement = self._desk.basket.take(statement, "statement")
        except Exception as problem:
            trouble = _about_statement(trouble_of(problem), statement)
            return None, trouble.html(), gr.skip(), grant or "", trouble.as_dict()
        finally:
            if statement:
                self._desk.basket.discard_upload(statement)
        if digest is None:
            say = "The statement is held in memory, and is compared when the voice is built"
            return None, note(say, say=say), gr.skip(), grant or "", {"ok": True}
        tier = self._desk.grant(digest).tier
        say = f"The words were understood: the grant {short(digest)} is in the ledger, signed by this studio's operator"
        body = f"<p>{esc(say)}. Its strength is tier {esc(tier)}.</p>"
        if tier == "D":
            body += "<p>The voice was not compared with the recordings, since no speaker verifier can do so here.</p>"
        done = card("Agreed to aloud", body, kind="good", say=say)
        return None, done, "", digest, {"ok": True, "grant": digest}

    def _complete(self, held: Held, recording: Path) -> str:
        """The grant, where a recogniser understood its words; the page takes nobody's word for it."""
        engines = find_engines()
        if engines.recogniser is None:
            raise UsageError(
                "no recogniser is installed, so that nobody has heard the words",
                "have the speaker sign with a key, or a witness listen: `consent grant --statement --witness-key`",
            )
        answer = SpokenAnswer(self._desk.basket.upload(recording), held.challenge, engines)
        try:
            with beside(_read(held.draft), held.recordings) as draft:
                digest = self._desk.studio().ledger.complete_challenge(draft, answer)
        except ConsentRefusedError as refused:
            if refused.reason in ("challenge-expired", "challenge-used", "challenge-altered", "challenge-unknown"):
                held.challenge = held.draft = ""
            raise
        held.challenge = held.draft = ""
        return digest

    # -- building ----------------------------------------------------------------------------

    def enrol(
        self,
        grant: str | None,
        method: str = "auto",
        transcript: str = "",
        anew: bool = False,
        request: gr.Request | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """Build a person's voice from the recordings given (or sealed before) under a grant of this studio.

        Returns the state as HTML, the findings and the voice's card, the recordings still held, and the result as
        JSON; a refusal ``refused`` with its stable reason code there, and no voice.
        """
        session = _session(request)
        job = self._desk.begin(session)
        try:
            yield (progress_html(None), gr.skip(), gr.skip(), None)
            for event in watched(
                lambda report: self._work(session, grant, method, transcript, anew, report, job), name="enrol"
            ):
                if isinstance(event, EnrolStep):
                    yield (progress_html(event), gr.skip(), gr.skip(), gr.skip())
                elif isinstance(event, Trouble):
                    event = _for_people(event)
                    yield (event.html(), gr.skip(), held_html(self._desk.basket.of(session)), event.as_dict())
                else:
                    yield self._show(event)
        finally:
            # Also when the browser went away: what was done is kept, encrypted.
            job.set()
            self._desk.end(session, job)

    def _work(
        self,
        session: str,
        grant: str | None,
        method: str,
        transcript: str,
        anew: bool,
        report: Callable[[EnrolStep], None],
        job: threading.Event,
    ) -> Enrolled:
        if not grant:
            raise UsageError("no grant was chosen", "choose one in step 2, or see there what to do")
        desk = self._desk
        chosen, held = desk.grant(grant), desk.basket.of(session)
        unfinished = desk.studio().unfinished(chosen.voice, chosen.id)
        spoken = any(one.kind == "spoken" for one in desk.studio().ledger.grant_statement(chosen.id).evidence)
        options = EnrolOptions(
            transcript=_transcript(held, transcript),
            statement=held.statement if spoken else None,
            method=str(method),
            resume=unfinished and not anew,
        )
        try:
            made = desk.enrol(chosen, held, options, progress=report, cancel=job)
        except BaseException:
            if desk.studio().unfinished(chosen.voice, chosen.id):
                desk.basket.forget(session)  # they are sealed by now, and the rest goes on from there
            raise
        desk.basket.forget(session)
        return made

    def cancel(self, request: gr.Request | None = None) -> str:
        """Stop the enrolment of this session after the step it is at."""
        if self._desk.stop(_session(request)):
            return note("Stopping after this step …", say="Stopping")
        return note("Nothing is running.", say="Nothing is running")

    def remove(self, voice: str | None, sure: bool) -> tuple[str, bool]:
        """Destroy the keys of a voice that was built here; final. The grant stands until it is revoked."""
        try:
            if not sure:
                raise UsageError("removing a voice is final", "tick the box to say that you know")
            if voice not in {one.name for one in self._desk.people()}:
                raise UsageError("no such voice was built here", "choose one of those listed")
            count = self._desk.studio().remove_voice(str(voice))
        except Exception as problem:
            return trouble_of(problem).html(), False
        say = f"The voice {voice} is removed: {count} keys are destroyed. Its grant stands until it is revoked"
        return card("Removed", f"<p>{esc(say)}.</p>", kind="warn", say=say), False

    def _show(self, made: Enrolled) -> tuple[Any, ...]:
        say = f"The voice {made.voice.name} is built and sealed; it is offered in the other tabs now"
        checks = [f"{one.text} ({one.reason})" for one in made.checks]
        result = {
            "ok": True,
            "voice": made.voice.name,
            "card": made.voice.card,
            "entry": made.entry,
            "checks": [dict(one.__dict__) for one in made.checks],
            "seconds": made.seconds,
            "notices": list(made.notices),
        }
        body = f"<p>{esc(say)}. It took {sum(made.seconds.values()):.0f} s.</p>"
        body += "".join(f"<p class='vk-quiet'>{esc(one)}</p>" for one in checks)
        return (
            card("Done", body, kind="good", say=say),
            built_html(made.voice.card, made.voice.name, made.notices),
            held_html(Held()),
            result,
        )


def _read(text: str) -> Any:
    return read_draft(Path("draft.toml"), reader=lambda _path: text.encode())


def _transcript(held: Held, text: str) -> dict[str, str] | None:
    parts = [" ".join(part.split()) for part in str(text or "").split("\n\n") if part.strip()]
    if not parts:
        return None
    if len(parts) != len(held.recordings):
        raise UsageError(
            f"{len(parts)} paragraphs for {len(held.recordings)} recordings",
            "write one paragraph for each recording, with an empty line between them, or none at all",
        )
    return {one.name: part for one, part in zip(held.recordings, parts, strict=True)}


def _about_statement(trouble: Trouble, statement: str | None) -> Trouble:
    """Without the place where the upload lay."""
    message = trouble.message
    for place in (statement, str(Path(statement or "").resolve())):
        message = message.replace(place, "the recording") if place else message
    return replace(trouble, message=message)


def _for_people(trouble: Trouble) -> Trouble:
    """What a stopped enrolment means, and the page's controls instead of a command's options."""
    if trouble.kind == "stopped":
        message = "Stopped on request; what was done is kept, encrypted"
        return replace(trouble, message=message, remedy="Press Build again to go on")
    if "--audio" in trouble.remedy:
        return replace(trouble, remedy="Give them in step 1")
    if "--resume" in trouble.remedy:
        return replace(trouble, remedy="Tick “Begin anew” under More choices")
    if "--method" in trouble.remedy:
        return replace(trouble, remedy="Choose the embedding, or have a grant signed that allows a low-rank part")
    return trouble
