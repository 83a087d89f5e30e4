"""The one gated door: use -> permit -> engine -> finish -> receipt -> delivery.

Nothing in voicekit makes a voice speak except through `Studio`, and this
package is the only one that asks the ledger for permits.
"""

from voicekit.pipelines import Cancelled, Progress
from voicekit.studio.conversion import ConvertedTake, ConvertOptions
from voicekit.studio.coqui import ModelTerms
from voicekit.studio.correction import CorrectedTake, CorrectOptions
from voicekit.studio.enrolled import EnrolledVoice
from voicekit.studio.enrolment import Enrolled, EnrolOptions, EnrolStep
from voicekit.studio.models import ChapterTake, GrantStatus, NarrateOptions, Take, VoiceStatus
from voicekit.studio.references import Finding, PersonDraft
from voicekit.studio.song_models import SingOptions, Song, SungPart
from voicekit.studio.studio import Studio
from voicekit.studio.voices import VoiceSource, house_voices

__all__ = [
    "Cancelled",
    "ChapterTake",
    "ConvertOptions",
    "ConvertedTake",
    "CorrectOptions",
    "CorrectedTake",
    "EnrolOptions",
    "EnrolStep",
    "Enrolled",
    "EnrolledVoice",
    "Finding",
    "GrantStatus",
    "ModelTerms",
    "NarrateOptions",
    "PersonDraft",
    "Progress",
    "SingOptions",
    "Song",
    "Studio",
    "SungPart",
    "Take",
    "VoiceSource",
    "VoiceStatus",
    "house_voices",
]
