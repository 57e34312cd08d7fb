// Makes the pictures of the manual. Not a test: run it by hand after a change that shows, and look at what it made.
//
//     mailjig serve &
//     NODE_PATH=target/clients/node_modules MAILJIG_URL=http://localhost:8025 node tests/page/screenshots.js
//
// Needs cwebp (Debian: webp).
'use strict';
const { execFileSync } = require('node:child_process');
const { mkdirSync, mkdtempSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { chromium } = require('playwright-core');
const { ImapFlow } = require('imapflow');
const nodemailer = require('nodemailer');

const root = process.env.MAILJIG_URL;
const images = join(__dirname, '../../src/manual/images');
const work = mkdtempSync('/tmp/mailjig-screenshots-');

async function call(method, path, body) {
    const response = await fetch(`${root}/v1/${path}`, { method, body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } });
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
    return response.status === 204 ? null : response.json();
}

const SENDERS = ['"Ann Archer" <ann@shop.example>', '"Shop Billing" <billing@shop.example>', '"Support" <support@shop.example>', '"Grüße GmbH" <info@gruesse.example>'];
const SUBJECTS = ['Welcome, Bob', 'Your order has shipped', 'Reset your password', 'Invoice 2026-118 for November', 'Ihre Bestellung bei Grüße', 'Weekly digest', 'Re: minutes of the meeting', 'Your code is 482911'];

function html(subject, code) {
    return `<html><body style="margin:0;font-family:sans-serif;background:#eef2f1"><div style="max-width:520px;margin:24px auto;background:#fff;border-radius:8px;padding:24px">
<h1 style="font-size:22px;color:#0b6b63;margin-top:0">${subject}</h1><p>Hello Bob,</p><p>please confirm your address. Your code is <b>${code}</b>; it is valid for ten minutes.</p>
<p><a href="https://shop.example/confirm?code=${code}" style="background:#0b6b63;color:#fff;padding:10px 18px;border-radius:5px;text-decoration:none">Confirm</a></p>
<p style="color:#677">Sent by the shop that you signed up for.</p><img src="https://shop.example/pixel.png" width="1" height="1"></div></body></html>`;
}

async function fillServer() {
    await call('POST', 'reset');
    await call('DELETE', 'messages');
    await call('PUT', 'scenario', { name: 'smtp-partial-rcpt' });
    await call('POST', 'rules', { id: 'slow-data', on: 'smtp.message', when: { 'header.Subject': '*digest*' }, do: [{ wait: '600ms' }, { pass: true }] });
    await call('POST', 'rules', { id: 'cut-quit', on: 'smtp.quit', nth: '2', do: [{ cut: { at: 9, close: 'rst' } }, { pass: true }] });
    const { endpoints } = await call('GET', 'endpoints');
    for (let i = 0; i < 24; i += 1) {
        const subject = SUBJECTS[i % SUBJECTS.length];
        const sender = nodemailer.createTransport({ host: '127.0.0.1', port: endpoints.smtp.port, name: 'shop.example', tls: { rejectUnauthorized: false }, ignoreTLS: i % 3 > 0 });
        await sender.sendMail({
            from: SENDERS[i % SENDERS.length], to: ['Bob Baker <bob@example.org>', ...(i % 6 === 5 ? ['nobody@example.org'] : [])], subject,
            text: `Hello Bob,\n\nplease confirm your address: https://shop.example/confirm?code=48291${i % 10}\nYour code is 48291${i % 10}.\n`,
            html: html(subject, `48291${i % 10}`),
            attachments: i % 5 === 3 ? [{ filename: 'invoice.pdf', content: '%PDF-1.4' }] : [],
        }).catch(error => console.log(`${subject}: ${error.message}`));
    }
    const { imap } = endpoints;
    const client = new ImapFlow({ host: '127.0.0.1', port: imap.port, secure: false, doSTARTTLS: false, auth: { user: 'bob@example.org', pass: 'any' }, logger: false, disableAutoIdle: true });
    await client.connect();
    await client.mailboxCreate('Archive');
    await client.mailboxCreate('Projects/2026');
    await client.mailboxOpen('INBOX');
    await client.messageFlagsAdd('1:5', ['\\Seen']);
    await client.messageFlagsAdd('2,4', ['\\Flagged', '$Work']);
    await client.messageCopy('1:3', 'Archive');
    client.idle().catch(() => {});
    await call('GET', 'sessions?idling=true&wait=5s');
    return client;
}

async function main() {
    mkdirSync(images, { recursive: true });
    const client = await fillServer();
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
    const shoot = async (name, path, { act = async () => {}, ...options } = {}) => {
        const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'light', reducedMotion: 'reduce', ...options });
        await page.goto(`${root}${path}`);
        await page.getByText('live', { exact: true }).waitFor();
        await act(page);
        await page.waitForTimeout(600);
        const [png, webp] = [join(work, `${name}.png`), join(images, `${name}.webp`)];
        await page.screenshot({ path: png });
        await page.close();
        execFileSync('cwebp', ['-quiet', '-lossless', '-near_lossless', '20', '-z', '9', png, '-o', webp]);
        // Documentation made by rustdoc contains its pictures; see src/manual/mod.rs.
        writeFileSync(join(images, `${name}.base64`), readFileSync(webp).toString('base64'));
    };
    const { sessions } = await call('GET', 'sessions');
    const ruled = sessions.filter(session => session.rules.length);
    await shoot('messages', '/messages/m24');
    await shoot('sessions', `/sessions/${(ruled.find(session => session.rules.includes('slow-data')) ?? ruled[0]).id}`, { colorScheme: 'dark' });
    await shoot('compare', `/sessions/${ruled[0].id}/compare/${sessions[0].id}`);
    await shoot('rules', '/rules/unknown');
    await shoot('mailboxes', '/mailboxes/bob%40example.org/INBOX');
    await shoot('servers', '/servers');
    await browser.close();
    await client.logout();
}

main().catch(error => {
    console.error(error);
    process.exitCode = 1;
});
