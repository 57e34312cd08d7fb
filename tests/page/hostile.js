// Everything that is captured is hostile: an XSS corpus in every field of mail, session, header, file name, login, mailbox
// and rule. Nothing runs, no request leaves, no element is made of it, and it is shown as text.
'use strict';
const net = require('node:net');
const { test, assert, newServer, inBrowser, call } = require('./support.js');

// Elements of these carry the class, so that one that made it into a document is found.
const markup = canary => [
    `<script class=pwned>alert(1)</script>`,
    `"><img class=pwned src=${canary} onerror=alert(1)>`,
    `'><svg class=pwned onload=alert(1)>`,
    `</title></textarea></style></script><b class=pwned>`,
    `<a class=pwned href="javascript:alert(1)">link</a>`,
    `<iframe class=pwned src="javascript:alert(1)"></iframe>`,
    `<math class=pwned><mtext></mtext><style><img src=${canary} onerror=alert(1)></style></math>`,
    `<template class=pwned><img src=${canary}></template>`,
    `javascript:alert(1)`,
    `\${alert(1)}{{constructor.constructor('alert(1)')()}}`,
    `&lt;b class=pwned&gt;&#60;i class=pwned&#62;`,
    `\u202Egpj.exe`,
    `__proto__`,
];

// HTML bodies that try to run something or to reach another host.
const bodies = canary => [
    `<script>fetch('${canary}')</script><img src="${canary}a" onerror="alert(1)">`,
    `<link rel="preconnect" href="${canary}"><LINK REL=dns-prefetch HREF="${canary}"><link rel=stylesheet href="${canary}s"><link rel=prefetch href="${canary}"><link rel=icon href="${canary}">`,
    `<meta http-equiv="refresh" content="0;url=${canary}"><meta http-equiv="Content-Security-Policy" content="img-src *">`,
    `<base href="${canary}"><img src="relative"><a href="x">x</a>`,
    `<style>@import url(${canary}i); body { background: url(${canary}b) } @font-face { font-family: x; src: url(${canary}f) } p { font-family: x }</style><p>text</p>`,
    `<iframe src="${canary}"></iframe><iframe srcdoc="<script>alert(1)</script><img src=${canary}>"></iframe><object data="${canary}"></object><embed src="${canary}">`,
    `<form action="${canary}"><input name=a autofocus onfocus="alert(1)"><button formaction="${canary}">x</button></form>`,
    `<video src="${canary}v" poster="${canary}p" autoplay></video><audio src="${canary}" autoplay></audio><picture><source srcset="${canary}"><img srcset="${canary} 1x"></picture>`,
    `<svg><script>alert(1)</script><image href="${canary}"/><use href="${canary}#x"/><animate onbegin=alert(1) attributeName=x></svg>`,
    `<table background="${canary}"><tr><td style="background-image:url(${canary})">x</td></tr></table><body background="${canary}" onload="alert(1)">`,
    `<a href="javascript:alert(1)" autofocus onfocus=alert(1)>x</a><details open ontoggle=alert(1)><summary>x</summary></details>`,
    `<!doctype html><!--[if IE]><script>alert(1)</script><![endif]--><noscript><img src="${canary}"></noscript><xmp><img src=${canary}></xmp>`,
    `<script>top.location='${canary}'; parent.postMessage(1,'*'); window.open('${canary}')</script><a target=_top href="${canary}">x</a>`,
];

