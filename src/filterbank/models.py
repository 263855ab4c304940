"""Fitted pipelines in files that are safe to load, and predictions with them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from filterbank import files
from filterbank.errors import InputError, ReadError
from filterbank.output import atomic
from filterbank.signals import KINDS, Signals

__all__ = ["Model"]

FORMAT = 1
"""The layout of what a file holds; a reader of another one says so."""

SAFE_MODULES = (
    "augmentation",
    "banks",
    "convnet",
    "design",
    "fronts",
    "geometry",
    "least_squares",
    "pools",
    "recipes",
    "representation",
    "subspace",
    "views",
)
"""Modules of this package whose own classes and functions a model may hold: none touches a file."""


@dataclass(frozen=True)
class Model:
    """A fitted pipeline with what must be known to use it on new signals.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted, signals to labels; its last step is the classifier.
    kind : {"series", "sound", "image", "volume"}
    target : str
        What it tells.
    rate : float, optional
        Samples per second of the signals it was fitted on.
    n_channels : int
        Channels of the signals it was fitted on.
    about : mapping
        Anything else worth keeping: the recipe, the classifier, its score and how that was measured.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from filterbank.recipes import summary
    >>> signals = Signals.wrap(np.repeat([[0.0, 1.0], [5.0, 9.0]], 10, axis=0))
    >>> pipeline = make_pipeline(summary(), LogisticRegression()).fit(signals, np.repeat(["low", "high"], 10))
    >>> path = Path(tempfile.mkdtemp(), "model.skops")
    >>> Model(pipeline, kind="series", target="level").save(path)
    >>> predicted = Model.load(path).predict(Signals.wrap([[6.0, 8.0, 7.0]]))
    >>> predicted.columns.tolist(), predicted["prediction"].tolist()
    (['prediction', 'probability_high', 'probability_low'], ['high'])
    """

    pipeline: Any
    kind: str
    target: str
    rate: float | None = None
    n_channels: int = 1
    about: dict[str, Any] = field(default_factory=dict)

    def save(self, path: str | Path) -> None:
        """Write the model as one skops file; nothing half-written is ever found under `path`.

        Parameters
        ----------
        path : path
            Usually ends in `.skops`.

        Raises
        ------
        WriteError
            If the folder is missing or can't be written, or the disk is full.
        """
        import skops.io

        content = {
            "format": FORMAT,
            **{f.name: getattr(self, f.name) for f in fields(self)},
            "versions": {name: version(name) for name in ("filterbank", "scikit-learn", "numpy")},
        }
        with atomic(path) as temporary:
            skops.io.dump(content, temporary)

    @classmethod
    def load(cls, path: str | Path, *, trusted: Sequence[str] = ()) -> Self:
        """Read a model; nothing in the file is run.

        Parameters
        ----------
        path : path
        trusted : sequence of str, optional
            Further types that the file may hold, as "module.name". Banks, pools and recipes of this package are
            trusted, and so is what skops knows of NumPy, SciPy and scikit-learn.

        Returns
        -------
        Model

        Raises
        ------
        ReadError
            If there is no such file, it is no model, or one that this version can't read.
        InputError
            If it holds a type that isn't trusted.
        """
        import skops.io

        path = Path(path)
        if not path.is_file():
            raise ReadError(f"{path}: there is no such file. `filterbank compare DATA` writes one, model.skops.")
        try:
            unknown = skops.io.get_untrusted_types(file=path)
        except Exception as error:  # skops raises whatever the broken archive makes it
            raise ReadError(f"{path}: is no model, or damaged ({type(error).__name__}). Make it anew.") from error
        strange = [name for name in unknown if not (name in trusted or _is_ours(name))]
        if strange:
            raise InputError(
                f"{path} holds {', '.join(strange)}, which is not known to be safe. If you know who made the file, "
                "name it in Model.load(path, trusted=[...])."
            )
        try:
            content = skops.io.load(path, trusted=unknown)
        except Exception as error:
            raise ReadError(f"{path}: can't be read by this version ({type(error).__name__}). Make it anew.") from error
        return cls(**_checked(path, content, [f.name for f in fields(cls)]))

    def predict(self, signals: Signals) -> pd.DataFrame:
        """Tell the labels of signals.

        Parameters
        ----------
        signals : Signals
            Of the kind that the model was fitted on. What has another rate is resampled, what has an unknown one is
            taken to have the model's, and sound of several channels is mixed to one if the model was fitted on one.

        Returns
        -------
        DataFrame, a row a signal
            `prediction`, and where the classifier has probabilities `probability_<class>` for each class.

        Raises
        ------
        InputError
            If the signals are of another kind or number of channels, or one can't be used.
        """
        if signals.n_axes != KINDS[self.kind]:
            raise InputError(
                f"these signals have n_axes={signals.n_axes}, and the model was fitted on signals of kind {self.kind}, "
                f"n_axes={KINDS[self.kind]}. Choose data of that kind."
            )
        features = self.pipeline[:-1].transform(self._adapted(signals))
        classifier = self.pipeline[-1]
        out = pd.DataFrame({"prediction": classifier.predict(features)})
        if hasattr(classifier, "predict_proba"):
            for label, column in zip(classifier.classes_, np.asarray(classifier.predict_proba(features)).T):
                out[f"probability_{label}"] = column
        return out

    def _adapted(self, signals: Signals) -> Signals:
        """The signals with the model's channels and rate, as far as sound may be mixed and series resampled."""
        if self.kind == "sound" and self.n_channels == 1:
            signals = signals.map(lambda signal: signal.mean(axis=0, keepdims=True))
        own, rate = signals.rate, self.rate
        if rate is None or own == rate:
            return signals
        if own is not None and signals.n_axes == 1:
            signals = signals.map(lambda signal: files.resample(signal, own, rate))
        return Signals.wrap(signals, rate=rate)


def _is_ours(name: str) -> bool:
    """Whether a type is a class or function of those modules of this package that do nothing but compute."""
    module, _, own = name.rpartition(".")
    if not any(f"{module}.".startswith(f"filterbank.{safe}.") for safe in SAFE_MODULES):
        return False
    try:
        found = getattr(importlib.import_module(module), own, None)
    except ImportError:
        return False
    return getattr(found, "__module__", None) == module  # not what the module imported from elsewhere


def _checked(path: Path, content: Any, names: Sequence[str]) -> dict[str, Any]:
    """The fields of a model, if the file holds one."""
    if not isinstance(content, dict) or "format" not in content:
        raise ReadError(f"{path}: holds {type(content).__name__}, which is no model. Pass a file that `compare` wrote.")
    if content["format"] != FORMAT:
        raise ReadError(
            f"{path}: has format={content['format']!r}, and this version reads format={FORMAT}. Make it anew, or "
            "use the version of filterbank that wrote it."
        )
    missing = [name for name in names if name not in content]
    if missing:
        raise ReadError(f"{path}: is no whole model, {', '.join(missing)} is missing. Make it anew.")
    if content["kind"] not in KINDS or not hasattr(content["pipeline"], "steps"):
        raise ReadError(
            f"{path}: holds {type(content['pipeline']).__name__} for signals of kind={content['kind']!r}, which is no "
            "model. Make it anew."
        )
    return {name: content[name] for name in names}
