// The list of sessions.
'use strict';
const nodemailer = require('nodemailer');
const { test, assert, newServer, inBrowser, accessible, boxOf, shot } = require('./support.js');
const { SCRIPTS, runCode } = require('./code_support.js');
const { open, connect, dialogue, ended, rule, row, line, whole, openSession, codeOf, clientThat } = require('./session_support.js');

// What code says when too few sessions match, or too many.
const FEWER = /false|AssertionError/;

test('an empty list says how to open a session, and becomes a list when one begins', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        await page.goto(`${server.page}/sessions`);
        await page.getByRole('heading', { name: 'No sessions yet' }).waitFor();
        await page.getByText(`nc -C 127.0.0.1 ${server.endpoints.smtp.port}`).waitFor();
        await page.getByText(`swaks --server 127.0.0.1:${server.endpoints.smtp.port} --to bob@example.org`).waitFor();
        await accessible(page);
        await shot(page, 'sessions-empty');

        const client = connect(server.endpoints.smtp.port);
        await client.until('220 ');
        await row(page, 's1').waitFor();
        await row(page, 's1').locator('.is-open').waitFor();
        client.send('EHLO live.example\r\nQUIT\r\n');
        await row(page, 's1').getByText('live.example').waitFor();
        await row(page, 's1').locator('.long:not(.is-open)').waitFor();
        assert.equal(await page.getByRole('heading', { name: 'No sessions yet' }).isVisible(), false);
        await accessible(page);
    });
});

test('the list shows what a session was, and its filters are in the URL', async () => {
    const server = await newServer();
    const { smtp, pop3, imap, submission } = server.endpoints;
    await rule(server, 'full', 'smtp.rcpt', { reply: '452 4.2.2 Mailbox full' });
    await dialogue(smtp.port, 'EHLO app.example', 'MAIL FROM:<ann@example.org>', 'RCPT TO:<bob@example.org>');
    await dialogue(smtp.port, 'EHLO quiet.example');
    const mailer = nodemailer.createTransport({ host: '127.0.0.1', port: submission.port, requireTLS: true, tls: { rejectUnauthorized: false }, auth: { user: 'ann@example.org', pass: 'x' } });
    await mailer.verify();
    mailer.close();
    const reader = connect(pop3.port);
    await reader.until('+OK');
    reader.send('USER kim@example.org\r\nPASS x\r\n');
    await reader.until('messages');
    reader.close();
    const imapClient = connect(imap.port);
    await imapClient.until('* OK');
    await server.get('sessions?open=true&listener=imap&wait=10s');
    await server.get('sessions?open=true&listener=pop3&count=0&wait=10s');
    await inBrowser(async page => {
        const ids = async () => (await page.locator('#sessions .row .id').allTextContents()).map(text => text.trim());
        const shows = async (...expected) => {
            await page.waitForFunction(all => [...document.querySelectorAll('#sessions .row .id')].map(each => each.textContent.trim()).join() === all, expected.join());
            assert.deepEqual(await ids(), expected);
        };
        await page.goto(`${server.page}/sessions`);
        await shows('s5', 's4', 's3', 's2', 's1');
        await row(page, 's1').getByText('1 refused').waitFor();
        await row(page, 's1').getByText('full', { exact: true }).waitFor();
        await row(page, 's3').getByText('TLS', { exact: true }).waitFor();
        await row(page, 's3').getByText('ann@example.org').waitFor();
        await row(page, 's4').getByText('no QUIT').waitFor();
        // A clean end prints nothing.
        assert.equal(await row(page, 's2').locator('.notes').textContent(), '');
        await shot(page, 'sessions-list');

        await page.getByLabel('Listener').selectOption('imap.*');
        await shows('s5');
        await page.getByLabel('Listener').selectOption('pop3');
        await shows('s4');
        await page.getByLabel('Listener').selectOption('');
        await page.getByLabel('State').selectOption('open');
        await shows('s5');
        await page.getByLabel('State').selectOption('');
        await page.getByLabel('TLS').selectOption('yes');
        await shows('s3');
        await page.getByLabel('TLS').selectOption('');
        await page.getByLabel('Outcome').selectOption('refused');
        await shows('s1');
        await page.getByLabel('Outcome').selectOption('unclean');
        await shows('s4');
        await page.getByLabel('Outcome').selectOption('rule');
        await shows('s1');
        await page.getByLabel('State').selectOption('ended');
        await page.getByLabel('Listener').selectOption('smtp.*');
        const code = await codeOf(page);
        assert.match(code.Rust, /!its\.rules\.is_empty\(\)/);
        await page.getByLabel('State').selectOption('');
        await page.getByLabel('Listener').selectOption('');
        await page.getByLabel('Outcome').selectOption('');
        await page.getByLabel('User').fill('KIM@');
        await shows('s4');
        await page.getByLabel('User').fill('');
        await page.getByLabel('Search the sessions').fill('quiet smtp');
        await shows('s2');
        await page.getByLabel('TLS').selectOption('no');
        assert.equal(new URL(page.url()).search, '?q=quiet+smtp&tls=no');
        await page.reload();
        await shows('s2');
        await page.getByLabel('Search the sessions').fill('nobody');
        await page.getByRole('heading', { name: 'No session matches' }).waitFor();
        await accessible(page);
        await page.getByRole('button', { name: 'Clear the filters' }).click();
        await shows('s5', 's4', 's3', 's2', 's1');

        const refused = clientThat(server.endpoints.smtp.port, 'EHLO full.example', 'MAIL FROM:<ann@example.org>', 'RCPT TO:<bob@example.org>', 'QUIT');
        const other = clientThat(server.endpoints.smtp.port, 'EHLO full.example', 'QUIT');
        for (const language of SCRIPTS) {
            await runCode(language, code[language], `${other}\n${refused}\n${other}`);
            await assert.rejects(runCode(language, code[language], other), FEWER, language);
            await assert.rejects(runCode(language, code[language], `${refused}\n${refused}`), FEWER, language);
        }
    });
    imapClient.close();
});

