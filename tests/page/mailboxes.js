// The mailboxes: accounts, mailboxes and entries, changed under connected clients.
'use strict';
const { once } = require('node:events');
const { execFile } = require('node:child_process');
const { ImapFlow } = require('imapflow');
const { test, assert, newServer, inBrowser, accessible, WITHIN } = require('./support.js');

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

// A client that has selected the mailbox, in IDLE if `idle` says so.
async function client(server, { mailbox = 'INBOX', idle = true, login = BOB } = {}) {
    const { host, port } = server.endpoints.imap;
    const its = new ImapFlow({ host, port, secure: false, doSTARTTLS: false, auth: { user: login, pass: 'any' }, logger: false, disableAutoIdle: true });
    its.on('error', () => {});
    await its.connect();
    await its.mailboxOpen(mailbox);
    if (!idle) return its;
    its.idle().catch(() => {});
    await server.get('sessions?idling=true&wait=10s');
    return its;
}

const within = async (client, event) => (await once(client, event, { signal: AbortSignal.timeout(WITHIN) }))[0];
const entry = (page, uid) => page.locator('#entries .row').filter({ has: page.locator('.uid', { hasText: new RegExp(`^${uid}$`) }) });

async function open(page, url) {
    await page.goto(url);
    await page.getByText('live', { exact: true }).waitFor();
}

test('without accounts, the page says how to get one', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        await open(page, view(server));
        await page.getByText('No accounts yet').waitFor();
        await page.getByText(`swaks --server ${server.endpoints.smtp.host}:${server.endpoints.smtp.port}`).waitFor();
        await accessible(page);

        await server.send({ to: BOB, subject: 'hello', text: 'hi' });
        await page.getByRole('option', { name: BOB }).waitFor();
        await page.getByRole('option', { name: /INBOX.*1/ }).click();
        await page.waitForURL(view(server, BOB, 'INBOX'));
        await entry(page, 1).getByText('hello').waitFor();
    });
});

test('a flag that is set on the page is seen by a client in IDLE, and the push is seen on the page', async () => {
    const server = await withMail('one', 'two', 'three');
    const idling = await client(server);
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX'));
        await page.locator('.client', { hasText: 'in IDLE' }).waitFor();
        await accessible(page);
        const flagged = within(idling, 'flags');
        await entry(page, 2).click();
        await page.keyboard.press('f');

        const { uid, flags } = await flagged;
        assert.ok(flags.has('\\Flagged'), [...flags]);
        assert.equal(uid, 2);
        await entry(page, 2).locator('.flag.on', { hasText: 'F' }).waitFor();
        const push = page.locator('.push', { hasText: '* 2 FETCH (UID 2 FLAGS (\\Flagged' });
        await push.waitFor();
        assert.equal(await push.getByRole('link', { name: 's1' }).getAttribute('href'), `/servers/${server.id}/sessions/s1`);
        await accessible(page);
    }, { expected: [404] });
    idling.close();
});

test('a message that is put in on the page is seen by a client in IDLE', async () => {
    const server = await withMail('one');
    const idling = await client(server);
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX'));
        await entry(page, 1).waitFor();
        const exists = within(idling, 'exists');
        await page.getByRole('button', { name: 'Put a message in…' }).click();
        const form = page.getByRole('dialog', { name: 'Put a message in' });
        await form.getByLabel('Flags').fill('\\Sen');
        await accessible(page);
        await form.getByRole('button', { name: 'Put in', exact: true }).click();
        await form.getByText('\\Seen').waitFor();
        await form.getByLabel('Flags').fill('\\Seen, blue');
        await form.getByLabel('Date').fill('2026-01-01T12:00:00Z');
        await form.locator('textarea').fill('Subject: by hand\n\nHello.\n');
        await form.getByRole('button', { name: 'Put in', exact: true }).click();

        assert.equal((await exists).count, 2);
        await page.locator('.push', { hasText: '* 2 EXISTS' }).waitFor();
        await page.waitForURL(view(server, BOB, 'INBOX', '2'));
        await page.locator('#entry').getByText('by hand').waitFor();
        await page.locator('#entry').getByRole('button', { name: 'blue', pressed: true }).waitFor();
        const { entries } = await server.get(box('INBOX'));
        assert.deepEqual([entries[1].flags, entries[1].date.slice(0, 19)], [['\\Seen', 'blue'], '2026-01-01T12:00:00']);
        assert.equal(await (await fetch(`${server.api}/${box('INBOX')}/2/raw`)).text(), 'Subject: by hand\r\n\r\nHello.\r\n');
    }, { expected: [404, 422] });
    idling.close();
});

