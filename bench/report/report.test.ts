import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Measurement } from '../run/measurements.ts'
import { markdownOf } from './markdown.ts'
import { short } from './number.ts'
import type { Results } from './results.ts'
import { compareWithTargets, type Target, targets } from './targets.ts'
import { writeResults } from './write.ts'

const up: Measurement = {
  id: 'pod.up',
  title: 'pod up',
  unit: 'ms',
  better: 'lower',
  values: { ours: [10, 20, 30], theirs: [40, 80, 120], others: [20, 40, 60] },
}
const list: Measurement = { ...up, id: 'held.list', title: 'ListContainers', pods: 50 }

const results: Results = {
  startedAt: '2026-01-02T03:04:05.678Z',
  seconds: 12.3,
  machine: {
    cpus: 2,
    cpuModel: 'Some CPU',
    memoryMib: 4096,
    kernel: '6.18.0',
    system: 'Debian <12> & co',
    ociRuntime: 'runc 1.1.5',
    node: 'v24.0.0',
    loadAtStart: [0.1, 0.2, 0.3],
  },
  endpoints: [
    { name: 'ours', runtimeName: 'berth', runtimeVersion: '1' },
    { name: 'theirs', runtimeName: 'containerd', runtimeVersion: '2' },
    { name: 'others', runtimeName: 'cri-o', runtimeVersion: '3' },
  ],
  image: 'an/image:latest',
  rounds: 3,
  measurements: [up, list],
  notes: ['a case was left out'],
  failures: ['another broke'],
}

test('numbers have three digits that count', () => {
  assert.deepEqual([0.00123, 0.123, 1.234, 12.34, 123.4, 12_345, 0, Number.NaN].map(short), [
    '0.0012',
    '0.123',
    '1.23',
    '12.3',
    '123',
    '12345',
    '0',
    '–',
  ])
})

test('a row has p50 and p95 of each endpoint and the ratios of the first to the others', () => {
  const markdown = markdownOf(results)
  assert.match(markdown, /\| metric \| ours \| theirs \| others \| ours \/ theirs \| ours \/ others \| rounds \|/)
  assert.match(
    markdown,
    /\| pod up, ms \| 20\.0 \(29\.0\) \| 80\.0 \(116\) \| 40\.0 \(58\.0\) \| 0\.250 \| 0\.500 \| 3 \|/,
  )
  assert.match(markdown, /\| ListContainers, 50 pods, ms \|/)
})

test('the machine, what was left out and what broke are told', () => {
  const markdown = markdownOf(results)
  for (const told of ['Some CPU', '6.18.0', 'runc 1.1.5', 'containerd 2', 'a case was left out', 'another broke'])
    assert.ok(markdown.includes(told), told)
})

test('an endpoint that has no value gets no figure', () => {
  const { theirs: _, ...values } = up.values
  const markdown = markdownOf({ ...results, measurements: [{ ...up, values }] })
  assert.match(markdown, /\| pod up, ms \| 20\.0 \(29\.0\) \| – \| 40\.0 \(58\.0\) \| – \| 0\.500 \| 3 \|/)
})

const target = (change: Partial<Target>): Target => ({
  what: 'it',
  metric: 'pod.up',
  of: 'ratio',
  rival: 'containerd',
  limit: 0.25,
  bound: 'at most',
  ...change,
})
const met = (change: Partial<Target>) => compareWithTargets(results, [target(change)]).map(({ met }) => met)

test('a target is met at its limit and not beyond', () => {
  assert.deepEqual(met({}), [true])
  assert.deepEqual(met({ limit: 0.249 }), [false])
  assert.deepEqual(met({ bound: 'at least' }), [true])
  assert.deepEqual(met({ bound: 'at least', limit: 0.26 }), [false])
})

test('the better rival is the one that does better by the metric', () => {
  assert.deepEqual(met({ rival: 'better', limit: 0.5 }), [true])
  assert.deepEqual(met({ rival: 'better', limit: 0.49 }), [false])
  const rate: Measurement = { ...up, id: 'rate', better: 'higher' }
  const [outcome] = compareWithTargets({ ...results, measurements: [rate] }, [
    target({ metric: 'rate', rival: 'better', bound: 'at least' }),
  ])
  assert.equal(outcome?.measured, '0.250')
})

test('absolute targets ask for the p50 or the p95 of the first endpoint', () => {
  assert.deepEqual(met({ of: 'p50', limit: 20 }), [true])
  assert.deepEqual(met({ of: 'p95', limit: 28 }), [false])
})

test('a target without a measurement, or whose rival is not there, is not judged', () => {
  assert.deepEqual(met({ metric: 'held.list' }), [])
  assert.deepEqual(met({ metric: 'held.list', pods: 50 }), [true])
  const alone = { ...results, endpoints: results.endpoints.slice(0, 1) }
  assert.deepEqual(compareWithTargets(alone, [target({})]), [])
})

test('the targets are told apart by what they say', () => {
  const words = targets.map(({ what, rival }) => `${what} ${rival}`)
  assert.equal(new Set(words).size, words.length)
})

test('JSON, Markdown and a chart a case are written; charts are well-formed and show every endpoint', () => {
  const output = mkdtempSync(join(tmpdir(), 'bench-report-'))
  try {
    const folder = writeResults(results, output)
    assert.equal(folder, join(output, '2026-01-02T03-04-05Z'))
    assert.deepEqual(readdirSync(folder).sort(), ['held.list.svg', 'pod.svg', 'results.json', 'results.md'])
    assert.deepEqual(JSON.parse(readFileSync(join(folder, 'results.json'), 'utf8')), results)
    for (const name of ['held.list.svg', 'pod.svg']) {
      const picture = readFileSync(join(folder, name), 'utf8')
      assert.ok(picture.startsWith('<svg ') && picture.endsWith('</svg>\n'))
      for (const { name } of results.endpoints) assert.ok(picture.includes(name))
      assert.doesNotMatch(picture, /NaN|undefined|Infinity|& /)
    }
  } finally {
    rmSync(output, { recursive: true, force: true })
  }
})
