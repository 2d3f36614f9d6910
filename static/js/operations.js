// The operators' page reads itself again, and replaces what is above the list of failed tasks.
"use strict";

const SECONDS = 15;

const refresh = async () => {
  const current = document.getElementById("operations");
  if (!current || document.hidden || current.contains(document.activeElement)) return;
  try {
    const response = await askInBackground(window.location.href);
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.getElementById("operations");
    if (fresh && fresh.innerHTML !== current.innerHTML) current.replaceWith(fresh);
  } catch { /* Offline, or the server restarts: the next time will tell. */ }
};
setInterval(refresh, SECONDS * 1000);
