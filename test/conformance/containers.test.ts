import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CriError } from '../../src/client/index.ts'
import { ContainerState, Signal } from '../../src/gen/cri_pb.ts'
import { conformance } from '../harness/conformance.ts'
import { buildArtifact, buildImage, buildLayer, busyboxItems } from '../registry/image-builder.ts'

/** What the kubelet relies on about containers, beyond the words of CRI: one part for each behaviour. */
const { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED } = ContainerState

test('containers, as the kubelet relies on them', { timeout: 240_000 }, async (t) => {
  const { berthd, client, part, image } = await conformance(t)
  const imageId = await client.pull()
  const stop = (containerId: string, timeout = 0n) => client.runtime.stopContainer({ containerId, timeout })
  const remove = (containerId: string) => client.runtime.removeContainer({ containerId })
  const start = (containerId: string) => client.runtime.startContainer({ containerId })
  const exec = async (containerId: string, ...cmd: string[]) => {
    const { stdout, exitCode } = await client.runtime.execSync({ containerId, cmd })
    return { exitCode, text: Buffer.from(stdout).toString() }
  }

  await part(
    'a container is made of the image’s id, shows what the user wrote, and a repeated request gets it',
    async () => {
      const pod = await client.runSandbox(client.sandboxConfig('image'))
      const spec = { image: imageId, userSpecifiedImage: 'busybox' }
      const config = client.containerConfig('c', 'sleep 1000', { image: spec })
      const container = await client.createContainer(pod, config)
      assert.equal(await client.createContainer(pod, config), container)
      const status = await client.status(container)
      assert.deepEqual([status.image?.image, status.image?.userSpecifiedImage], [imageId, 'busybox'])
      assert.deepEqual([status.imageId, status.imageRef.includes('sha256:')], [imageId, true])
      assert.deepEqual([status.metadata?.name, status.metadata?.attempt], ['c', 0])
    },
  )

  await part('logs are the client’s: made where it says, appended to, never removed', async () => {
    const config = client.sandboxConfig('logs')
    mkdirSync(config.logDirectory, { recursive: true, mode: 0o755 })
    mkdirSync(join(config.logDirectory, 'c'), { mode: 0o755 })
    const path = join(config.logDirectory, 'c/0.log')
    writeFileSync(path, 'before\n')
    const pod = await client.runSandbox(config)
    const container = await client.runContainer(pod, client.containerConfig('c', 'echo out', { logPath: 'c/0.log' }))
    assert.equal((await client.exited(container)).logPath, path)
    await remove(container)
    assert.match(readFileSync(path, 'utf8'), /^before\n\S+ stdout F out\n$/)
  })

  await part('created, running, exited: with times in nanoseconds that agree and outlive a restart', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('times'))
    const container = await client.createContainer(pod, client.containerConfig('c', 'sleep 1000'))
    const created = await client.status(container)
    assert.equal(created.state, CONTAINER_CREATED)
    assert.deepEqual([created.startedAt, created.finishedAt], [0n, 0n])
    assert.ok(created.createdAt > 1_700_000_000_000_000_000n)
    await start(container)
    const running = await client.status(container)
    assert.equal(running.state, CONTAINER_RUNNING)
    assert.ok(running.startedAt > running.createdAt && running.finishedAt === 0n)
    await stop(container)
    const exited = await client.status(container)
    assert.equal(exited.state, CONTAINER_EXITED)
    assert.ok(exited.finishedAt >= exited.startedAt && exited.startedAt === running.startedAt)
    await berthd.restart()
    client.reconnect()
    assert.deepEqual(await client.status(container), exited)
    const { containers } = await client.runtime.listContainers({})
    assert.deepEqual([containers[0]?.createdAt, containers[0]?.state], [exited.createdAt, exited.state])
  })

  await part('how a container ended: codes, signals and reasons', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('ends'))
    const cases: [string, number, string][] = [
      ['exit 0', 0, 'Completed'],
      ['exit 7', 7, 'Error'],
      ['sh -c "kill -SEGV \\$\\$"; exit $?', 139, 'Error'],
    ]
    for (const [index, [script, exitCode, reason]] of cases.entries()) {
      const container = await client.runContainer(pod, client.containerConfig(`c${index}`, script))
      const status = await client.exited(container)
      assert.deepEqual([status.exitCode, status.reason], [exitCode, reason], script)
    }
    // Killed from outside: 128 + 9.
    const killed = await client.runContainer(pod, client.containerConfig('killed', 'sleep 1000'))
    await stop(killed)
    const status = await client.status(killed)
    assert.deepEqual([status.exitCode, status.reason], [137, 'Error'])
  })

  await part('a container that the kernel killed for its memory is OOMKilled; one that was not is not', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('oom'))
    const limited = (name: string, script: string) =>
      client.containerConfig(name, script, {
        linux: {
          resources: { memoryLimitInBytes: 16n << 20n },
          securityContext: { namespaceOptions: { pid: 1 } },
        },
      })
    const hungry = 'tail -c 100000000 /dev/zero'
    const main = await client.runContainer(pod, limited('main', `exec ${hungry}`))
    const ended = await client.exited(main)
    assert.deepEqual([ended.exitCode, ended.reason], [137, 'OOMKilled'])
    assert.equal(ended.resources?.linux?.memoryLimitInBytes, 16n << 20n)
    // A child of it was killed, and it took that well.
    const child = await client.runContainer(pod, limited('child', `${hungry}; exit 0`))
    const well = await client.exited(child)
    assert.deepEqual([well.exitCode, well.reason], [0, 'Completed'])
    const innocent = await client.runContainer(pod, limited('innocent', 'kill -9 -1; exit 3'))
    assert.deepEqual([(await client.exited(innocent)).reason], ['Error'])
  })

  await part('a container that cannot be started has ended, with its message, and can be removed', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('unstartable'))
    for (const [name, change] of Object.entries({
      command: { command: ['/no/such/program'] },
      folder: { workingDir: '/etc/passwd' },
    })) {
      const container = await client.createContainer(pod, client.containerConfig(name, '', change))
      await assert.rejects(start(container), { message: /no such file|not a directory/i })
      const status = await client.status(container)
      assert.deepEqual([status.state, status.exitCode, status.reason], [CONTAINER_EXITED, 128, 'StartError'], name)
      assert.match(status.message, /no such file|not a directory/i)
      assert.ok(status.startedAt > 0n && status.finishedAt >= status.startedAt)
      await remove(container)
    }
  })

  await part('the image of a container is told even after it was removed', async () => {
    const gone = await image(
      'library/gone',
      buildImage({ layers: [buildLayer(busyboxItems())], config: { User: 'nobody' } }),
    )
    const pod = await client.runSandbox(client.sandboxConfig('imageless'))
    const container = await client.runContainer(
      pod,
      client.containerConfig('c', 'sleep 1000', { image: { image: gone } }),
    )
    const before = await client.status(container)
    await client.image.removeImage({ image: { image: gone } })
    const after = await client.status(container)
    assert.deepEqual([after.imageId, after.image], [gone, before.image])
    assert.notEqual(after.imageRef, '')
    assert.equal((await exec(container, 'echo', 'on')).text, 'on\n')
    await remove(container)
  })

  await part('mounts, resources, user and stop signal are told as they are', async () => {
    const own = await image(
      'library/own',
      buildImage({
        layers: [buildLayer([...busyboxItems(), { name: 'etc/group', data: 'root:x:0:\nteam:x:77:nobody\n' }])],
        config: { User: 'nobody', StopSignal: 'SIGUSR1' },
      }),
    )
    const pod = await client.runSandbox(client.sandboxConfig('echo'))
    const message = join(berthd.place.folder, 'message')
    writeFileSync(message, '')
    const mounts = [
      { containerPath: '/dev/termination-log', hostPath: message },
      { containerPath: '/odd/../path/', hostPath: berthd.place.folder, readonly: true },
    ]
    const resources = {
      cpuShares: 333n,
      cpuQuota: 20_000n,
      cpuPeriod: 50_000n,
      memoryLimitInBytes: 64n << 20n,
      oomScoreAdj: 900n,
      hugepageLimits: [{ pageSize: '2MB', limit: 0n }],
    }
    const config = client.containerConfig(
      'c',
      'echo "the end" >/dev/termination-log; id; cat /proc/self/oom_score_adj',
      {
        image: { image: own },
        mounts,
        linux: { resources, securityContext: { namespaceOptions: { pid: 1 }, supplementalGroups: [99n] } },
      },
    )
    writeFileSync(message, '')
    chmodSync(message, 0o666)
    const container = await client.runContainer(pod, config)
    const status = await client.exited(container)
    assert.deepEqual(await client.logLines(container), ['uid=65534(nobody) gid=65534 groups=77(team),99,65534', '900'])
    assert.deepEqual(
      status.mounts.map(({ containerPath, hostPath, readonly }) => ({ containerPath, hostPath, readonly })),
      mounts.map((mount) => ({ readonly: false, ...mount })),
    )
    assert.equal(readFileSync(status.mounts[0]?.hostPath ?? '', 'utf8'), 'the end\n')
    const { $typeName: _, $unknown: __, ...told } = status.resources?.linux ?? assert.fail('no resources')
    for (const [name, value] of Object.entries(resources)) {
      if (name !== 'hugepageLimits') assert.equal(told[name as keyof typeof told], value, name)
    }
    assert.deepEqual(
      told.hugepageLimits.map(({ pageSize, limit }) => ({ pageSize, limit })),
      resources.hugepageLimits,
    )
    assert.deepEqual(
      [status.user?.linux?.uid, status.user?.linux?.gid, status.user?.linux?.supplementalGroups],
      [65534n, 65534n, [77n, 99n, 65534n]],
    )
    assert.equal(status.stopSignal, Signal.SIGUSR1)
    const plain = await client.createContainer(pod, client.containerConfig('plain', ''))
    assert.equal((await client.status(plain)).stopSignal, Signal.SIGTERM)
    const asked = client.containerConfig('asked', '', { image: { image: own }, stopSignal: Signal.SIGQUIT })
    assert.equal((await client.status(await client.createContainer(pod, asked))).stopSignal, Signal.SIGQUIT)
    await client.image.removeImage({ image: { image: own } })
  })

  await part('an image can be a volume: read-only, shown by its id, and kept as long as it is used', async () => {
    const items = [{ name: 'model/' }, { name: 'model/weights', data: 'v1\n' }, { name: 'model/old', data: 'x' }]
    const later = [{ name: 'model/weights', data: 'v2\n' }, { name: 'model/.wh.old' }]
    const single = await image('library/single', buildImage({ layers: [buildLayer(items)] }))
    const layered = await image('library/layered', buildImage({ layers: [buildLayer(items), buildLayer(later)] }))
    const pod = await client.runSandbox(client.sandboxConfig('volumes'))
    const mounts = [
      { containerPath: '/single', image: { image: single }, readonly: true },
      { containerPath: '/layered', image: { image: layered }, imageSubPath: 'model', readonly: true },
    ]
    const script =
      'cat /single/model/weights /layered/weights; ls /layered; touch /single/x /layered/x; echo end; sleep 1000'
    const container = await client.runContainer(pod, client.containerConfig('c', script, { mounts }))
    await client.logged(container, 'end')
    const lines = await client.logLines(container)
    assert.deepEqual(
      lines.filter((line) => !line.startsWith('touch')),
      ['v1', 'v2', 'weights', 'end'],
    )
    assert.equal(lines.filter((line) => /Read-only file system/.test(line)).length, 2)
    const told = (await client.status(container)).mounts.map(({ image }) => [image?.image, image?.imageRef])
    assert.deepEqual(told, [
      [single, single],
      [layered, layered],
    ])
    for (const id of [single, layered]) await client.image.removeImage({ image: { image: id } })
    assert.equal((await exec(container, 'cat', '/layered/weights')).text, 'v2\n')
    const missing = client.containerConfig('missing', '', {
      mounts: [{ containerPath: '/v', image: { image: single }, readonly: true }],
    })
    await assert.rejects(client.createContainer(pod, missing), {
      codeName: 'NOT_FOUND',
      message: /^ImageVolumeMountFailed/,
    })
    await remove(container)
  })

  await part('an artifact can be a volume, whole or a folder of it, and nothing else', async () => {
    const name = 'docker.io/library/model:latest'
    const items = [
      { title: 'weights', data: 'w\n' },
      { title: 'conf/a/deep', data: 'd\n' },
      { title: 'conf/.wh.b', data: 'b\n' },
    ]
    const model = await image('library/model', buildArtifact(items))
    const lone = await image('library/lone', buildArtifact([{ title: 'x/y', data: 'y\n' }]))
    const pod = await client.runSandbox(client.sandboxConfig('artifact'))
    const volume = (containerPath: string, image: string, imageSubPath = '') => {
      return { containerPath, image: { image }, imageSubPath, readonly: true }
    }
    const mounts = [volume('/model', name), volume('/conf', model, 'conf'), volume('/lone', lone, 'x')]
    const script =
      'cd /; find model conf lone -type f | sort | xargs grep .; touch /model/x /lone/x; echo end; sleep 1000'
    const securityContext = { runAsUser: { value: 1000n } }
    const container = await client.runContainer(
      pod,
      client.containerConfig('c', script, { mounts, linux: { securityContext } }),
    )
    await client.logged(container, 'end')
    const lines = await client.logLines(container)
    assert.deepEqual(
      lines.filter((line) => !line.startsWith('touch')),
      [
        ...[
          'conf/.wh.b:b',
          'conf/a/deep:d',
          'lone/y:y',
          'model/conf/.wh.b:b',
          'model/conf/a/deep:d',
          'model/weights:w',
        ],
        'end',
      ],
    )
    assert.equal(lines.filter((line) => /Read-only file system/.test(line)).length, 2)
    const told = (await client.status(container)).mounts.map(({ image }) => image?.imageRef)
    assert.deepEqual(told, [model, model, lone])
    const { images } = await client.image.listImages({})
    assert.deepEqual(images.find(({ id }) => id === model)?.repoTags, [name])
    const { info } = await client.image.imageStatus({ image: { image: name }, verbose: true })
    assert.match(Object.values(info).join(), /application\/vnd\.example\.model/)
    await client.image.removeImage({ image: { image: lone } })
    assert.equal((await exec(container, 'cat', '/lone/y')).text, 'y\n')
    for (const path of ['weights', 'none', '../x', '/conf']) {
      const config = client.containerConfig('bad', '', { mounts: [volume('/v', model, path)] })
      const refused = { codeName: 'INVALID_ARGUMENT', message: /^ImageVolumeMountFailed/ }
      await assert.rejects(client.createContainer(pod, config), refused, path)
    }
    await assert.rejects(client.createContainer(pod, client.containerConfig('run', '', { image: { image: model } })), {
      codeName: 'FAILED_PRECONDITION',
      message: /is an artifact .* mount it as an image volume/,
    })
    await remove(container)
    await client.image.removeImage({ image: { image: model } })
  })

  await part('a container is told to have ended only when all it wrote is in its log', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('order'))
    const long =
      'i=0; while [ $i -lt 60 ]; do head -c 9000 /dev/zero | tr "\\0" "x"; echo " $i"; i=$((i+1)); done; exit 4'
    const containers = await Promise.all(
      [0, 1, 2, 3, 4, 5].map((index) => client.runContainer(pod, client.containerConfig(`c${index}`, long))),
    )
    await Promise.all(
      containers.map(async (container) => {
        for (;;) {
          const { state, logPath } = await client.status(container)
          if (state !== CONTAINER_EXITED) continue
          const lines = readFileSync(logPath, 'utf8').split('\n')
          assert.deepEqual([lines.length, lines.at(-2)?.endsWith(' 59')], [61, true])
          return
        }
      }),
    )
  })

  await part('a stop sends the signal once; a second stop can only make it shorter', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('stop'))
    const script = "n=0; trap 'n=$((n+1)); echo term $n' TERM; echo ready; while :; do sleep 0.05; done"
    const container = await client.runContainer(pod, client.containerConfig('c', script))
    await client.logged(container, 'ready')
    const began = performance.now()
    const slow = stop(container, 30n)
    await client.logged(container, 'term 1')
    // In the time that is left, commands run: so does a preStop hook.
    assert.equal((await exec(container, 'echo', 'hook')).text, 'hook\n')
    await stop(container, 1n)
    await slow
    assert.ok(performance.now() - began < 10_000)
    const status = await client.status(container)
    assert.deepEqual([status.state, status.exitCode], [CONTAINER_EXITED, 137])
    assert.deepEqual(await client.logLines(container), ['ready', 'term 1'])
    await assert.rejects(exec(container, 'true'), { codeName: 'FAILED_PRECONDITION' })
    await stop(container, 5n)
  })

  await part('commands run as soon as a container is started', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('hooks'))
    for (const index of [0, 1, 2, 3, 4]) {
      const container = await client.runContainer(pod, client.containerConfig(`c${index}`, 'sleep 1000'))
      assert.deepEqual(await exec(container, 'sh', '-c', 'echo hook; exit 3'), { exitCode: 3, text: 'hook\n' })
      await stop(container)
    }
  })

  await part(
    'removing a running container kills it; what is listed has a status, what is removed is not listed',
    async () => {
      const pod = await client.runSandbox(client.sandboxConfig('remove'))
      const container = await client.runContainer(pod, client.containerConfig('c', "trap '' TERM; echo up; sleep 1000"))
      await client.logged(container, 'up')
      const { logPath } = await client.status(container)
      const removal = remove(container).then(() => 'removed')
      const look = async () => {
        for (const { id } of (await client.runtime.listContainers({})).containers) {
          const seen = await client.runtime.containerStatus({ containerId: id }).then(
            ({ status }) => status?.logPath,
            (error: CriError) => error.codeName,
          )
          assert.ok(seen === 'NOT_FOUND' || seen === logPath, seen)
        }
        return 'looked'
      }
      while ((await Promise.race([removal, look()])) === 'looked');
      await removal
      assert.deepEqual((await client.runtime.listContainers({})).containers, [])
      assert.match(readFileSync(logPath, 'utf8'), /up/)
      await remove(container)
    },
  )

  await part('many containers start and stop side by side in one sandbox', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('crowd'))
    await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const config = client.containerConfig(`c${index}`, `echo ${index}; sleep 1000`)
        const container = await client.runContainer(pod, config)
        await client.logged(container, String(index))
        await stop(container, BigInt(index % 2))
        assert.equal((await client.status(container)).state, CONTAINER_EXITED)
        await remove(container)
        const again = await client.runContainer(
          pod,
          client.containerConfig(`c${index}`, 'sleep 1000', { metadata: { name: `c${index}`, attempt: 1 } }),
        )
        assert.equal((await client.status(again)).metadata?.attempt, 1)
      }),
    )
  })

  await part('StopPodSandbox, StopContainer and RemoveContainer at the same time all succeed', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('race'))
    const container = await client.runContainer(
      pod,
      client.containerConfig('c', "trap '' TERM; while :; do sleep 1; done"),
    )
    await Promise.all([
      stop(container, 20n),
      sleep(20).then(() => client.runtime.stopPodSandbox({ podSandboxId: pod })),
      sleep(30).then(() => remove(container)),
      sleep(30).then(() => stop(container, 2n)),
    ])
    assert.deepEqual((await client.runtime.listContainers({})).containers, [])
  })
})
