// TOML as the page writes it, and the parts of a scenario's text.

// Text as a string of TOML; as a literal one if that needs no escapes.
function tomlString(text) {
  const isPlain = /^[^\x00-\x1f\x7f"\\]*$/.test(text);
  if (isPlain) return `"${text}"`;
  if (/^[^\x00-\x08\x0a-\x1f\x7f']*$/.test(text)) return `'${text}'`;
  // JSON's escapes are TOML's, and DEL needs one in TOML only.
  return JSON.stringify(text).replaceAll('\x7f', '\\u007f');
}

const key = (name) => (/^[A-Za-z0-9_-]+$/.test(name) ? name : tomlString(name));

// A value on one line.
export function tomlValue(value) {
  if (typeof value === 'string') return tomlString(value);
  if (Array.isArray(value)) return `[${value.map(tomlValue).join(', ')}]`;
  if (value !== null && typeof value === 'object') return `{ ${entries(value)} }`;
  return String(value);
}

const entries = (table) => Object.entries(table).map(([name, value]) => `${key(name)} = ${tomlValue(value)}`).join(', ');

// A step without its braces, such as `wait = "1s"`, with `after` behind it.
export function tomlStep({ after, ...step }) {
  return entries(after === undefined ? step : { ...step, after });
}

const KEYS = ['id', 'on', 'when', 'times', 'nth', 'per', 'chance', 'do', 'expect'];

// A rule as a `[[rule]]`.
export function tomlRule(rule) {
  const lines = KEYS.filter((name) => rule[name] !== undefined).map((name) => {
    if (name !== 'do' || !Array.isArray(rule.do) || rule.do.length < 2) return `${name} = ${tomlValue(rule[name])}`;
    return `do = [\n${rule.do.map((step) => `  { ${tomlStep(step)} },\n`).join('')}]`;
  });
  return `[[rule]]\n${lines.join('\n')}\n`;
}

// The tables of a scenario's text, in order: `{ name, text }`, the first one without a name. Brackets in strings of several
// lines begin no table.
function tables(text) {
  const found = [{ name: '', text: '' }];
  let end = null;
  for (const line of text.split('\n')) {
    const header = end ? null : /^\s*\[\[?\s*([^\]]+?)\s*\]/.exec(line);
    if (header) found.push({ name: header[1], text: '' });
    found.at(-1).text += `${line}\n`;
    end = stringEnd(line, end);
  }
  return found;
}

// The quotes of the string that is still open at the end of a line.
function stringEnd(line, open) {
  let end = open;
  for (let at = 0; at < line.length; ) {
    const three = line.slice(at, at + 3);
    if (end) {
      if (end === '"""' && line[at] === '\\') at += 2;
      else if (three === end) {
        end = null;
        at += 3;
      } else at += 1;
    } else if (line[at] === '#') return null;
    else if (three === '"""' || three === "'''") {
      end = three;
      at += 3;
    } else if (line[at] === '"' || line[at] === "'") at = afterString(line, at);
    else at += 1;
  }
  return end;
}

// Where a string of one line ends.
function afterString(line, from) {
  let at = from + 1;
  while (at < line.length && line[at] !== line[from]) at += line[from] === '"' && line[at] === '\\' ? 2 : 1;
  return at + 1;
}

// What of a scenario a rule alone does not bring, with what it is called.
const MATTERS = [
  ['server', 'settings of the server'],
  ['tls', 'settings of TLS'],
  ['user', 'accounts'],
  ['mailbox', 'mailboxes'],
  ['message', 'messages'],
  ['state', 'initial values of variables'],
];
const TOP = [
  [/^use\s*=/m, 'other scenarios'],
  [/^clock\s*=\s*["']manual/m, 'a clock that stands still'],
];

// The rules of a scenario, the outermost first, with the values of its parameters; or, in `whyNot`, what else the scenario
// has that they need. `leavesOut` says whether it has expectations of its own.
export function rulesOf(text, params) {
  const all = tables(text);
  const names = all.map(({ name }) => name.split('.')[0].trim());
  const needs = MATTERS.filter(([name]) => names.includes(name)).map(([, what]) => what);
  needs.push(...TOP.filter(([pattern]) => pattern.test(all[0].text)).map(([, what]) => what));
  const rules = [];
  for (const [index, { text: its }] of all.entries()) {
    if (names[index] === 'rule') rules.push(all[index].name === 'rule' ? its : rules.pop() + its);
  }
  const given = rules.map((rule) => rule.replace(/\{param\.([\w-]+)\}/g, (whole, name) => params[name] ?? whole));
  if (given.some((rule) => /\{param\./.test(rule))) needs.push('parameters with filters');
  if (!rules.length) needs.push('no rules');
  return { rules: given, whyNot: needs, leavesOut: names.includes('expect') };
}
