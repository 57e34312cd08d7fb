'use strict';
const assert = require('node:assert/strict');

const base = process.env.MAILJIG_URL; // `mailjig run` sets it

async function call(method, url, body) {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
    const json = await answer.json();
    assert.ok(answer.ok, json.detail); // what failed, and what came closest
    return json;
}

/** Makes a server for the test `t`; when the test ends, the server is verified and removed. */
exports.mailServer = async (t, options = {}) => {
    const { id, endpoints } = await call('POST', `${base}/v1/servers`, options);
    const url = `${base}/v1/servers/${id}`;
    t.after(() => call('DELETE', url));
    return {
        host: new URL(base).hostname,
        smtp: endpoints.smtp.port,
        imap: endpoints.imap.port,
        get: path => call('GET', url + path),
    };
};
