"""8 volumes of 96 x 96 x 96, 27 Gabor filters of 15 to 55 samples a side, or 20 Gaussian derivatives, float32."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import scipy.fft
from scipy.ndimage import convolve1d, gaussian_filter
from scipy.signal import fftconvolve

from benchmarks.harness import Contender, Row, assert_agree, race, rows_of, weigh
from filterbank import GaborBank, GaussianBank, Moments, Representation
from filterbank.banks import LinearBank
from filterbank.design import direction, gaussian
from filterbank.kernels import volume_flops
from filterbank.signals import SignalInfo

CHAINS, FOURIER = "scipy.ndimage.convolve1d, chains by hand", "scipy.fft, one spectrum for filters of a size"
LIBRARY, SMOOTH = "scipy.signal.fftconvolve", "scipy.ndimage.gaussian_filter"
STATISTICS = ("mean", "std", "max")
BOUNDS = """What bounds it: passes along rows, columns and planes, at half of a core's peak; the work counted is that of
the passes, products that kernels share counted once. Nine Gabor filters of one frequency share 5 passes along rows, 9
along columns and 19 along planes, where chains by hand make 10 for each filter."""


def run(quick: bool) -> list[Row]:
    """Race with one thread and with two; the peers do one of the volumes."""
    size, n, few = (20, 2, 1) if quick else (96, 8, 1)
    volumes = list(np.random.default_rng(0).random((n, size, size, size), dtype=np.float32))
    rows: list[Row] = []
    for name, peers in (("gabor", gabor_peers), ("jets", jet_peers)):
        bank = prepared(name, quick)
        work = n * size**3 * sum(volume_flops(own, (size,) * 3)["separable"] for own in by_size(bank.real_kernels()))
        for threads in (1, 2):
            contenders = [
                Contender("Representation", lambda threads=threads, bank=bank: ours(volumes, bank, threads), "ours"),
                *peers(volumes[:few], bank, n / few),
            ]
            if threads == 1:
                expected = fourier([volume.astype(np.float64) for volume in volumes[:few]], bank)()
                for contender in contenders:
                    found = contender.run()[:few]
                    for i, statistic in enumerate(STATISTICS):
                        what = f"{contender.name}, {statistic}"
                        assert_agree(found[..., i], expected[..., i], tolerance=1e-4, what=what)
            medians = race(contenders, threads=threads, repeats=2)
            rows += rows_of(f"volumes, {name}", contenders, medians, threads=threads, demands={}, flops=work)
            rows.append(weigh("volumes", name, size, int(quick), threads=threads, note=f"{name}, {size} a side"))
    return rows


def heavy(name: str, size: int, quick: int, threads: int) -> tuple[Callable[[], object], Callable[[], np.ndarray]]:
    """A small volume, and two, for `weigh`, with kernels that are there before."""
    volumes = list(np.random.default_rng(0).random((2, size, size, size), dtype=np.float32))
    representation = Representation(prepared(name, bool(quick)), Moments(STATISTICS), n_jobs=threads).fit(volumes)
    return lambda: representation.transform([volumes[0][:9]]), lambda: representation.transform(volumes)


def prepared(name: str, quick: bool) -> LinearBank:
    """Three frequencies in nine directions, or all derivatives up to the second at two scales."""
    bank: LinearBank = GaborBank(3, n_frequencies=1 if quick else 3, orientations=4, elevations=3)
    if name == "jets":
        bank = GaussianBank(3, sigmas=[1.0] if quick else [1.0, 2.0], scale_normalized=False)
    return bank.prepare(SignalInfo(3, 1, None), np.random.default_rng(0))


def by_size(kernels: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Kernels of one size together, in their order."""
    return (list(own) for _, own in itertools.groupby(kernels, key=len))


def ours(volumes: list[np.ndarray], bank: LinearBank, threads: int) -> np.ndarray:
    representation = Representation(bank, Moments(STATISTICS), n_jobs=threads)
    return representation.fit_transform(volumes).reshape(len(volumes), -1, len(STATISTICS))


def pooled(response: np.ndarray) -> tuple[float, float, float]:
    return response.mean(), response.std(), response.max()


def gabor_peers(volumes: list[np.ndarray], bank: LinearBank, scale: float) -> list[Contender]:
    return [
        Contender(CHAINS, lambda: gabor_chains(volumes, bank), "handwritten", scale),
        Contender(LIBRARY, lambda: by_fftconvolve(volumes, bank), "library", scale),
        Contender(FOURIER, fourier(volumes, bank), "handwritten", scale),
    ]


