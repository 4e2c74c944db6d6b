"""Listening to a recording: is there speech, is it one person, is it the person of the other recordings?

Torch and onnxruntime are loaded with this module, so only worker code imports it.
"""

import io
import itertools
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import soundfile

from audit.actors import Actor
from consent import vault
from consent.hearing.activity import speech_segments
from consent.hearing.audio import Embedding, Waveform
from consent.hearing.speakers import embed_campp, similarity
from consent.models import Recording
from consent.recordings import judge_recording

LEAST_SPEECH_S = 1.5
LEAST_SPEECH_SHARE = 0.25
WINDOW_S, HOP_S = 3.0, 1.5
# Cosines of CAM++ embeddings, measured on four synthetic voices (flite slt, rms, awb, kal16) and on some
# recordings of three people. Halves of one speaker's recording: .78 or more; of one with two speakers:
# .72 or less. Whole recordings of one speaker: .79 or more; of two: .68 or less. A small set: the steward
# still listens. Rooms and microphones differ across recordings, so that limit lies nearer to the strangers.
LEAST_INSIDE = 0.74
LEAST_ACROSS = 0.65


@dataclass(frozen=True, slots=True)
class Heard:
    """What was found in a recording. ``consistency``: cosine of its two least alike parts."""

    speech_share: float
    consistency: float | None
    refusal_code: str


def finish_recording(*, recording: Recording, actor: Actor, now: datetime) -> Recording:
    """Listen to a recording that waits, outside any transaction, then accept or refuse it."""
    if recording.status != Recording.Status.CHECKING:
        return recording
    samples, rate = read_samples(recording)
    earlier = [read_samples(each)[0] for each in accepted_beside(recording)]
    heard = listen(samples, rate, earlier)
    return judge_recording(
        recording=recording,
        speech_share=heard.speech_share,
        speaker_consistency=heard.consistency,
        refusal_code=heard.refusal_code,
        actor=actor,
        now=now,
    )


def listen(samples: Waveform, rate: int, earlier: list[Waveform]) -> Heard:
    """Judge one recording, mono at ``rate`` Hz, beside those accepted earlier, at the same rate."""
    spans = speech_segments(samples, rate)
    spoken = sum(end - start for start, end in spans)
    share = min(1.0, spoken / (len(samples) / rate))
    if spoken < LEAST_SPEECH_S or share < LEAST_SPEECH_SHARE:
        return Heard(share, None, "audio.too_little_speech")
    speech = np.concatenate([samples[int(start * rate) : int(end * rate)] for start, end in spans])
    consistency = _likeness_of_halves([embed_campp(part, rate) for part in _windows(speech, rate)])
    if consistency is not None and consistency < LEAST_INSIDE:
        return Heard(share, consistency, "audio.two_speakers")
    if earlier:
        voice = _mean([embed_campp(each, rate) for each in earlier])
        if similarity(embed_campp(samples, rate), voice) < LEAST_ACROSS:
            return Heard(share, consistency, "audio.other_speaker")
    return Heard(share, consistency, "")


def read_samples(recording: Recording) -> tuple[Waveform, int]:
    """The canonical audio of a recording, mono float32, and its rate in Hz."""
    samples, rate = soundfile.read(io.BytesIO(vault.read_object(recording.object)), dtype="float32")
    return samples, rate


def accepted_beside(recording: Recording, most: int = 5) -> list[Recording]:
    """The longest recordings of the same voice that were accepted: enough to know the speaker by."""
    accepted = recording.voice.recordings.filter(status=Recording.Status.ACCEPTED).exclude(pk=recording.pk)
    return list(accepted.select_related("object").order_by("-seconds")[:most])


def _windows(speech: Waveform, rate: int) -> list[Waveform]:
    size, hop = int(WINDOW_S * rate), int(HOP_S * rate)
    return [speech[at : at + size] for at in range(0, max(1, len(speech) - size + 1), hop)]


def _likeness_of_halves(windows: list[Embedding]) -> float | None:
    """Part the windows into the two most different groups, and compare these.

    Two-means on the sphere, begun from the two windows that are least alike. None for a single window.
    """
    if len(windows) < 2:
        return None
    all_windows = np.stack(windows)
    first, second = min(
        itertools.combinations(range(len(windows)), 2), key=lambda pair: similarity(*all_windows[list(pair)])
    )
    centres = all_windows[[first, second]]
    for _ in range(10):
        nearest = (all_windows @ centres.T).argmax(axis=1)
        if len(set(nearest)) < 2:
            break
        centres = np.stack([_mean(all_windows[nearest == half]) for half in (0, 1)])
    return similarity(*centres)


def _mean(embeddings: "list[Embedding] | Embedding") -> Embedding:
    mean = np.mean(embeddings, axis=0)
    return mean / np.linalg.norm(mean)
