'use strict';
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { createTransport } = require('nodemailer');
const { ImapFlow } = require('imapflow');
const { mailServer } = require('./mailserver.js');

/** The code under test: sends a link, and tries again if the server refuses for now. */
async function signUp(host, port, address) {
    const transport = createTransport({ host, port, ignoreTLS: true });
    const text = 'Confirm at https://app.example.org/confirm?code=1234';
    for (let left = 3; ; ) {
        try {
            return await transport.sendMail({ from: 'app@example.org', to: address, subject: 'Welcome', text });
        } catch (error) {
            if (error.responseCode >= 500 || --left === 0) throw error;
        }
    }
}

test('the mail has a link', async t => {
    const server = await mailServer(t);

    await signUp(server.host, server.smtp, 'bob@example.org');

    const { messages } = await server.get('/messages?to=bob@example.org&subject=Welcome&wait=5s');
    const links = await server.get(`/messages/${messages[0].id}/links`);
    assert.deepEqual(links, ['https://app.example.org/confirm?code=1234']);
});

test('a busy server is asked again', async t => {
    const server = await mailServer(t, { scenario: 'smtp-greylist' });

    await signUp(server.host, server.smtp, 'bob@example.org');
});

test('bob reads the mail', async t => {
    const auth = { user: 'bob@example.org', pass: 'secret' };
    const server = await mailServer(t, { accounts: [{ login: auth.user, password: auth.pass }] });

    await signUp(server.host, server.smtp, 'bob@example.org');

    const client = new ImapFlow({ host: server.host, port: server.imap, doSTARTTLS: false, auth, logger: false });
    await client.connect();
    await client.mailboxOpen('INBOX');
    assert.deepEqual(await client.search({ subject: 'Welcome' }), [1]);
    await client.logout();
});