def jet_peers(volumes: list[np.ndarray], bank: LinearBank, scale: float) -> list[Contender]:
    return [
        Contender(SMOOTH, lambda: smoothed(volumes, bank), "library", scale),
        Contender(CHAINS, lambda: jet_chains(volumes, bank), "handwritten", scale),
        Contender(LIBRARY, lambda: by_fftconvolve(volumes, bank), "library", scale),
        Contender(FOURIER, fourier(volumes, bank), "handwritten", scale),
    ]


def gabor_chains(volumes: list[np.ndarray], bank: LinearBank) -> np.ndarray:
    """Complex passes along each axis; equal first ones, and the Gaussian that makes kernels sum to zero, made once."""
    out = []
    for volume in volumes:
        first: dict[tuple[float, float], np.ndarray] = {}
        smooth: dict[float, np.ndarray] = {}
        rows = []
        for kernel, row in zip(bank.kernels_, bank.kernel_table_):
            x = np.arange(-(len(kernel) // 2), len(kernel) // 2 + 1)
            window = np.exp(-(x**2) / (2 * row["sigma"] ** 2))
            window /= window.sum()
            unit = direction(3, row["orientation"], row["elevation"])
            along = [window * np.exp(2j * np.pi * row["frequency"] * u * x) for u in unit]
            if row["frequency"] not in smooth:
                smooth[row["frequency"]] = gaussian_filter(volume, row["sigma"], radius=len(x) // 2, mode="mirror")
            key = row["frequency"], round(float(unit[0]), 9)
            if key not in first:
                first[key] = convolve1d(volume, along[0], 0, mode="mirror")
            response = convolve1d(convolve1d(first[key], along[1], 1, mode="mirror"), along[2], 2, mode="mirror")
            mean = np.prod([taps.sum() for taps in along])
            rows.append(pooled(np.abs(response - mean * smooth[row["frequency"]])))
        out.append(rows)
    return np.array(out)


def jet_chains(volumes: list[np.ndarray], bank: LinearBank) -> np.ndarray:
    """Passes along each axis, what two derivatives have in common made once."""
    out = []
    for volume in volumes:
        known: dict[tuple[float, str], np.ndarray] = {}
        rows = []
        for row in bank.kernel_table_:
            response = volume
            for axis in range(3):
                key = row["sigma"], row["order"][: axis + 1]
                if key not in known:
                    taps = gaussian(row["sigma"], (int(row["order"][axis]),))
                    known[key] = convolve1d(response, taps, axis, mode="mirror")
                response = known[key]
            rows.append(pooled(response))
        out.append(rows)
    return np.array(out)


def smoothed(volumes: list[np.ndarray], bank: LinearBank) -> np.ndarray:
    rows = [(row["sigma"], tuple(map(int, row["order"]))) for row in bank.kernel_table_]
    return np.array([[pooled(gaussian_filter(v, s, order=o, mode="mirror")) for s, o in rows] for v in volumes])


def by_fftconvolve(volumes: list[np.ndarray], bank: LinearBank) -> np.ndarray:
    out = []
    for volume in volumes:
        rows = []
        for kernel in bank.kernels_:
            padded = np.pad(volume, len(kernel) // 2, mode="reflect")
            kernel = kernel.astype(np.complex64 if np.iscomplexobj(kernel) else np.float32)
            response = fftconvolve(padded, kernel, "valid")
            rows.append(pooled(np.abs(response) if np.iscomplexobj(response) else response))
        out.append(rows)
    return np.array(out)


def fourier(volumes: list[np.ndarray], bank: LinearBank) -> Callable[[], np.ndarray]:
    """Transform a volume once for all filters of a size, whose spectra are there before."""
    spectra = []
    complex_ones = np.iscomplexobj(bank.kernels_[0])
    single = volumes[0].dtype == np.float32
    forward, back = (scipy.fft.fftn, scipy.fft.ifftn) if complex_ones else (scipy.fft.rfftn, scipy.fft.irfftn)
    for own in by_size(bank.kernels_):
        n = scipy.fft.next_fast_len(len(volumes[0]) + len(own[0]) - 1, real=not complex_ones)
        kind = (np.complex64 if single else np.complex128) if complex_ones else volumes[0].dtype
        spectra.append((len(own[0]), n, [forward(kernel.astype(kind), s=(n,) * 3) for kernel in own]))

    def run() -> np.ndarray:
        out = []
        for volume in volumes:
            rows = []
            for size, n, own in spectra:
                spectrum = forward(np.pad(volume, size // 2, mode="reflect"), s=(n,) * 3)
                inside = (slice(size - 1, size - 1 + len(volume)),) * 3
                for one in own:
                    response = back(spectrum * one, s=(n,) * 3)[inside]
                    rows.append(pooled(np.abs(response) if complex_ones else response))
            out.append(rows)
        return np.array(out)

    return run
