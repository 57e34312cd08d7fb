// The servers: the main one and further ones, started, used, reset and removed.
'use strict';
const http = require('node:http');
const { ImapFlow } = require('imapflow');
const nodemailer = require('nodemailer');
const { test, assert, root, newServer, call, inBrowser, accessible } = require('./support.js');

const open = async (page, url) => {
    await page.goto(url);
    await page.getByText('live', { exact: true }).waitFor();
    await page.locator('#servers .row').first().waitFor({ state: 'attached' });
};

test('a server is started on the page, used, and removed', async () => {
    await inBrowser(async page => {
        await open(page, `${root}/servers`);
        await page.getByRole('button', { name: 'Start a server…' }).click();
        const form = page.getByRole('dialog', { name: 'Start a server' });
        await form.getByLabel('Name').fill('made here');
        await form.getByLabel('pop3s').uncheck();
        await form.getByLabel('Accounts').fill('bob@example.org secret\n');
        await accessible(page);
        await form.getByRole('button', { name: 'Start', exact: true }).click();

        await page.getByRole('heading', { name: 'made here' }).waitFor();
        await page.getByText('accepts connections').waitFor();
        const { servers } = await call('GET', `${root}/v1/servers`);
        const made = servers.find(server => server.name === 'made here');
        assert.equal(page.url(), `${root}/servers/made%20here`);
        assert.equal('pop3s' in made.endpoints, false);
        await accessible(page);

        const url = await page.locator('#endpoints tr', { hasText: 'smtp://' }).first().locator('td').last().innerText();
        await nodemailer.createTransport(`${url.replace(/\s*Copy$/, '')}?ignoreTLS=true`).sendMail({ from: 'ann@example.org', to: 'bob@example.org', text: 'hello' });
        await page.locator('#server-facts', { hasText: /Messages\s*1/ }).waitFor();

        await page.getByRole('button', { name: 'Remove…' }).click();
        await page.getByRole('button', { name: 'Remove', exact: true }).click();
        await page.getByText('Removed made here').waitFor();
        await page.waitForURL(`${root}/servers`);
        assert.equal((await call('GET', `${root}/v1/servers`)).servers.some(server => server.id === made.id), false);
    });
});

test('what is wrong with a new server is told in the dialog', async () => {
    await newServer({ name: 'taken' });
    await inBrowser(async page => {
        await open(page, `${root}/servers`);
        await page.keyboard.press('n');
        const form = page.getByRole('dialog', { name: 'Start a server' });
        await form.getByLabel('Name').fill('taken');
        await page.keyboard.press('Enter');
        await form.getByText('taken').waitFor();
        assert.equal(await form.getByLabel('Name').getAttribute('aria-invalid'), 'true');

        await form.getByLabel('Name').fill('');
        await form.getByLabel('Scenario').fill('smtp-greylisst');
        await page.keyboard.press('Enter');
        await form.getByText('smtp-greylist').waitFor();
        assert.match(await form.getByRole('alert').innerText(), /^there is no scenario with this name[^\n]*$/);
        await accessible(page);

        await form.getByLabel('Scenario').fill('');
        await form.getByLabel('Accounts').fill('bob');
        await form.getByRole('button', { name: 'Start', exact: true }).click();
        await form.getByText('Write a login and a password').waitFor();
    }, { expected: [409, 422] });
});

test('a removal that fails its verification shows the report', async () => {
    const server = await newServer({ name: 'unmet' });
    await server.post('expectations', { to: 'nobody@example.org', times: '1' });
    await inBrowser(async page => {
        await open(page, `${root}/servers/${server.id}`);
        await page.getByRole('heading', { name: 'unmet' }).waitFor();
        await page.keyboard.press('Delete');
        await page.getByRole('button', { name: 'Remove', exact: true }).click();

        const report = page.getByRole('dialog', { name: 'not as expected' });
        await report.getByText('nobody@example.org').waitFor();
        await accessible(page);
        await report.getByRole('button', { name: 'Close' }).click();
        await page.waitForURL(`${root}/servers`);
    }, { expected: [409] });
});

test('clients that connect appear, and can be ended', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        await open(page, `${root}/servers/${server.id}`);
        await page.getByText('No client is connected').waitFor();

        const { host, port } = server.endpoints.imap;
        const client = new ImapFlow({ host, port, secure: false, doSTARTTLS: false, auth: { user: '<b>"bob"</b>', pass: 'x' }, logger: false });
        const isClosed = new Promise(resolve => client.on('close', resolve));
        client.on('error', () => {});
        await client.connect();
        await client.mailboxOpen('INBOX');
        const row = page.locator('#connected tr', { hasText: '<b>"bob"</b>' });
        await row.getByText('INBOX').waitFor();
        assert.equal(await row.getByRole('link', { name: 's1' }).getAttribute('href'), `/servers/${server.id}/sessions/s1`);
        await accessible(page);

        await row.getByRole('button', { name: 'End session s1' }).click();
        await isClosed;
        await page.getByText('No client is connected').waitFor();
    });
});

