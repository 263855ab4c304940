"""Features of whole sounds, and the recipes for sound: against SciPy, slow twins, and what must not change them."""

import itertools

import numpy as np
import pytest
import scipy.fft
import scipy.signal

from filterbank import InputError, MelBank, Moments, Representation, Signals, load, respond
from filterbank.recipes import RECIPES, make
from filterbank.signals import SignalInfo
from filterbank.sound import resample
from filterbank.sound_features import (
    QUANTILES,
    cepstra_of_picture,
    mel_picture,
    texture_statistics,
    texture_statistics_names,
)
from filterbank.sound_recipes import band_power, mel_frames, mfcc_segments, modulation, sound_words

RATE = 8000
OURS = ("band_power", "mfcc_segments", "sound_words", "modulation", "word_pictures", "sound_texture", "scattering_1d")


def chirp(n=6000, seed=0, rate=RATE):
    t = np.arange(n) / rate
    tone = scipy.signal.chirp(t, 200, t[-1], 2500) * np.hanning(n)
    return tone + 0.003 * np.random.default_rng(seed).normal(size=n)


def sounds(n=4, rate=RATE):
    return Signals.wrap([chirp(5000 + 700 * i, i) for i in range(n)], rate=rate)


# Pictures.


def test_a_picture_is_its_definition():
    """Frames of 256 every 40, bands in mel, cut, divided, compressed and stretched, step by step."""
    x = chirp()
    bank = MelBank(n_mels=40, n_fft=256, hop=40, low=60, log=None).prepare(SignalInfo(1, 1, RATE), None)
    powers = respond(bank, x)[0]
    powers = np.maximum(powers, powers.max() * 1e-8)
    loudness = 10 * np.log10(powers.sum(axis=0))
    there = np.flatnonzero(loudness > loudness.max() - 20)
    powers = powers[:, there[0] : there[-1] + 1]
    powers = powers / np.sqrt(powers.mean(axis=1, keepdims=True))
    root = (powers / np.percentile(powers.mean(axis=0), 95)) ** (1 / 7)
    np.testing.assert_allclose(mel_picture(x, RATE, n_frames=None), root, rtol=1e-6)
    n = root.shape[1]
    fine = np.repeat(root, 32, axis=1)  # every frame 32 times: each of 32 parts then holds n of these
    expected = fine.reshape(40, 32, n).mean(axis=2)
    np.testing.assert_allclose(mel_picture(x, RATE), expected, rtol=1e-6)


def test_pictures_of_words_do_not_know_loudness_silence_or_length():
    x = chirp()
    picture = mel_picture(x, RATE)
    np.testing.assert_allclose(mel_picture(0.01 * x, RATE), picture, rtol=1e-4)
    np.testing.assert_allclose(mel_picture(np.stack([x, x]), RATE), picture, rtol=1e-9)
    silence = 1e-5 * np.random.default_rng(1).normal(size=3200)
    padded = mel_picture(np.concatenate([silence, x, silence]), RATE)
    assert np.corrcoef(padded.ravel(), picture.ravel())[0, 1] > 0.99
    slower = mel_picture(scipy.signal.chirp(np.arange(9000) / RATE, 200, 9000 / RATE, 2500) * np.hanning(9000), RATE)
    clean = mel_picture(scipy.signal.chirp(np.arange(6000) / RATE, 200, 6000 / RATE, 2500) * np.hanning(6000), RATE)
    assert np.corrcoef(slower.ravel(), clean.ravel())[0, 1] > 0.95
    assert not mel_picture(np.zeros(4000), RATE).any()


