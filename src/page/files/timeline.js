// The lines of the open session: windowed, live, filtered; one of them opened below.

import { $, fill, debounce, throttle, h, plural, duration } from './dom.js';
import { visible } from './octet_text.js';
import { say } from './page.js';
import { rulesOf } from './session_lines.js';
import { linePanel, renderLine } from './session_row.js';
import { WindowedList } from './windowed_list.js';

const ROW = 24;

const SHOWN = {
  all: () => true,
  client: (line) => line.side === 'client',
  server: (line) => line.side === 'server',
  rules: (line) => rulesOf(line).length > 0,
  problems: (line) => line.isProblem,
  events: (line) => line.side === 'event',
};

export class Timeline {
  constructor() {
    this.element = $('#lines');
    this.lines = null;
    this.findings = new Map();
    this.opened = null;
    this.follows = false;
    this.list = new WindowedList(this.element, { rowHeight: ROW, label: 'Lines of the session', grid: true, key: ({ index }) => index, render: (line) => renderLine(line, this.lines.delay(line), this.findings) });
    this.overview = new Overview($('#overview'), (index) => this.goTo(index));
    this.list.addEventListener('open', ({ detail }) => this.open(detail.item));
    this.list.addEventListener('cursor', ({ detail }) => {
      this.nameLine(this.reader, detail.item.seq);
      if (this.opened) this.open(detail.item);
    });
    this.element.addEventListener('scroll', () => this.scrolled(), { passive: true });
    $('#follow').addEventListener('click', () => this.follow(!this.follows));
    $('#line-search').addEventListener('input', debounce(120, () => this.filter()));
    $('#line-kind').addEventListener('change', () => this.filter());
    // Browsers limit how often the URL may change.
    this.nameLine = debounce(100, (reader, seq) => reader === this.reader && !reader.stopped.signal.aborted && history.replaceState(history.state, '', `#r${seq}`));
    this.drawOverview = throttle(400, () => this.overview.set(this.lines));
  }

  // Begins with another session.
  begin(reader, { isOpen }) {
    this.reader = reader;
    this.lines = null;
    this.wanted = /^#r(\d+)$/.exec(location.hash)?.[1] ?? null;
    this.findings = new Map();
    this.list.cursor = -1;
    this.list.set([]);
    this.element.scrollTop = 0;
    this.close();
    $('#line-search').value = '';
    $('#line-kind').value = 'all';
    this.follow(isOpen && !this.wanted);
  }

  // Shows what was read. Lines keep their places; new ones are at the end.
  show(lines) {
    this.lines = lines;
    this.apply();
    this.drawOverview();
    if (this.wanted) {
      const index = lines.lines.findIndex(({ seq }) => seq === Number(this.wanted));
      if (index < 0) return;
      this.wanted = null;
      this.goTo(index);
    }
  }

  mark(findings) {
    this.findings = Map.groupBy(findings, ({ seq }) => seq);
    if (this.lines) this.apply();
  }

  apply() {
    const { lines } = this.lines;
    const holds = SHOWN[$('#line-kind').value];
    const words = $('#line-search').value.trim().toLowerCase();
    const isAll = $('#line-kind').value === 'all' && !words;
    const shown = isAll ? lines : lines.filter((line) => holds(line) && (!words || textFor(line).includes(words)));
    this.list.set(shown);
    if (this.follows) this.toEnd();
    const text = isAll ? plural(lines.length, 'line') : `${shown.length.toLocaleString('en')} of ${plural(lines.length, 'line')}`;
    if ($('#line-count').textContent !== text) $('#line-count').textContent = text;
    $('#no-line').hidden = shown.length > 0 || lines.length === 0;
    this.seen();
  }

  filter() {
    if (this.lines) this.apply();
  }

  toEnd() {
    this.element.scrollTop = this.element.scrollHeight;
    this.list.draw();
  }

  follow(is) {
    this.follows = is;
    $('#follow').setAttribute('aria-pressed', String(is));
    if (is && this.lines) this.toEnd();
  }

  scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    if (this.follows && scrollHeight - scrollTop - clientHeight > 2 * ROW) this.follow(false);
    this.seen();
  }

  // Shows in the overview what is visible here.
  seen() {
    const { items } = this.list;
    if (!items.length) return;
    const scale = this.element.scrollHeight / (items.length * ROW);
    const at = (pixels) => Math.min(items.length - 1, Math.max(0, Math.floor(pixels / Math.min(1, scale) / ROW)));
    const { scrollTop, clientHeight } = this.element;
    this.overview.session ??= this.lines;
    this.overview.show(items[at(scrollTop)], items[at(scrollTop + clientHeight)]);
  }

  // Goes to a line of the session, even if the filter hides it now.
  goTo(index) {
    this.follow(false);
    let at = this.list.items[index]?.index === index ? index : this.list.indexOf(index);
    if (at < 0) at = this.list.items.findIndex((line) => line.index > index);
    if (at < 0) at = this.list.items.length - 1;
    this.list.moveTo(at);
  }

  move(step) {
    this.follow(false);
    this.list.moveTo(this.list.cursor + step, { focus: true });
  }

  // The next problem after the cursor, or the one before it.
  problem(step) {
    const { items, cursor } = this.list;
    for (let at = cursor + step; at >= 0 && at < items.length; at += step) {
      if (items[at].isProblem) {
        this.follow(false);
        return this.list.moveTo(at, { focus: true });
      }
    }
    return say(step > 0 ? 'No further problem' : 'No problem before');
  }

  open(line) {
    this.opened = line;
    const panel = $('#line');
    const draw = (labels) => fill(panel, linePanel(line, this.lines, labels, this.findings, () => this.close({ focus: true })));
    draw(line.turn?.labels ?? []);
    panel.hidden = false;
    if (line.text.includes('<') && line.turn && !line.turn.labels) this.reader.labels(line.turn).then((labels) => labels.length && this.opened === line && draw(labels), () => {});
    // The panel takes room: what was opened stays visible.
    const { element } = this;
    requestAnimationFrame(() => {
      const top = this.list.cursor * ROW;
      if (this.list.items.length * ROW < 8_000_000 && top + ROW > element.scrollTop + element.clientHeight) element.scrollTop = top + ROW - element.clientHeight;
    });
  }

  close({ focus = false } = {}) {
    const wasOpen = this.opened !== null;
    this.opened = null;
    $('#line').hidden = true;
    if (focus) this.element.focus();
    return wasOpen;
  }
}

