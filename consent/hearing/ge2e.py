"""Door to Resemblyzer: its GE2E speaker encoder, without its package.

``import resemblyzer`` wants webrtcvad, which needs a compiler, and scipy.ndimage.morphology, which is
gone. The encoder itself is three LSTM layers and a projection (Wan et al., Generalized End-to-End Loss for
Speaker Verification, 2018), so it is written out here and only the weights come from the wheel. It stays
differentiable, since the embedded engine learns through it.
"""

from functools import cache

import torch
from torch import Tensor, nn

from consent.hearing.audio import LISTENING_RATE, thread_count
from consent.hearing.packages import package_folder
from consent.hearing.spectra import mel_bank

WINDOW_FRAMES = 160
"""1.6 s: the stretch that one embedding was trained on."""

_HOP = 160
_WINDOW = 400
_LEVEL_DBFS = -30.0


class SpeakerEncoder(nn.Module):
    """Mel frames ``[batch, frames, 40]`` to unit embeddings ``[batch, 256]``."""

    bank: Tensor
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(40, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, 256)
        self.register_buffer("bank", torch.from_numpy(mel_bank(rate=LISTENING_RATE, n_fft=_WINDOW, bands=40)))
        self.register_buffer("window", torch.hann_window(_WINDOW))

    def mel_frames(self, x: Tensor) -> Tensor:
        """Waveform ``[samples]`` at 16 kHz to power mel frames ``[frames, 40]`` at a fixed level.

        Resemblyzer only raises quiet speech to -30 dBFS; we lower loud speech too, because the features
        are not logarithmic and the same voice must give the same embedding at every volume.
        """
        x = x * (10 ** (_LEVEL_DBFS / 20) / x.square().mean().sqrt().clamp(min=1e-7))
        spectrum = torch.stft(x, _WINDOW, _HOP, window=self.window, return_complex=True).abs().square()
        return (self.bank @ spectrum).T

    def forward(self, frames: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(frames)
        return nn.functional.normalize(torch.relu(self.linear(hidden[-1])), dim=1)

    def embed(self, x: Tensor) -> Tensor:
        """Unit embedding ``[256]`` of a 16 kHz waveform: the mean over half-overlapping 1.6 s windows."""
        frames = self.mel_frames(x)
        if len(frames) <= WINDOW_FRAMES:
            whole: Tensor = self(frames[None])[0]
            return whole
        windows = frames.unfold(0, WINDOW_FRAMES, WINDOW_FRAMES // 2).transpose(1, 2)
        mean: Tensor = self(windows).mean(0)
        return nn.functional.normalize(mean, dim=0)


@cache
@torch.inference_mode(False)  # whoever asks first may be in it, whoever asks next may learn
def load_encoder() -> SpeakerEncoder:
    """The encoder with Resemblyzer's weights (Apache-2.0), frozen."""
    torch.set_num_threads(thread_count())
    weights_file = package_folder("resemblyzer") / "pretrained.pt"
    state = torch.load(weights_file, map_location="cpu", weights_only=True)
    encoder = SpeakerEncoder()
    weights = {name: w for name, w in state["model_state"].items() if not name.startswith("similarity")}
    encoder.load_state_dict(weights | {"bank": encoder.bank, "window": encoder.window})
    return encoder.eval().requires_grad_(False)
