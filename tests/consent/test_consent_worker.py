"""A worker has a token and the operator's public key, and nothing else: no ledger, no private key, no database.

The checks run in another process, whose modules are listed afterwards.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from consent import ConsentRefusedError, Job, Operand, Permit, PermitGuard, SigningKey, Use
from consent.statements import PermitStatement, new_nonce
from tests.consent.world import PARAMS, START, STRANGER, World, weights

TEXT = "1" * 64
JOB = Job("speech", "ada", (weights(),), PARAMS, TEXT)

SCRIPT = """
import json, sys
from pathlib import Path
from consent import ConsentRefusedError, Job, Operand, PermitGuard, PublicKey

for line in sys.stdin:
    work = json.loads(line)
    try:
        guard = PermitGuard(work["folder"], PublicKey.from_did(work["operator"]))
        job = dict(work["job"])
        job["operands"] = [Operand(**item) for item in job["operands"]]
        permit = guard.admit(Path(work["token"]).read_bytes(), Job(**job), now=work["now"])
        if work["finish"]:
            guard.finish(permit)
        answer = "admitted"
    except ConsentRefusedError as exc:
        answer = exc.reason
    print(answer)
print(json.dumps(sorted(name for name in sys.modules if name.partition(".")[0] in
    ("sqlite3", "sqlite_utils", "rfc8785", "torch", "numpy") or name.startswith("consent."))))
"""


def resigned(permit: Permit, key: SigningKey, **changes: object) -> bytes:
    return PermitStatement(**{**permit.statement.__dict__, "nonce": new_nonce(), **changes}).sign(key).to_bytes()


def plain(job: Job) -> dict[str, object]:
    return {**job.__dict__, "operands": [item.as_obj() for item in job.operands]}


def test_a_worker_in_another_process_tells_every_kind_of_wrong_token(world: World, tmp_path: Path) -> None:
    world.grant()
    permit = world.request(valid_seconds=600)
    altered = bytearray(permit.token)
    altered[len(altered) // 3] ^= 1
    operator = world.ledger.operator.did
    tokens = {
        "own": permit.token,
        "stranger": resigned(permit, STRANGER),
        "altered": bytes(altered),
        "cut": permit.token[:-7],
        "empty": b"",
    }
    for name, data in tokens.items():
        (tmp_path / name).write_bytes(data)
    reference = Operand("a.wav", "5" * 64, "reference", "CC-BY-4.0")
    base = {"token": "own", "operator": operator, "job": JOB, "now": START, "finish": False}
    cases: list[tuple[str, dict[str, object]]] = [
        ("admitted", {}),
        ("admitted", {"now": START - 300}),
        ("admitted", {"now": START + 599}),
        ("permit-forged", {"token": "stranger"}),
        ("permit-forged", {"token": "altered"}),
        ("permit-forged", {"token": "cut"}),
        ("permit-forged", {"token": "empty"}),
        ("permit-forged", {"operator": STRANGER.public.did}),
        ("permit-expired", {"now": START + 600}),
        ("clock-set-back", {"now": START - 301}),
        ("permit-other-voice", {"job": replace(JOB, voice="eve")}),
        ("permit-other-text", {"job": replace(JOB, text_commit="2" * 64)}),
        ("permit-other-params", {"job": replace(JOB, params_sha256="3" * 64)}),
        ("mode-not-granted", {"job": replace(JOB, mode="singing")}),
        ("weights-mismatch", {"job": replace(JOB, operands=(weights(content=b"other"),))}),
        ("weights-mismatch", {"job": replace(JOB, operands=())}),
        ("reference-mismatch", {"job": replace(JOB, operands=(weights(), reference))}),
        ("admitted", {"finish": True}),
        ("permit-used", {}),
        ("permit-used", {"finish": True}),
    ]
    lines = []
    for number, (_, changes) in enumerate(cases):
        case = {**base, **changes}
        # Each of the first cases has a clock of its own; the last three share what was finished.
        case["folder"] = str(tmp_path / (f"state{number}" if number < len(cases) - 3 else "shared"))
        case["token"], case["job"] = str(tmp_path / str(case["token"])), plain(case["job"])  # type: ignore[arg-type]
        lines.append(json.dumps(case))
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input="\n".join(lines), capture_output=True, text=True, cwd=root, timeout=60
    )
    assert done.stderr == ""
    *answers, modules = done.stdout.splitlines()
    assert answers == [answer for answer, _ in cases]
    loaded = json.loads(modules)
    assert "consent.permit" in loaded and "consent.worker" in loaded
    for name in ("sqlite3", "sqlite_utils", "rfc8785", "torch", "numpy", "consent.ledger", "consent.store"):
        assert name not in loaded


def test_the_ledger_refuses_a_second_completion_whatever_the_worker_remembers(world: World) -> None:
    world.grant()
    permit = world.request()
    world.render(permit)
    forgetful = Permit.from_token(permit.token, world.ledger.operator)
    with pytest.raises(ConsentRefusedError, match=r"^permit-used:"):
        world.render(forgetful, name="b.mp3")


def test_of_many_workers_one_finishes(world: World, tmp_path: Path) -> None:
    world.grant()
    permit = world.request()
    outcomes: list[str] = []

    def finish() -> None:
        guard = PermitGuard(tmp_path / "state", world.ledger.operator)
        mine = guard.admit(permit.token, JOB, now=START)
        barrier.wait()
        try:
            guard.finish(mine)
            outcomes.append("finished")
        except ConsentRefusedError as exc:
            outcomes.append(exc.reason)

    barrier = threading.Barrier(8)
    threads = [threading.Thread(target=finish) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["finished"] + ["permit-used"] * 7


def test_marks_are_forgotten_only_after_expiry_and_a_clock_set_back_does_not_revive(world: World, tmp_path: Path):
    world.grant()
    permit = world.request(valid_seconds=600)
    guard = PermitGuard(tmp_path / "state", world.ledger.operator)
    guard.finish(guard.admit(permit.token, JOB, now=START))
    assert guard.prune(now=START + 600) == 0
    assert guard.prune(now=START + 901) == 1
    with pytest.raises(ConsentRefusedError, match=r"^clock-set-back:"):
        guard.admit(permit.token, JOB, now=START + 10)


def test_state_holds_no_token(world: World, tmp_path: Path) -> None:
    world.grant()
    permit = world.request()
    guard = PermitGuard(tmp_path / "state", world.ledger.operator)
    guard.finish(guard.admit(permit.token, JOB, now=START))
    assert {path.name for path in (tmp_path / "state").iterdir()} == {permit.intent, "clock"}
    assert (tmp_path / "state" / permit.intent).read_text() == f"{permit.expires}\n"
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


def test_a_permit_says_what_was_asked_for(world: World) -> None:
    world.grant()
    permit = world.request()
    permit.require(mode="speech", operands=[weights()], now=START, voice="ada", params_sha256=PARAMS, text_commit=TEXT)
    assert permit.use == Use("speech", "audiobook", True, ("en",), ("DE",), "Alice", 10)
