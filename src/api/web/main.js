// How does the page come to life, and stay true?
//
// Events say what has changed, and that is asked for anew; meters are asked for all the time, while
// somebody looks.

import { ask, look, whenSignedOut } from "./ask.js";
import * as bells from "./bells.js";
import * as health from "./health.js";
import * as music from "./music.js";
import * as pages from "./pages.js";
import * as past from "./past.js";
import { inTurn, say, the } from "./show.js";
import * as talk from "./talk.js";
import * as zones from "./zones.js";

const METERS_MS = 250;
const ALL_MS = 15000;

/// What is asked for anew: how, whether the daemon has it, and by which events.
const parts = [
  { refresh: pages.refreshPages, events: ["page"] },
  { refresh: pages.refreshCalls, events: ["call"] },
  { refresh: health.refresh, events: ["health"] },
  { refresh: pages.refreshSounds, events: [], is_seldom: true },
  { refresh: music.refresh, events: ["music"] },
  { refresh: bells.refresh, events: ["schedule"] },
  { refresh: past.refresh, events: ["history"] },
].map((part) => ({ ...part, is_there: true, ask: null }));

let events = null;
let isIn = false;

for (const part of parts) {
  part.ask = inTurn(async () => {
    if (!isIn || !part.is_there) {
      return;
    }
    try {
      await part.refresh();
    } catch (problem) {
      // An older daemon, or one without that part, has nothing to show.
      part.is_there = problem.status !== 404;
      if (problem.status === 0) {
        lost();
      }
    }
  });
}

function follow() {
  events?.close();
  events = new EventSource("/v1/events");
  for (const part of parts) {
    part.events.forEach((kind) => events.addEventListener(kind, part.ask));
  }
  // Whatever was missed meanwhile shows at once.
  events.addEventListener("ready", all);
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED && isIn) {
      setTimeout(begin, 3000);
    }
  });
}

function all() {
  parts.forEach((part) => part.ask());
}

function lost() {
  say(the("verdict"), "The daemon does not answer.");
  the("verdict").className = "bad";
}

async function meters() {
  if (isIn && document.visibilityState === "visible") {
    await zones.refresh().catch((problem) => problem.status === 0 && lost());
  }
  setTimeout(meters, METERS_MS);
}

/// Finds out who looks, and shows what they may see.
async function begin() {
  // Whoever may look needs no further round to see the zones.
  const first = look("/v1/zones").catch(() => null);
  let session;
  try {
    session = await look("/v1/session");
  } catch (problem) {
    if (problem.status === 401) {
      signedOut();
    } else {
      lost();
      setTimeout(begin, 3000);
    }
    return;
  }
  isIn = true;
  parts.forEach((part) => (part.is_there = true));
  [zones, pages, music, bells].forEach((it) => it.allow(session));
  document.querySelectorAll(".may-operate").forEach((it) => (it.hidden = session.role === "viewer"));
  the("who").textContent = `${session.name ?? "This machine"} (${session.role})`;
  the("account").hidden = false;
  the("sign-out").hidden = session.by !== "session";
  the("sign-in").hidden = true;
  the("site").hidden = false;
  zones.show(await first);
  follow();
}

function signedOut() {
  isIn = false;
  events?.close();
  the("site").hidden = true;
  the("account").hidden = true;
  the("sign-in").hidden = false;
  say(the("verdict"), "Please sign in.");
  the("verdict").className = "";
  the("token").focus();
}

whenSignedOut(() => isIn && signedOut());

the("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  say(the("sign-in-wrong"), "");
  try {
    await ask("POST", "/v1/session", { token: the("token").value.trim() });
    the("token").value = "";
    await begin();
    the("main").focus();
  } catch (problem) {
    say(the("sign-in-wrong"), problem.message, "wrong");
    the("token").focus();
  }
});

the("sign-out").addEventListener("click", async () => {
  await ask("DELETE", "/v1/session").catch(() => {});
  signedOut();
});

talk.start();
pages.start();
past.start();
begin();
meters();
setInterval(() => parts.filter((part) => !part.is_seldom).forEach((part) => part.ask()), ALL_MS);
