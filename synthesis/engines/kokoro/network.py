"""Kokoro-82M as a differentiable network, one utterance at a time.

StyleTTS 2 (Li et al., 2023, arXiv:2306.07691) with an iSTFTNet decoder. Written after the reference code of
Kokoro (Apache-2.0) and StyleTTS 2 (MIT) without what a single utterance does not need: padding masks, packed
sequences, dropout, weight normalisation. Parameter names are the checkpoint's.

Rates: phonemes -> frames of 40 Hz (600 samples) -> pitch and energy at 80 Hz -> audio at 24 kHz.
Shapes are [batch = 1, channels, time] unless said otherwise.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthesis.engines.kokoro.fastconv import convolve

SAMPLE_RATE = 24_000
FRAME_SAMPLES = 600
PITCH_FRAME_SAMPLES = 300
STYLE = 128
MAX_PHONEMES = 510

_HIDDEN = 512
_SYMBOLS = 178
_LONGEST_PHONEME = 50


class AlbertLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.ModuleDict(
            {name: nn.Linear(768, 768) for name in ("query", "key", "value", "dense")}
        )
        self.attention["LayerNorm"] = nn.LayerNorm(768, eps=1e-12)
        self.ffn = nn.Linear(768, 2048)
        self.ffn_output = nn.Linear(2048, 768)
        self.full_layer_layer_norm = nn.LayerNorm(768, eps=1e-12)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            self.attention[name](x).unflatten(-1, (12, 64)).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        x = self.attention["LayerNorm"](x + self.attention["dense"](attended))
        hidden = self.ffn_output(F.gelu(self.ffn(x), approximate="tanh"))
        normalised: Tensor = self.full_layer_layer_norm(x + hidden)
        return normalised


class Albert(nn.Module):
    """PL-BERT: phoneme ids ``[1, phonemes]`` to contextual features ``[1, phonemes, 768]``.

    ALBERT (Lan et al., 2020): twelve passes through one shared layer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(_SYMBOLS, 128),
                "position_embeddings": nn.Embedding(512, 128),
                "token_type_embeddings": nn.Embedding(2, 128),
                "LayerNorm": nn.LayerNorm(128, eps=1e-12),
            }
        )
        self.encoder = nn.ModuleDict({"embedding_hidden_mapping_in": nn.Linear(128, 768)})
        layers = nn.ModuleList([AlbertLayer()])
        self.encoder["albert_layer_groups"] = nn.ModuleList([nn.ModuleDict({"albert_layers": layers})])

    def _layer(self, x: Tensor) -> Tensor:
        shared: Tensor = self.get_submodule("encoder.albert_layer_groups.0.albert_layers.0")(x)
        return shared

    def forward(self, ids: Tensor) -> Tensor:
        positions = torch.arange(ids.shape[1])[None]
        x = (
            self.embeddings["word_embeddings"](ids)
            + self.embeddings["position_embeddings"](positions)
            + self.embeddings["token_type_embeddings"](torch.zeros_like(ids))
        )
        x = self.encoder["embedding_hidden_mapping_in"](self.embeddings["LayerNorm"](x))
        for _ in range(12):
            x = self._layer(x)
        contextual: Tensor = x
        return contextual


