"""A line's timeline as a Praat TextGrid, out and in: what is sung when, open to editing."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from voicekit.errors import InputError
from voicekit.singing.line import SungLine, SungPhone
from voicekit.text.phones import PAUSE, PHONE_ID, VOWELS

__all__ = ["read_textgrid", "textgrid_of"]

_MOST_BYTES = 16 << 20
_INTERVAL = re.compile(
    r"intervals\s*\[\d+\]:?\s*xmin\s*=\s*([-\d.eE+]+)\s*xmax\s*=\s*([-\d.eE+]+)\s*text\s*=\s*\"((?:[^\"]|\"\")*)\""
)
_NAME = re.compile(r"name\s*=\s*\"((?:[^\"]|\"\")*)\"")


def textgrid_of(line: SungLine) -> str:
    """The line as a TextGrid in Praat's long text format, with the tiers ``phones``, ``words`` and ``notes``.

    Parameters
    ----------
    line : SungLine

    Returns
    -------
    str
    """
    phones = [(p.start_s, p.end_s, _label(p)) for p in line.phones]
    words = [(n.start_s, n.end_s, n.text) for n in line.notes]
    notes = [(n.start_s, n.end_s, f"{n.pitch_midi:g}") for n in line.notes]
    end = line.phones[-1].end_s
    tiers = [("phones", phones), ("words", _filled(words, end)), ("notes", _filled(notes, end))]
    rows = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end!r}"]
    rows += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, intervals) in enumerate(tiers, 1):
        rows += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{name}"']
        rows += ["        xmin = 0", f"        xmax = {end!r}", f"        intervals: size = {len(intervals)}"]
        for k, (start, stop, text) in enumerate(intervals, 1):
            quoted = text.replace('"', '""')
            rows += [f"        intervals [{k}]:", f"            xmin = {start!r}", f"            xmax = {stop!r}"]
            rows += [f'            text = "{quoted}"']
    return "\n".join(rows) + "\n"


def _label(phone: SungPhone) -> str:
    if phone.role == "breath":
        return "<breath>"
    return "" if phone.role == "rest" else phone.symbol + (str(phone.stress) if phone.symbol in VOWELS else "")


def _filled(intervals: list[tuple[float, float, str]], end: float) -> list[tuple[float, float, str]]:
    found: list[tuple[float, float, str]] = []
    at = 0.0
    for start, stop, text in intervals:
        if start > at:
            found.append((at, start, ""))
        found.append((start, stop, text))
        at = stop
    if end > at:
        found.append((at, end, ""))
    return found


def read_textgrid(path: Path, line: SungLine) -> SungLine:
    """Take edited phone times and phones from a TextGrid's tier ``phones``.

    Parameters
    ----------
    path : pathlib.Path
        In Praat's long text format, UTF-8 or UTF-16.
    line : SungLine
        What the TextGrid was made from.

    Returns
    -------
    SungLine

    Raises
    ------
    InputError
        Not a TextGrid, no such tier, or an unknown phone.
    UsageError
        The phones do not fill the line.
    """
    try:
        data = path.read_bytes()[: _MOST_BYTES + 1]
    except OSError as problem:
        raise InputError(path, "", f"cannot be read ({problem.strerror})", "Check the path.") from problem
    if len(data) > _MOST_BYTES:
        raise InputError(path, "", "too large for a TextGrid", "Choose another file.")
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as problem:
        raise InputError(path, f"byte {problem.start}", "this is not text", "Save it as UTF-8 in Praat.") from problem
    if "ooTextFile" not in text[:80] or "TextGrid" not in text[:160]:
        raise InputError(path, "line 1", "not a TextGrid in Praat's text format", "Save it as a text file in Praat.")
    for item in re.split(r"item\s*\[\d+\]:", text)[1:]:
        name = _NAME.search(item)
        if name and name[1] == "phones":
            return _with(line, _INTERVAL.findall(item), path)
    raise InputError(path, "", 'it has no tier named "phones"', "Edit the TextGrid that was written with the song.")


def _with(line: SungLine, intervals: list[tuple[str, str, str]], path: Path) -> SungLine:
    sung = [p for p in line.phones if p.role not in ("rest", "breath")]
    found: list[SungPhone] = []
    for number, (low, high, text) in enumerate(intervals, 1):
        label = text.replace('""', '"').strip()
        try:
            start, end = float(low), float(high)
        except ValueError:
            problem = f"{low}..{high} are no times"
            raise InputError(path, f"interval {number}", problem, "Save it again in Praat.") from None
        if not label:
            found.append(SungPhone(PAUSE, 0, False, False, start, end, "rest", -1))
            continue
        # What it belongs to: the phone it overlaps most, else the nearest.
        model = max(sung, key=lambda p: min(end, p.end_s) - max(start, p.start_s))
        symbol = label.rstrip("012").upper()
        if label == "<breath>":
            found.append(SungPhone("HH", 0, False, False, start, end, "breath", -1))
            continue
        if symbol not in PHONE_ID:
            remedy = "Use ARPAbet symbols such as AA1 or SH."
            raise InputError(path, f"interval {number}", f"{label!r} is no phone", remedy)
        stress = int(label[-1]) if label[-1] in "012" else 0
        found.append(replace(model, symbol=symbol, stress=stress, start_s=start, end_s=end))
    return line.with_phones(found)
