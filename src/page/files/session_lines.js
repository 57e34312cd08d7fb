// The records of a session as lines: what the client and the server sent, and what else happened; how it ended, in words. Text
// is kept as it came; only lines that are shown are decoded. Times are microseconds since the session was opened.

import { api } from './api.js';
import { microseconds, plural } from './dom.js';
import { fromApi, lengthInOctets, octetsOf } from './octet_text.js';

// Events that happen without a request.
const UNASKED = /^(tcp|tls)\.|\.(greeting|lapse|stop|push|delivery)$|^imap\.fetch\.item$|^(mail\.delivered|state\.changed|timer)$/;
// What stands for octets that are recorded elsewhere.
const LABEL = /<(?:caps|m\d+(?: [^<>]*)?)>/g;
const LOOK_BACK = 16;
export const WROTE = 'wrote';
const CUT = /cut after (\d+) of (\d+) octets/;

class SessionLines {
  constructor() {
    this.lines = [];
    this.exchanges = new Map();
    this.opened = null;
    this.next = 0;
    this.isEnded = false;
    this.isImap = false;
    this.isPartial = false;
    // Replies that were sent in part and have labels: what left is known when the labels are.
    this.unplaced = [];
  }

  // Adds the records of an answer of `/v1/journal?session=`.
  add({ records, next }) {
    for (const record of records) {
      if (!this.opened) {
        this.opened = record.at;
        // Older records were discarded.
        this.isPartial = record.kind !== 'opened';
      }
      this.isImap ||= (record.event ?? record.listener ?? '').startsWith('imap');
      ADD[record.kind]?.(this, record, microseconds(this.opened, record.at));
    }
    this.next = next;
  }

  get total() {
    return this.lines.length ? Math.max(this.latest, 0) : 0;
  }

  push(line) {
    line.index = this.lines.length;
    this.latest = Math.max(this.latest ?? 0, line.at);
    this.lines.push(line);
    return line;
  }

  event(record, at, text, { isProblem = false, rule = null, ...more } = {}) {
    return this.push({ side: 'event', who: '--', seq: record.seq, at, text, isBinary: false, from: 0, turn: null, isProblem, rule, ...more });
  }

  // How long after the lines before it a line came. A reply that left late stands before what came meanwhile.
  delay({ index, at }) {
    let before = index ? 0 : at;
    for (let i = Math.max(0, index - LOOK_BACK); i < index; i += 1) before = Math.max(before, this.lines[i].at);
    return Math.max(0, at - before);
  }
}

const ADD = {
  opened: (its, record, at) => its.event(record, at, `${record.peer} connected to ${record.listener} at ${record.local}`),
  proxied: (its, record, at) => its.event(record, at, record.source ? `A proxy connects for ${record.source} to ${record.destination}` : 'A proxy connects for a client that it does not name'),
  exchange: turn,
  part: turn,
  closed,
  secured: (its, record, at) => its.event(record, at, tls(record)),
  unsecured: (its, record, at) => its.event(record, at, `${record.after_handshake ? 'TLS failed after the handshake' : 'The TLS handshake failed'}: ${record.reason}`, { isProblem: true }),
  dropped: (its, record, at) => its.event(record, at, `${plural(record.octets, 'octet')} sent in cleartext after STARTTLS, discarded`, { isProblem: true }),
  executed: (its, record, at) => its.event(record, at, `${plural(record.octets, 'octet')} sent in cleartext after STARTTLS, executed under TLS`, { isProblem: true }),
  noted: (its, record, at) => its.event(record, at, `${NOTES[record.weight] ?? record.weight}: ${record.text}`, { isProblem: record.weight === 'failure', rule: record.rule }),
  ended,
};

function tls({ version, cipher, group, sni, certificate, resumed, alpn, client_certificate: client }) {
  const its = [
    version, cipher, group,
    sni ? `server name ${sni}` : 'no server name (SNI)',
    resumed ? 'resumed' : `certificate ${certificate}`,
    alpn && `ALPN ${alpn}`,
    client && `client certificate ${client.names.join(', ') || 'without a name'}${client.verified ? '' : ' (not verified)'}`,
  ];
  return `TLS: ${its.filter(Boolean).join(', ')}`;
}

const NOTES = { note: 'Note', state: 'Variable', failure: 'Failure' };

