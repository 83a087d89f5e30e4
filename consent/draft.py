# ruff: noqa: SIM905, E501 - a table of words, and a template whose lines are the reader's
"""A grant as people write it: a short TOML file with comments, read into a `Grant` with clear errors."""

from __future__ import annotations

import datetime
import re
import tomllib
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .encoding import sha256_hex
from .errors import InvalidInputError
from .outputs import hash_file
from .persons import Person, named_in
from .scope import ALL_CONTENT, UNLIMITED
from .statements import Grant, Party, new_nonce

__all__ = ["BuiltGrant", "GrantDraft", "draft_template", "read_draft"]

_MAX_BYTES = 1 << 18
_DAY = 86_400
_TOP = frozenset(
    """voice basis intended_use recipients supersedes subject notice scope validity weights references
    retention withdrawal disclosure representation compensation evidence adaptation""".split()
)


@dataclass(frozen=True)
class BuiltGrant:
    """A grant ready to sign, and what stays outside of it: the person (None when no name was given) and the
    notice's text ('' when only its hash is known)."""

    grant: Grant
    person: Person | None = None
    notice: str = ""

    @property
    def salt(self) -> bytes:
        """The salt that opens the name commitment (b'' when no name was given)."""
        return bytes.fromhex(self.person.salt) if self.person is not None else b""


