"""The public attack corpus: every case is answered as a sound tool must, and a removed defence is noticed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from consent import InvalidInputError, Ledger
from consent.attacks import ATTACKS, Attack, Lab, as_dict, run, table
from consent.attacks.run import main
from consent.authority import Assurance
from consent.chain import Chain
from consent.merkle import leaf_hash
from consent.outputs import hash_file
from consent.schema import USER_VERSION
from consent.statements import parse_statement
from consent.store import Row, Session, Store
from consent.tree import Tree
from consent.tree_head import read_checkpoint

ROOT = Path(__file__).resolve().parents[2]
#: Attacks that spend their time in other processes or in thousands of turns; in full with `-m slow`.
LONG = ("A1", "A10", "A11", "A13", "A22")


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: nothing here needs its flushes to reach a disk."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def test_the_corpus_has_24_attacks() -> None:
    assert list(ATTACKS) == [f"A{number}" for number in range(1, 25)]
    assert all(attack.required and attack.title for attack in ATTACKS.values())


@pytest.mark.parametrize("number", list(ATTACKS))
def test_every_case_is_caught(number: str, work: Path) -> None:
    (result,) = run([number], quick=True, work=work)
    assert [(item.case, item.ours) for item in result.missed] == []
    assert result.total > 2 or result.waiting
    assert result.caught == result.total


@pytest.mark.slow
@pytest.mark.parametrize("number", LONG)
def test_every_case_is_caught_in_full(number: str, work: Path) -> None:
    (result,) = run([number], work=work)
    assert [(item.case, item.ours) for item in result.missed] == []
    if number == "A1":
        assert result.total > 60_000
    if number == "A10":
        assert "1600 entries" in {item.ours for item in result.cases}


# A defence taken away must show as a miss: name of the attack, what is patched, and by what.
MUTANTS = {
    "the tree head's signature is not checked": (
        "A1",
        "consent.reading.verify_checkpoint",
        lambda note, key, origin: read_checkpoint(note),
    ),
    "index columns are not compared": ("A1", "columns", None),
    "bytes are not bound to the tree head": ("A2", "leaves", None),
    "the note outside is not compared": ("A3", "consent.core.compare_high_water", lambda *a, **k: False),
    "a delivered file is not compared": ("A3", "consent.audit.compare_head", lambda *a, **k: None),
    "a replaced ledger is believed": ("A4", "replaced", None),
    "digests and nonces may repeat": ("A5", "replay", None),
    "points of low order are keys": ("A7", "consent.keys._point_problem", lambda raw: ""),
    "the type is not signed": ("A8", "consent.envelope.pae", lambda kind, payload: payload),
    "the kind inside is not compared": ("A8", "kind", None),
    "the clock may run backwards": ("A9", "consent.core.BACKWARDS_SECONDS", 10**12),
    "a revocation is overlooked": ("A12", "revoked", None),
    "scope axes are not compared": ("A13", "covers", None),
    "model files are not compared": ("A14", "operands", None),
    "references are not compared": ("A15", "operands", None),
    "delivered files are not hashed again": ("A16", "delivery", None),
    "a changed proof is believed": ("A19", "consent.merkle.verify_inclusion", lambda *a, **k: None),
    "texts are not screened": ("A18", "consent.ledger.screened", lambda use, text: (use, ())),
    "texts are read as they stand": ("A18", "consent.content._open_char", lambda char: char.lower()),
    "a second key makes a second person": ("A6", "consent.verifier.assure", lambda *a, **k: Assurance("B")),
    "erased names stay": ("A21", "consent.store.Session.erase_side", lambda self, kind, name: None),
    "marks of generated sound are overlooked": ("A24", "consent.synthetic.marks", lambda data: ""),
    "the schema is not compared": ("A22", "schema", None),
    "permits are not read anew": ("A23", "permit", None),
}


def cut(monkeypatch: pytest.MonkeyPatch, what: str, value: object) -> None:
    """Take a defence away. Each entry is one act of forgetting a check."""
    if "." in what:
        monkeypatch.setattr(what, value)
    elif what == "leaves":
        # The leaves are taken as they come, the signed root is not compared with them.
        def believed(session: Session, head: object) -> Tree:
            return Tree(leaf_hash(row.envelope) for row in session.rows())

        monkeypatch.setattr("consent.reading._leaves", believed)
    elif what == "columns":
        monkeypatch.setattr(Row, "__ne__", lambda self, other: False)
    elif what == "replaced":
        monkeypatch.setattr("consent.core.compare_high_water", lambda *a, **k: False)
        monkeypatch.setattr("consent.audit.compare_head", lambda *a, **k: None)
    elif what == "replay":

        class Forgetful(set):
            def __contains__(self, item: object) -> bool:
                return False

        class ForgetfulMap(dict):
            def __contains__(self, item: object) -> bool:
                return False

        real_init = Chain.__init__

        def fresh(self, *args, **more):
            real_init(self, *args, **more)
            self.nonces, self.decisive = Forgetful(), ForgetfulMap()

        monkeypatch.setattr(Chain, "__init__", fresh)
    elif what == "kind":
        real_parse = parse_statement

        def lenient(envelope, *kinds, what="statement"):
            return real_parse(envelope, what=what)

        monkeypatch.setattr("consent.attacks.kinds.parse_statement", lenient)
    elif what == "revoked":
        monkeypatch.setattr(Chain, "revoked_from", lambda self, *a, **k: None)
    elif what == "covers":
        monkeypatch.setattr("consent.policy.covers", lambda scope, use: None)
    elif what == "operands":
        monkeypatch.setattr("consent.policy.check_operands", lambda *a, **k: None)
    elif what == "delivery":
        known: dict[str, tuple[str, int]] = {}
        # The first look at a file is believed for ever.
        monkeypatch.setattr("consent.outputs.hash_file", lambda path: known.setdefault("first", hash_file(path)))
    elif what == "schema":
        monkeypatch.setattr(Store, "_check_schema", lambda self, db: USER_VERSION)
    elif what == "permit":
        monkeypatch.setattr(Ledger, "_own", lambda self, permit: permit)
        monkeypatch.setattr(Ledger, "_agrees", lambda self, session, permit: None)
    else:
        raise LookupError(what)


@pytest.mark.parametrize("defence", list(MUTANTS))
def test_a_missing_defence_is_a_miss(defence: str, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number, what, value = MUTANTS[defence]
    cut(monkeypatch, what, value)
    (result,) = run([number], quick=True, work=work)
    assert result.missed


def test_files_for_others(tmp_path: Path, work: Path) -> None:
    results = run(["A3", "A5", "A7"], quick=True, out=tmp_path, work=work)
    for result in results:
        folder = tmp_path / f"A{int(result.attack.number[1:]):02d}"
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["attack"] == result.attack.number and manifest["required"]
        named = [name for case in manifest["cases"] for name in case["files"]]
        assert named and all((folder / name).exists() for name in named)
        assert all(case["sound_answer"] and case["done"] for case in manifest["cases"])
    # Somebody else's tool reads the files with the package's own door: refused as the manifest says.
    stray = next(tmp_path.glob("A03/sidecar/ledger"))
    (stray / "keys" / "operator.key").chmod(0o600)
    (stray / "locks").mkdir(mode=0o700)
    with pytest.raises(Exception, match="ledger-rolled-back"):
        Ledger.open(stray, sidecar=stray.parent / "ledger.highwater")


def test_crash_silence_and_setup_are_misses(tmp_path: Path) -> None:
    def act(lab: Lab) -> None:
        lab.refused("crash", "x", lambda: 1 / 0, "wanted")
        lab.refused("silence", "x", lambda: None, "wanted")
        lab.refused("another reason", "x", lambda: (_ for _ in ()).throw(InvalidInputError("x", reason="y")), "wanted")
        lab.refused("right", "x", lambda: (_ for _ in ()).throw(InvalidInputError("x", reason="wanted")), "wanted")
        lab.control("control", lambda: 1 / 0)
        lab.found("nothing found", "x", lambda: ["other"], "wanted")
        lab.holds("not so", "x", lambda: False, "so")

    lab = Lab(Attack("A1", "t", "r", act), tmp_path, None, quick=True)
    act(lab)
    assert [item.case for item in lab.result.cases if item.caught] == ["right"]
    assert lab.result.total == 7 and lab.result.caught == 1


def test_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "consent.attacks", "--quick", "--only", "A4,A8", "--json", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] and [item["attack"] for item in told["attacks"]] == ["A4", "A8"]
    assert (tmp_path / "A04" / "manifest.json").is_file()


def test_command_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "A99"]) == 2
    assert "A99" in capsys.readouterr().err
    assert main(["--list"]) == 0
    assert "A24" in capsys.readouterr().out
    assert main(["--nonsense"]) == 2


def test_a_miss_fails_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("consent.policy.check_operands", lambda *a, **k: None)
    assert main(["--quick", "--only", "A14"]) == 1
    assert "MISSED" in capsys.readouterr().out


def test_table() -> None:
    results = run(["A4"], quick=True)
    lines = table(results).splitlines()
    assert lines[0].startswith("| | Attack") and lines[2].startswith("| A4 |")
    assert f"| {results[0].total} | {results[0].caught} |" in lines[2]
    assert as_dict(results)["cases"] == results[0].total
