const { app, tags: address } = document.getElementById("tab").dataset;
await import(new URL("layerscope-embed.js", app).href);

const frame = document.createElement("layer-scope");
frame.setAttribute("src", app);
frame.setAttribute("reference", "sample.localhost/demo/hello");
document.getElementById("frame").append(frame);

const list = document.getElementById("tags");
let here = null;

async function show() {
  const { repository, digest, path } = here;
  document.getElementById("where").textContent = `${repository} ${digest.slice(0, 19)} ${path}`;
  const answer = await fetch(`${address}?${new URLSearchParams({ repository, digest, path })}`);
  const items = (await answer.json()).map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  });
  list.replaceChildren(...items);
}

frame.addEventListener("selected", ({ detail }) => {
  here = detail;
  show();
});
document.getElementById("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!here) return;
  const { repository, digest, path } = here;
  const text = event.target.elements.text.value;
  await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ repository, digest, path, text }),
  });
  event.target.reset();
  await show();
});
