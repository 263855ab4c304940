"""Dense descriptors of 100 photographs at 4 scales, every 8 pixels: SIFT from float32 greys.

The photographs are those of cats and dogs where FILTERBANK_DATA has them, else images of their sizes with random phases
under the spectrum of photographs. OpenCV's and mahotas' greys are 8 bits deep. That descriptors agree with OpenCV's is
shown for windows as in Lowe's paper; flat ones are raced as well.
"""

from __future__ import annotations

import importlib.util
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.harness import Contender, Row, absent, race, rows_of
from filterbank import SiftBank, respond
from filterbank.signals import SignalInfo

MAHOTAS, OPENCV = "mahotas surf.dense", "cv2.SIFT on the same grid"
SEPARABLE = "cv2 and numpy: 8 maps, triangular sepFilter2D"
DEMANDS = {MAHOTAS: 8.0, OPENCV: 28.0}
SCALES, HOP = (4, 6, 8, 10), 8
BOUNDS = """
Half of it is the compiled loop over rows, of which gradients and their bins take about a third and the cells' sums the
rest; a quarter is putting 128 numbers a descriptor together and normalising them; what remains is padding, looking for
NaN, and Python, once an image and scale.
"""
SIZES = ((374, 500), (281, 300), (499, 375), (240, 320), (414, 500))


def run(quick: bool) -> list[Row]:
    """Race with one thread and with two; the slow ones do some of the images."""
    n, few, least = (4, 1, 1) if quick else (100, 10, 2)
    images = photographs(n, 4 if quick else 1)
    scale_few = sum(image.size for image in images) / sum(image.size for image in images[:few])
    scale_least = sum(image.size for image in images) / sum(image.size for image in images[:least])
    rows: list[Row] = []
    for threads in (1, 2):
        contenders = [
            Contender("SiftBank", lambda threads=threads: ours(images, "flat", threads), "ours"),
            Contender("SiftBank, Lowe's windows", lambda threads=threads: ours(images, "gaussian", threads), "ours"),
        ]
        if importlib.util.find_spec("mahotas"):
            contenders.append(Contender(MAHOTAS, lambda: mahotas(images[:few]), "library", scale_few))
        else:
            why = "it isn't installed"
            rows.append(absent("descriptors", MAHOTAS, "library", threads=threads, demand=DEMANDS[MAHOTAS], why=why))
        if importlib.util.find_spec("cv2"):
            assert_like_opencv(images[0])
            contenders.append(Contender(OPENCV, lambda: opencv(images[:least]), "library", scale_least))
            contenders.append(Contender(SEPARABLE, lambda: separable(images[:few]), "handwritten", scale_few))
        else:
            why = "opencv-python is not installed"
            rows += [
                absent("descriptors", peer, kind, threads=threads, demand=DEMANDS.get(peer), why=why)
                for peer, kind in ((OPENCV, "library"), (SEPARABLE, "handwritten"))
            ]
        medians = race(contenders, threads=threads, repeats=2 if quick else 5)
        rows += rows_of("descriptors", contenders, medians, threads=threads, demands=DEMANDS)
    return rows


def photographs(n: int, shrink: int) -> list[np.ndarray]:
    """Greys in 0..1."""
    folder = Path(os.environ.get("FILTERBANK_DATA", "")) / "tutorial" / "cat_dog"
    paths = sorted(folder.glob("*.jpg")) if os.environ.get("FILTERBANK_DATA") else []
    if paths and shrink == 1:
        from PIL import Image

        return [np.asarray(Image.open(path).convert("L"), dtype=np.float32) / 255 for path in paths[:n]]
    rng = np.random.default_rng(0)
    out = []
    for i in range(n):
        shape = tuple(side // shrink for side in SIZES[i % len(SIZES)])
        frequency = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, shape), indexing="ij"))
        spectrum = np.fft.fft2(rng.normal(size=shape)) / np.maximum(frequency, 1 / max(shape)) ** 1.2
        image = np.fft.ifft2(spectrum).real
        out.append(((image - image.min()) / np.ptp(image)).astype(np.float32))
    return out


