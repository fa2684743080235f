// Which music plays in which zone, and how loud?

import { ask, look } from "./ask.js";
import { button, doing, fill, make, say, the } from "./show.js";

let mayOperate = false;
let sources = [];
const rows = new Map();

export function allow(session) {
  mayOperate = session.role !== "viewer";
  rows.clear();
  the("music").replaceChildren();
}

export async function refresh() {
  const music = await look("/v1/music");
  sources = music.sources;
  const names = music.zones.map((it) => it.zone);
  if (names.join("\n") !== [...rows.keys()].join("\n")) {
    rows.clear();
    music.zones.forEach((it, at) => rows.set(it.zone, row(it.zone, at)));
    the("music").replaceChildren(...[...rows.values()].map((it) => it.set));
  }
  music.zones.forEach(show);
  the("music-part").hidden = sources.length === 0 && music.zones.every((it) => it.source === null);
}

function row(zone, at) {
  const change = (wanted) => doing(the("music-state"), async () => {
    show(await ask("PATCH", `/v1/music/zones/${encodeURIComponent(zone)}`, wanted()));
  });
  const source = make("select", { id: `music-source-${at}`, disabled: !mayOperate });
  source.addEventListener("change", change(() => ({ source: source.value === "" ? null : source.value })));
  const volume = make("input", { type: "range", min: "-40", max: "10", step: "1", id: `music-volume-${at}`, disabled: !mayOperate });
  const level = make("output", { for: `music-volume-${at}` });
  volume.addEventListener("input", () => words(volume, level));
  // All the way down is silence.
  volume.addEventListener("change", change(() => {
    const db = Number(volume.value);
    return { volume_db: db <= -40 ? -100 : db };
  }));
  const paused = make("input", { type: "checkbox", disabled: !mayOperate });
  paused.addEventListener("change", change(() => ({ paused: paused.checked })));
  const path = `/v1/music/zones/${encodeURIComponent(zone)}`;
  const next = button("Next piece", `next ${zone}`, doing(the("music-state"), () => ask("POST", `${path}/next`)));
  const usual = button("As usual", `usual ${zone}`, doing(the("music-state"), async () => {
    await ask("DELETE", path);
    await refresh();
  }));
  const set = make("fieldset", {}, make("legend", {}, zone),
    make("label", { for: source.id }, "Source"), source,
    make("label", { for: volume.id }, "Volume "), level, volume,
    make("p", {}, make("label", {}, paused, " Paused")),
    mayOperate ? make("p", {}, next, " ", usual) : null);
  return { set, source, volume, level, paused, next, usual };
}

function show(music) {
  const it = rows.get(music.zone);
  if (!it) {
    return;
  }
  const options = [["", "Nothing"], ...sources.map((source) => [source.name, source.name])];
  const known = [...it.source.options].map((option) => option.value);
  if (known.join("\n") !== options.map(([value]) => value).join("\n")) {
    it.source.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
  }
  it.source.value = music.source ?? "";
  if (document.activeElement !== it.volume) {
    it.volume.value = Math.max(-40, Math.min(10, music.volume_db));
  }
  words(it.volume, it.level);
  it.paused.checked = music.paused;
  it.next.disabled = music.source === null;
  it.usual.disabled = music.by_hand.length === 0;
}

function words(volume, level) {
  const db = Number(volume.value);
  const text = db <= -40 ? "silent" : `${db} dB`;
  level.textContent = text;
  volume.setAttribute("aria-valuetext", text);
}
