// The page of `ocrx review`. Labels come from files: they are shown as text nodes, never as markup.
"use strict";

const $ = (id) => document.getElementById(id);
const text = $("text");
const TALL = 1.6; // height over width from which the text stands beside the image
// Scripts that are also written from top to bottom.
const VERTICAL = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}]/u;
const CELLS = 250000; // longest pair of texts that is compared character by character

const tab = stored(sessionStorage, "ocrx-tab");
const reviewer = stored(localStorage, "ocrx-reviewer");
let line = null; // the line shown, as the server describes it
let turns = 0; // quarter turns of its image
let reading = null; // what the model reads in it
let deciding = false; // a decision is on its way: Enter pressed twice must not accept a line that was not seen
let typed = []; // earlier values of the text field, for undo
let typedAt = 0;
let before = ""; // the value before the last change
const PAUSE_MS = 600; // what is typed without a longer pause is undone in one step
let busy = Promise.resolve(); // requests that change something go one after the other
const readings = new Map();

function stored(storage, name) {
  let value = storage.getItem(name);
  if (!value) {
    value = Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
    storage.setItem(name, value);
  }
  return value;
}

async function call(path, parameters, body) {
  const query = parameters ? "?" + new URLSearchParams(parameters) : "";
  const options = body === undefined ? {} : {
    method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", "X-Ocrx-Review": "1" },
  };
  let response;
  try {
    response = await fetch("/api/" + path + query, options);
  } catch {
    throw { message: "The server does not answer; nothing was lost, but this is not saved. Is `ocrx review` still running?" };
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw { status: response.status, line: answer.line, message: [answer.error || `error ${response.status}`, answer.hint].filter(Boolean).join(" – ") };
  }
  return answer;
}

function filters() {
  const form = $("filter");
  const wanted = { tab };
  for (const name of ["status", "order", "finding", "part", "text"]) if (form.elements[name].value) wanted[name] = form.elements[name].value;
  if (form.elements.min_error.value) wanted.min_error = form.elements.min_error.value / 100;
  return wanted;
}

function say(message) { $("message").textContent = message; }

function alarm(message) {
  $("banner").textContent = message;
  $("banner").hidden = !message;
}

// Runs what changes or moves, one at a time and in order, however fast the keys come.
function run(work) {
  busy = busy.then(work).catch((problem) => {
    alarm(problem.message || String(problem));
    if (problem.line && line && problem.line.key === line.key) {
      const value = text.value;
      show(problem.line);
      alarm(`${problem.message}. It is shown as it is now; you had typed: ${value}`);
    }
  });
  return busy;
}

function show(next, prepared) {
  line = next;
  alarm("");
  $("line").hidden = next === null;
  $("done").hidden = next !== null;
  if (next === null) return;

  turns = next.turns;
  reading = null;
  typed = [];
  $("source").textContent = `${next.source} · ${next.image_name}`;
  $("status").textContent = next.status;
  $("score").textContent = next.error === null ? "" : `score ${Math.round(100 * next.error)}`;
  $("score").title = "How likely the line needs a correction, 0 to 100";
  text.value = before = next.text;
  text.dir = $("reading").dir = next.direction;
  $("findings").replaceChildren(...next.findings.map((finding) => {
    const row = document.createElement("li");
    const code = document.createElement("b");
    code.textContent = finding.code;
    row.append(code, finding.message);
    return row;
  }));
  if (next.outside) alarm(`Another program changed this label to “${next.label}”. You had confirmed “${next.mine}”.`);
  showImage();
  showReading(next.reading);
  loadReading();
  text.focus({ preventScroll: true });
  text.setSelectionRange(text.value.length, text.value.length);
}

function imageAddress(of, quarter) {
  return "/api/image?" + new URLSearchParams({ line: of.key, turns: quarter, v: of.stamp });
}

function showImage() {
  const image = $("image");
  $("overlay").replaceChildren();
  $("broken").hidden = true;
  $("scroll").hidden = false;
  image.alt = `Line ${line.source}`;
  image.src = imageAddress(line, turns);
}

function fitImage() {
  const image = $("image");
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  if (!width) return;
  const tall = height > TALL * width;
  document.body.classList.toggle("tall", tall);
  setWritingMode();
  const room = tall ? Math.min(160, innerWidth / 3) : $("scroll").clientWidth - 20;
  const highest = tall ? 0.65 * innerHeight : 150;
  let scale = Math.min(room / width, highest / height, 8);
  if (!tall) scale = Math.max(scale, Math.min(44 / height, 8)); // long lines scroll sideways
  $("picture").style.width = `${Math.round(width * scale)}px`;
  if (text.dir === "rtl") $("scroll").scrollLeft = $("scroll").scrollWidth;
}

