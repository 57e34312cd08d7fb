// The view of rules.
'use strict';
const { once } = require('node:events');
const net = require('node:net');
const { test, assert, newServer, inBrowser, accessible, shot } = require('./support.js');
const { SCRIPTS, codeInDialog, runCode } = require('./code_support.js');

const FULL = '[[rule]]\nid = "full"\non = "smtp.rcpt"\nwhen = { rcpt = "*@full.example" }\ntimes = 2\ndo = { reply = "452 4.2.2 Mailbox full" }\n';

async function mount(server, text) {
    const response = await fetch(`${server.api}/rules`, { method: 'POST', body: text, headers: { 'Content-Type': 'application/toml' } });
    assert.equal(response.status, 201, await response.clone().text());
    return response.json();
}

const open = async (page, server, path = '') => {
    await page.goto(`${server.page}/rules${path}`);
    await page.getByText('live', { exact: true }).waitFor();
};
const row = (page, name) => page.getByRole('option').filter({ hasText: name });
const editor = page => page.locator('.toml textarea:visible');
const problems = page => page.locator('.problems:visible');
// What the client hears.
const refused = promise => promise.then(() => assert.fail('it was accepted'), error => error.responseCode ?? error.code);

test('an empty rulebook says what rules are and how to begin', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        await open(page, server);
        await page.getByText('A rule makes it misbehave on purpose').waitFor();
        await page.getByText(`curl -X POST ${server.api}/rules`).waitFor();
        await accessible(page);
        await page.getByRole('link', { name: 'Use a template' }).click();

        await page.getByRole('link', { name: 'Refuse a recipient' }).waitFor();
    });
});

test('a rule from a template bites a client, and its count rises live', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        await open(page, server, '?templates');
        await page.getByRole('link', { name: 'Refuse a recipient' }).click();
        await page.getByLabel('Recipients').fill('*@small.example');
        await page.getByLabel(/The first … times/).fill('2');
        assert.match(await editor(page).inputValue(), /when = \{ rcpt = "\*@small\.example" \}\ntimes = 2\n/);
        await accessible(page);
        await page.getByRole('button', { name: 'Apply' }).click();
        await page.waitForURL(`${server.page}/rules/refuse-recipient`);
        await page.locator('#rule-status').getByText('armed').waitFor();

        assert.equal(await refused(server.send({ to: 'bob@small.example', subject: 'x', text: 'x' })), 452);

        await page.locator('#rule-status').getByText('fired 1 of 2', { exact: true }).waitFor();
        await row(page, 'refuse-recipient').getByText('fired 1 of 2').waitFor();
        await page.locator('#counts').getByText('asked').waitFor();
        await page.getByRole('link', { name: 's1', exact: true }).waitFor();
        assert.match(await page.getByRole('link', { name: 'RCPT TO:<bob@small.example>' }).getAttribute('href'), /\/sessions\/s1#r\d+$/);
        await server.send({ to: 'bob@ok.example', subject: 'x', text: 'x' });
        assert.equal(await refused(server.send({ to: 'bob@small.example', subject: 'x', text: 'x' })), 452);
        await page.locator('#rule-status').getByText('used up · fired 2 of 2').waitFor();
        await server.send({ to: 'bob@small.example', subject: 'x', text: 'x' });

        await page.getByText('It was used up').waitFor();
        await accessible(page);
    });
});

test('every template makes a rule that the server takes', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        await open(page, server);
        const texts = await page.evaluate(async () => {
            const [{ FAULTS }, { tomlRule }] = await Promise.all([import('/assets/fault_templates.js'), import('/assets/toml.js')]);
            return FAULTS.map(({ name, fields, make }) => tomlRule({ id: name, ...make(Object.fromEntries(fields.map(field => [field.name, field.value]))) }));
        });
        assert.ok(texts.length > 10);
        for (const text of texts) await mount(server, text);

        await page.getByRole('option').nth(8).waitFor();
        const { rules } = await server.get('rules');
        assert.deepEqual(rules.map(({ text }) => text.split('\n')[1]), texts.map(text => text.split('\n')[1]).reverse());
    });
});

test('a scenario is loaded with the keyboard alone, and bites a client', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        await open(page, server);
        await page.getByText('No rules', { exact: true }).waitFor();
        await page.keyboard.press('c');
        await page.getByRole('link', { name: /^accept-lost-ack/ }).waitFor();
        await page.keyboard.press('/');
        await page.keyboard.type('greylist');
        await page.keyboard.press('Escape');
        await page.keyboard.press('j');
        await page.keyboard.press('Enter');
        await page.waitForURL(`${server.page}/rules?scenario=smtp-greylist`);
        await page.getByText('The client must send the same message again later').first().waitFor();
        await accessible(page);
        await page.keyboard.press('l');
        await page.getByText('Loaded smtp-greylist').waitFor();

        assert.equal(await refused(server.send({ to: 'bob@example.org', subject: 'x', text: 'x' })), 451);
        await server.send({ to: 'bob@example.org', subject: 'x', text: 'x' });
        await page.keyboard.press('Escape');
        await page.keyboard.press('Escape');
        await page.keyboard.press('v');

        await page.getByText('Every expectation is met').waitFor();
        await page.getByRole('link', { name: 'greylist', exact: true }).waitFor();
        await page.getByText('Scenario smtp-greylist · clock running').waitFor();
    });
});

