"""Models in files: what was fitted comes back, and what is not known to be safe does not."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy.signal import resample_poly
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from filterbank import recipes
from filterbank.errors import InputError, ReadError, WriteError
from filterbank.evaluate import CLASSIFIERS
from filterbank.models import Model
from filterbank.signals import KINDS, Signals


def noise(n=12, *, axes=1, size=40, rate=None, channels=None, seed=0):
    shape = (n, *(() if channels is None else (channels,)), *(size,) * axes)
    values = np.random.default_rng(seed).normal(size=shape)
    values[1::2] *= 3
    return Signals.wrap(values, n_axes=axes, rate=rate)


def fitted(signals, classifier=None, recipe=None, **about):
    kind = about.pop("kind", "series")
    pipeline = make_pipeline(recipe or recipes.summary(kind), StandardScaler(), classifier or LogisticRegression()).fit(
        signals, np.resize(["calm", "wild"], len(signals))
    )
    return Model(pipeline, kind=kind, target="mood", rate=signals.rate, n_channels=signals.n_channels, **about)


RECIPES = [(kind, recipe, "1-nn") for kind in ("series", "image") for recipe in recipes.suitable(kind)]


@pytest.mark.parametrize(
    ("kind", "recipe", "classifier"), [*RECIPES, *(("sound", "summary", name) for name in CLASSIFIERS)]
)
def test_every_recipe_and_classifier_comes_back(tmp_path, kind, recipe, classifier):
    signals = noise(axes=KINDS[kind], rate=100.0 if kind == "sound" else None)
    model = fitted(signals, CLASSIFIERS[classifier][0](0), recipes.make(recipe, kind), kind=kind, about={"score": 0.5})
    model.save(tmp_path / "model.skops")
    back = Model.load(tmp_path / "model.skops")
    assert (back.kind, back.target, back.rate, back.n_channels, back.about) == (
        (kind, "mood", signals.rate, 1, {"score": 0.5})
    )
    predicted = back.predict(signals)
    assert predicted["prediction"].tolist() == model.pipeline.predict(signals).tolist()
    if hasattr(model.pipeline, "predict_proba"):
        assert predicted.columns.tolist() == ["prediction", "probability_calm", "probability_wild"]
        np.testing.assert_array_equal(predicted.to_numpy()[:, 1:], model.pipeline.predict_proba(signals))
    else:
        assert predicted.columns.tolist() == ["prediction"]


def test_sound_is_brought_to_the_models_rate_and_channels():
    stereo = noise(channels=2, rate=200.0, size=400)
    mono = Signals([resample_poly(signal.mean(axis=0), 1, 2) for signal in stereo], n_axes=1, rate=100.0)
    model = fitted(mono, kind="sound")
    given = model.predict(stereo)
    expected = model.predict(mono)
    assert given["prediction"].tolist() == expected["prediction"].tolist()
    np.testing.assert_allclose(given["probability_wild"], expected["probability_wild"], atol=0.05)
    unknown = model.predict(Signals(mono.stored, n_axes=1))
    pd.testing.assert_frame_equal(unknown, expected)


def test_features_are_computed_once():
    calls = []
    counting = FunctionTransformer(lambda X: calls.append(len(X)) or np.array([[s.std()] for s in X]))
    model = fitted(noise(), recipe=counting)
    calls.clear()
    model.predict(noise(5))
    assert calls == [5]


def test_signals_of_another_kind_or_channels():
    model = fitted(noise())
    with pytest.raises(InputError, match=r"n_axes=2, and the model was fitted on signals of kind series, n_axes=1"):
        model.predict(noise(axes=2))
    with pytest.raises(InputError, match="2 channels"):
        model.predict(noise(channels=2))


def test_a_foreign_type_is_refused_unless_it_is_named(tmp_path):
    path = tmp_path / "model.skops"
    pipeline = make_pipeline(FunctionTransformer(resample_poly), LogisticRegression())
    Model(pipeline, kind="series", target="mood").save(path)
    with pytest.raises(InputError, match=r"holds scipy\.signal.*resample_poly, which is not known to be safe"):
        Model.load(path)
    names = skops.io.get_untrusted_types(file=path)
    assert Model.load(path, trusted=names).pipeline.steps[0][1].func is resample_poly


@pytest.mark.parametrize(
    ("module", "name"),
    [("filterbank.output", "write_table"), ("filterbank.recipes", "invalid"), ("filterbank.nosuch", "f")],
)
def test_what_this_package_has_but_no_model_needs_is_refused(tmp_path, module, name):
    path, forged = tmp_path / "model.skops", tmp_path / "forged.skops"
    pipeline = make_pipeline(FunctionTransformer(recipes.sample_statistics), LogisticRegression())
    Model(pipeline, kind="series", target="mood").save(path)
    Model.load(path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(forged, "w") as new:
        for entry in old.namelist():
            text = old.read(entry)
            if entry == "schema.json":
                assert b"sample_statistics" in text
                text = text.replace(b'"sample_statistics"', json.dumps(name).encode())
                text = text.replace(b'"filterbank.recipes"', json.dumps(module).encode())
            new.writestr(entry, text)
    with pytest.raises(InputError, match=f"{module}.{name}, which is not known to be safe"):
        Model.load(forged)


def test_files_that_are_no_model(tmp_path):
    with pytest.raises(ReadError, match=r"nosuch.skops: there is no such file"):
        Model.load(tmp_path / "nosuch.skops")
    path = tmp_path / "model.skops"
    for content in (b"", b"hello", b"PK\x05\x06" + bytes(18)):
        path.write_bytes(content)
        with pytest.raises(ReadError, match=r"model.skops: is no model, or damaged"):
            Model.load(path)
    fitted(noise()).save(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ReadError, match=r"model.skops: is no model, or damaged"):
        Model.load(path)
    skops.io.dump(SVC(), path)
    with pytest.raises(ReadError, match="holds SVC, which is no model"):
        Model.load(path)
    skops.io.dump({"format": 1, "pipeline": 3}, path)
    with pytest.raises(ReadError, match="kind, target, rate, n_channels, about is missing"):
        Model.load(path)
    skops.io.dump({"format": 99}, path)
    with pytest.raises(ReadError, match="format=99, and this version reads format=1"):
        Model.load(path)
    about = {"target": "t", "rate": None, "n_channels": 1, "about": {}}
    skops.io.dump({"format": 1, "pipeline": KNeighborsClassifier(), "kind": "smell", **about}, path)
    with pytest.raises(ReadError, match="holds KNeighborsClassifier for signals of kind='smell'"):
        Model.load(path)


def test_a_model_is_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / "model.skops"
    path.write_text("old")

    def half(content, temporary):
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(skops.io, "dump", half)
    with pytest.raises(WriteError, match=r"model.skops: can't be written \(no space left on device\)"):
        fitted(noise()).save(path)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("model.skops", "old")]
