// What the buttons of passkeys do, by the library's scripts, and what to do when the browser made or found no passkey.
"use strict";

const { addForm, authenticateForm, loginForm } = window.allauth.webauthn.forms;
const ids = { credential: "id_credential", data: "passkey-data" };
const buttons = {
  "add-passkey": () => addForm({ ids: { ...ids, add: "add-passkey", passwordless: "id_passwordless" } }),
  "use-passkey": () => authenticateForm({ ids: { ...ids, authenticate: "use-passkey" } }),
  "passkey-sign-in": () => loginForm({ ids: { ...ids, login: "passkey-sign-in" } }),
};
for (const [id, begin] of Object.entries(buttons)) {
  if (document.getElementById(id)) begin();
}

// The person cancelled, or the device has none.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const place = document.getElementById("passkey-error");
  if (!place) return;
  const { name } = event.detail.exception;
  place.querySelector("p").textContent = name === "InvalidStateError"
    ? "This device has a passkey for you already."
    : "The browser gave no passkey. Try again, and follow what your device asks, or go on in another way.";
  place.hidden = false;
});
