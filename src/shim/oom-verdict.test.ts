import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasOomPart, type OomFacts } from './oom-verdict.ts'

const facts: OomFacts = { pid: 7, signal: 9, kills: 1, killsBefore: undefined, victims: () => [7] }

const cases: [string, Partial<OomFacts>, boolean][] = [
  ['the kernel killed it', {}, true],
  ['the kernel killed nothing', { kills: 0 }, false],
  ['the kernel killed a child, and a shell passed its code on', { signal: 0, victims: () => [8] }, true],
  ['a child was killed before Berth killed the container', { killsBefore: 1, victims: () => [8] }, false],
  ['the kernel was faster than Berth', { kills: 2, killsBefore: 1 }, true],
  ['a child was killed before somebody killed the container', { victims: () => [8] }, false],
  ['a child was killed, and then the container', { kills: 2, victims: () => [8, 7] }, true],
  ['the log does not tell', { victims: () => undefined }, true],
]
for (const [name, change, verdict] of cases) {
  test(name, () => assert.equal(hasOomPart({ ...facts, ...change }), verdict))
}
