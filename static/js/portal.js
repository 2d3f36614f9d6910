// What every page shares: elements marked data-live follow the server, dialogs open and give focus back,
// and forms that send themselves. Every page works without this file; it only makes it quicker.
"use strict";

document.documentElement.classList.add("scripted");

const announce = (text) => { document.getElementById("announce").textContent = text; };

// What went wrong is said at the top of the page, and a window that would hide it is closed.
const complain = (text) => {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  const alert = document.createElement("div");
  alert.className = "alert bad";
  const words = document.createElement("p");
  words.textContent = text;
  alert.append(words);
  const messages = document.getElementById("messages");
  messages.replaceChildren(alert);
  messages.scrollIntoView({ block: "nearest" });
};
// A refusal or a failure is a page of its own: what it says is shown, instead of the page within the page.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { elt, xhr } = event.detail;
  if (xhr.status < 400 || elt.dataset?.failed) return;  // data-failed: it says so itself
  const said = new DOMParser().parseFromString(xhr.responseText, "text/html").querySelector("main .alert p");
  if (!said && xhr.status < 500) return;
  event.preventDefault();
  complain(said ? said.textContent.trim() : "The portal did not answer. Try again in a moment.");
});
document.addEventListener("htmx:sendError", (event) => {
  if (!event.detail.elt.dataset?.failed) complain("The portal could not be reached. Try again in a moment.");
});

// --- what changes on the server changes on the page -------------------------------------------------------------
// The page asks every few seconds, only while it is seen, whether anything of the account changed (one cheap query).
// If so it reads itself anew and takes over the elements marked data-live, by their ids; never one that has the focus,
// or in which something was typed, and never one inside an open dialog unless it says data-live="always". What had to be left out is taken over later.
const live = {
  seconds: 3,
  token: document.body.dataset.liveToken,
  missed: false,
  async look() {
    if (document.hidden || !document.body.dataset.liveUrl) return;
    try {
      const answer = await fetch(`${document.body.dataset.liveUrl}?since=${encodeURIComponent(live.token)}`, { headers: { "X-Live": "1" } });
      if (!answer.ok || answer.redirected || (answer.status === 204 && !live.missed)) return;
      const token = answer.status === 204 ? live.token : (await answer.json()).token;
      if (await live.refresh()) live.token = token;
    } catch { /* offline or restarting: the next look will tell */ }
  },
  async refresh() {
    const rows = [...document.querySelectorAll("[data-row]")].map((row) => row.dataset.row).join(",");
    const answer = await fetch(window.location.href, { headers: rows ? { "X-Live": "1", "X-Shown-Rows": rows } : { "X-Live": "1" } });
    if (!answer.ok || answer.redirected) return false;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    // Another account was chosen in another window: this page is about the former one, and mixes in nothing of the other.
    if (fresh.body.dataset.account !== document.body.dataset.account) {
      delete document.body.dataset.liveUrl;
      complain(document.body.dataset.otherAccount);
      return false;
    }
    live.take(fresh);
    return true;
  },
  // Whether somebody typed or chose something in it that is not sent yet.
  isTyped(element) {
    return [...element.querySelectorAll("input, textarea, select")].some((field) =>
      field.options ? field.value !== ([...field.options].find((one) => one.defaultSelected) ?? field.options[0])?.value
        : field.type === "checkbox" || field.type === "radio" ? field.checked !== field.defaultChecked
          : field.value !== field.defaultValue);
  },
  take(fresh) {
    live.missed = false;
    for (const old of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(old.id);
      if (!next || next.outerHTML === old.outerHTML) continue;
      const inUse = old.contains(document.activeElement) && document.activeElement !== document.body;
      if (inUse || live.isTyped(old) || (old.querySelector("dialog[open], details[open]") && old.dataset.live !== "always")) {
        live.missed = true;
        continue;
      }
      old.replaceWith(next);
      htmx.process(next);
      const said = next.dataset.announce;
      if (said && said !== old.dataset.announce) announce(said);
    }
    document.dispatchEvent(new Event("liveTaken"));
  },
};
window.live = live;
setInterval(live.look, live.seconds * 1000);
document.addEventListener("visibilitychange", () => { if (!document.hidden) live.look(); });

// --- dialogs -------------------------------------------------------------------------------------------------------
// A link with data-dialog opens what it leads to as a modal window: its <dialog> is taken from the answer.
// Without script the same link leads to the same content as a page of its own.
let opener = null;
const openDialog = (dialog) => {
  if (!dialog || dialog.open) return;
  dialog.showModal();
  dialog.addEventListener("close", () => {
    live.look();
    if (dialog.dataset.fetched !== undefined) dialog.remove();
    if (opener?.isConnected) opener.focus();
    opener = null;
  }, { once: true });
};
window.openDialog = openDialog;
document.addEventListener("htmx:afterSettle", () => {
  // What had the focus in a dialog may have been replaced: the keyboard stays in the dialog.
  const open = document.querySelector("dialog[open]");
  if (open && !open.contains(document.activeElement)) open.querySelector("[autofocus], [data-focus]")?.focus();
  for (const dialog of document.querySelectorAll("dialog[data-open]")) openDialog(dialog);
});
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.target?.id === "dialogs" && !document.querySelector("dialog[open]")) opener = document.activeElement;
});
document.addEventListener("click", (event) => {
  const closes = event.target.closest("[data-close]");
  if (closes?.closest("dialog[open]")) { event.preventDefault(); closes.closest("dialog").close(); }
  const opens = event.target.closest("[data-open-dialog]");
  if (opens) { event.preventDefault(); opener = opens; openDialog(document.getElementById(opens.dataset.openDialog)); }
  const copies = event.target.closest("[data-copy]");
  if (copies) { navigator.clipboard.writeText(copies.dataset.copy).then(() => announce("Copied")); }
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

// What htmx put into the page says itself, like what a live page takes over.
document.addEventListener("htmx:afterSettle", ({ target }) => { if (target.dataset?.announce) announce(target.dataset.announce); });

// An address says only what was chosen: empty filters stay out of it.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb !== "get") return;
  for (const [name, value] of [...event.detail.formData]) if (value === "") event.detail.formData.delete(name);
});

// --- forms that send themselves --------------------------------------------------------------------------------------
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
});
// A second click while the first is under way does nothing.
document.addEventListener("submit", (event) => {
  if (event.target.hasAttribute("hx-post") || event.target.method === "get") return;
  if (event.target.dataset.sent) { event.preventDefault(); return; }
  event.target.dataset.sent = "1";
  setTimeout(() => { delete event.target.dataset.sent; }, 5000);
});
// Elements with data-poll read themselves anew every so many seconds, until the server leaves the attribute out.
setInterval(() => {
  if (!document.hidden && document.body.dataset.liveUrl && document.querySelector("[data-poll]")) live.refresh().catch(() => {});
}, 1000);
