"""The verbs of the ``voicekit`` command, one file each."""
