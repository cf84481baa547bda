import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { Berthd, repository } from '../harness/berthd.ts'
import { berth, tryBerth } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/**
 * The walk-through of the README, which is the one that every runtime's users know: pull, runp, create, start, inspectp,
 * inspect, logs, exec, stop, rm, stopp, rmp, with the JSON files of examples/, by the CLI, on a private berthd.
 */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

interface Inspected {
  readonly status: {
    readonly id: string
    readonly state: string
    readonly exitCode: number
    readonly reason: string
    readonly logPath: string
    readonly image: { readonly image: string }
    readonly network: { readonly ip: string }
  }
}

test('the walk-through of the field', { timeout: 120_000 }, (t) => walk(t, {}))

test('the walk-through with the shortest files, so that the pod has one PID namespace', { timeout: 120_000 }, (t) =>
  walk(t, { linux: {} }),
)

/** The walk-through, with `changes` made to both files. */
async function walk(t: TestContext, changes: object): Promise<void> {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  const run = (...args: string[]) => berth(berthd.endpoint, args)
  const inspect = async (...args: string[]) => JSON.parse(await run(...args)) as Inspected
  const { pod: podFile, container: containerFile, logs } = examples(berthd, changes)

  assert.match(
    await run('pull', 'docker.io/library/busybox:latest'),
    /^Image is up to date for \S*sha256:[0-9a-f]{64}\n$/,
  )
  assert.match(await run('images'), /^docker\.io\/library\/busybox +latest +[0-9a-f]{13} +\S+$/m)
  const pulled = berthd.snapshot()

  const pod = (await run('runp', podFile)).trim()
  assert.match(pod, /^[0-9a-f]{64}$/)
  assert.match(await run('pods'), new RegExp(`^${pod.slice(0, 12)} .* Ready +walk +default +1 `, 'm'))

  const container = (await run('create', pod, containerFile, podFile)).trim()
  assert.match(container, /^[0-9a-f]{64}$/)
  assert.match(await run('ps', '-a'), new RegExp(`^${container.slice(0, 12)} .* Created +counter +0 `, 'm'))

  assert.equal(await run('start', container), `${container}\n`)
  assert.match(await run('ps'), new RegExp(`^${container.slice(0, 12)} .* Running +counter +0 `, 'm'))

  const sandbox = await inspect('inspectp', pod)
  assert.equal(sandbox.status.state, 'SANDBOX_READY')
  const { ip } = sandbox.status.network
  assert.ok(ip.startsWith(`${berthd.place.network}.`), ip)

  const running = await inspect('inspect', container)
  assert.equal(running.status.state, 'CONTAINER_RUNNING')
  assert.equal(running.status.image.image, 'docker.io/library/busybox:latest')
  assert.equal(running.status.logPath, join(logs, 'counter/0.log'))

  const lines = await eventually('three lines', async () => {
    const text = await run('logs', container)
    return text.split('\n').length > 3 ? text : undefined
  })
  assert.match(lines, /^line 1\nline 2\nline 3\n/)
  assert.equal(await run('logs', '--tail', '0', container), '')
  // The format of the CRI log files: time, stream, full or partial line, text.
  const inFile = readFileSync(running.status.logPath, 'utf8').split('\n')
  assert.match(inFile[0] as string, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}\S+ stdout F line 1$/)

  assert.equal(await run('exec', container, 'hostname'), 'walk\n')
  assert.match(await run('exec', container, 'ip', 'address', 'show', 'eth0'), new RegExp(`inet ${ip}/24`))
  assert.match(await run('exec', container, 'cat', '/etc/hosts'), new RegExp(`^${ip}\\s+walk$`, 'm'))
  const failed = await tryBerth(berthd.endpoint, ['exec', container, 'sh', '-c', 'echo out; echo err >&2; exit 7'])
  assert.deepEqual(failed, { exitCode: 7, stdout: 'out\n', stderr: 'err\n' })

  assert.equal(await run('stop', '--timeout', '10', container), `${container}\n`)
  const exited = await inspect('inspect', container)
  assert.equal(exited.status.state, 'CONTAINER_EXITED')
  assert.equal(exited.status.exitCode, 0, 'the container ends by itself at SIGTERM')
  assert.equal(exited.status.reason, 'Completed')
  assert.match(await run('logs', container), /^line 1\n/)

  assert.equal(await run('rm', container), `${container}\n`)
  assert.doesNotMatch(await run('ps', '-a'), /counter/)

  assert.equal(await run('stopp', pod), `Stopped sandbox ${pod}\n`)
  assert.equal((await inspect('inspectp', pod)).status.state, 'SANDBOX_NOTREADY')
  assert.equal(await run('rmp', pod), `Removed sandbox ${pod}\n`)
  assert.doesNotMatch(await run('pods'), /walk/)
  await berthd.assertAsAt(pulled)

  await run('rmi', 'docker.io/library/busybox:latest')
  assert.doesNotMatch(await run('images'), /busybox/)
}

/** The files of examples/, with the logs in the test's own folder. */
function examples({ place }: Berthd, changes: object) {
  const logs = join(place.folder, 'logs')
  const changed = (name: string, more: object) => {
    const config = JSON.parse(readFileSync(join(repository, 'examples', name), 'utf8')) as object
    const path = join(place.folder, name)
    writeFileSync(path, JSON.stringify({ ...config, ...more }))
    return path
  }
  const pod = changed('sandbox.json', { ...changes, log_directory: logs })
  return { pod, container: changed('container.json', changes), logs }
}
