"""Every way around the one gated door, tried.

The judge is never the studio's own word: what counts is which files lie on the
disk, what the engine was really asked to say, and what the ledger recorded.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from pathlib import Path
from threading import Event

import pytest

from consent import ConsentRefusedError, Ledger, Permit, Scope, Use, verify_file
from tests.support.tone import ToneHouse, audio_bytes, loose_ends, make_voice, offered, reseal
from voicekit.audio import sha256_file
from voicekit.errors import UsageError
from voicekit.pipelines import (
    Cancelled,
    ProgressMeter,
    SpeechChoice,
    TakeStore,
    chapter_source,
    plan_chapter,
    speak_chapter,
)
from voicekit.pipelines.plan import recipe_of
from voicekit.pipelines.takes import StoredTake
from voicekit.studio import NarrateOptions, Progress, Studio
from voicekit.text import split_sentences

TEXT = "It was a dark night. The rain fell in torrents. Nobody was on the road."
WAV = NarrateOptions(formats=("wav",))


def kinds(studio: Studio) -> list[str]:
    """What the ledger holds, in order: read from the database itself, by Python's own sqlite3."""
    with sqlite3.connect(f"file:{studio.folder / 'ledger' / 'ledger.db'}?mode=ro", uri=True) as db:
        return [kind for (kind,) in db.execute("select kind from entry order by seq")]


def ask(studio: Studio, house: ToneHouse, **changes: object) -> Permit:
    """A permit, asked for as the studio does."""
    use = Use(**({"mode": "speech", "purpose": "audiobook", "seconds": 5} | changes))  # type: ignore[arg-type]
    operands = house.open_engine("tone").operands
    return studio.ledger.request(
        use,
        voice="tone",
        operands=operands,
        params_sha256="0" * 64,
        text_commit=studio.ledger.commit_text("x"),
    )


def revoke(studio: Studio) -> None:
    studio.ledger.revoke(studio.grants("tone")[0].id)


def refused(studio: Studio, house: ToneHouse, out: Path, reason: str, **options: object) -> None:
    """This use must be refused for this reason, without a sound, a file or a render."""
    said = len(house.spoken)
    with pytest.raises(ConsentRefusedError) as caught:
        studio.narrate(TEXT, voice="tone", out=out, options=dataclasses.replace(WAV, **options))  # type: ignore[arg-type]
    assert caught.value.reason == reason
    assert len(house.spoken) == said
    assert audio_bytes(out) == {} and loose_ends(out) == []


def test_a_granted_narration_is_delivered_proven_and_verifies(studio: Studio, house: ToneHouse, tmp_path: Path) -> None:
    take = studio.narrate(TEXT, voice="tone", out=tmp_path / "out")
    assert [path.name for path in take.files] == ["01-text.mp3", "01-text.flac"]
    for file in take.files:
        verification = verify_file(file, trust=house.release_keys())
        assert verification.ok, verification.text()
        assert verification.voice == "tone" and verification.basis == "no-donor"
    assert kinds(studio)[-2:] == ["render-intent", "render-receipt"]
    assert take.receipt is not None
    assert {o.sha256 for o in take.receipt.outputs} == {sha256_file(file) for file in take.files}
    assert studio.ledger.balance(take.grant).renders_used == 1


def test_without_a_grant_nothing_is_made(tmp_path: Path, house: ToneHouse) -> None:
    with Studio.create(tmp_path / "bare", voices=house.source()) as studio:
        refused(studio, house, tmp_path / "out", "no-grant")
        assert "render-denied" in kinds(studio)


@pytest.mark.parametrize(
    ("scope", "options", "reason"),
    [
        ({"purposes": ("podcast",)}, {}, "purpose-not-granted"),
        ({"commercial": False}, {"commercial": True}, "commercial-not-granted"),
        ({"languages": ("de",)}, {}, "language-not-granted"),
        ({"territories": ("DE",)}, {}, "territory-not-granted"),
        ({"territories": ("DE",)}, {"territories": ("DE", "FR")}, "territory-not-granted"),
        ({"titles": ("Another Book",)}, {}, "title-not-granted"),
        ({"max_renders": 0}, {}, "budget-renders"),
        ({"max_seconds": 3}, {}, "budget-seconds"),
        ({"modes": ("singing",)}, {}, "mode-not-granted"),
    ],
)
def test_each_axis_of_a_grant_holds(
    tmp_path: Path, scope: dict[str, object], options: dict[str, object], reason: str
) -> None:
    house = ToneHouse(make_voice(tmp_path / "voice", scope=offered(modes=("speech", "singing"), languages=("any",))))
    with Studio.create(tmp_path / "studio", voices=house.source()) as studio:
        record = studio.ledger.add_record(
            (house.folder / "record.dsse.json").read_bytes(), release_keys=house.release_keys()
        )
        narrow: Scope = offered(**scope)
        studio.ledger.grant_house_voice(record, scope=narrow)
        before = kinds(studio).count("render-denied")
        refused(studio, house, tmp_path / "out", reason, **options)
        assert kinds(studio).count("render-denied") == before + 1


