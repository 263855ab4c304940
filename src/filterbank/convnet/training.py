"""Batches of signals, their augmentation, and the loop that trains a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from filterbank.convnet.layers import count_trunk, follow
from filterbank.convnet.network import Network, valid_mask
from filterbank.errors import InputError, invalid
from filterbank.signals import Signals, check_finite

__all__ = [
    "AUGMENTATIONS",
    "Batches",
    "Loop",
    "augmentation",
    "chunk_size",
    "evaluate",
    "has_fast_bfloat16",
    "one_cycle",
    "reproducibly",
    "train_epoch",
]

HELD = 1 << 29  # samples of signals of one size that are kept as one tensor, 2 GiB
CHUNK = 3 << 20  # numbers of the largest layer's output that are computed at a time: they stay in the cache, and the
#                  memory is used again and again, where a whole batch would ask the system for new pages each time

AUGMENTATIONS = {
    "shift": "up to this share of the size, along each axis",
    "scale": "stretched or shrunk by up to this share",
    "rotation": "turned by up to so many degrees (images, volumes)",
    "shear": "sheared by up to so many degrees (images, volumes)",
    "gain": "made louder or softer by up to this factor's logarithm",
    "noise": "white noise with up to this share of the spread of the training signals",
    "untouched": "this share of the signals is left as it is: sharp, where moving them blurs a little",
}
"""What may be done to signals while a network trains, each by a random amount of either sign; and to how many not."""

AUTO = {
    1: {"shift": 0.1, "scale": 0.1, "gain": 0.2, "noise": 0.1, "untouched": 0.2},
    2: {"shift": 0.1, "scale": 0.12, "rotation": 10.0, "shear": 8.0, "untouched": 0.2},
    3: {"shift": 0.1, "scale": 0.1, "rotation": 10.0, "untouched": 0.2},
}


class Batches:
    """Signals as tensors, `(signal, channel, *axes)` some at a time; those of unequal size filled up with zeros.

    Parameters
    ----------
    signals : Signals
    device : str
    """

    def __init__(self, signals: Signals, device: str) -> None:
        self.signals = signals
        self.device = device
        self.shapes = signals.shapes
        self.ragged = len(set(self.shapes)) > 1
        self.held: torch.Tensor | None = None
        if not self.ragged and signals.in_memory and len(signals) * math.prod(self.shapes[0]) <= HELD:
            self.held = self._read(np.arange(len(signals)))

    def __len__(self) -> int:
        return len(self.signals)

    def take(self, index: np.ndarray) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return signals, and their true sizes if they're of several."""
        if self.held is not None:
            return self.held[torch.from_numpy(index).to(self.device)], None
        sizes = None
        if self.ragged:
            sizes = torch.tensor([self.shapes[i][1:] for i in index.tolist()], device=self.device)
        return self._read(index), sizes

    def _read(self, index: np.ndarray) -> torch.Tensor:
        shapes = {self.shapes[i] for i in index.tolist()}
        largest = tuple(max(sizes) for sizes in zip(*shapes))
        out = np.zeros((len(index), *largest), dtype=np.float32)
        for row, i in zip(out, index.tolist()):
            signal = self.signals[i]
            if signal.shape[0] != largest[0]:
                raise InputError(f"signal {i} has {signal.shape[0]} channels, and others {largest[0]}.")
            row[tuple(slice(n) for n in signal.shape) if self.ragged else ...] = signal
        if not np.isfinite(out).all():
            for i in index.tolist():
                check_finite(self.signals[i], i)
            raise InputError("X holds numbers that float32 can't hold. Scale the signals down.")
        return torch.from_numpy(out).to(self.device)

    def order(self, rng: np.random.Generator | None, batch_size: int) -> Iterator[np.ndarray]:
        """Yield the indices of each batch: shuffled, or by size where nothing is drawn."""
        if rng is not None:
            order = rng.permutation(len(self))
        else:
            order = np.array(sorted(range(len(self)), key=lambda i: self.shapes[i]))
        cuts = list(range(0, len(order), batch_size))
        if len(cuts) > 1 and len(order) - cuts[-1] == 1:
            cuts.pop()  # one signal alone can't be normalised: it goes with the batch before
        for begin, end in zip(cuts, [*cuts[1:], len(order)]):
            yield order[begin:end]

    def statistics(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return each channel's mean and standard deviation over all samples; a deviation of 0 as 1."""
        n = 0.0
        total = square = torch.zeros(self.shapes[0][0], dtype=torch.float64, device=self.device)
        for index in self.order(None, 256):
            x, sizes = self.take(index)
            values, axes = x.double(), (0, *range(2, x.ndim))
            if sizes is None:
                n += x.numel() // x.shape[1]
            else:
                mask = valid_mask(sizes, x.shape[2:])
                values = values * mask
                n += float(mask.sum())
            total = total + values.sum(axes)
            square = square + values.square_().sum(axes)
        mean = total / n
        spread = torch.sqrt((square / n - mean**2).clamp(min=0))
        spread = torch.where(spread > 1e-6 * (mean.abs() + 1e-30), spread, torch.ones_like(spread))
        return mean.float(), spread.float()


def augmentation(given: Any, n_axes: int) -> dict[str, float]:
    """Return what is done to training signals, by name; empty for nothing.

    Parameters
    ----------
    given : "auto", None or mapping of str to float
    n_axes : int

    Raises
    ------
    InputError
        For a name or an amount that can't be.
    """
    if given is None:
        return {}
    if isinstance(given, str) and given == "auto":
        return dict(AUTO[n_axes])
    if not isinstance(given, Mapping):
        raise invalid("augment", given, f"'auto', None or a mapping with {', '.join(AUGMENTATIONS)}")
    for name, amount in given.items():
        if name not in AUGMENTATIONS:
            raise invalid("augment", name, f"one of {', '.join(AUGMENTATIONS)}")
        if not (isinstance(amount, (int, float, np.number)) and np.isfinite(float(amount)) and float(amount) >= 0):
            raise invalid(f"augment[{name!r}]", amount, "a number from 0 on")
        if name == "untouched" and amount > 1:
            raise invalid("augment['untouched']", amount, "a share from 0 to 1")
        if name in ("rotation", "shear") and n_axes == 1:
            raise invalid("augment", name, "for signals of one axis", do="They have shift, scale, gain and noise.")
    return {name: float(amount) for name, amount in given.items() if amount}


def augmented(
    x: torch.Tensor,
    sizes: torch.Tensor | None,
    amounts: Mapping[str, float],
    spread: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """Return signals that are moved, turned, stretched, louder and noisier by random amounts, of the same size."""

    def draw(*shape: int) -> torch.Tensor:
        return (2 * torch.rand(shape, generator=generator) - 1).to(x.device)

    n, n_axes, given = len(x), x.ndim - 2, x
    if any(name in amounts for name in ("shift", "scale", "rotation", "shear")):
        x = _moved(x, sizes, _maps(n, n_axes, amounts, draw), amounts.get("shift", 0.0) * draw(n, n_axes))
    if "gain" in amounts:
        x = x * torch.exp(amounts["gain"] * draw(n)).view(-1, *[1] * (n_axes + 1))
    if "noise" in amounts:
        level = amounts["noise"] * draw(n).abs().view(-1, *[1] * (n_axes + 1)) * spread.view(1, -1, *[1] * n_axes)
        x = x + level * torch.randn(x.shape, generator=generator).to(x.device)
    if "untouched" in amounts:
        kept = torch.rand((n, *[1] * (n_axes + 1)), generator=generator) < amounts["untouched"]
        x = torch.where(kept.to(x.device), given, x)
    return x


def _maps(n: int, n_axes: int, amounts: Mapping[str, float], draw: Callable[..., torch.Tensor]) -> torch.Tensor:
    """Random linear maps of the plane or of space, (signal, axis, axis): turned, sheared and scaled."""
    maps = torch.diag_embed(torch.exp(amounts.get("scale", 0.0) * draw(n, n_axes)))
    for first in range(n_axes):
        for second in range(first + 1, n_axes):
            plane = torch.eye(n_axes, device=maps.device).repeat(n, 1, 1)
            angle = math.radians(amounts.get("rotation", 0.0)) * draw(n)
            plane[:, first, first] = plane[:, second, second] = torch.cos(angle)
            plane[:, first, second], plane[:, second, first] = torch.sin(angle), -torch.sin(angle)
            sheared = torch.eye(n_axes, device=maps.device).repeat(n, 1, 1)
            sheared[:, first, second] = torch.tan(math.radians(amounts.get("shear", 0.0)) * draw(n))
            maps = plane @ sheared @ maps
    return maps


def _moved(x: torch.Tensor, sizes: torch.Tensor | None, maps: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Sample each signal where its map and shift (in shares of its size) say, about its own middle."""
    n, n_axes = len(x), x.ndim - 2
    shape = x.shape[2:]
    if sizes is None:
        sizes = torch.tensor([shape], device=x.device).expand(n, -1)
    middle = (sizes - 1).float() / 2
    axes = torch.meshgrid(*[torch.arange(size, device=x.device).float() for size in shape], indexing="ij")
    at = torch.stack([axis.ravel() for axis in axes])[None] - middle[:, :, None]  # (signal, axis, sample)
    at = maps @ at + (middle + shift * sizes)[:, :, None]
    scale = torch.tensor([max(size - 1, 1) for size in shape], device=x.device)[None, :, None]
    grid = (2 * at / scale - 1).flip(1).transpose(1, 2)  # grid_sample wants the last axis first
    if n_axes == 1:
        grid = torch.stack([grid[..., 0], torch.zeros_like(grid[..., 0])], dim=-1).view(n, 1, -1, 2)
        return F.grid_sample(x[:, :, None], grid, align_corners=True, padding_mode="border")[:, :, 0]
    return F.grid_sample(x, grid.view(n, *shape, n_axes), align_corners=True, padding_mode="border")


@dataclass
class Loop:
    """What a training loop needs besides the network and the signals.

    Parameters
    ----------
    optimiser, scheduler
        Of torch; a scheduler is stepped after each batch.
    amounts : mapping
        See `augmentation`.
    smoothing : float
        Of the labels.
    bfloat16 : bool
    rng : numpy.random.Generator
        For the order of signals.
    generator : torch.Generator
        For augmentation.
    """

    optimiser: Any
    scheduler: Any
    amounts: Mapping[str, float]
    smoothing: float
    bfloat16: bool
    rng: np.random.Generator
    generator: torch.Generator


def train_epoch(
    network: Any, batches: Any, y: torch.Tensor, loop: Loop, *, batch_size: int, chunk: int
) -> tuple[float, float]:
    """Show the network every signal once; return the mean loss and the accuracy while it learned.

    The network and its batches may be a trained trunk's dense layers and what they see (`convnet.transferring`).
    A batch is computed in chunks whose gradients add up to the batch's; batch normalisation looks at a chunk.
    """
    network.train()
    loss_sum, right, n = torch.zeros((), device=batches.device), torch.zeros((), device=batches.device), 0
    for index in batches.order(loop.rng, batch_size):
        loop.optimiser.zero_grad(set_to_none=False)
        for piece in np.array_split(index, math.ceil(len(index) / chunk)):
            x, sizes = batches.take(piece)
            if loop.amounts:
                x = augmented(x, sizes, loop.amounts, network.spread, loop.generator)
            x = x.contiguous(memory_format=network.memory_format)
            labels = y[torch.from_numpy(piece).to(y.device)]
            with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=loop.bfloat16):
                logits = network(x, sizes)
            logits = logits.float()
            loss = F.cross_entropy(logits, labels, label_smoothing=loop.smoothing, reduction="sum")
            (loss / len(index)).backward()
            loss_sum += loss.detach()
            right += (logits.detach().argmax(1) == labels).sum()
            n += len(piece)
        loop.optimiser.step()
        if loop.scheduler is not None:
            loop.scheduler.step()
    return float(loss_sum) / max(n, 1), float(right) / max(n, 1)


@torch.no_grad()
def evaluate(network: Network, batches: Batches, *, chunk: int, shifts: int = 0) -> np.ndarray:
    """Return the logits in the signals' order: the mean over copies moved by up to `shifts` samples along each axis."""
    network.eval()
    out: list[Any] = [None] * len(batches)
    moves = [(axis, step) for step in range(-shifts, shifts + 1) if step for axis in range(network.n_axes)]
    for index in batches.order(None, chunk):
        x, sizes = batches.take(index)
        copies = [x, *(moved(x, sizes, axis, step) for axis, step in moves)]
        found = sum(network(one.contiguous(memory_format=network.memory_format), sizes) for one in copies)
        for i, row in zip(index.tolist(), (found / len(copies)).float().cpu().numpy()):
            out[i] = row
    return np.stack(out)


def moved(x: torch.Tensor, sizes: torch.Tensor | None, axis: int, step: int) -> torch.Tensor:
    """Return signals whose samples come `step` positions earlier along an axis, the first or last one repeated.

    Examples
    --------
    >>> moved(torch.arange(5.0)[None, None], None, 0, 2)
    tensor([[[2., 3., 4., 4., 4.]]])
    """
    at = torch.arange(x.shape[2 + axis], device=x.device) + step
    if sizes is None:
        return x.index_select(2 + axis, at.clamp(0, len(at) - 1))
    at = torch.minimum(at.clamp(min=0), sizes[:, axis, None] - 1)
    shape = [len(x), *[1] * (x.ndim - 1)]
    shape[2 + axis] = at.shape[1]
    return torch.take_along_dim(x, at.view(shape), 2 + axis)


def one_cycle(steps: int) -> Callable[[int], float]:
    """Return the share of the learning rate at each step: up over the first fifth, then down to 0 along a cosine."""
    warm = max(1, steps // 5)

    def factor(step: int) -> float:
        rest = (step - warm) / max(1, steps - warm)
        return max(step + 1, 1) / (warm + 1) if step < warm else (1 + math.cos(math.pi * min(1.0, rest))) / 2

    return factor


def chunk_size(network: Network, shapes: Sequence[Sequence[int]], batch_size: int) -> int:
    """Return how many signals to compute at a time, so that a layer's output stays in the cache."""
    sizes = [max(one) for one in zip(*(shape[1:] for shape in shapes))]
    largest, n = math.prod(sizes), 1
    for i, layer in enumerate(network.layers[: count_trunk(network.layers)]):
        n = layer.n or n
        largest = max(largest, n * math.prod(follow(network.layers[: i + 1], sizes)))
    room = CHUNK // largest
    return int(min(batch_size, 2 ** max(3, room.bit_length() - 1)))


def has_fast_bfloat16(device: str) -> bool:
    """Return whether a device computes in bfloat16 of its own, so that mixed precision pays."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(probe and probe())


@contextmanager
def reproducibly(n_threads: int, seed: int, device: str) -> Iterator[None]:
    """Compute with so many threads and torch's random numbers from this seed, then put both back."""
    before = torch.get_num_threads()
    devices = [device] if device.startswith("cuda") else []
    torch.set_num_threads(n_threads)
    try:
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(before)
