"""Figures of signals, filters, responses and scores: one function a figure, each draws on one Axes and returns it."""

from filterbank.plots.banks import plot_kernels, plot_responses, plot_spectrum_of_bank
from filterbank.plots.drawing import class_styles
from filterbank.plots.evaluation import (
    plot_calibration,
    plot_decision,
    plot_importance_spectrum,
    plot_intervals,
    plot_invariance,
    plot_learning,
    plot_progressive,
)
from filterbank.plots.filtering import (
    plot_density,
    plot_edges,
    plot_gradient,
    plot_kernel,
    plot_kernel_surface,
    plot_scale_space,
)
from filterbank.plots.labels import feature_labels
from filterbank.plots.scores import plot_confusion, plot_importance, plot_scatter, plot_scores
from filterbank.plots.signals import plot_examples, plot_signal
from filterbank.plots.words import plot_word, plot_word_patches, plot_word_shares

__all__ = [
    "class_styles",
    "feature_labels",
    "plot_calibration",
    "plot_confusion",
    "plot_decision",
    "plot_density",
    "plot_edges",
    "plot_examples",
    "plot_gradient",
    "plot_importance",
    "plot_importance_spectrum",
    "plot_intervals",
    "plot_invariance",
    "plot_kernel",
    "plot_kernel_surface",
    "plot_kernels",
    "plot_learning",
    "plot_progressive",
    "plot_responses",
    "plot_scale_space",
    "plot_scatter",
    "plot_scores",
    "plot_signal",
    "plot_spectrum_of_bank",
    "plot_word",
    "plot_word_patches",
    "plot_word_shares",
]
