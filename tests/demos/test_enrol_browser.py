"""The Enrol tab, and listening, in a real Chromium: by what a person presses, on a desk and on a phone."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from consent.engines import Engines
from tests.demos.conftest import Page, serve_house
from tests.demos.test_browser import CHROMIUM, DRIVER, browser, open_tab, press, text_of, wait, webdriver
from tests.demos.test_enrol import USE, left_behind
from tests.support import person
from voicekit.studio import references

__all__ = ["browser"]  # the fixture

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no Chromium with chromedriver on this machine; the page was not looked at"
)

TABS = ["Narrate", "Sing", "Convert", "Enrol", "Verify", "Consent"]


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return person.say(tmp_path_factory.mktemp("person"), stem="Ada Secretname ")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, handed_out: Path) -> Iterator[Page]:
    with pytest.MonkeyPatch.context() as patch:
        person.quick(patch, 20)
        patch.setattr(references, "find_engines", Engines)
        for page in serve_house(tmp_path_factory.mktemp("enrol-browser")):
            page.blocks.desk.create("Test Operator").adopt_house_voice(page.blocks.desk.voices.list_voices()[0].name)
            yield page


def picture(browser: Any, name: str) -> None:
    """Where $VOICEKIT_PICTURES names a folder, what the page looks like."""
    if folder := os.environ.get("VOICEKIT_PICTURES"):
        size = browser.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 3000), "scale": 1}
        shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
        (Path(folder) / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


def write(browser: Any, selector: str, text: str) -> None:
    """Type into a field as a person does."""
    field = browser.find_element("css selector", selector)
    field.clear()
    field.send_keys(text)


def test_faults_and_what_to_do_stand_there_before_anything_is_built(
    page: Page, browser: Any, takes: list[Path], handed_out: Path, tmp_path: Path
) -> None:
    marked = tmp_path / "marked.wav"
    marked.write_bytes(takes[0].read_bytes() + b"LISTICMT" + b"AI-generated speech")
    browser.get(page.address)
    wait(browser, lambda: "no donor" in text_of(browser, "#grant-choice"), "the grant")
    open_tab(browser, "Enrol")
    wait(browser, lambda: "No grant here" in text_of(browser, "#enrol-about"), "the word that there is no grant")
    assert browser.find_element("css selector", "#enrol-about").is_displayed()
    browser.find_element("css selector", "#enrol-files input[type=file]").send_keys(
        "\n".join(str(one) for one in [marked, *takes[1:]])
    )
    wait(browser, lambda: "6 recordings" in text_of(browser, "#enrol-held"), "the recordings")
    assert left_behind(handed_out, takes) == [] and "Secretname" not in text_of(browser, "body")
    press(browser, "#enrol-check")
    wait(browser, lambda: "reference-synthetic" in text_of(browser, "#enrol-found"), "the fault")
    said = text_of(browser, "#enrol-found")
    assert "1 fault" in said and "Offer the original recordings" in said
    picture(browser, "enrol-fault")
    press(browser, "#enrol-forget")
    wait(browser, lambda: "No recording yet" in text_of(browser, "#enrol-held"), "them to be forgotten")


def test_a_draft_is_written_for_the_speaker(page: Page, browser: Any, takes: list[Path]) -> None:
    browser.find_element("css selector", "#enrol-files input[type=file]").send_keys(
        "\n".join(str(one) for one in takes)
    )
    wait(browser, lambda: "6 recordings" in text_of(browser, "#enrol-held"), "the recordings")
    press(browser, "#enrol-draft-panel > button")
    wait(browser, lambda: "cannot agree for somebody else" in text_of(browser, "#enrol-draft-panel"), "what to do")
    write(browser, "#enrol-voice input, #enrol-voice textarea", "ada")
    write(browser, "#enrol-use textarea", USE)
    browser.execute_script(
        "[...document.querySelectorAll('#enrol-draft-panel label')].find(l => l.innerText.includes('of age'))"
        ".querySelector('input').click()"
    )
    press(browser, "#enrol-draft-go")
    wait(
        browser,
        lambda: "file_sha256" in browser.execute_script("return document.querySelector('#enrol-draft textarea').value"),
        "the draft",
    )
    assert "Not signed by anybody" in text_of(browser, "#enrol-draft-status")
    link = browser.find_element("css selector", "#enrol-draft-status a").get_attribute("href")
    saved = base64.b64decode(link.split(",", 1)[1]).decode()
    hashes = {hashlib.sha256(one.read_bytes()).hexdigest() for one in takes}
    assert {one["file_sha256"] for one in tomllib.loads(saved)["references"]} == hashes
    press(browser, "#enrol-words-go")
    wait(browser, lambda: "My words are" in text_of(browser, "#enrol-draft-status"), "the words")
    picture(browser, "enrol-draft")


def test_a_take_from_the_microphone_is_held_and_its_upload_is_gone(
    page: Page, browser: Any, takes: list[Path], handed_out: Path
) -> None:
    """Chromium's own pretended microphone: it beeps, which is enough to be recorded."""
    press(browser, "#enrol-microphone .record-button")
    time.sleep(2.0)
    press(browser, "#enrol-microphone .stop-button")
    wait(browser, lambda: "7 recordings" in text_of(browser, "#enrol-held"), "the take")
    assert [path for path in handed_out.rglob("*.wav") if path.stat().st_size] == []
    press(browser, "#enrol-forget")
    wait(browser, lambda: "No recording yet" in text_of(browser, "#enrol-held"), "them to be forgotten")
    browser.find_element("css selector", "#enrol-files input[type=file]").send_keys(
        "\n".join(str(one) for one in takes)
    )
    wait(browser, lambda: "6 recordings" in text_of(browser, "#enrol-held"), "the recordings")


