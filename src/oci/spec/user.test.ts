import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { LinuxContainerSecurityContextSchema, SupplementalGroupsPolicy } from '../../gen/cri_pb.ts'
import { type Accounts, resolveUser } from './user.ts'
import { parseGroup, parseId, parsePasswd } from './accounts.ts'

const passwd = 'root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1001::/home/bob:/bin/sh\nbin:x:2:2::/:\n'
const group = 'root:x:0:\nbob:x:1001:bob\nvideo:x:44:root,bob\naudio:x:29:bob,\nwheel:x:10:root\n'
const image: Accounts = { passwd: () => parsePasswd(passwd), group: () => parseGroup(group) }
const scratch: Accounts = { passwd: () => undefined, group: () => undefined }

type Security = MessageInitShape<typeof LinuxContainerSecurityContextSchema>
const int = (value: number) => ({ value: BigInt(value) })
const user = (security: Security, imageUser = '', accounts = image) => {
  const { uid, gid, additionalGids } = resolveUser(
    create(LinuxContainerSecurityContextSchema, security),
    imageUser,
    'example/image',
    accounts,
  )
  return [uid, gid, additionalGids]
}

test('who a container runs as, as containerd has it', () => {
  const cases: [string, Security, string, unknown][] = [
    ['nothing said: root, with its groups', {}, '', [0, 0, [0, 10, 44]]],
    ['the image: a name', {}, 'bob', [1000, 1001, [29, 44, 1001]]],
    ['the image: a uid that is known', {}, '1000', [1000, 1001, [29, 44, 1001]]],
    ['the image: a uid that is not known', {}, '4711', [4711, 0, [0]]],
    ['the image: uid and gid', {}, '4711:4712', [4711, 4712, [4712]]],
    ['the image: name and group', {}, 'bob:video', [1000, 44, [29, 44]]],
    ['the image: uid and group', {}, '7:wheel', [7, 10, [10]]],
    ['the image: an empty group', {}, 'bob:', [1000, 1001, [29, 44, 1001]]],
    ['the image: an empty user', {}, ':44', [0, 44, [10, 44]]],
    ['a uid', { runAsUser: int(2) }, 'bob', [2, 2, [2]]],
    ['uid 0 over an image user', { runAsUser: int(0) }, 'bob', [0, 0, [0, 10, 44]]],
    ['a uid and a gid', { runAsUser: int(5), runAsGroup: int(6) }, '', [5, 6, [6]]],
    ['a name', { runAsUsername: 'bob' }, '', [1000, 1001, [29, 44, 1001]]],
    ['a name beats a uid', { runAsUsername: 'bob', runAsUser: int(5) }, '', [1000, 1001, [29, 44, 1001]]],
    ['a name and a gid', { runAsUsername: 'bob', runAsGroup: int(6) }, '', [1000, 6, [6, 29, 44]]],
    ['a name that is a number', { runAsUsername: '1000' }, '', [1000, 1001, [29, 44, 1001]]],
    ['supplementary groups', { runAsUser: int(5), supplementalGroups: [7n, 3n, 7n] }, '', [5, 0, [0, 3, 7]]],
    [
      'merged with those of the image',
      { runAsUser: int(1000), supplementalGroups: [7n] },
      '',
      [1000, 1001, [7, 29, 44, 1001]],
    ],
    [
      'strict: only those',
      { runAsUser: int(1000), supplementalGroups: [7n], supplementalGroupsPolicy: SupplementalGroupsPolicy.Strict },
      '',
      [1000, 1001, [7, 1001]],
    ],
  ]
  for (const [name, security, imageUser, expected] of cases) assert.deepEqual(user(security, imageUser), expected, name)
})

test('an image without account files', () => {
  assert.deepEqual(user({}, '', scratch), [0, 0, [0]])
  assert.deepEqual(user({}, '65532:65532', scratch), [65532, 65532, [65532]])
  assert.deepEqual(user({ runAsUser: int(8) }, '', scratch), [8, 0, [0]])
  assert.throws(() => user({}, 'bob', scratch), {
    code: 'invalid-argument',
    message: /user "bob" is not in the \/etc\/passwd of image "example/,
  })
  assert.throws(() => user({}, '1:staff', scratch), { code: 'invalid-argument', message: /group "staff"/ })
})

test('what is refused', () => {
  const cases: [string, Security, string, RegExp][] = [
    ['a group without a user', { runAsGroup: int(5) }, 'bob', /run_as_group is set without/],
    ['a negative uid', { runAsUser: int(-1) }, '', /run_as_user: -1/],
    ['a uid beyond 31 bits', { runAsUser: { value: 1n << 31n } }, '', /run_as_user/],
    ['a gid beyond 31 bits', { runAsUser: int(1), runAsGroup: { value: 1n << 40n } }, '', /run_as_group/],
    ['a negative supplementary group', { supplementalGroups: [-5n] }, '', /supplemental_groups/],
    ['an unknown user', { runAsUsername: 'eve' }, '', /"eve"/],
    ['a user that would add fields', { runAsUsername: 'bob:root' }, '', /run_as_username/],
    ['a user of two lines', { runAsUsername: 'bob\nroot' }, '', /run_as_username/],
    ['an image user beyond 31 bits', {}, '99999999999', /99999999999/],
    ['a negative image user', {}, '-1', /-1/],
    ['an image user of three parts', {}, '1:2:3', /user:group/],
    ['an unknown policy', { supplementalGroupsPolicy: 9 as never }, '', /supplemental_groups_policy/],
  ]
  for (const [name, security, imageUser, message] of cases) {
    assert.throws(() => user(security, imageUser), { code: 'invalid-argument', message }, name)
  }
})

test('lines that are no accounts are passed over', () => {
  const lines = [
    '',
    '# a:x:1:1',
    'short',
    'half:x',
    'word:x:abc:1',
    'minus:x:-1:1',
    'big:x:4294967296:1',
    ':x:3:3',
    'ok:x:4:5\r',
  ]
  assert.deepEqual(parsePasswd(lines.join('\n')), [{ name: 'ok', uid: 4, gid: 5 }])
  assert.deepEqual(parseGroup('x\ng:x:7\nh:x:8:a,,b'), [
    { name: 'g', gid: 7, members: [] },
    { name: 'h', gid: 8, members: ['a', 'b'] },
  ])
  assert.deepEqual(['0', '2147483647', '2147483648', '', '1e3', '0x1', ' 1', undefined].map(parseId), [
    0,
    2147483647,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ])
})
