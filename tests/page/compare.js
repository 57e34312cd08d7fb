// Two sessions side by side.
'use strict';
const { test, assert, newServer, inBrowser, accessible, shot } = require('./support.js');
const { SCRIPTS, runCode } = require('./code_support.js');
const { connect, dialogue, ended, row, openSession, codeOf, clientThat } = require('./session_support.js');

test('two sessions are aligned, and what is different is marked', async () => {
    const server = await newServer();
    const { port } = server.endpoints.smtp;
    await dialogue(port, 'EHLO same.example', 'NOOP', 'RSET', 'MAIL FROM:<ann@example.org>');
    await dialogue(port, 'EHLO same.example', 'RSET', 'HELP', 'MAIL FROM:<kim@example.org>');
    await server.send({ to: 'bob@example.org', subject: 'x' });
    await server.send({ to: 'bob@example.org', subject: 'x' });
    await ended(server);
    const pair = (page, text) => page.locator('#pairs .row').filter({ hasText: text });
    await inBrowser(async page => {
        await openSession(page, server, 's1');
        await page.getByRole('button', { name: 'Compare with…' }).click();
        await page.getByText('Open the session that s1 is to be compared with').waitFor();
        await row(page, 's2').click();
        await page.waitForURL(`${server.page}/sessions/s1/compare/s2`);
        await pair(page, 'NOOP').locator('.sign.removed').waitFor();
        await pair(page, 'C:HELP').locator('.sign.added').waitFor();
        await pair(page, 'ann@example.org').locator('.sign.changed').waitFor();
        assert.deepEqual(await pair(page, 'ann@example.org').locator('mark').allTextContents(), ['ann', 'kim']);
        await pair(page, 'EHLO same.example').locator('.sign.same').waitFor();
        assert.match(await page.title(), /^s1 and s2 · Two sessions · \d+ · mailjig$/);
        await accessible(page);
        await shot(page, 'compare');
        await page.getByLabel('Which lines').selectOption('different');
        await pair(page, 'EHLO same.example').waitFor({ state: 'detached' });

        // The numbers of messages count only if they are asked for.
        await page.goto(`${server.page}/sessions/s3/compare/s4`);
        await page.getByLabel('Which lines').selectOption('different');
        await page.getByText('No differences').first().waitFor();
        await accessible(page);
        await page.getByLabel('Ignore tags and numbers').uncheck();
        await pair(page, 'queued as m1').locator('.sign.changed').waitFor();

        const code = await codeOf(page);
        const mail = word => clientThat(port, 'EHLO a.example', 'MAIL FROM:<ann@example.org>', 'RCPT TO:<bob@example.org>', 'DATA', `Subject: x\r\n\r\nx\r\n.`, word, 'QUIT');
        for (const language of SCRIPTS) {
            await runCode(language, code[language], `${mail('NOOP')}\n${mail('NOOP')}`);
            await assert.rejects(runCode(language, code[language], `${mail('NOOP')}\n${mail('RSET')}`), /RSET/, language);
            await assert.rejects(runCode(language, code[language].replace('wait=10s', 'wait=10ms'), mail('NOOP')), /1 records? .*appended/, language);
        }
    });
});

test('after a reset, the sessions that have these numbers then are compared', async () => {
    const server = await newServer();
    const { port } = server.endpoints.smtp;
    for (const word of ['NOOP', 'RSET']) await dialogue(port, 'EHLO old.example', word);
    await ended(server);
    await inBrowser(async page => {
        await page.goto(`${server.page}/sessions/s1/compare/s2`);
        await page.locator('#pairs .row').filter({ hasText: 'old.example' }).waitFor();
        await server.post('reset');
        await page.getByRole('alert').getByText('There is no session').waitFor();
        for (const word of ['HELP', 'VRFY bob']) await dialogue(port, 'EHLO new.example', ...Array(20).fill('NOOP'), word);
        await page.locator('#pairs .row').filter({ hasText: 'new.example' }).waitFor();
        assert.equal(await page.locator('#pairs .row').filter({ hasText: 'old.example' }).count(), 0);
        await page.locator('#compare-problem').waitFor({ state: 'hidden' });
    }, { expected: [404, 410] });
});

test('two sessions of 5,000 lines with little in common are compared, and only visible rows are in the document', async () => {
    const server = await newServer();
    for (const [factor, modulus] of [[7, 40], [11, 43]]) {
        const client = connect(server.endpoints.smtp.port);
        await client.until('220 ');
        client.socket.resume();
        client.send(Array.from({ length: 2500 }, (_, n) => `NOOP ${(n * n * factor) % modulus}\r\n`).join(''));
        client.send('QUIT\r\n');
        await client.ended;
    }
    await ended(server);
    await inBrowser(async page => {
        await page.goto(`${server.page}/sessions/s1/compare/s2`);
        await page.getByText(/^[\d,]+ differences$/).waitFor();
        assert.ok(await page.locator('#pairs .row').count() < 100);
        await page.locator('#pairs').focus();
        await page.keyboard.press('End');
        await page.locator('#pairs .row').filter({ hasText: 'Ended normally' }).locator('.sign.same').waitFor();
    });
});
