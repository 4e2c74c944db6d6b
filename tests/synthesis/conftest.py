from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from synthesis.marking.watermark import Watermarker
from tests.synthesis.world import World

_SPEECH = Path(__file__).parent.parent / "fixtures" / "speech"


@pytest.fixture(scope="session")
def slt() -> np.ndarray:
    """3.5 s of a synthetic woman's voice, 24 kHz mono float32."""
    return soundfile.read(_SPEECH / "slt_birch_canoe.flac", dtype="float32")[0]


@pytest.fixture(scope="session")
def rms() -> np.ndarray:
    """4.9 s of a synthetic man's voice, 24 kHz mono float32."""
    return soundfile.read(_SPEECH / "rms_notebook.flac", dtype="float32")[0]


@pytest.fixture(scope="session")
def watermarker() -> Watermarker:
    return Watermarker(b"a watermark key for tests, 32 by")


@pytest.fixture
def world(db: None, now: datetime) -> World:
    return World(now)
