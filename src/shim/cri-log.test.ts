import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTimestamp, LogFormatter, maxLineBytes } from './cri-log.ts'

const at = '2026-01-02T03:04:05.000000006Z'
const add = (formatter: LogFormatter, text: string) => formatter.add(Buffer.from(text), at).toString()

test('one line of output is one full line', () => {
  assert.equal(add(new LogFormatter('stdout'), 'hello\n'), `${at} stdout F hello\n`)
})

test('an empty line is kept', () => {
  assert.equal(add(new LogFormatter('stderr'), '\n'), `${at} stderr F \n`)
})

test('a line that comes in pieces is written once it is whole', () => {
  const formatter = new LogFormatter('stdout')
  assert.equal(add(formatter, 'hel'), '')
  assert.equal(add(formatter, 'lo\nwor'), `${at} stdout F hello\n`)
  assert.equal(formatter.end(at).toString(), `${at} stdout F wor\n`)
  assert.equal(formatter.end(at).toString(), '')
})

test('a long line is cut into parts of the largest size', () => {
  const formatter = new LogFormatter('stdout')
  const text = 'x'.repeat(maxLineBytes * 2 + 5)
  const lines = add(formatter, `${text}\n`).split('\n')
  assert.deepEqual(
    lines.map((line) => [line.split(' ')[2], line.split(' ')[3]?.length]),
    [
      ['P', maxLineBytes],
      ['P', maxLineBytes],
      ['F', 5],
      [undefined, undefined],
    ],
  )
})

test('a line of exactly the largest size is not cut', () => {
  const formatter = new LogFormatter('stdout')
  assert.equal(add(formatter, 'x'.repeat(maxLineBytes)), '')
  assert.equal(add(formatter, '\n'), `${at} stdout F ${'x'.repeat(maxLineBytes)}\n`)
})

test('cut anywhere, the same bytes come out', () => {
  const text = Array.from({ length: 50 }, (_, index) => 'y'.repeat((index * 1237) % 40_000)).join('\n')
  for (const size of [1000, 4096, 16_384, 65_536]) {
    const formatter = new LogFormatter('stdout')
    let out = ''
    for (let from = 0; from < text.length; from += size) out += add(formatter, text.slice(from, from + size))
    out += formatter.end(at).toString()
    const rejoined = out
      .split('\n')
      .slice(0, -1)
      .map((line) => line.slice(at.length + 10) + (line[at.length + 8] === 'F' ? '\n' : ''))
    assert.equal(rejoined.join('').trimEnd(), text.trimEnd())
  }
})

test('time stamps have nine digits', () => {
  assert.equal(formatTimestamp(1_700_000_000_000_000_042n), '2023-11-14T22:13:20.000000042Z')
})
