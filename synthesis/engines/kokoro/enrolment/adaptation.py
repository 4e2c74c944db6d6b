"""Learning one speaker: the stock network is bent towards a few phrases, a little and in few directions.

1. Durations of every phrase by dynamic time warping against the nearest stock voice's reading of it.
2. Prosody style (128 numbers) by gradient on pitch, durations and energy; cheap, no audio is made.
3. Acoustic style, the shifts of every adaptive normalisation and a low-rank change of every large decoder
   weight (LoRA, Hu et al., 2021), by gradient on multi-resolution log mel distance and GE2E similarity of
   random excerpts.

CAM++, the judge of the result, takes no part in the learning.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from consent.hearing import ge2e
from consent.hearing.audio import LISTENING_RATE
from consent.hearing.spectra import mel_bank
from synthesis.engines.kokoro.enrolment import acoustics
from synthesis.engines.kokoro.enrolment.phrases import Phrase
from synthesis.engines.kokoro.network import (
    FRAME_SAMPLES,
    SAMPLE_RATE,
    STYLE,
    FastConv,
    Kokoro,
    TextFeatures,
)

RANK = 12
RATES = {"style": 0.006, "full": 0.004, "up": 0.002, "down": 0.0005}
"""Peak learning rates of Adam for each part of the change."""
_EXCERPT_FRAMES = 64
"""1.6 s: what one GE2E window hears."""
_PADDING = SAMPLE_RATE // 10

Report = Callable[[float], None]


@dataclass(frozen=True)
class Lesson:
    """One phrase, measured, aligned and ready to be imitated."""

    phrase: Phrase
    text: TextFeatures
    durations: Tensor
    spoken: Tensor
    """Text features stretched to 40 Hz frames, ``[1, 512, frames]``."""
    pitch: Tensor
    energy: Tensor
    excitation: list[Tensor]
    samples: Tensor
    """As many as the network makes of these frames: 600 each."""

    @property
    def frames(self) -> int:
        return self.spoken.shape[-1]

    def excerpt(self, first: int, length: int) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
        """Text features, pitch, energy and excitation of ``length`` 40 Hz frames."""
        last = first + length
        return (
            self.spoken[..., first:last],
            self.pitch[:, 2 * first : 2 * last],
            self.energy[:, 2 * first : 2 * last],
            [
                self.excitation[0][..., 20 * first : 20 * last],
                self.excitation[1][..., 120 * first : 120 * last + 1],
            ],
        )


def prepare_lesson(network: Kokoro, phrase: Phrase, style: Tensor, noise: torch.Generator) -> Lesson:
    """Measure and align one phrase with the help of a stock voice's ``style`` ``[1, 256]``."""
    x = np.pad(phrase.samples, _PADDING)
    with torch.inference_mode():
        text = network.read(phrase.ids)
        plan = network.plan(text, style[:, STYLE:])
        stretched = text.spoken.repeat_interleave(plan.durations, dim=2)
        excitation = network.decoder.generator.excite(plan.pitch, style[:, :STYLE], None)
        reading = network.decoder(stretched, plan.pitch, plan.energy, style[:, :STYLE], excitation).numpy()
    durations = acoustics.align_durations(x, reading, plan.durations)
    frames = int(durations.sum())
    pitch = _fit(torch.from_numpy(acoustics.measure_pitch(x)), 2 * frames)[None]
    with torch.no_grad():
        excitation = network.decoder.generator.excite(pitch, style[:, :STYLE], noise)
    return Lesson(
        phrase=phrase,
        text=TextFeatures(text.ids.clone(), text.contextual.clone(), text.spoken.clone()),
        durations=durations,
        spoken=text.spoken.clone().repeat_interleave(durations, dim=2),
        pitch=pitch,
        energy=_fit(acoustics.measure_energy(x), 2 * frames)[None],
        excitation=excitation,
        samples=F.pad(torch.from_numpy(x), (0, max(0, frames * FRAME_SAMPLES - len(x))))[
            : frames * FRAME_SAMPLES
        ],
    )


def _fit(curve: Tensor, length: int) -> Tensor:
    """The curve cut to ``length``, or held at its last value up to it."""
    return torch.cat([curve[:length], curve[-1:].expand(max(0, length - len(curve)))])


