import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempDisposableSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { Berthd, repository } from '../harness/berthd.ts'
import { berth, tryBerth } from '../harness/cli.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** Verbs of `berth` that need a container that runs: cp, stats, top, events, logs --previous, and forms of output. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

test('berth with a pod that runs', { timeout: 120_000 }, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  const run = (...args: string[]) => berth(berthd.endpoint, args)
  using client = new PodClient(berthd)
  await client.pull()
  const pod = await client.runSandbox(client.sandboxConfig('web'))
  const script = 'echo I am the first; while :; do sleep 1; done'
  const container = await client.runContainer(pod, client.containerConfig('c', script, { logPath: '0.log' }))

  await t.test('cp copies both ways, whatever the names', async () => {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-cp-'))
    const at = (path: string) => join(folder.path, path)
    const name = "a file, with 'quotes' and\na line"
    mkdirSync(at('tree/sub folder'), { recursive: true })
    writeFileSync(at(`tree/sub folder/${name}`), 'text', { mode: 0o640 })
    writeFileSync(at('large'), Buffer.alloc(3_000_000, 'berth'))
    await run('cp', at('tree'), 'web/c:/tmp')
    await run('cp', at('large'), 'web/c:/tmp/renamed')
    await run('cp', 'web/c:/tmp/tree', at('back'))
    assert.equal(readFileSync(at(`back/sub folder/${name}`), 'utf8'), 'text')
    assert.equal(statSync(at(`back/sub folder/${name}`)).mode & 0o777, 0o640)
    await run('cp', 'web/c:/tmp/renamed', folder.path)
    assert.ok(readFileSync(at('renamed')).equals(readFileSync(at('large'))))
    const missing = await tryBerth(berthd.endpoint, ['cp', 'web/c:/nowhere', at('x')])
    assert.match(`${missing.exitCode} ${missing.stderr}`, /^1 berth: tar in the container ended with 1: .*nowhere/)
    assert.ok(!existsSync(at('x')))
  })

  await t.test('cp takes nothing from a hostile tar but what was asked for', async () => {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-cp-'))
    // The container's own tar answers with another tree than it was asked for.
    const script = [
      'mkdir -p /evil/in',
      'echo evil >/evil/up',
      'cd /evil/in',
      'tar -cf /evil.tar ../up 2>/dev/null',
      'rm /bin/tar',
      "printf '#!/bin/sh\\ncat /evil.tar\\n' >/bin/tar",
      'chmod +x /bin/tar',
    ]
    await run('exec', '-s', 'web/c', 'sh', '-c', script.join('; '))
    const { exitCode, stderr } = await tryBerth(berthd.endpoint, ['cp', 'web/c:/tmp/tree', join(folder.path, 'out')])
    assert.equal(exitCode, 1)
    assert.match(stderr, /which is not below what was asked for/)
    assert.ok(!existsSync(join(folder.path, 'up')))
  })

  await t.test('stats, statsp and top show what runs', async () => {
    assert.match(await run('stats', '-s', '0'), new RegExp(`^${container.slice(0, 12)} +c +\\S* +[\\d.-]+ +\\S+B`, 'm'))
    assert.match(
      await run('statsp', '-s', '0', 'web'),
      new RegExp(`^${pod.slice(0, 12)} +default/web +[\\d.-]+ +\\S+B`, 'm'),
    )
    assert.match(await run('top', 'pods', '--once'), /^\S+ +default\/web /m)
    assert.equal(await run('stats', '-o', 'jsonpath={.stats[*].attributes.metadata.name}'), 'c\n')
  })

  await t.test('forms of output', async () => {
    assert.equal(await run('pods', '-o', 'name'), 'default/web\n')
    assert.equal(await run('ps', '-o', 'name'), 'default/web/c\n')
    assert.match(await run('pods', '-o', 'wide'), new RegExp(` ${berthd.place.network}\\.\\d+ +1/1 +uid-of-web$`, 'm'))
    assert.equal(await run('inspect', 'web/c', '-o', 'jsonpath={.status.state}'), 'CONTAINER_RUNNING\n')
  })

  await t.test('events tells of a restart, and logs --previous has what the first one wrote', async () => {
    const main = join(repository, 'src/cli/main.ts')
    const events = spawn(process.execPath, [main, '--runtime-endpoint', berthd.endpoint, 'events'], { stdio: 'pipe' })
    const lines = createInterface({ input: events.stdout })[Symbol.asyncIterator]()
    // Until it has subscribed, something happens again and again.
    const seen = lines.next()
    const noisy = async () => {
      const noise = await client.createContainer(pod, client.containerConfig('noise', ''))
      await client.runtime.removeContainer({ containerId: noise })
      return undefined
    }
    while ((await Promise.race([seen, noisy()])) === undefined);
    await client.runtime.stopContainer({ containerId: container, timeout: 0n })
    const again = client.containerConfig('c', 'echo I am the second; sleep 1000', { logPath: '1.log' })
    const second = await client.runContainer(pod, { ...again, metadata: { ...again.metadata!, attempt: 1 } })
    const story: string[] = []
    for (let line = await seen; !line.done; line = await lines.next()) {
      story.push(line.value)
      if (line.value.includes(second.slice(0, 12)) && line.value.includes(' started ')) break
    }
    events.kill()
    assert.match(story.join('\n'), / stopped container default\/web\/c \(\w+\): 137, Error$/m)
    assert.match(story.at(-1) ?? '', / started container default\/web\/c /)
    await client.logged(second, 'I am the second')
    assert.equal(await run('logs', '--previous', second), 'I am the first\n')
    assert.equal(await run('logs', second), 'I am the second\n')
  })
  await client.removeSandbox(pod)
})
