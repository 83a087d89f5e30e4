"""A grant as a consent record after ISO/IEC TS 27560:2023, in the terms of the W3C Data Privacy Vocabulary.

The Technical Specification defines a structure (header, processing, parties, events) and no serialisation; the field
names here are its own, the vocabulary is DPV's, the JSON is ours (`consent/data/consent-record.schema.json`). The
record is a view: what was agreed to is the signed grant, which it names and carries.

Source: W3C DPVCG, "Consent Records and Receipts as per ISO/IEC TS 27560:2023 using DPV" (CG-FINAL, 2024-08-01); the
specification itself was not read.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .envelope import Envelope
from .persons import Person
from .statements import Grant, Revocation, key_of

__all__ = ["SCHEMA_VERSION", "RecordSource", "consent_record", "record_schema"]

SCHEMA_VERSION = "voicekit-27560/1"
_DPV = {
    "dpv": "https://w3id.org/dpv#",
    "pd": "https://w3id.org/dpv/pd#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "dct": "http://purl.org/dc/terms/",
}
_NOT_GIVEN = "not stated in the grant"


@dataclass(frozen=True)
class RecordSource:
    """What a record is made from.

    Parameters
    ----------
    grant, envelope : Grant, Envelope
        The grant and its signatures.
    entry : int
        Its place in the ledger.
    person : Person or None
        Name and contact, if not erased.
    revocations : sequence of Revocation
        Valid withdrawals, with who signed them.
    now : int
        Time of the export.
    """

    grant: Grant
    envelope: Envelope
    entry: int
    person: Person | None
    revocations: Sequence[Revocation]
    now: int


def consent_record(source: RecordSource) -> dict[str, Any]:
    """The record as a JSON object."""
    grant = source.grant
    return {
        "@context": dict(_DPV),
        "@type": "dpv:ConsentRecord",
        "header": {
            "schema_version": SCHEMA_VERSION,
            "dct:conformsTo": "ISO/IEC TS 27560:2023 (structure)",
            "record_id": f"urn:sha256:{grant.digest}",
            "pii_principal_id": grant.subject.key,
            "record_made": _moment(source.now),
        },
        "processing": _processing(grant),
        "parties": _parties(source),
        "events": _events(source),
        "signed_grant": {
            "ledger": grant.ledger,
            "entry": source.entry,
            "envelope": json.loads(source.envelope.to_bytes()),
        },
    }


def record_schema() -> dict[str, Any]:
    """The JSON Schema of these records (draft 2020-12)."""
    path = Path(__file__).with_name("data") / "consent-record.schema.json"
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def _processing(grant: Grant) -> dict[str, Any]:
    scope, keep = grant.scope, grant.retention
    basis = {
        "consent": "eu-gdpr:A6-1-a",
        "dedication": "dpv:LegalBasis",
        "no-donor": "dpv:NotApplicable",
    }
    return {
        "privacy_notice": {
            "@type": "dpv:ConsentNotice",
            "sha256": grant.notice.sha256,
            "version": grant.notice.version,
        },
        "language": grant.notice.language,
        "purposes": [
            {
                "@type": "dpv:Purpose",
                "purpose": grant.intended_use,
                "purpose_type": list(scope.purposes),
                "commercial": scope.commercial,
                "titles": list(scope.titles),
                "content_refused": list(scope.content_refused),
            }
        ],
        "lawful_basis": {"@type": basis[grant.basis], "stated": grant.basis},
        "pii_information": _pii(grant),
        "pii_controllers": [grant.grantee.key],
        "collection_method": [
            {"@type": "dpv:Collect", "name": item.name, "sha256": item.file_sha256} for item in grant.references
        ],
        "processing_method": {
            "@type": "dpv:Generate",
            "modes": list(scope.modes),
            "languages": list(scope.languages),
            "max_renders": scope.max_renders,
            "max_seconds": scope.max_seconds,
            "models": [{"name": w.name, "sha256": w.sha256, "license": w.license} for w in grant.weights],
            "marks": grant.disclosure.as_obj(),
        },
        "storage_locations": [keep.location or _NOT_GIVEN],
        "retention_period": {
            "@type": "dpv:StorageDuration",
            "reference_audio": f"P{keep.reference_days}D",
            "embeddings": f"P{keep.embedding_days}D",
            "counted_from": "end of the grant",
        },
        "geographic_restrictions": list(scope.territories),
        "jurisdiction": grant.subject.jurisdiction or _NOT_GIVEN,
        "recipient_third_parties": list(grant.recipients),
        "withdrawal_method": {
            "@type": "dpv:WithdrawConsent",
            "how": grant.withdrawal.how,
            "effect": grant.withdrawal.effect,
        },
        "privacy_rights": ["eu-gdpr:A7-3", "eu-gdpr:A15", "eu-gdpr:A17"] if grant.basis == "consent" else [],
    }


def _pii(grant: Grant) -> list[dict[str, Any]]:
    if grant.basis == "no-donor":
        return []
    kinds = [("recordings of the voice", "dpv:PersonalData", bool(grant.references), False)]
    kinds.append(("model of the voice", "pd:Biometric", bool(grant.weights), True))
    return [
        {"pii_type": name, "@type": term, "pii_optional": False, "special_pii_category": special}
        for name, term, there, special in kinds
        if there
    ]


def _parties(source: RecordSource) -> list[dict[str, Any]]:
    grant, person = source.grant, source.person
    named = person is not None and person.commitment == grant.subject.name_commit
    parties: list[dict[str, Any]] = [
        {
            "party_id": grant.grantee.key,
            "party_role": "dpv:DataController",
            "party_type": "operator",
            "party_name": grant.grantee.name,
            "party_address": _NOT_GIVEN,
            "party_contact": grant.grantee.contact or _NOT_GIVEN,
        },
        {
            "party_id": grant.subject.key,
            "party_role": "dpv:DataSubject",
            "party_type": "speaker" if grant.basis != "no-donor" else "publisher",
            "party_name": person.name if person is not None and named else "",
            "party_name_sha256": grant.subject.name_commit,
            "party_address": _NOT_GIVEN,
            "party_contact": (person.contact if person is not None and named else "") or _NOT_GIVEN,
            "adult": grant.subject.adult,
        },
    ]
    if grant.subject.guardian_key:
        parties.append(
            {
                "party_id": grant.subject.guardian_key,
                "party_role": "dpv:Representative",
                "party_type": "guardian",
                "party_name": "",
                "party_address": _NOT_GIVEN,
                "party_contact": _NOT_GIVEN,
            }
        )
    return parties


def _events(source: RecordSource) -> list[dict[str, Any]]:
    grant = source.grant
    kind = {"consent": "dpv:ExplicitlyExpressedConsent"}.get(grant.basis, "dpv:LegalBasis")
    own = grant.subject.key != grant.grantee.key
    signed = own and bool(source.envelope.signers([key_of(grant.subject.key)]))
    given = {
        "event_time": _moment(grant.time),
        "validity_duration": {"from": _moment(grant.validity.not_before), "until": _moment(grant.validity.not_after)},
        "entity_id": grant.subject.key if signed else grant.grantee.key,
        "event_type": kind,
        "event_state": "dpv:ConsentGiven" if grant.basis == "consent" else "dpv:ConsentUnknown",
        "dpv:hasIndicationMethod": _indicated(grant, signed),
    }
    events = [given]
    for item in source.revocations:
        events.append(
            {
                "event_time": _moment(item.time),
                "validity_duration": {"from": _moment(item.effective)},
                "entity_id": item.by,
                "event_type": kind,
                # Only the person's own withdrawal is one; the operator ends a permission.
                "event_state": "dpv:ConsentRevoked" if item.by == grant.grantee.key else "dpv:ConsentWithdrawn",
                "reason": item.reason,
            }
        )
    if source.now >= grant.validity.not_after:
        events.append(
            {
                "event_time": _moment(grant.validity.not_after),
                "validity_duration": {"until": _moment(grant.validity.not_after)},
                "entity_id": grant.grantee.key,
                "event_type": kind,
                "event_state": "dpv:ConsentExpired",
            }
        )
    return sorted(events, key=lambda item: str(item["event_time"]))


def _indicated(grant: Grant, signed: bool) -> list[str]:
    found = ["electronic signature of the speaker's key" if signed else "attested by the operator"]
    return found + sorted({f"evidence: {item.kind}" for item in grant.evidence})


def _moment(time: int) -> str:
    return datetime.datetime.fromtimestamp(time, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
