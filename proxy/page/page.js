// The status page: asks for status.json every two seconds and shows it. Text from outside becomes text nodes only.
import { element, fill, showCards, duration, positionText } from "./cards.js";
import { showLatency, showCommits } from "./plot.js";

const POLL_MS = 2000;
const PATIENCE_MS = 5000;
const LONG_WAIT_MS = 1000;
const at = (id) => document.getElementById(id);
const count = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

// What there is to say in a sentence: level, title, text.
function judge(status) {
  const { source, quorum } = status;
  const missing = status.replicas.filter((r) => r.role === "voter" && !isAttached(r)).map((r) => r.name);
  const refused = status.replicas.filter((r) => r.state === "refused").map((r) => r.name);
  if (status.stopping) return ["warn", "Stopping", "Sessions may finish what they are doing; new ones are not taken."];
  if (status.store_failed) return ["bad", "The store cannot be written", "No commit is confirmed. The log has the error."];
  if (status.journal_failed) return ["bad", "The journal cannot be written", "No commit is confirmed. It is tried again."];
  if (source.state === "refused") return ["bad", "The source is refused", source.reason];
  if (source.state !== "open")
    return ["bad", `Applications are not admitted: the source is ${source.state}`, source.reason || whatIsHappening(source.state)];
  if (!quorum.satisfied)
    return ["bad", "Commits wait: the quorum rule is not satisfied", `The rule is ${quorum.rule}; ${listed(missing)} missing. `
      + `${count(quorum.waiting_transactions, "transaction waits", "transactions wait")}.`];
  if (status.paused) return ["warn", "Paused", "New sessions wait until RESUME. Those that are there go on."];
  if (quorum.oldest_wait_ms > LONG_WAIT_MS)
    return ["warn", `${count(quorum.waiting_transactions, "commit waits", "commits wait")} for ${quorum.needed_for || "the quorum"}`,
      `The oldest for ${duration(quorum.oldest_wait_ms)}.`];
  if (missing.length > 0)
    return ["warn", `Commits are confirmed; ${listed(missing)} missing`,
      `The rule ${quorum.rule} holds without ${missing.length === 1 ? "it" : "them"}.`
        + (refused.length > 0 ? ` ${listed(refused)} refused: see there.` : "")];
  return ["ok", "Commits are confirmed", `The source is open, and ${quorum.rule} holds.`];
}

// "r1 is", "r1, r2 and r3 are"
function listed(names) {
  if (names.length < 2) return `${names[0] || "nobody"} is`;
  return `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]} are`;
}

function isAttached(replica) {
  return replica.state === "streaming" || replica.state === "catching_up";
}

function whatIsHappening(state) {
  return state === "recovering" ? "What its binlog holds has to reach the quorum first." : "It is tried again.";
}

const SIGNS = { ok: "✓", warn: "!", bad: "✕", unknown: "…" };

function showHeadline(level, title, text) {
  const headline = at("headline");
  if (headline.dataset.level !== level) headline.dataset.level = level;
  fill(headline.querySelector(".sign"), SIGNS[level]);
  fill(at("headline-title"), title);
  fill(at("headline-text"), text);
  document.title = `${SIGNS[level]} ${title} – ackgate`;
}

function showWaiting(status) {
  const { waiting, quorum } = status;
  const cell = (name, text, kind) => element("td", { "data-name": name, class: kind || "" }, text);
  at("waiting-section").hidden = waiting.length === 0;
  at("waiting").replaceChildren(...waiting.map((w) => element("tr", {},
    element("td", { class: "mono" }, w.gtid),
    cell("waits", duration(w.waiting_ms), "number"),
    cell("acked by", w.acked_by || "nobody"),
    cell("missing", w.missing || "ackgate’s own disk"),
    cell("session", w.session_id ? String(w.session_id) : "–", "number"))));
  const more = quorum.waiting_transactions - waiting.length;
  fill(at("waiting-more"), more > 0 ? `and ${more.toLocaleString("en")} more` : "");
}

const DECISION_LEVELS = { discard: "bad", refused: "bad", override: "warn", policy: "warn", admitted: "ok" };

function showJournal(journal) {
  at("journal").replaceChildren(...journal.map((line) => {
    const when = new Date(line.time_ms);
    const level = DECISION_LEVELS[line.type];
    return element("tr", level ? { "data-level": level } : {},
      element("td", {}, element("time", { datetime: when.toISOString() }, shortTime(when))),
      element("td", {}, element("b", {}, line.type)),
      element("td", {}, line.detail));
  }));
}

function shortTime(when) {
  const time = when.toLocaleTimeString("en-GB");
  const isToday = when.toDateString() === new Date().toDateString();
  return isToday ? time : `${when.toLocaleDateString("en-CA")} ${time}`;
}

function show(status) {
  showHeadline(...judge(status));
  showCards(status);
  showWaiting(status);
  showLatency(at("latency"), at("latency-legend"), status.history);
  showCommits(at("commits"), at("commits-legend"), status);
  showJournal(status.journal);
  fill(at("about"), `version ${status.version}, up for ${duration(status.uptime_ms)}`);
  fill(at("updated"), `as of ${new Date(status.now_ms).toLocaleTimeString("en-GB")}, every 2 s`);
  document.body.classList.remove("stale");
  document.body.dataset.shown = positionText(status.source.confirmed); // for tests
}

let lastAnswer = null;

async function poll() {
  try {
    const response = await fetch("status.json", { signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-store" });
    if (!response.ok) throw new Error(`status.json: ${response.status}`);
    const status = await response.json();
    lastAnswer = new Date();
    show(status);
  } catch {
    document.body.classList.add("stale");
    showHeadline("bad", "ackgate does not answer", lastAnswer
      ? `What is shown is from ${lastAnswer.toLocaleTimeString("en-GB")}. Trying again.` : "Trying again.");
  }
}

async function run() {
  for (;;) {
    if (!document.hidden) await poll();
    await new Promise((done) => {
      const timer = setTimeout(done, POLL_MS);
      document.addEventListener("visibilitychange", () => { clearTimeout(timer); done(); }, { once: true });
    });
  }
}

run();
