"""The grant as a page: everything that is signed, nothing that is not, nothing that hides."""

from __future__ import annotations

import base64
import copy
import html
import json
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import UNLIMITED, Grant
from consent.encoding import sha256_hex
from consent.html import show
from consent.page import GrantPaper, grant_page
from consent.persons import Person
from consent.statements import Evidence, Notice, Reference, Subject
from tests.consent.vectors import OPERATOR, SPEAKER, STRANGER, ada

TIMES = {"time", "not_before", "not_after"}


def full() -> Grant:
    """A grant that uses every optional field."""
    grant = ada()
    return replace(
        grant,
        subject=Subject(SPEAKER.public.did, "a" * 64, False, STRANGER.public.did, "US-CA"),
        references=(Reference("ada.wav", "b" * 64, "c" * 64, 61_250),),
        evidence=(
            *grant.evidence,
            Evidence("spoken", "d" * 64, "said aloud", "six words", "e" * 64, (("match_ppm", 812_345), ("who", "asr"))),
        ),
        supersedes=("f" * 64, "0" * 64),
        scope=replace(grant.scope, max_renders=UNLIMITED, titles=("A, B", "C"), content_refused=("sexual",)),
        representation=replace(grant.representation, counsel=True, union="Equity"),
    )


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, f"{place}.{name}".strip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{place}[{index}]")
    else:
        yield place, value


def as_seen(place: str, value: Any) -> str:
    """What a reader must find for a leaf; written here without the page's own functions."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if place.rsplit(".", 1)[-1] in TIMES:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return "without limit" if value == UNLIMITED else str(value)


class Text(HTMLParser):
    """The visible text of a page, and the tags and attributes in it."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.signed: list[str] = []
        self._open: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("meta", "br"):
            return
        self._open.append(dict(attrs).get("class") == "signed")

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self.parts.append(data)
        if any(self._open):
            self.signed.append(data)


def read(text: str) -> Text:
    parser = Text()
    parser.feed(text)
    return parser


@pytest.mark.parametrize("grant", [ada(), full()], ids=["ordinary", "full"])
def test_every_leaf_of_the_payload_is_on_the_page(grant: Grant) -> None:
    signed = "".join(read(grant_page(GrantPaper(grant))).signed)
    for place, value in leaves(grant.as_obj()):
        assert as_seen(place, value) in signed, place


def changed(obj: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """The payload with one leaf changed to another valid value."""
    out = copy.deepcopy(obj)
    spot: Any = out
    *way, last = re.findall(r"[^.\[\]]+", place)
    for step in way:
        spot = spot[int(step)] if isinstance(spot, list) else spot[step]
    spot[int(last) if isinstance(spot, list) else last] = value
    return out


OTHER = {
    "mode": "singing", "basis": "dedication", "effect": "recall", "audible": "always", "kind": "witness",
    "modes": "singing", "content_refused": "hate", "jurisdiction": "FR", "territories": "FR", "languages": "fr",
    "purposes": "podcast", "language": "de",
}  # fmt: skip


def another(place: str, value: Any) -> Any:
    name = re.sub(r"\[\d+\]$", "", place).rsplit(".", 1)[-1]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value - 1
    if name in OTHER and not place.startswith("compensation"):
        return OTHER[name]
    if value.startswith("did:"):
        return OPERATOR.public.did if value != OPERATOR.public.did else STRANGER.public.did
    if re.fullmatch("[0-9a-f]{32,64}", value):
        return value[:-1] + ("1" if value[-1] != "1" else "2")
    return value + "x"


@pytest.mark.parametrize("place", [place for place, _value in leaves(full().as_obj())])
def test_two_grants_that_differ_anywhere_give_different_pages(place: str) -> None:
    grant = full()
    obj = grant.as_obj()
    if place in ("spec", "kind"):
        pytest.skip("fixed by the format")
    value = dict(leaves(obj))[place]
    if place == "subject.adult":
        obj = {**obj, "subject": {**obj["subject"]}}
    other = changed(obj, place, another(place, value))
    other = {name: item for name, item in other.items() if name not in ("spec", "kind")}
    if other["subject"].get("adult") is True:
        del other["subject"]["adult"]
    paper = grant_page(GrantPaper(Grant.from_obj(other)))
    # The number and commands carry the digest; without them the fields alone must tell the two apart.
    assert "".join(read(paper).signed) != "".join(read(grant_page(GrantPaper(grant))).signed)


HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</dd></dl></section>", "&lt;b&gt;", "{{7*7}}",
    "a'b\"c", "<!-- x", "]]>", "javascript:alert(1)", "\u05d0\u05d1\u05d2 1 2", "z\u0335\u0321\u0336a\u0338",
)  # fmt: skip


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_texts_stay_texts(evil: str) -> None:
    grant, evil = ada(), unicodedata.normalize("NFC", evil)
    plain = read(grant_page(GrantPaper(grant)))
    grant = replace(
        grant,
        grantee=replace(grant.grantee, name=evil, contact=evil),
        scope=replace(grant.scope, titles=(evil,)),
        recipients=(evil,),
        disclosure=replace(grant.disclosure, credit=evil),
        retention=replace(grant.retention, location=evil),
    )
    person = Person.of("Ada", evil)
    grant = replace(grant, subject=replace(grant.subject, name_commit=person.commitment))
    found = read(grant_page(GrantPaper(grant, person=person)))
    tags = [tag for tag, _attrs in found.tags]
    assert set(tags) <= {tag for tag, _attrs in plain.tags}
    assert not any(name.startswith("on") or name in ("src", "href") for _tag, attrs in found.tags for name in attrs)
    assert "".join(found.parts).count(evil) >= 5


