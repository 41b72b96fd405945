(() => {
  const $ = (selector, of = document) => of.querySelector(selector);
  const all = (selector, of = document) => [...of.querySelectorAll(selector)];
  const meta = JSON.parse($("#meta").textContent);
  const make = (name, text = "", attributes = {}) => {
    const made = document.createElement(name);
    made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  // Rows: gzip in base64, unpacked once, when they are needed.
  const unpacked = new Map();
  const bytesOf = (name) => Uint8Array.from(atob($(`[data-rows="${name}"]`).textContent), (c) => c.charCodeAt(0));
  const textOf = (name) => {
    if (!("DecompressionStream" in window)) throw new Error("this browser cannot unpack the rows (it has no DecompressionStream)");
    return new Response(new Blob([bytesOf(name)]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };
  const parse = (text) => { // RFC 4180: quotes double, and may hold commas and line ends
    const rows = [];
    let row = [], start = 0;
    for (let i = 0; i < text.length;) {
      let value;
      if (text[i] === '"') {
        let end = i + 1;
        while (end < text.length && (text[end] !== '"' || text[end + 1] === '"')) end += text[end] === '"' ? 2 : 1;
        value = text.slice(i + 1, end).replaceAll('""', '"');
        i = end + 1;
      } else {
        start = i;
        while (i < text.length && text[i] !== "," && text[i] !== "\n") i += 1;
        value = text.slice(start, i);
      }
      row.push(value);
      if (i >= text.length || text[i] === "\n") { rows.push(row); row = []; }
      i += 1;
    }
    return rows;
  };
  const rowsOf = (name) => {
    if (!unpacked.has(name)) {
      unpacked.set(name, (async () => {
        const [names, ...rows] = parse(await textOf(name));
        const [experiment, preset] = name.split("/");
        return rows.map((values, number) => {
          const row = Object.create(null);
          names.forEach((column, k) => { if (values[k] !== "" && values[k] !== undefined) row[column] = values[k]; });
          return { experiment, preset, number, row };
        });
      })());
    }
    return unpacked.get(name);
  };
  const held = all("[data-rows]").map((each) => each.dataset.rows);

  // Numbers and snippets.
  const short = (text) => {
    const value = Number(text);
    if (text === undefined) return "";
    if (text === "" || Number.isNaN(value)) return text;
    if (Number.isInteger(value) || Math.abs(value) >= 1000) return value.toLocaleString("en", { maximumFractionDigits: 0 });
    return String(Number(value.toPrecision(4)));
  };
  const own = (row) => Object.fromEntries((row.options ?? "").split(" ").filter(Boolean).map((word) => {
    const at = word.indexOf("=");
    return [word.slice(0, at), word.slice(at + 1)];
  }));
  const namesOf = (each) => {
    const known = meta.mentions[each.experiment]?.[`${each.row.algorithm}|${each.row.instrument}`];
    return known ?? Object.keys(meta.settings).filter((name) => name in each.row && name !== "device");
  };
  const quote = (text) => (/^[\w.:/=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const commandOf = (each) => {
    const { row } = each, options = own(row), parts = ["sae-recovery cell", `--algorithm ${quote(row.algorithm)}`];
    if (row.instrument && row.instrument !== "simulation") parts.push(`--instrument ${row.instrument}`);
    for (const name of namesOf(each)) {
      const flag = name.replaceAll("_", "-");
      if (name in options) continue;
      if (!(name in row)) continue;
      if (meta.booleans.includes(name)) parts.push(row[name] === "True" ? `--${flag}` : `--no-${flag}`);
      else parts.push(`--${flag}${row[name].startsWith("-") ? "=" : " "}${quote(row[name])}`);
    }
    for (const [name, value] of Object.entries(options)) parts.push(`--set ${quote(`${name}=${value}`)}`);
    return parts.join(" ").length > 72 ? parts.join(" \\\n  ") : parts.join(" ");
  };
  const literal = (name, text) => (meta.words.includes(name) || (text !== "True" && text !== "False" && Number.isNaN(Number(text))) ? JSON.stringify(text) : text);
  const pythonOf = (each) => {
    const { row } = each, told = { algorithm: row.algorithm, ...(row.instrument && row.instrument !== "simulation" ? { instrument: row.instrument } : {}) };
    for (const name of namesOf(each)) if (name in row) told[name] = row[name];
    Object.assign(told, own(row));
    const lines = Object.entries(told).map(([name, value]) => `    ${name}=${["algorithm", "instrument"].includes(name) ? JSON.stringify(value) : literal(name, value)},`);
    return `import sae_recovery as sr\n\nrow = sr.run(\n${lines.join("\n")}\n)\nprint(row["status"], row.get("feature_recovery_rate", row.get("learnable_fraction")))`;
  };

  // The recovery curve of the rows of a cell, by step.
  const svg = (name, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const series = (text) => (text ? text.split(" ").map((word) => Number(word.split(":")[0])) : []);
  const curve = (cells) => {
    const drawn = cells.map(({ row }) => {
      const y = series(row.recovery_per_step), given = series(row.recovery_steps);
      return { y, x: given.length === y.length ? given : y.map((_, k) => k), seed: row.seed };
    }).filter((each) => each.y.length > 1);
    if (!drawn.length) return [make("p", "These rows hold no recovery by step.", { class: "note" })];
    const last = Math.max(...drawn.map((each) => each.x.at(-1))) || 1;
    const at = (x, y) => `${(44 + 326 * x / last).toFixed(1)},${(170 - 155 * y).toFixed(1)}`;
    const final = drawn.map((each) => short(String(each.y.at(-1)))).join(", ");
    const picture = svg("svg", { viewBox: "0 0 380 212", role: "img", class: "panel curve", "aria-label": `Recovery by step, in the end ${final}` });
    for (const share of [0, 0.5, 1]) {
      const y = 170 - 155 * share;
      picture.append(svg("line", { x1: 44, x2: 370, y1: y, y2: y, class: "grid" }), svg("text", { x: 38, y: y + 4, class: "tick end" }, String(share)));
    }
    for (const share of last % 2 ? [0, 1] : [0, 0.5, 1]) picture.append(svg("text", { x: 44 + 326 * share, y: 186, class: "tick middle" }, short(String(Math.round(share * last)))));
    picture.append(svg("text", { x: 207, y: 204, class: "axis middle" }, "steps"));
    drawn.forEach((each, k) => picture.append(svg("polyline", { points: each.x.map((x, i) => at(x, each.y[i])).join(" "), class: `line s${k % 8}` })));
    return [make("h3", "Recovery by step"), picture];
  };

  // The dialog of a cell: its rows are the seeds.
  const dialog = $("#cell"), body = $(".body", dialog);
  const code = (text) => {
    const box = make("div", "", { class: "code" }), pre = make("pre");
    pre.append(make("code", text));
    box.append(pre, make("button", "Copy", { type: "button", "data-copy": "" }));
    return box;
  };
  const table = (entries) => {
    const made = make("table"), inner = make("tbody");
    for (const [name, value, title] of entries) {
      const line = make("tr"), head = make("th", name, { scope: "row", ...(title ? { title } : {}) });
      line.append(head, make("td", value, { class: "n" }));
      inner.append(line);
    }
    made.append(inner);
    return made;
  };
  const fill = (cells, chosen) => {
    const each = cells[chosen], { row } = each;
    const said = [["n", "n_features"], ["d", "d_model"], ["s", "sparsity"], ["p", "target_frequency"], ["M", "n_neurons"], ["seed", "seed"]];
    const parts = [make("p", said.filter(([, name]) => name in row).map(([word, name]) => `${word} = ${short(row[name])}`).join(", "), { class: "note" })];
    if (cells.length > 1) {
      const label = make("label", "Seed ", { class: "note" }), select = make("select", "", { "aria-label": "Seed" });
      cells.forEach((one, k) => select.append(new Option(`${one.row.seed}: ${short(one.row.feature_recovery_rate ?? one.row.learnable_fraction ?? "")}`, k, false, k === chosen)));
      select.addEventListener("change", () => { fill(cells, Number(select.value)); $("select", body).focus(); });
      label.append(select);
      parts.push(label);
    }
    if (row.status !== "ok") parts.push(make("p", `${row.status}: ${row.message ?? ""}`));
    const results = Object.keys(meta.results).filter((name) => name in row);
    const first = ["feature_recovery_rate", "learnable_fraction", "chance_recovery_rate", "l0", "fraction_variance_unexplained"].filter((name) => results.includes(name));
    parts.push(...curve(cells));
    parts.push(table(first.map((name) => [name.replaceAll("_", " "), short(row[name]), meta.results[name]])));
    parts.push(make("h3", "Run it again"), code(commandOf(each)), make("h3", "In Python"), code(pythonOf(each)));
    const settings = Object.keys(meta.settings).filter((name) => name in row).map((name) => [name, short(row[name]), meta.settings[name]]);
    parts.push(make("h3", "Settings"), table([["algorithm", row.algorithm], ["instrument", row.instrument ?? ""], ["arm", row.arm ?? ""], ...settings, ...Object.entries(own(row))]));
    const rest = results.filter((name) => !first.includes(name));
    parts.push(make("h3", "Results"), table(rest.map((name) => [name.replaceAll("_", " "), short(row[name]), meta.results[name]])));
    body.replaceChildren(...parts);
  };
  const open = async (run, numbers) => {
    try {
      const rows = await rowsOf(run), cells = numbers.map((k) => rows[k]).filter(Boolean);
      if (!cells.length) throw new Error("no such row");
      $("#cell-title").textContent = `${cells[0].experiment}${cells[0].row.arm ? `: ${cells[0].row.arm}` : ""}`;
      fill(cells, 0);
    } catch (error) {
      $("#cell-title").textContent = run;
      const why = held.includes(run) ? error.message : "this page holds no rows of this run; see its CSV file";
      body.replaceChildren(make("p", why));
    }
    dialog.showModal();
    dialog.scrollTop = 0;
  };
  $("#close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  // Marks of the pictures: a click, or the keyboard; one stop of the tab key for each picture, arrows within it.
  const openMark = (mark) => open(mark.closest("[data-run]").dataset.run, mark.dataset.r.split(" ").map(Number));
  const centre = (mark) => { const box = mark.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; };
  const next = (mark, key) => {
    const [x, y] = centre(mark), across = key === "ArrowLeft" || key === "ArrowRight", sign = key === "ArrowLeft" || key === "ArrowUp" ? -1 : 1;
    const away = (other) => {
      const [ox, oy] = centre(other), along = sign * (across ? ox - x : oy - y), aside = Math.abs(across ? oy - y : ox - x);
      return along > 0.5 ? along + 4 * aside : Infinity;
    };
    const others = all(".hit", mark.closest("svg")).filter((other) => other !== mark).map((other) => [away(other), other]);
    const best = others.reduce((a, b) => (b[0] < a[0] ? b : a), [Infinity, null]);
    return best[1];
  };
  for (const picture of all("svg.panel")) {
    all(".hit", picture).forEach((mark, k) => {
      mark.setAttribute("role", "button");
      mark.setAttribute("tabindex", k === 0 ? "0" : "-1");
      mark.setAttribute("aria-label", $("title", mark).textContent);
    });
  }
  document.addEventListener("click", (event) => {
    const mark = event.target.closest?.(".hit");
    if (mark) openMark(mark);
    const save = event.target.closest?.("[data-save]");
    if (save) {
      textOf(save.dataset.save).then((text) => {
        const link = make("a", "", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: `${save.dataset.save.replace("/", "-")}.csv` });
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      });
    }
  });
  document.addEventListener("keydown", (event) => {
    const mark = event.target.closest?.(".hit");
    if (!mark) return;
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); openMark(mark); }
    if (event.key.startsWith("Arrow")) {
      event.preventDefault();
      const other = next(mark, event.key);
      if (other) { mark.setAttribute("tabindex", "-1"); other.setAttribute("tabindex", "0"); other.focus(); }
    }
  });

  // Verdicts and comparisons: one of several at a time.
  const press = (buttons, chosen) => buttons.forEach((each) => each.setAttribute("aria-pressed", String(each === chosen)));
  const verdicts = all("[data-verdict]");
  verdicts.forEach((button) => button.addEventListener("click", () => {
    press(verdicts, button);
    all(".card").forEach((card) => { card.hidden = button.dataset.verdict !== "" && card.dataset.slug !== button.dataset.verdict; card.style.display = card.hidden ? "none" : ""; });
  }));
  const comparisons = all("[data-comparison]");
  const compare = (name) => {
    press(comparisons, comparisons.find((each) => each.dataset.comparison === name));
    all(".comparison").forEach((each) => { each.hidden = each.dataset.name !== name; });
  };
  comparisons.forEach((button) => button.addEventListener("click", () => compare(button.dataset.comparison)));
  if (comparisons.length) compare(comparisons[0].dataset.comparison);
  all("[data-open-comparison]").forEach((link) => link.addEventListener("click", () => compare(link.dataset.openComparison)));
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.matches("details")) target.open = true;
    if (target.matches(".card") && target.hidden) verdicts[0].click();
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  // The table of cells.
  const COLUMNS = [["experiment", "experiment"], ["preset", "preset"], ["arm", "arm"], ["algorithm", "algorithm"], ["n", "n_features", 1], ["d", "d_model", 1], ["s", "sparsity", 1], ["p", "target_frequency", 1], ["M", "n_neurons", 1], ["seed", "seed", 1], ["recovery", "recovery", 1], ["chance", "chance_recovery_rate", 1], ["L0", "l0", 1], ["status", "status"]];
  const PAGE = 60, form = $("#filters"), count = $("#count");
  let cells = [], chosen = [], shown = PAGE, order = null, loading = null;
  const recovery = (row) => row.feature_recovery_rate ?? row.learnable_fraction ?? row.predicted_recovery_rate;
  const valueOf = (each, name) => (name === "recovery" ? recovery(each.row) : name === "experiment" || name === "preset" ? each[name] : each.row[name]);
  const load = () => {
    loading ??= (async () => {
      count.textContent = "Unpacking the rows.";
      for (const name of held) cells = cells.concat(await rowsOf(name));
      cells.forEach((each) => { each.text = `${each.experiment} ${each.preset} ${Object.values(each.row).filter((value) => value.length < 60).join(" ")}`.toLowerCase(); });
      for (const name of [...new Set(cells.map((each) => each.row.algorithm))].sort()) form.elements.algorithm.append(new Option(name));
      filter();
    })().catch((error) => { count.textContent = error.message; });
    return loading;
  };
  const filter = () => {
    const want = Object.fromEntries(new FormData(form)), words = want.text.toLowerCase().split(/\s+/).filter(Boolean);
    const low = want.low === "" ? null : Number(want.low), high = want.high === "" ? null : Number(want.high);
    chosen = cells.filter((each) => {
      if (want.experiment && each.experiment !== want.experiment) return false;
      if (want.preset === "" ? !meta.largest.includes(`${each.experiment}/${each.preset}`) : want.preset !== "*" && each.preset !== want.preset) return false;
      if (want.algorithm && each.row.algorithm !== want.algorithm) return false;
      if (want.status && each.row.status !== want.status) return false;
      const value = recovery(each.row);
      if (low !== null && !(Number(value ?? NaN) >= low)) return false;
      if (high !== null && !(Number(value ?? NaN) <= high)) return false;
      return words.every((word) => each.text.includes(word));
    });
    shown = PAGE;
    sort();
  };
  const sort = () => {
    if (order) {
      const { name, numeric, sign } = order;
      const key = (each) => { const value = valueOf(each, name); return numeric ? (value === undefined ? NaN : Number(value)) : value ?? ""; };
      chosen.sort((a, b) => {
        const [left, right] = [key(a), key(b)];
        if (numeric) return Number.isNaN(left) || Number.isNaN(right) ? Number.isNaN(left) - Number.isNaN(right) : sign * (left - right);
        return sign * (left < right ? -1 : left > right ? 1 : 0);
      });
    }
    draw();
  };
  const draw = () => {
    const lines = chosen.slice(0, shown).map((each) => {
      const line = make("tr"), first = make("td"), button = make("button", "open", { type: "button", "aria-label": `Open ${each.experiment}, ${each.row.arm ?? ""}, seed ${each.row.seed}` });
      button.addEventListener("click", () => open(`${each.experiment}/${each.preset}`, [each.number]));
      first.append(button);
      line.append(first, ...COLUMNS.map(([, name, numeric]) => make("td", numeric ? short(valueOf(each, name)) : valueOf(each, name) ?? "", numeric ? { class: "n" } : {})));
      return line;
    });
    $("#table tbody").replaceChildren(...lines);
    count.textContent = `${chosen.length.toLocaleString("en")} of ${cells.length.toLocaleString("en")} cells${chosen.length > shown ? `, the first ${shown} shown` : ""}`;
    $("#more").hidden = chosen.length <= shown;
  };
  const heads = make("tr");
  heads.append(make("th", "", { "aria-label": "Open" }), ...COLUMNS.map(([title, name, numeric]) => {
    const head = make("th", "", { scope: "col", ...(numeric ? { class: "n" } : {}) }), button = make("button", title, { type: "button" });
    button.addEventListener("click", async () => {
      await load();
      order = { name, numeric, sign: order?.name === name ? -order.sign : numeric ? -1 : 1 };
      all("#table thead th").forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order.sign > 0 ? "ascending" : "descending");
      sort();
    });
    head.append(button);
    return head;
  }));
  $("#table thead").append(heads);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => load().then(filter));
  form.addEventListener("reset", () => setTimeout(() => load().then(filter)));
  $("#more").addEventListener("click", () => { shown += 5 * PAGE; draw(); });
  new IntersectionObserver((seen, observer) => { if (seen.some((each) => each.isIntersecting)) { observer.disconnect(); load(); } }).observe($("#cells"));
})();
