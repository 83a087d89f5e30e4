"""The page as a server: what programs may ask of it, and what it refuses them.

Truth comes from the ledger, from `consent.verify_file` and from soundfile, not
from what the page says of itself.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from consent import Ledger, verify_file
from tests.demos.conftest import PATIENCE_S, Page, serve
from tests.support.tone import audio_bytes, offered
from voicekit import UsageError

gradio_client = pytest.importorskip("gradio_client", reason="gradio_client is not installed")

STATUS, AUDIO, FILES, PICTURE, LINES, FACTS, RESULT = range(7)
TEXT = "It was a dark night. The rain fell in torrents on Dr. Smith."


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, handed_out: Path) -> Iterator[Page]:
    yield from serve(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def client(page: Page) -> Any:
    return gradio_client.Client(page.address, verbose=False, download_files=str(page.studio.parent / "got"))


@pytest.fixture(scope="module")
def grant(page: Page) -> str:
    """The tone voice's grant, signed through the page's own private endpoint."""
    answer = post(page, "begin", ["tone", "Test Operator"])
    assert "signed" in answer[0], answer
    (only,) = page.blocks.desk.grants()
    return str(only.id)


def post(page: Page, name: str, data: list[Any], headers: dict[str, str] | None = None) -> list[Any]:
    """Call an endpoint as any program can, private ones too."""
    config = get_json(f"{page.address}config")
    index = next(i["id"] for i in config["dependencies"] if i["api_name"] == name)
    session = f"test-{name}-{time.monotonic_ns()}"
    body = json.dumps({"data": data, "fn_index": index, "session_hash": session}).encode()
    everything = {"content-type": "application/json"} | (headers or {})
    request = urllib.request.Request(f"{page.address}gradio_api/queue/join", body, everything)
    urllib.request.urlopen(request, timeout=PATIENCE_S).close()
    with urllib.request.urlopen(
        f"{page.address}gradio_api/queue/data?session_hash={session}", timeout=PATIENCE_S
    ) as stream:
        for line in stream:
            if line.startswith(b"data: "):
                message = json.loads(line[6:])
                if message["msg"] == "process_completed":
                    assert message["success"], message
                    return list(message["output"]["data"])
    raise AssertionError("the stream ended without an answer")


def get_json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        return json.load(answer)


def narrate(client: Any, grant: str | None, text: str = TEXT, **more: Any) -> Any:
    return client.predict(text=text, document=None, grant=grant, api_name="/narrate", **more)


def spoken(page: Page) -> int:
    return len(page.house.spoken)


# -- the main job --------------------------------------------------------------------------------


def test_a_text_becomes_a_file_that_verifies(page: Page, client: Any, grant: str) -> None:
    answer = narrate(client, grant, seed=3, rate=1.2)
    result = answer[RESULT]
    assert result["ok"] and result["grant"] == grant and result["voice"] == "tone"
    out = page.studio / "out"
    assert [Path(name).suffix for name in result["files"]] == [".mp3", ".flac"]
    for name in result["files"]:
        shown = verify_file(out / name)
        assert shown.ok and shown.grant == grant and shown.voice == "tone"
    # what the player gets are the delivered bytes, not a louder copy
    assert Path(answer[AUDIO]).read_bytes() == (out / result["files"][0]).read_bytes()
    assert soundfile.info(answer[AUDIO]).duration == pytest.approx(result["measured"]["duration_s"], abs=0.06)
    names = [Path(file).name for file in answer[FILES]]
    assert len(names) == 4 and names[1] == f"{names[0]}.voiceproof"
    copied = verify_file(answer[FILES][0], proof=answer[FILES][1])
    assert copied.ok
    receipt = page.blocks.desk.studio().ledger.receipt(result["receipts"][0])
    assert receipt.grant == grant and receipt.voice == "tone"


def test_picture_and_facts_can_be_read_without_seeing(client: Any, grant: str) -> None:
    answer = narrate(client, grant, seed=3, rate=1.2)
    assert 'role="img"' in answer[PICTURE] and "Measured pitch: median" in answer[PICTURE]
    assert answer[LINES].count('class="vk-line"') == 2  # a button a sentence
    for words in ("no donor", grant[:12], "dB", "any number of renders"):
        assert words in answer[FACTS]


def test_pressing_again_gives_the_same_file_and_spends_nothing(page: Page, client: Any, grant: str) -> None:
    first = narrate(client, grant, "Once and no more.")[RESULT]
    size, said = page.blocks.desk.studio().ledger.size(), spoken(page)
    again = narrate(client, grant, "Once and no more.")[RESULT]
    assert again["already_there"] and again["receipts"] == first["receipts"]
    assert page.blocks.desk.studio().ledger.size() == size and spoken(page) == said


def test_a_book_is_uploaded_and_its_chapters_chosen(page: Page, client: Any, grant: str, tmp_path: Path) -> None:
    book = tmp_path / "two chapters.txt"
    book.write_text("CHAPTER I\n\nThe first one.\n\n\n\nCHAPTER II\n\nThe second one.\n", encoding="utf-8")
    answer = client.predict(
        text="not this", document=gradio_client.handle_file(book), grant=grant, chapters="2", api_name="/narrate"
    )
    result = answer[RESULT]
    assert result["ok"] and len(result["chapters"]) == 1
    assert any("second" in text for text in page.house.spoken)
    assert not any("first one" in text or "not this" in text for text in page.house.spoken)


def test_markup_in_a_text_is_text(client: Any, grant: str) -> None:
    text = "He wrote <script>alert(1)</script> and ${1+1} here."
    answer = narrate(client, grant, text)
    assert answer[RESULT]["ok"]
    assert "<script" not in answer[PICTURE] + answer[LINES] + answer[FACTS] + answer[STATUS]
    assert "&lt;script&gt;" in answer[LINES]


def test_cancel_stops_after_a_sentence_and_the_next_press_goes_on(page: Page, client: Any, grant: str) -> None:
    text = " ".join(f"Here is sentence number {n} of them." for n in range(1, 41))
    begun = threading.Event()
    page.house.delay_s, page.house.on_speak = 0.3, lambda _: begun.set()
    try:
        before = spoken(page)
        job = client.submit(text=text, document=None, grant=grant, api_name="/narrate")
        assert begun.wait(PATIENCE_S)
        assert "Stopping" in client.predict(api_name="/cancel")
        stopped = job.result(timeout=PATIENCE_S)[RESULT]
    finally:
        page.house.delay_s, page.house.on_speak = 0.0, None
    made = spoken(page) - before
    assert stopped == {
        "ok": False,
        "stopped": "cancelled",
        "message": "Stopped on request; finished sentences are kept",
        "remedy": "Press Narrate again to go on",
        "statements": [],
    }
    assert 0 < made < 40
    assert narrate(client, grant, text)[RESULT]["ok"]
    assert spoken(page) - before <= 41  # at most the sentence that was being made is made twice


def test_progress_comes_while_it_runs(page: Page, client: Any, grant: str) -> None:
    page.house.delay_s = 0.4
    try:
        job = client.submit(
            text=" ".join(f"Number {n} is spoken slowly." for n in range(8)),
            document=None,
            grant=grant,
            api_name="/narrate",
        )
        assert job.result(timeout=PATIENCE_S)[RESULT]["ok"]
    finally:
        page.house.delay_s = 0.0
    bars = [str(step[STATUS]) for step in job.outputs() if 'role="progressbar"' in str(step[STATUS])]
    assert any("left" in bar and "sentence" in bar for bar in bars)


# -- refusals: the library decides, whoever asks ---------------------------------------------------


def refused(page: Page, call: Any) -> dict[str, Any]:
    """Make a call that must make no sound and no file; its result."""
    files = {path for path in (page.studio / "out").rglob("*") if path.suffix in (".mp3", ".flac", ".wav")}
    folders, said = set((page.studio / "out").iterdir()), spoken(page)
    answer = call()
    assert answer[AUDIO] is None and not answer[FILES]
    assert "Traceback" not in str(answer)
    after = {path for path in (page.studio / "out").rglob("*") if path.suffix in (".mp3", ".flac", ".wav")}
    assert after == files and set((page.studio / "out").iterdir()) == folders and spoken(page) == said
    result = answer[RESULT]
    assert result["ok"] is False
    return dict(result)


def test_a_grant_of_another_studio_is_refused(page: Page, client: Any, grant: str) -> None:
    for foreign in ("f" * 64, "../" + grant, grant[:20], "tone"):
        result = refused(page, lambda foreign=foreign: narrate(client, foreign, "Under a strange grant."))
        assert result["problem"] == "usage" and "no grant" in result["message"]


def test_a_use_outside_a_narrow_grant_is_refused_and_recorded(page: Page, client: Any, grant: str) -> None:
    ledger = page.blocks.desk.studio().ledger
    record = next(info for info in ledger.grants() if info.digest == grant)
    assert record.basis == "no-donor"
    narrow = ledger.grant_house_voice(
        record_of(ledger), scope=offered(purposes=("podcast",), commercial=False, territories=("DE",))
    )
    cases = [
        ({"purpose": "audiobook", "territory": "DE"}, "purpose-not-granted"),
        ({"purpose": "podcast", "territory": "DE", "commercial": True}, "commercial-not-granted"),
        ({"purpose": "podcast", "territory": "FR"}, "territory-not-granted"),
    ]
    for more, reason in cases:
        size = ledger.size()
        result = refused(page, lambda more=more: narrate(client, narrow, "Outside.", **more))
        assert result["refused"] == reason and result["remedy"]
        assert ledger.size() == size + 1  # the refusal itself
    assert narrate(client, narrow, "Inside.", purpose="podcast", territory="DE")[RESULT]["ok"]
    ledger.revoke(narrow)


def record_of(ledger: Ledger) -> str:
    """Digest of the tone voice's record, read off a receipt of the ledger."""
    return str(ledger.receipt(_receipts[0]).record) if _receipts else ""