test('a file is put in as it is', async () => {
    const server = await withMail();
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX'));
        await page.getByText('No entries').waitFor();
        await page.keyboard.press('n');
        const raw = Buffer.from('Subject: octets\n\n\xff\x00\r', 'latin1');
        await page.locator('input[type=file]').setInputFiles({ name: 'x.eml', mimeType: 'message/rfc822', buffer: raw });
        await page.getByRole('button', { name: 'Put in', exact: true }).click();

        await entry(page, 1).waitFor();
        const octets = await (await fetch(`${server.api}/${box('INBOX')}/1/raw`)).arrayBuffer();
        assert.deepEqual(Buffer.from(octets), raw);
        const download = page.waitForEvent('download');
        await page.getByRole('link', { name: 'Download .eml' }).click();
        assert.match((await download).suggestedFilename(), /^m\d+\.eml$/);
    }, { expected: [404] });
});

test('what is expunged on the page is gone for a client in IDLE', async () => {
    const server = await withMail('one', 'two', 'three', 'four');
    await server.patch(`${box('INBOX')}/4`, { add: ['\\Deleted'] });
    const idling = await client(server);
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX'));
        await entry(page, 2).locator('.check').click();
        await entry(page, 1).locator('.check').click();
        await page.getByText('2 selected').waitFor();
        const expunged = within(idling, 'expunge');
        await page.getByRole('button', { name: 'Expunge', exact: true }).click();

        await expunged;
        await entry(page, 1).waitFor({ state: 'detached' });
        await page.locator('.push', { hasText: 'EXPUNGE' }).first().waitFor();
        await page.getByRole('button', { name: 'Expunge deleted' }).click();
        await entry(page, 4).waitFor({ state: 'detached' });
        assert.deepEqual((await server.get(box('INBOX'))).entries.map(its => its.uid), [3]);
    });
    idling.close();
});

test('a new UIDVALIDITY ends the session of the client that has the mailbox selected', async () => {
    const server = await withMail('one', 'two');
    const idling = await client(server);
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX'));
        await page.locator('.client').waitFor();
        const closed = within(idling, 'close');
        await page.keyboard.press('u');
        const form = page.getByRole('dialog', { name: 'Change UIDVALIDITY' });
        await form.getByLabel('New value').fill('77');
        await form.getByLabel('UIDs').selectOption('reverse');
        await accessible(page);
        await form.getByRole('button', { name: 'Change' }).click();

        await closed;
        await page.locator('.push', { hasText: '* BYE' }).waitFor();
        await page.locator('.push', { hasText: 'ended' }).waitFor();
        await page.getByText('No client is connected').waitFor();
        await page.locator('#box-facts', { hasText: /UIDVALIDITY\s*77/ }).waitFor();
        await entry(page, 1).getByText('two').waitFor();
    });
});

test('what a client stores appears on the page, and the selection and the text that is being typed stay', async () => {
    const server = await withMail('one', 'two', 'three');
    const active = await client(server, { idle: false });
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX'));
        await page.locator('.client', { hasText: 'not in IDLE' }).waitFor();
        await entry(page, 3).locator('.check').click();
        await page.locator('#keyword').pressSequentially('hal');
        await active.messageFlagsAdd('1', ['\\Answered', 'green']);

        await entry(page, 1).locator('.flag.on', { hasText: 'A' }).waitFor();
        await entry(page, 1).getByText('green').waitFor();
        await page.getByText('1 selected').waitFor();
        assert.equal(await page.evaluate(() => `${document.activeElement.id} ${document.activeElement.value}`), 'keyword hal');
        await page.keyboard.type('f');
        await page.keyboard.press('Enter');
        await entry(page, 3).getByText('half').waitFor();
        await active.mailboxClose();
        await page.locator('.client', { hasText: 'nothing selected' }).waitFor();
    });
    active.close();
});

