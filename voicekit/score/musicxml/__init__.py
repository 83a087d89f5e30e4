"""MusicXML: reading in `read`, writing in `write`."""
