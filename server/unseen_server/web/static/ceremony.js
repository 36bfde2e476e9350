// The ceremony by keys and by itself: it follows the page's own links, Next and Back, and takes over what they show.
"use strict";

{
  const part = (id, page = document) => page.getElementById(id);
  const links = { next: part("next"), back: part("back") };
  const play = part("play");
  let timer = 0;
  let playing = false;
  let walking = false;

  function take(page) {
    part("stage").replaceChildren(...part("stage", page).childNodes);
    part("newest").textContent = part("newest", page).textContent;
    for (const [id, link] of Object.entries(links)) {
      const fresh = part(id, page);
      const left = fresh.hidden && link === document.activeElement;
      link.hidden = fresh.hidden;
      if (!fresh.hidden) link.href = fresh.getAttribute("href");
      if (left) links[id === "next" ? "back" : "next"].focus();
    }
    play.disabled = links.next.hidden;
  }

  async function walk(link) {
    if (walking || link.hidden) return;
    walking = true;
    clearTimeout(timer);
    try {
      const answer = await fetch(link.href, { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!part("stage", page)) return location.assign(link.href); // signed out: let that page say so
      history.replaceState(null, "", link.href);
      take(page);
      scrollTo(0, 0);
      part("offline").hidden = true;
    } catch {
      part("offline").hidden = false;
      set(false);
    } finally {
      walking = false;
    }
    wait();
  }

  function wait() {
    clearTimeout(timer);
    if (links.next.hidden) set(false);
    if (playing) timer = setTimeout(walk, part("speed").value * 1000, links.next);
  }

  function set(on) {
    playing = on;
    clearTimeout(timer);
    const [start, pause] = play.children;
    start.hidden = on;
    pause.hidden = !on;
  }

  function toggle() {
    set(!playing && !links.next.hidden);
    wait();
  }

  const keys = {
    " ": toggle,
    ArrowRight: () => walk(links.next),
    PageDown: () => walk(links.next), // what presenters' clickers send
    ArrowLeft: () => walk(links.back),
    PageUp: () => walk(links.back),
  };

  document.addEventListener("keydown", (event) => {
    const busy = event.target.closest("select, input") || (event.key === " " && event.target.closest("a, button"));
    if (busy || event.altKey || event.ctrlKey || event.metaKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  for (const link of Object.values(links)) {
    link.addEventListener("click", (event) => {
      if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      walk(link);
    });
  }
  play.addEventListener("click", toggle);
  part("speed").addEventListener("change", wait);
  play.disabled = links.next.hidden;
  part("by-itself").hidden = false;
}
