import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expandVariables } from './expand.ts'

const variables = new Map([
  ['A', 'one'],
  ['B', '$(A)'],
  ['EMPTY', ''],
])

test('references are replaced once, everything else stays', () => {
  const cases: [string, string][] = [
    ['', ''],
    ['plain', 'plain'],
    ['$(A)', 'one'],
    ['x$(A)y$(A)z', 'xoneyonez'],
    ['$(B)', '$(A)'],
    ['[$(EMPTY)]', '[]'],
    ['$(NONE)', '$(NONE)'],
    ['$()', '$()'],
    ['$A', '$A'],
    ['$', '$'],
    ['end$', 'end$'],
    ['$(A', '$(A'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$one'],
    ['$$$$(A)', '$$(A)'],
    ['$(A)$$', 'one$'],
    ['$(NONE)$(A)', '$(NONE)one'],
    ['$($(A))', '$($(A))'],
  ]
  for (const [text, expected] of cases) assert.equal(expandVariables(text, variables), expected, text)
})
