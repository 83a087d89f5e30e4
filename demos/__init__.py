"""The studio's page in the browser: thin rooms over `voicekit.studio` and `consent`, and nothing else."""
