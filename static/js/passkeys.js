// Says what to do when the browser made or found no passkey: the person cancelled, or the device has none. The
// library's scripts tell of that by an event.
"use strict";

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
