"""Networks that learn their filters: a classifier, and its trunk as a bank."""

from filterbank.convnet.bank import NetworkBank
from filterbank.convnet.classifier import ConvNetClassifier
from filterbank.convnet.layers import PRESETS, Layer, Preset, parse

__all__ = ["PRESETS", "ConvNetClassifier", "Layer", "NetworkBank", "Preset", "parse"]
