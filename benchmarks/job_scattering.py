"""Scattering of 4 images of 512 x 512, orders 0 to 2, J = 3, L = 8, float32.

Kymatio is raced where it is installed, by torch and by NumPy. Kymatio 0.3 imports a function that SciPy 1.17 no longer
has, and that scattering in two dimensions doesn't call: it gets a name in its place, else it couldn't be imported at
all. Its cascade, written out around torch's and SciPy's transforms, is raced in any case: the same sizes, subsampling
and products of spectra.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import scipy.fft

from benchmarks.harness import Contender, Row, absent, assert_agree, race, rows_of
from filterbank import ScatteringBank, respond
from filterbank.design import morlet, scattering_wavelets
from filterbank.signals import SignalInfo

KYMATIO, BY_NUMPY = "kymatio.torch", "kymatio.numpy"
TORCH, SCIPY = "its cascade in torch", "its cascade in scipy.fft"
DEMANDS = {KYMATIO: 5.0, BY_NUMPY: 5.0}
J, L = 3, 8
BOUNDS = """
Transforms, which run at 80 GFLOP/s, are about three fifths of it; the rest is products of spectra, which lie beyond the
second level of cache, and turning squares of numbers between columns and rows. Ours takes 50 samples beyond each end,
all that a coefficient there depends on, where Kymatio takes 8 and then goes round: transforms of 640 x 640 rather than
528 x 528. Kymatio 0.3 is imported with `scipy.special.sph_harm` put back as a name, which SciPy 1.17 no longer has.
"""


def run(quick: bool) -> list[Row]:
    """Race with one thread and with two; the peers do one of the images."""
    size, n, few = (64, 2, 1) if quick else (512, 4, 1)
    images = list(np.random.default_rng(0).random((n, size, size), dtype=np.float32))
    bank = ScatteringBank(2, J=J, L=L).prepare(SignalInfo(2, 1), np.random.default_rng(0))
    filters = spectra(size + 2 * 2**J)
    rows: list[Row] = []
    for threads in (1, 2):
        contenders = [Contender("respond", lambda threads=threads: ours(bank, images, threads), "ours")]
        if importlib.util.find_spec("kymatio"):
            by_torch, by_numpy = kymatio(size)
            contenders.append(Contender(BY_NUMPY, lambda f=by_numpy: f(images[:few]), "library", n / few))
            if by_torch:
                contenders.append(Contender(KYMATIO, lambda f=by_torch: f(images[:few]), "library", n / few))
        else:
            why = "it isn't installed"
            rows += [
                absent("scattering", peer, "library", threads=threads, demand=DEMANDS[peer], why=why)
                for peer in (KYMATIO, BY_NUMPY)
            ]
        if importlib.util.find_spec("torch"):
            run_torch = in_torch(filters)
            contenders.append(Contender(TORCH, lambda f=run_torch: f(images[:few]), "handwritten", n / few))
        contenders.append(Contender(SCIPY, lambda: in_scipy(images[:few], filters), "handwritten", n / few))
        expected = in_scipy(images[:few], filters)
        inside = slice(2, -2)  # it goes round at the ends of its padding
        for contender in contenders:
            found = contender.run()[:few, :, inside, inside]
            assert_agree(found, expected[..., inside, inside], tolerance=2e-3, what=contender.name)
        medians = race(contenders, threads=threads, repeats=2 if quick else 3)
        rows += rows_of("scattering", contenders, medians, threads=threads, demands=DEMANDS)
    return rows


def ours(bank: ScatteringBank, images: list[np.ndarray], threads: int) -> np.ndarray:
    with ThreadPoolExecutor(threads) as pool:
        return np.stack(list(pool.map(lambda image: respond(bank, image, block_size=images[0].shape[0])[0], images)))


def spectra(n: int) -> dict[str, Any]:
    """The wavelets' and windows' spectra at every rate that the cascade needs."""

    def at(kernel: np.ndarray, step: int) -> np.ndarray:
        whole = np.zeros((n, n), complex)
        y, x = (np.arange(m) - m // 2 for m in kernel.shape)
        np.add.at(whole, (y[:, np.newaxis] % n, x % n), kernel)
        return np.fft.fft2(whole[::step, ::step] * step**2).real.astype(np.float32)

    wavelets = scattering_wavelets(2, J=J, L=L, Q=1)
    sigma = 0.8 * 2 ** (J - 1)
    x = np.arange(-64, 65)
    window = np.exp(-0.5 * (x / sigma) ** 2)
    window = np.multiply.outer(window, window) / window.sum() ** 2
    return {
        "octaves": [w.octave for w in wavelets],
        "waves": [[at(morlet(w, 2, truncate=6.0), 2**r) for r in range(w.octave + 1)] for w in wavelets],
        "windows": [at(window, 2**r) for r in range(J)],
    }


def cascade(
    spectrum: Any, filters: dict[str, Any], fold: Callable, forward: Callable, back: Callable, to: Callable
) -> list[Any]:
    """Kymatio's order of work; `fold(x, k)` keeps every k-th sample of what has the spectrum x."""
    octaves, waves, windows = filters["octaves"], filters["waves"], filters["windows"]
    out = [to(back(fold(spectrum * windows[0], 2**J)))]
    second = []
    for i, j in enumerate(octaves):
        first = forward(abs(back(fold(spectrum * waves[i][0], 2**j))))
        out.append(to(back(fold(first * windows[j], 2 ** (J - j)))))
        for k, then in enumerate(octaves):
            if then > j:
                twice = forward(abs(back(fold(first * waves[k][j], 2 ** (then - j)))))
                second.append(to(back(fold(twice * windows[then], 2 ** (J - then)))))
    return out + second


