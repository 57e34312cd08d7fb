// The view of messages.
'use strict';
const net = require('node:net');
const nodemailer = require('nodemailer');
const { test, assert, newServer, inBrowser, accessible, shot, WITHIN } = require('./support.js');

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC', 'base64');

const rows = page => page.getByRole('listbox', { name: 'Messages' }).getByRole('option');
const row = (page, text) => rows(page).filter({ hasText: text });
const panel = page => page.getByRole('tabpanel');
const tab = (page, name) => page.getByRole('tab', { name });

// What the browser tells of HTML that wants something: what it did not do, and what it did not ask.
const isBlocked = text => /Content Security Policy|Blocked script execution|sandboxed|Unsafe attempt|^request: https:\/\/img\.example\.org/.test(text);

async function noOverflow(page) {
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(over <= 0, `${over} px too wide`);
}

// A message with everything that the view shows.
const rich = url => ({
    from: 'App <app@example.org>', to: ['Bob <bob@example.org>', 'carol@example.com'], subject: 'Your code is 482913',
    text: 'Hello,\nyour code is 482913.\nhttps://example.org/confirm?x=1\n',
    html: `<style>p { color: rgb(1, 2, 3) } @media (prefers-color-scheme: dark) { p { color: rgb(200, 201, 202) } }</style>
        <p>Hello <b>Bob</b></p><img id="cid" src="cid:logo@example.org"><img src="${url}/track.gif"><script>document.title = 'run'</script>`,
    attachments: [{ filename: 'logo.png', content: PNG, cid: 'logo@example.org' }, { filename: 'notes.txt', content: 'We met.\r\nWe agreed.\r\n' },
        { filename: 'inner.eml', contentType: 'message/rfc822', content: 'Subject: inner\r\n\r\nInner text\r\n' }, { filename: 'data.bin', content: Buffer.from([0, 1, 2, 255]) }],
});

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
        await row(page, 'Second').click();
        await page.getByRole('heading', { name: 'Second' }).waitFor();
        await row(page, 'Second').getByText('new', { exact: true }).waitFor({ state: 'detached' });
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
        const before = await row(page, 'Mail 35.').boundingBox();

        await server.deliver('bob@example.org', 'Subject: Late\r\n\r\n');

        await page.getByText('61 messages', { exact: true }).waitFor();
        const after = await row(page, 'Mail 35.').boundingBox();
        assert.equal(after.y, before.y);
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
            await page.getByRole('searchbox').fill(text);
            await page.waitForURL(url => url.searchParams.get('q') === text);
            await page.waitForFunction(wanted => document.querySelectorAll('#list .row').length === 1 && document.querySelector('#list .row').textContent.includes(wanted), found);
        }
        await page.reload();
        await row(page, 'Minutes').waitFor();
        assert.equal(await rows(page).count(), 1);
        assert.equal(await page.getByRole('searchbox').inputValue(), 'carol@ from:ann@example.org');

        await server.send({ to: 'bob@example.org', subject: 'Other' });
        await server.send({ to: 'carol@example.com', subject: 'Later' });
        await row(page, 'Later').waitFor();
        assert.equal(await row(page, 'Other').count(), 0);
        await page.getByRole('searchbox').press('Escape');
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
        assert.equal(await page.getByRole('searchbox').getAttribute('aria-invalid'), 'true');
        await page.getByRole('searchbox').fill('to:a to:b');
        await page.getByRole('alert').getByText('`to` may occur only once').waitFor();
        await accessible(page);

        await page.getByRole('searchbox').fill('to:bob@example.org subject:Minuets form:x');
        await page.getByText('“form” is not a field').waitFor();
        await page.getByText('Leaving out one of them does not help').waitFor();
        await page.getByRole('searchbox').fill('to:bob@example.org subject:Minuets');
        await accessible(page);
        await page.getByText('1 message', { exact: false }).filter({ hasText: 'Without' }).getByRole('button').click();

        await row(page, 'Minutes').waitFor();
        assert.equal(await page.getByRole('searchbox').inputValue(), 'to:bob@example.org');
        await page.getByRole('button', { name: 'Fields' }).click();
        await accessible(page);
        await page.getByRole('button', { name: 'subject:~^Re:' }).click();
        assert.equal(await page.getByRole('searchbox').inputValue(), 'to:bob@example.org subject:~^Re:');
    }, { expected: [400] });
});

test('the empty list says how to send the first mail, and the commands work', async () => {
    const server = await newServer();
    const { execFile } = require('node:child_process');
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
            if (name === 'curl') await page.evaluate(() => document.querySelector('#empty').hidden || new Promise(resolve => new MutationObserver(resolve).observe(document.querySelector('#empty'), { attributes: true })));
            await row(page, 'Hello').first().waitFor();
            await server.delete('messages');
            await page.getByRole('heading', { name: 'No mail yet' }).waitFor();
        }
    });
});

