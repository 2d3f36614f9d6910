// The selection in a table of numbers. It survives paging, sorting and reloading: the session storage of the tab keeps
// it, as ids or as "all that match" a filter, except some. Without JavaScript the form sends the ticked rows of the page,
// or all that match.
"use strict";

(() => {
  const form = document.getElementById("selection");
  if (!form?.querySelector("[data-bulk]")) return;
  const key = `selection:${location.pathname}`;
  const nothing = () => ({ ids: [], all: false, except: [], filter: "", total: 0 });
  let chosen = nothing();
  try { chosen = { ...nothing(), ...JSON.parse(sessionStorage.getItem(key)) }; } catch { /* nothing kept */ }

  const results = () => document.getElementById("results");
  const boxes = () => [...form.querySelectorAll("input[name=number]")];
  const count = () => (chosen.all ? Math.max(chosen.total - chosen.except.length, 0) : chosen.ids.length);
  const isChosen = (id) => (chosen.all ? !chosen.except.includes(id) : chosen.ids.includes(id));

  function choose(id, on) {
    const list = chosen.all ? chosen.except : chosen.ids;
    const listed = chosen.all ? !on : on;
    const at = list.indexOf(id);
    if (listed && at < 0) list.push(id);
    if (!listed && at >= 0) list.splice(at, 1);
  }

  const format = (number) => number.toLocaleString("en-US");
  // Searching, filtering and paging keep the selection, so part of it may be out of sight.
  function describe(total, hidden) {
    if (total === 0) return "Nothing selected";
    return hidden > 0 ? `${format(total)} selected, ${format(hidden)} not shown` : `${format(total)} selected`;
  }

  function show() {
    // "All that match" holds for the filter it was chosen with only.
    if (chosen.all && chosen.filter !== results().dataset.filter) chosen = nothing();
    try { sessionStorage.setItem(key, JSON.stringify(chosen)); } catch { /* private windows may refuse */ }
    const on = boxes().filter((box) => (box.checked = isChosen(box.value))).length;
    const page = document.getElementById("select-page");
    if (page) {
      page.checked = on > 0 && on === boxes().length;
      page.indeterminate = on > 0 && on < boxes().length;
    }
    const all = document.getElementById("select-all");
    if (all) all.checked = chosen.all;
    const total = count();
    const words = describe(total, total - on);
    const status = document.getElementById("selected");
    if (status.textContent !== words) status.textContent = words;
    document.getElementById("clear-selection").hidden = total === 0;
    for (const button of form.querySelectorAll("[data-bulk]")) button.disabled = total === 0;
    form.elements.numbers.value = chosen.all ? "" : chosen.ids.join(",");
    form.elements.except.value = chosen.all ? chosen.except.join(",") : "";
    if (form.elements.expected) form.elements.expected.value = String(total);
  }

  form.addEventListener("change", (event) => {
    const box = event.target;
    if (box.name === "number") choose(box.value, box.checked);
    else if (box.id === "select-page") for (const other of boxes()) choose(other.value, box.checked);
    else if (box.id === "select-all") {
      chosen = nothing();
      const { filter, total } = results().dataset;
      if (box.checked) Object.assign(chosen, { all: true, filter, total: Number(total) });
    } else return;
    show();
  });
  document.getElementById("clear-selection").addEventListener("click", () => {
    chosen = nothing();
    show();
    // The button is hidden now. The next thing to do is to select again; the search is there even without rows.
    const targets = ["select-page", "select-all", "filter-q"].map((id) => document.getElementById(id));
    targets.find((target) => target?.checkVisibility({ visibilityProperty: true }))?.focus();
  });
  // Shift and click selects a range of rows.
  let last = null;
  form.addEventListener("click", (event) => {
    if (event.target.name !== "number") return;
    if (event.shiftKey && last?.isConnected) {
      const rows = boxes();
      const [from, to] = [rows.indexOf(last), rows.indexOf(event.target)].sort((a, b) => a - b);
      for (const box of rows.slice(from, to + 1)) choose(box.value, event.target.checked);
      show();
    }
    last = event.target;
  });
  // Rows that an action changed may no longer match the filter: the table and its counts are read again.
  document.addEventListener("selectionUsed", () => {
    chosen = nothing();
    show();
    htmx.ajax("GET", location.href, {
      source: "#results", target: "#results", select: "#results", selectOOB: "#tallies", swap: "outerHTML",
    });
  });
  document.addEventListener("htmx:afterSettle", show);
  document.addEventListener("liveUpdated", show);  // the table may have new rows
  window.addEventListener("pageshow", show);
  show();
})();
