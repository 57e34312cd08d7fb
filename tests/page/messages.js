// The list of messages.
'use strict';
const { execFile } = require('node:child_process');
const net = require('node:net');
const { test, assert, newServer, inBrowser, accessible, boxOf, shot } = require('./support.js');
const { SCRIPTS, codeInDialog, runCode } = require('./code_support.js');
const { rows, row, field, panel, noOverflow, rich } = require('./message_support.js');

test('mail appears while the page is open, on top, marked as new until it was opened', async () => {
    const server = await newServer();
    await server.send({ to: 'bob@example.org', subject: 'First' });
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages`);
        await row(page, 'First').waitFor();
        await page.getByText('1 message', { exact: true }).waitFor();
        assert.equal(await row(page, 'First').getByText('new', { exact: true }).count(), 0);

        await server.send({ to: ['bob@example.org', 'carol@example.org'], subject: 'Second' });

        await row(page, 'Second').getByText('new', { exact: true }).waitFor();
        assert.match(await rows(page).first().innerText(), /ann@example\.org → bob@example\.org, carol@example\.org/);
        await page.getByText('2 messages', { exact: true }).waitFor();
        await page.getByRole('button', { name: '1 new' }).waitFor();
        await row(page, 'Second').click();
        await page.getByRole('heading', { name: 'Second' }).waitFor();
        await row(page, 'Second').getByText('new', { exact: true }).waitFor({ state: 'detached' });
        await server.send({ to: 'bob@example.org', subject: 'Third' });
        await row(page, 'Third').getByText('new', { exact: true }).waitFor();
        await page.keyboard.press('m');
        await row(page, 'Third').getByText('new', { exact: true }).waitFor({ state: 'detached' });
        await accessible(page);
    });
});

test('what the user reads stays in its place when mail arrives', async () => {
    const server = await newServer();
    for (let n = 1; n <= 60; n += 1) await server.deliver('bob@example.org', `Subject: Mail ${n}.\r\n\r\n`);
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages`);
        await row(page, 'Mail 60.').waitFor();
        await page.locator('#list').evaluate(list => list.scrollTo(0, 1040));
        await row(page, 'Mail 35.').waitFor();
        const before = await boxOf(row(page, 'Mail 35.'));

        await server.deliver('bob@example.org', 'Subject: Late\r\n\r\n');

        await page.getByText('61 messages', { exact: true }).waitFor();
        const after = await boxOf(row(page, 'Mail 35.'));
        assert.equal(after.y, before.y);
    });
});

test('a click that lasts while mail arrives opens the message where it began', async () => {
    const server = await newServer();
    await server.deliver('bob@example.org', 'Subject: First\r\n\r\n');
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages`);
        await row(page, 'First').hover();
        await page.mouse.down();
        await server.deliver('bob@example.org', 'Subject: Second\r\n\r\n');
        await row(page, 'Second').waitFor();

        await page.mouse.up();

        await page.getByRole('heading', { name: 'First' }).waitFor();
    });
});

test('fields and words of the search are filters of the API, and the URL keeps them', async () => {
    const server = await newServer();
    await server.send({ to: 'bob@example.org', subject: 'Re: Bill for May', text: 'Please pay soon.', headers: { 'X-Campaign': '7 a' } });
    await server.send({ to: 'carol@example.com', subject: 'Minutes', text: 'We met.', attachments: [{ filename: 'a.pdf', content: 'x' }] });
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages`);
        await row(page, 'Minutes').waitFor();
        await page.keyboard.press('/');
        for (const [text, found] of [
            ['to:*@example.org', 'Re: Bill'], ['subject:~^Re:', 'Re: Bill'], ['subject:"Re: Bill for May" listener:smtp', 'Re: Bill'], ['header:"X-Campaign=7 a"', 'Re: Bill'],
            ['attachment:*.pdf', 'Minutes'], ['to:!*@example.org', 'Minutes'], ['body:pay', 'Re: Bill'], ['PAY may', 'Re: Bill'], ['carol@ from:ann@example.org', 'Minutes'],
        ]) {
            await field(page).fill(text);
            await page.waitForURL(url => url.searchParams.get('q') === text);
            await page.waitForFunction(wanted => document.querySelectorAll('#list .row').length === 1 && document.querySelector('#list .row').textContent.includes(wanted), found);
        }
        await page.reload();
        await row(page, 'Minutes').waitFor();
        assert.equal(await rows(page).count(), 1);
        assert.equal(await field(page).inputValue(), 'carol@ from:ann@example.org');

        await server.send({ to: 'bob@example.org', subject: 'Other' });
        await server.send({ to: 'carol@example.com', subject: 'Later' });
        await row(page, 'Later').waitFor();
        assert.equal(await row(page, 'Other').count(), 0);
        await field(page).press('Escape');
        await row(page, 'Other').waitFor();
        assert.equal(new URL(page.url()).search, '');
    });
});