test('the open message shows envelope, header and a tab for everything in it', async () => {
    const server = await newServer({ accounts: [{ login: 'bob@example.org', password: 'secret' }] });
    await server.send({ ...rich('https://img.example.org'), envelope: { from: 'bounce@example.org', to: ['bob@example.org', 'carol@example.com'] } });
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages`);
        await row(page, 'Your code').getByText('refused').waitFor();
        await rows(page).first().click();
        await page.waitForURL(`${server.page}/messages/m1`);

        await page.getByRole('heading', { name: 'Your code is 482913' }).waitFor();
        const envelope = page.locator('#envelope');
        await envelope.getByRole('row', { name: /carol@example\.com refused 550 5\.1\.1/ }).waitFor();
        await envelope.getByRole('row', { name: /bob@example\.org accepted/ }).waitFor();
        assert.equal(await envelope.getByRole('link', { name: 'session s1' }).getAttribute('href'), `${new URL(server.page).pathname}/sessions/s1`);
        await accessible(page);

        await tab(page, 'Text').click();
        await panel(page).getByText('your code is 482913.').waitFor();
        await accessible(page);
        await tab(page, 'Headers').click();
        await panel(page).getByRole('row', { name: 'Subject Your code is 482913' }).waitFor();
        await panel(page).getByText('From: App <app@example.org>').waitFor();
        await accessible(page);
        await tab(page, 'Source').click();
        await panel(page).getByRole('option').filter({ hasText: 'MIME-Version: 1.0' }).first().waitFor();
        await accessible(page);
        await tab(page, 'Parts').click();
        await panel(page).getByRole('row', { name: /1\.2\.2.*image\/png logo\.png logo@example\.org 78 B/ }).waitFor();
        await panel(page).getByRole('row', { name: /3\.1.*text\/plain/ }).waitFor();
        await accessible(page);
        await tab(page, /^Attachments/).click();
        await panel(page).getByText('We agreed.').waitFor();
        await page.waitForFunction(() => document.querySelector('.preview img')?.naturalWidth === 10);
        await accessible(page);
        await shot(page, 'messages-attachments');
        const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download part 2, notes.txt' }).click()]);
        assert.equal(download.suggestedFilename(), 'notes.txt');
        await tab(page, /^Links/).click();
        await panel(page).getByRole('button', { name: 'Copy the code 482913' }).click();
        assert.equal(await page.evaluate(() => navigator.clipboard.readText()), '482913');
        await panel(page).getByRole('link', { name: 'https://example.org/confirm?x=1' }).waitFor();
        await accessible(page);
        await tab(page, 'Lint').click();
        await panel(page).getByText('No findings.').waitFor();
        await accessible(page);

        assert.equal(new URL(page.url()).hash, '#lint');
        await page.reload();
        await panel(page).getByText('No findings.').waitFor();
        const [eml] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download', exact: true }).click()]);
        assert.equal(eml.suggestedFilename(), 'm1.eml');
    }, { tolerated: isBlocked });
});

test('tabs without content say why, and lint shows findings with their sections', async () => {
    const server = await newServer();
    await dialogue(server.endpoints.smtp.port, 'MAIL FROM:<>', 'RCPT TO:<bob@example.org>', 'DATA', 'Subject: a\r\nSubject: b\r\n\r\n\u00fc\nbare\r\n.', 'QUIT');
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages/latest#html`);
        await page.waitForURL(/\/messages\/m1#html$/);
        await tab(page, 'Text').and(page.locator('[aria-selected=true]')).waitFor();
        assert.equal(await tab(page, 'HTML').getAttribute('aria-disabled'), 'true');
        assert.match(await tab(page, 'HTML').getAttribute('title'), /no part of type text\/html/);
        await accessible(page);

        await tab(page, /^Lint/).click();
        await panel(page).getByText('missing-message-id').first().waitFor();
        await panel(page).getByRole('link', { name: 'RFC 6152 §3' }).waitFor();
        await accessible(page);
        await tab(page, 'Source').click();
        await panel(page).getByRole('option').filter({ hasText: 'ü' }).getByText('LF').waitFor();
        await shot(page, 'messages-source');
    });
});

