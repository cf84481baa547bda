import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempDisposableSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { ContainerConfigSchema, ContainerState, PodSandboxConfigSchema, PodSandboxState } from '../../client/index.ts'
import { FakeRuntime } from '../../client/testing/fake-runtime.ts'
import { berth } from '../testing/berth.ts'
import { scripts } from './scripts.ts'

/** What `berth __complete` answers for these words: the candidates. */
async function complete(endpoint: string, ...words: string[]): Promise<string[]> {
  const { stdout, code, stderr } = await berth(endpoint, ['__complete', '--', ...words])
  assert.equal(`${code}${stderr}`, '0')
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')[0] ?? '']))
}

const nobody = 'unix:///nowhere.sock'

test('commands, options and their values', async () => {
  assert.deepEqual(await complete(nobody, 'in'), ['inspect', 'inspectp', 'inspecti', 'info'])
  assert.deepEqual(await complete(nobody, 'config', ''), ['default', 'check', 'reload', 'show', 'help'])
  assert.deepEqual(await complete(nobody, '-r', 'unix:///x', '--timeout', '3s', 'versi'), ['version'])
  assert.deepEqual(await complete(nobody, 'rmp', '--f'), ['--force'])
  assert.deepEqual(await complete(nobody, 'pods', '-o', ''), ['table', 'json', 'yaml', 'wide', 'name', 'jsonpath='])
  assert.deepEqual(await complete(nobody, 'completion', 'z'), ['zsh'])
  assert.deepEqual(await complete(nobody, 'run', '-f', ''), [':files'])
})

test('names come from the runtime, also from one that the line names', async () => {
  await using runtime = await FakeRuntime.serve()
  for (const name of ['web', 'we$(reboot)b']) {
    const config = create(PodSandboxConfigSchema, { metadata: { name, namespace: 'shop', uid: name } })
    const id = name.padEnd(64, '0')
    runtime.sandboxes.push({ id, config, createdAt: 1n, state: PodSandboxState.SANDBOX_READY })
  }
  runtime.images = [{ id: 'sha256:aa', repoTags: ['docker.io/library/x:1'] }]
  assert.deepEqual(await complete(runtime.endpoint, 'stopp', 'a', 'shop/w'), ['shop/web'])
  assert.deepEqual(await complete(nobody, '-r', runtime.endpoint, 'inspectp', ''), ['shop/web'])
  assert.deepEqual(await complete(runtime.endpoint, 'rmi', 'docker.io/'), ['docker.io/library/x:1'])
  assert.deepEqual(await complete(runtime.endpoint, 'exec', 'c', 'l'), [])
})

test('what is in the namespace default is offered by its short name, unless that could be another', async () => {
  await using runtime = await FakeRuntime.serve()
  for (const [namespace, name] of [
    ['default', 'own'],
    ['default', 'web'],
    ['shop', 'web'],
  ] as const) {
    const metadata = { name, namespace, uid: `${namespace}-${name}` }
    const config = create(PodSandboxConfigSchema, { metadata })
    const id = metadata.uid.padEnd(64, '0')
    runtime.sandboxes.push({ id, config, createdAt: 1n, state: PodSandboxState.SANDBOX_READY })
    const container = create(ContainerConfigSchema, { metadata: { name: 'main' } })
    const times = { createdAt: 1n, startedAt: 1n, finishedAt: 0n }
    const state = ContainerState.CONTAINER_RUNNING
    runtime.containers.push({ id: `c${id}`, podSandboxId: id, config: container, state, exitCode: 0, ...times })
  }
  assert.deepEqual(await complete(runtime.endpoint, 'inspectp', ''), ['own', 'default/web', 'shop/web'])
  assert.deepEqual(await complete(runtime.endpoint, 'inspectp', 'default/'), ['default/own', 'default/web'])
  assert.deepEqual(await complete(runtime.endpoint, 'why', 'o'), ['own', 'own/main'])
  assert.deepEqual(await complete(runtime.endpoint, 'logs', 'own/'), ['own/main'])
  assert.deepEqual(await complete(runtime.endpoint, 'cp', 'ow'), ['own/main:/', ':files'])
})

test('a runtime that is not there has no names, and that is no error', async () => {
  assert.deepEqual(await complete(nobody, 'logs', ''), [])
})

test('bash completes with it', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-completion-'))
  const program = join(folder.path, 'berth')
  // Says which words it got, and completes them.
  writeFileSync(
    program,
    '#!/bin/sh\nshift 2\necho "$*" >>"$0.calls"\nprintf "default/web:/\\tRunning\\ndefault/db\\tx y\\n"\n',
  )
  chmodSync(program, 0o755)
  writeFileSync(join(folder.path, 'script'), scripts.bash)
  const line = `${program} cp -r unix:///x default/w`
  const driver = `. ${folder.path}/script
    COMP_LINE='${line}' COMP_POINT=${line.length} COMP_WORDS=(${program} cp -r unix : ///x default/w) COMP_CWORD=6
    _berth 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"; cat ${program}.calls`
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', driver], { encoding: 'utf8' })
  assert.equal(stderr, '')
  assert.equal(stdout, 'default/web:/\ncp -r unix:///x default/w\n')
})
