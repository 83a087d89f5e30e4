"""Building a voice from a person's recordings, in memory. Who may have it built is decided in `voicekit.studio`."""
