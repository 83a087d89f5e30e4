"""A16: links, pipes and paths that change between the look and the use."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..keys import SigningKey
from ..outputs import Output, hash_file
from ..scope import UNLIMITED
from ..verifier import verify_file
from .lab import Attack, Lab, reason_of
from .world import World

__all__ = ["ATTACKS"]

GOOD, EVIL = b"good" * 40_000, b"evil" * 40_000


@contextmanager
def _swapping(path: Path, turns: Callable[[], None]) -> Iterator[None]:
    """Another thread runs `turns` again and again."""
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            try:
                turns()
            except OSError:
                continue

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        if path.is_symlink():
            path.unlink()


def _links(lab: Lab, world: World) -> None:
    permit = world.request()
    real = world.folder / "real.part"
    real.write_bytes(b"sound")
    kinds: dict[str, Callable[[Path], object]] = {
        "a symbolic link": lambda p: p.symlink_to(real),
        "a dangling link": lambda p: p.symlink_to(world.folder / "nowhere"),
        "a pipe": lambda p: os.mkfifo(p),
        "a folder": lambda p: p.mkdir(),
        "nothing": lambda p: None,
        "a device": lambda p: p.symlink_to("/dev/zero"),
    }
    for number, (case, make) in enumerate(kinds.items()):
        permit = world.request()
        path = world.folder / f"{number}.part"
        make(path)
        lab.refused(
            f"{case} as output",
            f"{case} handed in as the finished file",
            lambda path=path, permit=permit: world.ledger.complete(permit, [Output(path, "a.mp3", "2" * 64, 1)]),  # type: ignore[misc]
            "output-changed",
        )
        lab.refused(f"{case} hashed", "and hashed", lambda path=path: hash_file(path), "file-unreadable")  # type: ignore[misc]
    receipt, tmp = world.render(name="link.mp3")
    final = world.folder / "out" / "link.mp3"
    tmp.rename(world.folder / "moved")
    tmp.symlink_to(world.folder / "moved")
    lab.refused(
        "a link at delivery",
        "the finished file exchanged for a link after its receipt",
        lambda: world.ledger.deliver(receipt, {tmp: final}),
        "output-changed",
    )
    lab.holds("no file", "the final name is looked for", lambda: not final.exists(), "not there")
    target = world.folder / "precious"
    target.write_bytes(b"precious")
    receipt, tmp = world.render(name="over.mp3")
    final = world.folder / "out" / "over.mp3"
    final.parent.mkdir(exist_ok=True)
    final.symlink_to(target)
    lab.control("delivery over a link", lambda: world.ledger.deliver(receipt, {tmp: final}))
    lab.holds(
        "a link under the final name",
        "the final name was a link to another file",
        lambda: target.read_bytes() == b"precious" and not final.is_symlink() and verify_file(final).ok,
        "the other file is untouched",
    )


def _ledger_links(lab: Lab) -> None:
    for name, reasons in {
        "ledger.db": ("file-unreadable",),
        "keys/operator.key": ("file-unreadable",),
        "keys/operator.pub": ("ledger-missing", "file-unreadable"),
        "../ledger.highwater/highwater.note": ("highwater-missing", "highwater-invalid"),
    }.items():
        world = lab.world(f"link-{Path(name).name}")
        world.ledger.close()
        path = world.path / name
        moved = world.folder / "moved"
        path.rename(moved)
        path.symlink_to(moved)
        lab.refused(f"{Path(name).name} as a link", f"{name} exchanged for a link", world.reopen, *reasons)
    world = lab.world("link-revocation")
    grant = world.grant()
    (world.folder / "loose.json").write_bytes(world.ledger.make_revocation(grant, SigningKey.generate()))
    (world.path / "revocations" / "link.json").symlink_to("/dev/zero")
    os.mkfifo(world.path / "revocations" / "pipe.json")
    lab.control("links and pipes among the revocations", lambda: world.ledger.abort(world.request(), "cancelled"))


def races(lab: Lab) -> None:
    """A16."""
    world = lab.world()
    world.grant(renders=UNLIMITED, seconds=UNLIMITED)
    _links(lab, world)
    _ledger_links(lab)
    rounds = 6 if lab.quick else 60
    outcome: Counter[str] = Counter()
    path = world.folder / "race.part"
    evil, spare = world.folder / "evil", world.folder / "spare"

    def swap() -> None:
        evil.write_bytes(EVIL)
        os.replace(evil, path)
        spare.write_bytes(GOOD)
        os.replace(spare, path)

    for number in range(rounds):
        path.write_bytes(GOOD)
        name = f"race-{number}.mp3"
        final = world.folder / "out" / name
        with _swapping(path, swap):
            outcome[_delivered(world, path, name, final)] += 1
    lab.tally(
        "paths swapped in a loop",
        "another program exchanges the finished file again and again while it is hashed and delivered",
        outcome,
        "output-changed",
        "delivered as receipted",
    )

    def relink() -> None:
        spare.unlink(missing_ok=True)
        spare.symlink_to(evil)
        os.replace(spare, path)
        spare.write_bytes(GOOD)
        os.replace(spare, path)

    linked: Counter[str] = Counter()
    evil.write_bytes(EVIL)
    for number in range(rounds):
        path.unlink(missing_ok=True)
        path.write_bytes(GOOD)
        name = f"link-{number}.mp3"
        final = world.folder / "out" / name
        with _swapping(path, relink):
            linked[_delivered(world, path, name, final)] += 1
    lab.tally(
        "links swapped in a loop",
        "the same, exchanging file and link",
        linked,
        "output-changed",
        "file-unreadable",
        "delivered as receipted",
    )


def _delivered(world: World, path: Path, name: str, final: Path) -> str:
    """One render under attack; a delivered file that is not the receipted one is the miss looked for."""
    permit = world.request()
    try:
        receipt = world.ledger.complete(permit, [Output(path, name, "2" * 64, 1)])
        world.ledger.deliver(receipt, {path: final})
    except Exception as exc:  # judged
        if final.exists():
            return f"refused ({reason_of(exc)}) but a file lies there"
        return reason_of(exc)
    if final.is_symlink() or hash_file(final)[0] != receipt.outputs[0].sha256:
        return "a file was delivered that its receipt does not name"
    return "delivered as receipted"


ATTACKS = (
    Attack(
        "A16",
        "links, pipes and swapped paths",
        "Opened once without following links, hashed from that descriptor; what is delivered is what was hashed.",
        races,
        ("whoever may write into the output folder can change a file after delivery: then it no longer verifies",),
    ),
)