def learn_prosody(
    network: Kokoro, lessons: list[Lesson], start: Tensor, *, steps: int, report: Report
) -> Tensor:
    """Prosody style ``[1, 128]`` whose pitch, durations and energy fit the lessons'."""
    style = start.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([style], lr=0.01)
    for step in range(steps):
        lesson = lessons[step % len(lessons)]
        plan = network.plan(lesson.text, style, durations=lesson.durations)
        voiced = (lesson.pitch > 40) & (plan.pitch > 40)
        octaves = (plan.pitch.clamp(min=30).log() - lesson.pitch.clamp(min=30).log())[voiced].abs()
        tempo = ((plan.expected + 0.5).log() - (lesson.durations + 0.5).log())[1:-1].abs().mean()
        loudness = (plan.energy - lesson.energy).abs().mean()
        drift = (style - start).square().mean()
        loss = 5 * (octaves.mean() if voiced.any() else 0.0) + tempo + 0.3 * loudness + 0.5 * drift
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        report((step + 1) / steps)
    return style.detach()


def map_pitch(network: Kokoro, lessons: list[Lesson], style: Tensor) -> tuple[Tensor, float]:
    """What the style still misses ``[3]`` (its median log pitch, the real spread as a share of its own, the
    real median) and the speed that makes up for its tempo."""
    predicted, real, planned, spoken = [], [], 0.0, 0.0
    with torch.inference_mode():
        for lesson in lessons:
            plan = network.plan(lesson.text, style)
            predicted.append(plan.pitch[plan.pitch > 50].log())
            real.append(lesson.pitch[lesson.pitch > 0].log())
            planned += float(plan.durations[1:-1].sum())
            spoken += float(lesson.durations[1:-1].sum())

    def spread(values: Tensor) -> Tensor:
        return values.quantile(0.8) - values.quantile(0.2)

    ours, theirs = torch.cat(predicted), torch.cat(real)
    ratio = (spread(theirs) / spread(ours)).clamp(0.6, 1.7)
    centre = ours.median()
    return torch.stack([centre, ratio, theirs.median()]), min(1.3, max(0.75, planned / spoken))


