import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toJson } from '@bufbuild/protobuf'
import { ContainerConfigSchema, PodSandboxConfigSchema } from '../client/index.ts'
import { containerConfig, type VolumePlace } from './container-config.ts'
import { readPod } from './pod.ts'
import { sandboxConfig } from './sandbox-config.ts'
import { maskedPaths, readonlyPaths } from './security.ts'

function read(spec: object, containers: object[] = [{ name: 'main', image: 'nginx:1' }]) {
  const metadata = { name: 'web', namespace: 'shop', uid: 'u-1', labels: { app: 'web' }, annotations: { note: 'x' } }
  return readPod({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers, ...spec } }).pod
}

const surroundings = {
  podIps: ['10.0.0.9'],
  imageId: 'sha256:1',
  attempt: 2,
  volumes: new Map([['data', { path: '/volumes/data', readOnly: false }]]),
  node: { name: 'node', ips: ['192.0.2.1'], memory: 2 ** 30, cores: 4 },
  lookup: () => undefined,
  subPathOf: (path: string, below: string, index: number) => `/mounts/${index}${path}/${below}`,
}

function config(container: object, spec: object = {}) {
  const pod = read(spec, [{ name: 'main', image: 'nginx:1', ...container }])
  const [manifest] = pod.containers
  assert.ok(manifest)
  return toJson(ContainerConfigSchema, containerConfig(pod, manifest, surroundings)) as Record<
    'annotations' | 'linux',
    never
  >
}

test('a sandbox as the kubelet would ask for it', () => {
  const ports = [
    { containerPort: 80, hostPort: 8080, hostIP: '127.0.0.1' },
    { containerPort: 53, protocol: 'UDP' },
  ]
  const pod = read({}, [{ name: 'main', image: 'x', ports }])
  assert.deepEqual(toJson(PodSandboxConfigSchema, sandboxConfig(pod, 3)), {
    metadata: { name: 'web', uid: 'u-1', namespace: 'shop', attempt: 3 },
    hostname: 'web',
    logDirectory: '/var/log/pods/shop_web_u-1',
    portMappings: [
      { containerPort: 80, hostPort: 8080, hostIp: '127.0.0.1' },
      { protocol: 'UDP', containerPort: 53 },
    ],
    labels: {
      app: 'web',
      'io.kubernetes.pod.name': 'web',
      'io.kubernetes.pod.namespace': 'shop',
      'io.kubernetes.pod.uid': 'u-1',
    },
    annotations: { note: 'x' },
    linux: { securityContext: { namespaceOptions: { pid: 'CONTAINER' }, seccomp: {} } },
  })
})

test('a pod with a user namespace, its containers and their mounts', () => {
  const spec = {
    hostUsers: false,
    volumes: [
      { name: 'data', emptyDir: {} },
      { name: 'pages', image: { reference: 'i' } },
    ],
  }
  const mounts = ['data', 'pages'].map((name) => ({ name, mountPath: `/${name}` }))
  const pod = read(spec, [{ name: 'main', image: 'x', volumeMounts: mounts }])
  const [manifest] = pod.containers
  assert.ok(manifest)
  const sandbox = sandboxConfig(pod, 0, { firstHostId: 131_072 })
  const mappings = [{ hostId: 131_072, length: 65_536 }]
  const wanted = { pid: 'CONTAINER', usernsOptions: { uids: mappings, gids: mappings } }
  const shown = toJson(PodSandboxConfigSchema, sandbox) as { annotations: object; linux: { securityContext: object } }
  assert.deepEqual((shown.linux.securityContext as { namespaceOptions: object }).namespaceOptions, wanted)
  assert.deepEqual(shown.annotations, { note: 'x', 'io.berth.agent/first-host-id': '131072' })
  const userns = sandbox.linux?.securityContext?.namespaceOptions?.usernsOptions
  const volumes = new Map<string, VolumePlace>([...surroundings.volumes, ['pages', { image: 'sha256:2' }]])
  const container = containerConfig(pod, manifest, { ...surroundings, volumes, userns })
  assert.deepEqual(container.linux?.securityContext?.namespaceOptions?.usernsOptions, userns)
  assert.deepEqual(
    container.mounts.map(({ containerPath, uidMappings, gidMappings }) => [
      containerPath,
      uidMappings.map(({ hostId }) => hostId),
      gidMappings.map(({ hostId }) => hostId),
    ]),
    [
      ['/data', [131_072], [131_072]],
      ['/pages', [], []],
    ],
  )
  assert.throws(
    () => read({ hostUsers: false, hostNetwork: true, hostPID: true }),
    /hostUsers: false .*hostNetwork and hostPID/,
  )
})

