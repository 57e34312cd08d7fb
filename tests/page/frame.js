// What every view has: the bar at the top, colours, shortcuts.
'use strict';
const { test, assert, root, newServer, inBrowser, accessible } = require('./support.js');

const VIEWS = ['messages', 'sessions', 'rules', 'mailboxes', 'servers'];

for (const scheme of ['light', 'dark']) {
    for (const width of [400, 2000]) {
        test(`every view is accessible, ${scheme}, ${width} px wide`, async () => {
            await newServer();
            await inBrowser(async page => {
                for (const view of VIEWS) {
                    await page.goto(`${root}/${view}`);
                    await page.getByText('live', { exact: true }).waitFor();

                    await accessible(page);
                    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
                    assert.ok(overflow <= 0, `${view} is ${overflow} px too wide`);
                }
            }, { scheme, width });
        });
    }
}

test('the keyboard goes to every view', async () => {
    await inBrowser(async page => {
        await page.goto(root);
        for (const [keys, view] of [['g s', 'sessions'], ['g r', 'rules'], ['g b', 'mailboxes'], ['g v', 'servers'], ['g m', 'messages']]) {
            await page.getByText('live', { exact: true }).waitFor();
            for (const key of keys.split(' ')) await page.keyboard.press(key);
            await page.waitForURL(`${root}/${view}`);
        }
        await page.getByText('live', { exact: true }).waitFor();
        await page.keyboard.press('?');
        await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).getByText('Go to sessions').waitFor();
    });
});

test('the choice of colours stays', async () => {
    await inBrowser(async page => {
        await page.goto(root);
        await page.getByRole('button', { name: 'Auto' }).click();
        await page.getByRole('button', { name: 'Light' }).click();
        await page.goto(`${root}/rules`);

        await page.getByRole('button', { name: 'Dark' }).waitFor();
        const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        assert.equal(back, 'rgb(18, 22, 23)');
    });
});
