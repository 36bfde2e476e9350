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
  const inside = [...part.querySelectorAll("a, button")].indexOf(document.activeElement);
  const before = rows(part);
  part.dataset.seen = fresh.innerHTML;
  mark(before, fresh);
  part.replaceChildren(...fresh.childNodes);
  if (inside >= 0) part.querySelectorAll("a, button")[inside]?.focus({ preventScroll: true });
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
