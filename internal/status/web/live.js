// Keeps the numbers fresh: asks for the page again and takes over what has changed of the
// parts that are marked. Without this script the page works too; it is just not renewed.
"use strict";
(() => {
  const every = 2000, slowest = 30000;
  let wait = every;

  async function renew() {
    if (document.hidden) return;
    try {
      const answer = await fetch("/", { headers: { Accept: "text/html" }, cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.title = fresh.title;
      for (const now of document.querySelectorAll("[data-live]")) {
        const then = fresh.getElementById(now.id);
        if (!then) continue;
        if (now.className !== then.className) now.className = then.className;
        if (now.innerHTML !== then.innerHTML && !now.contains(document.activeElement)) now.innerHTML = then.innerHTML;
      }
      document.body.classList.remove("stale");
      wait = every;
    } catch {
      document.body.classList.add("stale");
      document.getElementById("fresh").textContent = "The gateway does not answer. These numbers are old.";
      wait = Math.min(2 * wait, slowest);
    }
  }

  async function go() {
    await renew();
    setTimeout(go, wait);
  }
  setTimeout(go, every);
  document.addEventListener("visibilitychange", renew);
  // An action is told once: after a reload it is not news any more.
  if (location.search) history.replaceState(null, "", "/");
})();
