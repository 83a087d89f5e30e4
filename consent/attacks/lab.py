"""Where one attack is carried out: its folder, its judge, and the files it leaves for others.

A case is *caught* when our code answers with an error of this package whose reason is one of those that a
sound tool may give. Any other exception is a miss, and so is silence. A *control* is the same act without the
attack: it must succeed, so that a tool that refuses everything does not pass.
"""

from __future__ import annotations

import json
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ConsentError, ConsentRefusedError, InvalidInputError
from .world import World

__all__ = ["Attack", "CaseResult", "Lab", "Result", "reason_of"]


@dataclass(frozen=True)
class Attack:
    """One row of the corpus.

    Parameters
    ----------
    number : str
        A1 to A24.
    title : str
        The attack.
    required : str
        What a sound tool must do.
    run : callable
        Carries it out in a `Lab`.
    limits : tuple of str
        What nobody can detect, or this corpus does not show; said plainly.
    """

    number: str
    title: str
    required: str
    run: Callable[[Lab], None]
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class CaseResult:
    """One case: what was done, what a sound tool answers, what ours answered."""

    case: str
    done: str
    sound_answer: tuple[str, ...]
    ours: str
    caught: bool
    count: int = 1
    files: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass
class Result:
    """Outcome of one attack."""

    attack: Attack
    cases: list[CaseResult] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def total(self) -> int:
        """Number of cases."""
        return sum(item.count for item in self.cases)

    @property
    def caught(self) -> int:
        """Number of cases that were caught (controls: that passed)."""
        return sum(item.count for item in self.cases if item.caught)

    @property
    def missed(self) -> list[CaseResult]:
        """Cases that were not."""
        return [item for item in self.cases if not item.caught]

    @property
    def reasons(self) -> Counter[str]:
        """Stable reason codes seen in the caught cases."""
        seen: Counter[str] = Counter()
        for item in self.cases:
            if item.caught:
                for word in item.reasons:
                    seen[word] += item.count
        return seen


def reason_of(exc: BaseException) -> str:
    """Stable reason of an error of this package; any other exception is a crash."""
    if isinstance(exc, (ConsentRefusedError, InvalidInputError)):
        return exc.reason
    if isinstance(exc, ConsentError):
        return "usage"
    return f"crashed: {type(exc).__name__}: {exc}"[:200]


