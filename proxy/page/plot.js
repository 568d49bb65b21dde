// Two plots of the last minutes, drawn as SVG from the samples that ackgate keeps.
// A sample is [ms ago, ms long, commits, waiting, mean latency in ms or null for each voter …].
import { shape, element, fill, latency } from "./cards.js";

const HEIGHT = 190, LEFT = 52, RIGHT = 8, TOP = 10, BOTTOM = 24;
const SERIES = 8;

const kind = (i) => `s${i % SERIES}${i >= SERIES ? " again" : ""}`;

// The plane of one plot: where a time and a value lie.
function plane(node, history, valueToShare) {
  const width = Math.max(280, Math.round(node.clientWidth) || 560);
  const span = history.interval_ms * history.samples_max;
  return {
    width, span,
    x: (ago) => width - RIGHT - (width - LEFT - RIGHT) * Math.min(ago, span) / span,
    y: (value) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * valueToShare(value),
  };
}

function times(plane) {
  const marks = [], step = plane.width < 400 ? 5 : 2; // on a phone they would touch each other
  for (let minutes = 0; minutes * 60000 <= plane.span; minutes += step)
    marks.push(shape("text", { x: plane.x(minutes * 60000), y: HEIGHT - 6, "text-anchor": minutes === 0 ? "end" : "middle" },
      minutes === 0 ? "now" : `−${minutes} min`));
  return marks;
}

function levels(plane, ticks) {
  return ticks.flatMap(([value, text]) => [
    shape("line", { class: "grid", x1: LEFT, x2: plane.width - RIGHT, y1: plane.y(value), y2: plane.y(value) }),
    shape("text", { x: LEFT - 8, y: plane.y(value) + 4, "text-anchor": "end" }, text)]);
}

// A line through what there is; a gap of more than a few samples stays one.
function line(plane, points, gap, attributes) {
  let path = "", last = null;
  for (const [ago, value] of points) {
    const isBroken = last === null || last - ago > gap;
    path += `${isBroken ? "M" : "L"}${plane.x(ago).toFixed(1)} ${plane.y(value).toFixed(1)}`;
    if (isBroken) path += "l0.01 0"; // a point alone shows as a dot
    last = ago;
  }
  return shape("path", { ...attributes, d: path || "M0 0" });
}

function draw(node, plane, label, ...children) {
  node.replaceChildren(shape("svg", { viewBox: `0 0 ${plane.width} ${HEIGHT}`, role: "img", "aria-label": label },
    ...times(plane), ...children.flat()));
}

function legend(node, entries) {
  const items = entries.map(([attributes, text]) => element("span", {},
    shape("svg", { viewBox: "0 0 22 8", "aria-hidden": "true" }, shape("path", { ...attributes, d: "M1 4H21" })), text));
  node.replaceChildren(...items);
}

export function showLatency(node, legendNode, history) {
  const series = history.voters.map((name, i) => ({
    name, points: history.samples.filter((row) => row[4 + i] !== null).map((row) => [row[0], row[4 + i]]),
  }));
  const values = series.flatMap((s) => s.points.map((p) => p[1])).filter((v) => v > 0);
  const low = Math.max(-2, Math.min(-1, Math.floor(Math.log10(Math.min(...values, 1)))));
  const high = Math.max(low + 2, 1, Math.ceil(Math.log10(Math.max(...values, 1))));
  const p = plane(node, history, (ms) => (Math.log10(Math.max(ms, 10 ** low)) - low) / (high - low));
  const ticks = [];
  for (let power = low; power <= high; power++) {
    const ms = 10 ** power;
    ticks.push([ms, ms >= 1000 ? `${ms / 1000} s` : ms >= 1 ? `${ms} ms` : `${Math.round(ms * 1000)} µs`]);
  }
  const said = series.map(({ name, points }) => points.length === 0 ? `${name}: no acks`
    : `${name}: ${latency(points[points.length - 1][1])}, at most ${latency(Math.max(...points.map((x) => x[1])))}`);
  draw(node, p, `Ack latency of the last ten minutes. ${said.join("; ")}`, levels(p, ticks),
    series.map((s, i) => line(p, s.points, 4 * history.interval_ms, { class: kind(i) })));
  legend(legendNode, said.map((text, i) => [{ class: kind(i) }, text]));
}

function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

export function showCommits(node, legendNode, status) {
  const { history } = status;
  const rates = history.samples.map((row) => [row[0], row[1] === 0 ? 0 : row[2] * 1000 / row[1]]);
  const waiting = [...history.samples.map((row) => [row[0], row[3]]), [0, status.quorum.waiting_transactions]];
  const peak = (points) => Math.max(0, ...points.map((point) => point[1]));
  const top = roundUp(Math.max(peak(rates), peak(waiting), 4));
  const p = plane(node, history, (value) => value / top);
  const ticks = [0, top / 2, top].map((value) => [value, value.toLocaleString("en")]);
  const now = rates.length > 0 ? rates[rates.length - 1][1] : 0;
  const said = [`${now.toFixed(now < 10 ? 1 : 0)} confirmed in a second, at most ${Math.round(peak(rates)).toLocaleString("en")}`,
    `${status.quorum.waiting_transactions.toLocaleString("en")} waiting, at most ${peak(waiting).toLocaleString("en")}`];
  draw(node, p, `Commits of the last ten minutes: ${said.join("; ")}`, levels(p, ticks),
    line(p, waiting, 4 * history.interval_ms, { class: "warn-line" }), line(p, rates, 4 * history.interval_ms, { class: "s0" }));
  legend(legendNode, [[{ class: "s0" }, said[0]], [{ class: "warn-line" }, said[1]]]);
}