test('a wrong filter is explained at the field, and a search without results says what to loosen', async () => {
    const server = await newServer();
    await server.send({ to: 'bob@example.org', subject: 'Minutes' });
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages?q=${encodeURIComponent('to:~( x')}`);
        await page.getByRole('alert').getByText('unclosed group').waitFor();
        assert.equal(await field(page).getAttribute('aria-invalid'), 'true');
        await field(page).fill('to:a to:b');
        await page.getByRole('alert').getByText('`to` may occur only once').waitFor();
        await accessible(page);

        await field(page).fill('to:bob@example.org subject:Minuets form:x');
        await page.getByText('`form` is not a field').waitFor();
        await page.getByText('Leaving out one of them does not help').waitFor();
        await field(page).fill('to:bob@example.org subject:Minuets');
        await accessible(page);
        await page.getByText('1 message', { exact: false }).filter({ hasText: 'Without' }).getByRole('button').click();

        await row(page, 'Minutes').waitFor();
        assert.equal(await field(page).inputValue(), 'to:bob@example.org');
        await page.getByRole('button', { name: 'Fields' }).click();
        await accessible(page);
        await page.getByRole('button', { name: 'subject:~^Re:' }).click();
        assert.equal(await field(page).inputValue(), 'to:bob@example.org subject:~^Re:');
    }, { expected: [400] });
});

test('a field may begin with a capital, and a header field needs no value', async () => {
    const server = await newServer();
    await server.deliver('bob@example.org', 'Subject: Minutes\r\nX-Campaign: 7\r\n\r\nx\r\n');
    await server.deliver('bob@example.org', 'Subject: Other\r\n\r\nx\r\n');
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages`);
        await row(page, 'Other').waitFor();
        for (const text of ['header:X-Campaign', 'Subject:Minutes']) {
            await field(page).fill(text);
            await page.getByText('1 found').waitFor();
            await row(page, 'Minutes').waitFor();
            await field(page).fill('');
            await row(page, 'Other').waitFor();
        }
    });
});

test('Shift with a click on a box selects up to it', async () => {
    const server = await newServer();
    for (const subject of ['One', 'Two', 'Three', 'Four']) await server.deliver('bob@example.org', `Subject: ${subject}\r\n\r\nx\r\n`);
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages`);
        await row(page, 'Four').locator('.check').click();
        await row(page, 'Two').locator('.check').click({ modifiers: ['Shift'] });
        await page.getByRole('button', { name: 'Delete 3 selected' }).waitFor();
        await row(page, 'Three').locator('.check').click();
        await page.getByRole('button', { name: 'Delete 2 selected' }).waitFor();
        await page.getByRole('heading', { name: 'No message is open' }).waitFor();
    });
});

test('the empty list says how to send the first mail, and the commands work', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages`);
        await page.getByRole('heading', { name: 'No mail yet' }).waitFor();
        await accessible(page);
        await shot(page, 'messages-empty');
        for (const name of ['curl', 'Python']) {
            await page.getByRole('button', { name: `Copy the command for ${name}` }).click();
            const command = await page.evaluate(() => navigator.clipboard.readText());
            assert.ok(command.includes(String(server.endpoints.smtp.port)), command);
            await new Promise((resolve, reject) => execFile('sh', ['-c', command], error => (error ? reject(error) : resolve())));
            await row(page, 'Hello').first().waitFor();
            await server.delete('messages');
            await page.getByRole('heading', { name: 'No mail yet' }).waitFor();
        }
    });
});

