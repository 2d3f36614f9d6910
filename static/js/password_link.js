// Moves the token of a link that sets a password from the address into the form. The part of an address after # is not
// sent to the server, so the token is in no log. Without scripts, people copy it into the field.
"use strict";

const code = document.querySelector("[name=code]");
const token = decodeURIComponent(window.location.hash.slice(1));
if (code && token) {
  code.value = token;
  window.history.replaceState(null, "", window.location.pathname);
}
if (code?.value && !code.hasAttribute("aria-invalid")) code.closest(".field").hidden = true;
