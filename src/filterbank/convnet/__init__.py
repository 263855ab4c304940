"""Networks that learn their filters, and networks that others trained: a classifier, banks, and features."""

from filterbank.convnet.bank import NetworkBank
from filterbank.convnet.classifier import ConvNetClassifier
from filterbank.convnet.inspecting import fit_gabor, learned_filters, most_exciting
from filterbank.convnet.layers import PRESETS, Layer, Preset, parse
from filterbank.convnet.pretrained import PretrainedBank, classify, deep_features
from filterbank.convnet.weights import class_names, fetch_weights, read_weights

__all__ = [
    "PRESETS",
    "ConvNetClassifier",
    "Layer",
    "NetworkBank",
    "Preset",
    "PretrainedBank",
    "class_names",
    "classify",
    "deep_features",
    "fetch_weights",
    "fit_gabor",
    "learned_filters",
    "most_exciting",
    "parse",
    "read_weights",
]