test('what was broken off is red, and a client without QUIT is not', async () => {
    const server = await newServer();
    const { smtp, imap } = server.endpoints;
    const begin = async (port, ...lines) => {
        const client = connect(port);
        await client.until('\r\n');
        for (const each of lines) {
            client.send(`${each}\r\n`);
            await client.until('\r\n');
        }
        return client;
    };
    const leave = async (client, text) => {
        client.socket.end(text);
        await client.ended;
    };
    await leave(await begin(smtp.port, 'HELO a.example', 'MAIL FROM:<ann@example.org>', 'RCPT TO:<bob@example.org>', 'DATA'), '');
    await leave(await begin(smtp.port, 'HELO b.example', 'MAIL FROM:<ann@example.org>', 'RCPT TO:<bob@example.org>', 'DATA'), 'Subject: half');
    await leave(await begin(smtp.port, 'HELO c.example'), 'MAIL FR');
    await leave(await begin(smtp.port, 'HELO d.example'), '');
    await leave(await begin(imap.port, 'a NOOP'), '');
    await leave(await begin(smtp.port, 'STARTTLS'), 'no handshake\r\n');
    await ended(server);
    await inBrowser(async page => {
        await page.goto(`${server.page}/sessions`);
        for (const [id, text] of [['s1', '! message incomplete'], ['s2', '! message incomplete'], ['s3', '! request incomplete'], ['s6', '! TLS failed']]) await row(page, id).locator('.tag.bad', { hasText: text }).waitFor();
        for (const [id, text] of [['s4', 'no QUIT'], ['s5', 'no LOGOUT']]) await row(page, id).locator('.tag:not(.bad)', { hasText: text }).waitFor();
        await accessible(page);
        await page.getByLabel('Outcome').selectOption('wrong');
        await page.waitForFunction(() => [...document.querySelectorAll('#sessions .row .id')].map(each => each.textContent.trim()).join() === 's6,s3,s2,s1');
        const code = await codeOf(page);
        const refused = clientThat(smtp.port, 'EHLO a.example', 'XYZZY', 'QUIT');
        const clean = clientThat(smtp.port, 'EHLO a.example', 'QUIT');
        for (const language of SCRIPTS) {
            await runCode(language, code[language], [refused, refused, clean, refused, refused].join('\n'));
            await assert.rejects(runCode(language, code[language], [refused, refused, clean, refused].join('\n')), FEWER, language);
        }
        assert.match(code.Rust, /sessions\.retain\(\|its\| its\.refused > 0/);

        await openSession(page, server, 's1');
        await page.locator('#session-state.bad', { hasText: 'message incomplete' }).waitFor();
        await openSession(page, server, 's5');
        await page.locator('#session-state:not(.bad)', { hasText: 'without LOGOUT' }).waitFor();
        await page.getByLabel('Which lines').selectOption('problems');
        await page.getByText(/^0 of \d+ lines$/).waitFor();
    });
});

test('beside an open session, nothing in the list is cut off', async () => {
    const server = await newServer();
    await rule(server, 'lost', 'smtp.rcpt', { reply: '452 4.2.2 Mailbox full' });
    const client = connect(server.endpoints.smtp.port);
    for (const each of ['', 'HELO a.example\r\n', 'MAIL FROM:<a@example.org>\r\n', 'RCPT TO:<b@example.org>\r\n']) {
        client.send(each);
        await client.until('\r\n');
    }
    client.socket.end('NOO');
    await client.ended;
    await inBrowser(async page => {
        await openSession(page, server, 's1');
        await row(page, 's1').getByText('lost').waitFor();
        assert.ok((await boxOf(page.locator('.pane.list'))).width >= 360);
        const cut = await page.locator('#sessions .tag, #filters select').evaluateAll(all => all.filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.textContent));
        assert.deepEqual(cut, []);
        const tooNarrow = await page.locator('#filters select').evaluateAll(all => all.map(each => each.clientWidth).filter(width => width < 130));
        assert.deepEqual(tooNarrow, []);
        await shot(page, 'sessions-beside');
    });
});

