"""The database of a ledger, statement by statement. It is compared byte for byte each time a ledger is
opened.

`entry` is the ledger: `envelope` is authoritative, the other columns follow from it. `checkpoint` holds the
newest signed tree head alone; older ones follow from the entries (the tree is deterministic, and so is
Ed25519). The other tables may be erased at any time without harming a proof: salts of text commitments,
which process holds an open intent, where receipted files were to go, and `side`: names, contacts, open
challenges and the like, each under its kind.
"""

from __future__ import annotations

__all__ = ["ADDED", "APPLICATION_ID", "PAGE_SIZE", "SCHEMA", "USER_VERSION"]

#: "vkcl" as a big-endian integer; in the file's header, so that a foreign database is refused unread.
APPLICATION_ID = 0x766B636C
USER_VERSION = 2
#: What the second version added; a database of the first is brought up to date when it is opened for writing.
ADDED = frozenset({"side", "salt_commitment", "delivery_receipt"})
#: Seven entries of the usual size to a page; with SQLite's 4096 bytes it is one, and reading them all takes twice
#: as long. Databases made before keep theirs.
PAGE_SIZE = 16_384

#: (type, name, table, SQL) as SQLite reports them.
SCHEMA: tuple[tuple[str, str, str, str], ...] = (
    (
        "table",
        "entry",
        "entry",
        "CREATE TABLE entry (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, digest TEXT NOT NULL, "
        "time INTEGER NOT NULL, leaf BLOB NOT NULL, envelope BLOB NOT NULL) STRICT",
    ),
    ("index", "entry_digest", "entry", "CREATE UNIQUE INDEX entry_digest ON entry (digest)"),
    (
        "table",
        "checkpoint",
        "checkpoint",
        "CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT",
    ),
    ("table", "salt", "salt", "CREATE TABLE salt (commitment TEXT NOT NULL, salt BLOB NOT NULL) STRICT"),
    (
        "table",
        "open_intent",
        "open_intent",
        "CREATE TABLE open_intent (intent TEXT NOT NULL, lock TEXT NOT NULL) STRICT",
    ),
    (
        "table",
        "delivery",
        "delivery",
        "CREATE TABLE delivery (receipt TEXT NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL, "
        "done INTEGER NOT NULL) STRICT",
    ),
    (
        "table",
        "side",
        "side",
        "CREATE TABLE side (kind TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, "
        "PRIMARY KEY (kind, name)) STRICT, WITHOUT ROWID",
    ),
    ("index", "salt_commitment", "salt", "CREATE INDEX salt_commitment ON salt (commitment)"),
    ("index", "delivery_receipt", "delivery", "CREATE INDEX delivery_receipt ON delivery (receipt, name)"),
    (
        "trigger",
        "entry_append",
        "entry",
        "CREATE TRIGGER entry_append BEFORE INSERT ON entry "
        "WHEN NEW.seq <> (SELECT coalesce(max(seq) + 1, 0) FROM entry) "
        "BEGIN SELECT RAISE(ABORT, 'entries are appended in order'); END",
    ),
    (
        "trigger",
        "entry_no_update",
        "entry",
        "CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry "
        "BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END",
    ),
    (
        "trigger",
        "entry_no_delete",
        "entry",
        "CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry "
        "BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END",
    ),
)
