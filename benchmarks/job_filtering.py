"""Filtering: a series of 1,048,576 samples and an image of 2,048 x 2,048, smoothed, derived and convolved, float32."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Iterator

import numpy as np
import scipy.ndimage
import scipy.signal

from benchmarks.harness import Contender, Row, absent, assert_agree, race, rows_of
from filterbank.filtering import convolve, derivative, gaussian_kernel, smooth

TOLERANCE = 2e-6
OURS = "filterbank"


def run(quick: bool) -> list[Row]:
    """Race each task with one thread and with two."""
    rng = np.random.default_rng(0)
    series = rng.random(1 << (12 if quick else 20), dtype=np.float32)
    image = rng.random((96, 96) if quick else (2048, 2048), dtype=np.float32)
    rows = []
    for threads in (1, 2):
        for job, contenders, flops in tasks(series, image, rng, threads, quick):
            expected = next(c for c in contenders if c.name == OURS).run()
            for contender in contenders:
                found = contender.run()
                part = expected if contender.scale == 1 else expected[: len(found)]
                inside = tuple(slice(None, n - n // 16) for n in part.shape) if contender.scale != 1 else ...
                assert_agree(found[inside], part[inside], tolerance=TOLERANCE, what=f"{job}, {contender.name}")
            peers = {c.name: 1.0 for c in contenders if c.kind != "ours"}
            medians = race(contenders, threads=threads, repeats=3 if quick else 9)
            rows += rows_of(job, contenders, medians, threads=threads, demands=peers, flops=flops)
            if not importlib.util.find_spec("cv2"):
                why = "opencv-python is not installed"
                own = medians[OURS]
                rows.append(absent(job, "cv2", "library", threads=threads, demand=1.0, why=why, ours_s=own))
    return rows


def tasks(
    series: np.ndarray, image: np.ndarray, rng: np.random.Generator, threads: int, quick: bool
) -> Iterator[tuple[str, list[Contender], float]]:
    """Yield each task's name, contenders and floating-point operations."""
    for sigma in (2.0, 8.0):
        taps = len(gaussian_kernel(sigma))
        for name, x in (("series", series), ("image", image)):
            peers = [Contender("scipy.ndimage.gaussian_filter", functools.partial(blur_scipy, x, sigma, 0))]
            peers += cv2_only("cv2.GaussianBlur", lambda x=x, sigma=sigma: blur_cv2(x, sigma))
            ours = Contender(OURS, lambda x=x, sigma=sigma: smooth(x, sigma, n_jobs=threads), "ours")
            yield f"smooth, sigma {sigma:g}, {name}", [ours, *peers], 2.0 * taps * x.ndim * x.size
    for sigma, order in ((2.0, 1), (4.0, 2)):
        kernels = [gaussian_kernel(sigma), gaussian_kernel(sigma, order)]
        for name, x in (("series", series), ("image", image)):
            orders = (0, order)[-x.ndim :]
            own = kernels[-x.ndim :]
            peers = [Contender("scipy.ndimage.convolve1d", functools.partial(passes_scipy, x, own))]
            peers += cv2_only("cv2.sepFilter2D", lambda x=x, own=own: passes_cv2(x, own))
            run_it = functools.partial(derivative, x, sigma, orders, n_jobs=threads)
            ours = Contender(OURS, run_it, "ours")
            yield f"derivative, order {order}, {name}", [ours, *peers], 2.0 * len(own[0]) * x.ndim * x.size
    for extent in ((9,), (65,), (257,), (4097,), (3, 3), (7, 7), (15, 15), (31, 31)):
        if quick and max(extent) > 60:
            continue
        kernel = rng.random(extent) - 0.3
        x = series if len(extent) == 1 else image
        few = 1 if quick or len(extent) == 1 or extent[0] < 15 else 8
        part = x[: -(-len(x) // few) + 8] if few > 1 else x
        peers = [
            Contender("scipy.signal.oaconvolve", functools.partial(scipy.signal.oaconvolve, x, single(kernel), "same"))
        ]
        if len(extent) == 2 or extent[0] <= 65:
            direct = functools.partial(scipy.ndimage.convolve, part, kernel, mode="constant")
            peers.append(Contender("scipy.ndimage.convolve", direct, scale=len(x) / len(part)))
        peers += cv2_only("cv2.filter2D", lambda x=x, kernel=kernel: filter_cv2(x, kernel))
        ours = Contender(OURS, functools.partial(convolve, x, kernel, n_jobs=threads), "ours")
        label = " x ".join(map(str, extent))
        yield f"convolve, {label}", [ours, *peers], 2.0 * kernel.size * x.size


def cv2_only(name: str, call: Callable[[], np.ndarray]) -> list[Contender]:
    return [Contender(name, call)] if importlib.util.find_spec("cv2") else []


def single(kernel: np.ndarray) -> np.ndarray:
    return kernel.astype(np.float32)


def blur_scipy(x: np.ndarray, sigma: float, order: int) -> np.ndarray:
    return scipy.ndimage.gaussian_filter(x, sigma, order)


def blur_cv2(x: np.ndarray, sigma: float) -> np.ndarray:
    import cv2

    taps = len(gaussian_kernel(sigma))
    size = (taps, taps if x.ndim == 2 else 1)
    return cv2.GaussianBlur(np.atleast_2d(x), size, sigma, borderType=cv2.BORDER_REFLECT).reshape(x.shape)


def passes_scipy(x: np.ndarray, kernels: list[np.ndarray]) -> np.ndarray:
    for axis, kernel in enumerate(kernels):
        x = scipy.ndimage.convolve1d(x, kernel, axis=axis)
    return x


def passes_cv2(x: np.ndarray, kernels: list[np.ndarray]) -> np.ndarray:
    import cv2

    flipped = [single(kernel[::-1]) for kernel in kernels]
    down = flipped[0] if x.ndim == 2 else np.ones(1, np.float32)
    found = cv2.sepFilter2D(np.atleast_2d(x), -1, flipped[-1], down, borderType=cv2.BORDER_REFLECT)
    return found.reshape(x.shape)


def filter_cv2(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    import cv2

    flipped = np.atleast_2d(single(np.flip(kernel))).copy()
    return cv2.filter2D(np.atleast_2d(x), -1, flipped, borderType=cv2.BORDER_CONSTANT).reshape(x.shape)
