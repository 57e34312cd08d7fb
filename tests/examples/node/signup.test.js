'use strict';
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { createTransport } = require('nodemailer');
const { ImapFlow } = require('imapflow');

const base = process.env.MAILJIG_URL; // `mailjig run` sets it

async function call(method, url, body) {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
    const json = await answer.json();
    assert.ok(answer.ok, json.detail); // what failed, and what came closest
    return json;
}

/** A server of its own for a test; when the test ends, it is verified and removed. */
async function mailServer(t, options = {}) {
    const { id, endpoints } = await call('POST', `${base}/v1/servers`, options);
    const url = `${base}/v1/servers/${id}`;
    t.after(() => call('DELETE', url));
    return { url, host: new URL(base).hostname, smtp: endpoints.smtp.port, imap: endpoints.imap.port };
}

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
    const { url, host, smtp } = await mailServer(t);

    await signUp(host, smtp, 'bob@example.org');

    const { messages } = await call('GET', `${url}/messages?to=bob@example.org&subject=Welcome&wait=5s`);
    const links = await call('GET', `${url}/messages/${messages[0].id}/links`);
    assert.deepEqual(links, ['https://app.example.org/confirm?code=1234']);
});

test('a busy server is asked again', async t => {
    const { host, smtp } = await mailServer(t, { scenario: 'smtp-greylist' });

    await signUp(host, smtp, 'bob@example.org');
});

test('bob reads the mail', async t => {
    const auth = { user: 'bob@example.org', pass: 'secret' };
    const { host, smtp, imap } = await mailServer(t, { accounts: [{ login: auth.user, password: auth.pass }] });

    await signUp(host, smtp, 'bob@example.org');

    const client = new ImapFlow({ host, port: imap, doSTARTTLS: false, auth, logger: false });
    await client.connect();
    await client.mailboxOpen('INBOX');
    assert.deepEqual(await client.search({ subject: 'Welcome' }), [1]);
    await client.logout();
});
