// The code of “Copy as test”: read in its dialog, and run with a client where the code under test runs.
'use strict';
const { execFile } = require('node:child_process');
const { WITHIN } = require('./support.js');

const PROGRAMS = { curl: ['bash', '-c'], Python: ['python3', '-c'], JavaScript: ['node', '--input-type=module', '-e'] };
const SCRIPTS = Object.keys(PROGRAMS);
const HERE = /^.*Here, run the code under test.*$/m;

// The code in the open dialog, by language. The dialog is closed.
async function codeInDialog(page) {
    const dialog = page.getByRole('dialog', { name: 'Copy as test' });
    const code = {};
    for (const language of [...SCRIPTS, 'Rust']) {
        await dialog.getByRole('tab', { name: language, exact: true }).click();
        code[language] = await page.locator('#copy-test-code').textContent();
    }
    await dialog.getByRole('button', { name: 'Close' }).click();
    return code;
}

// Runs code, with this program in Python as the code under test. If the code fails, the error has what it printed.
function runCode(language, text, client = '') {
    const itself = { curl: `python3 - <<'CLIENT'\n${client}\nCLIENT`, Python: client, JavaScript: `(await import('node:child_process')).execFileSync('python3', ['-c', ${JSON.stringify(client)}]);` };
    const [program, ...options] = PROGRAMS[language];
    const code = text.replace(HERE, () => itself[language]);
    return new Promise((resolve, reject) => {
        execFile(program, [...options, code], { timeout: WITHIN }, (error, stdout, stderr) => (error ? reject(new Error(stdout + stderr)) : resolve(stdout)));
    });
}

module.exports = { SCRIPTS, HERE, codeInDialog, runCode };
