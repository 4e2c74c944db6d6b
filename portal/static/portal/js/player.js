/*
 * A clip player made from <audio data-clip src=…>. The clip is fetched once, when somebody presses play:
 * every hearing is an event of the log, so nothing is loaded before. Waveform and sound come from the same bytes.
 */
(() => {
  "use strict";
  const BARS = 96;
  const ICONS = { play: "M4 2.5v11l9-5.5z", pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z", wait: "M8 2a6 6 0 1 0 6 6h-2a4 4 0 1 1-4-4z" };
  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

  function peaksOf(buffer) {
    const samples = buffer.getChannelData(0);
    const size = Math.max(1, Math.floor(samples.length / BARS));
    const peaks = Array.from({ length: BARS }, (_, bar) => {
      let peak = 0;
      for (let i = bar * size; i < Math.min((bar + 1) * size, samples.length); i += 4) peak = Math.max(peak, Math.abs(samples[i]));
      return peak;
    });
    const top = Math.max(...peaks, 0.01);
    return peaks.map((peak) => peak / top);
  }

  class Clip {
    constructor(audio) {
      this.audio = audio;
      this.url = audio.dataset.clip;
      this.seconds = Number(audio.dataset.seconds) || 0;
      this.peaks = Array.from({ length: BARS }, () => 0.08);
      this.build();
    }

    build() {
      const box = this.audio.parentElement;
      this.button = document.createElement("button");
      this.button.type = "button";
      this.button.className = "clip-play";
      const wave = document.createElement("div");
      wave.className = "clip-wave";
      this.canvas = document.createElement("canvas");
      this.canvas.setAttribute("aria-hidden", "true");
      this.seek = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 1000, value: 0 });
      this.seek.setAttribute("aria-label", `Position in ${this.audio.getAttribute("aria-label")}`);
      this.time = document.createElement("span");
      this.time.className = "clip-time";
      wave.append(this.canvas, this.seek);
      this.audio.controls = false;
      this.audio.hidden = true;
      box.append(this.button, wave, this.time);
      this.show("play");
      this.button.addEventListener("click", () => this.toggle());
      this.seek.addEventListener("input", () => { if (this.loaded) this.audio.currentTime = (this.seek.value / 1000) * this.length(); });
      for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, () => this.show(this.audio.paused ? "play" : "pause"));
      this.audio.addEventListener("timeupdate", () => this.draw());
      new ResizeObserver(() => this.draw()).observe(this.canvas);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    }

    length() { return Number.isFinite(this.audio.duration) && this.audio.duration > 0 ? this.audio.duration : this.seconds; }

    show(kind) {
      const label = kind === "pause" ? "Pause" : "Play";
      this.button.setAttribute("aria-label", `${label} ${this.audio.getAttribute("aria-label")}`);
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("class", "icon");
      svg.setAttribute("viewBox", "0 0 16 16");
      svg.setAttribute("aria-hidden", "true");
      const path = document.createElementNS(svg.namespaceURI, "path");
      path.setAttribute("d", ICONS[kind]);
      svg.append(path);
      this.button.replaceChildren(svg);
      this.draw();
    }

    async toggle() {
      if (!this.audio.paused) return this.audio.pause();
      if (!this.loaded && !(await this.load())) return undefined;
      return this.audio.play();
    }

    async load() {
      this.show("wait");
      const answer = await fetch(this.url, { headers: { "X-Requested-With": "player" } });
      if (!answer.ok) {
        this.time.textContent = "Not available";
        this.button.disabled = true;
        return false;
      }
      const blob = await answer.blob();
      this.audio.src = URL.createObjectURL(blob);
      this.loaded = true;
      try {
        const context = new AudioContext();
        this.peaks = peaksOf(await context.decodeAudioData(await blob.arrayBuffer()));
        context.close();
      } catch { /* The waveform is an ornament; the clip still plays. */ }
      return true;
    }

    draw() {
      const { canvas } = this;
      const ratio = devicePixelRatio || 1;
      const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
      if (!width) return;
      Object.assign(canvas, { width, height });
      const styles = getComputedStyle(canvas);
      const at = this.length() ? this.audio.currentTime / this.length() : 0;
      const pen = canvas.getContext("2d");
      const step = width / BARS;
      this.peaks.forEach((peak, bar) => {
        pen.fillStyle = bar / BARS < at ? styles.getPropertyValue("color") : styles.getPropertyValue("border-top-color");
        const tall = Math.max(2 * ratio, peak * height * 0.9);
        pen.beginPath();
        pen.roundRect(bar * step, (height - tall) / 2, Math.max(1, step * 0.62), tall, step / 3);
        pen.fill();
      });
      this.seek.value = String(Math.round(at * 1000));
      this.time.textContent = `${clock(this.audio.currentTime)} / ${clock(this.length())}`;
    }
  }

  const adopt = (root) => { for (const audio of root.querySelectorAll("audio[data-clip]:not([hidden])")) new Clip(audio); };
  adopt(document);
  document.addEventListener("htmx:load", (event) => adopt(event.detail.elt));
})();
