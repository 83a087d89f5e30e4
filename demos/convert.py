"""The Convert tab: a take becomes a granted voice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from demos.desk import Desk, check_upload
from demos.fields import player, use_fields
from demos.job import watched
from demos.narrate import RENDERING
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
from voicekit import UsageError
from voicekit.studio import ConvertedTake, ConvertOptions, GrantStatus, Progress

__all__ = ["TAKES", "ConvertTab"]

TAKES = (".wav", ".flac", ".mp3", ".ogg", ".m4a")
_LIMIT = 200_000_000
_PURPOSES = ("personal", "music", "podcast", "demo")
_TRANSPOSE = [
    ("To where the voice speaks", "auto"),
    ("By whole octaves: it stays in its key", "octave"),
    ("By so many semitones:", "given"),
]
_NOBODY = "No voice may be converted into here. Adopt a house voice, or add a grant for conversion, in the Consent tab."
_SAME = "(chosen) => chosen"
OWN = "my-own"


def may_convert(grants: tuple[GrantStatus, ...]) -> tuple[GrantStatus, ...]:
    """The grants under which a take may become a voice now; those of takes themselves are none."""
    return tuple(g for g in grants if g.usable and "conversion" in g.modes and "speech" in g.modes)


@dataclass(frozen=True)
class ConvertWish:
    """What the page was asked for."""

    take: str | None
    grant: str = ""
    mine: bool = False
    transpose: str = "auto"
    semitones: float = 0.0
    song: bool = False
    detail: float | None = None
    seed: float = 0
    title: str = ""
    purpose: str = "personal"
    commercial: bool = False
    territory: str = "001"

    def path(self) -> Path:
        """The take, checked."""
        if not self.take:
            raise UsageError("there is no take", "record one, or choose a file")
        return check_upload(Path(self.take), suffixes=TAKES, limit=_LIMIT, what="sound")

    def options(self) -> ConvertOptions:
        """As the studio takes them."""
        return ConvertOptions(
            transpose=float(self.semitones) if self.transpose == "given" else self.transpose,
            kind="song" if self.song else "speech",
            detail=None if self.detail is None else float(self.detail),
            seed=int(self.seed or 0),
            purpose=self.purpose,
            commercial=bool(self.commercial),
            territories=tuple(part.strip() for part in self.territory.split(",") if part.strip()) or ("001",),
            title=self.title.strip(),
        )


def result_of(made: ConvertedTake, grant: GrantStatus, root: Path) -> dict[str, Any]:
    """A converted take for programs; no path of the server leaves the studio's ``out``."""
    return {
        "ok": True,
        "file": made.path.relative_to(root).as_posix(),
        "voice": made.voice,
        "grant": made.grant,
        "source_voice": made.source_voice,
        "source_grant": made.source_grant,
        "permission": made.permission,
        "receipts": [one.digest for one in made.receipts],
        "left": {"renders": grant.renders_left, "seconds": grant.seconds_left, "not_after": grant.not_after},
        "measured": made.measured,
        "notices": list(made.notices),
    }


