"""Figures of signals, filters, responses and scores: one function a figure, each draws on one Axes and returns it."""

from filterbank.plots.banks import plot_kernels, plot_responses, plot_spectrum_of_bank
from filterbank.plots.decompose import plot_backtest, plot_decomposition, plot_forecast
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
from filterbank.plots.local import plot_descriptor_grid, plot_features_beside, plot_keypoints, plot_scattering
from filterbank.plots.networks import (
    plot_activations,
    plot_epochs,
    plot_exciting,
    plot_gabor_fit,
    plot_learned_filters,
)
from filterbank.plots.scores import plot_confusion, plot_importance, plot_scatter, plot_scores
from filterbank.plots.signals import plot_examples, plot_signal
from filterbank.plots.sound import plot_frames, plot_pitch, plot_voices
from filterbank.plots.spectrum import (
    plot_convolution_theorem,
    plot_fourier_series,
    plot_image_spectrum,
    plot_periods,
    plot_spectrogram,
    plot_spectrum,
)
from filterbank.plots.words import plot_word, plot_word_patches, plot_word_shares

__all__ = [
    "class_styles",
    "feature_labels",
    "plot_activations",
    "plot_backtest",
    "plot_calibration",
    "plot_confusion",
    "plot_convolution_theorem",
    "plot_decision",
    "plot_decomposition",
    "plot_density",
    "plot_descriptor_grid",
    "plot_edges",
    "plot_epochs",
    "plot_examples",
    "plot_exciting",
    "plot_features_beside",
    "plot_forecast",
    "plot_fourier_series",
    "plot_frames",
    "plot_gabor_fit",
    "plot_gradient",
    "plot_image_spectrum",
    "plot_importance",
    "plot_importance_spectrum",
    "plot_intervals",
    "plot_invariance",
    "plot_kernel",
    "plot_kernel_surface",
    "plot_kernels",
    "plot_keypoints",
    "plot_learned_filters",
    "plot_learning",
    "plot_periods",
    "plot_pitch",
    "plot_progressive",
    "plot_responses",
    "plot_scale_space",
    "plot_scatter",
    "plot_scattering",
    "plot_scores",
    "plot_signal",
    "plot_spectrogram",
    "plot_spectrum",
    "plot_spectrum_of_bank",
    "plot_voices",
    "plot_word",
    "plot_word_patches",
    "plot_word_shares",
]
