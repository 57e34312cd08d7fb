// Sizes and times as text.

export function octets(n) {
  if (n < 1000) return `${n} B`;
  for (const unit of ['kB', 'MB', 'GB']) {
    n /= 1000;
    if (n < 999.5) return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${unit}`;
  }
  return `${Math.round(n / 1000)} TB`;
}

// The time of day with seconds, and the date if it is not today.
export function clockTime(at, { millis = false } = {}) {
  const date = new Date(at);
  const time = date.toLocaleTimeString('en-GB', { hour12: false });
  const text = millis ? `${time}.${String(date.getMilliseconds()).padStart(3, '0')}` : time;
  return date.toDateString() === new Date().toDateString() ? text : `${date.toLocaleDateString('en-CA')} ${text}`;
}

// Microseconds between two timestamps of the server, which have more digits than a Date keeps.
export function microseconds(from, to) {
  return micros(to) - micros(from);
}

function micros(at) {
  const fraction = /\.(\d+)/.exec(at)?.[1] ?? '';
  return Math.floor(Date.parse(at) / 1000) * 1_000_000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}

// A duration in microseconds: `850 µs`, `12.3 ms`, `4.1 s`, `2 min 5 s`.
export function duration(us) {
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1_000_000) return `${(us / 1000).toFixed(us < 10_000 ? 1 : 0)} ms`;
  if (us < 60_000_000) return `${(us / 1_000_000).toFixed(us < 10_000_000 ? 1 : 0)} s`;
  const seconds = Math.round(us / 1_000_000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

export const plural = (n, one, many = `${one}s`) => `${n.toLocaleString('en')} ${n === 1 ? one : many}`;

// An address as people write it.
export const person = ({ name, address }) => name || address;
export const mailbox = ({ name, address }) => (name ? `${name} <${address}>` : address);
