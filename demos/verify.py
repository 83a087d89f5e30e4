"""The Verify tab: two verdicts about a file, and what neither shows."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import gradio as gr

from consent import PublicKey, Verification, verify_file
from demos.desk import SOUNDS, Desk, check_upload
from demos.narrate import named
from demos.words import basis_words, card, esc, facts, listing, short, trouble_of
from voicekit import UsageError

__all__ = ["VerifyTab"]

_SOUND_LIMIT = 500_000_000
_PROOF_LIMIT = 20_000_000
_EMPTY = (
    '<div class="vk-empty"><p>Two verdicts appear here: are the records sound, '
    "and was the use within the permission?</p></div>"
)
_WORDS = {True: ("Yes", "good"), False: ("No", "stop"), None: ("Undecided", "warn")}


class VerifyTab:
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
                self.delivered = gr.Radio([], label="A file of this studio, newest first", elem_id="studio-file")
                self.delivered_name = named(self.delivered)
                with gr.Accordion("A file from elsewhere", open=False, elem_id="verify-elsewhere"):
                    self.sound = gr.File(
                        label="Sound file (.mp3, .flac, .wav)", file_types=list(SOUNDS), type="filepath", height=120
                    )
                    self.proof = gr.File(
                        label="Its proof (.voiceproof)", file_types=[".voiceproof"], type="filepath", height=120
                    )
                with gr.Accordion("Keys you trust (optional)", open=False):
                    self.trust = gr.Textbox(
                        "",
                        label="Public keys (did:key:…)",
                        info="The operator's or the voice publisher's key must then be one of them.",
                        lines=2,
                    )
                self.go = gr.Button("Verify", variant="primary", elem_id="verify-go")
            with gr.Column(scale=6, min_width=330):
                self.verdict = gr.HTML(_EMPTY, elem_id="verify-verdict")
        self.result = gr.JSON(visible=False)

    def wire(self) -> None:
        """Connect the button."""
        self.go.click(
            self.verify,
            [self.sound, self.proof, self.delivered_name, self.trust],
            [self.verdict, self.result],
            api_name="verify",
            show_progress="minimal",
        )

    def verify(
        self, sound: str | None, proof: str | None, delivered: str | None, trust: str = ""
    ) -> tuple[str, dict[str, Any]]:
        """Verify a sound file with its .voiceproof, or a delivered file of this studio by ``folder/name``.

        Returns both verdicts as HTML and as JSON.
        """
        try:
            keys = [PublicKey.from_did(key) for key in re.split(r"[\s,;]+", str(trust or "").strip()) if key]
            if sound:
                path = check_upload(Path(sound), suffixes=SOUNDS, limit=_SOUND_LIMIT, what="sound")
                if not proof:
                    raise UsageError("its proof is missing", "give the .voiceproof that came with the file")
                beside = check_upload(Path(proof), suffixes=(".voiceproof",), limit=_PROOF_LIMIT, what=".voiceproof")
                found = verify_file(path, proof=beside, trust=keys)
            elif proof:
                raise UsageError("the sound file is missing", "give the file that the proof belongs to")
            elif delivered:
                path = self._desk.inside(delivered)
                found = verify_file(path, trust=keys)
            else:
                raise UsageError("no file was chosen", "choose one of this studio, or give one from elsewhere")
            return verdict_html(found), found.as_dict() | {"file": Path(found.file).name}
        except Exception as problem:
            trouble = trouble_of(problem)
            return trouble.html(), trouble.as_dict()


def verdict_html(found: Verification) -> str:
    """Both verdicts, the particulars, and what is not shown.

    Parameters
    ----------
    found : Verification

    Returns
    -------
    str
    """
    name = Path(found.file).name
    parts = []
    spoken = [f"{name}."]
    for question, verdict in (("Records sound?", found.records), ("Use within permission?", found.use)):
        word, kind = _WORDS[verdict.ok]
        body = f"<p><strong>{word}</strong></p>" + (listing(verdict.problems) if verdict.problems else "")
        parts.append(card(question, body, kind=kind))
        spoken.append(f"{question} {word}.")
    html = f'<div class="vk-verdicts" data-say="{esc(" ".join(spoken))}">{"".join(parts)}</div>'
    rows = [("File", esc(name))]
    if found.voice:
        when = datetime.datetime.fromtimestamp(found.time, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        trust = {
            None: "not compared with any key you trust",
            True: "a key you trust",
            False: "not among the keys you trust",
        }[found.trusted]
        asked = found.asked
        rows += [
            ("Voice", esc(found.voice)),
            ("Basis", esc(basis_words(found.basis))),
            ("Strength of the permission (tier)", esc(found.tier)),
            ("What the sound is for", esc(f"{asked.get('purpose', '')}, {asked.get('title', '')}".strip(", "))),
            ("Grant", f"<code>{short(found.grant)}</code>"),
            ("Made by", esc(f"{found.operator_name} ({trust})")),
            ("Operator's key", f"<code>{esc(found.operator)}</code>"),
            ("Ledger entry", esc(f"{found.index} of {found.size}, {when}")),
        ]
        if found.publisher:
            rows.append(("Voice published by", esc(found.publisher)))
    html += card("What the proof says", facts(rows) + _agreed(found))
    return html + card("What this does not show", listing(found.not_shown), kind="warn")


def _agreed(found: Verification) -> str:
    text = f"<p><em>{esc(found.intended_use)}</em></p>" if found.intended_use else ""
    if found.attributions:
        text += "<details class='vk-more'><summary>Data behind the voice, and their licences</summary>"
        text += listing(found.attributions) + "</details>"
    return text