test('a scenario shows its parameters, says what it replaces, and takes other values', async () => {
    const server = await newServer({ scenario: 'smtp-greylist' });
    await inBrowser(async page => {
        await open(page, server, '?scenario=smtp-421-after-n');
        await page.getByText('Load replaces smtp-greylist: its 1 rule').waitFor();
        await page.getByLabel('Parameter n').fill('1');
        await page.getByRole('button', { name: 'Load' }).click();
        await page.getByRole('dialog', { name: 'Replace smtp-greylist?' }).getByRole('button', { name: 'Replace' }).click();
        await page.getByText('Loaded smtp-421-after-n').waitFor();

        const { rules } = await server.get('rules');
        assert.match(rules[0].text, /sent = ">=1"/);
        await page.getByText('Load replaces smtp-421-after-n').waitFor();
        await page.getByLabel('Parameter n').fill('many');
        await page.getByRole('button', { name: 'Load' }).click();
        await page.getByRole('dialog').getByRole('button', { name: 'Replace' }).click();
        await page.getByRole('alert').getByText('many').waitFor();
        await accessible(page);
    }, { expected: [422] });
});

test('rules of a scenario are added alone, or it says why not', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        await open(page, server, '?scenario=accept-lost-ack');
        await page.getByText('Add its rules mounts 1 rule').waitFor();
        await page.getByLabel('Parameter byte').fill('12');
        await page.getByRole('button', { name: 'Add its rules' }).click();
        await page.waitForURL(`${server.page}/rules/lost-ack`);
        assert.match((await server.get('rules/lost-ack')).text, /at = 12,/);

        await open(page, server, '?scenario=tls-cert-expired');
        await page.getByText('because they need what else is in it: settings of TLS').waitFor();
        assert.ok(await page.getByRole('button', { name: 'Add its rules' }).isDisabled());
        await open(page, server, '?scenario=accept-lost-ack');
        await page.getByRole('button', { name: 'Add its rules' }).click();
        await page.getByRole('alert').getByText('there is a rule `lost-ack` already').waitFor();
        const names = await addable(page);
        assert.ok(names.length > 5, names.join());
        for (const { name, texts } of names) {
            await server.delete('rules');
            for (const text of texts.reverse()) await mount(server, text).catch(error => assert.fail(`${name}: ${error.message}`));
        }
    }, { expected: [409] });
});

// The scenarios whose rules can be added alone.
const addable = page => page.evaluate(async () => {
    const [{ api }, { rulesOf }] = await Promise.all([import('/assets/api.js'), import('/assets/toml.js')]);
    const { scenarios } = await api.get('scenarios');
    const found = [];
    for (const { name, params } of scenarios) {
        const { text } = await api.get(`scenarios/${name}`);
        const { rules, whyNot } = rulesOf(text, Object.fromEntries(params.map(one => [one.name, one.default])));
        if (!whyNot.length) found.push({ name, texts: rules });
    }
    return found;
});

test('a copy of a scenario is edited and loaded', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        await open(page, server, '?scenario=smtp-greylist');
        await page.getByRole('button', { name: 'Edit a copy' }).click();
        await page.waitForURL(`${server.page}/rules?edit=scenario`);
        const text = await editor(page).inputValue();
        await editor(page).fill(text.replace('451 4.7.1 Greylisted', '450 4.7.1 Not now'));
        await page.keyboard.press('Control+Enter');
        await row(page, 'greylist').getByText('450 4.7.1 Not now').waitFor();

        assert.equal(await refused(server.send({ to: 'bob@example.org', subject: 'x', text: 'x' })), 450);
    });
});

