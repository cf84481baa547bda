import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { NamespaceMode } from '../../src/gen/cri_pb.ts'
import { Berthd } from '../harness/berthd.ts'
import { conformance } from '../harness/conformance.ts'

/** What a runtime handler can be told, what is added to containers from the host's folders, and other runtimes than runc. */
const ownPid = { linux: { securityContext: { namespaceOptions: { pid: NamespaceMode.CONTAINER } } } }

/** Another runc than the one on PATH, for what an old one cannot do. */
const runc = process.env.BERTH_TESTS_RUNC
const runsc = ['/usr/bin/runsc', '/usr/local/bin/runsc'].find((path) => existsSync(path))

test('runtime handlers and their options', { timeout: 120_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-handlers-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [hooks, cdi] = [join(folder, 'hooks.d'), join(folder, 'cdi')]
  for (const each of [hooks, cdi]) mkdirSync(each)
  const baseSpec = join(folder, 'base.json')
  writeFileSync(baseSpec, JSON.stringify({ process: { rlimits: [{ type: 'RLIMIT_NOFILE', hard: 333, soft: 222 }] } }))
  const { client, part } = await conformance(t, {
    config: {
      hooks_dirs: [hooks],
      cdi_dirs: [cdi],
      runtime: {
        special: {
          path: 'runc',
          base_spec: baseSpec,
          pids_limit: 7,
          pod_annotations: ['example.com/*'],
          container_annotations: ['inner'],
          privileged_without_host_devices: true,
        },
      },
    },
  })
  const special = async (name: string, change: object = {}) => {
    const config = client.sandboxConfig(name, { ...ownPid, ...change })
    return (await client.runtime.runPodSandbox({ config, runtimeHandler: 'special' })).podSandboxId
  }
  const inspect = async (containerId: string) => {
    const { info } = await client.runtime.containerStatus({ containerId, verbose: true })
    return JSON.parse(info.info ?? '{}') as { runtimeSpec: { annotations: Record<string, string> } }
  }

  await part('limits, annotations and devices are the handler’s', async () => {
    const annotations = { 'example.com/yes': '1', 'other.com/no': '1', inner: 'no' }
    const pod = await special('special', { annotations })
    assert.equal((await client.runtime.podSandboxStatus({ podSandboxId: pod })).status?.runtimeHandler, 'special')
    const script = 'ulimit -Sn; ulimit -Hn; for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; echo unlimited'
    const config = client.containerConfig('c', script, { annotations: { inner: 'yes', outer: 'no' } })
    const container = await client.runContainer(pod, config)
    await client.exited(container)
    const lines = await client.logLines(container)
    assert.deepEqual(lines.slice(0, 2), ['222', '333'])
    assert.ok(!lines.includes('unlimited'))
    const { runtimeSpec } = await inspect(container)
    const { inner, outer, 'example.com/yes': yes, 'other.com/no': no } = runtimeSpec.annotations
    assert.deepEqual([inner, outer, yes, no], ['yes', undefined, '1', undefined])
    const privileged = {
      linux: { securityContext: { privileged: true, namespaceOptions: { pid: NamespaceMode.CONTAINER } } },
    }
    const strong = await special('privileged', privileged)
    const lists = await client.runContainer(strong, client.containerConfig('c', 'ls /dev', privileged))
    await client.exited(lists)
    assert.ok(!(await client.logLines(lists)).includes('kmsg'))
  })

  await part('hooks of the hooks folder run where they are meant to', async () => {
    const hook = { path: '/bin/sh', args: ['sh', '-c', `cat >>${folder}/states; echo >>${folder}/states`] }
    const when = { annotations: { '^hooked$': '^yes$' } }
    const file = { version: '1.0.0', hook, when, stages: ['createRuntime', 'poststop'] }
    writeFileSync(join(hooks, 'a.json'), JSON.stringify(file))
    const pod = await client.runSandbox(client.sandboxConfig('hooked'))
    for (const hooked of ['yes', 'no']) {
      const config = client.containerConfig(hooked, 'exit 0', { annotations: { hooked } })
      const container = await client.runContainer(pod, config)
      await client.exited(container)
      await client.runtime.removeContainer({ containerId: container })
    }
    const states = readFileSync(join(folder, 'states'), 'utf8').trim().split('\n')
    assert.deepEqual(
      states.map((state) => (JSON.parse(state) as { status: string }).status),
      ['creating', 'stopped'],
    )
    rmSync(join(hooks, 'a.json'))
  })

  await part('CDI devices come by field and by annotation; one that nobody describes is refused', async () => {
    const device = (name: string) => ({
      name,
      containerEdits: {
        env: [`${name.toUpperCase()}=here`],
        deviceNodes: [{ path: `/dev/${name}`, hostPath: '/dev/zero' }],
        mounts: [{ hostPath: folder, containerPath: `/lib-${name}`, options: ['ro', 'rbind'] }],
      },
    })
    const spec = { cdiVersion: '0.6.0', kind: 'example.com/thing', devices: [device('one'), device('two')] }
    writeFileSync(join(cdi, 'thing.json'), JSON.stringify(spec))
    const pod = await client.runSandbox(client.sandboxConfig('cdi'))
    const script = 'echo $ONE $TWO; head -c 3 /dev/one | od -An -tx1; head -c 1 /dev/two | wc -c; ls /lib-one'
    const config = client.containerConfig('c', script, {
      CDIDevices: [{ name: 'example.com/thing=one' }],
      annotations: { 'cdi.k8s.io/x': 'example.com/thing=two' },
    })
    const container = await client.runContainer(pod, config)
    await client.exited(container)
    const lines = await client.logLines(container)
    assert.deepEqual(lines.slice(0, 3), ['here here', ' 00 00 00', '1'])
    assert.ok(lines.includes('base.json'))
    const create = (change: object) => client.createContainer(pod, client.containerConfig('x', '', change))
    await assert.rejects(create({ CDIDevices: [{ name: 'example.com/thing=three' }] }), {
      codeName: 'FAILED_PRECONDITION',
      message: /example\.com\/thing=three/,
    })
    await assert.rejects(create({ CDIDevices: [{ name: 'three' }] }), { codeName: 'INVALID_ARGUMENT' })
    await assert.rejects(create({ annotations: { 'rdt.resources.beta.kubernetes.io/pod': 'gold' } }), {
      codeName: 'FAILED_PRECONDITION',
      message: /Intel RDT class "gold"/,
    })
  })
})