def test_budget_counts_down_to_a_refusal(tmp_path: Path, house: ToneHouse) -> None:
    with Studio.create(tmp_path / "studio", voices=house.source()) as studio:
        record = studio.ledger.add_record(
            (house.folder / "record.dsse.json").read_bytes(), release_keys=house.release_keys()
        )
        studio.ledger.grant_house_voice(record, scope=offered(max_renders=1))
        studio.narrate(TEXT, voice="tone", out=tmp_path / "one", options=WAV)
        assert studio.grants("tone")[0].state == "used-up"
        # the takes are all on disk, yet a second file may not be made of them
        refused(studio, house, tmp_path / "two", "budget-renders")


def test_changed_weights_are_refused(studio: Studio, house: ToneHouse, tmp_path: Path) -> None:
    data = bytearray(house.weights.read_bytes())
    data[5] ^= 1
    house.weights.write_bytes(data)
    refused(studio, house, tmp_path / "out", "weights-mismatch")


def test_a_record_of_another_publisher_is_not_adopted(tmp_path: Path, house: ToneHouse) -> None:
    stranger = make_voice(tmp_path / "stranger")
    (house.folder / "record.dsse.json").write_bytes((stranger / "record.dsse.json").read_bytes())
    from consent import ConsentError

    with Studio.create(tmp_path / "studio", voices=house.source()) as studio:
        with pytest.raises(ConsentError):
            studio.adopt_house_voice("tone")
        assert studio.grants() == ()


def test_a_new_release_of_a_voice_is_adopted_anew(studio: Studio, house: ToneHouse, tmp_path: Path) -> None:
    """An update brings other weights and a new record: the old grant stays, and does not reach them."""
    old = studio.grants("tone")[0].id
    house.weights.write_bytes(b"new weights")
    reseal(house.folder)
    refused(studio, house, tmp_path / "out", "weights-mismatch")
    new = studio.adopt_house_voice("tone")
    assert new.id != old and studio.adopt_house_voice("tone").id == new.id
    take = studio.narrate(TEXT, voice="tone", out=tmp_path / "out", options=WAV)
    assert take.grant == new.id
    assert verify_file(take.path, trust=house.release_keys()).ok


def test_revoked_means_no_cache_either(studio: Studio, house: ToneHouse, tmp_path: Path) -> None:
    """All takes are on disk; after revocation they are out of reach, and the permit is asked first."""
    studio.narrate(TEXT, voice="tone", out=tmp_path / "one", options=WAV)
    revoke(studio)
    opened: list[str] = []
    real = TakeStore.fetch
    try:
        TakeStore.fetch = lambda self, *args: opened.append("fetch") or real(self, *args)  # type: ignore[method-assign,func-returns-value]
        refused(studio, house, tmp_path / "two", "revoked")
        # resume in the old folder with one more format: the same refusal, the old file stays
        with pytest.raises(ConsentRefusedError, match="revoked"):
            studio.narrate(TEXT, voice="tone", out=tmp_path / "one", options=NarrateOptions(formats=("wav", "flac")))
    finally:
        TakeStore.fetch = real  # type: ignore[method-assign]
    assert opened == []
    assert list(audio_bytes(tmp_path / "one")) == ["01-text.wav"]


def test_resume_after_revocation_is_refused(studio: Studio, house: ToneHouse, tmp_path: Path) -> None:
    cancel = Event()
    house.on_speak = lambda spoken: cancel.set() if "rain" in spoken else None
    with pytest.raises(Cancelled):
        studio.narrate(TEXT, voice="tone", out=tmp_path / "out", options=WAV, cancel=cancel)
    assert kinds(studio)[-1] == "render-aborted"
    revoke(studio)
    refused(studio, house, tmp_path / "out", "revoked")


def test_revoked_while_rendering_stops_before_the_next_sentence(
    studio: Studio, house: ToneHouse, tmp_path: Path
) -> None:
    house.at_once = 1
    house.on_speak = lambda spoken: revoke(studio) if "rain" in spoken else None
    with pytest.raises(ConsentRefusedError) as caught:
        studio.narrate(TEXT, voice="tone", out=tmp_path / "out", options=WAV)
    assert caught.value.reason == "revoked"
    assert [text for text in house.spoken if "road" in text] == []
    assert audio_bytes(tmp_path / "out") == {} and loose_ends(tmp_path / "out") == []
    assert kinds(studio)[-1] == "render-aborted"