function turn(its, record, at) {
  const first = record.exchange === undefined ? null : its.exchanges.get(record.exchange);
  const said = fromApi(record.said, record.said_base64);
  const heard = fromApi(record.heard, record.heard_base64);
  const { event = first?.event ?? null, status, rules, captured, changes, octets, early, seq } = record;
  const turn = { seq, event, status, rules, captured, changes, octets, early, said, heard, labels: null, at, closedAt: null, left: null };
  turn.lines = [];
  // What is said about the answer, and takes its time.
  turn.after = [];
  if (first) first.turns.push(turn);
  else its.exchanges.set(record.exchange ?? seq, { event, turns: [turn] });
  request(its, turn, record, at, first);
  for (const { from, to, end } of linesOf(said.text)) {
    const line = { side: 'server', who: end ? 'S:' : 'S|', seq, at, text: said.text.slice(from, to), isBinary: said.isBinary, from, turn, isProblem: false };
    turn.lines.push(its.push(line));
  }
  const last = turn.lines.at(-1);
  if (last && status === 'negative') last.isProblem = last.isRefusal = true;
  const cut = (rules?.shaped ?? []).map(({ what, by }) => ({ by, found: CUT.exec(what) })).find(({ found }) => found);
  if (cut) {
    const [, left, of] = cut.found.map(Number);
    turn.after.push(its.event(record, at, `${left} of ${plural(of, 'octet')} left; ${of - left} never left`, { isProblem: true, rule: cut.by, turn, unsent: of - left }));
  }
  if (rules?.stalled) its.event(record, at, last ? 'The server sends nothing more in answer to this' : 'The server never answers this', { isProblem: true, rule: rules.stalled, turn });
  else if (rules?.fired.length && !last && !cut) its.event(record, at, 'A rule took part; nothing was sent', { rule: rules.fired[0].rule, turn });
}

function request(its, turn, record, at, first) {
  const { seq, event, octets, heard } = turn;
  const client = (more) => (turn.hasRequest = true) && its.push({ side: 'client', who: 'C:', seq, at, text: heard.text, isBinary: heard.isBinary, from: 0, turn, isProblem: false, ...more });
  if (first) {
    if (heard.text) client({});
  } else if (record.captured && /\.message$/.test(event ?? '')) {
    client({ text: `<${record.captured}>`, message: record.captured });
  } else if (octets !== null && octets !== undefined && /\.message$/.test(event ?? '')) {
    client({ text: `<${plural(octets, 'octet')}, not recorded>` });
  } else if (octets !== null && octets !== undefined) {
    client({ who: 'C|' });
    its.event(record, at, `That line had ${plural(octets, 'octet')}; the rest was not recorded`, { turn, isProblem: true });
  } else if (record.kind === 'exchange' && !UNASKED.test(event ?? '')) {
    client(heard.text.endsWith('\n') ? { who: 'C|' } : {});
  }
}

// The reply was sent, or how much of it. Its last line left then.
function closed(its, record, at) {
  const exchange = its.exchanges.get(record.exchange);
  if (!exchange) return;
  its.exchanges.delete(record.exchange);
  const last = exchange.turns.findLast(({ lines }) => lines.length);
  if (last) {
    last.closedAt = at;
    for (const line of [...last.lines, ...last.after]) line.at = at;
    its.latest = Math.max(its.latest, at);
  }
  if (record.of === undefined) return;
  const reply = { turns: exchange.turns, left: record.left, of: record.of };
  if (!spread(reply)) its.unplaced.push(reply);
  its.event(record, at, `${record.left} of ${plural(record.of, 'octet')} left; ${record.of - record.left} never left`, { isProblem: true, unsent: record.of - record.left });
}

// Notes for each turn where the octets begin that were not sent. Positions count octets of the wire: labels stand for theirs.
// False if the labels have to be known for that.
function spread({ turns, left, of }) {
  const wire = (turn, at) => (turn.labels ?? []).filter(({ side, to }) => side === 'said' && to <= at).reduce((sum, { from, to, octets }) => sum + octets.length - (to - from), at);
  const lengths = turns.map(({ said }) => lengthInOctets(said.text, said.isBinary));
  if (turns.reduce((sum, turn, i) => sum + wire(turn, lengths[i]), 0) !== of) return false;
  let before = 0;
  turns.forEach((turn, i) => {
    let at = 0;
    while (at < lengths[i] && before + wire(turn, at + 1) <= left) at += 1;
    // Of a label that left in part, nothing is shown as sent.
    const within = (turn.labels ?? []).find(({ side, from, to }) => side === 'said' && from <= at && at < to);
    if (at < lengths[i]) turn.left = within?.from ?? at;
    before += wire(turn, lengths[i]);
  });
  return true;
}

