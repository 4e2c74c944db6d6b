"""The demo's own voice: synthetic recordings, and the model that was learned from them."""

from pathlib import Path

import synthesis.engines.kokoro

RECORDINGS = Path(__file__).resolve().parent / "voice"
MODEL = Path(synthesis.engines.kokoro.__file__).parent / "data" / "demo_voice.safetensors"


def demo_voice_model() -> bytes:
    return MODEL.read_bytes()
