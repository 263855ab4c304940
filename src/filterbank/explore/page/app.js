// The page: what each control does, and what is drawn.
"use strict";

(() => {
  const $ = (id) => document.getElementById(id);
  const INK = "#1a1a1a", BLUE = "#0072b2", RED = "#d55e00", GREY = "#8c8c8c", PALE = "#d4d7dc";
  const number = (value, digits = 2) => String(Number(value.toFixed(digits)));

  /** A canvas at the screen's own resolution; what is returned draws in CSS pixels. */
  function stage(canvas, height) {
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth || 600;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = "12px system-ui, sans-serif";
    context.lineJoin = "round";
    return { context, width, height };
  }

  function line(context, xs, ys, colour, thickness = 1.5) {
    context.beginPath();
    for (let i = 0; i < xs.length; i++) i ? context.lineTo(xs[i], ys[i]) : context.moveTo(xs[i], ys[i]);
    context.strokeStyle = colour;
    context.lineWidth = thickness;
    context.stroke();
  }

  function text(context, words, x, y, colour = GREY, align = "left") {
    context.fillStyle = colour;
    context.textAlign = align;
    context.fillText(words, x, y);
  }

  /** A curve in a box: `place(i)` across, its own range down. */
  function curve(view, values, box, colour, { thickness = 1.5, low, high, from = 0, n = values.length } = {}) {
    const least = low ?? Math.min(...values), most = high ?? Math.max(...values), span = most - least || 1;
    const xs = [], ys = [];
    for (let i = 0; i < values.length; i++) {
      xs.push(box.left + ((from + i) / Math.max(n - 1, 1)) * box.width);
      ys.push(box.top + box.height * (1 - (values[i] - least) / span));
    }
    line(view.context, xs, ys, colour, thickness);
  }

  /** Greys or colours of a table of numbers, drawn into a box. */
  function table(view, values, columns, rows, box, { low, high, signed = false } = {}) {
    const least = low ?? Math.min(...values), most = high ?? Math.max(...values), span = most - least || 1;
    const image = new ImageData(columns, rows);
    for (let i = 0; i < columns * rows; i++) {
      const share = Math.max(0, Math.min(1, (values[i] - least) / span));
      const [r, g, b] = signed ? blueRed(share) : [share * 255, share * 255, share * 255];
      image.data.set([r, g, b, 255], 4 * i);
    }
    const small = document.createElement("canvas");
    small.width = columns;
    small.height = rows;
    small.getContext("2d").putImageData(image, 0, 0);
    view.context.imageSmoothingEnabled = false;
    view.context.drawImage(small, box.left, box.top, box.width, box.height);
  }

  function blueRed(share) {
    const ends = share < 0.5 ? [[0, 70, 140], [250, 250, 250]] : [[250, 250, 250], [200, 84, 0]];
    const rest = share < 0.5 ? share * 2 : share * 2 - 1;
    return ends[0].map((value, i) => value + (ends[1][i] - value) * rest);
  }

  const state = { series: madeSeries(), picture: madePicture(), sound: madeSound(), own: {} };

  function madeSeries() {
    let seed = 7;
    const random = () => ((seed = (seed * 16807) % 2147483647) / 2147483647) - 0.5;
    return Float64Array.from({ length: 240 }, (_, t) =>
      (t > 60 && t < 120 ? 1 : 0) + (t > 150 ? 0.5 * Math.sin(2 * Math.PI * 0.08 * t) : 0) + 0.25 * random());
  }

  function madePicture() {
    const side = 96, values = new Float64Array(side * side);
    for (let row = 0; row < side; row++) {
      for (let column = 0; column < side; column++) {
        const left = column < side / 2, top = row < side / 2;
        let value;
        if (top && left) value = 0.5 + 0.5 * Math.cos(2 * Math.PI * 0.12 * column);
        else if (top) value = 0.5 + 0.5 * Math.cos(2 * Math.PI * 0.12 * row);
        else if (left) value = Math.hypot(row - side / 2, column) < 36 ? 1 : 0;
        else value = 0.5 + 0.5 * Math.cos(2 * Math.PI * 0.22 * (row + column) * Math.SQRT1_2);
        values[row * side + column] = value;
      }
    }
    return { values, width: side, height: side };
  }

  function madeSound() {
    const rate = 8192, samples = new Float64Array(8192);
    [[262, 1], [330, 0.8], [392, 0.8], [784, 0.3], [1310, 0.2]].forEach(([frequency, amplitude]) => {
      for (let t = 0; t < samples.length; t++) {
        samples[t] += 0.2 * amplitude * Math.sin((2 * Math.PI * frequency * t) / rate) * Math.exp((-2 * t) / rate);
      }
    });
    return { samples, rate };
  }

  const views = {
    harmonics() {
      const n = +$("terms").value, phase = +$("phase").value, wave = $("wave").value;
      const amplitudes = maths.harmonics(wave, n);
      const view = stage($("harmonics-view"), 260), { context } = view;
      const radius = Math.min(70, view.width / 7), middle = { x: Math.max(1.9 * radius, 90), y: 130 };
      let { x, y } = middle;
      for (let k = 1; k <= n; k++) {
        const r = radius * Math.abs(amplitudes[k - 1]);
        if (!r) continue;
        const angle = 2 * Math.PI * k * phase + (amplitudes[k - 1] < 0 ? Math.PI : 0);
        context.beginPath();
        context.arc(x, y, r, 0, 2 * Math.PI);
        context.strokeStyle = PALE;
        context.lineWidth = 1;
        context.stroke();
        const next = { x: x + r * Math.cos(angle), y: y - r * Math.sin(angle) };
        line(context, [x, next.x], [y, next.y], BLUE, 1.5);
        ({ x, y } = next);
      }
      const left = middle.x + 2.2 * radius, width = view.width - left - 8;
      const sum = (t) => amplitudes.reduce((total, a, k) => total + a * Math.sin(2 * Math.PI * (k + 1) * t), 0);
      const xs = [], ys = [];
      for (let i = 0; i <= 400; i++) {
        xs.push(left + (i / 400) * width);
        ys.push(middle.y - radius * sum(phase - i / 400));
      }
      line(context, [x, left], [y, ys[0]], GREY, 1);
      line(context, xs, ys, RED, 2);
      text(context, "now", left, 250);
      text(context, "one period ago", left + width, 250, GREY, "right");
      const used = amplitudes.filter((a) => a !== 0).length;
      return `The sum of ${used} sine${used === 1 ? "" : "s"} is ${number(sum(phase), 3)} here; the largest amplitude is ${number(Math.abs(amplitudes[0]), 3)}.`;
    },

    kernel() {
      const x = state.series, sigma = +$("kernel-sigma").value, kind = $("kernel-kind").value;
      $("place").max = x.length - 1;
      const at = Math.min(+$("place").value, x.length - 1);
      const kernel = kind === "gaussian" ? maths.gaussian(sigma) : kind === "derivative" ? maths.gaussianDerivative(sigma)
        : maths.gabor(Math.min(0.45, 0.32 / sigma), sigma).real;
      const response = maths.convolve(x, kernel), half = (kernel.length - 1) / 2;
      const view = stage($("kernel-view"), 300), width = view.width - 12;
      const box = (top, height) => ({ left: 6, top, width, height });
      const step = width / (x.length - 1);
      view.context.fillStyle = "#eaf3f9";
      view.context.fillRect(6 + (at - half) * step, 8, 2 * half * step, 180);
      curve(view, x, box(14, 70), INK);
      curve(view, Array.from(kernel).reverse(), { left: 6 + (at - half) * step, top: 108, width: 2 * half * step, height: 70 }, BLUE, { thickness: 2 });
      curve(view, response, box(208, 76), RED);
      const least = Math.min(...response), span = Math.max(...response) - least || 1;
      view.context.beginPath();
      view.context.arc(6 + at * step, 208 + 76 * (1 - (response[at] - least) / span), 5, 0, 2 * Math.PI);
      view.context.fillStyle = RED;
      view.context.fill();
      text(view.context, "signal", 8, 12);
      text(view.context, "kernel", 8, 104);
      text(view.context, "response", 8, 204);
      return `At sample ${at} the products add up to ${number(response[at], 4)}; the kernel has ${kernel.length} samples.`;
    },

    scales() {
      const x = state.series, sigma = +$("sigma").value;
      const smooth = maths.convolve(x, maths.gaussian(sigma));
      const view = stage($("scales-view"), 330), width = view.width - 12;
      const low = Math.min(...x), high = Math.max(...x);
      curve(view, x, { left: 6, top: 8, width, height: 110 }, PALE, { low, high });
      curve(view, smooth, { left: 6, top: 8, width, height: 110 }, BLUE, { low, high, thickness: 2 });
      const sigmas = Array.from({ length: 32 }, (_, i) => 0.5 * Math.pow(48, i / 31));
      const stack = space(x, sigmas);
      table(view, stack, x.length, sigmas.length, { left: 6, top: 136, width, height: 170 }, { low, high });
      const row = 136 + (Math.log(sigma / 0.5) / Math.log(48)) * 170;
      line(view.context, [6, 6 + width], [row, row], RED, 1.5);
      text(view.context, "sigma 0.5", 8, 132);
      text(view.context, "sigma 24", 8, 322);
      let extrema = 0;
      for (let i = 1; i + 1 < smooth.length; i++) if ((smooth[i] - smooth[i - 1]) * (smooth[i + 1] - smooth[i]) < 0) extrema++;
      return `With sigma ${number(sigma)} the signal has ${extrema} local extrema; a coarser one never has more.`;
    },

    gabor() {
      const { values, width: w, height: h } = state.picture;
      const frequency = +$("frequency").value, sigma = +$("width").value, degrees = +$("orientation").value;
      const angle = (degrees * Math.PI) / 180;
      const response = maths.gaborResponse(values, w, h, frequency, sigma, angle);
      const view = stage($("gabor-view"), Math.min(300, ($("gabor-view").clientWidth || 600) / 2.6));
      const side = Math.min((view.width - 24) / 2.5, view.height - 20), tall = side * Math.min(1, h / w), wide = side * Math.min(1, w / h);
      table(view, values, w, h, { left: 0, top: 0, width: wide, height: tall }, { low: 0, high: 1 });
      const radius = Math.max(1, Math.floor(3 * sigma + 0.5)), size = 2 * radius + 1, kernel = new Float64Array(size * size);
      for (let i = 0; i < kernel.length; i++) {
        const row = Math.floor(i / size) - radius, column = (i % size) - radius;
        kernel[i] = Math.exp(-(row * row + column * column) / (2 * sigma * sigma))
          * Math.cos(2 * Math.PI * frequency * (column * Math.cos(angle) + row * Math.sin(angle)));
      }
      table(view, kernel, size, size, { left: side + 12, top: side / 4, width: side / 2, height: side / 2 }, { low: -1, high: 1, signed: true });
      table(view, response, w, h, { left: 1.5 * side + 24, top: 0, width: wide, height: tall }, { low: 0, high: Math.max(0.25, Math.max(...response)) });
      text(view.context, "picture", 0, view.height - 4);
      text(view.context, "filter", side + 12, view.height - 4);
      text(view.context, "response", 1.5 * side + 24, view.height - 4);
      const mean = response.reduce((a, b) => a + b, 0) / response.length;
      return `The mean response to waves of ${number(frequency)} cycles/sample at ${degrees}° is ${number(mean, 4)}.`;
    },

    sampling() {
      const frequency = +$("tone").value, rate = +$("rate").value, seconds = 1;
      const seen = maths.alias(frequency, rate);
      const view = stage($("sampling-view"), 200), width = view.width - 12;
      const place = (t) => 6 + (t / seconds) * width, level = (v) => 95 - 75 * v;
      const wave = (f, sign) => {
        const xs = [], ys = [];
        for (let i = 0; i <= 800; i++) {
          xs.push(place((i / 800) * seconds));
          ys.push(level(sign * Math.cos(2 * Math.PI * f * (i / 800) * seconds)));
        }
        return [xs, ys];
      };
      line(view.context, ...wave(seen, 1), "#f0b48a", 5);
      line(view.context, ...wave(frequency, 1), BLUE, 1);
      for (let i = 0; i <= rate * seconds; i++) {
        view.context.beginPath();
        view.context.arc(place(i / rate), level(Math.cos((2 * Math.PI * frequency * i) / rate)), 4, 0, 2 * Math.PI);
        view.context.fillStyle = INK;
        view.context.fill();
      }
      text(view.context, "one second", view.width - 6, 194, GREY, "right");
      return seen === frequency
        ? `${number(frequency)} Hz is not above half the rate, ${number(rate / 2)} Hz: the samples show it as it is.`
        : `${number(frequency)} Hz is above half the rate, ${number(rate / 2)} Hz: the samples show ${number(seen)} Hz.`;
    },

    spectrum() {
      const edited = editedSound(), { amplitude, kept, rate } = edited;
      const view = stage($("spectrum-view"), 300), width = view.width - 12, top = Math.min(2000, rate / 2);
      const n = Math.floor((top / (rate / 2)) * (amplitude.length - 1)), high = Math.max(...amplitude.slice(0, n)) || 1;
      const bands = 400, xs = [], all = [], left = [];
      for (let b = 0; b < bands; b++) {
        let most = 0, remaining = 0;
        for (let k = Math.floor((b * n) / bands); k <= Math.floor(((b + 1) * n) / bands); k++) {
          most = Math.max(most, amplitude[k]);
          if (kept[k]) remaining = Math.max(remaining, amplitude[k]);
        }
        xs.push(6 + (b / bands) * width);
        all.push(150 - 130 * (most / high));
        left.push(150 - 130 * (remaining / high));
      }
      const from = +$("from").value, to = +$("to").value;
      view.context.fillStyle = "#eaf3f9";
      view.context.fillRect(6 + (Math.min(from, to) / top) * width, 10, (Math.abs(to - from) / top) * width, 142);
      line(view.context, xs, all, PALE, 1.5);
      line(view.context, xs, left, BLUE, 1.5);
      for (let f = 0; f <= top; f += 500) text(view.context, `${f} Hz`, 6 + (f / top) * width, 168, GREY, f ? (f >= top ? "right" : "center") : "left");
      curve(view, read.shortened(edited.samples.map(Math.abs), 500), { left: 6, top: 185, width, height: 95 }, RED, { low: 0 });
      text(view.context, "loudness of what is left, over time", 8, 296);
      return `${number(100 * edited.share, 1)} % of the energy is left.`;
    },
  };

  const kept = { series: null, sigmas: null, stack: null };
  function space(x, sigmas) {
    if (kept.series !== x) {
      kept.series = x;
      kept.stack = new Float64Array(x.length * sigmas.length);
      sigmas.forEach((sigma, i) => kept.stack.set(maths.convolve(x, maths.gaussian(sigma)), i * x.length));
    }
    return kept.stack;
  }

  const transform = { sound: null };
  function editedSound() {
    const { samples, rate } = state.sound;
    if (transform.sound !== state.sound) {
      const n = 2 ** Math.ceil(Math.log2(samples.length));
      transform.sound = state.sound;
      transform.re = new Float64Array(n);
      transform.im = new Float64Array(n);
      transform.re.set(samples);
      maths.fft(transform.re, transform.im);
      transform.amplitude = Float64Array.from({ length: n / 2 + 1 }, (_, k) => Math.hypot(transform.re[k], transform.im[k]));
    }
    const n = transform.re.length, re = transform.re.slice(), im = transform.im.slice();
    const low = Math.min(+$("from").value, +$("to").value), high = Math.max(+$("from").value, +$("to").value);
    const inside = $("keep").value === "keep", mask = new Uint8Array(n / 2 + 1);
    let whole = 0, left = 0;
    for (let k = 0; k <= n / 2; k++) {
      const f = (k * rate) / n, stays = (f >= low && f <= high) === inside;
      mask[k] = stays ? 1 : 0;
      const energy = transform.amplitude[k] ** 2 * (k && k < n / 2 ? 2 : 1);
      whole += energy;
      if (stays) left += energy;
      else {
        re[k] = im[k] = 0;
        if (k && k < n / 2) re[n - k] = im[n - k] = 0;
      }
    }
    maths.fft(re, im, true);
    return { samples: re.slice(0, samples.length), amplitude: transform.amplitude, kept: mask, rate, share: whole ? left / whole : 0 };
  }

  let audio = null;
  function play(samples, rate) {
    audio ??= new AudioContext();
    const buffer = audio.createBuffer(1, samples.length, rate), most = Math.max(1e-9, ...read.shortened(samples.map(Math.abs), 2000));
    buffer.copyToChannel(Float32Array.from(samples, (v) => v * Math.min(1, 0.5 / most)), 0);
    const source = audio.createBufferSource();
    source.buffer = buffer;
    source.connect(audio.destination);
    source.start();
  }

  const DIGITS = { terms: 0, place: 0, orientation: 0, from: 0, to: 0, rate: 0 };
  function show(name) {
    const section = $(name);
    for (const input of section.querySelectorAll("input[type=range]")) {
      const output = input.parentElement.querySelector("output");
      output.value = number(+input.value, DIGITS[input.id] ?? 2);
    }
    const started = performance.now();
    $(`${name}-says`).textContent = views[name]();
    section.dataset.milliseconds = (performance.now() - started).toFixed(2);
  }

  const waiting = new Set();
  function later(name) {
    if (waiting.has(name)) return;
    waiting.add(name);
    requestAnimationFrame(() => {
      waiting.delete(name);
      show(name);
    });
  }

  for (const name of Object.keys(views)) {
    $(name).addEventListener("input", () => later(name));
    show(name);
  }
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    Object.keys(views).forEach(later);
  });

  let turning = false;
  $("turn").addEventListener("click", () => {
    turning = !turning;
    $("turn").setAttribute("aria-pressed", String(turning));
    let last = performance.now();
    const step = (now) => {
      if (!turning) return;
      $("phase").value = (+$("phase").value + (now - last) / 6000) % 1;
      last = now;
      show("harmonics");
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
  $("play").addEventListener("click", () => play(editedSound().samples, state.sound.rate));
  $("play-all").addEventListener("click", () => play(state.sound.samples, state.sound.rate));

  let began = null;
  const hertz = (event) => {
    const box = $("spectrum-view").getBoundingClientRect(), top = Math.min(2000, state.sound.rate / 2);
    return Math.max(0, Math.min(top, ((event.clientX - box.left - 6) / (box.width - 12)) * top));
  };
  $("spectrum-view").addEventListener("pointerdown", (event) => { began = hertz(event); });
  window.addEventListener("pointerup", () => { began = null; });
  window.addEventListener("pointermove", (event) => {
    if (began === null) return;
    $("from").value = began;
    $("to").value = hertz(event);
    later("spectrum");
  });

  async function take(file) {
    const name = file.name.toLowerCase();
    if (/\.(png|jpe?g|webp|bmp)$/.test(name)) {
      state.picture = await read.picture(file, 128);
      return ["gabor", `${file.name}: a picture, drawn with ${state.picture.width} x ${state.picture.height} samples.`];
    }
    if (name.endsWith(".wav")) {
      const sound = read.wav(await file.arrayBuffer());
      state.sound = { samples: sound.samples.slice(0, 2 ** 19), rate: sound.rate };
      state.series = read.shortened(sound.samples, 480);
      return ["spectrum", `${file.name}: ${number(sound.samples.length / sound.rate)} s at ${sound.rate} Hz.`];
    }
    state.series = read.shortened(read.csv(await file.text()), 480);
    return ["scales", `${file.name}: a series; ${state.series.length} values are drawn.`];
  }
  $("file").addEventListener("change", async () => {
    const [file] = $("file").files;
    if (!file) return;
    try {
      const [where, words] = await take(file);
      $("file-says").value = words;
      Object.keys(views).forEach(show);
      $(where).scrollIntoView();
    } catch (error) {
      $("file-says").value = `${file.name} ${error.message || "can't be read"}. Choose a WAV, PNG, JPEG or CSV file.`;
    }
  });
  window.filterbankPage = { take, state, show };
})();
