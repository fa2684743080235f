// Which zones are there, how loud are they, and what is heard in them?

import { look } from "./ask.js";
import { listed, make, the } from "./show.js";

const cards = new Map();
let mayUse = () => true;

/// The zones that are ticked; undefined stands for all that this user may use.
export function chosen() {
  const names = [...cards].filter(([, it]) => it.tick.checked).map(([name]) => name);
  return names.length > 0 ? names : undefined;
}

export function allow(session) {
  const isViewer = session.role === "viewer";
  mayUse = (name) => !isViewer && (session.zones.length === 0 || session.zones.includes(name));
  cards.clear();
  the("zones").replaceChildren();
}

/// Asks for the zones and shows them.
export async function refresh() {
  show(await look("/v1/zones"));
}

/// Shows them, unless they could not be asked for.
export function show(zones) {
  if (!zones) {
    return;
  }
  const names = zones.map((zone) => zone.name);
  if (names.join("\n") !== [...cards.keys()].join("\n")) {
    const ticked = new Set(chosen() ?? []);
    cards.clear();
    zones.forEach((zone, at) => cards.set(zone.name, card(zone.name, at, ticked.has(zone.name))));
    the("zones").replaceChildren(...[...cards.values()].map((it) => it.item));
  }
  for (const zone of zones) {
    update(cards.get(zone.name), zone);
  }
}

function card(name, at, isTicked) {
  const tick = make("input", { type: "checkbox", id: `zone-${at}`, "data-key": `zone ${name}` });
  tick.checked = isTicked;
  tick.disabled = !mayUse(name);
  const bar = make("div");
  const meter = make("div", {
    class: "meter", role: "meter", "aria-label": `Level in ${name}`,
    "aria-valuemin": "-60", "aria-valuemax": "0", "aria-valuenow": "-60",
  }, bar);
  const heard = make("p");
  const label = make("label", { for: `zone-${at}` }, tick, " ", name);
  return { item: make("li", {}, label, meter, heard), tick, bar, meter, heard };
}

function update(it, zone) {
  const level = Math.max(-60, Math.min(0, zone.peak_dbfs ?? -60));
  it.bar.style.width = `${((level + 60) / 60) * 100}%`;
  it.meter.setAttribute("aria-valuenow", level.toFixed(0));
  it.meter.setAttribute("aria-valuetext", level <= -60 ? "silence" : `${level.toFixed(0)} dB below full`);
  it.meter.classList.toggle("hot", level > -1);
  const isLive = zone.heard.length > 0;
  it.item.classList.toggle("live", isLive);
  const words = isLive
    ? `Heard: ${listed(zone.heard.map((page) => page.name))}`
    : zone.ducked ? "The music is down" : zone.has_output ? "Free" : "Nobody hears this zone: it has no output";
  if (it.heard.textContent !== words) {
    it.heard.textContent = words;
    it.heard.className = isLive ? "bad" : zone.has_output ? "quiet" : "warn";
  }
}
