// What the tests of the list of messages and of an open message share.
'use strict';
const assert = require('node:assert/strict');

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC', 'base64');

const rows = page => page.getByRole('listbox', { name: 'Messages' }).getByRole('option');
const row = (page, text) => rows(page).filter({ hasText: text });
const field = page => page.getByRole('searchbox', { name: 'Search' });
const panel = page => page.getByRole('tabpanel');
const tab = (page, name) => page.getByRole('tab', { name });

// What the browser tells of HTML that wants something: what it did not do, and what it did not ask.
const isBlocked = text => /Content Security Policy|Blocked script execution|sandboxed|Unsafe attempt|^request: https:\/\/img\.example\.org/.test(text);

async function noOverflow(page) {
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(over <= 0, `${over} px too wide`);
}

// A message with everything that the view shows.
const rich = url => ({
    from: 'App <app@example.org>', to: ['Bob <bob@example.org>', 'carol@example.com'], subject: 'Your code is 482913',
    text: 'Hello,\nyour code is 482913.\nhttps://example.org/confirm?x=1\n',
    html: `<style>p { color: rgb(1, 2, 3) } @media (prefers-color-scheme: dark) { p { color: rgb(200, 201, 202) } }</style>
        <p>Hello <b>Bob</b></p><img id="cid" src="cid:logo@example.org"><img src="${url}/track.gif"><script>document.title = 'run'</script>`,
    attachments: [{ filename: 'logo.png', content: PNG, cid: 'logo@example.org' }, { filename: 'notes.txt', content: 'We met.\r\nWe agreed.\r\n' },
        { filename: 'inner.eml', contentType: 'message/rfc822', content: 'Subject: inner\r\n\r\nInner text\r\n' }, { filename: 'data.bin', content: Buffer.from([0, 1, 2, 255]) }],
});

module.exports = { PNG, rows, row, field, panel, tab, isBlocked, noOverflow, rich };
