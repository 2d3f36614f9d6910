// A draft saves itself as fields change. When the answer is not that of the form (signed out, no connection), the
// page says so, and nothing of it is replaced or left.
"use strict";
const notSaved = (event) => {
  const saved = document.getElementById("saved");
  if (event.detail.elt !== saved || event.detail.xhr?.getResponseHeader("X-Saved")) return;
  event.preventDefault();
  saved.textContent = saved.dataset.failed;
};
document.addEventListener("htmx:beforeOnLoad", notSaved);
document.addEventListener("htmx:sendError", notSaved);
document.addEventListener("htmx:timeout", notSaved);

// A form is sent after the draft that is on its way: two requests at once may arrive in either order, and the older
// draft would then stand in place of what was sent.
document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  const saved = document.getElementById("saved");
  if (form.id !== "enrollment-form" || !saved?.classList.contains("htmx-request")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  saved.textContent = saved.dataset.waiting;
  // By then a draft that waited for this one is under way itself, and is waited for in turn.
  saved.addEventListener("htmx:afterRequest", () => setTimeout(() => form.requestSubmit(submitter)), { once: true });
}, { capture: true });
