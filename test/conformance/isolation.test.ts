import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Protocol } from '../../src/gen/cri_pb.ts'
import { conformance } from '../harness/conformance.ts'
import { eventually } from '../harness/eventually.ts'

/** Whose namespaces, privileges and ports a container has. */
const POD = 0
const CONTAINER = 1
const NODE = 2
const TARGET = 3

test('namespaces, privileges and ports', { timeout: 240_000 }, async (t) => {
  const { client, part } = await conformance(t)
  const linux = (namespaceOptions: object, security: object = {}) => ({
    linux: { securityContext: { namespaceOptions, ...security } },
  })
  const run = async (pod: string, name: string, script: string, change: object = linux({ pid: CONTAINER })) => {
    const container = await client.runContainer(pod, client.containerConfig(name, script, change))
    await client.exited(container)
    return client.logLines(container)
  }
  const exec = async (containerId: string, script: string) => {
    const { stdout, stderr } = await client.runtime.execSync({ containerId, cmd: ['sh', '-c', script] })
    return Buffer.concat([stdout, stderr]).toString()
  }
  const own = (kind: string) => readlinkSync(`/proc/self/ns/${kind}`)
  const kinds = ['net', 'ipc', 'uts', 'pid', 'mnt', 'cgroup']
  const readAll = `for n in ${kinds.join(' ')}; do readlink /proc/self/ns/$n; done`

  await part(
    'a pod’s containers share its network, IPC and UTS namespaces and have the rest of their own',
    async () => {
      const pod = await client.runSandbox(client.sandboxConfig('shared'))
      // Both live while they are compared: the kernel gives the numbers of namespaces that are gone to new ones.
      const stay = async (name: string) => {
        const container = await client.runContainer(
          pod,
          client.containerConfig(name, `${readAll}; echo done; sleep 1000`),
        )
        await client.logged(container, 'done')
        return client.logLines(container)
      }
      const [a, b] = await Promise.all(['a', 'b'].map(stay))
      for (const [index, kind] of kinds.entries()) {
        if (kind === 'cgroup') continue
        assert.notEqual(a?.[index], own(kind), kind)
        if (kind === 'pid' || kind === 'mnt') assert.notEqual(a?.[index], b?.[index], kind)
        else assert.equal(a?.[index], b?.[index], kind)
      }
      const other = await client.runSandbox(client.sandboxConfig('other'))
      assert.notEqual((await run(other, 'a', readAll))[0], a?.[0])
    },
  )

  await part('the host’s namespaces are there for those who ask for them', async () => {
    const options = { network: NODE, pid: NODE, ipc: NODE }
    const pod = await client.runSandbox(client.sandboxConfig('host', { hostname: '', ...linux(options) }))
    const lines = await run(pod, 'c', `${readAll}; hostname; ls /proc/${process.pid}/stat`, linux(options))
    for (const [index, kind] of kinds.entries()) if (kind !== 'mnt') assert.equal(lines[index], own(kind), kind)
    assert.deepEqual(lines.slice(kinds.length), [hostname(), `/proc/${process.pid}/stat`])
  })

  await part('a shared PID namespace has an init that reaps orphans', async () => {
    const shared = linux({ pid: POD })
    const pod = await client.runSandbox(client.sandboxConfig('init', shared))
    const a = await client.runContainer(pod, client.containerConfig('a', 'sleep 1000', shared))
    const b = await client.runContainer(pod, client.containerConfig('b', 'sleep 1001', shared))
    assert.equal(await exec(a, 'cat /proc/1/comm; ps -o args | grep -c "[s]leep 1001"'), 'pause\n1\n')
    // An orphan that ends: nobody but the init can reap it.
    const orphan = (await exec(b, '(sleep 0.05; exit 3) & echo $!')).trim()
    assert.match(orphan, /^\d+$/)
    await eventually('the orphan is reaped', async () => {
      return (await exec(a, `ls -d /proc/${orphan} 2>/dev/null`)) === '' || undefined
    })
    const separate = client.containerConfig(
      'c',
      'readlink /proc/self; cat /proc/1/comm; true',
      linux({ pid: CONTAINER }),
    )
    const container = await client.runContainer(pod, separate)
    await client.exited(container)
    assert.equal((await client.logLines(container))[1], 'sh')
  })

  await part('a debugging container sees the processes of its target alone', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('target'))
    const target = await client.runContainer(pod, client.containerConfig('target', 'exec sleep 1234'))
    await client.runContainer(pod, client.containerConfig('bystander', 'exec sleep 4321'))
    const targeting = (targetId: string) => linux({ pid: TARGET, targetId })
    const debug = await client.runContainer(pod, client.containerConfig('debug', 'sleep 1000', targeting(target)))
    const seen = await exec(debug, 'ps -o args')
    assert.match(seen, /sleep 1234/)
    assert.doesNotMatch(seen, /sleep 4321/)
    const other = await client.runSandbox(client.sandboxConfig('elsewhere'))
    const refused = (targetId: string) =>
      client.createContainer(pod, client.containerConfig('x', '', targeting(targetId)))
    await assert.rejects(client.createContainer(other, client.containerConfig('x', '', targeting(target))), {
      codeName: 'FAILED_PRECONDITION',
      message: /another sandbox/,
    })
    await assert.rejects(refused('0'.repeat(64)), { codeName: 'NOT_FOUND' })
    await assert.rejects(refused(''), { codeName: 'INVALID_ARGUMENT', message: /target_id/ })
    await client.runtime.stopContainer({ containerId: target, timeout: 0n })
    await assert.rejects(refused(target), { codeName: 'FAILED_PRECONDITION', message: /exited, not running/ })
  })

  await part('a container has the default capabilities, no way into /proc and /sys, and no device', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('plain'))
    const script = [
      'grep CapEff /proc/self/status',
      'echo 1 >/proc/sys/kernel/panic || echo refused',
      'mount -t tmpfs x /tmp || echo refused',
      'ls /dev',
    ].join('; ')
    const security = {
      maskedPaths: ['/proc/kcore'],
      readonlyPaths: ['/proc/sys'],
      noNewPrivs: true,
      seccomp: { profileType: 0 },
    }
    const lines = await run(pod, 'c', `(${script}) 2>/dev/null`, linux({ pid: CONTAINER }, security))
    assert.match(lines[0] ?? '', /00000000a80425fb$/)
    assert.deepEqual(lines.slice(1, 3), ['refused', 'refused'])
    assert.ok(!lines.includes('loop-control') && !lines.includes('kmsg') && lines.includes('null'))
  })

  await part('a privileged container has all of it, and is only had in a privileged pod', async () => {
    const privileged = linux({ pid: CONTAINER }, { privileged: true })
    const plain = await client.runSandbox(client.sandboxConfig('plain'))
    await assert.rejects(client.createContainer(plain, client.containerConfig('c', '', privileged)), {
      codeName: 'INVALID_ARGUMENT',
      message: /privileged/,
    })
    const pod = await client.runSandbox(client.sandboxConfig('privileged', privileged))
    const script =
      'grep CapEff /proc/self/status; mount -t tmpfs x /tmp && echo mounted; ls /dev; mount | grep -c "cgroup.*rw,"'
    const lines = await run(pod, 'c', script, privileged)
    const ours = /CapEff:\t(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    assert.equal(lines[0], `CapEff:\t${ours}`)
    assert.equal(lines[1], 'mounted')
    assert.ok(lines.includes('kmsg') || lines.includes('vda') || lines.includes('loop-control'))
  })

  await part('ports of the host lead to the pod: by protocol and by address', async () => {
    const ports = [28_081, 28_082]
    const pod = await client.runSandbox(
      client.sandboxConfig('ports', {
        portMappings: [
          { protocol: Protocol.TCP, containerPort: 80, hostPort: ports[0] ?? 0, hostIp: '' },
          { protocol: Protocol.TCP, containerPort: 80, hostPort: ports[1] ?? 0, hostIp: '127.0.0.1' },
          { protocol: Protocol.UDP, containerPort: 53, hostPort: 28_083 },
          { protocol: Protocol.TCP, containerPort: 99, hostPort: 0 },
        ],
      }),
    )
    const server = 'echo from the pod >/tmp/index.html; exec httpd -f -p 80 -h /tmp'
    const container = await client.runContainer(pod, client.containerConfig('c', server))
    for (const port of ports) {
      const text = await eventually('the pod answers', async () => {
        const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2000) })
        return response.text()
      })
      assert.equal(text, 'from the pod\n')
    }
    const rules = spawnSync('/usr/sbin/iptables-save', ['-t', 'nat'], { encoding: 'utf8' }).stdout
    const address = (await client.runtime.podSandboxStatus({ podSandboxId: pod })).status?.network?.ip
    assert.match(rules, new RegExp(`-p udp .*--dport 28083 -j DNAT --to-destination ${address}:53`))
    assert.match(rules, new RegExp(`-d 127.0.0.1/32 -p tcp .*--dport 28082 -j DNAT --to-destination ${address}:80`))
    await client.runtime.stopContainer({ containerId: container, timeout: 0n })
    for (const bad of [{ hostPort: 70_000 }, { hostPort: -1 }, { hostIp: 'not-an-ip' }, { protocol: 9 as Protocol }]) {
      const portMappings = [{ protocol: Protocol.TCP, containerPort: 80, hostPort: 28_084, hostIp: '', ...bad }]
      await assert.rejects(client.runSandbox(client.sandboxConfig('bad', { portMappings })), {
        codeName: 'INVALID_ARGUMENT',
        message: /port_mappings/,
      })
    }
  })
})

