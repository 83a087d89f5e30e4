"""The Sing tab: a score becomes a song in parts, each under a grant of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from demos.cast import HARMONIES, NOBODY, SCORES, SongWish, deal, part_choices, part_name, sings
from demos.desk import Desk
from demos.fields import player, use_fields
from demos.job import watched
from demos.narrate import RENDERING
from demos.roll import Voice, draw_roll, note_tables
from demos.stems import stems_panel
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
from voicekit.score import Part, Score
from voicekit.studio import GrantStatus, Progress, Song

__all__ = ["SingTab"]

_SINGERS = 8  # choices of a voice; more parts than that have them dealt out again
_PURPOSES = ("music", "personal", "demo", "podcast")
_BUNDLED, _OWN = "bundled", "own"
_EMPTY = '<div class="vk-empty"><p>The notes appear here, and after singing the pitch over them.</p></div>'
_NOBODY_SINGS = "No voice may sing here. Adopt a house voice, or add a grant for singing, in the Consent tab."
# A checkbox group and radios judge a value by the list they were built with, so handlers read hidden fields.
_SAME = "(chosen) => chosen"
_JOIN_PARTS = f"(chosen) => chosen.length ? chosen.join(',') : '{NOBODY}'"
_JOIN_GRANTS = "(...chosen) => chosen.filter(Boolean).join(',')"


def result_of(song: Song, grants: dict[str, GrantStatus], root: Path) -> dict[str, Any]:
    """A finished song for programs; no path of the server leaves the studio's ``out``."""

    def inside(path: Path) -> str:
        return path.relative_to(root).as_posix()

    return {
        "ok": True,
        "title": song.title,
        "mix": inside(song.mix),
        "parts": [
            {
                "name": part.name,
                "voice": part.voice,
                "grant": grants[part.voice].id,
                "receipt": part.receipt_id,
                "file": inside(part.file),
                "timeline": inside(part.timeline),
                "pitch": inside(part.pitch),
            }
            for part in song.parts
        ],
        "files": [inside(path) for path in song.files],
        "extras": [path.relative_to(song.folder).as_posix() for path in song.extras],
        "left": {
            voice: {
                "grant": grant.id,
                "basis": grant.basis,
                "renders": grant.renders_left,
                "seconds": grant.seconds_left,
                "not_after": grant.not_after,
                "state": grant.state,
            }
            for voice, grant in grants.items()
        },
        "measured": song.measured,
        "notices": list(song.notices),
    }


