// The page: hears how things go every second, and shows it. It listens only while somebody looks.

import { by, el, say } from "./dom.js";
import { forget_password, get, has_password, listen } from "./api.js";
import { percent, short, span, micros, whole } from "./format.js";
import * as charts from "./charts.js";
import * as dialogs from "./dialogs.js";
import * as panels from "./panels.js";
import { show_shards } from "./shards.js";

let status = null;
let beats = 0;

function tile(name, value, unit, more, state = null) {
  return el("div", { class: "tile", "data-state": state }, el("div", { class: "name" }, name),
    el("div", { class: "value" }, value, unit ? el("small", {}, unit) : null), el("div", { class: "more" }, more));
}

function show_tiles(nodes) {
  const now = status.now;
  const none = ["–", ""];
  const [rate, rate_unit] = now ? short(now.requests_per_second) : none;
  const [errors, errors_unit] = now ? short(now.errors_per_second) : none;
  const latency = (us) => (us === null || us === undefined ? none : micros(us).split(" "));
  const [p50, p50_unit] = latency(now?.p50_us);
  const [p99, p99_unit] = latency(now?.p99_us);
  const p999 = now?.p999_us ? `p99.9 ${micros(now.p999_us)}` : "";
  const keys = nodes.filter((node) => node.holds && node.said?.role?.kind !== "follower").reduce((sum, node) => sum + node.holds.keys, 0);
  const hit = status.hit_ratio === null ? none : percent(status.hit_ratio).split(" ");
  const is_bad = status.reachable_shards < status.shards;
  by("tiles").replaceChildren(
    tile("Requests", rate, `${rate_unit}/s`, now ? `${whole(now.waiting_requests)} on their way` : ""),
    tile("Median latency", p50, p50_unit, "at the proxy"),
    tile("p99 latency", p99, p99_unit, p999),
    tile("Error replies", errors, `${errors_unit}/s`, ""),
    tile("Hit ratio", hit[0], hit[1], "of reads"),
    tile("Clients", now ? whole(now.clients) : "–", "", `${whole(status.maxclients)} at most`),
    tile("Keys", keys >= 1e6 ? short(keys).join(" ") : whole(keys), "", "at primaries"),
    tile("Shards reached", `${status.reachable_shards} of ${status.shards}`, "", status.is_controller ? "changes topology" : "", is_bad ? "bad" : null),
  );
}

function show_conditions() {
  const notes = status.conditions.map((it) => el("div", { class: "note" }, el("b", {}, it.shard ?? "cluster"), el("span", {}, `${it.text} (for ${span(it.for_ms)})`)));
  const place = by("conditions");
  if (place.textContent !== notes.map((note) => note.textContent).join("")) place.replaceChildren(...notes);
}

function show_head() {
  const ready = by("ready");
  ready.dataset.state = status.is_ready ? "good" : "bad";
  say(ready, status.is_ready ? "ready" : status.is_leaving ? "draining" : "not ready");
  ready.title = status.readiness;
  say(by("who"), `${status.proxy} at ${status.address}`);
  say(by("version"), `topology ${status.topology_version} · up ${span(status.now_ms - status.started_at_ms)}`);
  say(by("foot"), `Switchyard ${status.version}`);
  dialogs.set_needs_password(status.needs_password);
  const unlock = by("unlock");
  unlock.hidden = !status.needs_password;
  say(unlock, has_password() ? "Lock" : "Unlock");
  by("do-drain").disabled = status.no_drain_because !== null;
  by("do-drain").title = status.no_drain_because ?? "";
}

async function on_beat(beat) {
  const before = status;
  status = beat.status;
  beats += 1;
  by("live").dataset.state = "good";
  say(by("live"), "live");
  show_head();
  show_conditions();
  if (beat.shards === null && (beats - 1) % 10 !== 0) return;
  // Where there are very many nodes they are asked for now and then.
  const shards = beat.shards ?? (await get("shards")).shards;
  const nodes = beat.nodes ?? (await get("nodes")).nodes;
  show_tiles(nodes);
  show_shards(shards, nodes, beat.spares);
  panels.told({ ...beat, nodes }, beats);
  if (before !== null && before.proxy !== status.proxy) charts.forget();
  if (before === null || before.proxy !== status.proxy || beats % 5 === 0) await charts.refresh();
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const until_seen = () => new Promise((resolve) => {
  if (!document.hidden) resolve();
  else document.addEventListener("visibilitychange", resolve, { once: true });
});

async function go_on() {
  for (;;) {
    await until_seen();
    try {
      await listen((beat) => {
        on_beat(beat).catch(() => {});
        if (document.hidden) throw new Error("nobody looks");
      });
      await pause(250);
    } catch {
      if (document.hidden) continue;
      by("live").dataset.state = "bad";
      say(by("live"), "no connection, trying again");
      await pause(1500);
    }
  }
}

const THEMES = ["auto", "light", "dark"];
const WORDS = { auto: ["Auto", "Colours: as the system says"], light: ["Light", "Colours: light"], dark: ["Dark", "Colours: dark"] };
const system = matchMedia("(prefers-color-scheme: dark)");

function kept_theme() {
  try {
    const kept = localStorage.getItem("theme");
    return THEMES.includes(kept) ? kept : "auto";
  } catch {
    return "auto";
  }
}

let theme = kept_theme();

function show_theme() {
  const is_dark = theme === "dark" || (theme === "auto" && system.matches);
  document.documentElement.dataset.theme = is_dark ? "dark" : "light";
  const [word, label] = WORDS[theme];
  say(by("theme"), word);
  by("theme").setAttribute("aria-label", label);
}

function begin() {
  show_theme();
  charts.begin();
  panels.begin();
  system.addEventListener("change", () => {
    show_theme();
    charts.redraw_all();
  });
  by("theme").addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // It holds until the page is closed.
    }
    show_theme();
    charts.redraw_all();
  });
  by("unlock").addEventListener("click", () => {
    if (has_password()) {
      forget_password();
      say(by("unlock"), "Unlock");
      panels.refresh_panel(true);
    } else {
      dialogs.unlock();
    }
  });
  dialogs.when_unlocked(() => {
    say(by("unlock"), "Lock");
    panels.refresh_panel(true);
  });
  const menu = by("menu");
  const choose = (act) => () => {
    menu.open = false;
    act();
  };
  by("do-reload").addEventListener("click", choose(() => dialogs.reload()));
  by("do-drain").addEventListener("click", choose(() => dialogs.drain(status)));
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  go_on();
}

begin();
