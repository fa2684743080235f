// What does the microphone hear? Runs beside the page, in the thread of the sound: samples of 16
// bits, 20 ms at a time.

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.frame = new Int16Array(Math.round(sampleRate / 50));
    this.fill = 0;
  }

  process(inputs) {
    const channel = inputs[0]?.[0];
    // Silence counts too: what follows must not come too early.
    const n = channel?.length ?? 128;
    for (let at = 0; at < n; at += 1) {
      const sample = Math.max(-1, Math.min(1, channel?.[at] ?? 0));
      this.frame[this.fill] = sample * 32767;
      this.fill += 1;
      if (this.fill === this.frame.length) {
        const full = this.frame;
        this.frame = new Int16Array(full.length);
        this.fill = 0;
        this.port.postMessage(full.buffer, [full.buffer]);
      }
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