test('nothing of the corpus runs, leaves or becomes an element', async t => {
    let reached = 0;
    const listener = net.createServer(socket => ((reached += 1), socket.destroy())).listen(0, '127.0.0.1');
    t.after(() => listener.close());
    await new Promise(resolve => listener.once('listening', resolve));
    const canary = `http://127.0.0.1:${listener.address().port}/`;
    const server = await newServer({ name: 'x"><img class=pwned src=x onerror=alert(1)>' });
    t.after(() => call('DELETE', `${server.api}?verify=false`));
    const { smtp, imap, pop3 } = server.endpoints;
    const texts = grouped(markup(canary), 4);
    for (const text of texts) await server.deliver(`"${text.replaceAll('"', "'")}"@example.org`, message(text, canary), `"${text.replaceAll('"', "'")}"@example.org`);
    for (const html of bodies(canary)) {
        await server.deliver('html@example.org', `From: ann@example.org\r\nSubject: html\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n${html}\r\n`);
    }
    const ascii = texts.map(text => text.replaceAll('\u202E', ''));
    await talk(smtp.port, [...ascii.map(text => `EHLO ${text}`), ...ascii, 'QUIT']);
    await talk(smtp.port, ['EHLO x', 'MAIL FROM:<a@b.c> ENVID=<script>alert(1)</script> RET=HDRS', 'RCPT TO:<bob@example.org> ORCPT=rfc822;<img+20class=pwned>', 'AUTH PLAIN PHNjcmlwdD4=', 'QUIT']);
    await talk(imap.port, [...ascii.map((text, i) => `a${i} LOGIN ${quoted(text)} ${quoted(text)}`), 'b LOGOUT']);
    await talk(imap.port, ['a LOGIN html@example.org x', ...ascii.map((text, i) => `c${i} CREATE ${quoted(text)}`), 'd SELECT INBOX', 'e STORE 1:* +FLAGS (<img/class=pwned> $\'-alert`1`)', 'f LOGOUT']);
    await talk(pop3.port, [...ascii.map(text => `USER ${text}`), 'PASS x', 'QUIT']);
    for (const [i, text] of texts.entries()) {
        await server.post('rules', { id: `r ${text}`, on: 'smtp.message', when: { 'header.X-Id': `${i} ${text}` }, do: [{ reply: `550 ${braces(ascii[i % ascii.length])}` }] });
        await call('PUT', `${server.api}/state`, { [`v${i}`]: text });
        await call('PUT', `${server.api}/accounts/${encodeURIComponent(`${text} ${i}`)}`, { password: text, addresses: [`"${i}"@example.org`] });
        await server.post('expectations', { subject: text });
    }
    await server.post('rules', { on: 'smtp.noop', do: [{ note: texts[1] }, { set: { a: texts[0] } }, { reply: `250 ${texts[1]}` }] });
    await talk(smtp.port, ['NOOP <script class=pwned>alert(1)</script>', 'QUIT']);

    const { rules } = await server.get('rules');
    const { accounts } = await server.get('accounts');
    const { messages } = await server.get('messages?limit=1000');
    assert.ok(rules.length > texts.length && accounts.length > 2 * texts.length && messages.length === texts.length + bodies(canary).length, 'the corpus is there');
    await inBrowser(async page => {
        const pending = requestsOf(page);
        for (const path of await everyPlace(server)) {
            await page.goto(server.page.replace(/\/servers\/\d+$/, '') + path);
            // In a document without scripts nothing can be waited for but its load.
            if (path.endsWith('/display')) continue;
            await page.getByText('live', { exact: true }).waitFor();
            await settled(page, pending);
            for (const tab of await page.locator('main [role=tab]:not(:disabled):not([aria-disabled=true]):visible').all()) {
                await tab.click();
                await settled(page, pending);
            }
            if (/\/(messages|rules)\/[^/]+$/.test(path)) assert.match(await page.locator('main').innerText(), /pwned|html|smtp/, path);
            const made = await page.evaluate(() => document.querySelectorAll('.pwned').length);
            assert.equal(made, 0, path);
        }
    }, { expected: [404, 409, 422], tolerated: (_, url) => isMail(url) });

    assert.equal(reached, 0, 'a connection left the page');
});

// Browsers report what they block in the document of a message; elsewhere there is nothing to block.
const isMail = url => /\/display$|^about:srcdoc$/.test(url);

// Several in one, so that there are fewer places to visit.
const grouped = (all, count) => Array.from({ length: Math.ceil(all.length / count) }, (_, i) => all.slice(i * count, (i + 1) * count).join(' '));

