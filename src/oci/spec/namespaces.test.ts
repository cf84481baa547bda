import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { NamespaceMode, NamespaceOptionSchema, PodSandboxConfigSchema } from '../../gen/cri_pb.ts'
import { containerNamespaces } from './namespaces.ts'
import { podSysctls } from './sysctls.ts'
import { checkMappedIds, podUserNamespace } from './user-namespace.ts'

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
})

test('a user namespace is one range from the root on, alike for users and groups, and the same for pod and container', () => {
  const range = { containerId: 0, hostId: 65536, length: 65536 }
  const options = (uids: readonly object[], gids = uids, mode: NamespaceMode = POD) =>
    create(NamespaceOptionSchema, { usernsOptions: { mode, uids: [...uids], gids: [...gids] } })
  const own = options([range])
  assert.deepEqual(podUserNamespace(own), { containerID: 0, hostID: 65536, size: 65536 })
  assert.equal(podUserNamespace(undefined), undefined)
  assert.equal(podUserNamespace(options([], [], NODE)), undefined)
  const at = { ...paths, userns: '/pin/user' }
  assert.deepEqual(containerNamespaces(own, own, at, false)[1], { type: 'user', path: '/pin/user' })
  assert.throws(() => containerNamespaces(own, own, paths, false), { code: 'internal', message: /user/ })
  const refused = [
    options([]),
    options([range, range]),
    options([range], []),
    options([range], [{ ...range, hostId: 1 }]),
    options([{ ...range, containerId: 1 }]),
    options([{ ...range, length: 0 }]),
    options([{ ...range, hostId: 2 ** 32 - 65536 }]),
    options([range], [range], NODE),
    options([range], [range], CONTAINER),
  ]
  for (const each of refused) {
    assert.throws(() => podUserNamespace(each), { code: 'invalid-argument', message: /userns_options/ })
  }
  const mapping = podUserNamespace(own)
  checkMappedIds(mapping, { uid: 0, gid: 65535, additionalGids: [7] })
  checkMappedIds(undefined, { uid: 65536, gid: 0 })
  assert.throws(() => checkMappedIds(mapping, { uid: 0, gid: 0, additionalGids: [65536] }), { message: /group 65536/ })
  for (const [container, pod] of [
    [own, undefined],
    [undefined, own],
    [own, options([{ ...range, hostId: 1 }])],
  ]) {
    assert.throws(() => containerNamespaces(container, pod, at, false), { message: /differ from those of its pod/ })
  }
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