// Beside a vertical line the text runs from top to bottom, unless its letters would lie on their sides.
function setWritingMode() {
  const upright = VERTICAL.test(text.value || $("reading").dataset.text || "");
  document.body.classList.toggle("vertical", upright && document.body.classList.contains("tall"));
}

async function loadReading() {
  const [key, quarter] = [line.key, turns];
  const name = readingName(line, quarter);
  try {
    if (!readings.has(name)) remember(name, call("reading", { line: key, turns: quarter }));
    const found = await readings.get(name);
    if (line && line.key === key && turns === quarter && found.text !== null) {
      reading = found;
      // A line without a label begins with what the model reads.
      if (!line.label && line.status === "open" && !text.value && !typed.length) text.value = before = found.text;
      showReading(found.text);
      showSpans(found);
    }
  } catch {
    readings.delete(name); // the image cannot be read, which is shown in its place
  }
}

// The time of the file is part of the name: Finish turns images.
function readingName(of, quarter) { return `${of.key}|${quarter}|${of.stamp}`; }

function remember(name, promise) {
  promise.catch(() => readings.delete(name));
  readings.set(name, promise);
  if (readings.size > 200) readings.delete(readings.keys().next().value);
}

function showReading(found) {
  const known = found !== null;
  $("reading-line").hidden = !known;
  $("take").hidden = !known || found === text.value;
  $("reading").replaceChildren(...(known ? marked(found, text.value) : []));
  $("reading").dataset.text = known ? found : "";
  setWritingMode();
}

function showSpans(found) {
  $("overlay").replaceChildren(...found.characters.map(([character, left, right, score], index) => {
    const box = document.createElement("i");
    const [start, size] = [`${100 * left}%`, `${100 * (right - left)}%`];
    if (found.turned) Object.assign(box.style, { top: start, height: size, left: 0, right: 0 });
    else Object.assign(box.style, { left: start, width: size, top: 0, bottom: 0 });
    box.title = `${character}  ${Math.round(100 * score)} %`;
    box.addEventListener("mouseenter", () => highlight(index, true));
    box.addEventListener("mouseleave", () => highlight(index, false));
    return box;
  }));
}

function highlight(index, on) {
  for (const part of $("reading").children) {
    const [from, to] = [Number(part.dataset.from), Number(part.dataset.to)];
    part.classList.toggle("on", on && index >= from && index < to);
  }
}

// The reading in pieces: what the text has, too; marked, what it has not; and a narrow mark where it has more.
function marked(found, value) {
  const [a, b] = [Array.from(found), Array.from(value)];
  const [sameA, sameB] = common(a, b);
  const parts = [];
  const add = (name, from, to) => {
    const part = document.createElement(name);
    part.textContent = a.slice(from, to).join("");
    [part.dataset.from, part.dataset.to] = [from, to];
    if (from === to) part.className = "gap";
    parts.push(part);
  };
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    let [endA, endB] = [i, j];
    while (endA < a.length && !sameA[endA]) endA += 1;
    while (endB < b.length && !sameB[endB]) endB += 1;
    if (endA > i || endB > j) add("mark", i, endA);
    [i, j] = [endA, endB];
    while (endA < a.length && endB < b.length && sameA[endA] && sameB[endB]) { endA += 1; endB += 1; }
    if (endA > i) add("span", i, endA);
    [i, j] = [endA, endB];
  }
  return parts;
}

// Which characters of a and of b belong to their longest common subsequence.
function common(a, b) {
  const [sameA, sameB] = [new Array(a.length).fill(false), new Array(b.length).fill(false)];
  const pair = (i, j) => { sameA[i] = sameB[j] = true; };
  let [start, endA, endB] = [0, a.length, b.length];
  while (start < endA && start < endB && a[start] === b[start]) { pair(start, start); start += 1; }
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) { endA -= 1; endB -= 1; pair(endA, endB); }
  const [rows, columns] = [endA - start, endB - start];
  if (!rows || !columns || rows * columns > CELLS) return [sameA, sameB];

  const longest = Array.from({ length: rows + 1 }, () => new Uint16Array(columns + 1));
  for (let i = rows - 1; i >= 0; i -= 1) {
    for (let j = columns - 1; j >= 0; j -= 1) {
      longest[i][j] = a[start + i] === b[start + j] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
    }
  }
  for (let i = 0, j = 0; i < rows && j < columns;) {
    if (a[start + i] === b[start + j]) { pair(start + i, start + j); i += 1; j += 1; }
    else if (longest[i + 1][j] >= longest[i][j + 1]) i += 1;
    else j += 1;
  }
  return [sameA, sameB];
}

