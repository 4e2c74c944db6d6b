"""Long one-dimensional convolutions by short Fourier transforms.

``nn.Conv1d`` spends most of the decoder's time, and on processors without AVX-512 it runs far below the speed
of a matrix product. Here a convolution of kernel k becomes, for every tile of n inputs, one matrix product
a Fourier coefficient:

    y = A · ((G · w) ⊙ (B · x)),   B: real DFT of a tile, G: of the kernel, A: inverse, last n - k + 1 samples

Complex products are taken in three real ones (Karatsuba), so that B, G and A are plain real matrices and
autograd needs to know nothing. With n = 32 this is 47 products a tile instead of (n - k + 1) · k: five times
fewer for k = 11, four times for k = 7. Rounding stays at float32's level, the transforms being orthogonal.
"""

import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

_TILE = 32
_AT_ONCE = 32_768
"""Tiles times channels: 6 MB of spectra, whatever the length of the line."""


def convolve(x: Tensor, weights: Sequence[Tensor], dilation: int = 1) -> list[Tensor]:
    """``F.conv1d`` with odd kernel and "same" padding, of one ``x`` ``[1, in, time]`` with several weights
    ``[out, in, kernel]`` of one kernel length; the tiles are analysed once for all of them."""
    _, channels, kernel = weights[0].shape
    time = x.shape[-1]
    analysis, filters, synthesis = _transforms(_TILE, kernel)
    tile = len(synthesis)
    # A dilated convolution is ``dilation`` plain ones on every ``dilation``-th sample.
    columns = math.ceil(time / (tile * dilation))
    margin = dilation * (kernel // 2)
    x = F.pad(x[0], (margin, margin + columns * tile * dilation - time))
    tiles = x.view(channels, -1, dilation).transpose(1, 2).unfold(-1, analysis.shape[1], tile)
    kernels = [(filters @ w.flatten(0, 1).T).view(len(filters), -1, channels) for w in weights]
    parts: list[list[Tensor]] = [[] for _ in weights]
    for some in torch.split(tiles, max(1, _AT_ONCE // (channels * dilation)), dim=2):
        spectra = (analysis @ some.permute(3, 0, 1, 2).flatten(1)).view(len(analysis), channels, -1)
        for made, spectrum in zip(parts, kernels, strict=True):
            product = torch.bmm(spectrum, spectra)
            made.append((synthesis @ product.flatten(1)).view(tile, len(spectrum[0]), dilation, -1))
    joined = (torch.cat(made, dim=3).permute(1, 3, 0, 2) for made in parts)
    return [y.reshape(1, y.shape[0], -1)[..., :time] for y in joined]


@cache
@torch.inference_mode(False)  # whoever asks first may be in it, whoever asks next may learn
def _transforms(n: int, kernel: int) -> tuple[Tensor, Tensor, Tensor]:
    """B ``[products, n]``, G ``[products, kernel]``, A ``[n - kernel + 1, products]``."""
    angle = 2 * math.pi / n * torch.arange(n // 2 + 1, dtype=torch.float64)[:, None] * torch.arange(n)
    real, imaginary = angle.cos(), -angle.sin()
    inner = slice(1, n // 2)
    ends = [0, n // 2]
    # Correlation instead of convolution: the kernel's spectrum is conjugated.
    kernel_real, kernel_imaginary = real[:, :kernel], -imaginary[:, :kernel]
    analysis = torch.cat([real[ends], (real + imaginary)[inner], real[inner], imaginary[inner]])
    filters = torch.cat(
        [
            kernel_real[ends],
            kernel_real[inner],
            (kernel_imaginary - kernel_real)[inner],
            (kernel_imaginary + kernel_real)[inner],
        ]
    )
    # With p1 = c(a + b), p2 = a(d - c), p3 = b(c + d): real part p1 - p3, imaginary part p1 + p2.
    back_real, back_imaginary = 2 / n * real[inner].T, 2 / n * imaginary[inner].T
    synthesis = torch.cat([real[ends].T / n, back_real + back_imaginary, back_imaginary, -back_real], dim=1)[
        : n - kernel + 1
    ]
    return analysis.float(), filters.float(), synthesis.float()