test('the systemd cgroup driver is refused where systemd does not run', { timeout: 60_000 }, async (t) => {
  if (existsSync('/run/systemd/system')) return t.skip('systemd runs here')
  const start = Berthd.start(t, { config: { cgroup_driver: 'systemd' } })
  await assert.rejects(start, { message: /cgroup_driver is "systemd", but this machine was not booted with systemd/ })
})

test('a pod with a user namespace', { timeout: 120_000 }, async (t) => {
  const { berthd, client, part } = await conformance(t, runc ? { config: { runtime: { runc: { path: runc } } } } : {})
  // Whoever is not root on the host must be able to come to the container's root file system.
  chmodSync(berthd.place.folder, 0o711)
  const { runtimeHandlers } = await client.runtime.status({})
  const able = runtimeHandlers.find(({ name }) => name === '')?.features?.userNamespaces ?? false
  t.diagnostic(able ? 'kernel and runtime can' : 'kernel or runtime cannot')
  const range = { containerId: 0, hostId: 200_000, length: 65_536 }
  const options = (pid: NamespaceMode) => ({
    linux: {
      securityContext: {
        namespaceOptions: { pid, usernsOptions: { mode: NamespaceMode.POD, uids: [range], gids: [range] } },
      },
    },
  })

  await part('is had where kernel and runtime can, and refused elsewhere', async () => {
    const config = client.sandboxConfig('userns', {
      linux: {
        sysctls: { 'kernel.shm_rmid_forced': '1', 'net.core.somaxconn': '55' },
        ...options(NamespaceMode.CONTAINER).linux,
      },
    })
    if (!able) {
      const refused = { codeName: 'FAILED_PRECONDITION', message: /user namespaces .*Linux 6\.3 and an OCI runtime/ }
      return assert.rejects(client.runSandbox(config), refused)
    }
    const volume = join(berthd.place.folder, 'volume')
    mkdirSync(volume)
    const pod = await client.runSandbox(config)
    const script = [
      'id -u',
      'cat /proc/self/uid_map | tr -s " "',
      'stat -c %u /bin/busybox /etc/hosts /etc/resolv.conf',
      'echo out >/dev/stdout',
      'touch /made /vol/made && stat -c %u /made',
      'chown 5:5 /made',
      'cat /proc/sys/kernel/shm_rmid_forced /proc/sys/net/core/somaxconn',
      'hostname other && hostname',
      'ip link set lo down && echo owns its network',
      'mount -t tmpfs x /tmp 2>/dev/null || echo refused',
      'echo end; sleep 1000',
    ].join('; ')
    const mounts = [{ containerPath: '/vol', hostPath: volume, uidMappings: [range], gidMappings: [range] }]
    const container = await client.runContainer(
      pod,
      client.containerConfig('c', script, {
        mounts,
        linux: {
          securityContext: {
            ...options(NamespaceMode.CONTAINER).linux.securityContext,
            capabilities: { addCapabilities: ['SYS_ADMIN', 'NET_ADMIN'] },
            seccomp: { profileType: 1 },
          },
        },
      }),
    )
    await client.logged(container, 'end')
    const lines = await client.logLines(container)
    assert.deepEqual(lines.slice(0, 8), ['0', ' 0 200000 65536', '0', '0', '0', 'out', '0', '1'])
    assert.deepEqual(lines.slice(8, 11), ['55', 'other', 'owns its network'])
    const { info } = await client.runtime.containerStatus({ containerId: container, verbose: true })
    const { pid, writableLayer } = JSON.parse(info.info ?? '{}') as { pid: number; writableLayer: string }
    assert.equal(statSync(`/proc/${pid}`).uid, 200_000)
    assert.equal(statSync(join(writableLayer, 'made')).uid, 200_005)
    // What the kubelet's volumes are mounted with maps back to the ids on disk.
    assert.equal(statSync(join(volume, 'made')).uid, 0)
    const { stdout } = await client.runtime.execSync({ containerId: container, cmd: ['id', '-u'] })
    assert.equal(Buffer.from(stdout).toString(), '0\n')
    rmSync(volume, { recursive: true })
  })

  await part('a shared PID namespace belongs to it too', async () => {
    if (!able) return
    const shared = options(NamespaceMode.POD)
    const pod = await client.runSandbox(client.sandboxConfig('userns-pid', shared))
    const container = await client.runContainer(
      pod,
      client.containerConfig('c', 'cat /proc/1/comm; stat -c %u /proc/1; sleep 1000', shared),
    )
    await client.logged(container, '65535')
    assert.deepEqual(await client.logLines(container), ['pause', '65535'])
    const bare = client.containerConfig('bare', 'true')
    await assert.rejects(client.createContainer(pod, bare), { codeName: 'INVALID_ARGUMENT', message: /differ/ })
  })

  await part('together with namespaces of the host, or with odd mappings, it is refused', async () => {
    const change = options(NamespaceMode.CONTAINER)
    for (const odd of [{ network: NamespaceMode.NODE }, { ipc: NamespaceMode.NODE }, { pid: NamespaceMode.NODE }]) {
      const namespaceOptions = { ...change.linux.securityContext.namespaceOptions, ...odd }
      const config = client.sandboxConfig('odd', { linux: { securityContext: { namespaceOptions } } })
      await assert.rejects(client.runSandbox(config), { codeName: 'INVALID_ARGUMENT', message: /userns_options/ })
    }
  })
})

