import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cannotRun } from './program-missing.ts'

test('a program that is not there is 127, one that cannot be executed 126, and other failures are neither', () => {
  const codeOf = (message: string) => cannotRun(new Error(message), 'nosuch')?.exitCode
  assert.equal(codeOf('runc exec failed: exec: "nosuch": executable file not found in $PATH; the image has'), 127)
  assert.equal(codeOf('Internal error occurred: exec: "/no": stat /no: no such file or directory: unknown'), 127)
  assert.equal(codeOf('crun exec failed: executable file `nosuch` not found in $PATH: No such file or directory'), 127)
  assert.equal(codeOf('exec /bin/script: no such file or directory'), 127)
  assert.equal(codeOf('runc exec failed: exec: "/etc": permission denied; the program is not executable'), 126)
  assert.equal(codeOf('container "x" is exited, not running'), undefined)
  assert.equal(codeOf('crun exec failed: open executable: Permission denied'), 126)
  assert.equal(codeOf('runc exec failed: open /proc/self/attr: permission denied'), undefined)
  assert.match(cannotRun(new Error('exec: "/no": stat /no: no such file'), '/no')?.message ?? '', /no such program$/)
})
