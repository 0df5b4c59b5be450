// The way back from a provider of sign-ins: keeps its answer for the page in this tab that went
// there, and goes back to where that was. No module, so that it runs before anything else is read.

"use strict";

(() => {
  const sent = [location.search, location.hash].map((part) => new URLSearchParams(part.slice(1)));
  // Before anything else: the code is in no address that could be read, copied or sent on.
  history.replaceState(null, "", location.pathname);

  const params = sent.find((part) => part.has("state")) ?? sent[0];
  const get = (name) => params.get(name) ?? undefined;

  function tell(title, ...lines) {
    const show = () => {
      const main = document.getElementById("main");
      main.setAttribute("role", "alert");
      const add = (tag, text) => {
        const element = document.createElement(tag);
        element.textContent = text;
        main.append(element);
        return element;
      };
      main.replaceChildren();
      add("h1", title);
      for (const line of lines) add("p", line);
      add("a", "To Layerscope's start page").href = "./";
      document.documentElement.dataset.state = "error";
    };
    if (document.readyState === "loading") addEventListener("DOMContentLoaded", show, { once: true });
    else show();
  }

  if (window.top !== window) {
    tell("Sign-ins do not work inside another page", "Open Layerscope in a tab of its own.");
    return;
  }
  const state = get("state");
  let kept = null;
  try {
    kept = state && JSON.parse(sessionStorage.getItem(`layerscope:login:${state}`));
  } catch {
    // Nothing can be read: as if nothing were there.
  }
  if (!kept?.place) {
    tell(
      "This sign-in was not begun here",
      "Nothing was sent to anybody. The answer of the provider belongs to another tab, was used already, " +
        "or was made up by the page that led here.",
      "Open what you wanted to see again, and sign in there.",
    );
    return;
  }
  const answer = {
    code: get("code"),
    iss: get("iss"),
    error: get("error"),
    error_description: get("error_description"),
  };
  try {
    sessionStorage.setItem("layerscope:returned", JSON.stringify({ state, answer }));
  } catch {
    tell("The sign-in could not be finished", "This browser stores nothing for this page.");
    return;
  }
  // Only ever this folder: the route is a fragment, whatever it says.
  const back = new URL("./", location.href);
  back.search = String(kept.place.search ?? "");
  back.hash = String(kept.place.fragment ?? "");
  location.replace(back.href);
})();
