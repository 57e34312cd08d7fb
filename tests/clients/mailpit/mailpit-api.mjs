// Every call of the npm package `mailpit-api`. Arguments: its path, the URL of the API.
import assert from "node:assert/strict";

const [path, url] = process.argv.slice(2);
const { MailpitClient } = await import(path);
const mailpit = new MailpitClient(url);
const fails = (call, status) =>
  assert.rejects(call, (error) => error.message.includes(`Mailpit API Error: ${status} `), `status ${status}`);

await fails(mailpit.getMessageSummary(), 404);
const attachment = { Content: Buffer.from("one\ntwo\n").toString("base64"), Filename: "notes.txt" };
// A GIF of one pixel.
const pixel = "R0lGODlhAQABAIAAAP8AAP///ywAAAAAAQABAAACAkQBADs=";
const { ID } = await mailpit.sendMessage({
  From: { Email: "ann@example.test", Name: "Ann Löw" },
  To: [{ Email: "bob@example.test", Name: "Bob" }, { Email: "carol+vip@example.test" }],
  Cc: [{ Email: "dave@example.test" }],
  Bcc: ["eve@example.test"],
  ReplyTo: [{ Email: "help@example.test" }],
  Subject: "Grüße aus Köln",
  Text: "Go to https://example.test/confirm?code=1234.",
  HTML: '<p>Go <a href="https://example.test/confirm?code=1234">on</a></p><img src="cid:logo">',
  Attachments: [attachment, { Content: pixel, Filename: "logo.gif", ContentID: "logo" }],
  Tags: ["welcome"],
  Headers: { "X-Campaign": "7" },
});

const list = await mailpit.listMessages();
assert.equal(list.messages[0].ID, ID);
assert.deepEqual(
  [list.total, list.unread, list.messages_count, list.messages_unread, list.start], [1, 1, 1, 1, 0]);
assert.deepEqual(list.tags, ["vip", "welcome"]);
const [summary] = list.messages;
assert.deepEqual(
  [summary.Read, summary.Subject, summary.Attachments, summary.Snippet], [false, "Grüße aus Köln", 1, "Go on"]);
assert.deepEqual(summary.From, { Name: "Ann Löw", Address: "ann@example.test" });
assert.deepEqual(summary.Bcc, [{ Name: "", Address: "eve@example.test" }]);
assert.ok(Math.abs(Date.parse(summary.Created) - Date.now()) < 600_000);

const message = await mailpit.getMessageSummary(ID);
assert.equal(message.Text.trim(), "Go to https://example.test/confirm?code=1234.");
assert.deepEqual(message.To.map((to) => to.Address), ["bob@example.test", "carol+vip@example.test"]);
assert.deepEqual([message.Cc[0].Address, message.ReplyTo[0].Address], ["dave@example.test", "help@example.test"]);
assert.equal(message.ReturnPath, "ann@example.test");
assert.deepEqual(message.ListUnsubscribe, { Header: "", Links: [], Errors: "", HeaderPost: "" });
const [notes] = message.Attachments;
assert.deepEqual([notes.FileName, notes.ContentType, notes.Size], ["notes.txt", "text/plain", 8]);
assert.deepEqual(notes.Checksums, {
  MD5: "2094b601daac3d68f5aed51d3c20f7cd",
  SHA1: "c708d7ef841f7e1748436b8ef5670d0b2de1a227",
  SHA256: "c3f9c8c283a2b1f2f1896f27a01cbe3cddc0c9d93f752e4639035a0f5b36f6e8",
});
const [logo] = message.Inline;
assert.deepEqual([logo.ContentID, logo.ContentType], ["logo", "image/gif"]);
assert.equal((await mailpit.listMessages()).unread, 0);

const headers = await mailpit.getMessageHeaders();
assert.deepEqual(headers["X-Campaign"], ["7"]);
assert.ok(headers["Message-Id"][0].startsWith("<"));
assert.equal("Bcc" in headers, false);
const part = await mailpit.getMessageAttachment(ID, notes.PartID);
assert.equal(part.type, "text/plain");
assert.equal(await part.text(), "one\ntwo\n");
const thumbnail = await mailpit.getAttachmentThumbnail(ID, logo.PartID);
assert.deepEqual([thumbnail.type, (await thumbnail.arrayBuffer()).byteLength > 100], ["image/jpeg", true]);
assert.match(await mailpit.getMessageSource(), /^X-Campaign: 7\r$/m);
const html = await mailpit.renderMessageHTML(ID);
assert.ok(html.includes(`/api/v1/message/${ID}/part/${logo.PartID}"`), html);
assert.ok((await mailpit.renderMessageHTML("latest", 1)).includes('<a target="_blank"'));
assert.match(await mailpit.renderMessageText(), /^Go to https/);
const links = await mailpit.linkCheck();
assert.deepEqual(links.Links.map((link) => [link.URL, link.StatusCode]), [["https://example.test/confirm?code=1234", 0]]);

