// What every page shares: elements marked data-live follow the server, dialogs open and give the focus back, and
// forms are sent once. Every page works without this file.
"use strict";

document.documentElement.classList.add("scripted");

const announce = (text) => { document.getElementById("announce").textContent = text; };

// --- errors --------------------------------------------------------------------------------------------------------
// An error is shown at the top of the page. A dialog that would hide it is closed.
const showError = (text) => {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  const alert = document.createElement("div");
  alert.className = "alert bad";
  const paragraph = document.createElement("p");
  paragraph.textContent = text;
  alert.append(paragraph);
  const messages = document.getElementById("messages");
  messages.replaceChildren(alert);
  messages.scrollIntoView({ block: "nearest" });
};
// The server answers a refused or failed request with a whole page. Only its message is shown.
// An element with data-failed shows its own message (enrollment.js).
const showsOwnError = (element) => element.dataset?.failed !== undefined;
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { elt, xhr } = event.detail;
  // 422 is a form with its own errors, which are shown in place.
  if (xhr.status < 400 || xhr.status === 422 || showsOwnError(elt)) return;
  const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
  const message = page.querySelector("main .alert p");
  if (!message && xhr.status < 500) return;
  event.preventDefault();
  showError(message ? message.textContent.trim() : "The portal did not answer. Try again in a moment.");
});
document.addEventListener("htmx:sendError", (event) => {
  if (!showsOwnError(event.detail.elt)) showError("The portal could not be reached. Try again in a moment.");
});

// --- live updates --------------------------------------------------------------------------------------------------
// A visible page asks every few seconds whether anything of the account changed (one cheap query). If so, it reads
// itself again and replaces the elements marked data-live, by id. An element is not replaced while a field in it has the
// focus or holds unsaved input, nor while it contains an open dialog, unless it says data-live="always". It is replaced
// later.
const live = {
  seconds: 3,
  token: document.body.dataset.liveToken,
  hasPending: false,
  async poll() {
    const { liveUrl } = document.body.dataset;
    if (document.hidden || !liveUrl || session.hasEnded) return;
    try {
      const url = `${liveUrl}?since=${encodeURIComponent(live.token)}`;
      const response = await askInBackground(url);
      if (response.type === "opaqueredirect") session.check();
      if (!response.ok || (response.status === 204 && !live.hasPending)) return;
      const token = response.status === 204 ? live.token : (await response.json()).token;
      if (await live.refresh()) live.token = token;
    } catch { /* Offline, or the server restarts: the next poll will tell. */ }
  },
  async refresh() {
    const rows = [...document.querySelectorAll("[data-row]")].map((row) => row.dataset.row).join(",");
    const response = await askInBackground(window.location.href, rows ? { "X-Shown-Rows": rows } : {});
    if (!response.ok) return false;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const { account, accountName } = document.body.dataset;
    // The page must not mix in anything of another account that was chosen in another window.
    if (fresh.body.dataset.account !== account) {
      delete document.body.dataset.liveUrl;
      showError(
        `Another account was chosen in another window. This page is about ${accountName} and is no longer updated: ` +
        "reload it to see the other account.",
      );
      return false;
    }
    live.applyUpdate(fresh);
    return true;
  },
  // A focused button or link is not in use if it has a successor, which then gets the focus.
  isInUse(element, next) {
    const focused = document.activeElement;
    const hasSuccessor = focused.matches("button, a") && next.querySelector("button, a");
    if (element.contains(focused) && focused !== document.body && !hasSuccessor) return true;
    if (hasUnsavedInput(element)) return true;
    return element.querySelector("dialog[open], details[open]") && element.dataset.live !== "always";
  },
  focusSuccessor(element) {
    (element.querySelector("button, a") ?? document.getElementById("main")).focus();
  },
  applyUpdate(fresh) {
    live.hasPending = false;
    for (const current of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(current.id);
      if (!next || next.outerHTML === current.outerHTML) continue;
      if (live.isInUse(current, next)) {
        live.hasPending = true;
        continue;
      }
      const hadFocus = current.contains(document.activeElement);
      current.replaceWith(next);
      htmx.process(next);
      if (hadFocus) live.focusSuccessor(next);
      restoreFocus();
      const announcement = next.dataset.announce;
      if (announcement && announcement !== current.dataset.announce) announce(announcement);
    }
    document.dispatchEvent(new Event("liveUpdated"));
  },
};
setInterval(live.poll, live.seconds * 1000);
document.addEventListener("visibilitychange", () => { if (!document.hidden) live.poll(); });
// A page with an element marked data-poll reads itself again every second, until the server leaves the mark out.
setInterval(() => {
  const isPolling = document.body.dataset.liveUrl && document.querySelector("[data-poll]");
  if (!document.hidden && isPolling) live.refresh().catch(() => {});
}, 1000);