@dataclass(frozen=True)
class GrantDraft:
    """A draft that was read but not yet bound to a ledger.

    Parameters
    ----------
    data : mapping
        The TOML tables.
    text : str
        The file's text, to name lines in errors.
    source : str
        File name for errors.
    folder : Path
        Where relative file names in the draft begin.
    """

    data: Mapping[str, Any]
    text: str
    source: str
    folder: Path

    def build(self, *, ledger: str, operator: Party, now: int, subject_key: str = "") -> BuiltGrant:
        """Bind to a ledger, its operator and a time.

        Parameters
        ----------
        ledger : str
            Ledger id.
        operator : Party
            Becomes the grantee.
        now : int
            Seconds since 1970 UTC.
        subject_key : str
            did:key of the speaker's key that will sign; overrides the draft's `subject.key`.

        Raises
        ------
        InvalidInputError
            Names the file, the line, the field and what to do.
        """
        person, subject = self._subject(subject_key or "", operator.key)
        obj: dict[str, Any] = {
            "ledger": ledger,
            "nonce": new_nonce(),
            "time": now,
            "voice": self._get("voice"),
            "basis": self.data.get("basis", "consent"),
            "subject": subject,
            "grantee": operator.as_obj(),
            "notice": self._notice(),
            "intended_use": _one_line(self._get("intended_use")),
            "scope": self._scope(),
            "validity": self._validity(now),
            "weights": self._files("weights"),
            "references": self._files("references"),
            "retention": {"reference_days": 0, "embedding_days": 0, **self._table("retention")},
            "recipients": self.data.get("recipients", []),
            "withdrawal": self._table("withdrawal", required=True),
            "disclosure": {
                "metadata": True,
                "watermark": False,
                "audible": "policy",
                **self._table("disclosure"),
            },
            "representation": self._table("representation"),
            "compensation": {"kind": "none", **self._table("compensation")},
            "evidence": self._files("evidence"),
            "supersedes": self.data.get("supersedes", []),
            "adaptation": self.data.get("adaptation", ""),
        }
        try:
            grant = Grant.from_obj(obj)
        except InvalidInputError as exc:
            raise self._error(exc.place, exc.problem, exc.remedy) from exc
        self._keep_unnamed(grant, person)
        return BuiltGrant(grant, person, self.notice_text)

    def _keep_unnamed(self, grant: Grant, person: Person | None) -> None:
        """What is signed can never be erased, so the speaker's name does not belong there unless they say so."""
        if person is None or self._table("subject").get("public_name") is True:
            return
        for place in named_in(person.name, {**grant.as_obj(), "grantee": {}}):
            raise self._error(
                place,
                "contains the speaker's name, and what is signed into a ledger can never be erased",
                "Leave the name out there; or, if the speaker wants to be named for good, write public_name = true "
                "under [subject]",
            )

    @property
    def subject_name(self) -> str:
        """The speaker's name ('' when none is given); it stays outside the ledger."""
        name = self._table("subject").get("name", "")
        return unicodedata.normalize("NFC", name) if isinstance(name, str) else ""

    @property
    def subject_contact(self) -> str:
        """How to reach the speaker ('' when it is not given); it stays outside the ledger."""
        contact = self._table("subject").get("contact", "")
        return unicodedata.normalize("NFC", contact) if isinstance(contact, str) else ""

    @property
    def notice_text(self) -> str:
        """The text the speaker was shown ('' when only its hash or file is given)."""
        text = self._table("notice").get("text", "")
        return text if isinstance(text, str) else ""

    def reference_files(self) -> tuple[Path, ...]:
        """The reference recordings that the draft names as files, in its order."""
        items = self.data.get("references", [])
        named = [item.get("file") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
        return tuple(self.folder / name for name in named if isinstance(name, str))

    def _error(self, place: str, problem: str, remedy: str = "") -> InvalidInputError:
        line = _line_of(self.text, place)
        where = f"line {line}, {place}" if line else place
        return InvalidInputError(
            problem,
            file=self.source,
            place=where,
            remedy=remedy or "Correct the draft; `consent grant --template` prints one with comments",
            reason="draft-invalid",
        )

    def _get(self, name: str) -> Any:
        if name not in self.data:
            raise self._error(name, "is missing")
        return self.data[name]

    def _table(self, name: str, *, required: bool = False) -> dict[str, Any]:
        value = self.data.get(name, {})
        if not isinstance(value, dict):
            raise self._error(name, f"must be a table: [{name}]")
        if required and not value:
            raise self._error(name, f"the table [{name}] is missing")
        return dict(value)

    def _subject(self, given: str, operator_key: str) -> tuple[Person | None, dict[str, Any]]:
        table = self._table("subject")
        person: Person | None = None
        name, contact = table.pop("name", ""), table.pop("contact", "")
        if not isinstance(table.pop("public_name", False), bool):
            raise self._error("subject.public_name", "must be true or false")
        for field, value in (("name", name), ("contact", contact)):
            if not isinstance(value, str):
                raise self._error(f"subject.{field}", "must be text")
        if contact and not name:
            raise self._error("subject.contact", "is kept with a name, and there is none")
        if name:
            try:
                person = Person.of(name, contact)
            except InvalidInputError as exc:
                raise self._error(f"subject.{exc.place}", exc.problem) from exc
            table["name_commit"] = person.commitment
        if given and table.get("key", given) != given:
            raise self._error("subject.key", "is not the key that signs", "Sign with the speaker's own key")
        # Without a speaker's key the operator attests; the tier says so.
        table["key"] = given or table.get("key") or operator_key
        return person, table

    def _notice(self) -> dict[str, Any]:
        table = self._table("notice", required=True)
        text = table.pop("text", None)
        if text is not None:
            if not isinstance(text, str):
                raise self._error("notice.text", "must be text")
            table["sha256"] = sha256_hex(text.encode("utf-8"))
        return self._with_hash(table, "notice", "sha256", keep_name=False)

    def _scope(self) -> dict[str, Any]:
        table = self._table("scope", required=True)
        table.setdefault("content_refused", list(ALL_CONTENT))
        table.setdefault("commercial", False)
        for name in ("modes", "purposes", "languages", "territories", "titles"):
            table.setdefault(name, [])
        for name in ("max_renders", "max_seconds"):
            if name not in table:
                raise self._error(f"scope.{name}", "is missing", 'Give a number, or "unlimited"')
            if table[name] == "unlimited":
                table[name] = UNLIMITED
        return table

    def _validity(self, now: int) -> dict[str, Any]:
        table = self._table("validity", required=True)
        table.setdefault("not_before", now)
        for name in ("not_before", "not_after"):
            if name not in table:
                raise self._error(f"validity.{name}", "is missing", "Write a date such as 2027-12-31")
            table[name] = self._moment(table[name], f"validity.{name}")
        return table

    def _moment(self, value: Any, place: str) -> Any:
        if isinstance(value, datetime.datetime):
            if value.tzinfo is None:
                raise self._error(place, "a time needs its zone", "Write 2027-12-31T00:00:00Z, or a date alone")
            return int(value.timestamp())
        if isinstance(value, datetime.date):
            start = datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.UTC)
            return int(start.timestamp())
        return value

    def _files(self, name: str) -> list[dict[str, Any]]:
        items = self.data.get(name, [])
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise self._error(name, f"must be a list of tables: [[{name}]]")
        field = "file_sha256" if name == "references" else "sha256"
        return [self._with_hash(dict(item), f"{name}[{i}]", field, name != "evidence") for i, item in enumerate(items)]

    def _with_hash(self, table: dict[str, Any], place: str, field: str, keep_name: bool) -> dict[str, Any]:
        """Replace `file = "path"` by the file's hash (and name)."""
        file = table.pop("file", None)
        if file is None:
            return table
        if not isinstance(file, str):
            raise self._error(f"{place}.file", "must be a path")
        path = self.folder / file
        try:
            table[field] = hash_file(path)[0]
        except InvalidInputError as exc:
            raise self._error(f"{place}.file", f"{path}: {exc.problem}", "Check the path") from exc
        if keep_name:
            table.setdefault("name", path.name)
        return table


