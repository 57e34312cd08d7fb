// The text of the search field as filters of the API. `to:*@example.org subject:"Your code" welcome` are two filters and a
// word; quotes keep blanks.

// The fields, with what each searches and an example. The names are those of the API.
export const FIELDS = {
  to: ['a recipient in the envelope', 'to:*@example.org'],
  from: ['the sender in the envelope', 'from:!*@example.org'],
  subject: ['the subject', 'subject:~^Re:'],
  body: ['the text; also a part of it', 'body:"confirm your address"'],
  attachment: ['the file name of an attachment', 'attachment:*.pdf'],
  header: ['a header field', 'header:X-Campaign=7'],
  user: ['the login of the session', 'user:ann@example.org'],
  listener: ['the listener that received it', 'listener:smtp'],
};

// What stands between blanks: `{ text, name, value }`. `name` is null for a word.
export function tokens(text) {
  return (text.match(/(?:[^\s"]|"(?:\\.|[^"\\])*"?)+/g) ?? []).map((token) => {
    const [, name, rest] = /^([a-z]+):([^]*)$/.exec(token) ?? [];
    return name in FIELDS ? { text: token, name, value: unquoted(rest) } : { text: token, name: null, value: unquoted(token) };
  });
}

function unquoted(text) {
  return text.replace(/"((?:\\.|[^"\\])*)"?/g, (_, inside) => inside.replace(/\\(["\\])/g, '$1'));
}

// The parameters for the API. A field that is given twice stays so: the API says that it may occur only once.
export function filters(text) {
  const query = {};
  const words = [];
  for (const { name, value } of tokens(text)) {
    if (!name) words.push(value);
    // A field without a value is not finished yet.
    else if (value) (query[name] ??= []).push(name === 'header' ? value.replace(/^([^=:\s]+)=/, '$1:') : value);
  }
  if (words.length) query.search = [words.join(' ')];
  return query;
}

// Words that look like a field which does not exist, such as `form:ann`.
export function unknownFields(text) {
  const looks = tokens(text).map(({ name, text: token }) => !name && /^([a-z-]+):(?!\/\/)./i.exec(token)?.[1]);
  return looks.filter(Boolean);
}

// The text without one token.
export function without(text, index) {
  return tokens(text).filter((_, its) => its !== index).map((token) => token.text).join(' ');
}
