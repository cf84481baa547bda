import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseOptions } from './options.ts'
import { CliUsageError } from './usage-error.ts'

const one = ['--endpoint', 'a=unix:///run/a.sock']

test('endpoints keep their order, and get what is said of them by name', () => {
  const { endpoints } = parseOptions([
    ...one,
    '--endpoint',
    'b=unix:///run/b.sock',
    '--start',
    'b=exec b --config=x',
    '--mark',
    'a=/srv/a/',
    '--cgroup',
    'b=/bench/b',
  ])
  assert.deepEqual(endpoints, [
    { name: 'a', socket: '/run/a.sock', mark: '/srv/a/' },
    { name: 'b', socket: '/run/b.sock', start: 'exec b --config=x', cgroup: '/bench/b' },
  ])
})

test('what is not said has its default; levels are in ascending order', () => {
  const options = parseOptions([...one, '--levels', '50,1,10'])
  assert.equal(options.image, 'docker.io/library/busybox:latest')
  assert.equal(options.only, undefined)
  assert.deepEqual(options.levels, [1, 10, 50])
})

test('a wrong command line is refused with words that say what is wrong', () => {
  const cases: [args: string[], message: RegExp][] = [
    [[], /at least one --endpoint/],
    [['--endpoint', 'unix:///run/a.sock'], /give it as NAME=/],
    [['--endpoint', 'a=/run/a.sock'], /unix:\/\/\/path/],
    [[...one, ...one], /same name/],
    [[...one, '--start', 'c=x'], /no endpoint is named c/],
    [[...one, '--rounds', '0'], /--rounds: "0"/],
    [[...one, '--levels', '1,x'], /--levels: "x"/],
    [[...one, '--what'], /--what/],
  ]
  for (const [args, message] of cases) {
    assert.throws(
      () => parseOptions(args),
      (error: Error) => error instanceof CliUsageError && message.test(error.message),
    )
  }
})
