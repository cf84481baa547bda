import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseLogLine } from './line.ts'

const time = '2026-01-02T03:04:05.123456789Z'
const parse = (line: string) => parseLogLine(Buffer.from(line))

test('a line has its time, stream, tag and text', () => {
  assert.deepEqual(parse(`${time} stdout F hello  world `), {
    timestamp: time,
    stream: 'stdout',
    partial: false,
    text: Buffer.from('hello  world '),
  })
  assert.equal(parse(`${time} stderr P part`)?.partial, true)
  assert.equal(parse(`${time} stderr P:x part`)?.partial, true)
})

test('an empty text is text', () => {
  assert.equal(parse(`${time} stdout F `)?.text.length, 0)
  assert.equal(parse(`${time} stdout F`)?.text.length, 0)
})

test('bytes that are not UTF-8 stay as they are', () => {
  const line = Buffer.concat([Buffer.from(`${time} stdout F `), Buffer.from([0xff, 0x20, 0x00])])
  assert.deepEqual(parseLogLine(line)?.text, Buffer.from([0xff, 0x20, 0x00]))
})

test('what is not in the format is not parsed', () => {
  for (const line of ['', 'hello', `${time} stdout`, `${time} stdin F x`, `${time} stdout X x`])
    assert.equal(parse(line), undefined)
})
