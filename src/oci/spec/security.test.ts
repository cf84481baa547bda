import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { LinuxContainerSecurityContextSchema, SecurityProfile_ProfileType as ProfileType } from '../../gen/cri_pb.ts'
import { parseSeccompProfile } from '../load-seccomp.ts'
import { defaultCapabilities } from './capabilities.ts'
import { defaultSeccomp } from './seccomp-profile.ts'
import { apparmorProfile, containerSeccomp, defaultMaskedPaths, protectedPaths, seccompChoice } from './security.ts'

type Security = MessageInitShape<typeof LinuxContainerSecurityContextSchema>
const context = (security: Security) => create(LinuxContainerSecurityContextSchema, security)

test('masked and read-only paths', () => {
  assert.equal(protectedPaths(undefined).maskedPaths, defaultMaskedPaths)
  assert.deepEqual(protectedPaths(context({})), { maskedPaths: [], readonlyPaths: [] }, 'procMount: Unmasked')
  assert.deepEqual(protectedPaths(context({ maskedPaths: ['/proc/kcore'], readonlyPaths: ['/proc/sys'] })), {
    maskedPaths: ['/proc/kcore'],
    readonlyPaths: ['/proc/sys'],
  })
  assert.deepEqual(protectedPaths(context({ privileged: true, maskedPaths: ['/proc/kcore'] })).maskedPaths, [])
  assert.throws(() => protectedPaths(context({ maskedPaths: ['proc'] })), {
    code: 'invalid-argument',
    message: /masked_paths/,
  })
})

test('which seccomp profile', () => {
  const { RuntimeDefault, Unconfined, Localhost } = ProfileType
  const localhost = { kind: 'localhost', reference: '/p.json' }
  const cases: [Security, unknown][] = [
    [{}, undefined],
    [{ seccomp: { profileType: RuntimeDefault } }, { kind: 'default' }],
    [{ seccomp: { profileType: Unconfined } }, undefined],
    [{ seccomp: { profileType: Localhost, localhostRef: '/p.json' } }, localhost],
    [{ seccomp: { profileType: Localhost, localhostRef: 'localhost//p.json' } }, localhost],
    [{ seccompProfilePath: 'runtime/default' }, { kind: 'default' }],
    [{ seccompProfilePath: 'localhost//p.json' }, localhost],
    [{ seccompProfilePath: 'unconfined' }, undefined],
    [{ seccomp: { profileType: Unconfined }, seccompProfilePath: 'runtime/default' }, undefined],
    [{ privileged: true, seccomp: { profileType: RuntimeDefault } }, undefined],
  ]
  for (const [security, expected] of cases) assert.deepEqual(seccompChoice(context(security)), expected)
  const refused: Security[] = [
    { seccomp: { profileType: RuntimeDefault, localhostRef: 'x' } },
    { seccomp: { profileType: Localhost } },
    { seccomp: { profileType: 7 as never } },
    { seccompProfilePath: 'nonsense' },
  ]
  for (const security of refused) assert.throws(() => seccompChoice(context(security)), { code: 'invalid-argument' })
  const host = { seccomp: false, architecture: 'x64' } as const
  assert.throws(() => containerSeccomp({ kind: 'default' }, undefined, [], host), { code: 'failed-precondition' })
})

test('the default seccomp profile', () => {
  const rules = (capabilities: readonly string[], architecture: 'x64' | 'arm64' = 'x64') =>
    defaultSeccomp(architecture, capabilities).syscalls ?? []
  const allowed = (capabilities: readonly string[], name: string, architecture?: 'x64' | 'arm64') =>
    rules(capabilities, architecture).some(
      (rule) => rule.names.includes(name) && rule.action === 'SCMP_ACT_ALLOW' && !rule.args,
    )
  for (const name of [
    'read',
    'execve',
    'openat2',
    'futex',
    'ptrace',
    'chroot',
    '_llseek',
    'epoll_wait_old',
    'uretprobe',
  ]) {
    assert.ok(allowed(defaultCapabilities, name), name)
  }
  for (const name of [
    'mount',
    'umount2',
    'setns',
    'unshare',
    'bpf',
    'keyctl',
    'kexec_load',
    'reboot',
    'clone',
    'socket',
    'io_uring_setup',
  ]) {
    assert.ok(!allowed(defaultCapabilities, name), name)
  }
  assert.ok(!allowed([], 'chroot'))
  assert.ok(allowed(['CAP_SYS_ADMIN'], 'mount') && allowed(['CAP_SYS_ADMIN'], 'clone3'))
  assert.ok(allowed(['CAP_SYS_TIME'], 'clock_settime'))
  assert.ok(allowed([], 'arch_prctl') && !allowed([], 'arch_prctl', 'arm64') && allowed([], 'cacheflush', 'arm64'))
  assert.deepEqual(
    rules([]).find((rule) => rule.names.includes('clone3')),
    {
      names: ['clone3'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: 38,
    },
  )
  assert.ok(!rules(['CAP_SYS_ADMIN']).some((rule) => rule.args?.some((arg) => arg.op === 'SCMP_CMP_MASKED_EQ')))
})

test('a profile file', () => {
  assert.deepEqual(parseSeccompProfile('{"defaultAction":"SCMP_ACT_ALLOW"}'), { defaultAction: 'SCMP_ACT_ALLOW' })
  for (const text of [
    '',
    '[]',
    '{}',
    '{"defaultAction":"A","syscalls":{}}',
    '{"defaultAction":"A","syscalls":[{"name":"x"}]}',
  ]) {
    assert.throws(() => parseSeccompProfile(text), text)
  }
})

test('AppArmor that is asked for and absent is refused, never left out', () => {
  const { RuntimeDefault, Unconfined, Localhost } = ProfileType
  const profile = (security: Security, enabled = false) => apparmorProfile(context(security), enabled, 'standard')
  assert.equal(profile({}), undefined)
  assert.equal(profile({ apparmor: { profileType: Unconfined } }), undefined)
  assert.equal(profile({ apparmorProfile: 'unconfined' }), undefined)
  for (const security of [
    { apparmor: { profileType: RuntimeDefault } },
    { apparmor: { profileType: Localhost, localhostRef: 'mine' } },
    { apparmorProfile: 'localhost/mine' },
  ]) {
    assert.throws(() => profile(security), { code: 'failed-precondition', message: /^apparmor is not supported/ })
  }
  assert.equal(profile({ apparmorProfile: 'localhost/mine' }, true), 'mine')
  assert.equal(profile({ apparmor: { profileType: RuntimeDefault } }, true), 'standard')
  assert.equal(profile({ privileged: true, apparmor: { profileType: RuntimeDefault } }, true), undefined)
  const unloaded = () => apparmorProfile(context({ apparmorProfile: 'runtime/default' }), true, undefined)
  assert.throws(unloaded, { code: 'failed-precondition', message: /not loaded/ })
})
