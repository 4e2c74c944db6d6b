"""A voice and phonemes to a waveform."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from synthesis.engines.base import SpeechStoppedError, Waveform
from synthesis.engines.kokoro.network import SAMPLE_RATE, STYLE, Kokoro
from synthesis.engines.kokoro.phonemes import Piece
from synthesis.engines.kokoro.voice_file import Voice
from synthesis.engines.kokoro.weights import load_network

_LOUDEST = 0.98


@torch.inference_mode()
def speak_pieces(
    voice: Voice,
    decoder: Mapping[str, Tensor],
    pieces: list[Piece],
    *,
    seed: int,
    stopped: Callable[[], bool],
) -> Waveform:
    """One line, 24 kHz, its pieces joined by their pauses; ``decoder`` is what ``voice.merge`` gave.

    The seed fixes the noise in unvoiced sounds. Raises SpeechStoppedError, in the middle of a piece too.
    """
    network = load_network()
    noise = torch.Generator().manual_seed(seed)
    waves: list[Waveform] = []
    with _interruptible(network, stopped):
        for piece in pieces:
            wave = _speak_piece(network, voice, decoder, piece.ids, noise)
            waves += [_trim(wave), np.zeros(int(piece.pause_s * SAMPLE_RATE), dtype=np.float32)]
    line = np.concatenate(waves)
    return line * np.float32(min(1.0, _LOUDEST / np.abs(line).max()))


@contextmanager
def _interruptible(network: Kokoro, stopped: Callable[[], bool]) -> Iterator[None]:
    """Asks before each of the generator's eight large blocks, which is every second or so of work."""

    def check(*_: object) -> None:
        if stopped():
            raise SpeechStoppedError

    blocks = [*network.decoder.generator.noise_res, *network.decoder.generator.resblocks]
    hooks = [block.register_forward_pre_hook(check) for block in blocks]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _speak_piece(
    network: Kokoro, voice: Voice, decoder: Mapping[str, Tensor], ids: list[int], noise: torch.Generator
) -> Waveform:
    text = network.read(ids)
    plan = network.plan(text, voice.style[:, STYLE:], speed=voice.speed)
    centre, ratio, target = voice.pitch_map
    moved = torch.exp((plan.pitch.clamp(min=1.0).log() - centre) * ratio + target)
    pitch = torch.where(plan.pitch > 50, moved, plan.pitch)
    spoken = text.spoken.repeat_interleave(plan.durations, dim=2)
    excitation = network.decoder.generator.excite(pitch, voice.source_style, noise)
    arguments = (spoken, pitch, plan.energy, voice.style[:, :STYLE], excitation)
    wave: Tensor = functional_call(network.decoder, dict(decoder), arguments)
    return wave.numpy()


def _trim(x: Waveform) -> Waveform:
    """Without the silence before and after, all but 30 ms of it."""
    hop = SAMPLE_RATE // 100
    level = np.sqrt(np.mean(x[: len(x) // hop * hop].reshape(-1, hop) ** 2, axis=1))
    loud = np.flatnonzero(level > 0.02 * level.max())
    return x[max(0, loud[0] - 3) * hop : (loud[-1] + 4) * hop]
