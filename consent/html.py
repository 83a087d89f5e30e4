"""Safe HTML for papers: total escaping, and one plain page frame without scripts, fonts or anything from elsewhere."""

from __future__ import annotations

import datetime
import html
import unicodedata

from .scope import UNLIMITED

__all__ = ["amount", "moment", "page", "show"]

#: Letters and marks that draw nothing, though Unicode does not call them format characters.
_BLANK = frozenset({0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0})


def _hidden(char: str) -> bool:
    code = ord(char)
    if char == " ":
        return False
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs") or code in _BLANK:
        return True
    return 0xFE00 <= code <= 0xFE0F or 0x180B <= code <= 0x180F or 0xE0100 <= code <= 0xE01EF


def show(text: str) -> str:
    """A text as HTML in which nothing hides: markup is escaped, invisible characters become their code points.

    Different texts give different HTML, and the result stands in a `bdi` element, so its direction cannot reach what
    stands around it.
    """
    parts = []
    for char in text:
        if _hidden(char):
            parts.append(f'<span class="hidden">U+{ord(char):04X}</span>')
        else:
            parts.append(html.escape(char, quote=True))
    return f"<bdi>{''.join(parts)}</bdi>"


def moment(time: int) -> str:
    """Date and time of day, UTC."""
    when = datetime.datetime.fromtimestamp(time, datetime.UTC)
    return when.strftime("%Y-%m-%d %H:%M:%S UTC").rjust(len("2026-01-01 00:00:00 UTC"), "0")


def amount(number: int) -> str:
    """A budget: a number with thin groups, or no limit."""
    return "without limit" if number == UNLIMITED else str(number)


def page(title: str, body: str) -> str:
    """A whole document. `title` is plain text, `body` is HTML made with `show`."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{html.escape(title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


_STYLE = """\
:root { color-scheme: light; --ink: #1a1a1a; --soft: #4a4a4a; --line: #8a8a8a; --tint: #f1f3f5; --mark: #0b4f6c; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 54rem; color: var(--ink); background: #fff;
  font: 1rem/1.45 Georgia, "DejaVu Serif", "Times New Roman", serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.02rem; margin: 1rem 0 .25rem; color: var(--mark); }
p { margin: .3rem 0; }
.status { font-weight: bold; }
.lead { font-size: 1.06rem; }
section.signed { border-left: .3rem solid var(--mark); padding: .1rem 0 .1rem .9rem; margin: .8rem 0; }
aside { background: var(--tint); padding: .5rem .9rem; margin: .8rem 0; }
aside h2 { color: var(--ink); margin-top: .2rem; }
.gloss { font: italic 400 .92em/1.3 Georgia, "DejaVu Serif", serif; color: var(--soft); letter-spacing: 0;
  text-transform: none; }
.kind { font-size: .8em; letter-spacing: .04em; text-transform: uppercase; color: var(--soft); margin: 0; }
dl { display: grid; grid-template-columns: minmax(7.5rem, 11rem) 1fr; gap: .18rem .9rem; margin: .2rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
ul { margin: .2rem 0; padding-left: 1.2rem; }
.code, code { font: .82em/1.35 "DejaVu Sans Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.item { border: 1px solid var(--line); border-radius: .2rem; padding: 0 .3rem; margin-right: .25rem; }
.hidden { border: 1px solid #a11; color: #a11; font: .75em monospace; padding: 0 .15rem; margin: 0 .1rem; }
.words { font-size: 1.1rem; font-weight: bold; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .2rem .5rem .2rem 0; border-bottom: 1px solid #c8c8c8; }
td { overflow-wrap: anywhere; }
.sign { display: grid; grid-template-columns: 1fr 1fr; gap: 1.6rem; margin-top: 1.6rem; }
.sign div { border-top: 1px solid var(--ink); padding-top: .2rem; font-size: .85rem; }
.columns, .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1.5rem; }
.pair { gap: 1rem; } .pair aside { margin: .4rem 0; }
@media (max-width: 44rem) { .columns, .pair { grid-template-columns: 1fr; gap: 0; } }
@media (max-width: 34rem) { dl, .sign { grid-template-columns: 1fr; } dt { margin-top: .3rem; } }
@page { margin: 10mm 14mm; }
@media print {
  html { font-size: 8pt; }
  body { max-width: none; padding: 0; font-size: 7.6pt; line-height: 1.2; }
  .columns, .pair { grid-template-columns: 1fr 1fr; gap: 0 5mm; } .pair aside { margin: 1mm 0; }
  h1 { font-size: 13pt; margin: 0; } h2 { font-size: 8.6pt; margin: 1.1mm 0 .2mm; } .lead { font-size: 9.2pt; }
  section.signed { margin: 1.2mm 0; } aside { margin: 1mm 0; padding: .6mm 3mm; } aside h2 { margin-top: .4mm; }
  dl { gap: .2mm 3mm; grid-template-columns: 27mm 1fr; } p { margin: .6mm 0; } ul { margin: .4mm 0; }
  .code, code { font-size: 6.5pt; } .sign { margin-top: 8mm; } .sign div { font-size: 7.5pt; }
  .words { font-size: 10pt; }
  aside, .sign { break-inside: avoid; }
}
"""
