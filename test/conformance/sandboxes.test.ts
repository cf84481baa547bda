import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmdirSync } from 'node:fs'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ContainerState, PodSandboxState } from '../../src/gen/cri_pb.ts'
import { conformance } from '../harness/conformance.ts'
import { eventually } from '../harness/eventually.ts'

/** What the kubelet relies on about sandboxes, beyond the words of CRI: one part for each behaviour. */
const NODE = 2
const CONTAINER = 1
const POD = 0

test('sandboxes, as the kubelet relies on them', { timeout: 240_000 }, async (t) => {
  const { berthd, client, part } = await conformance(t)
  const statusOf = async (podSandboxId: string) => {
    const { status } = await client.runtime.podSandboxStatus({ podSandboxId })
    return status ?? assert.fail('no status')
  }
  const namespaced = (namespaceOptions: object, more: object = {}) => ({
    linux: { securityContext: { namespaceOptions }, ...more },
  })

  await part('RunPodSandbox returns when it is ready, with an address that can be parsed', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('ready'))
    const { state, network, createdAt } = await statusOf(pod)
    assert.equal(state, PodSandboxState.SANDBOX_READY)
    assert.notEqual(isIP(network?.ip ?? ''), 0)
    assert.ok(network?.additionalIps.every(({ ip }) => isIP(ip) !== 0))
    assert.ok(createdAt > 1_700_000_000_000_000_000n)
  })

  await part('a pod on the host’s network has no address of its own, and the host’s name', async () => {
    const config = client.sandboxConfig('host', { hostname: '', ...namespaced({ network: NODE, pid: CONTAINER }) })
    const pod = await client.runSandbox(config)
    assert.equal((await statusOf(pod)).network?.ip, '')
    const script = 'hostname; cat /proc/net/route | wc -l; readlink /proc/self/ns/net'
    const container = await client.runContainer(
      pod,
      client.containerConfig('c', script, {
        linux: { securityContext: { namespaceOptions: { network: NODE, pid: 1 } } },
      }),
    )
    await client.exited(container)
    const lines = await client.logLines(container)
    assert.deepEqual([lines[0], lines[2]], [hostname(), readlinkSync('/proc/self/ns/net')])
  })

  await part('the namespace modes come back as they were asked for', async () => {
    for (const options of [
      { network: POD, pid: POD, ipc: POD },
      { network: NODE, pid: CONTAINER, ipc: NODE },
      { network: POD, pid: NODE, ipc: POD },
    ]) {
      const pod = await client.runSandbox(
        client.sandboxConfig(`modes-${Object.values(options).join('')}`, namespaced(options)),
      )
      const { linux } = await statusOf(pod)
      const { network, pid, ipc } = linux?.namespaces?.options ?? assert.fail('no options')
      assert.deepEqual({ network, pid, ipc }, options)
    }
  })

  await part('created_at grows with each attempt and survives a restart; attempts come back', async () => {
    const pods: string[] = []
    for (const attempt of [0, 1, 2]) {
      const config = client.sandboxConfig('again', { metadata: { name: 'again', namespace: 'n', uid: 'u', attempt } })
      pods.push(await client.runSandbox(config))
      if (attempt < 2) await client.runtime.stopPodSandbox({ podSandboxId: pods.at(-1) ?? '' })
    }
    const listed = async () =>
      (await client.runtime.listPodSandbox({})).items.map(({ id, createdAt, state, metadata }) => {
        return { id, createdAt, state, attempt: metadata?.attempt }
      })
    const before = await listed()
    // Newest first, and it alone is ready.
    assert.deepEqual(
      before.map(({ id, attempt, state }) => ({ id, attempt, ready: state === PodSandboxState.SANDBOX_READY })),
      [2, 1, 0].map((attempt) => ({ id: pods[attempt], attempt, ready: attempt === 2 })),
    )
    assert.ok(before.every(({ createdAt }, index) => index === 0 || createdAt < (before[index - 1]?.createdAt ?? 0n)))
    await berthd.restart()
    client.reconnect()
    assert.deepEqual(await listed(), before)
    const config = client.sandboxConfig('again', { metadata: { name: 'again', namespace: 'n', uid: 'u', attempt: 3 } })
    const next = await client.runSandbox(config)
    assert.ok((await statusOf(next)).createdAt > (before[0]?.createdAt ?? 0n))
  })

  await part('a sandbox without its name, namespace or uid is refused', async () => {
    const whole = { name: 'n', namespace: 'ns', uid: 'u', attempt: 0 }
    for (const field of ['name', 'namespace', 'uid']) {
      const config = client.sandboxConfig('x', { metadata: { ...whole, [field]: '' } })
      await assert.rejects(client.runSandbox(config), { codeName: 'INVALID_ARGUMENT', message: new RegExp(field) })
    }
  })

  await part('labels and annotations come back byte for byte, in lists and in the status', async () => {
    const labels = { 'io.kubernetes.pod.uid': 'u', 'a/b': '', Ünï: '💡 \n\t"x"' }
    const annotations = { '': 'empty name', json: '{"a": [1,\r\n2]}', long: 'x'.repeat(200_000) }
    const pod = await client.runSandbox(client.sandboxConfig('labels', { labels, annotations }))
    const status = await statusOf(pod)
    assert.deepEqual([{ ...status.labels }, { ...status.annotations }], [labels, annotations])
    const { items } = await client.runtime.listPodSandbox({ filter: { labelSelector: { 'a/b': '' } } })
    assert.deepEqual([items.length, { ...items[0]?.labels }, { ...items[0]?.annotations }], [1, labels, annotations])
  })

  await part('a sandbox whose init dies is not ready at once, and its containers’ states are true', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('dying', namespaced({ pid: POD })))
    const config = client.containerConfig('c', 'sleep 1000', {
      linux: { securityContext: { namespaceOptions: { pid: POD } } },
    })
    const container = await client.runContainer(pod, config)
    const { stdout } = await client.runtime.execSync({ containerId: container, cmd: ['cat', '/proc/1/comm'] })
    assert.equal(Buffer.from(stdout).toString(), 'pause\n')
    killInit(berthd.place.state, pod)
    await eventually('it is not ready', async () => {
      return (await statusOf(pod)).state === PodSandboxState.SANDBOX_NOTREADY || undefined
    })
    const ended = await client.exited(container)
    assert.deepEqual([ended.state, ended.exitCode], [ContainerState.CONTAINER_EXITED, 137])

    // The same after a restart of berthd, whose child the init then is not. The sandbox need not have announced the mode.
    const second = await client.runSandbox(client.sandboxConfig('dying-later'))
    await client.createContainer(second, config)
    await client.runContainer(second, config)
    await berthd.restart()
    client.reconnect()
    killInit(berthd.place.state, second)
    await eventually('it is not ready', async () => {
      return (await statusOf(second)).state === PodSandboxState.SANDBOX_NOTREADY || undefined
    })
  })

  await part('StopPodSandbox kills what runs, and may be called again and at the same time', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('stopping'))
    const container = await client.runContainer(
      pod,
      client.containerConfig('c', "trap '' TERM; while :; do sleep 1; done"),
    )
    const { network } = await statusOf(pod)
    await Promise.all([1, 2, 3].map(() => client.runtime.stopPodSandbox({ podSandboxId: pod })))
    await client.runtime.stopPodSandbox({ podSandboxId: pod })
    const status = await statusOf(pod)
    assert.equal(status.state, PodSandboxState.SANDBOX_NOTREADY)
    assert.deepEqual(status.network, network)
    assert.equal((await client.status(container)).state, ContainerState.CONTAINER_EXITED)
    const { namespaces } = JSON.parse(
      (await client.runtime.podSandboxStatus({ podSandboxId: pod, verbose: true })).info.info ?? '{}',
    ) as { namespaces: { net: string } }
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(namespaces.net))
    const addresses = readdirSync(join(berthd.place.addresses, berthd.place.bridge))
    assert.ok(!addresses.includes(network?.ip ?? ''))
  })

  await part('a failed creation leaves nothing, and the same attempt can be asked for again', async () => {
    const before = berthd.snapshot()
    // What the kernel has to say to them.
    for (const [network, name, value] of [
      [POD, 'net.ipv4.no_such_thing', '1'],
      [NODE, 'kernel.shm_rmid_forced', '99'],
    ] as const) {
      const config = client.sandboxConfig('retry', namespaced({ network }, { sysctls: { [name]: value } }))
      await assert.rejects(client.runSandbox(config), { codeName: 'INVALID_ARGUMENT', message: new RegExp(name) })
      assert.deepEqual((await client.runtime.listPodSandbox({})).items, [])
      await berthd.assertAsAt(before)
    }
    await client.runSandbox(client.sandboxConfig('retry'))
  })

  await part('a client that gives up and comes back gets the sandbox of its first request', async () => {
    const config = client.sandboxConfig('impatient')
    const gone = new AbortController()
    const first = client.runtime.runPodSandbox({ config }, { signal: gone.signal })
    // A sandbox takes longer to make.
    setTimeout(() => gone.abort(), 1)
    await assert.rejects(first)
    const pod = await client.runSandbox(config)
    const { items } = await client.runtime.listPodSandbox({})
    assert.deepEqual(
      items.map(({ id }) => id),
      [pod],
    )
  })

  await part('sysctls of the pod’s own namespaces are set, and those of the host are refused', async () => {
    const sysctls = { 'net.core.somaxconn': '77', 'kernel.shm_rmid_forced': '1', 'fs.mqueue.msg_max': '12' }
    const pod = await client.runSandbox(client.sandboxConfig('sysctls', namespaced({ pid: CONTAINER }, { sysctls })))
    const files = Object.keys(sysctls).map((name) => `/proc/sys/${name.replaceAll('.', '/')}`)
    const container = await client.runContainer(pod, client.containerConfig('c', `cat ${files.join(' ')}`))
    await client.exited(container)
    assert.deepEqual(await client.logLines(container), ['77', '1', '12'])
    const attacks: [string, string, object?][] = [
      ['kernel.panic', '1'],
      ['kernel.core_pattern', '|/bin/sh'],
      ['net.ipv4.ip_forward', '1\nkernel.panic=1'],
      ['kernel.shm_rmid_forced+kernel.core_pattern', '|/bin/sh'],
      ['net/../kernel/panic', '1'],
      ['net.ipv4.ip_forward', '1', { network: NODE }],
      ['kernel.shmmax', '1', { ipc: NODE }],
    ]
    for (const [name, value, options = {}] of attacks) {
      const config = client.sandboxConfig('attack', namespaced(options, { sysctls: { [name]: value } }))
      await assert.rejects(client.runSandbox(config), { codeName: 'INVALID_ARGUMENT', message: /sysctls/ }, name)
    }
  })

  await part('run_as_group without run_as_user is refused', async () => {
    const config = client.sandboxConfig('group', { linux: { securityContext: { runAsGroup: { value: 7n } } } })
    await assert.rejects(client.runSandbox(config), { codeName: 'INVALID_ARGUMENT', message: /run_as_group/ })
  })

  await part('the cgroup parent is used in both its forms, and nothing of the pod is left in it', async () => {
    const { cgroupParent, mark } = berthd.place
    const top = mark.replaceAll('-', '')
    for (const [cgroup, folder] of [
      [`${cgroupParent}/pod1`, `${cgroupParent}/pod1`],
      [`${top}-pod2.slice`, `/${top}.slice/${top}-pod2.slice`],
    ] as const) {
      const config = client.sandboxConfig('in-cgroup', namespaced({ pid: CONTAINER }, { cgroupParent: cgroup }))
      const pod = await client.runSandbox(config)
      const container = await client.runContainer(pod, client.containerConfig('c', 'sleep 1000'))
      const { info } = await client.runtime.containerStatus({ containerId: container, verbose: true })
      const { pid } = JSON.parse(info.info ?? '{}') as { pid: number }
      assert.match(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), new RegExp(`:${folder}/${container}$`, 'm'))
      await client.runtime.stopPodSandbox({ podSandboxId: pod })
      // What the kubelet does next: it only works when nothing is left inside.
      for (const path of cgroupFolders(folder)) rmdirSync(path)
      if (folder.includes('.slice')) for (const path of cgroupFolders(`/${top}.slice`)) rmdirSync(path)
      await client.removeSandbox(pod)
    }
  })

  await part('DNS settings and the host name are the pod’s', async () => {
    const dnsConfig = { servers: ['10.1.2.3', 'fd00::53'], searches: ['a.example', 'b.example'], options: ['ndots:5'] }
    const pod = await client.runSandbox(client.sandboxConfig('named', { hostname: 'its-name', dnsConfig }))
    const script = 'hostname; cat /etc/hostname /etc/resolv.conf; grep -c its-name /etc/hosts; echo $HOSTNAME'
    const container = await client.runContainer(pod, client.containerConfig('c', script))
    await client.exited(container)
    assert.deepEqual(await client.logLines(container), [
      'its-name',
      'its-name',
      'search a.example b.example',
      'nameserver 10.1.2.3',
      'nameserver fd00::53',
      'options ndots:5',
      '1',
      'its-name',
    ])
    const smuggled = client.sandboxConfig('smuggler', {
      dnsConfig: { ...dnsConfig, searches: ['a\nnameserver 6.6.6.6'] },
    })
    await assert.rejects(client.runSandbox(smuggled), { codeName: 'INVALID_ARGUMENT', message: /dns_config/ })
  })
})

function killInit(state: string, pod: string): void {
  const { pid } = JSON.parse(readFileSync(join(state, 'sandboxes', pod, 'infra.json'), 'utf8')) as { pid: number }
  process.kill(pid, 'SIGKILL')
}

/** The folders of a cgroup in all hierarchies that have it. */
function cgroupFolders(path: string): string[] {
  const hierarchies = ['', ...readdirSync('/sys/fs/cgroup')].map((name) => join('/sys/fs/cgroup', name))
  // Links (cpu → cpu,cpuacct) show the same folder twice.
  return [...new Set(hierarchies.map((root) => realpathSync(root)))]
    .map((root) => join(root, path))
    .filter((folder) => existsSync(folder))
}
