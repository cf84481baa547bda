import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFeatures } from './features.ts'

test('what runc 1.1 and later say', () => {
  const features = parseFeatures(
    JSON.stringify({
      ociVersionMin: '1.0.0',
      ociVersionMax: '1.2.0',
      mountOptions: ['ro', 'rro'],
      linux: {
        namespaces: ['mount', 'user'],
        cgroup: { v1: true, v2: true, systemd: true },
        seccomp: { enabled: true, archs: ['SCMP_ARCH_X86_64'] },
        apparmor: { enabled: true },
        mountExtensions: { idmap: { enabled: true } },
      },
      annotations: { 'org.opencontainers.runc.version': '1.3.6' },
    }),
  )
  assert.deepEqual(features, {
    ociVersionMin: '1.0.0',
    ociVersionMax: '1.2.0',
    version: '1.3.6',
    keepsPlainState: true,
    namespaces: ['mount', 'user'],
    mountOptions: ['ro', 'rro'],
    recursiveReadOnly: true,
    idMappedMounts: true,
    seccomp: true,
    seccompArchitectures: ['SCMP_ARCH_X86_64'],
    apparmor: true,
    selinux: false,
    cgroupV1: true,
    cgroupV2: true,
    systemdCgroup: true,
    scheduling: true,
    netDevices: false,
    memoryPolicy: false,
    intelRdt: false,
  })
})

test('what is absent or of the wrong kind is not there', () => {
  const features = parseFeatures('{"linux":{"namespaces":"all","seccomp":true},"mountOptions":[1,"rro"]}')
  assert.deepEqual([features.namespaces, features.seccomp, features.idMappedMounts], [[], false, false])
  assert.equal(features.recursiveReadOnly, true)
  assert.equal(parseFeatures('null').seccomp, false)
  assert.throws(() => parseFeatures('not JSON'), SyntaxError)
})
