"""A ledger of many entries: opening and verifying it, deciding, appending, auditing; and the memory it takes."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.report import Options, Report, Table, command, common_options, folder_of, rounded, say
from consent import ALL_CONTENT, UNLIMITED, Ledger, Operand, Scope, SigningKey, Use, WeightsRef
from consent.encoding import b64encode, dump, pae
from consent.envelope import Envelope
from consent.faults import handler
from consent.statements import (
    Compensation,
    Disclosure,
    Grant,
    Notice,
    OutputRecord,
    Party,
    RenderIntent,
    RenderReceipt,
    Representation,
    Retention,
    Software,
    Spent,
    Statement,
    Subject,
    Validity,
    Withdrawal,
    new_nonce,
)

START = 1_795_000_000
VOICES = ("ada", "grace", "emmy", "mary")
GRANTS_PER_VOICE = 6
DECISIONS = 600
INTENDED = (
    "Narration of the audiobook editions named by title for sale in the listed countries by the operator, with "
    "retail samples of five minutes, later corrections, and the announcements that belong to them."
)


class Clock:
    """A clock that goes a second a call."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> int:
        self.time += 1
        return self.time


def digest(text: str) -> str:
    """64 digits that stand for something hashed."""
    return hashlib.sha256(text.encode()).hexdigest()


def operands(voice: str) -> tuple[Operand, ...]:
    """The files of a voice: acoustic model, vocoder, configuration."""
    names = ("acoustic", "vocoder", "config")
    return tuple(Operand(f"{voice}-{n}.safetensors", digest(voice + n), "weights", "CC-BY-4.0") for n in names)


def grant_of(ledger: Ledger, voice: str, number: int, speaker: SigningKey) -> Grant:
    """A grant of ordinary length; each of a voice is for other titles."""
    titles = tuple(f"{voice} title {number}-{i}" for i in range(5))
    return Grant(
        ledger=ledger.id,
        nonce=new_nonce(),
        time=START,
        voice=voice,
        basis="consent",
        subject=Subject(speaker.public.did, digest("name" + voice)),
        grantee=Party(ledger.operator.did, "Example Press"),
        notice=Notice(digest("notice"), "en", "1"),
        intended_use=INTENDED,
        scope=Scope(
            ("speech",), ("audiobook",), True, ("en",), ("DE", "US"), ALL_CONTENT, titles, UNLIMITED, UNLIMITED
        ),
        validity=Validity(START - 86_400, START + 1_000 * 86_400),
        weights=tuple(WeightsRef(o.name, o.sha256, o.license) for o in operands(voice)),
        retention=Retention(30, 30),
        withdrawal=Withdrawal("Tell the operator, or drop the certificate.", "stop-new"),
        disclosure=Disclosure(True, False, "policy"),
        representation=Representation(),
        compensation=Compensation("fee", "contract 7"),
    )


def use_of(voice: str, number: int) -> Use:
    """A use that one grant of the voice covers."""
    return Use("speech", "audiobook", True, ("en",), ("DE",), f"{voice} title {number}-2", 600)


class Maker:
    """Signs statements quickly: one of each kind goes through the classes, the others change its payload."""

    def __init__(self, key: SigningKey) -> None:
        self.key = key

    def envelope(self, template: Statement, **changes: Any) -> tuple[str, bytes]:
        """Digest and envelope of a statement with other values in some fields."""
        payload = dump({**template.as_obj(), **changes})
        kind = template.payload_type()
        signature = {"keyid": self.key.public.did, "sig": b64encode(self.key.sign(pae(kind, payload)))}
        outer = {"payload": b64encode(payload), "payloadType": kind, "signatures": [signature]}
        return hashlib.sha256(payload).hexdigest(), dump(outer)


def templates(ledger: Ledger, grant: str, voice: str, number: int) -> tuple[RenderIntent, RenderReceipt]:
    """An intent and its receipt, as the gate writes them for a chapter in two formats."""
    common: dict[str, Any] = {
        "ledger": ledger.id,
        "nonce": new_nonce(),
        "time": START,
        "grant": grant,
        "voice": voice,
        "use": use_of(voice, number),
        "operands": operands(voice),
        "params_sha256": digest("params"),
        "text_commit": digest("text"),
    }
    intent = RenderIntent(expires=START + 86_400, **common)
    outputs = tuple(
        OutputRecord(f"chapter-01.{end}", digest(end), 8_000_000, digest("pcm"), 600_000, same)
        for end, same in (("mp3", ""), ("m4b", "chapter-01.mp3"))
    )
    measured = (("loudness_mlufs", -19_000), ("noise_floor_mdb", -61_500), ("peak_mdb", -3_200))
    receipt = RenderReceipt(
        intent=intent.digest,
        outputs=outputs,
        measured=measured,
        spent=Spent(1, 600),
        software=Software("voicekit-consent", "0.1.0"),
        **common,
    )
    return intent, receipt


