import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkLog } from './check-log.ts'
import { lineOf } from './log-script.ts'

const entry = (text: string, tag = 'F') => `2026-01-02T03:04:05.000000006Z stdout ${tag} ${text}\n`
const whole = ['1', '2', '3', 'end 4'].map((text) => entry(text)).join('')

test('a whole log passes', () => {
  checkLog(whole, 'short', 3, 4)
})

test('a line that a runtime has cut in pieces is one', () => {
  const long = lineOf('long', 1)
  checkLog(
    entry(long.slice(0, 1000), 'P') + entry(long.slice(1000, 2000), 'P') + entry(long.slice(2000)) + entry('end 0'),
    'long',
    1,
    0,
  )
})

test('a log that is not whole fails', () => {
  const cases: [what: string, log: string][] = [
    ['a line is missing', whole.replace(entry('2'), '')],
    ['a line came twice', whole.replace(entry('2'), entry('2') + entry('2'))],
    ['lines changed places', entry('2') + entry('1') + entry('3') + entry('end 4')],
    ['the end is missing', whole.replace(entry('end 4'), '')],
    ['the end of another round', whole.replace('end 4', 'end 3')],
    ['something comes after the end', whole + entry('1')],
    ['it is cut', whole.slice(0, -3)],
    ['a piece is missing', whole.replace(entry('3'), entry('', 'P'))],
    ['it is empty', ''],
  ]
  for (const [what, log] of cases) assert.throws(() => checkLog(log, 'short', 3, 4), Error, what)
})
