"""The Sing tab by arrow keys alone, in a real Chromium: tabs, radios, sliders and the picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.demos.conftest import Page, serve_singing
from tests.demos.test_browser import CHROMIUM, DRIVER, browser, press, text_of, wait
from tests.demos.test_sing_browser import focus, keys

__all__ = ["browser"]  # the fixture

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no Chromium with chromedriver on this machine; the page was not looked at"
)

TABS = "[...document.querySelectorAll('button[role=tab]')].filter(t => t.offsetParent)"
NOTES = "return document.querySelectorAll('.vk-roll .vk-note').length"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, handed_out: Path) -> Iterator[Page]:
    yield from serve_singing(tmp_path_factory.mktemp("sing-keys"))


def selected(browser: Any) -> str:
    return str(browser.execute_script(f"return {TABS}.find(t => t.getAttribute('aria-selected') == 'true').innerText"))


def test_arrow_keys_lead_through_the_sing_tab(page: Page, browser: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.get(page.address)
    wait(browser, lambda: "What you sign" in text_of(browser, "#first-signing"), "the words about what is signed")
    press(browser, "#first-go")
    wait(browser, lambda: "no donor" in text_of(browser, "#grant-choice"), "the grant")

    # The tabs: right and left, round the end, home.
    focus(browser, f"{TABS}.find(t => t.getAttribute('aria-selected') == 'true')")
    names = browser.execute_script(f"return {TABS}.map(t => t.innerText)")
    keys(browser, Keys.ARROW_LEFT)
    wait(browser, lambda: selected(browser) == names[-1], "the last tab")
    keys(browser, Keys.HOME)
    wait(browser, lambda: selected(browser) == names[0], "the first tab")
    for name in names[1 : names.index("Sing") + 1]:
        keys(browser, Keys.ARROW_RIGHT)
        wait(browser, lambda name=name: selected(browser) == name, f"the tab {name}")
    assert browser.execute_script("return document.activeElement.getAttribute('role')") == "tab"
    wait(browser, lambda: "Amazing Grace" in text_of(browser, "#sing-about"), "the bundled song")
    alone = wait(browser, lambda: browser.execute_script(NOTES), "the notes of one part")

    # A group of radios is one stop; arrows choose in it.
    focus(browser, "document.querySelector('#sing-harmony input:checked')")
    keys(browser, Keys.ARROW_DOWN)
    wait(browser, lambda: "Who sings" in text_of(browser, "#sing-voice-2"), "a voice for the second part")
    wait(browser, lambda: browser.execute_script(NOTES) > alone, "the notes of both parts")
    keys(browser, Keys.ARROW_UP)
    wait(browser, lambda: browser.execute_script(NOTES) == alone, "one part again")

    # A slider moved by keys is heard of as one moved by the mouse.
    lowest = "return document.querySelector('#sing-tables')?.textContent ?? ''"
    before = browser.execute_script(lowest)
    focus(browser, "document.querySelector('#sing-transpose input[type=range]')")
    keys(browser, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    value = "return document.querySelector('#sing-transpose input[type=range]').value"
    assert browser.execute_script(value) == "2"
    wait(browser, lambda: browser.execute_script(lowest) != before, "the notes two semitones higher")

    # The picture is a place to stand on, and scrolls.
    focus(browser, "document.querySelector('.vk-roll[tabindex=\"0\"]')")
    box = "const e = document.querySelector('.vk-roll'); return [e.scrollWidth > e.clientWidth + 40, e.scrollLeft]"
    wide, at = browser.execute_script(box)
    if wide:
        keys(browser, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        wait(browser, lambda: browser.execute_script(box)[1] > at, "the picture further on")
