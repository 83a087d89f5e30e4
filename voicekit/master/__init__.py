"""Mastering of speech: level, ceiling, room tone, and the numbers measured."""

from voicekit.master.chain import MasterPlan, master_stream, plan_master
from voicekit.master.limiter import Limiter
from voicekit.master.measure import Loudness, LoudnessMeter, measure_file
from voicekit.master.profiles import PROFILES, MasterProfile
from voicekit.master.roomtone import RoomTone

__all__ = [
    "PROFILES",
    "Limiter",
    "Loudness",
    "LoudnessMeter",
    "MasterPlan",
    "MasterProfile",
    "RoomTone",
    "master_stream",
    "measure_file",
    "plan_master",
]