class ChannelNorm(nn.Module):
    """Layer normalisation over channels of ``[1, channels, time]``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x.transpose(1, 2), self.gamma.shape, self.gamma, self.beta).transpose(1, 2)


class TextEncoder(nn.Module):
    """Phoneme ids to the features that the decoder speaks from."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(_SYMBOLS, _HIDDEN)
        self.cnn = nn.ModuleList(
            nn.Sequential(nn.Conv1d(_HIDDEN, _HIDDEN, 5, padding=2), ChannelNorm(_HIDDEN), nn.LeakyReLU(0.2))
            for _ in range(3)
        )
        self.lstm = nn.LSTM(_HIDDEN, _HIDDEN // 2, batch_first=True, bidirectional=True)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids).transpose(1, 2)
        for layer in self.cnn:
            x = layer(x)
        out: Tensor = self.lstm(x.transpose(1, 2))[0]
        return out.transpose(1, 2)


class AdaptiveLayerNorm(nn.Module):
    """Layer normalisation of ``[1, time, channels]`` whose scale and shift come from the style."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(STYLE, channels * 2)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale, shift = self.fc(style)[0].chunk(2)
        return F.layer_norm(x, x.shape[-1:], weight=1 + scale, bias=shift)


class AdaptiveInstanceNorm(nn.Module):
    """AdaIN (Huang and Belongie, 2017): instance normalisation, scaled and shifted by the style."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(STYLE, channels * 2)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale, shift = self.fc(style)[0].chunk(2)
        return F.instance_norm(x, weight=1 + scale, bias=shift)


class StyledBlock(nn.Module):
    """Residual block with AdaIN, optionally doubling the frame rate."""

    def __init__(self, channels: int, out: int, *, upsample: bool = False) -> None:
        super().__init__()
        self.upsample = upsample
        self.conv1 = nn.Conv1d(channels, out, 3, padding=1)
        self.conv2 = nn.Conv1d(out, out, 3, padding=1)
        self.norm1 = AdaptiveInstanceNorm(channels)
        self.norm2 = AdaptiveInstanceNorm(out)
        self.conv1x1 = nn.Conv1d(channels, out, 1, bias=False) if channels != out else None
        if upsample:
            self.pool = nn.ConvTranspose1d(
                channels, channels, 3, stride=2, groups=channels, padding=1, output_padding=1
            )

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        hidden = F.leaky_relu(self.norm1(x, style), 0.2)
        if self.upsample:
            hidden = self.pool(hidden)
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        hidden = self.conv2(F.leaky_relu(self.norm2(self.conv1(hidden), style), 0.2))
        if self.conv1x1 is not None:
            x = self.conv1x1(x)
        mixed: Tensor = (hidden + x) * math.sqrt(0.5)
        return mixed


class DurationEncoder(nn.Module):
    """PL-BERT features and the prosody style, mixed: ``[1, phonemes, 640]``."""

    def __init__(self) -> None:
        super().__init__()
        self.lstms = nn.ModuleList()
        for _ in range(3):
            self.lstms.append(nn.LSTM(_HIDDEN + STYLE, _HIDDEN // 2, batch_first=True, bidirectional=True))
            self.lstms.append(AdaptiveLayerNorm(_HIDDEN))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        spread = style[:, None].expand(-1, x.shape[1], -1)
        x = torch.cat([x, spread], dim=-1)
        for lstm, norm in zip(self.lstms[::2], self.lstms[1::2], strict=True):
            x = torch.cat([norm(lstm(x)[0], style), spread], dim=-1)
        return x


class ProsodyPredictor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.text_encoder = DurationEncoder()
        self.lstm = nn.LSTM(_HIDDEN + STYLE, _HIDDEN // 2, batch_first=True, bidirectional=True)
        self.duration_proj = nn.ModuleDict({"linear_layer": nn.Linear(_HIDDEN, _LONGEST_PHONEME)})
        self.shared = nn.LSTM(_HIDDEN + STYLE, _HIDDEN // 2, batch_first=True, bidirectional=True)
        self.F0, self.N = (
            nn.ModuleList(
                [
                    StyledBlock(_HIDDEN, _HIDDEN),
                    StyledBlock(_HIDDEN, _HIDDEN // 2, upsample=True),
                    StyledBlock(_HIDDEN // 2, _HIDDEN // 2),
                ]
            )
            for _ in range(2)
        )
        self.F0_proj = nn.Conv1d(_HIDDEN // 2, 1, 1)
        self.N_proj = nn.Conv1d(_HIDDEN // 2, 1, 1)

    def durations(self, features: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """Mixed features ``[1, phonemes, 640]`` and each phoneme's expected length in 40 Hz frames."""
        mixed = self.text_encoder(features, style)
        steps = self.duration_proj["linear_layer"](self.lstm(mixed)[0])
        return mixed, torch.sigmoid(steps).sum(-1)[0]

    def curves(self, mixed: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """Pitch in Hz and log energy at 80 Hz, ``[1, 2 * frames]``, from features at 40 Hz."""
        shared = self.shared(mixed)[0].transpose(1, 2)
        pitch = energy = shared
        for block in self.F0:
            pitch = block(pitch, style)
        for block in self.N:
            energy = block(energy, style)
        return self.F0_proj(pitch)[:, 0], self.N_proj(energy)[:, 0]


class HarmonicSource(nn.Module):
    """Sine harmonics of the pitch plus noise (neural source-filter, Wang et al., 2019)."""

    harmonics = 9
    sine_level = 0.1
    noise_level = 0.003
    voiced_above_hz = 10.0

    def __init__(self) -> None:
        super().__init__()
        self.l_linear = nn.Linear(self.harmonics, 1)

    def forward(self, pitch: Tensor, noise: torch.Generator | None) -> Tensor:
        """Pitch ``[1, frames]`` in Hz at 80 Hz to excitation ``[1, samples]``."""
        order = torch.arange(1, self.harmonics + 1, dtype=torch.float64)[:, None]
        turns = (pitch.double()[0] * order / SAMPLE_RATE) % 1
        phase = 2 * math.pi * PITCH_FRAME_SAMPLES * turns.cumsum(-1)
        phase = F.interpolate(phase[None], scale_factor=PITCH_FRAME_SAMPLES, mode="linear")[0]
        voiced = (pitch > self.voiced_above_hz).float().repeat_interleave(PITCH_FRAME_SAMPLES, -1)
        level = voiced * self.noise_level + (1 - voiced) * self.sine_level / 3
        sines = torch.sin(phase).float() * self.sine_level * voiced
        sines = sines + level * torch.randn(sines.shape, generator=noise)
        merged: Tensor = torch.tanh(self.l_linear(sines.T)).T
        return merged


class FastConv(nn.Conv1d):
    """A long convolution in the frequency domain."""

    thin_path: tuple[Tensor, Tensor] | None = None
    """While a voice is learnt: ``up`` [out, rank] and ``down`` [rank, in, kernel] of a low-rank change."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__(channels, channels, kernel, dilation=dilation, padding=dilation * (kernel // 2))

    def forward(self, x: Tensor) -> Tensor:
        assert self.bias is not None
        if self.thin_path is None:
            (y,) = convolve(x, [self.weight], self.dilation[0])
        else:
            up, down = self.thin_path
            y, thin = convolve(x, [self.weight, down], self.dilation[0])
            y = y + up @ thin
        return y + self.bias[:, None]


def _same_conv(channels: int, kernel: int, dilation: int) -> nn.Conv1d:
    # Transforms do not pay for three taps.
    if kernel > 3:
        return FastConv(channels, kernel, dilation)
    return nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=dilation)


class SnakeBlock(nn.Module):
    """Dilated residual convolutions with AdaIN and the Snake activation."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(_same_conv(channels, kernel, dilation) for dilation in (1, 3, 5))
        self.convs2 = nn.ModuleList(_same_conv(channels, kernel, 1) for _ in range(3))
        self.adain1 = nn.ModuleList(AdaptiveInstanceNorm(channels) for _ in range(3))
        self.adain2 = nn.ModuleList(AdaptiveInstanceNorm(channels) for _ in range(3))
        self.alpha1 = nn.ParameterList(nn.Parameter(torch.ones(1, channels, 1)) for _ in range(3))
        self.alpha2 = nn.ParameterList(nn.Parameter(torch.ones(1, channels, 1)) for _ in range(3))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        for i in range(3):
            hidden = self.convs1[i](snake(self.adain1[i](x, style), self.alpha1[i]))
            x = x + self.convs2[i](snake(self.adain2[i](hidden, style), self.alpha2[i]))
        return x


class Snake(torch.autograd.Function):
    """x + sin²(αx) / α (Ziyin et al., 2020), keeping only its input for the way back; α is not learnt."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, alpha: Tensor) -> Tensor:
        ctx.save_for_backward(x, alpha)
        sine = (x * alpha).sin_()
        return torch.addcmul(x, sine.mul_(sine), 1 / alpha)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        x, alpha = ctx.saved_tensors
        return (x * (2 * alpha)).sin_().add_(1).mul_(gradients[0]), None


def snake(x: Tensor, alpha: Tensor) -> Tensor:
    activated: Tensor = Snake.apply(x, alpha)  # type: ignore[no-untyped-call]
    return activated


class Generator(nn.Module):
    """Decoder features at 80 Hz to a waveform, through the magnitude and phase of a 20-point STFT."""

    n_fft = 20
    hop = 5
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.m_source = HarmonicSource()
        spectrum = self.n_fft + 2
        self.noise_convs = nn.ModuleList(
            [nn.Conv1d(spectrum, 256, 12, stride=6, padding=3), nn.Conv1d(spectrum, 128, 1)]
        )
        self.noise_res = nn.ModuleList([SnakeBlock(256, 7), SnakeBlock(128, 11)])
        self.ups = nn.ModuleList(
            [
                nn.ConvTranspose1d(512, 256, 20, 10, padding=5),
                nn.ConvTranspose1d(256, 128, 12, 6, padding=3),
            ]
        )
        self.resblocks = nn.ModuleList(
            SnakeBlock(channels, kernel) for channels in (256, 128) for kernel in (3, 7, 11)
        )
        self.conv_post = nn.Conv1d(128, spectrum, 7, padding=3)
        self.register_buffer("window", torch.hann_window(self.n_fft), persistent=False)

    def excite(self, pitch: Tensor, style: Tensor, noise: torch.Generator | None) -> list[Tensor]:
        """What the pitch sounds like before the text shapes it: 20 and 120 steps a 40 Hz frame, and one more
        of the latter."""
        source = self.m_source(pitch, noise)
        spectrum = torch.stft(source, self.n_fft, self.hop, window=self.window, return_complex=True)
        harmonics = torch.cat([spectrum.abs(), spectrum.angle()], dim=1)
        return [
            block(conv(harmonics), style)
            for conv, block in zip(self.noise_convs, self.noise_res, strict=True)
        ]

    def forward(self, x: Tensor, style: Tensor, excitation: list[Tensor]) -> Tensor:
        for stage in range(2):
            x = self.ups[stage](F.leaky_relu(x, 0.1))
            if stage == 1:
                x = F.pad(x, (1, 0), mode="reflect")
            x = x + excitation[stage]
            x = sum(block(x, style) for block in self.resblocks[3 * stage : 3 * stage + 3]) / 3
        x = self.conv_post(F.leaky_relu(x))
        magnitude, angle = torch.tensor_split(x, 2, dim=1)
        complete = torch.polar(magnitude.exp(), angle.sin())
        wave: Tensor = torch.istft(complete, self.n_fft, self.hop, window=self.window)
        return wave


class Decoder(nn.Module):
    """Aligned text features, pitch and energy to a waveform."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = StyledBlock(_HIDDEN + 2, 1024)
        self.decode = nn.ModuleList(StyledBlock(1024 + 2 + 64, 1024) for _ in range(3))
        self.decode.append(StyledBlock(1024 + 2 + 64, 512, upsample=True))
        self.F0_conv = nn.Conv1d(1, 1, 3, stride=2, padding=1)
        self.N_conv = nn.Conv1d(1, 1, 3, stride=2, padding=1)
        self.asr_res = nn.Sequential(nn.Conv1d(_HIDDEN, 64, 1))
        self.generator = Generator()

    def forward(
        self, text: Tensor, pitch: Tensor, energy: Tensor, style: Tensor, excitation: list[Tensor]
    ) -> Tensor:
        """``[1, 512, frames]``, ``[1, 2 * frames]`` twice, ``[1, 128]`` and what ``generator.excite`` made of
        the same pitch, to ``[600 * frames]`` samples."""
        curves = torch.cat([self.F0_conv(pitch[:, None]), self.N_conv(energy[:, None])], dim=1)
        x = self.encode(torch.cat([text, curves], dim=1), style)
        residual = self.asr_res(text)
        for block in self.decode:
            x = block(torch.cat([x, residual, curves], dim=1), style)
        wave: Tensor = self.generator(x, style, excitation)[0]
        return wave


@dataclass(frozen=True)
class TextFeatures:
    """What a line says, whoever says it: made once a line."""

    ids: Tensor
    contextual: Tensor
    """``[1, phonemes, 512]``, for prosody."""
    spoken: Tensor
    """``[1, 512, phonemes]``, for the decoder."""


@dataclass(frozen=True)
class Prosody:
    durations: Tensor
    """Whole 40 Hz frames a phoneme, ``[phonemes]``."""
    expected: Tensor
    """The same before rounding, differentiable."""
    pitch: Tensor
    energy: Tensor


class Kokoro(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bert = Albert()
        self.bert_encoder = nn.Linear(768, _HIDDEN)
        self.text_encoder = TextEncoder()
        self.predictor = ProsodyPredictor()
        self.decoder = Decoder()

    @torch.no_grad()
    def read(self, ids: list[int]) -> TextFeatures:
        """Phoneme ids of one line, without the padding at both ends, to its features."""
        assert 0 < len(ids) <= MAX_PHONEMES, f"{len(ids)} phonemes, the model takes 1 to {MAX_PHONEMES}"
        padded = torch.tensor([[0, *ids, 0]])
        return TextFeatures(padded, self.bert_encoder(self.bert(padded)), self.text_encoder(padded))

    def plan(
        self, text: TextFeatures, style: Tensor, *, durations: Tensor | None = None, speed: float = 1.0
    ) -> Prosody:
        """Durations, pitch and energy in the prosody style ``[1, 128]``; given durations are kept."""
        mixed, expected = self.predictor.durations(text.contextual, style)
        if durations is None:
            durations = (expected / speed).round().clamp(min=1).long()
        stretched = mixed.repeat_interleave(durations, dim=1)
        pitch, energy = self.predictor.curves(stretched, style)
        return Prosody(durations, expected, pitch, energy)
