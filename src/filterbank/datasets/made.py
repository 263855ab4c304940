"""Data sets that the package makes: epidemics in cities, and vowels sung by voices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from filterbank.datasets.info import check_whole
from filterbank.errors import invalid
from filterbank.signals import Dataset, Signals

__all__ = ["epidemics", "tones"]

DISEASES = {
    # basic reproduction number, days latent, days infectious
    "chickenpox": (10.5, 10.0, 7.0),
    "measles": (17.0, 8.0, 5.0),
    "mumps": (10.0, 16.0, 6.0),
}
HOLIDAYS = ((0, 6), (100, 115), (200, 251), (300, 307), (356, 365))
"""Days of the year without school, in England and Wales (Keeling & Rohani 2008, chapter 5)."""
TERM_AMPLITUDE = 0.29
"""How much more contact there is in term than on average, and less in holidays (the same)."""
OUTSIDE = 0.006
"""Infection that comes from outside a city, as a share of its mean number of infectious people."""
SETTLING = 20
"""Years that are simulated and thrown away."""
MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

VOWELS = {
    # first three formants in Hz, and so in the men of Peterson & Barney 1952
    "a": (730.0, 1090.0, 2440.0),
    "e": (530.0, 1840.0, 2480.0),
    "i": (270.0, 2290.0, 3010.0),
    "o": (570.0, 840.0, 2410.0),
    "u": (300.0, 870.0, 2240.0),
}
BANDWIDTHS = (70.0, 90.0, 140.0)
ROOM_RIPPLES = np.array([900.0, 2100.0])
"""Periods in Hz of the ripples that a voice's room puts on the spectrum."""


def epidemics(
    *,
    n_cities: int = 4,
    years: int = 40,
    window: tuple[int, int] = (24, 36),
    hop: int = 13,
    random_state: int | np.random.Generator | None = 0,
) -> Dataset:
    """Make monthly counts of three childhood diseases in several cities, cut in overlapping windows.

    Each city has one series a disease, made by the same stochastic SEIR model: births make people susceptible,
    infection depends on the school term, a little of it comes from outside the city, and a part of the cases is
    reported. Only the reproduction number and the days latent and infectious differ between diseases; that alone gives
    measles its two-year cycle and the others an annual one. The cities' sizes, birth rates and shares of reported
    cases vary, so that the level of the counts says little. A city is a group: the score of a model that was tested on
    cities left out is the score for a new city.

    Parameters
    ----------
    n_cities : int
        Cities; each has every disease.
    years : int
        Years of each series, of twelve samples each.
    window : (int, int)
        The shortest and the longest window, in months; each window's length is drawn at random.
    hop : int
        Months from one window's start to the next one's.
    random_state : int or Generator, optional
        Seed of all that is drawn; None for another set each time.

    Returns
    -------
    Dataset
        About 400 series by default, counts in float64; table columns source, start, stop, city, label. Frequencies are
        in cycles per month (`rate` is None).

    Notes
    -----
    The chain-binomial form of the forced SEIR model [1]_, in steps of a day; births balance deaths,
    and only the removed die. Latent and infectious periods are within the ranges of [2]_ ; contact rates that rise
    and fall with the school year were found by [3]_. The two-year cycle of measles needs births of about 20 a
    year in 1,000 people or more, as here. Cost: linear in `years`, about half a second by default.

    References
    ----------
    .. [1] Keeling & Rohani 2008, "Modeling Infectious Diseases in Humans and Animals", chapters 5 and 6.
    .. [2] Anderson & May 1991, "Infectious Diseases of Humans".
    .. [3] London & Yorke 1973, "Recurrent outbreaks of measles, chickenpox and mumps", Am. J. Epidemiology 98.

    Examples
    --------
    >>> data = epidemics(n_cities=2, years=6)
    >>> sorted(set(data.y)), data.group
    (['chickenpox', 'measles', 'mumps'], 'city')
    >>> data.table["source"].iloc[1], data.table["start"].head(3).tolist()
    ('city 1, chickenpox', [0, 13, 26])
    """
    n_cities = check_whole("n_cities", n_cities, 1)
    years = check_whole("years", years, 1)
    hop = check_whole("hop", hop, 1)
    shortest, longest = _window(window, years * 12)
    rng = np.random.default_rng(random_state)
    counts = _reported(_cases(n_cities, years, rng), rng)
    rows, items = [], []
    for c in range(n_cities):
        for d, disease in enumerate(DISEASES):
            series = counts[:, d, c].copy()
            for start in range(0, len(series) - longest + 1, hop):
                stop = start + int(rng.integers(shortest, longest + 1))
                rows.append((f"city {c + 1}, {disease}", start, stop, f"city {c + 1}", disease))
                items.append(series[start:stop])
    return Dataset(
        Signals(items, n_axes=1),
        pd.DataFrame(rows, columns=["source", "start", "stop", "city", "label"]),
        kind="series",
        target="label",
        group="city",
        name="epidemics",
        description=(
            f"Monthly counts of chickenpox, measles and mumps in {n_cities} made cities over {years} years, by a "
            "stochastic SEIR model forced by the school term, with published parameters; cut in overlapping windows of "
            f"{shortest} to {longest} months. Measles has a two-year cycle, the others an annual one."
        ),
    )