def _one_line(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else value


def _line_of(text: str, place: str) -> int:
    """Best line for a field path such as `scope.modes[0]` (0 when it is not in the file)."""
    parts = re.sub(r"\[\d+\]", "", place).split(".")
    table, key = (parts[0], parts[-1]) if len(parts) > 1 else ("", parts[0])
    current, fallback = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\[?\s*([A-Za-z_]+)", line)
        if header:
            current = header.group(1)
            if current in (table or key) and not fallback:
                fallback = number
            continue
        if current == table and re.match(rf"\s*{re.escape(key)}\s*=", line):
            return number
    return fallback


def read_draft(path: Path | str, *, reader: Callable[[Path], bytes] | None = None) -> GrantDraft:
    """Read a draft file.

    Raises
    ------
    InvalidInputError
        Unreadable, not TOML (with the line), or an unknown table.
    """
    source = Path(path)
    try:
        data = reader(source) if reader else source.read_bytes()
        text = data.decode("utf-8")
    except OSError as exc:
        raise InvalidInputError(
            f"cannot be read ({exc.strerror})",
            file=str(path),
            remedy="Check the path",
            reason="file-unreadable",
        ) from exc
    except UnicodeDecodeError as exc:
        raise InvalidInputError(
            "is not UTF-8 text", file=str(path), remedy="Save it as UTF-8", reason="draft-invalid"
        ) from exc
    if len(data) > _MAX_BYTES:
        raise InvalidInputError("is too large for a draft", file=str(path), reason="file-too-large")
    try:
        obj = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        raise InvalidInputError(
            f"is not TOML: {exc}", file=str(path), remedy="Correct that line", reason="draft-invalid"
        ) from exc
    draft = GrantDraft(obj, text, str(path), source.parent)
    for name in obj:
        if name not in _TOP:
            raise draft._error(name, "is not part of a grant", f"Known are: {', '.join(sorted(_TOP))}")
    return draft


def draft_template() -> str:
    """A draft with comments, ready to be filled in."""
    return _TEMPLATE


_TEMPLATE = """\
# A grant: what may be done with a voice. Everything not allowed here is refused.
voice = "ada"                      # short name of the voice
basis = "consent"                  # consent: the speaker agrees. dedication: recordings given to everybody
intended_use = \"\"\"
Narration of the audiobook edition of the named title for sale in the listed countries by the operator,
including its retail sample of five minutes, and of corrections to that edition.\"\"\"   # at least 20 words; name products and audiences

# adaptation = "embedding"         # a voice may be built from the references: embedding, or low-rank (that too); else none

[subject]
name = "Ada Example"               # kept out of the ledger: only a salted hash goes in
contact = "ada@example.org"        # kept out as well; both can be erased later
adult = true                       # a minor's grant lasts five years at most and needs guardian_key = "did:key:..."
jurisdiction = "DE"
# key = "did:key:z6Mk..."          # the speaker's key; or sign with: consent grant DRAFT.toml --key speaker.key

[notice]                           # the text the speaker was shown
text = "You lend your voice for the uses listed below. You can withdraw at any time, for free."
language = "en"
version = "1"

[scope]
modes = ["speech"]                 # speech, singing, conversion
purposes = ["audiobook"]           # or "any"
commercial = true
languages = ["en"]                 # en holds en-GB; or "any"
territories = ["DE", "AT", "CH"]   # ISO 3166, or "001" for the world
titles = ["The Example"]           # or "any"
content_refused = ["political", "sexual", "endorsement", "impersonation", "hate", "medical", "financial", "legal",
                   "violence", "religious"]   # left out: all of them
max_renders = 100                  # or "unlimited"
max_seconds = 40000                # or "unlimited"

[validity]
not_before = 2026-01-01            # left out: from now
not_after = 2028-01-01             # ten years at most
recheck_days = 0                   # confirm again after so many days; 0: never

[[weights]]                        # the model files, hashed from disk
file = "ada.safetensors"
license = "CC-BY-4.0"

# [[references]]                   # the recordings the voice was made from
# file = "ada.wav"
# pcm_sha256 = "..."
# seconds_milli = 61000

[retention]
reference_days = 365               # erased so many days after the grant has ended
embedding_days = 365
location = "operator's studio"

[withdrawal]
how = "A letter or a signed revocation file to the operator."
effect = "delete-voice"            # stop-new, delete-voice, recall

[disclosure]
metadata = true
watermark = false
audible = "policy"                 # never, always, policy
credit = "a synthetic voice"       # signed for good: a name here can never be erased

[representation]
counsel = false
union = ""
notice_hours = 48

[compensation]
kind = "fee"                       # none, fee, royalty ...
ref = "contract 17"

# [[evidence]]
# kind = "document"                # document, spoken, witness
# file = "signed-contract.pdf"
# note = "signed on paper"
"""
