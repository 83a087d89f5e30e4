"""Singing over the page's API: what is delivered, what is refused, and what the picture says.

Truth comes from the ledger, from `consent.verify_file`, from soundfile and from
the score that the test itself writes.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from consent import verify_file
from tests.demos.conftest import PATIENCE_S, Page, serve_singing
from tests.demos.test_app import post
from tests.support.tone import offered

gradio_client = pytest.importorskip("gradio_client", reason="gradio_client is not installed")

STATUS, AUDIO, FILES, PICTURE, TABLES, FACTS, RESULT = range(7)
STEPS = (("C", 4, "Sing"), ("E", 4, "a"), ("G", 4, "<b>song"), ("C", 5, None))


def musicxml(*names: str) -> str:
    """Two seconds of score: four crotchets at 120 in every part."""
    heads = "".join(f'<score-part id="P{k}"><part-name>{name}</part-name></score-part>' for k, name in enumerate(names))
    notes = ""
    for step, octave, text in STEPS:
        lyric = f"<lyric><text>{text.replace('<', '&lt;')}</text></lyric>" if text else ""
        pitch = f"<pitch><step>{step}</step><octave>{octave}</octave></pitch>"
        notes += f"<note>{pitch}<duration>1</duration><type>quarter</type>{lyric}</note>"
    begin = "<attributes><divisions>1</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
    begin += '<sound tempo="120"/>'
    parts = "".join(f'<part id="P{k}"><measure number="1">{begin}{notes}</measure></part>' for k in range(len(names)))
    return f'<score-partwise version="4.0"><part-list>{heads}</part-list>{parts}</score-partwise>'


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, handed_out: Path) -> Iterator[Page]:
    yield from serve_singing(tmp_path_factory.mktemp("singing"))


@pytest.fixture(scope="module")
def client(page: Page) -> Any:
    return gradio_client.Client(page.address, verbose=False, download_files=str(page.studio.parent / "got"))


@pytest.fixture(scope="module")
def grant(page: Page) -> str:
    assert "signed" in post(page, "begin", ["tone", "Test Operator"])[0]
    (only,) = page.blocks.desk.grants()
    return str(only.id)


@pytest.fixture
def duet(tmp_path: Path) -> Any:
    path = tmp_path / "duet.musicxml"
    path.write_text(musicxml("High", "Low"), encoding="utf-8")
    return gradio_client.handle_file(path)


def sing(client: Any, score: Any, grants: str, **more: Any) -> Any:
    return client.predict(score=score, grants=grants, api_name="/sing", **more)


def sounds(page: Page) -> set[Path]:
    return {path for path in (page.studio / "out").rglob("*") if path.suffix == ".wav"}


def refused(page: Page, call: Any) -> dict[str, Any]:
    """Make a call that must leave no sound and no folder; its result."""
    files, folders = sounds(page), set((page.studio / "out").iterdir())
    answer = call()
    assert answer[AUDIO] is None and not answer[FILES] and "Traceback" not in str(answer)
    assert sounds(page) == files and set((page.studio / "out").iterdir()) == folders
    assert answer[RESULT]["ok"] is False
    return dict(answer[RESULT])


def test_a_score_becomes_stems_and_a_mix_that_verify(page: Page, client: Any, grant: str, duet: Any) -> None:
    answer = sing(client, duet, grant, seed=3)
    result = answer[RESULT]
    assert result["ok"] and [part["name"] for part in result["parts"]] == ["High", "Low"]
    out = page.studio / "out"
    assert len(result["files"]) == 3 and result["files"][0] == result["mix"]
    for name in result["files"]:
        shown = verify_file(out / name)
        assert shown.ok and shown.grant == grant and shown.voice == "tone"
    # the player gets the delivered bytes, not a louder copy
    assert Path(answer[AUDIO]).read_bytes() == (out / result["mix"]).read_bytes()
    assert soundfile.info(answer[AUDIO]).duration == pytest.approx(result["measured"]["duration_s"], abs=0.01)
    names = {Path(file).name for file in answer[FILES]}
    assert {"click.wav", "melody.wav", "report.json", "01-high.TextGrid", "02-low.PitchTier"} <= names
    assert sum(name.endswith(".voiceproof") for name in names) == 3
    receipt = page.blocks.desk.studio().ledger.receipt(result["parts"][0]["receipt"])
    assert receipt.grant == grant and receipt.use.mode == "singing"


def test_the_notes_can_be_read_without_seeing(client: Any, grant: str, duet: Any) -> None:
    answer = sing(client, duet, grant, parts="2", vibrato=0)
    lead = answer[RESULT]["measured"]["lead_in_s"]
    assert answer[TABLES].count("<table") == 1 and "<caption>Low: 4 notes, C4 to C5" in answer[TABLES]
    rows = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td></tr>", answer[TABLES])
    wanted = zip(STEPS, ("Sing", "a", "&lt;b&gt;song", "–"), strict=True)
    assert rows == [
        (f"{lead + k / 2:.2f}", "0.50", f"{step}{octave}", text) for k, ((step, octave, _), text) in enumerate(wanted)
    ]
    assert 'role="img"' in answer[PICTURE] and "commanded pitch as a line" in answer[PICTURE]
    assert "<b>" not in answer[PICTURE] + answer[TABLES] + answer[STATUS] + answer[FACTS]
    for words in ("no donor", grant[:12], "dB", "any number of renders"):
        assert words in answer[FACTS]


def test_the_drawn_pitch_lies_on_its_notes(client: Any, grant: str, duet: Any) -> None:
    picture = sing(client, duet, grant, parts="1", vibrato=0)[PICTURE]
    notes = [
        tuple(map(float, found))
        for found in re.findall(
            r'class="vk-note" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', picture
        )
    ]
    (curve,) = re.findall(r'class="vk-f0" d="([^"]+)"', picture)
    points = [tuple(map(float, point.split())) for point in re.split("[ML]", curve) if point]
    assert len(notes) == 4
    for x, y, width, height in notes:
        # the second half of each note, before the glide into the next
        held = [py for px, py in points if x + 0.5 * width < px < x + 0.7 * width]
        assert held and all(abs(py - (y + height / 2)) < 0.6 * height for py in held)


def test_parts_harmony_and_doubles_are_what_was_asked(client: Any, grant: str, duet: Any) -> None:
    result = sing(client, duet, grant, parts="1", harmony="fixed:+7", doubles=2, transpose=-2)[RESULT]
    assert result["ok"] and len(result["parts"]) == 4
    bundled = sing(client, None, grant, harmony="satb", title="A name of its own")[RESULT]
    assert bundled["title"] == "A name of its own"
    assert [part["name"] for part in bundled["parts"]] == ["soprano", "alto", "tenor", "bass"]


def test_cancel_delivers_nothing(page: Page, client: Any, grant: str, duet: Any) -> None:
    begun = threading.Event()
    page.house.delay_s, page.house.on_speak = 1.0, lambda _: begun.set()
    try:

        def call() -> Any:
            begun.clear()
            job = client.submit(score=duet, grants=grant, doubles=8, api_name="/sing")
            assert begun.wait(PATIENCE_S)
            assert "Stopping" in client.predict(api_name="/cancel")
            answer = job.result(timeout=PATIENCE_S)
            bars = [str(step[STATUS]) for step in job.outputs()]
            assert any('role="progressbar"' in one and "of 16 parts sung" in one for one in bars)
            return answer

        result = refused(page, call)
    finally:
        page.house.delay_s, page.house.on_speak = 0.0, None
    assert result["stopped"] == "cancelled" and "nothing was delivered" in result["message"]
    assert page.blocks.desk.studio().ledger.undelivered() == ()


def test_uses_that_are_not_granted_are_refused_with_a_remedy(page: Page, client: Any, grant: str, duet: Any) -> None:
    ledger = page.blocks.desk.studio().ledger
    record = ledger.receipt(sing(client, duet, grant)[RESULT]["parts"][0]["receipt"]).record
    speech = ledger.grant_house_voice(record, scope=offered(modes=("speech",)))
    narrow = ledger.grant_house_voice(record, scope=offered(modes=("singing",), purposes=("demo",), commercial=False))
    doomed = ledger.grant_house_voice(record, scope=offered(modes=("singing",)))
    ledger.revoke(doomed)
    cases = [
        (speech, {}, "mode-not-granted"),
        (narrow, {"purpose": "music"}, "purpose-not-granted"),
        (narrow, {"purpose": "demo", "commercial": True}, "commercial-not-granted"),
        (doomed, {}, "revoked"),
    ]
    for under, more, reason in cases:
        said = len(page.house.spoken)
        result = refused(page, lambda under=under, more=more: sing(client, duet, under, **more))
        assert result["refused"] == reason and result["remedy"] and len(page.house.spoken) == said
    assert ledger.audit().ok


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"grants": ""}, "no voice was chosen"),
        ({"grants": "f" * 64}, "no grant"),
        ({"parts": "-"}, "no part is chosen"),
        ({"parts": "7"}, "no part 7"),
        ({"harmony": "barbershop"}, "unknown style of harmony"),
        ({"title": "x", "seed": -1}, "seed"),
    ],
)
def test_what_cannot_be_sung_is_said_in_a_sentence(
    page: Page, client: Any, grant: str, duet: Any, more: dict[str, Any], words: str
) -> None:
    result = refused(page, lambda: sing(client, duet, **({"grants": grant} | more)))
    assert result["problem"] == "usage" and words in result["message"]


def test_files_that_are_no_scores_are_refused_by_name(page: Page, client: Any, grant: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mxl"
    broken.write_bytes(b"PK\x03\x04 and then nothing")
    result = refused(page, lambda: sing(client, gradio_client.handle_file(broken), grant))
    assert result["problem"] == "input" and "broken.mxl" in result["message"] and str(tmp_path) not in str(result)
    program = tmp_path / "program.exe"
    program.write_bytes(b"MZ")
    with pytest.raises(Exception, match=r"file type|Invalid"):
        sing(client, gradio_client.handle_file(program), grant)


def test_a_part_is_heard_alone_and_nothing_else_can_be(page: Page, client: Any, grant: str, duet: Any) -> None:
    result = sing(client, duet, grant)[RESULT]
    (stem,) = post(page, "hear", [result["parts"][1]["file"]])
    given = Path(stem["path"])
    assert given.read_bytes() == (page.studio / "out" / result["parts"][1]["file"]).read_bytes()
    for name in ("../ledger/ledger.db", str(page.studio / "ledger" / "ledger.db"), f"{result['mix']}.voiceproof"):
        assert post(page, "hear", [name]) == [None]


def test_a_score_is_shown_before_anything_is_sung(page: Page, client: Any, grant: str) -> None:
    about, _, _, voices, *rest = post(page, "look", [None, "", "satb", "", 0, 0])
    assert "Amazing Grace" in about and "no donor" in voices and "any number of renders" in voices
    labels = [radio["label"] for radio in rest[:8] if radio["visible"]]
    assert labels == ["Who sings soprano", "Who sings alto", "Who sings tenor", "Who sings bass"]
    assert rest[8] == ",".join([grant] * 4)
    assert rest[9].count('class="vk-note"') > 100 and "commanded pitch" not in rest[9]
    assert rest[10].count("<table") == 4
