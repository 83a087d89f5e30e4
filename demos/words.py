"""What the page says: refusals, grants and numbers in words, always escaped."""

from __future__ import annotations

import html
import sys
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from consent import ConsentError, ConsentRefusedError, InvalidInputError
from voicekit import InputError, UsageError
from voicekit.studio import Cancelled, GrantStatus

__all__ = [
    "Trouble",
    "bar",
    "card",
    "clock",
    "esc",
    "facts",
    "grant_label",
    "left_of",
    "links",
    "note",
    "scope_words",
    "short",
    "trouble_of",
]

_BASIS = {
    "no-donor": "nobody's voice: a blend that matches no reader (no donor)",
    "consent": "the speaker's signed consent",
    "dedication": "a public dedication",
}
_REMEDY = {
    "mode-not-granted": "Choose a voice whose grant names it: Consent shows what each grant is for.",
    "no-grant": "Adopt a house voice or add a grant in the Consent tab.",
    "revoked": "Choose another grant; a revocation is final.",
    "expired": "Choose another grant, or have a new one signed.",
    "not-yet-valid": "Wait until the grant begins, or choose another.",
    "purpose-not-granted": "Choose a purpose that the grant names, or another grant.",
    "commercial-not-granted": "Untick commercial use, or choose a grant that allows it.",
    "language-not-granted": "Choose a grant for this language.",
    "territory-not-granted": "Name a territory that the grant covers.",
    "title-not-granted": "Give the title that the grant names.",
    "budget-renders": "Have a new grant signed.",
    "budget-seconds": "Shorten the text, or have a new grant signed.",
}
# Said where the library leaves the remedy open: the page knows which control it is about.


def esc(text: object) -> str:
    """Text made safe inside HTML."""
    return html.escape(str(text), quote=True)


def clock(seconds: float | None) -> str:
    """``75.2`` -> ``1:15``; None -> ``-:--``."""
    if seconds is None:
        return "-:--"
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def short(digest: str) -> str:
    """The beginning of a digest, enough to name it."""
    return digest[:12]


def basis_words(basis: str) -> str:
    """A basis in words."""
    return _BASIS.get(basis, basis)


def left_of(grant: GrantStatus) -> str:
    """What is left of a grant: renders, time of sound, until when."""
    renders = "any number of renders" if grant.renders_left is None else f"{grant.renders_left} renders left"
    seconds = "no limit of sound" if grant.seconds_left is None else f"{clock(grant.seconds_left)} of sound left"
    return f"{renders}, {seconds}, until {grant.not_after}"


def scope_words(purposes: Sequence[str], territories: Sequence[str], languages: Sequence[str]) -> tuple[str, str]:
    """What for, and where and in what language."""
    for_what = "any purpose" if "any" in purposes else ", ".join(purposes)
    where = "anywhere" if "001" in territories else ", ".join(territories)
    tongue = "any language" if "any" in languages else ", ".join(languages)
    return for_what, f"{where}, in {tongue}"


def grant_label(grant: GrantStatus) -> str:
    """A grant in one line, for a choice."""
    basis = "no donor" if grant.basis == "no-donor" else grant.basis
    state = "" if grant.usable else f" · {grant.state.upper()}"
    return f"{grant.voice} ({basis}) · {left_of(grant)} · grant {short(grant.id)}{state}"


