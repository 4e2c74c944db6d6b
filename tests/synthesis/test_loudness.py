import numpy as np
import pytest

from synthesis.marking.errors import MarkingError
from synthesis.marking.loudness import measure_loudness, measure_true_peak, normalise


@pytest.mark.parametrize("gain", [0.02, 0.3, 1.0])
def test_speech_is_brought_to_target_under_the_peak(slt, rms, gain):
    for x in (slt, rms):
        levelled = normalise((x * gain).astype(np.float32), 24000)
        assert len(levelled) == len(x)
        assert measure_loudness(levelled, 24000) == pytest.approx(-16, abs=0.2)
        assert measure_true_peak(levelled, 24000) <= -1.0


def test_click_is_turned_down_not_the_speech(slt):
    x = slt * np.float32(0.2)
    x[50_000] = 1.0
    levelled = normalise(x, 24000)
    assert measure_loudness(levelled, 24000) == pytest.approx(-16, abs=0.5)
    assert measure_true_peak(levelled, 24000) <= -1.0


def test_clip_shorter_than_a_measuring_block_is_levelled(slt):
    word = slt[24000 : 24000 + 6000]
    assert measure_loudness(normalise(word, 24000), 24000) == pytest.approx(-16, abs=0.2)


def test_silence_is_refused():
    with pytest.raises(MarkingError, match=r"marking\.silent"):
        normalise(np.zeros(24000, np.float32), 24000)


def test_true_peak_sees_between_the_samples():
    x = np.sin(np.arange(4800) * np.pi / 2 + np.pi / 4).astype(np.float32) * 0.99
    assert measure_true_peak(x, 48000) > 20 * np.log10(np.abs(x).max()) + 2
