"""Spoken consent in a ledger: open challenges, and grants completed by a recording of one.

An open challenge lies in the erasable side table, is good for one grant and for fifteen minutes, and forgets
the speaker's name as soon as it is used or over. The grant holds the recording's hash and what was measured;
the recording itself stays with the operator, who can be asked for it.
"""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from .challenge import (
    STATEMENT_PPM,
    VALID_SECONDS,
    WORDS_PPM,
    bare,
    challenge_words,
    compare_words,
    plain_words,
    statement_text,
)
from .challenge_words_table import WORDS
from .draft import BuiltGrant, GrantDraft
from .encoding import dump, parse_json, sha256_hex
from .engines import Engines, Recogniser, SpeakerCheck, find_engines
from .errors import ConsentRefusedError, InvalidInputError, UsageError
from .grants import clock_refusal, keep_aside
from .keys import SigningKey
from .lookups import Lookups
from .outputs import hash_file
from .persons import SIDE_CHALLENGE, Person
from .statements import Evidence, Grant

__all__ = ["Challenge", "SpokenAnswer", "SpokenConsent"]

_KIND = SIDE_CHALLENGE
_ATTEMPTS = 3


@dataclass(frozen=True)
class Challenge:
    """An open challenge: read `statement` aloud, record it, and complete the grant before `expires`."""

    id: str
    statement: str
    words: tuple[str, ...]
    expires: int
    grant: Grant = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "challenge": self.id,
            "statement": self.statement,
            "words": list(self.words),
            "expires": self.expires,
            "voice": self.grant.voice,
        }


@dataclass(frozen=True)
class SpokenAnswer:
    """What answers a challenge.

    Parameters
    ----------
    recording : Path
        The sentence, read aloud.
    challenge : str
        Which challenge; may be left out while exactly one is open.
    engines : Engines, optional
        What checks it; those of the programs installed here when left out.
    witness : SigningKey, optional
        Key of a person who listened and vouches that the speaker read it.
    witness_name : str
        Their name; the grant holds its salted hash.
    guardian : SigningKey, optional
        For a minor: the key the draft names as `guardian_key`.
    """

    recording: Path
    challenge: str = ""
    engines: Engines | None = None
    witness: SigningKey | None = field(default=None, repr=False)
    witness_name: str = ""
    guardian: SigningKey | None = field(default=None, repr=False)


@dataclass(frozen=True)
class _Open:
    """A stored challenge."""

    id: str
    grant: Grant
    name: str
    salt: bytes
    issued: int
    attempts: int

    def to_bytes(self) -> bytes:
        return dump(
            {
                "grant": self.grant.as_obj(),
                "name": self.name,
                "salt": self.salt.hex(),
                "issued": self.issued,
                "attempts": self.attempts,
            }
        )


def _refuse(
    reason: str, message: str, remedy: str = "Ask for a new challenge: consent challenge DRAFT.toml"
) -> NoReturn:
    raise ConsentRefusedError(reason, message, remedy=remedy)


