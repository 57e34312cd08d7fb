// The npm package `cypress-mailhog` without a browser: `cy` and `Cypress` are stood in for by the few functions that
// its commands use. Argument: the URL of the server.
const assert = require('assert')

const commands = {}
const url = process.argv[2].replace(/\/*$/, '/')

class Chain extends Promise {
  its(name) {
    return this.then(value => value[name])
  }

  should(_, length) {
    return this.then(list => assert.notStrictEqual(list.length, length))
  }
}

global.Cypress = {
  env: () => undefined,
  config: name => (name === 'mailHogUrl' ? url : 4000),
  Commands: { add: (name, options, command) => (commands[name] = command || options) }
}
global.cy = {
  request: ({ method, url, failOnStatusCode }) =>
    Chain.resolve(fetch(url, { method })).then(async response => {
      assert.ok(response.ok || failOnStatusCode === false, `${method} ${url}: ${response.status}`)
      return { status: response.status, body: await response.text() }
    }),
  wrap: value => Chain.resolve(value),
  verifyUpcomingAssertions: value => value
}
require('cypress-mailhog')
for (const [name, command] of Object.entries(commands)) global.cy[name] = command

async function main() {
  const mails = await cy.mhGetAllMails()
  assert.deepStrictEqual(mails.map(mail => mail.Raw.From), ['app@example.org', 'ann@example.org'])
  assert.strictEqual((await cy.mhGetMailsBySubject('Plain')).length, 1)
  assert.strictEqual((await cy.mhGetMailsBySender('ann@example.org')).length, 1)
  assert.strictEqual((await cy.mhSearchMails('to', 'carol@example.org')).length, 1)
  const [mail] = await cy.mhGetMailsByRecipient('bob@example.org')
  assert.deepStrictEqual(await cy.mhGetRecipients(mail), ['bob@example.org'])
  assert.deepStrictEqual(await cy.mhGetAttachments(mail), ['a.csv'])
  assert.strictEqual(await cy.mhGetBody(cy.mhFirst(mails)), 'Hello, Carol!')

  assert.strictEqual(await cy.mhGetJimMode(), false)
  await cy.mhSetJimMode(true)
  assert.strictEqual(await cy.mhGetJimMode(), true)
  await cy.mhSetJimMode(false)
  assert.strictEqual(await cy.mhGetJimMode(), false)

  await cy.mhDeleteAll()
  assert.strictEqual((await cy.mhGetAllMails()).length, 0)
}

main().then(() => process.exit(0), error => {
  console.error(error)
  process.exit(1)
})
