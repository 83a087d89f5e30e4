"""How a text becomes finished sound: plan, takes, assembly, finishing.

Nothing here asks for a permission, and nothing here works without one: every
function that makes or reads sound takes the permit that `voicekit.studio`
obtained, and passes it to the engine.
"""

from voicekit.pipelines.engine import Engine, SpeechChoice
from voicekit.pipelines.finish import FinishedFile, finish_chapter
from voicekit.pipelines.listening import Hear
from voicekit.pipelines.narrate import ChapterSound, chapter_source, speak_chapter
from voicekit.pipelines.plan import ChapterPlan, PlannedSentence, TakeRecipe, plan_chapter
from voicekit.pipelines.progress import Cancelled, Progress, ProgressMeter
from voicekit.pipelines.takes import TakeStore

__all__ = [
    "Cancelled",
    "ChapterPlan",
    "ChapterSound",
    "Engine",
    "FinishedFile",
    "Hear",
    "PlannedSentence",
    "Progress",
    "ProgressMeter",
    "SpeechChoice",
    "TakeRecipe",
    "TakeStore",
    "chapter_source",
    "finish_chapter",
    "plan_chapter",
    "speak_chapter",
]
