"""A consent ledger for synthetic voices: signed grants, a gate, receipts, and proofs a stranger can check.

Names are imported on first use, so that `import consent` costs nothing and the verifier needs `cryptography`
alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .account import AccountVerification, verify_account
    from .audit import AuditReport, audit_folder
    from .authority import Assurance
    from .consent_record import record_schema
    from .content import Finding, screen
    from .draft import GrantDraft, draft_template, read_draft
    from .engines import Engines, Recogniser, SpeakerCheck
    from .errors import REASONS, ConsentError, ConsentRefusedError, InvalidInputError, UsageError
    from .exchange import Imported
    from .grants import Balance, GrantInfo
    from .keybook import KeyInfo
    from .keys import PublicKey, SigningKey
    from .ledger import Ledger
    from .lookups import LedgerEntry, Proven
    from .outputs import Output, Undelivered
    from .page import GrantPaper, grant_page
    from .permit import Permit
    from .persons import Person
    from .records import read_record, sign_record
    from .scope import ALL_CONTENT, CONTENT_CLASSES, UNLIMITED, Operand, Scope, Use
    from .spoken import Challenge, SpokenAnswer
    from .statements import AssetRegistered, DataSource, Grant, RenderReceipt, Revocation, WeightsRef
    from .subjects import AffectedFile, Due, ErasureReport, SubjectInfo
    from .vault import SealedVoice, Unsealed, Vault
    from .verifier import Verdict, Verification, proofs_of, verify_file
    from .voicegrant import VoiceGrant, read_voicegrant
    from .worker import Job, PermitGuard

__all__ = [
    "ALL_CONTENT",
    "CONTENT_CLASSES",
    "REASONS",
    "UNLIMITED",
    "AccountVerification",
    "AffectedFile",
    "AssetRegistered",
    "Assurance",
    "AuditReport",
    "Balance",
    "Challenge",
    "ConsentError",
    "ConsentRefusedError",
    "DataSource",
    "Due",
    "Engines",
    "ErasureReport",
    "Finding",
    "Grant",
    "GrantDraft",
    "GrantInfo",
    "GrantPaper",
    "Imported",
    "InvalidInputError",
    "Job",
    "KeyInfo",
    "Ledger",
    "LedgerEntry",
    "Operand",
    "Output",
    "Permit",
    "PermitGuard",
    "Person",
    "Proven",
    "PublicKey",
    "Recogniser",
    "RenderReceipt",
    "Revocation",
    "Scope",
    "SealedVoice",
    "SigningKey",
    "SpeakerCheck",
    "SpokenAnswer",
    "SubjectInfo",
    "Undelivered",
    "Unsealed",
    "UsageError",
    "Use",
    "Vault",
    "Verdict",
    "Verification",
    "VoiceGrant",
    "WeightsRef",
    "audit_folder",
    "draft_template",
    "grant_page",
    "proofs_of",
    "read_draft",
    "read_record",
    "read_voicegrant",
    "record_schema",
    "screen",
    "sign_record",
    "verify_account",
    "verify_file",
]

_HOME = {
    "account": ("AccountVerification", "verify_account"),
    "consent_record": ("record_schema",),
    "exchange": ("Imported",),
    "page": ("GrantPaper", "grant_page"),
    "persons": ("Person",),
    "subjects": ("AffectedFile", "Due", "ErasureReport", "SubjectInfo"),
    "voicegrant": ("VoiceGrant", "read_voicegrant"),
    "audit": ("AuditReport", "audit_folder"),
    "content": ("Finding", "screen"),
    "authority": ("Assurance",),
    "draft": ("GrantDraft", "draft_template", "read_draft"),
    "engines": ("Engines", "Recogniser", "SpeakerCheck"),
    "errors": ("REASONS", "ConsentError", "ConsentRefusedError", "InvalidInputError", "UsageError"),
    "keys": ("PublicKey", "SigningKey"),
    "grants": ("Balance", "GrantInfo"),
    "keybook": ("KeyInfo",),
    "ledger": ("Ledger",),
    "lookups": ("LedgerEntry", "Proven"),
    "outputs": ("Output", "Undelivered"),
    "permit": ("Permit",),
    "records": ("read_record", "sign_record"),
    "scope": ("ALL_CONTENT", "CONTENT_CLASSES", "UNLIMITED", "Operand", "Scope", "Use"),
    "spoken": ("Challenge", "SpokenAnswer"),
    "statements": ("AssetRegistered", "DataSource", "Grant", "RenderReceipt", "Revocation", "WeightsRef"),
    "worker": ("Job", "PermitGuard"),
    "vault": ("SealedVoice", "Unsealed", "Vault"),
    "verifier": ("Verdict", "Verification", "proofs_of", "verify_file"),
}
_WHERE = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'consent' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_WHERE[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
