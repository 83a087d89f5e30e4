"""A person's voice over the page's API: given, used, withdrawn; and what must not be left behind.

Truth comes from the ledger, from `consent.verify_file`, and from a search of every file under the server's cache.
flite speaks: nobody has consented to anything.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consent import verify_file
from consent.engines import Engines
from tests.demos.conftest import Page, serve_house
from tests.demos.test_app import post
from tests.support import person
from voicekit import UsageError
from voicekit.studio import references

gradio_client = pytest.importorskip("gradio_client", reason="gradio_client is not installed")

USE = (
    "Narration of lessons and of the news of our village for its own people, by this studio alone, nothing else at all."
)


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return person.say(tmp_path_factory.mktemp("person"), stem="Ada Secretname ")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, handed_out: Path) -> Iterator[Page]:
    with pytest.MonkeyPatch.context() as patch:
        person.quick(patch, 20)
        patch.setattr(references, "find_engines", Engines)
        for page in serve_house(tmp_path_factory.mktemp("enrolling")):
            page.blocks.desk.create("Test Operator")
            yield page


@pytest.fixture
def client(page: Page) -> Any:
    return gradio_client.Client(page.address, verbose=False, download_files=str(page.studio.parent / "got"))


def give(client: Any, takes: list[Path]) -> Any:
    files = [gradio_client.handle_file(one) for one in takes]
    return client.predict(recordings=files, api_name="/enrol_add")[1:]


def left_behind(folder: Path, takes: list[Path]) -> list[str]:
    """Files under a folder that hold a piece of a recording, or are called like one."""
    pieces = []
    for one in takes:
        with wave.open(str(one)) as sound:
            frames = sound.readframes(sound.getnframes())
        pieces.append(frames[len(frames) // 2 :][:64])
    found = []
    for path in folder.rglob("*"):
        if "Secretname" in str(path):
            found.append(str(path))
        elif path.is_file():
            data = path.read_bytes()
            found += [str(path) for piece in pieces if piece in data]
    return found


def test_uploads_are_gone_as_soon_as_they_are_read(
    page: Page, client: Any, takes: list[Path], handed_out: Path, tmp_path: Path
) -> None:
    words = tmp_path / "Ada Secretname notes.wav"
    words.write_text("these are words")
    shown, result = give(client, [*takes[:3], words])
    assert "not a sound file" in shown and not result["ok"] and "Secretname" not in shown + str(result)
    assert "3 recordings" in shown
    odd = tmp_path / "Ada Secretname.aiff"
    odd.write_bytes(takes[3].read_bytes())  # a kind that is not taken: its bytes must go all the same
    assert not give(client, [odd])[1]["ok"]
    assert "already" in give(client, takes[:1])[0]
    assert left_behind(handed_out, takes) == [] and left_behind(page.studio, takes) == []
    assert "No recording yet" in client.predict(api_name="/enrol_forget")[0]
    assert client.predict(grant="", api_name="/enrol_check")[1]["problem"] == "usage"


def test_one_visitors_recordings_are_not_anothers(page: Page, client: Any, takes: list[Path]) -> None:
    assert give(client, takes)[1]["ok"]
    other = gradio_client.Client(page.address, verbose=False)
    assert "no recording" in other.predict(grant="", api_name="/enrol_check")[0].lower()


def test_no_other_file_can_be_named_as_an_upload(page: Page, takes: list[Path]) -> None:
    """A program that calls the handler itself can have nothing read or deleted outside of the cache."""
    desk = page.blocks.desk
    for path in (takes[0], page.studio / "ledger" / "keys" / "operator.key"):
        before = path.read_bytes()
        with pytest.raises(Exception, match="no upload"):
            desk.basket.take(str(path), "take")
        desk.basket.discard_upload(str(path))
        assert path.read_bytes() == before


def test_what_is_given_is_forgotten_after_a_while(tmp_path: Path, takes: list[Path]) -> None:
    from demos.held import Basket

    (tmp_path / "x").mkdir()
    copy = tmp_path / "x" / "one.wav"
    copy.write_bytes(takes[0].read_bytes())
    basket = Basket(tmp_path, kept_s=0.0)
    basket.add("someone", [str(copy)])
    clock = basket._clocks.get("someone")
    if clock is not None:
        clock.join(10)
    assert basket.of("someone").recordings == [] and not copy.exists()
    basket.forget_all()


def test_room_is_made_by_those_who_hold_nothing(tmp_path: Path, takes: list[Path]) -> None:
    from demos.held import Basket

    basket = Basket(tmp_path)
    for number in range(40):
        basket.of(f"looked {number}")
    assert len(basket._held) <= 12
    for number in range(12):
        copy = tmp_path / "x" / "one.wav"
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(takes[0].read_bytes())
        basket.add(f"gave {number}", [str(copy)])
    with pytest.raises(UsageError, match="too many"):
        basket.of("one more")
    basket.forget("gave 3")
    assert basket.of("one more").recordings == [] and len(basket.of("gave 0").recordings) == 1
    basket.forget_all()
    assert not basket._held and not basket._clocks


def test_a_synthetic_reference_shows_its_reason(page: Page, client: Any, takes: list[Path], tmp_path: Path) -> None:
    """Our own mark in a file's metadata, and noise in another: both are told, each with what to do."""
    marked = tmp_path / "marked.wav"
    marked.write_bytes(takes[0].read_bytes() + b"LISTICMT" + b"AI-generated speech")
    assert give(client, [marked, *takes[1:]])[1]["ok"]
    shown, result = client.predict(grant="", api_name="/enrol_check")
    assert not result["ok"]
    faults = {one["reason"]: one for one in result["findings"] if one["ok"] is False}
    assert set(faults) == {"reference-synthetic"} and faults["reference-synthetic"]["remedy"]
    assert "reference-synthetic" in shown and "Offer the original recordings" in shown
    # and the enrolment refuses it too, whatever the page has shown
    grant = person.give(page.blocks.desk.studio(), [marked, *takes[1:]], voice="eve")
    *_, result = client.predict(grant=grant, api_name="/enrol")
    assert result["refused"] == "reference-synthetic"
    page.blocks.desk.studio().ledger.revoke(grant, key=person.SPEAKER)


