"""Text in another language than English to spoken tokens: words and marks as they stand.

English has rules for dates, abbreviations, currencies (`normalise`); other languages have none here.  Numbers are
handed to the phonemiser, which reads them in its language; signs are not read, and a notice says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from voicekit.text.languages import Language
from voicekit.text.model import Notice, SpokenToken

__all__ = ["plain_tokens"]

_TOKEN = re.compile(r"\d+(?:[.,\u00a0\u202f]\d+)*|[^\W\d_]+(?:['’ʼ·-][^\W\d_]+)*['’]?|\S", re.UNICODE)
_GROUPED = re.compile(r"\d{1,3}([.,\u00a0\u202f])\d{3}(?:\1\d{3})*")
_MARKS = {
    ",": ",", "、": ",", ";": ";", ":": ":", ".": ".", "…": ".", "。": ".", "!": "!", "！": "!", "?": "?", "？": "?",
    "—": "—", "–": "—", "·": ";",
}  # fmt: skip
_SILENT = frozenset("\"'“”„‘’‚«»‹›()[]{}¿¡-‐‑*_「」『』・\u00ad")


def plain_tokens(
    text: str, language: Language, *, offset: int = 0, report: Callable[[Notice], None] | None = None
) -> tuple[SpokenToken, ...]:
    """Spoken tokens of a sentence.

    Parameters
    ----------
    text : str
    language : Language
    offset : int
        Added to all offsets.
    report : callable, optional
        Called with each `Notice`.

    Returns
    -------
    tuple of SpokenToken
        They cover every character that is not white space.
    """
    tokens = []
    for found in _TOKEN.finditer(text):
        written = found.group()
        said = _said(written, language)
        if said is None:
            said = ""
            if report is not None:
                detail = f"no spoken form of this sign is known in {language.name}; it is left out"
                report(Notice("sign-not-read", written, found.start() + offset, found.end() + offset, detail))
        tokens.append(SpokenToken(written, found.start() + offset, found.end() + offset, said))
    return tuple(tokens)


def _said(written: str, language: Language) -> str | None:
    if written[0].isdigit():
        if not language.decimal:
            return None
        if _GROUPED.fullmatch(written):
            return re.sub(r"\D", "", written)
        parts = re.split(r"[.,]", re.sub(r"[\u00a0\u202f]", "", written))
        return f" {language.decimal} ".join(parts) if len(parts) == 2 else " ".join(parts)
    if written[0].isalpha():
        return written.replace("’", "'").replace("ʼ", "'")
    if written in _MARKS:
        return _MARKS[written]
    return "" if written in _SILENT else None