test('messages are opened, read, selected and deleted by keyboard alone', async () => {
    const server = await newServer();
    for (const subject of ['One', 'Two', 'Three', 'Four', 'Five', 'Six']) await server.deliver('bob@example.org', `Subject: ${subject}\r\n\r\nText of ${subject}\r\n`);
    const heading = (page, name) => page.getByRole('heading', { name, exact: true }).waitFor();
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages`);
        await row(page, 'Six').waitFor();
        const { keyboard } = page;
        await keyboard.press('j');
        await keyboard.press('j');
        await keyboard.press('Enter');
        await heading(page, 'Five');
        await keyboard.press('j');
        await heading(page, 'Four');
        await keyboard.press('k');
        await heading(page, 'Five');
        await keyboard.press('t');
        await panel(page).getByText('Subject: Five').waitFor();
        await page.goBack();
        await heading(page, 'No message is open');
        await page.goForward();
        await heading(page, 'Five');

        await keyboard.press('Delete');
        await page.getByRole('dialog').getByText('This cannot be undone').waitFor();
        await accessible(page);
        await keyboard.press('Escape');
        await page.getByRole('dialog').waitFor({ state: 'hidden' });
        assert.equal((await server.get('messages')).messages.length, 6);
        await keyboard.press('Delete');
        await keyboard.press('Shift+Tab');
        await keyboard.press('Enter');
        await heading(page, 'Four');
        await row(page, 'Five').waitFor({ state: 'detached' });
        assert.equal((await server.get('messages')).messages.length, 5);

        await keyboard.press('Escape');
        await heading(page, 'No message is open');
        await keyboard.press('x');
        await keyboard.press('Shift+ArrowDown');
        await page.getByRole('button', { name: 'Delete 2 selected' }).waitFor();
        await accessible(page);
        await keyboard.press('Delete');
        await keyboard.press('Shift+Tab');
        await keyboard.press('Enter');
        await row(page, 'Three').waitFor({ state: 'detached' });
        await page.getByText('3 messages', { exact: true }).waitFor();
        const left = (await server.get('messages')).messages.map(({ subject }) => subject);
        assert.deepEqual(left, ['One', 'Two', 'Six']);
    });
});

test('all messages found are deleted after a question, and the others stay', async () => {
    const server = await newServer();
    for (const to of ['bob@example.org', 'bob@example.org', 'carol@example.com']) await server.send({ to, subject: `For ${to}` });
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages?q=to:bob@example.org`);
        await page.getByText('2 found', { exact: true }).waitFor();
        await page.getByRole('button', { name: 'Delete found' }).click();
        await page.getByRole('dialog').getByRole('button', { name: 'Delete all' }).click();
        await page.getByRole('heading', { name: 'No message matches' }).waitFor();
        await page.getByRole('button', { name: 'Clear the search' }).click();

        await row(page, 'For carol').waitFor();
        assert.equal(await rows(page).count(), 1);
        await row(page, 'For carol').locator('.check').click();
        await page.getByRole('button', { name: 'Select none' }).click();
        await page.getByRole('button', { name: 'Delete all' }).click();
        await page.getByRole('dialog').getByText('the journal').waitFor();
        await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
        assert.equal((await server.get('messages')).messages.length, 1);
    });
});

test('"copy as test" gives code for what is listed and for a message', async () => {
    const server = await newServer();
    await server.send({ to: 'bob@example.org', subject: '~50 % * off', text: '* Only today\n' });
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages?q=to:*@example.org+only`);
        await row(page, 'off').waitFor();
        const mail = ['bob@example.org', '~50 % * off', '* Only today'];
        for (const [name, none, one, two] of [['Wait for a message …', FEW, GOOD, GOOD], ['Expect just as many …', FEW, GOOD, MANY], ['Expect none …', GOOD, MANY, MANY]]) {
            await page.keyboard.press('y');
            await page.getByRole('button', { name }).click();
            await accessible(page);
            const code = await codeInDialog(page);
            assert.match(code.Rust, /to\("\*@example\.org"\)\.and\(matchers::search\("only"\)\)/);
            for (const language of SCRIPTS) {
                // What was sent before does not count.
                await works(language, code[language].replace('wait=5s', 'wait=1ms'), none, sending(server));
                await works(language, code[language], one, sending(server, mail));
                await works(language, code[language], two, sending(server, mail, mail));
            }
            while ((await server.get('messages')).messages.length > 1) await server.delete(`messages/${(await server.get('messages/latest')).id}`);
            await rows(page).nth(1).waitFor({ state: 'detached' });
        }
        await rows(page).first().click();
        await page.getByRole('heading', { name: '~50 % * off' }).waitFor();
        await page.locator('#copy-message').click();
        const code = await codeInDialog(page);
        for (const language of SCRIPTS) {
            await works(language, code[language].replace('wait=5s', 'wait=1ms'), FEW, sending(server, ['bob@example.org', '50 % off', '* Only today']));
            await works(language, code[language], GOOD, sending(server, mail));
        }
        await server.send({ to: 'bob@example.org', subject: 'Your code', text: 'Your code is 482913. Only today.' });
        await row(page, 'Your code').click();
        await page.getByRole('heading', { name: 'Your code' }).waitFor();
        await page.keyboard.press('y');
        const another = await codeInDialog(page);
        for (const language of SCRIPTS) {
            await works(language, another[language], GOOD, sending(server, ['bob@example.org', 'Your code', 'Your code is 173905.']));
            await works(language, another[language], /no code|null/, sending(server, ['bob@example.org', 'Your code', 'Hello.']));
        }
    });
});

const GOOD = null;
const FEW = /no later message matched within/;
const MANY = /false|AssertionError|expected none/;

// A client that sends these messages, each `[to, subject, text]`.
function sending({ endpoints: { smtp } }, ...mail) {
    const raw = mail.map(([to, subject, text]) => [to, `To: ${to}\r\nSubject: ${subject}\r\n\r\n${text}\r\n`]);
    return `import smtplib\nfor to, raw in ${JSON.stringify(raw)}:\n    with smtplib.SMTP("127.0.0.1", ${smtp.port}) as smtp:\n        smtp.sendmail("ann@example.org", to, raw)`;
}

// Runs code, and requires that it fails as `wrong` says, or that it does not.
async function works(language, code, wrong, client) {
    if (wrong) return assert.rejects(runCode(language, code, client), { message: wrong }, language);
    return runCode(language, code, client);
}

test('10,000 messages are listed with few rows in the document', async () => {
    const server = await newServer();
    await flood(server.endpoints.smtp.port, 10_000);
    await inBrowser(async page => {
        const began = performance.now();
        await page.goto(`${server.page}/messages`);
        await row(page, 'Mail 10000.').waitFor();
        console.log(`first rows of 10,000 messages: ${Math.round(performance.now() - began)} ms after navigation`);
        await page.getByText('10,000 messages', { exact: true }).waitFor();
        console.log(`all of 10,000 messages: ${Math.round(performance.now() - began)} ms after navigation`);

        const drawn = () => page.evaluate(() => document.querySelectorAll('#list .row').length);
        assert.ok(await drawn() < 100);
        await page.locator('#list').focus();
        await page.keyboard.press('End');
        await row(page, 'Mail 1.').waitFor();
        assert.ok(await drawn() < 100);
        await page.goto(`${server.page}/messages/m5000`);
        await page.getByText('5,001 of 10,000', { exact: true }).waitFor();
        await row(page, 'Mail 5000.').waitFor();
        await page.locator('#list').focus();
        await page.keyboard.press('Control+a');
        await page.getByRole('button', { name: 'Delete 10,000 selected' }).waitFor();
        await page.keyboard.press('Escape');
        await field(page).fill('subject:"Mail 5000."');
        await page.getByText('1 found', { exact: true }).waitFor();
        await shot(page, 'messages-many');
    });
});

test('Escape closes the hints at the search field, and not the message', async () => {
    const server = await newServer();
    await server.deliver('bob@example.org', 'Subject: One\r\n\r\n');
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages/m1`);
        await page.getByRole('heading', { name: 'One' }).waitFor();
        await page.getByRole('button', { name: 'Fields' }).click();
        await page.locator('#fields').waitFor();

        await page.keyboard.press('Escape');

        await page.locator('#fields').waitFor({ state: 'hidden' });
        assert.equal(new URL(page.url()).pathname, new URL(`${server.page}/messages/m1`).pathname);
    });
});

