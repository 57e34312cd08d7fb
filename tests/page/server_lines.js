// What the view of servers has for clients: lines, the environment, the certificate, tests to copy. All of it is tried.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { createRequire } = require('node:module');
const { execFile } = require('node:child_process');
const { test, assert, root, newServer, inBrowser, WITHIN } = require('./support.js');
const { SCRIPTS, codeInDialog, runCode } = require('./code_support.js');

const open = async (page, url) => {
    await page.goto(url);
    await page.getByText('live', { exact: true }).waitFor();
};

// Runs a program in a folder where it finds the CA certificate and the packages of npm.
async function run(folder, program, ...args) {
    return new Promise((resolve, reject) => {
        execFile(program, args, { cwd: folder, timeout: WITHIN }, (error, stdout, stderr) => (error ? reject(new Error(`${program} ${args.join(' ')}\n${error.message}\n${stdout}${stderr}`)) : resolve(stdout)));
    });
}

function folderWith(files) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mailjig-'));
    const packages = path.dirname(path.dirname(createRequire(__filename).resolve('nodemailer/package.json')));
    fs.symlinkSync(packages, path.join(folder, 'node_modules'));
    for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text);
    return folder;
}

test('the lines for clients work as they are', async () => {
    const server = await newServer({ name: 'of <lines>', accounts: [{ login: 'bob@example.org', password: "it's \"secret\"" }] });
    const folder = folderWith({ 'mailjig-ca-of-lines.pem': server.ca });
    const runners = {
        curl: text => run(folder, 'bash', '-euo', 'pipefail', '-c', text),
        swaks: text => run(folder, 'bash', '-euo', 'pipefail', '-c', text),
        smtplib: text => run(folder, 'python3', '-c', text),
        imaplib: text => run(folder, 'python3', '-c', text),
        poplib: text => run(folder, 'python3', '-c', text),
        nodemailer: text => run(folder, 'node', '--input-type=module', '-e', text),
        imapflow: text => run(folder, 'node', '--input-type=module', '-e', text),
    };
    let sent = 0;
    await inBrowser(async page => {
        await open(page, `${root}/servers/${server.id}`);
        for (const listener of Object.keys(server.endpoints).filter(name => name !== 'http')) {
            await page.getByRole('button', { name: listener, exact: true }).click();
            const starttls = page.getByLabel('STARTTLS');
            for (const isOn of (await starttls.isVisible()) ? [false, true] : [null]) {
                if (isOn === false && (await starttls.isChecked())) continue;
                if (isOn !== null) await starttls.setChecked(isOn);
                for (const client of await page.locator('#line-tabs [role=tab]').allInnerTexts()) {
                    await page.locator('#line-tabs').getByRole('tab', { name: client, exact: true }).click();
                    const text = await page.locator('#line-code').innerText();
                    if (!runners[client]) continue;
                    await runners[client](text);
                    if (/smtp|submission|lmtp/.test(listener)) sent += 1;
                }
            }
        }
    });
    assert.equal((await server.get('messages?limit=1000')).messages.length, sent);
    assert.ok(sent >= 20, `${sent}`);
    fs.rmSync(folder, { recursive: true });
});

test('the certificate that is downloaded is the one of the server', async () => {
    const server = await newServer({ name: 'signup' });
    await inBrowser(async page => {
        await open(page, `${root}/servers/${server.id}`);
        const download = page.waitForEvent('download');
        await page.getByRole('link', { name: 'Download mailjig-ca-signup.pem' }).click();
        assert.equal(fs.readFileSync(await (await download).path(), 'utf8'), server.ca);
        assert.equal((await download).suggestedFilename(), 'mailjig-ca-signup.pem');

        await page.getByRole('button', { name: 'Copy the certificate' }).click();
        await page.getByText('Copied the certificate').waitFor();
        assert.equal(await page.evaluate(() => navigator.clipboard.readText()), server.ca);
        const line = await page.locator('#trust-code').innerText();
        assert.ok(line.includes(`${server.api}/tls/ca.pem`), line);
        await page.getByRole('tab', { name: 'Java', exact: true }).click();
        await page.getByText('-file mailjig-ca-signup.pem').waitFor();
        await open(page, `${root}/servers/main`);
        await page.getByRole('link', { name: 'Download mailjig-ca.pem' }).waitFor();
    });
});

test('the environment names every endpoint, as mailjig run does', async () => {
    const server = await newServer({ listeners: ['smtp', 'imaps'] });
    await inBrowser(async page => {
        await open(page, `${root}/servers/${server.id}`);
        await page.getByText('accepts connections').waitFor();
        const lines = (await page.locator('#environment').innerText()).split('\n');

        const { smtp, imaps } = server.endpoints;
        for (const line of [`SMTP_HOST=${smtp.host}`, `MAILJIG_SMTP_PORT=${smtp.port}`, `MAILJIG_IMAPS_URL=${imaps.url}`, `MAILJIG_URL=${server.url}`]) {
            assert.ok(lines.includes(line), `${line} is not in ${lines}`);
        }
        assert.equal(lines.some(line => line.startsWith('IMAPS_') || line.includes('POP3')), false);
    });
});

test('the copied tests run, and start a server of the same kind', async () => {
    const server = await newServer({ name: 'kind', listeners: ['smtp', 'imap'], scenario: 'smtp-greylist', accounts: [{ login: 'bob', password: 'p' }], starttls: { imap: 'before-login' } });
    const folder = folderWith({});
    await inBrowser(async page => {
        await open(page, `${root}/servers/${server.id}`);
        await page.getByRole('heading', { name: 'kind' }).waitFor();
        await page.keyboard.press('y');
        const code = await codeInDialog(page);
        // Nothing uses the server, so its rule does not fire, and the scenario is not verified.
        for (const language of SCRIPTS) await assert.rejects(runCode(language, code[language]), /greylist/, language);
        const rust = code.Rust;
        for (const part of ['.without(Listener::Pop3)', '.starttls(Listener::Imap, StartTls::BeforeLogin)', '.account("bob", "p")', 'Scenario::named("smtp-greylist")']) assert.ok(rust.includes(part), rust);
    });
    const plain = await newServer({ listeners: ['smtp'] });
    await inBrowser(async page => {
        await open(page, `${root}/servers/${plain.id}`);
        await page.getByText('accepts connections').waitFor();
        await page.keyboard.press('y');
        const code = await codeInDialog(page);
        for (const language of SCRIPTS) await runCode(language, code[language]);
    });
    fs.rmSync(folder, { recursive: true });
});