@given(st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_showing_is_one_to_one_and_hides_nothing(one: str, two: str) -> None:
    assert (show(one) == show(two)) == (one == two)
    seen = "".join(read(show(one)).parts)
    assert html.escape(seen, quote=True) is not None
    invisible = re.compile(
        "[\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
        "\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
    )
    assert not invisible.search(seen)


@pytest.mark.parametrize(
    "char", ["\u202e", "\u200b", "\u2066", "\x00", "\u00ad", "\u3164", "\ufe0f", "\U000e0041", "\u00a0"]
)
def test_invisible_characters_become_visible(char: str) -> None:
    assert f"U+{ord(char):04X}" in "".join(read(show(f"a{char}b")).parts)
    assert show(f"a{char}b") != show(f"aU+{ord(char):04X}b") and char not in show(f"a{char}b")


def test_nothing_unsigned_is_shown_as_signed() -> None:
    grant, person = ada(), Person.of("Ada Example", "ada@example.org")
    stranger = grant_page(GrantPaper(grant, person=person, notice="Another notice."))
    assert "Ada Example" not in stranger and "ada@example.org" not in stranger and "Another notice" not in stranger
    bound = replace(
        grant,
        subject=replace(grant.subject, name_commit=person.commitment),
        notice=Notice(sha256_hex(b"The notice shown."), "de", "1"),
    )
    found = read(grant_page(GrantPaper(bound, person=person, notice="The notice shown.")))
    text, signed = "".join(found.parts), "".join(found.signed)
    assert "Ada Example" in text and "ada@example.org" in text and "The notice shown." in text
    assert "Ada Example" not in signed and "The notice shown." not in signed
    assert ("span", {"lang": "de"}) in found.tags


def test_signatures_are_checked_when_the_page_is_made() -> None:
    grant = ada()
    both = grant_page(GrantPaper(grant, grant.sign(SPEAKER, OPERATOR)))
    assert "speaker: valid signature" in both and "operator: valid signature" in both
    one = grant_page(GrantPaper(grant, grant.sign(OPERATOR)))
    assert "speaker: no signature" in one and "operator: valid signature" in one
    draft = grant_page(GrantPaper(grant, final=False))
    assert "Nobody has signed this" in draft and grant.digest not in draft and grant.digest[:16] not in draft


def test_the_number_is_there_as_digits_and_as_words() -> None:
    grant = ada()
    text = grant_page(GrantPaper(grant, words=("abacus", "ticket")))
    assert f'data-digest="{grant.digest}"' in text and "abacus" in text
    assert grant.digest in "".join(read(text).parts).replace(" ", "")


def test_the_page_stands_alone() -> None:
    found = read(grant_page(GrantPaper(full())))
    tags = {tag for tag, _attrs in found.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "a", "base"}
    assert ("html", {"lang": "en"}) in found.tags
    text = grant_page(GrantPaper(full()))
    assert "http://" not in text and "https://" not in text and "@import" not in text and "url(" not in text
    assert "default-src 'none'" in text


CHROMIUM = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), "")
DRIVER = shutil.which("chromedriver") or ""
PAPERS = {"A4": (8.27, 11.69), "Letter": (8.5, 11.0)}


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no Chromium with chromedriver; the page was not printed")
def test_an_ordinary_grant_prints_on_one_sheet_and_reads_at_200_percent(tmp_path: Path) -> None:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    grant = ada()
    target = tmp_path / "ada.html"
    words = ("abacus", "onward", "granite", "yellow", "motion", "ticket")
    target.write_text(grant_page(GrantPaper(grant, grant.sign(SPEAKER, OPERATOR), words=words)), encoding="utf-8")
    options = webdriver.ChromeOptions()
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"):
        options.add_argument(flag)
    options.binary_location = CHROMIUM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options.add_argument(f"--user-data-dir={profile}")
        driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        try:
            driver.get(target.as_uri())
            for name, (width, height) in PAPERS.items():
                size = {"paperWidth": width, "paperHeight": height, "printBackground": True}
                pdf = base64.b64decode(driver.execute_cdp_cmd("Page.printToPDF", size)["data"])
                assert pdf.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) == 1, name
            # 200 % of a window of 1,280 pixels: 640 are left, and nothing may need scrolling sideways.
            metrics = {"width": 640, "height": 900, "deviceScaleFactor": 2, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            wide = driver.execute_script("return document.documentElement.scrollWidth")
            assert wide <= 640
            assert json.dumps(driver.execute_script("return document.fonts.size")) == "0"
        finally:
            driver.quit()


def contrast(one: str, two: str) -> float:
    """WCAG 2 contrast ratio of two colours."""

    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_wcag_aaa() -> None:
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", grant_page(GrantPaper(ada()))))
    for name in ("ink", "soft", "mark"):
        for ground in ("#ffffff", colours["tint"]):
            assert contrast(colours[name], ground) >= 7, (name, ground)