test('gVisor', { timeout: 120_000 }, async (t) => {
  if (!runsc) return t.skip('runsc is not installed')
  const args = ['--platform=ptrace', '--network=host']
  const { client, part } = await conformance(t, { config: { runtime: { runsc: { args } } } })
  await part('runs, answers commands, logs and stops, two containers in one pod', async () => {
    const config = client.sandboxConfig('gvisor')
    const { podSandboxId: pod } = await client.runtime.runPodSandbox({ config, runtimeHandler: 'runsc' })
    const script = "trap 'echo bye; exit 3' TERM; echo $(uname -r); while :; do sleep 0.1; done"
    const [first, second] = await Promise.all(
      ['a', 'b'].map((name) => client.runContainer(pod, client.containerConfig(name, script))),
    )
    assert.ok(first && second)
    await client.logged(first, '4.4.0')
    const { stdout, exitCode } = await client.runtime.execSync({
      containerId: first,
      cmd: ['sh', '-c', 'ip addr; exit 4'],
    })
    const address = (await client.runtime.podSandboxStatus({ podSandboxId: pod })).status?.network?.ip ?? ''
    assert.deepEqual([exitCode, Buffer.from(stdout).toString().includes(address)], [4, true])
    await client.runtime.stopContainer({ containerId: first, timeout: 10n })
    const ended = await client.status(first)
    assert.deepEqual([ended.exitCode, ended.reason], [3, 'Error'])
    assert.deepEqual(await client.logLines(first), ['4.4.0', 'bye'])
    await client.runtime.stopContainer({ containerId: second, timeout: 0n })
    assert.equal((await client.status(second)).exitCode, 137)
  })
})
