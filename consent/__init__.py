"""A consent ledger for synthetic voices: signed grants, a gate, receipts, and proofs a stranger can check.

Names are imported on first use, so that `import consent` costs nothing and the verifier needs `cryptography`
alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .audit import AuditReport, audit_folder
    from .draft import GrantDraft, draft_template, read_draft
    from .errors import REASONS, ConsentError, ConsentRefusedError, InvalidInputError, UsageError
    from .grants import Balance, GrantInfo
    from .keys import PublicKey, SigningKey
    from .ledger import Ledger
    from .outputs import Output, Undelivered
    from .permit import Permit
    from .records import read_record, sign_record
    from .scope import ALL_CONTENT, CONTENT_CLASSES, UNLIMITED, Operand, Scope, Use
    from .statements import AssetRegistered, DataSource, Grant, RenderReceipt, Revocation, WeightsRef
    from .verifier import Verdict, Verification, verify_file

__all__ = [
    "ALL_CONTENT",
    "CONTENT_CLASSES",
    "REASONS",
    "UNLIMITED",
    "AssetRegistered",
    "AuditReport",
    "Balance",
    "ConsentError",
    "ConsentRefusedError",
    "DataSource",
    "Grant",
    "GrantDraft",
    "GrantInfo",
    "InvalidInputError",
    "Ledger",
    "Operand",
    "Output",
    "Permit",
    "PublicKey",
    "RenderReceipt",
    "Revocation",
    "Scope",
    "SigningKey",
    "Undelivered",
    "UsageError",
    "Use",
    "Verdict",
    "Verification",
    "WeightsRef",
    "audit_folder",
    "draft_template",
    "read_draft",
    "read_record",
    "sign_record",
    "verify_file",
]

_HOME = {
    "audit": ("AuditReport", "audit_folder"),
    "draft": ("GrantDraft", "draft_template", "read_draft"),
    "errors": ("REASONS", "ConsentError", "ConsentRefusedError", "InvalidInputError", "UsageError"),
    "keys": ("PublicKey", "SigningKey"),
    "grants": ("Balance", "GrantInfo"),
    "ledger": ("Ledger",),
    "outputs": ("Output", "Undelivered"),
    "permit": ("Permit",),
    "records": ("read_record", "sign_record"),
    "scope": ("ALL_CONTENT", "CONTENT_CLASSES", "UNLIMITED", "Operand", "Scope", "Use"),
    "statements": ("AssetRegistered", "DataSource", "Grant", "RenderReceipt", "Revocation", "WeightsRef"),
    "verifier": ("Verdict", "Verification", "verify_file"),
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