def test_revoked_while_two_sentences_are_under_way(studio: Studio, house: ToneHouse, tmp_path: Path) -> None:
    revoked = Event()
    late: list[str] = []

    def on_speak(spoken: str) -> None:
        if revoked.is_set():
            late.append(spoken)
        elif "Sentence three" in spoken:
            revoke(studio)
            revoked.set()

    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    house.on_speak = on_speak
    with pytest.raises(ConsentRefusedError) as caught:
        text = " ".join(f"Sentence {word} is said." for word in words)
        studio.narrate(text, voice="tone", out=tmp_path / "out", options=WAV)
    assert caught.value.reason == "revoked" and revoked.is_set()
    assert len(late) <= 1  # the neighbour that had asked just before
    assert audio_bytes(tmp_path / "out") == {} and loose_ends(tmp_path / "out") == []
    assert kinds(studio)[-1] == "render-aborted"


def test_revoked_by_a_loose_file_while_rendering(studio: Studio, house: ToneHouse, tmp_path: Path) -> None:
    grant = studio.grants("tone")[0].id
    operator = studio.folder / "ledger" / "keys" / "operator.key"
    from consent import SigningKey

    loose = studio.ledger.make_revocation(grant, SigningKey.load(operator))

    def drop(spoken: str) -> None:
        if "rain" in spoken:
            (studio.folder / "ledger" / "revocations" / "stop.dsse.json").write_bytes(loose)

    house.at_once = 1
    house.on_speak = drop
    with pytest.raises(ConsentRefusedError) as caught:
        studio.narrate(TEXT, voice="tone", out=tmp_path / "out", options=WAV)
    assert caught.value.reason == "revoked"
    assert [text for text in house.spoken if "road" in text] == []
    assert audio_bytes(tmp_path / "out") == {} and loose_ends(tmp_path / "out") == []


@pytest.mark.parametrize("stage", ["master", "encode", "verify", "deliver"])
def test_revoked_after_the_last_sentence_delivers_nothing(
    studio: Studio, house: ToneHouse, tmp_path: Path, stage: str
) -> None:
    done: list[str] = []

    def at(progress: Progress) -> None:
        if progress.stage == stage and not done:
            done.append(stage)
            revoke(studio)

    with pytest.raises(ConsentRefusedError) as caught:
        studio.narrate(TEXT, voice="tone", out=tmp_path / "out", options=WAV, progress=at)
    assert caught.value.reason == "revoked" and done
    assert audio_bytes(tmp_path / "out") == {} and loose_ends(tmp_path / "out") == []
    assert list((tmp_path / "out").glob("*.voiceproof")) == []


def test_engine_refuses_no_forged_foreign_and_used_permits(studio: Studio, house: ToneHouse, tmp_path: Path) -> None:
    engine = house.open_engine("tone")
    good = ask(studio, house)
    assert len(engine.speak(good, "hello", SpeechChoice()).samples) > 0  # or the rest shows nothing

    with pytest.raises(AttributeError):
        engine.speak(None, "hello", SpeechChoice())  # type: ignore[arg-type]

    token = bytearray(good.token)
    place = token.index(b'"sig"') + 20 if b'"sig"' in token else len(token) // 2
    token[place] = ord("A") if token[place] != ord("A") else ord("B")
    from consent import ConsentError

    with pytest.raises(ConsentError):
        Permit.from_token(bytes(token), studio.ledger.operator).require(mode="speech", operands=engine.operands)

    with Ledger.init(tmp_path / "other" / "ledger", operator_name="somebody else") as other:
        record = other.add_record((house.folder / "record.dsse.json").read_bytes(), release_keys=house.release_keys())
        other.grant_house_voice(record)
        foreign = other.request(
            Use(mode="speech", purpose="audiobook"),
            voice="tone",
            operands=engine.operands,
            params_sha256="0" * 64,
            text_commit=other.commit_text("x"),
        )
        with pytest.raises(ConsentError):
            Permit.from_token(foreign.token, studio.ledger.operator)
        with pytest.raises(ConsentRefusedError):
            studio.ledger.recheck(foreign)

    studio.ledger.abort(good, "test")
    with pytest.raises(ConsentRefusedError, match="permit-used"):
        studio.ledger.recheck(good)