class Lab:
    """Handed to each attack.

    Parameters
    ----------
    attack : Attack
        Which.
    folder : Path
        Empty folder to work in.
    out : Path or None
        Where files for others go.
    quick : bool
        Samples instead of everything, where everything takes long.
    seed : int
        Of `rng`.
    """

    def __init__(self, attack: Attack, folder: Path, out: Path | None, *, quick: bool, seed: int = 24) -> None:
        self.result = Result(attack)
        self.folder, self.out, self.quick = folder, out, quick
        self.rng = random.Random(f"{seed}-{attack.number}")
        self._worlds: list[World] = []

    def world(self, name: str = "world") -> World:
        """A fresh ledger in a folder of its own."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        made = World(folder)
        self._worlds.append(made)
        return made

    def close(self) -> None:
        """Let go of all ledgers."""
        for item in self._worlds:
            item.ledger.close()

    def refused(
        self,
        case: str,
        done: str,
        action: Callable[[], Any],
        *reasons: str,
        files: Mapping[str, Path | bytes] | None = None,
    ) -> str:
        """The action must be refused for one of `reasons`; returns the reason seen."""
        try:
            got = action()
            ours = f"accepted ({type(got).__name__})"
        except Exception as exc:  # every exception is judged, none is hidden
            ours = reason_of(exc)
        self._add(case, done, reasons, ours, ours in reasons, files, codes=(ours,))
        return ours

    def found(
        self,
        case: str,
        done: str,
        seen: Callable[[], Iterable[str]],
        *reasons: str,
        files: Mapping[str, Path | bytes] | None = None,
    ) -> None:
        """An inspection (audit, verification) must name at least one of `reasons`."""
        try:
            words = list(seen())
            hits = list(dict.fromkeys(word for word in words if word in reasons))
            ours = ", ".join(hits) if hits else f"found only: {', '.join(words) or 'nothing'}"[:200]
        except Exception as exc:  # as above
            hits, ours = [], reason_of(exc)
            if ours in reasons:
                hits = [ours]
        self._add(case, done, reasons, ours, bool(hits), files, codes=tuple(hits))

    def holds(
        self,
        case: str,
        done: str,
        truth: Callable[[], bool],
        answer: str,
        files: Mapping[str, Path | bytes] | None = None,
    ) -> None:
        """A property that must hold after the attack."""
        try:
            good = bool(truth())
            ours = answer if good else f"not so: {answer}"
        except Exception as exc:  # as above
            good, ours = False, reason_of(exc)
        self._add(case, done, (answer,), ours, good, files)

    def control(self, case: str, action: Callable[[], Any]) -> Any:
        """The same act without the attack; must succeed. Returns its value."""
        value: Any = None
        try:
            value = action()
            ours = "passes"
        except Exception as exc:  # as above
            ours = reason_of(exc)
        self._add(case, "control: the same act without the attack", ("passes",), ours, ours == "passes", None)
        return value

    def tally(self, case: str, done: str, outcomes: Counter[str], *reasons: str) -> None:
        """Many like cases at once: how often each answer was seen."""
        for ours, count in sorted(outcomes.items()):
            codes = (ours,) if " " not in ours else ()
            self._add(case, done, reasons, ours, ours in reasons, None, count, codes)

    def waits(self, why: str) -> None:
        """Part of the attack cannot be run here, and why."""
        self.result.waiting.append(why)

    def note(self, text: str) -> None:
        """A number worth printing."""
        self.result.notes.append(text)

    def keep(self, name: str, content: Path | bytes) -> str:
        """Put a file or folder into the corpus; returns its path there ('' when no files are kept)."""
        if self.out is None:
            return ""
        target = self.out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            target.write_bytes(content)
        elif content.is_dir() and not content.is_symlink():
            shutil.copytree(content, target, symlinks=True, dirs_exist_ok=True, ignore=_ordinary)
        elif content.is_symlink() or content.is_file():
            shutil.copy2(content, target, follow_symlinks=False)
        return name

    def _add(
        self,
        case: str,
        done: str,
        wanted: tuple[str, ...],
        ours: str,
        caught: bool,
        files: Mapping[str, Path | bytes] | None,
        count: int = 1,
        codes: tuple[str, ...] = (),
    ) -> None:
        slug = re.sub(r"[^a-z0-9]+", "-", case.lower()).strip("-")
        kept = tuple(self.keep(f"{slug}/{name}", content) for name, content in (files or {}).items())
        self.result.cases.append(CaseResult(case, done, wanted, ours, caught, count, tuple(filter(None, kept)), codes))

    def write_manifest(self) -> None:
        """What was done and what a sound tool must answer, beside the files."""
        if self.out is None:
            return
        attack = self.result.attack
        manifest = {
            "attack": attack.number,
            "title": attack.title,
            "required": attack.required,
            "not_detectable": list(attack.limits),
            "waiting": self.result.waiting,
            "cases": [
                {
                    "case": item.case,
                    "done": item.done,
                    "sound_answer": list(item.sound_answer),
                    "ours": item.ours,
                    "caught": item.caught,
                    "count": item.count,
                    "files": list(item.files),
                }
                for item in self.result.cases
            ],
        }
        self.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(manifest, ensure_ascii=False, indent=2)
        (self.out / "manifest.json").write_text(text + "\n", encoding="utf-8")


def _ordinary(folder: str, names: list[str]) -> set[str]:
    # Pipes and locks are of no use to others, and copying a pipe would wait for ever.
    return {
        name
        for name in names
        if name in ("locks", "writer.lock")
        or not ((path := Path(folder, name)).is_symlink() or path.is_file() or path.is_dir())
    }
