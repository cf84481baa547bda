import assert from 'node:assert/strict'
import { mkdtempDisposableSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Berthd } from '../harness/berthd.ts'
import { berth } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { PodClient } from '../harness/pod.ts'
import { FaultRegistry } from '../registry/fault-registry.ts'
import { busyboxImage } from '../registry/image-builder.ts'

/** `berth why` names the true cause of failures that are made here, each in another layer. One berthd for all of them. */
test('berth why names the cause', { timeout: 120_000 }, async (t) => {
  await using stage = await setUp(t)
  const { client, registry, why, mode } = stage
  await client.pull()

  await t.test('of pulls: what the registry does, and what the policy says', async () => {
    registry.add('library/altered', '1', busyboxImage())
    registry.plan = ({ url }) => {
      if (url.includes('/secret/')) return { do: 'answer', status: 401 }
      return url.includes('/altered/blobs/') ? { do: 'replace', bytes: Buffer.from('something else') } : undefined
    }
    const causes: readonly (readonly [string, RegExp])[] = [
      ['docker.io/library/secret:1', /why +registry: the registry wants credentials/],
      [`${registry.host}/library/nowhere:1`, /why +registry: the registry has no such image/],
      ['docker.io/library/refused:1', /why +image policy: the signature policy/],
      ['docker.io/library/altered:1', /why +registry: what the registry sent is not what the digests/],
      // Nobody listens on port 1.
      ['127.0.0.1:1/library/gone:1', /why +registry: the registry cannot be reached/],
    ]
    await Promise.all(
      causes.map(async ([image, words]) => {
        await assert.rejects(client.image.pullImage({ image: { image } }))
        assert.match(await why(image), words)
      }),
    )
    registry.plan = () => undefined
  })

  await t.test('of sandboxes: a CNI plugin fails, hangs, and works', async () => {
    const config = client.sandboxConfig('netless')
    mode('fail')
    await assert.rejects(client.runSandbox(config))
    const failed = await why('netless')
    assert.match(failed, /^pod default\/netless: not there\n +why +network \(CNI\): a CNI plugin failed/)
    assert.match(failed, /in +RunPodSandbox; attaching it to the network; /)
    assert.match(failed, /it said .*no cable in the wall/)
    mode('hang')
    const running = client.runSandbox(config)
    await eventually('it is told what it waits for', async () => {
      return /waits for +RunPodSandbox, for .*: attaching it to the network/.test(await why('netless')) || undefined
    })
    mode('work')
    const pod = await running
    assert.doesNotMatch(await why('netless'), /no cable/)
    await client.removeSandbox(pod)
  })

  await t.test('of containers: how they end, or do not', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('ends'))
    const limited = { linux: { resources: { memoryLimitInBytes: 16n << 20n } } }
    const hungry = await client.runContainer(pod, client.containerConfig('hungry', 'exec tail /dev/zero', limited))
    const failing = await client.runContainer(pod, client.containerConfig('failing', 'echo no such user >&2; exit 3'))
    const nameless = await client.createContainer(pod, {
      ...client.containerConfig('nameless', ''),
      command: ['/nope'],
    })
    await assert.rejects(client.runtime.startContainer({ containerId: nameless }))
    await Promise.all([hungry, failing].map((id) => client.exited(id)))
    assert.match(await why('ends/hungry'), /OOMKilled\)\n +why +kernel: .* its limit of 16 MiB/)
    assert.match(await why('ends/failing'), /why +application: .* code 3: [^]*its log +no such user/)
    assert.match(await why('ends/nameless'), /why +configuration: the image has no program[^]*it said .*\/nope/)
    const imageless = client.containerConfig('imageless', '', { image: { image: 'docker.io/library/away:1' } })
    await assert.rejects(client.runtime.createContainer({ podSandboxId: pod, config: imageless }))
    assert.match(await why('imageless'), /why +image: the image is not on this node/)

    const deaf = await client.runContainer(
      pod,
      client.containerConfig('deaf', "trap '' TERM; while :; do sleep 1; done"),
    )
    const stopping = client.runtime.stopContainer({ containerId: deaf, timeout: 600n })
    await eventually('the stop is told of', async () => {
      return /waits for +StopContainer, for .*after SIGTERM/.test(await why('deaf')) || undefined
    })
    await client.runtime.stopContainer({ containerId: deaf, timeout: 0n })
    await stopping
    assert.match(await why('deaf'), /SIGKILL \(128 \+ 9\): it was killed, and not by the OOM killer/)
    await client.removeSandbox(pod)
  })

  await t.test('of an OCI runtime that fails, and of one that hangs', async () => {
    const pod = (name: string, runtimeHandler: string) =>
      client.runtime.runPodSandbox({ config: client.sandboxConfig(name), runtimeHandler })
    const { podSandboxId: broken } = await pod('broken', 'failing')
    const container = await client.createContainer(broken, client.containerConfig('c', 'sleep 1000'))
    await assert.rejects(client.runtime.startContainer({ containerId: container }))
    assert.match(await why('broken/c'), /why +OCI runtime: .*\n[^]*it said .*the moon is wrong/)
    // One that cannot even be loaded has no log: it says so on its stderr.
    const { podSandboxId: mute } = await pod('mute', 'unloadable')
    const unstarted = await client.createContainer(mute, client.containerConfig('c', 'sleep 1000'))
    await assert.rejects(client.runtime.startContainer({ containerId: unstarted }))
    assert.match(await why('mute/c'), /why +OCI runtime: .*\n[^]*it said .*code 127: libmoon\.so: cannot open/)
    const { podSandboxId: slow } = await pod('slow', 'hanging')
    const waiting = await client.createContainer(slow, client.containerConfig('c', 'sleep 1000'))
    const starting = client.runtime.startContainer({ containerId: waiting })
    await eventually('the start is told of', async () => {
      return /waits for +StartContainer, for .*waiting for the OCI runtime/.test(await why('slow/c')) || undefined
    })
    stage.letGo()
    await starting
    for (const id of [broken, mute, slow]) await client.removeSandbox(id)
  })

  await t.test('of nothing, when all is well but for what failed before', async () => {
    const { explanations } = JSON.parse(await why('-o', 'json')) as { explanations: { kind: string }[] }
    assert.deepEqual([...new Set(explanations.map(({ kind }) => kind))], ['image'])
  })
})

