"""Hearing a narration over the page while it is made: what arrives, what ends it, what is left of it.

Truth comes from the engine's own samples, the ledger, and the files on disk.
"""

from __future__ import annotations

import secrets
import sqlite3
import struct
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.demos.conftest import PATIENCE_S, Page, serve
from tests.demos.test_app import post
from voicekit.audio import read_audio

gradio_client = pytest.importorskip("gradio_client", reason="gradio_client is not installed")

LONG = " ".join(f"Here is sentence number {n} of them." for n in range(1, 13))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, handed_out: Path) -> Iterator[Page]:
    yield from serve(tmp_path_factory.mktemp("hearing"))


@pytest.fixture(scope="module")
def client(page: Page) -> Any:
    return gradio_client.Client(page.address, verbose=False, download_files=str(page.studio.parent / "got"))


@pytest.fixture(scope="module")
def grant(page: Page) -> str:
    post(page, "begin", ["tone", "Test Operator"])
    (only,) = page.blocks.desk.grants()
    return str(only.id)


class Listener(threading.Thread):
    """A listener over HTTP, as a program would be one."""

    def __init__(self, address: str, token: str) -> None:
        super().__init__(daemon=True)
        self.address, self.token = address, token
        self.rate, self.last = 0, -1
        self.blocks: list[bytes] = []
        self.first = threading.Event()
        self.start()

    def run(self) -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.address}hear/{self.token}", timeout=PATIENCE_S) as stream:
                    assert stream.headers["cache-control"] == "no-store"
                    (self.rate,) = struct.unpack("<I", stream.read(4))
                    while True:
                        (count,) = struct.unpack("<I", stream.read(4))
                        if count in (0, 0xFFFFFFFF):
                            self.last = count
                            return
                        self.blocks.append(stream.read(count))
                        self.first.set()
            except urllib.error.HTTPError:  # not begun yet
                time.sleep(0.1)

    @property
    def sound(self) -> np.ndarray:
        return np.frombuffer(b"".join(self.blocks), dtype="<i2")


def say(client: Any, grant: str, text: str, token: str, **more: Any) -> Any:
    return client.submit(text=text, document=None, grant=grant, hear=token, api_name="/narrate", **more)


def kinds(page: Page) -> list[str]:
    with sqlite3.connect(f"file:{page.studio / 'ledger' / 'ledger.db'}?mode=ro", uri=True) as db:
        return [kind for (kind,) in db.execute("select kind from entry order by seq")]


def sounds(*folders: Path) -> set[Path]:
    return {p for folder in folders for p in folder.rglob("*") if p.suffix in (".mp3", ".flac", ".wav", ".aac", ".ts")}


def test_what_is_heard_is_what_is_delivered_and_no_other_file_comes_of_it(
    page: Page, client: Any, grant: str, handed_out: Path
) -> None:
    before = sounds(page.studio / "out", handed_out)
    token = secrets.token_urlsafe(24)
    ear = Listener(page.address, token)
    *_, result = say(client, grant, "It was a dark night. The rain fell in torrents.", token).result(timeout=PATIENCE_S)
    ear.join(PATIENCE_S)
    assert result["ok"] and ear.last == 0 and ear.rate == 24_000 and len(ear.blocks) > 3
    made = sounds(page.studio / "out", handed_out) - before
    names = {Path(name).name for name in result["files"]}
    assert {path.name for path in made} == names  # what was delivered, and links to it
    sent = read_audio(page.studio / "out" / result["files"][0])
    assert abs(len(ear.sound) / ear.rate - len(sent.samples) / sent.sample_rate) < 2.5  # head, tail and pauses
    energy = [
        [float(np.mean(np.square(part, dtype=np.float64))) for part in np.array_split(_trim(wave.astype(float)), 60)]
        for wave in (ear.sound, sent.samples)
    ]
    assert np.corrcoef(*energy)[0, 1] > 0.9


def _trim(wave: np.ndarray) -> np.ndarray:
    loud = np.flatnonzero(np.abs(wave) > 0.05 * np.abs(wave).max())
    return wave[loud[0] : loud[-1]]


def test_cancelled_it_ends_and_nothing_is_left(page: Page, client: Any, grant: str, handed_out: Path) -> None:
    before = sounds(page.studio / "out", handed_out)
    token = secrets.token_urlsafe(24)
    page.house.delay_s = 0.3
    try:
        ear = Listener(page.address, token)
        job = say(client, grant, LONG, token)
        assert ear.first.wait(PATIENCE_S)
        client.predict(api_name="/cancel")
        *_, result = job.result(timeout=PATIENCE_S)
    finally:
        page.house.delay_s = 0.0
    ear.join(PATIENCE_S)
    assert result["stopped"] == "cancelled" and ear.last == 0xFFFFFFFF
    assert sounds(page.studio / "out", handed_out) == before and kinds(page)[-1] == "render-aborted"
    late = time.monotonic() + PATIENCE_S
    while page.blocks.desk.ears._ears and time.monotonic() < late:
        time.sleep(0.02)  # the page forgets when its last word is sent, which may have been heard before
    assert not page.blocks.desk.ears._ears  # nor in memory


def test_a_withdrawal_silences_it(page: Page, client: Any, grant: str) -> None:
    ledger = page.blocks.desk.studio().ledger
    receipt = next(one for one in ledger.entries(("render-receipt",)))
    doomed = ledger.grant_house_voice(receipt.statement.record)
    token = secrets.token_urlsafe(24)
    page.house.delay_s = 0.3
    try:
        ear = Listener(page.address, token)
        job = say(client, doomed, LONG, token, seed=7)
        assert ear.first.wait(PATIENCE_S)
        ledger.revoke(doomed)
        *_, result = job.result(timeout=PATIENCE_S)
    finally:
        page.house.delay_s = 0.0
    ear.join(PATIENCE_S)
    assert result["refused"] == "revoked" and ear.last == 0xFFFFFFFF
    heard = len(ear.blocks)
    # and under a revoked grant nothing is heard at all, whatever sentences are on disk
    token = secrets.token_urlsafe(24)
    ear = Listener(page.address, token)
    *_, result = say(client, doomed, LONG, token, seed=7).result(timeout=PATIENCE_S)
    ear.join(PATIENCE_S)
    assert result["refused"] == "revoked" and ear.blocks == [] and ear.last == 0xFFFFFFFF and heard > 0


def test_only_who_asked_can_listen_and_only_once(page: Page, client: Any, grant: str) -> None:
    ears = page.blocks.desk.ears

    def answer(token: str, method: str = "GET") -> int:
        try:
            request = urllib.request.Request(f"{page.address}hear/{token}", method=method)
            return int(urllib.request.urlopen(request, timeout=PATIENCE_S).status)
        except urllib.error.HTTPError as problem:
            return problem.code

    token = secrets.token_urlsafe(24)
    assert answer(token) == 404 and answer("") == 404 and answer("../config") == 404
    ear = ears.open(token)
    assert answer(token, "POST") == 404
    ears.take(token)
    assert answer(token) == 404  # somebody listens already
    ear.close(whole=False)
    ears.forget(token)
    request = urllib.request.Request(f"{page.address}hear/{token}", headers={"Origin": "https://evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=PATIENCE_S)
    *_, result = say(client, grant, "One.", "short").result(timeout=PATIENCE_S)
    assert result["problem"] == "usage" and "token" in result["message"]
