"""The Consent tab, and the panel of a first visit: whose voice, under which grant, what is left, revoke, adopt."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import gradio as gr

from consent import Scope, read_record
from demos.desk import Desk
from demos.narrate import choices, named
from demos.words import (
    basis_words,
    card,
    esc,
    facts,
    left_of,
    listing,
    note,
    scope_words,
    short,
    trouble_of,
)
from voicekit import UsageError
from voicekit.studio import GrantStatus

__all__ = ["ConsentTab", "FirstVisit"]

_RECORD = "record.dsse.json"
_NONE = '<div class="vk-empty"><p>There is no grant in this studio yet.</p></div>'


def house_choices(desk: Desk) -> list[tuple[str, str]]:
    """The voices that can be adopted, with a few words about each."""
    found = []
    for voice in desk.voices.list_voices():
        about = str(voice.card.get("description", "")).strip().rstrip(".")
        found.append((f"{voice.name} · {about}" if about else voice.name, voice.name))
    return found


def offered(desk: Desk, name: str) -> tuple[Scope, str]:
    """What a voice's signed record offers, and who signed it."""
    for voice in desk.voices.list_voices():
        if voice.name == name:
            envelope = (Path(voice.folder) / _RECORD).read_bytes()
            record = read_record(envelope, release_keys=tuple(desk.voices.release_keys()))
            return record.offered, record.publisher.name
    raise UsageError(f"unknown voice: {name}", "choose one of those listed")


def signing_html(desk: Desk, name: str | None) -> str:
    """What is going to be signed, in plain words."""
    if not name:
        return ""
    try:
        scope, publisher = offered(desk, name)
    except Exception as problem:
        return trouble_of(problem).html()
    money = "also commercial" if scope.commercial else "not commercial"
    for_what, where = scope_words(scope.purposes, scope.territories, scope.languages)
    items = [
        "Your studio makes a key of its own and signs with it. The key stays in the studio's folder.",
        f"The grant says: the voice “{name}” may be used here for {', '.join(scope.modes)}, for {for_what}, {money}, "
        f"{where}.",
        f"Basis: nobody's voice. “{name}” is a blend that matches no reader, published and signed by {publisher}; "
        "so no person's consent is needed, and none is claimed.",
    ]
    if scope.content_refused:
        items.append(f"Not allowed in any case: {', '.join(scope.content_refused)}.")
    items.append("Every sound made later gets a signed receipt, and you can revoke the grant at any time.")
    return card(f"What you sign when you adopt {esc(name)}", listing(items))


