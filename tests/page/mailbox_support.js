// What the tests of the mailboxes share: mail, clients, and rows of the list.
'use strict';
const { once } = require('node:events');
const { ImapFlow } = require('imapflow');
const { newServer, test, WITHIN } = require('./support.js');

const BOB = 'bob@example.org';
const box = (name, login = BOB) => `accounts/${encodeURIComponent(login)}/mailboxes/${encodeURIComponent(name)}`;
const view = (server, ...segments) => [`${server.page}/mailboxes`, ...segments.map(encodeURIComponent)].join('/');
const message = subject => `From: Ann <ann@example.org>\r\nSubject: ${subject}\r\n\r\nHello.\r\n`;

// A server whose INBOX has entries with these subjects.
async function withMail(...subjects) {
    const server = await newServer();
    await server.put(box('INBOX'), {});
    for (const subject of subjects) await server.post(box('INBOX'), { raw: message(subject) });
    return server;
}

// A client of a test that failed would keep the script alive.
const clients = [];
test.after(() => clients.forEach(its => its.close()));

// A client that has selected the mailbox, in IDLE if `idle` says so.
async function client(server, { mailbox = 'INBOX', idle = true, login = BOB } = {}) {
    const { host, port } = server.endpoints.imap;
    const its = new ImapFlow({ host, port, secure: false, doSTARTTLS: false, auth: { user: login, pass: 'any' }, logger: false, disableAutoIdle: true });
    its.on('error', () => {});
    clients.push(its);
    await its.connect();
    await its.mailboxOpen(mailbox);
    if (!idle) return its;
    its.idle().catch(() => {});
    await server.get('sessions?idling=true&wait=10s');
    return its;
}

const within = async (client, event) => (await once(client, event, { signal: AbortSignal.timeout(WITHIN) }))[0];
const entry = (page, uid) => page.locator('#entries .row').filter({ has: page.locator('.uid', { hasText: new RegExp(`^${uid}$`) }) });

// Says yes to the question whether to expunge.
async function expunge(page, question) {
    const dialog = page.getByRole('dialog', { name: question });
    await dialog.getByRole('button', { name: 'Expunge' }).click();
    await dialog.waitFor({ state: 'hidden' });
}

async function open(page, url) {
    await page.goto(url);
    await page.getByText('live', { exact: true }).waitFor();
}

module.exports = { BOB, box, view, message, withMail, client, within, entry, expunge, open };
