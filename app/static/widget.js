/**
 * <countersign-chat endpoint="https://answers.example" api-key="cs_…" heading="Ask Halden" lang="en">
 *
 * The chat of a Countersign service as one custom element: no dependency, no build step, any origin.
 * Invariant: what the service sends is shown as text nodes and never as HTML, and nothing here needs
 * more of a page's Content-Security-Policy than script-src and connect-src for the service (Trusted Types included).
 *
 * Story of the file: words and style, the event stream, text to nodes, one answer, the element.
 */
(() => {
  "use strict";

  const STRINGS = {
    en: {
      heading: "Ask a question",
      notice: "You are talking to an AI. Answers are checked and recorded, and can still be wrong.",
      transcript: "Conversation",
      placeholder: "Type your question",
      input: "Your question",
      hint: "Enter sends, Shift and Enter starts a new line, Escape stops the answer.",
      send: "Send",
      stop: "Stop",
      reset: "New conversation",
      resetDone: "New conversation started.",
      you: "You asked:",
      assistant: "The assistant answered:",
      working: "Checking your question and preparing the answer",
      stopped: "You stopped this answer.",
      done: "End of answer.",
      sources: "Sources",
      page: "page",
      source: "Source",
      whole: "Show the whole passage",
      gone: "This passage is no longer there for you.",
      from: "in force from",
      until: "until",
      empty: "Your questions and the answers will appear here.",
      refusal: "I can’t answer that",
      alternatives: "What you can do instead",
      person: "Talk to a person",
      failed: "No answer came",
      retry: "Try again",
      offline: "The service could not be reached. Check your connection and try again.",
      cutOff: "The answer broke off before it was complete. Nothing after this point was sent.",
      silent: "The service stopped responding.",
      refusedKey: "This page is not allowed to ask: its key was not accepted.",
      details: "How this answer was made",
      bot: "Answered by",
      why: "Why",
      checks: "Checks",
      record: "Record",
      leaf: "Leaf",
      query: "Query",
      trace: "Trace",
      bots: { api: "Live data", rag: "Documents", onprem: "On-premises model", sums: "Calculator" },
    },
  };

  const ICONS = {
    send: "M3 20.5 21 12 3 3.5v6.6L14 12 3 13.9z",
    stop: "M6 6h12v12H6z",
    reset: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z",
    info: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm-1 8h2v7h-2zm0-3.5h2v2h-2z",
    warn: "M12 3 1.5 21h21zm-1 7h2v5h-2zm0 6.5h2v2h-2z",
    retry: "M12 5a7 7 0 1 0 6.7 9h-2.1A5 5 0 1 1 12 7c1.4 0 2.6.6 3.5 1.5L13 11h7V4l-3 3a7 7 0 0 0-5-2z",
    question: "M4 4h16v12H9l-5 4z",
    document: "M6 2h8l5 5v15H6zm7 1.5V8h4.5zM8.5 12v1.6h8V12zm0 4v1.6h8V16z",
    person: "M12 12a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zm-8 9c0-4 3.6-7 8-7s8 3 8 7z",
  };

  const CSS = `
    :host { display: block; block-size: 38rem; max-block-size: 100%; min-inline-size: 16rem; color-scheme: light dark;
      --bg: #ffffff; --raised: #f3f6f7; --ink: #17212b; --muted: #4b5a68; --line: #d3dbe0; --edge: #75838f;
      --accent: var(--countersign-accent, #0b5d57); --on-accent: var(--countersign-on-accent, #ffffff);
      --mine: #e2f0ee; --note: #fff6e0; --note-edge: #9a6700; --bad: #fdeceb; --bad-edge: #b3261e; }
    @media (prefers-color-scheme: dark) { :host {
      --bg: #141b21; --raised: #1d262d; --ink: #e9eef1; --muted: #a9b6c0; --line: #33404a; --edge: #7d8b97;
      --accent: var(--countersign-accent-dark, #74d3c8); --on-accent: var(--countersign-on-accent-dark, #06211f);
      --mine: #1c3b39; --note: #2e2613; --note-edge: #e0ac3e; --bad: #3a1d1c; --bad-edge: #f2938c; } }
    :host([hidden]) { display: none; }
    * { box-sizing: border-box; }
    .frame { display: flex; flex-direction: column; block-size: 100%; overflow: hidden; color: var(--ink);
      background: var(--bg); border: 1px solid var(--line); border-radius: 14px;
      font: 400 1rem/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
    header { display: flex; align-items: center; gap: .75rem; padding: .7rem .7rem .7rem 1rem; }
    h2 { flex: 1; margin: 0; font-size: 1.05rem; line-height: 1.3; font-weight: 650; overflow-wrap: anywhere; }
    .notice { display: flex; gap: .5rem; margin: 0; padding: .5rem 1rem; background: var(--raised); color: var(--muted);
      border-block: 1px solid var(--line); font-size: .85rem; line-height: 1.4; }
    .log { flex: 1; overflow-y: auto; overscroll-behavior: contain; padding: 1rem; display: flex;
      flex-direction: column; gap: 1.1rem; }
    .empty { margin: auto; max-inline-size: 18rem; text-align: center; color: var(--muted); }
    .turn { display: flex; flex-direction: column; gap: .7rem; }
    .mine { align-self: flex-end; max-inline-size: 85%; margin: 0; padding: .5rem .85rem; white-space: pre-wrap;
      background: var(--mine); border-radius: 14px 14px 4px 14px; overflow-wrap: anywhere; }
    .answer { max-inline-size: 46rem; overflow-wrap: anywhere; }
    .text > * { margin: 0 0 .6rem; }
    .text ul, .text ol { padding-inline-start: 1.4rem; }
    .text pre { white-space: pre-wrap; padding: .6rem .8rem; background: var(--raised); border-radius: 8px; }
    code, pre { font: .88em/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; }
    a { color: var(--accent); text-underline-offset: .15em; }
    .mark { display: inline-block; min-inline-size: 1.5rem; text-align: center; font-size: .85em; line-height: 1.5rem;
      font-weight: 600; }
    .badge { display: inline-block; margin: 0 0 .4rem; padding: .05rem .6rem; border: 1px solid var(--line);
      border-radius: 99px; font-size: .78rem; color: var(--muted); }
    .working { display: flex; align-items: center; gap: .3rem; min-block-size: 1.5rem; margin: 0; }
    .working i { inline-size: .5rem; block-size: .5rem; border-radius: 50%; background: var(--edge);
      animation: beat 1.2s infinite ease-in-out; }
    .working i:nth-of-type(2) { animation-delay: .15s; } .working i:nth-of-type(3) { animation-delay: .3s; }
    @keyframes beat { 0%, 60%, 100% { opacity: .35; } 30% { opacity: 1; } }
    h3 { margin: .5rem 0 .3rem; font-size: .9rem; font-weight: 650; }
    .sources { list-style: none; margin: 0; padding: 0; display: grid; gap: .35rem; }
    details { border: 1px solid var(--line); border-radius: 8px; font-size: .88rem; }
    summary { padding: .35rem .7rem; min-block-size: 1.75rem; cursor: pointer; border-radius: 8px; }
    summary b { margin-inline-end: .35rem; color: var(--accent); }
    blockquote { margin: 0; padding: .1rem .9rem .6rem; white-space: pre-wrap; color: var(--muted); }
    details > .quiet { margin: 0 .9rem .5rem; } .whole { margin: 0 .9rem .7rem; }
    .more { margin-block-start: .6rem; border-color: transparent; color: var(--muted); font-size: .82rem; }
    .more > summary { inline-size: fit-content; padding-inline: .2rem; }
    .more[open] { border-color: var(--line); padding-inline: .5rem; }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem .9rem; margin: .2rem .2rem .6rem; }
    dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
    .card { padding: .8rem 1rem; border-radius: 10px; border-inline-start: 4px solid; }
    .refusal { background: var(--note); border-color: var(--note-edge); }
    .error { background: var(--bad); border-color: var(--bad-edge); }
    .card h3 { display: flex; align-items: center; gap: .45rem; margin: 0 0 .25rem; font-size: 1rem; }
    .card h3 svg { color: var(--edge); } .refusal h3 svg { color: var(--note-edge); } .error h3 svg { color: var(--bad-edge); }
    .card p { margin: 0; } .card > button { margin-block-start: .6rem; } .card h4 { margin: .7rem 0 .35rem; font-size: .88rem; font-weight: 600; }
    .ways { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .45rem; }
    .quiet { margin: .3rem 0 0; color: var(--muted); font-size: .85rem; }
    form { display: flex; align-items: flex-end; gap: .5rem; padding: .7rem; border-block-start: 1px solid var(--line); }
    textarea { flex: 1; min-inline-size: 0; resize: none; max-block-size: 9rem; padding: .55rem .8rem; color: inherit;
      background: var(--bg); border: 1px solid var(--edge); border-radius: 10px; font: inherit; field-sizing: content; }
    textarea::placeholder { color: var(--muted); opacity: 1; }
    button, .way { display: inline-flex; align-items: center; gap: .45rem; min-block-size: 2.25rem; padding: .3rem .8rem;
      font: inherit; font-size: .92rem; line-height: 1.3; text-align: start; text-decoration: none; cursor: pointer;
      color: var(--ink); background: var(--bg); border: 1px solid var(--edge); border-radius: 10px; }
    button:hover, a.way:hover { background: var(--raised); border-color: var(--accent); }
    span.way { cursor: default; border-style: dashed; }
    button.main { min-block-size: 2.75rem; color: var(--on-accent); background: var(--accent); border-color: var(--accent); }
    button.main:hover { filter: brightness(1.12); background: var(--accent); }
    [hidden] { display: none !important; }
    svg { flex: none; inline-size: 1.1rem; block-size: 1.1rem; fill: currentColor; }
    .notice svg { margin-block-start: .1rem; }
    :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
    .log:focus-visible { outline-offset: -3px; }
    .sr { position: absolute; inline-size: 1px; block-size: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%);
      white-space: nowrap; }
    @media (max-width: 26rem) { .wide { display: none; } }
    @media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
    @media (forced-colors: active) { .card, .mine { border: 1px solid; } }
  `;

  const SILENCE_MS = 90_000; // the service sends a keep-alive comment well within this
  const SVG_NS = "http://www.w3.org/2000/svg";

  /** One element; an `on…` property is a listener, null and undefined attributes are left out, strings become text nodes. */
  function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  function icon(name) {
    const svg = document.createElementNS(SVG_NS, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS(SVG_NS, "path");
    path.setAttribute("d", ICONS[name]);
    path.setAttribute("fill-rule", "evenodd");
    svg.append(path);
    return svg;
  }

  /** A link target we are willing to put into a page: web, mail, telephone; anything else (javascript:, data:) is none. */
  function safeHref(href, base) {
    try {
      const url = new URL(href, base);
      return ["http:", "https:", "mailto:", "tel:"].includes(url.protocol) ? url.href : null;
    } catch {
      return null;
    }
  }

  /** Server-sent events from text in any chunking (WHATWG HTML, 9.2.6); comments are skipped. */
  class EventParser {
    #rest = "";
    #event = "";
    #data = [];
    #halfLineEnd = false;

    feed(text) {
      const events = [];
      if (!text) return events;
      // A CR that ended the last chunk ended a line; an LF that follows it is the rest of the same line end.
      this.#rest += this.#halfLineEnd && text.startsWith("\n") ? text.slice(1) : text;
      this.#halfLineEnd = text.endsWith("\r");
      for (let end; (end = /\r\n|\n|\r/.exec(this.#rest)); ) {
        const line = this.#rest.slice(0, end.index);
        this.#rest = this.#rest.slice(end.index + end[0].length);
        if (line === "") {
          if (this.#data.length) events.push({ event: this.#event || "message", data: this.#data.join("\n") });
          this.#event = "";
          this.#data = [];
        } else if (!line.startsWith(":")) {
          const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line);
          if (field === "event") this.#event = value;
          else if (field === "data") this.#data.push(value);
        }
      }
      return events;
    }
  }

  /** Plain text to blocks: paragraphs, bullet and numbered lists, fenced code. No other mark-up is understood. */
  function blocks(text) {
    const found = [];
    let last = null;
    let fence = null;
    const add = (kind, line, start) => {
      if (!last || last.kind !== kind) found.push((last = { kind, lines: [], start }));
      last.lines.push(line);
    };
    for (const line of text.split(/\r?\n/)) {
      const item = /^\s*(?:([-*•])|(\d{1,3})[.)])\s+(.*)$/.exec(line);
      if (/^\s*```/.test(line)) {
        fence = fence ? null : "pre";
        last = null;
      } else if (fence) add("pre", line);
      else if (!line.trim()) last = null;
      else if (item) add(item[1] ? "ul" : "ol", item[3], item[2]);
      else if (last && last.kind !== "p" && /^\s/.test(line)) last.lines[last.lines.length - 1] += ` ${line.trim()}`;
      else add("p", line.replace(/^#{1,6}\s+(.*)$/, "**$1**"));
    }
    return found;
  }

  /** One line to nodes: **strong**, `code`, and [n] as a link where citation n is known. */
  function inline(line, citations, open) {
    return line.split(/(\*\*[^*]+\*\*|`[^`]+`|\[\d{1,3}\])/).map((part, index) => {
      if (index % 2 === 0) return document.createTextNode(part);
      if (part.startsWith("**")) return h("strong", {}, part.slice(2, -2));
      if (part.startsWith("`")) return h("code", {}, part.slice(1, -1));
      const citation = citations.get(Number(part.slice(1, -1)));
      if (!citation) return document.createTextNode(part);
      const follow = (event) => { event.preventDefault(); open(citation); };
      return h("a", { class: "mark", href: `#${citation.id}`, "aria-label": citation.label, onclick: follow }, part);
    });
  }

  /** Draws `text` into `container`, touching only the blocks that changed: focus and selection in the others stay. */
  function draw(container, text, citations, open) {
    const wanted = blocks(text);
    wanted.forEach((block, index) => {
      const known = (block.lines.join(" ").match(/\[\d{1,3}\]/g) ?? []).filter((m) => citations.has(Number(m.slice(1, -1))));
      const key = JSON.stringify([block.kind, block.lines, known]);
      const old = container.children[index];
      if (old && draw.keys.get(old) === key) return;
      const node = h(block.kind, { dir: "auto", start: block.kind === "ol" ? block.start : null });
      if (block.kind === "pre") node.append(block.lines.join("\n"));
      else if (block.kind === "p") block.lines.forEach((line, i) => node.append(...(i ? [h("br")] : []), ...inline(line, citations, open)));
      else node.append(...block.lines.map((line) => h("li", {}, ...inline(line, citations, open))));
      draw.keys.set(node, key);
      if (old) old.replaceWith(node);
      else container.append(node);
    });
    while (container.children.length > wanted.length) container.lastElementChild.remove();
  }
  draw.keys = new WeakMap();

  let answers = 0; // numbers the answers of a page, so that ids stay unique

  /** The answer to one question: what came so far, and how it looks. */
  class Answer {
    #words; #text = ""; #citations = new Map(); #number = ++answers; #route = null;
    #working; #badge; #body; #sources; #list;
    ended = false;

    constructor(words, question) {
      this.#words = words;
      this.#working = h("p", { class: "working" }, h("span", { class: "sr" }, words.working), h("i"), h("i"), h("i"));
      this.#badge = h("p", { class: "badge", hidden: true });
      this.#body = h("div", { class: "text" });
      this.#list = h("ol", { class: "sources", role: "list" });
      this.#sources = h("section", { hidden: true, "aria-label": words.sources }, h("h3", {}, words.sources), this.#list);
      this.node = h("div", { class: "answer" }, h("span", { class: "sr" }, words.assistant), this.#badge, this.#body,
        this.#working, this.#sources);
      this.turn = h("div", { class: "turn" },
        h("p", { class: "mine", dir: "auto" }, h("span", { class: "sr" }, `${words.you} `), question), this.node);
    }

    route(data) {
      this.#route = data;
      this.#badge.textContent = this.#words.bots[data.bot] ?? String(data.bot ?? "");
      this.#badge.hidden = !this.#badge.textContent;
    }

    segment(data) {
      this.#text += String(data.text ?? "");
      this.#redraw();
    }

    /** passage: fetches the whole passage that a citation's href points to. */
    citation(data, passage) {
      const words = this.#words;
      const quote = h("blockquote", { dir: "auto" }, String(data.quote ?? ""));
      const dates = [data.valid_from ? `${words.from} ${data.valid_from}` : "", data.valid_until ? `${words.until} ${data.valid_until}` : ""];
      const force = dates.filter(Boolean).join(" ");
      const open = data.href && h("button", { type: "button", class: "whole", onclick: async () => {
        try {
          quote.textContent = await passage(String(data.href));
          quote.tabIndex = -1;
          quote.focus();
          open.remove();
        } catch {
          open.replaceWith(h("p", { class: "quiet", role: "status" }, words.gone));
        }
      } }, words.whole);
      const where = [data.document, data.page ? `${words.page} ${data.page}` : null, data.section].filter(Boolean).join(", ");
      const id = `answer-${this.#number}-source-${data.number}`;
      const details = h("details", { id }, h("summary", {}, h("b", {}, `[${data.number}]`), where),
        quote, ...(force ? [h("p", { class: "quiet" }, force)] : []), ...(open ? [open] : []));
      this.#citations.set(Number(data.number), { id, details, label: `${words.source} ${data.number}: ${where}` });
      this.#list.append(h("li", {}, details));
      this.#sources.hidden = false;
      this.#redraw();
    }

    refusal(data, ask, base) {
      const words = this.#words;
      const ways = (data.alternatives ?? []).map((way) => h("li", {}, this.#way(way, ask, base)));
      this.#card("refusal", "info", words.refusal, String(data.message ?? ""),
        ...(ways.length ? [h("h4", {}, words.alternatives), h("ul", { class: "ways", role: "list" }, ...ways)] : []));
    }

    error(message, retry) {
      const words = this.#words;
      const again = retry && h("button", { type: "button", onclick: retry }, icon("retry"), words.retry);
      this.#card("error", "warn", words.failed, message, ...(again ? [again] : []));
      this.end();
    }

    stopped() {
      this.node.append(h("p", { class: "quiet" }, this.#words.stopped));
      this.end();
    }

    done(data) {
      const words = this.#words;
      const route = data.route ?? this.#route ?? {};
      const receipt = data.receipt ?? {};
      const rails = new Map();
      for (const { rail, verdict } of data.verdicts ?? []) {
        if (rail && verdict) rails.set(verdict, (rails.get(verdict) ?? new Set()).add(rail));
      }
      const facts = [
        [words.bot, words.bots[route.bot] ?? route.bot],
        [words.why, (route.reasons ?? []).map(String).join("; ")],
        [words.checks, [...rails].map(([verdict, names]) => `${verdict}: ${[...names].sort().join(", ")}`).join("; ")],
        [words.record, receipt.seq === undefined ? null : `${receipt.log ?? ""} #${receipt.seq}`.trim()],
        [words.leaf, receipt.leaf], [words.query, data.query_id], [words.trace, data.trace_id],
      ].filter(([, value]) => value);
      if (facts.length) {
        this.node.append(h("details", { class: "more" }, h("summary", {}, words.details),
          h("dl", {}, ...facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))]))));
      }
      this.end();
    }

    end() {
      this.ended = true;
      this.#working.remove();
    }

    #redraw() {
      draw(this.#body, this.#text, this.#citations, (citation) => {
        citation.details.open = true;
        citation.details.firstElementChild.focus();
      });
    }

    #card(kind, symbol, title, message, ...rest) {
      this.#working.remove();
      this.node.append(h("section", { class: `card ${kind}` }, h("h3", {}, icon(symbol), title),
        h("p", { dir: "auto" }, message), ...rest));
    }

    #way(way, ask, base) {
      const text = String(way.text ?? "");
      const label = [icon(ICONS[way.kind] ? way.kind : "info"), h("span", { dir: "auto" }, text || this.#words.person)];
      if (way.kind === "question") return h("button", { type: "button", class: "way", onclick: () => ask(text) }, ...label);
      const href = way.href ? safeHref(way.href, base) : null;
      if (!href) return h("span", { class: "way" }, ...label);
      return h("a", { class: "way", href, target: "_blank", rel: "noopener noreferrer" }, ...label);
    }
  }

  /** The element. One question at a time: `#running` is the AbortController of the open request, or null. */
  class CountersignChat extends HTMLElement {
    static observedAttributes = ["heading", "lang"];
    #root = this.attachShadow({ mode: "open" });
    #words = STRINGS.en;
    #conversation = null;
    #running = null;
    #follow = true;
    #title; #log; #input; #send; #stop; #live;

    connectedCallback() {
      if (!this.#log) this.#build();
    }

    disconnectedCallback() {
      this.stop();
    }

    attributeChangedCallback(name) {
      if (!this.#log) return;
      if (name === "heading") this.#title.textContent = this.getAttribute("heading") || this.#words.heading;
      else { this.reset(); this.#build(); }
    }

    /** Ask `text` as if it had been typed. Does nothing while an answer is coming or when `text` is blank. */
    ask(text) {
      const question = String(text).trim();
      if (!question || this.#running || !this.#log) return;
      this.#answer(question);
    }

    /** Break off the answer that is coming. */
    stop() {
      this.#running?.abort("stopped");
    }

    /** Forget the conversation: the next question starts another. */
    reset() {
      this.stop();
      this.#conversation = null;
      this.#log?.replaceChildren(h("p", { class: "empty" }, this.#words.empty));
      this.#live?.replaceChildren();
    }

    #build() {
      const language = (this.getAttribute("lang") || "en").toLowerCase().split("-")[0];
      const words = (this.#words = STRINGS[language] ?? STRINGS.en);
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(CSS);
      this.#root.adoptedStyleSheets = [sheet];
      this.#title = h("h2", { id: "title" }, this.getAttribute("heading") || words.heading);
      this.#log = h("div", { class: "log", role: "region", tabindex: "0", "aria-label": words.transcript,
        onscroll: () => { this.#follow = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 48; } },
        h("p", { class: "empty" }, words.empty));
      this.#live = h("div", { class: "sr", role: "status", "aria-live": "polite", "aria-atomic": "false" });
      this.#input = h("textarea", { rows: "1", id: "input", placeholder: words.placeholder, "aria-label": words.input,
        "aria-describedby": "hint", autocomplete: "off", onkeydown: (event) => this.#key(event) });
      this.#send = h("button", { type: "submit", class: "main" }, icon("send"), words.send);
      this.#stop = h("button", { type: "button", class: "main", hidden: true, onclick: () => this.stop() }, icon("stop"), words.stop);
      const fresh = () => { this.reset(); this.#say(words.resetDone); this.#input.focus(); };
      this.#root.replaceChildren(
        h("section", { class: "frame", lang: STRINGS[language] ? language : "en", "aria-labelledby": "title",
          onkeydown: (event) => { if (event.key === "Escape" && this.#running) this.stop(); } },
          h("header", {}, this.#title,
            h("button", { type: "button", "aria-label": words.reset, onclick: fresh }, icon("reset"), h("span", { class: "wide" }, words.reset))),
          h("p", { class: "notice" }, icon("info"), h("span", {}, words.notice)),
          this.#log,
          h("form", { onsubmit: (event) => { event.preventDefault(); this.#submit(); } }, this.#input, this.#send, this.#stop),
          h("span", { class: "sr", id: "hint" }, words.hint),
          this.#live));
    }

    #key(event) {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    }

    #submit() {
      if (this.#running || !this.#input.value.trim()) return;
      const text = this.#input.value;
      this.#input.value = "";
      this.ask(text);
    }

    /** One question from fetch to the last event. Exactly one of done, refusal with done, error or stopped ends it. */
    async #answer(question) {
      const words = this.#words;
      const answer = new Answer(words, question);
      const control = (this.#running = new AbortController());
      this.#live.replaceChildren();
      this.#log.querySelector(".empty")?.remove();
      this.#log.append(answer.turn);
      this.#toggle();
      this.#scroll(true);
      const fail = (message, again = true) => {
        if (answer.ended) return;
        const retry = () => { answer.turn.remove(); this.#input.focus(); this.ask(question); };
        answer.error(message, again ? retry : null);
        this.#say(`${words.failed}. ${message}`);
      };
      let connected = false;
      let watch = 0;
      const alive = () => { clearTimeout(watch); watch = setTimeout(() => control.abort("silent"), SILENCE_MS); };
      try {
        alive();
        const response = await this.#post(question, control.signal);
        if (!response.ok) return fail(...(await this.#problem(response)));
        connected = true;
        const parser = new EventParser();
        const decoder = new TextDecoder();
        const reader = response.body.getReader();
        for (;;) {
          const { value, done } = await reader.read();
          alive();
          const events = parser.feed(done ? decoder.decode() : decoder.decode(value, { stream: true }));
          for (const { event, data } of events) this.#take(answer, event, JSON.parse(data), fail);
          this.#scroll();
          if (done || answer.ended) break;
        }
        if (!answer.ended) fail(words.cutOff);
      } catch {
        if (!control.signal.aborted) fail(connected ? words.cutOff : words.offline);
        else if (control.signal.reason === "silent") fail(words.silent);
        else if (!answer.ended) { answer.stopped(); this.#say(words.stopped); }
      } finally {
        clearTimeout(watch);
        control.abort("over"); // also lets go of a body that went on after `done`
        if (this.#running === control) { this.#running = null; this.#toggle(); }
        this.#scroll();
      }
    }

    #post(question, signal) {
      const body = { message: question, stream: true };
      if (this.#conversation) body.conversation_id = this.#conversation;
      return fetch(new URL("v1/chat", `${this.#endpoint()}/`), {
        method: "POST", mode: "cors", credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer", signal,
        headers: { Accept: "text/event-stream", "Content-Type": "application/json",
          Authorization: `Bearer ${this.getAttribute("api-key") ?? ""}` },
        body: JSON.stringify(body),
      });
    }

    /** The text of a passage that an answer cites. Throws where it is not there, or is nobody's passage. */
    async #passage(href) {
      if (!/^\/v1\/documents\/d_[0-9a-f]+\/passages\/\d+$/.test(href)) throw new Error("no passage");
      const response = await fetch(new URL(href.slice(1), `${this.#endpoint()}/`), {
        mode: "cors", credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer",
        headers: { Accept: "application/json", Authorization: `Bearer ${this.getAttribute("api-key") ?? ""}` },
      });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      return String((await response.json()).text ?? "");
    }

    #endpoint() {
      return new URL((this.getAttribute("endpoint") || location.origin).replace(/\/+$/, ""), document.baseURI).href.replace(/\/+$/, "");
    }

    /** A problem document (RFC 9457) as [what to tell the person, whether asking again can help]. */
    async #problem(response) {
      if (response.status === 401 || response.status === 403) return [this.#words.refusedKey, false];
      const problem = await response.json().catch(() => ({}));
      const lost = this.#lost(problem);
      const again = lost || response.status >= 500 || response.status === 408 || response.status === 429;
      return [String(problem.detail || problem.title || `HTTP ${response.status}`), again];
    }

    /** Whether the service no longer knows the conversation (erased, restored): then the next question begins another. */
    #lost(problem) {
      if (problem.type !== "urn:countersign:problem:conversation_unknown") return false;
      this.#conversation = null;
      return true;
    }

    #take(answer, event, data, fail) {
      if (data.conversation_id) this.#conversation = data.conversation_id;
      if (event === "route") answer.route(data);
      else if (event === "segment") { answer.segment(data); this.#say(data.text); }
      else if (event === "citation") answer.citation(data, (href) => this.#passage(href));
      else if (event === "refusal") {
        answer.refusal(data, (text) => { this.#input.focus(); this.ask(text); }, this.#endpoint());
        this.#say(`${data.message} ${data.alternatives?.length ? this.#words.alternatives : ""}`);
      } else if (event === "error") { this.#lost(data); fail(String(data.detail || data.title || this.#words.cutOff)); }
      else if (event === "done") { answer.done(data); this.#say(this.#words.done); }
    }

    /** To screen readers, politely, each addition once; never what was said before. */
    #say(text) {
      this.#live.append(h("p", {}, String(text ?? "").replace(/\*\*|`/g, "")));
    }

    #toggle() {
      const running = this.#running !== null;
      const held = [this.#send, this.#stop].includes(this.#root.activeElement);
      this.#send.hidden = running;
      this.#stop.hidden = !running;
      this.#log.setAttribute("aria-busy", String(running));
      if (held) this.#input.focus();
    }

    /** Follow the answer, unless the reader has scrolled up. */
    #scroll(always = false) {
      this.#follow ||= always;
      if (this.#follow) this.#log.scrollTop = this.#log.scrollHeight;
    }
  }

  if (!customElements.get("countersign-chat")) customElements.define("countersign-chat", CountersignChat);
})();