class FirstVisit:
    """The panel shown while there is nothing to narrate with.

    Parameters
    ----------
    desk : Desk
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def build(self) -> None:
        """Lay the panel out; called inside its column."""
        voices = house_choices(self._desk)
        first = voices[0][1] if voices else None
        gr.HTML(
            "<h2>Begin here</h2><p>A voice speaks only under a signed grant. One press makes a studio on this "
            "machine with a consent ledger, and signs a grant for a house voice. After that, press Narrate.</p>"
        )
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=330):
                self.voice = gr.Radio(voices, value=first, label="House voice", elem_id="first-voice")
                self.operator = gr.Textbox(
                    "my studio",
                    label="Who answers for this studio",
                    info="A name for the ledger's first entry; it goes into every proof.",
                    max_lines=1,
                )
                self.go = gr.Button(
                    "Create a studio and adopt the house voice",
                    variant="primary",
                    elem_id="first-go",
                    interactive=bool(voices),
                )
                self.status = gr.HTML(
                    "" if voices else note("No house voice is installed here."), elem_id="first-status"
                )
            with gr.Column(scale=6, min_width=330):
                self.signing = gr.HTML(signing_html(self._desk, first), elem_id="first-signing")

    def wire(self, again: dict[str, Any]) -> None:
        """Connect the button."""
        self.voice.change(
            lambda name: signing_html(self._desk, name),
            self.voice,
            self.signing,
            show_progress="hidden",
            api_visibility="private",
        )
        self.go.click(
            self.begin,
            [self.voice, self.operator],
            self.status,
            show_progress="minimal",
            api_visibility="private",
            api_name="begin",
        ).then(**again)

    def begin(self, voice: str | None, operator: str) -> str:
        """Create the studio where there is none, and adopt a house voice."""
        try:
            if not voice:
                raise UsageError("no voice was chosen", "choose one")
            grant = self._desk.create(str(operator or "")).adopt_house_voice(voice)
            return note(f"Grant {short(grant.id)} is signed.", say=f"The voice {voice} is ready. Press Narrate.")
        except Exception as problem:
            return trouble_of(problem).html()


class ConsentTab:
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
            with gr.Column(scale=6, min_width=330):
                self.shown = gr.HTML(_NONE, elem_id="grants")
            with gr.Column(scale=5, min_width=330):
                with gr.Group():
                    gr.HTML("<h3 class='vk-in-group'>Adopt a house voice</h3>", padding=True)
                    voices = house_choices(self._desk)
                    self.voice = gr.Radio(
                        voices, value=voices[0][1] if voices else None, label="House voice", elem_id="adopt-voice"
                    )
                self.adopt_go = gr.Button("Sign the grant", variant="primary", elem_id="adopt-go")
                self.signing = gr.HTML("", elem_id="adopt-signing")
                with gr.Group():
                    gr.HTML("<h3 class='vk-in-group'>Revoke a grant</h3>", padding=True)
                    self.grant = gr.Radio([], label="Grant", elem_id="revoke-grant")
                    self.grant_id = named(self.grant)
                    self.reason = gr.Textbox("withdrawn", label="Reason (one word or two)", max_lines=1)
                    self.sure = gr.Checkbox(
                        False, label="I know that this is final: nothing can be made under this grant any more"
                    )
                self.revoke_go = gr.Button("Revoke", variant="stop", elem_id="revoke-go")
                self.status = gr.HTML("", elem_id="consent-status")
                self.audit_go = gr.Button("Check the whole ledger", elem_id="audit-go")

    def wire(self, again: dict[str, Any]) -> None:
        """Connect the buttons."""
        self.voice.change(
            lambda name: signing_html(self._desk, name),
            self.voice,
            self.signing,
            show_progress="hidden",
            api_visibility="private",
        )
        self.adopt_go.click(self.adopt, self.voice, self.status, api_visibility="private", api_name="adopt").then(
            **again
        )
        self.revoke_go.click(
            self.revoke,
            [self.grant_id, self.reason, self.sure],
            [self.status, self.sure],
            api_visibility="private",
            api_name="revoke",
        ).then(**again)
        self.audit_go.click(self.audit, outputs=self.status, api_name="audit")

    def adopt(self, voice: str | None) -> str:
        """Sign a local grant for a house voice."""
        try:
            if not voice:
                raise UsageError("no voice was chosen", "choose one")
            grant = self._desk.studio().adopt_house_voice(voice)
            say = f"The grant {short(grant.id)} for {grant.voice} is in the ledger"
            return card("Signed", f"<p>{esc(say)}.</p>", kind="good", say=say)
        except Exception as problem:
            return trouble_of(problem).html()

    def revoke(self, grant: str | None, reason: str, sure: bool) -> tuple[str, bool]:
        """Revoke a grant; final."""
        try:
            if not sure:
                raise UsageError("a revocation is final", "tick the box to say that you know")
            chosen = self._desk.grant(grant or "-")
            slug = re.sub(r"[^a-z0-9]+", "-", str(reason or "").lower()).strip("-")[:40] or "withdrawn"
            self._desk.studio().ledger.revoke(chosen.id, reason=slug)
            say = f"The grant {short(chosen.id)} for {chosen.voice} is revoked"
            return card("Revoked", f"<p>{esc(say)}. Running narrations under it stop.</p>", kind="warn", say=say), False
        except Exception as problem:
            return trouble_of(problem).html(), False

    def audit(self) -> str:
        """Check the whole ledger of this studio."""
        try:
            report = self._desk.studio().ledger.audit()
        except Exception as problem:
            return trouble_of(problem).html()
        head = "The ledger is sound" if report.ok else "The ledger is not sound"
        body = f"<p>{report.size} entries were read and every signature and the order were checked.</p>"
        body += listing([item.text for item in report.findings]) if report.findings else ""
        body += f"<p class='vk-quiet'>Root <code>{esc(report.root)}</code></p>"
        return card(head, body, kind="good" if report.ok else "stop", say=head)


def grants_html(grants: tuple[GrantStatus, ...]) -> str:
    """All grants as panels."""
    return "".join(_grant_html(grant) for grant in grants) or _NONE


def _grant_html(grant: GrantStatus) -> str:
    for_what, where = scope_words(grant.purposes, grant.territories, grant.languages)
    body = facts(
        [
            ("Basis", esc(basis_words(grant.basis))),
            ("Strength (tier)", esc(grant.tier)),
            ("Left", esc(left_of(grant))),
            ("For", esc(f"{', '.join(grant.modes)}, {for_what}")),
            ("Commercial", "yes" if grant.commercial else "no"),
            ("Where", esc(where)),
        ]
    )
    body += f"<p><em>{esc(grant.description)}</em></p>"
    body += f"<details class='vk-more'><summary>Grant {short(grant.id)}</summary><code>{esc(grant.id)}</code></details>"
    return card(f"{esc(grant.voice)} · {esc(grant.state)}", body, kind="good" if grant.usable else "stop")


def grant_update(grants: tuple[GrantStatus, ...], *, usable_only: bool, keep: str = "") -> tuple[Any, str | None]:
    """New choices for a radio of grants, that to keep or the first usable one chosen; and its hidden field's value."""
    shown = tuple(grant for grant in grants if grant.usable or not usable_only)
    first = next((grant.id for grant in shown if grant.usable), None)
    first = keep if any(grant.id == keep and grant.usable for grant in shown) else first
    return gr.update(choices=choices(shown), value=first), first
