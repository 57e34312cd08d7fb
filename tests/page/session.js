// An open session.
'use strict';
const tls = require('node:tls');
const { readFile } = require('node:fs/promises');
const { ImapFlow } = require('imapflow');
const { test, assert, newServer, inBrowser, accessible, boxOf, shot } = require('./support.js');
const { SCRIPTS, runCode } = require('./code_support.js');
const { open, connect, dialogue, ended, rule, row, line, whole, openSession, codeOf, clientThat } = require('./session_support.js');

test('an open session grows live, follows its end, and can be ended with a reply', async () => {
    const server = await newServer();
    const client = connect(server.endpoints.smtp.port);
    await client.until('220 ');
    await inBrowser(async page => {
        await openSession(page, server, 's1');
        await page.locator('#session-state', { hasText: 'open' }).waitFor();
        assert.equal(await page.getByRole('button', { name: 'Follow' }).getAttribute('aria-pressed'), 'true');

        client.send('EHLO growing.example\r\n');
        await line(page, 'EHLO growing.example').waitFor();
        for (let i = 0; i < 60; i += 1) client.send(`NOOP number${i}\r\n`);
        await line(page, 'NOOP number59').waitFor();
        await page.waitForFunction(() => {
            const lines = document.querySelector('#lines');
            return lines.scrollHeight - lines.scrollTop - lines.clientHeight < 3;
        });

        // A reader who scrolls up stays there.
        await page.locator('#lines').hover();
        await page.mouse.wheel(0, -800);
        await page.locator('#follow[aria-pressed=false]').waitFor();
        const place = await page.locator('#lines').evaluate(lines => lines.scrollTop);
        client.send('NOOP last\r\n');
        await client.until('250 2.0.0 Ok\r\n');
        await page.getByText('127 lines').waitFor();
        assert.equal(await page.locator('#lines').evaluate(lines => lines.scrollTop), place);

        // Enter alone ends nothing; an open session has no time in all.
        assert.equal(await page.locator('#facts').getByText(/^(In all|Lasted)$/).count(), 0);
        await page.keyboard.press('e');
        await page.getByRole('dialog', { name: 'End session s1' }).waitFor();
        await page.keyboard.press('Enter');
        await page.getByRole('dialog', { name: 'End session s1' }).waitFor({ state: 'hidden' });
        assert.equal((await server.get('sessions/s1')).ended, null);

        await page.getByRole('button', { name: 'End…' }).click();
        const dialog = page.getByRole('dialog', { name: 'End session s1' });
        await accessible(page);
        await dialog.getByLabel('Reply').fill('421 4.3.2 Enough');
        await dialog.getByRole('button', { name: 'End it' }).click();
        await client.ended;
        await page.locator('#session-state:not(.bad)', { hasText: 'Ended over HTTP or by a rule' }).waitFor();
        await page.getByLabel('Which lines').selectOption('events');
        await line(page, 'Ended over HTTP or by a rule').waitFor();
        assert.equal(await line(page, 'Ended over HTTP or by a rule').locator('.tag.bad').count(), 0);
        await page.getByLabel('Which lines').selectOption('server');
        await page.getByLabel('Search the lines').fill('enough');
        await line(page, '421 4.3.2 Enough').waitFor();
    });
});

