// Keeps the start page fresh, holds the token of this tab, and copies lines.
// Everything essential is in the page without it.
"use strict";

const PERIOD_MS = 5000;
const byId = (id) => document.getElementById(id);
let time = byId("as-of")?.dataset.time ?? "";

function dress() {
  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = !navigator.clipboard;
    button.onclick = async () => {
      await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
      const text = button.textContent;
      button.textContent = button.dataset.copied;
      setTimeout(() => { button.textContent = text; }, 1500);
    };
  }
  const forget = byId("forget");
  if (forget) {
    forget.onclick = () => {
      sessionStorage.removeItem("token");
      refresh();
    };
  }
  const form = byId("token-form");
  if (form) {
    form.onsubmit = (event) => {
      event.preventDefault();
      sessionStorage.setItem("token", byId("token").value.trim());
      refresh();
    };
  }
}

// Puts in what is new, part by part, so that focus and selection stay where they are.
function show(main) {
  const old = byId("main");
  if (old.dataset.state !== main.dataset.state || byId("refused") || main.querySelector("#refused")) {
    const had = old.contains(document.activeElement);
    old.replaceWith(main);
    dress();
    if (had) (byId("token") ?? main).focus();
    return;
  }
  for (const part of main.querySelectorAll("[data-live]")) {
    const before = byId(part.id);
    if (before && before.innerHTML !== part.innerHTML) before.innerHTML = part.innerHTML;
  }
}

async function refresh() {
  const token = sessionStorage.getItem("token");
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const lost = byId("lost");
  try {
    const answer = await fetch("?part=city", { headers, cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = page.getElementById("main");
    // The node is ready, and its console stands where it said how far it is.
    if (!main && answer.ok) return location.reload();
    if (!main) throw new Error("not a page of the node");
    if (token && main.dataset.state === "closed") sessionStorage.removeItem("token");
    show(main);
    time = main.querySelector("#as-of")?.dataset.time ?? time;
    lost.hidden = true;
  } catch {
    const text = lost.dataset.text.replace("{time}", time ? `${time} UTC` : "…");
    if (lost.hidden || lost.textContent !== text) lost.textContent = text;
    lost.hidden = false;
  }
}

async function live() {
  const state = byId("main").dataset.state;
  const waits = state === "closed" && !sessionStorage.getItem("token");
  if (!document.hidden && !waits) await refresh();
  setTimeout(live, PERIOD_MS);
}

dress();
if (sessionStorage.getItem("token") && byId("main").dataset.state === "closed") refresh();
setTimeout(live, PERIOD_MS);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