_receipts: list[str] = []


@pytest.fixture(autouse=True)
def _one_receipt(page: Page, client: Any, grant: str) -> None:
    if not _receipts:
        _receipts.extend(narrate(client, grant, "A first word.")[RESULT]["receipts"])


def test_a_revoked_grant_is_refused_even_what_was_made_under_it(page: Page, client: Any, grant: str) -> None:
    ledger = page.blocks.desk.studio().ledger
    doomed = ledger.grant_house_voice(record_of(ledger))
    assert narrate(client, doomed, "While it lasts.")[RESULT]["ok"]
    unsure = post(page, "revoke", [doomed, "changed my mind", False])
    assert "final" in unsure[0] and ledger.balance(doomed).state == "active"
    assert "revoked" in post(page, "revoke", [doomed, "changed my mind", True])[0]
    assert ledger.balance(doomed).state == "revoked"
    for text in ("While it lasts.", "And afterwards."):
        result = refused(page, lambda text=text: narrate(client, doomed, text))
        assert result["refused"] == "revoked" and result["remedy"]
    assert ledger.audit().ok


def test_a_revocation_stops_a_running_narration(page: Page, client: Any, grant: str) -> None:
    ledger = page.blocks.desk.studio().ledger
    doomed = ledger.grant_house_voice(record_of(ledger))
    begun = threading.Event()
    page.house.delay_s, page.house.on_speak = 0.2, lambda _: begun.set()
    try:
        text = " ".join(f"Sentence {n} goes on and on." for n in range(60))
        job = client.submit(text=text, document=None, grant=doomed, api_name="/narrate")
        assert begun.wait(PATIENCE_S)
        ledger.revoke(doomed)
        result = job.result(timeout=PATIENCE_S)[RESULT]
    finally:
        page.house.delay_s, page.house.on_speak = 0.0, None
    assert result["refused"] == "revoked"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"rate": 9.0}, "rate"),
        ({"pitch": 99.0}, "pitch"),
        ({"seed": -1}, "seed"),
        ({"text": "  \n "}, "nothing to read"),
        ({"text": "x" * 100_001}, "too many"),
    ],
)
def test_values_out_of_range_are_refused_in_a_sentence(
    page: Page, client: Any, grant: str, more: dict[str, Any], words: str
) -> None:
    try:
        result = refused(page, lambda: narrate(client, grant, **({"text": TEXT} | more)))
    except gradio_client.exceptions.AppError as problem:  # refused by the control itself
        assert "Value" in str(problem) or words in str(problem)
    else:
        assert words in result["message"]