test('two addresses, and the bandwidth of the annotations, which reaches the plugins', {
  timeout: 60_000,
}, async (t) => {
  const plugins = mkdtempSync(join(tmpdir(), 'berth-plugins-'))
  t.after(() => rmSync(plugins, { recursive: true }))
  const { berthd, client, part } = await conformance(t, {
    withoutNetwork: true,
    config: { cni: { bin_dirs: [plugins, '/opt/cni/bin', '/usr/lib/cni'] } },
  })
  const { bridge, network, addresses, cniFolder } = berthd.place
  // Writes down what it is asked, and hands on what the plugin before it made.
  const spy = `#!/bin/sh
cat >${plugins}/$CNI_COMMAND.json
[ $CNI_COMMAND != ADD ] || node -e 'console.log(JSON.stringify(JSON.parse(require("fs").readFileSync(0)).prevResult))' <${plugins}/ADD.json
`
  writeFileSync(join(plugins, 'spy'), spy.replace('node -e', `${process.execPath} -e`), { mode: 0o755 })
  const ranges = [[{ subnet: `${network}.0/24` }], [{ subnet: 'fd00:be27::/64' }]]
  const list = {
    cniVersion: '1.0.0',
    name: bridge,
    plugins: [
      { type: 'bridge', bridge, ipam: { type: 'host-local', dataDir: addresses, ranges } },
      { type: 'spy', capabilities: { bandwidth: true, dns: true, portMappings: true } },
    ],
  }
  writeFileSync(join(cniFolder, '10-test.conflist'), JSON.stringify(list))
  await eventually('the network is ready', async () => {
    const { status } = await client.runtime.status({})
    return status?.conditions.every((condition) => condition.status) || undefined
  })

  await part('both addresses are told, the first of them first', async () => {
    const annotations = {
      'kubernetes.io/ingress-bandwidth': '10M',
      'kubernetes.io/egress-bandwidth': '1Mi',
    }
    const dnsConfig = { servers: ['10.0.0.10'], searches: ['x.example'], options: [] }
    const pod = await client.runSandbox(client.sandboxConfig('dual', { annotations, dnsConfig }))
    const { status } = await client.runtime.podSandboxStatus({ podSandboxId: pod })
    assert.ok(status?.network?.ip.startsWith(`${network}.`))
    assert.match(status?.network?.additionalIps.map(({ ip }) => ip).join() ?? '', /^fd00:be27::[0-9a-f]+$/)
    const { runtimeConfig } = JSON.parse(readFileSync(join(plugins, 'ADD.json'), 'utf8')) as { runtimeConfig: object }
    const burst = 2 ** 31 - 1
    assert.deepEqual(runtimeConfig, {
      bandwidth: { ingressRate: 10_000_000, ingressBurst: burst, egressRate: 1_048_576, egressBurst: burst },
      dns: dnsConfig,
    })
    const container = await client.runContainer(
      pod,
      client.containerConfig('c', 'grep -c dual /etc/hosts; ip addr show eth0'),
    )
    await client.exited(container)
    const lines = await client.logLines(container)
    assert.equal(lines[0], '2')
    assert.match(lines.join('\n'), /inet6 fd00:be27::/)
  })
})
