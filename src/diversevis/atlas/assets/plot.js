/* The scatter of all units. */
"use strict";
(() => {
  const { $, all, two, root } = window.ATLAS;
  const { quantities, places, units } = window.UNITS;
  const form = $("#choose");
  const svg = $("#plot svg");
  const tip = $("#tip");
  const networks = [...new Set(places.map(([name]) => name))];
  const titles = Object.fromEntries(places.map(([name, title]) => [name, title]));
  const NS = "http://www.w3.org/2000/svg";
  const [LEFT, RIGHT, TOP, BOTTOM] = [60, 885, 15, 505];
  const make = (name, attributes, ...inside) => {
    const node = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...inside);
    return node;
  };
  const ticks = (low, high) => {
    const raw = (high - low) / 6;
    const size = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((times) => times * size).find((value) => value >= raw * 0.999);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const found = [];
    for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9; n += 1) found.push([n * step, (n * step).toFixed(digits).replace("-", "\u2212")]);
    return found;
  };
  /* Networks differ in shape as well as in colour. */
  const shape = (network, x, y) => {
    const second = networks.indexOf(network) % 2;
    return second
      ? make("rect", { class: "second", x: x - 4.5, y: y - 4.5, width: 9, height: 9, transform: `rotate(45 ${x} ${y})` })
      : make("circle", { cx: x, cy: y, r: 5 });
  };
  let points = [];
  let current = -1;
  const name = (unit) => `${places[unit[0]][1]} ${places[unit[0]][2]}, ${unit[1]}`;
  const tell = (at, still) => {
    points.forEach((point, place) => point.link.classList.toggle("on", place === at));
    current = at;
    const { unit, x, y, values } = points[at];
    const text = document.createElement("span");
    text.textContent = `${name(unit)}: ${two(values[0])}, ${two(values[1])}`;
    tip.replaceChildren();
    if (unit[3]) {
      const picture = document.createElement("img");
      picture.alt = "";
      picture.src = `${places[unit[0]][3]}${encodeURIComponent(unit[2])}.png`;
      tip.append(picture);
    }
    tip.append(text);
    tip.hidden = false;
    const box = svg.getBoundingClientRect();
    const scale = box.width / 900;
    tip.style.left = `${Math.min(x * scale + 12, box.width - 170)}px`;
    tip.style.top = `${y * scale + 12}px`;
    if (!still) $("#said").textContent = text.textContent;
  };
  const axis = (values, from, to) => {
    let low = Math.min(...values, 0);
    let high = Math.max(...values, low + 1e-6);
    const room = 0.04 * (high - low);
    [low, high] = [low - room, high + room];
    return { low, high, at: (value) => from + ((value - low) / (high - low)) * (to - from) };
  };
  const draw = () => {
    const [xs, ys] = ["x", "y"].map((field) => quantities.findIndex(([id]) => id === form.elements[field].value));
    const only = form.elements.layer.value;
    const kept = units.filter((unit) => (only === "" || unit[0] === Number(only)) && unit[4][xs] !== null && unit[4][ys] !== null);
    const x = axis(kept.map((unit) => unit[4][xs]), LEFT, RIGHT);
    const y = axis(kept.map((unit) => unit[4][ys]), BOTTOM, TOP);
    const lines = make("g", { class: "axes", "aria-hidden": "true" });
    for (const [value, label] of ticks(x.low, x.high)) {
      lines.append(make("line", { class: "grid", x1: x.at(value), x2: x.at(value), y1: TOP, y2: BOTTOM }), make("text", { x: x.at(value), y: BOTTOM + 18, "text-anchor": "middle" }, label));
    }
    for (const [value, label] of ticks(y.low, y.high)) {
      lines.append(make("line", { class: "grid", x1: LEFT, x2: RIGHT, y1: y.at(value), y2: y.at(value) }), make("text", { x: LEFT - 8, y: y.at(value) + 4, "text-anchor": "end" }, label));
    }
    lines.append(make("text", { x: RIGHT, y: BOTTOM + 40, "text-anchor": "end" }, quantities[xs][1]), make("text", { x: LEFT + 6, y: TOP + 4 }, quantities[ys][1]));
    points = kept.map((unit) => {
      const values = [unit[4][xs], unit[4][ys]];
      const [px, py] = [x.at(values[0]), y.at(values[1])];
      const link = make("a", { href: `${root}${places[unit[0]][3]}${encodeURIComponent(unit[2])}.html`, tabindex: "-1", "aria-label": `${name(unit)}: ${two(values[0])}, ${two(values[1])}` }, shape(places[unit[0]][0], px, py));
      return { unit, link, x: px, y: py, values };
    }).sort((a, b) => a.x - b.x || a.y - b.y);
    points.forEach((point, at) => point.link.addEventListener("pointerenter", () => tell(at, true)));
    svg.replaceChildren(lines, ...points.map((point) => point.link));
    tip.hidden = true;
    current = -1;
    $("#said").textContent = `${kept.length} of ${units.length} units have both numbers.`;
  };
  const read = () => {
    const state = new URLSearchParams(window.location.hash.slice(1));
    for (const field of all("select", form)) {
      const value = state.get(field.name);
      if (value !== null && [...field.options].some((option) => option.value === value)) field.value = value;
    }
  };
  svg.addEventListener("keydown", (event) => {
    const ways = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    if (ways[event.key] && points.length) {
      tell(Math.min(Math.max(current + ways[event.key] * (event.shiftKey ? 5 : 1), 0), points.length - 1));
      event.preventDefault();
    } else if (event.key === "Enter" && current >= 0) {
      window.location.href = points[current].link.getAttribute("href");
    }
  });
  svg.addEventListener("pointerleave", () => { tip.hidden = true; });
  form.addEventListener("input", () => {
    const state = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    window.history.pushState(null, "", `#${state}`);
    draw();
  });
  for (const change of ["popstate", "hashchange"]) window.addEventListener(change, () => { read(); draw(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  $("#key").replaceChildren(...networks.map((network) => {
    const item = document.createElement("span");
    const sample = make("svg", { viewBox: "0 0 14 14", class: "plot", "aria-hidden": "true" }, shape(network, 7, 7));
    item.append(sample, ` ${titles[network]}`);
    return item;
  }));
  read();
  draw();
})();
