import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { NamespaceMode, NamespaceOptionSchema, PodSandboxConfigSchema } from '../../gen/cri_pb.ts'
import { containerNamespaces } from './namespaces.ts'
import { podSysctls } from './sysctls.ts'

const { POD, CONTAINER, NODE, TARGET } = NamespaceMode
const paths = {
  netns: '/pin/net',
  ipcns: '/pin/ipc',
  utsns: '/pin/uts',
  pidns: '/proc/9/ns/pid',
  targetPidns: '/proc/7/ns/pid',
}

function namespaces(
  pid: NamespaceMode,
  pod: { network?: NamespaceMode; ipc?: NamespaceMode } = {},
  from = paths,
  cgroup = false,
) {
  const container = create(NamespaceOptionSchema, { pid, targetId: 'other' })
  const list = containerNamespaces(container, create(NamespaceOptionSchema, pod), from, cgroup)
  return Object.fromEntries(list.map(({ type, path }) => [type, path ?? 'new']))
}

test("the pod's namespaces, or the host's", () => {
  const pinned = { mount: 'new', network: '/pin/net', ipc: '/pin/ipc', uts: '/pin/uts' }
  assert.deepEqual(namespaces(CONTAINER), { ...pinned, pid: 'new' })
  assert.deepEqual(namespaces(CONTAINER, {}, paths, true), { ...pinned, pid: 'new', cgroup: 'new' })
  assert.deepEqual(namespaces(NODE, { network: NODE }), { mount: 'new', ipc: '/pin/ipc' })
  assert.deepEqual(namespaces(NODE, { network: NODE, ipc: NODE }, {} as typeof paths), { mount: 'new' })
  assert.deepEqual(namespaces(POD).pid, '/proc/9/ns/pid')
  assert.deepEqual(namespaces(TARGET).pid, '/proc/7/ns/pid')
})

test('a missing path never means the host', () => {
  assert.throws(() => namespaces(CONTAINER, {}, {} as typeof paths), { code: 'internal' })
  assert.throws(() => namespaces(POD, {}, { ...paths, pidns: undefined } as never), { code: 'failed-precondition' })
  assert.throws(() => namespaces(TARGET, {}, { ...paths, targetPidns: undefined } as never), { code: 'internal' })
})

test('modes that make no sense', () => {
  assert.throws(() => namespaces(CONTAINER, { network: CONTAINER }), { code: 'invalid-argument', message: /network/ })
  assert.throws(() => namespaces(CONTAINER, { ipc: TARGET }), { code: 'invalid-argument', message: /ipc/ })
  assert.throws(() => namespaces(9 as never), { code: 'invalid-argument', message: /pid: 9/ })
  const noTarget = create(NamespaceOptionSchema, { pid: TARGET })
  assert.throws(() => containerNamespaces(noTarget, undefined, paths, false), {
    code: 'invalid-argument',
    message: /target_id/,
  })
  const user = create(NamespaceOptionSchema, { usernsOptions: { mode: POD } })
  assert.throws(() => containerNamespaces(user, undefined, paths, false), { code: 'unimplemented' })
})

test("sysctls only of the namespaces that are the pod's", () => {
  const sysctls = (given: Record<string, string>, options: { network?: NamespaceMode; ipc?: NamespaceMode } = {}) =>
    podSysctls(
      create(PodSandboxConfigSchema, { linux: { sysctls: given, securityContext: { namespaceOptions: options } } }),
    )
  const good = { 'net.ipv4.ip_unprivileged_port_start': '0', 'kernel.shm_rmid_forced': '1', 'fs.mqueue.msg_max': '8' }
  assert.deepEqual(sysctls(good), good)
  assert.deepEqual(sysctls({ 'net/ipv4/ping_group_range': '0 100' }), { 'net.ipv4.ping_group_range': '0 100' })
  const refused: [Record<string, string>, { network?: NamespaceMode; ipc?: NamespaceMode }?][] = [
    [{ 'kernel.core_pattern': '|/evil' }],
    [{ 'kernel.shm_rmid_forced': '1+kernel.core_pattern=x\n' }],
    [{ 'vm.overcommit_memory': '1' }],
    [{ 'kernel.hostname': 'x' }],
    [{ 'net.ipv4.ip_forward': '1' }, { network: NODE }],
    [{ 'kernel.domainname': 'x' }, { network: NODE }],
    [{ 'kernel.msgmax': '1' }, { ipc: NODE }],
    [{ 'net/../kernel/core_pattern': 'x' }],
    [{ 'net..kernel': 'x' }],
    [{ 'net.ipv4/../../kernel/x': 'x' }],
    [{ 'net.a\nkernel.b': 'x' }],
    [{ net: 'x' }],
    [{ '': 'x' }],
  ]
  for (const [given, options] of refused) {
    assert.throws(
      () => sysctls(given, options),
      { code: 'invalid-argument', message: /^sysctls/ },
      JSON.stringify(given),
    )
  }
})
