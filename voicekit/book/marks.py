"""What the marks of a page say of the voice: which italics are emphasis, and what is a quotation or another language.

``em`` and ``strong`` are emphasis by definition, but where they hold a title all the same (several words, each with a
capital).  ``i`` is by definition *not*: titles, ships, species, foreign words and
thoughts stand in it.  Yet books made from print have every emphasis in ``i``; so one or two small-lettered words in it
without a mark that says otherwise are taken for emphasis.  ``b`` is only to be seen.

Source
------
HTML Living Standard 4.5.2 (em), 4.5.3 (strong), 4.5.21 (i), 4.5.22 (b), 4.5.7 (q), 4.4.4 (blockquote).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lxml import etree

__all__ = ["LONGEST", "language_of_node", "mark_of"]

LONGEST = 5  #: words; what is longer is a title, a letter or a whole paragraph in italics
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_TITLE_CLASS = re.compile(
    r"(?:^|[\s_-])(?:title|book|journal|publication|work|ship|vessel|foreign|taxon|species|binomial|name|letter|"
    r"thought|stage|direction|label)(?:$|[\s_-])",
    re.IGNORECASE,
)
_PLAIN_KINDS = frozenset({"paragraph", "quote", "list", "verse", "note"})
_SMALL = re.compile(r"[a-z]+(?:['’][a-z]+)?[,.;:!?]?(?: [a-z]+(?:['’][a-z]+)?[,.;:!?]?)?")
_FIRST_PERSON = "I"
_INITIALS = re.compile(r"(?<!\w)\w\.\w")  # i.e., q.v.
_LITTLE = frozenset(
    ["a", "an", "and", "as", "at", "before", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"]
)


def mark_of(
    node: etree._Element, name: str, types: Sequence[str], kind: str, language: str, around: Sequence[str]
) -> str:
    """What an inline element asks of the voice.

    Parameters
    ----------
    node : lxml element
    name : str
        Its local name, in small letters.
    types : sequence of str
        Its ``epub:type``.
    kind : str
        Of the block that it stands in.
    language : str
        Of its words, where it is not the document's.
    around : sequence of str
        Local names of its ancestors.

    Returns
    -------
    str
        ``emphasis``, ``strong``, ``quote``, or empty.
    """
    if name == "q":
        return "quote"
    if name not in ("em", "strong", "i") or kind not in _PLAIN_KINDS or "cite" in around or "th" in around:
        return ""
    if types or language or _TITLE_CLASS.search(node.get("class") or ""):
        return ""
    words = " ".join("".join(node.itertext()).split())
    if not words or len(words.split()) > LONGEST or any(child.tag == "cite" for child in node.iter()):
        return ""
    if _INITIALS.search(words) or (" " in words and _is_title(words)):
        return ""
    if name == "i":
        return "emphasis" if words == _FIRST_PERSON or _SMALL.fullmatch(words) else ""
    return "strong" if name == "strong" or "strong" in around else "emphasis"


def _is_title(words: str) -> bool:
    """Whether all words but the little ones begin with a capital or a figure."""
    first, *others = words.split()
    return not first[:1].islower() and all(not w[:1].islower() or w in _LITTLE for w in others)


def language_of_node(node: etree._Element) -> str:
    """The language an element is marked with, or an empty string."""
    return (node.get(_XML_LANG) or node.get("lang") or node.get("xml:lang") or "").strip()