def test_cepstra_of_a_picture_are_cosines_and_slopes():
    x = chirp()
    picture = mel_picture(x, RATE, n_frames=None)
    cepstra = scipy.fft.dct(picture, axis=0, norm="ortho")[:13]
    slopes = scipy.signal.savgol_filter(cepstra, 9, 1, deriv=1, axis=1, mode="nearest")
    whole = cepstra_of_picture(x, RATE, n_segments=1)
    np.testing.assert_allclose(whole[:13], cepstra.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(whole[13:], slopes.mean(axis=1), rtol=1e-6, atol=1e-9)
    parts = cepstra_of_picture(x, RATE, n_segments=4).reshape(2, 13, 4)
    np.testing.assert_allclose(parts.mean(axis=2).ravel(), whole, rtol=1e-6, atol=1e-9)


# Textures.


def test_textures_are_their_definition():
    x = chirp(20_000)
    found = dict(zip([row["feature"] for row in texture_statistics_names(1, RATE)], texture_statistics(x, RATE)))
    bank = MelBank(n_mels=60, n_fft=512, hop=128, low=40, floor=1e-9).prepare(SignalInfo(1, 1, RATE), None)
    bands = respond(bank, x)[0]
    cepstra = scipy.fft.dct(bands, axis=0, norm="ortho")[:20]
    loud = bands.max(axis=0)
    near = cepstra[:, loud > loud.max() - 30]
    for q in QUANTILES:
        np.testing.assert_allclose(found[f"quantile{q:g}.within30dB.cepstrum3"], np.quantile(near[3], q), rtol=1e-9)
    np.testing.assert_allclose(found["std.within30dB.cepstrum5"], near[5].std(), rtol=1e-9)
    np.testing.assert_allclose(found["step mean.within30dB.cepstrum0"], np.abs(np.diff(near[0])).mean(), rtol=1e-9)
    within60 = cepstra[:, loud > loud.max() - 60]
    np.testing.assert_allclose(found["mean.within60dB.cepstrum19"], within60[19].mean(), rtol=1e-9)
    np.testing.assert_allclose(found["share.within10dB"], (loud > loud.max() - 10).mean())
    group = np.maximum(bands, bands.max() - 60)[28:32].mean(axis=0)
    n, rate = len(group), RATE / 128
    f, power = scipy.signal.periodogram(group, rate, window=np.hanning(n), nfft=256, scaling="spectrum")
    inside = power[(f >= 2.8) & (f < 5.6)] / 2 * np.hanning(n).sum() ** 2
    np.testing.assert_allclose(found["modulation[2.8-5.6Hz].group7"], np.log(inside.mean() + 1e-3), rtol=1e-9)


def test_modulation_of_a_beating_tone_is_found_at_its_rate():
    rate = 16000
    t = np.arange(4 * rate) / rate
    rng = np.random.default_rng(0)
    for beats, band in ((4.0, "modulation[2.8-5.6Hz]"), (15.0, "modulation[11-22Hz]")):
        x = rng.normal(size=len(t)) * (1 + 0.9 * np.sin(2 * np.pi * beats * t))
        found = dict(zip([row["feature"] for row in texture_statistics_names(1, rate)], texture_statistics(x, rate)))
        powers = {k: v for k, v in found.items() if k.startswith("modulation") and k.endswith("group7")}
        assert max(powers, key=powers.get) == f"{band}.group7"
    recipe = make("modulation", "sound").fit(Signals.wrap([x], rate=rate))
    row = recipe.transform(Signals.wrap([x], rate=rate))[0]
    table = recipe.feature_table_
    means = (table["statistic"] == "mean") & (table["kernel"].str.contains("mel"))
    by_rate = table[means].assign(value=row[means]).groupby("then_frequency")["value"].mean()
    assert by_rate.idxmax() == 12.5


def test_a_texture_does_not_know_where_the_sound_is():
    """Silence by whole hops before and behind it changes nothing of its cepstra."""
    x, short, long = chirp(8000), np.zeros(12 * 128), np.zeros(200 * 128)
    early, late = (texture_statistics(np.concatenate(parts), RATE) for parts in ((short, x, long), (long, x, short)))
    inside = ["within30dB.cep" in row["feature"] for row in texture_statistics_names(1, RATE)]
    np.testing.assert_allclose(early[inside], late[inside], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("x", [np.zeros(3000), np.full(3000, 0.3), np.sign(chirp(3000)), np.eye(1, 3000, 5)[0]])
def test_silent_constant_and_clipped_sounds_have_finite_features(x):
    for function in (mel_picture, cepstra_of_picture, texture_statistics):
        assert np.isfinite(function(x, RATE)).all()
    assert np.isfinite(texture_statistics(x[:700], RATE)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"below": 0}, "below=0 is not a positive number"),
        ({"root": -1}, "root=-1 is not a positive number"),
        ({"flatten": 2}, "flatten=2 is not between 0 and 1"),
    ],
)
def test_options_of_pictures(options, message):
    with pytest.raises(InputError, match=message):
        mel_picture(chirp(), RATE, **options)


# Recipes.


