"""100 images of 512 x 512, sixteen Gabor kernels of 7 x 7 to 19 x 19, wrapped around, mean and variance, float32."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import numpy as np
import scipy.fft
import scipy.ndimage

from benchmarks.harness import Contender, Row, absent, assert_agree, race, rows_of
from filterbank import FilterBank, Moments, Representation
from filterbank.kernels.factors import flops
from filterbank.kernels.separable_pool import separable_pool

NDIMAGE, FOURIER = "scipy.ndimage.convolve", "scipy.fft.rfft2, one spectrum for all"
DENSE, SPLIT = "cv2.filter2D", "cv2.sepFilter2D on the split into rank 1"
DEMANDS = {1: {DENSE: 14.0, SPLIT: 5.0, NDIMAGE: 150.0}, 2: {DENSE: 25.0, SPLIT: 10.0, NDIMAGE: 300.0}}
HALO = 9
BOUNDS = """What bounds it: passes along rows and columns, with the sums of eight rows in registers; the work
counted is that of the passes, products that kernels share counted once. Which statistics are asked for makes no
difference of 10 %."""


def run(quick: bool) -> list[Row]:
    """Race with one thread and with two; the slow ones do a part of the images."""
    size, n, few = (40, 4, 2) if quick else (512, 100, 10)
    images = list(np.random.default_rng(0).random((n, size, size), dtype=np.float32))
    kernels = gabor_kernels()
    one, checked = 1, 2
    rows = []
    for threads in (1, 2):
        contenders = [
            Contender("Representation", lambda threads=threads: public(images, kernels, threads), "ours"),
            Contender("bare kernel", lambda threads=threads: bare(images, kernels, threads), "ours"),
            Contender(NDIMAGE, lambda: ndimage(images[:one], kernels), scale=n / one),
            Contender(FOURIER, lambda: fourier(images[:few], kernels), "handwritten", n / few),
        ]
        if importlib.util.find_spec("cv2"):
            contenders += [
                Contender(DENSE, lambda: filter2d(images[:few], kernels), scale=n / few),
                Contender(SPLIT, lambda: split2d(images[:few], kernels), "handwritten", n / few),
            ]
        else:
            for peer, kind in ((DENSE, "library"), (SPLIT, "handwritten")):
                demand = DEMANDS[threads][peer]
                rows.append(
                    absent("images", peer, kind, threads=threads, demand=demand, why="opencv-python is not installed")
                )
        expected = ndimage([image.astype(np.float64) for image in images[:checked]], kernels)
        for contender in contenders:
            found = contender.run()
            for i, name in enumerate(("mean", "variance")):
                both = found[:checked, :, i], expected[: len(found), :, i]
                assert_agree(*both, tolerance=1e-5, what=f"{contender.name}, {name}")
        medians = race(contenders, threads=threads, repeats=2 if quick else 7)
        work = n * size**2 * sum(flops(own, (size, size))["separable"] for own in by_shape(kernels))
        rows += rows_of("images", contenders, medians, threads=threads, demands=DEMANDS[threads], flops=work)
    return rows


def gabor_kernels() -> list[np.ndarray]:
    """Cosines of 2 frequencies in 4 orientations under Gaussian windows of 2 widths, as texture tutorials have them."""
    kernels = []
    for angle in np.pi * np.arange(4) / 4:
        for sigma in (1, 3):
            for frequency in (0.05, 0.25):
                reach = 3 * sigma * max(abs(np.cos(angle)), abs(np.sin(angle)))
                radius = int(np.ceil(max(reach - 1e-9, 1)))
                y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
                window = np.exp(-(x**2 + y**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
                along = x * np.cos(angle) + y * np.sin(angle)
                kernels.append(window * np.cos(2 * np.pi * frequency * along))
    return kernels


def by_shape(kernels: list[np.ndarray]) -> list[list[np.ndarray]]:
    return [[k for k in kernels if k.shape == shape] for shape in {k.shape for k in kernels}]


def public(images: list[np.ndarray], kernels: list[np.ndarray], threads: int) -> np.ndarray:
    pool = Moments(["mean", "std"])
    representation = Representation(FilterBank(kernels, pad="wrap"), pool, n_jobs=threads)
    features = representation.fit_transform(images).reshape(len(images), -1, 2)
    features[..., 1] **= 2
    return features


def bare(images: list[np.ndarray], kernels: list[np.ndarray], threads: int) -> np.ndarray:
    cut = [(HALO - len(k) // 2,) * 2 for k in kernels]
    halo = ((HALO, HALO), (HALO, HALO))
    states = separable_pool(
        images, kernels, lo=cut, hi=cut, halo=halo, pad="wrap", want=["mean", "square"], n_threads=threads
    )
    return np.stack([states["mean"], states["square"] / states["count"]], axis=2)


def ndimage(images: list[np.ndarray], kernels: list[np.ndarray]) -> np.ndarray:
    responses = ((scipy.ndimage.convolve(image, kernel, mode="wrap") for kernel in kernels) for image in images)
    return np.array([[(r.mean(), r.var()) for r in row] for row in responses])


def filter2d(images: list[np.ndarray], kernels: list[np.ndarray]) -> np.ndarray:
    import cv2

    flipped = [kernel[::-1, ::-1].astype(np.float32) for kernel in kernels]
    return np.array([[moments(cv2.filter2D(image, -1, kernel)) for kernel in flipped] for image in bordered(images)])


def split2d(images: list[np.ndarray], kernels: list[np.ndarray]) -> np.ndarray:
    import cv2

    splits = []
    for kernel in kernels:
        left, values, right = np.linalg.svd(kernel[::-1, ::-1])
        rank = int((values > 1e-7 * values[0]).sum())
        splits.append([(right[i], left[:, i] * values[i]) for i in range(rank)])
    out = []
    for image in bordered(images):
        out.append([])
        for (along_rows, along_columns), *others in splits:
            response = cv2.sepFilter2D(image, -1, along_rows, along_columns)
            for along_rows, along_columns in others:
                cv2.add(response, cv2.sepFilter2D(image, -1, along_rows, along_columns), response)
            out[-1].append(moments(response))
    return np.array(out)


def bordered(images: list[np.ndarray]) -> Iterator[np.ndarray]:
    import cv2

    return (cv2.copyMakeBorder(image, HALO, HALO, HALO, HALO, cv2.BORDER_WRAP) for image in images)


def moments(response: np.ndarray) -> tuple[float, float]:
    import cv2

    mean, deviation = cv2.meanStdDev(response[HALO:-HALO, HALO:-HALO])
    return mean.item(), deviation.item() ** 2


def fourier(images: list[np.ndarray], kernels: list[np.ndarray]) -> np.ndarray:
    shape = images[0].shape
    spectra = []
    for kernel in kernels:
        whole = np.zeros(shape, np.float32)
        whole[: len(kernel), : len(kernel)] = kernel
        spectra.append(scipy.fft.rfft2(np.roll(whole, (-(len(kernel) // 2),) * 2, (0, 1))))
    out = []
    for image in images:
        spectrum = scipy.fft.rfft2(image)
        responses = (scipy.fft.irfft2(spectrum * own, s=shape) for own in spectra)
        out.append([(r.mean(), r.var()) for r in responses])
    return np.array(out)
