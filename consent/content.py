"""A screen of texts for the classes a speaker may refuse: keywords and phrases, not understanding.

Pure: no file, no clock, no model. The text is looked at in several readings (hidden characters removed, look-alike
letters opened, mark-up taken out, letters that were spaced out joined), each with the place in the original that every
character came from. What is hashed, spoken and stored elsewhere stays the original.

It finds plain wordings of what the rules name and the usual ways of hiding them. It misses paraphrase, irony, other
languages than English, and anything spelt in a way nobody thought of; it may stumble over a quotation. A finding joins
the use for the decision, so it refuses only where the grant refuses that class.
"""

from __future__ import annotations

import dataclasses
import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from .content_rules import RULES
from .encoding import sha256_hex
from .lookalikes import LEET, LOOKALIKES
from .scope import Use

__all__ = ["REVIEW", "Finding", "commit", "findings_text", "opens", "screen", "screened"]

#: What somebody can do whose text was refused.
REVIEW = (
    "Change the text; or, if you have read it and it is none of that, say so with reviewed_content: your declaration "
    "is signed into the ledger"
)

_TAG = re.compile(r"<!--.{0,2000}?-->|<!\[CDATA\[|\]\]>|</?[A-Za-z?!][^<>]{0,2000}>", re.DOTALL)
_SPOKEN_ATTRIBUTE = re.compile(r"""\b(?:alias|alt|title|aria-label)\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_GAP = r"[ .\-_*·]{1,2}"
_SPACED = re.compile(rf"(?<![a-z0-9])(?:[a-z0-9@$]{_GAP}){{3,}}[a-z0-9@$](?![a-z0-9])")
_SPACED_SHORT = re.compile(rf"(?<![a-z0-9])(?:[a-z0-9@$'%]{_GAP}){{1,}}[a-z0-9@$'%](?![a-z0-9])")
_BEFORE_MARK = re.compile(r" +(?=[.,!?;:])")
_WORD = re.compile(r"[^\s,;:?\"()\[\]]+")
_SPACES = re.compile(r"[\s\-_]+")
_MAX_MATCHES = 50


@dataclass(frozen=True)
class Finding:
    """One place of a text that looks like a class of content.

    Parameters
    ----------
    content : str
        Class of `consent.CONTENT_CLASSES`.
    start, end : int
        Offsets into the original text; the words themselves are not kept.
    rule : str
        Which rule found it.
    """

    content: str
    start: int
    end: int
    rule: str


@dataclass(frozen=True)
class _Reading:
    """A text as it is looked at, and where each of its characters comes from."""

    text: str
    origin: tuple[int, ...]


def screen(text: str) -> tuple[Finding, ...]:
    """Look a text over.

    Parameters
    ----------
    text : str
        As it will be spoken; SSML or other mark-up may be in it.

    Returns
    -------
    tuple of Finding
        In order of place; several classes may share a place, one rule reports a place once.
    """
    found: dict[tuple[str, str], list[Finding]] = {}
    for reading in _readings(text):
        for rule in RULES:
            for number, match in enumerate(rule.pattern.finditer(reading.text)):
                if number == _MAX_MATCHES:
                    break
                start, end = reading.origin[match.start()], reading.origin[match.end() - 1] + 1
                known = found.setdefault((rule.content, rule.name), [])
                if not any(item.start < end and start < item.end for item in known):
                    known.append(Finding(rule.content, start, end, rule.name))
    return tuple(sorted((item for items in found.values() for item in items), key=lambda f: (f.start, f.content)))


def screened(use: Use, text: str | None) -> tuple[Use, tuple[Finding, ...]]:
    """A use with the classes found in its text, less those the operator declares to have reviewed.

    Reviewing excuses a finding, never a class that the caller declared.
    """
    findings = screen(text) if text is not None else ()
    joined = {item.content for item in findings} - set(use.reviewed_content) | set(use.content)
    return dataclasses.replace(use, content=tuple(sorted(joined))), findings


def commit(salt: bytes, text: str) -> str:
    """The commitment to a text: H(salt || NFC text)."""
    return sha256_hex(salt + unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass"))


def opens(salt: bytes | None, commitment: str, text: str) -> bool:
    """Whether a commitment is to this text; no without its salt."""
    return salt is not None and commit(salt, text) == commitment


def findings_text(findings: tuple[Finding, ...], classes: tuple[str, ...]) -> str:
    """Where the findings of some classes lie, for people; at most three places."""
    places = [f"{item.content} at characters {item.start}-{item.end}" for item in findings if item.content in classes]
    more = f" and {len(places) - 3} more" if len(places) > 3 else ""
    return ", ".join(places[:3]) + more


def _readings(text: str) -> Iterator[_Reading]:
    """The text without mark-up, with mark-up as spaces, and what mark-up says aloud; each plain, unleeted, joined."""
    seen: set[str] = set()
    for chars in _without_markup(text):
        plain = _skeleton(chars)
        for reading in (plain, _unleet(plain), _joined(plain), _joined(_unleet(plain))):
            smooth = _smooth(reading)
            if smooth.text and smooth.text not in seen:
                seen.add(smooth.text)
                yield smooth


_Chars = list[tuple[str, int]]


def _without_markup(text: str) -> Iterator[_Chars]:
    tags = list(_TAG.finditer(text))
    for filler in ("", " ") if tags else ("",):
        chars: _Chars = []
        at = 0
        for tag in tags:
            chars += _opened(text, at, tag.start())
            chars += [(filler, tag.start())] if filler else []
            at = tag.end()
        yield chars + _opened(text, at, len(text))
    for tag in tags:
        for spoken in _SPOKEN_ATTRIBUTE.finditer(tag.group()):
            number = 1 if spoken.group(1) is not None else 2
            yield _opened(text, tag.start() + spoken.start(number), tag.start() + spoken.end(number))


def _opened(text: str, start: int, end: int) -> _Chars:
    """Characters with their places; entities such as &#118; opened."""
    chars: _Chars = []
    at = start
    for entity in _ENTITY.finditer(text, start, end):
        chars += [(text[i], i) for i in range(at, entity.start())]
        chars += [(char, entity.start()) for char in html.unescape(entity.group())]
        at = entity.end()
    return chars + [(text[i], i) for i in range(at, end)]


def _skeleton(chars: _Chars) -> _Reading:
    """NFKC, hidden characters and accents removed, look-alikes opened, lower case."""
    out: list[str] = []
    origin: list[int] = []
    for char, place in chars:
        for part in _open_char(char):
            out.append(part)
            origin.append(place)
    return _Reading("".join(out), tuple(origin))


_ASCII = {chr(code): chr(code).lower() for code in range(32, 127)}
_QUOTES = {"’": "'", "‘": "'", "ʼ": "'", "＇": "'", "`": "'", "´": "'", "“": '"', "”": '"', "–": "-", "—": " - "}
_HIDDEN_KINDS = frozenset({"Cf", "Mn", "Me", "Cc", "Cs"})
#: Letters by category that print nothing: Hangul fillers and the empty Braille cell.
_BLANKS = "\u115f\u1160\u3164\uffa0\u2800"
_known: dict[str, str] = {}


def _open_char(char: str) -> str:
    """What one character reads as: '' for hidden ones, else one or more lower-case characters."""
    if char in _ASCII:
        return _ASCII[char]
    if char not in _known:
        # Kept, since texts repeat their letters; bounded by Unicode's own size.
        _known[char] = _open_rare(char)
    return _known[char]


def _open_rare(char: str) -> str:
    if char in _QUOTES:
        return _QUOTES[char]
    out = []
    for part in unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", char)):
        kind = unicodedata.category(part)
        if (kind in _HIDDEN_KINDS and part not in "\n\r\t") or part in _BLANKS:
            continue
        low = part.lower() if len(part.lower()) == 1 else part
        out.append(LOOKALIKES.get(part) or LOOKALIKES.get(low) or _QUOTES.get(low) or low)
    return "".join(out).lower()


def _unleet(reading: _Reading) -> _Reading:
    """Digits and signs read as letters, in words that hold letters too."""
    text = list(reading.text)
    for word in _WORD.finditer(reading.text):
        core = word.group().rstrip("!.|'")
        if any(c.isalpha() for c in core) and any(c in LEET for c in core):
            for i in range(word.start(), word.start() + len(core)):
                text[i] = LEET.get(text[i], text[i])
    return _Reading("".join(text), reading.origin)


def _joined(reading: _Reading) -> _Reading:
    """Spaced-out letters joined: "v o t e" and "v.o.t.e" become "vote"; a wider gap stays a gap."""
    if not _SPACED.search(reading.text):
        return reading
    # Where one long word is spaced out, short ones may be as well.
    drop = {
        place
        for run in _SPACED_SHORT.finditer(reading.text)
        for place in range(run.start(), run.end())
        if reading.text[place] in " .-_*·" and not reading.text.startswith("  ", place)
    }
    drop |= {place for gap in _BEFORE_MARK.finditer(reading.text) for place in range(gap.start(), gap.end())}
    kept = [i for i in range(len(reading.text)) if i not in drop]
    return _Reading("".join(reading.text[i] for i in kept), tuple(reading.origin[i] for i in kept))


def _smooth(reading: _Reading) -> _Reading:
    """Runs of white space, hyphens and underscores as one space."""
    out: list[str] = []
    origin: list[int] = []
    at = 0
    for gap in _SPACES.finditer(reading.text):
        out += [*reading.text[at : gap.start()], " "]
        origin += [*reading.origin[at : gap.start()], reading.origin[gap.start()]]
        at = gap.end()
    out += reading.text[at:]
    origin += reading.origin[at:]
    return _Reading("".join(out), tuple(origin))
