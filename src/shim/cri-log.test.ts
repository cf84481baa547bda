import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesOfText, formatLines, formatTimestamp, headBytes, maxLineBytes, parseLine } from './cri-log.ts'

const at = 1_767_323_045_000_000_006n
const time = '2026-01-02T03:04:05.000000006Z'

/** The log lines of `text`, and how much of it is not in them. */
function format(text: string, { final = false, room = 1024 * 1024 } = {}) {
  const lines = Buffer.alloc(room)
  const { used, written } = formatLines({ text: Buffer.from(text), lines, stream: 'stdout', at, final })
  return { lines: lines.subarray(0, written).toString(), left: text.length - used }
}

test('one line of output is one full line', () => {
  assert.deepEqual(format('hello\n'), { lines: `${time} stdout F hello\n`, left: 0 })
  assert.equal(`${time} stdout F `.length, headBytes)
})

test('an empty line is kept', () => {
  assert.deepEqual(format('\n'), { lines: `${time} stdout F \n`, left: 0 })
})

test('a line that has not ended waits for its end, or for that of all output', () => {
  assert.deepEqual(format('hello\nwor'), { lines: `${time} stdout F hello\n`, left: 3 })
  assert.deepEqual(format('wor', { final: true }), { lines: `${time} stdout F wor\n`, left: 0 })
  assert.deepEqual(format('', { final: true }), { lines: '', left: 0 })
})

test('a long line is cut into parts of the largest size', () => {
  const { lines } = format(`${'x'.repeat(maxLineBytes * 2 + 5)}\n`)
  assert.deepEqual(
    lines.split('\n').map((line) => [line.split(' ')[2], line.split(' ')[3]?.length]),
    [
      ['P', maxLineBytes],
      ['P', maxLineBytes],
      ['F', 5],
      [undefined, undefined],
    ],
  )
})

test('a line of exactly the largest size is not cut', () => {
  const text = 'x'.repeat(maxLineBytes)
  assert.equal(format(text).lines, '')
  assert.equal(format(`${text}\n`).lines, `${time} stdout F ${text}\n`)
})

test('a line for which there is no room waits for the next time', () => {
  const { lines, left } = format('one\ntwo\n', { room: headBytes + 4 + 10 })
  assert.deepEqual([lines, left], [`${time} stdout F one\n`, 4])
})

test('cut anywhere, the same bytes come out, and the lines say how many', () => {
  const text = Array.from({ length: 50 }, (_, index) => 'y'.repeat((index * 1237) % 40_000)).join('\n')
  for (const size of [1000, 4096, 16_384, 65_536]) {
    let out = ''
    let from = 0
    for (let to = size; from < text.length; to += size) {
      const final = to >= text.length
      const { lines, left } = format(text.slice(from, to), { final })
      out += lines
      from = Math.min(to, text.length) - left
      // The rest had no newline.
      assert.equal(bytesOfText(Buffer.from(out)), from + (final ? 1 : 0))
    }
    const rejoined = out
      .split('\n')
      .slice(0, -1)
      .map((line) => line.slice(headBytes) + (line[headBytes - 2] === 'F' ? '\n' : ''))
    assert.equal(rejoined.join('').trimEnd(), text.trimEnd())
  }
})

test('a line is read back', () => {
  const { stream, full, text } = parseLine(Buffer.from(`${time} stderr P some text`)) ?? assert.fail('not a line')
  assert.deepEqual([stream, full, Buffer.from(text).toString()], ['stderr', false, 'some text'])
  assert.equal(parseLine(Buffer.from(`${time} stdout F `))?.text.length, 0)
  for (const other of ['', 'hello', `${time} stdlog F x`, `${time} stdout X x`, `x${time} stdout F x`]) {
    assert.equal(parseLine(Buffer.from(other)), undefined)
  }
})

test('time stamps have nine digits', () => {
  assert.equal(formatTimestamp(1_700_000_000_000_000_042n), '2023-11-14T22:13:20.000000042Z')
})
