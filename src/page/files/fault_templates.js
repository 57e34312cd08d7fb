// Common faults, each as a small form that makes a rule.

const text = (name, label, value, hint) => ({ name, label, value, hint });
const number = (name, label, value, min = 1) => ({ name, label, value: String(value), min });
const choice = (name, label, options) => ({ name, label, options, value: options[0][0] });

const TIMES = number('times', 'The first … times (0: always)', 0, 0);
const times = (values) => (Number(values.times) > 0 ? { times: Number(values.times) } : {});

const EVENTS = [
  ['smtp.message', 'SMTP: reply to the message'],
  ['smtp.rcpt', 'SMTP: reply to RCPT'],
  ['smtp.mail', 'SMTP: reply to MAIL'],
  ['smtp.data', 'SMTP: reply to DATA'],
  ['smtp.caps', 'SMTP: reply to EHLO'],
  ['smtp.quit', 'SMTP: reply to QUIT'],
  ['*.greeting', 'any protocol: greeting'],
  ['*.auth', 'any protocol: reply to a login'],
  ['imap.select', 'IMAP: response to SELECT'],
  ['imap.fetch', 'IMAP: response to FETCH'],
  ['imap.search', 'IMAP: response to SEARCH'],
  ['imap.idle', 'IMAP: response to IDLE'],
  ['imap.push', 'IMAP: news during IDLE'],
  ['pop3.list', 'POP3: reply to LIST'],
  ['pop3.retr', 'POP3: reply to RETR'],
];
const event = () => choice('on', 'At', EVENTS);

const WRONG = {
  smtp: '535 5.7.8 Authentication credentials invalid',
  imap: 'NO [AUTHENTICATIONFAILED] Invalid credentials',
  pop3: '-ERR [AUTH] Invalid credentials',
};