test('many sessions at once arrive in the list, and a reset empties it', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        await page.goto(`${server.page}/sessions`);
        await page.getByRole('heading', { name: 'No sessions yet' }).waitFor();
        await Promise.all(Array.from({ length: 40 }, (_, n) => dialogue(server.endpoints.smtp.port, `EHLO client${n}.example`)));
        await page.locator('#count', { hasText: '40 sessions' }).waitFor();
        await page.waitForFunction(() => !document.querySelector('#sessions .is-open'));
        await row(page, 's40').click();
        await line(page, 'Ended normally').waitFor();
        await server.post('reset');
        await page.getByRole('heading', { name: 'There is no session s40' }).waitFor();
        await page.getByRole('heading', { name: 'No sessions yet' }).waitFor();
        await dialogue(server.endpoints.smtp.port, 'EHLO after.example');
        await row(page, 's1').getByText('after.example').waitFor();
    }, { expected: [404] });
});

test('everything works with the keyboard alone', async () => {
    const server = await newServer();
    const { port } = server.endpoints.smtp;
    await dialogue(port, 'EHLO a.example', 'XYZZY', 'NOOP');
    await dialogue(port, 'EHLO b.example', 'NOOP');
    await inBrowser(async page => {
        await page.goto(`${server.page}/sessions`);
        await row(page, 's2').waitFor();
        const press = async (...keys) => {
            for (const key of keys) await page.keyboard.press(key);
        };
        await press('j', 'x', 'j', 'x');
        await page.getByRole('button', { name: 'Compare s2 with s1' }).waitFor();
        await press('Enter');
        await page.waitForURL(`${server.page}/sessions/s1`);
        await line(page, 'XYZZY').first().waitFor();
        await press('n');
        await page.locator('#lines .row.cursor', { hasText: '500' }).waitFor();
        await press('Enter');
        await whole(page).getByText('XYZZY').waitFor();
        await press('j');
        await whole(page).getByText('NOOP').waitFor();
        await press('Escape');
        assert.equal(await page.locator('#line').isVisible(), false);
        await press('/');
        await page.keyboard.type('xyzzy');
        await page.getByText(/^2 of \d+ lines$/).waitFor();
        await press('Escape', 'i');
        assert.equal(await page.locator('#facts').isVisible(), false);
        await press('i', 'y');
        await page.getByRole('dialog', { name: 'Copy as test' }).waitFor();
        await press('Escape', 'Escape');
        await page.waitForURL(`${server.page}/sessions`);
        await press('c');
        await page.waitForURL(`${server.page}/sessions/s2/compare/s1`);
        await page.getByText(/^\d+ differences$/).waitFor();
        await press('n');
        await page.locator('#pairs .row.cursor', { hasText: 'a.example' }).waitFor();
        await press('n');
        await page.locator('#pairs .row.cursor', { hasText: 'XYZZY' }).waitFor();
        await press('Enter');
        await page.getByLabel('The whole line of s1').waitFor();
        await press('Escape', 's');
        await page.waitForURL(`${server.page}/sessions/s1/compare/s2`);
        await page.locator('#pairs .row').first().waitFor();
        await press('Escape');
        await page.waitForURL(`${server.page}/sessions`);
    });
});

