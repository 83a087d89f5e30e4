"""The screen of texts: what it finds, through which disguises, and that it leaves ordinary literature alone.

The prompts were written before the rules were tried on them; each class holds a paraphrase that a keyword screen cannot
find, so that the recall printed here is not 100 %. Truth is the label in the file.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from consent import CONTENT_CLASSES, ConsentRefusedError, InvalidInputError, Scope, UsageError, Use, verify_file
from consent.content import Finding, screen
from consent.content_rules import RULES
from consent.scope import NOT_REVIEWABLE
from consent.statements import RenderDenied, parse_statement
from tests.consent.world import RELEASE, SHARED, USE, WIDE, World

ROOT = Path(__file__).resolve().parents[2]
PROMPTS = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "data" / "prompts.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
#: Classes that must not be found in literature at all; the others are counted.
NEVER = {"impersonation", "endorsement", "political"}

CYRILLIC = dict(zip("aceopxysijABEHKMOPCTX", "асеорхуѕіјАВЕНКМОРСТХ", strict=True))
GREEK = dict(zip("oviuptnABEZHIKMNOPTYX", "ονιυρτηΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", strict=True))


def classes(text: str) -> set[str]:
    return {item.content for item in screen(text)}


def swap(table: dict[str, str]):
    return lambda text: "".join(table.get(char, char) for char in text)


def leet(text: str) -> str:
    table = {"o": "0", "i": "1", "e": "3", "a": "4", "s": "5", "t": "7"}
    # A lone letter stays: "4" for "a" is a number to any reader.
    return " ".join("".join(table.get(c, c) for c in w) if len(w) > 3 and w.isalpha() else w for w in text.split(" "))


def inside_words(filler: str):
    return lambda text: " ".join(w[:2] + filler + w[2:] if len(w) > 3 else w for w in text.split(" "))


def fullwidth(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def mathematical(text: str) -> str:
    return "".join(chr(0x1D41A + ord(c) - 97) if "a" <= c <= "z" else c for c in text)


EVASIONS = {
    "zero-width space": lambda text: "\u200b".join(text),
    "zero-width joiner": inside_words("\u200d"),
    "word joiner": inside_words("\u2060"),
    "soft hyphen": inside_words("\u00ad"),
    "bidi override": inside_words("\u202e\u202c"),
    "variation selector": inside_words("\ufe0f"),
    "combining accents": lambda text: "".join(c + "\u0301" if c in "aeou" else c for c in text),
    "cyrillic": swap(CYRILLIC),
    "greek": swap(GREEK),
    "fullwidth": fullwidth,
    "mathematical bold": mathematical,
    "upper case": str.upper,
    "leet": leet,
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "line breaks": lambda text: text.replace(" ", "\n"),
    "spaced letters": lambda text: "   ".join(" ".join(w) for w in text.split(" ")),
    "SSML inside words": inside_words('<break time="1ms"/>'),
    "SSML between words": lambda text: text.replace(" ", ' <emphasis level="strong"/>'),
    "SSML instead of spaces": lambda text: text.replace(" ", '<mark name="x"/>'),
    "SSML sub alias": lambda text: "<speak><sub alias='" + text.replace("'", "&#39;") + "'>x</sub></speak>",
    "comment inside words": inside_words("<!-- x -->"),
    "entities": lambda text: "".join(f"&#{ord(c)};" if c.isalpha() else c for c in text),
    "entity of a zero-width space": inside_words("&#8203;"),
}


def test_recall_by_class_and_false_findings(record_property) -> None:
    found, total = Counter(), Counter()
    for label, text in PROMPTS:
        total[label] += 1
        found[label] += label in classes(text) if label != "none" else not classes(text)
    for label in total:
        record_property(label, f"{found[label]}/{total[label]}")
    assert set(total) == {*CONTENT_CLASSES, "none"} and sum(total.values()) >= 120
    # Each class holds one paraphrase that keywords cannot find; nothing else may be missed.
    assert {label: total[label] - found[label] for label in total} == {
        **dict.fromkeys(CONTENT_CLASSES, 1),
        "impersonation": 0,
        "none": 0,
    }


@pytest.mark.parametrize("evasion", EVASIONS)
def test_a_disguise_is_found_where_the_plain_form_is(evasion: str) -> None:
    missed = []
    for label, text in PROMPTS:
        if evasion == "spaced letters" and "0.5" in text:
            continue  # the one known miss: a decimal point that was spaced out reads as a full stop
        hidden = EVASIONS[evasion](text)
        assert hidden != text or evasion in ("upper case", "leet"), text
        if label != "none" and label in classes(text) and label not in classes(hidden):
            missed.append(hidden)
    assert missed == []


def test_the_disguises_of_harmless_sentences_stay_harmless() -> None:
    wrong = [
        (name, text) for label, text in PROMPTS if label == "none" for name in EVASIONS if classes(EVASIONS[name](text))
    ]
    assert wrong == []


def test_offsets_point_into_the_original() -> None:
    text = "She said: v\u200bo\u0442e for J\u0430ne Miller on <break/>November fifth, and left."
    (found,) = [item for item in screen(text) if item.rule == "vote-for-date"]
    assert text[found.start : found.end] == "v\u200bo\u0442e for J\u0430ne Miller on <break/>November"
    assert found == Finding("political", 10, text.index(" fifth"), found.rule)


def test_a_finding_keeps_no_words() -> None:
    (found,) = screen("Convert to Islam today.")
    assert "islam" not in repr(found).lower()


def test_rules_name_known_classes_once() -> None:
    assert {rule.content for rule in RULES} == set(CONTENT_CLASSES)
    assert len({(rule.content, rule.name) for rule in RULES}) == len(RULES)


HOSTILE = ["", " ", "<" * 20_000, "<!--" * 10_000, "a " * 20_000, "this is " * 10_000, "&#" * 20_000, "\u200b" * 9_000]
HOSTILE += ["mom accident " * 5_000, "vote for jane " * 5_000, "\u202e" + "x" * 50_000, "<a " * 10_000, "1 % " * 10_000]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_take_no_time(text: str) -> None:
    begin = time.process_time()
    screen(text)
    assert time.process_time() - begin < 5.0


def literature() -> list[tuple[str, str]]:
    found = [("chapter.txt", (ROOT / "voicekit" / "demo" / "chapter.txt").read_text(encoding="utf-8"))]
    from voicekit.book import read_book

    for path in sorted((SHARED / "samples" / "epub").glob("*.epub")):
        for number, chapter in enumerate(read_book(path).reading):
            found.append((f"{path.name} {number}", "\n".join(item.text for item in chapter.sentences())))
    return found


def test_literature_is_left_alone(record_property) -> None:
    if not (SHARED / "samples" / "epub").is_dir():
        pytest.skip(f"sample books are not at {SHARED / 'samples' / 'epub'}; set VOICEKIT_SHARED")
    texts = literature()
    found = [(name, item) for name, text in texts for item in screen(text)]
    record_property("characters", sum(len(text) for _, text in texts))
    record_property("others", len(found))
    assert len(texts) > 20 and sum(len(text) for _, text in texts) > 300_000
    assert [pair for pair in found if pair[1].content in NEVER] == []
    assert found == []  # of the other classes too, as docs/ledger.md says


def test_read_sentences_are_left_alone() -> None:
    path = SHARED / "corpus" / "transcripts.tsv"
    if not path.is_file():
        pytest.skip(f"transcripts are not at {path}; set VOICEKIT_SHARED")
    lines = [line.split("\t")[2] for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    assert len(lines) > 500
    assert [line for line in lines if classes(line)] == []


# the gate

POLITICAL = "Vote for Jane Miller on November fifth."
THREAT = "I am going to kill you and your family, said the ogre."


def ask(world: World, text: str, use: Use = USE, **changes: object):
    commitment = world.ledger.commit_text(text)
    return world.request(use, text=text, text_commit=commitment, **changes)


def last(world: World) -> RenderDenied:
    from consent.envelope import Envelope

    with world.ledger._read("show") as session:
        return parse_statement(Envelope.parse(list(session.rows())[-1].envelope), RenderDenied)


def test_a_refused_class_in_the_text_is_refused_by_name_and_place(world: World) -> None:
    world.grant()
    with pytest.raises(ConsentRefusedError, match=r"^content-refused: .*political at characters 0-\d+") as caught:
        ask(world, POLITICAL)
    denied = last(world)
    assert denied.digest == caught.value.statements[-1]
    assert denied.reason == "content-refused" and denied.use.content == ("political",)
    assert "Miller" not in caught.value.message
    assert b"Miller" not in (world.path / "ledger.db").read_bytes()


def test_a_disguised_text_is_refused_too_and_the_commitment_is_to_the_original(world: World) -> None:
    world.grant()
    hidden = POLITICAL.replace("o", "\u043e")
    with pytest.raises(ConsentRefusedError, match=r"^content-refused:"):
        ask(world, hidden)
    assert world.ledger.text_matches(last(world).text_commit, hidden) is True
    assert world.ledger.text_matches(last(world).text_commit, POLITICAL) is False


def test_the_class_is_refused_only_where_the_grant_refuses_it(world: World) -> None:
    world.house(scope=Scope(**{**WIDE.__dict__, "content_refused": WIDE.content_refused}))
    from tests.consent.world import weights

    files = (weights("house.safetensors", b"house"),)
    with pytest.raises(ConsentRefusedError, match=r"^content-refused:"):
        ask(world, THREAT, voice="house", operands=files)
    loose = Scope(**{**WIDE.__dict__, "content_refused": ("impersonation",)})
    digest = world.ledger.add_record(world.record(voice="free", offered=loose), release_keys=[RELEASE.public])
    world.ledger.grant_house_voice(digest)
    permit = ask(world, THREAT, voice="free", operands=files)
    # What was found stands in the intent, so that every verifier decides about the same use.
    assert permit.use.content == ("violence",)
    delivered = world.deliver(permit=permit)
    assert verify_file(delivered).ok
    with pytest.raises(ConsentRefusedError, match=r"^content-refused: .*impersonation"):
        ask(world, "Hello, this is Angela Meyer speaking.", voice="free", operands=files)


def test_text_without_a_finding_changes_nothing(world: World) -> None:
    world.grant()
    assert ask(world, "Alice was beginning to get very tired.").use == USE


def test_a_reviewed_class_passes_and_the_declaration_is_signed(world: World) -> None:
    world.grant()
    reviewed = Use(**{**USE.__dict__, "reviewed_content": ("violence",)})
    permit = ask(world, THREAT, reviewed)
    assert permit.use.reviewed_content == ("violence",) and permit.use.content == ()
    receipt, _ = world.render(permit)
    assert receipt.as_obj()["use"]["reviewed_content"] == ["violence"]
    # It excuses a finding of that class alone, and never what the caller declares himself.
    with pytest.raises(ConsentRefusedError, match=r"^content-refused: .*political"):
        ask(world, THREAT + " " + POLITICAL, reviewed)
    with pytest.raises(ConsentRefusedError, match=r"^content-refused:"):
        ask(world, "Nothing.", Use(**{**reviewed.__dict__, "content": ("violence",)}))


def test_impersonation_cannot_be_reviewed_away() -> None:
    assert frozenset({"impersonation"}) == NOT_REVIEWABLE
    with pytest.raises(InvalidInputError, match="reviewed"):
        Use("speech", "audiobook", reviewed_content=("impersonation",))


def test_a_text_that_is_not_the_committed_one_is_refused(world: World) -> None:
    world.grant()
    commitment = world.ledger.commit_text(POLITICAL)
    size = world.ledger.size()
    with pytest.raises(UsageError, match="commit"):
        world.request(text="Harmless.", text_commit=commitment)
    with pytest.raises(UsageError, match="commit"):
        world.request(text="Harmless.", text_commit="1" * 64)
    assert world.ledger.size() == size
