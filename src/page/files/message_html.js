// The HTML of a message in a frame that runs nothing and has no origin. What the message refers to elsewhere is loaded only
// after the user asked for it, for this message.

import { h, fill } from './dom.js';
import { api, view, withQuery } from './api.js';
import { plural } from './format.js';

const WIDTHS = { phone: ['Phone', 360], tablet: ['Tablet', 768], full: ['Full', null] };
const SCHEMES = { light: 'Light', dark: 'Dark' };
const MOST_HOSTS = 4;

export async function htmlPanel(panel, message, signal) {
  const frame = h('iframe', { title: `HTML of ${message.id}`, sandbox: 'allow-popups allow-popups-to-escape-sandbox', referrerpolicy: 'no-referrer' });
  const stage = h('div.stage', {}, frame);
  const notice = h('div.notice', { hidden: true, role: 'status' });
  const load = (remote) => {
    frame.src = withQuery(view('messages', message.id, 'display'), { remote: remote ? 'true' : null });
  };
  fill(panel,
    h('div.bar', {},
      choice('Width', 'html-width', 'full', WIDTHS, ([title]) => title, ([, width]) => {
        frame.style.setProperty('width', width ? `${width}px` : '100%');
        stage.classList.toggle('device', Boolean(width));
      }),
      choice('Colours', 'html-scheme', 'light', SCHEMES, (title) => title, (_, scheme) => frame.style.setProperty('color-scheme', scheme))),
    notice, stage);
  load(false);
  const html = await api.text(`messages/${message.id}/html`, {}, { signal }).catch(() => '');
  const hosts = remoteHosts(html);
  if (!hosts.size) return;
  notice.hidden = false;
  const blocked = () => fill(notice,
    h('span.grow', {}, h('b', {}, 'Remote content is not loaded. '), `The HTML refers to ${plural([...hosts.values()].reduce((sum, n) => sum + n, 0), 'resource')} at ${names(hosts)}. `,
      'Loading it tells these hosts that the message is read.'),
    h('button', { type: 'button', onclick: loaded }, 'Load remote content'));
  const loaded = () => {
    load(true);
    fill(notice, h('span.grow', {}, h('b', {}, 'Remote content is loaded '), `from ${names(hosts)}, for this message.`), h('button', { type: 'button', onclick: block }, 'Block it again'));
    notice.querySelector('button').focus();
  };
  const block = () => {
    load(false);
    blocked();
    notice.querySelector('button').focus();
  };
  blocked();
}

function names(hosts) {
  const all = [...hosts.keys()];
  const more = all.length - MOST_HOSTS;
  return all.slice(0, MOST_HOSTS).join(', ') + (more > 0 ? ` and ${plural(more, 'other host')}` : '');
}

// Buttons of which one is pressed; the choice is kept in this browser.
function choice(label, key, usual, options, title, apply) {
  const kept = localStorage.getItem(key);
  const buttons = Object.entries(options).map(([name, option]) => h('button', { type: 'button', data: { name }, onclick: () => choose(name) }, title(option)));
  const choose = (name) => {
    localStorage.setItem(key, name);
    for (const button of buttons) button.setAttribute('aria-pressed', String(button.dataset.name === name));
    apply(options[name], name);
  };
  choose(kept in options ? kept : usual);
  return h('div.choice', { role: 'group', 'aria-label': label }, buttons);
}

// The hosts to which the HTML refers by attributes and styles that browsers load, with the number of references. Links are
// not among them. What this does not recognise is blocked all the same: by the policy of the frame.
function remoteHosts(html) {
  const hosts = new Map();
  const loads = [
    /\s(?:src|background|poster|data|xlink:href)\s*=\s*["']?\s*((?:https?:)?\/\/[^\s"'>]+)/gi,
    /\ssrcset\s*=\s*["']?\s*((?:https?:)?\/\/[^\s"',>]+)/gi,
    /<link\b[^>]*?\shref\s*=\s*["']?\s*((?:https?:)?\/\/[^\s"'>]+)/gi,
    /url\(\s*(?:["']|&quot;|&#39;)?\s*((?:https?:)?\/\/[^\s"')&]+)/gi,
    /@import\s+["']\s*((?:https?:)?\/\/[^\s"')]+)/gi,
  ];
  for (const pattern of loads) {
    for (const [, url] of html.matchAll(pattern)) {
      const host = /^(?:https?:)?\/\/(?:[^/?#@]*@)?([^/?#]*)/i.exec(url)?.[1] || url;
      hosts.set(host, (hosts.get(host) ?? 0) + 1);
    }
  }
  return hosts;
}
