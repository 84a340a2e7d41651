"""The style sheet and the script of all pages."""

STYLE = """
:root { color-scheme: light dark; --ground: #fbfbfa; --card: #ffffff; --ink: #1c2024; --soft: #5d6670; --line: #dfe3e6; --accent: #1f6fb4; --good: #1a7f4b;
  --bad: #b8324f; --shade: #f1f3f5; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171a; --card: #1c2126; --ink: #e6e9ec; --soft: #9aa5af; --line: #313940; --accent: #6fb2ea;
  --good: #5ecb94; --bad: #f08aa2; --shade: #232a30; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 24px 16px 64px; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 4px; line-height: 1.2; } h2 { font-size: 1.2rem; margin: 40px 0 12px; } h3 { font-size: 1rem; margin: 0 0 8px; }
p { margin: 4px 0 12px; } .soft, figcaption, dt { color: var(--soft); } .soft { font-size: .92rem; } a { color: var(--accent); }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 12px 0; font-size: .92rem; }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 16px; margin: 0 0 16px; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; background: var(--card); }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 12px; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--line); }
tr:last-child td { border-bottom: 0; } tbody tr:hover { background: var(--shade); }
th { background: var(--shade); font-weight: 600; position: sticky; top: 0; } th.number, td.number { text-align: right; }
table.sortable th { cursor: pointer; user-select: none; }
table.sortable th::after { content: "\\2195"; opacity: .35; padding-left: .4em; font-size: .8em; }
table.sortable th[aria-sort="ascending"]::after { content: "\\2191"; opacity: 1; }
table.sortable th[aria-sort="descending"]::after { content: "\\2193"; opacity: 1; }
td.good { color: var(--good); } td.bad { color: var(--bad); }
.tall { max-height: 460px; overflow: auto; }
.tag { display: inline-block; padding: 0 8px; border-radius: 10px; font-size: .8rem; font-weight: 600; color: var(--card); background: var(--soft); }
.tag.best { background: var(--good); } .tag.worst { background: var(--bad); }
.example { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 16px; align-items: start; }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 16px; }
.slider { position: relative; overflow: hidden; border-radius: 6px; line-height: 0; touch-action: pan-y; --at: 50%; }
.slider img { width: 100%; display: block; }
.slider .over { position: absolute; inset: 0; clip-path: inset(0 calc(100% - var(--at)) 0 0); }
.slider .bar { position: absolute; top: 0; bottom: 0; left: var(--at); width: 2px; background: #fff; box-shadow: 0 0 3px #000; pointer-events: none; }
.slider input { position: absolute; inset: 0; width: 100%; height: 100%; opacity: 0; cursor: ew-resize; margin: 0; }
.slider:focus-within { outline: 3px solid var(--accent); }
.slider span { position: absolute; top: 8px; padding: 2px 8px; border-radius: 4px; background: #000a; color: #fff; font: 13px/1.4 system-ui;
  pointer-events: none; }
.slider span.left { left: 8px; } .slider span.right { right: 8px; }
.crops { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 8px; }
.crops figure { margin: 0; } .crops img { width: 100%; display: block; border-radius: 4px; image-rendering: pixelated; }
.strip { display: grid; grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); gap: 4px; margin: 8px 0; } .strip img { width: 100%; }
figcaption { font-size: .82rem; line-height: 1.35; padding-top: 4px; }
pre { overflow-x: auto; font: 13px/1.45 ui-monospace, monospace; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px; }
.picture { background: #fff; border-radius: 8px; padding: 8px; overflow: auto; max-height: 720px; } .picture svg { max-width: none; height: auto; }
summary { cursor: pointer; padding: 4px 0; } svg text { fill: var(--soft); font: 12px system-ui; }
@media (max-width: 760px) { .example { grid-template-columns: minmax(0, 1fr); } dl.facts { grid-template-columns: 1fr; } dl.facts dd { margin-bottom: 6px; } }
@media print { body { max-width: none; } .tall { max-height: none; } }
"""

SCRIPT = """
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    const sort = () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      const key = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        const order = head.classList.contains("number") ? Number(x) - Number(y) : x.localeCompare(y, undefined, {numeric: true});
        return down ? -order : order;
      });
      table.tBodies[0].append(...rows);
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", event => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); } });
  });
}
for (const slider of document.querySelectorAll(".slider")) {
  const input = slider.querySelector("input");
  const move = () => slider.style.setProperty("--at", input.value + "%");
  input.addEventListener("input", move);
  move();
}
"""