async function move(direction) {
  const parameters = { ...filters(), ...(line ? { current: line.key } : {}) };
  const answer = await call(direction, parameters);
  if (direction === "previous" && answer.line === null) { say("This is the first line of this window."); return; }
  go(answer);
}

function go(answer) {
  show(answer.line);
  say("");
  if (answer.upcoming) loadAhead(answer.upcoming);
}

// Loads image and reading of the line that will probably come next.
function loadAhead(next) {
  new Image().src = imageAddress(next, next.turns);
  const name = readingName(next, next.turns);
  if (!readings.has(name)) remember(name, call("reading", { line: next.key, turns: next.turns }));
}

function decideShown(status) {
  if (deciding || !line) return;
  deciding = true;
  const sent = { line: line.key, status, text: text.value, turns, revision: line.revision, reviewer };
  run(async () => {
    try {
      go(await call("decide", filters(), sent));
    } finally { deciding = false; }
    refresh();
  });
}

async function undo() {
  const answer = await call("undo", null, { reviewer });
  if (answer.line === null) { say("Nothing is left to undo."); return; }
  await jump(answer.line.key);
  say("Undone.");
  refresh();
}

async function jump(key) { show((await call("line", { ...filters(), key })).line); }

function rotate() {
  if (!line) return;
  turns = (turns + 1) % 4;
  showImage();
  loadReading();
  text.focus();
}

function take() {
  const found = $("reading").dataset.text;
  if ($("reading-line").hidden || found === text.value) return false;
  change(found);
  text.focus();
  return true;
}

async function finish() {
  const report = await call("finish", null, {});
  const parts = [`${report.changed} labels written`];
  if (report.removed) parts.push(`${report.removed} unreadable lines taken out`);
  if (report.turned) parts.push(`${report.turned} images turned`);
  if (report.backups.length) parts.push(`originals: ${report.backups.slice(0, 3).join(", ")}`);
  if (report.outside.length) parts.push(`changed by another program and left alone: ${report.outside.slice(0, 5).join(", ")}`);
  say(parts.join("; ") + ".");
  refresh();
}

let asked = 0;
async function refresh() {
  const number = ++asked;
  let now;
  try { now = await call("progress"); } catch (problem) { say(problem.message); return; }
  if (number !== asked) return;
  const done = now.lines - now.open;
  $("progress").max = Math.max(now.lines, 1);
  $("progress").value = done;
  const parts = [`${done} of ${now.lines} lines`, `${now.corrected} corrected`];
  if (now.unreadable) parts.push(`${now.unreadable} unreadable`);
  if (now.per_hour) parts.push(`${now.per_hour} an hour`);
  if (!now.ranking_done) parts.push(`ranking ${now.ranked}`);
  $("counts").textContent = parts.join(" · ");
  $("counts").title = now.model ? `model ${now.model}` : "";
  showFindings(now.findings);
  showTraining(now.training);
  if (now.ranking_failed) say(`The lines are not ranked: ${now.ranking_failed}`);
  if (now.changed_outside.length) say(`Changed by another program and read again: ${now.changed_outside.join(", ")}`);
}

function showFindings(counts) {
  const select = $("filter").elements.finding;
  const chosen = select.value;
  const options = Object.entries(counts).map(([code, count]) => new Option(`${code} (${count})`, code));
  select.replaceChildren(new Option("any", ""), ...options);
  select.value = chosen in counts ? chosen : "";
}

let trained = "idle";
function showTraining(training) {
  $("stop").hidden = training.state !== "running";
  $("training-state").textContent = training.message;
  $("training-log").hidden = !training.log.length;
  $("training-log").textContent = training.log.join("\n");
  if (training.state === "better" && trained === "running") { readings.clear(); say(training.message); }
  trained = training.state;
}

async function search() {
  const found = (await call("search", { text: $("query").value })).lines;
  $("found").replaceChildren(...found.map((one) => {
    const [row, button] = [document.createElement("li"), document.createElement("button")];
    button.type = "button";
    button.textContent = `${one.source}  ${one.text}`;
    button.addEventListener("click", () => run(() => jump(one.key)));
    row.append(button);
    return row;
  }));
  if (!found.length) say("No line found.");
  return found;
}