def test_the_voice_is_built_and_offered_in_the_other_tabs(page: Page, browser: Any, takes: list[Path]) -> None:
    grant = person.give(page.blocks.desk.studio(), takes)  # the speaker's key signs outside of the page
    open_tab(browser, "Narrate")
    open_tab(browser, "Enrol")
    wait(browser, lambda: "ada (consent)" in text_of(browser, "#enrol-grant"), "the grant")
    assert "ada" not in text_of(browser, "#grant-choice")
    press(browser, "#enrol-go")
    wait(browser, lambda: "Done" in text_of(browser, "#enrol-status"), "the voice")
    wait(browser, lambda: "ada, tier" in text_of(browser, "#enrol-people"), "it among the voices built here")
    card = text_of(browser, "#enrol-found")
    assert "Weaknesses" in card
    assert "Tier" in card.title() and "Learnt from" in card
    picture(browser, "enrol-built")
    open_tab(browser, "Narrate")
    wait(browser, lambda: "ada (consent)" in text_of(browser, "#grant-choice"), "the voice among the others")
    browser.execute_script(
        "[...document.querySelectorAll('#grant-choice label')].find(l => l.innerText.includes('ada'))"
        ".querySelector('input').click()"
    )
    browser.execute_script("document.querySelector('#narrate-listen input').click()")
    press(browser, "#narrate-go")
    wait(
        browser,
        lambda: browser.execute_script("return document.querySelector('.vk-hear')?.dataset.heard > 0.5"),
        "sound while it is made",
    )
    assert "has no receipt yet" in text_of(browser, "#narrate-hear")
    picture(browser, "narrate-hearing")
    wait(browser, lambda: "Permission" in text_of(browser, "#result-facts"), "the file")
    assert "ada" in text_of(browser, "#result-facts")
    wait(browser, lambda: "The file with its receipt is there" in text_of(browser, "#narrate-hear"), "the end of it")
    open_tab(browser, "Sing")
    wait(browser, lambda: "any number of renders" in text_of(browser, "#sing-voices"), "who may sing")
    assert "ada" not in text_of(browser, "#sing-voices")  # speech alone was agreed to
    page.blocks.desk.studio().ledger.revoke(grant, key=person.SPEAKER)
    open_tab(browser, "Narrate")
    press(browser, "#narrate-go")
    wait(browser, lambda: "revoked" in text_of(browser, "#narrate-status"), "the refusal")
    wait(browser, lambda: "ada" not in text_of(browser, "#grant-choice"), "the voice to vanish")
    open_tab(browser, "Enrol")
    wait(browser, lambda: "No person's voice" in text_of(browser, "#enrol-people"), "it to vanish here too")


def test_every_control_has_a_name_and_the_keyboard_reaches_it(browser: Any) -> None:
    open_tab(browser, "Enrol")
    unnamed = browser.execute_script(
        """
        const named = e => [e.getAttribute('aria-label'), e.getAttribute('aria-labelledby'), e.innerText, e.title,
                            ...[...(e.labels ?? [])].map(l => l.innerText)].join('').trim();
        return [...document.querySelectorAll('button, input, textarea, select, a[href], audio, summary')]
          .filter(e => e.offsetParent !== null && !named(e)).map(e => e.outerHTML.slice(0, 200));
        """
    )
    assert unnamed == []
    from selenium.webdriver.common.keys import Keys

    browser.execute_script("document.activeElement?.blur(); window.scrollTo(0, 0)")
    reached = set()
    for _ in range(45):
        webdriver.ActionChains(browser).send_keys(Keys.TAB).perform()
        reached.add(browser.execute_script("const e = document.activeElement; return e.id || e.innerText || e.type"))
    assert {"enrol-check", "enrol-forget", "enrol-go", "enrol-stop", "Enrol"} <= reached, reached


def test_six_tabs_fit_a_phone(browser: Any) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    )
    try:
        wait(browser, lambda: browser.execute_script("return innerWidth") == 390, "the narrow window")
        for name in TABS:
            open_tab(browser, name)
            wide = browser.execute_script(
                "return [...document.querySelectorAll('.gradio-container *')].filter(e => e.offsetParent && "
                "e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120))"
            )
            assert browser.execute_script("return document.documentElement.scrollWidth") <= 390, (name, wide)
            picture(browser, f"phone-{name.lower()}")
        cut = browser.execute_script(
            "return [...document.querySelectorAll('button[role=tab]')].filter(e => e.offsetParent && "
            "(e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < 0))"
            ".map(e => e.innerText)"
        )
        assert cut == []
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    for name in TABS:
        open_tab(browser, name)
        width = browser.execute_script("return document.querySelector('.gradio-container').offsetWidth")
        assert width == 1240, (name, width)
        picture(browser, f"desk-{name.lower()}")


def test_nothing_was_asked_of_another_machine_and_nothing_went_wrong(page: Page, browser: Any) -> None:
    """Last: over everything that was done above."""
    own = urlsplit(page.address).netloc
    asked = [
        message["params"]["request"]["url"]
        for entry in browser.get_log("performance")
        if (message := json.loads(entry["message"])["message"])["method"] == "Network.requestWillBeSent"
    ]
    assert any("/hear/" in url for url in asked)
    assert [url for url in asked if urlsplit(url).scheme in ("http", "https") and urlsplit(url).netloc != own] == []
    # The player of the microphone asks for the take it has just sent, and may no longer have it.
    gone = [url for url in asked if url.endswith("/audio.wav")]
    wrong = [
        entry["message"]
        for entry in browser.get_log("browser")
        if entry["level"] == "SEVERE" and not ("403" in entry["message"] and entry["message"].startswith(tuple(gone)))
    ]
    assert wrong == []
