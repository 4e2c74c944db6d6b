"""Who speaks: unit speaker embeddings and their cosine similarity.

Two encoders, trained on different data with different losses. Measured on synthetic voices, the same speaker
scores .93 to .97 with GE2E and .88 to .95 with CAM++; different speakers .45 to .70 and .30 to .55.
"""

import numpy as np
import torch

from consent.hearing import campp, ge2e
from consent.hearing.activity import speech_segments
from consent.hearing.audio import LISTENING_RATE, Embedding, Waveform, assert_waveform, resample

_SHORTEST_S = 0.5


def _speech_only(x: Waveform, rate: int) -> Waveform:
    """The spoken parts joined, at 16 kHz; everything when less than half a second of speech is found."""
    assert_waveform(x, rate)
    x = resample(x, rate, LISTENING_RATE)
    spans = speech_segments(x, LISTENING_RATE)
    if sum(end - start for start, end in spans) >= _SHORTEST_S:
        x = np.concatenate([x[int(a * LISTENING_RATE) : int(b * LISTENING_RATE)] for a, b in spans])
    shortage = int(_SHORTEST_S * LISTENING_RATE) - len(x)
    return np.pad(x, (0, max(0, shortage)))


def embed_ge2e(x: Waveform, rate: int) -> Embedding:
    """GE2E embedding ``[256]`` of the speech in ``x``, of unit length."""
    speech = torch.from_numpy(_speech_only(x, rate))
    with torch.inference_mode():
        return np.asarray(ge2e.load_encoder().embed(speech).numpy(), dtype=np.float32)


def embed_campp(x: Waveform, rate: int) -> Embedding:
    """CAM++ embedding ``[192]`` of the speech in ``x``, of unit length."""
    features = torch.from_numpy(campp.kaldi_features(_speech_only(x, rate)))
    with torch.inference_mode():
        embedding = campp.load_encoder()(features[None]).squeeze().numpy()
    return np.asarray(embedding / np.linalg.norm(embedding), dtype=np.float32)


def similarity(a: Embedding, b: Embedding) -> float:
    """Cosine of two unit embeddings of one encoder: 1 is the same voice."""
    assert a.shape == b.shape, f"embeddings of two encoders: {a.shape} and {b.shape}"
    return float(a @ b)
