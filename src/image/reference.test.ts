import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatReference, isDigest, parseReference } from './reference.ts'
import { cpuTimeMs } from './testing/cpu-time.ts'

const sha256 = `sha256:${'a1'.repeat(32)}`

const good: readonly (readonly [string, string])[] = [
  ['busybox', 'docker.io/library/busybox:latest'],
  ['busybox:1.36', 'docker.io/library/busybox:1.36'],
  ['user/app', 'docker.io/user/app:latest'],
  ['docker.io/busybox', 'docker.io/library/busybox:latest'],
  ['index.docker.io/busybox', 'docker.io/library/busybox:latest'],
  ['index.docker.io/user/app:v1', 'docker.io/user/app:v1'],
  ['localhost/app', 'localhost/app:latest'],
  ['localhost:5000/app', 'localhost:5000/app:latest'],
  ['localhost:5000', 'docker.io/library/localhost:5000'],
  ['registry:5000/a/b/c:t', 'registry:5000/a/b/c:t'],
  ['127.0.0.1:5000/app', '127.0.0.1:5000/app:latest'],
  ['[::1]:5000/app:v2', '[::1]:5000/app:v2'],
  ['[2001:db8::1]/app', '[2001:db8::1]/app:latest'],
  ['Registry/app', 'Registry/app:latest'],
  ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10'],
  [`busybox@${sha256}`, `docker.io/library/busybox@${sha256}`],
  [`busybox:1.36@${sha256}`, `docker.io/library/busybox@${sha256}`],
  [`r.io:443/a@sha512:${'b'.repeat(128)}`, `r.io:443/a@sha512:${'b'.repeat(128)}`],
  ['a/b__c/d-e--f/g.h', 'docker.io/a/b__c/d-e--f/g.h:latest'],
  [`a:${'t'.repeat(128)}`, `docker.io/library/a:${'t'.repeat(128)}`],
  ['xn--n3h.com/myimage', 'xn--n3h.com/myimage:latest'],
  ['a:_underscore', 'docker.io/library/a:_underscore'],
]

for (const [text, full] of good) {
  test(`${text} is ${full}`, () => {
    const reference = parseReference(text)
    assert.equal(formatReference(reference), full)
    assert.deepEqual(parseReference(full), reference, 'the full form means the same')
  })
}

const bad: readonly (readonly [string, RegExp])[] = [
  ['', /empty/],
  [' busybox', /not a repository name/],
  ['busybox ', /not a repository name/],
  ['Busybox', /lower case/],
  ['docker.io/Busybox', /lower case/],
  ['busybox:', /not a tag/],
  ['busybox:-dash', /not a tag/],
  ['busybox:a:b', /not a tag/],
  [`busybox:${'t'.repeat(129)}`, /not a tag/],
  ['busybox@', /not a digest/],
  ['busybox@sha256:abc', /not a digest/],
  [`busybox@SHA256:${'a'.repeat(64)}`, /not a digest/],
  [`busybox@sha256:${'A'.repeat(64)}`, /not a digest/],
  [`busybox@md5:${'a'.repeat(32)}`, /not a digest/],
  [`busybox@${sha256}@${sha256}`, /not a digest/],
  ['a'.repeat(64), /image id/],
  [sha256, /image id/],
  ['/busybox', /not a repository/],
  ['busybox/', /not a repository/],
  ['a//b', /not a repository/],
  ['a/../b', /not a repository/],
  ['../b', /not a re/],
  ['a/./b', /not a repository/],
  ['a___b', /not a repository/],
  ['a._b', /not a repository/],
  ['_a', /not a repository/],
  ['https://docker.io/busybox', /not a re/],
  ['-host.io/a', /not a registry/],
  ['host-.io/a', /not a registry/],
  ['host..io/a', /not a registry/],
  ['host:port/a', /not a registry/],
  ['[::1/a', /not a re/],
  ['[::1]', /not a re/],
  ['[fe80::1%eth0]/a', /not a registry/],
  ['user:secret@host.io/a', /not a digest/],
  [`r.io/${'a'.repeat(256)}`, /more than 255/],
  [`r.io/${'a/'.repeat(5000)}a`, /more than 4096/],
  ['bus\u0000ybox', /not a repository/],
  ['bus\nybox', /not a repository/],
  ['büsybox', /not a repository/],
]

for (const [text, why] of bad) {
  test(`${JSON.stringify(text.slice(0, 40))} is refused`, () => {
    assert.throws(
      () => parseReference(text),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'invalid-argument')
        assert.match(error.message, why)
        assert.doesNotMatch(error.message, /\p{Cc}/u, 'no control characters reach a terminal')
        assert.ok(error.message.length < 500)
        return true
      },
    )
  })
}

test('reading takes linear time', () => {
  const taken = cpuTimeMs(() => {
    for (const piece of ['a-', 'a.', 'a_', '-', 'a/', 'A-']) {
      assert.throws(() => parseReference(`r.io/${piece.repeat(2000)}!`.slice(0, 4096)))
      assert.throws(() => parseReference(`${piece.repeat(1000)}!.io/a`))
    }
  })
  assert.ok(taken < 500, `${taken} ms`)
})

test('digests that can be checked', () => {
  assert.ok(isDigest(sha256))
  assert.ok(!isDigest(`sha256:${'a'.repeat(63)}`))
  assert.ok(!isDigest(`sha256:${'a'.repeat(64)}/../x`))
})
