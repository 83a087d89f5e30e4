"""Keys of a ledger: making them known, replacing them, revoking them; each an entry of its history."""

from __future__ import annotations

import secrets
import unicodedata
from pathlib import Path

from .authority import check_signatures
from .core import LedgerCore, read_identity, settle_rotation, write_identity
from .encoding import b64encode, sha256_hex
from .envelope import Envelope
from .errors import ConsentRefusedError, InvalidInputError, UsageError
from .faults import reach
from .keybook import KeyInfo
from .keys import PublicKey, SigningKey
from .pq import public_of
from .statements import HeadKey, KeyEnrolled, KeyRevoked, KeyRotated, Statement, new_nonce
from .store import Session

__all__ = ["KeyRing"]


class KeyRing(LedgerCore):
    """The half of `Ledger` that deals with keys."""

    def keys(self) -> tuple[KeyInfo, ...]:
        """All keys the history names, oldest first: role, state, since which entry, and what replaced them."""
        with self._read("list"):
            return self._chain.keys.infos()

    def enroll_key(self, key: SigningKey, role: str, name: str = "", *, witness: SigningKey | None = None) -> str:
        """Make a key known; it signs, with the ledger's id and a nonce, that it is held.

        Parameters
        ----------
        key : SigningKey
            The key.
        role : str
            subject, guardian or witness.
        name : str
            Whose it is; only a salted commitment to it enters the ledger, the salt lies in an erasable table.
        witness : SigningKey, optional
            A person who vouches for whose key it is signs too: who knows the witness then knows the key.

        Returns
        -------
        str
            Digest of the entry.

        Raises
        ------
        ConsentRefusedError
            key-revoked, key-replaced.
        InvalidInputError
            key-event-invalid: enrolled already.
        """
        salt = secrets.token_bytes(32) if name else b""
        data = salt + unicodedata.normalize("NFC", name).encode("utf-8", "surrogatepass")
        commit = sha256_hex(data) if name else ""
        with self._write("enroll") as session:
            statement = KeyEnrolled(
                ledger=self.id,
                nonce=new_nonce(),
                time=self._key_moment(),
                key=key.public.did,
                role=role,
                holder_commit=commit,
            )
            if commit:
                session.add_salt(commit, salt)
            if witness is not None and witness.public.did in (key.public.did, self.operator.did):
                raise UsageError("a witness's key is neither the enrolled one nor the operator's")
            more = [witness] if witness else []
            return self._key_event(session, statement, self.operator_signing_key(), key, *more)

    def rotate_key(self, old: SigningKey, new: SigningKey, role: str, reason: str = "renewed") -> str:
        """Replace a speaker's, guardian's or witness's key; both keys and the operator sign.

        The new key may do what the old one could, also for grants made before. The old one may still
        withdraw, and nothing else.

        Raises
        ------
        ConsentRefusedError
            key-revoked, key-replaced.
        InvalidInputError
            key-event-invalid: a key the ledger does not know, or the operator's.
        """
        if role == "operator":
            raise UsageError("the operator's key is replaced with rotate_operator")
        with self._write("rotate") as session:
            statement = KeyRotated(
                ledger=self.id,
                nonce=new_nonce(),
                time=self._key_moment(),
                old=old.public.did,
                new=new.public.did,
                role=role,
                reason=reason,
            )
            return self._key_event(session, statement, old, new, self.operator_signing_key())

    def revoke_key(self, did: str, key: SigningKey | None = None, reason: str = "lost") -> str:
        """Declare that a speaker's, guardian's or witness's key counts no longer.

        Grants that rest on it are suspended (`key-revoked`), and it can sign no new one. It may still withdraw.

        Parameters
        ----------
        did : str
            The key.
        key : SigningKey, optional
            That very key; the operator's when left out.
        reason : str
            Short slug such as lost or stolen.
        """
        PublicKey.from_did(did)
        with self._write("revoke-key") as session:
            moment = self._key_moment()
            role = self._chain.keys.known.get(did, ("subject", 0))[0]
            statement = KeyRevoked(
                ledger=self.id,
                nonce=new_nonce(),
                time=moment,
                key=did,
                role=role if role in ("guardian", "witness") else "subject",
                by=(key or self.operator_signing_key()).public.did,
                effective=moment,
                reason=reason,
            )
            return self._key_event(session, statement, key or self.operator_signing_key())

    def rotate_operator(
        self, *, new_passphrase: bytes | None = None, reason: str = "renewed", abort_open: bool = False
    ) -> str:
        """Replace the operator's key by a new one, in the ledger and in `keys/`.

        The old key signs its successor in, and nothing after that; the new one signs from this entry's tree
        head on. Whatever the old key signed before stays valid. Permits given before stay valid as long as
        their intent is open.

        Parameters
        ----------
        new_passphrase : bytes, optional
            Encrypts the new key. Must be given when the old key is encrypted; `b""` leaves the new one open.
        reason : str
            Short slug such as renewed or stolen.
        abort_open : bool
            Close all open intents first: when the old key may be in other hands.

        Returns
        -------
        str
            Digest of the entry.
        """
        old, new = self.operator_signing_key(), SigningKey.generate()
        folder = self.folder / "keys"
        if new_passphrase is None and _encrypted(folder / "operator.key"):
            raise UsageError("the operator's key is encrypted: give a passphrase for the new one (b'' for none)")
        try:
            with self._write("rotate") as session:
                moment = self._key_moment()
                reach("before-next-key")
                (folder / "operator.key.next").unlink(missing_ok=True)
                new.save(folder / "operator.key.next", new_passphrase or None)
                reach("after-next-key")
                write_identity(folder / "operator.pub.next", new.public, self.id)
                reach("after-next-identity")
                statement = KeyRotated(
                    ledger=self.id,
                    nonce=new_nonce(),
                    time=moment,
                    old=old.public.did,
                    new=new.public.did,
                    role="operator",
                    reason=reason,
                )
                before = []
                if abort_open:
                    before = [self._aborted(intent, "key-replaced", moment) for intent in self._chain.open]
                    for intent in self._chain.open:
                        session.release_intent(intent)
                if self._chain.head_key() is not None:
                    before.append(self._head_key(new, moment).sign(old))
                self._chain.keys.check(statement)
                digest = self._append(session, [*before, statement.sign(old, new)], new)[-1]
                # From here on this object signs with the new key, the snapshot of this transaction included.
                self._key, self.operator, self._chain.kept = new, new.public, 0
            reach("after-rotation")
        finally:
            # The stored tree head decides which of the two keys is in force, whatever went wrong.
            settle_rotation(self.folder)
            self.operator, _ledger = read_identity(self.folder)
            self._key = new if self.operator == new.public else old
        return digest

    def sign_heads_twice(self) -> str:
        """From now on sign every tree head with ML-DSA-44 too; for ledgers whose grants run for many years.

        The second key is derived from the operator's and changes with it. Returns the entry's digest.

        Raises
        ------
        UsageError
            It does already, or `cryptography` is too old.
        """
        with self._write("head-key") as session:
            if self._chain.head_key() is not None:
                raise UsageError("tree heads are signed with ML-DSA-44 already")
            statement = self._head_key(self.operator_signing_key(), self._key_moment())
            return self._append(session, [statement.sign(self.operator_signing_key())])[0]

    def heads_signed_twice(self) -> bool:
        """Whether tree heads bear a second signature."""
        with self._read("show"):
            return self._chain.head_key() is not None

    def _head_key(self, operator: SigningKey, moment: int) -> HeadKey:
        public = b64encode(public_of(operator))
        return HeadKey(ledger=self.id, nonce=new_nonce(), time=moment, algorithm="ml-dsa-44", public=public)

    def _key_event(self, session: Session, statement: Statement, *keys: SigningKey) -> str:
        envelope = Envelope.parse(statement.sign(*keys).to_bytes(), what=statement.KIND)
        check_signatures(statement, envelope, self.operator, what=statement.KIND)
        self._chain.keys.check(statement)
        return self._append(session, [envelope])[0]

    def _key_moment(self) -> int:
        moment, back = self._moment()
        if back:
            raise ConsentRefusedError(
                "clock-set-back",
                f"the system clock is {self._chain.last_time - self._now()} s behind the ledger's last entry",
                remedy="Set the clock right",
            )
        return moment


def _encrypted(path: Path) -> bool:
    try:
        SigningKey.load(path)
    except InvalidInputError as exc:
        return exc.reason == "key-passphrase"
    return False
