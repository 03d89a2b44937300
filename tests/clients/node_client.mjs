// The official Node client against a ClickHouse HTTP endpoint: read, write as the owner, be refused, meet an error.
//
// usage: node_client.mjs URL OWNER PASSWORD
//
// The package is installed outside this folder; NODE_CLIENT_MODULES names its node_modules.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

const require = createRequire(`${process.env.NODE_CLIENT_MODULES}/`)
const { createClient } = require('@clickhouse/client')

const [url, owner, password] = process.argv.slice(2)

const refused = async (action, word) =>
  assert.rejects(action, (error) => {
    assert.ok(`${error.type} ${error.message}`.includes(word), `expected ${word}, got ${error.type}: ${error.message}`)
    return true
  })
const rows = async (client, query, parameters) =>
  (await client.query({ query, format: 'JSONEachRow', query_params: parameters })).json()

for (const compression of [false, true]) {
  const options = { url, compression: { request: compression, response: compression } }
  const reader = createClient(options)
  const writer = createClient({ ...options, username: owner, password })
  try {
    assert.ok((await reader.ping()).success)
    assert.deepEqual(await rows(reader, 'SELECT number::UInt32 AS n FROM numbers(2)'), [{ n: 0 }, { n: 1 }])
    assert.deepEqual(await rows(reader, 'SELECT {a:Int32} AS a, {s:String} AS s', { a: 1, s: "it's" }), [{ a: 1, s: "it's" }])

    await writer.command({ query: 'DROP TABLE IF EXISTS node_client' })
    await writer.command({ query: 'CREATE TABLE node_client (id UInt64, name String) ENGINE = MergeTree ORDER BY id' })
    const values = Array.from({ length: 10_000 }, (_, id) => ({ id, name: `name ${id}\n\nDROP TABLE node_client` }))
    const written = await writer.insert({ table: 'node_client', values, format: 'JSONEachRow' })
    assert.equal(written.summary?.written_rows, '10000')
    assert.deepEqual(await rows(reader, 'SELECT count()::UInt32 AS n, uniqExact(name)::UInt32 AS u FROM node_client'), [{ n: 10_000, u: 10_000 }])
    const whole = await (await reader.query({ query: 'SELECT id FROM node_client ORDER BY id LIMIT 1', format: 'JSON' })).json()
    assert.equal(whole.rows, 1)

    let streamed = 0
    const large = await reader.query({ query: "SELECT number, repeat('x', 20) FROM numbers(500000)", format: 'JSONCompactEachRow' })
    for await (const part of large.stream()) streamed += part.length
    assert.equal(streamed, 500_000)

    await refused(reader.insert({ table: 'node_client', values: [{ id: 1, name: 'x' }], format: 'JSONEachRow' }), 'READONLY')
    await refused(reader.command({ query: 'DROP TABLE node_client' }), 'READONLY')
    await refused(rows(reader, 'SELECT nothing_of_the_kind'), 'UNKNOWN_IDENTIFIER')
    await refused(rows(reader, 'SELECT * FROM no_such_table'), 'UNKNOWN_TABLE')
    await writer.command({ query: 'DROP TABLE node_client' })
  } finally {
    await reader.close()
    await writer.close()
  }
}
const stranger = createClient({ url, username: owner, password: 'wrong' })
await refused(stranger.command({ query: 'SELECT 1' }), 'AUTHENTICATION_FAILED')
await stranger.close()
console.log('node client: ok')