def banks(window: str, sigma: float | None = None) -> list[SiftBank]:
    made = [SiftBank(bin_size=scale, hop=HOP, window=window, sigma=sigma) for scale in SCALES]
    return [bank.prepare(SignalInfo(2, 1), np.random.default_rng(0)) for bank in made]


def ours(images: list[np.ndarray], window: str, threads: int) -> None:
    prepared = banks(window)

    def one(image: np.ndarray) -> None:
        for bank in prepared:
            respond(bank, image)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, images))


def grey(image: np.ndarray) -> np.ndarray:
    return np.round(image * 255).astype(np.uint8)


def opencv(images: list[np.ndarray]) -> list[np.ndarray]:
    import cv2

    sift = cv2.SIFT_create()
    out = []
    for image in images:
        rows, columns = (range(0, n, HOP) for n in image.shape)
        points = [cv2.KeyPoint(float(c), float(r), 2 * s / 3, 0) for s in SCALES for r in rows for c in columns]
        out.append(sift.compute(grey(image), points)[1])
    return out


def assert_like_opencv(image: np.ndarray) -> None:
    """The same grid and windows: descriptors away from the ends must point the same way."""
    (theirs,) = opencv([image])
    counts = [-(-n // HOP) for n in image.shape]
    theirs = theirs.reshape(len(SCALES), *counts, 16, 8)[..., -np.arange(8) % 8].reshape(len(SCALES), *counts, 128)
    for bank, expected in zip(banks("gaussian", (1.6**2 - 0.5**2) ** 0.5), theirs):
        found = np.moveaxis(respond(bank, grey(image).astype(np.float32))[0], 0, -1)
        margin = -(-bank.geometry.halo[0][0] // HOP)
        inside = slice(margin, -margin)
        a, b = found[inside, inside].reshape(-1, 128), expected[inside, inside].reshape(-1, 128)
        cosine = (a * b).sum(axis=1) / np.maximum(np.linalg.norm(b, axis=1), 1e-9)
        if len(cosine) and not np.quantile(cosine, 0.02) > 0.98:
            raise AssertionError(f"scale {bank.bin_size}: a cosine of {np.quantile(cosine, 0.02):.3f}")


def separable(images: list[np.ndarray]) -> list[np.ndarray]:
    """What one would write around OpenCV and NumPy."""
    import cv2

    out = []
    for image in images:
        for scale in SCALES:
            radius = max(1, round(scale / 2))
            smooth = cv2.GaussianBlur(image, (2 * radius + 1,) * 2, scale / 6)
            across = cv2.filter2D(smooth, -1, np.array([[-0.5, 0, 0.5]], np.float32))
            down = cv2.filter2D(smooth, -1, np.array([[-0.5], [0], [0.5]], np.float32))
            modulus, angle = cv2.cartToPolar(across, down)
            place = angle * (8 / (2 * np.pi))
            taps = 1 - np.abs(np.arange(1 - scale, scale)) / scale
            pad = 2 * scale
            cells = []
            for k in range(8):
                away = np.abs(place - k)
                share = np.maximum(0, 1 - np.minimum(away, 8 - away))
                pooled = cv2.sepFilter2D(modulus * share, -1, taps, taps)
                cells.append(cv2.copyMakeBorder(pooled, pad, pad, pad, pad, cv2.BORDER_REFLECT_101))
            maps = np.stack(cells, axis=-1)
            starts = [round((i - 1.5) * scale) + pad for i in range(4)]
            rows, columns = (np.arange(0, n, HOP) for n in image.shape)
            found = np.stack([maps[np.ix_(rows + i, columns + j)] for i in starts for j in starts], axis=2)
            flat = found.reshape(-1, 128)
            for _ in range(2):
                flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
                flat = np.minimum(flat, 0.2)
            out.append(flat)
    return out


def mahotas(images: list[np.ndarray]) -> list[np.ndarray]:
    from mahotas.features import surf

    return [surf.dense(grey(image), HOP, scale) for image in images for scale in (1.0, 1.5, 2.0, 2.5)]
