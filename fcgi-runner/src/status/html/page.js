(() => {
  "use strict";
  const live = document.getElementById("live");
  let last = Date.now();
  const show = (state, text) => { live.className = state; live.textContent = text; };
  const refresh = async () => {
    const stop = new AbortController();
    const limit = setTimeout(() => stop.abort(), 5000);
    try {
      const answer = await fetch(location.href, {
        headers: { Accept: "text/html" }, cache: "no-store", signal: stop.signal,
      });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        const fresh = page.getElementById(part.id);
        if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
      }
      document.title = page.title;
      last = Date.now();
      show("on", "live");
    } catch {
      show("off", `no answer for ${Math.round((Date.now() - last) / 1000)} s`);
    }
    clearTimeout(limit);
  };
  const next = async () => {
    if (!document.hidden) await refresh();
    setTimeout(next, 1500);
  };
  show("on", "live");
  setTimeout(next, 1000);
})();
