"""When somebody speaks: Silero's voice activity detector."""

from faster_whisper.vad import VadOptions, get_speech_timestamps

from consent.hearing.audio import LISTENING_RATE, Waveform, assert_waveform, resample

_OPTIONS = VadOptions(min_speech_duration_ms=100, min_silence_duration_ms=200, speech_pad_ms=60)


def speech_segments(x: Waveform, rate: int) -> list[tuple[float, float]]:
    """Spans of speech as (start, end) in seconds, in order, pauses under 0.2 s kept inside.

    The detector is faster-whisper's copy of Silero VAD 6 (MIT), run by onnxruntime: the ``silero-vad``
    package holds the same network, but imports torchaudio.
    """
    assert_waveform(x, rate)
    if len(x) < rate // 20:
        return []
    speech = resample(x, rate, LISTENING_RATE)
    found = get_speech_timestamps(speech, _OPTIONS, LISTENING_RATE)
    return [(span["start"] / LISTENING_RATE, span["end"] / LISTENING_RATE) for span in found]
