"""What an engine is: weights read once and hashed, and a voice that only speaks when shown a permit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from consent import Operand, Permit
from voicekit.audio import Audio
from voicekit.engines.guide import DETAIL, ConvertParams, GuideTake
from voicekit.errors import UsageError
from voicekit.pitch import PitchTrack
from voicekit.singing.line import SungLine

if TYPE_CHECKING:
    from voicekit.engines.stream import ConversionStream, StreamSettings


@dataclass(frozen=True)
class SpeechParams:
    """How a sentence is to be spoken.

    Attributes
    ----------
    seed : int
        Of the noise; the same seed gives the same samples on a machine.
    rate : float
        Speaking rate, 1 as the voice speaks by itself, 0.5 to 2.
    pitch_semitones : float
        Added to every F0, -24 to 24.
    kind : str
        ``sentence``, ``heading`` or ``verse``.
    language : str
        Whose words are spoken; another than English is spoken with English sounds.
    place : str
        In its paragraph: ``first``, ``last``, ``first last`` or empty; it begins higher, or ends lower and slower.
    """

    seed: int = 0
    rate: float = 1.0
    pitch_semitones: float = 0.0
    kind: str = "sentence"
    language: str = "en"
    place: str = ""

    def __post_init__(self) -> None:
        if not 0.5 <= self.rate <= 2.0:
            raise UsageError(f"a speaking rate of {self.rate} is out of range", "give 0.5 to 2")
        if not -24.0 <= self.pitch_semitones <= 24.0:
            raise UsageError(f"a shift of {self.pitch_semitones} semitones is out of range", "give -24 to 24")


@dataclass(frozen=True)
class SingParams:
    """How a line is to be sung, beyond what the line itself says.

    Attributes
    ----------
    seed : int
        Of the noise.
    breath_db : float
        Level of breaths under the voice.
    """

    seed: int = 0
    breath_db: float = -16.0


class Engine(ABC):
    """Makes speech, and where it can song, in one voice.

    Attributes
    ----------
    name : str
        ``house`` or ``coqui:MODEL``.
    voice : str
    version : str
        Changes whenever the same inputs may give other samples.
    sample_rate : int
        Hz.
    operands : tuple of Operand
        Every file the sound depends on, hashed from the very bytes that were loaded.
    at_once : int
        How many sentences may be spoken at a time, each on a thread of its own.
    native : tuple of str
        Primary tags of the languages that it says with their own sounds; others get an English accent.
    """

    at_once: int = 1
    native: tuple[str, ...] = ("en",)
    name: str
    voice: str
    version: str
    sample_rate: int
    operands: tuple[Operand, ...]

    def speak(self, permit: Permit, spoken: str, params: SpeechParams) -> Audio:
        """Speak one sentence.

        Parameters
        ----------
        permit : consent.Permit
            Must be for speech with exactly this engine's operands.
        spoken : str
            Plain words and the marks ``, . ; : ? ! —``, and controls of `voicekit.text.styles`.
        params : SpeechParams

        Returns
        -------
        Audio
            Ends right after its last sound.

        Raises
        ------
        consent.ConsentRefusedError
            The permit does not allow this.
        voicekit.errors.InputError
            Nothing in the text can be pronounced.
        """
        permit.require(mode="speech", operands=self.operands, languages=(params.language,))
        return self._speak(spoken, params)

    def stream(self, permit: Permit, spoken: str, params: SpeechParams) -> Iterator[npt.NDArray[np.float32]]:
        """Speak one sentence, and hand out its sound while it is being made.

        Parameters
        ----------
        permit, spoken, params
            As for `speak`.

        Yields
        ------
        ndarray
            (n,) samples at `sample_rate`; one after the other they are exactly those of `speak`.

        Raises
        ------
        consent.ConsentRefusedError
            The permit does not allow this, or no longer; asked before each block.
        voicekit.errors.InputError
            Nothing in the text can be pronounced.
        """
        permit.require(mode="speech", operands=self.operands, languages=(params.language,))
        for block in self._stream(spoken, params):
            permit.require(mode="speech", operands=self.operands, languages=(params.language,))
            yield block

    def sing(self, permit: Permit, line: SungLine, params: SingParams) -> Audio:
        """Sing one line.

        Parameters
        ----------
        permit : consent.Permit
            Must be for singing with exactly this engine's operands.
        line : SungLine
        params : SingParams

        Returns
        -------
        Audio
            Exactly as long as the line.

        Raises
        ------
        consent.ConsentRefusedError
            The permit does not allow this.
        voicekit.errors.UsageError
            This engine cannot sing.
        """
        permit.require(mode="singing", operands=self.operands, languages=line.languages)
        return self._sing(line, params)

    @property
    def listener(self) -> tuple[Operand, ...]:
        """The files that listen to a take and know no voice: whose take it is must have granted these."""
        return ()

    @property
    def conversion_operands(self) -> tuple[Operand, ...]:
        """Every file a conversion depends on beside the take: those of the voice, and what listens to the take."""
        return (*self.operands, *self.listener)

    def operands_for(self, params: ConvertParams) -> tuple[Operand, ...]:
        """`conversion_operands`, and the voice's own recordings where these choices draw on them.

        Raises
        ------
        voicekit.errors.UsageError
            They do, and this voice has none.
        """
        if params.neighbours and not self.has_recordings:
            problem = f"{self.voice} has no recordings to take neighbours from"
            raise UsageError(problem, "leave --neighbours away, or choose an enrolled voice")
        return self.conversion_operands

    @property
    def usual_neighbours(self) -> int:
        """Frames of the voice's own recordings that stand behind each frame where nobody chose; 0: none are here."""
        return 0

    @property
    def usual_detail(self) -> float:
        """How much of a take's own articulation is kept where nobody chose, 0 to 1."""
        return DETAIL

    @property
    def has_recordings(self) -> bool:
        """Whether frames of the voice's own recordings can stand behind a conversion."""
        return False

    def transposition(self, track: PitchTrack, *, octaves: bool = False) -> float:
        """Semitones that bring a take to where this voice lies; see `voicekit.engines.convert.auto_transpose`."""
        raise UsageError(f"the engine {self.name} cannot convert", "choose a house voice")

    def convert(self, permit: Permit, take: GuideTake, params: ConvertParams) -> Iterator[npt.NDArray[np.float32]]:
        """Say or sing a take again in this voice: its words, timing, F0, voicing and level stay.

        Parameters
        ----------
        permit : consent.Permit
            Must be for conversion, with exactly the files of `operands_for` and these very parameters, which name the
            take.
        take : GuideTake
        params : ConvertParams

        Yields
        ------
        ndarray
            (n,) samples at `sample_rate`, as many in all as the take has.

        Raises
        ------
        consent.ConsentRefusedError
            The permit does not allow this; asked before each block.
        voicekit.errors.UsageError
            This engine cannot convert, or not so.
        """
        operands, digest = self.operands_for(params), params.digest()

        def ask() -> None:
            permit.require(mode="conversion", operands=operands, params_sha256=digest)

        ask()
        for block in self._convert(take, params):
            ask()
            yield block

    def _convert(self, take: GuideTake, params: ConvertParams) -> Iterator[npt.NDArray[np.float32]]:
        raise UsageError(f"the engine {self.name} cannot convert", "choose a house voice")

    def convert_live(
        self, permit: Permit, calibration: GuideTake, params: ConvertParams, settings: StreamSettings | None = None
    ) -> ConversionStream:
        """Convert somebody who is speaking, `StreamSettings.latency_s` behind them.

        Parameters
        ----------
        permit : consent.Permit
            As for `convert`; ``params.source_sha256`` names the calibration take.
        calibration : GuideTake
            Three seconds or more of the same speaker.
        params : ConvertParams
        settings : StreamSettings, optional

        Returns
        -------
        ConversionStream
            Asks the permit before each block.

        Raises
        ------
        consent.ConsentRefusedError
            The permit does not allow this.
        voicekit.errors.UsageError
            This engine cannot convert, or the calibration is too short.
        """
        operands, digest = self.operands_for(params), params.digest()

        def ask() -> None:
            permit.require(mode="conversion", operands=operands, params_sha256=digest)

        ask()
        return self._convert_live(calibration, params, settings, ask)

    def _convert_live(
        self,
        calibration: GuideTake,
        params: ConvertParams,
        settings: StreamSettings | None,
        ask: Callable[[], None],
    ) -> ConversionStream:
        raise UsageError(f"the engine {self.name} cannot convert", "choose a house voice")

    def _sing(self, line: SungLine, params: SingParams) -> Audio:
        raise UsageError(f"the engine {self.name} cannot sing", "choose a house voice")

    def _stream(self, spoken: str, params: SpeechParams) -> Iterator[npt.NDArray[np.float32]]:
        yield self._speak(spoken, params).samples

    @abstractmethod
    def _speak(self, spoken: str, params: SpeechParams) -> Audio:
        """Make the sound; called with a good permit only."""
