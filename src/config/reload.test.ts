import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Config, defaultConfig } from './config.ts'
import { planReload } from './reload.ts'

const before: Config = {
  ...defaultConfig(),
  runtime: { kata: { path: '/k', cgroup_driver: 'systemd' }, 'my.runsc': { cgroup_driver: 'systemd', args: ['a'] } },
}

test('the same file changes nothing', () => {
  assert.deepEqual(planReload(before, structuredClone(before)), { config: before, changed: [], needsRestart: [] })
})

test('what a running berthd cannot change stays, and is named', () => {
  const wanted: Config = {
    ...before,
    root: '/elsewhere',
    log_level: 'debug',
    streaming: { ...before.streaming, port: 10_010, tls_cert: '/c', tls_key: '/k' },
    cni: { ...before.cni, bin_dirs: ['/x'] },
  }
  const { config, changed, needsRestart } = planReload(before, wanted)
  assert.deepEqual(changed.toSorted(), ['cni.bin_dirs', 'log_level'])
  assert.deepEqual(needsRestart.toSorted(), ['root', 'streaming.port', 'streaming.tls_cert', 'streaming.tls_key'])
  assert.deepEqual(config, { ...before, log_level: 'debug', cni: wanted.cni })
})

test('runtime handlers come, go and change, but for the cgroup driver of one that stays', () => {
  const runtime = {
    new: { cgroup_driver: 'systemd' as const },
    'my.runsc': { cgroup_driver: 'cgroupfs' as const, args: ['b'] },
  }
  const { config, changed, needsRestart } = planReload(before, { ...before, runtime })
  assert.deepEqual(needsRestart, ['runtime.my.runsc.cgroup_driver'])
  assert.deepEqual(config.runtime, { new: runtime.new, 'my.runsc': { cgroup_driver: 'systemd', args: ['b'] } })
  assert.deepEqual(
    changed.toSorted(),
    [
      'runtime.kata.cgroup_driver',
      'runtime.kata.path',
      'runtime.my.runsc.args',
      'runtime.new.cgroup_driver',
    ].toSorted(),
  )
})