test('the editor shows errors at their lines, and keeps the text', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        await open(page, server, '?edit=rule');
        await editor(page).fill('[[rule]]\nid = "x"\non = "smtp.rcpt\n');
        await problems(page).getByText(/Error, line 3/).waitFor();
        await page.locator('.numbers .error', { hasText: '3' }).waitFor();
        // The message at a line stands behind its text, whose end the caret is at.
        await editor(page).fill('[[rule]]\n\tid = "日本語"\n\t\ton = "smtp.rcp"\n\tdo = { reply = "452 full" }\n');
        const mark = page.locator('.marks > div', { hasText: 'did you mean `smtp.rcpt`?' });
        await mark.waitFor();
        const { left, width } = await mark.evaluate(its => {
            const line = document.createElement('pre');
            Object.assign(line.style, { position: 'absolute', font: getComputedStyle(document.querySelector('.toml textarea')).font, tabSize: 4 });
            line.textContent = '\t\ton = "smtp.rcp"';
            document.body.append(line);
            const { width } = line.getBoundingClientRect();
            line.remove();
            return { left: its.querySelector('span').getBoundingClientRect().left - its.getBoundingClientRect().left, width };
        });
        assert.ok(left > width, `the message begins at ${left}, the text ends at ${width}`);
        await accessible(page);
        await editor(page).fill('[[rule]]\nid = "x"\non = "smtp.rcpt"\ntmes = 2\ndo = { reply = "452 full" }\n');
        await problems(page).getByText('did you mean `times`?').waitFor();
        await problems(page).getByRole('button', { name: 'Error, line 4, column 1' }).click();
        assert.equal(await editor(page).evaluate(area => area.selectionStart), '[[rule]]\nid = "x"\non = "smtp.rcpt"\n'.length);
        await shot(page, 'rules-errors');
        await page.keyboard.press('Control+Enter');
        await problems(page).getByText('did you mean `times`?').waitFor();
        assert.match(await editor(page).inputValue(), /tmes = 2/);
        assert.ok(await page.evaluate(() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))), 'the page asks before it is left');

        // Tab leaves the text, in both directions.
        await editor(page).focus();
        await page.keyboard.press('Tab');
        assert.notEqual(await page.evaluate(() => document.activeElement.tagName), 'TEXTAREA');
        await page.keyboard.press('Shift+Tab');
        await page.keyboard.press('Control+Home');
        await editor(page).fill('[[rule]]\nid = "x"\non = "smtp.rcpt"\ntimes = 2\ndo = { reply = "452 full" }\n');
        await page.keyboard.press('Control+Enter');
        await page.waitForURL(`${server.page}/rules/x`);

        assert.ok(await page.evaluate(() => dispatchEvent(new Event('beforeunload', { cancelable: true }))), 'nothing is left to ask about');
    }, { expected: [422] });
});

