"""What the Enrol tab says: recordings, findings, a grant and its words, a finished voice."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from consent.challenge import challenge_words, statement_text
from demos.words import bar, basis_words, card, clock, esc, facts, left_of, listing, note, scope_words, short
from voicekit.studio import EnrolStep, Finding, GrantStatus, VoiceStatus

if TYPE_CHECKING:
    from consent import Grant
    from demos.held import Held

__all__ = [
    "EMPTY",
    "HOW",
    "built_html",
    "draft_html",
    "findings_html",
    "grant_html",
    "held_html",
    "people_html",
    "progress_html",
    "words_html",
]

EMPTY = '<div class="vk-empty"><p>What is found in the recordings, and the voice that was built, appear here.</p></div>'
HOW = (
    "<p>A voice is built under a grant that its speaker agreed to, and of the recordings that it names. You cannot "
    "agree for somebody else.</p><ol><li>Give the recordings above, and write the draft here.</li>"
    "<li>The speaker reads it, and changes what they like.</li>"
    "<li>With a key of their own they sign it in a terminal on this machine (the strongest form):<br>"
    "<code>consent keygen speaker.key</code>, <code>consent challenge DRAFT.toml --key speaker.key</code>, then "
    "<code>consent grant DRAFT.toml --key speaker.key --statement spoken.wav</code>.</li>"
    "<li>Or, without a key: they read aloud the words that stand for this very grant, here. This studio checks that it "
    "hears them, and signs that it did.</li></ol>"
)

_STAGES = {
    "fetch": "Fetching the model",
    "check": "Checking the recordings",
    "speaker": "Comparing voices",
    "seal": "Sealing",
    "align": "Finding the words",
    "embedding": "Finding the voice",
    "low-rank": "Learning its details",
    "measure": "Measuring",
}
_NAMES = {
    "too-short": "Length",
    "clipped": "Clipping",
    "noisy": "Noise",
    "reverberant": "Room",
    "music": "Music",
    "several-speakers": "One speaker",
    "too-little-variety": "Variety",
    "repeated": "Repetition",
    "reference-synthetic": "Made by a machine",
    "reference-mismatch": "Named by the grant",
}
_MODES = {"speech": "speaking", "singing": "singing", "conversion": "conversion of takes"}


def held_html(held: Held) -> str:
    """The recordings that were given, by content."""
    if not held.recordings:
        return note("No recording yet. A minute or two of reading aloud is good, ten minutes are better.")
    rows = [f"{n}. {one.name}, {clock(one.seconds)}" for n, one in enumerate(held.recordings, 1)]
    total = clock(sum(one.seconds for one in held.recordings))
    said = f"{len(rows)} recording{'s' if len(rows) > 1 else ''}, {total} in all"
    quiet = "Held in memory only, for half an hour at most; the uploads were deleted."
    return card(said, listing(rows) + f"<p class='vk-quiet'>{quiet}</p>", say=said)


def findings_html(found: Sequence[Finding]) -> str:
    """What was looked at, each with its reason, and what to do about a fault."""
    faults = [one for one in found if one.ok is False]
    words = {True: "good", False: "fault", None: "not done"}
    items = []
    for one in found:
        name = _NAMES.get(one.reason, one.reason)
        text = f"<strong>{esc(name)}: {words[one.ok]}.</strong> {esc(one.text)} <code>{esc(one.reason)}</code>"
        items.append(f"<li>{text}" + (f"<br>{esc(one.remedy)}" if one.remedy else "") + "</li>")
    if faults:
        head = f"{len(faults)} {'fault' if len(faults) == 1 else 'faults'}: no voice would be built from this"
    else:
        head = "A voice can be built from these recordings"
    return card(head, f"<ul>{''.join(items)}</ul>", kind="stop" if faults else "good", say=head)


def grant_html(grant: GrantStatus, statement: Grant, unfinished: bool) -> str:
    """A grant that allows a voice, as far as it matters here."""
    for_what, where = scope_words(grant.purposes, grant.territories, grant.languages)
    spoken = any(one.kind == "spoken" for one in statement.evidence)
    rows = [
        ("Voice", esc(grant.voice)),
        ("Allows", esc(", ".join(_MODES.get(mode, mode) for mode in grant.modes) + f"; {for_what}, {where}")),
        ("May be built", "embedding and low-rank part" if statement.adaptation == "low-rank" else "embedding alone"),
        ("Recordings it names", str(len(statement.references))),
        ("Strength (tier)", esc(grant.tier)),
        ("Left", esc(left_of(grant))),
        ("Words that stand for it", esc(", ".join(challenge_words(statement)))),
        ("They were read aloud", "yes: give that recording below to have it compared" if spoken else "no"),
    ]
    body = facts(rows)
    if unfinished:
        body += "<p><strong>A stopped enrolment can go on:</strong> press Build; the recordings are sealed already.</p>"
    return card(f"Grant {short(grant.id)}", body)


def draft_html(say: str, text: str) -> str:
    """What to do with a draft, and a link that saves it; the browser holds all of it."""
    data = b64encode(text.encode()).decode()
    link = f'<a href="data:application/toml;base64,{data}" download="draft.toml">Save the draft</a>'
    return f"<p>{esc(say)}.</p><p>{link}</p>"


def words_html(statement: Grant) -> str:
    """What the speaker is to read aloud."""
    text = statement_text(statement, "")
    body = f"<p class='vk-read'>{esc(text)}</p>"
    body += "<p>Good for fifteen minutes and for this grant alone. Then record it below.</p>"
    return card("To be read aloud by the speaker", body, say=text)


def progress_html(now: EnrolStep | None) -> str:
    """How far the building is."""
    if now is None:
        return bar(0.0, "Starting …", "Enrolment begins", label="Enrolment")
    stage = _STAGES.get(now.stage, now.stage)
    left = f"about {clock(now.left_s)} left in all" if now.left_s is not None else "time left not yet known"
    return bar(now.done, f"{stage}, {left}", stage, label="Enrolment")


def built_html(card_of: dict[str, Any], name: str, notices: Sequence[str] = ()) -> str:
    """A voice's card: data, tier, measures, likeness, weaknesses."""
    measured = card_of.get("measured", {})
    rows = [
        ("Basis", esc(basis_words(str(card_of.get("basis", ""))))),
        ("Strength (tier)", esc(card_of.get("tier", ""))),
        ("Built as", esc(card_of.get("method", ""))),
        ("Data", esc(", ".join(card_of.get("data", ())))),
        *((label, text) for label, text in _measures(measured)),
    ]
    body = facts(rows) + "<p><strong>Weaknesses</strong></p>" + listing(list(card_of.get("weaknesses", ())))
    if notices:
        body += "<p><strong>Worth knowing</strong></p>" + listing(list(notices))
    return card(f"The voice {esc(name)}", body, kind="good")