class ConvertTab:
    """The tab.

    Parameters
    ----------
    desk : Desk
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def build(self) -> None:
        """Lay the tab out; called inside its ``gr.Tab``."""
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=330):
                self.take = gr.Audio(
                    label="The take: record it, or give a file with one voice (speech or song)",
                    type="filepath",
                    sources=["upload", "microphone"],
                    elem_id="convert-take",
                    waveform_options=gr.WaveformOptions(show_recording_waveform=False),
                )
                self.mine = gr.Checkbox(
                    False,
                    label="It is my own voice, and I may have it changed: sign that as the operator",
                    info="Without this, the take needs a grant of whoever is heard in it.",
                    elem_id="convert-mine",
                )
                self.voices = gr.HTML("", elem_id="convert-voices")
                self.voice = gr.Radio([], label="The voice that shall be heard", elem_id="convert-voice")
                self.grant = gr.Textbox("", visible=False)
                self.song = gr.Checkbox(False, label="It is sung", info="Tracked as singing, moved by octaves alone.")
                self.transpose = gr.Radio(_TRANSPOSE, value="auto", label="Pitch", elem_id="convert-transpose")
                self.semitones = gr.Slider(-24, 24, 0, step=1, label="Semitones", info="used with the last choice")
                with gr.Accordion("More choices: articulation, seed, title, purpose, territory", open=False):
                    self.detail = gr.Number(
                        None, minimum=0, maximum=1, step=0.05, label="Articulation kept from the take, 0 to 1",
                        info="Empty: 0.35 for a house voice, 0.2 for a person's. More is understood better, and "
                        "sounds more like whoever spoke it.",
                    )  # fmt: skip
                    self.seed, self.title, self.purpose, self.commercial, self.territory = use_fields(
                        _PURPOSES, "What it is for"
                    )
                with gr.Row():
                    self.go = gr.Button("Convert", variant="primary", elem_id="convert-go")
                    self.stop = gr.Button("Cancel", variant="secondary", elem_id="convert-stop", scale=0)
                self.status = gr.HTML("", elem_id="convert-status")
            with gr.Column(scale=6, min_width=330):
                self.audio = player("convert-audio")
                self.facts = gr.HTML("", elem_id="convert-facts")
        self.files = gr.File(file_count="multiple", visible=False)  # for programs; people get links
        self.result = gr.JSON(visible=False)

    def wire(self, tab: gr.Tab, again: dict[str, Any]) -> None:
        """Connect the controls.

        Parameters
        ----------
        tab : gradio.Tab
            Looked at anew whenever it is opened: grants change in other tabs.
        again : dict
            A listener that shows anew what is in the ledger, after that changed.
        """
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        shown = [self.voices, self.voice, self.grant]
        tab.select(self.cast, self.grant, shown, **quiet)
        self.voice.input(None, self.voice, self.grant, js=_SAME, show_progress="hidden")
        inputs = [
            self.take, self.grant, self.mine, self.transpose, self.semitones, self.song, self.detail, self.seed,
            self.title, self.purpose, self.commercial, self.territory,
        ]  # fmt: skip
        outputs = [self.status, self.audio, self.files, self.facts, self.result]
        gr.on(
            [self.go.click],
            lambda: note("Waiting for its turn …", say="Conversion asked for"),
            outputs=self.status,
            queue=False,
            **quiet,
        ).then(
            self.convert,
            inputs,
            outputs,
            api_name="convert",
            concurrency_limit=1,
            concurrency_id=RENDERING,
            show_progress="hidden",
            trigger_mode="once",
        ).then(**again).then(self.cast, self.grant, shown, **quiet)
        self.stop.click(self.cancel, outputs=self.status, queue=False, **quiet)

    def cast(self, grant: str) -> tuple[Any, ...]:
        """Whose voice there is to convert into, and the one chosen."""
        try:
            may = may_convert(self._desk.grants())
        except Exception as problem:
            return trouble_of(problem).html(), gr.update(choices=[], value=None), ""
        chosen = grant if grant in {one.id for one in may} else (may[0].id if may else "")
        choices = [(f"{one.voice} · grant {short(one.id)}", one.id) for one in may]
        head = "<h3>Whose voice, under which grant, and what is left of it</h3>"
        body = listing([grant_label(one) for one in may]) if may else note(_NOBODY)
        return head + body, gr.update(choices=choices, value=chosen or None), chosen

    def convert(
        self,
        take: str | None = None,
        grant: str = "",
        mine: bool = False,
        transpose: str = "auto",
        semitones: float = 0,
        song: bool = False,
        detail: float | None = None,
        seed: float = 0,
        title: str = "",
        purpose: str = "personal",
        commercial: bool = False,
        territory: str = "001",
        request: gr.Request | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """Turn a take into a granted voice.

        The grant is the voice's, by its digest.  With ``mine`` the operator
        signs first that the take is of their own voice.  Returns the state as
        HTML, the sound, all files with their proofs, what was measured, and the
        result as JSON; a refusal ``refused`` with its stable reason code there,
        and no file.
        """
        wish = ConvertWish(
            take, grant, mine, transpose, semitones, song, detail, seed, title, purpose, commercial, territory
        )
        session = str(getattr(request, "session_hash", "") or id(wish))
        job = self._desk.begin(session)
        try:
            yield (bar(0.0, "Starting …", "Conversion begins", label="Converting"), None, None, "", None)
            for event in watched(lambda report: self._work(wish, report, job), name="convert"):
                if isinstance(event, Progress):
                    yield (_progress_html(event), *([gr.skip()] * 4))
                elif isinstance(event, Trouble):
                    event = _for_takes(event)
                    yield (event.html(), None, None, "", event.as_dict())
                else:
                    yield self._show(*event)
        finally:
            # Also when the browser went away: the job stops, and nothing is delivered.
            job.set()
            self._desk.end(session, job)

    def _work(
        self, wish: ConvertWish, report: Callable[[Progress], None], job: threading.Event
    ) -> tuple[ConvertedTake, GrantStatus]:
        grant = self._desk.grant(wish.grant or None)
        made = self._desk.convert(
            wish.path(), grant, wish.options(), own=OWN if wish.mine else None, progress=report, cancel=job
        )
        return made, self._desk.grant(grant.id)

    def cancel(self, request: gr.Request | None = None) -> str:
        """Stop the conversion of this session."""
        session = str(getattr(request, "session_hash", "") or "")
        if self._desk.stop(session):
            return note("Stopping …", say="Stopping")
        return note("Nothing is running.", say="Nothing is running")

    def _show(self, made: ConvertedTake, grant: GrantStatus) -> tuple[Any, ...]:
        kept = [self._desk.give(path) for path in (made.path, made.proof, made.source_proof)]
        result = result_of(made, grant, self._desk.studio().out_folder)
        return _done(made), kept[0], kept, _facts(made, grant) + links(kept), result


def _for_takes(trouble: Trouble) -> Trouble:
    """Of a conversion that was stopped nothing is kept."""
    if trouble.kind != "stopped":
        return trouble
    return replace(trouble, message="Stopped on request; nothing was delivered", remedy="Press Convert to begin again")


def _done(made: ConvertedTake) -> str:
    total = clock(made.measured["duration_s"])
    body = f"<p>{total} in the voice <strong>{esc(made.voice)}</strong>.</p>"
    if made.notices:
        body += listing(made.notices[:50])
    return card("Done", body, kind="good", say=f"Done. {total}, ready to be played.")


def _facts(made: ConvertedTake, grant: GrantStatus) -> str:
    source, voice = made.receipts
    under = card(
        f"Permission: {esc(made.voice)}",
        facts(
            [
                ("Basis", esc(basis_words(grant.basis))),
                ("Grant", f"<code>{short(made.grant)}</code>"),
                ("Left of it", esc(left_of(grant))),
                ("Receipt", f"<code>{short(voice.digest)}</code>"),
            ]
        ),
    )
    under += card(
        f"Permission of the take: {esc(made.source_voice)}",
        facts(
            [
                ("What stands behind it", esc(made.permission.replace("-", " "))),
                ("Grant", f"<code>{short(made.source_grant)}</code>"),
                ("Receipt", f"<code>{short(source.digest)}</code>"),
            ]
        ),
    )
    rows = [("Length", f"{made.measured['duration_s']:.1f} s"), ("Moved", f"{made.measured['semitones']:+g} semitones")]
    if made.measured["off_cents"] is not None:
        rows.append(("Pitch off what was asked (median)", f"{made.measured['off_cents']:.1f} cents"))
    return under + card("Measured on the finished file", facts(rows))


def _progress_html(now: Progress) -> str:
    stage = {"read": "Reading the take", "measure": "Measuring its pitch", "voice": "Loading the voice"}.get(
        now.stage, "Converting" if now.stage == "convert" else "Finishing and checking"
    )
    left = f"about {clock(now.eta_s)} left" if now.eta_s is not None else "time left not yet known"
    quarter = int(now.fraction * 4) * 25
    return bar(now.fraction, f"{stage}, {left}", f"{quarter} percent" if quarter else stage, label="Converting")
