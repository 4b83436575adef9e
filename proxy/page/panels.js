// What lies behind the tabs: events, nodes, keys, slow commands, clients, settings.

import { by, el, table } from "./dom.js";
import { get, Refused } from "./api.js";
import { bytes, micros, percent, short, span, time, whole } from "./format.js";
import { is_open, kill, unlock } from "./dialogs.js";

let state = { nodes: [], last_event: 0 };
let chosen = "events";
/** What was typed to look for. */
let wanted = "";
let shown_events = -1;
let turn = 0;

const optional = (value, shows) => (value === null || value === undefined ? "–" : shows(value));

function captions(title, note, ...further) {
  return el("div", { class: "captions" }, el("h3", {}, title), el("span", { class: "quiet" }, note), further);
}

function empty(text, ...further) {
  return el("div", { class: "empty" }, el("div", {}, text), further);
}

function matches(row) {
  return wanted === "" || JSON.stringify(row).toLowerCase().includes(wanted);
}

function search() {
  return el("input", {
    type: "search", placeholder: "Filter", "aria-label": "Filter", value: wanted, id: "filter",
    oninput: (event) => {
      wanted = event.target.value.toLowerCase();
      refresh_panel(true);
    },
  });
}

async function events() {
  const { events: all } = await get("events?limit=300");
  const rows = all.filter(matches).reverse();
  const head = captions("Events", `${all.length} of this proxy, newest first`, search());
  if (rows.length === 0) return [head, empty(all.length === 0 ? "Nothing has happened since this proxy was started." : "None has these words.")];
  return [head, table("Events", [
    { name: "When", of: (it) => time(it.at_ms) },
    { name: "What", of: (it) => el("span", { class: "pill" }, it.kind.replaceAll("_", " ")) },
    { name: "Where", of: (it) => [it.shard, it.node, it.peer].filter((part) => part).join(" · ") || "–" },
    { name: "", is_long: true, of: (it) => `${it.text}${it.topology_version ? ` (version ${it.topology_version})` : ""}${it.left_out ? ` — and ${it.left_out} more` : ""}` },
  ], rows, (it) => ({ "data-weight": it.weight }))];
}

async function nodes() {
  const all = state.nodes ?? (await get("nodes")).nodes;
  const rows = all.filter(matches);
  return [captions("Nodes", "what each said of itself in the last seconds", search()), table("Nodes", [
    { name: "Node", of: (it) => el("b", {}, it.id) },
    { name: "Shard", of: (it) => it.shard ?? "–" },
    { name: "Address", of: (it) => el("span", { class: "mono" }, it.address) },
    { name: "Is", of: (it) => (it.is_down ? el("span", { class: "pill", "data-state": "bad" }, "down") : el("span", { class: "pill", "data-state": it.holds ? "good" : "idle" }, it.holds ? it.said?.role?.kind ?? "there" : "not heard")) },
    { name: "Memory", is_number: true, of: (it) => optional(it.holds?.used_memory_bytes, bytes) },
    { name: "Of", is_number: true, of: (it) => optional(it.holds?.maxmemory_bytes, (most) => (most === 0 ? "no bound" : bytes(most))) },
    { name: "Resident", is_number: true, of: (it) => optional(it.holds?.resident_bytes, bytes) },
    { name: "Keys", is_number: true, of: (it) => optional(it.holds?.keys, whole) },
    { name: "Commands/s", is_number: true, of: (it) => optional(it.holds?.commands_per_second, whole) },
    { name: "Evicted", is_number: true, of: (it) => optional(it.holds?.evicted_keys, whole) },
    { name: "Expired", is_number: true, of: (it) => optional(it.holds?.expired_keys, whole) },
    { name: "Connections", is_number: true, of: (it) => optional(it.holds?.clients, whole) },
    { name: "Runs for", is_number: true, of: (it) => optional(it.holds?.uptime_s, (s) => span(s * 1000)) },
  ], rows)];
}

/** What stands in a row for machines. */
const FOR_MACHINES = ["is_cut", "length"];

/** A list of whatever shape: its columns are what its rows have. */
function any_list(title, note, rows) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => !FOR_MACHINES.includes(name));
  const show = (name, value, row) => {
    if (value === null || value === undefined) return "–";
    if (name === "name") return el("span", { class: "mono" }, `${value}${row.is_cut ? "…" : ""}`);
    if (["share", "hit_ratio"].includes(name)) return percent(value);
    if (typeof value === "number") return name.includes("bytes") ? bytes(value) : short(value).join(" ").trim();
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  };
  const column = (name) => ({
    name: name.replaceAll("_", " "), is_number: rows.every((row) => typeof (row[name] ?? 0) === "number"), of: (row) => show(name, row[name], row),
  });
  return [captions(title, note), rows.length === 0 ? empty("None yet.") : table(title, names.map(column), rows)];
}

async function keys() {
  const parts = [["hot-keys", "Hot keys"], ["big-keys", "Big keys"], ["prefixes", "Prefixes"]];
  const found = [];
  for (const [path, title] of parts) {
    try {
      const said = await get(path);
      const lists = Object.entries(said).filter(([, part]) => Array.isArray(part));
      for (const [name, rows] of lists) found.push(...any_list(title, lists.length > 1 ? name.replaceAll("_", " ") : "", rows));
    } catch (refused) {
      if (!(refused instanceof Refused) || refused.status !== 404) throw refused;
    }
  }
  return found.length > 0 ? found : [empty("This proxy does not tell hot and big keys.")];
}

