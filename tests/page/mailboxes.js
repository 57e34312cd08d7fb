// The mailboxes: accounts, mailboxes and entries, and what is put, found and named.
'use strict';
const { test, assert, newServer, inBrowser, accessible, boxOf, WITHIN } = require('./support.js');
const { SCRIPTS, codeInDialog, runCode } = require('./code_support.js');
const { BOB, box, view, message, withMail, client, entry, expunge, open } = require('./mailbox_support.js');

test('without accounts, the page says how to get one', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        await open(page, view(server));
        await page.getByText('No accounts yet').waitFor();
        await page.getByText(`swaks --server ${server.endpoints.smtp.host}:${server.endpoints.smtp.port}`).waitFor();
        await page.getByRole('button', { name: 'Copy the lines' }).click();
        await page.getByText('Copied the lines').waitFor();
        assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await page.locator('#first-mail').innerText());
        await accessible(page);

        await server.send({ to: BOB, subject: 'hello', text: 'hi' });
        await page.getByRole('option', { name: BOB }).waitFor();
        await page.getByRole('option', { name: /INBOX.*1/ }).click();
        await page.waitForURL(view(server, BOB, 'INBOX'));
        await entry(page, 1).getByText('hello').waitFor();
    });
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
    });
});

test('a message that was put in is read on the page', async () => {
    const server = await withMail();
    const hostile = '<img src=x onerror=alert(1)>\u202Egnp.exe';
    const encoded = Buffer.from(`Grüße ${hostile}`).toString('base64');
    await server.post(box('INBOX'), { raw: `From: ann@example.org\r\nX-Odd: \x07\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n${encoded}\r\n` });
    await server.post(box('INBOX'), { raw: message('long') + `${'x'.repeat(98)}\r\n`.repeat(1000) });
    await server.post(box('INBOX'), { raw: 'Content-Type: text/html\r\n\r\n<p>HTML</p>\r\n' });
    await server.deliver(BOB, message('captured'));
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX', '1'));
        const text = page.locator('#entry-text');
        await text.getByText('Grüße <img src=x onerror=alert(1)>\\u{202e}gnp.exe').waitFor();
        await page.locator('#entry').getByText('no subject').waitFor();
        await entry(page, 1).getByText('no subject').waitFor();
        await page.locator('#entry').getByText('put in or appended, not captured').waitFor();
        assert.match(await page.locator('#entry time').innerText(), /^[\d-]*\s?\d\d:\d\d:\d\d$/);
        await accessible(page);
        await page.getByRole('tab', { name: 'Header' }).click();
        assert.match(await text.innerText(), /^From: ann@example.org\nX-Odd: \\x07\nContent-Type.*base64$/s);
        await page.getByRole('tab', { name: 'Source' }).click();
        await text.getByText(encoded).waitFor();
        await page.keyboard.press('f');
        await entry(page, 1).locator('.flag.on', { hasText: 'F' }).waitFor();
        await page.getByRole('tab', { name: 'Source', selected: true }).waitFor();

        await open(page, view(server, BOB, 'INBOX', '2'));
        await page.getByText('The first 66 kB of 100 kB').waitFor();
        await open(page, view(server, BOB, 'INBOX', '3'));
        await text.getByText('<p>HTML</p>').waitFor();
        await page.getByRole('tab', { name: 'Text' }).click();
        await page.getByText('Text is empty').waitFor();
        await open(page, view(server, BOB, 'INBOX', '4'));
        await text.getByText('Hello.').waitFor();
        await page.locator('#entry').getByRole('link', { name: /^m\d+$/ }).waitFor();
    });
});

test('with little room, the entries have most of it, and the controls are folded', async () => {
    const server = await withMail(...Array.from({ length: 30 }, (_, n) => `number ${n}`));
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX'));
        await entry(page, 30).waitFor();
        const { height } = await boxOf(page.locator('#entries'));
        const flag = await boxOf(entry(page, 30).locator('.flag').first());
        await page.mouse.click(flag.x + 7, flag.y + 7);
        await page.locator('#entry-text').getByText('Hello.').waitFor();
        await page.keyboard.press('Enter');
        assert.ok(height > 450, `${height}`);
        const scrolling = () => page.evaluate(() => [...document.querySelectorAll('main *')].filter(its => its.offsetParent && its.clientHeight < its.scrollHeight && /auto|scroll/.test(getComputedStyle(its).overflowY)).map(its => its.id));
        assert.deepEqual(await scrolling(), ['entries']);
        assert.equal(await page.getByRole('button', { name: 'Change UIDVALIDITY…' }).isVisible(), false);
        await page.getByRole('button', { name: 'Change it' }).press('Enter');
        await page.getByRole('button', { name: 'Change UIDVALIDITY…' }).waitFor();
        await page.getByRole('button', { name: 'Filter, flag and expunge entries' }).click();
        await page.getByLabel('UID', { exact: true }).fill('3');
        await page.getByText('1 of 30 entries').waitFor();
        await accessible(page);
        await entry(page, 3).click();
        await page.locator('#entry-text').getByText('Hello.').waitFor();
        assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Close');
        await page.keyboard.press('Enter');
        await entry(page, 3).waitFor();
        await page.getByRole('button', { name: 'Connected clients, pushes' }).click();
        await page.getByText('No client is connected').waitFor();
        await accessible(page);
    }, { width: 400, height: 800 });
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

