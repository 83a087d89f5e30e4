"""A production folder: what was chosen, what was redone, what is delivered.

``production.json`` is small and rewritten in one step; the report's parts are
kept by chapter under ``.voicekit`` and joined into ``report.json``, so a long
book never has to be in memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from voicekit.audio import aside, io_error, settle, settle_bytes, sha256_file
from voicekit.errors import InputError, UsageError
from voicekit.pipelines.plan import Retake

__all__ = ["PROOF_SUFFIX", "DeliveredChapter", "Production"]

PROOF_SUFFIX = ".voiceproof"
_FORMAT = "voicekit-production/1"
_HIDDEN = ".voicekit"


@dataclass(frozen=True)
class DeliveredChapter:
    """What is known of a chapter that was about to be delivered.

    Parameters
    ----------
    inputs : str
        Digest of all that decides its bytes.
    files : dict of str to str
        Name to SHA-256.
    """

    inputs: str
    files: dict[str, str]


class Production:
    """One output folder, held by one process at a time.

    Parameters
    ----------
    folder : pathlib.Path
        Made if it is missing.

    Raises
    ------
    InputError
        The folder cannot be made or written.
    UsageError
        Another process works in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hidden = folder / _HIDDEN
        self.file = folder / "production.json"
        self.report = folder / "report.json"
        self._lock: Any = None
        try:
            self.hidden.mkdir(parents=True, exist_ok=True)
            self._take_lock()
        except OSError as problem:
            raise io_error(problem, folder) from problem
        self.source = ""
        self.settings: dict[str, Any] = {}
        self.retakes: dict[tuple[int, int], Retake] = {}
        self.chapters: dict[int, DeliveredChapter] = {}
        self._load()

    def __enter__(self) -> Production:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others work in the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _take_lock(self) -> None:
        try:
            import fcntl  # not on Windows, where the folder is simply not locked
        except ImportError:
            return
        self._lock = open(self.hidden / "lock", "w")  # noqa: SIM115 - held until close()
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            self._lock = None
            raise UsageError(
                f"{self.folder}: another voicekit is narrating into this folder",
                "wait for it, or choose another folder",
            ) from None

    def _load(self) -> None:
        try:
            data = json.loads(self.file.read_text(encoding="utf-8"))
            if data["format"] != _FORMAT:
                raise ValueError(data["format"])
            self.source = str(data["source"])
            self.settings = dict(data["settings"])
            for name, value in data["retakes"].items():
                chapter, sentence = name.split(":")
                self.retakes[int(chapter), int(sentence)] = Retake(**value)
            for name, value in data["chapters"].items():
                self.chapters[int(name)] = DeliveredChapter(**value)
        except FileNotFoundError:
            return
        except OSError as problem:
            raise io_error(problem, self.file) from problem
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            raise InputError(
                self.file,
                "",
                "not a production file of this version",
                "Move it away or choose another folder.",
            ) from problem

    def save(self) -> None:
        """Write ``production.json`` in one step."""
        data = {
            "format": _FORMAT,
            "source": self.source,
            "settings": self.settings,
            "retakes": {f"{chapter}:{n}": asdict(retake) for (chapter, n), retake in self.retakes.items()},
            "chapters": {str(index): asdict(done) for index, done in sorted(self.chapters.items())},
        }
        try:
            settle_bytes(self.file, (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode())
        except OSError as problem:
            raise io_error(problem, self.file) from problem

    def retakes_of(self, chapter: int) -> dict[int, Retake]:
        """The retakes of one chapter, by sentence."""
        return {n: retake for (index, n), retake in self.retakes.items() if index == chapter}

    def is_delivered(self, index: int, inputs: str, names: list[str]) -> bool:
        """Whether all these files of a chapter are there, whole, proven, and made from these inputs."""
        done = self.chapters.get(index)
        if done is None or done.inputs != inputs or not set(names) <= set(done.files):
            return False
        try:
            return all(
                sha256_file(self.folder / name) == done.files[name]
                and (self.folder / f"{name}{PROOF_SUFFIX}").is_file()
                for name in names
            )
        except OSError:
            return False

    @contextlib.contextmanager
    def workplace(self) -> Iterator[Path]:
        """A folder for unfinished files, on the same disk, gone afterwards."""
        try:
            place = Path(tempfile.mkdtemp(prefix="render-", dir=self.hidden))
        except OSError as problem:
            raise io_error(problem, self.hidden) from problem
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def sweep(self) -> None:
        """Remove unfinished files of killed runs (the lock says that nobody uses them)."""
        for place in self.hidden.glob("render-*"):
            shutil.rmtree(place, ignore_errors=True)
        for partial in [*self.folder.glob("*.json.*.partial"), *self.hidden.glob("*.partial")]:
            with contextlib.suppress(OSError):
                partial.unlink()

    def keep_part(self, index: int, part: dict[str, Any]) -> None:
        """Store a chapter's part of the report."""
        place = self.hidden / f"chapter-{index:04d}.json"
        try:
            settle_bytes(place, json.dumps(part, ensure_ascii=False, sort_keys=True).encode())
        except OSError as problem:
            raise io_error(problem, place) from problem

    def part(self, index: int) -> dict[str, Any]:
        """A chapter's part of the report; empty where it is missing."""
        try:
            part = json.loads((self.hidden / f"chapter-{index:04d}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return part if isinstance(part, dict) else {}

    def write_report(self, head: dict[str, Any], chapters: list[int]) -> Path:
        """Join the parts into ``report.json``, one chapter in memory at a time.

        Parameters
        ----------
        head : dict
            All but the chapters.
        chapters : list of int

        Returns
        -------
        pathlib.Path
        """
        place = aside(self.report)
        try:
            with open(place, "w", encoding="utf-8") as sink:
                opening = json.dumps(head, ensure_ascii=False, indent=1)
                sink.write(opening.rstrip().removesuffix("}").rstrip() + ',\n "chapters": [')
                comma = "\n"
                for index in chapters:
                    part = self.part(index)
                    if part:
                        sink.write(comma + json.dumps(part, ensure_ascii=False))
                        comma = ",\n"
                sink.write("\n ]\n}\n")
                sink.flush()
                os.fsync(sink.fileno())
            return settle(place, self.report)
        except OSError as problem:
            with contextlib.suppress(OSError):
                place.unlink(missing_ok=True)
            raise io_error(problem, self.report) from problem
