import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeMessage, encodeMessage, messageType } from './dbus-message.ts'
import { completeTypes, type DbusValue, marshal, unmarshal } from './dbus-values.ts'

test('a signature is cut into its complete types', () => {
  assert.deepEqual(completeTypes('ssa(sv)a(sa(sv))u'), ['s', 's', 'a(sv)', 'a(sa(sv))', 'u'])
  assert.deepEqual(completeTypes('a{sv}aay'), ['a{sv}', 'aay'])
  for (const bad of ['(', 'a', '(s', 'z', 'a{']) assert.throws(() => completeTypes(bad), /not a D-Bus signature/, bad)
})

test('values have the bytes that the specification gives them', () => {
  // The specification's own example: "foo", "+" and "bar" as three strings.
  assert.equal(marshal('sss', ['foo', '+', 'bar']).toString('hex'), '03000000666f6f00010000002b0000000300000062617200')
  assert.equal(marshal('yu', [7, 1]).toString('hex'), '0700000001000000')
  assert.equal(marshal('at', [[5n]]).toString('hex'), '08000000000000000500000000000000')
  assert.equal(marshal('v', [{ signature: 'b', value: true }]).toString('hex'), '0162000001000000')
})

test('what is written is read again', () => {
  const cases: [string, DbusValue[]][] = [
    ['ybnqiuxtdsog', [1, true, -2, 3, -4, 5, -6n, 2n ** 63n, 1.5, 'ä', '/a', 'au']],
    [
      'a(sv)',
      [
        [
          ['PIDs', { signature: 'au', value: [1, 2, 3] }],
          ['Slice', { signature: 's', value: 'a.slice' }],
        ],
      ],
    ],
    [
      'a{s(ii)}u',
      [
        [
          ['a', [1, 2]],
          ['b', [3, 4]],
        ],
        9,
      ],
    ],
    ['aas', [[[], ['x'.repeat(3000)]]]],
  ]
  for (const [signature, values] of cases) {
    assert.deepEqual(unmarshal(signature, marshal(signature, values), true), values, signature)
  }
})

test('bytes that do not fit their signature are refused, and so are values that nest without end', () => {
  const text = marshal('s', ['hello'])
  assert.throws(() => unmarshal('s', text.subarray(0, 6), true), /cannot be read/)
  assert.throws(() => unmarshal('au', Buffer.from('ffffff7f', 'hex'), true), /cannot be read/)
  const nested = Buffer.concat([...Array.from({ length: 200 }, () => Buffer.from('017600', 'hex'))])
  assert.throws(() => unmarshal('v', nested, true), /cannot be read/)
  assert.throws(() => marshal('s', ['a\0b']), /NUL/)
})

test('a message is read when all of it has come, in either byte order', () => {
  const message = { type: messageType.signal, serial: 3, path: '/a', interface: 'b.c', member: 'D', signature: 'us' }
  const bytes = encodeMessage({ ...message, body: [7, 'x'] })
  for (const length of [0, 15, bytes.length - 1]) assert.equal(decodeMessage(bytes.subarray(0, length)), undefined)
  const found = decodeMessage(Buffer.concat([bytes, Buffer.from('more')]))
  assert.deepEqual(found, { message: { ...message, body: [7, 'x'] }, length: bytes.length })
  const big = Buffer.from('420200010000000000000009000000080501750000000004', 'hex')
  assert.deepEqual(decodeMessage(big)?.message, { type: 2, serial: 9, replySerial: 4, body: [] })
  assert.throws(() => decodeMessage(Buffer.alloc(32)), /no message/)
  assert.throws(() => decodeMessage(Buffer.from(`6c020001ffffff7f${'01000000'.repeat(3)}`, 'hex')), /bytes/)
})
