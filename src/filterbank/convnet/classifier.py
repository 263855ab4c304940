"""ConvNetClassifier: a convolutional network as a scikit-learn classifier of signals."""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GroupShuffleSplit, StratifiedShuffleSplit
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d, validate_data

from filterbank.convnet.layers import OWN, PRESETS, Layer, count_trunk, follow, parse, preset_text
from filterbank.errors import InputError, invalid
from filterbank.kernels import find_device
from filterbank.signals import Signals

__all__ = ["ConvNetClassifier", "need_torch"]

SCHEDULES = ("one-cycle", "constant")
PRECISIONS = ("auto", "float32", "bfloat16")


class ConvNetClassifier(ClassifierMixin, BaseEstimator):
    """A small convolutional network that learns to tell signals of one, two or three axes.

    Parameters
    ----------
    layers : str
        "small" (convolutions of 32, 64 and 128 filters, batch-normalised, a residual layer, the maximum over all
        positions; padded within only where an axis has fewer than 24 samples), "tutorial" (the digits' network of the
        2017 tutorial), or layers with commas between them, such as "conv 3x3x32, relu, max-pool 2, dense 128, relu";
        see `filterbank.convnet.layers.parse`.
    n_axes : {1, 2, 3}, optional
        Needed for a plain array of more than two dimensions.
    epochs, batch_size : int, optional
        How often every signal is shown, and how many at a time. None here and below: what suits the preset; for layers
        of the user's own, as for "small": 20 epochs in batches of 256, and with few signals more epochs in smaller
        batches, so that there are at least 600 steps.
    learning_rate : float, optional
        The highest that the schedule reaches.
    schedule : {"one-cycle", "constant"}, optional
        "one-cycle": rises over the first fifth of the training, then falls to 0 along a cosine [1]_.
    weight_decay, label_smoothing : float, optional
    augment : "auto", None or mapping of str to float
        What is done to signals by a random amount while the network learns: "shift", "scale", "rotation", "shear",
        "gain", "noise"; and to which share nothing, "untouched" (see `AUGMENTATIONS` in `convnet.training`). "auto":
        what suits the number of axes; "preset": as the preset has it ("small": "auto"). None: nothing.
    standardise : bool, optional
        Whether each channel's mean is taken off and its spread divided by, both over the training signals.
    shifts : int
        Predictions are means of the logits over a signal and its copies moved by 1 up to so many samples either way
        along each axis, since a network that pools in steps answers a little differently wherever a signal begins. They
        take 1 + 2 * `n_axes` * `shifts` times as long.
    validation : float, optional
        The share of the training signals (of the groups, if `fit` is given groups) held out to see when to stop.
        None: nothing is held out, and all epochs are done.
    patience : int
        Epochs without a better loss on the held-out part after which training stops; the best epoch's weights are kept.
    precision : {"auto", "float32", "bfloat16"}
        Of the products while it learns; weights, sums of gradients and predictions are in float32. "auto": bfloat16
        where the processor has it.
    device : str
        "cpu", "cuda" or "cuda:0".
    n_jobs : int, optional
        Threads, in joblib's sense.
    progress : bool
        Whether a line an epoch is printed.
    random_state : int, RandomState instance or None
        The same number gives the same network, on the same device with the same number of threads.

    Attributes
    ----------
    classes_ : array
    history_ : DataFrame
        A row an epoch: `loss`, `accuracy` (while it learned), `validation_loss`, `validation_accuracy`, `seconds`.
    layers_ : list of Layer
    network_ : torch.nn.Module
    n_weights_ : int
    n_channels_in_ : int
    rate_ : float or None

    Notes
    -----
    A plain 2-D array is a batch of series. Signals of unequal size need a layer "global-max" or "global-mean"; they are
    filled up with zeros in a batch and masked, so that a signal's prediction doesn't depend on the others.

    Needs torch: pip install 'filterbank[deep]'. Cost: linear in epochs, signals, samples and weights.

    References
    ----------
    .. [1] Smith & Topin 2019, "Super-convergence", Proc. SPIE 11006.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import ConvNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 40))
    >>> X[:30] += np.sin(np.arange(40))
    >>> y = np.repeat(["wave", "noise"], 30)
    >>> network = ConvNetClassifier("conv 9x8, norm, relu, global-max", epochs=20, learning_rate=0.02, random_state=0)
    >>> network.fit(X, y).score(X, y) > 0.9
    True
    """

    def __init__(
        self,
        layers: str = "small",
        *,
        n_axes: int | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        schedule: str | None = None,
        weight_decay: float | None = None,
        label_smoothing: float | None = None,
        augment: Any = "preset",
        standardise: bool | None = None,
        shifts: int = 0,
        validation: float | None = None,
        patience: int = 5,
        precision: str = "auto",
        device: str = "cpu",
        n_jobs: int | None = None,
        progress: bool = False,
        random_state: Any = None,
    ) -> None:
        self.layers = layers
        self.n_axes = n_axes
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.augment = augment
        self.standardise = standardise
        self.shifts = shifts
        self.validation = validation
        self.patience = patience
        self.precision = precision
        self.device = device
        self.n_jobs = n_jobs
        self.progress = progress
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.non_deterministic = False
        return tags

    def fit(self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Train a new network.

        Parameters
        ----------
        X : array, list of array, or Signals
        y : array, (signal,)
        groups : array, (signal,), optional
            What must not be split between the part that is trained on and the one held out (`validation`).

        Returns
        -------
        ConvNetClassifier
            Itself.

        Raises
        ------
        InputError
            For signals that are too short for the layers, or of unequal size where the layers need one.
        """
        need_torch("ConvNetClassifier")
        signals = self._validate(X, reset=True)
        labels = self._labels(y, len(signals))
        self.classes_, coded = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"y has one class only, {self.classes_[0]!r}; a classifier needs at least 2 classes.")
        train, held_out = self._split(coded, groups)
        seed = self._seed()
        with self._training(seed):
            self._build(signals)
            epochs = self._epochs(len(train))
            batches = self._batches(signals if len(train) == len(signals) else signals[train])
            self._start(batches, seed, epochs=epochs)
            self._run(batches, coded[train], epochs, signals[held_out], coded[held_out])
        return self

    def partial_fit(self, X: Any, y: Any, *, classes: Any = None) -> Self:
        """Show the network these signals once, at a constant learning rate.

        Parameters
        ----------
        X : array, list of array, or Signals
        y : array, (signal,)
        classes : array, optional
            All classes; needed at the first call.

        Returns
        -------
        ConvNetClassifier
            Itself.
        """
        need_torch("ConvNetClassifier")
        new = not hasattr(self, "network_")
        signals = self._validate(X, reset=new)
        labels = self._labels(y, len(signals))
        if new:
            if classes is None:
                raise invalid("classes", classes, "given, and the first call of partial_fit needs all classes")
            self.classes_ = np.unique(classes)
        unknown = sorted(set(labels.tolist()) - set(self.classes_.tolist()), key=str)
        if unknown:
            raise invalid("y", unknown[0], f"one of the classes {self.classes_.tolist()}")
        coded = np.searchsorted(self.classes_, labels)
        seed = self._seed()
        with self._training(seed):
            if new:
                self._build(signals)
            batches = self._batches(signals)
            if new or not hasattr(self, "_loop"):
                self._start(batches, seed, epochs=None)
            self._run(batches, coded, 1, signals[:0], coded[:0])
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the logits: (signal, class), or with two classes the second's over the first's, (signal,)."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, (signal, class)."""
        logits = self._logits(X).astype(np.float64)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """Return the likeliest class of each signal, (signal,)."""
        chosen = self._logits(X).argmax(axis=1)
        return self.classes_[chosen]

    def transfer(self, X: Any, y: Any, *, epochs: int | None = None) -> ConvNetClassifier:
        """Return a classifier of other classes with this one's trunk: only the dense layers are trained.

        The trunk (all layers that answer at every position) is frozen, and so is a global pooling of it: what they
        answer is computed once, in the precision of training and without augmentation, and kept where it fits in 1 GiB.
        Batches, learning rate and schedule are this classifier's. The 2017 tutorial's lab has batches of 128: a source
        trained for 5 epochs on the digits 0 to 4, whose dense layers then learn 5 to 9 in one epoch.

        Parameters
        ----------
        X : array, list of array, or Signals
            Of the size that this classifier was trained on, unless it pools globally.
        y : array, (signal,)
        epochs : int, optional
            None: as many as for `fit`.

        Returns
        -------
        ConvNetClassifier
            A fitted one of its own; this one is left as it is.
        """
        from filterbank.convnet.transferring import transfer

        check_is_fitted(self, "network_")
        signals = self._validate(X, reset=False)
        return transfer(self, signals, self._labels(y, len(signals)), epochs)

    def as_bank(self, layer: str | None = None, *, pad: str | None = None) -> Any:
        """Return the trunk, up to and with a layer, as a bank for any pool.

        Parameters
        ----------
        layer : str, optional
            Such as "conv2" or "relu1"; None: the last one that answers at every position.
        pad : str, optional
            How signals go on beyond their true ends; see `Geometry`.

        Returns
        -------
        NetworkBank
        """
        from filterbank.convnet.bank import NetworkBank

        check_is_fitted(self, "network_")
        return NetworkBank(self, layer, pad=pad)

    def save(self, path: str | Path) -> None:
        """Write the fitted network to one safetensors file: its weights, and what it is as JSON in the header."""
        from filterbank.convnet.storage import save

        check_is_fitted(self, "network_")
        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> ConvNetClassifier:
        """Read a network that `save` wrote; nothing in the file is run.

        Raises
        ------
        ReadError
            If there's no such file, or it is damaged, or holds something else.
        """
        from filterbank.convnet.storage import load

        return load(path)

    @property
    def history_(self) -> pd.DataFrame:
        """A row an epoch."""
        check_is_fitted(self, "_rows")
        return pd.DataFrame(self._rows)

    def __getstate__(self) -> dict[str, Any]:
        """Weights as arrays, so that a pickle or a skops file holds nothing of torch."""
        state = dict(super().__getstate__())
        network = state.pop("network_", None)
        state.pop("_loop", None)
        if network is not None:
            state["_weights"] = {name: value.cpu().numpy() for name, value in network.state_dict().items()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        weights = state.pop("_weights", None)
        super().__setstate__(state)
        if weights is not None:
            self._set_weights(weights)

    # What follows is not for users.

    def _option(self, name: str) -> Any:
        """A training parameter: the user's, else the preset's."""
        preset = PRESETS.get(self.layers, OWN)
        given = getattr(self, name)
        unset = isinstance(given, str) and given == "preset" if name == "augment" else given is None
        return getattr(preset, name) if unset else given

    def _batch_size(self, n: int) -> int:
        """Signals a batch: fewer than the preset's where there are few, so that there are some steps an epoch."""
        preset = PRESETS.get(self.layers, OWN)
        if self.batch_size is not None or not preset.least_steps:
            return int(self._option("batch_size"))
        return min(preset.batch_size, max(16, n // 16))

    def _epochs(self, n: int) -> int:
        preset = PRESETS.get(self.layers, OWN)
        if self.epochs is not None:
            return int(self.epochs)
        return max(preset.epochs, math.ceil(preset.least_steps / math.ceil(n / self._batch_size(n))))

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _training(self, seed: int) -> Any:
        from filterbank.convnet.training import reproducibly

        self._check_options()
        return reproducibly(effective_n_jobs(self.n_jobs), seed, find_device(self.device))

    def _check_options(self) -> None:
        for name in ("epochs", "batch_size"):
            value = self._option(name)
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise invalid(name, value, "a positive whole number")
        if not self._option("learning_rate") > 0:
            raise invalid("learning_rate", self._option("learning_rate"), "a positive number")
        if not self._option("weight_decay") >= 0:
            raise invalid("weight_decay", self._option("weight_decay"), "a number from 0 on")
        if not 0 <= self._option("label_smoothing") < 1:
            raise invalid("label_smoothing", self._option("label_smoothing"), "a share from 0 to below 1")
        if self._option("schedule") not in SCHEDULES:
            raise invalid("schedule", self._option("schedule"), f"one of {', '.join(SCHEDULES)}")
        if not isinstance(self.shifts, (int, np.integer)) or self.shifts < 0:
            raise invalid("shifts", self.shifts, "a whole number from 0 on")
        if self.precision not in PRECISIONS:
            raise invalid("precision", self.precision, f"one of {', '.join(PRECISIONS)}")
        if self.validation is not None and not 0 < self.validation < 1:
            raise invalid("validation", self.validation, "None or a share between 0 and 1")
        if self.patience < 1:
            raise invalid("patience", self.patience, "a positive number of epochs")

    def _validate(self, X: Any, *, reset: bool) -> Signals:
        """Return X as Signals; a plain array has one fixed shape, which is remembered and checked."""
        held = isinstance(X, Signals) or (isinstance(X, Sequence) and not isinstance(X, (str, bytes)))
        n_axes: int | None = self.n_axes if reset else getattr(self, "n_axes_", None)
        if held:
            signals = Signals.wrap(X, n_axes=n_axes)
        elif n_axes in (None, 1) and getattr(X, "ndim", 2) <= 2:
            array = validate_data(self, X, reset=reset, dtype=[np.float64, np.float32])
            signals = Signals.wrap(array, n_axes=1)
        else:
            array = check_array(X, allow_nd=True, dtype=[np.float64, np.float32], ensure_all_finite=False)
            signals = Signals.wrap(array, n_axes=n_axes)
        if not len(signals):
            raise InputError("X holds no signals (0 samples); a minimum of 1 is required.")
        if reset:
            self.n_axes_, self.n_channels_in_, self.rate_ = signals.n_axes, signals.n_channels, signals.rate
        elif signals.n_channels != self.n_channels_in_:
            raise InputError(
                f"signals have {signals.n_channels} channels, and those that the network was trained on had "
                f"{self.n_channels_in_}. Give all signals the same channels."
            )
        elif None not in (signals.rate, self.rate_) and signals.rate != self.rate_:
            raise InputError(
                f"rate={signals.rate:g} is not the {self.rate_:g} samples/second that the network was trained with. "
                "Read the signals with that rate."
            )
        return signals

    def _labels(self, y: Any, n: int) -> np.ndarray:
        if y is None:
            raise InputError("This ConvNetClassifier estimator requires y to be passed, but the target y is None.")
        labels = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        if len(labels) != n:
            raise InputError(f"y has {len(labels)} labels for {n} signals. Give one label a signal.")
        return labels

    def _split(self, coded: np.ndarray, groups: Any) -> tuple[np.ndarray, np.ndarray]:
        """Indices to train on, and those held out: whole groups, or the same share of each class."""
        everything = np.arange(len(coded))
        if self.validation is None:
            return everything, everything[:0]
        seed = self._seed()
        if groups is not None:
            if len(set(np.asarray(groups).tolist())) < 2:
                raise invalid("groups", np.asarray(groups)[0], "of at least two kinds, so that some can be held out")
            split: Any = GroupShuffleSplit(1, test_size=self.validation, random_state=seed)
        else:
            split = StratifiedShuffleSplit(1, test_size=self.validation, random_state=seed)
        try:
            return next(split.split(everything[:, None], coded, groups))
        except ValueError as error:
            raise invalid("validation", self.validation, f"possible here: {error}") from None

    def _build(self, signals: Signals) -> None:
        """A new network with random weights for these signals."""
        sizes = first_of_sizes(signals)
        text = self.layers
        if text in PRESETS:
            text = preset_text(text, signals.n_axes, size=min(map(min, sizes)))
        self.text_ = text
        self.layers_ = parse(text, signals.n_axes)
        for size, i in sizes.items():
            follow(self.layers_, size, index=i)
        self.signal_shape_: tuple[int, ...] | None = None
        if not self._is_global:
            if len(sizes) > 1:
                raise InputError(
                    f"signals have {len(sizes)} different sizes, and the layers {text!r} need one. "
                    "Write global-max or global-mean after the convolutions."
                )
            self.signal_shape_ = next(iter(sizes))
        self.network_ = self._new_network()
        if PRESETS.get(self.layers, OWN).glorot:
            self.network_.begin_as_glorot()
        self.n_weights_ = sum(p.numel() for p in self.network_.parameters())

    @property
    def _is_global(self) -> bool:
        return any(layer.kind.startswith("global") for layer in self.layers_)

    def _new_network(self) -> Any:
        from filterbank.convnet.network import Network

        flat = None
        if not self._is_global:
            trunk = self.layers_[: count_trunk(self.layers_)]
            n_filters = next(layer.n for layer in reversed(trunk) if layer.n)
            assert self.signal_shape_ is not None
            flat = int(np.prod([n_filters, *follow(trunk, self.signal_shape_)]))
        network = Network(
            self.layers_,
            n_axes=self.n_axes_,
            n_channels=self.n_channels_in_,
            n_classes=len(self.classes_),
            flat=flat,
        )
        return network.arranged().to(find_device(self.device))

    def _set_weights(self, weights: dict[str, np.ndarray]) -> None:
        torch = need_torch("ConvNetClassifier")
        self.network_ = self._new_network()
        self.network_.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
        self.network_.eval()

    def _batches(self, signals: Signals) -> Any:
        from filterbank.convnet.training import Batches

        return Batches(signals, find_device(self.device))

    def _start(self, batches: Any, seed: int, *, epochs: int | None) -> None:
        """The signals' mean and spread, and what the training loop needs."""
        from filterbank.convnet.training import augmentation

        network = self.network_
        if self._option("standardise"):
            centre, spread = batches.statistics()
            network.centre.copy_(centre)
            network.spread.copy_(spread)
        amounts = augmentation(self._option("augment"), self.n_axes_)
        self._loop = self._new_loop(network, len(batches), seed, amounts, epochs=epochs)
        self._rows: list[dict[str, float]] = []

    def _new_loop(self, module: Any, n: int, seed: int, amounts: dict[str, float], *, epochs: int | None) -> Any:
        """The optimiser of a module, its schedule for `n` signals, and the sources of randomness."""
        import torch

        from filterbank.convnet.training import Loop, has_fast_bfloat16, one_cycle

        optimiser = torch.optim.AdamW(
            [
                {"params": [p for p in module.parameters() if p.ndim > 1]},
                {"params": [p for p in module.parameters() if p.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=float(self._option("learning_rate")),
            weight_decay=float(self._option("weight_decay")),
            eps=1e-7,
        )
        for parameter in module.parameters():
            parameter.grad = torch.zeros_like(parameter)
        scheduler = None
        if epochs is not None and self._option("schedule") == "one-cycle":
            steps = epochs * max(1, math.ceil(n / self._batch_size(n)))
            scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, one_cycle(steps))
        device = find_device(self.device)
        return Loop(
            optimiser,
            scheduler,
            amounts,
            float(self._option("label_smoothing")),
            self.precision == "bfloat16" or (self.precision == "auto" and has_fast_bfloat16(device)),
            np.random.default_rng(seed),
            torch.Generator().manual_seed(seed),
        )

    def _run(self, batches: Any, coded: np.ndarray, epochs: int, held_out: Signals, held_out_coded: np.ndarray) -> None:
        import torch

        from filterbank.convnet.training import chunk_size, train_epoch

        network = self.network_
        y = torch.from_numpy(coded).to(batches.device)
        batch_size = self._batch_size(len(batches))
        chunk = chunk_size(network, batches.shapes, batch_size)
        best, best_weights, waited = math.inf, None, 0
        for _ in range(epochs):
            started = time.perf_counter()
            loss, accuracy = train_epoch(network, batches, y, self._loop, batch_size=batch_size, chunk=chunk)
            if not math.isfinite(loss):
                raise InputError(
                    f"learning_rate={self._option('learning_rate'):g} is too high for these signals: the loss is no "
                    "number any more. Lower it."
                )
            row = {"epoch": len(self._rows) + 1, "loss": loss, "accuracy": accuracy}
            if len(held_out):
                row |= self._held_out_scores(held_out, held_out_coded)
            self._rows.append(row | {"seconds": time.perf_counter() - started})
            self._say(self._rows[-1], epochs)
            if len(held_out):
                if row["validation_loss"] < best:
                    best, waited = row["validation_loss"], 0
                    best_weights = {name: value.clone() for name, value in network.state_dict().items()}
                else:
                    waited += 1
                    if waited >= self.patience:
                        break
        if best_weights is not None:
            network.load_state_dict(best_weights)
        network.eval()

    def _held_out_scores(self, signals: Signals, coded: np.ndarray) -> dict[str, float]:
        logits = self._evaluate(signals).astype(np.float64)
        shifted = logits - logits.max(axis=1, keepdims=True)
        likelihood = shifted[np.arange(len(coded)), coded] - np.log(np.exp(shifted).sum(axis=1))
        return {
            "validation_loss": float(-likelihood.mean()),
            "validation_accuracy": float((logits.argmax(axis=1) == coded).mean()),
        }

    def _say(self, row: dict[str, float], epochs: int) -> None:
        if not self.progress:
            return
        held = f", held out {row['validation_accuracy']:.4f}" if "validation_accuracy" in row else ""
        print(  # the user asked for it
            f"epoch {row['epoch']:.0f}/{epochs}: loss {row['loss']:.4f}, accuracy {row['accuracy']:.4f}{held}, "
            f"{row['seconds']:.1f} s",
            flush=True,
        )

    def _evaluate(self, signals: Signals) -> np.ndarray:
        from filterbank.convnet.training import chunk_size, evaluate

        batches = self._batches(signals)
        chunk = chunk_size(self.network_, batches.shapes, 256)
        return evaluate(self.network_, batches, chunk=chunk, shifts=int(self.shifts))

    def _logits(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "network_")
        need_torch("ConvNetClassifier")
        signals = self._validate(X, reset=False)
        for size, i in first_of_sizes(signals).items():
            if self.signal_shape_ is not None and size != self.signal_shape_:
                raise InputError(
                    f"signal {i} has {' x '.join(map(str, size))} samples, and the network was trained on "
                    f"{' x '.join(map(str, self.signal_shape_))}. Cut or resample it, or train with global-max."
                )
            follow(self.layers_, size, index=i)
        with self._training(0):
            return self._evaluate(signals)


def need_torch(what: str) -> Any:
    """Return torch, or say how to add it."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        raise InputError(f"{what} needs torch, which is not installed. Run: pip install 'filterbank[deep]'.") from None


def first_of_sizes(signals: Signals) -> dict[tuple[int, ...], int]:
    """Return the first signal of each size along the axes that occurs."""
    found: dict[tuple[int, ...], int] = {}
    for i, shape in enumerate(signals.shapes):
        found.setdefault(shape[1:], i)
    return found


def trunk_layers(layers: Sequence[Layer], layer: str | None) -> list[Layer]:
    """Return the layers up to and with one that answers at every position."""
    trunk = list(layers[: count_trunk(layers)])
    names = [one.name for one in trunk]
    if layer is None:
        return trunk
    if layer not in names:
        raise invalid("layer", layer, f"one of {', '.join(names)}, which answer at every position")
    return trunk[: names.index(layer) + 1]