// The labels of a turn, from a record that was asked for with `labels=true`. Positions there count characters.
function labelsOf(record) {
  return (record.labels ?? []).map(({ side, at, octets, octets_base64: base64 }) => {
    const begin = (n) => lengthInOctets([...record[side]].slice(0, n).join(''), false);
    const content = fromApi(octets, base64);
    const [from, to] = at.map(begin);
    return { side, from, to, label: [...record[side]].slice(...at).join(''), octets: octetsOf(content.text, content.isBinary) };
  });
}

function ended(its, record, at) {
  const begun = fromApi(record.heard ?? '', record.heard_base64);
  if (begun.text) its.push({ side: 'client', who: 'C|', seq: record.seq, at, text: begun.text, isBinary: begun.isBinary, from: 0, turn: null, isProblem: true });
  if (record.unfinished) its.event(record, at, `${plural(record.unfinished, 'octet')} of an incomplete request ${record.unfinished === 1 ? 'was' : 'were'} lost`, { isProblem: true });
  its.event(record, at, endingWords(record.ending, its.isImap ? 'imap' : 'smtp'), { isProblem: isBadEnding(record.ending) });
  its.isEnded = true;
}

function* linesOf(text) {
  let from = 0;
  while (from < text.length) {
    const found = text.indexOf('\r\n', from);
    const to = found < 0 ? text.length : found;
    yield { from, to, end: found >= 0 };
    from = found < 0 ? to : to + 2;
  }
}

// The octets of a line, and what is to be marked in them: what rules wrote, what never left, labels.
export function marked(line) {
  const octets = octetsOf(line.text, line.isBinary);
  const { turn } = line;
  if (!turn || line.side === 'event') return { octets, marks: [] };
  const side = line.side === 'server' ? 'said' : 'heard';
  const begin = line.from === 0 ? 0 : lengthInOctets(turn[side].text.slice(0, line.from), turn[side].isBinary);
  const marks = [...line.text.matchAll(LABEL)].map(({ index, 0: { length } }) => {
    const from = begin + lengthInOctets(line.text.slice(0, index), line.isBinary);
    return { from, to: from + length, name: 'label' };
  });
  if (side === 'said') {
    for (const { from, to } of turn.rules?.written ?? []) marks.push({ from, to, name: 'written' });
    if (turn.left !== null) marks.push({ from: turn.left, to: Infinity, name: 'unsent' });
  }
  const here = marks.map(({ from, to, name }) => ({ from: Math.max(0, from - begin), to: to - begin, name }));
  return { octets, marks: here.filter(({ from, to }) => to > from && from < octets.length) };
}

// The rules that took part in a line: `{ rule, what }`.
export function rulesOf(line) {
  if (line.side === 'event') return line.rule ? [{ rule: line.rule, what: '' }] : [];
  const { turn } = line;
  if (!turn?.rules || line.side === 'client') return [];
  const its = new Map();
  const note = (rule, what) => its.set(rule, [its.get(rule), what].filter(Boolean).join(', '));
  if (line === turn.lines[0]) for (const { rule } of turn.rules.fired) note(rule, '');
  const { octets } = marked(line);
  const begin = lengthInOctets(turn.said.text.slice(0, line.from), turn.said.isBinary);
  for (const { from, to, by } of turn.rules.written) if (from < begin + octets.length && to > begin) note(by, WROTE);
  if (line === turn.lines.at(-1)) for (const { what, by } of turn.rules.shaped) note(by, what);
  return [...its].map(([rule, what]) => ({ rule, what }));
}

// ---- reads the records of a session in pieces, the first one small, and what comes later when it is told that there is more

const FIRST = 500;
const PIECE = 4000;

export class SessionReader {
  // `changed(lines)` is called after each piece; `failed(problem)` if one cannot be had.
  constructor(id, changed, failed) {
    Object.assign(this, { id, changed, failed });
    this.lines = new SessionLines();
    this.isReading = false;
    this.isStale = false;
    this.stopped = new AbortController();
    this.isComplete = false;
  }

