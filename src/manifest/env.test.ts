import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readEnv, resolveEnv } from './env.ts'
import { Fields } from './fields.ts'

const pod = {
  name: 'web',
  namespace: 'shop',
  uid: 'u-1',
  labels: { app: 'front' },
  annotations: { 'example.com/a': 'note' },
  ips: ['10.0.0.5', 'fd00::5'],
}

function resolve(env: object[]) {
  const root = new Fields({ env }, '')
  const variables = resolveEnv(root.objects('env').map(readEnv), pod)
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
    fromField('NONE', "metadata.labels['none']"),
    { name: 'URL', value: 'http://$(IP)/' },
  ])
  assert.deepEqual(variables, {
    NAME: 'web',
    IP: '10.0.0.5',
    IPS: '10.0.0.5,fd00::5',
    APP: 'front',
    NOTE: 'note',
    NONE: '',
    URL: 'http://10.0.0.5/',
  })
  assert.deepEqual(unread, [])
})

test('other sources are named, and the variable is left out', () => {
  const { variables, unread } = resolve([
    fromField('NODE', 'spec.nodeName'),
    { name: 'SECRET', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
  ])
  assert.deepEqual(variables, {})
  assert.deepEqual(unread, ['env[0].valueFrom.fieldRef.fieldPath', 'env[1].valueFrom.secretKeyRef'])
})
