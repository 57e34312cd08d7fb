// Entries that are changed under connected clients, and what these are told.
'use strict';
const { test, assert, newServer, inBrowser, accessible } = require('./support.js');
const { BOB, box, view, message, withMail, client, within, entry, expunge, open } = require('./mailbox_support.js');

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
    });
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
    }, { expected: [422] });
    idling.close();
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
        await expunge(page, 'Expunge 2 selected entries?');

        await expunged;
        await entry(page, 1).waitFor({ state: 'detached' });
        await page.locator('.push', { hasText: 'EXPUNGE' }).first().waitFor();
        await page.getByRole('button', { name: 'Expunge deleted' }).click();
        const question = page.getByRole('dialog', { name: 'Expunge 1 entry with \\Deleted?' });
        await accessible(page);
        await question.getByRole('button', { name: 'Cancel' }).click();
        assert.equal((await server.get(box('INBOX'))).entries.length, 2);
        await page.getByRole('button', { name: 'Expunge deleted' }).click();
        await expunge(page, 'Expunge 1 entry with \\Deleted?');
        await entry(page, 4).waitFor({ state: 'detached' });
        assert.deepEqual((await server.get(box('INBOX'))).entries.map(its => its.uid), [3]);
        await page.getByRole('button', { name: 'Expunge deleted' }).click();
        await page.getByText('No entry has \\Deleted').waitFor();
        await page.locator('#entries').focus();
        await page.keyboard.press('Home');
        await page.keyboard.press('Delete');
        await expunge(page, 'Expunge UID 3?');
        await page.getByText('No entries').waitFor();
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
    });
    idling.close();
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

test('pushes are read on after records were discarded', async () => {
    const server = await newServer();
    await server.deliver(BOB, message('first'));
    const idling = await client(server);
    await server.delete('messages');
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX'));
        await page.locator('.client', { hasText: 'in IDLE' }).waitFor();
        await server.post(box('INBOX'), { raw: message('second') });
        await page.locator('.push', { hasText: '* 1 EXISTS' }).waitFor();
        await server.delete('messages');
        await server.post(box('INBOX'), { raw: message('third') });
        await page.locator('.push', { hasText: '* 2 EXISTS' }).waitFor();
        assert.equal(await page.locator('#clients .problem').count(), 0);
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
        await page.getByLabel('Reply').fill('* BYE Over and out');
        await accessible(page);
        await page.getByRole('button', { name: 'End it' }).click();
        await closed;
        await page.locator('.push', { hasText: 'ended' }).waitFor();
        assert.ok((await (await fetch(`${server.api}/sessions/s1/transcript`)).text()).includes('* BYE Over and out'));
    });
});

test('accounts that are read slowly are shown, though they change meanwhile', async () => {
    const server = await withMail('one');
    const idling = await client(server);
    await inBrowser(async page => {
        await page.clock.install();
        await open(page, view(server, BOB, 'INBOX'));
        await entry(page, 1).waitFor();
        let answer;
        const asked = new Promise(resolve => (answer = resolve));
        const requests = [];
        // Only the first one is answered.
        await page.route(/accounts$/, async route => {
            if (requests.push(route) > 1) return;
            await asked;
            await route.continue();
        });
        const request = page.waitForRequest(/accounts$/);
        await server.post(box('INBOX'), { raw: message('two') });
        await request;
        await server.post(box('INBOX'), { raw: message('three') });
        await page.locator('.push', { hasText: '* 3 EXISTS' }).waitFor();
        await page.clock.runFor(1000);

        answer();

        await entry(page, 2).waitFor();
    });
    idling.close();
});

test('the end of a client is not told in the account that was opened meanwhile', async () => {
    const server = await withMail('one');
    await server.put('accounts/carol', {});
    await client(server);
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX'));
        await page.locator('.client', { hasText: 'in IDLE' }).waitFor();
        let answer;
        const left = new Promise(resolve => (answer = resolve));
        await page.route(/sessions\/s1$/, async route => (await left, route.continue()));
        const request = page.waitForRequest(/sessions\/s1$/);
        await server.delete('sessions/s1');
        await request;
        await page.getByRole('option', { name: /^carol/ }).click();
        await page.locator('#box-name', { hasText: 'carol' }).waitFor();

        const shown = page.waitForResponse(/sessions\?user=.*carol/);
        answer();

        await (await shown).finished();
        await page.getByText('What the server tells clients in IDLE appears here').waitFor();
        await page.evaluate(() => new Promise(requestAnimationFrame));
        assert.equal(await page.locator('.push').count(), 0);
    });
});
