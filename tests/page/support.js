// What the tests of the page share: a browser, servers of their own, mail, and what no page may ever do.
'use strict';
const assert = require('node:assert/strict');
const test = require('node:test');
const { chromium } = require('playwright-core');
const nodemailer = require('nodemailer');
const axe = require('axe-core');

const root = process.env.MAILJIG_URL;
// Deadlines for what must happen; nothing is measured with them.
const WITHIN = 60_000;

let browser;
test.before(async () => {
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
});
test.after(() => browser?.close());

// A server of its own. `page` is the URL of its views, `api` that of its resources.
async function newServer(body = {}) {
    const answer = await call('POST', `${root}/v1/servers`, body);
    const api = `${root}/v1/servers/${answer.id}`;
    return {
        ...answer,
        api,
        page: `${root}/servers/${answer.id}`,
        get: path => call('GET', `${api}/${path}`),
        post: (path, body = {}) => call('POST', `${api}/${path}`, body),
        put: (path, body) => call('PUT', `${api}/${path}`, body),
        patch: (path, body) => call('PATCH', `${api}/${path}`, body),
        delete: path => call('DELETE', `${api}/${path}`),
        // Delivers a message without a session.
        deliver: (to, raw, from = 'ann@example.org') => call('POST', `${api}/deliver`, { from, to: [to].flat(), raw }),
        // Sends mail over SMTP; options as for nodemailer's sendMail.
        send: mail => nodemailer.createTransport({ host: '127.0.0.1', port: answer.endpoints.smtp.port, ignoreTLS: true }).sendMail({ from: 'ann@example.org', ...mail }),
    };
}

async function call(method, url, body) {
    const init = { method };
    if (body !== undefined) Object.assign(init, { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } });
    const response = await fetch(url, init);
    const text = await response.text();
    assert.ok(response.ok, `${method} ${url}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
}

// Runs `use(page)` in a window of its own, and fails if the page logs an error, violates its policy, throws, asks another
// host or opens a dialog of the browser. Answers that the test provokes are named in `expected`, as numbers of statuses;
// `tolerated(text, url)` says what else may be, in the document of this URL;
// `asks(dialog)` which dialogs of the browser may be, which are answered with no.
async function inBrowser(use, { width = 1280, height = 800, scheme = 'light', expected = [], tolerated = () => false, asks = () => false, ...options } = {}) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(WITHIN);
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: root });
    const wrong = [];
    const note = (text, url) => tolerated(text, url) || wrong.push(`${text} (in ${url})`);
    const watch = page => {
        page.on('pageerror', error => wrong.push(`error: ${error.stack ?? error}`));
        page.on('dialog', dialog => (asks(dialog) || wrong.push(`dialog: ${dialog.type()} ${dialog.message()}`), dialog.dismiss()));
        page.on('console', message => {
            const isExpected = expected.some(status => message.text().includes(`status of ${status}`));
            if (['error', 'warning'].includes(message.type()) && !isExpected) note(`console: ${message.text()}`, message.location().url);
        });
        page.on('request', request => {
            if (!request.url().startsWith(root) && !/^(data|blob|about):/.test(request.url())) note(`request: ${request.url()}`, request.isNavigationRequest() ? request.url() : request.frame().url());
        });
    };
    context.on('page', watch);
    const page = await context.newPage();
    try {
        await use(page, context);
    } catch (error) {
        if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/failed.png` }).catch(() => {});
        throw error;
    } finally {
        await context.close();
    }
    assert.deepEqual(wrong, []);
}

// Fails unless the page is accessible, as far as axe-core can judge (WCAG 2.2 AA, and its best practices).
async function accessible(page) {
    // Evaluated, not added as a script: the policy of the page refuses scripts of others.
    await page.evaluate(axe.source);
    const result = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], iframes: false }));
    const found = result.violations.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map(node => `  ${node.html}\n  ${node.failureSummary}`).join('\n')}`);
    assert.deepEqual(found, []);
}

// Where an element is. A row may be drawn again between finding and measuring it.
async function boxOf(locator) {
    for (;;) {
        await locator.waitFor();
        const box = await locator.boundingBox();
        if (box) return box;
    }
}

// Keeps a screenshot if SHOTS names a folder.
async function shot(page, name) {
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}.png` });
}

module.exports = { test, assert, root, newServer, call, inBrowser, accessible, boxOf, shot, WITHIN };