def tones(
    *,
    n_voices: int = 8,
    n_takes: int = 8,
    rate: float = 8000,
    random_state: int | np.random.Generator | None = 0,
) -> Dataset:
    """Make short sounds of five vowels, sung by voices that differ.

    A sound is a sum of the harmonics of a gliding pitch, shaped by three formants, plus noise. A voice has its own
    pitch, formant scale (the length of the vocal tract), spectral tilt, noise, and room, which colours the spectrum; a
    take differs a little from the next. The voice is the group: a model that has heard other takes of the same voice
    has it easier than one that meets a new voice.

    Parameters
    ----------
    n_voices : int
        Voices; each sings every vowel.
    n_takes : int
        Sounds of each vowel by each voice.
    rate : float, at least 8000
        Samples per second.
    random_state : int or Generator, optional
        Seed of all that is drawn; None for another set each time.

    Returns
    -------
    Dataset
        `5 * n_voices * n_takes` sounds of 0.3 to 0.5 s, float32 within -1..1; table columns source, voice, take, label.

    References
    ----------
    .. [1] Peterson & Barney 1952, "Control methods used in a study of the vowels", J. Acoust. Soc. Am. 24: the
       formants.
    .. [2] Klatt 1980, "Software for a cascade/parallel formant synthesizer", J. Acoust. Soc. Am. 67: the cascade.

    Examples
    --------
    >>> data = tones(n_voices=2, n_takes=1)
    >>> len(data), sorted(set(data.y)), data.group
    (10, ['a', 'e', 'i', 'o', 'u'], 'voice')
    """
    n_voices = check_whole("n_voices", n_voices, 1)
    n_takes = check_whole("n_takes", n_takes, 1)
    if not (np.isfinite(rate) and rate >= 8000):
        raise invalid("rate", rate, "a number of at least 8000 samples per second", why="the third formant would alias")
    rng = np.random.default_rng(random_state)
    rows, items = [], []
    for v in range(n_voices):
        voice = _voice(v, n_voices, rng)
        for vowel, formants in VOWELS.items():
            for take in range(n_takes):
                rows.append((f"voice {v + 1}", f"voice {v + 1}", take, vowel))
                items.append(_sung(np.array(formants), voice, float(rate), rng))
    return Dataset(
        Signals(items, n_axes=1, rate=rate),
        pd.DataFrame(rows, columns=["source", "voice", "take", "label"]),
        kind="sound",
        target="label",
        group="voice",
        name="tones",
        description=(
            f"Five vowels sung by {n_voices} made voices, {n_takes} takes each, at {rate:g} samples per second. "
            "Voices differ in pitch, formant scale, spectral tilt, noise and room; a voice is the group."
        ),
    )


def _window(window: tuple[int, int], n_months: int) -> tuple[int, int]:
    """The checked shortest and longest length of a window."""
    try:
        shortest, longest = window
    except (TypeError, ValueError):
        raise invalid("window", window, "a pair (shortest, longest) of months") from None
    shortest = check_whole("window[0]", shortest, 2)
    return shortest, check_whole("window[1]", longest, shortest, n_months)


