// The app is wherever ?app= says. The module that has the element comes from there too.
const app = new URLSearchParams(location.search).get("app") ?? "http://127.0.0.1:8080/";
const { VERSION } = await import(new URL("layerscope-embed.js", app).href);

const frame = document.createElement("layer-scope");
frame.setAttribute("src", app);
frame.setAttribute("density", "compact");
const log = document.getElementById("log");
for (const type of ["welcome", "navigated", "selected", "file", "error", "height", "denied"]) {
  frame.addEventListener(type, ({ detail }) => {
    const item = document.createElement("li");
    item.dataset.message = type;
    item.textContent = JSON.stringify(detail ?? { version: VERSION, denied: true });
    log.append(item);
  });
}
frame.addEventListener("selected", ({ detail }) => {
  document.getElementById("selected").value = `${detail.kind} ${detail.path || detail.digest}`;
});
document.getElementById("frame").append(frame);

const form = document.getElementById("open");
form.addEventListener("submit", (event) => {
  event.preventDefault();
  frame.open({ reference: form.elements.reference.value }).catch(console.warn);
});
form.elements.file.addEventListener("change", () => {
  const [file] = form.elements.file.files;
  if (file) frame.openContent(file).catch(console.warn);
});
