"""Sound files in and out: reading, streaming writers, resampling.

Writers write aside: the file lies at ``NAME.EXT.partial`` until somebody who
may deliver it renames it (see ``aside`` and ``settle``).  Every encoder here
is deterministic: the same samples and tags give the same bytes.
"""

from voicekit.audio.channels import DecodedFile, decode_channels
from voicekit.audio.files import aside, io_error, settle, settle_bytes, sha256_file
from voicekit.audio.mp3frames import Mp3Frames, read_mp3_frames
from voicekit.audio.read import AudioReader, read_audio
from voicekit.audio.resample import StreamResampler, reblock, resample
from voicekit.audio.tags import Tags
from voicekit.audio.types import Audio, from_int16, to_int16
from voicekit.audio.write import (
    FORMATS,
    PcmWriter,
    Written,
    encode_mp3,
    open_writer,
    write_flac,
    write_wav,
)

__all__ = [
    "FORMATS",
    "Audio",
    "AudioReader",
    "DecodedFile",
    "Mp3Frames",
    "PcmWriter",
    "StreamResampler",
    "Tags",
    "Written",
    "aside",
    "decode_channels",
    "encode_mp3",
    "from_int16",
    "io_error",
    "open_writer",
    "read_audio",
    "read_mp3_frames",
    "reblock",
    "resample",
    "settle",
    "settle_bytes",
    "sha256_file",
    "to_int16",
    "write_flac",
    "write_wav",
]
