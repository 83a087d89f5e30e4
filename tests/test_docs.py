"""The documents say what is so: commands exist, options exist, links lead somewhere, code runs."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
INLINE = re.compile(r"`((?:voicekit|consent) [a-z][^`]*)`")


def blocks(kind: str) -> Iterator[tuple[str, str]]:
    """Fenced blocks of a language, with the document's name."""
    for path in DOCUMENTS:
        for language, text in FENCE.findall(path.read_text(encoding="utf-8")):
            if language == kind:
                yield path.name, text


def commands() -> list[tuple[str, str]]:
    """Every voicekit and consent command that a document shows."""
    found = []
    for name, text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():
            for part in line.split("|"):
                found.append((name, part.strip().removeprefix(".venv/bin/")))
    for path in DOCUMENTS:
        plain = FENCE.sub("", path.read_text(encoding="utf-8"))
        found += [(path.name, text.split("|")[-1].strip()) for text in INLINE.findall(plain)]
    return sorted({(name, line) for name, line in found if line.split()[:1] in (["voicekit"], ["consent"])})


def test_there_is_something_to_check() -> None:
    assert len(commands()) > 5 and len(list(blocks("python"))) >= 2


@pytest.mark.parametrize(("document", "line"), commands())
def test_commands_and_options_exist(document: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    program, *words = shlex.split(line.split(" #")[0])
    main = importlib.import_module(f"{program}._cli").main
    verb = [words[0]] if words and not words[0].startswith("-") else []
    assert main([*verb, "--help"]) == 0, line
    shown = capsys.readouterr().out
    for word in words:
        if word.startswith("--"):
            assert re.search(rf"{re.escape(word.split('=')[0])}\b", shown), f"{document}: {line}: {word}"


def test_links_lead_somewhere() -> None:
    broken = []
    for path in DOCUMENTS:
        for target in LINK.findall(path.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith(("#", "mailto:")):
                place = path.parent / target.split("#")[0]
                if not place.exists():
                    broken.append(f"{path.name}: {target}")
    assert broken == []


def test_python_in_documents_uses_real_names() -> None:
    for name, text in blocks("python"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module:
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name), f"{name}: {node.module}.{alias.name}"


def test_make_targets_and_plain_lines_agree() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", readme, re.M):
        assert re.search(rf"^{target}:", makefile, re.M), target
    assert ".venv/bin/python -m pytest" in readme
    assert "$(VENV)/bin/python -m pytest" in makefile
    assert '"$venv/bin/python" -m pytest' in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_version_is_one() -> None:
    import tomllib

    import voicekit

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == voicekit.__version__


def test_documents_name_no_place_of_their_making() -> None:
    """Only the project speaks: no absolute paths of a machine, no placeholders left."""
    private = re.compile(r"(?<![\w.])/(?:home|root|work|Users)/|TODO|TBD|XXX")
    found = [path.name for path in DOCUMENTS if private.search(path.read_text(encoding="utf-8"))]
    assert found == []
