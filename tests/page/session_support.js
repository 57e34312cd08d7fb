// Clients of the tests of sessions, and where their lines are on the page.
'use strict';
const net = require('node:net');
const { codeInDialog } = require('./code_support.js');
const { test } = require('./support.js');

const open = new Set();
test.after(() => open.forEach(close => close()));

// A client that sends what it is told. `until` waits until the server has sent this text or what this pattern finds.
function connect(port) {
    const socket = net.connect(port, '127.0.0.1');
    open.add(() => socket.destroy());
    let said = '';
    let arrived = () => {};
    let refuse = () => {};
    socket.on('close', () => refuse());
    socket.on('data', data => {
        said += data.toString('latin1');
        arrived();
    });
    socket.on('error', () => {});
    return {
        socket,
        send: text => socket.write(text),
        until: wanted => new Promise((resolve, reject) => {
            arrived = () => {
                const found = typeof wanted === 'string' ? wanted : wanted.exec(said)?.[0];
                const at = found === undefined ? -1 : said.indexOf(found);
                if (at < 0) return;
                said = said.slice(at + found.length);
                resolve();
            };
            refuse = () => reject(new Error(`closed before ${wanted}`));
            arrived();
        }),
        ended: new Promise(resolve => socket.on('close', resolve)),
        close: () => socket.destroy(),
    };
}

const LAST_LINE = /^\d{3} .*\r\n/m;

// A whole session over SMTP: each command is sent when the last one was answered.
async function dialogue(port, ...commands) {
    const client = connect(port);
    await client.until(LAST_LINE);
    for (const command of commands) {
        client.send(`${command}\r\n`);
        await client.until(LAST_LINE);
    }
    client.send('QUIT\r\n');
    await client.ended;
}

const ended = server => server.get('sessions?open=true&count=0&wait=10s');
const rule = (server, id, on, steps, when) => server.post('rules', { id, on, do: steps, ...(when ? { when } : {}) });

const row = (page, id) => page.locator('#sessions .row').filter({ has: page.locator('.id', { hasText: new RegExp(`^${id}\\b`) }) });
const line = (page, text) => page.locator('#lines .row').filter({ hasText: text });
const whole = page => page.locator('#line .whole').first();

async function openSession(page, server, id, hash = '') {
    await page.goto(`${server.page}/sessions/${id}${hash}`);
    await page.locator('#lines .row').first().waitFor();
}

// The code of “Copy as test”, by language.
async function codeOf(page) {
    await page.getByRole('button', { name: 'Copy as test' }).filter({ visible: true }).last().click();
    return codeInDialog(page);
}

// A client that says this in a session of its own, as a program in Python.
function clientThat(port, ...lines) {
    return `import socket\ns = socket.create_connection(("127.0.0.1", ${port})).makefile("rw", newline="")\ndef read():\n    while s.readline()[3:4] == "-":\n        pass\nread()\nfor line in ${JSON.stringify(lines)}:\n    s.write(line + "\\r\\n")\n    s.flush()\n    read()\ns.close()`;
}

module.exports = { open, connect, dialogue, ended, rule, row, line, whole, openSession, codeOf, clientThat };
