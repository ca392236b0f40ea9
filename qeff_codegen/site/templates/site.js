"use strict";
const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
const tools = document.querySelector(".tools");

// Search and filters: an item stays that has every word and every chosen value.
if (tools) {
  tools.hidden = false;
  const items = all(".item");
  // In the map every row says yes and no; who searches there means a name.
  const told = (item) => (item.closest(".map") ? item.querySelector("th") : item).textContent.toLowerCase();
  const texts = new Map(items.map((item) => [item, told(item)]));
  const search = document.getElementById("search");
  const at = document.getElementById("at");
  const filters = all("[data-filter]");
  const what = at.textContent.replace(/^\d+ /, "");
  const follow = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const item of items) {
      const fits = filters.every((filter) => !filter.value || item.dataset[filter.dataset.filter] === filter.value);
      item.hidden = !(fits && words.every((word) => texts.get(item).includes(word)));
    }
    for (const group of all("section.idea")) group.hidden = !group.querySelector(".item:not([hidden])");
    const left = items.filter((item) => !item.hidden).length;
    at.textContent = left < items.length ? `${left} of ${items.length} ${what}` : `${items.length} ${what}`;
    document.querySelector(".none").hidden = left > 0;
  };
  search.addEventListener("input", follow);
  filters.forEach((filter) => filter.addEventListener("change", follow));
  // What a browser kept of the form when one comes back.
  addEventListener("pageshow", follow);
}

// A cell of the map leads where its row's name leads.
document.querySelector(".map")?.addEventListener("click", (event) => {
  const cell = event.target.closest("td");
  cell?.parentElement.querySelector("th a")?.click();
});