for (const [query, found] of [
  ["subject:Köln", 1], ['subject:"aus Köln" to:bob@', 1], ["to:OB@EXAMPLE", 1], ["bcc:eve", 1], ["cc:eve", 0],
  ["-to:bob", 0], ["!to:carol to:frank", 0], ["addressed:help@example.test", 1], ["reply-to:help", 1], ["is:read", 1],
  ["is:unread", 0], ["is:tagged", 1], ["tag:welcome", 1], ["has:attachment", 1], ["has:inline", 1], ["larger:1mb", 0],
  ["smaller:1.5M", 1], ["after:2020-01-01", 1], ["before:2020-01-01", 0], ["notes.txt", 1], ["confirm", 0], ["löw", 1],
]) {
  const result = await mailpit.searchMessages({ query });
  assert.equal(result.messages_count, found, query);
}
await fails(mailpit.searchMessages({ query: "before:yesterday" }), 400);
assert.equal((await mailpit.waitForMessage({ query: "subject:Köln" })).ID, ID);
assert.equal((await mailpit.waitForMessages({ count: 1, exact: true })).messages.length, 1);

await mailpit.setReadStatus({ IDs: [ID] });
assert.equal((await mailpit.searchMessages({ query: "is:unread" })).messages_count, 1);
await mailpit.setReadStatus({ Search: "after:2025-04-30", Read: true }, { tz: "America/Chicago" });
assert.equal((await mailpit.searchMessages({ query: "is:unread" })).messages_count, 0);
await mailpit.setTags({ IDs: [ID], Tags: ["a b", "x"] });
assert.deepEqual(await mailpit.getTags(), ["a b", "x"]);
await mailpit.renameTag("a b", "c/d");
assert.deepEqual(await mailpit.getTags(), ["c d", "x"]);
await mailpit.deleteTag("x");
assert.deepEqual(await mailpit.getTags(), ["c d"]);
await mailpit.setTags({ IDs: [ID] });
assert.deepEqual(await mailpit.getTags(), []);

const info = await mailpit.getInfo();
assert.deepEqual([info.Messages, info.Unread, info.RuntimeStats.SMTPAccepted], [1, 0, 1]);
const configuration = await mailpit.getConfiguration();
assert.deepEqual([configuration.ChaosEnabled, configuration.MessageRelay.Enabled], [true, false]);
const off = { ErrorCode: 451, Probability: 0 };
const authentication = { ErrorCode: 535, Probability: 0 };
assert.deepEqual(await mailpit.getChaosTriggers(), { Sender: off, Recipient: off, Authentication: authentication });
const sender = { ErrorCode: 421, Probability: 5 };
assert.deepEqual(
  await mailpit.setChaosTriggers({ Sender: sender }),
  { Sender: sender, Recipient: off, Authentication: authentication });
assert.deepEqual((await mailpit.getChaosTriggers()).Sender, sender);
assert.deepEqual((await mailpit.setChaosTriggers()).Sender, off);
await fails(mailpit.setChaosTriggers({ Sender: { ErrorCode: 250, Probability: 5 } }), 400);

await fails(mailpit.releaseMessage(ID, { To: ["bob@example.test"] }), 400);
await fails(mailpit.htmlCheck(), 501);
await fails(mailpit.spamAssassinCheck(), 404);
await fails(mailpit.sendMessage({ From: { Email: "nobody" }, To: [], Subject: "" }), 400);

await mailpit.sendMessage({ From: { Email: "a@example.test" }, To: [{ Email: "b@example.test" }], Subject: "second" });
await mailpit.deleteMessages({ IDs: [ID] });
assert.equal((await mailpit.waitForMessages({ query: "köln", count: 0 })).messages_count, 0);
await mailpit.deleteMessagesBySearch({ query: "subject:second" });
assert.equal((await mailpit.listMessages()).total, 0);
await mailpit.deleteMessages();
console.log("done");
