// An open message.
'use strict';
const net = require('node:net');
const { test, assert, newServer, inBrowser, accessible, boxOf, shot, WITHIN } = require('./support.js');
const { PNG, rows, row, panel, tab, isBlocked, noOverflow, rich } = require('./message_support.js');

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

test('with little room, no word of a table is broken, and buttons are large enough for a finger', async () => {
    const server = await newServer();
    await server.send(rich('http://img.example.org'));
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages/m1#parts`);
        await page.locator('#envelope-summary').click();
        await page.getByText('accepted').first().waitFor();
        await page.getByRole('columnheader', { name: 'Content-ID' }).waitFor();
        const broken = await page.locator('thead th, td .good, td a[download]').evaluateAll(all => all.filter(each => !/[\s-]/.test(each.textContent) && each.checkVisibility() && [...each.childNodes].some(node => {
            const range = document.createRange();
            range.selectNodeContents(node);
            return range.getClientRects().length > 1;
        })).map(each => each.textContent));
        assert.deepEqual(broken, []);
        await noOverflow(page);
        await page.goto(`${server.page}/messages/m1#links`);
        const copy = page.locator('#message-panel .copy').first();
        await copy.waitFor();
        assert.ok((await boxOf(copy)).height >= 24);
    }, { width: 400, tolerated: isBlocked });
});

test('tabs without content say why, and lint shows findings with their sections', async () => {
    const server = await newServer();
    await dialogue(server.endpoints.smtp.port, 'MAIL FROM:<>', 'RCPT TO:<bob@example.org>', 'DATA', 'Subject: a\r\nSubject: b\r\nDKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=may; h=from; b=YQ==; bh=YQ==\r\n\r\n\u00fc\nbare\r\n.', 'QUIT');
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages/latest#html`);
        await page.waitForURL(/\/messages\/m1#html$/);
        await tab(page, 'Text').and(page.locator('[aria-selected=true]')).waitFor();
        assert.equal(await tab(page, 'HTML').getAttribute('aria-disabled'), 'true');
        assert.match(await tab(page, 'HTML').getAttribute('title'), /no part of type text\/html/);
        await accessible(page);

        await tab(page, /^Lint/).click();
        await panel(page).getByText('missing-message-id').first().waitFor();
        const repeated = panel(page).getByRole('listitem').filter({ hasText: 'repeated-field' }).first();
        await repeated.getByText('error', { exact: true }).waitFor();
        await repeated.getByText('line 2, column 1, field Subject').waitFor();
        await panel(page).getByRole('listitem').filter({ hasText: 'Not verified: the page has no key.' }).getByText('example.org, may, rsa-sha256').waitFor();
        await shot(page, 'messages-lint');
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
        for (const [name, width] of [['Phone', 360], ['Tablet', 768]]) {
            await page.getByRole('button', { name }).click();
            assert.equal(Math.round((await boxOf(page.locator('iframe'))).width), width);
        }
        await shot(page, 'messages-html-dark');
    }, { scheme: null, width: 2000, tolerated: isBlocked });
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

test('octets that are not text are shown by their numbers', async () => {
    const server = await newServer();
    const raw = Buffer.from('Subject: caf\xe9 \xff\r\nX-Utf8: caf\xc3\xa9 \x07\r\n\r\nText\r\n', 'latin1');
    await server.post('deliver', { from: '', to: ['bob@example.org'], raw_base64: raw.toString('base64') });
    await inBrowser(async page => {
        await page.goto(`${server.page}/messages/m1#source`);
        await panel(page).getByText('Subject: caf\\xe9 \\xff', { exact: true }).waitFor();
        await panel(page).getByText('X-Utf8: café \\x07', { exact: true }).waitFor();
        await tab(page, 'Headers').click();
        await panel(page).getByText('Subject: caf\\xe9 \\xff').waitFor();
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
        await page.getByRole('searchbox', { name: 'Find' }).fill('Subject: L');
        await page.keyboard.press('Enter');
        await panel(page).getByText('line 1', { exact: true }).waitFor();
        await source.getByText('Subject: Large').waitFor();
        await page.getByRole('searchbox', { name: 'Find' }).fill('Last line');
        await page.keyboard.press('Shift+Enter');
        await source.getByText('Last line').waitFor();
    });
});

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

