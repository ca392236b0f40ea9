"use strict";
const byId = (id) => document.getElementById(id);
const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
const hunks = all("article.hunk");
const bar = document.querySelector(".bar");
const folds = all("#changes ~ * details, #changes ~ details");
let current = -1;

document.querySelector(".tools").hidden = false;

// One tab stop a hunk: its title. Enter there lets the links of that hunk be reached, until it is left.
const linksOf = (hunk) => all(".label a:not(.self)", hunk);
const setLinks = (hunk, index) => linksOf(hunk).forEach((link) => { link.tabIndex = index; });
for (const hunk of hunks) {
  setLinks(hunk, -1);
  all("summary", hunk).forEach((summary) => { summary.tabIndex = -1; });
  hunk.querySelector(".self").addEventListener("click", (event) => {
    // Following the link would take the focus away from it.
    event.preventDefault();
    history.replaceState(null, "", `#${hunk.id}`);
    hunk.scrollIntoView({ behavior: "instant" });
    setLinks(hunk, 0);
    all("details", hunk).forEach((fold) => { fold.open = true; });
  });
  hunk.addEventListener("focusout", (event) => {
    if (!hunk.contains(event.relatedTarget)) setLinks(hunk, -1);
  });
}

const shown = () => hunks.filter((hunk) => !hunk.hidden);
const tell = () => {
  const among = shown();
  const filtered = among.length < hunks.length ? `, ${hunks.length} in all` : "";
  byId("at").textContent = current < 0 ? `${among.length} hunks${filtered}` : `hunk ${current + 1} of ${among.length}${filtered}`;
};
const follow = () => {
  const edge = bar.getBoundingClientRect().bottom + 40;
  current = shown().findLastIndex((hunk) => hunk.getBoundingClientRect().top < edge);
  tell();
};
const go = (step) => {
  const among = shown();
  if (!among.length) return;
  current = Math.min(Math.max(current + step, 0), among.length - 1);
  among[current].querySelector(".self").focus({ preventScroll: true });
  among[current].scrollIntoView({ behavior: "instant" });
  tell();
};
byId("next").addEventListener("click", () => go(1));
byId("previous").addEventListener("click", () => go(-1));
let waiting = false;
addEventListener("scroll", () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; follow(); });
}, { passive: true });
const keepClear = () => document.documentElement.style.setProperty("--bar", `${bar.offsetHeight}px`);
new ResizeObserver(keepClear).observe(bar);

byId("rule").addEventListener("change", (event) => {
  const rule = event.target.value;
  for (const hunk of hunks) hunk.hidden = Boolean(rule) && !hunk.dataset.rules.split(" ").includes(rule);
  document.body.classList.toggle("filtered", Boolean(rule));
  for (const definition of all(".definition")) definition.hidden = Boolean(rule) && !definition.querySelector("article:not([hidden])");
  current = -1;
  tell();
});

byId("folds").addEventListener("click", (event) => {
  const open = event.target.textContent.startsWith("Open");
  folds.forEach((fold) => { fold.open = open; });
  event.target.textContent = open ? "Close all folds" : "Open all folds";
});

// Where lines are not wrapped, both sides of a pair scroll as one, by keyboard too.
const panes = all(".pair > pre");
byId("wrap").addEventListener("change", (event) => {
  document.body.classList.toggle("unwrapped", !event.target.checked);
  panes.forEach((pane) => { if (event.target.checked) pane.removeAttribute("tabindex"); else pane.tabIndex = 0; });
});
document.addEventListener("scroll", (event) => {
  if (!(event.target instanceof Element) || !event.target.matches(".pair > pre")) return;
  for (const pane of all("pre", event.target.parentElement)) pane.scrollLeft = event.target.scrollLeft;
}, { capture: true, passive: true });

byId("help").addEventListener("click", () => byId("keys").showModal());
addEventListener("keydown", (event) => {
  const writes = event.target instanceof Element && event.target.matches("input[type=text], select, textarea");
  if (writes || event.ctrlKey || event.altKey || event.metaKey || !byId("letters").checked || byId("keys").open) return;
  const acts = { n: () => go(1), p: () => go(-1), "?": () => byId("keys").showModal() };
  if (acts[event.key]) { event.preventDefault(); acts[event.key](); }
});
follow();