// Changes the text as typing does, so that undo knows it.
function change(value) {
  typed.push(text.value);
  typedAt = 0;
  text.value = before = value;
  mark();
}

function mark() {
  if (!$("reading-line").hidden) showReading($("reading").dataset.text);
  else setWritingMode();
}

function insert(character) {
  const [start, end] = [text.selectionStart, text.selectionEnd];
  change(text.value.slice(0, start) + character + text.value.slice(end));
  text.setSelectionRange(start + character.length, start + character.length);
  text.focus();
}

// First what was typed, as everywhere; then the last decision.
function undoStep() {
  if (!typed.length) return run(undo);
  text.value = before = typed.pop();
  typedAt = 0;
  mark();
}

const clicks = {
  take, unreadable: () => decideShown("unreadable"), skip: () => decideShown("skipped"), rotate: () => run(async () => rotate()),
  undo: undoStep, previous: () => run(() => move("previous")), next: () => run(() => move("next")),
  finish: () => run(finish), back: () => run(() => move("previous")),
  invite: () => run(async () => {
    $("address").textContent = `For one more browser: ${(await call("invite", null, {})).address}`;
    $("address").hidden = false;
  }),
  stop: () => run(async () => showTraining(await call("train/stop", null, {}))),
  theme: () => {
    const dark = getComputedStyle(document.documentElement).colorScheme.startsWith("dark") ||
      (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("ocrx-theme", document.documentElement.dataset.theme);
  },
  more: () => {
    for (const button of document.querySelectorAll(".character[hidden]")) button.hidden = false;
    $("more").hidden = true;
  },
};
for (const [id, action] of Object.entries(clicks)) if ($(id)) $(id).addEventListener("click", action);
for (const button of document.querySelectorAll(".character")) button.addEventListener("click", () => insert(button.dataset.character));

$("form").addEventListener("submit", (event) => { event.preventDefault(); decideShown("accepted"); });
$("filter").addEventListener("change", () => run(() => { line = null; return move("next"); }));
$("filter").addEventListener("submit", (event) => event.preventDefault());
$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  run(async () => { const found = await search(); if (found.length) await jump(found[0].key); });
});
$("query").addEventListener("input", () => run(search));
$("train").addEventListener("submit", (event) => {
  event.preventDefault();
  const minutes = Number(event.target.elements.minutes.value) || 10;
  run(async () => showTraining(await call("train", null, { minutes })));
});
$("image").addEventListener("load", fitImage);
$("image").addEventListener("error", () => { $("scroll").hidden = true; $("broken").hidden = false; });
addEventListener("resize", fitImage);
text.addEventListener("input", () => {
  if (Date.now() - typedAt > PAUSE_MS) typed.push(before);
  typedAt = Date.now();
  before = text.value;
  mark();
});

document.addEventListener("keydown", (event) => {
  if (event.isComposing) return; // the keys choose among what an input method offers
  const inText = event.target === text;
  const inOther = !inText && event.target.matches("input, select, textarea");
  // In the text field the keys along the text move the cursor, and those across it move to other lines.
  const down = document.body.classList.contains("vertical");
  const alt = event.altKey && !event.ctrlKey && !event.metaKey;
  let action = null;
  if (alt && event.code === "KeyU") action = clicks.unreadable;
  else if (alt && event.code === "KeyS") action = clicks.skip;
  else if (alt && event.code === "KeyR") action = clicks.rotate;
  else if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.code === "KeyZ" && !inOther) action = clicks.undo;
  else if (inOther || event.ctrlKey || event.metaKey || event.altKey) return;
  else if (inText ? event.key === (down ? "ArrowRight" : "ArrowUp") : /^Arrow(Up|Left)$/.test(event.key)) action = clicks.previous;
  else if (inText ? event.key === (down ? "ArrowLeft" : "ArrowDown") : /^Arrow(Down|Right)$/.test(event.key)) action = clicks.next;
  else if (inText && event.key === "Tab" && !event.shiftKey) { if (take()) event.preventDefault(); return; }
  else if (inText && event.key === "Escape") { text.blur(); return; }
  if (action) { event.preventDefault(); action(); }
});

const theme = localStorage.getItem("ocrx-theme");
if (theme) document.documentElement.dataset.theme = theme;
run(() => move("next"));
refresh();
setInterval(refresh, 2000);