// --- focus ---------------------------------------------------------------------------------------------------------
// htmx gives the focus back to the field with the same id. A field may be missing for a while, as the columns of an
// import are while a worker reads the file: it gets the focus when it is there again, unless the focus moved on.
let missingId = "";
const restoreFocus = () => {
  if (document.activeElement !== document.body) missingId = "";
  const field = missingId && document.getElementById(missingId);
  if (!field) return;
  missingId = "";
  field.focus();
};
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.target.contains(document.activeElement)) missingId = document.activeElement.id;
});
document.addEventListener("htmx:afterSettle", restoreFocus);

// --- dialogs -------------------------------------------------------------------------------------------------------
// A link whose hx-target is #dialogs opens the <dialog> of the response as a modal window.
// Without JavaScript the same link leads to the same content as a page of its own.
let opener = null;
const openDialog = (dialog) => {
  if (dialog.open) return;
  dialog.showModal();
  dialog.addEventListener("close", () => {
    live.poll();
    if (dialog.dataset.fetched !== undefined) dialog.remove();
    if (opener?.isConnected) opener.focus();
    opener = null;
  }, { once: true });
};
document.addEventListener("htmx:afterSettle", () => {
  // The focused element of a dialog may have been replaced: the focus stays in the dialog.
  const open = document.querySelector("dialog[open]");
  if (open && !open.contains(document.activeElement)) open.querySelector("[autofocus], [data-focus]")?.focus();
  for (const dialog of document.querySelectorAll("dialog[data-open]")) openDialog(dialog);
});
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.target?.id === "dialogs" && !document.querySelector("dialog[open]")) opener = document.activeElement;
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-close]");
  const dialog = button?.closest("dialog[open]");
  if (!dialog) return;
  event.preventDefault();
  dialog.close();
});

// --- copying -------------------------------------------------------------------------------------------------------
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) navigator.clipboard.writeText(button.dataset.copy).then(() => announce("Copied"));
  // The text of a field, as it was edited.
  const source = document.getElementById(event.target.closest("[data-copy-from]")?.dataset.copyFrom ?? "");
  if (source) navigator.clipboard.writeText(source.value).then(() => announce("Copied"));
});
// A number is shown in national format and copied as E.164.
document.addEventListener("copy", (event) => {
  const selection = document.getSelection();
  if (!selection || selection.isCollapsed) return;
  const start = selection.anchorNode;
  const node = (start instanceof Element ? start : start?.parentElement)?.closest("[data-e164]");
  if (node && selection.toString().trim() === node.textContent.trim()) {
    event.clipboardData.setData("text/plain", node.dataset.e164);
    event.preventDefault();
  }
});

// --- forms and htmx ------------------------------------------------------------------------------------------------
// A choice that was made while the scripts were loading counts like a later one.
document.addEventListener("DOMContentLoaded", () => {
  for (const form of document.querySelectorAll("form[hx-trigger*='change']")) {
    if (hasUnsavedInput(form)) htmx.trigger(form, "change");
  }
});
document.addEventListener("htmx:afterSettle", ({ target }) => {
  if (target.dataset?.announce) announce(target.dataset.announce);
});
// Empty filters stay out of the address.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb !== "get") return;
  for (const [name, value] of [...event.detail.formData]) if (value === "") event.detail.formData.delete(name);
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
  // An answer to the choice before would replace the form, and this choice with it.
  const form = event.target.closest("[data-replaces-on-change]");
  if (form) htmx.trigger(form, "htmx:abort");
});
// A second click while the form is being sent does nothing.
document.addEventListener("submit", (event) => {
  if (event.target.hasAttribute("hx-post") || event.target.method === "get") return;
  if (event.target.dataset.sent) { event.preventDefault(); return; }
  event.target.dataset.sent = "1";
  setTimeout(() => { delete event.target.dataset.sent; }, 5000);
});
