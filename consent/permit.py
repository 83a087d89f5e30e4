"""Permits: signed, single-use, and checkable by a worker that has neither the ledger nor a key.

A permit belongs to one open intent. Within its job it may be shown many times (each sentence of a chapter);
it is used up when its receipt or its abortion is written, which only the ledger does.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from .envelope import Envelope
from .errors import ConsentRefusedError, InvalidInputError
from .keys import PublicKey
from .scope import Operand, Use
from .statements import PermitStatement, parse_statement

__all__ = ["CLOCK_SKEW_SECONDS", "Permit"]

#: A worker's clock may run behind the ledger's by this much. The end of a permit is never stretched: the ledger would
#: refuse to complete it anyway.
CLOCK_SKEW_SECONDS = 300


@dataclass
class _Closed:
    """Shared by copies of a permit in one process: set when the ledger closes its intent."""

    closed: bool = False


@dataclass(frozen=True)
class Permit:
    """Leave to make one render.

    Made by `Ledger.request`, or from a token by `from_token`. Every property is read from the signed token,
    so a permit cannot say anything its operator did not sign.

    Parameters
    ----------
    token : bytes
        The signed statement; hand it to workers.
    operator : PublicKey
        Key the token must be signed with.
    """

    token: bytes
    operator: PublicKey
    _closed: _Closed = field(default_factory=_Closed, repr=False, compare=False)
    _statement: PermitStatement = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_statement", _read_token(self.token, self.operator))

    @classmethod
    def from_token(cls, token: bytes, operator: PublicKey) -> Permit:
        """Read a token and check its signature.

        Raises
        ------
        ConsentRefusedError
            reason permit-forged.
        """
        return cls(token, operator)

    @property
    def intent(self) -> str:
        """Digest of the RenderIntent."""
        return self._statement.intent

    @property
    def grant(self) -> str:
        """Digest of the grant."""
        return self._statement.grant

    @property
    def record(self) -> str:
        """Digest of the voice record ('' for a voice with a donor)."""
        return self._statement.record

    @property
    def ledger(self) -> str:
        """Ledger id."""
        return self._statement.ledger

    @property
    def voice(self) -> str:
        """Voice."""
        return self._statement.voice

    @property
    def use(self) -> Use:
        """What was permitted."""
        return self._statement.use

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Files that may shape the sound."""
        return self._statement.operands

    @property
    def expires(self) -> int:
        """Seconds since 1970 UTC."""
        return self._statement.expires

    @property
    def statement(self) -> PermitStatement:
        """The signed content."""
        return self._statement

    def close(self) -> None:
        """Mark as used in this process; the ledger does this."""
        self._closed.closed = True

    def require(
        self,
        *,
        mode: str,
        operands: Sequence[Operand],
        now: int | None = None,
        voice: str | None = None,
        params_sha256: str | None = None,
        text_commit: str | None = None,
        languages: Sequence[str] = (),
    ) -> None:
        """Refuse unless signature, time, mode and files fit. Engines call this before they make a sound.

        Parameters
        ----------
        mode : str
            What is about to be done: speech, singing or conversion.
        operands : sequence of Operand
            The files about to be used, hashed from the very bytes that were loaded.
        now : int, optional
            Seconds since 1970 UTC; the system clock when left out.
        voice, params_sha256, text_commit : str, optional
            What the caller is about to render; compared with the permit when given.
        languages : sequence of str, optional
            Whose words are about to be said: each must be among those permitted, by its primary language.

        Raises
        ------
        ConsentRefusedError
            permit-forged, permit-used, permit-expired, clock-set-back, permit-other-voice, permit-other-params,
            permit-other-text, mode-not-granted, language-not-granted, weights-mismatch or reference-mismatch.
        """
        # Read anew: an object whose attributes were set behind our back must not pass.
        statement = _read_token(self.token, self.operator)
        if self._closed.closed:
            raise ConsentRefusedError("permit-used", "this permit was used", statements=(statement.intent,))
        _check_time(statement, int(time.time()) if now is None else now)
        _check_job(statement, voice=voice, params_sha256=params_sha256, text_commit=text_commit)
        if mode != statement.use.mode:
            raise ConsentRefusedError(
                "mode-not-granted",
                f"the permit is for {statement.use.mode}, not {mode}",
                statements=(statement.intent,),
            )
        permitted = {tag.split("-")[0].lower() for tag in statement.use.languages}
        for tag in languages:
            if tag.split("-")[0].lower() not in permitted:
                raise ConsentRefusedError(
                    "language-not-granted",
                    f"the permit is for {', '.join(statement.use.languages)}, not {tag}",
                    statements=(statement.intent,),
                    remedy="Ask for the language of the words",
                )
        _check_files(statement, operands)


def _check_time(statement: PermitStatement, moment: int) -> None:
    if moment >= statement.expires:
        raise ConsentRefusedError(
            "permit-expired",
            "this permit's time ran out",
            statements=(statement.intent,),
            remedy="Request again",
        )
    # Otherwise a worker whose clock is set back would honour a permit that ran out.
    if moment < statement.time - CLOCK_SKEW_SECONDS:
        raise ConsentRefusedError(
            "clock-set-back",
            f"this computer's clock is {statement.time - moment} s before the permit was made",
            statements=(statement.intent,),
            remedy="Set the clock right",
        )


def _check_job(
    statement: PermitStatement, *, voice: str | None, params_sha256: str | None, text_commit: str | None
) -> None:
    for reason, what, wanted, permitted in (
        ("permit-other-voice", "voice", voice, statement.voice),
        ("permit-other-params", "set of parameters", params_sha256, statement.params_sha256),
        ("permit-other-text", "text", text_commit, statement.text_commit),
    ):
        if wanted is not None and wanted != permitted:
            raise ConsentRefusedError(
                reason,
                f"the permit is for the {what} {permitted[:16]}, not {wanted[:16]}",
                statements=(statement.intent,),
                remedy="Request a permit for this render",
            )


def _check_files(statement: PermitStatement, operands: Sequence[Operand]) -> None:
    allowed = {(item.role, item.sha256) for item in statement.operands}
    if not any(item.role == "weights" for item in operands):
        raise ConsentRefusedError("weights-mismatch", "no model file was named", statements=(statement.intent,))
    for item in operands:
        if (item.role, item.sha256) not in allowed:
            reason = "reference-mismatch" if item.role == "reference" else "weights-mismatch"
            raise ConsentRefusedError(
                reason,
                f"{item.name} ({item.sha256[:12]}…) is not among the permit's files",
                statements=(statement.intent,),
                remedy="Use the files the permit was asked for, or request another",
            )


def _read_token(token: bytes, operator: PublicKey) -> PermitStatement:
    try:
        envelope = Envelope.parse(token, what="permit")
        statement = parse_statement(envelope, PermitStatement, what="permit")
        envelope.require(operator, what="permit")
    except InvalidInputError as exc:
        raise ConsentRefusedError("permit-forged", str(exc), remedy="Ask the ledger for a permit") from exc
    if not isinstance(statement, PermitStatement):
        raise ConsentRefusedError("permit-forged", "the token is no permit")
    return statement