test('back and forward open and close sessions', async () => {
    const server = await newServer({ name: 'orders of 2026' });
    await dialogue(server.endpoints.smtp.port, 'EHLO first.example');
    await dialogue(server.endpoints.smtp.port, 'EHLO second.example');
    await inBrowser(async page => {
        await page.goto(`${server.page}/sessions?outcome=`);
        await row(page, 's1').click();
        await line(page, 'EHLO first.example').waitFor();
        await row(page, 's2').click();
        await line(page, 'EHLO second.example').waitFor();
        await page.goBack();
        await line(page, 'EHLO first.example').waitFor();
        await page.goBack();
        await page.locator('.split:not(.open)').waitFor();
        assert.equal(await page.title(), 'Sessions · orders of 2026 · mailjig');
        await page.goForward();
        await line(page, 'EHLO first.example').waitFor();
        assert.equal(await page.title(), 's1 smtp · Sessions · orders of 2026 · mailjig');
    });
});

test('in a narrow window, the other session to compare is chosen in the list', async () => {
    const server = await newServer();
    await dialogue(server.endpoints.smtp.port, 'EHLO first.example');
    await dialogue(server.endpoints.smtp.port, 'EHLO second.example');
    await inBrowser(async page => {
        await openSession(page, server, 's1');
        await page.getByRole('button', { name: 'Compare with…' }).click();
        await page.getByText('Open the session that s1 is to be compared with.').waitFor();
        await row(page, 's2').click();
        await page.waitForURL(`${server.page}/sessions/s1/compare/s2`);
    }, { width: 400 });
});

test('a session that was deleted says so in its place', async () => {
    const server = await newServer();
    await dialogue(server.endpoints.smtp.port, 'EHLO gone.example');
    await inBrowser(async page => {
        await openSession(page, server, 's1');
        await server.delete('messages');
        await page.getByRole('heading', { name: 'There is no session s1' }).waitFor();
        await page.locator('#sessions .row').waitFor({ state: 'detached' });
        await accessible(page);
        await page.goto(`${server.page}/sessions/s9`);
        await page.getByRole('heading', { name: 'There is no session s9' }).waitFor();
        await page.goto(`${server.page}/sessions/s8/compare/s9`);
        await page.getByText('There is no session s').waitFor();
        await accessible(page);
    }, { expected: [404] });
});

for (const [scheme, width] of [['light', 400], ['dark', 400], ['light', 760], ['dark', 1280], ['light', 2000]]) {
    test(`the views are accessible and fit, ${scheme}, ${width} px wide`, async () => {
        const server = await newServer();
        await rule(server, 'a-rule-with-quite-a-long-name', 'smtp.rcpt', { reply: '452 4.2.2 Mailbox full' });
        await server.send({ to: 'bob@example.org', subject: 'Refused' }).catch(() => {});
        await dialogue(server.endpoints.smtp.port, 'EHLO a-client-with-a-long-name.department.company.example', 'XYZZY');
        await ended(server);
        await inBrowser(async page => {
            const fits = async () => {
                await accessible(page);
                const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
                assert.ok(overflow <= 0, `${page.url()} is ${overflow} px too wide`);
            };
            await page.goto(`${server.page}/sessions`);
            await row(page, 's1').waitFor();
            await fits();
            await openSession(page, server, 's1');
            await line(page, '452 4.2.2').locator('.line').click();
            await page.locator('#line').waitFor();
            await fits();
            await shot(page, `session-${scheme}-${width}`);
            if (!await page.locator('#facts').isVisible()) await page.getByRole('button', { name: 'Facts' }).click();
            await page.locator('#facts').getByRole('link', { name: 'a-rule-with-quite-a-long-name' }).waitFor();
            await fits();
            await page.goto(`${server.page}/sessions/s1/compare/s2`);
            await page.locator('#pairs .row').first().waitFor();
            await fits();
            await shot(page, `compare-${scheme}-${width}`);
        }, { scheme, width });
    });
}