// `make(values)` gives the rule. `values` has a text for each field.
export const FAULTS = [
  {
    name: 'refuse-recipient',
    title: 'Refuse a recipient',
    about: 'The server refuses RCPT for these recipients, and accepts the others.',
    fields: [
      text('rcpt', 'Recipients', '*@full.example', 'an address, or a pattern with *'),
      choice('reply', 'Reply', [['452 4.2.2 Mailbox full', '452 mailbox full (temporary)'], ['550 5.1.1 No such user', '550 no such user (permanent)'], ['451 4.7.1 Try again later', '451 try again later (temporary)']]),
      TIMES,
    ],
    make: (v) => ({ on: 'smtp.rcpt', when: { rcpt: v.rcpt }, ...times(v), do: { reply: v.reply } }),
  },
  {
    name: 'refuse-message',
    title: 'Refuse a message',
    about: 'The server takes the message and refuses it at its end.',
    fields: [
      text('subject', 'Subject', '*', 'a text, or a pattern with *'),
      choice('reply', 'Reply', [['554 5.7.1 Rejected as spam', '554 rejected as spam (permanent)'], ['552 5.3.4 Message too big', '552 too big (permanent)'], ['452 4.3.1 Insufficient storage', '452 insufficient storage (temporary)']]),
      TIMES,
    ],
    make: (v) => ({ on: 'smtp.message', ...(v.subject === '*' ? {} : { when: { subject: v.subject } }), ...times(v), do: { reply: v.reply } }),
  },
  {
    name: 'greylist',
    title: 'Greylist',
    about: 'The server refuses the first attempts for each client, sender and recipient, and accepts those that come later.',
    fields: [number('times', 'Refused attempts', 1), text('reply', 'Reply', '451 4.7.1 Greylisted, try again later')],
    make: (v) => ({ on: 'smtp.rcpt', per: '{ip} {from} {rcpt}', ...times(v), do: { reply: v.reply } }),
  },
  {
    name: 'refuse-for-a-while',
    title: 'Refuse for a while',
    about: 'The server refuses mail from the first attempt on until this much time has passed by its clock.',
    fields: [text('wait', 'Accept again after', '1m', 'such as 30s or 5m; the clock can be advanced'), text('reply', 'Reply', '451 4.3.2 Try again later')],
    make: (v) => ({ on: 'smtp.mail', when: { since: { first: `<${v.wait}` } }, do: { reply: v.reply } }),
  },
  {
    name: 'delay',
    title: 'Delay a reply',
    about: 'The server executes the command at once, and answers later.',
    fields: [event(), text('wait', 'Wait', '5s', 'such as 500ms, 5s or 2m'), TIMES],
    make: (v) => ({ on: v.on, ...times(v), do: [{ wait: v.wait }, { pass: true }] }),
  },
  {
    name: 'cut',
    title: 'Cut the connection in the middle of a reply',
    about: 'The server executes the command, sends the beginning of its reply, and ends the connection.',
    fields: [event(), number('at', 'After … octets', 9), choice('close', 'By', [['rst', 'reset (RST)'], ['fin', 'close (FIN)']]), TIMES],
    make: (v) => ({ on: v.on, ...times(v), do: [{ cut: { at: Number(v.at), close: v.close } }, { pass: true }] }),
  },
  {
    name: 'drop-after',
    title: 'Drop the connection after n messages',
    about: 'The server ends a connection that has sent this many messages with 421 at the next MAIL.',
    fields: [number('n', 'Messages', 3), text('reply', 'Reply', '421 4.7.0 Too many messages in this session')],
    make: (v) => ({ on: 'smtp.mail', when: { sent: `>=${v.n}` }, do: [{ reply: v.reply }, { close: 'fin' }] }),
  },
  {
    name: 'wrong-password',
    title: 'Wrong password',
    about: 'The server refuses the login of these users, whatever their password is.',
    fields: [choice('protocol', 'Protocol', [['smtp', 'SMTP'], ['imap', 'IMAP'], ['pop3', 'POP3']]), text('user', 'Users', '*', 'a login, or a pattern with *'), TIMES],
    make: (v) => ({ on: `${v.protocol}.auth`, when: { user: v.user }, ...times(v), do: { reply: WRONG[v.protocol] } }),
  },
  {
    name: 'stall',
    title: 'Never answer',
    about: 'The server stays silent: a client without a time limit hangs.',
    fields: [event(), choice('stall', 'Silent', [['reply', 'for this command'], ['conn', 'from then on']]), TIMES],
    make: (v) => ({ on: v.on, ...times(v), do: { stall: v.stall } }),
  },
  {
    name: 'slow',
    title: 'Slow network',
    about: 'The server sends its output in small pieces.',
    fields: [choice('on', 'In', [['smtp.*', 'SMTP'], ['imap.*', 'IMAP'], ['pop3.*', 'POP3']]), number('chunk', 'Octets at a time', 1), text('gap', 'Every', '50ms', 'such as 50ms or 1s')],
    make: (v) => ({ on: v.on, do: { pace: { chunk: Number(v.chunk), gap: v.gap } } }),
  },
  {
    name: 'flaky',
    title: 'Fail now and then',
    about: 'The server refuses some of the messages, the same ones in every run with the same seed.',
    fields: [text('chance', 'Probability', '0.2', 'between 0 and 1'), text('reply', 'Reply', '451 4.3.0 Temporary failure')],
    make: (v) => ({ on: 'smtp.message', chance: Number(v.chance), do: { reply: v.reply } }),
  },
  {
    name: 'refuse-connection',
    title: 'Refuse connections',
    about: 'The server resets connections as soon as they are made.',
    fields: [number('times', 'The first … connections (0: all)', 2, 0)],
    make: (v) => ({ on: 'tcp.accept', ...times(v), do: { close: 'rst' } }),
  },
  {
    name: 'lose-message',
    title: 'Lose a message',
    about: 'The server accepts the message with 250, and delivers it to nobody.',
    fields: [text('rcpt', 'Recipients', '*', 'an address, or a pattern with *'), TIMES],
    make: (v) => ({ on: 'smtp.message', ...(v.rcpt === '*' ? {} : { when: { rcpt: v.rcpt } }), ...times(v), do: { deliver: false } }),
  },
  {
    name: 'expired-certificate',
    title: 'Expired certificate',
    about: 'The server presents an expired certificate. A careful client ends the handshake.',
    fields: [TIMES],
    make: (v) => ({ on: 'tls.hello', ...times(v), do: { tls: { cert: 'expired' } } }),
  },
];