for (const scheme of ['light', 'dark']) {
    for (const width of [400, 760, 2000]) {
        test(`list and message fit, ${scheme}, ${width} px wide`, async () => {
            const server = await newServer();
            await server.send({ ...rich('https://img.example.org'), html: '<p>Hello</p>' });
            await server.send({ to: Array.from({ length: 12 }, (_, n) => `a-rather-long-address-${n}@subdomain.example.org`), subject: 'x'.repeat(300) });
            await inBrowser(async page => {
                await page.goto(`${server.page}/messages`);
                await row(page, 'Your code').waitFor();
                await noOverflow(page);
                await accessible(page);
                await shot(page, `messages-list-${width}-${scheme}`);
                await row(page, 'Your code').click();
                await page.getByRole('heading', { name: 'Your code' }).waitFor();
                await page.frameLocator('iframe').getByText('Hello').waitFor();
                await noOverflow(page);
                await accessible(page);
                await shot(page, `messages-open-${width}-${scheme}`);
                for (const hash of ['parts', 'headers', 'attachments']) {
                    await page.goto(`${server.page}/messages/m2#${hash}`);
                    await page.getByRole('heading', { name: 'xxx' }).waitFor();
                    await noOverflow(page);
                }
            }, { width, scheme });
        });
    }
}

// Delivers many messages over one connection, without waiting for replies.
function flood(port, count) {
    return new Promise((resolve, reject) => {
        const socket = net.connect(port, '127.0.0.1', () => {
            const mail = n => `MAIL FROM:<ann@example.org>\r\nRCPT TO:<bob${n % 50}@example.org>\r\nDATA\r\nFrom: ann@example.org\r\nTo: bob@example.org\r\nSubject: Mail ${n}.\r\n\r\nText ${n}\r\n.\r\n`;
            socket.write(`EHLO client.example\r\n${Array.from({ length: count }, (_, n) => mail(n + 1)).join('')}QUIT\r\n`);
        });
        let last = '';
        socket.on('data', data => {
            last = (last + data).slice(-200);
        });
        socket.on('close', () => (last.includes('221 ') ? resolve() : reject(new Error(last))));
        socket.on('error', reject);
    });
}