test('the browser asks before a new rule that was typed is lost', async () => {
    const server = await newServer();
    const asked = [];
    await inBrowser(async page => {
        await open(page, server, '?edit=rule');
        await editor(page).click();
        await page.keyboard.type('# mine');
        // It is answered with no, so the text stays.
        const question = page.waitForEvent('dialog');
        await page.evaluate(() => setTimeout(() => location.reload()));
        await question;
        assert.deepEqual(asked, ['beforeunload']);
        assert.match(await editor(page).inputValue(), /# mine/);
        await page.getByRole('button', { name: 'Revert' }).click();
        await page.reload();
        assert.equal(asked.length, 1);
    }, { asks: dialog => asked.push(dialog.type()) });
});

test('a template says how its rule is called, and can replace the one that it made before', async () => {
    const server = await newServer();
    await mount(server, '[[rule]]\nid = "lose-message"\non = "smtp.message"\ntimes = 1\ndo = { deliver = false }\n');
    await inBrowser(async page => {
        await open(page, server, '?template=lose-message');
        await page.locator('#fault-form').getByLabel(/^Rule/).selectOption('New rule lose-message-2');
        assert.match(await editor(page).inputValue(), /id = "lose-message-2"/);
        await page.locator('#fault-form').getByLabel(/^Rule/).selectOption('Replace lose-message');
        assert.match(await editor(page).inputValue(), /id = "lose-message"/);
        await accessible(page);
        await page.getByRole('button', { name: 'Apply' }).click();
        await page.getByText('Replaced lose-message').waitFor();
        await page.waitForURL(`${server.page}/rules/lose-message`);
        const { rules } = await server.get('rules');
        assert.deepEqual(rules.map(({ rule }) => rule.id), ['lose-message']);
        assert.doesNotMatch(rules[0].text, /times = 1/);
        await page.getByText('added over HTTP or on the page').waitFor();

        // `y` copies the open panel as a test.
        await page.locator('#rule').focus();
        await page.keyboard.press('y');
        await page.getByRole('dialog', { name: 'Copy as test' }).waitFor();
    });
});

test('before a scenario is loaded, it says that the counts of added rules begin again', async () => {
    const server = await newServer({ scenario: 'smtp-greylist' });
    await mount(server, '[[rule]]\nid = "mine"\non = "smtp.rset"\ndo = { reply = "250 mine" }\n');
    await inBrowser(async page => {
        await open(page, server, '?scenario=smtp-quit-no-reply');
        await page.locator('#replaces', { hasText: 'their counts begin again' }).waitFor();
        await page.getByRole('button', { name: 'Load', exact: true }).click();
        await page.getByRole('dialog', { name: 'Replace smtp-greylist?' }).getByText('their counts begin again').waitFor();
    });
});

test('a rule is edited in place, and the text survives what happens meanwhile', async () => {
    const server = await newServer();
    await mount(server, FULL);
    await mount(server, '[[rule]]\nid = "other"\non = "smtp.noop"\ndo = { reply = "450 busy" }\n');
    await inBrowser(async page => {
        await open(page, server, '/full');
        await page.keyboard.press('e');
        const text = (await editor(page).inputValue()).replace('452 4.2.2 Mailbox full', '452 4.2.2 No room');
        await editor(page).fill(text);
        await refused(server.send({ to: 'bob@full.example', subject: 'x', text: 'x' }));
        await page.locator('#rule-status').getByText('fired 1 of 2').waitFor();
        assert.equal(await editor(page).inputValue(), text);
        assert.ok(await editor(page).evaluate(area => area === document.activeElement), 'the text keeps the focus');

        await row(page, 'other').click();
        await page.waitForURL(`${server.page}/rules/other`);
        await row(page, 'full').getByText('edited').waitFor();
        await page.goBack();
        await page.getByText('These changes are not applied yet').waitFor();
        assert.equal(await editor(page).inputValue(), text);
        await server.put('rules/full', { on: 'smtp.rcpt', do: { reply: '450 elsewhere' } });
        await page.getByText('It was changed elsewhere meanwhile').waitFor();
        assert.equal(await editor(page).inputValue(), text);
        await editor(page).focus();
        await page.keyboard.press('Control+Enter');
        await page.getByText('Applied to full').waitFor();

        const error = await server.send({ to: 'bob@full.example', subject: 'x', text: 'x' }).catch(error => error);
        assert.match(error.response, /No room/);
        await editor(page).fill('[[rule]]\n# half a thought');
        await server.delete('rules/full');
        await page.getByText('There is no such rule').waitFor();
        await page.getByText('# half a thought').waitFor();
    });
});

test('a rule is disabled, duplicated, copied and removed, and shadows another', async () => {
    const server = await newServer();
    await mount(server, FULL);
    await inBrowser(async page => {
        await open(page, server, '/full');
        await page.locator('#rule-status').getByText('armed').waitFor();
        await page.keyboard.press('d');
        await page.locator('#rule-status').getByText('disabled').waitFor();
        await server.send({ to: 'bob@full.example', subject: 'x', text: 'x' });
        await page.getByText('It was disabled', { exact: true }).waitFor();
        await accessible(page);
        await page.getByRole('button', { name: 'Enable' }).click();
        await page.locator('#rule-status').getByText('armed').waitFor();

        await page.getByRole('button', { name: 'Copy TOML' }).click();
        await page.getByText('Copied the rule as TOML').waitFor();
        assert.equal(await page.evaluate(() => navigator.clipboard.readText()), (await server.get('rules/full')).text);
        await page.getByRole('button', { name: 'Rust', exact: true }).click();
        await page.getByText('Copied the rule as Rust').waitFor();
        const rust = await page.evaluate(() => navigator.clipboard.readText());
        assert.equal(rust, 'server.mount(on(rules::smtp::event("rcpt"))\n    .when("rcpt", "*@full.example")\n    .times(2)\n    .reply("452 4.2.2 Mailbox full")\n    .named("full"));');

        await page.getByRole('button', { name: 'Duplicate' }).click();
        await editor(page).fill('[[rule]]\nid = "all"\non = "smtp.rcpt"\ndo = { reply = "550 5.1.1 No" }\n');
        await page.getByRole('button', { name: 'Apply' }).click();
        await row(page, 'full').getByText('shadowed by all').waitFor();
        assert.deepEqual(await page.getByRole('option').locator('b').allTextContents(), ['all', 'full']);
        await refused(server.send({ to: 'bob@full.example', subject: 'x', text: 'x' }));
        await row(page, 'full').click();
        await page.getByText('Another rule answered first').waitFor();
        await page.getByRole('link', { name: /s2 · line \d+ · smtp\.rcpt/ }).waitFor();

        await page.getByRole('button', { name: 'Remove', exact: true }).click();
        await page.getByRole('dialog', { name: 'Remove the rule full?' }).getByRole('button', { name: 'Remove' }).click();
        await page.waitForURL(`${server.page}/rules`);
        await row(page, 'full').waitFor({ state: 'detached' });
        await page.getByRole('button', { name: 'Remove all' }).click();
        await page.getByRole('dialog', { name: 'Remove the rule?' }).getByRole('button', { name: 'Remove all' }).click();
        await page.getByText('No rules', { exact: true }).waitFor();
        assert.deepEqual((await server.get('rules')).rules, []);
    });
});

test('older sessions are looked at for those in which a rule fired', async () => {
    const server = await newServer();
    await mount(server, '[[rule]]\nid = "busy"\non = "smtp.noop"\ntimes = 1\ndo = { reply = "450 busy" }\n');
    const { port } = server.endpoints.smtp;
    for (let session = 0; session < 101; session += 1) {
        await new Promise((resolve, reject) => net.connect(port, '127.0.0.1').on('error', reject).on('close', resolve).on('data', () => {}).end('NOOP\r\nQUIT\r\n'));
    }
    await inBrowser(async page => {
        await open(page, server, '/busy');
        await page.getByText('In none of these sessions.').waitFor();
        await page.getByRole('button', { name: 'Look at older sessions' }).click();

        await page.getByRole('link', { name: 's1', exact: true }).waitFor();
        await page.getByRole('link', { name: 'NOOP', exact: true }).waitFor();
        await accessible(page);
        await server.put('rules/busy', { on: 'smtp.mail', do: { reply: '450 busy' } });
        await refused(server.send({ to: 'bob@example.org', subject: 'x', text: 'x' }));
        await page.getByRole('button', { name: 'Show the newest sessions again' }).click();
        await page.getByRole('link', { name: 's102', exact: true }).waitFor();
    });
});

test('the focus goes with what is shown in a narrow window', async () => {
    const server = await newServer();
    await mount(server, FULL);
    await inBrowser(async page => {
        await open(page, server);
        await row(page, 'full').waitFor();
        await page.keyboard.press('j');
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { name: 'full' }).waitFor();
        await page.waitForFunction(() => document.activeElement.id === 'rule');
        await page.keyboard.press('Escape');
        await row(page, 'full').waitFor();

        await page.waitForFunction(() => document.activeElement.id === 'rule-list');
    }, { width: 400 });
});

