"""The page in a real Chromium: from nothing to a sounding, verified file, by pressing what a person presses."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from consent import verify_file
from tests.demos.conftest import PATIENCE_S, Page, serve

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
DRIVER = shutil.which("chromedriver") or ""
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --mute-audio --use-fake-ui-for-media-stream "
    "--use-fake-device-for-media-stream --autoplay-policy=no-user-gesture-required"
)

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no Chromium with chromedriver on this machine; the page was not looked at"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, handed_out: Path) -> Iterator[Page]:
    yield from serve(tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.binary_location = CHROMIUM
    options.add_argument("--window-size=1280,900")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options.add_argument(f"--user-data-dir={profile}")
        driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        driver.set_page_load_timeout(PATIENCE_S)
        driver.set_script_timeout(PATIENCE_S)
        try:
            yield driver
        finally:
            driver.quit()


def wait(browser: Any, what: Callable[[], Any], why: str) -> Any:
    """What `what` gives as soon as it gives something."""
    until = time.monotonic() + PATIENCE_S
    while True:
        found = what()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"waited in vain for {why}; the page says: {text_of(browser, 'body')[-1500:]}")
        time.sleep(0.2)


def text_of(browser: Any, selector: str) -> str:
    """The visible text of a part of the page, as it is now; parts are replaced while one looks."""
    return str(browser.execute_script("return document.querySelector(arguments[0])?.innerText ?? ''", selector))


def press(browser: Any, selector: str) -> None:
    """Click what is there and visible."""
    wait(
        browser,
        lambda: browser.execute_script(
            "const e = document.querySelector(arguments[0]);"
            "if (!e || !e.offsetParent || e.disabled) return false;"
            "e.scrollIntoView({block: 'center'}); return true",
            selector,
        ),
        selector,
    )
    browser.find_element("css selector", selector).click()


def open_tab(browser: Any, name: str) -> None:
    found = [
        tab
        for tab in browser.find_elements("css selector", "button[role=tab]")
        if tab.is_displayed() and tab.text == name
    ]
    found[0].click()


def test_from_nothing_to_a_verified_file_in_three_presses(page: Page, browser: Any) -> None:
    assert not page.studio.exists()
    browser.get(page.address)
    wait(browser, lambda: "What you sign" in text_of(browser, "#first-signing"), "the words about what is signed")
    assert "no person's consent is needed" in text_of(browser, "#first-signing")
    press(browser, "#first-go")  # 1: studio, ledger, grant
    wait(browser, lambda: "no donor" in text_of(browser, "#grant-choice"), "the grant")
    assert "any number of renders" in text_of(browser, "#grant-choice")
    press(browser, "#narrate-go")  # 2: narrate the text that is there
    duration = wait(
        browser,
        lambda: browser.execute_script(
            "const a = document.querySelector('#result-audio audio'); return a && a.src && a.duration"
        ),
        "a player with a sound",
    )
    assert duration > 1.0
    browser.execute_script("document.querySelector('#result-audio audio').play()")  # 3: listen
    wait(
        browser,
        lambda: browser.execute_script("return document.querySelector('#result-audio audio').currentTime > 0.2"),
        "sound to be played",
    )
    (proof,) = (page.studio / "out").glob("*/*.mp3.voiceproof")
    assert verify_file(proof.with_suffix("")).ok
    facts = text_of(browser, "#result-facts")
    assert "Permission" in facts and "tone" in facts and "dB" in facts and f"{proof.name}" in facts
    wait(
        browser,
        lambda: "ready to be played" in browser.execute_script("return document.querySelector('#vk-live').textContent"),
        "the live region to say so",
    )


def test_a_sentence_is_heard_from_its_button(browser: Any) -> None:
    audio = "document.querySelector('#result-audio audio')"
    browser.execute_script(f"{audio}.pause()")
    start = browser.execute_script(
        "const b = document.querySelectorAll('.vk-line')[1]; b.focus(); return parseFloat(b.dataset.start)"
    )
    from selenium.webdriver.common.keys import Keys

    browser.switch_to.active_element.send_keys(Keys.ENTER)
    wait(browser, lambda: browser.execute_script(f"return {audio}.currentTime") >= start, "the player to jump")
    wait(
        browser,
        lambda: browser.execute_script("return document.querySelectorAll('.vk-line')[1].ariaCurrent == 'true'"),
        "the sentence to be marked",
    )
    browser.execute_script(f"{audio}.pause()")


def test_the_verify_tab_shows_both_verdicts(browser: Any) -> None:
    open_tab(browser, "Verify")
    wait(browser, lambda: ".mp3" in text_of(browser, "#studio-file"), "the files of this studio")
    press(browser, "#verify-go")
    wait(browser, lambda: "Records sound?" in text_of(browser, "#verify-verdict"), "the verdicts")
    words = text_of(browser, "#verify-verdict").split()
    assert words[:3] == ["Records", "sound?", "Yes"] and words[3:7] == ["Use", "within", "permission?", "Yes"]
    assert "What this does not show" in text_of(browser, "#verify-verdict")


def test_a_revoked_grant_is_refused_in_words(page: Page, browser: Any) -> None:
    (grant,) = page.blocks.desk.grants()
    browser.refresh()
    wait(browser, lambda: "no donor" in text_of(browser, "#grant-choice"), "the grant")
    page.blocks.desk.studio().ledger.revoke(grant.id)  # from elsewhere, while the page is open
    press(browser, "#narrate-go")
    wait(browser, lambda: "Refused" in text_of(browser, "#narrate-status"), "the refusal")
    said = text_of(browser, "#narrate-status")
    assert "revoked" in said and "What to do" in said and "Traceback" not in said
    assert len(list((page.studio / "out").glob("*/*.mp3"))) == 1


def test_every_control_has_a_name_and_can_be_reached(browser: Any) -> None:
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
    for _ in range(40):
        webdriver.ActionChains(browser).send_keys(Keys.TAB).perform()
        reached.add(browser.execute_script("const e = document.activeElement; return e.id || e.innerText || e.type"))
    assert {"narrate-go", "narrate-stop", "Narrate", "textarea"} <= reached, reached


def test_it_fits_a_phone(page: Page, browser: Any) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    )
    try:
        wait(browser, lambda: browser.execute_script("return innerWidth") == 390, "the narrow window")
        wide = browser.execute_script(
            "return [...document.querySelectorAll('.gradio-container *')].filter(e => e.offsetParent && "
            "e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120))"
        )
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390, wide
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_nothing_was_asked_of_another_machine_and_nothing_went_wrong(page: Page, browser: Any) -> None:
    """Last: over everything that was done above."""
    own = urlsplit(page.address).netloc
    asked = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.append(message["params"]["request"]["url"])
        elif message["method"] == "Network.webSocketCreated":
            asked.append(message["params"]["url"])
    assert any(urlsplit(url).netloc == own for url in asked)  # the log was really kept
    elsewhere = [
        url for url in asked if urlsplit(url).scheme in ("http", "https", "ws", "wss") and urlsplit(url).netloc != own
    ]
    assert elsewhere == []
    wrong = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert wrong == []
