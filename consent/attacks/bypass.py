"""A23: ways round the gate."""

from __future__ import annotations

import copy
import inspect
from collections import Counter
from collections.abc import Callable
from typing import Any

from .. import __all__ as public_names
from ..audit import audit_folder
from ..draft import read_draft
from ..errors import ConsentRefusedError
from ..keys import PublicKey
from ..permit import Permit
from ..scope import UNLIMITED, Use
from ..statements import PermitStatement, new_nonce
from ..worker import Job, PermitGuard
from .lab import Attack, Lab
from .world import SPEAKER, START, STRANGER, World, changed, weights

__all__ = ["ATTACKS"]


class _Liar(Permit):
    """A permit whose token differs from call to call, and whose `require` refuses nothing."""

    __slots__ = ()

    def require(self, **_facts: Any) -> None:
        """Refuse nothing."""

    @property
    def use(self) -> Use:
        """A use nobody granted."""
        return changed(mode="singing")


def bypass(lab: Lab) -> None:
    """A23."""
    world = lab.world()
    world.grant(renders=1_000, seconds=UNLIMITED)
    permit = world.request()
    operator = world.ledger.operator

    def forged(key: Any, **changes: Any) -> bytes:
        fields = {**permit.statement.__dict__, "nonce": new_nonce(), **changes}
        return PermitStatement(**fields).sign(key).to_bytes()

    alien = forged(STRANGER, use=changed(mode="singing"))
    lab.refused(
        "signed by a stranger",
        "a permit for singing signed by another key",
        lambda: Permit.from_token(alien, operator),
        "permit-forged",
        files={"permit.dsse.json": alien},
    )
    lab.refused(
        "consistent in itself",
        "the same with the stranger named as operator, handed to the ledger",
        lambda: world.render(Permit.from_token(alien, STRANGER.public)),
        "permit-forged",
    )
    ghost = forged(world.ledger.operator_signing_key(), intent="9" * 64)
    lab.refused(
        "without an intent",
        "a permit under the true key for an intent that is not in the ledger",
        lambda: world.render(Permit.from_token(ghost, operator)),
        "permit-forged",
        files={"permit.dsse.json": ghost},
    )
    seen: Counter[str] = Counter()
    for place in range(0, len(permit.token), 40 if lab.quick else 3):
        token = bytearray(permit.token)
        token[place] ^= 1 << (place % 8)
        try:
            same = Permit.from_token(bytes(token), operator).statement == permit.statement
            seen["the same permit" if same else "accepted"] += 1
        except ConsentRefusedError as exc:
            seen[exc.reason] += 1
    lab.tally(
        "bits of a token",
        "one bit flipped (a key id is a hint that decides nothing)",
        seen,
        "permit-forged",
        "the same permit",
    )
    _objects(lab, world, permit, operator)
    other = lab.world("other")
    other.grant()
    foreign = other.request()
    _worker(lab, world, permit)
    lab.refused("of another ledger", "handed to this one", lambda: world.render(foreign), "permit-forged")
    world.ledger.abort(permit, "cancelled")
    for case, again in (("closed", permit), ("closed, read anew", Permit.from_token(permit.token, operator))):
        lab.refused(case, "a permit that was aborted", lambda again=again: world.render(again), "permit-used")  # type: ignore[misc]
    _public_paths(lab)


def _objects(lab: Lab, world: World, permit: Permit, operator: PublicKey) -> None:
    """Tricks with the object in memory: attributes, subclasses, copies, pickles."""
    wider = PermitStatement(**{**permit.statement.__dict__, "use": changed(mode="singing")})
    broken = copy.copy(permit)
    object.__setattr__(broken, "_statement", wider)
    lab.refused(
        "attributes overwritten",
        "the parsed statement inside the permit exchanged; shown to an engine",
        lambda: broken.require(mode="singing", operands=[weights()], now=START),
        "mode-not-granted",
    )
    exchanged: dict[str, dict[str, Any]] = {
        "use": {"use": changed(seconds=99)},
        "text": {"text_commit": "9" * 64},
        "parameters": {"params_sha256": "8" * 64},
    }
    for case, changes in exchanged.items():
        swapped = world.request()
        honest = PermitStatement(**swapped.statement.__dict__)
        object.__setattr__(swapped, "_statement", PermitStatement(**{**honest.__dict__, **changes}))
        receipt = _attempt(lambda swapped=swapped, case=case: world.render(swapped, f"{case}.mp3")[0])  # type: ignore[misc]
        lab.holds(
            f"{case} overwritten",
            "the same, handed to the ledger for its receipt",
            lambda receipt=receipt, honest=honest: receipt is None or _agrees(receipt, honest),  # type: ignore[misc]
            "refused, or the receipt says what the token says",
        )
    liar = _Liar(world.request().token, operator)
    receipt = _attempt(lambda: world.render(liar, "liar.mp3")[0])
    lab.holds(
        "a subclass that lies",
        "a permit whose `use` and `require` are overridden, handed to the ledger",
        lambda: receipt is None or receipt.use.mode == "speech",
        "refused, or the receipt says what the token says",
    )
    # What pickling does, without the module: this package loads no pickle, not even here.
    thawed = copy.deepcopy(permit)
    object.__setattr__(thawed, "token", forged_json(permit.token))
    lab.refused(
        "pickled and changed",
        "a permit pickled, its token changed, and read back",
        lambda: thawed.require(mode="speech", operands=[weights()], now=START),
        "permit-forged",
    )
    lab.refused(
        "the operator's key pickled",
        "the operator's private key handed to a worker",
        lambda: world.ledger.operator_signing_key().__reduce_ex__(4),
        "usage",
    )


