// Octets as text in which nothing hides: control characters, characters that are not seen or change the direction, and octets
// that are not UTF-8 are written out, as in transcripts.

const NAMED = { 9: '\\t', 10: '\\n', 13: '\\r' };
// Controls, formats (also directions and zero widths), line separators, private use.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/u;
const PLAIN = /^[\x20-\x7e]*$/;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const isPlain = (text) => PLAIN.test(text);

// A text of the API: text, and in base64 if it is not UTF-8. Such octets become a string with a character for each.
export function fromApi(text, base64) {
  return base64 === undefined ? { text, isBinary: false } : { text: atob(base64), isBinary: true };
}

// The octets of a text; `isBinary` as above.
export function octetsOf(text, isBinary) {
  return isBinary ? Uint8Array.from(text, (c) => c.charCodeAt(0)) : encoder.encode(text);
}

export function lengthInOctets(text, isBinary) {
  return isBinary || isPlain(text) ? text.length : encoder.encode(text).length;
}

// Pieces `{ text, names }` of the octets. `marks` are `{ from, to, name }` by position; a piece has the names of the marks that
// cover it, and `escape` if it stands for something else. At most about `limit` octets are read; `rest` is the number of others.
export function pieces(octets, marks = [], limit = Infinity) {
  const end = Math.min(octets.length, limit);
  const out = [];
  let last = null;
  const edges = [...new Set(marks.flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b);
  let names = namesAt(marks, 0);
  let edge = edges.findIndex((its) => its > 0);
  let at = 0;
  while (at < end) {
    if (edge >= 0 && edge < edges.length && at >= edges[edge]) {
      while (edge < edges.length && edges[edge] <= at) edge += 1;
      names = namesAt(marks, at);
      last = null;
    }
    const { text, length, isEscape } = character(octets, at);
    if (!last || last.isEscape !== isEscape) {
      last = { text: '', names: isEscape ? [...names, 'escape'] : names, isEscape };
      out.push(last);
    }
    last.text += text;
    at += length;
  }
  return { pieces: out, rest: Math.max(0, octets.length - at) };
}

const namesAt = (marks, at) => marks.filter(({ from, to }) => from <= at && at < to).map(({ name }) => name);

function character(octets, at) {
  const first = octets[at];
  if (first >= 0x20 && first < 0x7f) return { text: String.fromCharCode(first), length: 1, isEscape: false };
  if (first < 0x80) return { text: NAMED[first] ?? hex(first), length: 1, isEscape: true };
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  let text;
  try {
    text = decoder.decode(octets.subarray(at, at + length));
  } catch {
    return { text: hex(first), length: 1, isEscape: true };
  }
  if (UNSEEN.test(text)) return { text: `\\u{${text.codePointAt(0).toString(16)}}`, length, isEscape: true };
  return { text, length, isEscape: false };
}

const hex = (octet) => `\\x${octet.toString(16).padStart(2, '0')}`;

// Octets of a message as text: ends of lines and tabs stay.
export function readable(octets, limit) {
  const written = ({ text, isEscape }) => (isEscape ? text.replace(/(\\r)?\\n/g, '\n').replaceAll('\\t', '\t') : text);
  return pieces(octets, [], limit).pieces.map(written).join('');
}

// The text on one line, for names and titles.
export function visible(text) {
  return isPlain(text) ? text : pieces(encoder.encode(text)).pieces.map((piece) => piece.text).join('');
}