def build(folder: Path, entries: int) -> dict[str, Any]:
    """Make a ledger of that many entries, every one of them signed and valid."""
    clock, rng, began = Clock(), random.Random(1), time.perf_counter()
    with Ledger.init(folder, operator_name="Example Press", now=clock) as ledger:
        grants: list[tuple[str, str, int]] = []
        for voice in VOICES:
            speaker = SigningKey.from_seed(hashlib.sha256(voice.encode()).digest())
            for number in range(GRANTS_PER_VOICE):
                signed = grant_of(ledger, voice, number, speaker).sign(speaker)
                grants.append((ledger.add_statement(signed.to_bytes()), voice, number))
        made = [templates(ledger, *item) for item in grants]
        maker, spent = Maker(ledger.operator_signing_key()), dict.fromkeys(range(len(grants)), 0)
        sizes: list[int] = []
        while (left := entries - ledger.size()) > 0:
            batch: list[bytes] = []
            for _ in range(min(left, 4_096) // 2):
                which = rng.randrange(len(grants))
                intent, receipt = made[which]
                spent[which] += 1
                moment = clock()
                name, begun = maker.envelope(intent, nonce=new_nonce(), time=moment, expires=moment + 86_400)
                total = {"renders": spent[which], "seconds": 600 * spent[which]}
                _, ended = maker.envelope(receipt, nonce=new_nonce(), time=clock(), intent=name, spent=total)
                batch += [begun, ended]
            if not batch:
                break
            sizes += [len(item) for item in batch]
            append(ledger, batch)
            say(f"  {ledger.size()} of {entries} entries, {time.perf_counter() - began:.0f} s")
        return {
            "entries": ledger.size(),
            "grants": len(grants),
            "envelope_bytes_mean": round(statistics.mean(sizes)),
            "envelope_bytes_least": min(sizes),
            "envelope_bytes_most": max(sizes),
            "database_bytes": (folder / "ledger.db").stat().st_size,
            "build_s": time.perf_counter() - began,
        }


class Raw(Envelope):
    """An envelope that is its own bytes already."""

    def to_bytes(self) -> bytes:
        """The bytes it was made with."""
        return self.payload


def append(ledger: Ledger, batch: Sequence[bytes]) -> None:
    """Append in one transaction (the gate appends one at a time)."""
    with ledger._write("bench") as session:
        ledger._append(session, [Raw("", item, ()) for item in batch])


OPEN = """
import json, resource, sys, time
from consent import Ledger, audit_folder
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
import consent.ledger
clock = lambda: {now}
began, busy = time.perf_counter(), time.process_time()
ledger = Ledger.open(sys.argv[1], now=clock)
took, busy = time.perf_counter() - began, time.process_time() - busy
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({{"s": took, "cpu_s": busy, "peak_kib": peak, "before_kib": before, "entries": ledger.size()}}))
"""
AUDIT = """
import json, resource, sys, time
from consent import audit_folder
began, busy = time.perf_counter(), time.process_time()
report = audit_folder(sys.argv[1])
took, busy = time.perf_counter() - began, time.process_time() - busy
assert report.ok, report.text()
print(json.dumps({{"s": took, "cpu_s": busy, "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}}))
"""


def apart(code: str, folder: Path) -> dict[str, Any]:
    """Run it in a process of its own, whose memory is then its own."""
    now = START + 10_000_000
    line = [sys.executable, "-c", code.format(now=now), str(folder)]
    found = subprocess.run(line, capture_output=True, text=True, check=True)
    return dict(json.loads(found.stdout))


def drop_snapshot(folder: Path) -> None:
    """Make the next opening read everything, as the first one of an old ledger does."""
    with Ledger.open(folder, now=lambda: START + 10_000_000) as ledger, ledger._store.session(write=True) as session:
        session.erase_side("snapshot", "newest")


def decide(folder: Path, count: int) -> dict[str, list[float]]:
    """Ask for permits, each closed again; seconds until the decision, for the append, and for the whole call."""
    clock, rng = Clock(), random.Random(2)
    clock.time += 20_000_000
    found: dict[str, list[float]] = {"decision": [], "append": [], "request": []}
    marks: dict[str, float] = {}

    def mark(step: str) -> None:
        marks[step] = time.perf_counter()

    with Ledger.open(folder, now=clock) as ledger, handler(mark):
        for _ in range(count):
            voice, number = rng.choice(VOICES), rng.randrange(GRANTS_PER_VOICE)
            began = time.perf_counter()
            permit = ledger.request(
                use_of(voice, number),
                voice=voice,
                operands=operands(voice),
                params_sha256=digest("params"),
                text_commit=digest("text"),
            )
            ended = time.perf_counter()
            found["decision"].append(marks["before-append"] - began)
            found["append"].append(ended - marks["before-append"])
            found["request"].append(ended - began)
            ledger.abort(permit, "cancelled")
    return found


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which that share lies."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def best_of(count: int, call: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], list[float]]:
    """The median run by time, and all times."""
    runs = sorted((call() for _ in range(count)), key=lambda run: run["s"])
    return runs[len(runs) // 2], [run["s"] for run in runs]


def options_of(argv: Sequence[str] | None) -> tuple[Options, int]:
    """Options from a command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--entries", type=int, default=100_000, help="how many entries (default: 100000)")
    common_options(parser)
    given = parser.parse_args(argv)
    return Options(given.quick, folder_of(given)), 5_000 if given.quick else given.entries


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options, entries = options_of(argv)
    work = Path(tempfile.mkdtemp(prefix="bench-ledger-"))
    try:
        report = measure(work / "ledger", entries)
    finally:
        shutil.rmtree(work)
    report.write(options)
    return 0


def measure(folder: Path, entries: int) -> Report:
    """Build, open, decide, append, audit."""
    say(f"building {entries} entries")
    made = build(folder, entries)
    say("opening")
    opened, times = best_of(9, lambda: apart(OPEN, folder))
    drop_snapshot(folder)
    first = apart(OPEN, folder)
    say("deciding")
    spans = decide(folder, DECISIONS)
    say("auditing")
    audited = apart(AUDIT, folder)
    report = Report("ledger", "Ledger: a long history opened, asked, audited")
    rows: list[tuple[object, ...]] = [
        ("open and verify, median of 9 processes", *seconds(opened, 3)),
        ("open and verify, fastest of 9", rounded(times[0], 3) + " s", "-", "-"),
        ("open and verify, slowest of 9", rounded(times[-1], 3) + " s", "-", "-"),
        ("first opening, without a snapshot", *seconds(first, 2)),
    ]
    for name, text in (
        ("decision", "gate decision"),
        ("append", "durable append and permit"),
        ("request", "request, both together"),
    ):
        for share, label in ((0.5, "median"), (0.99, "p99")):
            rows.append((f"{text}, {label}", rounded(1_000 * quantile(spans[name], share), 2) + " ms", "-", "-"))
    rate = made["entries"] / audited["s"]
    rows.append((f"full audit, {rate:.0f} entries/s", *seconds(audited, 1)))
    title = (
        f"{made['entries']} entries, {made['grants']} grants, envelopes of {made['envelope_bytes_least']} to "
        f"{made['envelope_bytes_most']} bytes, {made['database_bytes'] / 1e6:.0f} MB"
    )
    report.tables.append(Table(title, ("what", "time", "processor time", "peak memory"), rows))
    load = os.getloadavg()[0]
    report.notes += [
        f"The load average was {load:.1f} on {os.cpu_count()} cores at the end: where it is above 1, other programs "
        "took part of the time, and processor time (of all threads) says what the work itself took.",
        f"Decisions are {DECISIONS} calls of `Ledger.request` in one program, each permit cancelled again; the first "
        "part ends when the entry is signed, the second is the transaction, flushed to disk, and the note outside.",
        "Opening compares every stored byte; it parses and checks signatures on what decides (grants, keys, "
        "revocations, records) and on nothing else. The audit parses every entry and checks every signature.",
        "Peak memory is that of a whole process, Python and `cryptography` included.",
    ]
    report.data = {
        "ledger": made,
        "open_s": times,
        "open_cpu_s": opened["cpu_s"],
        "load_average": load,
        "open_peak_kib": opened["peak_kib"],
        "first_open_s": first["s"],
        "first_open_peak_kib": first["peak_kib"],
        "decision_ms": {name: summary(values) for name, values in spans.items()},
        "audit_cpu_s": audited["cpu_s"],
        "audit_s": audited["s"],
        "audit_peak_kib": audited["peak_kib"],
    }
    return report


def seconds(run: dict[str, Any], digits: int) -> tuple[str, str, str]:
    """Time, processor time and peak memory of a run for people."""
    return rounded(run["s"], digits) + " s", rounded(run["cpu_s"], digits) + " s", memory(run)


def memory(run: dict[str, Any]) -> str:
    """Peak memory of a run for people."""
    return f"{run['peak_kib'] / 1024:.0f} MiB"


def summary(values: Sequence[float]) -> dict[str, float]:
    """Quantiles in milliseconds."""
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {name: round(1_000 * quantile(values, share), 3) for name, share in shares.items()}


if __name__ == "__main__":
    command(main)