class SpokenConsent(Lookups):
    """The part of `Ledger` that deals with spoken consent."""

    def open_challenge(self, draft: GrantDraft, subject_key: str = "") -> Challenge:
        """Freeze a grant and say what is to be read aloud.

        Parameters
        ----------
        draft : GrantDraft
            From `read_draft`.
        subject_key : str
            did:key of the speaker's own key, if there is one; it must sign when the grant is completed.

        Returns
        -------
        Challenge
            Good for one grant and for fifteen minutes.
        """
        party = self.operator_party()
        moment, back = self._moment()
        if back:
            refusal = clock_refusal(self._now(), self._chain.last_time)
            raise ConsentRefusedError(refusal.reason, refusal.message, remedy=refusal.remedy)
        built = draft.build(ledger=self.id, operator=party, now=moment, subject_key=subject_key)
        grant = bare(built.grant)
        entry = _Open(grant.digest[:16], grant, draft.subject_name, built.salt, moment, 0)
        with self._write("challenge") as session:
            for name, value in session.sides(_KIND).items():
                old = _read(name, value)
                if isinstance(old, _Open) and moment >= old.issued + VALID_SECONDS:
                    session.put_side(_KIND, name, _closed("expired", old.issued))
            session.put_side(_KIND, entry.id, entry.to_bytes())
        return _challenge(entry)

    def challenges(self) -> tuple[Challenge, ...]:
        """Challenges that are open and not over."""
        with self._read("list") as session:
            moment, _back = self._moment()
            found = [_read(name, value) for name, value in session.sides(_KIND).items()]
        return tuple(_challenge(i) for i in found if isinstance(i, _Open) and moment < i.issued + VALID_SECONDS)

    def complete_challenge(self, draft: GrantDraft, answer: SpokenAnswer, key: SigningKey | None = None) -> str:
        """Append the grant a challenge was made for, with the recording as evidence; returns its digest.

        Parameters
        ----------
        draft : GrantDraft
            The same draft.
        answer : SpokenAnswer
            Recording, and who or what checks it. Without engines and without a witness the check is recorded
            as not done, and lifts no tier.
        key : SigningKey, optional
            The speaker's own key, if the challenge was made for it.

        Raises
        ------
        ConsentRefusedError
            challenge-unknown, challenge-expired, challenge-used, challenge-altered, challenge-mismatch,
            speaker-mismatch.
        """
        entry, moment = self._open_entry(answer.challenge)
        self._same(entry, draft, key)
        evidence, salt, failed = self._examine(entry, draft, answer, moment)
        if failed is not None:
            self._count_attempt(entry)
            raise failed
        grant = dataclasses.replace(entry.grant, evidence=(*entry.grant.evidence, evidence))
        others = (key, answer.guardian, answer.witness)
        signers = [item for item in others if item is not None and item.public != self.operator]
        with self._write("challenge") as session:
            # Before the grant is added: a crash in between costs a challenge, never gives a second grant.
            self._still_open(session.side(_KIND, entry.id), entry.id)
            session.put_side(_KIND, entry.id, _closed("used", entry.issued))
            person = Person(entry.salt.hex(), entry.name, draft.subject_contact) if entry.salt else None
            keep_aside(session, BuiltGrant(grant, person, draft.notice_text))
            if salt:
                session.add_salt(str(dict(evidence.checks)["witness.name_commit"]), salt)
        return self._admit(grant.sign(*signers, self.operator_signing_key()))

    def _open_entry(self, wanted: str) -> tuple[_Open, int]:
        with self._read("challenge") as session:
            moment, back = self._moment()
            stored = session.sides(_KIND)
        if back:
            refusal = clock_refusal(self._now(), self._chain.last_time)
            raise ConsentRefusedError(refusal.reason, refusal.message, remedy=refusal.remedy)
        if not wanted:
            live = [n for n, v in stored.items() if isinstance(e := _read(n, v), _Open)
                    and moment < e.issued + VALID_SECONDS]  # fmt: skip
            if len(live) != 1:
                _refuse("challenge-unknown", f"{len(live)} challenges are open", "Name one with --challenge")
            wanted = live[0]
        entry = self._still_open(stored.get(wanted), wanted)
        if moment >= entry.issued + VALID_SECONDS:
            _refuse("challenge-expired", f"challenge {wanted} was good until {entry.issued + VALID_SECONDS}")
        return entry, moment

    def _still_open(self, value: bytes | None, name: str) -> _Open:
        if value is None:
            _refuse("challenge-unknown", f"the ledger has no challenge {name[:40]!r}")
        entry = _read(name, value)
        if isinstance(entry, str):
            reason = entry if entry in ("expired", "used") else "altered"
            _refuse(f"challenge-{reason}", f"challenge {name} is {reason}")
        if entry.attempts >= _ATTEMPTS:
            _refuse("challenge-used", f"challenge {name} was answered wrongly {_ATTEMPTS} times")
        if entry.grant.digest[:16] != name or entry.grant.ledger != self.id:
            _refuse("challenge-altered", f"challenge {name} was changed after it was made")
        return entry

    def _same(self, entry: _Open, draft: GrantDraft, key: SigningKey | None) -> None:
        """Demand that draft and key are still those the challenge was made for."""
        frozen = entry.grant
        if key is None and frozen.subject.key != self.operator.did:
            raise UsageError(f"the challenge was made for the speaker's key {frozen.subject.key}: give --key")
        mine = key.public.did if key else ""
        if key is not None and mine != frozen.subject.key:
            _refuse("challenge-altered", f"the challenge was made for the key {frozen.subject.key}, not for {mine}")
        built = draft.build(ledger=self.id, operator=frozen.grantee, now=entry.issued, subject_key=mine)
        subject = dataclasses.replace(built.grant.subject, name_commit=frozen.subject.name_commit)
        fresh = dataclasses.replace(bare(built.grant), nonce=frozen.nonce, subject=subject)
        if fresh != frozen or draft.subject_name != entry.name:
            changed = [f.name for f in dataclasses.fields(Grant) if getattr(fresh, f.name) != getattr(frozen, f.name)]
            what = ", ".join(changed) or "subject.name"
            _refuse("challenge-altered", f"the draft was changed after the challenge was made ({what})")

    def _count_attempt(self, entry: _Open) -> None:
        with self._write("challenge") as session:
            now = self._still_open(session.side(_KIND, entry.id), entry.id)
            session.put_side(_KIND, entry.id, dataclasses.replace(now, attempts=now.attempts + 1).to_bytes())

    def _examine(
        self, entry: _Open, draft: GrantDraft, answer: SpokenAnswer, moment: int
    ) -> tuple[Evidence, bytes, ConsentRefusedError | None]:
        """Bind and check a recording: the evidence, the salt of the witness's name, and why it fails."""
        engines = answer.engines if answer.engines is not None else find_engines()
        digest, _size = hash_file(answer.recording)
        words = challenge_words(entry.grant)
        checks: dict[str, Any] = {"issued": entry.issued, "answered": moment, "text": "not-done"}
        failed: ConsentRefusedError | None = None
        transcript = ""
        if engines.recogniser is not None:
            transcript, failed = _check_text(engines.recogniser, answer.recording, entry, words, checks)
        problem = _check_voice(engines.speaker, answer.recording, draft, entry.grant, checks)
        failed = failed or problem
        salt = b""
        if answer.witness is not None:
            did = answer.witness.public.did
            if did in (entry.grant.subject.key, self.operator.did):
                raise UsageError("a witness's key is neither the speaker's nor the operator's")
            checks["witness.key"] = did
            if answer.witness_name:
                salt = secrets.token_bytes(32)
                checks["witness.name_commit"] = sha256_hex(salt + answer.witness_name.encode("utf-8"))
            failed = None  # a person listened; what was measured stays on record
        if hash_file(answer.recording)[0] != digest:
            raise InvalidInputError("changed while it was checked", file=str(answer.recording), reason="file-changed")
        return (
            Evidence(
                kind="spoken",
                sha256=digest,
                challenge=" ".join(words),
                transcript_sha256=transcript,
                checks=tuple(checks.items()),
            ),
            salt,
            failed,
        )


