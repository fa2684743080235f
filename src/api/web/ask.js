// How is the daemon asked, and what if it says no?

/// An answer that is none: `status` as of HTTP, 0 without an answer; `message` says what to do.
export class Problem extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const signedOut = new Set();

/// Calls `what` when the daemon wants to know who asks.
export function whenSignedOut(what) {
  signedOut.add(what);
}

/// Asks; the answer as JSON, or null if it has none. 503 of /health is an answer too.
export async function ask(method, path, body, headers = {}) {
  const request = { method, headers: { accept: "application/json", ...headers } };
  if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers["content-type"] = "application/json";
  }
  let reply;
  try {
    reply = await fetch(path, request);
  } catch {
    throw new Problem(0, "The daemon does not answer.");
  }
  const isJson = (reply.headers.get("content-type") ?? "").includes("json");
  const json = isJson ? await reply.json().catch(() => null) : null;
  if (reply.ok || (path === "/health" && json?.parts)) {
    return json;
  }
  if (reply.status === 401 && path !== "/v1/session") {
    signedOut.forEach((what) => what());
  }
  throw new Problem(reply.status, json?.detail ?? json?.title ?? `It failed (${reply.status}).`);
}

export const look = (path) => ask("GET", path);

/// A text of its own for a request that shall not be done twice.
export function key() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (it) => it.toString(16).padStart(2, "0")).join("");
}