def test_a_draft_is_written_and_nobody_signs_it(page: Page, client: Any, takes: list[Path]) -> None:
    asked = {"voice": "ada", "use": USE, "modes": ["speech"], "adult": True}
    assert not client.predict(**asked, api_name="/enrol_draft")[2]["ok"]  # no recordings yet
    give(client, takes)
    size = page.blocks.desk.studio().ledger.size()
    status, text, result = client.predict(**asked, api_name="/enrol_draft")
    assert result["ok"] and "Not signed" in status and text.count("[[references]]") == len(takes)
    assert "Secretname" not in text  # what is signed can never be erased
    assert "guardian" in client.predict(**(asked | {"adult": False}), api_name="/enrol_draft")[0]
    assert "intended_use" in client.predict(**(asked | {"use": "All."}), api_name="/enrol_draft")[0]
    assert page.blocks.desk.studio().ledger.size() == size


class Verifier:
    """Finds every voice as like as it is told to."""

    name, model_sha256, threshold_ppm = "test", "2" * 64, 750_000
    like = 0

    def similarity_ppm(self, path_a: Path, path_b: Path) -> int:
        assert path_a.is_file() and path_b.is_file()
        return self.like


class Recogniser:
    """Hears what it is told to have heard: what a recogniser understands is not what is tested here."""

    name, model_sha256 = "test", "0" * 64

    def __init__(self) -> None:
        self.heard: tuple[str, ...] = ()

    def words(self, path: Path, vocabulary: tuple[str, ...]) -> tuple[str, ...]:
        return self.heard

    def pcm_sha256(self, path: Path) -> str:
        return "1" * 64


