// What every view has: the bar at the top, colours, shortcuts.
'use strict';
const http = require('node:http');
const zlib = require('node:zlib');
const { test, assert, root, newServer, inBrowser, accessible } = require('./support.js');

const VIEWS = ['messages', 'sessions', 'rules', 'mailboxes', 'servers'];

for (const scheme of ['light', 'dark']) {
    for (const width of [400, 2000]) {
        test(`every view is accessible, ${scheme}, ${width} px wide`, async () => {
            await inBrowser(async page => {
                for (const view of VIEWS) {
                    await page.goto(`${root}/${view}`);
                    await page.getByText('live', { exact: true }).waitFor();

                    await accessible(page);
                    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
                    assert.ok(overflow <= 0, `${view} is ${overflow} px too wide`);
                }
            }, { scheme, width });
        });
    }
}

test('the keyboard goes to every view', async () => {
    await inBrowser(async page => {
        await page.goto(root);
        for (const [keys, view] of [['g s', 'sessions'], ['g r', 'rules'], ['g b', 'mailboxes'], ['g v', 'servers'], ['g m', 'messages']]) {
            await page.getByText('live', { exact: true }).waitFor();
            for (const key of keys.split(' ')) await page.keyboard.press(key);
            await page.waitForURL(`${root}/${view}`);
        }
        await page.getByText('live', { exact: true }).waitFor();
        await page.keyboard.press('?');
        await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).getByText('Go to sessions').waitFor();
    });
});

test('the choice of colours stays', async () => {
    await inBrowser(async page => {
        await page.goto(root);
        await page.getByRole('button', { name: 'Auto' }).click();
        await page.getByRole('button', { name: 'Light' }).click();
        await page.goto(`${root}/rules`);

        await page.getByRole('button', { name: 'Dark' }).waitFor();
        const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        assert.equal(back, 'rgb(18, 22, 23)');
    });
});

test('the whole page is small, compressed, and needs nothing from elsewhere', async t => {
    const sizes = new Map();
    const read = async path => {
        if (sizes.has(path)) return;
        const { size, text } = await compressed(path);
        sizes.set(path, size);
        const found = path.endsWith('.js') ? text.matchAll(/(?:from|import)\s*\(?'\.\/([^']+)'/g) : text.matchAll(/(?:src|href)="\/assets\/([^"#]+)"/g);
        for (const [, name] of found) await read(`/assets/${name}`);
    };
    for (const view of [...VIEWS, 'sessions/s1/compare/s2']) await read(`/${view}`);

    const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    t.diagnostic(`${sizes.size} documents and files, ${total} octets with gzip`);
    assert.ok(sizes.size > 12, [...sizes.keys()].join(' '));
    assert.ok(total < 155_000, `${total} octets`);
});

// The size of an answer on the wire, and its text.
function compressed(path) {
    return new Promise((resolve, reject) => {
        const request = http.get(root + path, { headers: { 'Accept-Encoding': 'gzip' } }, response => {
            const pieces = [];
            response.on('data', piece => pieces.push(piece));
            response.on('end', () => {
                assert.equal(response.statusCode, 200, path);
                const octets = Buffer.concat(pieces);
                const isSmall = response.headers['content-encoding'] === undefined;
                resolve({ size: octets.length, text: (isSmall ? octets : zlib.gunzipSync(octets)).toString() });
            });
        });
        request.on('error', reject);
    });
}

test('a browser keeps the files until they change', async () => {
    const first = await fetch(`${root}/assets/style.css`);
    const etag = first.headers.get('etag');
    const second = await fetch(`${root}/assets/style.css`, { headers: { 'If-None-Match': etag } });

    assert.equal(second.status, 304);
    assert.equal((await fetch(`${root}/assets/..%2fmod.rs`)).status, 404);
});

test('a view of a server that does not exist says so, and lists those that do', async () => {
    assert.equal((await fetch(`${root}/servers/nobody/messages`)).status, 404);
    await inBrowser(async page => {
        await page.goto(`${root}/servers/nobody/messages`);

        await page.getByRole('alert').getByText('nobody').waitFor();
        await accessible(page);
    }, { expected: [404] });
});

test('a further server is named, and its views are its own', async () => {
    await newServer({ name: 'orders' });
    await inBrowser(async page => {
        await page.goto(`${root}/servers/orders/messages`);

        assert.match(await page.title(), /Messages · orders/);
        await page.getByRole('link', { name: 'Sessions' }).click();
        await page.waitForURL(`${root}/servers/orders/sessions`);
        await page.getByText('live', { exact: true }).waitFor();
        await page.getByRole('link', { name: 'Servers' }).click();
        await page.waitForURL(`${root}/servers/orders`);
        await page.getByRole('heading', { name: 'orders' }).waitFor();
    });
});
