// The page of a server that wants a token: the browser asks for it, as the password of Basic authentication.
'use strict';
const { test, assert, root, inBrowser, WITHIN } = require('./support.js');

test('with the token as password, the page reads and writes', async () => {
    await inBrowser(async page => {
        await page.goto(`${root}/messages`);
        await page.getByText('live', { exact: true }).waitFor({ timeout: WITHIN });

        const status = await page.evaluate(async () => (await fetch('/v1/messages', { method: 'DELETE' })).status);
        assert.equal(status, 200);
    }, { httpCredentials: { username: 'anyone', password: 's3cret' } });
});

test('without the token there is no page', async () => {
    const answer = await fetch(root);

    assert.equal(answer.status, 401);
    assert.match(answer.headers.get('www-authenticate'), /Basic/);
    assert.equal((await fetch(`${root}/assets/page.js`)).status, 401);
});
