// Which bells ring today, and which are cancelled?

import { ask, look } from "./ask.js";
import { button, doing, fill, listed, make, the } from "./show.js";

let mayOperate = false;

export function allow(session) {
  mayOperate = session.role !== "viewer";
}

export async function refresh() {
  const { days } = await look("/v1/rings?days=1");
  const rings = days.flatMap((day) => day.rings);
  the("bells-part").hidden = false;
  fill(the("bells"), rings.map(ring), "No bell rings today.");
}

function ring(it) {
  const isOff = it.state !== "due" && it.state !== "past";
  const path = `/v1/schedules/${encodeURIComponent(it.schedule)}/skips/${encodeURIComponent(it.at)}`;
  const turn = (method) => doing(the("bells-state"), async () => {
    await ask(method, path);
    await refresh();
    return method === "PUT" ? `${it.schedule} at ${it.local} is cancelled.` : `${it.schedule} at ${it.local} rings again.`;
  });
  const press = {
    due: ["Cancel", "PUT", `Cancel ${it.schedule} at ${it.local}`],
    skipped: ["Take back", "DELETE", `Let ${it.schedule} ring at ${it.local}`],
  }[it.state];
  const key = `bell ${it.schedule} ${it.at}`;
  return make("li", { "data-state": it.state },
    make("time", { datetime: it.at, class: isOff ? "off" : "" }, it.local),
    make("span", { class: "grow" }, make("span", { class: isOff ? "off" : "" }, `${it.schedule} in ${listed(it.zones)}`),
      it.state === "past" ? " (over)" : isOff ? ` (silent${it.reason ? `: ${it.reason}` : ""})` : ""),
    mayOperate && press ? button(press[0], key, turn(press[1]), { "aria-label": press[2] }) : null);
}
