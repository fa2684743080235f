// How does somebody speak to the zones?
//
// Held down, the button asks for a page and sends what the microphone hears; let go, it ends it.

import { chosen } from "./zones.js";
import { say, the } from "./show.js";

/// Rates that the daemon takes; a sound card with another is asked for the last.
const RATES = [8000, 16000, 22050, 24000, 32000, 44100, 48000];
/// More than a network that is fit for speech holds back.
const MOST_WAITING = 48000;
/// How long the microphone stays ready for the next word.
const READY_MS = 20000;

let microphone = null;
let closing = 0;
let talk = null;

export function start() {
  const held = the("talk");
  if (!window.isSecureContext || !navigator.mediaDevices || !window.AudioWorkletNode) {
    held.disabled = true;
    say(the("talk-state"), "A browser lends its microphone only to pages over HTTPS, or on the machine itself.");
    return;
  }
  held.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && !toggles()) {
      held.setPointerCapture(event.pointerId);
      begin();
    }
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
    held.addEventListener(name, () => toggles() || end());
  }
  held.addEventListener("contextmenu", (event) => event.preventDefault());
  held.addEventListener("keydown", (event) => {
    if (isPress(event) && !toggles()) {
      event.preventDefault();
      begin();
    }
  });
  held.addEventListener("keyup", (event) => {
    if (isPress(event) && !toggles()) {
      event.preventDefault();
      end();
    }
  });
  held.addEventListener("click", () => toggles() && (talk ? end() : begin()));
  // Whoever goes elsewhere does not hold the button any more.
  held.addEventListener("blur", () => toggles() || end());
  window.addEventListener("pagehide", end);
  the("talk-toggle").addEventListener("change", () => {
    end();
    rest();
  });
}

const toggles = () => the("talk-toggle").checked;
const isPress = (event) => (event.key === " " || event.key === "Enter") && !event.repeat;

function begin() {
  if (talk) {
    return;
  }
  clearTimeout(closing);
  talk = new Talk();
  talk.run();
}

function end() {
  talk?.end();
}

function rest() {
  the("talk").textContent = toggles() ? "Press to speak" : "Hold to speak";
}

/// One page, from the press to the end.
class Talk {
  constructor() {
    this.isHeld = true;
    this.socket = null;
  }

  async run() {
    this.show("waits", "…", "Asking for the microphone …");
    try {
      microphone ??= await open();
    } catch {
      this.over("There is no microphone, or this page may not use it.", "wrong");
      return;
    }
    if (!this.isHeld) {
      this.over("");
      return;
    }
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(`${scheme}//${location.host}/v1/pages/live`);
    this.socket.addEventListener("open", () => this.ask());
    this.socket.addEventListener("message", (event) => this.hear(JSON.parse(event.data)));
    this.socket.addEventListener("close", () => this.over("The connection ended; nobody hears you.", "wrong"));
    this.show("waits", "…", "Asking for the zones …");
  }

  ask() {
    const rate = microphone.context.sampleRate;
    const klaxon = the("talk-klaxon").checked;
    this.socket.send(JSON.stringify({ type: "start", rate, zones: chosen(), klaxon }));
    microphone.node.port.onmessage = ({ data }) => {
      if (this.isHeld && this.socket.readyState === WebSocket.OPEN && this.socket.bufferedAmount < MOST_WAITING) {
        this.socket.send(data);
      }
    };
  }

  hear(told) {
    switch (told.type) {
      case "started":
        this.show("waits", "Wait …", the("talk-klaxon").checked ? "The klaxon comes first. Wait." : "Wait a moment.");
        break;
      case "queued":
        this.show("waits", "Wait …", `Others are heard; ${told.before} before you.`);
        break;
      case "speak":
        this.show("live", "Speak now", "Speak now: you are heard.");
        navigator.vibrate?.(60);
        break;
      case "displaced":
        this.show("waits", "Wait …", "Something more urgent is heard. Wait.");
        break;
      case "nearly-over":
        this.show("live", "Come to an end", "The page ends in a moment.");
        break;
      case "over":
        this.over(this.isHeld ? `It is over: ${told.reason}.` : "Done.", this.isHeld ? "wrong" : "");
        break;
      case "refused":
        this.over(told.problem.detail, "wrong");
        break;
    }
  }

  show(look, button, words) {
    if (talk !== this) {
      return;
    }
    the("talk").className = `talk ${look}`;
    the("talk").textContent = button;
    say(the("talk-state"), words);
  }

  /// The button was let go.
  end() {
    if (!this.isHeld) {
      return;
    }
    this.isHeld = false;
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({ type: "stop" }));
      this.show("waits", "…", "What you said last is still heard …");
    } else if (this.socket) {
      this.socket.close();
    }
  }

  over(words, kind = "") {
    if (talk !== this) {
      return;
    }
    talk = null;
    this.isHeld = false;
    this.socket?.close();
    the("talk").className = "talk";
    rest();
    say(the("talk-state"), words, kind);
    closing = setTimeout(close, READY_MS);
  }
}

async function open() {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });
  let context = new AudioContext({ latencyHint: "interactive" });
  if (!RATES.includes(context.sampleRate)) {
    await context.close();
    context = new AudioContext({ latencyHint: "interactive", sampleRate: RATES.at(-1) });
  }
  await context.audioWorklet.addModule("/web/microphone.js");
  await context.resume();
  const node = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  context.createMediaStreamSource(stream).connect(node);
  return { stream, context, node };
}

/// The microphone is nobody's while nobody speaks.
function close() {
  const open = microphone;
  microphone = null;
  open?.stream.getTracks().forEach((track) => track.stop());
  open?.context.close();
}
