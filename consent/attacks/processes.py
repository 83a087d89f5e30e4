"""A10 and A11: many writers at once, and a process that is killed at every step it takes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import faults
from ..audit import audit_folder
from ..errors import ConsentRefusedError
from ..ledger import Ledger
from ..outputs import Output
from ..scope import UNLIMITED
from ..verifier import verify_file
from .lab import Attack, Lab, reason_of
from .world import START, USE, Clock, World, copy_ledger, weights

__all__ = ["ATTACKS", "append_many", "one_render"]

#: Calls at which something becomes lasting, or begins to: a process is killed before each of them in turn.
LASTING = frozenset(
    [
        "fsync",
        "replace",
        "rename",
        "link",
        "unlink",
        "open",
        "write",
        "flock",
        "mkdir",
        "execute",
        "executemany",
        "close",
        "ftruncate",
    ]
)


def _asked(ledger: Ledger, **changes: Any) -> Any:
    values: dict[str, Any] = {
        "voice": "ada",
        "operands": (weights(),),
        "params_sha256": "0" * 64,
        "text_commit": "1" * 64,
        **changes,
    }
    return ledger.request(USE, **values)


def append_many(path: Path, count: int) -> None:
    """Append `count` entries: mostly refusals, at times an intent and its end. Run in a process of its own."""
    with Ledger.open(path, now=Clock()) as ledger:
        done = 0
        while done < count:
            if done % 10 == 0 and done + 2 <= count:
                ledger.abort(_asked(ledger), "cancelled")
                done += 2
                continue
            try:
                _asked(ledger, voice="nobody")
            except ConsentRefusedError as exc:
                if exc.reason != "no-grant":
                    raise
            done += 1


def writers(lab: Lab) -> None:
    """A10."""
    processes, each = (4, 15) if lab.quick else (8, 200)
    world = lab.world()
    world.grant(renders=UNLIMITED, seconds=UNLIMITED)
    before = world.ledger.size()
    world.ledger.close()
    code = "import sys; from pathlib import Path; from consent.attacks.processes import append_many; "
    command = [sys.executable, "-c", code + "append_many(Path(sys.argv[1]), int(sys.argv[2]))", str(world.path)]
    began = time.monotonic()
    children = [subprocess.Popen([*command, str(each)], stderr=subprocess.PIPE, env=_env()) for _ in range(processes)]
    codes = [(child.communicate(timeout=500)[1], child.returncode) for child in children]
    lab.holds(
        "every process ends well",
        f"{processes} processes append {each} entries each to one ledger",
        lambda: all(code == 0 for _text, code in codes),
        "exit 0" if all(code == 0 for _t, code in codes) else str(codes)[-300:],
    )
    world.reopen()
    added = world.ledger.size() - before
    lab.holds("count", "the entries are counted", lambda: added == processes * each, f"{processes * each} entries")
    report = audit_folder(world.path)
    lab.holds("one root", "the whole ledger is audited", lambda: report.ok, "contiguous, one root, sound")
    lab.note(f"{added} entries by {processes} processes in {time.monotonic() - began:.0f} s")


def _env() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))}


def one_render(path: Path, work: Path) -> None:
    """Open, request, complete and deliver, as a studio does."""
    with Ledger.open(path, now=Clock()) as ledger:
        permit = _asked(ledger)
        tmp = work / "a.mp3.part"
        tmp.write_bytes(b"sound")
        receipt = ledger.complete(permit, [Output(tmp, "a.mp3", "2" * 64, 9_000)])
        ledger.deliver(receipt, {tmp: work / "out" / "a.mp3"})


def _killed_at(action: Callable[[], None], count: int, kinds: frozenset[str] = LASTING) -> int:
    """Run `action` in a forked process that kills itself before its lasting call number `count`.

    Returns the number of calls when the process got to its end, -1 when it was killed.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        seen = 0

        def profile(_frame: Any, event: str, argument: Any) -> None:
            nonlocal seen
            if event == "c_call" and getattr(argument, "__name__", "") in kinds:
                seen += 1
                if seen == count:
                    os.kill(os.getpid(), signal.SIGKILL)

        status = 1
        try:
            sys.setprofile(profile)
            action()
            sys.setprofile(None)
            os.write(writer, str(seen).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as handle:
        answer = handle.read()
    _pid, ended = os.waitpid(child, 0)
    if os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGKILL:
        return -1
    if os.waitstatus_to_exitcode(ended) != 0:
        raise ConsentRefusedError("ledger-tampered", f"the render ended with {ended} when it was not killed")
    return int(answer)


def _after(path: Path, work: Path) -> str:
    """What is left after a kill: nothing without a receipt, nothing that differs, and a ledger that opens."""
    final = work / "out" / "a.mp3"
    existed = final.exists()
    if existed and not verify_file(final).ok:
        return "a file without a valid receipt has its final name"
    with Ledger.open(path, now=Clock(START + 10)) as ledger:
        report = audit_folder(path)
        if not report.ok:
            return f"the ledger is not sound: {report.text()}"
        waiting = ledger.undelivered()
        balance = ledger.grants()[0].balance
        receipts = balance.renders_used
        if existed and receipts != 1:
            return "a delivered file is not counted"
        if any(item.reason == "open-intent" for item in report.findings):
            return "an open intent of a dead process was left"
        for item in waiting:
            if not item.waiting:
                if existed:
                    continue
                return "a receipted file is gone"
            ledger.deliver(ledger.receipt(item.receipt), {item.path: final})
            if not verify_file(final).ok:
                return "a receipted file could not be made good"
    return "delivered" if existed else ("made good" if receipts else "nothing delivered, nothing counted")


def kills(lab: Lab) -> None:
    """A11."""
    if not hasattr(os, "fork"):
        lab.waits("needs fork()")
        return
    world = lab.world()
    world.grant(renders=UNLIMITED, seconds=UNLIMITED)
    world.ledger.close()
    sound = ("delivered", "made good", "nothing delivered, nothing counted")

    def case(count: int, number: int) -> tuple[int, str]:
        folder = lab.folder / f"kill-{number}"
        path = copy_ledger(world, folder)
        try:
            calls = _killed_at(lambda: one_render(path, folder), count)
            return calls, _after(path, folder)
        except Exception as exc:  # judged
            return -1, reason_of(exc)
        finally:
            shutil.rmtree(folder)

    calls, answer = case(-1, 0)
    lab.holds("not killed", "control: the render without a kill", lambda: answer == "delivered", "delivered")
    step = max(1, calls // 12) if lab.quick else 1
    seen: Counter[str] = Counter()
    tried = 0
    for count in range(1, calls + 1, step):
        killed, answer = case(count, count)
        seen[answer if killed == -1 else f"{answer} (not killed)"] += 1
        tried += 1
    done = "SIGKILL before one of the lasting calls (open, write, fsync, rename, SQL) of a render, each in turn"
    lab.tally("SIGKILL", done, seen, *sound)
    lab.note(f"killed at {tried} of {calls} lasting calls between opening the ledger and the delivered file")
    _named_steps(lab, world)
    _random_kills(lab, world, sound)
    _power_cut(lab, world)


def daily_work(path: Path, work: Path) -> None:
    """Everything that writes: a refusal, an abort, a delivery, a revocation, a new operator's key, a delivery."""
    with Ledger.open(path, now=Clock()) as ledger:
        with suppress(ConsentRefusedError):
            _asked(ledger, voice="nobody")
        ledger.abort(_asked(ledger), "cancelled")
        for name in ("a.mp3", "b.mp3"):
            permit = _asked(ledger)
            tmp = work / f"{name}.part"
            tmp.write_bytes(name.encode())
            receipt = ledger.complete(permit, [Output(tmp, name, "2" * 64, 9_000)])
            ledger.deliver(receipt, {tmp: work / "out" / name})
            ledger.rotate_operator()
        ledger.revoke(ledger.grants()[0].digest)


def _stopped_at(action: Callable[[], None], step: str, turn: int) -> dict[str, int]:
    """Run `action` in a forked process that kills itself when `step` is reached for the `turn`-th time.

    Returns how often each step was reached when it got to its end; nothing when it was killed.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        seen: Counter[str] = Counter()

        def reached(name: str) -> None:
            seen[name] += 1
            if name == step and seen[name] == turn:
                os.kill(os.getpid(), signal.SIGKILL)

        status = 1
        try:
            with faults.handler(reached):
                action()
            os.write(writer, json.dumps(seen).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as handle:
        answer = handle.read()
    _pid, ended = os.waitpid(child, 0)
    if os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGKILL:
        return {}
    if os.waitstatus_to_exitcode(ended) != 0:
        raise ConsentRefusedError("ledger-tampered", f"the work ended with {ended} when it was not killed")
    return dict(json.loads(answer))


def _sound_after(path: Path, work: Path) -> str:
    for final in work.glob("out/*.mp3"):
        if not verify_file(final).ok:
            return f"{final.name} has its final name without a valid receipt"
    with Ledger.open(path, now=Clock(START + 10)) as ledger:
        report = audit_folder(path)
        if not report.ok or any(item.reason == "open-intent" for item in report.findings):
            return f"the ledger is not sound: {report.text()}"
        for item in ledger.undelivered():
            final = work / "out" / item.name
            if item.waiting:
                ledger.deliver(ledger.receipt(item.receipt), {item.path: final})
            if not verify_file(final).ok:
                return f"{item.name} has a receipt and could not be made good"
        if not audit_folder(path, against=list(work.glob("out/*.mp3"))).ok:
            return "a delivered file and the ledger disagree"
    return "sound, and every receipt has its file"


def _named_steps(lab: Lab, world: World) -> None:
    """Killed at every step that the package names, each time that it is reached."""

    def tried(step: str, turn: int, number: int) -> tuple[dict[str, int], str]:
        folder = lab.folder / f"step-{number}"
        path = copy_ledger(world, folder)
        try:
            return _stopped_at(lambda: daily_work(path, folder), step, turn), _sound_after(path, folder)
        except Exception as exc:  # judged
            return {}, reason_of(exc)
        finally:
            shutil.rmtree(folder)

    reached, answer = tried("", 0, 0)
    lab.holds("daily work", "control: not killed", lambda: bool(reached), answer)
    missing = [step for step in faults.STEPS if step not in reached]
    turns = [(step, turn) for step, count in reached.items() for turn in range(1, count + 1)]
    chosen = turns[:: max(1, len(turns) // 15)] if lab.quick else turns
    seen: Counter[str] = Counter()
    for number, (step, turn) in enumerate(chosen, 1):
        ended, answer = tried(step, turn, number)
        seen[answer if not ended else "not killed"] += 1
    done = "SIGKILL at each named step of refusal, abort, delivery, revocation and key replacement"
    lab.tally("SIGKILL at named steps", done, seen, "sound, and every receipt has its file")
    lab.note(f"killed at {len(chosen)} of {len(turns)} passings of {len(reached)} named steps")
    if missing:
        lab.note(f"not reached by this work: {', '.join(missing)}")


def _random_kills(lab: Lab, world: World, sound: tuple[str, ...]) -> None:
    """Killed from outside at random moments: also inside SQLite's own calls."""
    seen: Counter[str] = Counter()
    for number in range(3 if lab.quick else 40):
        folder = lab.folder / f"random-{number}"
        path = copy_ledger(world, folder)
        child = os.fork()
        if child == 0:
            try:
                one_render(path, folder)
            finally:
                os._exit(0)
        time.sleep(lab.rng.uniform(0.0, 0.12))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        try:
            seen[_after(path, folder)] += 1
        except Exception as exc:  # judged
            seen[reason_of(exc)] += 1
        shutil.rmtree(folder)
    lab.tally("SIGKILL at random", "SIGKILL from outside after a random time", seen, *sound)


def _power_cut(lab: Lab, world: World) -> None:
    """The database and its journal as a power cut leaves them in the middle of a transaction."""
    from .hostile import hot_journal

    path = copy_ledger(world, lab.folder / "hot")
    size = _size(path)
    hot_journal(path)
    lab.holds(
        "a hot journal",
        "power cut in the middle of a transaction, journal intact",
        lambda: _size(path) == size and audit_folder(path).ok,
        "rolled back to the last committed entry",
    )


def _size(path: Path) -> int:
    with Ledger.open(path, now=Clock()) as ledger:
        return ledger.size()


ATTACKS = (
    Attack(
        "A10",
        "many writers at once",
        "Eight processes append 200 entries each: 1,600 contiguous entries under one root.",
        writers,
    ),
    Attack(
        "A11",
        "killed at every step",
        "No output under its final name without a receipt, no receipt whose file differs, a ledger that opens sound.",
        kills,
        ("a disk that lies about having written",),
    ),
)