@dataclass(frozen=True)
class Trouble:
    """Why something was not done, in a form for people and for programs.

    Parameters
    ----------
    kind : str
        ``refused`` (by the ledger), ``problem`` (with what was asked or given),
        ``stopped`` (on request) or ``fault`` (ours).
    code : str
        Stable reason code of a refusal; else the kind of error.
    message, remedy : str
    statements : tuple of str
        Digests of the statements that decided; the recorded refusal is the last.
    """

    kind: str
    code: str
    message: str
    remedy: str = ""
    statements: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For the API."""
        return {
            "ok": False,
            self.kind: self.code,
            "message": self.message,
            "remedy": self.remedy,
            "statements": list(self.statements),
        }

    @property
    def sentence(self) -> str:
        """One sentence for a live region."""
        head = {"refused": f"Refused ({self.code}): ", "stopped": "", "problem": "", "fault": "A fault: "}[self.kind]
        return f"{head}{_sentence(self.message)} {_sentence(self.remedy)}".strip()

    def html(self) -> str:
        """A panel; a refusal shows its code."""
        title = {
            "refused": "Refused",
            "stopped": "Stopped",
            "problem": "This cannot be done as asked",
            "fault": "A fault in the studio page",
        }[self.kind]
        code = f" <code>{esc(self.code)}</code>" if self.kind == "refused" else ""
        body = f"<p>{esc(_sentence(self.message))}</p>"
        if self.remedy:
            body += f"<p><strong>What to do:</strong> {esc(_sentence(self.remedy))}</p>"
        if self.kind == "refused" and self.statements:
            recorded = short(self.statements[-1])
            body += f"<p class='vk-quiet'>No file was made. Decided by ledger statement <code>{recorded}</code>.</p>"
        kind = "stop" if self.kind in ("refused", "fault") else "warn"
        return card(f"{title}{code}", body, kind=kind, say=self.sentence)


def trouble_of(problem: BaseException) -> Trouble:
    """Turn an error into words; never a traceback in the page.

    Parameters
    ----------
    problem : exception

    Returns
    -------
    Trouble
    """
    if isinstance(problem, ConsentRefusedError):
        remedy = problem.remedy or _REMEDY.get(problem.reason, "")
        return Trouble("refused", problem.reason, problem.message, remedy, tuple(problem.statements))
    if isinstance(problem, Cancelled):
        return Trouble(
            "stopped", "cancelled", "Stopped on request; finished sentences are kept", "Press Narrate again to go on"
        )
    if isinstance(problem, InputError):
        # The whole path is the server's own business; the name is what the visitor gave.
        name = Path(problem.file).name
        where = f"{name}, {problem.place}" if problem.place else name
        code = str(getattr(problem, "reason", "input"))  # recordings that no voice should be built from name theirs
        return Trouble("problem", code, f"{where}: {problem.problem}", problem.remedy)
    if isinstance(problem, UsageError):
        return Trouble("problem", "usage", problem.message, problem.remedy)
    if isinstance(problem, InvalidInputError):
        name = Path(problem.file).name if problem.file else ""
        where = ", ".join(part for part in (name, problem.place) if part)
        text = f"{where}: {problem.problem}" if where else problem.problem
        return Trouble("problem", problem.reason, text, problem.remedy)
    if isinstance(problem, ConsentError):
        return Trouble("problem", "usage", str(problem))
    if isinstance(problem, OSError):
        name = Path(problem.filename).name if isinstance(problem.filename, str) else ""
        text = f"{name}: {problem.strerror or problem}" if name else str(problem.strerror or problem)
        return Trouble("problem", "system", text, "See that the disk has room and the studio folder can be written")
    traceback.print_exception(problem, file=sys.stderr)
    return Trouble(
        "fault", type(problem).__name__, "something went wrong that should not", "The terminal shows the particulars"
    )


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?…" else text + "."


# -- pieces of HTML ------------------------------------------------------------------------------


def card(title: str, body: str, *, kind: str = "plain", say: str = "") -> str:
    """A panel. `title` and `body` are HTML, `say` is what a screen reader is told when it appears."""
    said = f' data-say="{esc(say)}"' if say else ""
    return f'<section class="vk-card vk-{kind}"{said}><h3>{title}</h3>{body}</section>'


def note(text: str, *, say: str = "") -> str:
    """A quiet line."""
    said = f' data-say="{esc(say)}"' if say else ""
    return f'<p class="vk-quiet"{said}>{esc(text)}</p>'


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """A list of names and values; values are HTML."""
    items = "".join(f"<div><dt>{esc(name)}</dt><dd>{value}</dd></div>" for name, value in rows)
    return f'<dl class="vk-facts">{items}</dl>'


def listing(items: Sequence[str]) -> str:
    """Bullet points of plain text."""
    return "<ul>" + "".join(f"<li>{esc(item)}</li>" for item in items) + "</ul>"


def bar(fraction: float, text: str, say: str, *, label: str) -> str:
    """How far a job is; `say` is what a screen reader is told, `label` names the bar."""
    percent = round(100 * min(max(fraction, 0.0), 1.0))
    return (
        f'<div data-say="{esc(say)}"><div class="vk-bar" role="progressbar" aria-label="{esc(label)}" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent}"><div style="width:{percent}%"></div></div>'
        f'<p class="vk-quiet">{percent} % · {esc(text)}</p></div>'
    )


def links(kept: Sequence[str]) -> str:
    """The files to keep, as links that say what they are."""
    items = "".join(
        f'<li><a href="gradio_api/file={quote(path)}" download="{esc(Path(path).name)}">{esc(Path(path).name)}</a> '
        f'<span class="vk-quiet">{_size(Path(path).stat().st_size)}</span></li>'
        for path in kept
    )
    many = f"<details class='vk-more'><summary>{len(kept)} files</summary><ul>{items}</ul></details>"
    body = many if len(kept) > 8 else f"<ul>{items}</ul>"
    body += "<p class='vk-quiet'>Keep each sound and its .voiceproof together: with both, anyone can check it.</p>"
    return card("Files to keep", body)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
