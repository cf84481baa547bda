import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultApparmorProfile, profileNames } from './apparmor.ts'

test('the default profile denies mounts and what reaches the kernel', () => {
  const profile = defaultApparmorProfile('x')
  assert.match(profile, /^profile x flags=\(attach_disconnected,mediate_deleted\) \{\n/)
  for (const rule of ['deny mount,', 'deny /proc/sysrq-trigger rwklx,', 'deny /proc/* w,', 'capability,']) {
    assert.ok(profile.includes(`  ${rule}\n`), rule)
  }
  assert.match(profile, /signal \(send, receive\) peer=x,/)
  assert.match(profile, /\n\}\n$/)
})

test('the kernel’s list of loaded profiles', () => {
  const text = '/usr/bin/man (enforce)\nberth-default (enforce)\nodd (name) x (complain)\nbroken\n'
  assert.deepEqual(profileNames(text), ['/usr/bin/man', 'berth-default', 'odd (name) x'])
})