test('the HTML runs nothing and asks nobody, until remote content is asked for', async () => {
    const server = await newServer();
    const asked = [];
    let connections = 0;
    const canary = net.createServer(socket => {
        connections += 1;
        socket.on('error', () => {});
        socket.once('data', data => {
            asked.push(data.toString().split('\r\n')[0]);
            socket.write(`HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: ${PNG.length}\r\nConnection: close\r\n\r\n`);
            socket.end(PNG);
        });
    }).listen(0, '127.0.0.1');
    await new Promise(resolve => canary.on('listening', resolve));
    const url = `http://127.0.0.1:${canary.address().port}`;
    const hostile = `<link rel=preconnect href="${url}"><link rel=stylesheet href="${url}/a.css"><meta http-equiv=refresh content="0;url=${url}/refresh">
        <style>@import "${url}/b.css"; body { background: url(${url}/c.png) }</style><iframe src="${url}/frame"></iframe><object data="${url}/object"></object>
        <script>fetch("${url}/script")</script><img src="${url}/track.gif" onerror="fetch('${url}/onerror')"><form action="${url}/form"><button>Go</button></form>
        <svg><image href="${url}/svg.png"/></svg><video poster="${url}/poster.png" src="${url}/video"></video><p>Hello</p><img id=own src="cid:logo@example.org">`;
    await server.send({ to: 'bob@example.org', subject: 'Hostile', html: hostile, attachments: [{ filename: 'logo.png', content: PNG, cid: 'logo@example.org' }] });
    try {
        await inBrowser(async page => {
            await page.goto(`${server.page}/messages/m1`);
            const frame = page.frameLocator('iframe[title="HTML of m1"]');
            await frame.getByText('Hello').waitFor();
            await page.waitForFunction(() => document.querySelector('.notice b')?.textContent === 'Remote content is not loaded. ');
            const own = await frame.locator('#own').evaluate(async image => (await image.decode(), image.naturalWidth));
            assert.equal(own, 10);
            assert.equal(connections, 0, asked.join());
            await accessible(page);

            await page.getByRole('button', { name: 'Load remote content' }).click();
            await page.getByText('Remote content is loaded').waitFor();
            await new Promise((resolve, reject) => {
                const late = setTimeout(() => reject(new Error(`asked for ${asked}`)), WITHIN);
                const look = () => (asked.some(line => line.includes('/track.gif')) ? (clearTimeout(late), resolve()) : setImmediate(look));
                look();
            });
            await page.getByRole('button', { name: 'Block it again' }).click();
            await page.getByRole('button', { name: 'Load remote content' }).waitFor();
        }, { tolerated: text => isBlocked(text) || text.startsWith(`request: ${url}`) });
        const never = asked.filter(line => /script|onerror|frame|refresh|form|object/.test(line));
        assert.deepEqual(never, []);
    } finally {
        canary.close();
    }
});

test('the frame has widths and a colour scheme of its own', async () => {
    const server = await newServer();
    await server.send({ ...rich('https://img.example.org'), html: rich('').html.replace(/<img src.*?>/, '') });
    // Without an emulated scheme: that would hold for frames too.
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages/m1`);
        const text = page.frameLocator('iframe').getByText('Hello');
        const colour = () => text.evaluate(element => getComputedStyle(element).color);
        await text.waitFor();
        assert.equal(await colour(), 'rgb(1, 2, 3)');

        await page.getByRole('button', { name: 'Dark', exact: true }).click();
        await text.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches || new Promise(resolve => matchMedia('(prefers-color-scheme: dark)').addEventListener('change', resolve)));
        assert.equal(await colour(), 'rgb(200, 201, 202)');
        assert.equal(await page.locator('#cid').count(), 0);
        for (const [name, width] of [['Phone', 360], ['Tablet', 768]]) {
            await page.getByRole('button', { name }).click();
            assert.equal(Math.round((await page.locator('iframe').boundingBox()).width), width);
        }
        await shot(page, 'messages-html-dark');
    }, { scheme: null, width: 2000, tolerated: isBlocked });
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
        await page.getByText('2 messages found', { exact: true }).waitFor();
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

test('the page says when the open message was deleted, and when the server was reset', async () => {
    const server = await newServer();
    for (const subject of ['One', 'Two']) await server.deliver('bob@example.org', `Subject: ${subject}\r\n\r\n`);
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages/m1`);
        await page.getByRole('heading', { name: 'One' }).waitFor();
        await server.delete('messages/m2');
        await row(page, 'Two').waitFor({ state: 'detached' });
        assert.equal(await page.getByText('was deleted').count(), 0);
        await server.delete('messages/m1');
        await page.getByText('m1 was deleted').waitFor();
        await accessible(page);

        await server.deliver('bob@example.org', 'Subject: Three\r\n\r\n');
        await row(page, 'Three').click();
        await page.getByRole('heading', { name: 'Three' }).waitFor();
        await server.post('reset');
        await page.getByText('m3 was deleted').waitFor();
        await server.deliver('bob@example.org', 'Subject: Anew\r\n\r\n');
        await row(page, 'Anew').waitFor();
        assert.equal(await rows(page).count(), 1);
        await page.goto(`${server.page}/messages/m77`);
        await page.getByText('m77 is not on this server').waitFor();
        await accessible(page);
    }, { expected: [404, 410] });
});