class VoiceChange(nn.Module):
    """What is learnt of the decoder: shifts in full, large weights as ``up @ down`` of a small rank."""

    def __init__(self, decoder: nn.Module, style: Tensor, rank: int = RANK) -> None:
        super().__init__()
        self.style = nn.Parameter(style.clone())
        self.full = nn.ParameterDict()
        self.up = nn.ParameterDict()
        self.down = nn.ParameterDict()
        generator = torch.Generator().manual_seed(0)
        for name, weight in decoder.named_parameters():
            # The excitation is made once a lesson and kept, so what makes it stays as it is; and with one
            # style in use the weights behind it add nothing that their shifts cannot.
            if any(fixed in name for fixed in ("m_source", "noise_", "alpha")) or name.endswith("fc.weight"):
                continue
            flat = weight.flatten(1) if weight.ndim > 1 else weight
            if flat.ndim > 1 and min(flat.shape) > 2 * rank:
                down = torch.randn(rank, flat.shape[1], generator=generator) / math.sqrt(flat.shape[1])
                self.up[_key(name)] = nn.Parameter(torch.zeros(flat.shape[0], rank))
                self.down[_key(name)] = nn.Parameter(down)
            else:
                self.full[_key(name)] = nn.Parameter(torch.zeros_like(weight))

    @contextmanager
    def applied(self, decoder: nn.Module) -> Iterator[dict[str, Tensor]]:
        """Lets the decoder speak with the change: yields its changed parameters, and adds the low-rank paths.

        ``up @ down`` is never multiplied out while learning: each layer's output gains the output of two thin
        layers, so that no gradient of a large weight is ever computed or kept.
        """
        changed: dict[str, Tensor] = dict(decoder.named_parameters())
        with ExitStack() as undo:
            for key in self.up:
                self._add_path(decoder.get_submodule(_name(key).removesuffix(".weight")), key, undo)
            yield changed | {_name(key): changed[_name(key)] + shift for key, shift in self.full.items()}

    def _add_path(self, layer: nn.Module, key: str, undo: ExitStack) -> None:
        assert isinstance(layer, nn.Conv1d | nn.ConvTranspose1d)
        up, down = self.up[key], self.down[key].view(-1, *layer.weight.shape[1:])
        padding = cast(tuple[int], layer.padding)
        if isinstance(layer, FastConv):
            layer.thin_path = (up, down)
            undo.callback(setattr, layer, "thin_path", None)
            return

        def bend(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            if isinstance(layer, nn.ConvTranspose1d):
                # Its weight is [in, out, kernel], so that the thin side comes first.
                return output + F.conv_transpose1d(up.T @ inputs[0], down, None, layer.stride, padding)
            thin = F.conv1d(inputs[0], down, None, layer.stride, padding, layer.dilation)
            return torch.add(output, up @ thin)

        undo.callback(layer.register_forward_hook(bend).remove)

    def tensors(self, strength: float) -> dict[str, Tensor]:
        """The change as ``voice_file`` stores it; weights between stock (``strength`` 0) and learnt (1)."""
        shifts = {_name(key): change.detach() for key, change in self.full.items()}
        ups = {f"{_name(key)}.up": strength * up.detach() for key, up in self.up.items()}
        downs = {f"{_name(key)}.down": down.detach() for key, down in self.down.items()}
        return shifts | ups | downs


def _key(name: str) -> str:
    # Module dictionaries refuse dots in their keys.
    return name.replace(".", "/")


def _name(key: str) -> str:
    return key.replace("/", ".")


def learn_timbre(
    network: Kokoro, lessons: list[Lesson], start: Tensor, owner: Tensor, *, steps: int, report: Report
) -> VoiceChange:
    """Bend the decoder from the acoustic style ``start`` ``[1, 128]`` towards the lessons.

    ``owner`` is the speaker's GE2E embedding ``[256]``. Excerpts follow a fixed seed, so that the same
    recordings give the same voice.
    """
    change = VoiceChange(network.decoder, start)
    encoder = ge2e.load_encoder()
    distance = MelDistance(min(lesson.phrase.bandwidth_hz for lesson in lessons))
    rates = RATES
    groups = [
        {"params": [change.style], "peak": rates["style"]},
        *(
            {"params": list(getattr(change, part).values()), "peak": rates[part]}
            for part in ("full", "up", "down")
        ),
    ]
    optimiser = torch.optim.Adam(groups, lr=0.0, betas=(0.8, 0.99))
    chance = np.random.default_rng(0)
    weights = np.array([lesson.frames for lesson in lessons], dtype=float)
    for step in range(steps):
        warm = min(1.0, (step + 1) / 6)
        fade = 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * warm * fade
        lesson = lessons[chance.choice(len(lessons), p=weights / weights.sum())]
        length = min(_EXCERPT_FRAMES, lesson.frames)
        first = int(chance.integers(lesson.frames - length + 1))
        excerpt = lesson.excerpt(first, length)
        with change.applied(network.decoder) as parameters:
            made = functional_call(network.decoder, parameters, (*excerpt[:3], change.style, excerpt[3]))
        wanted = lesson.samples[first * FRAME_SAMPLES : (first + length) * FRAME_SAMPLES]
        shared = min(len(made), len(wanted))
        likeness = encoder.embed(_as_recorded(made, distance.bandwidth_hz)) @ owner
        drift = (change.style - start).square().mean()
        loss = distance(made[:shared], wanted[:shared]) + 2 * (1 - likeness) + 0.02 * drift
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        report((step + 1) / steps)
    return change


def _as_recorded(x: Tensor, bandwidth_hz: float) -> Tensor:
    """24 kHz to 16 kHz without what the recordings could not hold either; differentiable."""
    length = len(x) * 2 // 3
    spectrum = torch.fft.rfft(x)[: length // 2 + 1]
    heard = torch.arange(len(spectrum)) * (LISTENING_RATE / length) < bandwidth_hz
    made: Tensor = torch.fft.irfft(spectrum * heard, length)
    return made * (LISTENING_RATE / SAMPLE_RATE)


class MelDistance:
    """Mean absolute log mel difference at three resolutions, frame by frame and of the average spectrum."""

    _RESOLUTIONS = ((2048, 300, 80), (1024, 240, 80), (512, 120, 40))

    def __init__(self, bandwidth_hz: float) -> None:
        self.bandwidth_hz = bandwidth_hz
        high = min(11_000.0, 0.95 * bandwidth_hz)
        self.banks = [
            torch.from_numpy(mel_bank(rate=SAMPLE_RATE, n_fft=n, bands=bands, high=high, scale="htk"))
            for n, _, bands in self._RESOLUTIONS
        ]

    def __call__(self, made: Tensor, wanted: Tensor) -> Tensor:
        total = made.new_zeros(())
        for (n, hop, _), bank in zip(self._RESOLUTIONS, self.banks, strict=True):
            window = torch.hann_window(n)
            a, b = (
                torch.log(
                    bank @ torch.stft(x, n, hop, window=window, return_complex=True).abs().square() + 1e-5
                )
                for x in (made, wanted)
            )
            total = total + (a - b).abs().mean() + 0.5 * (a.mean(1) - b.mean(1)).abs().mean()
        return total / len(self._RESOLUTIONS)
