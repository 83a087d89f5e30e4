"""Networks and the signal processing they steer.  Nothing here knows of consent: `voicekit.studio` does."""
