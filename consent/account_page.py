"""The account of a voice as a page for its speaker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .account import NOT_SHOWN_BY_ACCOUNT, Account, Line
from .html import moment, page, show

__all__ = ["account_page"]

_KIND = {
    "grant": "Permission given",
    "revocation": "Permission withdrawn",
    "render-receipt": "Sound made",
    "render-intent": "Sound begun",
    "render-denied": "Request refused",
    "render-aborted": "Broken off, nothing made",
    "enrolment": "Voice built",
    "erasure": "Personal data erased",
    "key-enrolled": "Key made known",
    "key-rotated": "Key replaced",
    "key-revoked": "Key withdrawn",
}


def account_page(account: Account, lines: Sequence[Line]) -> str:
    """An account as one self-contained HTML document.

    Parameters
    ----------
    account : Account
        What the operator signed.
    lines : sequence of Line
        From `verify_account`, so that the page says what the entries say.
    """
    voices = ", ".join(show(voice) for voice in account.voices)
    span = f"{moment(account.since)} to {moment(account.until)}" if account.since else f"up to {moment(account.until)}"
    body = [
        "<h1>What was done with this voice</h1>",
        f'<p class="lead">{show(account.operator.name)} gives account of the voice {voices}, {span}.</p>',
        _totals(account),
        "<h2>Every entry</h2>",
        "<table>\n<tr><th>Entry</th><th>When</th><th>What</th></tr>",
        *(_row(line) for line in lines),
        "</table>",
        "<h2>Where this comes from</h2>",
        f'<p>Ledger <span class="code">{show(account.ledger)}</span>, tree of {account.size} entries with the root '
        f'<span class="code">{show(account.root)}</span>, signed by <span class="code">{show(account.operator.key)}'
        "</span>. This page is a view; the signed file it was made from can be checked by anybody, offline: "
        "<code>consent verify-statement FILE</code>.</p>",
        "<aside>\n<h2>What this does not show</h2>\n<ul>",
        *(f"<li>{show(item)}</li>" for item in NOT_SHOWN_BY_ACCOUNT),
        "</ul>\n</aside>",
    ]
    return page("What was done with this voice", "\n".join(body))


def _totals(account: Account) -> str:
    rows = "\n".join(
        f"<tr><td>{show(item.purpose)}</td><td>{show(item.mode)}</td><td>{'yes' if item.commercial else 'no'}</td>"
        f"<td>{item.renders}</td><td>{item.files}</td><td>{_seconds(item.seconds_milli)}</td></tr>"
        for item in account.totals
    )
    head = "<tr><th>Purpose</th><th>Kind</th><th>Sold</th><th>Renders</th><th>Files</th><th>Seconds</th></tr>"
    return (
        f"<h2>In sum</h2>\n<table>\n{head}\n{rows}\n</table>\n<p>Refused: {account.refused}. "
        f"Broken off: {account.aborted}. Under way: {account.open}.</p>"
    )


def _seconds(milli: int) -> str:
    return f"{milli // 1_000}.{milli % 1_000:03d}"


def _row(line: Line) -> str:
    what = f"<b>{_KIND.get(line.kind, show(line.kind))}</b> {_detail(line.detail)}"
    for item in line.detail.get("outputs", []):
        what += f'<br>{show(item["name"])} <span class="code">{show(item["sha256"])}</span>'
    for problem in line.problems:
        what += f"<br><b>Outside the permission:</b> {show(problem)}"
    return f"<tr><td>{line.entry}</td><td>{moment(line.time)}</td><td>{what}</td></tr>"


def _detail(detail: dict[str, Any]) -> str:
    parts = []
    for name, value in detail.items():
        if name == "outputs" or value in ("", [], ()):
            continue
        label = name.replace("_", " ")
        if name == "seconds_milli":
            label, value = "seconds", _seconds(value)
        elif name in ("not_before", "not_after", "effective", "time"):
            value = moment(value)
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        parts.append(f"{label} {show(str(value))}")
    return "; ".join(parts)
