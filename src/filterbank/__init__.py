"""Signals (series, sound, images, volumes) into features, and features into models whose scores can be believed."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0.dev0"

_HOMES = {
    "errors": ("FilterbankError", "InputError", "MissingDataError", "ReadError", "WriteError"),
    "signals": ("Dataset", "FileSignal", "Signals"),
    "geometry": ("Geometry",),
    "banks": (
        "AtRate",
        "BandBank",
        "Bank",
        "Chain",
        "FilterBank",
        "GaborBank",
        "GammatoneBank",
        "GaussianBank",
        "HaarSumsBank",
        "HogBank",
        "JetBank",
        "MelBank",
        "MultiScaleBank",
        "PitchBank",
        "RotationPooledBank",
        "ScatteringBank",
        "SiftBank",
        "SpectralShapeBank",
        "WindowedBank",
    ),
    "pools": ("BagOfWords", "FisherVector", "Moments", "Pool", "Proportion", "Pyramid", "VLAD"),
    "engine": ("fold", "respond"),
    "representation": ("Explanation", "Representation", "WholeSignal"),
    "filtering": ("bandpass", "convolve", "denoise", "derivative", "edges", "gradient", "smooth"),
    "convnet": ("ConvNetClassifier", "NetworkBank"),
    "recipes": ("RECIPES", "tutorial_gabor"),
    "subspace": ("SubspaceClassifier",),
    "augmentation": ("Augmented",),
    "evaluate": ("Comparison", "compare"),
    "models": ("Model",),
    "io": ("windows",),
    "datasets": ("load",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
_MODULES = (
    "convnet",
    "datasets",
    "decompose",
    "design",
    "evaluate",
    "filtering",
    "io",
    "keypoints",
    "plots",
    "recipes",
    "report",
    "sound",
    "spectrum",
    "synthesis",
)

__all__ = ["__version__", *sorted(_HOME_OF)]


def __getattr__(name: str) -> Any:
    """Import a public name when it's first asked for."""
    if name in _HOME_OF:
        return getattr(importlib.import_module(f"filterbank.{_HOME_OF[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"filterbank.{name}")
    raise AttributeError(f"module 'filterbank' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*__all__, *_MODULES])