test('the boxes of entries are large enough for a finger, and Shift with a click selects up to one', async () => {
    const server = await withMail('one', 'two', 'three', 'four');
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX'));
        const { x, y, width, height } = await boxOf(entry(page, 4).locator('.check'));
        await page.mouse.click(x + width + 4, y + height / 2);
        await entry(page, 2).locator('.check').click({ modifiers: ['Shift'] });
        await page.getByText('3 selected').waitFor();
        assert.equal(await page.locator('#entry').isVisible(), false);
        await entry(page, 3).locator('[data-flag="\\\\Seen"]').click();
        await page.locator('#entries .flag.on').waitFor();
        await page.getByText('3 selected').waitFor();
    });
});

test('beside an open entry, the dates in the list are not cut off', async () => {
    const server = await withMail('one', 'two');
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX', '2'));
        await page.locator('#entry').waitFor();
        // In one step, because rows may be drawn again meanwhile.
        await page.waitForFunction(() => {
            const [list, date] = ['#entries', '#entries .date'].map(selector => document.querySelector(selector)?.getBoundingClientRect());
            return date && date.right <= list.right;
        });
    }, { width: 1000 });
});

test('accounts and mailboxes are made, changed and deleted on the page', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        await open(page, view(server));
        await page.getByRole('button', { name: 'New account…' }).click();
        const form = page.getByRole('dialog', { name: 'Create an account' });
        await form.getByLabel('Login').fill('carol');
        await form.getByLabel('Addresses').fill('carol@example.org, info@example.org');
        await form.getByRole('button', { name: 'Create' }).click();
        await form.getByText('needs a').waitFor();
        await form.getByLabel('Password').fill('secret');
        await accessible(page);
        await form.getByRole('button', { name: 'Create' }).click();
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
    }, { width: 400 });
    dotted.close();
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
        await page.getByRole('dialog', { name: 'Expunge 1 entry with \\Deleted?' }).waitFor();
        await page.keyboard.press('Shift+Tab');
        await page.keyboard.press('Enter');
        await entry(page, 1).waitFor({ state: 'detached' });
        await page.keyboard.press('Escape');
        await page.waitForURL(view(server, BOB, 'INBOX'));
        await page.keyboard.press('Escape');
        await page.waitForURL(view(server));
        await page.goBack();
        await entry(page, 2).waitFor();
        await page.reload();
        await entry(page, 2).getByText('two').waitFor();
    });
});

test('the copied tests hold, and fail when an entry has changed', async () => {
    const server = await withMail('one', 'two');
    await server.patch(`${box('INBOX')}/2`, { add: ['\\Seen', "it's"] });
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX'));
        await entry(page, 2).getByText('two').waitFor();
        await page.keyboard.press('y');
        await accessible(page);
        const code = await codeInDialog(page);
        for (const language of SCRIPTS) await runCode(language, code[language]);
        await server.patch(`${box('INBOX')}/1`, { add: ['\\Flagged'] });
        for (const language of SCRIPTS) await assert.rejects(runCode(language, code[language]), /false|AssertionError/, language);
    });
});

test('after a reset, entries of the same UIDs are not selected', async () => {
    const server = await withMail('old');
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX'));
        await entry(page, 1).getByText('old').waitFor();
        await entry(page, 1).locator('.check').click();
        await page.getByText('1 selected').waitFor();

        await server.post('reset');
        await server.post(box('INBOX'), { raw: message('new') });

        await entry(page, 1).getByText('new').waitFor();
        await page.getByText('1 selected').waitFor({ state: 'hidden' });
        // It may have been asked for while it was gone.
    }, { expected: [404] });
});

test('an answer about a mailbox that was left changes nothing in the one that is open', async () => {
    const server = await withMail('one');
    await server.patch(`${box('INBOX')}/1`, { add: ['\\Deleted'] });
    await server.put(box('Kept'), {});
    await server.post(box('Kept'), { raw: message('two') });
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX'));
        await entry(page, 1).getByText('one').waitFor();
        // Goes to the other mailbox before the server answers to the key.
        const leave = async (key, request, answered) => {
            let answer;
            const left = new Promise(resolve => (answer = resolve));
            await page.route(request, async route => (await left, route.fallback()));
            const asked = page.waitForRequest(request);
            await page.keyboard.press('e');
            await page.keyboard.press(key);
            await asked;
            await page.getByRole('option', { name: /^Kept/ }).click();
            await entry(page, 1).getByText('two').waitFor();
            answer();
            await answered();
            await page.unroute(request);
        };

        await leave('f', /INBOX\/entries/, () => page.waitForResponse(/INBOX\/entries/));
        await page.evaluate(() => new Promise(requestAnimationFrame));
        assert.equal(await entry(page, 1).locator('.flag.on').count(), 0);

        await page.getByRole('option', { name: /^INBOX/ }).click();
        await entry(page, 1).getByText('one').waitFor();
        await leave('D', /INBOX\?flag=/, () => page.getByText('From INBOX of').waitFor());
        await expunge(page, 'Expunge 1 entry with \\Deleted?');
        await page.getByText('Expunged 1 entry').waitFor();

        const kept = await server.get(box('Kept'));
        assert.deepEqual(kept.entries.map(({ uid, flags }) => [uid, flags]), [[1, []]]);
    });
});

test('an entry that is closed gives the focus to the list', async () => {
    const server = await withMail('one', 'two');
    await inBrowser(async page => {
        await open(page, view(server, BOB, 'INBOX', '1'));
        await page.locator('#entry').getByRole('link', { name: 'Close' }).press('Enter');
        await page.locator('#entry').waitFor({ state: 'hidden' });

        await page.locator('#entries:focus').waitFor();
    });
});
