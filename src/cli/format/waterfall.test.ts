import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatWaterfall } from './waterfall.ts'

test('each part has its time, its place and its depth', () => {
  const lines = formatWaterfall([
    {
      name: 'RunPodSandbox',
      startedAt: 1000,
      ms: 20,
      children: [
        { name: 'later', startedAt: 1010, ms: 10, children: [] },
        { name: 'first', startedAt: 1000, ms: 10, error: 'no', children: [] },
      ],
    },
    { name: 'StartContainer', startedAt: 1030, ms: 10, children: [] },
  ]).split('\n')
  assert.deepEqual(
    lines.map((line) => line.trimEnd()),
    [
      'BEGAN (ms)   TOOK (ms)                                              WHAT',
      '     0.00       20.00    ████████████████████                       RunPodSandbox',
      '     0.00       10.00    ██████████                                   first — failed: no',
      '    10.00       10.00              ██████████                         later',
      '    30.00       10.00                                  ██████████   StartContainer',
      '',
    ],
  )
})

test('a call after a long pause is drawn by itself', () => {
  const call = (name: string, startedAt: number) => ({ name, startedAt, ms: 10, children: [] })
  const lines = formatWaterfall([call('late', 5000), call('first', 1000), call('second', 1010)]).split('\n')
  assert.deepEqual(
    lines.map((line) => line.replaceAll(/ +/g, ' ').trim()),
    [
      'BEGAN (ms) TOOK (ms) WHAT',
      `0.00 10.00 ${'█'.repeat(20)} first`,
      `10.00 10.00 ${'█'.repeat(20)} second`,
      '',
      'BEGAN (ms) TOOK (ms) WHAT',
      `4000.00 10.00 ${'█'.repeat(40)} late`,
      '',
    ],
  )
})
