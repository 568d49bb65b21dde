// Who is connected to whom: cards for applications, source, ackgate and replicas, and what other parts need to make
// elements.

const SVG = "http://www.w3.org/2000/svg";

function made(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) if (value !== "") node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null));
  return node;
}

export const element = (name, attributes, ...children) => made(document.createElement(name), attributes, children);
export const shape = (name, attributes, ...children) => made(document.createElementNS(SVG, name), attributes, children);

// Sets a text without touching the document when it is there already, for screen readers.
export function fill(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 120) return `${s < 10 ? s.toFixed(1) : Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return s < 172800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} d`;
}

export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) { n /= 1024; unit++; }
  return `${unit === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[unit]}`;
}

export function latency(ms) {
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  return ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export const positionText = (position) => position ? `${position.file}:${position.pos}` : "–";

const number = (n) => n.toLocaleString("en");
const flavors = { mysql: "MySQL", mariadb: "MariaDB" };

// rows: [name, text or node], null to leave out.
function facts(rows) {
  return element("dl", {}, ...rows.filter((row) => row !== null && row[1] !== "")
    .flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

function card(title, badge, level, line, ...children) {
  const heading = element("header", {}, element("h3", {}, title), badge ? element("span", { class: "badge" }, badge) : null);
  return element("article", { class: "card", "data-level": level, "data-line": line }, heading, ...children);
}

const why = (text) => text ? element("p", { class: "why" }, text) : null;

function applications(status, hasCommits) {
  const { sessions } = status;
  const isIn = status.source.state === "open" && !status.paused && !status.stopping;
  const isMoving = hasCommits || sessions.running > 0;
  const badge = isIn ? "admitted" : status.paused ? "paused" : "not admitted";
  const level = isIn ? "ok" : status.paused ? "warn" : "bad";
  return card("Applications", badge, level, isIn ? (isMoving ? "moving" : "whole") : "broken", facts([
    ["Sessions", `${number(sessions.total)} of ${number(sessions.limit)}`],
    ["Idle", number(sessions.idle)],
    ["Running", number(sessions.running)],
    ["At the gate", number(sessions.waiting_for_quorum)],
    ["Waiting for the source", number(sessions.held + sessions.login)],
  ]));
}

const SOURCE_LEVELS = { open: "ok", recovering: "warn", verifying: "warn", connecting: "warn", down: "bad", refused: "bad" };

function source(status, isMoving) {
  const { source } = status;
  const address = source.port ? `${source.host}:${source.port}` : source.host;
  const line = source.state === "open" ? (isMoving ? "moving" : "whole") : source.state === "recovering" ? "partly" : "broken";
  const server = [flavors[source.flavor] || source.flavor, source.version].filter(Boolean).join(" ");
  return card("Source", source.state, SOURCE_LEVELS[source.state], line, facts([
    ["Address", address],
    ["Server", server],
    ["Semi-sync", source.semi_sync],
    ["Received up to", positionText(source.received)],
  ]), source.state === "open" ? null : why(source.reason));
}

// How much of what has been received is confirmed, within the file: SVG, because styles in attributes are forbidden.
function track(source) {
  const { received, confirmed } = source;
  const share = received && confirmed && received.pos > 0 ? (received.file === confirmed.file ? confirmed.pos / received.pos : 0) : 0;
  return element("div", { class: "track" }, shape("svg", { viewBox: "0 0 100 1", preserveAspectRatio: "none", "aria-hidden": "true" },
    shape("rect", { width: (100 * Math.min(share, 1)).toFixed(2), height: "1" })));
}

function big(...pairs) {
  return element("div", { class: "big" }, ...pairs.map(([value, name]) =>
    element("div", {}, element("strong", {}, value), element("span", {}, name))));
}

function commitsPerSecond(history, samples) {
  const last = history.samples.slice(-samples);
  const took = last.reduce((sum, row) => sum + row[1], 0);
  return took === 0 ? 0 : last.reduce((sum, row) => sum + row[2], 0) * 1000 / took;
}

function ackgate(status, rate) {
  const { source, quorum } = status;
  const isBehind = source.confirmed && positionText(source.received) !== positionText(source.confirmed);
  const node = card("ackgate", quorum.satisfied ? "quorum holds" : "no quorum", quorum.satisfied ? "ok" : "bad", "",
    element("div", { class: "position" },
      element("span", { class: "quiet" }, isBehind ? "Confirmed up to, of what was received" : "Confirmed up to"),
      element("b", { class: "mono", id: "confirmed" }, positionText(source.confirmed)),
      track(source),
      element("span", { class: "quiet mono" }, source.confirmed_gtid || "")),
    big([rate < 10 ? rate.toFixed(1) : number(Math.round(rate)), "commits a second"],
      [number(status.commits_confirmed), "confirmed in this run"],
      [number(quorum.waiting_transactions), quorum.waiting_transactions > 0 ? `waiting, up to ${duration(quorum.oldest_wait_ms)}` : "waiting"]),
    facts([
      ["Quorum rule", quorum.rule],
      ["Voters attached", `${quorum.attached} of ${quorum.voters}`],
      quorum.needed_for ? ["Acks awaited from", quorum.needed_for] : null,
      ["On ackgate’s disk", positionText(source.durable)],
      ["Store", bytes(status.store_bytes)],
      ["Epoch", number(status.epoch)],
      status.discarded_transactions > 0 ? ["Discarded in recovery", number(status.discarded_transactions)] : null,
      status.commits_unknown > 0 ? ["Outcome told as unknown", number(status.commits_unknown)] : null,
    ]));
  return node;
}

const REPLICA_LEVELS = { streaming: "ok", catching_up: "warn", detached: "off", refused: "bad" };

function replica(view, isMoving) {
  const isVoter = view.role === "voter";
  const isThere = view.state === "streaming" || view.state === "catching_up";
  const level = view.state === "detached" && isVoter ? "warn" : REPLICA_LEVELS[view.state] || "off";
  const line = view.state === "streaming" ? (isMoving ? "moving" : "whole") : isThere ? "partly" : "broken";
  const reached = isVoter ? view.acked : view.sent;
  return card(view.name, view.state.replace("_", " "), level, line, facts([
    ["Role", isVoter ? "voter" : "observer, does not count"],
    ["Server", [flavors[view.flavor] || view.flavor, view.server_id ? `id ${view.server_id}` : ""].filter(Boolean).join(", ")],
    ["Address", view.host],
    reached ? [isVoter ? "Acked up to" : "Sent up to", positionText(reached)] : null,
    isThere || reached ? ["Behind", view.lag_bytes === 0 ? "nothing" : bytes(view.lag_bytes)] : null,
    isVoter && view.ack_ms_p99 > 0 ? ["Ack p50 · p99", `${latency(view.ack_ms_p50)} · ${latency(view.ack_ms_p99)}`] : null,
  ]), isThere ? null : why(view.last_error));
}

// Three cards of observers at most; the others are counted.
function replicas(status, isMoving) {
  const voters = status.replicas.filter((r) => r.role === "voter");
  const observers = status.replicas.filter((r) => r.role !== "voter");
  const more = status.observers - Math.min(observers.length, 3);
  return [...voters, ...observers.slice(0, 3)].map((r) => replica(r, isMoving))
    .concat(more > 0 ? [element("p", { class: "quiet" }, `and ${number(more)} more observers`)] : []);
}

export function showCards(status) {
  const isMoving = commitsPerSecond(status.history, 1) > 0;
  const at = (id) => document.getElementById(id);
  at("left").replaceChildren(applications(status, isMoving), source(status, isMoving));
  at("middle").replaceChildren(ackgate(status, commitsPerSecond(status.history, 5)));
  at("right").replaceChildren(...replicas(status, isMoving));
}
