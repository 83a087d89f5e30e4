
"""The parts statements are made of: parties, files, dates, promises. Each is a record with its own bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import InvalidInputError
from .fields import Record, did, flag, hexes, measures, text, whole

__all__ = [
    "SLUG",
    "TEN_YEARS",
    "Compensation",
    "DataSource",
    "Disclosure",
    "Evidence",
    "Notice",
    "OutputRecord",
    "Party",
    "Reference",
    "Representation",
    "Retention",
    "Software",
    "Spent",
    "Subject",
    "Validity",
    "WeightsRef",
    "Withdrawal",
    "moment",
]

_DAY = 86_400
TEN_YEARS = 3_653 * _DAY
_TIME_LOW, _TIME_HIGH = 1_600_000_000, 32_503_680_000
SLUG = "[a-z][a-z0-9-]{0,63}"


def moment(*, default: Any = None) -> Any:
    """A time, in seconds since 1970 UTC; 0 may stand for none where that is the default."""
    return whole(_TIME_LOW, _TIME_HIGH) if default is None else whole(_TIME_LOW, _TIME_HIGH, default=default)


@dataclass(frozen=True)
class Party(Record):
    """A key with a name: operator, grantee or publisher."""

    key: str = did()
    name: str = text()
    contact: str = text(default="")


@dataclass(frozen=True)
class Subject(Record):
    """Whose voice it is. The name itself stays outside the ledger; `name_commit` is H(salt || name)."""

    key: str = did()
    name_commit: str = hexes(64, default="")
    adult: bool = flag(default=True)
    guardian_key: str = did(default="")
    jurisdiction: str = text("[A-Z]{2}(-[A-Z0-9]{1,3})?", default="")


@dataclass(frozen=True)
class Notice(Record):
    """The text the speaker was shown: hash, language and version."""

    sha256: str = hexes(64)
    language: str = text("[a-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}")
    version: str = text(high=40)


@dataclass(frozen=True)
class WeightsRef(Record):
    """A model or configuration file a grant is bound to, and its licence."""

    name: str = text("[^/\\\\]+")
    sha256: str = hexes(64)
    license: str = text(high=100)


@dataclass(frozen=True)
class Reference(Record):
    """A reference recording: hash of the file, hash of its samples, length."""

    name: str = text("[^/\\\\]+")
    file_sha256: str = hexes(64)
    pcm_sha256: str = hexes(64)
    seconds_milli: int = whole(1)


@dataclass(frozen=True)
class Validity(Record):
    """From when, until when, and after how many days it must be confirmed (0: never)."""

    not_before: int = moment()
    not_after: int = moment()
    recheck_days: int = whole(0, 3_660, default=0)

    def check(self) -> None:
        """Ends after it begins; ten years at most."""
        if not self.not_before < self.not_after <= self.not_before + TEN_YEARS:
            raise InvalidInputError(
                "must end after it begins and last ten years at most",
                place="not_after",
                remedy="Shorten the term; a longer one needs a new grant",
                reason="field-invalid",
            )


@dataclass(frozen=True)
class Retention(Record):
    """How long reference audio and embeddings are kept, and where: days after the grant has ended, by its last
    day, its withdrawal or its replacement (0: erased on that day)."""

    reference_days: int = whole(0, 3_660)
    embedding_days: int = whole(0, 3_660)
    location: str = text(high=100, default="")


@dataclass(frozen=True)
class Withdrawal(Record):
    """How the speaker withdraws, and what happens then."""

    how: str = text(high=400)
    effect: str = text("stop-new|delete-voice|recall")


@dataclass(frozen=True)
class Disclosure(Record):
    """How the sound must be marked."""

    metadata: bool = flag()
    watermark: bool = flag()
    audible: str = text("never|always|policy")
    credit: str = text(default="")


@dataclass(frozen=True)
class Representation(Record):
    """Counsel, union, and hours of notice before the grant was signed."""

    counsel: bool = flag(default=False)
    union: str = text(default="")
    notice_hours: int = whole(0, 100_000, default=0)


@dataclass(frozen=True)
class Compensation(Record):
    """Kind of payment and a reference to its contract."""

    kind: str = text(SLUG)
    ref: str = text(default="")


@dataclass(frozen=True)
class Evidence(Record):
    """Something hashed in: a voice record, a document, a spoken statement, a witness.

    The optional measures of a spoken statement are integers in parts per million with their model's hash.
    """

    kind: str = text("record|document|spoken|witness")
    sha256: str = hexes(64)
    note: str = text(high=400, default="")
    challenge: str = text(default="")
    transcript_sha256: str = hexes(64, default="")
    checks: tuple[tuple[str, Any], ...] = measures(default=())


@dataclass(frozen=True)
class DataSource(Record):
    """A body of recordings a voice was trained on."""

    name: str = text()
    license: str = text(high=100)
    attribution: str = text(high=2_000)
    sha256: str = hexes(64, default="")


@dataclass(frozen=True)
class Software(Record):
    """Which program made the statement."""

    name: str = text(high=60)
    version: str = text(high=60)


@dataclass(frozen=True)
class OutputRecord(Record):
    """One delivered file. `same_as` names another output with the same sound in another format."""

    name: str = text("(?!\\.{1,2}$)[^/\\\\\\0]+")
    sha256: str = hexes(64)
    bytes: int = whole()
    pcm_sha256: str = hexes(64)
    seconds_milli: int = whole(0, 10**12)
    same_as: str = text(default="")


@dataclass(frozen=True)
class Spent(Record):
    """Renders and seconds used up under a grant."""

    renders: int = whole()
    seconds: int = whole()
