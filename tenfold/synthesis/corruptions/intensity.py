"""Corruptions of intensity and resolution: noise, blur, light, coarse scans and JPEG."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from tenfold.images import SIDE
from tenfold.synthesis.ops import affine_matrices, blur, fractal_noise, per_image, pixel_centers, uniform, warp

# The quantization table of JPEG's luminance (ITU-T T.81, table K.1).
LUMINANCE_STEPS = """
16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99
"""


def gaussian_noise(pixels: Tensor, severity: Tensor) -> Tensor:
    return pixels + torch.randn_like(pixels) * per_image(10 + 80 * severity)


def shot_noise(pixels: Tensor, severity: Tensor) -> Tensor:
    """Few photons: 60 down to 2 per white pixel, on paper that is not quite dark."""
    photons = per_image(60 ** (1 - severity) * 2**severity)
    expected = (pixels / 255 + 0.05) * photons
    # A rounded normal number instead of a Poisson one, which takes fifty times as long.
    detected = (expected + expected.sqrt() * torch.randn_like(pixels)).round().clamp(min=0)
    return detected / photons * 255


def impulse_noise(pixels: Tensor, severity: Tensor) -> Tensor:
    """Up to 45 % of the pixels black or white; in some pictures white only."""
    draw = torch.rand_like(pixels)
    noisy = per_image(0.02 + 0.43 * severity)
    white = noisy * torch.where(torch.rand(len(pixels), 1, 1) < 0.3, 1.0, 0.5)
    return torch.where(draw < white, 255.0, torch.where(draw < noisy, 0.0, pixels))


def speckle_noise(pixels: Tensor, severity: Tensor) -> Tensor:
    """Noise in proportion to the brightness."""
    return pixels * (1 + torch.randn_like(pixels) * per_image(0.2 + 0.8 * severity))


def gaussian_blur(pixels: Tensor, severity: Tensor) -> Tensor:
    blurred = blur(pixels, 0.5 + 2.0 * severity)
    # Half of the pictures are stretched to full white again, as a camera would.
    stretched = blurred * (255 / blurred.amax(dim=(1, 2), keepdim=True).clamp(min=40))
    return torch.where(torch.rand(len(pixels), 1, 1) < 0.5, stretched, blurred)


def motion_blur(pixels: Tensor, severity: Tensor) -> Tensor:
    """The mean of the picture moved along a segment of up to 11 pixels."""
    angle, length = uniform(len(pixels), 0, torch.pi), 2 + 9 * severity
    total = torch.zeros_like(pixels)
    steps = torch.linspace(-0.5, 0.5, 9)
    for step in steps:
        shift = step * length / SIDE
        shift_x, shift_y = shift * torch.cos(angle), shift * torch.sin(angle)
        total += warp(pixels, affine_matrices(len(pixels), shift_x=shift_x, shift_y=shift_y))
    gain = per_image(uniform(len(pixels), 1.0, 1.6))
    return total / len(steps) * gain


def glass_blur(pixels: Tensor, severity: Tensor) -> Tensor:
    """Each pixel taken from somewhere nearby, between two slight blurs."""
    blurred = blur(pixels, 0.4 + 0.4 * severity)
    displacement = torch.randn(len(pixels), 2, SIDE, SIDE) * (0.5 + 1.6 * severity).view(-1, 1, 1, 1)
    scattered = warp(blurred, affine_matrices(len(pixels)), displacement, mode="nearest")
    return blur(scattered, 0.3 + 0.4 * severity)


def brightness(pixels: Tensor, severity: Tensor) -> Tensor:
    """Everything lighter: black paper becomes gray, up to four fifths of white."""
    return pixels + per_image(255 * (0.1 + 0.7 * severity))


def contrast(pixels: Tensor, severity: Tensor) -> Tensor:
    """From full contrast down to a seventh, at any brightness that leaves room for it."""
    scale = per_image(1 - 0.86 * severity)
    return pixels * scale + per_image(torch.rand(len(pixels))) * 255 * (1 - scale)


def fog(pixels: Tensor, severity: Tensor) -> Tensor:
    density = per_image(0.3 + 2.2 * severity)
    roughness = float(uniform(1, 0.4, 0.75))
    fogged = pixels + density * 255 * fractal_noise(len(pixels), SIDE, roughness)
    return fogged / (0.7 + 0.3 * density + 0.35 * density)


def shadow(pixels: Tensor, severity: Tensor) -> Tensor:
    """Light that falls off to one side, over ink and paper."""
    x, y = pixel_centers(SIDE)
    angle = per_image(uniform(len(pixels), 0, 2 * torch.pi))
    ramp = ((x - SIDE / 2) * torch.cos(angle) + (y - SIDE / 2) * torch.sin(angle)) / SIDE + 0.5
    shade = ramp.clamp(0, 1) * per_image(severity)
    paper = per_image(uniform(len(pixels), 0, 150))
    return pixels * (1 - 0.75 * shade) + paper * (1 - shade) * per_image(severity)


def inversion(pixels: Tensor, severity: Tensor) -> Tensor:
    """Dark ink on light paper, from full contrast down to two fifths."""
    scale = per_image(1 - 0.6 * severity)
    black = per_image(torch.rand(len(pixels))) * 255 * (1 - scale)
    return (255 - pixels) * scale + black


def low_resolution(pixels: Tensor, severity: Tensor) -> Tensor:
    """Scanned at 20 down to 8 pixels per side and enlarged, smoothly or in squares."""
    side = (20 - 12 * severity).round().long()
    is_smooth = torch.rand(len(pixels), 1, 1) < 0.5
    matrix = torch.where(is_smooth, _resampling_matrices(True)[side], _resampling_matrices(False)[side])
    return matrix @ pixels @ matrix.transpose(1, 2)


@cache
def _resampling_matrices(smooth: bool) -> Tensor:
    """(21, 28, 28): for n up to 20, the reduction of a line of 28 pixels to n pixels and back."""
    line = torch.eye(SIDE).unsqueeze(0)  # (1, 28 lines, 28 pixels)
    matrices = [torch.eye(SIDE)]
    for n in range(1, 21):
        reduced = F.interpolate(line, size=n, mode="area")
        enlarged = F.interpolate(reduced, size=SIDE, mode="linear" if smooth else "nearest")
        matrices.append(enlarged.squeeze(0).T)
    return torch.stack(matrices)


def binarization(pixels: Tensor, severity: Tensor) -> Tensor:
    """Two levels, at a threshold that may be far from the middle."""
    threshold = 255 * (0.5 + 0.35 * severity * (torch.rand(len(pixels)) * 2 - 1))
    return torch.where(pixels > per_image(threshold), 255.0, 0.0)


def jpeg(pixels: Tensor, severity: Tensor) -> Tensor:
    """JPEG's quantization of 8x8 cosine transforms, at qualities from 50 down to 5."""
    scale = 50 / (50 - 45 * severity)  # libjpeg: 5000 / quality percent
    table = _quantization_table().view(1, 1, 8, 1, 8) * scale.view(-1, 1, 1, 1, 1)
    blocks = F.pad(pixels - 128, (2, 2, 2, 2), value=-128.0).view(-1, 4, 8, 4, 8)
    transform = _cosine_transform()
    coefficients = torch.einsum("ui,baicj,vj->baucv", transform, blocks, transform)
    quantized = (coefficients / table).round() * table
    decoded = torch.einsum("ui,baucv,vj->baicj", transform, quantized, transform)
    return decoded.reshape(-1, 32, 32)[:, 2:-2, 2:-2] + 128


@cache
def _cosine_transform() -> Tensor:
    """The orthonormal 8-point cosine transform, (8, 8)."""
    u, i = torch.arange(8.0).view(-1, 1), torch.arange(8.0)
    rows = torch.cos((2 * i + 1) * u * torch.pi / 16) / 2
    rows[0] /= 2**0.5
    return rows


@cache
def _quantization_table() -> Tensor:
    return torch.tensor([float(step) for step in LUMINANCE_STEPS.split()]).view(8, 8)