test('entries are filtered by flag and UID, with the errors of the server in place', async () => {
    const server = await withMail('one', 'two', 'three', 'four');
    await server.patch(`${box('INBOX')}/2`, { add: ['\\Seen'] });
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX'));
        await page.getByLabel('Flag', { exact: true }).fill('!\\Seen');
        await page.getByText('3 of 4 entries').waitFor();
        await page.getByLabel('UID', { exact: true }).fill('1:2');
        await page.getByText('1 of 4 entries').waitFor();
        await entry(page, 1).waitFor();
        await page.getByLabel('UID', { exact: true }).fill('x');
        await page.getByText('is not a set of UIDs').waitFor();
        await accessible(page);
        await page.getByLabel('UID', { exact: true }).fill('90:91');
        await page.getByText('No entry matches').waitFor();
        await accessible(page);
        await page.getByRole('button', { name: 'Clear' }).click();
        await page.getByText('4 entries').waitFor();
    }, { expected: [400] });
});

test('accounts and mailboxes are made, changed and deleted on the page', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        await open(page, view(server));
        await page.getByRole('button', { name: 'New account…' }).click();
        const form = page.getByRole('dialog', { name: 'Make an account' });
        await form.getByLabel('Login').fill('carol');
        await form.getByLabel('Addresses').fill('carol@example.org, info@example.org');
        await form.getByRole('button', { name: 'Make' }).click();
        await form.getByText('needs a').waitFor();
        await form.getByLabel('Password').fill('secret');
        await accessible(page);
        await form.getByRole('button', { name: 'Make' }).click();
        await page.getByRole('heading', { name: 'carol' }).waitFor();
        await page.locator('#box-facts', { hasText: 'info@example.org' }).waitFor();
        await accessible(page);

        await page.getByRole('button', { name: 'New mailbox…' }).click();
        await page.getByLabel('Name', { exact: true }).fill('Gesendete/Zürich & Köln');
        await page.locator('[name=special_use]').selectOption('\\Sent');
        await page.getByRole('button', { name: 'Create', exact: true }).click();
        await page.waitForURL(view(server, 'carol', 'Gesendete/Zürich & Köln'));
        await page.locator('#box-facts', { hasText: '\\Sent' }).waitFor();
        await page.getByRole('button', { name: 'Subscribed', pressed: false }).click();
        await page.getByRole('button', { name: 'Subscribed', pressed: true }).waitFor();
        assert.deepEqual((await server.get('accounts/carol')).subscriptions, ['Gesendete/Zürich & Köln']);

        await page.getByRole('button', { name: 'Name, special use…' }).click();
        await page.getByLabel('Name', { exact: true }).fill('Old');
        await page.locator('[name=special_use]').selectOption('');
        await page.getByRole('button', { name: 'Change', exact: true }).click();
        await page.waitForURL(view(server, 'carol', 'Old'));
        await page.getByRole('heading', { name: 'Old' }).waitFor();
        await page.getByRole('button', { name: 'Delete…' }).click();
        await page.getByRole('button', { name: 'Delete', exact: true }).click();
        await page.waitForURL(view(server, 'carol'));
        await page.getByRole('button', { name: 'Unsubscribe' }).click();
        await page.getByText('has not subscribed').waitFor();
        await page.getByRole('button', { name: 'Delete account…' }).click();
        await page.getByRole('button', { name: 'Delete', exact: true }).click();
        await page.waitForURL(view(server));
        await page.getByText('No accounts yet').waitFor();
        assert.deepEqual((await server.get('accounts')).accounts, []);
    }, { expected: [400] });
});

test('a mailbox that is deleted while it is open is told in its place', async () => {
    const server = await withMail('one');
    await server.put(box('Work'), {});
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'Work'));
        await page.getByText('No entries').waitFor();
        await server.delete(box('Work'));
        await page.getByText(`${BOB} has no mailbox Work`).waitFor();
        await accessible(page);
        await page.getByRole('button', { name: 'Create it…' }).click();
        await page.getByRole('button', { name: 'Create', exact: true }).click();
        await page.getByText('No entries').waitFor();
        await page.goto(view(server, BOB, 'INBOX', '9'));
        await page.getByText('No entry of this mailbox has this UID').waitFor();
        await accessible(page);
        await server.delete(`accounts/${encodeURIComponent(BOB)}`);
        await page.getByText(`${BOB} has no mailbox INBOX`).waitFor();
    }, { expected: [404] });
});

