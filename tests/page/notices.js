// What the page says about messages that no mailbox has, recipients that were refused, and what is gone.
'use strict';
const { test, assert, root, call, newServer, inBrowser, accessible, boxOf, shot } = require('./support.js');
const { row, rows, field, tab, noOverflow } = require('./message_support.js');

test('recipients that were refused in the transaction of a message are shown, and are said to be not in the envelope', async () => {
    const server = await newServer();
    await server.post('rules', { id: 'no-carol', on: 'smtp.rcpt', when: { rcpt: 'carol@*' }, do: { reply: '550 5.1.1 no carol' } });
    await server.send({ to: ['dora@example.org', 'carol@example.com'], subject: 'Before' });
    await server.send({ to: ['bob@example.org', 'carol@example.org'], subject: 'Hello' });
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages/m2`);
        const refused = page.locator('#envelope').getByRole('row', { name: /^refused/ });
        await refused.waitFor();

        assert.equal(await refused.count(), 1);
        assert.match(await refused.innerText(), /carol@example\.org\s+refused 550 5\.1\.1 no carol by rule no-carol\s+not in the envelope/);
        assert.equal(await refused.getByRole('link', { name: 'no-carol' }).getAttribute('href'), `${new URL(server.page).pathname}/rules/no-carol`);
        await page.locator('#envelope-summary').getByText('1 refused').waitFor();
        await accessible(page);
        await noOverflow(page);
        await shot(page, 'message-refused');
    });
});

test('a message says which mailboxes have it, or that none has', async () => {
    const server = await newServer();
    await server.send({ to: 'bob@example.org', subject: 'Kept' });
    await server.post('rules', { id: 'lose', on: 'smtp.message', do: { deliver: false } });
    await server.send({ to: 'bob@example.org', subject: 'Lost' });
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages/m2`);
        await page.locator('#message-facts').getByText('in no mailbox').waitFor();
        await accessible(page);
        await row(page, 'Kept').click();
        await page.getByRole('link', { name: 'bob@example.org INBOX, UID 1' }).click();

        await page.waitForURL(`${server.page}/mailboxes/bob%40example.org/INBOX/1`);
    });
});

test('a message that is not there cannot be copied, downloaded or deleted', async () => {
    const server = await newServer();
    await server.send({ to: 'bob@example.org', subject: 'One' });
    await server.send({ to: 'bob@example.org', subject: 'Two' });
    const actions = ['#copy-message', '#delete-open', '#previous', '#following'];
    const areOff = async (page, isOff) => {
        for (const id of actions) assert.equal(await page.locator(id).isDisabled(), isOff, id);
        assert.equal(await page.locator('#download').getAttribute('href') === null, isOff);
    };
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages/m999`);
        await page.getByText('m999 is not on this server').waitFor();
        await areOff(page, true);
        await accessible(page);
        await row(page, 'One').click();
        await page.getByRole('heading', { name: 'One' }).waitFor();
        await areOff(page, false);

        await server.delete('messages/m1');

        await page.getByText('m1 was deleted on the server').waitFor();
        await areOff(page, true);
        await row(page, 'Two').click();
        await page.getByRole('heading', { name: 'Two' }).waitFor();
        await areOff(page, false);
    }, { expected: [404] });
});

test('the row of a message that is opened by its URL is seen and marked', async () => {
    const server = await newServer();
    for (let n = 1; n <= 60; n += 1) await server.deliver('bob@example.org', `Subject: Mail ${n}.\r\n\r\n`);
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages/m10`);
        await page.getByText('51 of 60', { exact: true }).waitFor();

        await page.waitForFunction(() => document.querySelector('#list .row.cursor')?.textContent.includes('Mail 10.'));
        const [list, its] = await Promise.all([boxOf(page.locator('#list')), boxOf(row(page, 'Mail 10.'))]);
        assert.ok(its.y >= list.y && its.y + its.height <= list.y + list.height + 1, JSON.stringify([list, its]));
    });
});

