// The sums behind the page: kernels, convolution, transforms, sampling. No drawing here.
"use strict";

const maths = (() => {
  /** A Gaussian's samples, cut off at `truncate` sigmas and normalised to sum 1. */
  function gaussian(sigma, truncate = 4) {
    const radius = Math.max(1, Math.floor(truncate * sigma + 0.5));
    const out = new Float64Array(2 * radius + 1);
    let sum = 0;
    for (let i = -radius; i <= radius; i++) sum += out[i + radius] = Math.exp((-i * i) / (2 * sigma * sigma));
    return out.map((value) => value / sum);
  }

  /** The first derivative of that Gaussian, by the polynomial that differentiating leaves before it. */
  function gaussianDerivative(sigma, truncate = 4) {
    const smooth = gaussian(sigma, truncate);
    const radius = (smooth.length - 1) / 2;
    return smooth.map((value, i) => (-(i - radius) / (sigma * sigma)) * value);
  }

  /** Samples of a wave of `frequency` cycles a sample under a window that sums to 1: real and imaginary parts. */
  function windowedWave(frequency, sigma, truncate = 3) {
    const window = gaussian(sigma, truncate), radius = (window.length - 1) / 2;
    const real = window.map((w, i) => w * Math.cos(2 * Math.PI * frequency * (i - radius)));
    const imaginary = window.map((w, i) => w * Math.sin(2 * Math.PI * frequency * (i - radius)));
    return { window, real, imaginary };
  }

  /** A Gabor filter that sums to zero: so much of its window is taken off. */
  function gabor(frequency, sigma, truncate = 3) {
    const { window, real, imaginary } = windowedWave(frequency, sigma, truncate);
    const constant = real.reduce((a, b) => a + b, 0);
    return { real: real.map((value, i) => value - constant * window[i]), imaginary };
  }

  /** Convolve, with the signal mirrored beyond its ends; as long as the signal. */
  function convolve(signal, kernel) {
    const n = signal.length, half = (kernel.length - 1) / 2, out = new Float64Array(n);
    for (let t = 0; t < n; t++) {
      let sum = 0;
      for (let j = 0; j < kernel.length; j++) sum += kernel[j] * signal[mirrored(t + half - j, n)];
      out[t] = sum;
    }
    return out;
  }

  function mirrored(i, n) {
    const period = 2 * n;
    i = ((i % period) + period) % period;
    return i < n ? i : period - 1 - i;
  }

  /** The modulus of a Gabor filter's response to a picture: rows, then columns, since its window is round. */
  function gaborResponse(picture, width, height, frequency, sigma, orientation, truncate = 3) {
    const across = windowedWave(frequency * Math.cos(orientation), sigma, truncate);
    const down = windowedWave(frequency * Math.sin(orientation), sigma, truncate);
    const sum = (values) => values.reduce((a, b) => a + b, 0);
    const constant = sum(across.real) * sum(down.real) - sum(across.imaginary) * sum(down.imaginary);
    const size = across.window.length, radius = (size - 1) / 2, n = width * height;
    const re1 = new Float64Array(n), im1 = new Float64Array(n), smooth1 = new Float64Array(n);
    const line = new Float64Array(width + 2 * radius);
    for (let row = 0; row < height; row++) {
      for (let i = 0; i < line.length; i++) line[i] = picture[row * width + mirrored(i - radius, width)];
      for (let column = 0; column < width; column++) {
        let re = 0, im = 0, smooth = 0;
        for (let j = 0; j < size; j++) {
          const value = line[column + size - 1 - j];
          re += across.real[j] * value;
          im += across.imaginary[j] * value;
          smooth += across.window[j] * value;
        }
        const at = row * width + column;
        re1[at] = re;
        im1[at] = im;
        smooth1[at] = smooth;
      }
    }
    const out = new Float64Array(n);
    for (let row = 0; row < height; row++) {
      const rows = Array.from({ length: size }, (_, j) => mirrored(row + radius - j, height) * width);
      for (let column = 0; column < width; column++) {
        let re = 0, im = 0, smooth = 0;
        for (let j = 0; j < size; j++) {
          const at = rows[j] + column;
          re += down.real[j] * re1[at] - down.imaginary[j] * im1[at];
          im += down.real[j] * im1[at] + down.imaginary[j] * re1[at];
          smooth += down.window[j] * smooth1[at];
        }
        out[row * width + column] = Math.hypot(re - constant * smooth, im);
      }
    }
    return out;
  }

  /** Amplitudes of the sines of a wave's first harmonics. */
  function harmonics(wave, n) {
    const out = new Float64Array(n);
    for (let k = 1; k <= n; k++) {
      const odd = k % 2 === 1;
      if (wave === "square") out[k - 1] = odd ? 4 / (Math.PI * k) : 0;
      else if (wave === "sawtooth") out[k - 1] = ((odd ? 1 : -1) * 2) / (Math.PI * k);
      else out[k - 1] = odd ? ((((k - 1) / 2) % 2 ? -1 : 1) * 8) / (Math.PI * Math.PI * k * k) : 0;
    }
    return out;
  }

  /** The frequency that samples at `rate` show for a wave of `frequency`. */
  function alias(frequency, rate) {
    const rest = ((frequency % rate) + rate) % rate;
    return Math.min(rest, rate - rest);
  }

  /** The transform of a power of two of complex numbers, in place. */
  function fft(re, im, inverse = false) {
    const n = re.length;
    for (let i = 1, j = 0; i < n; i++) {
      let bit = n >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) {
        [re[i], re[j]] = [re[j], re[i]];
        [im[i], im[j]] = [im[j], im[i]];
      }
    }
    for (let length = 2; length <= n; length <<= 1) {
      const angle = ((inverse ? 2 : -2) * Math.PI) / length, half = length / 2;
      for (let k = 0; k < half; k++) {
        const c = Math.cos(angle * k), s = Math.sin(angle * k);
        for (let i = k; i < n; i += length) {
          const j = i + half, x = re[j] * c - im[j] * s, y = re[j] * s + im[j] * c;
          re[j] = re[i] - x;
          im[j] = im[i] - y;
          re[i] += x;
          im[i] += y;
        }
      }
    }
    if (inverse) for (let i = 0; i < n; i++) { re[i] /= n; im[i] /= n; }
  }

  return { gaussian, gaussianDerivative, gabor, convolve, mirrored, gaborResponse, harmonics, alias, fft };
})();

if (typeof module !== "undefined") module.exports = maths;
