// The npm package `mailhog`: lists, searches, decodes, deletes. Arguments: the port of the API and the path of its base.
const assert = require('assert')
const mailhog = require('mailhog')

async function main() {
  const [port, basePath] = process.argv.slice(2)
  const client = mailhog({ host: 'localhost', port: Number(port), basePath })

  const page = await client.messages()
  assert.deepStrictEqual([page.total, page.count, page.start], [2, 2, 0])
  const second = await client.messages(1, 1)
  assert.deepStrictEqual([second.total, second.count, second.start], [2, 1, 1])

  const mail = await client.latestTo('bob@example.org')
  assert.strictEqual(mail.subject, 'Grüße')
  assert.strictEqual(mail.from, 'Ann <ann@example.org>')
  assert.strictEqual(mail.to, 'Bob <bob@example.org>')
  assert.strictEqual(mail.text, 'Schöne Grüße')
  assert.strictEqual(mail.html, '<p>Schöne Grüße</p>')
  assert.ok(Math.abs(mail.deliveryDate - Date.now()) < 24 * 3600 * 1000)
  const [attachment] = mail.attachments
  assert.deepStrictEqual([attachment.name, attachment.type, attachment.encoding], ['a.csv', 'text/csv; name=a.csv', 'base64'])
  assert.strictEqual(client.decode(attachment.Body, attachment.encoding), 'a,b')

  assert.strictEqual((await client.latestFrom('app@example.org')).subject, 'Plain')
  assert.strictEqual((await client.latestContaining('Hello, Carol')).subject, 'Plain')
  assert.strictEqual((await client.search('schöne grüße')).count, 1)
  assert.strictEqual(await client.latestTo('nobody@example.org'), 0)

  const release = await client.releaseMessage(mail.ID, { host: 'localhost', port: '25', email: 'x@example.org' })
  assert.match(release.detail, /was not released/)
  assert.strictEqual((await client.deleteMessage(mail.ID)).statusCode, 200)
  assert.strictEqual((await client.messages()).total, 1)
  assert.strictEqual((await client.deleteAll()).statusCode, 200)
  assert.strictEqual((await client.messages()).total, 0)
}

main()