def _check_text(
    engine: Recogniser, recording: Path, entry: _Open, words: tuple[str, ...], checks: dict[str, Any]
) -> tuple[str, ConsentRefusedError | None]:
    statement = statement_text(entry.grant, entry.name)
    vocabulary = tuple(sorted({*WORDS, *plain_words(statement)}))
    heard = engine.words(recording, vocabulary)
    found, before = compare_words(heard, statement, words)
    checks |= {
        "text": "done",
        "text.words_ppm": found,
        "text.words_threshold_ppm": WORDS_PPM,
        "text.statement_ppm": before,
        "text.statement_threshold_ppm": STATEMENT_PPM,
        "text.engine": engine.name,
        "text.engine_sha256": engine.model_sha256,
        "pcm_sha256": engine.pcm_sha256(recording),
    }
    transcript = sha256_hex(" ".join(heard).encode("utf-8"))
    if found >= WORDS_PPM and before >= STATEMENT_PPM:
        return transcript, None
    what = "the challenge words" if found < WORDS_PPM else "the sentence before the challenge words"
    return transcript, ConsentRefusedError(
        "challenge-mismatch",
        f"{what} were not understood in {recording} ({found // 10_000} % of the words, {before // 10_000} % of the "
        "sentence)",
        remedy="Read it again, slowly, in a quiet room; or have a witness listen (--witness-key)",
    )


def _check_voice(
    engine: SpeakerCheck | None, recording: Path, draft: GrantDraft, grant: Grant, checks: dict[str, Any]
) -> ConsentRefusedError | None:
    """Compare with every reference recording; the least likeness counts."""
    files = draft.reference_files()
    if not grant.references:
        checks["voice"] = "no-reference"
        return None
    if engine is None or len(files) != len(grant.references):
        # Without all of them nothing is said: one reference of somebody else would go unnoticed.
        checks["voice"] = "not-done"
        return None
    likeness = []
    for path, reference in zip(files, grant.references, strict=True):
        if hash_file(path)[0] != reference.file_sha256:
            raise InvalidInputError("changed while it was checked", file=str(path), reason="file-changed")
        likeness.append((engine.similarity_ppm(recording, path), path))
    least, worst = min(likeness)
    checks |= {
        "voice": "done",
        "voice.similarity_ppm": least,
        "voice.threshold_ppm": engine.threshold_ppm,
        "voice.references": len(likeness),
        "voice.engine": engine.name,
        "voice.engine_sha256": engine.model_sha256,
    }
    if least >= engine.threshold_ppm:
        return None
    return ConsentRefusedError(
        "speaker-mismatch",
        f"the voice in {recording} is not like that in {worst} ({least} ppm, {engine.threshold_ppm} are needed)",
        remedy="Use recordings of the person who agrees; or have a witness listen (--witness-key)",
    )


def _challenge(entry: _Open) -> Challenge:
    text = statement_text(entry.grant, entry.name)
    return Challenge(entry.id, text, challenge_words(entry.grant), entry.issued + VALID_SECONDS, entry.grant)


def _closed(how: str, issued: int) -> bytes:
    return dump({"closed": how, "issued": issued})


def _read(name: str, value: bytes) -> _Open | str:
    """A stored challenge, or how it ended; `altered` when it cannot be read."""
    try:
        obj = parse_json(value, what="challenge")
        if "closed" in obj:
            return str(obj["closed"])
        grant = dict(obj["grant"])
        del grant["spec"], grant["kind"]
        return _Open(
            name,
            Grant.from_obj(grant),
            str(obj["name"]),
            bytes.fromhex(obj["salt"]),
            int(obj["issued"]),
            int(obj["attempts"]),
        )
    except (InvalidInputError, KeyError, TypeError, ValueError):
        return "altered"
