# ruff: noqa: SIM905 - tables of codes read better as words
"""What a grant allows and what a render asks for, axis by axis, deny by default.

An axis that is empty allows nothing. The wildcards are explicit: "any" in purposes, languages and titles,
"001" (UN M49: the world) in territories. The only containments are those the codes themselves spell out: `en`
holds `en-GB` (RFC 4647 basic filtering) and `US` holds `US-CA` (ISO 3166-2). No region other than 001 holds a
country.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from .encoding import MAX_INT
from .errors import InvalidInputError
from .fields import Record, flag, hexes, text, texts, whole

__all__ = [
    "ALL_CONTENT",
    "CONTENT_CLASSES",
    "MODES",
    "NOT_REVIEWABLE",
    "UNLIMITED",
    "Operand",
    "Scope",
    "Use",
    "commercial_licence",
    "covers",
    "within",
]

#: A budget without a limit; spelt "unlimited" in drafts.
UNLIMITED = MAX_INT

MODES = frozenset({"speech", "singing", "conversion"})

CONTENT_CLASSES: dict[str, str] = {
    "political": "campaigning or political persuasion",
    "sexual": "sexual content",
    "endorsement": "endorsing a product, service or cause",
    "impersonation": "passing for a real, named person",
    "hate": "hatred of a group",
    "medical": "medical advice",
    "financial": "financial advice",
    "legal": "legal advice",
    "violence": "incitement to or glorification of violence",
    "religious": "religious preaching",
}
ALL_CONTENT = tuple(sorted(CONTENT_CLASSES))
#: Classes of which no operator may say "I have read it, it is none": what speaks in a person's name.
NOT_REVIEWABLE = frozenset({"impersonation"})

_COUNTRIES = frozenset(
    """AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV
    BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET
    FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM
    IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD
    ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE
    PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST
    SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS
    YE YT ZA ZM ZW""".split()
)

_SLUG = "[a-z][a-z0-9-]{0,39}"
_LANGUAGE = "any|[a-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}"
_TERRITORY = "001|[A-Z]{2}(-[A-Z0-9]{1,3})?"

#: Licences of weights under which selling the sound is allowed. Everything else is treated as non-commercial.
_COMMERCIAL_LICENCES = frozenset(
    """cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 mit mit-0 apache-2.0 isc
    unlicense bsd-2-clause bsd-3-clause 0bsd zlib bsl-1.0 mpl-2.0 lgpl-2.1-or-later lgpl-3.0-or-later
    gpl-2.0-or-later gpl-3.0-only gpl-3.0-or-later agpl-3.0-only agpl-3.0-or-later
    public-domain pddl-1.0 odc-by-1.0""".split()
)


def commercial_licence(name: str) -> bool:
    """Whether weights under this licence may serve a commercial use (an allow-list: unknown means no).

    A conjunction such as "CC-BY-4.0 AND MIT" is commercial when each part is.
    """
    parts = [part.strip(" ()").lower() for part in name.replace(" and ", " AND ").split(" AND ")]
    return all(part in _COMMERCIAL_LICENCES for part in parts)


def _check_territories(items: tuple[str, ...]) -> None:
    for item in items:
        if item != "001" and item[:2] not in _COUNTRIES:
            raise InvalidInputError(
                f"{item!r} is no ISO 3166 country code",
                place="territories",
                remedy='Use codes such as "DE" or "US-CA", or "001" for the whole world',
                reason="field-invalid",
            )


@dataclass(frozen=True)
class Scope(Record):
    """What may be done with a voice.

    Parameters
    ----------
    modes : tuple of str
        Of speech, singing, conversion.
    purposes : tuple of str
        Slugs such as audiobook or podcast, or "any".
    commercial : bool
        Whether the sound may be sold or advertise.
    languages, territories : tuple of str
        BCP 47 tags or "any"; ISO 3166 codes or "001".
    content_refused : tuple of str
        Classes of `CONTENT_CLASSES` the speaker refuses.
    titles : tuple of str
        Exact titles or projects, or "any".
    max_renders, max_seconds : int
        Budgets; `UNLIMITED` for none.
    """

    modes: tuple[str, ...] = texts(choices=MODES)
    purposes: tuple[str, ...] = texts(_SLUG)
    commercial: bool = flag()
    languages: tuple[str, ...] = texts(_LANGUAGE)
    territories: tuple[str, ...] = texts(_TERRITORY)
    content_refused: tuple[str, ...] = texts(choices=CONTENT_CLASSES)
    titles: tuple[str, ...] = texts()
    max_renders: int = whole()
    max_seconds: int = whole()

    def check(self) -> None:
        """Country codes must exist."""
        _check_territories(self.territories)


@dataclass(frozen=True)
class Use(Record):
    """What one render asks for.

    Parameters
    ----------
    mode, purpose : str
        One of `MODES`; a slug.
    commercial : bool
        Whether the result will be sold or advertise.
    languages, territories : tuple of str
        Where the result will be heard; all must be granted.
    title : str
        Title or project.
    seconds : int
        Estimated seconds of sound; the receipt counts the real ones.
    content : tuple of str
        Sensitive classes of `CONTENT_CLASSES` present in the text: declared by the caller, or found by the screen.
    reviewed_content : tuple of str
        Classes of which the operator declares to have read the text and found none, whatever the screen finds. The
        declaration is signed with the intent. Never for impersonation.
    """

    mode: str = text("speech|singing|conversion")
    purpose: str = text(_SLUG)
    commercial: bool = flag(default=False)
    languages: tuple[str, ...] = texts(_LANGUAGE, low=1, default=("en",))
    territories: tuple[str, ...] = texts(_TERRITORY, low=1, default=("001",))
    title: str = text(low=0, default="")
    seconds: int = whole(0, 10**9, default=1)
    content: tuple[str, ...] = texts(choices=CONTENT_CLASSES, default=())
    reviewed_content: tuple[str, ...] = texts(choices=CONTENT_CLASSES, default=())

    def check(self) -> None:
        """A use names real languages and purposes, never a wildcard; some classes cannot be reviewed away."""
        _check_territories(self.territories)
        if "any" in self.languages or self.purpose == "any":
            raise InvalidInputError(
                'a use names its language and purpose; "any" is for grants',
                place="use",
                reason="field-invalid",
            )
        if NOT_REVIEWABLE & set(self.reviewed_content):
            raise InvalidInputError(
                f"{', '.join(sorted(NOT_REVIEWABLE))} cannot be reviewed away",
                place="reviewed_content",
                remedy="Change the text so that it does not speak in a person's name",
                reason="field-invalid",
            )


@dataclass(frozen=True)
class Operand(Record):
    """A file that shapes the sound: its name, SHA-256, role and licence.

    Parameters
    ----------
    name, sha256 : str
        File name without folder; 64 hexadecimal digits.
    role : str
        weights, config or reference.
    license : str
        SPDX-like name.
    """

    name: str = text("[^/\\\\]+")
    sha256: str = hexes(64)
    role: str = text("weights|config|reference")
    license: str = text(high=100)


def _folded(title: str) -> str:
    return " ".join(unicodedata.normalize("NFC", title).casefold().split())


def _language_in(tag: str, granted: tuple[str, ...]) -> bool:
    low = tag.lower()
    return any(g == "any" or low == g.lower() or (tag != "any" and low.startswith(g.lower() + "-")) for g in granted)


def _territory_in(code: str, granted: tuple[str, ...]) -> bool:
    return any(g in ("001", code) or code.startswith(g + "-") for g in granted)


def _title_in(title: str, granted: tuple[str, ...]) -> bool:
    return any(g == "any" or (title != "any" and _folded(g) == _folded(title)) for g in granted)


def covers(scope: Scope, use: Use) -> tuple[str, str] | None:
    """The first axis on which `use` leaves `scope`, as (reason, message), or None when it stays inside."""
    if use.mode not in scope.modes:
        return "mode-not-granted", f"{use.mode} is not among {_list(scope.modes)}"
    if "any" not in scope.purposes and use.purpose not in scope.purposes:
        return "purpose-not-granted", f"{use.purpose} is not among {_list(scope.purposes)}"
    if use.commercial and not scope.commercial:
        return "commercial-not-granted", "the grant allows non-commercial use alone"
    for tag in use.languages:
        if not _language_in(tag, scope.languages):
            return "language-not-granted", f"{tag} is not among {_list(scope.languages)}"
    for code in use.territories:
        if not _territory_in(code, scope.territories):
            return "territory-not-granted", f"{code} is not among {_list(scope.territories)}"
    for item in use.content:
        if item in scope.content_refused:
            return "content-refused", f"the speaker refuses {item} content"
    if not _title_in(use.title, scope.titles):
        return "title-not-granted", f"{use.title!r} is not among {_list(scope.titles)}"
    return None


def within(inner: Scope, outer: Scope) -> tuple[str, ...]:
    """Axes on which `inner` allows more than `outer` (empty when it is a subset)."""
    wider = []
    if not set(inner.modes) <= set(outer.modes):
        wider.append("modes")
    if "any" not in outer.purposes and not set(inner.purposes) <= set(outer.purposes):
        wider.append("purposes")
    if inner.commercial and not outer.commercial:
        wider.append("commercial")
    if not all(_language_in(tag, outer.languages) for tag in inner.languages):
        wider.append("languages")
    if not all(_territory_in(code, outer.territories) for code in inner.territories):
        wider.append("territories")
    if not set(outer.content_refused) <= set(inner.content_refused):
        wider.append("content_refused")
    if not all(_title_in(title, outer.titles) for title in inner.titles):
        wider.append("titles")
    if inner.max_renders > outer.max_renders:
        wider.append("max_renders")
    if inner.max_seconds > outer.max_seconds:
        wider.append("max_seconds")
    return tuple(wider)


def _list(items: tuple[str, ...]) -> str:
    return ", ".join(items) if items else "nothing"
