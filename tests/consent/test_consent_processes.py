"""Several processes, and processes that die: contiguous entries, orphans closed, no output without a receipt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from consent import ConsentRefusedError, Ledger, audit_folder, verify_file
from tests.consent.world import World

ROOT = Path(__file__).resolve().parents[2]


def run(code: str, *args: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=check,
        timeout=120,
    )


def start(code: str, *args: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, args)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, ".")
from consent import Ledger
from tests.consent.world import *
ledger = Ledger.open(sys.argv[1], now=Clock())
def ask():
    return ledger.request(USE, voice="ada", operands=(weights(),), params_sha256=PARAMS, text_commit="1" * 64)
"""


def test_four_processes_append_25_each(world: World) -> None:
    world.grant(renders=10**6, seconds=10**6)
    before = world.ledger.size()
    code = CHILD + "for i in range(25):\n    ledger.commit_text('x') if i % 5 == 0 else None\n    ask()\n"
    children = [start(code, world.path) for _ in range(4)]
    for child in children:
        child.communicate(timeout=120)
        assert child.returncode == 0
    # The children's open intents are closed by whoever opens the ledger next.
    world.reopen()
    assert world.ledger.size() == before + 200
    report = world.ledger.audit()
    assert report.ok, report.text()


def test_killed_process_leaves_an_orphan_that_is_closed(world: World) -> None:
    grant = world.grant()
    child = start(CHILD + "p = ask()\nprint(p.intent, flush=True)\nsys.stdin.read()\n", world.path)
    intent = child.stdout.readline().strip()
    # While it lives, others leave it alone, and its budget is taken.
    world.reopen()
    assert world.ledger.balance(grant).renders_left == 2
    assert any(item.reason == "open-intent" for item in world.ledger.audit().findings)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    world.reopen()
    assert world.ledger.balance(grant).renders_left == 3
    assert world.ledger.receipt_of(intent) is None
    assert not any(item.reason == "open-intent" for item in world.ledger.audit().findings)


def test_an_interrupted_intent_cannot_be_completed(world: World) -> None:
    world.grant()
    permit = world.request()
    world.ledger.close()  # as if this process had died
    other = Ledger.open(world.path, now=world.clock)
    with pytest.raises(ConsentRefusedError, match=r"^permit-used:"):
        world.render(permit)
    other.close()


KILL = (
    CHILD
    + """
import os, signal
import consent.core, consent.ledger, consent.outputs, consent.store
from consent import Output
point, work = sys.argv[2], Path(sys.argv[3])
def die(*args, **more):
    os.kill(os.getpid(), signal.SIGKILL)
def after(function):
    def call(*args, **more):
        function(*args, **more)
        die()
    return call
permit = ask()
tmp = work / "a.mp3.part"
tmp.write_bytes(b"sound")
if point == "before-append":
    consent.store.Session.append = die
elif point == "after-append":
    consent.store.Session.append = after(consent.store.Session.append)
elif point == "after-commit":
    consent.core.write_high_water = die
elif point == "before-proof":
    consent.ledger.write_proof = die
elif point == "before-delivery":
    consent.ledger.deliver_files = die
elif point == "after-proof":
    def replace(a, b, real=os.replace):
        die() if str(b).endswith("a.mp3") else real(a, b)
    consent.outputs.os.replace = replace
elif point == "after-rename":
    consent.ledger.deliver_files = after(consent.outputs.deliver_files)
receipt = ledger.complete(permit, [Output(tmp, "a.mp3", "2" * 64, 9000)])
ledger.deliver(receipt, {tmp: work / "out" / "a.mp3"})
"""
)


@pytest.mark.parametrize(
    ("point", "receipted", "delivered"),
    [
        ("before-append", False, False),
        ("after-append", False, False),
        ("after-commit", True, False),
        ("before-proof", True, False),
        ("before-delivery", True, False),
        ("after-proof", True, False),
        ("after-rename", True, True),
    ],
)
def test_sigkill_at_every_step(world: World, point: str, receipted: bool, delivered: bool) -> None:
    world.grant()
    world.ledger.close()
    assert run(KILL, world.path, point, world.folder, check=False).returncode == -signal.SIGKILL
    final = world.folder / "out" / "a.mp3"
    assert final.exists() == delivered
    world.reopen()
    report = audit_folder(world.path)
    assert report.ok, report.text()
    waiting = world.ledger.undelivered()
    if delivered:
        assert verify_file(final).ok
    assert bool(waiting) == receipted
    if receipted and not delivered:
        # Reported, and it can be made good from the receipt.
        assert "undelivered" in {item.reason for item in report.findings}
        assert waiting[0].waiting
        receipt = world.ledger.receipt(waiting[0].receipt)
        world.ledger.deliver(receipt, {waiting[0].path: final})
        assert verify_file(final).ok and not world.ledger.undelivered()
    assert world.ledger.grants()[0].renders_left == (2 if receipted else 3)


