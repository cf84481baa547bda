import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { type SELinuxOption, SELinuxOptionSchema } from '../../gen/cri_pb.ts'
import { parseContexts, selinuxLabels } from './labels.ts'

/** As Fedora's container-selinux has it. */
const contexts = parseContexts(`process = "system_u:system_r:container_t:s0"
content = "system_u:object_r:virt_var_lib_t:s0"
file = "system_u:object_r:container_file_t:s0"
ro_file="system_u:object_r:container_ro_file_t:s0"
`)
const options = (change: Partial<Pick<SELinuxOption, 'user' | 'role' | 'type' | 'level'>>) =>
  create(SELinuxOptionSchema, change)

test('the contexts of the policy', () => {
  assert.equal(contexts?.file, 'system_u:object_r:container_file_t:s0')
  assert.equal(parseContexts('process = "a:b:c:s0"\n'), undefined)
})

test('what the options say takes the place of what the policy says', () => {
  assert.deepEqual(selinuxLabels(options({ level: 's0:c1,c2' }), false, contexts), {
    process: 'system_u:system_r:container_t:s0:c1,c2',
    file: 'system_u:object_r:container_file_t:s0:c1,c2',
  })
  assert.deepEqual(
    selinuxLabels(options({ user: 'u_u', role: 'r_r', type: 'my.process', level: 's1' }), false, contexts),
    {
      process: 'u_u:r_r:my.process:s1',
      file: 'u_u:object_r:container_file_t:s1',
    },
  )
  assert.equal(selinuxLabels(options({ type: 'spc_t' }), false, contexts)?.process, 'system_u:system_r:spc_t:s0')
})

test('a container that asks for nothing has no label, and a privileged one neither', () => {
  for (const host of [contexts, undefined]) {
    assert.equal(selinuxLabels(undefined, false, host), undefined)
    assert.equal(selinuxLabels(options({}), false, host), undefined)
    assert.equal(selinuxLabels(options({ type: 'container_t' }), true, host), undefined)
  }
})

test('without SELinux a label that confines is refused, one that does not means nothing', () => {
  for (const change of [{ type: 'container_t' }, { level: 's0:c1,c2' }, { role: 'system_r' }]) {
    assert.throws(() => selinuxLabels(options(change), false, undefined), {
      code: 'failed-precondition',
      message: /SELinux is not enabled on this host/,
    })
  }
  assert.equal(selinuxLabels(options({ type: 'spc_t', level: 's0' }), false, undefined), undefined)
})

test('what is no part of a label is refused on every host', () => {
  for (const change of [{ type: 'a:b' }, { user: 'a b' }, { level: 's0"' }, { role: 'r\n' }]) {
    for (const host of [contexts, undefined]) {
      assert.throws(() => selinuxLabels(options(change), false, host), { code: 'invalid-argument' })
    }
  }
})