def test_pipelines_called_directly_need_a_good_permit(studio: Studio, house: ToneHouse, tmp_path: Path) -> None:
    """The pipelines are importable by anybody; without a permit they neither speak nor read a take."""
    studio.narrate(TEXT, voice="tone", out=tmp_path / "one", options=WAV)
    said = len(house.spoken)
    engine = house.open_engine("tone")
    recipe = recipe_of("tone", [o.sha256 for o in engine.operands], engine.version, 24000, 1.0, 0.0)
    plan = plan_chapter(1, "text", "text", split_sentences(TEXT, last_pause_s=1.0), recipe, seed=0)
    takes = TakeStore(studio.takes_folder)
    assert all(takes.path(sentence.take).exists() for sentence in plan.sentences)  # the cache is full

    permit = ask(studio, house)
    other = ToneHouse(make_voice(tmp_path / "other", name="other"), name="other")
    operands = other.open_engine("other").operands
    with pytest.raises(ConsentRefusedError, match="weights-mismatch"):
        takes.fetch(permit, operands, plan.sentences[0].take)
    with pytest.raises(ConsentRefusedError, match="weights-mismatch"):
        takes.keep(permit, operands, plan.sentences[0].take, StoredTake(None, 1))  # type: ignore[arg-type]
    foreign_engine = other.open_engine("other")
    meter = ProgressMeter([10], None, None)
    with pytest.raises(ConsentRefusedError, match="weights-mismatch"):
        speak_chapter(permit, plan, foreign_engine, lambda c: c, takes, recheck=lambda: None, meter=meter)
    with pytest.raises(ConsentRefusedError, match="weights-mismatch"):
        next(chapter_source(permit, plan, foreign_engine, takes)())
    with pytest.raises((AttributeError, TypeError)):
        speak_chapter(
            None,  # type: ignore[arg-type]
            plan,
            engine,
            lambda c: c,
            takes,
            recheck=lambda: None,
            meter=meter,
        )
    with pytest.raises((AttributeError, TypeError)):
        next(chapter_source(None, plan, engine, takes)())  # type: ignore[arg-type]
    assert len(house.spoken) == said


def test_an_expired_permit_speaks_no_more(studio: Studio, house: ToneHouse) -> None:
    engine = house.open_engine("tone")
    permit = ask(studio, house)
    with pytest.raises(ConsentRefusedError, match="permit-expired"):
        permit.require(mode="speech", operands=engine.operands, now=permit.expires + 1)
    with pytest.raises(ConsentRefusedError, match="mode-not-granted"):
        permit.require(mode="singing", operands=engine.operands)


def test_a_file_swapped_before_its_receipt_is_not_delivered(studio: Studio, house: ToneHouse, tmp_path: Path) -> None:
    def swap(progress: Progress) -> None:
        if progress.stage == "deliver" and progress.fraction < 1:
            for path in (tmp_path / "out").rglob("*.wav.partial"):
                path.write_bytes(path.read_bytes() + b"\0")

    with pytest.raises(ConsentRefusedError, match="output-changed"):
        studio.narrate(TEXT, voice="tone", out=tmp_path / "out", options=WAV, progress=swap)
    assert audio_bytes(tmp_path / "out") == {} and loose_ends(tmp_path / "out") == []


def test_only_the_studio_asks_for_permits(repo: Path) -> None:
    """`.request(` on a ledger stands in one place of voicekit and demos; read from the source."""
    import ast

    asking = []
    for package in ("voicekit", "demos"):
        for path in sorted((repo / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr == "request"
                    and "ledger" in ast.unparse(node.func.value).lower()
                ):
                    asking.append(str(path.relative_to(repo)))
    assert asking == ["voicekit/studio/gate.py"]


def test_grant_by_beginning_and_unknown_names(studio: Studio, house: ToneHouse, tmp_path: Path) -> None:
    grant = studio.grants()[0].id
    take = studio.narrate(TEXT, voice="tone", out=tmp_path / "a", options=WAV, grant=grant[:10])
    assert take.grant == grant
    with pytest.raises(UsageError, match="no grant in this ledger"):
        studio.narrate(TEXT, voice="tone", out=tmp_path / "b", options=WAV, grant="zz")
    with pytest.raises(UsageError, match=r"unknown voice: nobody .*tone"):
        studio.narrate(TEXT, voice="nobody", out=tmp_path / "b")
    assert not (tmp_path / "b").exists()
    with pytest.raises(UsageError, match="a studio here already"):
        Studio.create(studio.folder)
    with pytest.raises(UsageError, match="no studio here"):
        Studio.open(tmp_path / "none")


def test_a_tampered_ledger_opens_no_door(studio: Studio, house: ToneHouse, tmp_path: Path) -> None:
    studio.close()
    database = studio.folder / "ledger" / "ledger.db"
    data = bytearray(database.read_bytes())
    place = data.index(b'"payload":"') + 40  # inside a signed statement; free pages and side tables prove nothing
    data[place] ^= 1
    database.write_bytes(data)
    from consent import ConsentError

    with pytest.raises(ConsentError):
        Studio.open(studio.folder, voices=house.source())
