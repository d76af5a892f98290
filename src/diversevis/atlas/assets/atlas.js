/* All pages. Plain scripts: modules and fetch do not work from file://. */
"use strict";
(() => {
  const root = document.documentElement.dataset.root;
  const names = window.NAMES || [];
  const $ = (query, within = document) => within.querySelector(query);
  const all = (query, within = document) => [...within.querySelectorAll(query)];
  const two = (value) => value === null || value === undefined || Number.isNaN(value)
    ? "\u2013" : value.toFixed(2).replace("-0.00", "0.00").replace("-", "\u2212");
  const json = (within) => JSON.parse($("script[type='application/json']", within).textContent);

  /* --- every unit and layer by name: [network, title, [[layer, address, [[channel, file], ...]], ...]] */
  const pages = [];
  for (const [network, title, layers] of names) {
    for (const [layer, address, units] of layers) {
      pages.push({ text: `${network}/${layer}`, href: `${address}index.html`, title });
      for (const [channel, file] of units) {
        pages.push({ text: `${network}/${layer}/${channel}`, href: `${address}${file}.html`, title, unit: true });
      }
    }
  }
  const go = (href) => { window.location.href = root + href; };
  const random = () => {
    const units = pages.filter((page) => page.unit);
    if (units.length) go(units[Math.floor(Math.random() * units.length)].href);
  };

  const find = (text) => {
    const words = text.toLowerCase().split(/[\s/]+/).filter(Boolean);
    if (!words.length) return [];
    const score = (page) => {
      const parts = page.text.toLowerCase().split("/");
      let sum = 0;
      for (const word of words) {
        const at = parts.findIndex((part) => part.includes(word));
        if (at < 0) return -1;
        sum += parts.includes(word) ? 2 : 1;
      }
      return sum + (page.text.toLowerCase().endsWith(words.join("/")) ? 2 : 0);
    };
    return pages.map((page) => [score(page), page]).filter(([value]) => value > 0)
      .sort((a, b) => b[0] - a[0]).slice(0, 10).map(([, page]) => page);
  };
  const field = $("#search");
  const list = $("#found");
  let found = [];
  let chosen = 0;
  const show = () => {
    list.replaceChildren(...found.map((page, at) => {
      const item = document.createElement("li");
      item.id = `found-${at}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", String(at === chosen));
      item.textContent = page.text;
      item.addEventListener("pointerdown", () => go(page.href));
      return item;
    }));
    list.hidden = !found.length;
    field.setAttribute("aria-expanded", String(found.length > 0));
    if (found.length) field.setAttribute("aria-activedescendant", `found-${chosen}`);
    else field.removeAttribute("aria-activedescendant");
  };
  field.addEventListener("input", () => { found = find(field.value); chosen = 0; show(); });
  field.addEventListener("blur", () => { found = []; show(); });
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!found.length) return;
      chosen = (chosen + (event.key === "ArrowDown" ? 1 : -1) + found.length) % found.length;
      show();
      event.preventDefault();
    } else if (event.key === "Escape") { found = []; show(); field.blur(); }
  });
  $(".search").addEventListener("submit", (event) => {
    event.preventDefault();
    if (found.length) go(found[chosen].href);
  });

  /* --- keys */
  const dialog = $("#keys");
  const help = () => { if (!dialog.open) dialog.showModal(); };
  $("#ask").addEventListener("click", help);
  for (const link of all("[data-random]")) link.addEventListener("click", (event) => { event.preventDefault(); random(); });
  const seek = document.getElementById("to-search");
  if (seek) seek.addEventListener("click", () => field.focus());
  const follow = (id) => { const link = document.getElementById(id); if (link) window.location.href = link.href; };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    if (event.target.closest("input:not([type='range'], [type='radio'], [type='checkbox']), select, textarea")) return;
    const keys = { "/": () => field.focus(), "?": help, j: () => follow("after"), k: () => follow("before"), r: random, u: () => follow("up") };
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });

  /* --- the frame on the canvas of all shifts */
  const STOPS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const colour = (value) => {
    const at = Math.min(Math.max(value, 0), 1) * (STOPS.length - 1);
    const low = Math.min(Math.floor(at), STOPS.length - 2);
    return STOPS[low].map((from, channel) => Math.round(from + (at - low) * (STOPS[low + 1][channel] - from)));
  };
  const paint = (canvas, values, steps) => {
    const context = canvas.getContext("2d");
    const picture = context.createImageData(steps, steps);
    values.forEach((value, at) => {
      if (value !== null) picture.data.set([...colour(value), 255], 4 * at);
    });
    context.putImageData(picture, 0, 0);
  };
  const touch = (part) => {
    const data = json(part);
    const { steps, side, size } = data;
    const frame = $(".frame", part);
    const ground = $(".ground", part);
    let [y, x] = data.start;
    const limit = (value) => Math.min(Math.max(Math.round(value), 0), steps - 1);
    const move = (row, column) => {
      [y, x] = [limit(row), limit(column)];
      part.style.setProperty("--x", x);
      part.style.setProperty("--y", y);
      const at = y * steps + x;
      const contrast = data.contrasts[at];
      $(".contrast", part).textContent = two(contrast);
      $(".response", part).textContent = data.responses[at] === null ? "\u2013" : String(data.responses[at]).replace("-", "\u2212");
      $(".shift", part).textContent = `${x} right, ${y} down`;
      if (data.linear) $(".surrogate", part).textContent = two(data.linear[at]);
      frame.setAttribute("aria-valuenow", at);
      frame.setAttribute("aria-valuetext", `${x} right, ${y} down: effective contrast ${two(contrast)}`);
      part.dataset.x = x;
      part.dataset.y = y;
    };
    paint($(".map", part), data.contrasts, steps);
    if (data.linear) paint($(".linear", part), data.linear, steps);
    let held = null;
    const drag = (box, span, offset) => {
      box.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        const place = box.getBoundingClientRect();
        const at = [(event.clientY - place.top) * span / place.height, (event.clientX - place.left) * span / place.width];
        held = event.target === frame ? [at[0] - y, at[1] - x] : [offset, offset];
        box.setPointerCapture(event.pointerId);
        move(at[0] - held[0], at[1] - held[1]);
        frame.focus({ preventScroll: true });
        stop();
        event.preventDefault();
      });
      box.addEventListener("pointermove", (event) => {
        if (!held || !box.hasPointerCapture(event.pointerId)) return;
        const place = box.getBoundingClientRect();
        move((event.clientY - place.top) * span / place.height - held[0], (event.clientX - place.left) * span / place.width - held[1]);
      });
      for (const end of ["pointerup", "pointercancel"]) box.addEventListener(end, () => { held = null; });
    };
    frame.addEventListener("keydown", (event) => {
      const far = event.shiftKey ? 5 : 1;
      const ways = { ArrowUp: [-far, 0], ArrowDown: [far, 0], ArrowLeft: [0, -far], ArrowRight: [0, far] };
      if (event.key === "Home") move(0, 0);
      else if (event.key === "End") move(steps - 1, steps - 1);
      else if (ways[event.key]) move(y + ways[event.key][0], x + ways[event.key][1]);
      else return;
      stop();
      event.preventDefault();
    });
    const fade = $(".fade", part);
    if (fade) fade.addEventListener("change", () => { $(".veil", part).hidden = !fade.checked; });
    /* The frame walks by itself, unless one asked for less motion. */
    const pause = $(".pause", part);
    let timer = null;
    const stop = () => {
      clearInterval(timer);
      timer = null;
      if (pause) { pause.textContent = "Move"; pause.setAttribute("aria-pressed", "true"); }
    };
    const start = () => {
      let time = 0;
      for (const output of all("output", part)) output.setAttribute("aria-live", "off");
      timer = setInterval(() => {
        time += 0.05;
        const middle = (steps - 1) / 2;
        move(middle * (1 + Math.sin(time)), middle * (1 + Math.sin(1.618 * time)));
      }, 80);
      pause.textContent = "Pause";
      pause.setAttribute("aria-pressed", "false");
    };
    move(y, x);
    drag(ground, side, size / 2);
    for (const map of all(".walk", part)) drag(map, steps, 0.5);
    if (pause) {
      pause.addEventListener("click", () => (timer ? stop() : start()));
      if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) stop();
      else start();
    }
  };
  all("[data-touch]").forEach(touch);

  /* --- members of a family */
  for (const part of all("[data-family]")) {
    const strengths = all(".strength", part);
    for (const radio of all("input[type='radio']", part)) {
      radio.addEventListener("change", () => strengths.forEach((one, at) => { one.hidden = at !== Number(radio.value); }));
    }
    for (const one of strengths) {
      const members = all(".member", one);
      const large = $(".large", one);
      let at = 0;
      const pick = (next) => {
        at = (next + members.length) % members.length;
        const small = $(".cell", members[at]);
        for (const name of ["--column", "--row"]) large.style.setProperty(name, small.style.getPropertyValue(name));
        large.setAttribute("aria-label", small.getAttribute("aria-label"));
        members.forEach((member, place) => member.setAttribute("aria-pressed", String(place === at)));
        $("output", one).textContent = members[at].dataset.value;
      };
      members.forEach((member, place) => member.addEventListener("click", () => pick(place)));
      $(".back", one).addEventListener("click", () => pick(at - 1));
      $(".on", one).addEventListener("click", () => pick(at + 1));
      if (members.length) pick(0);
    }
  }

  /* --- the sweep */
  for (const part of all("[data-sweep]")) {
    const data = json(part);
    const slider = $("input", part);
    const cells = all(".cell", part);
    const mark = $("circle.mark", part);
    const set = (level, pictures) => {
      const entry = data.levels[level];
      if (pictures) {
        const list = $(".cells", part).style;
        list.setProperty("--rows", data.rows);
        cells.forEach((cell, at) => {
          cell.style.backgroundImage = `url("${part.dataset.sheet}")`;
          cell.style.setProperty("--column", at);
          cell.style.setProperty("--row", level);
          cell.setAttribute("aria-label", `image ${at + 1} at relative diversity ${entry.relative}`);
        });
      }
      if (entry.at) { mark.setAttribute("cx", entry.at[0]); mark.setAttribute("cy", entry.at[1]); }
      $(".level", part).textContent = `${level ? `relative diversity ${entry.relative}` : "restarts"}: `
        + `mean response ${entry.activation.toPrecision(3)}, ${two(entry.share)} of the restarts'; smallest distance ${entry.distance === null ? "\u2013" : entry.distance.toPrecision(3)}`
        + `${level === data.chosen ? "; this set is chosen" : ""}.`;
      slider.setAttribute("aria-valuetext", level ? `relative diversity ${entry.relative}` : "restarts");
    };
    slider.value = data.chosen;
    set(data.chosen, false);
    slider.addEventListener("input", () => set(Number(slider.value), true));
  }

  /* What the pages with scripts of their own use. */
  window.ATLAS = { $, all, two, root, go };
})();
