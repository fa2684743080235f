// What happened, and how did it sound?

import { look } from "./ask.js";
import { button, fill, listed, make, moment, span, the } from "./show.js";

const KINDS = { page: "page", call: "call", bell: "bell", failure: "failure", change: "change" };
/// Of these the whole text says why.
const UNDONE = ["partly-heard", "not-heard", "expired", "refused"];
let entries = [];
let next = null;
/// Recordings that somebody listens to, or has, by their ids.
const players = new Map();

export function start() {
  the("search").addEventListener("submit", (event) => {
    event.preventDefault();
    refresh().catch(() => {});
  });
  the("history-more").addEventListener("click", () => more().catch(() => {}));
}

export async function refresh() {
  const answer = await look(`/v1/history?limit=20${words()}`);
  [entries, next] = [answer.items, answer.next];
  show();
}

async function more() {
  const answer = await look(`/v1/history?limit=20&after=${encodeURIComponent(next)}${words()}`);
  entries.push(...answer.items);
  next = answer.next;
  show();
}

function words() {
  const text = the("search-words").value.trim();
  return text === "" ? "" : `&words=${encodeURIComponent(text)}`;
}

function show() {
  the("history-part").hidden = false;
  the("history-more").hidden = next === null;
  // Whoever listens goes on listening.
  if ([...players.values()].every((it) => it.querySelector("audio").paused)) {
    fill(the("history"), entries.map(entry), "Nothing is remembered.");
  }
}

function entry(it) {
  const outcome = it.outcome.replaceAll("-", " ");
  const parts = [it.who, it.what, listed(it.zones), span(it.seconds), outcome].filter((part) => part);
  const item = make("li", {}, moment(it.at), make("span", { class: "quiet" }, KINDS[it.kind] ?? it.kind),
    make("span", { class: "grow", title: it.text }, parts.length > 0 ? parts.join(" · ") : it.text,
      UNDONE.includes(it.outcome) ? make("span", { class: "why" }, it.text) : null));
  for (const id of it.recordings) {
    if (players.has(id)) {
      item.append(players.get(id));
      continue;
    }
    const listen = (event) => {
      players.set(id, sound(id));
      event.target.remove();
      item.append(players.get(id));
    };
    item.append(button("Listen", `listen ${id}`, listen, { "aria-label": `Listen to ${it.what || "the call"}` }));
  }
  return item;
}

function sound(id) {
  const path = `/v1/recordings/${id.split("/").map(encodeURIComponent).join("/")}`;
  const player = make("audio", { controls: true, src: path, preload: "metadata", "aria-label": "Recording" });
  const picture = make("canvas", { width: "600", height: "64", "aria-hidden": "true" });
  picture.addEventListener("click", (event) => {
    if (Number.isFinite(player.duration)) {
      player.currentTime = (event.offsetX / picture.clientWidth) * player.duration;
      player.play().catch(() => {});
    }
  });
  draw(picture, player, path).catch(() => picture.remove());
  return make("div", { class: "sound" }, picture, player);
}

/// The loudest of each column, and what was heard of it already.
async function draw(picture, player, path) {
  const reply = await fetch(path);
  const sound = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(await reply.arrayBuffer());
  const samples = sound.getChannelData(0);
  const peaks = Array.from({ length: picture.width }, (_, at) => {
    const [from, to] = [at, at + 1].map((x) => Math.floor((x * samples.length) / picture.width));
    return samples.subarray(from, to).reduce((most, it) => Math.max(most, Math.abs(it)), 0);
  });
  const paint = () => {
    const pen = picture.getContext("2d");
    const style = getComputedStyle(picture);
    pen.clearRect(0, 0, picture.width, picture.height);
    peaks.forEach((peak, at) => {
      const isHeard = at / picture.width < player.currentTime / player.duration;
      pen.fillStyle = style.getPropertyValue(isHeard ? "--main" : "--line");
      const height = Math.max(1, peak * picture.height);
      pen.fillRect(at, (picture.height - height) / 2, 1, height);
    });
  };
  player.addEventListener("timeupdate", paint);
  paint();
}