def _cases(n_cities: int, years: int, rng: np.random.Generator) -> np.ndarray:
    """Cases by month, disease and city, `(12 * years, disease, city)`, of a forced chain-binomial SEIR model."""
    r0, latent, infectious = (np.array(column)[:, np.newaxis] for column in zip(*DISEASES.values()))
    shape = (len(DISEASES), n_cities)
    people = np.exp(rng.uniform(np.log(1e6), np.log(8e6), n_cities))
    births = np.broadcast_to(people * rng.uniform(0.020, 0.024, n_cities) / 365, shape)  # a day
    r0 = r0 * rng.uniform(0.95, 1.05, shape)
    school = np.ones(365)
    for first, stop in HOLIDAYS:
        school[first:stop] = -1
    forcing = 1 + TERM_AMPLITUDE * school
    contact = (forcing / forcing.mean())[:, np.newaxis, np.newaxis] * (r0 / infectious / people)
    # susceptible, exposed, infectious people, starting near the balance of the unforced model
    state = np.stack([1.1 * people / r0, births * latent, births * infectious]).round().astype(np.int64)
    leaving = np.empty(state.shape)
    leaving[1] = -np.expm1(-1 / latent)
    leaving[2] = -np.expm1(-1 / infectious)
    outside = OUTSIDE * births * infectious
    month = np.repeat(np.arange(12), MONTH_DAYS)
    cases = np.zeros((years, 12, *shape))
    for year in range(-SETTLING, years):
        born = rng.poisson(births, (365, *shape))
        for day in range(365):
            leaving[0] = -np.expm1(-contact[day] * (state[2] + outside))
            moved = rng.binomial(state, leaving)
            state -= moved
            state[1:] += moved[:-1]
            state[0] += born[day]
            if year >= 0:
                cases[year, month[day]] += moved[1]
    return cases.reshape(12 * years, *shape)


def _reported(cases: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The part of the cases that is counted; the share differs by disease and city."""
    share = rng.uniform(0.1, 0.4, cases.shape[1:])
    return rng.binomial(cases.astype(np.int64), share).astype(np.float64)


def _voice(index: int, n_voices: int, rng: np.random.Generator) -> dict[str, Any]:
    """Draw what makes a voice: deep ones have long vocal tracts, as in men, women and children."""
    height = (index + rng.uniform(0.2, 0.8)) / n_voices
    return {
        "pitch": 95.0 * 2 ** (1.5 * height),
        "scale": (0.85 + 0.4 * height) * rng.uniform(0.94, 1.06),
        "tilt": rng.uniform(0.6, 1.4),
        "noise": 10 ** rng.uniform(-2.2, -0.9),
        "room": rng.uniform(0, 2 * np.pi, len(ROOM_RIPPLES)),
    }


def _sung(formants: np.ndarray, voice: dict[str, Any], rate: float, rng: np.random.Generator) -> np.ndarray:
    """One take of a vowel by a voice, `(sample,)`."""
    n = int(rng.uniform(0.3, 0.5) * rate)
    t = np.arange(n) / rate
    pitch = voice["pitch"] * 2 ** (rng.normal(0, 0.06) + rng.normal(0, 0.1) * (t / t[-1] - 0.5))
    pitch *= 1 + 0.01 * np.sin(2 * np.pi * (rng.uniform(4, 7) * t + rng.uniform()))
    formants = formants * voice["scale"] * rng.normal(1, 0.03, len(formants))
    harmonics = np.arange(1, int(min(rate / 2, 4000) / pitch.max()) + 1)
    frequency = harmonics * pitch.mean()
    ripple = 5 * np.cos(2 * np.pi * frequency[:, np.newaxis] / ROOM_RIPPLES + voice["room"]).sum(axis=1)  # decibels
    gains = _gain(frequency, formants) * harmonics ** -voice["tilt"] * 10 ** (ripple / 20)
    turn = np.exp(2j * np.pi * (np.cumsum(pitch) / rate + rng.uniform()))
    wave, power = np.zeros(n), np.ones(n, dtype=complex)
    for gain in gains:
        power *= turn
        wave += gain * power.imag
    wave += voice["noise"] * np.abs(wave).max() * rng.standard_normal(n)
    ramp = np.minimum(1, np.minimum(t, t[::-1]) / 0.03)
    wave *= np.sin(np.pi / 2 * ramp) ** 2
    return (wave * (rng.uniform(0.3, 0.9) / np.abs(wave).max())).astype(np.float32)


def _gain(frequency: np.ndarray, formants: np.ndarray) -> np.ndarray:
    """Modulus of a cascade of second-order resonances, `(frequency,)`."""
    f = frequency[:, np.newaxis]
    return np.prod(formants**2 / np.hypot(formants**2 - f**2, f * np.array(BANDWIDTHS)), axis=1)