def in_scipy(images: list[np.ndarray], filters: dict[str, Any]) -> np.ndarray:
    def fold(x: np.ndarray, k: int) -> np.ndarray:
        n = len(x) // k
        return x.reshape(k, n, k, n).mean(axis=(0, 2)) if k > 1 else x

    def one(image: np.ndarray) -> np.ndarray:
        spectrum = scipy.fft.fft2(np.pad(image, 2**J, mode="reflect"))
        found = cascade(spectrum, filters, fold, scipy.fft.fft2, scipy.fft.ifft2, np.real)
        return np.stack(found)[:, 1:-1, 1:-1]

    return np.stack([one(image) for image in images])


def in_torch(filters: dict[str, Any]) -> Callable[[list[np.ndarray]], np.ndarray]:
    import torch

    held = {
        "octaves": filters["octaves"],
        "waves": [[torch.from_numpy(w) for w in own] for own in filters["waves"]],
        "windows": [torch.from_numpy(w) for w in filters["windows"]],
    }

    def fold(x: Any, k: int) -> Any:
        n = len(x) // k
        parts = torch.view_as_real(x).view(k, n, k, n, 2)  # as Kymatio does: means of real numbers are quicker
        return torch.view_as_complex(parts.mean(dim=2).mean(dim=0)) if k > 1 else x

    def run(images: list[np.ndarray]) -> np.ndarray:
        out = []
        for image in images:
            padded = torch.from_numpy(np.pad(image, 2**J, mode="reflect"))
            found = cascade(torch.fft.fft2(padded), held, fold, torch.fft.fft2, torch.fft.ifft2, lambda x: x.real)
            out.append(torch.stack(found)[:, 1:-1, 1:-1].numpy())
        return np.stack(out)

    return run


def kymatio(size: int) -> tuple[Callable[[list[np.ndarray]], np.ndarray] | None, Callable]:
    """Kymatio by torch, where that is installed, and by NumPy, with paths in our order."""
    import scipy.special

    if not hasattr(scipy.special, "sph_harm"):
        scipy.special.sph_harm = None  # of scattering in three dimensions
    from kymatio.numpy import Scattering2D as ByNumpy

    wavelets = [(j, k) for j in range(J) for k in range(L)]
    paths = [(), *[(one,) for one in wavelets]]
    paths += [(one, then) for one in wavelets for then in wavelets if then[0] > one[0]]
    order = [paths.index(tuple((j, (k - 1) % L) for j, k in path)) for path in paths]  # its orientations begin at one
    by_numpy = ByNumpy(J=J, L=L, shape=(size, size))
    by_torch = None
    if importlib.util.find_spec("torch"):
        import torch
        from kymatio.torch import Scattering2D as ByTorch

        transform = ByTorch(J=J, L=L, shape=(size, size))

        def by_torch(images: list[np.ndarray]) -> np.ndarray:
            with torch.no_grad():
                return transform(torch.from_numpy(np.stack(images))).numpy()[:, order]

    return by_torch, lambda images: by_numpy(np.stack(images))[:, order]