test('it shows what rules wrote, shaped, cut and held back', async () => {
    const server = await newServer();
    const { port } = server.endpoints.smtp;
    await rule(server, 'writer', 'smtp.rcpt', { reply: '452 4.2.2 Mailbox full' });
    await rule(server, 'cutter', 'smtp.rset', [{ cut: { at: 9, close: 'fin' } }, { pass: true }]);
    await rule(server, 'pacer', 'smtp.noop', { pace: { chunk: 5, gap: '1ms' } });
    await rule(server, 'late', 'smtp.help', [{ wait: '40ms' }, { note: 'the client has to wait' }, { pass: true }]);
    await rule(server, 'silent', 'smtp.vrfy', { stall: 'reply' });
    await dialogue(port, 'EHLO one.example', 'NOOP', 'HELP', 'MAIL FROM:<a@example.org>', 'RCPT TO:<bob@example.org>');
    const cut = connect(port);
    await cut.until('220 ');
    cut.send('RSET\r\n');
    await cut.ended;
    const stalled = connect(port);
    await stalled.until('220 ');
    stalled.send('VRFY bob\r\n');
    await server.get('rules/silent?fired=1&wait=10s');
    await inBrowser(async page => {
        await openSession(page, server, 's1');
        assert.equal(await line(page, '452 4.2.2').locator('.is-written').textContent(), '452 4.2.2 Mailbox full');
        assert.equal(await line(page, '452 4.2.2').locator('a.tag.rule').getAttribute('href'), `${new URL(server.page).pathname}/rules/writer`);
        await line(page, '452 4.2.2').getByText('✗').waitFor();
        await line(page, 'pacer').getByText('250 2.0.0 Ok').waitFor();
        await line(page, 'Note: the client has to wait').waitFor();
        await accessible(page);
        await shot(page, 'session-rules');

        await line(page, 'pacer').locator('.line').click();
        await page.locator('#line').getByText('pace 5B/1ms').waitFor();
        await accessible(page);
        await page.keyboard.press('Escape');
        await page.getByLabel('Which lines').selectOption('rules');
        assert.equal(await page.getByText(/^4 of \d+ lines$/).count(), 1);

        await openSession(page, server, 's2');
        await line(page, '9 of 14 octets left; 5 never left').getByText('5 unsent').waitFor();
        await page.locator('#session-state', { hasText: 'Ended by a rule' }).waitFor();
        assert.equal(await line(page, 'S|').locator('.line').textContent(), '250 2.0.0');

        await openSession(page, server, 's3');
        await line(page, 'The server never answers this').getByText('silent').waitFor();
        await page.getByRole('button', { name: 'Problem ›' }).click();
        assert.match(await page.locator('#lines .row.cursor').textContent(), /never answers/);
    });
    stalled.close();
});

test('the octets that never left are struck through', async () => {
    const server = await newServer();
    await rule(server, 'drip', ['smtp.noop', 'smtp.caps'], { pace: { chunk: 6, gap: '10m' } });
    for (const command of ['NOOP', 'EHLO c.example']) {
        const client = connect(server.endpoints.smtp.port);
        await client.until('220 ');
        client.send(`${command}\r\n`);
        await client.until(/^250.../m);
        await server.delete(`sessions/s${command === 'NOOP' ? 1 : 2}`);
        await client.ended;
    }
    await inBrowser(async page => {
        await openSession(page, server, 's1');
        assert.equal(await line(page, '250 2.0.0 Ok').locator('.is-unsent').textContent(), '0.0 Ok');
        await line(page, '6 of 14 octets left; 8 never left').getByText('8 unsent').waitFor();
        await accessible(page);
        // A label stands for other octets than its own.
        await openSession(page, server, 's2');
        await line(page, '250-localhost').locator('.is-unsent', { hasText: 'calhost' }).waitFor();
        assert.equal(await line(page, '<caps>').locator('.is-unsent').textContent(), '<caps>');
    });
});

