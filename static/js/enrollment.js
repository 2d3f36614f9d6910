// A draft is saved as fields change. If the response is not that of the form (signed out, no connection), the page says
// so and stays as it is.
"use strict";
const NOT_SAVED = "Not saved: the connection or your sign-in was lost. What was saved before is kept; copy your last " +
  "change before you sign in again.";
const showNotSaved = (event) => {
  const saved = document.getElementById("saved");
  if (event.detail.elt !== saved || event.detail.xhr?.getResponseHeader("X-Saved")) return;
  event.preventDefault();
  saved.textContent = NOT_SAVED;
};
document.addEventListener("htmx:beforeOnLoad", showNotSaved);
document.addEventListener("htmx:sendError", showNotSaved);
document.addEventListener("htmx:timeout", showNotSaved);

// A form waits for the draft that is being saved: two requests at once may arrive in either order, and the older draft
// would then replace what was sent.
document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  const saved = document.getElementById("saved");
  if (form.id !== "enrollment-form" || !saved?.classList.contains("htmx-request")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  saved.textContent = "Saving what you typed first…";
  // Another draft may be on its way by then. The form waits for that one as well.
  saved.addEventListener("htmx:afterRequest", () => setTimeout(() => form.requestSubmit(submitter)), { once: true });
}, { capture: true });

// An answer that changes nothing about the warning leaves it as it is: its list stays open, and nothing is announced.
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  const text = (node) => node.textContent.replace(/\s+/g, " ").trim();
  if (target.id.startsWith("practices-") && text(fragment) === text(target)) event.detail.shouldSwap = false;
});

// A warning that appears or grows must not cover the answer in focus. The page's scroll padding is its height.
document.addEventListener("htmx:oobAfterSwap", (event) => {
  if (event.detail.target.id !== "practices-warning" || !document.activeElement.closest("#enrollment-form")) return;
  document.activeElement.scrollIntoView({ block: "nearest", behavior: "instant" });
});
