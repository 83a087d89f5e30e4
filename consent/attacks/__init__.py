"""A corpus of attacks on a consent ledger, A1 to A24, as files and as a runner.

``python -m consent.attacks`` builds a small world in a temporary folder, carries out each attack, runs this
package against it and prints what was caught. With ``--out DIR`` the forged ledgers, proofs, tokens and notes
are written there, a folder for each attack with a ``manifest.json`` that says what was done and what a sound
tool must answer, so that other tools can be tried against the same files.

Keys of outsiders, the clock and every random choice are fixed; ledger ids, nonces and the operator's key are
random, as a real ledger's are.
"""

from __future__ import annotations

from .lab import Attack, CaseResult, Lab, Result
from .run import ATTACKS, as_dict, run, table

__all__ = ["ATTACKS", "Attack", "CaseResult", "Lab", "Result", "as_dict", "run", "table"]
