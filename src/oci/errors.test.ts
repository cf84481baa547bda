import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runtimeFailure, runtimeMissing } from './errors.ts'

const failure = (message: string, runtime = 'runc') => {
  const error = runtimeFailure(runtime, 'run', message)
  return [error.code, error.message]
}

test("the runtime's sentence, without its frames", () => {
  const frame = 'runc run failed: unable to start container process: '
  assert.deepEqual(failure(`${frame}error during container init: error mounting "/x"`), [
    'unknown',
    'runc run failed: error during container init: error mounting "/x"',
  ])
  const missing = [
    'invalid-argument',
    'runc run failed: exec: "nope": executable file not found in $PATH; the image has no such program: check the container\'s command and args',
  ]
  assert.deepEqual(failure(`${frame}exec: "nope": executable file not found in $PATH`), missing)
  assert.deepEqual(
    failure('exec failed: unable to start container process: exec: "nope": executable file not found in $PATH'),
    missing,
  )
})

test("what the container's configuration is to blame for is an invalid argument", () => {
  const cases: [string, string][] = [
    ['exec: "/x": stat /x: no such file or directory', 'no such program'],
    ['exec /x: no such file or directory', 'no such program'],
    ['executable file `nope` not found in $PATH: No such file or directory', 'no such program'],
    ['exec: "/etc": permission denied', 'not executable'],
    ['chdir to cwd ("/x") set in config.json failed: permission denied', 'working directory'],
    ['mkdir cwd: not a directory', 'working directory'],
  ]
  for (const [message, advice] of cases) {
    const [code, text] = failure(message)
    assert.equal(code, 'invalid-argument', message)
    assert.ok(text?.includes(advice), text)
  }
  assert.equal(failure('mount /x: permission denied')[0], 'unknown')
  assert.equal(failure('open /sys/fs/cgroup/x: no such file or directory')[0], 'unknown')
})

test('a missing binary: its path and what to do', () => {
  const error = runtimeMissing('crun', '/usr/bin/crun', undefined)
  assert.equal(error.code, 'failed-precondition')
  assert.match(error.message, /"crun".*\/usr\/bin\/crun.*apt install crun/)
})