const HOSTILE = ['<img src=x onerror=alert(1)>', '"><script>alert(1)</script>', '\u202Egnp.exe', `a/b/<svg onload=alert(1)>`, 'x'.repeat(300), '.', '../..', 'a?b#c', '100&', "it's", ' '];

test('names of mailboxes and logins, subjects and keywords are text, and find their way into paths', async () => {
    const server = await newServer();
    for (const name of HOSTILE) {
        if (name !== '.') await server.post(box(name, '<b>"eve"</b>/%2F'), { raw: message(`=?utf-8?B?${Buffer.from(HOSTILE[0] + HOSTILE[2]).toString('base64')}?=`), flags: ['<b>', '&lt;'] });
        await server.put(`accounts/${encodeURIComponent(name === '.' ? 'dot' : name)}`, {});
    }
    const dotted = await client(server, { login: 'dot', idle: false });
    await dotted.mailboxCreate('..');
    await inBrowser(async page => {
        await open(page, view(server));
        for (const name of HOSTILE.filter(its => its !== '.')) {
            await open(page, view(server, '<b>"eve"</b>/%2F', name));
            await entry(page, 1).getByText(HOSTILE[0]).waitFor();
            assert.equal(await page.locator('#box-name bdi').first().innerText(), name.trim() === '' ? '' : name);
            assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), name);
        }
        await entry(page, 1).click();
        await page.locator('#entry').getByRole('button', { name: '&lt;' }).click();
        await entry(page, 1).getByText('&lt;').waitFor({ state: 'detached' });
        await accessible(page);

        await open(page, view(server, 'dot'));
        await page.locator('#account-panel').getByText('..', { exact: true }).first().waitFor();
        await page.setViewportSize({ width: 1280, height: 800 });
        await page.locator('#tree .row').filter({ has: page.getByText('..', { exact: true }) }).click();
        await page.getByText('A browser cannot ask about the name “..”').waitFor();
        assert.equal((await server.get('accounts/dot')).mailboxes.length, 2);
    }, { expected: [404], width: 400 });
    dotted.close();
});

test('10,000 entries are a few rows in the document, and can be changed at once', async () => {
    const server = await newServer({ scenario: { text: `mailjig = 1\n[[mailbox]]\nuser = "${BOB}"\nname = "INBOX"\ngenerate = 10000\n` } });
    const idling = await client(server);
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX'));
        await page.getByText('10,000 entries').waitFor();
        await entry(page, 10000).getByText('generated 10000').waitFor();
        assert.ok((await page.locator('#entries .row').count()) < 80);
        await page.locator('#entries').focus();
        await page.keyboard.press('End');
        await entry(page, 1).getByText('generated 1', { exact: true }).waitFor();
        assert.ok((await page.locator('#entries .row').count()) < 80);

        const flagged = within(idling, 'flags');
        await page.keyboard.press('A');
        await page.getByText('10,000 selected').waitFor();
        await page.keyboard.press('s');
        await flagged;
        await page.locator('#box-facts', { hasText: /Unseen\s*0/ }).waitFor();
        await page.getByText('further lines, in the session').first().waitFor();
        assert.ok((await page.locator('#pushes *').count()) < 2000);
    }, { expected: [404] });
    idling.close();
});