def _measures(measured: dict[str, Any]) -> list[tuple[str, str]]:
    def of(name: str) -> float | None:
        value = measured.get(name)
        return int(value) / 1000 if value is not None else None

    rows = []
    if (like := of("similarity_ppm")) is not None:
        by = esc(measured.get("similarity_engine", ""))
        rows.append(("Likeness to its recordings", f"{like / 1000:.2f} of 1 ({by})"))
    else:
        rows.append(("Likeness to its recordings", "not measured"))
    low, middle, high = (of(f"pitch_{one}_millihertz") for one in ("low", "middle", "high"))
    if low is not None and middle is not None and high is not None:
        rows.append(("Pitch (low, middle, high)", f"{low:.0f}, {middle:.0f}, {high:.0f} Hz"))
    if (rate := of("rate_ppm")) is not None:
        rows.append(("Tempo", f"{rate / 1000:.2f} of the general model's"))
    if (error := of("envelope_error_millidb")) is not None:
        rows.append(("Error of the spectrum", f"{error:.1f} dB"))
    if (aligned := of("aligned_milli")) is not None:
        rows.append(("Learnt from", f"{aligned:.0f} s whose words were found"))
    return rows


def people_html(people: Sequence[VoiceStatus]) -> str:
    """The voices that were built here."""
    if not people:
        return note("No person's voice was built here yet.")
    items = "".join(
        f"<details class='vk-more'><summary>{esc(one.name)}, tier {esc(one.card.get('tier', ''))}</summary>"
        f"{built_html(one.card, one.name)}</details>"
        for one in people
    )
    return card("Voices that were built here", items)