test('a near miss says which condition did not hold, and links to the session', async () => {
    const server = await newServer();
    await mount(server, FULL);
    await inBrowser(async page => {
        await open(page, server, '/full');
        await page.getByText('No event has reached it yet.').waitFor();
        await server.send({ to: 'bob@fool.example', subject: 'x', text: 'x' });

        await page.getByText('One condition did not hold').waitFor();
        await page.getByText('wanted *@full.example  got "bob@fool.example"').waitFor();
        assert.match(await page.getByRole('link', { name: /^s1 · line/ }).getAttribute('href'), /\/sessions\/s1#r\d+$/);
    });
});

test('what is open has an address; back, forward and reload lead there', async () => {
    const server = await newServer();
    await mount(server, FULL);
    const { number } = await mount(server, '[[rule]]\nid = "tests/signup.rs:12"\non = "smtp.noop"\ndo = { reply = "450 busy" }\n');
    await inBrowser(async page => {
        await open(page, server);
        await page.getByRole('option').first().waitFor();
        await page.keyboard.press('j');
        await page.keyboard.press('Enter');
        await page.waitForURL(`${server.page}/rules/tests%2Fsignup.rs%3A12`);
        await page.getByRole('heading', { name: 'tests/signup.rs:12' }).waitFor();
        await page.keyboard.press('j');
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { name: 'full' }).waitFor();
        await page.goBack();
        await page.getByRole('heading', { name: 'tests/signup.rs:12' }).waitFor();
        await page.reload();
        await page.getByRole('heading', { name: 'tests/signup.rs:12' }).waitFor();
        await page.keyboard.press('Escape');
        await page.getByRole('heading', { name: 'The server’s state' }).waitFor();
        await open(page, server, `/${number}`);
        await page.getByRole('heading', { name: 'tests/signup.rs:12' }).waitFor();
        await server.delete(`rules/${number}`);

        await page.getByText('It was removed, or the server was reset').waitFor();
        await accessible(page);
        await page.locator('#search').fill('nothing like it');
        await page.getByText('Nothing in this list matches').waitFor();
        await page.getByRole('button', { name: 'Clear the search' }).click();
        await row(page, 'full').waitFor();
    });
});

test('variables are shown live, set and added, and rules see them', async () => {
    const server = await newServer();
    await server.put('state', { tries: 3 });
    await mount(server, '[[rule]]\nid = "down"\non = "smtp.mail"\nwhen = { state.phase = "down" }\ndo = { reply = "421 4.3.2 Down" }\n');
    await inBrowser(async page => {
        await open(page, server, '?server');
        await page.getByLabel('Value of tries').waitFor();
        await page.getByLabel('Name of a new variable').fill('phase');
        await page.getByLabel('Its value').fill('down');
        await page.getByRole('button', { name: 'Add' }).click();
        await page.getByLabel('Value of phase').waitFor();
        assert.equal(await refused(server.send({ to: 'bob@example.org', subject: 'x', text: 'x' })), 421);

        await page.getByLabel('Value of phase').fill('up');
        await server.put('state', { tries: 4, phase: 'down' });
        await page.waitForFunction(() => document.querySelector('[aria-label="Value of tries"]').value === '4');
        assert.equal(await page.getByLabel('Value of phase').inputValue(), 'up', 'what is typed stays');
        await page.getByLabel('Value of phase').press('Enter');
        await page.getByText('Set phase').last().waitFor();
        await page.getByLabel('Value of tries').fill('"7"');
        await page.getByLabel('Value of tries').press('Enter');
        await page.getByText('Set tries').waitFor();

        assert.deepEqual(await server.get('state'), { phase: 'up', tries: '7' });
        await server.send({ to: 'bob@example.org', subject: 'x', text: 'x' });
        await accessible(page);
    });
});

