"""Figures of sound: what is drawn is what was computed."""

import numpy as np
import pandas as pd
import pytest

from filterbank import Chain, GaborBank, GaussianBank, InputError, MelBank, Moments, WindowedBank, respond
from filterbank.plots import plot_frames, plot_pitch, plot_voices
from filterbank.signals import SignalInfo
from filterbank.sound import pitch

RATE = 8000


def tone(frequency, n=8000):
    return np.sin(2 * np.pi * frequency * np.arange(n) / RATE)


def test_frames_are_the_responses_in_rows():
    bank = MelBank(n_mels=20, n_fft=256, hop=80)
    x = tone(1000) + 0.01 * np.random.default_rng(0).normal(size=8000)
    responses, _ = respond(bank.prepare(SignalInfo(1, 1, RATE), None), x)
    ax = plot_frames(bank, x, rate=RATE, standardise=False)
    np.testing.assert_array_equal(ax.images[0].get_array(), responses)
    left, right, bottom, top = ax.images[0].get_extent()
    assert (bottom, top) == (-0.5, 19.5)
    assert left == -0.005
    assert right == pytest.approx(1.0 - 0.005)
    assert ax.get_ylabel() == "frequency (Hz)"
    scaled = np.asarray(plot_frames(bank, x, rate=RATE).images[0].get_array())
    np.testing.assert_allclose(scaled.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=1), 1, rtol=1e-6)


def test_rows_are_told_apart():
    local = WindowedBank(GaussianBank(1, sigmas=[1, 2], orders=[1]), Moments(["mean", "std"]), window=100, hop=50)
    labels = [text.get_text() for text in plot_frames(local, tone(300)).get_yticklabels()]
    assert labels == ["σ 1, order 1, mean", "σ 1, order 1, std", "σ 2, order 1, mean", "σ 2, order 1, std"]
    chain = Chain(MelBank(n_mels=5, n_fft=256, hop=80), GaborBank(1, n_frequencies=2))
    ax = plot_frames(chain, tone(300), rate=RATE)
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert len(set(labels)) == len(labels) == 10
    assert plot_frames(MelBank(n_mels=60, n_fft=1024), tone(300), rate=RATE).get_yticks().size <= 16


def test_silence_is_drawn():
    assert np.isfinite(plot_frames(MelBank(n_mels=5), np.zeros(4000), rate=RATE).images[0].get_array()).all()
    assert plot_pitch(np.zeros(4000), RATE, pitch(np.zeros(4000), RATE)).get_ylabel() == "pitch (Hz)"
    assert plot_voices({"silence": np.zeros(4000)}, RATE).get_xlabel() == "frequency (Hz)"


def test_the_pitch_that_was_found_is_drawn():
    x = tone(220)
    found = pitch(x, RATE)
    ax = plot_pitch(x, RATE, found)
    dots = ax.lines[-1]
    np.testing.assert_array_equal(dots.get_xdata(), found["time"])
    np.testing.assert_allclose(dots.get_ydata()[5:-5], 220, rtol=0.01)
    assert "200" in [text.get_text() for text in ax.get_yticklabels()]
    with pytest.raises(InputError, match=r"found=\['hertz'\] is not a table with the columns time and pitch"):
        plot_pitch(x, RATE, pd.DataFrame({"hertz": [1.0]}))


def test_voices_peak_where_their_tones_are():
    ax = plot_voices({"low": tone(300), "high": tone(1500)}, RATE)
    for line, frequency in zip(ax.lines, (300, 1500)):
        x, y = line.get_data()
        assert abs(np.log2(x[np.argmax(y)] / frequency)) < 1 / 12
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["low", "high"]
    with pytest.raises(InputError, match="8 sounds can't be told apart"):
        plot_voices({str(i): tone(100) for i in range(8)}, RATE)


def test_images_have_no_responses_over_time():
    with pytest.raises(InputError, match="a bank on 2 axes has no responses over time"):
        plot_frames(GaborBank(2), np.zeros((8, 8)))
