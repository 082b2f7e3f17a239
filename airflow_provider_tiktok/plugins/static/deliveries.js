// Copyright the airflow-provider-tiktok contributors.
// SPDX-License-Identifier: Apache-2.0

// The page "TikTok deliveries". No build step: React and its router are Airflow's own, on globalThis.
// Texts are given to React as children only, so nothing that was read is ever taken for markup.
(() => {
  "use strict";
  const { createElement: h, useCallback, useEffect, useRef, useState } = globalThis.React;
  const { Link, useSearchParams } = globalThis.ReactRouterDOM;

  const base = new URL(document.baseURI).pathname.replace(/\/$/, "");
  const PAGE = 100;
  const OUTCOMES = ["accepted", "rejected", "skipped", "unconfirmed", "undelivered"];
  const DAYS = [1, 7, 30, 90, 365];
  const KEY_COLOURS = ["#2563eb", "#db2777", "#0d9488", "#ca8a04", "#7c3aed", "#64748b"];

  const CSS = `
.tkd{--ok:#16a34a;--bad:#dc2626;--mid:#9ca3af;--warn:#d97706;--open:#7c3aed;--fg:#18181b;--mut:#52525b;--bg:#fff;
 --line:#e4e4e7;--soft:#f4f4f5;--focus:#2563eb;container-type:inline-size;color:var(--fg);background:var(--bg);
 font:14px/1.45 system-ui,sans-serif;height:100%;overflow-y:auto;padding:16px;box-sizing:border-box}
.dark .tkd{--ok:#22c55e;--bad:#f87171;--mid:#71717a;--warn:#fbbf24;--open:#a78bfa;--fg:#e4e4e7;--mut:#a1a1aa;
 --bg:#111113;--line:#3f3f46;--soft:#1f1f23;--focus:#60a5fa}
.tkd *{box-sizing:border-box}
.tkd h1{font-size:20px;font-weight:600;margin:0}.tkd h2{font-size:14px;font-weight:600;margin:0 0 8px}
.tkd .top{display:flex;flex-wrap:wrap;gap:12px;align-items:end;justify-content:space-between;margin-bottom:16px}
.tkd .filters{display:flex;flex-wrap:wrap;gap:8px;align-items:end}
.tkd label{display:flex;flex-direction:column;font-size:12px;color:var(--mut);gap:2px}
.tkd select,.tkd button{font:inherit;color:var(--fg);background:var(--bg);border:1px solid var(--line);
 border-radius:6px;padding:5px 8px;min-height:34px;max-width:260px}
.tkd button{cursor:pointer}.tkd button:hover{background:var(--soft)}
.tkd :focus-visible{outline:2px solid var(--focus);outline-offset:2px}
.tkd a{color:var(--focus);text-decoration:none;overflow-wrap:anywhere}.tkd a:hover{text-decoration:underline}
.tkd .mut{color:var(--mut)}.tkd .small{font-size:12px}
.tkd .figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(110px,1fr));gap:8px;margin-bottom:16px}
.tkd .figure{border:1px solid var(--line);border-radius:8px;padding:8px 12px}
.tkd .figure b{display:block;font-size:20px;font-variant-numeric:tabular-nums}
.tkd .dot{display:inline-block;width:9px;height:9px;border-radius:2px;margin-right:6px}
.tkd .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(280px,100%),1fr));gap:12px;margin-bottom:16px}
.tkd .chart{border:1px solid var(--line);border-radius:8px;padding:12px;min-width:0}
.tkd svg{display:block;width:100%;height:auto}.tkd svg text{fill:var(--mut);font-size:11px}
.tkd .legend{display:flex;flex-wrap:wrap;gap:4px 12px;font-size:12px;color:var(--mut);margin-top:6px}
.tkd table{width:100%;border-collapse:collapse}
.tkd th{text-align:left;font-size:12px;font-weight:600;color:var(--mut);padding:6px 8px;border-bottom:2px solid var(--line)}
.tkd td{padding:8px;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
.tkd td:first-child{white-space:nowrap}.tkd .row td:nth-child(3){min-width:185px}.tkd .more td:first-child{white-space:normal}
.tkd .bar{display:flex;height:10px;min-width:120px;border-radius:5px;overflow:hidden;background:var(--line);margin-bottom:4px}
.tkd .bar i{display:block;height:100%}
.tkd .tag{display:inline-block;font-size:11px;border:1px solid var(--line);border-radius:4px;padding:0 5px;margin-left:6px;color:var(--mut)}
.tkd .more{background:var(--soft)}.tkd .more dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 16px;margin:0}
.tkd .more dt{color:var(--mut)}.tkd .more dd{margin:0}.tkd .more ul{margin:0;padding-left:18px}
.tkd .note{border:1px solid var(--line);border-radius:8px;padding:24px;text-align:center}
.tkd .note p{margin:4px 0 12px}.tkd .pad{margin-top:12px;text-align:center}
.tkd .wait{height:56px;border-radius:8px;background:var(--soft);margin-bottom:8px;animation:tkd 1.2s ease-in-out infinite alternate}
@keyframes tkd{to{opacity:.45}}@media(prefers-reduced-motion:reduce){.tkd .wait{animation:none}}
.tkd .hide{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@container (max-width:720px){
 .tkd thead{display:none}.tkd table,.tkd tbody,.tkd tr,.tkd td{display:block;width:100%}
 .tkd tr.row{border:1px solid var(--line);border-radius:8px;margin-bottom:8px;padding:4px}
 .tkd td{border:0;padding:4px 8px}.tkd .filters label{flex:1 1 45%}.tkd select{width:100%;max-width:none}
 .tkd .more dl{grid-template-columns:1fr}.tkd .more dt{margin-top:6px}}
`;
  const COLOUR = {
    accepted: "var(--ok)", rejected: "var(--bad)", skipped: "var(--mid)",
    unconfirmed: "var(--warn)", undelivered: "var(--open)",
  };
  const number = (value) => value.toLocaleString("en-US");
  const percent = (value) => `${Number(value).toLocaleString("en-US")} %`;
  const time = (at) => `${at.slice(0, 16).replace("T", " ")}`;

  const taskPath = (d) =>
    `/dags/${encodeURIComponent(d.dag_id)}/runs/${encodeURIComponent(d.run_id)}/tasks/` +
    encodeURIComponent(d.task_id) + (d.map_index >= 0 ? `/mapped/${d.map_index}` : "");
  const runPath = (d) => `/dags/${encodeURIComponent(d.dag_id)}/runs/${encodeURIComponent(d.run_id)}`;

  const load = async (query, signal) => {
    const answer = await fetch(`${base}/tiktok/deliveries.json?${query}`, { credentials: "same-origin", signal });
    if (!answer.ok) throw Object.assign(new Error(`HTTP ${answer.status}`), { status: answer.status });
    return answer.json();
  };

  // ------------------------------------------------------------------------------------------- pieces

  const Bar = ({ of }) => {
    const total = Math.max(of.read, 1);
    const said = OUTCOMES.filter((name) => of[name]).map((name) => `${number(of[name])} ${name}`).join(", ");
    return h("div", null,
      h("div", { className: "bar", role: "img", "aria-label": said || "no event" },
        OUTCOMES.map((name) => of[name] ? h("i", {
          key: name, title: `${number(of[name])} ${name}`,
          style: { width: `${Math.max((100 * of[name]) / total, 1)}%`, background: COLOUR[name] },
        }) : null)),
      h("div", { className: "small", "aria-hidden": true }, said || "no event"));
  };

  const Legend = ({ items }) => h("div", { className: "legend", "aria-hidden": true },
    items.map(([name, colour]) => h("span", { key: name },
      h("span", { className: "dot", style: { background: colour } }), name)));

  const Figures = ({ told }) => h("div", { className: "figures" },
    [["deliveries", told.total, null], ...OUTCOMES.map((name) => [name, told.counts[name], COLOUR[name]])]
      .map(([name, value, colour]) => h("div", { className: "figure", key: name, "data-figure": name },
        h("span", { className: "mut small" },
          colour ? h("span", { className: "dot", style: { background: colour } }) : null, name),
        h("b", null, number(value)))));

  const W = 420, H = 150, LEFT = 44, BOTTOM = 20, TOP = 8;
  const y = (share) => TOP + (H - TOP - BOTTOM) * (1 - share);
  const short = (value) => value >= 1e6 ? `${(value / 1e6).toFixed(1)}M` : value >= 1e4 ? `${Math.round(value / 1e3)}k` : number(value);

  const Axes = ({ top, format, ticks }) => h("g", null,
    [0, 0.5, 1].map((share) => h("g", { key: share },
      h("line", { x1: LEFT, x2: W, y1: y(share), y2: y(share), stroke: "var(--line)" }),
      h("text", { x: LEFT - 6, y: y(share) + 4, textAnchor: "end" }, format(top * share)))),
    ticks.map(([x, text, anchor]) => h("text", { key: x, x, y: H - 5, textAnchor: anchor }, text)));

  const ends = (names) => names.length === 0 ? [] : names.length === 1
    ? [[LEFT + (W - LEFT) / 2, names[0], "middle"]]
    : [[LEFT, names[0], "start"], [W, names[names.length - 1], "end"]];

  const Chart = ({ title, said, empty, children, legend }) => h("section", { className: "chart", "data-chart": title },
    h("h2", null, title),
    empty ? h("p", { className: "mut small" }, empty)
      : h(globalThis.React.Fragment, null,
        h("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": said }, children),
        h(Legend, { items: legend })));

  const EventsByDay = ({ days }) => {
    const top = Math.max(1, ...days.map((day) => day.read));
    const step = (W - LEFT) / Math.max(days.length, 1), wide = Math.min(step * 0.76, 40);
    return h(Chart, {
      title: "Events a day, by outcome", legend: OUTCOMES.map((name) => [name, COLOUR[name]]),
      empty: days.length ? "" : "Nothing to show.",
      said: days.map((d) => `${d.day}: ${OUTCOMES.filter((n) => d[n]).map((n) => `${number(d[n])} ${n}`).join(", ")}`).join("; "),
    },
      h(Axes, { top, format: (v) => short(Math.round(v)), ticks: ends(days.map((d) => d.day)) }),
      days.map((day, place) => {
        let below = 0;
        return h("g", { key: day.day }, OUTCOMES.map((name) => {
          if (!day[name]) return null;
          const from = below / top; below += day[name];
          return h("rect", {
            key: name, x: LEFT + (place + 0.5) * step - wide / 2, width: wide,
            y: y(below / top), height: Math.max(y(from) - y(below / top), 0.75), fill: COLOUR[name],
          }, h("title", null, `${day.day}: ${number(day[name])} ${name}`));
        }));
      }));
  };

  const Coverage = ({ keys, days }) => {
    const x = (place) => days.length < 2 ? LEFT + (W - LEFT) / 2 : LEFT + 4 + (place * (W - LEFT - 8)) / (days.length - 1);
    const last = days.length ? days[days.length - 1].shares : {};
    return h(Chart, {
      title: "Match-key coverage", legend: keys.map((key, n) => [key, KEY_COLOURS[n]]),
      empty: days.length && keys.length ? "" : "Nothing to show.",
      said: keys.map((key) => `${key}: ${percent(last[key] || 0)} on the last day`).join("; "),
    },
      h(Axes, { top: 100, format: (v) => `${v} %`, ticks: ends(days.map((d) => d.day)) }),
      keys.map((key, n) => h("g", { key },
        h("polyline", {
          fill: "none", stroke: KEY_COLOURS[n], strokeWidth: 2,
          points: days.map((day, place) => `${x(place)},${y((day.shares[key] || 0) / 100)}`).join(" "),
        }),
        days.map((day, place) => h("circle", {
          key: day.day, cx: x(place), cy: y((day.shares[key] || 0) / 100), r: 2.5, fill: KEY_COLOURS[n],
        }, h("title", null, `${day.day}: ${key} ${percent(day.shares[key] || 0)}`))))));
  };

  const Counted = ({ pairs }) => {
    const top = Math.max(1, ...pairs.map((pair) => Math.max(pair.accepted, pair.counted)));
    const step = (W - LEFT) / Math.max(pairs.length, 1), width = Math.min(step * 0.38, 20);
    const sides = [["accepted", "var(--ok)", 0], ["counted", "var(--focus)", 1]];
    return h(Chart, {
      title: "Accepted, and counted by TikTok",
      legend: [["accepted in uploads of the run", "var(--ok)"], ["server events that TikTok counted", "var(--focus)"]],
      empty: pairs.length ? "" : "Add TikTokEventsReceivedSensor after an upload to see what TikTok counted.",
      said: pairs.map((p) => `${p.dag_id}, ${p.first_day}: ${number(p.accepted)} accepted, ${number(p.counted)} counted`).join("; "),
    },
      h(Axes, { top, format: (v) => short(Math.round(v)), ticks: ends(pairs.map((p) => p.first_day)) }),
      pairs.map((pair, place) => sides.map(([name, colour, side]) => h("rect", {
        key: `${place}${name}`, x: LEFT + (place + 0.5) * step + (side - 1) * width + side, width,
        y: y(pair[name] / top), height: Math.max(y(0) - y(pair[name] / top), 0.75), fill: colour,
      }, h("title", null, `${pair.dag_id}, ${pair.first_day} to ${pair.last_day}: ${number(pair[name])} ${name}`)))));
  };

  const Findings = ({ title, findings }) => findings.length ? h(globalThis.React.Fragment, null,
    h("dt", null, title),
    h("dd", null, h("ul", null, findings.map((f) => h("li", { key: f.rule },
      h("b", null, f.rule), `\u00a0×\u00a0${number(f.count)} `, h("span", { className: "mut" }, f.remedy)))))) : null;

  const Details = ({ of, id }) => h("tr", { className: "more", id },
    h("td", { colSpan: 6 }, h("dl", null,
      h(Findings, { title: "Rejected because", findings: of.reasons }),
      h(Findings, { title: "Warnings", findings: of.warnings }),
      h(Findings, { title: "Values left out", findings: of.dropped }),
      h("dt", null, "Match keys"),
      h("dd", null, Object.entries(of.coverage).map(([key, share]) => `${key} ${percent(share)}`).join(", ") || "none"),
      h("dt", null, "Dead letters"),
      h("dd", null, of.dead_letter_path
        ? h("span", null, `${number(of.dead_letters)} in `, h("code", null, of.dead_letter_path)) : "none"),
      h("dt", null, "Traffic"),
      h("dd", null, `${number(of.requests)} requests, ${number(of.retries)} of them repeated, ${number(of.seconds)} s`),
      h("dt", null, "Run"),
      h("dd", null, h(Link, { to: runPath(of) }, of.run_id)))));

  const Row = ({ of, id }) => {
    const [isOpen, setOpen] = useState(false);
    const why = of.reasons[0];
    return h(globalThis.React.Fragment, null,
      h("tr", { className: "row" },
        h("td", { className: "mut" }, time(of.at),
          of.is_former ? h("span", { className: "tag", title: "The task was cleared or tried again since." }, "former try") : null),
        h("td", null, h(Link, { to: taskPath(of) }, `${of.dag_id}.${of.task_id}${of.map_index >= 0 ? ` [${of.map_index}]` : ""}`),
          h("div", { className: "mut small" }, of.run_id)),
        h("td", null, of.destination),
        h("td", null, h(Bar, { of })),
        h("td", { className: "small" },
          of.stopped_by ? h("div", null, `Stopped by ${of.stopped_by}`) : null,
          why ? h("div", null, h("b", null, why.rule), `\u00a0×\u00a0${number(why.count)}`, h("div", { className: "mut" }, why.remedy)) : null,
          of.reasons.length > 1 ? h("div", { className: "mut" }, `and ${of.reasons.length - 1} more`) : null),
        h("td", null, h("button", {
          type: "button", "aria-expanded": isOpen, "aria-controls": id,
          "aria-label": `Details of ${of.dag_id}.${of.task_id}, ${time(of.at)}`, onClick: () => setOpen(!isOpen),
        }, isOpen ? "Less" : "More"))),
      isOpen ? h(Details, { of, id }) : null);
  };

  const Note = ({ title, text, action, kind }) => h("div", { className: "note", role: kind === "error" ? "alert" : "status", "data-state": kind },
    h("h2", null, title), h("p", { className: "mut" }, text), action || null);

  const Failure = ({ error, again }) => {
    if (error.status === 401) return h(Note, {
      kind: "error", title: "You are signed out.", text: "Sign in again to see deliveries.",
      action: h("a", { href: `${base}/auth/login?next=${encodeURIComponent(location.href)}` }, "Sign in"),
    });
    if (error.status === 403) return h(Note, {
      kind: "forbidden", title: "You may not see these deliveries.",
      text: "They are shown to those who may read a DAG and its XComs. Ask your administrator for both.",
    });
    return h(Note, {
      kind: "error", title: "The deliveries cannot be loaded.",
      text: error.status ? `Airflow answered ${error.message}.` : "Airflow did not answer.",
      action: h("button", { type: "button", onClick: again }, "Try again"),
    });
  };

  const Choice = ({ label, value, values, onChange, all }) => h("label", null, label,
    h("select", { value, onChange: (event) => onChange(event.target.value), "data-filter": label },
      all ? h("option", { value: "" }, all) : null,
      value && !values.some((known) => String(known[0]) === value) ? h("option", { value }, value) : null,
      values.map(([key, text]) => h("option", { key, value: String(key) }, text))));

  // --------------------------------------------------------------------------------------------- page

  const Page = () => {
    const [params, setParams] = useSearchParams();
    const [told, setTold] = useState(null);
    const [error, setError] = useState(null);
    const [isBusy, setBusy] = useState(true);
    const [count, setCount] = useState(0);
    const latest = useRef(null);
    const asked = { days: params.get("days") || "30" };
    for (const name of ["dag_id", "destination", "outcome"]) asked[name] = params.get(name) || "";
    const query = new URLSearchParams(Object.entries(asked).filter(([, value]) => value)).toString();

    const ask = useCallback(async (offset) => {
      latest.current?.abort();
      const mine = (latest.current = new AbortController());
      setBusy(true); setError(null);
      try {
        const more = await load(`${query}&limit=${PAGE}&offset=${offset}`, mine.signal);
        setTold((before) => offset && before ? { ...more, deliveries: [...before.deliveries, ...more.deliveries] } : more);
      } catch (failure) {
        if (failure.name === "AbortError") return;
        setTold(null); setError(failure);
      }
      setBusy(false);
    }, [query]);
    useEffect(() => { ask(0); return () => latest.current?.abort(); }, [ask, count]);

    const set = (name) => (value) => setParams((before) => {
      const next = new URLSearchParams(before);
      if (value) next.set(name, value); else next.delete(name);
      return next;
    }, { replace: true });
    const choices = told ? told.choices : { dags: [], destinations: [] };
    const pairs = (names) => names.map((name) => [name, name]);
    const isFiltered = asked.dag_id || asked.destination || asked.outcome;

    return h("div", { className: "tkd", "aria-busy": isBusy },
      h("style", null, CSS),
      h("div", { className: "top" },
        h("h1", null, "TikTok deliveries"),
        h("div", { className: "filters", role: "search", "aria-label": "Filters" },
          h(Choice, { label: "DAG", value: asked.dag_id, values: pairs(choices.dags), all: "All DAGs", onChange: set("dag_id") }),
          h(Choice, { label: "Destination", value: asked.destination, values: pairs(choices.destinations), all: "All", onChange: set("destination") }),
          h(Choice, { label: "Outcome", value: asked.outcome, values: OUTCOMES.map((n) => [n, `with ${n}`]), all: "Any", onChange: set("outcome") }),
          h(Choice, { label: "Days", value: asked.days, values: DAYS.map((n) => [n, n === 1 ? "Last day" : `Last ${n} days`]), onChange: set("days") }),
          h("button", { type: "button", onClick: () => setCount(count + 1) }, "Refresh"))),
      h("div", { className: "hide", role: "status" }, isBusy ? "Loading" : told ? `${told.total} deliveries` : ""),
      error ? h(Failure, { error, again: () => setCount(count + 1) }) : null,
      !told && !error ? h("div", { "data-state": "loading" }, [1, 2, 3].map((n) => h("div", { className: "wait", key: n }))) : null,
      told && told.total === 0 ? h(Note, {
        kind: "empty", title: isFiltered ? "No delivery matches these filters." : "No delivery yet.",
        text: isFiltered ? "Choose other filters, or more days."
          : "Each upload of an operator of this provider leaves its receipt here. Choose more days to look further back.",
      }) : null,
      told && told.total > 0 ? h(globalThis.React.Fragment, null,
        h(Figures, { told }),
        h("div", { className: "charts" },
          h(EventsByDay, { days: told.days }), h(Coverage, told.coverage), h(Counted, { pairs: told.counted })),
        h("table", null,
          h("thead", null, h("tr", null, ["When (UTC)", "Task", "Destination", "Events", "Why", ""].map((t, n) =>
            h("th", { key: n, scope: "col" }, t || h("span", { className: "hide" }, "Details"))))),
          h("tbody", null, told.deliveries.map((d, n) => h(Row, { of: d, id: `tkd-${n}`, key: `${d.dag_id} ${d.run_id} ${d.task_id} ${d.map_index} ${d.at} ${d.is_former}` })))),
        told.deliveries.length < told.total ? h("div", { className: "pad" },
          h("button", { type: "button", disabled: isBusy, onClick: () => ask(told.deliveries.length) },
            `Show more (${number(told.total - told.deliveries.length)} left)`)) : null) : null,
      told && told.is_cut ? h("p", { className: "mut small" }, "Only the newest 5,000 deliveries are counted. Choose a DAG or fewer days.") : null,
      told && told.elsewhere ? h("p", { className: "mut small" },
        `${number(told.elsewhere)} receipts are stored elsewhere by a custom XCom backend and cannot be shown.`) : null);
  };

  globalThis.AirflowPlugin = Page;
})();