async function slow() {
  const { commands, missing } = await get("slow-log?limit=200");
  const rows = commands.filter(matches);
  const lacks = missing.map((it) => `${it.shard} does not tell: ${it.because}`).join("; ");
  const head = captions("Slow commands", lacks || "of all shards, newest first", search());
  if (rows.length === 0) return [head, empty(commands.length === 0 ? "No command was slower than slowlog-log-slower-than of its node." : "None has these words.")];
  return [head, table("Slow commands", [
    { name: "When", of: (it) => optional(it.at_ms, time) },
    { name: "Took", is_number: true, of: (it) => micros(it.took_us) },
    { name: "Shard", of: (it) => `${it.shard} · ${it.node}` },
    { name: "Command", is_long: true, of: (it) => el("span", { class: "mono" }, it.command.join(" ")) },
  ], rows)];
}

async function clients() {
  const { clients: all, left_out } = await get("clients?limit=1000");
  const rows = all.filter(matches);
  const note = `${whole(all.length + left_out)} connected to this proxy${left_out > 0 ? `, ${all.length} shown` : ""}`;
  return [captions("Clients", note, search()), rows.length === 0 ? empty(all.length === 0 ? "Nobody is connected." : "None has these words.") : table("Clients", [
    { name: "Id", is_number: true, of: (it) => String(it.id) },
    { name: "From", of: (it) => el("span", { class: "mono" }, it.address) },
    { name: "Name", of: (it) => it.name || "–" },
    { name: "User", of: (it) => it.user },
    { name: "Library", of: (it) => it.library || "–" },
    { name: "Connected", is_number: true, of: (it) => span(it.age_s * 1000) },
    { name: "Idle", is_number: true, of: (it) => span(it.idle_s * 1000) },
    { name: "Waits to be sent", is_number: true, of: (it) => bytes(it.output_bytes) },
    { name: "Flags", of: (it) => it.flags || "–" },
    { name: "", of: (it) => el("button", { type: "button", class: "small danger", onclick: async () => { await kill(it); refresh_panel(true); } }, "Close …") },
  ], rows)];
}

async function settings() {
  const { settings: all } = await get("configuration");
  const rows = all.filter(matches);
  const value = (it) => (it.is_secret ? (it.is_set ? "a secret that is set" : "not set") : it.value === "" || it.value === null ? "–" : it.value);
  return [captions("Settings", "as this proxy uses them; secrets are not told", search()), table("Settings", [
    { name: "Name", of: (it) => el("span", { class: "mono" }, it.is_set ? el("b", {}, it.name) : it.name) },
    { name: "Value", is_long: true, of: (it) => el("span", { class: "mono" }, value(it)) },
    { name: "Unless said", of: (it) => el("span", { class: "mono quiet" }, it.is_secret ? "–" : it.default || "–") },
    { name: "Group", of: (it) => it.group },
    { name: "What for", is_long: true, of: (it) => el("span", { class: "quiet" }, it.text) },
  ], rows)];
}

const PANELS = {
  events: { make: events, is_open: false }, nodes: { make: nodes, is_open: true }, keys: { make: keys, is_open: false },
  slow: { make: slow, is_open: false }, clients: { make: clients, is_open: false }, settings: { make: settings, is_open: false },
};

/** Shows the chosen tab anew. Unless `is_asked`, only where something is known to have changed. */
export async function refresh_panel(is_asked = false) {
  const panel = PANELS[chosen];
  const place = by("panel");
  if (!panel.is_open && !is_open()) {
    turn += 1;
    place.replaceChildren(empty("This names clients, keys or arguments, and needs the proxy's password.",
      el("button", { type: "button", onclick: unlock }, "Unlock …")));
    return;
  }
  if (chosen === "events") {
    if (!is_asked && shown_events === state.last_event) return;
    shown_events = state.last_event;
  }
  // Whoever asks for nothing new must not put aside what is on its way.
  const mine = ++turn;
  let parts;
  try {
    parts = await panel.make();
  } catch (failure) {
    parts = [empty(failure instanceof Refused ? failure.message : "The proxy does not answer.")];
    shown_events = -1;
  }
  // Somebody has chosen another one meanwhile.
  if (mine !== turn) return;
  const focused = document.activeElement?.id === "filter" ? document.activeElement.selectionStart : null;
  const scrolled = place.querySelector(".scroll")?.scrollTop ?? 0;
  place.replaceChildren(...parts);
  const scroll = place.querySelector(".scroll");
  if (scroll) scroll.scrollTop = scrolled;
  if (focused !== null) {
    by("filter")?.focus();
    by("filter")?.setSelectionRange(focused, focused);
  }
}

function choose(tab) {
  chosen = tab.id.replace("tab-", "");
  wanted = "";
  for (const other of by("tabs").children) {
    other.setAttribute("aria-selected", other === tab);
    other.tabIndex = other === tab ? 0 : -1;
  }
  by("panel").setAttribute("aria-labelledby", tab.id);
  by("panel").replaceChildren(empty("…"));
  refresh_panel(true);
}

export function begin() {
  const tabs = [...by("tabs").children];
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: 1, ArrowLeft: -1 };
      const at = event.key === "Home" ? 0 : event.key === "End" ? tabs.length - 1
        : steps[event.key] ? (index + steps[event.key] + tabs.length) % tabs.length : null;
      if (at === null) return;
      event.preventDefault();
      tabs[at].focus();
      choose(tabs[at]);
    });
  });
}

/** What the proxy told last; the panel follows where it shows that, or every so many beats. */
export function told(beat, number) {
  state = { nodes: beat.nodes, last_event: beat.status.last_event };
  const is_time = { events: true, nodes: number % 5 === 0, slow: number % 10 === 0, clients: number % 5 === 0, keys: number % 10 === 0, settings: false };
  const is_used = by("panel").contains(document.activeElement) && document.activeElement !== by("panel") && document.activeElement.id !== "filter";
  // Nothing moves under who is about to press a button there.
  if (is_time[chosen] && !is_used) refresh_panel();
}
