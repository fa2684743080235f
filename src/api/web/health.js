// Does everything work, in plain words?

import { look } from "./ask.js";
import { fill, make, moment, say, the } from "./show.js";

const WORDS = {
  ok: ["Everything works.", "good", "works"],
  degraded: ["Pages are heard, but something needs a look.", "warn", "needs a look"],
  failed: ["Something has failed: somebody is not heard, or nobody can call.", "bad", "has failed"],
};

export async function refresh() {
  const { status, parts } = await look("/health");
  const [words, kind] = WORDS[status];
  say(the("verdict"), words);
  the("verdict").className = kind;
  say(the("health-words"), words);
  const worst = [...parts].sort((a, b) => rank(b.state) - rank(a.state));
  fill(the("health"), worst.map(part), "Nothing is known.");
}

const rank = (state) => ["ok", "degraded", "failed"].indexOf(state);

function part(it) {
  const [, kind, state] = WORDS[it.state];
  return make("li", {}, make("span", { class: kind }, state),
    make("span", { class: "grow" }, `${it.name}: ${it.reason}`),
    make("span", { class: "when" }, "since ", moment(it.since)));
}
