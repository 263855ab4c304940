// Files of the user's own, read here in the browser: WAV, pictures, and columns of numbers.
"use strict";

const read = (() => {
  /** The first channel of a WAV file of 8, 16, 24 or 32 bits, or of floating point, and its rate. */
  function wav(buffer) {
    const view = new DataView(buffer);
    const text = (at) => String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
    if (buffer.byteLength < 44 || text(0) !== "RIFF" || text(8) !== "WAVE") throw new Error("is no WAV file");
    let format = null, data = null;
    for (let at = 12; at + 8 <= buffer.byteLength; ) {
      const size = view.getUint32(at + 4, true);
      if (text(at) === "fmt ") {
        format = { code: view.getUint16(at + 8, true), channels: view.getUint16(at + 10, true),
          rate: view.getUint32(at + 12, true), bits: view.getUint16(at + 22, true) };
        if (format.code === 0xfffe && size >= 26) format.code = view.getUint16(at + 32, true);
      } else if (text(at) === "data") data = { at: at + 8, size: Math.min(size, buffer.byteLength - at - 8) };
      at += 8 + size + (size % 2);
    }
    if (!format || !data) throw new Error("holds no sound");
    const bytes = format.bits / 8, step = bytes * format.channels, n = Math.floor(data.size / step);
    if (!n || ![1, 2, 3, 4].includes(bytes) || ![1, 3].includes(format.code)) throw new Error("has a format that is not read here");
    const out = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const at = data.at + i * step;
      if (format.code === 3) out[i] = view.getFloat32(at, true);
      else if (bytes === 1) out[i] = (view.getUint8(at) - 128) / 128;
      else if (bytes === 2) out[i] = view.getInt16(at, true) / 32768;
      else if (bytes === 3) out[i] = ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 8388608;
      else out[i] = view.getInt32(at, true) / 2147483648;
    }
    return { samples: out, rate: format.rate };
  }

  /** The last column of numbers of a text; lines without one are passed over. */
  function csv(text) {
    const out = [];
    for (const line of text.split(/\r\n|\r|\n/)) {
      const cells = line.split(/[,;\t ]+/).filter((cell) => cell !== "");
      const value = Number(cells[cells.length - 1]);
      if (cells.length && Number.isFinite(value)) out.push(value);
    }
    if (out.length < 16) throw new Error("has fewer than 16 numbers in its last column");
    return Float64Array.from(out);
  }

  /** A picture as greys from 0 to 1, its longer side at most `limit`. */
  async function picture(file, limit) {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, limit / Math.max(bitmap.width, bitmap.height));
    const width = Math.max(1, Math.round(bitmap.width * scale)), height = Math.max(1, Math.round(bitmap.height * scale));
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0, width, height);
    const pixels = context.getImageData(0, 0, width, height).data, out = new Float64Array(width * height);
    for (let i = 0; i < out.length; i++) {
      out[i] = (0.299 * pixels[4 * i] + 0.587 * pixels[4 * i + 1] + 0.114 * pixels[4 * i + 2]) / 255;
    }
    return { values: out, width, height };
  }

  /** As many values as wanted: means of stretches of a longer signal, or the signal as it is. */
  function shortened(samples, n) {
    if (samples.length <= n) return Float64Array.from(samples);
    return Float64Array.from({ length: n }, (_, i) => {
      const start = Math.floor((i * samples.length) / n), stop = Math.floor(((i + 1) * samples.length) / n);
      let sum = 0;
      for (let j = start; j < stop; j++) sum += samples[j];
      return sum / (stop - start);
    });
  }

  return { wav, csv, picture, shortened };
})();

if (typeof module !== "undefined") module.exports = read;