test('it shows STARTTLS, failed handshakes, octets in cleartext, unfinished requests and early clients', async () => {
    const server = await newServer();
    const { port } = server.endpoints.smtp;
    const secured = connect(port);
    await secured.until('220 ');
    secured.send('STARTTLS\r\n');
    await secured.until('220 2.0.0');
    const wrapped = tls.connect({ socket: secured.socket, servername: 'mail.example', rejectUnauthorized: false });
    await new Promise(resolve => wrapped.once('secureConnect', resolve));
    wrapped.write('EHLO inside.example\r\nQUIT\r\n');
    await new Promise(resolve => wrapped.on('close', resolve).resume());
    const broken = connect(port);
    await broken.until('220 ');
    broken.send('STARTTLS\r\n');
    await broken.until('220 2.0.0');
    broken.send('not TLS at all\r\n');
    await broken.ended;
    const leaking = connect(port);
    await leaking.until('220 ');
    leaking.send('STARTTLS\r\nRSET\r\nNOOP\r\n');
    await leaking.until('220 2.0.0');
    leaking.close();
    const early = connect(port);
    await early.until('220 ');
    early.send('EHLO early.example\r\nMAIL FROM:<a@b');
    await early.until('250 ');
    early.close();
    const weak = { servername: 'mail.example', ALPNProtocols: ['mail'], ciphers: 'ECDHE-ECDSA-AES128-SHA', maxVersion: 'TLSv1.2' };
    await new Promise(resolve => tls.connect({ port: server.endpoints.smtps.port, ...weak }).on('error', resolve));
    await ended(server);
    await inBrowser(async page => {
        await openSession(page, server, 's1');
        await line(page, /TLS: TLSv1.3, .*, server name mail.example/).waitFor();
        for (const fact of ['mail.example', /^TLS_/, 'x25519', 'good']) await page.locator('#facts').getByText(fact, { exact: true }).waitFor();
        await openSession(page, server, 's2');
        await line(page, 'The TLS handshake failed: the client sent something that is not TLS').waitFor();
        await openSession(page, server, 's3');
        await line(page, '12 octets sent in cleartext after STARTTLS, discarded').waitFor();
        await page.locator('#facts').getByText('cleartext-after-starttls').waitFor();
        await openSession(page, server, 's4');
        await line(page, 'MAIL FROM:<a@b').getByText('C|').waitFor();
        await line(page, '14 octets of an incomplete request were lost').waitFor();
        await openSession(page, server, 's5');
        const reason = 'the client offers no cipher suite that the server supports';
        await line(page, `The TLS handshake failed: ${reason}`).waitFor();
        for (const fact of [reason, 'mail.example', 'mail', /^TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA/]) await page.locator('#facts').getByText(fact, { exact: true }).waitFor();
        await accessible(page);
    });
});

test('a client that sends too early is marked, and its findings are at its lines', async () => {
    const server = await newServer();
    const client = connect(server.endpoints.smtp.port);
    await client.until('220 ');
    client.send('EHLO hasty.example\r\nNOOP\r\nMAIL FROM:<a@example.org>\r\nQUIT\r\n');
    await client.ended;
    await ended(server);
    await inBrowser(async page => {
        await openSession(page, server, 's1');
        await line(page, 'NOOP').getByText('⚑ sent-too-early').waitFor();
        await page.locator('#facts').getByRole('link', { name: 'sent-too-early' }).first().click();
        assert.match(await page.locator('#lines .row.cursor').textContent(), /NOOP/);
        // The line is in the URL.
        await page.reload();
        await page.locator('#lines .row.cursor', { hasText: 'NOOP' }).waitFor();
    });
});

test('an IMAP session in IDLE, with its mailbox, its labels and its pushes', async () => {
    const server = await newServer();
    await server.deliver('bob@example.org', 'Subject: first\r\n\r\nHello.\r\n');
    const client = new ImapFlow({ host: '127.0.0.1', port: server.endpoints.imap.port, secure: false, auth: { user: 'bob@example.org', pass: 'x' }, logger: false, tls: { rejectUnauthorized: false } });
    open.add(() => client.close());
    await client.connect();
    await client.mailboxOpen('INBOX');
    for await (const _ of client.fetch('1', { source: true }));
    const idling = client.idle().catch(() => {});
    await server.get('sessions?idling=true&wait=10s');
    await inBrowser(async page => {
        await page.goto(`${server.page}/sessions`);
        await row(page, 's1').getByText('IDLE').waitFor();
        await row(page, 's1').click();
        await page.locator('#session-state', { hasText: 'open, in IDLE' }).waitFor();
        const mailbox = page.locator('#facts').getByRole('link', { name: 'INBOX' });
        assert.equal(await mailbox.getAttribute('href'), `${new URL(server.page).pathname}/mailboxes/bob%40example.org/INBOX`);

        await server.deliver('bob@example.org', 'Subject: second\r\n\r\nHello again.\r\n');
        await line(page, '* 2 EXISTS').getByText('imap.push').waitFor();

        await page.getByLabel('Search the lines').fill('<m1>');
        assert.equal(await line(page, '<m1').locator('a.is-label').first().getAttribute('href'), `${new URL(server.page).pathname}/messages/m1`);
        await page.getByLabel('Search the lines').fill('<caps>');
        await line(page, '<caps>').first().locator('.line').click();
        await page.getByLabel('What <caps> stands for').getByText('IMAP4rev1').waitFor();
        await accessible(page);
    });
    await client.logout();
    await idling;
});