test('a reset keeps what it is told to keep', async () => {
    const server = await newServer();
    await server.deliver('bob@example.org', 'Subject: hello\r\n\r\n');
    await server.post('rules', { id: 'mine', on: 'smtp.noop', do: { reply: '450 later' } });
    await inBrowser(async page => {
        await open(page, `${root}/servers/${server.id}`);
        await page.locator('#server-facts', { hasText: /Messages\s*1/ }).waitFor();
        await page.keyboard.press('z');
        await page.getByLabel('rules', { exact: true }).check();
        await accessible(page);
        await page.getByRole('button', { name: 'Reset', exact: true }).click();

        await page.locator('#server-facts', { hasText: /Messages\s*0/ }).waitFor();
        assert.equal((await server.get('rules')).rules.length, 1);
    });
});

test('a webhook is added, gets mail, and is removed', async () => {
    const server = await newServer();
    let received;
    const isReceived = new Promise(resolve => (received = resolve));
    const receiver = http.createServer((request, response) => {
        request.resume().on('end', () => (response.end(), received()));
    }).listen(0, '127.0.0.1');
    await new Promise(resolve => receiver.on('listening', resolve));
    await inBrowser(async page => {
        await open(page, `${root}/servers/${server.id}`);
        await page.getByRole('button', { name: 'Add a webhook…' }).click();
        const form = page.getByRole('dialog', { name: 'Add a webhook' });
        await form.getByLabel('URL').fill(`http://127.0.0.1:${receiver.address().port}/hook`);
        await form.getByLabel('Filters').fill('tto=bob@example.org');
        await page.keyboard.press('Enter');
        await form.getByText('tto').waitFor();
        await form.getByLabel('Filters').fill('to=bob@example.org');
        await page.keyboard.press('Enter');

        const row = page.locator('#webhooks tr', { hasText: '/hook' });
        await row.waitFor();
        await server.deliver('bob@example.org', 'Subject: hello\r\n\r\n');
        await isReceived;
        await row.getByRole('cell', { name: '1', exact: true }).waitFor();
        await accessible(page);
        await row.getByRole('button', { name: /Remove webhook/ }).click();
        await page.getByText('A webhook gets each message').waitFor();
    }, { expected: [400] });
    receiver.close();
});

test('names of servers are text, and the URL names the open server', async () => {
    const name = '<img src=x onerror=alert(1)>\u202Egnp.exe';
    const hostile = await newServer({ name });
    const long = await newServer({ name: 'x'.repeat(300) });
    await inBrowser(async page => {
        await open(page, `${root}/servers/${encodeURIComponent(name)}`);
        await page.getByRole('heading', { name: '<img src=x onerror=alert(1)>' }).waitFor();
        await page.getByRole('link', { name: '‹ Servers' }).click();
        await page.waitForURL(`${root}/servers`);
        await page.locator('#servers').press('End');
        await page.keyboard.press('Enter');
        await page.waitForURL(`${root}/servers/${long.name}`);
        await page.locator('#server-name', { hasText: 'xxxxx' }).waitFor();
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
        await page.goBack();
        await page.goBack();
        await page.getByRole('heading', { name: '<img src=x onerror=alert(1)>' }).waitFor();
        await page.goto(`${root}/servers/no-such-server`);
        await page.getByText('There is no server no-such-server').waitFor();
        await accessible(page);
        await page.getByRole('link', { name: 'The main server' }).click();
        await page.getByRole('heading', { name: 'Main server' }).waitFor();
    }, { width: 400 });
    for (const { api } of [hostile, long]) await call('DELETE', api);
});

test('a server with a name has it in titles and links, and the navigation opens it', async () => {
    const server = await newServer({ name: 'order service', idle_expiry: '30m' });
    await server.put('accounts/bob', {});
    await inBrowser(async page => {
        await open(page, `${root}/servers/${server.id}`);
        await page.locator('#server-facts', { hasText: 'after 30m without use' }).waitFor();
        assert.equal(await page.title(), 'order service · Servers · mailjig');
        await page.locator('#views').getByRole('link', { name: 'Mailboxes' }).click();
        await page.waitForURL(`${root}/servers/order%20service/mailboxes`);
        await page.getByRole('option', { name: 'bob' }).click();
        await page.waitForURL(`${root}/servers/order%20service/mailboxes/bob`);
        assert.equal(await page.title(), 'bob · Mailboxes · order service · mailjig');
        await page.getByRole('link', { name: 'Servers', exact: true }).click();
        await page.waitForURL(`${root}/servers/order%20service`);
        await page.getByRole('heading', { name: 'order service' }).waitFor();
    });
    await call('DELETE', server.api);
});

test('the keyboard alone starts, opens and leaves a server', async () => {
    await inBrowser(async page => {
        await open(page, `${root}/servers`);
        await page.getByRole('heading', { name: 'Main server' }).waitFor();
        await page.keyboard.press('n');
        await page.getByRole('dialog', { name: 'Start a server' }).waitFor();
        await page.keyboard.type('by keyboard');
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { name: 'by keyboard' }).waitFor();
        await page.keyboard.press('Escape');
        await page.waitForURL(`${root}/servers`);
        await page.keyboard.press('j');
        await page.waitForURL(/servers\/(?!main).+$/);
        await page.keyboard.press('e');
        assert.equal(await page.evaluate(() => document.activeElement.name), 'listener');
    });
});