// Until every request is answered, and what came is drawn. The stream of updates never ends.
async function settled(page, pending) {
    for (let quiet = 0; quiet < 3; quiet = pending.size ? 0 : quiet + 1) {
        await page.evaluate(() => new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve))));
    }
}

// The requests of a page that are not answered yet.
function requestsOf(page) {
    const pending = new Set();
    page.on('request', request => request.url().endsWith('/updates') || pending.add(request));
    for (const end of ['requestfinished', 'requestfailed']) page.on(end, request => pending.delete(request));
    page.on('framenavigated', frame => frame === page.mainFrame() && pending.clear());
    return pending;
}

// The paths of all views and of every object of a server.
async function everyPlace(server) {
    const prefix = new URL(server.page).pathname;
    const at = (...segments) => `${prefix}/${segments.map(encodeURIComponent).join('/')}`;
    const { messages } = await server.get('messages?limit=1000');
    const { sessions } = await server.get('sessions');
    const { rules } = await server.get('rules');
    const { accounts } = await server.get('accounts');
    const boxes = accounts.flatMap(({ login, mailboxes }) => mailboxes.map(({ name }) => [login, name]));
    return [
        at('messages'), at('sessions'), at('rules'), at('mailboxes'), '/servers', prefix,
        // The messages with the texts, and a few of those with hostile HTML, which are all displayed alone.
        ...messages.slice(0, -10).map(({ id }) => at('messages', id)),
        ...messages.map(({ id }) => at('messages', id, 'display')),
        ...sessions.map(({ id }) => at('sessions', id)),
        at('sessions', sessions[0].id, 'compare', sessions[1].id),
        ...rules.slice(0, 4).map(({ number }) => at('rules', number)),
        ...boxes.slice(-8).map(([login, name]) => at('mailboxes', login, name)),
        at('mailboxes', 'html@example.org', 'INBOX', '1'),
        `${at('messages')}?q=${encodeURIComponent('subject:<script class=pwned>')}`,
    ];
}

function message(text, canary) {
    const word = `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`;
    const line = text.replaceAll('"', "'");
    return [
        `From: ${word} <ann@example.org>`, `To: ${word} <bob@example.org>`, `Cc: "${line}" <c@example.org>`, `Subject: ${word}`, `Message-ID: <${line}@x>`,
        `X-${line.replace(/[^!-9;-~]/g, '')}: ${line}`, `Date: ${line}`, 'MIME-Version: 1.0', `Content-Type: multipart/mixed; boundary="b"`, '',
        '--b', `Content-Type: text/plain; charset="${line}"`, '', `${text}\r\n${canary}<script>alert(1)</script> javascript:alert(1) 482911`,
        '--b', 'Content-Type: text/html; charset=utf-8', '', `<p>${text}</p><a href="javascript:alert(1)">x</a><a href='${canary}"onclick=alert(1)'>y</a>`,
        '--b', `Content-Type: image/svg+xml; name="${line}.svg"`, `Content-Disposition: attachment; filename="${line}.svg"`, `Content-ID: <${line}>`, '', `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><image href="${canary}"/></svg>`,
        '--b', `Content-Type: text/html; name="${line}.html"`, `Content-Disposition: attachment; filename*=utf-8''${encodeURIComponent(text)}.html`, '', `<script>alert(1)</script>`,
        '--b', `Content-Type: ${line.replace(/[^!-~]/g, '')}/x`, `Content-Disposition: attachment; filename="../../${line}"`, '', 'x',
        '--b--', '',
    ].join('\r\n');
}

// In a reply of a rule, braces name variables.
const braces = text => text.replaceAll('{', '{{').replaceAll('}', '}}');

const quoted = text => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

// Sends lines, one after each answer, until the server closes the connection.
function talk(port, lines) {
    return new Promise((resolve, reject) => {
        const socket = net.connect(port, '127.0.0.1');
        const rest = [...lines];
        socket.on('data', () => socket.write(rest.length ? `${rest.shift()}\r\n` : ''));
        socket.on('close', resolve);
        socket.on('error', reject);
    });
}
