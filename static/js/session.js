// A page shows nothing of the account any more once its session has ended, in whichever window that happened.
// Also used in the administration. Where somebody is signed in, the script's data-url is an address that redirects once
// they are not.
"use strict";

// What a person typed, chose or ticked below the element, and did not send.
const hasUnsavedInput = (element) =>
  [...element.querySelectorAll("input, textarea, select")].some((field) => {
    if (field.options) {
      const initial = [...field.options].find((option) => option.defaultSelected) ?? field.options[0];
      return field.value !== initial?.value;
    }
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    return field.value !== field.defaultValue;
  });

// The server does not count this request as activity. A redirect is not followed: the page that it leads to may say once
// why the session ended.
const askInBackground = (url, headers = {}) =>
  fetch(url, { redirect: "manual", headers: { "X-Live": "1", ...headers } });

const session = {
  url: document.currentScript.dataset.url,
  hasEnded: false,
  leave() {
    session.hasEnded = true;
    if (![...document.querySelectorAll("form[method=post]")].some(hasUnsavedInput)) {
      window.location.replace(window.location.pathname + window.location.search);
      return;
    }
    const alert = document.createElement("div");
    alert.className = "alert bad errornote";
    alert.setAttribute("role", "alert");
    const paragraph = document.createElement("p");
    paragraph.textContent =
      "You are signed out. What you typed was not sent. It is here until you leave this page: copy it, then sign in again.";
    alert.append(paragraph);
    (document.getElementById("messages") ?? document.getElementById("content")).prepend(alert);
  },
  async check() {
    if (document.hidden || session.hasEnded) return;
    try {
      const response = await askInBackground(session.url);
      if (response.type === "opaqueredirect" && !session.hasEnded) session.leave();
    } catch { /* Offline, or the server restarts: the next check will tell. */ }
  },
};
if (session.url) {
  setInterval(session.check, 60_000);
  document.addEventListener("visibilitychange", session.check);
  window.addEventListener("focus", session.check);
}
