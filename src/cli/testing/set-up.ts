import { mkdtempDisposableSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeRuntime } from '../../client/testing/fake-runtime.ts'
import { berth } from './berth.ts'

export const sandbox = {
  metadata: { name: 'web', namespace: 'shop', uid: 'u-1' },
  labels: { 'io.kubernetes.pod.name': 'web', 'io.kubernetes.pod.namespace': 'shop', 'io.kubernetes.pod.uid': 'u-1' },
}
export const container = {
  metadata: { name: 'nginx' },
  image: { image: 'docker.io/library/nginx:1' },
  log_path: 'nginx/0.log',
  labels: sandbox.labels,
}

/** A fake runtime, the config files, and a `berth` that talks to it. */
export async function setUp(overrides: Parameters<typeof FakeRuntime.serve>[0] = {}) {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'berth-cli-'))
  const runtime = await FakeRuntime.serve(overrides)
  const file = (name: string, content: unknown) => {
    const path = join(folder.path, name)
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
    return path
  }
  return {
    runtime,
    file,
    logs: join(folder.path, 'logs'),
    pod: file('sandbox.json', { ...sandbox, log_directory: join(folder.path, 'logs') }),
    container: file('container.json', container),
    berth: (...args: string[]) => berth(runtime.endpoint, args),
    async [Symbol.asyncDispose]() {
      await runtime[Symbol.asyncDispose]()
      folder.remove()
    },
  }
}

/** The same with a pod "web" that runs a container "nginx". */
export async function setUpPod() {
  const set = await setUp()
  await set.berth('runp', set.pod)
  await set.berth('create', 'web', set.container, set.pod)
  await set.berth('start', 'nginx')
  set.runtime.calls.length = 0
  return set
}

/** The ids of the pod and of the container. */
export const a1 = 'a1'.padEnd(64, '0')
export const b2 = 'b2'.padEnd(64, '0')