class SingTab:
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
                self.source = gr.Radio(
                    [("The bundled song", _BUNDLED), ("A score of my own", _OWN)],
                    value=_BUNDLED,
                    label="What to sing",
                    elem_id="sing-source",
                )
                self.score = gr.File(
                    label="Score (MusicXML, .mxl, MIDI, UST, USTX, SVP or .ds, up to 20 MB)",
                    file_types=list(SCORES),
                    type="filepath",
                    height=130,
                    visible=False,
                )
                self.about = gr.HTML("", elem_id="sing-about")
                self.parts = gr.CheckboxGroup([], label="Parts to sing", elem_id="sing-parts")
                self.part_numbers = gr.Textbox("", visible=False)
                self.harmony = gr.Radio(
                    HARMONIES, value="none", label="Harmony for the first of them", elem_id="sing-harmony"
                )
                self.style = gr.Textbox("none", visible=False)
                self.voices = gr.HTML("", elem_id="sing-voices")
                self.singers = [
                    gr.Radio([], label=f"Voice {n + 1}", visible=False, elem_id=f"sing-voice-{n + 1}")
                    for n in range(_SINGERS)
                ]
                self.grants = gr.Textbox("", visible=False)
                with gr.Row():
                    self.transpose = gr.Slider(
                        -24, 24, 0, step=1, label="Transpose", info="in semitones, 0 is none", elem_id="sing-transpose"
                    )
                    self.vibrato = gr.Slider(0, 100, 35, step=5, label="Vibrato", info="in cents, 0 is none")
                with gr.Accordion("More choices: doubles, seed, title, purpose, territory", open=False):
                    self.doubles = gr.Slider(
                        1, 8, 1, step=1, label="Singers for each part", info="Each a little different, as in a choir"
                    )
                    self.seed, self.title, self.purpose, self.commercial, self.territory = use_fields(
                        _PURPOSES, "What the song is for", "Empty: the score's own."
                    )
                with gr.Row():
                    self.go = gr.Button("Sing", variant="primary", elem_id="sing-go")
                    self.stop = gr.Button("Cancel", variant="secondary", elem_id="sing-stop", scale=0)
                self.status = gr.HTML("", elem_id="sing-status")
            with gr.Column(scale=6, min_width=330):
                self.picture = gr.HTML(_EMPTY, elem_id="sing-picture")
                self.audio = player("sing-audio")
                # Other mixes are made by the browser from the delivered stems (`stems_panel`): none is a file.
                self.heard = gr.Radio([], label="Hear the mix or one part alone", visible=False, elem_id="sing-heard")
                self.heard_name = gr.Textbox("", visible=False)
                self.tables = gr.HTML("", elem_id="sing-tables")
                self.facts = gr.HTML("", elem_id="sing-facts")
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
        asked = [self.score, self.part_numbers, self.style, self.grants, self.transpose, self.seed]
        shown = [self.about, self.parts, self.part_numbers, self.voices, *self.singers, self.grants]
        seen = [*shown, self.picture, self.tables]
        self.parts.input(None, self.parts, self.part_numbers, js=_JOIN_PARTS, show_progress="hidden").then(
            self.look, asked, seen, **quiet
        )
        for radio in self.singers:
            radio.input(None, self.singers, self.grants, js=_JOIN_GRANTS, show_progress="hidden")
        self.source.input(self.choose_source, self.source, [self.score, self.part_numbers], **quiet).then(
            self.look, asked, seen, **quiet
        )
        gr.on([self.score.upload, self.score.clear], lambda: "", outputs=self.part_numbers, **quiet).then(
            self.look, asked, seen, **quiet
        )
        self.harmony.input(None, self.harmony, self.style, js=_SAME, show_progress="hidden").then(
            self.look, asked, seen, **quiet
        )
        gr.on([self.transpose.release, self.seed.submit], self.look, asked, seen, **quiet)
        tab.select(self.look_again, [*asked, self.result], seen, **quiet)
        inputs = [
            self.score,
            self.part_numbers,
            self.style,
            self.grants,
            self.doubles,
            self.transpose,
            self.vibrato,
            self.seed,
            self.title,
            self.purpose,
            self.commercial,
            self.territory,
        ]
        outputs = [self.status, self.audio, self.files, self.picture, self.tables, self.facts, self.result]
        gr.on(
            [self.go.click],
            lambda: note("Waiting for its turn …", say="Singing asked for"),
            outputs=self.status,
            queue=False,
            **quiet,
        ).then(
            self.sing,
            inputs,
            outputs,
            api_name="sing",
            concurrency_limit=1,
            concurrency_id=RENDERING,
            show_progress="hidden",
            trigger_mode="once",
        ).then(self.heard_of, self.result, self.heard, **quiet).then(**again).then(
            self.cast, asked, shown, **quiet
        )
        self.stop.click(self.cancel, outputs=self.status, queue=False, **quiet)
        self.heard.input(None, self.heard, self.heard_name, js=_SAME, show_progress="hidden").then(
            self.hear, [self.heard_name], [self.audio], **quiet
        )

    # -- before singing ----------------------------------------------------------------------

    def choose_source(self, source: str) -> tuple[Any, str]:
        """The place for a score, where one is to be given; the bundled song needs none."""
        return gr.update(visible=source == _OWN, value=None), ""

    def look(
        self, score: str | None, parts: str, harmony: str, grants: str, transpose: float, seed: float
    ) -> tuple[Any, ...]:
        """Show a score: its parts, who may sing them, and the notes."""
        wish = SongWish(score, parts, harmony, grants, transpose=transpose, seed=seed)
        shown = self.cast(score, parts, harmony, grants, transpose, seed)
        try:
            read = wish.read()
            voices = [Voice(part_name(part, k), part) for k, part in enumerate(wish.sung(read))]
            return (*shown, draw_roll(read, voices), note_tables(read, voices))
        except Exception:  # what is wrong stands in the panel that `cast` gives
            return (*shown, _EMPTY, "")

    def look_again(
        self,
        score: str | None,
        parts: str,
        harmony: str,
        grants: str,
        transpose: float,
        seed: float,
        result: dict[str, Any] | None,
    ) -> tuple[Any, ...]:
        """The same when the tab is opened again: the picture of what was sung stays."""
        if result and result.get("ok"):
            return (*self.cast(score, parts, harmony, grants, transpose, seed), gr.skip(), gr.skip())
        return self.look(score, parts, harmony, grants, transpose, seed)

    def cast(
        self, score: str | None, parts: str, harmony: str, grants: str, transpose: float, seed: float
    ) -> tuple[Any, ...]:
        """Who can sing the parts: what the score is, choices of parts and of a voice for each."""
        wish = SongWish(score, parts, harmony, grants, transpose=transpose, seed=seed)
        group: Any = gr.update()
        sung: tuple[Part, ...] = ()
        try:
            may = sings(self._desk.grants())
            read = wish.read()
            choices = part_choices(read)
            numbers = [value for _, value in choices]
            chosen = numbers if not parts else [one for one in numbers if one in parts.split(",")]
            group = gr.update(choices=choices, value=chosen)
            about = _about(read)
            sung = wish.sung(read)
            pitch_hz = (
                {voice.name: float(voice.card.get("pitch_hz", 0.0)) for voice in self._desk.studio().voices()}
                if may
                else {}
            )
            dealt = deal(sung, may, wish.digests(), pitch_hz)
        except Exception as problem:
            about, may, dealt = trouble_of(problem).html(), (), []
        voices = listing([grant_label(grant) for grant in may]) if may else note(_NOBODY_SINGS)
        head = "<h3>Whose voice, under which grant, and what is left of it</h3>"
        choice = [(f"{grant.voice} · grant {short(grant.id)}", grant.id) for grant in may]
        radios = [
            gr.update(label=f"Who sings {part_name(sung[k], k)}", choices=choice, value=dealt[k], visible=True)
            if k < len(dealt)
            else gr.update(choices=[], value=None, visible=False)
            for k in range(_SINGERS)
        ]
        asked = ",".join(dealt[:_SINGERS])
        return (about, group, parts, f'<div class="vk-singers">{head}{voices}</div>', *radios, asked)

    # -- doing -------------------------------------------------------------------------------

    def sing(
        self,
        score: str | None = None,
        parts: str = "",
        harmony: str = "none",
        grants: str = "",
        doubles: float = 1,
        transpose: float = 0,
        vibrato: float = 35,
        seed: float = 0,
        title: str = "",
        purpose: str = "music",
        commercial: bool = False,
        territory: str = "001",
        request: gr.Request | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """Sing a score, or the bundled song, in parts under grants of this studio.

        Parts and grants are lists with commas between: parts by number or name
        (empty: all), a grant for each sung part in order, dealt out again from
        the first.  Returns the state as HTML, the mix, all files with their
        proofs, a picture of notes and pitch, the notes as tables, what was
        measured, and the result as JSON; a refusal ``refused`` with its stable
        reason code there, and no file.
        """
        wish = SongWish(
            score, parts, harmony, grants, doubles, transpose, vibrato, seed, title, purpose, commercial, territory
        )
        session = str(getattr(request, "session_hash", "") or id(wish))
        job = self._desk.begin(session)
        nothing = (None, None, gr.skip(), gr.skip(), "")
        try:
            yield (bar(0.0, "Starting …", "Singing begins", label="Singing"), *nothing, None)
            for event in watched(lambda report: self._work(wish, report, job), name="sing"):
                if isinstance(event, Progress):
                    yield (_progress_html(event), *([gr.skip()] * 6))
                elif isinstance(event, Trouble):
                    event = _for_songs(event)
                    yield (event.html(), *nothing, event.as_dict())
                else:
                    yield self._show(wish, *event)
        finally:
            # Also when the browser went away: the job stops after its part, and nothing is delivered.
            job.set()
            self._desk.end(session, job)

    def _work(
        self, wish: SongWish, report: Callable[[Progress], None], job: threading.Event
    ) -> tuple[Score, Song, dict[str, GrantStatus]]:
        digests = wish.digests()
        if not digests:
            raise UsageError("no voice was chosen", "choose a voice for each part")
        grants = [self._desk.grant(digest) for digest in digests]
        by_voice = {grant.voice: grant for grant in grants}
        if any(by_voice[grant.voice].id != grant.id for grant in grants):
            raise UsageError("one voice cannot sing a song under two grants", "choose one grant for each voice")
        read = wish.read()
        song = self._desk.sing(read, grants, wish.options(), progress=report, cancel=job)
        used = {part.voice for part in song.parts}
        return read, song, {voice: self._desk.grant(grant.id) for voice, grant in by_voice.items() if voice in used}

    def cancel(self, request: gr.Request | None = None) -> str:
        """Stop the song of this session after the part it is at."""
        session = str(getattr(request, "session_hash", "") or "")
        if self._desk.stop(session):
            return note("Stopping after this part …", say="Stopping")
        return note("Nothing is running.", say="Nothing is running")

    def heard_of(self, result: dict[str, Any] | None) -> Any:
        """A choice of what to hear: the mix, or a part alone."""
        if not result or not result.get("ok"):
            return gr.update(choices=[], value=None, visible=False)
        choices = [("The mix", result["mix"])]
        choices += [(f"{part['name']} ({part['voice']})", part["file"]) for part in result["parts"]]
        return gr.update(choices=choices, value=result["mix"], visible=True)

    def hear(self, name: str | None) -> Any:
        """Another delivered file for the player."""
        try:
            return self._desk.give(self._desk.inside(name or ""))
        except UsageError:
            return None

    # -- showing -----------------------------------------------------------------------------

    def _show(self, wish: SongWish, score: Score, song: Song, grants: dict[str, GrantStatus]) -> tuple[Any, ...]:
        result = result_of(song, grants, self._desk.studio().out_folder)
        proofs = sorted(song.folder.glob("*.voiceproof"))
        sounds = [
            path for file in song.files for path in (file, *(one for one in proofs if one.name.startswith(file.name)))
        ]
        others = [path for part in song.parts for path in (part.timeline, part.pitch)] + list(song.extras)
        kept = [self._desk.give(path) for path in (*sounds, *others)]
        each = int(wish.doubles)
        # Of several singers of a part the first one's pitch is drawn: lines on lines cannot be told apart.
        voices = [
            Voice(part_name(part, k), part, song.parts[k * each].pitch) for k, part in enumerate(wish.sung(score))
        ]
        lead_in_s = float(song.measured["lead_in_s"])
        return (
            _done(song),
            kept[0],
            kept,
            draw_roll(score, voices, lead_in_s=lead_in_s),
            note_tables(score, voices, lead_in_s=lead_in_s),
            stems_panel(song, kept) + _facts(song, grants) + links(kept),
            result,
        )


def _for_songs(trouble: Trouble) -> Trouble:
    """Of a song that was stopped nothing is kept."""
    if trouble.kind != "stopped":
        return trouble
    return replace(trouble, message="Stopped on request; nothing was delivered", remedy="Press Sing to begin again")


def _about(score: Score) -> str:
    """What a score is, and what of it is not followed."""
    title = score.title or Path(score.source).stem
    by = f". Music: {score.composer.rstrip('.')}" if score.composer else ""
    body = f"<p>{clock(score.tempo.seconds(score.end))} of music in {len(score.parts)} "
    body += f"part{'' if len(score.parts) == 1 else 's'}{esc(by)}.</p>"
    if score.notices:
        said = [f"{one.place}: {one.text}" if one.place else one.text for one in score.notices]
        body += f"<details class='vk-more'><summary>Not followed, or guessed ({len(said)})</summary>"
        body += listing(said[:200]) + "</details>"
    return card(esc(title), body)


def _done(song: Song) -> str:
    total = clock(song.measured["duration_s"])
    voices = ", ".join(dict.fromkeys(part.voice for part in song.parts))
    count = len(song.parts)
    body = f"<p>{total} of song in {count} part{'' if count == 1 else 's'}, sung by <strong>{esc(voices)}</strong>. "
    body += f"Made in {song.measured['elapsed_s']:.1f} s.</p>"
    if song.notices:
        body += "<details class='vk-more'><summary>Worth knowing about the song</summary>"
        body += listing(song.notices[:200]) + "</details>"
    return card("Done", body, kind="good", say=f"Done. {total} of song, ready to be played.")


def _facts(song: Song, grants: dict[str, GrantStatus]) -> str:
    receipts = {part.voice: part.receipt_id for part in song.parts}
    under = "".join(
        card(
            f"Permission: {esc(voice)}",
            facts(
                [
                    ("Sings", esc(", ".join(part.name for part in song.parts if part.voice == voice))),
                    ("Basis", esc(basis_words(grant.basis))),
                    ("Grant", f"<code>{short(grant.id)}</code>"),
                    ("Left of it", esc(left_of(grant))),
                    ("Receipt", f"<code>{short(receipts[voice])}</code>"),
                ]
            ),
        )
        for voice, grant in grants.items()
    )
    mix = song.measured["mix"]
    measured = facts(
        [
            ("Length", f"{song.measured['duration_s']:.1f} s"),
            ("Lead-in", f"{song.measured['lead_in_s']:.1f} s"),
            ("Loudness of the mix (RMS)", f"{mix['rms_dbfs']:.1f} dB"),
            ("Peak of the mix", f"{mix['peak_dbfs']:.1f} dB"),
        ]
    )
    return under + card("Measured on the finished mix", measured)


def _progress_html(now: Progress) -> str:
    stage = {"voice": "Loading the voices", "sing": "Singing"}.get(now.stage, "Mixing and checking")
    left = f"about {clock(now.eta_s)} left" if now.eta_s is not None else "time left not yet known"
    text = f"{stage}: {now.sentence} of {now.sentences} parts sung, {clock(now.seconds_done)} of sound, {left}"
    quarter = int(now.fraction * 4) * 25
    return bar(now.fraction, text, f"{quarter} percent" if quarter else "Singing begins", label="Singing")