test('the clock is paused and advanced, and a rule for a while is over', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        await open(page, server, '?template=refuse-for-a-while');
        await page.getByRole('button', { name: 'Apply' }).click();
        await page.getByRole('heading', { name: 'refuse-for-a-while' }).waitFor();
        await page.locator('#strip').click();
        await page.getByRole('button', { name: 'Pause' }).click();
        await page.locator('#clock-state').getByText('paused').waitFor();
        await page.getByText('clock paused').waitFor();
        assert.equal(await refused(server.send({ to: 'bob@example.org', subject: 'x', text: 'x' })), 451);
        assert.equal(await refused(server.send({ to: 'bob@example.org', subject: 'x', text: 'x' })), 451);
        const before = Date.parse((await server.get('clock')).now);
        await page.getByRole('button', { name: '+1 min' }).click();
        await page.getByText('Advanced the clock by 1m').waitFor();

        assert.equal(Date.parse((await server.get('clock')).now) - before, 60_000);
        await server.send({ to: 'bob@example.org', subject: 'x', text: 'x' });
        const idle = net.connect(server.endpoints.smtp.port, '127.0.0.1').on('error', () => {});
        await once(idle, 'data');
        await page.getByRole('button', { name: '+1 h' }).click();
        await page.getByText('Advanced the clock by 1h. 1 session timed out.').waitFor();
        idle.destroy();
        await page.getByLabel('Time to advance by').fill('soon');
        await page.getByRole('button', { name: 'Advance' }).click();
        await page.getByRole('alert').getByText('soon').waitFor();
        await page.getByRole('button', { name: 'Resume' }).click();
        await page.locator('#clock-state').getByText('running').waitFor();
        await accessible(page);
    }, { expected: [400] });
});

test('a verification is red with a report that links, and then green', async () => {
    const server = await newServer();
    await mount(server, FULL.replace('times = 2', 'expect = ">=1"'));
    await server.send({ to: 'bob@ok.example', subject: 'x', text: 'x' });
    await inBrowser(async page => {
        await open(page, server, '?server');
        await page.getByText('Expect messages').click();
        await page.getByLabel('To', { exact: true }).fill('eve@example.org');
        await page.getByLabel('How many').fill('1..');
        await page.getByRole('button', { name: 'Expect', exact: true }).click();
        await page.getByText('✗ not met').waitFor();
        await page.getByRole('button', { name: 'Verify' }).click();
        await page.getByText('✗ Not as expected').waitFor();
        const report = page.getByLabel('Report');
        await report.getByText('wanted *@full.example').waitFor();
        assert.equal(await report.getByRole('link', { name: 's1' }).first().getAttribute('href'), `${new URL(server.page).pathname}/sessions/s1`);
        await accessible(page);
        await shot(page, 'rules-verify');
        await report.getByRole('link', { name: 'full' }).first().click();
        await page.waitForURL(`${server.page}/rules/full`);

        await refused(server.send({ to: 'bob@full.example', subject: 'x', text: 'x' }));
        await server.deliver('eve@example.org', 'Subject: x\r\n\r\nx\r\n');
        await page.goBack();
        await page.getByText('✓ met').waitFor();
        await page.getByRole('button', { name: 'Verify' }).click();
        await page.getByText('✓ Every expectation is met.').waitFor();
        assert.ok(await report.isHidden());
        await page.getByRole('button', { name: /Remove the expectation/ }).click();
        await page.getByText('✓ met').waitFor({ state: 'detached' });
        await page.getByText('✓ Every expectation is met.').waitFor({ state: 'detached' });
        await page.getByLabel('How many').fill('several');
        await page.getByRole('button', { name: 'Expect', exact: true }).click();
        await page.getByRole('alert').getByText('several').waitFor();
    }, { expected: [400, 409] });
});

test('a new expectation takes the verdict about the others away', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        await open(page, server, '?server');
        await page.getByRole('button', { name: 'Verify' }).click();
        await page.getByText('✓ Every expectation is met.').waitFor();
        await page.getByText('Expect messages').click();
        await page.getByLabel('To', { exact: true }).fill('eve@example.org');
        await page.getByRole('button', { name: 'Expect', exact: true }).click();
        await page.getByText('✗ not met').waitFor();
        await page.getByText('✓ Every expectation is met.').waitFor({ state: 'detached' });
    });
});