@pytest.mark.parametrize(
    ("name", "rate"), [*itertools.product(OURS[:-1], [8000, 22050, 44100]), ("scattering_1d", 8000)]
)
def test_recipes_take_any_rate_and_name_their_features(name, rate):
    signals = resample(sounds(), rate, from_rate=RATE)
    recipe = make(name, "sound").set_output(transform="pandas")
    features = recipe.fit_transform(signals)
    assert np.isfinite(features.to_numpy()).all()
    assert features.columns.is_unique
    assert features.columns.tolist() == recipe.feature_table_["feature"].tolist()
    again = make(name, "sound").fit_transform(signals)
    np.testing.assert_array_equal(again, features.to_numpy())
    assert RECIPES[name].kinds == ("sound",)


@pytest.mark.parametrize("name", OURS)
def test_recipes_need_the_rate(name):
    if name == "band_power":
        pytest.skip("its edges are then in cycles/sample, and refused as too high by themselves")
    with pytest.raises(InputError, match=r"rate of the (signals|sound) is unknown"):
        make(name, "sound").fit(Signals.wrap([chirp()]))


def test_powers_in_bands_are_sums_of_scipys_periodogram():
    x = chirp(8000)
    found = band_power(edges=[99.5, 200.5, 1000.5], decibel=False).fit_transform(Signals.wrap([x], rate=RATE))[0]
    f, power = scipy.signal.periodogram(x / np.abs(x).max(), RATE, scaling="spectrum", detrend=False)
    expected = [power[(f > a) & (f < b)].sum() for a, b in ((99.5, 200.5), (200.5, 1000.5))]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    loud = band_power().fit_transform(Signals.wrap([x, 0.1 * x], rate=RATE))
    np.testing.assert_allclose(loud[0], loud[1], rtol=1e-9)
    assert band_power().fit_transform(Signals.wrap([np.zeros(4000)], rate=RATE)).max() == -120


def test_segments_are_means_of_cepstra_in_order():
    x = chirp(8000)
    signals = Signals.wrap([x], rate=RATE)
    found = mfcc_segments(n_mfcc=5, n_segments=4).fit_transform(signals).reshape(4, 5)
    cepstra, (where,) = respond(mel_frames(RATE, n_mfcc=5).prepare(signals.info, None), x)
    for part in range(4):
        own = cepstra[:, where * 4 // 8000 == part]
        np.testing.assert_allclose(found[part], own.mean(axis=1), rtol=1e-9)
    assert mfcc_segments(deltas=True).fit_transform(signals).shape == (1, 390)


def test_words_are_shares_in_the_sound_and_its_thirds():
    signals = sounds(5)
    whole = sound_words(n_words=6).fit_transform(signals)
    np.testing.assert_allclose(whole.sum(axis=1), 1)
    thirds = sound_words(n_words=6, levels=(1, 3)).fit_transform(signals)
    assert thirds.shape == (5, 24)
    np.testing.assert_allclose(thirds.reshape(5, 4, 6).sum(axis=2), 1)
    np.testing.assert_allclose(thirds[:, :6], whole)


def test_standardised_words_do_not_know_units():
    from filterbank import BagOfWords, FilterBank

    X = [np.random.default_rng(i).normal(size=300) for i in range(3)]
    both = [
        Representation(
            FilterBank([np.ones(1) * a, np.array([1.0, -1.0])]),
            BagOfWords(4, standardise=True, assign=how),
            random_state=0,
        )
        for how in ("hard", "soft")
        for a in (1.0, 1024.0)
    ]
    first, second, third, fourth = (one.fit_transform(X) for one in both)
    np.testing.assert_allclose(first, second)
    np.testing.assert_allclose(third, fourth, rtol=1e-6)
    assert (np.abs(first - third) > 1e-6).any()


def test_recipes_tell_vowels_of_voices_that_were_not_heard():
    """One of five, by chance 0.2; a word's picture leaves out most of what stays the same, as a vowel does."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data = load("tones", n_voices=8, n_takes=2)
    for name, least in (("mfcc_segments", 0.5), ("word_pictures", 0.4), ("sound_texture", 0.5)):
        features = make(name, "sound").fit_transform(data.signals)
        model = make_pipeline(StandardScaler(), RidgeClassifier(10.0))
        score = cross_val_score(model, features, data.y, groups=data.groups, cv=LeaveOneGroupOut()).mean()
        assert score > least, name
    assert modulation().fit_transform(data.signals[:2]).shape == (2, 200)
    assert Representation(mel_frames(8000), Moments()).fit(data.signals[:2]).rate_ == 8000
