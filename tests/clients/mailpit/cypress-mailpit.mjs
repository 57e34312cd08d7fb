// Every command of the npm package `cypress-mailpit`, without Cypress: `cy` is a stand-in that makes the requests.
// Arguments: the path of its file of commands, the URL of the API.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

const [path, url] = process.argv.slice(2);

globalThis.Cypress = { expose: () => url, config: () => 5000 };
globalThis.cy = {
  env: async () => ({}),
  wrap: async (value) => value,
  wait: async (time) => new Promise((done) => setTimeout(done, time)),
  // Fails unless the status is one of success, and parses JSON, as Cypress does.
  request: async ({ method, url, qs, body }) => {
    const query = qs ? `?${new URLSearchParams(qs)}` : "";
    const headers = body === undefined ? {} : { "Content-Type": "application/json" };
    const response = await fetch(url + query, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${response.status}: ${text}`);
    const isJson = response.headers.get("Content-Type").startsWith("application/json");
    return { status: response.status, body: isJson ? JSON.parse(text) : text };
  },
};

// As a module, which the package does not declare its files to be.
const source = await readFile(path, "utf8");
const { MailpitCommands } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
const mailpit = new MailpitCommands();
const called = new Set();
const call = async (name, ...values) => {
  called.add(name);
  return mailpit[name](...values);
};

await call("mailpitSendMail");
await call("mailpitSendMail", {
  subject: "Reset",
  to: [{ Email: "bob@example.test" }],
  textBody: "plain",
  htmlBody: "<b>bold</b>",
  attachments: [{ Content: "YQ==", Filename: "a.txt" }],
});
const all = await call("mailpitGetAllMails");
assert.deepEqual(all.messages.map((message) => message.Subject), ["Reset", "Hello Mailpit"]);
assert.equal((await call("mailpitSearchEmails", "subject:Reset")).messages_count, 1);
assert.equal((await call("mailpitGetEmailsBySubject", "Hello")).messages_count, 1);
assert.equal((await call("mailpitGetEmailsByTo", "bob@example.test")).messages_count, 1);
assert.equal((await call("mailpitHasEmailsBySubject", "Reset")).messages_count, 1);
assert.equal((await call("mailpitHasEmailsByTo", "jane@example.com")).messages_count, 1);
assert.equal((await call("mailpitHasEmailsBySearch", "from:from@example.com")).messages_count, 2);
await call("mailpitNotHasEmailsBySubject", "Nothing");
await call("mailpitNotHasEmailsByTo", "nobody@example.com");
await call("mailpitNotHasEmailsBySearch", "tag:none");

const message = await call("mailpitGetMail");
assert.equal(await call("mailpitGetSubject", message), "Reset");
assert.deepEqual(await call("mailpitGetRecipientAddress", message), ["bob@example.test"]);
assert.equal(await call("mailpitGetFromAddress", message), "from@example.com");
assert.deepEqual(await call("mailpitGetAttachments", message), ["a.txt"]);
assert.equal((await call("mailpitGetMailTextBody", message)).trim(), "plain");
assert.equal((await call("mailpitGetMailHTMlBody", message)).trim(), "<b>bold</b>");

const unread = async () => (await mailpit.mailpitSearchEmails("is:unread")).messages_count;
await call("mailpitSetAllEmailStatusAsRead");
assert.equal(await unread(), 0);
await call("mailpitSetStatusAsUnRead", message);
assert.equal(await unread(), 1);
await call("mailpitSetStatusAsRead", [message]);
assert.equal(await unread(), 0);
await call("mailpitSetAllEmailStatusAsUnRead");
assert.equal(await unread(), 2);

// Without SpamAssassin, Mailpit answers 404 too.
await assert.rejects(call("mailpitGetMailSpamAssassinSummary", message), /^Error: 404/);
await assert.rejects(call("mailpitGetMailSpamAssainSummary", message), /^Error: 404/);

await call("mailpitDeleteEmailsBySearch", "subject:Reset");
assert.equal((await mailpit.mailpitGetAllMails()).total, 1);
await call("mailpitDeleteAllEmails");
assert.equal((await mailpit.mailpitGetAllMails()).total, 0);

const { parentCypressCommands, childCypressCommands } = MailpitCommands;
const missed = [...parentCypressCommands, ...childCypressCommands].filter((name) => !called.has(name));
assert.deepEqual(missed, [], "every command is called");
console.log("done");
