"""A person's recordings before a voice is built from them: what is wrong with them, and the grant they could sign."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from consent import ConsentRefusedError, Ledger, read_draft
from consent.engines import find_engines
from consent.synthetic import refuse_outputs, refuse_synthetic
from voicekit.errors import UsageError

if TYPE_CHECKING:
    from voicekit.enrol.recording import Recording

__all__ = ["NOTICE", "Finding", "PersonDraft", "examine"]

_DAY = 86_400

NOTICE = (
    "You let this studio build a synthetic voice from the recordings named below, and use it as stated here and in no "
    "other way. Recordings and voice are kept encrypted. You can withdraw at any time, for free: then nothing new is "
    "made, and the keys of voice and recordings are destroyed. Files made before keep their proofs, and you can ask "
    "for a list of them."
)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    reason : str
        A key of `voicekit.enrol.checks.REASONS`, or a reason code of `consent`.
    text : str
        What was found.
    ok : bool or None
        None: not done.
    remedy : str
        What to do about a fault; else empty.
    """

    reason: str
    text: str
    ok: bool | None
    remedy: str = ""


def examine(ledger: Ledger, recordings: Sequence[Recording], grant: str = "") -> tuple[Finding, ...]:
    """See `Studio.examine`."""
    from voicekit.enrol.checks import REASONS, UnfitError, check_speakers  # numpy
    from voicekit.enrol.survey import survey

    found: list[Finding] = []
    known = {one.file_sha256 for one in ledger.grant_statement(grant).references} if grant else set()
    for one in recordings:
        if grant and one.sha256 not in known:
            text = f"{one.name} is no recording that the grant names"
            remedy = "Use the recordings that the speaker agreed to, unchanged, or have a new grant signed."
            found.append(Finding("reference-mismatch", text, False, remedy))
        try:
            refuse_synthetic(ledger, one.name, one.data, one.sha256)
            refuse_outputs(ledger, [(one.name, one.pcm_sha256)])
        except ConsentRefusedError as refused:
            found.append(Finding(refused.reason, refused.message, False, refused.remedy))
    checks = survey(recordings)
    found += [Finding(one.reason, one.text, one.ok, "" if one.ok else REASONS[one.reason]) for one in checks]
    if any(one.ok is False for one in found):
        return tuple(found)
    if not any(one.reason == "reference-synthetic" for one in found):
        found.append(Finding("reference-synthetic", "no sign of a synthetic recording was found", True))
    if not grant:
        text = "not done yet: whether one person speaks is asked when a grant is chosen"
        return (*found, Finding("several-speakers", text, None))
    try:
        check = check_speakers(recordings, getattr(find_engines().speaker, "embed", None))
        return (*found, Finding(check.reason, check.text, check.ok))
    except UnfitError as unfit:
        text = f"{unfit.file}: {unfit.problem}"
        return (*found, Finding(unfit.reason, text, False, REASONS[unfit.reason]))


@dataclass(frozen=True)
class PersonDraft:
    """What a person might agree to; nobody has yet.

    Parameters
    ----------
    voice : str
        Short name of the voice. Not the person's: what is signed can never be erased.
    intended_use : str
        At least twenty words: products and audiences.
    modes : tuple of str
        Of speech, singing, conversion.
    adaptation : str
        ``embedding`` or ``low-rank``.
    years : int
        How long it holds.
    commercial : bool
    adult : bool
        Whether the speaker is of age; a minor's grant needs a guardian's key, which this draft has no place for.
    """

    voice: str
    intended_use: str
    modes: tuple[str, ...] = ("speech",)
    adaptation: str = "embedding"
    years: int = 2
    commercial: bool = False
    adult: bool = False

    def text(self, recordings: Sequence[Recording], now: int) -> str:
        """TOML with the recordings' hashes and lengths.

        Parameters
        ----------
        recordings : sequence of Recording
        now : int
            Seconds since 1970 UTC.
        """
        until = datetime.datetime.fromtimestamp(now + self.years * 365 * _DAY, datetime.UTC).date()
        lines = [
            "# A grant that nobody has signed yet. Everything not allowed here is refused.",
            f"voice = {_toml(self.voice)}",
            'basis = "consent"',
            f"adaptation = {_toml(self.adaptation)}",
            f"intended_use = {_toml(' '.join(self.intended_use.split()))}",
            "",
            "[subject]",
            f"adult = {_toml(self.adult)}",
            '# name = "..."                 # of the speaker; kept out of the ledger, where only a salted hash goes',
            "",
            "[notice]",
            f"text = {_toml(NOTICE)}",
            'language = "en"',
            'version = "enrol-1"',
            "",
            "[scope]",
            f"modes = {_toml(list(self.modes))}",
            'purposes = ["any"]',
            f"commercial = {_toml(self.commercial)}",
            'languages = ["en"]',
            'territories = ["001"]',
            'titles = ["any"]',
            'max_renders = "unlimited"',
            'max_seconds = "unlimited"',
            "",
            "[validity]",
            f"not_after = {until.isoformat()}",
            "",
            "[retention]",
            "reference_days = 0             # destroyed when the grant ends",
            "embedding_days = 0",
            "",
            "[withdrawal]",
            'how = "Tell the operator, or hand in the revocation certificate."',
            'effect = "delete-voice"',
        ]
        for one in recordings:
            lines += [
                "",
                "[[references]]",
                f"name = {_toml(one.name)}",
                f"file_sha256 = {_toml(one.sha256)}",
                f"pcm_sha256 = {_toml(one.pcm_sha256)}",
                f"seconds_milli = {round(one.seconds * 1000)}",
            ]
        return "\n".join(lines) + "\n"

    def checked(self, ledger: Ledger, recordings: Sequence[Recording]) -> str:
        """The text, after the ledger has said that it could be signed.

        Raises
        ------
        UsageError, consent.InvalidInputError
            A field that no grant may have, with what to do.
        """
        if not self.modes:
            raise UsageError("the grant would allow nothing", "choose at least one mode")
        now = int(time.time())
        text = self.text(recordings, now)
        draft = read_draft(Path(f"{self.voice}.toml"), reader=lambda _path: text.encode())
        draft.build(ledger=ledger.id, operator=ledger.operator_party(), now=now)
        return text


def _toml(value: str | bool | list[str]) -> str:
    """A TOML literal: JSON's strings, booleans and lists of strings are TOML's too."""
    return json.dumps(value, ensure_ascii=False)