def _worker(lab: Lab, world: World, permit: Permit) -> None:
    """A worker without ledger and key, handed a true token with a job that it is not for."""
    guard = PermitGuard(world.folder / "worker", world.ledger.operator)
    statement = permit.statement
    true: dict[str, Any] = {
        "mode": "speech",
        "voice": statement.voice,
        "operands": [weights()],
        "params_sha256": statement.params_sha256,
        "text_commit": statement.text_commit,
    }
    lab.control("a worker's own job", lambda: guard.admit(permit.token, Job(**true), now=START))
    for case, job, now, reason in (
        ("singing", {"mode": "singing"}, START, "mode-not-granted"),
        ("another voice", {"voice": "eve"}, START, "permit-other-voice"),
        ("another text", {"text_commit": "9" * 64}, START, "permit-other-text"),
        ("other parameters", {"params_sha256": "9" * 64}, START, "permit-other-params"),
        ("other weights", {"operands": [weights(content=b"x")]}, START, "weights-mismatch"),
        ("no weights", {"operands": []}, START, "weights-mismatch"),
        ("after its end", {}, permit.expires, "permit-expired"),
        ("a clock set back", {}, START - 4_000, "clock-set-back"),
    ):
        lab.refused(
            f"a worker asked for {case}",
            "a true token shown to a worker with another job",
            lambda job=job, now=now: guard.admit(permit.token, Job(**{**true, **job}), now=now),  # type: ignore[misc]
            reason,
        )
    guard.finish(permit)
    lab.refused(
        "a worker's token twice",
        "the token of a finished job shown again",
        lambda: guard.admit(permit.token, Job(**true), now=permit.expires - 1),
        "permit-used",
    )


def forged_json(token: bytes) -> bytes:
    """The token with another signature."""
    return token.replace(b'"sig":"', b'"sig":"AAAA', 1)


def _attempt(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except ConsentRefusedError:
        return None


def _agrees(receipt: Any, honest: PermitStatement) -> bool:
    return all(getattr(receipt, name) == getattr(honest, name) for name in ("use", "text_commit", "params_sha256"))


def _public_paths(lab: Lab) -> None:
    """No public name hands out a permit but the ledger's `request`; a permit cannot be made without a signature."""
    import consent

    sources = []
    for name in public_names:
        value = getattr(consent, name)
        members = [(name, value)]
        if inspect.isclass(value):
            members += [(f"{name}.{m}", f) for m, f in inspect.getmembers(value, inspect.isroutine) if m[0] != "_"]
        for path, function in members:
            if inspect.isroutine(function):
                returns = str(getattr(function, "__annotations__", {}).get("return", ""))
                if returns.split(".")[-1].strip("'") == "Permit":
                    sources.append(path)
    known = {"Ledger.request", "Permit.from_token", "PermitGuard.admit"}
    lab.holds(
        "where permits come from",
        "every public function is asked what it returns",
        lambda: "Ledger.request" in sources and set(sources) <= known,
        "from Ledger.request, or a signed token, alone",
    )
    lab.refused(
        "an empty permit",
        "a permit made without a token",
        lambda: Permit(b"", SPEAKER.public),
        "permit-forged",
    )
    seen = inspect.getsource(Permit.__post_init__)
    lab.holds("its constructor", "read", lambda: "_read_token" in seen, "checks the signature")
    folder = lab.folder / "draft.toml"
    folder.write_text("voice = 'x'\npermit = true\n", encoding="utf-8")
    lab.refused("a draft with a permit", "a grant draft with a field more", lambda: read_draft(folder), "draft-invalid")
    report = lab.world("audited")
    lab.holds("audit", "an untouched ledger", lambda: audit_folder(report.path).ok, "sound")


ATTACKS = (
    Attack(
        "A23",
        "the gate bypassed",
        "No public path makes a permit; it is a signed token of one ledger, single use, and read anew each time.",
        bypass,
        ("a program from which the gate was cut out: its files have no receipt",),
    ),
)
