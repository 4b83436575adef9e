// The last hour, drawn by uPlot from what the proxy has kept.

import { by, el } from "./dom.js";
import { get } from "./api.js";
import { bytes, micros, percent, short, time } from "./format.js";

/* global uPlot */

const rate = (value) => {
  const [number, unit] = short(value);
  return `${number}${unit && ` ${unit}`}`;
};

/** Most lines of a chart. */
const MOST_LINES = 8;

const CHARTS = [
  {
    name: "Requests a second", shows: rate,
    lines: (all) => [["requests", all.requests_per_second], ["error replies", all.errors_per_second]],
  },
  {
    name: "Latency at the proxy", shows: micros, is_log: true,
    lines: (all) => [["p50", all.p50_us], ["p99", all.p99_us], ["p99.9", all.p999_us]],
  },
  {
    name: "Hit ratio", shows: percent, range: [0, 1],
    lines: (all) => [["hits of reads", all.hit_ratio]],
  },
  {
    name: "Memory by node", shows: bytes, is_bytes: true,
    lines: (all) => Object.entries(all.nodes).map(([node, series]) => [node, series.used_memory_bytes]),
  },
  {
    name: "Lag by follower", shows: bytes, is_bytes: true,
    lines: (all) => Object.entries(all.nodes).map(([node, series]) => [node, series.lag_bytes])
      .filter(([, values]) => values.some((value) => value !== null)),
  },
  {
    name: "Clients and waiting requests", shows: rate,
    lines: (all) => [["clients", all.clients], ["waiting requests", all.waiting_requests]],
  },
];

/** All that is known, by column. */
let all = null;
let minutes = 60;
const drawn = [];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function append(newer) {
  if (all === null || all.every_ms !== newer.every_ms) {
    all = newer;
    return;
  }
  const before = all.at_ms.length;
  const most = Math.ceil(3600000 / newer.every_ms);
  const join = (old, more, empty) => [...(old ?? Array(before).fill(empty)), ...(more ?? Array(newer.at_ms.length).fill(empty))].slice(-most);
  for (const [name, column] of Object.entries(newer)) {
    if (Array.isArray(column)) all[name] = join(all[name], column, null);
  }
  for (const node of new Set([...Object.keys(all.nodes), ...Object.keys(newer.nodes)])) {
    const [old, more] = [all.nodes[node], newer.nodes[node]];
    const joined = {};
    for (const name of ["used_memory_bytes", "lag_bytes"]) joined[name] = join(old?.[name], more?.[name], null);
    if (joined.used_memory_bytes.some((it) => it !== null) || joined.lag_bytes.some((it) => it !== null)) all.nodes[node] = joined;
    else delete all.nodes[node];
  }
  all.nodes_left_out = newer.nodes_left_out;
}

/** Steps that are round where bytes are told. */
const BYTE_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);

/** The powers of ten between two values: more lines would say no more. */
function tens(low, high) {
  const all = [];
  for (let value = 10 ** Math.floor(Math.log10(Math.max(low, 1))); value <= high; value *= 10) if (value >= low) all.push(value);
  return all;
}

function axis({ shows, is_log, is_bytes }) {
  const common = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  const stamp = (split, with_seconds) => new Date(split * 1000).toTimeString().slice(0, with_seconds ? 8 : 5);
  return [
    { ...common, size: 28, grid: { show: false }, values: (_, splits) => splits.map((split, at) => stamp(split, (splits[at + 1] ?? split) - split < 60 && splits.length > 1 && splits[1] - splits[0] < 60)) },
    {
      ...common, size: 62, values: (_, splits) => splits.map((split) => (split === null ? "" : shows(split))),
      ...(is_log ? { splits: (_, __, low, high) => tens(low, high), filter: (_, splits) => splits } : {}),
      ...(is_bytes ? { incrs: BYTE_STEPS } : {}),
    },
  ];
}