def test_a_ledger_is_not_used_after_fork(world: World) -> None:
    world.grant()
    code = CHILD + (
        "import os\n"
        "if os.fork() == 0:\n"
        "    try: ask()\n"
        "    except Exception as exc: os._exit(0 if 'forked' in str(exc) else 1)\n"
        "    os._exit(2)\n"
        "print(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )
    assert run(code, world.path).stdout.strip() == "0"


def test_threads_share_a_ledger(world: World) -> None:
    from concurrent.futures import ThreadPoolExecutor

    world.grant(renders=100, seconds=10_000)
    before = world.ledger.size()
    with ThreadPoolExecutor(4) as pool:
        permits = list(pool.map(lambda _i: world.request(), range(12)))
    assert len({p.intent for p in permits}) == 12
    assert world.ledger.size() == before + 12 and world.ledger.audit().ok


def test_delivery_to_another_disk(world: World, tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system at /dev/shm")
    import tempfile

    world.grant()
    receipt, tmp = world.render()
    with tempfile.TemporaryDirectory(dir=other) as folder:
        final = Path(folder) / "a.mp3"
        world.ledger.deliver(receipt, {tmp: final})
        assert verify_file(final).ok and not tmp.exists()
        assert sorted(p.name for p in Path(folder).iterdir()) == ["a.mp3", "a.mp3.voiceproof"]


def test_recheck_sees_a_revocation_by_another_process(world: World) -> None:
    grant = world.grant()
    permit = world.request()
    world.ledger.recheck(permit)
    run(CHILD + "ledger.revoke(sys.argv[2])\n", world.path, grant)
    with pytest.raises(ConsentRefusedError, match=r"^revoked:"):
        world.ledger.recheck(permit)


@pytest.mark.slow
def test_eight_processes_append_200_each(world: World) -> None:
    world.grant(renders=10**6, seconds=10**6)
    before = world.ledger.size()
    children = [start(CHILD + "for i in range(200):\n    ask()\n", world.path) for _ in range(8)]
    for child in children:
        child.communicate(timeout=500)
        assert child.returncode == 0
    assert world.ledger.size() >= before + 1_600
    world.reopen()
    # Each intent of a program that has ended is closed once.
    assert world.ledger.size() == before + 3_200
    report = world.ledger.audit()
    assert report.ok, report.text()


def test_a_journal_cut_short_is_rolled_back_or_refused(world: World, monkeypatch) -> None:
    """As after a power cut in the middle of a large change: the pages are half written, the journal is hot."""
    import shutil
    import sqlite3

    monkeypatch.setattr("consent.core.record_refusal", lambda *args, **more: None)
    world.grant(renders=100, seconds=1_000)
    for _ in range(12):
        world.ledger.abort(world.request(), "cancelled")
    size, path = world.ledger.size(), world.path / "ledger.db"
    world.ledger.close()
    half, hot = world.folder / "half.db", world.folder / "hot.journal"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA cache_size = 1")
    db.execute("BEGIN")
    for name in ("entry_no_update", "entry_no_delete"):
        db.execute(f"DROP TRIGGER {name}")
    db.execute("UPDATE entry SET envelope = CAST(envelope || zeroblob(3000) AS BLOB)")
    shutil.copy(path, half)
    shutil.copy(path.with_name("ledger.db-journal"), hot)
    db.execute("ROLLBACK")
    db.close()
    journal, whole = hot.read_bytes(), half.read_bytes()
    assert whole != path.read_bytes() and len(journal) > 20_000
    outcomes = set()
    for cut in [len(journal), 0, 8, 511, 512, 513, *range(5_000, len(journal), len(journal) // 12)]:
        path.write_bytes(whole)
        path.with_name("ledger.db-journal").write_bytes(journal[:cut])
        try:
            with Ledger.open(world.path, now=world.clock) as ledger:
                assert ledger.size() == size and ledger.audit().ok
            outcomes.add("rolled back")
            assert cut == len(journal) or cut > 5_000
        except ConsentRefusedError as exc:
            outcomes.add(exc.reason)
            assert exc.reason in {"ledger-tampered", "ledger-schema-changed", "checkpoint-invalid"}
            assert cut < len(journal)
    assert "rolled back" in outcomes and len(outcomes) > 1
