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
