// The topology, drawn: slots, shards, who leads, who follows and how far behind.

import { by, draw, el, say } from "./dom.js";
import { bytes, percent, short, span } from "./format.js";
import { fail_over } from "./dialogs.js";

const SLOTS = 16384;
const TINTS = 8;

const tint = (index) => `var(--c${(index % TINTS) + 1})`;

/** `0-99 300` as pairs of first and last. */
function ranges(slots) {
  return slots.split(/[\s,]+/).filter((part) => part !== "").map((part) => {
    const [first, last] = part.split("-").map(Number);
    return [first, last ?? first];
  });
}

function draw_strip(shards) {
  const svg = draw("svg", { viewBox: `0 0 ${SLOTS} 10`, preserveAspectRatio: "none", focusable: "false" });
  shards.forEach((shard, index) => {
    for (const [first, last] of ranges(shard.slots)) {
      const rect = draw("rect", { x: first, y: 0, width: last - first + 1, height: 10 });
      rect.style.fill = tint(index);
      const title = draw("title", {});
      title.textContent = `${shard.id}: slots ${first} to ${last}`;
      rect.append(title);
      svg.append(rect);
    }
  });
  by("strip").replaceChildren(svg);
  by("strip").setAttribute("aria-label", `Slots: ${shards.map((it) => `${it.id} has ${it.slot_count}`).join(", ")}`);
}

function role_of(member, node) {
  if (node?.is_down) return "down";
  if (member.place === "primary") return "primary";
  if (member.is_alive === false) return "restarted since";
  if (node?.said?.is_syncing) return "copying";
  if (node?.said?.needs_sync) return "must copy anew";
  const lag = member.lag_bytes === null ? "" : member.lag_bytes === 0 ? ", lag 0" : `, lag ${bytes(member.lag_bytes)}`;
  return `${member.place}${lag}`;
}

function member_line(member, node) {
  const holds = node?.holds;
  const used = holds?.used_memory_bytes;
  const most = holds?.maxmemory_bytes;
  const line = el("li", { class: "member", "data-place": member.place, "data-down": String(node?.is_down === true) },
    el("span", { class: "id" }, member.node),
    el("span", { class: "role" }, role_of(member, node)),
    el("span", { class: "where mono" }, node?.address ?? ""),
    el("span", { class: "holds" }, used === undefined || used === null ? "" : `${bytes(used)}${most ? ` of ${bytes(most)}` : ""}`));
  if (used && most) {
    const part = Math.min(1, used / most);
    const fill = el("i", { "data-state": part > 0.95 ? "bad" : part > 0.85 ? "warn" : null });
    fill.style.width = percent(part).replace(" ", "");
    line.append(el("div", { class: "bar", role: "img", "aria-label": `memory: ${percent(part)} of its bound` }, fill));
  }
  return line;
}

function state_of(shard, nodes) {
  const primary = shard.members.find((member) => member.place === "primary");
  if (shard.is_reachable === false || (primary && nodes.get(primary.node)?.is_down)) return ["bad", "no primary"];
  if (shard.waiting_requests > 0) return ["warn", `${shard.waiting_requests} wait`];
  const in_sync = shard.members.filter((member) => member.place !== "learner").length;
  if (in_sync < shard.copies) return ["warn", `${in_sync} of ${shard.copies} in sync`];
  return ["good", shard.copies > 1 ? `${in_sync} in sync` : "one copy"];
}

function card(shard, index, nodes) {
  const [state, words] = state_of(shard, nodes);
  const [rate, unit] = short(shard.requests_per_second ?? 0);
  const can_fail_over = shard.members.length > 1 && shard.members.every((member) => nodes.get(member.node)?.kind !== "redis");
  const box = el("article", { class: "shard", "aria-label": `Shard ${shard.id}` },
    el("header", {}, el("h3", {}, shard.id), el("span", { class: "pill", "data-state": state }, words),
      el("span", { class: "rate" }, `${rate}${unit && ` ${unit}`}/s`)),
    el("div", { class: "sub" }, `epoch ${shard.epoch} · ${shard.slot_count} slots (${percent(shard.slot_count / SLOTS)}) · min-in-sync ${shard.min_in_sync}`),
    el("ul", { class: "members" }, shard.members.map((member) => member_line(member, nodes.get(member.node)))),
    shard.conditions.map((condition) => el("div", { class: "trouble" }, `for ${span(condition.for_ms)}: ${condition.text}`)));
  if (can_fail_over) {
    const button = el("button", { type: "button", class: "small", onclick: () => fail_over(shard), "data-shard": shard.id }, "Fail over …");
    box.append(el("footer", {}, button));
  }
  box.style.setProperty("--tint", tint(index));
  return box;
}

let drawn = "";

/** Draws the shards with what is known of their nodes. */
export function show_shards(shards, nodes, spares) {
  const known = new Map(nodes.map((node) => [node.id, node]));
  const slots = JSON.stringify(shards.map((shard) => [shard.id, shard.slots]));
  if (slots !== drawn) {
    drawn = slots;
    draw_strip(shards);
  }
  const place = by("shards");
  const focused = document.activeElement?.dataset?.shard;
  place.replaceChildren(...shards.map((shard, index) => card(shard, index, known)));
  if (focused) place.querySelector(`button[data-shard="${CSS.escape(focused)}"]`)?.focus();
  const spare = spares.length > 0 ? ` · ${spares.length} spare: ${spares.map((it) => it.id).join(", ")}` : "";
  say(by("shards-note"), `${shards.length} with ${nodes.length} nodes${spare}`);
}
