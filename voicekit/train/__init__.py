"""Training: from recordings to house voices, every step resumable and seeded.

``voicekit train prepare`` aligns and analyses a corpus, ``vocoder`` and ``acoustic`` train the two networks,
``blend`` packs voices of nobody and ``seal`` measures and signs their records.
"""
