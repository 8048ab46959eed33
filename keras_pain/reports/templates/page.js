"use strict";
const said = document.getElementById("said");
const copies = JSON.parse(document.getElementById("copies").textContent);

function say(text) {
  said.textContent = text;
  setTimeout(() => { said.textContent = ""; }, 3000);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // older browsers, and pages without the permission
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("aria-label", "Text to copy");
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await copy(copies[button.dataset.copy][button.dataset.form]);
    say(`Copied as ${button.dataset.form}`);
  });
}

// A number opens the drawer of its row.
for (const row of document.querySelectorAll("main tbody tr")) {
  const how = row.querySelector(".how");
  if (!how) continue;
  for (const cell of row.querySelectorAll("td:not(.source)")) {
    cell.dataset.opens = how.getAttribute("popovertarget");
    cell.addEventListener("click", (event) => {
      if (!event.target.closest("a")) how.click();
    });
  }
}

function key(row, column) {
  const text = row.cells[column].textContent.trim();
  const number = parseFloat(text.replaceAll(",", "").replace("−", "-").replace("<", ""));
  return Number.isNaN(number) ? text.toLowerCase() : number;
}

function compare(a, b) {
  if (typeof a === typeof b) return a < b ? -1 : Number(a > b);
  return typeof a === "number" ? -1 : 1; // numbers come before words
}

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  heads.slice(0, -1).forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      for (const body of table.tBodies) {
        const rows = [...body.rows].filter((row) => row.cells.length > 1);
        rows.sort((a, b) => (down ? -1 : 1) * compare(key(a, column), key(b, column)));
        body.append(...rows);
      }
    });
  });
}

// Notes are read on paper, too.
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const of of closed) of.open = true;
});
addEventListener("afterprint", () => { for (const of of closed) of.open = false; });