test('the keyboard alone opens a mailbox, changes an entry and leaves', async () => {
    const server = await withMail('one', 'two');
    await server.put(box('Work'), {});
    await inBrowser(async page => {
        await open(page, view(server));
        await page.getByRole('option', { name: 'Work' }).waitFor();
        await page.keyboard.press('/');
        await page.keyboard.type('inb');
        await page.getByRole('option', { name: 'Work' }).waitFor({ state: 'detached' });
        await page.keyboard.press('Escape');
        await page.keyboard.press('j');
        await page.keyboard.press('j');
        await page.keyboard.press('Enter');
        await page.waitForURL(view(server, BOB, 'INBOX'));
        await entry(page, 2).getByText('two').waitFor();
        await page.keyboard.press('e');
        await page.keyboard.press('j');
        await page.keyboard.press('Enter');
        await page.waitForURL(view(server, BOB, 'INBOX', '1'));
        await page.keyboard.press('d');
        await entry(page, 1).locator('.flag.on', { hasText: 'D' }).waitFor();
        await page.keyboard.press('k');
        await page.waitForURL(view(server, BOB, 'INBOX', '2'));
        await page.keyboard.press(' ');
        await page.getByText('1 selected').waitFor();
        await page.keyboard.press('Escape');
        await page.getByText('1 selected').waitFor({ state: 'detached' });
        await page.keyboard.press('D');
        await entry(page, 1).waitFor({ state: 'detached' });
        await page.keyboard.press('Escape');
        await page.waitForURL(view(server, BOB, 'INBOX'));
        await page.keyboard.press('Escape');
        await page.waitForURL(view(server));
        await page.goBack();
        await entry(page, 2).waitFor();
        await page.reload();
        await entry(page, 2).getByText('two').waitFor();
    }, { expected: [404] });
});

test('updates move neither the cursor nor the focus, and a reset shows other messages with the same UIDs', async () => {
    const server = await newServer();
    await server.deliver(BOB, message('first'));
    await server.put(box('Work'), {});
    const idling = await client(server);
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX', '1'));
        const link = page.locator('#entry').getByRole('link', { name: 'm1' });
        assert.equal(await link.getAttribute('href'), `/servers/${server.id}/messages/m1`);
        await page.keyboard.press('t');
        await page.keyboard.press('ArrowDown');
        await page.locator('#tree .row.cursor', { hasText: 'Work' }).waitFor();
        await server.patch(`${box('INBOX')}/1`, { add: ['\\Seen'] });
        await page.locator('.push', { hasText: '\\Seen' }).waitFor();
        await entry(page, 1).locator('.flag.on').waitFor();
        assert.equal(await page.locator('#tree .row.cursor').filter({ hasText: 'Work' }).count(), 1);
        const end = page.getByRole('button', { name: 'End session s1' });
        await end.focus();
        await server.patch(`${box('INBOX')}/1`, { add: ['\\Answered'] });
        await page.locator('.push', { hasText: '\\Answered' }).waitFor();
        assert.ok(await end.evaluate(its => its === document.activeElement));

        await server.post('reset');
        await page.getByText('has no mailbox INBOX').waitFor();
        await server.deliver(BOB, message('second'));
        await entry(page, 1).getByText('second').waitFor();
        await page.locator('#entry').getByText('second').waitFor();
    });
    idling.close();
});

test('a session is ended on the page, with a last line', async () => {
    const server = await withMail('one');
    const idling = await client(server);
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX'));
        const closed = within(idling, 'close');
        await page.getByRole('button', { name: 'End session s1' }).click();
        await page.getByLabel('Last line').fill('* BYE Over and out');
        await accessible(page);
        await page.getByRole('button', { name: 'End', exact: true }).click();
        await closed;
        await page.locator('.push', { hasText: 'ended' }).waitFor();
        assert.ok((await (await fetch(`${server.api}/sessions/s1/transcript`)).text()).includes('* BYE Over and out'));
    });
});

test('the copied tests hold, and fail when an entry has changed', async () => {
    const server = await withMail('one', 'two');
    await server.patch(`${box('INBOX')}/2`, { add: ['\\Seen', "it's"] });
    const run = (program, ...args) => new Promise((resolve, reject) => execFile(program, args, { timeout: WITHIN }, error => (error ? reject(error) : resolve())));
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX'));
        await entry(page, 2).getByText('two').waitFor();
        await page.getByRole('button', { name: 'Copy as test' }).click();
        const commands = [];
        for (const [language, ...command] of [['curl', 'bash', '-euo', 'pipefail', '-c'], ['Python', 'python3', '-c'], ['JavaScript', 'node', '--input-type=module', '-e']]) {
            await page.locator('#copy-test').getByRole('tab', { name: language }).click();
            commands.push([...command, await page.locator('#copy-test-code').innerText()]);
        }
        await accessible(page);
        for (const command of commands) await run(...command);
        await server.patch(`${box('INBOX')}/1`, { add: ['\\Flagged'] });
        for (const command of commands) await assert.rejects(run(...command));
    });
});
