import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { ContainerConfigSchema } from '../../gen/cri_pb.ts'
import type { ImageConfig } from './input.ts'
import { processArgs, processCwd, processEnv } from './process.ts'

const image = (more: Partial<ImageConfig> = {}): ImageConfig => ({
  name: 'example/image:1',
  entrypoint: [],
  cmd: [],
  env: [],
  workingDir: '',
  user: '',
  stopSignal: '',
  labels: {},
  ...more,
})

test('command and args against entrypoint and cmd, as containerd has it', () => {
  const both = image({ entrypoint: ['/entry', '-e'], cmd: ['cmd'] })
  const cases: [string, string[], string[], ImageConfig, string[]][] = [
    ['nothing set: entrypoint and cmd', [], [], both, ['/entry', '-e', 'cmd']],
    ['args replace cmd', [], ['a'], both, ['/entry', '-e', 'a']],
    ['command replaces both', ['c'], [], both, ['c']],
    ['command and args', ['c'], ['a'], both, ['c', 'a']],
    ['cmd alone', [], [], image({ cmd: ['sh', '-c', 'x'] }), ['sh', '-c', 'x']],
    ['args alone, no entrypoint', [], ['a'], image({ cmd: ['sh'] }), ['a']],
    ['an entrypoint taken back', [], [], image({ entrypoint: [''], cmd: ['sh'] }), ['sh']],
    ['empty arguments are arguments', [], ['a', ''], image(), ['a', '']],
  ]
  for (const [name, command, args, of, expected] of cases) {
    assert.deepEqual(processArgs({ command, args }, of), expected, name)
  }
})

test('no command, an empty one, and a NUL in one are refused', () => {
  const invalid =
    (command: string[], of = image()) =>
    () =>
      processArgs({ command, args: [] }, of)
  assert.throws(invalid([]), { code: 'invalid-argument', message: /example\/image:1.*neither entrypoint nor cmd/ })
  assert.throws(invalid([], image({ entrypoint: [''] })), { code: 'invalid-argument' })
  assert.throws(invalid(['', 'x']), { code: 'invalid-argument', message: /empty/ })
  assert.throws(invalid(['sh', 'a\0b']), { code: 'invalid-argument', message: /NUL/ })
})

const env = (envs: Record<string, string | Uint8Array>, imageEnv: string[] = [], tty = false) => {
  const list = Object.entries(envs).map(([key, value]) => ({ key, value: Buffer.from(value) }))
  return processEnv(create(ContainerConfigSchema, { envs: list, tty }), image({ env: imageEnv }), 'the-host')
}
const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

test('the environment: defaults, then the image, then the container', () => {
  assert.deepEqual(env({}), [path, 'HOSTNAME=the-host'])
  assert.deepEqual(env({}, [], true), [path, 'TERM=xterm', 'HOSTNAME=the-host'])
  assert.deepEqual(env({ B: '2', A: '3' }, ['PATH=/bin', 'A=1']), ['PATH=/bin', 'HOSTNAME=the-host', 'A=3', 'B=2'])
  assert.deepEqual(env({ TERM: 'vt100' }, [], true), [path, 'TERM=vt100', 'HOSTNAME=the-host'])
  assert.deepEqual(env({ HOSTNAME: 'other' }, ['PATH']), ['HOSTNAME=other'], 'a name without = takes it away')
  assert.deepEqual(env({ A: '' }).at(-1), 'A=')
})

test('a value may hold anything but NUL', () => {
  assert.equal(env({ A: 'x=y\nB=z' }).at(-1), 'A=x=y\nB=z')
  assert.equal(env({ A: 'ü€' }).at(-1), 'A=ü€')
  assert.equal(env({ A: Uint8Array.of(0x61, 0xff) }).at(-1), 'A=a\ufffd')
  assert.throws(() => env({ A: 'x\0y' }), { code: 'invalid-argument', message: /envs: A contains a NUL/ })
  assert.throws(() => env({ '': 'x' }), { code: 'invalid-argument' })
  assert.throws(() => env({ 'A=B': 'x' }), { code: 'invalid-argument' })
  assert.throws(() => env({}, ['A=\0']), { code: 'invalid-argument', message: /image "example/ })
})

test('the working directory', () => {
  const cwd = (workingDir: string, of = '') => processCwd({ workingDir }, image({ workingDir: of }))
  assert.equal(cwd(''), '/')
  assert.equal(cwd('', '/app'), '/app')
  assert.equal(cwd('', 'app'), '/app')
  assert.equal(cwd('/work/', '/app'), '/work')
  assert.equal(cwd('/a/../../../b'), '/b')
  assert.equal(cwd('/proc'), '/proc')
  assert.throws(() => cwd('app'), { code: 'invalid-argument', message: /absolute/ })
  assert.throws(() => cwd('/a\0b'), { code: 'invalid-argument' })
  for (const way of [
    '/proc/self/fd/7',
    '/proc/self/fd/8/../..//fd/9',
    '/proc/1/root',
    '/proc/thread-self/cwd',
    '/dev/fd/3',
  ]) {
    assert.throws(() => cwd(way), { code: 'invalid-argument', message: /leads out/ }, way)
    assert.throws(() => cwd('', way), { code: 'invalid-argument' }, way)
  }
})
