"""A grant as one sheet of paper: what is signed, in plain words, and nothing presented as signed that is not.

The page is made from the payload itself. Every field is taken off a list as it is put on the page; what no sentence
here knows is shown by its own name, so a new field can never be signed without being seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .authority import TIERS, assure
from .encoding import sha256_hex
from .envelope import Envelope
from .html import amount, moment, page, show
from .persons import Person
from .statements import Grant, key_of

__all__ = ["GrantPaper", "grant_page"]

_TITLE = {
    "consent": "Permission to use a voice",
    "dedication": "Use of a voice from recordings given to everybody",
    "no-donor": "Use of a voice that is nobody's",
}
_BASIS = {
    "consent": "the speaker agrees to this use",
    "dedication": "the recordings were given to everybody; nobody agreed to synthesis in particular",
    "no-donor": "a blend measured to match no speaker; nobody's voice was lent, so nobody consented",
}
_ADAPTATION = {
    "embedding": "from these recordings: numbers that set a general model to this voice",
    "low-rank": "from these recordings: numbers that set a general model to this voice, and changes to a part of it",
}
_EFFECT = {
    "stop-new": "nothing new is made; what was delivered before stays",
    "delete-voice": "nothing new is made and the voice itself is deleted; what was delivered before stays",
    "recall": "nothing new is made, the voice is deleted, and what was delivered is called back",
}
_AUDIBLE = {
    "never": "no spoken notice",
    "always": "a spoken notice in every file",
    "policy": "a spoken notice where the operator's policy or the law asks for one",
}
#: What a page says by itself; never part of what is signed.
NOT_MEANT = (
    "It does not say who anybody is: keys sign, and a key can be lent, lost or stolen.",
    "It does not show that whoever agreed understood it, nor that a use is lawful.",
    "It gives no right beyond what is written, and none to anybody but the operator named.",
    "A machine checks modes, purposes, languages, territories, titles, budgets, dates and files before each render. It "
    "cannot check whether text and audience are what the operator states, whether anybody is paid or advised, who "
    "receives the sound, or whether files are really erased or called back: that is a promise.",
)


@dataclass(frozen=True)
class GrantPaper:
    """What is put on paper.

    Parameters
    ----------
    grant : Grant
        The grant.
    envelope : Envelope or None
        With its signatures; None for a draft that nobody signed.
    person : Person or None
        Name and contact from beside the ledger; shown only if the name opens the grant's commitment.
    notice : str
        Text of the notice; shown only if it has the signed hash.
    words : sequence of str
        The spoken challenge's words for this grant.
    final : bool
        Whether nonce and time are those that will be signed. A draft that is read again gets new ones, so its number
        is not shown.
    """

    grant: Grant
    envelope: Envelope | None = None
    person: Person | None = None
    notice: str = ""
    words: Sequence[str] = ()
    final: bool = True


class _Leaves:
    """Takes fields off the payload and remembers what is left."""

    def __init__(self, obj: dict[str, Any]) -> None:
        self.left: dict[str, Any] = {}
        self._flatten("", obj)

    def _flatten(self, place: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                self._flatten(f"{place}.{name}".strip("."), item)
        elif isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
            for index, item in enumerate(value):
                self._flatten(f"{place}[{index}]", item)
        else:
            self.left[place] = value

    def take(self, place: str, default: Any = "") -> Any:
        """The value at a place, taken off."""
        return self.left.pop(place, default)

    def text(self, place: str) -> str:
        """HTML of a text, or of "none" where there is none."""
        value = self.take(place)
        return show(value) if value != "" else "none"

    def code(self, place: str) -> str:
        """HTML of a hash or key."""
        value = self.take(place)
        return f'<span class="code">{show(value)}</span>' if value != "" else "none"

    def items(self, place: str, empty: str, names: dict[str, str] | None = None) -> str:
        """HTML of a list of texts, each in its own box."""
        found = self.take(place, [])
        known = names or {}
        boxes = [f'<span class="item">{show(item)}</span>{_gloss(known.get(item, ""))}' for item in found]
        return " ".join(boxes) or empty

    def number(self, place: str) -> str:
        """HTML of an amount."""
        return amount(int(self.take(place, 0)))

    def time(self, place: str) -> str:
        """HTML of a point of time."""
        return moment(int(self.take(place, 0)))

    def yes(self, place: str, default: bool = False) -> str:
        """yes or no."""
        return "yes" if self.take(place, default) else "no"

    def rows(self, place: str) -> list[str]:
        """Places of a list's records."""
        count = 0
        while any(name.startswith(f"{place}[{count}]") for name in self.left):
            count += 1
        return [f"{place}[{i}]" for i in range(count)]