def test_words_read_aloud_complete_a_grant_and_silence_does_not(
    page: Page, client: Any, takes: list[Path], handed_out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import demos.enrol as module
    from consent.challenge import plain_words

    ledger = page.blocks.desk.studio().ledger
    ear, judge = Recogniser(), Verifier()
    shared = set(Path("/dev/shm").rglob("*"))
    monkeypatch.setattr(module, "find_engines", Engines)
    give(client, takes[1:])
    spoken = gradio_client.handle_file(takes[0])
    *_, asked = client.predict(voice="bea", use=USE, modes=["speech"], adult=True, api_name="/enrol_words")
    assert asked["ok"] and len(asked["words"]) == 6, asked

    def answer() -> Any:
        size = ledger.size()
        *shown, result = client.predict(statement=spoken, grant="", api_name="/enrol_statement")
        assert left_behind(handed_out, takes) == [] and str(handed_out) not in str(shown)
        return result, ledger.size() - size

    result, added = answer()  # nothing that listens: the page takes nobody's word
    assert not result["ok"] and "recogniser" in result["message"] and added == 0
    monkeypatch.setattr(module, "find_engines", lambda: Engines(ear, judge))
    result, added = answer()  # it listened, and heard nothing of it
    assert result["refused"] == "challenge-mismatch" and added == 0
    ear.heard = plain_words(asked["statement"])
    result, added = answer()  # the right words in another voice
    assert result["refused"] == "speaker-mismatch" and added == 0
    judge.like = 900_000
    *_, asked = client.predict(voice="bea", use=USE, modes=["speech"], adult=True, api_name="/enrol_words")
    ear.heard = plain_words(asked["statement"])
    result, added = answer()
    assert result["ok"] and added == 1
    assert set(Path("/dev/shm").rglob("*")) <= shared  # where they were compared nothing is left either
    said = ledger.grant_statement(result["grant"])
    info = next(one for one in ledger.grants() if one.digest == result["grant"])
    assert info.tier == "C" and said.adaptation == "embedding" and said.voice == "bea"
    ledger.revoke(result["grant"])


def test_given_used_and_withdrawn(page: Page, client: Any, takes: list[Path], handed_out: Path) -> None:
    studio = page.blocks.desk.studio()
    grant = person.give(studio, takes)  # signed with the speaker's own key, outside of the page
    give(client, takes)
    assert all(one["ok"] is not False for one in client.predict(grant=grant, api_name="/enrol_check")[1]["findings"])
    words = "\n\n".join(person.SENTENCES)
    job = client.submit(grant=grant, transcript=words, api_name="/enrol")
    status, built, held, result = job.result(timeout=600)
    assert result["ok"], result
    assert result["voice"] == "ada" and result["card"]["tier"] == "D" and result["card"]["weaknesses"]
    assert "Weaknesses" in built and "Likeness" in built and "ada" in built and "offered in the other tabs" in status
    assert any("progressbar" in str(step[0]) for step in job.outputs()) and "No recording yet" in held
    assert left_behind(handed_out, takes) == [] and left_behind(page.studio, takes) == []
    # it is offered like any other voice
    assert "ada" in {one["voice"] for one in client.predict(api_name="/grants") if one["state"] == "usable"}
    offered = next(one for one in post(page, "refresh", [""]) if isinstance(one, dict) and "ada (consent)" in str(one))
    assert offered
    *_, made = client.predict(text="The wind blew.", document=None, grant=grant, api_name="/narrate")
    assert made["ok"] and made["voice"] == "ada"
    found = verify_file(page.studio / "out" / made["files"][0])
    assert found.ok and found.grant == grant and found.basis == "consent"
    # speech alone was agreed to
    *_, sung = client.predict(grants=grant, api_name="/sing")
    assert sung["refused"] == "mode-not-granted"
    # and it is gone when they say so
    studio.ledger.revoke(grant, key=person.SPEAKER)
    *_, after = client.predict(text="Once more.", document=None, grant=grant, api_name="/narrate")
    assert after["refused"] == "revoked"
    assert "ada" not in {one.name for one in studio.voices()}
    assert not any("ada (consent)" in str(one) for one in post(page, "refresh", [""]) if "REVOKED" not in str(one))


def test_stopped_it_goes_on_without_the_recordings(
    page: Page, client: Any, takes: list[Path], handed_out: Path
) -> None:
    studio = page.blocks.desk.studio()
    grant = person.give(studio, takes, voice="cleo")
    give(client, takes)
    desk = page.blocks.desk
    real = desk.enrol

    def stopping(*args: Any, progress: Any, cancel: Any) -> Any:
        def tell(step: Any) -> None:
            progress(step)
            if step.stage == "embedding" and step.fraction > 0:
                cancel.set()

        return real(*args, progress=tell, cancel=cancel)

    desk.enrol = stopping
    try:
        status, _, held, result = client.predict(
            grant=grant, transcript="\n\n".join(person.SENTENCES), api_name="/enrol"
        )
    finally:
        del desk.enrol
    assert result["stopped"] == "cancelled" and "Press Build again" in status and "No recording yet" in held
    assert left_behind(handed_out, takes) == [] and left_behind(page.studio, takes) == []
    *_, result = client.predict(grant=grant, api_name="/enrol")
    assert result["ok"] and "went on from what was kept" in result["notices"]
    # removed from the page: only when they are sure
    assert "final" in post(page, "remove_voice", ["cleo", False])[0]
    assert "cleo" in {one.name for one in studio.voices()}
    assert "keys are destroyed" in post(page, "remove_voice", ["cleo", True])[0]
    *_, after = client.predict(text="Once more.", document=None, grant=grant, api_name="/narrate")
    assert after["refused"] == "voice-key-destroyed"
    assert "no such voice" in post(page, "remove_voice", ["alder", True])[0].lower()  # a house voice is not removed


def test_without_grant_or_recordings_it_says_what_to_do(page: Page, client: Any, takes: list[Path]) -> None:
    *_, result = client.predict(grant="", api_name="/enrol")
    assert result["problem"] == "usage" and "step 2" in result["remedy"]
    grant = person.give(page.blocks.desk.studio(), takes, voice="dora")
    *_, result = client.predict(grant=grant, api_name="/enrol")
    assert not result["ok"] and "step 1" in result["remedy"]