def test_files_that_are_no_books_are_refused_by_name(page: Page, client: Any, grant: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.epub"
    broken.write_bytes(b"PK\x03\x04 and then nothing")
    result = refused(
        page,
        lambda: client.predict(text="", document=gradio_client.handle_file(broken), grant=grant, api_name="/narrate"),
    )
    assert result["problem"] == "input" and "broken.epub" in result["message"] and str(tmp_path) not in str(result)
    program = tmp_path / "program.exe"
    program.write_bytes(b"MZ")
    with pytest.raises(Exception, match=r"file type|Invalid"):
        client.predict(text="", document=gradio_client.handle_file(program), grant=grant, api_name="/narrate")


# -- verifying -------------------------------------------------------------------------------------


def test_verify_gives_both_verdicts(page: Page, client: Any, grant: str, tmp_path: Path) -> None:
    name = narrate(client, grant, "To be verified.")[RESULT]["files"][0]
    html, result = client.predict(sound=None, proof=None, delivered=name, api_name="/verify")
    assert result["ok"] and result["records"]["ok"] and result["use"]["ok"] and result["voice"] == "tone"
    assert "Records sound?" in html and "Use within permission?" in html and "does not show" in html
    # the same from elsewhere, and with one bit of the sound changed
    sound, proof = tmp_path / "copy.mp3", tmp_path / "copy.mp3.voiceproof"
    data = bytearray((page.studio / "out" / name).read_bytes())
    shutil.copy(page.studio / "out" / f"{name}.voiceproof", proof)
    for flip, ok in ((0, True), (1, False)):
        data[len(data) // 2] ^= flip
        sound.write_bytes(bytes(data))
        html, result = client.predict(
            sound=gradio_client.handle_file(sound),
            proof=gradio_client.handle_file(proof),
            delivered=None,
            api_name="/verify",
        )
        assert result["records"]["ok"] is ok and ("<strong>No" in html) is not ok
    html, result = client.predict(
        sound=gradio_client.handle_file(sound), proof=None, delivered=None, api_name="/verify"
    )
    assert result["ok"] is False and "proof is missing" in result["message"]


def test_verify_reads_nothing_outside_the_delivered_files(page: Page, client: Any, grant: str) -> None:
    inside = narrate(client, grant, "A link will point here.")[RESULT]["files"][0]
    folder = Path(inside).parent
    (page.studio / "out" / folder / "link.mp3").symlink_to(page.studio / "ledger" / "ledger.db")
    outside = [
        "../ledger/ledger.db",
        "../ledger/keys/operator.key",
        f"{folder}/../../ledger/ledger.db",
        str(page.studio / "ledger" / "ledger.db"),
        f"{folder}/.voicekit/lock",
        f"{folder}/link.mp3",
        f"{folder}/production.json",
        "nothing/there.mp3",
    ]
    for name in outside:
        _, result = client.predict(sound=None, proof=None, delivered=name, api_name="/verify")
        assert result["ok"] is False and "not a delivered file" in result["message"], name


# -- the server ------------------------------------------------------------------------------------


def status_of(url: str, headers: dict[str, str] | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=PATIENCE_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as problem:
        return problem.code


def test_no_folder_of_the_studio_is_served(page: Page, client: Any, grant: str) -> None:
    delivered = narrate(client, grant, "Closed doors.")[RESULT]["files"][0]
    closed = [
        page.studio / "ledger" / "ledger.db",
        page.studio / "ledger" / "keys" / "operator.key",
        page.studio / "out" / delivered,
        page.house.weights,
        next(path for path in (page.studio / "takes").rglob("*") if path.is_file()),
    ]
    for path in closed:
        assert path.is_file()
        assert status_of(f"{page.address}gradio_api/file={path}") == 403, path


def test_other_sites_and_rebound_names_are_turned_away(page: Page, grant: str) -> None:
    assert status_of(page.address) == 200
    assert status_of(page.address, {"Origin": "https://evil.example"}) == 403
    assert status_of(page.address, {"Host": "evil.example:80"}) == 403
    own = page.address.rstrip("/")
    assert status_of(page.address, {"Origin": own}) == 200
    ledger = page.blocks.desk.studio().ledger
    with pytest.raises(urllib.error.HTTPError, match="403"):
        post(page, "revoke", [grant, "evil", True], {"Origin": "https://evil.example"})
    assert ledger.balance(grant).state == "active"


def test_a_server_for_others_needs_a_password(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    from demos.app import PASSWORD_VARIABLE, launch

    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    with pytest.raises(UsageError, match="could use and revoke your grants"):
        launch(page.blocks, host="0.0.0.0", port=None)


def test_the_public_names_stay(client: Any) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    enrolment = {f"/enrol{part}" for part in ("", "_add", "_check", "_draft", "_words", "_statement", "_forget")}
    assert set(named) == {"/narrate", "/sing", "/convert", "/cancel", "/verify", "/audit", "/grants"} | enrolment
    assert [one["parameter_name"] for one in named["/narrate"]["parameters"]] == [
        "text",
        "document",
        "grant",
        "rate",
        "pitch",
        "seed",
        "title",
        "chapters",
        "purpose",
        "commercial",
        "territory",
        "hear",
    ]


def test_grants_lists_what_is_left(client: Any, grant: str) -> None:
    listed = {one["id"]: one for one in client.predict(api_name="/grants")}
    assert listed[grant]["voice"] == "tone" and listed[grant]["state"] == "usable"


def test_no_delivered_file_lies_about_without_proof(page: Page) -> None:
    for folder in (page.studio / "out").iterdir():
        for name in audio_bytes(folder):
            if not (folder / name).is_symlink():
                assert verify_file(folder / name).ok, name
