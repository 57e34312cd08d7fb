// A session on one line: time from left to right, what the client sent above, what the server sent below, problems and rules in
// their colours. A slider: a click or the arrow keys go to that time.

import { h, fill } from './dom.js';
import { duration } from './format.js';
import { rulesOf } from './session_lines.js';

const HEIGHT = 34;

export class Overview {
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
    let [low, high] = [0, lines.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lines[middle].at < at) low = middle + 1;
      else high = middle;
    }
    this.go(low);
    this.say(lines[low].at);
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
