"""Fitted pipelines in files that are safe to load, and predictions with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from filterbank.errors import InputError, ReadError
from filterbank.output import atomic
from filterbank.signals import KINDS, Signals

__all__ = ["Model"]

FORMAT = 1


@dataclass(frozen=True)
class Model:
    """A fitted pipeline with what must be known to use it on new signals.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted: signals to labels.
    kind : {"series", "sound", "image", "volume"}
    target : str
        What it tells.
    rate : float, optional
        Samples per second of the signals it was fitted on.
    n_channels : int
    about : mapping
        Anything else worth keeping: the recipe, the classifier, its score and how that was measured.
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
            "pipeline": self.pipeline,
            "kind": self.kind,
            "target": self.target,
            "rate": self.rate,
            "n_channels": self.n_channels,
            "about": dict(self.about),
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
            Further types that the file may hold, as "module.name": those of filterbank, NumPy, SciPy and scikit-learn
            that skops knows are trusted as they are.

        Returns
        -------
        Model

        Raises
        ------
        ReadError
            If there is no such file, or it is no model.
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
        strange = [name for name in unknown if not name.startswith("filterbank.") and name not in trusted]
        if strange:
            raise InputError(
                f"{path} holds {', '.join(strange)}, which is not known to be safe. If you know who made the file, name "
                "it in Model.load(path, trusted=[...])."
            )
        try:
            content = skops.io.load(path, trusted=unknown)
            return cls(**{name: content[name] for name in cls.__dataclass_fields__})
        except Exception as error:
            raise ReadError(
                f"{path}: can't be read by this version ({type(error).__name__}: {error}). Make it anew."
            ) from error

    def predict(self, signals: Signals) -> pd.DataFrame:
        """Tell the labels of signals.

        Parameters
        ----------
        signals : Signals
            Of the kind, rate and channels that the model was fitted on.

        Returns
        -------
        DataFrame, a row a signal
            `prediction`, and where the classifier has probabilities `probability_<class>` for each class.

        Raises
        ------
        InputError
            If the signals are of another kind, rate or number of channels, or one can't be used.
        """
        if signals.n_axes != KINDS[self.kind]:
            raise InputError(
                f"these signals have {signals.n_axes} axes, and the model was fitted on {self.kind}s with "
                f"{KINDS[self.kind]}. Choose data of that kind."
            )
        predicted = self.pipeline.predict(signals)
        out = pd.DataFrame({"prediction": predicted})
        if hasattr(self.pipeline, "predict_proba"):
            probabilities = self.pipeline.predict_proba(signals)
            for label, column in zip(self.pipeline.classes_, np.asarray(probabilities).T):
                out[f"probability_{label}"] = column
        return out
