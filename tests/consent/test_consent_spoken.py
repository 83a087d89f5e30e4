"""Spoken consent: the words follow from the grant, a challenge is good once, and what was checked is recorded.

The engines here are small stand-ins that hear what they are told; the real ones are tested under tests/evaluate.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

from consent import ConsentRefusedError, InvalidInputError, SigningKey, UsageError, verify_file
from consent.authority import KeyKnowledge, assure
from consent.challenge import challenge_words, compare_words, plain_words, statement_text
from consent.challenge_words_table import WORDS
from consent.engines import Engines, find_engines
from consent.spoken import SpokenAnswer
from tests.consent.world import DAY, SPEAKER, START, STRANGER, World, draft

WITNESS = SigningKey.from_seed(b"w" * 32)


@dataclasses.dataclass
class Ear:
    """Hears what it is told, whatever the file holds; notes the vocabulary it was given."""

    heard: tuple[str, ...]
    name: str = "ear"
    model_sha256: str = "a" * 64
    vocabulary: tuple[str, ...] = ()

    def words(self, path: Path, vocabulary: tuple[str, ...]) -> tuple[str, ...]:
        self.vocabulary = vocabulary
        return self.heard

    def pcm_sha256(self, path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclasses.dataclass
class Likeness:
    """Finds every pair as alike as it is told, by the name of the second file."""

    found: dict[str, int]
    name: str = "likeness"
    model_sha256: str = "b" * 64
    threshold_ppm: int = 700_000

    def similarity_ppm(self, path_a: Path, path_b: Path) -> int:
        return self.found[path_b.name]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "spoken.wav"
    path.write_bytes(b"RIFF: somebody reads a sentence")
    return path


def answer(recording: Path, heard: str = "", likeness: Likeness | None = None, **changes: object) -> SpokenAnswer:
    ear = Ear(plain_words(heard)) if heard else None
    return SpokenAnswer(recording, engines=Engines(ear, likeness), **changes)  # type: ignore[arg-type]


def spoken_of(world: World, digest: str):
    grant, envelope = world.ledger._chain.grants[digest]
    return next(item for item in grant.evidence if item.kind == "spoken"), grant, envelope


def test_the_list_is_2048_words_a_speaker_can_read() -> None:
    assert len(set(WORDS)) == 2_048 and list(WORDS) == sorted(WORDS)
    assert all(word.isascii() and word.islower() and word.isalpha() and 4 <= len(word) <= 9 for word in WORDS)


@pytest.mark.slow
def test_no_two_words_of_the_list_sound_alike() -> None:
    """The truth is the CMU dictionary of pocketsphinx: one pronunciation each, three phones apart."""
    pocketsphinx = pytest.importorskip("pocketsphinx")
    path = Path(pocketsphinx.get_model_path()) / "en-us" / "cmudict-en-us.dict"
    phones: dict[str, list[list[str]]] = {}
    for line in path.read_text().splitlines():
        name, *sound = line.split()
        phones.setdefault(name.split("(")[0], []).append(sound)
    assert all(len(phones.get(word, [])) == 1 for word in WORDS)

    def distance(a: list[str], b: list[str]) -> int:
        row = list(range(len(b) + 1))
        for i, x in enumerate(a, 1):
            last, row[0] = row[0], i
            for j, y in enumerate(b, 1):
                last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
        return row[-1]

    sounds = [phones[word][0] for word in WORDS]
    near = [
        (WORDS[i], WORDS[j])
        for i in range(len(WORDS))
        for j in range(i)
        if abs(len(sounds[i]) - len(sounds[j])) < 3
        and len(set(sounds[i]) ^ set(sounds[j])) < 6
        and distance(sounds[i], sounds[j]) < 3
    ]
    assert near == []


def test_words_are_the_first_66_bits_of_the_stretched_digest(world: World) -> None:
    """Recomputed here from the definition, bit by bit."""
    made = world.ledger.open_challenge(draft(world.folder))
    digest = bytes.fromhex(made.grant.digest)
    stretched = hashlib.pbkdf2_hmac("sha256", digest, b"voicekit spoken challenge/1", 100_000, 16)
    bits = "".join(f"{byte:08b}" for byte in stretched)
    assert made.words == tuple(WORDS[int(bits[i : i + 11], 2)] for i in range(0, 66, 11))
    assert challenge_words(made.grant) == made.words and made.id == made.grant.digest[:16]


def test_the_sentence_says_who_to_whom_what_until_when_and_how_to_withdraw(world: World) -> None:
    made = world.ledger.open_challenge(draft(world.folder, end=1_893_456_000))  # 2030-01-01 00:00 UTC
    assert made.statement == (
        "I, Ada Example, allow Operator to make my synthetic voice for speaking, for commercial use, until the "
        "thirty first of December twenty twenty nine, and I know that I can withdraw this at any time. My words are: "
        + ", ".join(made.words)
        + "."
    )
    other = dataclasses.replace(made.grant, scope=dataclasses.replace(made.grant.scope, commercial=False))
    assert "for use that is not commercial" in statement_text(other, "") and "I allow Operator" in statement_text(
        other, ""
    )
    assert not set(challenge_words(other)) >= set(made.words)


@pytest.mark.parametrize(
    ("heard", "words_ppm"),
    [
        ("amber basket candle dinner eagle fabric", 1_000_000),
        ("amber basket dinner eagle fabric", 833_333),  # one missed
        ("amber basket noise candle dinner eagle fabric", 1_000_000),  # one put in
        ("amber basket candle wrong wrong fabric", 666_666),
        ("fabric eagle dinner candle basket amber", 166_666),  # the order counts
        ("amber so so basket so so candle so so dinner so so eagle so so fabric", 500_000),  # scattered
        ("", 0),
    ],
)
def test_challenge_words_count_in_order_and_together(heard: str, words_ppm: int) -> None:
    challenge = ("amber", "basket", "candle", "dinner", "eagle", "fabric")
    statement = f"I allow Press to make my voice. My words are: {', '.join(challenge)}."
    found, before = compare_words(plain_words("I allow my voice " + heard), statement, challenge)
    assert (found, before) == (words_ppm, 400_000)


def test_a_recording_completes_the_grant_and_everything_checked_is_in_it(world: World, recording: Path) -> None:
    made = world.ledger.open_challenge(draft(world.folder))
    given = answer(recording, made.statement)
    digest = world.ledger.complete_challenge(draft(world.folder), given)
    spoken, grant, _envelope = spoken_of(world, digest)
    checks = dict(spoken.checks)
    assert spoken.sha256 == hashlib.sha256(recording.read_bytes()).hexdigest() == checks["pcm_sha256"]
    assert spoken.challenge == " ".join(made.words)
    assert (checks["text"], checks["text.words_ppm"], checks["text.statement_ppm"]) == ("done", 1_000_000, 1_000_000)
    assert (checks["text.engine"], checks["text.engine_sha256"]) == ("ear", "a" * 64)
    assert checks["voice"] == "no-reference" and checks["issued"] == START
    assert dataclasses.replace(grant, evidence=()) == made.grant  # nothing else changed
    assert world.ledger.grants()[0].tier == "C"
    # The recogniser is not told the answer: it gets the whole list.
    assert isinstance(given.engines, Engines) and isinstance(given.engines.recogniser, Ear)
    assert set(WORDS) <= set(given.engines.recogniser.vocabulary)


def test_without_engines_the_check_is_not_done_and_lifts_nothing(world: World, recording: Path) -> None:
    world.ledger.open_challenge(draft(world.folder))
    digest = world.ledger.complete_challenge(draft(world.folder), answer(recording))
    checks = dict(spoken_of(world, digest)[0].checks)
    assert (checks["text"], checks["voice"]) == ("not-done", "no-reference") and "text.words_ppm" not in checks
    info = world.ledger.grants()[0]
    assert (info.tier, info.assurance.spoken) == ("D", "not-checked")


def test_a_wrong_recording_is_refused_and_the_third_time_ends_the_challenge(world: World, recording: Path) -> None:
    made = world.ledger.open_challenge(draft(world.folder))
    wrong = answer(recording, " ".join([made.statement.split(" My ")[0], *made.words[:3]]))
    for _attempt in range(3):
        with pytest.raises(ConsentRefusedError, match="challenge words were not understood") as caught:
            world.ledger.complete_challenge(draft(world.folder), wrong)
        assert caught.value.reason == "challenge-mismatch"
    with pytest.raises(ConsentRefusedError, match="answered wrongly 3 times") as caught:
        world.ledger.complete_challenge(draft(world.folder), answer(recording, made.statement))
    assert caught.value.reason == "challenge-used" and world.ledger.grants() == ()


def test_words_alone_are_no_consent(world: World, recording: Path) -> None:
    made = world.ledger.open_challenge(draft(world.folder))
    with pytest.raises(ConsentRefusedError, match="the sentence before the challenge words"):
        world.ledger.complete_challenge(draft(world.folder), answer(recording, " ".join(made.words)))


def test_a_challenge_is_good_once(world: World, recording: Path) -> None:
    made = world.ledger.open_challenge(draft(world.folder))
    world.ledger.complete_challenge(draft(world.folder), answer(recording, made.statement))
    with pytest.raises(ConsentRefusedError, match="is used") as caught:
        world.ledger.complete_challenge(draft(world.folder), answer(recording, made.statement, challenge=made.id))
    assert caught.value.reason == "challenge-used" and len(world.ledger.grants()) == 1
    with world.ledger._read("test") as session:
        assert b"Ada" not in session.side("challenge", made.id)  # the name is forgotten with it


def test_a_challenge_is_good_for_fifteen_minutes(world: World, recording: Path) -> None:
    first = world.ledger.open_challenge(draft(world.folder))
    world.clock.time += 899
    assert [item.id for item in world.ledger.challenges()] == [first.id]
    world.clock.time += 1
    assert world.ledger.challenges() == ()
    with pytest.raises(ConsentRefusedError, match="was good until") as caught:
        world.ledger.complete_challenge(draft(world.folder), answer(recording, first.statement, challenge=first.id))
    assert caught.value.reason == "challenge-expired"
    world.ledger.open_challenge(draft(world.folder))  # tidies up
    with world.ledger._read("test") as session:
        assert b"Ada" not in session.side("challenge", first.id)


def test_a_clock_set_back_does_not_revive_a_challenge(world: World, recording: Path) -> None:
    made = world.ledger.open_challenge(draft(world.folder))
    world.clock.time += 1_000
    world.house()  # an entry with the later time
    world.clock.time = START
    with pytest.raises(ConsentRefusedError) as caught:
        world.ledger.complete_challenge(draft(world.folder), answer(recording, made.statement, challenge=made.id))
    assert caught.value.reason == "clock-set-back"


@pytest.mark.parametrize("change", [{"commercial": "false"}, {"renders": 4}, {"territories": '["DE"]'}])
def test_a_draft_changed_in_between_is_refused(world: World, recording: Path, change: dict[str, object]) -> None:
    made = world.ledger.open_challenge(draft(world.folder))
    with pytest.raises(ConsentRefusedError, match=r"changed after the challenge was made \(scope\)") as caught:
        world.ledger.complete_challenge(draft(world.folder, **change), answer(recording, made.statement))
    assert caught.value.reason == "challenge-altered"


def test_another_name_another_key_or_a_missing_key_are_refused(world: World, recording: Path) -> None:
    made = world.ledger.open_challenge(draft(world.folder), SPEAKER.public.did)
    given = answer(recording, made.statement)
    with pytest.raises(UsageError, match="give --key"):
        world.ledger.complete_challenge(draft(world.folder), given)
    with pytest.raises(ConsentRefusedError, match="made for the key"):
        world.ledger.complete_challenge(draft(world.folder), given, STRANGER)
    named = draft(world.folder)
    other = dataclasses.replace(named, data={**named.data, "subject": {"name": "Eve Example"}})
    with pytest.raises(ConsentRefusedError, match=r"subject\.name"):
        world.ledger.complete_challenge(other, given, SPEAKER)
    world.ledger.complete_challenge(draft(world.folder), given, SPEAKER)


def test_a_challenge_changed_in_the_side_table_is_refused(world: World, recording: Path) -> None:
    made = world.ledger.open_challenge(draft(world.folder))
    with world.ledger._write("test") as session:
        value = session.side("challenge", made.id)
        session.put_side("challenge", made.id, value.replace(b'"max_renders":3', b'"max_renders":9'))
    with pytest.raises(ConsentRefusedError) as caught:
        world.ledger.complete_challenge(
            draft(world.folder, renders=9), answer(recording, made.statement, challenge=made.id)
        )
    assert caught.value.reason == "challenge-altered"
    with pytest.raises(ConsentRefusedError, match="no challenge") as caught:
        world.ledger.complete_challenge(draft(world.folder), answer(recording, made.statement, challenge="0" * 16))
    assert caught.value.reason == "challenge-unknown"


def with_references(world: World, *names: str):
    for name in names:
        (world.folder / name).write_bytes(name.encode())
    plain = draft(world.folder)
    rows = [{"file": name, "pcm_sha256": "3" * 64, "seconds_milli": 9_000} for name in names]
    return dataclasses.replace(plain, data={**plain.data, "references": rows})


def test_the_voice_is_compared_with_every_reference_and_the_least_counts(world: World, recording: Path) -> None:
    given = with_references(world, "a.wav", "b.wav")
    made = world.ledger.open_challenge(given)
    alike = Likeness({"a.wav": 900_000, "b.wav": 699_999})
    with pytest.raises(ConsentRefusedError, match=r"not like that in .*b\.wav") as caught:
        world.ledger.complete_challenge(given, answer(recording, made.statement, alike))
    assert caught.value.reason == "speaker-mismatch"
    alike.found["b.wav"] = 700_000
    digest = world.ledger.complete_challenge(given, answer(recording, made.statement, alike))
    checks = dict(spoken_of(world, digest)[0].checks)
    assert (checks["voice.similarity_ppm"], checks["voice.threshold_ppm"], checks["voice.references"]) == (
        700_000,
        700_000,
        2,
    )
    assert checks["voice.engine_sha256"] == "b" * 64 and world.ledger.grants()[0].tier == "C"


def test_references_without_a_speaker_check_leave_tier_d(world: World, recording: Path) -> None:
    given = with_references(world, "a.wav")
    made = world.ledger.open_challenge(given)
    world.ledger.complete_challenge(given, answer(recording, made.statement))
    assert world.ledger.grants()[0].tier == "D"


def test_a_witness_signs_and_counts_where_the_witness_is_known(world: World, recording: Path) -> None:
    made = world.ledger.open_challenge(draft(world.folder), SPEAKER.public.did)
    given = answer(recording, witness=WITNESS, witness_name="Wim Example")
    digest = world.ledger.complete_challenge(draft(world.folder), given, SPEAKER)
    spoken, grant, envelope = spoken_of(world, digest)
    checks = dict(spoken.checks)
    assert checks["witness.key"] == WITNESS.public.did and "Wim" not in str(checks) and made.id
    assert len(envelope.signers([WITNESS.public, SPEAKER.public, world.ledger.operator])) == 3
    unknown = assure(grant, envelope)
    assert (unknown.tier, unknown.spoken, unknown.could_be) == ("D", "unwitnessed", "B")
    one = assure(grant, envelope, KeyKnowledge(frozenset({WITNESS.public.did})))
    assert (one.tier, one.spoken) == ("C", "witnessed")
    both = assure(grant, envelope, KeyKnowledge(frozenset({WITNESS.public.did, SPEAKER.public.did})))
    assert both.tier == "A"


def test_a_witness_is_somebody_else(world: World, recording: Path) -> None:
    world.ledger.open_challenge(draft(world.folder), SPEAKER.public.did)
    for key in (SPEAKER, world.ledger.operator_signing_key()):
        with pytest.raises(UsageError, match="neither the speaker's nor the operator's"):
            world.ledger.complete_challenge(draft(world.folder), answer(recording, witness=key), SPEAKER)


def test_a_witness_named_but_not_signing_counts_for_nothing(world: World, recording: Path) -> None:
    world.ledger.open_challenge(draft(world.folder))
    digest = world.ledger.complete_challenge(draft(world.folder), answer(recording, witness=WITNESS))
    _spoken, grant, _envelope = spoken_of(world, digest)
    alone = grant.sign(world.ledger.operator_signing_key())
    found = assure(grant, alone, KeyKnowledge(frozenset({WITNESS.public.did})))
    assert (found.tier, found.spoken) == ("D", "not-checked")


def test_a_stranger_recomputes_the_words_from_the_proof(world: World, recording: Path) -> None:
    made = world.ledger.open_challenge(draft(world.folder), SPEAKER.public.did)
    world.ledger.complete_challenge(draft(world.folder), answer(recording, made.statement), SPEAKER)
    final = world.deliver()
    assert (verify_file(final).tier, verify_file(final).assurance.could_be) == ("C", "A")
    known = verify_file(final, trust=[SPEAKER.public])
    assert known.tier == "A" and known.ok and known.speaker_trusted and known.operator_trusted is False
    assert "A: a key known to be the speaker's" in known.text()


def test_claimed_numbers_for_other_words_lift_nothing(world: World, recording: Path) -> None:
    """Evidence copied from one grant into another: the words are those of the first."""
    made = world.ledger.open_challenge(draft(world.folder))
    first = world.ledger.complete_challenge(draft(world.folder), answer(recording, made.statement))
    spoken, grant, _envelope = spoken_of(world, first)
    wider = dataclasses.replace(grant, nonce="f" * 32, scope=dataclasses.replace(grant.scope, max_renders=10_000))
    envelope = wider.sign(world.ledger.operator_signing_key())
    assert spoken in wider.evidence
    assert (assure(wider, envelope).tier, assure(wider, envelope).spoken) == ("D", "mismatch")


@pytest.mark.parametrize(
    "change",
    [{"text.words_ppm": 666_665}, {"text.statement_ppm": 399_999}, {"text": "not-done"}, {"voice": "not-done"}],
)
def test_numbers_under_the_thresholds_lift_nothing(world: World, recording: Path, change: dict[str, object]) -> None:
    made = world.ledger.open_challenge(draft(world.folder))
    digest = world.ledger.complete_challenge(draft(world.folder), answer(recording, made.statement))
    spoken, grant, _envelope = spoken_of(world, digest)
    worse = dataclasses.replace(spoken, checks=tuple({**dict(spoken.checks), **change}.items()))
    changed = dataclasses.replace(grant, evidence=(worse,))
    assert assure(changed, changed.sign(world.ledger.operator_signing_key())).tier == "D"


def test_engines_are_found_by_entry_point_and_an_absent_one_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    def missing() -> None:
        raise ImportError("no such package")

    class Point:
        value = "somewhere:make"

        def __init__(self, factory: object) -> None:
            self.factory = factory

        def load(self) -> object:
            return self.factory

    points = {"recogniser": lambda: Ear(("a",)), "speaker-check": missing}
    monkeypatch.setattr(
        importlib.metadata,
        "entry_points",
        lambda group, name: [Point(points[name])] if group == "consent.engines" else [],
    )
    found = find_engines()
    assert isinstance(found.recogniser, Ear) and found.speaker is None
    points["speaker-check"] = lambda: Ear(("a",))
    with pytest.raises(InvalidInputError, match="is no SpeakerCheck"):
        find_engines()


def test_an_old_challenge_does_not_outlive_its_day(world: World, recording: Path) -> None:
    made = world.ledger.open_challenge(draft(world.folder))
    world.clock.time += DAY
    with pytest.raises(ConsentRefusedError, match="0 challenges are open"):
        world.ledger.complete_challenge(draft(world.folder), answer(recording, made.statement))
