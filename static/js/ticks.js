// A form with ticked rows: one box ticks all rows of the page, shift and click ticks a range, and the count is shown.
"use strict";

(() => {
  const form = document.querySelector("[data-ticks]");
  const status = form?.querySelector("[data-ticked]");
  if (!status) return;
  const boxes = () => [...form.querySelectorAll("input[name=request]")];
  const all = form.querySelector("input[name=all]");
  const page = document.getElementById("tick-page");

  const show = () => {
    const on = boxes().filter((box) => box.checked).length;
    page.checked = on > 0 && on === boxes().length;
    page.indeterminate = on > 0 && on < boxes().length;
    const words = all?.checked ? "All of the list selected" : on ? `${on} selected` : "Nothing selected";
    if (status.textContent !== words) status.textContent = words;
  };
  form.addEventListener("change", ({ target }) => {
    if (target === page) for (const box of boxes()) box.checked = page.checked;
    show();
  });
  let last = null;
  form.addEventListener("click", (event) => {
    if (event.target.name !== "request") return;
    if (event.shiftKey && last?.isConnected) {
      const rows = boxes();
      const [from, to] = [rows.indexOf(last), rows.indexOf(event.target)].sort((a, b) => a - b);
      for (const box of rows.slice(from, to + 1)) box.checked = event.target.checked;
    }
    last = event.target;
    show();
  });
  window.addEventListener("pageshow", show);
  show();
})();
