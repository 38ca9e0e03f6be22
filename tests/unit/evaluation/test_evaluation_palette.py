from __future__ import annotations

import itertools

import numpy as np
import pytest

from lightning_gex.evaluation import palette

#: Machado, Oliveira & Fernandes (2009), A physiologically-based model for simulation of color vision deficiency,
#: IEEE Transactions on Visualization and Computer Graphics 15(6), table for severity 1.0, on linear RGB.
SEEN_BY = {
    "everybody else": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def linear(colour: str) -> np.ndarray:
    """(3,) linear RGB of a hex colour, IEC 61966-2-1."""
    encoded = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """(3,) CIE L*a*b* under D65 of linear RGB."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = to_xyz @ np.clip(rgb, 0, 1) / np.array([0.9505, 1.0, 1.089])
    f = [np.cbrt(t) if t > (6 / 29) ** 3 else t / (3 * (6 / 29) ** 2) + 4 / 29 for t in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", SEEN_BY)
@pytest.mark.parametrize(
    ("one", "other"), list(itertools.combinations([palette.POSITIVE, palette.NEGATIVE, palette.ZERO], 2))
)
def test_what_must_be_told_apart_is_told_apart_with_every_kind_of_colour_vision(eye: str, one: str, other: str) -> None:
    seen = [lab(SEEN_BY[eye] @ linear(colour)) for colour in (one, other)]
    assert np.linalg.norm(seen[0] - seen[1]) > 25  # CIE 1976 difference; 2.3 is just noticeable


@pytest.mark.parametrize("paper", ["#ffffff", "#0e1420"])
@pytest.mark.parametrize("colour", [palette.POSITIVE, palette.NEGATIVE, palette.ZERO, palette.SLATE])
def test_colours_stand_out_on_light_and_dark_paper(paper: str, colour: str) -> None:
    weights = np.array([0.2126, 0.7152, 0.0722])
    light, dark = sorted((weights @ linear(paper), weights @ linear(colour)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) > 2.5  # WCAG contrast; areas and lines, words are in the page's own ink