test('what is new is counted without what is gone, and a server that was removed is told', async () => {
    const server = await newServer({ name: 'anew' });
    await inBrowser(async page => {
        await page.goto(`${root}/servers/anew/messages`);
        await page.getByRole('heading', { name: 'No mail yet' }).waitFor();
        for (const subject of ['One', 'Two', 'Three']) await server.send({ to: 'bob@example.org', subject });
        await page.getByRole('button', { name: '3 new' }).waitFor();
        await server.delete('messages/m2');
        await page.getByRole('button', { name: '2 new' }).waitFor();

        await call('DELETE', `${root}/v1/servers/anew`);

        await page.getByText('Server anew was removed').waitFor();
        await page.getByText('no connection', { exact: true }).waitFor();
        await accessible(page);
        await noOverflow(page);
        await shot(page, 'server-removed');
    }, { expected: [404], tolerated: text => /ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION/.test(text) });
});

test('a server that was started anew is told, and nothing of it counts as new', async () => {
    const server = await newServer();
    await server.send({ to: 'bob@example.org', subject: 'Old' });
    // As the server sends them, but each connection ends after its first event.
    let seq = 1000;
    await inBrowser(async page => {
        await page.route('**/v1/**/updates', route => route.fulfill({ contentType: 'text/event-stream', body: `retry: 200\n\nid: ${seq}\nevent: update\ndata: ${JSON.stringify({ seq })}\n\n` }));
        await page.goto(`${server.page}/messages`);
        await row(page, 'Old').waitFor();
        await server.send({ to: 'bob@example.org', subject: 'Older' });
        await page.getByRole('button', { name: '1 new' }).waitFor();
        assert.equal(await page.getByText('The server was started anew').isVisible(), false);

        await server.post('reset');
        await server.deliver('bob@example.org', 'Subject: Fresh\r\n\r\n');
        seq = 3;

        await page.getByText('The server was started anew').waitFor();
        await page.getByText('1 message', { exact: true }).waitFor();
        await row(page, 'Fresh').waitFor();
    });
});

test('every view says at once that its server was removed', async () => {
    for (const view of ['sessions', 'rules', 'mailboxes']) {
        const server = await newServer();
        await inBrowser(async page => {
            await page.goto(`${server.page}/${view}`);
            await page.getByText('live', { exact: true }).waitFor();

            await call('DELETE', server.api);

            await page.getByText(`Server ${server.page.split('/').at(-1)} was removed`).waitFor();
            await noOverflow(page);
        }, { expected: [404], tolerated: text => /ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION/.test(text) });
    }
});

test('an unknown field is named with those that exist, and a search without results offers a part of the value', async () => {
    const server = await newServer();
    await server.send({ to: 'bob@example.org', subject: 'Your bill for May', attachments: [{ filename: 'a.pdf', content: 'x' }] });
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages`);
        await row(page, 'Your bill').waitFor();
        await field(page).fill('foo:bar');
        await page.getByText('`foo` is not a field, and is searched as a word; the fields are to, from, subject,').waitFor();
        await field(page).fill('has:attachment');
        await page.getByText('Mail with attachments: `attachment:*`.').waitFor();
        await field(page).fill('subject:bill');
        await page.getByRole('button', { name: 'Search for subject:*bill*' }).click();

        await row(page, 'Your bill').waitFor();
        assert.equal(await field(page).inputValue(), 'subject:*bill*');
    });
});

test('a message without styles for dark says so where dark is chosen', async () => {
    const server = await newServer();
    await server.send({ to: 'bob@example.org', subject: 'Plain', html: '<p>Hello</p>' });
    await server.send({ to: 'bob@example.org', subject: 'Styled', html: '<style>@media (prefers-color-scheme: dark) { p { color: white } }</style><p>Hello</p>' });
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages/m1`);
        await tab(page, 'HTML').waitFor();
        const note = page.getByText('This message has no styles for dark.');
        await page.getByRole('button', { name: 'Dark', exact: true }).click();
        await note.waitFor();
        await accessible(page);
        await row(page, 'Styled').click();
        await page.getByRole('heading', { name: 'Styled' }).waitFor();
        await page.frameLocator('iframe').getByText('Hello').waitFor();
        await note.waitFor({ state: 'hidden' });
    });
});

test('after a reset, messages of the same numbers are not selected', async () => {
    const server = await newServer();
    await server.deliver('bob@example.org', 'Subject: Old\r\n\r\n');
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages`);
        await row(page, 'Old').locator('.check').click();
        await page.getByRole('button', { name: 'Delete 1 selected' }).waitFor();

        await server.post('reset');
        await server.deliver('bob@example.org', 'Subject: New\r\n\r\n');

        await row(page, 'New').waitFor();
        await page.getByRole('button', { name: 'Delete all' }).waitFor();
    });
});