test('a warning of the scenario keeps its lines', async () => {
    const server = await newServer();
    const text = 'mailjig = 1\nname = "phases"\n[state]\nphase = "up"\n[[rule]]\nid = "down"\non = "smtp.mail"\nwhen = { "state.phase" = "down" }\ndo = { reply = "421 4.3.2 down" }\n';
    await server.put('scenario', { text });
    await inBrowser(async page => {
        await open(page, server, '?server');
        const warning = page.locator('.notice', { hasText: 'no rule sets `state.phase`' });
        await warning.waitFor();
        assert.match(await warning.innerText(), /\n.*when = .*\n.*\^/);
        await accessible(page);
    });
});

test('a scenario is unloaded, and the server is reset', async () => {
    const server = await newServer({ scenario: 'smtp-greylist' });
    await inBrowser(async page => {
        await open(page, server, '?server');
        await page.getByRole('button', { name: 'Unload' }).click();
        await page.getByRole('dialog', { name: 'Unload smtp-greylist?' }).getByRole('button', { name: 'Unload' }).click();
        await page.getByText('None is loaded').waitFor();
        await page.getByText('No rules', { exact: true }).waitFor();
        await page.getByRole('button', { name: 'Reset the server' }).click();
        await page.getByRole('dialog', { name: 'Reset the server?' }).getByRole('button', { name: 'Reset' }).click();

        await row(page, 'greylist').waitFor();
        await page.locator('#strip').getByText('Scenario smtp-greylist').waitFor();
    });
});

const HOSTILE = '<img src=x onerror=alert(1)>"\'`</script><script>alert(1)</script>';

test('names and texts of rules, variables and recipients are shown as text', async () => {
    const server = await newServer();
    await server.post('rules', { id: HOSTILE, on: 'smtp.rcpt', when: { rcpt: `${HOSTILE}*` }, expect: '>=1', do: [{ note: HOSTILE }, { reply: `550 ${HOSTILE}` }] });
    await server.put('state', { [HOSTILE]: HOSTILE });
    await server.post('expectations', { to: HOSTILE });
    await server.send({ to: 'bob@example.org', subject: HOSTILE, text: HOSTILE });
    await inBrowser(async page => {
        await open(page, server);
        await row(page, HOSTILE).click();
        await page.getByRole('heading', { name: HOSTILE }).waitFor();
        await page.getByText('One condition did not hold').waitFor();
        assert.ok((await editor(page).inputValue()).includes(HOSTILE.slice(0, 20)));
        await page.keyboard.press('v');
        await page.getByLabel('Report').getByText(HOSTILE).first().waitFor();
        await page.getByLabel(`Value of ${HOSTILE}`).waitFor();

        assert.equal(await page.locator('main img, main script').count(), 0);
        await accessible(page);
    }, { expected: [409] });
});

const SEND = port => `import smtplib; s = smtplib.SMTP("127.0.0.1", ${port}); s.helo("x"); s.mail("ann@example.org"); s.rcpt("bob@full.example"); s.quit()`;
test('the code for tests runs, and fails when it should', async () => {
    const server = await newServer();
    await mount(server, FULL);
    const client = SEND(server.endpoints.smtp.port);
    await inBrowser(async page => {
        await open(page, server, '/full');
        await page.getByRole('button', { name: 'Copy as test' }).click();
        await accessible(page);
        const fires = await codeInDialog(page);
        for (const language of SCRIPTS) {
            await runCode(language, fires[language], client);
            await assert.rejects(runCode(language, fires[language].replace('wait=5s', 'wait=10ms')), /did not fire that often/, `${language} without a client`);
        }
        await page.goto(`${server.page}/rules?server`);
        await page.getByRole('button', { name: 'Copy as test' }).click();
        const verifies = await codeInDialog(page);
        for (const language of SCRIPTS) {
            await server.delete('expectations');
            await runCode(language, verifies[language]);
            await server.post('expectations', { to: 'nobody@example.org' });
            await assert.rejects(runCode(language, verifies[language]), /nobody@example\.org/, language);
        }
        await page.goto(`${server.page}/rules?scenario=smtp-greylist`);
        await page.locator('#scenario-test').click();
        const loads = await codeInDialog(page);
        for (const language of SCRIPTS) await assert.rejects(runCode(language, loads[language].replace('wait=5s', 'wait=10ms')), /greylist/, language);
    });
});

