// What is heard, what waits, who calls; and how is a message played?

import { ask, key, look } from "./ask.js";
import { chosen } from "./zones.js";
import { button, doing, fill, listed, make, moment, span, the } from "./show.js";

let mayOperate = false;

const STATES = {
  queued: "waits", granted: "begins", klaxon: "klaxon", open: "begins", live: "is heard", ending: "ends",
  answering: "is answered", entering: "enters digits", greeted: "is told of the recording",
  dictating: "speaks a message", farewell: "is done", ringing: "rings", held: "talks with a program",
  ended: "has ended",
};

export function start() {
  the("play").addEventListener("submit", doing(the("play-state"), async () => {
    const text = the("play-say").value.trim();
    const wanted = { ...(text ? { say: text } : { play: the("play-what").value }), zones: chosen() };
    if (the("play-klaxon").checked) {
      wanted.klaxon = true;
    }
    const page = await ask("POST", "/v1/pages", wanted, { "idempotency-key": key() });
    the("play-say").value = "";
    return page.state === "queued" ? "It waits its turn." : "It plays.";
  }));
}

export function allow(session) {
  mayOperate = session.role !== "viewer";
}

/// The messages and the sounds that can be played.
export async function refreshSounds() {
  const { items, messages } = await look("/v1/sounds");
  const list = the("play-what");
  const before = list.value;
  const groups = [
    ["Messages", messages.map((it) => [it.name, `${it.name}, in ${listed(it.zones)}, ${span(it.seconds)}`])],
    ["Sounds", items.map((it) => [it.name, `${it.name}, ${span(it.seconds)}`])],
  ].filter(([, rows]) => rows.length > 0);
  list.replaceChildren(...groups.map(([label, rows]) => make("optgroup", { label },
    ...rows.map(([value, words]) => make("option", { value }, words)))));
  if ([...list.options].some((it) => it.value === before)) {
    list.value = before;
  }
}

export async function refreshPages() {
  const { items } = await look("/v1/pages");
  fill(the("pages"), items.map(page), "Nothing is heard, and nothing waits.");
}

export async function refreshCalls() {
  const { items } = await look("/v1/calls");
  fill(the("calls"), items.map(call), "Nobody calls.");
}

function page(it) {
  const where = listed(it.heard_in.length > 0 ? it.heard_in : it.zones);
  const state = make("span", { class: it.state === "live" ? "bad" : "quiet" }, STATES[it.state] ?? it.state);
  const words = make("span", { class: "grow" }, `${it.name} in ${where}`);
  const stop = doing(the("play-state"), () => ask("DELETE", `/v1/pages/${it.id}`));
  return make("li", { "data-page": it.id }, state, words,
    mayOperate ? button("Stop", `stop ${it.id}`, stop, { "aria-label": `Stop ${it.name}` }) : null);
}

function call(it) {
  const words = make("span", { class: "grow" }, `${it.caller} to ${it.dialled} ${STATES[it.state] ?? it.state}`);
  const end = doing(the("play-state"), () => ask("POST", `/v1/calls/${it.id}/hangup`));
  return make("li", {}, moment(it.since), words,
    mayOperate ? button("Hang up", `call ${it.id}`, end, { "aria-label": `Hang up on ${it.caller}` }) : null);
}
