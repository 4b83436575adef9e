// What is asked of the proxy. The password is kept here, in memory, and is gone with the page.

let password = null;

/** Something that the proxy does not do, with its reason. */
export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export const has_password = () => password !== null;

export function forget_password() {
  password = null;
}

function headers(further = {}) {
  const all = { "X-Switchyard": "yes", ...further };
  if (password !== null) all.Authorization = `Bearer ${password}`;
  return all;
}

async function answer(response) {
  const text = await response.text();
  let said;
  try {
    said = JSON.parse(text);
  } catch {
    throw new Refused(response.status, text.trim() || `status ${response.status}`);
  }
  if (!response.ok) throw new Refused(response.status, said.error ?? `status ${response.status}`);
  return said;
}

/** What stands at a path of the API. */
export const get = async (path) =>
  answer(await fetch(`api/v1/${path}`, { headers: headers(), cache: "no-store" }));

/** Has something done. */
export const order = async (path, what = {}) =>
  answer(await fetch(`api/v1/${path}`, {
    method: "POST", headers: headers({ "Content-Type": "application/json" }), body: JSON.stringify(what), cache: "no-store",
  }));

/** Keeps the password if it is the right one. */
export async function try_password(candidate) {
  // What cannot stand in a header is no password that could be sent.
  if (!/^[\x20-\x7e\x80-\xff]+$/.test(candidate)) throw new Refused(401, "a password of these letters cannot be sent over HTTP");
  const before = password;
  password = candidate;
  try {
    await get("events?limit=1");
  } catch (refused) {
    password = before;
    throw refused;
  }
}

/** Calls `on_beat` with what the proxy tells every second, until the stream ends or nothing has come for `patience_ms`. */
export async function listen(on_beat, patience_ms = 5000) {
  const stop = new AbortController();
  let alarm = setTimeout(() => stop.abort(), patience_ms);
  try {
    const response = await fetch("api/v1/stream", { headers: headers(), signal: stop.signal, cache: "no-store" });
    if (!response.ok) await answer(response);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let begun = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      begun += value;
      const events = begun.split("\n\n");
      begun = events.pop();
      for (const event of events) {
        clearTimeout(alarm);
        alarm = setTimeout(() => stop.abort(), patience_ms);
        const data = event.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim());
        if (data.length > 0) on_beat(JSON.parse(data.join("\n")));
      }
    }
  } finally {
    clearTimeout(alarm);
    stop.abort();
  }
}
