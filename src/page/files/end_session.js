// Asks with which reply a session ends.

import { $, h, fill } from './dom.js';
import { protocolOf } from './session_filters.js';

const REPLIES = {
  smtp: ['421 4.3.2 Service shutting down', '421 4.4.2 Connection timed out'],
  imap: ['* BYE Server shutting down', '* BYE [UNAVAILABLE] Try again later'],
  pop3: ['-ERR [SYS/TEMP] Server shutting down', '-ERR [IN-USE] Try again later'],
};

// The reply, `''` for none, or null if the session is to go on.
export function askHowToEnd(id, listener) {
  const dialog = $('#end-session');
  const field = $('#end-reply');
  $('h2', dialog).textContent = `End session ${id}`;
  const [usual] = REPLIES[protocolOf(listener)];
  field.value = usual;
  fill($('#end-replies'), [...REPLIES[protocolOf(listener)], ''].map((reply) => h('button.quiet', { type: 'button', onclick: () => ((field.value = reply), field.focus()) }, reply || 'no reply')));
  dialog.returnValue = 'no';
  dialog.showModal();
  field.select();
  return new Promise((resolve) => dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes' ? field.value : null), { once: true }));
}