/** A berthd whose CNI plugin, and two of whose OCI runtimes, do what they are told. */
async function setUp(t: TestContext) {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'berth-why-'))
  const path = (name: string) => join(folder.path, name)
  const script = (name: string, text: string) => writeFileSync(path(name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  writeFileSync(path('mode'), 'work')
  writeFileSync(path('held'), '')
  const failure = JSON.stringify({ cniVersion: '1.0.0', code: 11, msg: 'no cable in the wall' })
  script(
    'odd-bridge',
    `[ "$CNI_COMMAND $(cat ${path('mode')})" = "ADD fail" ] && { echo '${failure}'; exit 1; }
     while [ "$CNI_COMMAND $(cat ${path('mode')})" = "ADD hang" ]; do sleep 0.05; done
     for folder in /opt/cni/bin /usr/lib/cni; do [ -x $folder/bridge ] && exec $folder/bridge; done`,
  )
  // As runc tells of a failure: in its log.
  const told = JSON.stringify({ level: 'error', msg: 'the moon is wrong' })
  script(
    'failing',
    `case " $* " in *" run "*) while [ "$1" != --log ]; do shift; done; echo '${told}' >>$2; exit 1;; esac; exec runc "$@"`,
  )
  script('unloadable', `case " $* " in *" run "*) echo 'libmoon.so: cannot open' >&2; exit 127;; esac; exec runc "$@"`)
  script(
    'hanging',
    `case " $* " in *" run "*) while [ -e ${path('held')} ]; do sleep 0.05; done;; esac; exec runc "$@"`,
  )
  const requirements = { docker: { 'docker.io/library/refused': [{ type: 'reject' }] } }
  writeFileSync(
    path('policy.json'),
    JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }], transports: requirements }),
  )

  const registry = await FaultRegistry.start()
  registry.add('library/busybox', 'latest', busyboxImage())
  registry.add('library/refused', '1', busyboxImage())
  const berthd = await Berthd.start(t, {
    mirrors: { 'docker.io': registry.host },
    config: {
      default_runtime: 'runc',
      runtime: {
        runc: { path: 'runc' },
        failing: { path: path('failing') },
        unloadable: { path: path('unloadable') },
        hanging: { path: path('hanging') },
      },
      cni: { bin_dirs: [folder.path, '/opt/cni/bin', '/usr/lib/cni'] },
      image: { signature_policy: path('policy.json') },
    },
  })
  const list = join(berthd.place.cniFolder, '10-test.conflist')
  const { name, plugins, ...rest } = JSON.parse(readFileSync(list, 'utf8'))
  const [bridge, ...others] = plugins
  writeFileSync(
    list,
    JSON.stringify({
      ...rest,
      name: `odd-${name}`,
      plugins: [{ ...bridge, type: 'odd-bridge', ipam: { ...bridge.ipam, dataDir: path('addresses') } }, ...others],
    }),
  )
  const client = new PodClient(berthd)
  await eventually('the odd plugin is in use', async () => {
    const { info } = await client.runtime.status({ verbose: true })
    return info.info?.includes(`"configName":"odd-${name}"`) || undefined
  })
  return {
    client,
    registry,
    why: (...args: string[]) => berth(berthd.endpoint, ['why', ...args]),
    mode: (mode: 'work' | 'fail' | 'hang') => writeFileSync(path('mode'), mode),
    letGo: () => rmSync(path('held')),
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]()
      await registry.stop()
      folder.remove()
    },
  }
}
