import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { V1EnvFromSource, V1EnvVar } from '@kubernetes/client-node'
import type { ConfigLookup } from './config-data.ts'
import { readEnv, readEnvFrom, resolveEnv } from './env.ts'
import { Fields } from './fields.ts'
import { readResources } from './resources.ts'

const pod = {
  name: 'web',
  namespace: 'shop',
  uid: 'u-1',
  labels: { app: 'front' },
  annotations: { 'example.com/a': 'note' },
  serviceAccount: 'robot',
  ips: ['10.0.0.5', 'fd00::5'],
  node: { name: 'node', ips: ['192.0.2.1'], memory: 2 ** 30, cores: 4 },
}

const lookup: ConfigLookup = (kind, namespace, name) =>
  namespace === 'shop' && name === 'conf'
    ? new Map([
        ['COLOUR', Buffer.from(`${kind} red`)],
        ['SIZE', Buffer.from('7')],
      ])
    : undefined

function resolve(env: object[], envFrom: object[] = []) {
  const root = new Fields<{ env: V1EnvVar[]; envFrom: V1EnvFromSource[] }>({ env, envFrom }, '')
  const resources = readResources(new Fields({ limits: { cpu: '1500m' }, requests: { memory: '64Mi' } }, 'resources'))
  const context = { pod, lookup, resourcesOf: () => resources }
  const variables = resolveEnv(root.objects('envFrom').map(readEnvFrom), root.objects('env').map(readEnv), context)
  return { variables: Object.fromEntries(variables), unread: root.unread() }
}

const fromField = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } })

test('values may refer to those before them', () => {
  const { variables } = resolve([
    { name: 'A', value: 'a' },
    { name: 'B', value: '$(A)b$(C)' },
    { name: 'C', value: 'c$$(A)' },
    { name: 'EMPTY' },
    { name: 'A', value: '$(A)2' },
  ])
  assert.deepEqual(variables, { A: 'a2', B: 'ab$(C)', C: 'c$(A)', EMPTY: '' })
})

test('fields of the pod are values', () => {
  const { variables, unread } = resolve([
    fromField('NAME', 'metadata.name'),
    fromField('IP', 'status.podIP'),
    fromField('IPS', 'status.podIPs'),
    fromField('APP', "metadata.labels['app']"),
    fromField('NOTE', "metadata.annotations['example.com/a']"),
    fromField('NODE', 'spec.nodeName'),
    fromField('HOST', 'status.hostIP'),
    fromField('NONE', "metadata.labels['none']"),
    { name: 'URL', value: 'http://$(IP)/' },
  ])
  assert.deepEqual(variables, {
    NAME: 'web',
    IP: '10.0.0.5',
    IPS: '10.0.0.5,fd00::5',
    APP: 'front',
    NOTE: 'note',
    NODE: 'node',
    HOST: '192.0.2.1',
    NONE: '',
    URL: 'http://10.0.0.5/',
  })
  assert.deepEqual(unread, [])
})

test('ConfigMaps and Secrets give whole environments and single keys; what is said itself wins', () => {
  const from = (source: string, extra: object = {}) => ({ [source]: { name: 'conf', key: 'COLOUR', ...extra } })
  const { variables } = resolve(
    [
      { name: 'ONE', valueFrom: from('configMapKeyRef') },
      { name: 'TWO', valueFrom: from('secretKeyRef') },
      { name: 'NONE', valueFrom: from('secretKeyRef', { key: 'x', optional: true }) },
      { name: 'LOST', valueFrom: from('configMapKeyRef', { name: 'x', optional: true }) },
      { name: 'SIZE', value: 'own' },
      { name: 'BOTH', value: '$(S_SIZE)$(SIZE)' },
    ],
    [{ configMapRef: { name: 'conf' } }, { prefix: 'S_', secretRef: { name: 'conf' } }],
  )
  assert.deepEqual(variables, {
    COLOUR: 'ConfigMap red',
    SIZE: 'own',
    S_COLOUR: 'Secret red',
    S_SIZE: '7',
    ONE: 'ConfigMap red',
    TWO: 'Secret red',
    BOTH: '7own',
  })
  assert.throws(() => resolve([{ name: 'A', valueFrom: from('configMapKeyRef', { name: 'x' }) }]), {
    code: 'failed-precondition',
    message: /there is no ConfigMap "x" in the namespace shop/,
  })
  assert.throws(() => resolve([{ name: 'A', valueFrom: from('secretKeyRef', { key: 'x' }) }]), /has no key "x"/)
})

test('resources are told in units of the divisor, rounded up; a limit that is not set is what the node has', () => {
  const of = (name: string, resource: string, divisor?: string) => ({
    name,
    valueFrom: { resourceFieldRef: { resource, ...(divisor && { divisor }) } },
  })
  const { variables } = resolve([
    of('CPU', 'limits.cpu'),
    of('MILLI', 'limits.cpu', '1m'),
    of('MEMORY', 'limits.memory'),
    of('MIB', 'requests.memory', '1Mi'),
    of('ASKED', 'requests.cpu'),
  ])
  assert.deepEqual(variables, { CPU: '2', MILLI: '1500', MEMORY: String(2 ** 30), MIB: '64', ASKED: '2' })
})

test('other sources are named, and the variable is left out', () => {
  const { variables, unread } = resolve([
    fromField('PHASE', 'status.phase'),
    { name: 'FILE', valueFrom: { fileKeyRef: { volumeName: 's', path: 'p', key: 'k' } } },
  ])
  assert.deepEqual(variables, {})
  assert.deepEqual(unread, ['env[0].valueFrom.fieldRef.fieldPath', 'env[1].valueFrom.fileKeyRef'])
})