def _gloss(text: str) -> str:
    return f' <span class="gloss">{text}</span>' if text else ""


def grant_page(paper: GrantPaper) -> str:
    """The grant as one self-contained HTML document.

    Returns
    -------
    str
        No scripts and nothing loaded from elsewhere; prints to one sheet of A4 or Letter for an ordinary grant.
    """
    grant = paper.grant
    leaves = _Leaves(grant.as_obj())
    signed = _signed(leaves)
    title = _TITLE[grant.basis]
    body = [
        f"<h1>{title}</h1>",
        _status(paper),
        _lead(paper),
        signed,
        _number(paper),
        f'<div class="pair">\n{_withdraw(paper)}\n{_meaning()}\n</div>',
        _signatures(paper),
    ]
    return page(f"{title}: {grant.voice}", "\n".join(body))


def _status(paper: GrantPaper) -> str:
    if paper.envelope is None:
        return '<p class="status">Draft. Nobody has signed this, and it permits nothing.</p>'
    found = assure(paper.grant, paper.envelope)
    rank = f"{found.tier} &ndash; {TIERS[found.tier]}"
    if found.could_be:
        rank += f"; {found.could_be} for whoever knows the key that signed"
    return f'<p class="status">Signed. Assurance: {rank}.</p>'


def _lead(paper: GrantPaper) -> str:
    grant = paper.grant
    who = "The speaker"
    if grant.basis != "consent":
        who = "No speaker"
    elif paper.person is not None and paper.person.commitment == grant.subject.name_commit:
        who = show(paper.person.name)
    verb = "allows" if grant.basis == "consent" else "was asked; what is written here is what lets"
    tail = "to make sound" if grant.basis == "consent" else "make sound"
    return (
        f'<p class="lead">{who} {verb} {show(grant.grantee.name)} {tail} in the synthetic voice '
        f"{show(grant.voice)} for the uses written here. Everything that is not allowed here is refused.</p>"
    )


def _signed(leaves: _Leaves) -> str:
    blocks = [
        _block("What for", [("", leaves.text("intended_use"))]),
        '<div class="columns"><div>',
        _block("What is allowed", _allowed(leaves)),
        _block("Your recordings and data", _kept(leaves)),
        "</div><div>",
        _block("How long", _term(leaves)),
        _block("How it is marked", _marks(leaves)),
        _block("Withdrawal", _effect(leaves)),
        _block("Pay and advice", _pay(leaves)),
        "</div></div>",
        _block("Who", _who(leaves)),
        _block("Files and papers this is bound to", _bound(leaves)),
        _block("This statement", _head(leaves)),
    ]
    rest = [(name, _raw(value)) for name, value in sorted(leaves.left.items())]
    if rest:
        blocks.append(_block("Further fields", [(show(name), value) for name, value in rest]))
    head = (
        '<p class="kind">The signed content <span class="gloss">words like these explain, and are not signed</span></p>'
    )
    return f'<section class="signed">\n{head}\n' + "\n".join(blocks) + "\n</section>"


def _block(title: str, rows: Sequence[tuple[str, str]]) -> str:
    if len(rows) == 1 and not rows[0][0]:
        return f"<div><h2>{title}</h2><p>{rows[0][1]}</p></div>"
    lines = "\n".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    return f"<div><h2>{title}</h2>\n<dl>\n{lines}\n</dl></div>"


