import numpy as np
import pytest

from synthesis.marking.encode import MEDIA_TYPES, decode, encode

HEADS = {"audio/flac": b"fLaC", "audio/wav": b"RIFF"}


@pytest.mark.parametrize("media", MEDIA_TYPES)
def test_clip_comes_back_within_half_a_step(slt, media):
    data = encode(slt, 24000, media)
    assert data.startswith(HEADS[media])
    x, rate = decode(data)
    assert rate == 24000
    assert np.abs(x - slt).max() <= 1 / 32768


def test_clipping_is_never_silent(slt):
    with pytest.raises(AssertionError, match="peak of 2"):
        encode(slt / np.abs(slt).max() * np.float32(2), 24000)


def test_stereo_is_a_mistake(slt):
    with pytest.raises(AssertionError, match="mono"):
        encode(np.stack([slt, slt], 1), 24000)
