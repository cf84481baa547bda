import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { type ContainerConfig, ContainerConfigSchema, NamespaceMode, PodSandboxConfigSchema } from '../../gen/cri_pb.ts'
import { buildSpec } from './build.ts'
import { allCapabilities } from './capabilities.ts'
import type { SpecInput } from './input.ts'

type Config = Exclude<MessageInitShape<typeof ContainerConfigSchema>, ContainerConfig>

const namespaceOptions = { pid: NamespaceMode.CONTAINER }

function input(config: Config = {}, more: Partial<SpecInput> = {}): SpecInput {
  return {
    container: create(ContainerConfigSchema, {
      metadata: { name: 'main' },
      linux: { securityContext: { namespaceOptions } },
      ...config,
    }),
    sandbox: create(PodSandboxConfigSchema, {
      metadata: { name: 'pod', namespace: 'ns', uid: 'u-1' },
      hostname: 'pod-host',
      linux: { sysctls: { 'net.core.somaxconn': '1024' } },
    }),
    image: { name: 'img', entrypoint: [], cmd: ['sh'], env: [], workingDir: '', user: '', stopSignal: '', labels: {} },
    containerId: 'c',
    sandboxId: 's',
    rootfsPath: '/rootfs',
    sandboxPaths: { netns: '/n/net', ipcns: '/n/ipc', utsns: '/n/uts', shm: '/s/shm' },
    cgroupsPath: '/pods/c',
    host: {
      architecture: 'x64',
      hostname: 'node',
      kernel: [6, 1],
      capabilities: allCapabilities,
      oomScoreAdj: 0,
      mayLowerOomScore: true,
      cgroupVersion: 2,
      swapLimit: true,
      hugetlb: true,
      seccomp: true,
      apparmor: false,

      recursiveReadOnly: true,
      userNamespaces: true,
    },
    user: { uid: 0, gid: 0, additionalGids: [0] },
    hostPaths: [],
    devices: [],
    hostDevices: [{ path: '/dev/kvm', type: 'c', major: 10, minor: 232 }],
    ...more,
  }
}

test('a plain container', () => {
  const spec = buildSpec(input())
  assert.deepEqual(spec.root, { path: '/rootfs' })
  assert.deepEqual(spec.process.args, ['sh'])
  assert.deepEqual(spec.process.user, { uid: 0, gid: 0, additionalGids: [0] })
  assert.equal(spec.process.noNewPrivileges, false)
  assert.ok(!('terminal' in spec.process) && !('rlimits' in spec.process))
  assert.equal(spec.process.oomScoreAdj, 0)
  assert.ok(!('hostname' in spec), 'the host name is that of the UTS namespace')
  assert.deepEqual(spec.linux.sysctl, { 'net.core.somaxconn': '1024' })
  assert.deepEqual(spec.linux.resources, { devices: [{ allow: false, access: 'rwm' }] })
  assert.deepEqual(spec.linux.namespaces.at(-1), { type: 'cgroup' })
  assert.ok(!('devices' in spec.linux) && !('seccomp' in spec.linux))
  assert.deepEqual(spec.annotations, {
    'io.kubernetes.cri.container-type': 'container',
    'io.kubernetes.cri.sandbox-id': 's',
    'io.kubernetes.cri.sandbox-namespace': 'ns',
    'io.kubernetes.cri.sandbox-uid': 'u-1',
    'io.kubernetes.cri.sandbox-name': 'pod',
    'io.kubernetes.cri.container-name': 'main',
    'io.kubernetes.cri.image-name': 'img',
  })
  assert.deepEqual(JSON.parse(JSON.stringify(spec)), spec, 'plain data')
})

test('the pod that set its own sysctls', () => {
  assert.ok(!('sysctl' in buildSpec(input({}, { sysctlsApplied: true })).linux))
})

test('a privileged container, only in a privileged pod', () => {
  const privileged = { linux: { securityContext: { privileged: true, namespaceOptions } } }
  assert.throws(() => buildSpec(input(privileged)), { code: 'invalid-argument', message: /no privileged container/ })
  const sandbox = create(PodSandboxConfigSchema, { linux: { securityContext: { privileged: true } } })
  const { linux, process } = buildSpec(input(privileged, { sandbox }))
  assert.deepEqual(linux.devices, [{ path: '/dev/kvm', type: 'c', major: 10, minor: 232 }])
  assert.deepEqual(linux.resources.devices, [{ allow: true, access: 'rwm' }])
  assert.equal(process.capabilities?.bounding.length, 41)
  assert.ok(!linux.namespaces.some(({ type }) => type === 'cgroup'))
  const handler = { privilegedWithoutHostDevices: true }
  assert.ok(!('devices' in buildSpec(input(privileged, { sandbox, handler })).linux))
})

test('terminal, read-only root, seccomp by the capabilities that are left', () => {
  const spec = buildSpec(
    input({
      tty: true,
      linux: {
        resources: { oomScoreAdj: 100n },
        securityContext: {
          namespaceOptions,
          readonlyRootfs: true,
          seccomp: { profileType: 0 },
          capabilities: { dropCapabilities: ['ALL'] },
        },
      },
    }),
  )
  assert.equal(spec.process.terminal, true)
  assert.equal(spec.process.oomScoreAdj, 100)
  assert.deepEqual(spec.root, { path: '/rootfs', readonly: true })
  assert.ok(!spec.linux.seccomp?.syscalls?.[0]?.names.includes('chroot'))
})