def _raw(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(f'<span class="item">{_raw(item)}</span>' for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return show(value) if isinstance(value, str) else str(value)


def _allowed(leaves: _Leaves) -> list[tuple[str, str]]:
    any_ = {"any": "whatever it is"}
    return [
        ("Kinds of sound", leaves.items("scope.modes", "none")),
        ("Purposes", leaves.items("scope.purposes", "none", any_)),
        ("Sold or advertising", leaves.yes("scope.commercial")),
        ("Languages", leaves.items("scope.languages", "none", any_)),
        ("Territories", leaves.items("scope.territories", "none", {"001": "the whole world"})),
        ("Titles, projects", leaves.items("scope.titles", "none", any_)),
        ("Renders at most", leaves.number("scope.max_renders")),
        ("Seconds at most", leaves.number("scope.max_seconds")),
        ("Refused content", leaves.items("scope.content_refused", "nothing is refused")),
    ]


def _term(leaves: _Leaves) -> list[tuple[str, str]]:
    days = int(leaves.take("validity.recheck_days", 0))
    return [
        ("From", leaves.time("validity.not_before")),
        ("Until", leaves.time("validity.not_after")),
        ("Confirm again", f"after {days} days" if days else "not asked for"),
    ]


def _marks(leaves: _Leaves) -> list[tuple[str, str]]:
    audible = leaves.take("disclosure.audible")
    return [
        ("Signed metadata", leaves.yes("disclosure.metadata")),
        ("Watermark", leaves.yes("disclosure.watermark")),
        ("Audible notice", f"{show(audible)}{_gloss(_AUDIBLE.get(audible, ''))}"),
        ("Credit", leaves.text("disclosure.credit")),
    ]


def _effect(leaves: _Leaves) -> list[tuple[str, str]]:
    effect = leaves.take("withdrawal.effect")
    return [
        ("How", leaves.text("withdrawal.how")),
        ("What it does", f"{show(effect)}{_gloss(_EFFECT.get(effect, ''))}"),
    ]


def _kept(leaves: _Leaves) -> list[tuple[str, str]]:
    return [
        ("Recordings kept", f"{leaves.number('retention.reference_days')} days{_gloss('after the grant has ended')}"),
        ("Voice data kept", f"{leaves.number('retention.embedding_days')} days{_gloss('after the grant has ended')}"),
        ("Where", leaves.text("retention.location")),
        ("Others who get it", leaves.items("recipients", "nobody else")),
    ]


def _pay(leaves: _Leaves) -> list[tuple[str, str]]:
    return [
        ("Pay", f"{leaves.text('compensation.kind')}, reference {leaves.text('compensation.ref')}"),
        (
            "Advice",
            f"counsel: {leaves.yes('representation.counsel')}; union: {leaves.text('representation.union')}; "
            f"told {leaves.number('representation.notice_hours')} hours before",
        ),
    ]


def _who(leaves: _Leaves) -> list[tuple[str, str]]:
    basis = leaves.take("basis")
    adult = leaves.yes("subject.adult", True)
    return [
        ("Basis", f"{show(basis)}{_gloss(_BASIS.get(basis, ''))}"),
        ("Voice", leaves.text("voice")),
        (
            "Speaker",
            f"adult: {adult}; law of: {leaves.text('subject.jurisdiction')}; "
            f"guardian's key: {leaves.code('subject.guardian_key')}",
        ),
        ("Speaker's key", leaves.code("subject.key")),
        ("Hash of the name", leaves.code("subject.name_commit")),
        (
            "Operator",
            f"{leaves.text('grantee.name')}; contact: {leaves.text('grantee.contact')}; {leaves.code('grantee.key')}",
        ),
        (
            "Notice shown",
            f"language {leaves.text('notice.language')}, version {leaves.text('notice.version')}, "
            f"hash {leaves.code('notice.sha256')}",
        ),
    ]


def _bound(leaves: _Leaves) -> list[tuple[str, str]]:
    rows = [
        (
            "Model file",
            f"{leaves.text(f'{at}.name')}, licence {leaves.text(f'{at}.license')}, {leaves.code(f'{at}.sha256')}",
        )
        for at in leaves.rows("weights")
    ]
    for at in leaves.rows("references"):
        milli = int(leaves.take(f"{at}.seconds_milli", 0))
        rows.append(
            (
                "Recording",
                f"{leaves.text(f'{at}.name')}, {milli} ms, file {leaves.code(f'{at}.file_sha256')}, "
                f"samples {leaves.code(f'{at}.pcm_sha256')}",
            )
        )
    built = leaves.take("adaptation")
    if built:
        rows.append(("A voice may be built", f"{show(built)}{_gloss(_ADAPTATION.get(built, ''))}"))
    for at in leaves.rows("evidence"):
        line = f"{leaves.text(f'{at}.kind')}: {leaves.text(f'{at}.note')}, {leaves.code(f'{at}.sha256')}"
        more = [name for name in leaves.left if name.startswith(f"{at}.")]
        line += "".join(f"; {show(name.removeprefix(f'{at}.'))} {_raw(leaves.take(name))}" for name in more)
        rows.append(("Evidence", line))
    rows.append(("Replaces", leaves.items("supersedes", "no earlier grant")))
    return rows


def _head(leaves: _Leaves) -> list[tuple[str, str]]:
    return [
        ("Made", f"{leaves.time('time')}; {leaves.text('kind')}, {leaves.text('spec')}"),
        ("Ledger, nonce", f"{leaves.code('ledger')}, {leaves.code('nonce')}"),
    ]


def _withdraw(paper: GrantPaper) -> str:
    name = paper.grant.digest[:16] if paper.final else "GRANT"
    lines = [
        "<li>In the way written above under &ldquo;Withdrawal&rdquo;, at any time and without a reason.</li>",
        "<li>With the revocation certificate that was made with this grant: give the file to the operator, or to "
        "anybody who renders with this voice. It counts as soon as it lies in the ledger's folder.</li>",
        f"<li>With the speaker's key: <code>consent revoke {name} --key speaker.key</code></li>",
    ]
    person = ""
    if paper.person is not None and paper.person.commitment == paper.grant.subject.name_commit:
        contact = f", contact {show(paper.person.contact)}" if paper.person.contact else ""
        person = (
            f"<p>Name kept beside the ledger: {show(paper.person.name)}{contact}. It opens the hash above, can be "
            "erased at any time, and is not part of what is signed.</p>"
        )
    notice = ""
    if paper.notice and sha256_hex(paper.notice.encode("utf-8")) == paper.grant.notice.sha256:
        notice = (
            "<p>The notice with the hash above: "
            f'<span lang="{paper.grant.notice.language}">{show(" ".join(paper.notice.split()))}</span></p>'
        )
    return (
        '<aside>\n<h2>How to withdraw <span class="gloss">explanation, not signed</span></h2>\n<ul>\n'
        + "\n".join(lines)
        + f"\n</ul>\n{person}{notice}</aside>"
    )


def _number(paper: GrantPaper) -> str:
    if not paper.final:
        return "<p>The number of the grant is made when it is signed.</p>"
    words = f'<p class="words">{" &middot; ".join(show(word) for word in paper.words)}</p>' if paper.words else ""
    said = (
        "<p>These words are spoken to agree aloud. They stand for this grant and no other.</p>" if paper.words else ""
    )
    digest = paper.grant.digest
    groups = " ".join(digest[i : i + 8] for i in range(0, 64, 8))
    return (
        f'<div><h2>Number of this grant (SHA-256 of the signed content)</h2>\n<p class="code" '
        f'data-digest="{digest}">{groups}</p>\n{words}{said}</div>'
    )


def _meaning() -> str:
    lines = "\n".join(f"<li>{line}</li>" for line in NOT_MEANT)
    head = 'What this does not mean <span class="gloss">explanation, not signed</span>'
    return f"<aside>\n<h2>{head}</h2>\n<ul>\n{lines}\n</ul>\n</aside>"


def _signatures(paper: GrantPaper) -> str:
    roles = {paper.grant.subject.key: "speaker", paper.grant.grantee.key: "operator"}
    if paper.grant.subject.guardian_key:
        roles[paper.grant.subject.guardian_key] = "guardian"
    if paper.grant.subject.key == paper.grant.grantee.key:
        roles[paper.grant.grantee.key] = "operator, who attests for the speaker"
    lines = ""
    if paper.envelope is not None:
        present = {key.did for key in paper.envelope.signers([key_of(did) for did in roles])}
        lines = "\n".join(
            f"<li>{role}: {'valid signature' if did in present else 'no signature'} of "
            f'<span class="code">{show(did)}</span></li>'
            for did, role in roles.items()
        )
        lines = f"<h2>Signatures checked when this page was made</h2>\n<ul>\n{lines}\n</ul>\n"
    return (
        f'{lines}<div class="sign"><div>Place, date, signature of the speaker (or guardian)</div>'
        "<div>Place, date, signature for the operator</div></div>"
    )
