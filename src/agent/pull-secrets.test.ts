import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConfigLookup } from '../manifest/config-data.ts'
import { readPod } from '../manifest/pod.ts'
import { credentialsFor } from './pull-secrets.ts'

const auths = {
  'registry.example:5000': { auth: 'dTpw' },
  'https://index.docker.io/v1/': { username: 'me', password: 'secret' },
}

const lookup: ConfigLookup = (kind, namespace, name) => {
  if (kind !== 'Secret' || namespace !== 'default') return undefined
  if (name === 'broken') return new Map([['.dockerconfigjson', Buffer.from('{')]])
  return name === 'pull' ? new Map([['.dockerconfigjson', Buffer.from(JSON.stringify({ auths }))]]) : undefined
}

test('the credentials of the registry that an image is in', () => {
  const { pod } = readPod({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web' },
    spec: {
      containers: [{ name: 'a', image: 'x' }],
      imagePullSecrets: [{ name: 'none' }, { name: 'broken' }, { name: 'pull' }],
    },
  })
  const found = (image: string) => credentialsFor(image, pod, lookup)
  assert.deepEqual(found('registry.example:5000/a/b:1'), { auth: 'dTpw' })
  for (const image of ['nginx', 'library/nginx:1', 'docker.io/library/nginx']) {
    assert.deepEqual(found(image), { username: 'me', password: 'secret' })
  }
  assert.equal(found('ghcr.io/a/b'), undefined)
})
