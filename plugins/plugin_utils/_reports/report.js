/* Copyright: Contributors to the aws_baseline.cloudtrail project
   GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
   SPDX-License-Identifier: GPL-3.0-or-later */

"use strict";
// Everything is on the page already. This only hides, orders and opens what is there.
(() => {
  const matrix = document.getElementById("matrix");
  const list = document.getElementById("entries");
  const tools = document.querySelector(".tools");
  const search = document.getElementById("search");
  const rule = document.getElementById("rule");
  const count = document.getElementById("count");
  const expand = document.getElementById("expand");
  const verdicts = [...tools.querySelectorAll("[data-verdict]")];
  const VERDICT = 3;
  const FIXED_COLUMNS = VERDICT + 1;
  // As the sort of a column has them: worst first.
  const KINDS = ["fail", "unknown", "excepted", "advice", "pass", "not_applicable", "none", ""];
  const IN_ORDER = new Set(KINDS.slice(KINDS.indexOf("pass")));

  const entries = [...matrix.tBodies[0].rows].map((row, place) => ({
    row, place, details: document.getElementById(`e${row.dataset.entry}`), words: null,
  }));

  /** What the search looks through: the line, and of the details all but what is in order. */
  function words(entry) {
    if (entry.words === null) {
      const parts = entry.details.querySelectorAll("summary, .facts, .others, .problems, .body > p");
      entry.words = [entry.row, ...parts].map((part) => part.textContent).join(" ").toLowerCase();
    }
    return entry.words;
  }
  function kind(entry, column) {
    const cell = entry.row.cells[column];
    return cell ? cell.className : "none";
  }
  function show() {
    const asked = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const pressed = new Set(verdicts.filter((one) => one.ariaPressed === "true").map((one) => one.dataset.verdict));
    const column = rule.value === "" ? null : Number(rule.value) + FIXED_COLUMNS;
    let shown = 0;
    for (const entry of entries) {
      const fits = (pressed.size === 0 || pressed.has(entry.row.dataset.verdict))
        && (column === null || !IN_ORDER.has(kind(entry, column)))
        && asked.every((word) => words(entry).includes(word));
      entry.row.hidden = entry.details.hidden = !fits;
      shown += fits;
    }
    count.value = `${shown} of ${entries.length} shown`;
  }

  function key(entry, column) {
    if (column >= FIXED_COLUMNS) return KINDS.indexOf(kind(entry, column));
    // The order of the page is that of the verdicts.
    return column === VERDICT ? entry.place : entry.row.cells[column].textContent.toLowerCase();
  }
  function sort(head) {
    const ascending = head.ariaSort !== "ascending";
    const column = Number(head.dataset.column);
    const sign = ascending ? 1 : -1;
    const keyed = entries.map((entry) => ({ entry, key: key(entry, column) }));
    keyed.sort((a, b) => (a.key < b.key ? -sign : a.key > b.key ? sign : a.entry.place - b.entry.place));
    matrix.tBodies[0].append(...keyed.map(({ entry }) => entry.row));
    list.append(...keyed.map(({ entry }) => entry.details));
    for (const other of matrix.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.ariaSort = ascending ? "ascending" : "descending";
  }

  function openTarget(hash) {
    const target = hash.startsWith("#e") ? document.getElementById(hash.slice(1)) : null;
    if (target instanceof HTMLDetailsElement) target.open = true;
  }
  function toggleAll() {
    const open = expand.textContent === "Expand all";
    for (const { details } of entries) if (!details.hidden) details.open = open;
    expand.textContent = open ? "Collapse all" : "Expand all";
  }

  /** Copies the statement or command below a button, or selects it where the browser allows no more. */
  function copy(button) {
    const text = button.parentElement.nextElementSibling;
    const select = () => getSelection().selectAllChildren(text);
    if (!navigator.clipboard) return select();
    return navigator.clipboard.writeText(text.textContent).then(() => { button.textContent = "Copied"; }, select);
  }

  for (const head of matrix.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button, a");
    if (!button) return;
    if (button.classList.contains("copy")) copy(button);
    else if (button.dataset.verdict) {
      button.ariaPressed = String(button.ariaPressed !== "true");
      show();
    } else if (button === expand) toggleAll();
    else if (button.closest("thead")) sort(button.closest("th"));
    else if (button.hash) openTarget(button.hash);
  });
  tools.addEventListener("input", show);
  tools.addEventListener("reset", () => {
    for (const one of verdicts) one.ariaPressed = "false";
    setTimeout(show);
  });
  tools.addEventListener("submit", (event) => event.preventDefault());
  openTarget(location.hash);
  show();
  tools.hidden = expand.hidden = false;
  for (const button of document.querySelectorAll(".copy")) button.hidden = false;
})();
