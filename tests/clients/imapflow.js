#!/usr/bin/env node
// A usual day's work over IMAP with the npm library imapflow: one account, from login to logout.
// Reads MAIL_HOST, MAIL_PORT, MAIL_ROAD, MAIL_CA, MAIL_USER, MAIL_PASSWORD; exits 0 iff all was as expected.
'use strict';
const assert = require('node:assert/strict');
const { once, EventEmitter } = require('node:events');
const { readFileSync } = require('node:fs');
const { ImapFlow } = require('imapflow');

const { MAIL_HOST, MAIL_PORT, MAIL_ROAD, MAIL_CA, MAIL_USER, MAIL_PASSWORD, MAIL_CLOSED } = process.env;
const same = (what, got, want) => assert.deepEqual(got, want, `${what}: got ${JSON.stringify(got)}, expected ${JSON.stringify(want)}`);
const uid = { uid: true };
const idle = new EventEmitter();
const quiet = () => {};
// the library tells only its log that the server has taken up IDLE
const logger = { trace: quiet, info: quiet, warn: quiet, error: quiet, debug: entry => /^Initiated IDLE/.test(entry.msg) && idle.emit('entered') };

function client(pass) {
    const imap = new ImapFlow({
        host: MAIL_HOST,
        port: Number(MAIL_PORT),
        secure: MAIL_ROAD === 'implicit',
        doSTARTTLS: MAIL_ROAD === 'starttls',
        ...(MAIL_ROAD !== 'plain' && { tls: { ca: readFileSync(MAIL_CA) } }),
        auth: { user: MAIL_USER, pass },
        disableAutoIdle: true,
        logger
    });
    imap.on('error', fail);
    return imap;
}

async function day() {
    // 1. connect and log in
    if (MAIL_CLOSED === '1') {
        await assert.rejects(client(MAIL_PASSWORD + '-wrong').connect(), { authenticationFailed: true });
    }
    const imap = client(MAIL_PASSWORD);
    await imap.connect();
    same('encrypted', imap.secureConnection, MAIL_ROAD !== 'plain');
    const paths = async keep => (await imap.list()).filter(keep || (() => true)).map(box => box.path).sort();
    const flags = async n => [...(await imap.fetchOne(n, { flags: true }, uid)).flags].filter(f => f !== '\\Recent').sort();
    const search = query => imap.search(query, uid);

    // 2. mailboxes
    same('list', await paths(), ['INBOX']);
    same('created', (await imap.mailboxCreate('Work')).created, true);
    same('created', (await imap.mailboxCreate(['Work', '2026'])).path, 'Work/2026');
    same('list', await paths(), ['INBOX', 'Work', 'Work/2026']);
    await imap.mailboxUnsubscribe('Work/2026'); // creating has subscribed both
    same('subscribe', await imap.mailboxSubscribe('Work'), true);
    same('subscribed', await paths(box => box.subscribed && box.path !== 'INBOX'), ['Work']);

    // 3. reading
    same('messages', (await imap.mailboxOpen('INBOX')).exists, 5);
    const all = await imap.fetchAll('1:*', { uid: true, envelope: true, flags: true, internalDate: true, size: true, bodyStructure: true });
    const uids = all.map(m => m.uid);
    const [one, two, three, four, five] = uids;
    same('uids', uids, [...new Set(uids)].sort((a, b) => a - b));
    same('subjects', all.map(m => m.envelope.subject), [1, 2, 3, 4, 5].map(n => `generated ${n}`));
    same('message ids', new Set(all.map(m => m.envelope.messageId)).size, 5);
    for (const m of all) {
        same('flags', [...m.flags].filter(f => f !== '\\Recent'), []);
        same('internal date', m.internalDate instanceof Date && m.internalDate > new Date('2001-01-01'), true);
        same('type', m.bodyStructure.type, 'text/plain');
    }
    same('size', (await imap.fetchOne(one, { source: true }, uid)).source.length, all[0].size);
    same('flags after a peek', await flags(one), []);
    same('mark read', await imap.messageFlagsAdd(two, ['\\Seen'], uid), true);
    same('flags after reading', await flags(two), ['\\Seen']);

    // 4. search
    same('unseen', await search({ seen: false }), [one, three, four, five]);
    same('subject', await search({ subject: 'generated 3' }), [three]);
    same('non-ascii', await search({ body: 'Grüße' }), []);
    same('since', await search({ since: new Date('2001-01-01') }), uids);

    // 5. flags
    same('store', await imap.messageFlagsAdd(three, ['\\Flagged', '$Important'], uid), true);
    same('flags', await flags(three), ['$Important', '\\Flagged']);
    same('store', await imap.messageFlagsRemove(three, ['\\Flagged'], uid), true);
    same('flags', await flags(three), ['$Important']);

    // 6. copy and move
    same('copy', (await imap.messageCopy(three, 'Work', uid)).destination, 'Work');
    same('move', (await imap.messageMove(four, 'Work', uid)).destination, 'Work');
    same('left in INBOX', await search({ all: true }), [one, two, three, five]);
    same('messages in Work', (await imap.mailboxOpen('Work')).exists, 2);

    // 7. append
    const text = Buffer.from('Subject: kept\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße aus Köln\r\n');
    const when = new Date('2020-01-01T12:00:00Z');
    same('append', (await imap.append('Work/2026', text, ['\\Seen'], when)).destination, 'Work/2026');
    same('messages in Work/2026', (await imap.mailboxOpen('Work/2026')).exists, 1);
    const kept = await imap.fetchOne('*', { source: true, internalDate: true, flags: true });
    same('appended text', kept.source.toString('latin1'), text.toString('latin1'));
    same('internal date', kept.internalDate, when);
    same('flags', kept.flags.has('\\Seen'), true);

    // 8. status
    same('messages in INBOX', (await imap.mailboxOpen('INBOX')).exists, 4);
    const status = await imap.status('Work', { messages: true, uidNext: true });
    same('status messages', status.messages, 2);
    same('status uidnext', status.uidNext > 2, true);

    // 9. idle
    const arrived = once(imap, 'exists');
    idle.once('entered', () => process.stdout.write('idling\n'));
    const idling = imap.idle();
    same('exists', (await arrived)[0].count, 5);
    const fresh = await imap.fetchOne('*', { envelope: true }); // the command breaks the idling
    await idling;
    same('new subject', fresh.envelope.subject, 'while idle');

    // 10. clearing up
    const gone = once(imap, 'expunge');
    same('delete', await imap.messageDelete(one, uid), true);
    same('expunged', (await gone)[0].seq, 1);
    same('left in INBOX', (await search({ all: true })).length, 4);
    same('rename', (await imap.mailboxRename('Work/2026', 'Work/2027')).newPath, 'Work/2027');
    same('list', await paths(), ['INBOX', 'Work', 'Work/2027']);
    await imap.mailboxDelete('Work/2027');
    same('unsubscribe', await imap.mailboxUnsubscribe('Work'), true);
    same('subscribed', await paths(box => box.subscribed && box.path === 'Work'), []);

    // 11. log out
    await imap.logout();
}

function fail(err) {
    console.error(err);
    process.exit(1);
}
process.on('beforeExit', () => fail('the connection ended early'));
setTimeout(fail, 60000, 'not done in 60 s').unref();
day().then(() => process.exit(0), fail);