function legend_of(chart, lines, data, at) {
  return lines.map(([name], index) => {
    const values = data[index + 1];
    const value = at === null ? values.findLast((it) => it !== null && it !== undefined) : values[at];
    const item = el("span", {}, name, el("b", {}, value === null || value === undefined ? "–" : chart.shows(value)));
    item.style.setProperty("--tint", colour(`--c${index + 1}`));
    return item;
  });
}

function redraw(chart, slot) {
  const { legend, plot } = slot;
  if (slot.uplot) {
    slot.uplot.destroy();
    slot.uplot = null;
  }
  const times = all?.at_ms ?? [];
  const newest = times.at(-1) ?? Date.now();
  // Of a proxy that has just begun: what there is, and not an hour of nothing.
  const from = Math.max(newest - minutes * 60000, Math.min(times[0] ?? newest, newest - 120000));
  const first = Math.max(0, times.findIndex((at) => at >= from));
  const every = all === null ? [] : chart.lines(all);
  const lines = every.slice(0, MOST_LINES);
  const cut = (values) => values.slice(first).map((value) => (value === null || (chart.is_log && value <= 0) ? null : value));
  const data = [times.slice(first).map((at) => at / 1000), ...lines.map(([, values]) => cut(values))];
  const is_empty = times.length < 2 || !data.slice(1).some((values) => values.some((value) => value !== null));
  slot.none.hidden = !is_empty;
  slot.none.textContent = times.length < 2 ? "the first samples are being taken" : "nothing was seen";
  legend.replaceChildren(...(is_empty ? [] : legend_of(chart, lines, data, null)),
    ...(every.length > lines.length ? [`and ${every.length - lines.length} more`] : []));
  if (is_empty) return;
  const series = lines.map((_, index) => ({ stroke: colour(`--c${index + 1}`), width: 1.6, points: { show: false }, spanGaps: false,
    fill: index === 0 && lines.length < 3 && !chart.is_log ? `color-mix(in srgb, ${colour("--c1")} 12%, transparent)` : undefined }));
  const above = (_, low, high) => [0, high > 0 ? high * 1.08 : 1];
  const y = chart.is_log ? { distr: 3 } : { range: chart.range ?? above };
  slot.uplot = new uPlot({
    width: plot.clientWidth, height: plot.clientHeight || 170, padding: [8, 18, 0, 0], legend: { show: false },
    scales: { x: { time: true, range: () => [from / 1000, newest / 1000] }, y },
    series: [{}, ...series], axes: axis(chart),
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    hooks: {
      setCursor: [(self) => {
        const at = self.cursor.idx ?? null;
        legend.replaceChildren(...legend_of(chart, lines, data, at), ...(at === null ? [] : [el("em", {}, time(data[0][at] * 1000))]));
      }],
    },
  }, data, plot);
}

export function redraw_all() {
  CHARTS.forEach((chart, index) => redraw(chart, drawn[index]));
}

/** Makes room for the charts. */
export function begin() {
  for (const chart of CHARTS) {
    const legend = el("div", { class: "legend" });
    const none = el("div", { class: "none" });
    const plot = el("div", { class: "plot", role: "img", "aria-label": `${chart.name}, the last hour` }, none);
    by("charts").append(el("article", { class: "chart" }, el("h3", {}, chart.name), legend, plot));
    drawn.push({ legend, none, plot, uplot: null });
  }
  for (const button of by("spans").children) {
    button.addEventListener("click", () => {
      minutes = Number(button.dataset.minutes);
      for (const other of by("spans").children) other.setAttribute("aria-pressed", other === button);
      redraw_all();
    });
  }
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    redraw_all();
  });
}

/** Asks for what is new, and draws it. */
export async function refresh() {
  const newest = all?.at_ms.at(-1);
  const newer = await get(newest === undefined ? "series" : `series?after=${newest}`);
  if (newest !== undefined && newer.at_ms.length === 0) return;
  append(newer);
  redraw_all();
}

/** Another proxy, or the same in another life: what was known is of the one before. */
export function forget() {
  all = null;
}
