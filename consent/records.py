"""Signed records of voices without a donor, and the local grants that rest on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .authority import check_signatures
from .encoding import sha256_hex
from .envelope import Envelope
from .errors import ConsentRefusedError, InvalidInputError
from .keys import PublicKey, SigningKey
from .scope import Operand, Scope, within
from .statements import (
    ANY_LEDGER,
    AssetRegistered,
    Compensation,
    DataSource,
    Disclosure,
    Evidence,
    Grant,
    Notice,
    Party,
    Representation,
    Retention,
    Subject,
    Validity,
    WeightsRef,
    Withdrawal,
    new_nonce,
    parse_statement,
)

__all__ = ["house_grant", "read_record", "sign_record"]

_DAY = 86_400
_STATEMENT = (
    "This voice is a blend of many speakers' characteristics and was measured to match none of them. No "
    "person lent a voice for it and nobody consented to it; its basis is no-donor."
)


def sign_record(
    key: SigningKey,
    *,
    voice: str,
    publisher: str,
    offered: Scope,
    weights: Sequence[Operand | WeightsRef],
    data: Sequence[DataSource],
    measurement: Mapping[str, int | str],
    recipe: str,
    time: int,
    statement: str = "",
    not_after: int = 0,
    nonce: str = "",
) -> bytes:
    """Make the signed record of a voice without a donor.

    Parameters
    ----------
    key : SigningKey
        The project's release key.
    voice, publisher : str
        Voice name; who publishes it.
    offered : Scope
        The most any grant for this voice may allow.
    weights : sequence of Operand or WeightsRef
        Model and configuration files with their licences.
    data : sequence of DataSource
        What it was trained on, with licences and attributions.
    measurement : mapping
        How far the voice is from its speakers: integers (ppm) and short texts.
    recipe : str
        How it was made.
    time : int
        Seconds since 1970 UTC.
    statement : str
        What the record says to people; a default text says what no-donor means.
    not_after : int
        End of the offer; 0 for none.
    nonce : str
        32 hexadecimal digits; random when left out.

    Returns
    -------
    bytes
        The content of `record.dsse.json`.
    """
    files = tuple(WeightsRef(item.name, item.sha256, item.license) for item in weights)
    record = AssetRegistered(
        ledger=ANY_LEDGER,
        nonce=nonce or new_nonce(),
        time=time,
        voice=voice,
        basis="no-donor",
        publisher=Party(key.public.did, publisher),
        offered=offered,
        not_after=not_after,
        weights=files,
        data=tuple(data),
        measurement=tuple(measurement.items()),
        recipe=recipe,
        statement=statement or _STATEMENT,
    )
    return record.sign(key).to_bytes()


def read_record(envelope: bytes, *, release_keys: Sequence[PublicKey], what: str = "voice record") -> AssetRegistered:
    """Read a voice record and demand that one of `release_keys` signed it.

    Raises
    ------
    InvalidInputError
        Malformed or wrongly signed.
    ConsentRefusedError
        reason record-untrusted.
    """
    parsed = Envelope.parse(envelope, what=what)
    record = parse_statement(parsed, AssetRegistered, what=what)
    if not isinstance(record, AssetRegistered):
        raise InvalidInputError("not a voice record", file=what, reason="statement-kind")
    check_signatures(record, parsed, PublicKey.from_did(record.publisher.key), what=what)
    if record.publisher.key not in {key.did for key in release_keys}:
        raise ConsentRefusedError(
            "record-untrusted",
            f"{what} is signed by {record.publisher.key}, which is no trusted release key",
            statements=(parsed.digest,),
            remedy="Reinstall the voice, or name its release key",
        )
    return record


def house_grant(
    record: AssetRegistered,
    *,
    ledger: str,
    operator: Party,
    now: int,
    intended_use: str = "",
    days: int = 3_650,
    scope: Scope | None = None,
) -> Grant:
    """The local grant under a voice record: signed by the operator, never wider than the record offers.

    Raises
    ------
    ConsentRefusedError
        reason record-exceeded, naming the axes.
    """
    wanted = scope or record.offered
    wider = within(wanted, record.offered)
    if wider:
        raise ConsentRefusedError(
            "record-exceeded",
            f"the voice record of {record.voice} offers less on: {', '.join(wider)}",
            statements=(record.digest,),
            remedy="Narrow the grant",
        )
    end = now + days * _DAY
    return Grant(
        ledger=ledger,
        nonce=new_nonce(),
        time=now,
        voice=record.voice,
        basis="no-donor",
        subject=Subject(record.publisher.key),
        grantee=operator,
        notice=Notice(sha256_hex(record.statement.encode("utf-8")), "en", "record"),
        intended_use=intended_use
        or (
            f"Use of the shipped voice {record.voice}, a blend without a donor, in the operator's own "
            "studio, within what its signed voice record offers and under its licences and attributions."
        ),
        scope=wanted,
        validity=Validity(now, min(end, record.not_after) if record.not_after else end),
        weights=record.weights,
        retention=Retention(0, 0),
        withdrawal=Withdrawal("The publisher revokes the voice record; the operator revokes this grant.", "stop-new"),
        disclosure=Disclosure(True, False, "policy"),
        representation=Representation(),
        compensation=Compensation("none"),
        evidence=(Evidence("record", record.digest, "the signed record of the voice"),),
    )
