// The protocol of a session; how it ended, in words, and whether that is a problem.

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
  'tls-failed': 'Ended: the TLS handshake failed',
  'server-stopped': 'The server stopped',
  kicked: 'Ended over HTTP or by a rule',
  ruled: 'Ended by a rule',
  bug: 'Ended by a bug of mailjig',
};
const SHORT = { 'client-closed': 'no QUIT', broken: 'broke', idle: 'silent', 'not-reading': 'not reading', 'tls-failed': 'TLS failed', 'server-stopped': 'server stopped', kicked: 'kicked', ruled: 'ended by rule', bug: 'bug' };
// Others are usual, or somebody wanted them.
export const BAD_ENDINGS = ['broken', 'idle', 'not-reading', 'tls-failed', 'bug'];

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
