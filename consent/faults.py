"""Named steps of everything that writes, so that a test can stop a program at each of them.

`reach` does nothing unless a test has installed a handler in the same process; nothing outside the process
(no file, no environment variable, no option) can install one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .errors import UsageError

__all__ = ["STEPS", "VAULT_STEPS", "handler", "reach"]

#: Every step, in the order in which a program passes them.
STEPS: tuple[str, ...] = (
    # every transaction that appends
    "before-append",
    "after-append",
    "before-commit",
    "after-commit",
    "after-note",
    # the gate
    "before-intent",
    "after-intent",
    "before-denied",
    "after-denied",
    "before-receipt",
    "after-receipt",
    "before-aborted",
    "after-aborted",
    "before-completed-proof",
    "after-completed-proof",
    # delivery
    "before-delivery",
    "before-delivery-proof",
    "after-delivery-proof",
    "after-delivery-rename",
    "before-delivered",
    "after-delivered",
    # keys
    "before-next-key",
    "after-next-key",
    "after-next-identity",
    "after-rotation",
    "after-key-switch",
    "after-identity-switch",
    # revocation
    "before-revocation",
    "after-revocation",
)

#: Steps of the keystore, and of destroying a key; only where there is a vault.
VAULT_STEPS: tuple[str, ...] = (
    "vault-written",
    "vault-linked",
    "vault-replaced",
    "vault-wiped",
    "vault-destroyed",
    "vault-recorded",
    "vault-marked",
)

_handlers: list[Callable[[str], None]] = []


def reach(step: str) -> None:
    """Say that a step has been reached. Inert without a handler."""
    for call in _handlers:
        call(step)


@contextmanager
def handler(call: Callable[[str], None]) -> Iterator[None]:
    """Have `call` told every step while the block runs (tests)."""

    def checked(step: str) -> None:
        if step not in STEPS and step not in VAULT_STEPS:
            raise UsageError(f"unknown step {step!r}; add it to consent.faults.STEPS")
        call(step)

    _handlers.append(checked)
    try:
        yield
    finally:
        _handlers.remove(checked)