test("a pod on the node's network, with a resolver of its own", () => {
  const pod = read({
    hostNetwork: true,
    hostPID: true,
    hostIPC: true,
    runtimeClassName: 'crun',
    dnsPolicy: 'None',
    dnsConfig: {
      nameservers: ['1.1.1.1'],
      searches: ['a.b'],
      options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
    },
    securityContext: { sysctls: [{ name: 'net.ipv4.ip_forward', value: '1' }], runAsUser: 7, runAsGroup: 8 },
  })
  const { hostname, dnsConfig, portMappings, linux } = sandboxConfig(pod, 0)
  assert.deepEqual([hostname, portMappings, pod.runtimeHandler], ['', [], 'crun'])
  assert.deepEqual(dnsConfig?.options, ['ndots:2', 'edns0'])
  assert.deepEqual(linux?.sysctls, { 'net.ipv4.ip_forward': '1' })
  assert.deepEqual([linux?.securityContext?.runAsUser?.value, linux?.securityContext?.runAsGroup?.value], [7n, 8n])
  const { network, pid, ipc } = linux?.securityContext?.namespaceOptions ?? {}
  assert.deepEqual([network, pid, ipc], [2, 2, 2])
})

test('a container as the kubelet would ask for it', () => {
  const json = config(
    {
      command: ['sh', '-c', 'echo $(WHO)'],
      args: ['$(NONE)'],
      workingDir: '/srv',
      env: [{ name: 'WHO', value: 'me' }],
      tty: true,
      volumeMounts: [
        { name: 'data', mountPath: 'data', subPath: 'sub', readOnly: true },
        { name: 'conf', mountPath: '/conf' },
      ],
    },
    {
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'conf', configMap: { name: 'c' } },
      ],
    },
  )
  const { annotations, linux, ...rest } = json
  assert.match(annotations['io.kubernetes.container.hash'] ?? '', /^[0-9a-f]{8}$/)
  assert.deepEqual(rest, {
    metadata: { name: 'main', attempt: 2 },
    image: { image: 'sha256:1', userSpecifiedImage: 'nginx:1' },
    command: ['sh', '-c', 'echo me'],
    args: ['$(NONE)'],
    workingDir: '/srv',
    envs: [{ key: 'WHO', value: Buffer.from('me').toString('base64') }],
    mounts: [{ containerPath: '/data', hostPath: '/mounts/0/volumes/data/sub', readonly: true }],
    labels: {
      'io.kubernetes.pod.name': 'web',
      'io.kubernetes.pod.namespace': 'shop',
      'io.kubernetes.pod.uid': 'u-1',
      'io.kubernetes.container.name': 'main',
    },
    logPath: 'main/2.log',
    tty: true,
  })
  assert.deepEqual(linux, {
    resources: { cpuPeriod: '100000', cpuShares: '2', oomScoreAdj: '1000' },
    securityContext: {
      capabilities: {},
      namespaceOptions: { pid: 'CONTAINER' },
      maskedPaths,
      readonlyPaths,
      seccomp: { profileType: 'Unconfined' },
    },
  })
})

test("a container's security wins over the pod's", () => {
  const pod = {
    securityContext: {
      runAsUser: 1,
      runAsGroup: 2,
      supplementalGroups: [9],
      seccompProfile: { type: 'RuntimeDefault' },
    },
  }
  const context = (container: object) => config({ securityContext: container }, pod).linux['securityContext'] as never
  const { runAsUser, runAsGroup, supplementalGroups, seccomp, noNewPrivs, capabilities, readonlyRootfs } = context({
    runAsUser: 5,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
  })
  assert.deepEqual([runAsUser, runAsGroup, supplementalGroups, seccomp], [{ value: '5' }, { value: '2' }, ['9'], {}])
  assert.deepEqual([noNewPrivs, readonlyRootfs], [true, true])
  assert.deepEqual(capabilities, { addCapabilities: ['NET_ADMIN'], dropCapabilities: ['ALL'] })
  const open = context({ privileged: true, seccompProfile: { type: 'Localhost', localhostProfile: 'a.json' } })
  assert.deepEqual(open['seccomp'], { profileType: 'Localhost', localhostRef: '/var/lib/kubelet/seccomp/a.json' })
  assert.deepEqual([open['privileged'], open['maskedPaths']], [true, undefined])
})

test('a mount of a volume that is not there is refused', () => {
  assert.throws(() => config({ volumeMounts: [{ name: 'none', mountPath: '/x' }] }), {
    message: 'container "main" mounts the volume "none", which the pod does not have',
  })
})
