"""The Sing tab in a real Chromium, opened and used by the keyboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from consent import verify_file
from tests.demos.conftest import Page, serve_singing
from tests.demos.test_browser import CHROMIUM, DRIVER, browser, press, text_of, wait, webdriver

__all__ = ["browser"]  # the fixture

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no Chromium with chromedriver on this machine; the page was not looked at"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, handed_out: Path) -> Iterator[Page]:
    yield from serve_singing(tmp_path_factory.mktemp("sing-browser"))


def keys(browser: Any, *wanted: str) -> None:
    webdriver.ActionChains(browser).send_keys(*wanted).perform()


def focus(browser: Any, script: str) -> None:
    """Put the keyboard where a person would have tabbed to."""
    assert browser.execute_script(f"const e = {script}; e?.focus(); return document.activeElement === e"), script


def player(browser: Any) -> Any:
    return browser.execute_script(
        "const a = document.querySelector('#sing-audio audio'); return a && a.src && a.duration && a.src"
    )


def test_the_bundled_song_is_sung_by_keyboard(page: Page, browser: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.get(page.address)
    wait(browser, lambda: "What you sign" in text_of(browser, "#first-signing"), "the words about what is signed")
    press(browser, "#first-go")
    wait(browser, lambda: "no donor" in text_of(browser, "#grant-choice"), "the grant")
    focus(
        browser,
        "[...document.querySelectorAll('button[role=tab]')].find(t => t.offsetParent && t.innerText == 'Sing')",
    )
    keys(browser, Keys.ENTER)
    wait(browser, lambda: "Amazing Grace" in text_of(browser, "#sing-about"), "the bundled song")
    wait(browser, lambda: "any number of renders" in text_of(browser, "#sing-voices"), "who may sing")

    focus(browser, "document.querySelectorAll('#sing-harmony input')[1]")
    keys(browser, Keys.SPACE)  # a third above
    wait(browser, lambda: "Who sings" in text_of(browser, "#sing-voice-2"), "a voice for the second part")
    notes = "return document.querySelectorAll('.vk-roll .vk-note').length"
    wait(browser, lambda: browser.execute_script(notes) > 60, "the notes of both parts")

    focus(browser, "document.querySelector('#sing-go')")
    keys(browser, Keys.ENTER)
    mix = wait(browser, lambda: player(browser), "a player with a song")
    wait(browser, lambda: browser.execute_script("return !!document.querySelector('.vk-roll .vk-f0')"), "the pitch")
    assert "Permission: tone" in text_of(browser, "#sing-facts") and "mix.wav.voiceproof" in browser.page_source

    focus(browser, "document.querySelector('#sing-tables summary')")
    keys(browser, Keys.ENTER)
    table = wait(browser, lambda: text_of(browser, "#sing-tables table"), "the table of notes")
    assert "Syllable" in table and "zing" in table and "B4" in table

    focus(browser, "document.querySelectorAll('#sing-heard input')[1]")
    keys(browser, Keys.SPACE)  # the first part alone
    wait(browser, lambda: player(browser) not in (mix, None, False), "another sound in the player")

    rows = browser.find_elements("css selector", ".vk-stem")
    assert len(rows) == 2
    focus(browser, "document.querySelector('.vk-play')")
    keys(browser, Keys.ENTER)
    state = "return document.querySelector('.vk-stems').dataset.state"
    wait(browser, lambda: browser.execute_script(state) == "playing", "both parts at once")
    gains = "return [...document.querySelectorAll('.vk-stem')].map(row => row.vkGain.gain.value)"
    wait(browser, lambda: min(browser.execute_script(gains)) > 0.3, "both parts are heard")
    focus(browser, "document.querySelector('#vk-solo-2')")
    keys(browser, Keys.SPACE)
    wait(browser, lambda: (g := browser.execute_script(gains))[0] < 0.01 and g[1] > 0.3, "the second part alone")
    keys(browser, Keys.SPACE)
    focus(browser, "document.querySelector('#vk-mute-2')")
    keys(browser, Keys.SPACE)
    wait(browser, lambda: (g := browser.execute_script(gains))[1] < 0.01 and g[0] > 0.3, "the second part muted")
    focus(browser, "document.querySelector('.vk-play')")
    keys(browser, Keys.ENTER)
    assert browser.execute_script(state) == "stopped"

    (proof,) = (page.studio / "out").glob("*/*-mix.wav.voiceproof")
    assert verify_file(proof.with_suffix("")).ok


def test_everything_there_has_a_name_and_comes_from_here(page: Page, browser: Any) -> None:
    unnamed = browser.execute_script(
        """
        document.querySelectorAll('details').forEach(e => { e.open = true; });
        const named = e => [e.getAttribute('aria-label'), e.getAttribute('aria-labelledby'), e.innerText, e.title,
                            ...[...(e.labels ?? [])].map(l => l.innerText)].join('').trim();
        const all = 'button, input, textarea, select, a[href], audio, summary, [tabindex="0"]';
        return [...document.querySelectorAll(all)]
          .filter(e => e.offsetParent !== null && !named(e)).map(e => e.outerHTML.slice(0, 200));
        """
    )
    assert unnamed == []
    own = urlsplit(page.address).netloc
    asked = [
        message["params"]["request"]["url"]
        for entry in browser.get_log("performance")
        if (message := json.loads(entry["message"])["message"])["method"] == "Network.requestWillBeSent"
    ]
    assert any(urlsplit(url).netloc == own for url in asked)  # the log was really kept
    assert [url for url in asked if urlsplit(url).scheme in ("http", "https") and urlsplit(url).netloc != own] == []
    assert [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_it_fits_a_phone(browser: Any) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    )
    try:
        wait(browser, lambda: browser.execute_script("return innerWidth") == 390, "the narrow window")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