  stop() {
    this.stopped.abort();
  }

  // Reads what there is after what was read.
  async read() {
    this.isStale = true;
    if (this.isReading) return;
    this.isReading = true;
    try {
      while (this.isStale) {
        this.isStale = false;
        await this.pieces();
      }
      await this.place();
      this.isComplete = true;
      this.changed(this.lines);
    } catch (error) {
      if (error.name !== 'AbortError') this.failed(error);
    } finally {
      this.isReading = false;
    }
  }

  // What the labels in a turn of the session stand for; none if its record was discarded.
  async labels(turn) {
    if (turn.labels) return turn.labels;
    const { records } = await this.#records({ after: turn.seq - 1, limit: 1, labels: true }) ?? { records: [] };
    turn.labels = records[0]?.seq === turn.seq ? labelsOf(records[0]) : [];
    return turn.labels;
  }

  // Finds out what left of replies that have labels.
  async place() {
    for (const reply of this.lines.unplaced.splice(0)) {
      await Promise.all(reply.turns.map((turn) => this.labels(turn)));
      spread(reply);
    }
  }

  async pieces() {
    for (;;) {
      const limit = this.lines.next ? PIECE : FIRST;
      const answer = await this.#records({ after: this.lines.next || null, limit });
      if (!answer) {
        this.lines = new SessionLines();
        continue;
      }
      this.lines.add(answer);
      if (answer.records.length < limit) return;
      this.changed(this.lines);
    }
  }

  // Null if records after this cursor were discarded, or the journal began again.
  async #records(query) {
    try {
      return await api.get('journal', { session: this.id, ...query }, { signal: this.stopped.signal });
    } catch (error) {
      if (error.status === 410 && query.after) return null;
      throw error;
    }
  }
}

// ---- protocols and endings

const PROTOCOLS = { smtp: ['smtp', 'submission', 'smtps', 'lmtp'], imap: ['imap', 'imaps'], pop3: ['pop3', 'pop3s'] };
export const protocolOf = (listener) => Object.keys(PROTOCOLS).find((name) => PROTOCOLS[name].includes(listener)) ?? 'smtp';

// The listeners that a value of the filter means: a protocol, such as `imap.*`, or one listener.
export const listenersOf = (value) => (value.endsWith('.*') ? (PROTOCOLS[value.slice(0, -2)] ?? []) : [value]);

const ENDINGS = {
  clean: 'Ended normally',
  'client-closed': 'The client closed the connection without QUIT',
  broken: 'The connection broke',
  idle: 'The client was silent for too long',
  'not-reading': 'The client did not read for too long',
  'tls-failed': 'Ended: TLS failed',
  'proxy-failed': 'Ended: the header of the PROXY protocol was missing or not valid',
  'server-stopped': 'The server stopped',
  kicked: 'Ended over HTTP or by a rule',
  ruled: 'Ended by a rule',
  bug: 'Ended by a bug of mailjig',
};
const SHORT = { 'client-closed': 'no QUIT', broken: 'broke', idle: 'silent', 'not-reading': 'not reading', 'tls-failed': 'TLS failed', 'proxy-failed': 'no PROXY header', 'server-stopped': 'server stopped', kicked: 'kicked', ruled: 'ended by rule', bug: 'bug' };
// Others are usual, or somebody wanted them.
export const BAD_ENDINGS = ['broken', 'idle', 'not-reading', 'tls-failed', 'proxy-failed', 'bug'];

const named = (text, listener) => (listener.startsWith('imap') ? text.replace('QUIT', 'LOGOUT') : text);

export const endingWords = (ending, listener) => named(ENDINGS[ending] ?? ending, listener);
export const shortEnding = (ending, listener) => named(SHORT[ending] ?? ending, listener);
export const isBadEnding = (ending) => BAD_ENDINGS.includes(ending);

// What the client had begun to send when the session ended, or null. What came instead of a handshake is no request.
export function incomplete({ ended }) {
  if (!ended?.unfinished || ended.ending === 'tls-failed') return null;
  return ended.unfinished.within === 'DATA' ? 'message incomplete' : 'request incomplete';
}

export const endedBadly = (session) => session.ended !== null && (isBadEnding(session.ended.ending) || incomplete(session) !== null);
