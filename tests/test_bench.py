"""What the benchmarks share: pictures from JSON alone, a page of all, quick runs that leave full results alone."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("matplotlib", reason="in the extra bench")

import bench.all as whole
from bench.figures import PLOTS
from bench.plots import COLOURS, colour_of, draw, draw_all, embed, in_order
from bench.report import QUICK_RESULTS, RESULTS, Options, Report, Table, common_options, folder_of
from voicekit.errors import InputError

MEASURED = sorted(path.stem for path in RESULTS.glob("*.json") if path.stem in PLOTS)
SYSTEMS = ("voicekit", "voicekit, untrained", "WORLD", "Praat PSOLA", "Griffin-Lim", "HiFi-GAN V1", "the recordings")
MOST_BYTES = 600_000


@pytest.mark.parametrize("name", MEASURED)
def test_every_result_is_drawn_and_twice_the_same(name: str, tmp_path: Path) -> None:
    shutil.copy(RESULTS / f"{name}.json", tmp_path)
    made = draw(tmp_path / f"{name}.json")
    assert made, "nothing could be drawn of what was measured"
    first = {file: (tmp_path / file).read_bytes() for file, _ in made}
    assert draw(tmp_path / f"{name}.json") == made
    for file, data in first.items():
        assert (tmp_path / file).read_bytes() == data
        root = ElementTree.fromstring(data)
        texts = [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text")]
        assert any(text.strip() for text in texts)
        assert b"href=\"http" not in data and b"<script" not in data
    assert not list(tmp_path.glob("*.partial"))


def test_all_pictures_together_are_light(tmp_path: Path) -> None:
    for name in MEASURED:
        shutil.copy(RESULTS / f"{name}.json", tmp_path)
        shutil.copy(RESULTS / f"{name}.md", tmp_path)
    assert draw_all(tmp_path) >= len(MEASURED)
    assert sum(path.stat().st_size for path in tmp_path.glob("*.svg")) < MOST_BYTES
    pages = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.md")}
    assert all("![" in page for page in pages.values())
    draw_all(tmp_path)  # once more: the pages stay
    assert pages == {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.md")}


def test_the_shipped_pictures_are_those_of_the_shipped_results() -> None:
    """Whoever measures anew redraws: a page names no picture that is not there, and none lies about unnamed."""
    named = {
        line.partition("](")[2].rstrip(")")
        for page in RESULTS.glob("*.md")
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("![")
    }
    assert {path.name for path in RESULTS.glob("*.svg")} == named


def test_results_without_the_figures_leave_no_old_picture(tmp_path: Path) -> None:
    (tmp_path / "speed.json").write_text(json.dumps({"results": {"voice": "x"}}))
    (tmp_path / "speed-first.svg").write_text("old")
    assert draw(tmp_path / "speed.json") == []
    assert not (tmp_path / "speed-first.svg").exists()


@pytest.mark.parametrize("text", ["", "[]", "{", "3"])
def test_what_is_no_result_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "speed.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"speed\.json.*no result"):
        draw(path)


def test_systems_have_one_order_and_colours_of_their_own() -> None:
    assert in_order(reversed(SYSTEMS)) == list(SYSTEMS)  # type: ignore[arg-type]
    assert len({colour_of(name) for name in SYSTEMS}) == len(SYSTEMS)
    assert {colour_of(name) for name in SYSTEMS} <= set(COLOURS.values())


def test_a_page_keeps_its_words() -> None:
    page = "## Title\n\n### Table\n\n| a |\n"
    once = embed(page, [("a.svg", "what it shows")])
    assert once.startswith("## Title\n") and "![what it shows](a.svg)" in once and once.endswith("| a |\n")
    assert embed(once, [("a.svg", "what it shows")]) == once
    assert embed(once, []).split() == page.split()


def test_a_quick_run_does_not_write_over_what_was_measured() -> None:
    parser = argparse.ArgumentParser()
    common_options(parser)
    assert folder_of(parser.parse_args([])) == RESULTS
    assert folder_of(parser.parse_args(["--quick"])) == QUICK_RESULTS
    assert folder_of(parser.parse_args(["--quick", "--out", "x"])) == Path("x")


def test_one_bad_benchmark_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "bad.py").write_text("raise SystemExit('it | broke')")
    (tmp_path / "bench" / "__init__.py").write_text("")
    (tmp_path / "bench" / "good.py").write_text(
        "import sys\nopen(sys.argv[2] + '/good.md', 'w').write('## Good\\n\\n![x](good-x.svg)\\n')"
    )
    monkeypatch.setattr(whole, "ROOT", tmp_path)
    monkeypatch.setattr(whole, "NAMES", ("bad", "good"))
    assert whole.main(["--out", str(tmp_path)]) == 1
    ended = json.loads((tmp_path / "all.json").read_text())["outcomes"]
    assert [(one["name"], one["ended"]) for one in ended] == [("bad", "failed"), ("good", "done")]
    page = (tmp_path / "all.md").read_text()
    assert "it \\| broke" in page and "[good](good.md)" in page and "![x](good-x.svg)" in page


def test_one_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "__init__.py").write_text("import threading\nthreading.Event().wait()")
    monkeypatch.setattr(whole, "ROOT", tmp_path)
    assert whole.run("endless", [], 0.2).ended == "too long"


HELPERS = "__init__ all clips figures first_sound narrate_once networks places plots report vocoders"
# places is told what to measure: a training, and where in it


def test_all_names_every_benchmark() -> None:
    found = {path.stem for path in RESULTS.parent.glob("*.py")} - set(HELPERS.split())
    assert found == set(whole.NAMES)
    assert set(PLOTS) == found


def test_a_report_shows_its_pictures(tmp_path: Path) -> None:
    report = Report("no_donor", "No donor")
    report.tables.append(Table("t", ("a",), [("b",)]))
    report.data = {
        "voices": {"one": {"nearest": 0.7}},
        "speakers": {"stranger_median": 0.72, "same_p05": 0.8},
    }
    report.write(Options(True, tmp_path), show=False)
    assert "](no_donor-nearest.svg)" in (tmp_path / "no_donor.md").read_text()
    assert (tmp_path / "no_donor-nearest.svg").is_file()
