#!/usr/bin/env node
// A usual day's work over IMAP with the npm library imap (node-imap): one account, from login to logout.
// Reads MAIL_HOST, MAIL_PORT, MAIL_ROAD, MAIL_CA, MAIL_USER, MAIL_PASSWORD; exits 0 iff all was as expected.
'use strict';
process.env.TZ = 'UTC'; // the library writes the date of an append right only here
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const { buffer } = require('node:stream/consumers');
const Imap = require('imap');

const { MAIL_HOST, MAIL_PORT, MAIL_ROAD, MAIL_CA, MAIL_USER, MAIL_PASSWORD, MAIL_CLOSED } = process.env;
const same = (what, got, want) => assert.deepEqual(got, want, `${what}: got ${JSON.stringify(got)}, expected ${JSON.stringify(want)}`);
let heard = () => {};

function client(password) {
    return new Imap({
        host: MAIL_HOST,
        port: Number(MAIL_PORT),
        user: MAIL_USER,
        password,
        tls: MAIL_ROAD === 'implicit',
        autotls: MAIL_ROAD === 'starttls' ? 'always' : 'never',
        ...(MAIL_ROAD !== 'plain' && { tlsOptions: { ca: readFileSync(MAIL_CA), servername: MAIL_HOST } }),
        authTimeout: 30000,
        debug: line => heard(line)
    });
}

function flatten(tree, prefix = '') {
    return Object.entries(tree || {}).flatMap(([name, box]) => [prefix + name, ...flatten(box.children, prefix + name + box.delimiter)]).sort();
}

async function day() {
    // 1. connect and log in
    if (MAIL_CLOSED === '1') {
        const closed = client(MAIL_PASSWORD + '-wrong');
        const refused = new Promise((resolve, reject) => {
            closed.once('error', resolve).once('ready', () => reject(new Error('a wrong password was accepted')));
        });
        closed.connect();
        same('refusal', (await refused).source, 'authentication');
    }
    const imap = client(MAIL_PASSWORD);
    imap.connect();
    await once(imap, 'ready');
    imap.on('error', fail);
    same('encrypted', Boolean(imap._sock.encrypted), MAIL_ROAD !== 'plain');

    const call = (method, ...args) => new Promise((resolve, reject) => imap[method](...args, (err, answer) => (err ? reject(err) : resolve(answer))));
    const fetch = (source, options) => new Promise((resolve, reject) => {
        const found = [];
        const fetching = imap.fetch(source, options);
        fetching.on('message', message => {
            const one = {};
            found.push(one);
            message.on('body', stream => (one.body = buffer(stream)));
            message.on('attributes', attrs => Object.assign(one, attrs));
        });
        fetching.once('error', reject).once('end', async () => {
            for (const one of found) one.body = await one.body;
            resolve(found);
        });
    });
    const flags = async uid => (await fetch(uid, {}))[0].flags.filter(f => f !== '\\Recent').sort();
    const list = async () => flatten(await call('getBoxes'));
    const subscribed = async () => flatten(await call('getSubscribedBoxes'));

    // 2. mailboxes
    same('list', await list(), ['INBOX']);
    await call('addBox', 'Work');
    await call('addBox', 'Work/2026');
    same('list', await list(), ['INBOX', 'Work', 'Work/2026']);
    await call('subscribeBox', 'Work');
    same('subscribed', await subscribed(), ['Work']);

    // 3. reading
    same('messages', (await call('openBox', 'INBOX')).messages.total, 5);
    const uids = await call('search', ['ALL']);
    const [one, two, three, four, five] = uids;
    same('uids', uids, [...new Set(uids)].sort((a, b) => a - b));
    const all = await fetch(uids, { envelope: true, size: true, struct: true });
    same('fetched uids', all.map(m => m.uid), uids);
    same('subjects', all.map(m => m.envelope.subject), [1, 2, 3, 4, 5].map(n => `generated ${n}`));
    same('message ids', new Set(all.map(m => m.envelope.messageId)).size, 5);
    for (const m of all) {
        same('flags', m.flags.filter(f => f !== '\\Recent'), []);
        same('internal date', m.date > new Date('2001-01-01'), true);
        same('type', [m.struct[0].type, m.struct[0].subtype], ['text', 'plain']);
    }
    same('size', (await fetch(one, { bodies: '' }))[0].body.length, all[0].size);
    same('flags after a peek', await flags(one), []);
    await fetch(two, { bodies: '', markSeen: true });
    same('flags after reading', await flags(two), ['\\Seen']);

    // 4. search
    same('unseen', await call('search', ['UNSEEN']), [one, three, four, five]);
    same('subject', await call('search', [['SUBJECT', 'generated 3']]), [three]);
    same('non-ascii', await call('search', [['BODY', 'Grüße']]), []);
    same('since', await call('search', [['SINCE', 'January 1, 2001']]), uids);

    // 5. flags
    await call('addFlags', three, '\\Flagged');
    await call('addKeywords', three, '$Important');
    same('flags', await flags(three), ['$Important', '\\Flagged']);
    await call('delFlags', three, '\\Flagged');
    same('flags', await flags(three), ['$Important']);

    // 6. copy and move
    await call('copy', three, 'Work');
    await call('move', four, 'Work');
    same('left in INBOX', await call('search', ['ALL']), [one, two, three, five]);
    same('messages in Work', (await call('openBox', 'Work')).messages.total, 2);

    // 7. append
    const text = Buffer.from('Subject: kept\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße aus Köln\r\n');
    const when = new Date('2020-01-01T12:00:00Z');
    await call('append', text, { mailbox: 'Work/2026', flags: ['\\Seen'], date: when });
    same('messages in Work/2026', (await call('openBox', 'Work/2026')).messages.total, 1);
    const [kept] = await fetch('1:*', { bodies: '' });
    same('appended text', kept.body.toString('latin1'), text.toString('latin1'));
    same('internal date', kept.date, when);
    same('flags', kept.flags.includes('\\Seen'), true);

    // 8. status
    same('messages in INBOX', (await call('openBox', 'INBOX')).messages.total, 4);
    const status = await call('status', 'Work');
    same('status messages', status.messages.total, 2);
    same('status uidnext', status.uidnext > 2, true);

    // 9. idle: the library idles by itself when it has nothing to do; its debug lines tell when
    const arrived = once(imap, 'mail');
    heard = line => {
        if (!/^<= .\+/.test(line)) return;
        heard = () => {};
        process.stdout.write('idling\n');
    };
    same('new messages', await arrived, [1]);
    const [fresh] = await fetch('*', { envelope: true }); // ends the idling
    same('new subject', fresh.envelope.subject, 'while idle');

    // 10. clearing up
    const gone = once(imap, 'expunge');
    await call('addFlags', one, '\\Deleted');
    await call('expunge');
    same('expunged', await gone, [1]);
    same('left in INBOX', (await call('search', ['ALL'])).length, 4);
    await call('renameBox', 'Work/2026', 'Work/2027');
    same('list', await list(), ['INBOX', 'Work', 'Work/2027']);
    await call('delBox', 'Work/2027');
    await call('unsubscribeBox', 'Work');
    same('subscribed', await subscribed(), []);

    // 11. log out
    imap.end();
    same('close with an error', (await once(imap, 'close'))[0], false);
}

function fail(err) {
    console.error(err);
    process.exit(1);
}
process.on('beforeExit', () => fail('the connection ended early'));
setTimeout(fail, 60000, 'not done in 60 s').unref();
day().then(() => process.exit(0), fail);