test('what mail contains is shown as text, whatever it looks like', async () => {
    const server = await newServer();
    const evil = '<img src=x onerror=alert(1)>';
    await server.deliver(['"<b>x</b>"@example.org'], `Subject: ${evil}\r\nFrom: "${evil}" <a@example.org>\r\nX-Evil: ${evil}\r\nMessage-ID: <${evil}>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n` +
        `--b\r\n\r\njavascript:alert(1) ${evil}\r\n--b\r\nContent-Type: text/html; name="${evil.replaceAll('"', '')}"\r\nContent-Disposition: attachment; filename="${evil}"\r\nContent-ID: <${evil}>\r\n\r\n<script>alert(1)</script>\r\n--b--\r\n`);
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages/m1`);
        await page.getByRole('heading', { name: evil }).waitFor();
        for (const name of ['Text', 'Headers', 'Source', 'Parts', /^Attachments/]) {
            await tab(page, name).click();
            await panel(page).getByText(name === 'Text' || name === 'Source' ? 'javascript:alert(1)' : evil).first().waitFor();
        }
        await panel(page).getByText('<script>alert(1)</script>').waitFor();
        assert.equal(await page.locator('main img').count(), 0);
        await noOverflow(page);
        await accessible(page);
    }, { expected: [404] });
});

test('"copy as test" gives code for what is listed and for a message', async () => {
    const server = await newServer();
    await server.send({ to: 'bob@example.org', subject: '~50 % * off', text: '* Only today\n' });
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages?q=to:*@example.org+only`);
        await row(page, 'off').waitFor();
        const code = async language => {
            await page.getByRole('tab', { name: language, exact: true }).click();
            return page.locator('#copy-test-code').innerText();
        };
        for (const name of ['Wait for a message …', 'Expect just as many …', 'Expect none …']) {
            await page.getByRole('button', { name: 'Copy as test' }).first().click();
            await page.getByRole('button', { name }).click();
            await accessible(page);
            assert.match(await code('Rust'), /to\("\*@example\.org"\)\.and\(matchers::search\("only"\)\)/);
            await works(await code('JavaScript'), name !== 'Expect none …');
            await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
        }
        await rows(page).first().click();
        await page.getByRole('heading', { name: '~50 % * off' }).waitFor();
        await page.locator('#copy-message').click();
        const before = await code('JavaScript');
        await works(before, true);
        await server.delete('messages/m1');
        await works(before.replace('"5s"', '"1ms"'), false);
    });
});

// Runs code of JavaScript with top-level await, and requires that it fails or does not.
async function works(code, isGood) {
    const run = new (Object.getPrototypeOf(async () => {}).constructor)(code);
    const error = await run().then(() => null, error => error);
    assert.equal(error === null, isGood, `${error}\n${code}`);
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
        await page.keyboard.press('Control+a');
        await page.getByRole('button', { name: 'Delete 10,000 selected' }).waitFor();
        await page.keyboard.press('Escape');
        await page.getByRole('searchbox').fill('subject:"Mail 5000."');
        await page.getByText('1 message found', { exact: true }).waitFor();
        await shot(page, 'messages-many');
    });
});

test('a message of 10 MB is shown as source with few rows in the document', async () => {
    const server = await newServer();
    const line = 'Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod\r\n';
    await server.deliver('bob@example.org', `Subject: Large\r\n\r\n${line.repeat(Math.ceil(10_000_000 / line.length))}Last line ${'x'.repeat(5000)}\r\n`);
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages/m1#source`);
        const source = page.getByRole('listbox', { name: 'Source of the message' });
        await source.getByText('Subject: Large').waitFor();
        await source.focus();
        await page.keyboard.press('End');
        await source.getByText('Last line').waitFor();
        const drawn = await page.evaluate(() => document.querySelectorAll('#source .row').length);
        assert.ok(drawn < 100, `${drawn} rows`);
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

// Sends lines to an SMTP server, each after the reply to the one before; the first is EHLO.
function dialogue(port, ...lines) {
    return new Promise((resolve, reject) => {
        const socket = net.connect(port, '127.0.0.1');
        const rest = ['EHLO client.example', ...lines];
        let said = '';
        socket.on('data', data => {
            said += data;
            if (!/^\d{3} .*\r\n$/m.test(said.split(/(?<=\n)/).at(-1) ?? '')) return;
            said = '';
            const line = rest.shift();
            if (line !== undefined) socket.write(`${line}\r\n`);
        });
        socket.on('close', resolve);
        socket.on('error', reject);
    });
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
