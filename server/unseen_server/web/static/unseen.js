// Everything here is a convenience: each page works without it. Copy buttons, and boards that refresh themselves.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  const [before, after] = button.children;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    const show = (done) => { before.hidden = done; after.hidden = !done; };
    show(true);
    setTimeout(show, 2000, false);
  });
}

// The board: ask for this very page again, and take over what has changed in its [data-live] parts.
const board = document.querySelector("[data-refresh]");
const offline = document.getElementById("offline");
let tag = "";

const rows = (part) => new Map([...part.querySelectorAll("[data-team]")].map((row) => [row.dataset.team, row]));
const told = (row) => [...row.querySelectorAll(".rank, .score, .entries")].map((cell) => cell.textContent).join("|");

function mark(before, after) {
  for (const [team, row] of rows(after)) {
    const old = before.get(team);
    if (!old || told(old) !== told(row)) row.classList.add("changed");
  }
}

function take(fresh, part) {
  if (fresh.innerHTML === part.dataset.seen) return;
  const reached = (all) => [...all.querySelectorAll("a, button, summary")];
  const inside = reached(part).indexOf(document.activeElement);
  const open = [...part.querySelectorAll("details")].map((one) => one.open);
  const before = rows(part);
  part.dataset.seen = fresh.innerHTML;
  mark(before, fresh);
  part.replaceChildren(...fresh.childNodes);
  part.querySelectorAll("details").forEach((one, i) => { one.open = open[i] || false; });
  if (inside >= 0) reached(part)[inside]?.focus({ preventScroll: true });
}

function selecting() {
  const chosen = getSelection();
  return !chosen.isCollapsed && chosen.anchorNode.parentElement?.closest("[data-live]");
}

async function refresh() {
  if (document.hidden || selecting()) return;
  try {
    const answer = await fetch(location.href, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
    if (answer.status !== 304) {
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      tag = answer.headers.get("ETag") || "";
      for (const part of document.querySelectorAll("[data-live]")) {
        const fresh = page.getElementById(part.id);
        if (fresh) take(fresh, part);
      }
      if (!page.querySelector("[data-refresh]")) clearInterval(timer);
    }
    offline.hidden = true;
  } catch {
    offline.hidden = false;
  }
}

if (board) for (const part of document.querySelectorAll("[data-live]")) part.dataset.seen = part.innerHTML;
const timer = board && setInterval(refresh, board.dataset.refresh * 1000);
if (board) document.addEventListener("visibilitychange", refresh);

// Sending a file: how far it has come, and an answer that leaves the chosen file in the form.
const form = document.querySelector("[data-upload]");
const size = (bytes) => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

function send(event) {
  event.preventDefault();
  const request = new XMLHttpRequest();
  const content = new FormData(form);
  if (event.submitter?.name) content.append(event.submitter.name, event.submitter.value);
  const sending = form.querySelector("[data-sent]");
  const lost = form.querySelector("[data-lost]");
  const wait = (busy) => {
    sending.hidden = !busy;
    for (const button of form.querySelectorAll("button")) button.disabled = busy;
  };
  request.upload.onprogress = ({ loaded, total }) => {
    const [bar, said] = sending.children;
    bar.value = loaded / total;
    said.textContent = sending.dataset.sent.replace("{sent}", size(loaded)).replace("{size}", size(total));
  };
  request.onload = () => answered(request);
  request.onerror = () => { lost.hidden = false; };
  request.onloadend = () => wait(false);
  lost.hidden = true;
  wait(true);
  request.open("POST", form.action);
  request.send(content);
}

function answered(request) {
  if (request.responseURL !== form.action) { // the receipt, or signing in again
    location.assign(request.responseURL);
    return;
  }
  const page = new DOMParser().parseFromString(request.responseText, "text/html");
  const part = (id) => document.getElementById(id);
  part("answer").replaceChildren(...(page.getElementById("answer") ?? page.querySelector("main")).childNodes);
  part("left").replaceChildren(...(page.getElementById("left") ?? part("left")).childNodes);
  form.elements.key.value = page.querySelector("[name=key]")?.value ?? form.elements.key.value;
  part("answer").focus();
}

form?.addEventListener("submit", send);
for (const kind of form ? ["dragover", "dragleave", "drop"] : []) {
  form.addEventListener(kind, (event) => {
    event.preventDefault();
    form.elements.file.classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files.length) form.elements.file.files = event.dataTransfer.files;
  });
}
