import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printable } from './printable.ts'

test('a text from outside cannot steer the terminal', () => {
  assert.equal(printable('a\x1b[2Jb\x07'), 'a\\x1b[2Jb\\x07')
  assert.equal(printable('right\u202eto left\x9b'), 'right\\x202eto left\\x9b')
  assert.equal(printable(' two\n  lines\tand a tab '), 'two; lines and a tab')
  assert.equal(printable('Grüße — 世界'), 'Grüße — 世界')
})
