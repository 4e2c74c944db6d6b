"""The parts of the embedded engine's network, each against a plainer way to the same numbers."""

import numpy as np
import pytest
import torch
from torch.func import functional_call
from torch.nn import functional as F

from synthesis.engines.kokoro.enrolment.acoustics import align_durations, measure_energy, measure_pitch
from synthesis.engines.kokoro.enrolment.adaptation import VoiceChange
from synthesis.engines.kokoro.fastconv import convolve
from synthesis.engines.kokoro.network import SAMPLE_RATE, Decoder, Snake
from synthesis.engines.kokoro.packs import LENGTHS, load_packs
from synthesis.engines.kokoro.voice_file import Voice


@pytest.mark.parametrize("kernel", [7, 11])
@pytest.mark.parametrize("dilation", [1, 3, 5])
@pytest.mark.parametrize("time", [40, 333])
def test_the_fast_convolution_and_its_gradients_equal_the_plain_one(kernel, dilation, time):
    torch.manual_seed(0)
    x = torch.randn(1, 8, time, requires_grad=True)
    weight = torch.randn(6, 8, kernel, requires_grad=True)
    bias = torch.randn(6, requires_grad=True)
    direction = torch.randn(1, 6, time)

    plain = F.conv1d(x, weight, bias, padding=dilation * (kernel // 2), dilation=dilation)
    fast, half = convolve(x, [weight, weight[:3]], dilation)
    fast = fast + bias[:, None]

    torch.testing.assert_close(fast, plain, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(half + bias[:3, None], plain[:, :3], rtol=1e-4, atol=1e-4)
    wanted = torch.autograd.grad(plain, (x, weight, bias), direction)
    for ours, theirs in zip(torch.autograd.grad(fast, (x, weight, bias), direction), wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_snake_and_its_gradient_equal_the_formula():
    x = torch.randn(1, 4, 50, dtype=torch.float64, requires_grad=True)
    alpha = torch.rand(1, 4, 1, dtype=torch.float64) + 0.5

    torch.testing.assert_close(Snake.apply(x, alpha), x + torch.sin(alpha * x) ** 2 / alpha)
    assert torch.autograd.gradcheck(lambda y: Snake.apply(y, alpha), x)


def test_a_change_sounds_the_same_while_it_is_learnt_and_once_it_is_merged():
    torch.manual_seed(0)
    decoder = Decoder().eval().requires_grad_(False)
    change = VoiceChange(decoder, torch.randn(1, 128), rank=4)
    with torch.no_grad():
        for parameter in (*change.up.parameters(), *change.full.parameters()):
            parameter.normal_(std=0.02)
        pitch = torch.full((1, 16), 120.0)
        inputs = (torch.randn(1, 512, 8), pitch, torch.randn(1, 16), change.style)
        excitation = decoder.generator.excite(pitch, change.style, None)
        stock = decoder(*inputs, excitation)
        with change.applied(decoder) as parameters:
            learning = functional_call(decoder, parameters, (*inputs, excitation))
        voice = Voice(change.style, change.style, torch.zeros(3), 1.0, change.tensors(1.0), {})
        merged = functional_call(
            decoder, voice.merge(dict(decoder.named_parameters())), (*inputs, excitation)
        )

    torch.testing.assert_close(learning, merged, rtol=1e-3, atol=1e-4 * float(merged.abs().max()))
    assert (learning - stock).abs().max() > 0.01 * stock.abs().max()
    torch.testing.assert_close(decoder(*inputs, excitation), stock)


def tone(*hertz: float, seconds: float = 0.5) -> np.ndarray:
    """Stretches of a buzz with ten harmonics, one after the other."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    parts = [sum(np.sin(2 * np.pi * f * h * time) / h for h in range(1, 11)) for f in hertz]
    return (0.1 * np.concatenate(parts)).astype(np.float32)


@pytest.mark.parametrize("hertz", [75.0, 110.0, 220.0, 330.0])
def test_pitch_of_a_buzz_is_found(hertz):
    pitch = measure_pitch(tone(hertz))[4:-4]

    np.testing.assert_allclose(pitch, hertz, rtol=0.01)


def test_pitch_follows_a_leap_and_silence_has_none():
    silence = np.zeros(SAMPLE_RATE // 2, dtype=np.float32)
    pitch = measure_pitch(np.concatenate([tone(120.0, 160.0), silence]))

    np.testing.assert_allclose([pitch[20], pitch[60]], [120, 160], rtol=0.02)
    assert not pitch[-30:-4].any()


def test_noise_has_no_pitch():
    noise = (0.1 * np.random.default_rng(0).standard_normal(SAMPLE_RATE)).astype(np.float32)

    assert np.mean(measure_pitch(noise) > 0) < 0.1


def test_energy_grows_with_level():
    quiet, loud = measure_energy(0.1 * tone(150.0)), measure_energy(tone(150.0))

    assert (loud > quiet + 1).all()


def test_alignment_with_itself_changes_nothing_and_slower_speech_is_longer(slt):
    speech = slt[: len(slt) // 600 * 600]
    durations = torch.full((len(speech) // 1800,), 3)
    slower = np.interp(np.arange(0, len(speech), 0.8), np.arange(len(speech)), speech).astype(np.float32)

    same = align_durations(speech, speech, durations)
    stretched = align_durations(slower, speech, durations)

    assert (same - durations).abs().float().mean() < 0.5
    assert 1.15 < stretched.sum() / durations.sum() < 1.35


def test_a_stock_style_between_two_kept_lengths_lies_between_them():
    packs = load_packs()
    low, high = LENGTHS[3], LENGTHS[4]

    middle = packs.style("af_heart", (low + high) // 2)

    ends = (packs.style("af_heart", low) + packs.style("af_heart", high)) / 2
    torch.testing.assert_close(middle, ends)


def test_the_nearest_stock_voice_to_a_stock_voice_is_itself():
    packs = load_packs()

    for index in (0, 20, 40):
        assert packs.rank(packs.ge2e[index], float(packs.pitch[index]))[0] == packs.names[index]
