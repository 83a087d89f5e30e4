"""Training: from recordings to house voices, every step resumable and seeded.

``voicekit train prepare`` aligns and analyses a corpus, ``vocoder`` and ``acoustic`` train the two networks,
``blend`` packs voices of nobody and ``seal`` measures and signs their records.
"""

from __future__ import annotations


def main(argv: list[str] | None = None) -> int:
    """Run ``voicekit train ...``; returns the exit code."""
    from voicekit.train.cli import main as run  # torch and the trainers only when training

    return run(argv)
