"""The languages whose words can be said, and what a text's own language tag means.

The voices learnt English.  Another language is phonemised by its own rules and said with the nearest English sounds
(`voicekit.text.accent`): a declared accent.  A language that is not in the table is not guessed at.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from voicekit.errors import UsageError

__all__ = ["ENGLISH", "LANGUAGES", "Language", "asked_languages", "base_tag", "language_of", "script_language"]

ENGLISH = "en"
#: Tags that say nothing: undetermined, several, none, uncoded.
_UNTOLD = frozenset({"", "und", "mul", "zxx", "mis"})
_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8}){0,4}")


@dataclass(frozen=True)
class Language:
    """A language whose words can be said.

    Attributes
    ----------
    tag : str
        ISO 639-1.
    name : str
        In English.
    espeak : str
        Its voice in espeak-ng; empty where the letter-to-sound rules are ours.
    script : str
        First word of the Unicode names of its letters.
    decimal : str
        Word for the decimal sign; empty where numbers are not read.
    aliases : tuple of str
        Other tags (ISO 639-2, macrolanguages) and the language's own name.
    """

    tag: str
    name: str
    espeak: str
    script: str = "LATIN"
    decimal: str = ""
    aliases: tuple[str, ...] = ()


LANGUAGES: dict[str, Language] = {
    one.tag: one
    for one in (
        Language("en", "English", "en-us", decimal="point", aliases=("eng",)),
        Language("ca", "Catalan", "ca", decimal="coma", aliases=("cat", "català")),
        Language("cs", "Czech", "cs", decimal="celá", aliases=("ces", "cze", "čeština")),
        Language("da", "Danish", "da", decimal="komma", aliases=("dan", "dansk")),
        Language("de", "German", "de", decimal="Komma", aliases=("deu", "ger", "deutsch")),
        Language("el", "Greek", "el", "GREEK", "κόμμα", ("ell", "gre", "ελληνικά")),
        Language("es", "Spanish", "es", decimal="coma", aliases=("spa", "español")),
        Language("fi", "Finnish", "fi", decimal="pilkku", aliases=("fin", "suomi")),
        Language("fr", "French", "fr-fr", decimal="virgule", aliases=("fra", "fre", "français")),
        Language("hu", "Hungarian", "hu", decimal="egész", aliases=("hun", "magyar")),
        Language("it", "Italian", "it", decimal="virgola", aliases=("ita", "italiano")),
        Language("ja", "Japanese", "", "KANA", "", ("jpn", "日本語")),
        Language("la", "Latin", "", aliases=("lat", "latina")),
        Language("nl", "Dutch", "nl", decimal="komma", aliases=("nld", "dut", "nederlands")),
        Language("pl", "Polish", "pl", decimal="przecinek", aliases=("pol", "polski")),
        Language("pt", "Portuguese", "pt", decimal="vírgula", aliases=("por", "português")),
        Language("ro", "Romanian", "ro", decimal="virgulă", aliases=("ron", "rum", "română")),
        Language("ru", "Russian", "ru", "CYRILLIC", "запятая", ("rus", "русский")),
        Language("sv", "Swedish", "sv", decimal="komma", aliases=("swe", "svenska")),
    )
}
_BY_NAME = {
    name: one.tag for one in LANGUAGES.values() for name in (one.tag, one.name.lower(), *one.aliases)
}  # fmt: skip


def base_tag(tag: str) -> str:
    """The primary language of a tag: ``de`` for ``de-AT``, ``ger`` or ``Deutsch``.

    Returns
    -------
    str
        Empty where the tag says nothing; ``und`` where it says something nobody can make out.
    """
    low = unicodedata.normalize("NFC", tag).strip().lower().replace("_", "-")
    if low.split("-")[0] in _UNTOLD:
        return ""
    if low in _BY_NAME:
        return _BY_NAME[low]
    if not _TAG.fullmatch(low):
        return "und"
    first = low.split("-")[0]
    return _BY_NAME.get(first, first)


def language_of(tag: str) -> Language:
    """The language of a tag.

    Raises
    ------
    UsageError
        Its sounds are not known.
    """
    found = LANGUAGES.get(base_tag(tag) or ENGLISH)
    if found is None:
        known = ", ".join(sorted(LANGUAGES))
        raise UsageError(f"no voice can say words of the language {tag!r}", f"choose from {known}")
    return found


def script_language(text: str) -> str:
    """The language that its letters alone give away: ``ja`` for kana; else empty."""
    return "ja" if any("ぁ" <= c <= "ヺ" for c in unicodedata.normalize("NFKC", text)) else ""


def asked_languages(stated: Iterable[str], marked: Iterable[str], said: Iterable[str]) -> tuple[str, ...]:
    """What a grant has to cover: the languages stated, those a text is marked with, and those really said.

    Stating another language does not take the marked one away: a German book is not made English by saying so.
    A dialect that was stated (``en-GB``) stands for its language.

    Parameters
    ----------
    stated, marked, said : iterable of str
        Tags.

    Returns
    -------
    tuple of str
        Never empty.
    """
    asked = list(dict.fromkeys(stated))
    for tag in (*marked, *said):
        base = base_tag(tag)
        if base == "und" and asked:
            continue
        if base and base not in {base_tag(one) for one in asked}:
            asked.append(base)
    return tuple(asked) or (ENGLISH,)