test('a POP3 session, and the message of an SMTP session', async () => {
    const server = await newServer();
    await server.send({ to: 'bob@example.org', subject: 'Minutes', text: 'We met.' });
    const client = connect(server.endpoints.pop3.port);
    await client.until('+OK');
    client.send('USER bob@example.org\r\n');
    await client.until('+OK');
    client.send('PASS x\r\nRETR 1\r\n');
    await client.until('\r\n.\r\n');
    client.send('QUIT\r\n');
    await client.ended;
    await inBrowser(async page => {
        await openSession(page, server, 's1');
        const message = line(page, '<m1>').locator('a', { hasText: '<m1>' });
        assert.equal(await message.getAttribute('href'), `${new URL(server.page).pathname}/messages/m1`);
        await page.locator('#facts').getByText('Minutes').waitFor();
        await openSession(page, server, 's2');
        await line(page, 'RETR 1').getByText('pop3.retr').waitFor();
        await line(page, '+OK goodbye').waitFor();
    });
});

test('the overview goes to a time, by pointer and by keyboard', async () => {
    const server = await newServer();
    await dialogue(server.endpoints.smtp.port, 'EHLO c.example', ...Array.from({ length: 80 }, (_, i) => `NOOP n${i}`));
    await inBrowser(async page => {
        await openSession(page, server, 's1');
        const overview = page.getByRole('slider', { name: 'Time in the session' });
        await page.waitForFunction(() => Number(document.querySelector('#overview').getAttribute('aria-valuemax')) > 0);
        const box = await boxOf(overview);
        await page.mouse.click(box.x + box.width - 2, box.y + 10);
        await line(page, 'Ended normally').waitFor();
        await overview.focus();
        await page.keyboard.press('Home');
        await line(page, 'connected to smtp').waitFor();
        await page.keyboard.press('End');
        await line(page, 'Ended normally').waitFor();
    });
});

test('it is downloaded and copied as it was', async () => {
    const server = await newServer();
    await server.send({ to: 'bob@example.org', subject: 'Minutes', text: 'We met.' });
    await ended(server);
    const transcript = async query => (await fetch(`${server.api}/sessions/s1/transcript${query}`)).text();
    await inBrowser(async page => {
        await openSession(page, server, 's1');
        const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()]);
        assert.equal(download.suggestedFilename(), 's1.session');
        assert.equal(await readFile(await download.path(), 'utf8'), await transcript('?verbatim=true'));
        await page.getByRole('button', { name: 'Copy', exact: true }).first().click();
        await page.getByText('Copied the transcript').waitFor();
        assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await transcript(''));
    });
});