const textFor = (line) => `${visible(line.text.slice(0, 4000))} ${line.turn?.event ?? ''} ${rulesOf(line).map(({ rule, what }) => `${rule} ${what}`).join(' ')}`.toLowerCase();

// ---- a session on one line: time from left to right, what the client sent above, what the server sent below, problems and rules in their colours

// A slider: a click or the arrow keys go to that time.

const HEIGHT = 34;

class Overview {
  // `go(index)` is called with the index of the line at the chosen time.
  constructor(element, go) {
    Object.assign(this, { element, go, session: null });
    this.canvas = h('canvas', { 'aria-hidden': 'true' });
    this.here = h('span.here', { 'aria-hidden': 'true' });
    this.end = h('span.total');
    // The style names the colours; a canvas has to be told them.
    this.inks = Object.fromEntries(['line', 'client', 'server', 'rule', 'bad'].map((name) => [name, h('i', { class: `ink-${name}`, hidden: true })]));
    fill(element, this.canvas, this.here, this.end, Object.values(this.inks));
    element.addEventListener('pointerdown', (event) => {
      this.choose((event.clientX - element.getBoundingClientRect().left) / element.clientWidth);
      element.setPointerCapture(event.pointerId);
    });
    element.addEventListener('pointermove', (event) => {
      if (event.buttons) this.choose((event.clientX - element.getBoundingClientRect().left) / element.clientWidth);
    });
    element.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: -0.02, ArrowRight: 0.02, PageUp: -0.1, PageDown: 0.1, Home: -1, End: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      this.choose((this.at ?? 0) + step);
    });
    new ResizeObserver(() => this.draw()).observe(element);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
    new MutationObserver(() => this.draw()).observe(document.documentElement, { attributeFilter: ['data-theme'] });
  }

  choose(share) {
    if (!this.session?.lines.length) return;
    this.at = Math.min(1, Math.max(0, share));
    const at = this.at * this.session.total;
    const { lines } = this.session;
    const index = Math.max(0, lines.findLastIndex((line) => line.at <= at));
    this.go(index);
    this.say(lines[index].at);
  }

  // Which lines are seen.
  show(first, last) {
    if (!first || !last) return;
    const total = this.session.total || 1;
    const [from, to] = [first.at / total, last.at / total];
    this.here.style.setProperty('left', `${from * 100}%`);
    this.here.style.setProperty('width', `max(3px, ${Math.max(0, to - from) * 100}%)`);
    this.at = from;
    this.say(first.at);
  }

  say(at) {
    this.element.setAttribute('aria-valuemax', Math.round(this.session.total / 1000));
    this.element.setAttribute('aria-valuenow', Math.round(at / 1000));
    this.element.setAttribute('aria-valuetext', `${duration(at)} of ${duration(this.session.total)}`);
  }

  set(session) {
    this.session = session;
    this.draw();
  }

  draw() {
    const { canvas, element, session } = this;
    const width = element.clientWidth;
    if (!session || !width) return;
    const ratio = window.devicePixelRatio;
    canvas.width = width * ratio;
    canvas.height = HEIGHT * ratio;
    const context = canvas.getContext('2d');
    context.scale(ratio, ratio);
    const colour = (name) => getComputedStyle(this.inks[name]).color;
    this.end.textContent = duration(session.total);
    // One mark for each place, side and meaning, however many lines there are.
    const marks = { client: new Uint8Array(width), server: new Uint8Array(width), rule: new Uint8Array(width), bad: new Uint8Array(width) };
    const total = session.total || 1;
    for (const line of session.lines) {
      const x = Math.min(width - 1, Math.max(0, Math.floor((line.at / total) * (width - 2))));
      if (line.side !== 'event') marks[line.side][x] = 1;
      if (line.isProblem) marks.bad[x] = 1;
      else if (line.turn?.rules && rulesOf(line).length) marks.rule[x] = 1;
    }
    const middle = HEIGHT / 2;
    const places = { client: [5, middle - 6], server: [middle + 1, middle - 6], rule: [middle + 1, middle - 4], bad: [2, HEIGHT - 4] };
    context.fillStyle = colour('line');
    context.fillRect(0, middle, width, 1);
    for (const [name, [y, height]] of Object.entries(places)) {
      context.fillStyle = colour(name);
      for (let x = 0; x < width; x += 1) if (marks[name][x]) context.fillRect(x, y, 2, height);
    }
  }
}
