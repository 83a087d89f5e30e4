"""From notes and words to a line that an engine can sing: phones in time, pitch, loudness."""

from __future__ import annotations

from voicekit.singing.line import SungLine, SungNote, SungPhone, plan_line
from voicekit.singing.style import SingStyle

__all__ = ["SingStyle", "SungLine", "SungNote", "SungPhone", "plan_line"]
