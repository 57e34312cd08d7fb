// A session with very many lines.
'use strict';
const { test, assert, newServer, inBrowser, accessible } = require('./support.js');
const { connect, ended, line, openSession } = require('./session_support.js');

test('a session of 100,000 lines is shown at once, and only its visible lines are in the document', async () => {
    const server = await newServer();
    const client = connect(server.endpoints.smtp.port);
    await client.until('220 ');
    client.socket.removeAllListeners('data');
    client.socket.resume();
    for (let i = 0; i < 50; i += 1) client.send(Array.from({ length: 1000 }, (_, n) => `NOOP ${i * 1000 + n}\r\n`).join(''));
    client.send('QUIT\r\n');
    await client.ended;
    await ended(server);
    await inBrowser(async page => {
        await openSession(page, server, 's1');
        await line(page, 'NOOP 3').first().waitFor();
        // Loading them takes a while without optimization; the first lines are there.
        await page.locator('#line-count', { hasText: '100,005 lines' }).waitFor({ timeout: 90_000 });
        assert.ok(await page.locator('#lines .row').count() < 100);
        await page.locator('#lines').focus();
        await page.keyboard.press('End');
        await line(page, 'Ended normally').waitFor();
        assert.ok(await page.locator('#lines .row').count() < 100);
        await page.getByLabel('Search the lines').fill('noop 41234');
        await line(page, 'NOOP 41234').waitFor();
        await page.getByText('1 of 100,005 lines').waitFor();
        await page.getByRole('button', { name: 'Read the findings of 100,005 lines' }).waitFor();
        await accessible(page);
    });
});