test('the code of “Copy as test” waits for a new session, passes if that is alike, and fails if it is not', async () => {
    const server = await newServer();
    await server.deliver('bob@example.org', 'Subject: an older one\r\n\r\n');
    await rule(server, 'full', 'smtp.vrfy', { reply: '252 2.0.0 Maybe' });
    await rule(server, 'gone', 'smtp.help', { reply: '214 2.0.0 None' });
    const lines = ['EHLO "quoted".example', "NOOP it's $HOME \\ done", 'VRFY bob', 'HELP', 'MAIL FROM:<ann@example.org>', 'RCPT TO:<bob@example.org>', 'DATA', 'Subject: x\r\n\r\nx\r\n.', 'QUIT'];
    const { port } = server.endpoints.smtp;
    await dialogue(port, ...lines.slice(0, -1));
    await ended(server);
    await inBrowser(async page => {
        await openSession(page, server, 's1');
        const code = await codeOf(page);
        for (const language of SCRIPTS) {
            await runCode(language, code[language], clientThat(port, ...lines));
            await assert.rejects(runCode(language, code[language], clientThat(port, ...lines.filter(each => each !== 'HELP'))), /HELP/, language);
            await assert.rejects(runCode(language, code[language].replace('wait=10s', 'wait=10ms')), /0 records were appended/, `${language} without a client`);
        }
        // Numbers go on, although no session is there.
        await server.delete('messages');
        for (const language of SCRIPTS) await runCode(language, code[language], clientThat(port, ...lines));
        await openSession(page, server, (await server.get('sessions')).sessions.at(-1).id);
        assert.match(code.Rust, /^use mailjig::prelude::\*;\n\n#\[test\]\nfn the_session_is_as_before\(\) \{/);
        assert.match(code.Rust, /server\.mount\(on\(rules::smtp::event\("vrfy"\)\)/);
        assert.match(code.Rust, /"C: <m1>",\n.*queued as m1",/, 'a fresh server numbers anew');
        await shot(page, 'session-test');

        await server.delete('rules/gone');
        assert.match((await codeOf(page)).Rust, /It also needs rules that were removed: "gone"/);
    }, { expected: [404] });
});

test('a session whose records were discarded while they were read is read again', async () => {
    const server = await newServer();
    const client = connect(server.endpoints.smtp.port);
    await client.until('220 ');
    await inBrowser(async page => {
        await openSession(page, server, 's1');
        let release;
        const released = new Promise(resolve => { release = resolve; });
        const asked = new Promise(resolve => page.route(/journal\?.*after=/, async route => {
            resolve();
            await released;
            await route.continue();
        }));
        client.send('NOOP before\r\n');
        await asked;
        // No update comes later that would read it anyway.
        for (const change of [() => server.delete('messages'), () => client.send('NOOP after\r\n')]) {
            const told = page.waitForResponse(/sessions\/s1$/);
            await change();
            await told;
        }
        release();
        await line(page, 'NOOP after').waitFor();
        assert.equal(await line(page, 'NOOP before').count(), 0);
        await page.getByText('The first lines of this session were discarded').waitFor();
    }, { expected: [410] });
    client.close();
});

test('an open session is not copied as a test before it has ended', async () => {
    const server = await newServer();
    const client = connect(server.endpoints.smtp.port);
    await client.until('220 ');
    await inBrowser(async page => {
        await openSession(page, server, 's1');
        await page.keyboard.press('y');
        await page.getByText('s1 is still open: it can be copied as a test when it has ended').waitFor();
    });
    client.close();
});

test('hostile lines are shown as text, and what cannot be seen is written out', async () => {
    const server = await newServer();
    const client = connect(server.endpoints.smtp.port);
    await client.until('220 ');
    const long = 'x'.repeat(100_000);
    for (const hostile of [Buffer.from('EHLO <img/src=x/onerror=alert(1)>'), Buffer.from('<script>alert(1)</script>'), Buffer.from('\x1b[31mred\x1b[0m \x00 \x07', 'latin1'), Buffer.from([0x4e, 0x4f, 0xff, 0xfe, 0xc3]), Buffer.from('NOOP \u202egnp.exe \u200b\ufeff'), Buffer.from('NOOP <m999> <caps>'), Buffer.from(`NOOP ${long}`)]) {
        client.send(hostile);
        client.send('\r\n');
        await client.until('\r\n');
    }
    client.send('QUIT\r\n');
    await client.ended;
    await ended(server);
    await inBrowser(async page => {
        await openSession(page, server, 's1');
        await line(page, '<script>alert(1)</script>').first().waitFor();
        await line(page, '\\x1b[31mred\\x1b[0m \\x00 \\x07').waitFor();
        await line(page, 'NO\\xff\\xfe\\xc3').first().waitFor();
        await line(page, 'NOOP \\u{202e}gnp.exe \\u{200b}\\u{feff}').waitFor();
        await line(page, 'That line had 100,00').waitFor();
        assert.equal(await page.locator('#lines script, #lines img, #facts img, #facts script').count(), 0);
        assert.ok(await page.locator('#lines .row').evaluateAll(rows => rows.every(each => each.textContent.length < 1000)));
        await accessible(page);
        await shot(page, 'session-hostile');
        await line(page, '\\x1b[31m').locator('.line').click();
        assert.match(await whole(page).textContent(), /^\\x1b\[31mred/);
        const code = await codeOf(page);
        for (const language of SCRIPTS) assert.ok(code[language].includes('<script>alert(1)</script>'), language);
    });
});
