"""How words are to be said beside what they are: emphasis, pauses, rate, pitch and level on stretches of a sentence.

What is said stays plain words.  Where the manner changes, a control in braces stands between two words; nothing else
that is spoken ever holds a brace.  Controls come from three places: tags in the text (a subset of SSML), signs of
the page (quotation marks, brackets, asterisks), and callers who write them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from voicekit.errors import InputError
from voicekit.text.clean import TAG
from voicekit.text.model import Manner, SpokenToken, join_spoken
from voicekit.text.pronunciation import phones_from_text

__all__ = ["BRACKETED", "NEUTRAL", "QUOTED", "TAG", "Style", "Styler", "plain", "read_controls"]

_ATTRIBUTE = re.compile(r"([a-z]+)\s*=\s*(?:\"([^\"<>]*)\"|'([^'<>]*)')")
_CONTROL = re.compile(r"\{([^{}]*)\}")
_QUOTES = {"“": "”", "«": "»", "‘": "’"}
_LONGEST_STARRED = 5  # words between asterisks; more is a title or a letter, not emphasis
_LIMITS = {"pitch": (-12.0, 12.0), "rate": (0.5, 2.0), "volume": (-12.0, 12.0), "break": (0.0, 10.0)}
_LEVELS = {"strong": 1.5, "moderate": 1.0, "none": 0.0, "reduced": -0.7}
_STRENGTHS = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.35, "strong": 0.7, "x-strong": 1.2}
_RATES = {"x-slow": 0.6, "slow": 0.8, "medium": 1.0, "fast": 1.2, "x-fast": 1.45, "default": 1.0}
_PITCHES = {"x-low": -4.0, "low": -2.0, "medium": 0.0, "high": 2.0, "x-high": 4.0, "default": 0.0}
_VOLUMES = {"x-soft": -8.0, "soft": -4.0, "medium": 0.0, "loud": 3.0, "x-loud": 6.0, "default": 0.0}


@dataclass(frozen=True)
class Style:
    """The manner of a stretch.

    Attributes
    ----------
    pitch_semitones : float
        Added to F0.
    rate : float
        Factor on the pace.
    gain_db : float
        Added to the level.
    emphasis : float
        0 none, 1 moderate, 1.5 strong; below 0 less than usual.
    phones : str
        Sounds in place of the words' own, see `voicekit.text.pronunciation`; empty: their own.
    """

    pitch_semitones: float = 0.0
    rate: float = 1.0
    gain_db: float = 0.0
    emphasis: float = 0.0
    phones: str = ""

    def within(self, outer: Style) -> Style:
        """This manner inside another: shifts add, paces multiply, the inner emphasis holds."""
        return Style(
            self.pitch_semitones + outer.pitch_semitones,
            self.rate * outer.rate,
            self.gain_db + outer.gain_db,
            self.emphasis or outer.emphasis,
            self.phones or outer.phones,
        )

    @property
    def control(self) -> str:
        """Its form in braces; ``{}`` is the usual manner."""
        parts = [
            f"p{self.pitch_semitones:+.2f}" if self.pitch_semitones else "",
            f"r{self.rate:.3f}" if self.rate != 1.0 else "",
            f"v{self.gain_db:+.2f}" if self.gain_db else "",
            f"e{self.emphasis:+.2f}" if self.emphasis else "",
            f"={self.phones}" if self.phones else "",
        ]
        return "{" + " ".join(part for part in parts if part) + "}"


NEUTRAL = Style()
QUOTED = Style(pitch_semitones=0.8, gain_db=0.8)  #: direct speech
BRACKETED = Style(pitch_semitones=-1.5, rate=1.1, gain_db=-1.5)  #: said in passing


def plain(said: str) -> str:
    """The words and marks alone."""
    return re.sub(r"\s+", " ", _CONTROL.sub(" ", said)).strip()


def read_controls(said: str) -> list[tuple[str, Style, float]]:
    """Stretches of one manner.

    Parameters
    ----------
    said : str
        Words and marks, with controls in braces: ``{p+2 r0.9 v-3 e1}`` holds up to the next, ``{b500}`` is a pause of
        500 ms and leaves the manner as it is, ``{=R.EH1.D}`` gives the sounds of the words up to the next.

    Returns
    -------
    list of (str, Style, float)
        Words, their manner, and seconds of pause before them.

    Raises
    ------
    voicekit.errors.InputError
        A control that cannot be read.
    """
    found: list[tuple[str, Style, float]] = []
    style, pause = NEUTRAL, 0.0
    for index, part in enumerate(_CONTROL.split(said)):
        if index % 2 == 0:
            if part.strip():
                found.append((part.strip(), style, pause))
                pause = 0.0
        elif part.startswith("b"):
            pause += _number(part[1:], "break", part) / 1000.0
        else:
            style = _style_of(part)
    if pause:
        found.append(("", style, pause))
    return found


def _style_of(control: str) -> Style:
    style = NEUTRAL
    for word in control.split():
        if word[0] == "=":
            style = replace(style, phones=_sounds(word[1:], control))
            continue
        field = {"p": "pitch_semitones", "r": "rate", "v": "gain_db", "e": "emphasis"}.get(word[0])
        if field is None:
            raise InputError("text", "{" + control + "}", "this control is not known", "use p, r, v, e, = or b")
        style = replace(style, **{field: _number(word[1:], word[0], control)})
    return style


def _sounds(text: str, control: str) -> str:
    try:
        phones_from_text(text)
    except ValueError as error:
        problem = f"{str(error)!r} is no sound that is known"
        raise InputError("text", "{" + control + "}", problem, "see docs/text.md") from None
    return text


def _number(text: str, what: str, place: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError("text", place, f"{text!r} is no number for {what}", "see docs/text.md") from None


class Styler:
    """Walks through a chapter's tokens and writes controls where the manner changes.

    Quotation marks and brackets hold to the end of their paragraph at most, tags until they are closed.
    """

    def __init__(self) -> None:
        self._tags: list[tuple[str, Style]] = []
        self._quoted = ""
        self._bracketed = False

    def paragraph(self) -> None:
        """A new paragraph begins."""
        self._quoted, self._bracketed = "", False

    def say(self, tokens: Iterable[SpokenToken], manner: Sequence[Manner] = ()) -> str:
        """What is said for a sentence's tokens, with controls.

        Parameters
        ----------
        tokens : iterable of SpokenToken
        manner : sequence of Manner
            What the source marks of them; later ones lie inside earlier ones.

        Raises
        ------
        voicekit.errors.InputError
            A tag's value cannot be read or is out of range.
        """
        tokens = list(tokens)
        stars = _starred(tokens)
        chunks: list[list[str]] = [[]]
        controls: list[str] = []
        held, starred = NEUTRAL, False
        marked = 0  # the chunk of the last word: marks belong to it
        sounded: Manner | None = None  # the last stretch with sounds of its own: said once
        for index, token in enumerate(tokens):
            starred ^= index in stars
            before, behind = _tags_around(token.text)
            self._take(before, controls, chunks)
            if token.spoken and token.spoken[0].isalnum():
                here = [one for one in manner if one.start < token.end and token.start < one.end]
                now = _marked_style(self._style(starred), here)
                own = next((one for one in here if one.phones), None)
                if now != held or own is not sounded:
                    controls.append(now.control)
                    chunks.append([])
                    held, sounded = now, own
                chunks[-1].append(token.spoken)
                marked = len(chunks) - 1
            else:
                self._sign(TAG.sub("", token.text))
                if token.spoken:
                    chunks[marked].append(token.spoken)
            self._take(behind, controls, chunks)
        parts = [join_spoken(chunks[0])]
        for control, chunk in zip(controls, chunks[1:], strict=True):
            parts += [control, join_spoken(chunk)]
        return " ".join(part for part in parts if part)

    def _take(self, tags: list[str], controls: list[str], chunks: list[list[str]]) -> None:
        for tag in tags:
            pause_s = self._tag(tag)
            if pause_s:
                controls.append(f"{{b{round(1000 * pause_s)}}}")
                chunks.append([])

    def _tag(self, tag: str) -> float:
        """Open or close what a tag says; seconds of pause it asks for."""
        name = re.split(r"[\s/>]", tag.lstrip("</"))[0]
        if tag.startswith("</"):
            opened = next((i for i in range(len(self._tags) - 1, -1, -1) if self._tags[i][0] == name), None)
            if opened is None:
                raise InputError("text", tag, "this tag was never opened", "take it out, or open it before")
            del self._tags[opened:]
            return 0.0
        given = {key: double or single for key, double, single in _ATTRIBUTE.findall(tag)}
        if name == "break":
            return _pause(given, tag)
        style = _emphasis(given, tag) if name == "emphasis" else _prosody(given, tag)
        if not tag.endswith("/>"):
            self._tags.append((name, style))
        return 0.0

    def _style(self, starred: bool) -> Style:
        style = QUOTED if self._quoted else NEUTRAL
        if self._bracketed:
            style = BRACKETED.within(style)
        for _, tag in self._tags:
            style = tag.within(style)
        return replace(style, emphasis=1.0) if starred and not style.emphasis else style

    def _sign(self, text: str) -> None:
        for sign in text:
            if sign in _QUOTES:
                self._quoted = self._quoted or sign
            elif self._quoted and sign == _QUOTES.get(self._quoted):
                self._quoted = ""
            elif sign == '"':
                self._quoted = "" if self._quoted else sign
            elif sign in "()":
                self._bracketed = sign == "("


def _marked_style(style: Style, manner: Sequence[Manner]) -> Style:
    """A style with what the source marks laid over it; quotation marks around a quotation are not counted twice."""
    for one in manner:
        if one.quoted and style.pitch_semitones != QUOTED.pitch_semitones:
            style = QUOTED.within(style)
        style = replace(style, emphasis=one.emphasis or style.emphasis, phones=one.phones or style.phones)
    return style


def _tags_around(text: str) -> tuple[list[str], list[str]]:
    """Tags before the word of a token and behind it: invisible as they are, they hang on their neighbours."""
    pieces, tags = TAG.split(text), TAG.findall(text)
    at = next((i for i, piece in enumerate(pieces) if piece.strip()), len(pieces))
    return tags[:at], tags[at:]


def _starred(tokens: list[SpokenToken]) -> frozenset[int]:
    """Places where emphasis by asterisks or underscores begins or ends: pairs around a few words."""
    found: list[int] = []
    opened: int | None = None
    for index, token in enumerate(tokens):
        if token.spoken or TAG.sub("", token.text).strip() not in ("*", "_"):
            continue
        if opened is None or TAG.sub("", tokens[opened].text).strip() != TAG.sub("", token.text).strip():
            opened = index
            continue
        words = sum(1 for between in tokens[opened:index] if between.spoken and between.spoken[0].isalnum())
        if 0 < words <= _LONGEST_STARRED:
            found += [opened, index]
        opened = None
    return frozenset(found)


def _within(value: float, what: str, tag: str) -> float:
    low, high = _LIMITS[what]
    if not low <= value <= high:
        raise InputError("text", tag, f"a {what} of {value:g} is out of range", f"give {low:g} to {high:g}")
    return value


def _emphasis(given: dict[str, str], tag: str) -> Style:
    level = given.get("level", "moderate")
    if level not in _LEVELS:
        raise InputError("text", tag, f"the level {level!r} is not known", f"use one of: {', '.join(_LEVELS)}")
    return Style(emphasis=_LEVELS[level])


def _prosody(given: dict[str, str], tag: str) -> Style:
    rate = _value(given.get("rate", "default"), _RATES, "%", tag)
    pitch = _value(given.get("pitch", "default"), _PITCHES, "st", tag)
    volume = _value(given.get("volume", "default"), _VOLUMES, "dB", tag)
    if given.get("rate", "").endswith("%"):
        rate /= 100.0
    return Style(_within(pitch, "pitch", tag), _within(rate, "rate", tag), _within(volume, "volume", tag))


def _value(text: str, names: dict[str, float], unit: str, tag: str) -> float:
    if text in names:
        return names[text]
    try:
        return float(text.removesuffix(unit))
    except ValueError:
        raise InputError(
            "text", tag, f"{text!r} cannot be read", f"give a number in {unit}, or one of: {', '.join(names)}"
        ) from None


def _pause(given: dict[str, str], tag: str) -> float:
    if "time" in given:
        text = given["time"]
        scale = 1000.0 if text.endswith("ms") else 1.0
        try:
            return _within(float(text.removesuffix("ms").removesuffix("s")) / scale, "break", tag)
        except ValueError:
            raise InputError("text", tag, f"{text!r} is no time", "give 500ms or 0.5s") from None
    strength = given.get("strength", "medium")
    if strength not in _STRENGTHS:
        raise InputError("text", tag, f"{strength!r} is not known", f"use one of: {', '.join(_STRENGTHS)}")
    return _STRENGTHS[strength]
