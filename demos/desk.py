"""The page's own state: the studio once opened, running jobs, and which files may be handed out.

It decides nothing about permission; that is the library's, since every handler
of a page can be called by any program.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from demos.hearing import Ear, Ears
from demos.held import Basket, Held
from voicekit import InputError, NarrateOptions, Studio, Take, UsageError
from voicekit.config import studio_folder
from voicekit.score import Score
from voicekit.studio import (
    ConvertedTake,
    ConvertOptions,
    Enrolled,
    EnrolOptions,
    EnrolStep,
    GrantStatus,
    Progress,
    SingOptions,
    Song,
    VoiceSource,
    VoiceStatus,
    house_voices,
)

__all__ = ["SOUNDS", "Desk"]

SOUNDS = (".mp3", ".flac", ".wav")
"""Sound files that the studio delivers."""

_PROOF = ".voiceproof"
_SHOWN = 12


class Desk:
    """What all tabs share.

    Parameters
    ----------
    folder : path or None
        The studio; the usual place when None.  It need not exist yet.
    hand_out : pathlib.Path
        The only folder whose files the server gives to browsers.
    voices : VoiceSource, optional
        Those shipped with voicekit when None.
    """

    def __init__(self, folder: str | Path | None, hand_out: Path, voices: VoiceSource | None = None) -> None:
        self.folder = studio_folder(folder).absolute()
        self.voices = voices or house_voices()
        self._hand_out = hand_out
        self.basket = Basket(hand_out)
        self.ears = Ears()
        self._studio: Studio | None = None
        self._opening = threading.Lock()
        self._rendering = threading.Lock()
        self._jobs: dict[str, threading.Event] = {}

    # -- the studio --------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """Whether there is a studio to open."""
        return (self.folder / "ledger").is_dir()

    def studio(self) -> Studio:
        """The studio, opened once.

        Raises
        ------
        UsageError
            There is none yet.
        consent.ConsentRefusedError
            Its ledger is not what it was.
        """
        with self._opening:
            if self._studio is None:
                if not self.exists:
                    raise UsageError("there is no studio here yet", "create one on this page")
                self._studio = Studio.open(self.folder, voices=self.voices)
            return self._studio

    def create(self, operator_name: str) -> Studio:
        """The studio, made if there is none."""
        name = " ".join(operator_name.split())[:200]
        with self._opening:
            if self._studio is None and not self.exists:
                if not name:
                    raise UsageError("who answers for this studio?", "write a name")
                self._studio = Studio.create(self.folder, name, voices=self.voices)
        return self.studio()

    def close(self) -> None:
        """Stop what is running and let go of the ledger."""
        for job in list(self._jobs.values()):
            job.set()
        self.basket.forget_all()
        with self._rendering, self._opening:
            if self._studio is not None:
                self._studio.close()
                self._studio = None

    def grants(self) -> tuple[GrantStatus, ...]:
        """All grants, usable ones first; none where there is no studio."""
        if not self.exists:
            return ()
        return tuple(sorted(self.studio().grants(), key=lambda grant: not grant.usable))

    def grant(self, digest: str | None) -> GrantStatus:
        """The grant of this digest; the only usable one when None.

        Raises
        ------
        UsageError
            There is none, or it is not clear which.
        """
        grants = self.studio().grants()
        if not digest:
            usable = [grant for grant in grants if grant.usable]
            if len(usable) == 1:
                return usable[0]
            raise UsageError("no grant was chosen", "choose one" if usable else "adopt a house voice first")
        for grant in grants:
            if grant.id == digest:
                return grant
        raise UsageError(f"this ledger has no grant {str(digest)[:16]}", "choose one of those listed")

    # -- narration ---------------------------------------------------------------------------

    def begin(self, session: str) -> threading.Event:
        """A new job of a session, with its stop sign."""
        job = threading.Event()
        self._jobs[session] = job
        return job

    def end(self, session: str, job: threading.Event) -> None:
        """Forget a job."""
        if self._jobs.get(session) is job:
            del self._jobs[session]

    def stop(self, session: str) -> bool:
        """Ask a session's job to stop; False when it has none."""
        job = self._jobs.get(session)
        if job is None:
            return False
        job.set()
        return True

    def narrate(
        self,
        source: str | Path,
        grant: GrantStatus,
        options: NarrateOptions,
        *,
        progress: Callable[[Progress], None],
        cancel: threading.Event,
        ear: Ear | None = None,
    ) -> Take:
        """Narrate under one grant, one at a time.

        Every combination of text, grant and choices has its folder, so that the
        same press finds its own files again and never those made under another
        grant.  Where the grant is not usable, nothing may be found again: the
        folder is new, and the library has to answer.
        """
        studio = self.studio()
        text = source.read_bytes() if isinstance(source, Path) else source.encode()
        key = json.dumps([hashlib.sha256(text).hexdigest(), grant.id, asdict(options)], sort_keys=True)
        name = _slug(options.title or (source.stem if isinstance(source, Path) else "")) or "narration"
        name += "-" + hashlib.sha256(key.encode()).hexdigest()[:8]
        fresh = not grant.usable
        out = studio.out_folder / (f"{name}-{secrets.token_hex(4)}" if fresh else name)
        with self._rendering:
            try:
                return studio.narrate(
                    source,
                    voice=grant.voice,
                    out=out,
                    grant=grant.id,
                    options=options,
                    progress=progress,
                    cancel=cancel,
                    hear=None if ear is None else ear.put,
                )
            finally:
                _tidy(out)

    def sing(
        self,
        score: Score,
        grants: Sequence[GrantStatus],
        options: SingOptions,
        *,
        progress: Callable[[Progress], None],
        cancel: threading.Event,
    ) -> Song:
        """Sing under one grant a part, one song at a time, into a folder of its own."""
        studio = self.studio()
        name = _slug(options.title or score.title or Path(score.source).stem) or "song"
        out = studio.out_folder / f"{name}-{secrets.token_hex(4)}"
        with self._rendering:
            try:
                return studio.sing(
                    score,
                    voice=[grant.voice for grant in grants],
                    out=out,
                    grant=[grant.id for grant in grants],
                    options=options,
                    progress=progress,
                    cancel=cancel,
                )
            finally:
                _tidy(out)

    def convert(
        self,
        take: Path,
        grant: GrantStatus,
        options: ConvertOptions,
        *,
        own: str | None,
        progress: Callable[[Progress], None],
        cancel: threading.Event,
    ) -> ConvertedTake:
        """Convert under one grant, one take at a time, into a folder of its own; with `own`, attest the take first."""
        studio = self.studio()
        name = _slug(options.title or take.stem) or "take"
        out = studio.out_folder / f"{name}-{secrets.token_hex(4)}"
        with self._rendering:
            if own is not None:
                studio.attest_own_voice(own, [take])
            try:
                return studio.convert(
                    take,
                    voice=grant.voice,
                    out=out / f"{name}-{grant.voice}.wav",
                    source_voice=own or "my-own",
                    grant=grant.id,
                    options=options,
                    progress=progress,
                    cancel=cancel,
                )
            finally:
                _tidy(out)

    # -- people --------------------------------------------------------------------------------

    def voices_here(self) -> frozenset[str]:
        """Names of the voices that can sound now; a grant may stand for one that is not built, or gone."""
        return frozenset(one.name for one in self.studio().voices()) if self.exists else frozenset()

    def people(self) -> tuple[VoiceStatus, ...]:
        """The voices that were built here from a person."""
        return tuple(one for one in self.studio().voices() if not one.shipped) if self.exists else ()

    def enrol(
        self,
        grant: GrantStatus,
        held: Held,
        options: EnrolOptions,
        *,
        progress: Callable[[EnrolStep], None],
        cancel: threading.Event,
    ) -> Enrolled:
        """Build a person's voice, one at a time and not beside a render."""
        with self._rendering:
            recordings = tuple(held.recordings)
            return self.studio().enrol(
                grant.voice, recordings, grant=grant.id, options=options, progress=progress, cancel=cancel
            )

    # -- files -------------------------------------------------------------------------------

    def delivered(self) -> list[tuple[str, str]]:
        """The newest sound files of this studio that have a proof: words for people, and ``folder/name``."""
        root = self.folder / "out"
        found: list[tuple[float, str]] = []
        with contextlib.suppress(OSError):
            for proof in root.glob(f"*/*{_PROOF}"):
                file = proof.with_name(proof.name.removesuffix(_PROOF))
                if file.suffix in SOUNDS and file.is_file() and not file.name.startswith("."):
                    found.append((proof.stat().st_mtime // 1, file.relative_to(root).as_posix()))
        newest = sorted(found, key=lambda one: (-one[0], one[1]))[:_SHOWN]
        return [
            (f"{name.split('/')[1]} · {time.strftime('%d %b %Y, %H:%M:%S', time.localtime(when))}", name)
            for when, name in newest
        ]

    def inside(self, name: str) -> Path:
        """A delivered sound file by ``folder/name``.

        Raises
        ------
        UsageError
            Anything else: outside, hidden, a link, not a sound, not there.
        """
        wrong = UsageError("that is not a delivered file of this studio", "choose one of those listed")
        if not isinstance(name, str) or "\\" in name or "\0" in name:
            raise wrong
        parts = name.split("/")
        if len(parts) != 2 or any(not part or part.startswith(".") for part in parts):
            raise wrong
        root = (self.folder / "out").resolve()
        path = root.joinpath(*parts)
        if path.suffix not in SOUNDS or path.resolve() != path or not path.is_file():
            raise wrong
        return path

    def give(self, path: Path) -> str:
        """Put a delivered file where browsers may fetch it; the studio's folders themselves stay closed.

        Returns
        -------
        str
            Path of a link to it (a copy, where the disk is another).
        """
        self._hand_out.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=self._hand_out)) / path.name
        try:
            os.link(path, place)
        except OSError:
            shutil.copyfile(path, place)
        return str(place)


def _slug(text: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return plain[:40].strip("-")


def _tidy(folder: Path) -> None:
    """After a refusal nothing is left of the folder that was to hold the files."""
    with contextlib.suppress(OSError):
        if any(path.name not in (".voicekit", "production.json") for path in folder.iterdir()):
            return
        hidden = folder / ".voicekit"
        if hidden.exists() and any(path.name != "lock" for path in hidden.iterdir()):
            return
        shutil.rmtree(folder)


def check_upload(path: Path, *, suffixes: tuple[str, ...], limit: int, what: str) -> Path:
    """See that an upload is of a known type and size.

    Raises
    ------
    InputError
        It is not.
    """
    if path.suffix.lower() not in suffixes:
        raise InputError(path.name, "", f"not a {what} file", f"Give one of: {', '.join(suffixes)}.")
    size = path.stat().st_size
    if size > limit:
        raise InputError(path.name, "", f"{size / 1e6:.0f} MB are too much", f"The limit is {limit / 1e6:.0f} MB.")
    return path