for (const [width, scheme] of [[400, 'dark'], [760, 'light'], [2000, 'light']]) {
    test(`every state is accessible and fits, ${width} px wide, ${scheme}`, async () => {
        const server = await newServer({ scenario: 'accept-lost-ack' });
        await mount(server, FULL);
        await server.put('state', { phase: 'down' });
        await refused(server.send({ to: 'bob@full.example', subject: 'x', text: 'x' }));
        await inBrowser(async page => {
            for (const path of ['', '/full', '/none', '?catalogue', '?scenario=smtp-421-after-n', '?scenario=none', '?templates', '?template=cut', '?edit=rule', '?edit=scenario', '?server']) {
                await open(page, server, path);
                await page.locator('main article:not([hidden])').waitFor({ state: 'attached' });
                await page.locator('#strip').getByText('accept-lost-ack').waitFor({ state: 'attached' });

                await accessible(page);
                const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
                assert.ok(overflow <= 0, `${path} is ${overflow} px too wide`);
            }
        }, { width, scheme, expected: [404] });
    });
}

test('a thousand rules stay quick to go through', async () => {
    const server = await newServer();
    const many = Array.from({ length: 1000 }, (_, index) => `[[rule]]\nid = "rule-${index}"\non = "smtp.rcpt"\nwhen = { rcpt = "user${index}@example.org" }\ndo = { reply = "452 full" }\n`);
    await server.put('scenario', { text: `mailjig = 1\n${many.join('\n')}` });
    await inBrowser(async page => {
        await open(page, server);
        await page.getByRole('option').first().waitFor();
        await page.locator('#rule-list').focus();
        await page.keyboard.press('End');
        await row(page, 'rule-999').waitFor();
        assert.ok((await page.getByRole('option').count()) < 60);
        assert.equal(await refused(server.send({ to: 'user999@example.org', subject: 'x', text: 'x' })), 452);

        await row(page, 'rule-999').getByText('fired 1').waitFor();
        await page.locator('#search').fill('user500@');
        await row(page, 'rule-500').waitFor();
        assert.equal(await page.getByRole('option').count(), 1);
    });
});

test('a variable that is added after another one is gone is set by its own button', async () => {
    const server = await newServer();
    await server.put('scenario', { text: 'mailjig = 1\n[state]\nphase = "up"\n' });
    await server.put('state', { first: 1 });
    await inBrowser(async page => {
        await open(page, server, '?server');
        await page.getByLabel('Value of first').waitFor();
        await server.post('reset?keep=scenario');
        await page.getByLabel('Value of first').waitFor({ state: 'detached' });
        await server.put('state', { other: 1 });

        await page.getByLabel('Value of other').fill('2');
        await page.getByRole('row', { name: 'other' }).getByRole('button', { name: 'Set' }).click();

        await page.getByText('Set other').waitFor();
        assert.deepEqual(await server.get('state'), { other: 2, phase: 'up' });
    });
});

test('a scenario that was left before it was read does not take the place of the one that is open', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        let answer;
        const left = new Promise(resolve => (answer = resolve));
        await page.route(/scenarios\/smtp-421-after-n/, async route => (await left, route.fallback()));
        await open(page, server, '?scenario=accept-lost-ack');
        await page.getByRole('heading', { name: 'accept-lost-ack' }).waitFor();
        const link = name => page.locator(`#scenario-list a[href$="=${name}"]`);
        await link('smtp-421-after-n').click();
        await link('accept-lost-ack').click();
        await page.waitForURL(/accept-lost-ack$/);

        const answered = page.waitForResponse(/scenarios\/smtp-421-after-n/);
        answer();
        await (await answered).finished();
        await page.evaluate(() => new Promise(requestAnimationFrame));

        await page.getByRole('heading', { name: 'accept-lost-ack' }).waitFor();
    });
});

test('a verification that ends leaves the focus where the user went meanwhile', async () => {
    const server = await newServer();
    await inBrowser(async page => {
        let answer;
        const left = new Promise(resolve => (answer = resolve));
        await page.route(/verify/, async route => (await left, route.fallback()));
        await open(page, server, '?server');
        await page.getByRole('button', { name: 'Verify' }).click();
        await page.getByText('Waiting for the server to settle').waitFor();
        await page.getByLabel('Name of a new variable').focus();

        answer();

        await page.getByText('Every expectation is met').waitFor();
        await page.getByLabel('Name of a new variable').and(page.locator(':focus')).waitFor();
    });
});

test('a rule that could not be removed keeps the text that was not applied', async () => {
    const server = await newServer();
    await mount(server, FULL);
    await inBrowser(async page => {
        await page.route(/rules\/r1$/, route => (route.request().method() === 'DELETE' ? route.fulfill({ status: 500, json: { detail: 'not now' } }) : route.fallback()));
        await open(page, server, '/full');
        const text = FULL.replace('times = 2', 'times = 3');
        await editor(page).fill(text);
        await page.getByRole('button', { name: 'Remove', exact: true }).click();
        await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();

        await page.getByText('not now').waitFor();
        await page.getByRole('heading', { name: 'full' }).waitFor();
        assert.equal(await editor(page).inputValue(), text);
    }, { expected: [500] });
});
