import assert from 'node:assert/strict'
import { test } from 'node:test'
import { podsOf } from './deployment.ts'
import { readDocuments, readManifests } from './documents.ts'

const read = (text: string) => readManifests(readDocuments(text, 'x.yaml'))

const refused = (text: string, message: RegExp) =>
  assert.throws(() => read(text), { code: 'invalid-argument', message })

const pod = (name: string, image = 'nginx:1') => `
apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec: { containers: [{ name: main, image: '${image}' }] }
`

const deployment = (spec: string, template = '') => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  selector: { matchLabels: { app: web } }
  template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: main, image: 'nginx:1'${template} }] } }
  ${spec}
`

test('a misspelt kind is refused, with the one that was meant', () => {
  for (const [wrong, meant] of [
    ['Pood', 'Pod'],
    ['pod', 'Pod'],
    ['Deploymnet', 'Deployment'],
    ['Configmap', 'ConfigMap'],
  ]) {
    const message = `${wrong} default/a: there is no kind "${wrong}"; did you mean ${meant}?`
    assert.throws(() => read(JSON.stringify({ kind: wrong, metadata: { name: 'a' } })), { message })
  }
  const others = ['Service', 'Node', 'Job', 'DaemonSet', 'StatefulSet', 'PodTemplate', 'Role', 'Ingress']
  const texts = others.map((kind) => JSON.stringify({ kind, metadata: { name: 'a' } }))
  assert.equal(read(texts.join('\n---\n')).warnings.length, others.length, 'they are named, not refused')
})

test('several documents, Lists in them, JSON; other kinds are named', () => {
  const list = `kind: List\napiVersion: v1\nitems:\n- ${JSON.stringify({ kind: 'Service', metadata: { name: 's' } })}`
  const { pods, deployments, warnings } = read(
    [pod('a'), '', pod('b'), list, deployment('replicas: 3')].join('\n---\n'),
  )
  assert.deepEqual([pods.map(({ pod }) => pod.name), deployments.length], [['a', 'b'], 1])
  assert.deepEqual(warnings, [
    'Service default/s has no effect: of the kinds, Pod, Deployment, ReplicaSet, ConfigMap and Secret are supported',
  ])
  assert.equal(
    read(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'j' },
        spec: { containers: [{ name: 'a', image: 'x' }] },
      }),
    ).pods.length,
    1,
  )
})

test('the hash of a pod follows what it says, not how it is written', () => {
  const hash = (text: string) => read(text).pods[0]?.hash
  assert.equal(hash(pod('a')), hash(`# a comment\n${pod('a').replace('kind: Pod\n', '')}kind: Pod\n`))
  assert.notEqual(hash(pod('a')), hash(pod('a', 'nginx:2')))
})

test('what cannot be read is refused, and named', () => {
  refused('a: [', /^x\.yaml: /)
  refused('just text', /x\.yaml: this is no manifest, it has no kind/)
  refused(pod('a').replace('v1', 'v2'), /^Pod default\/a: a Pod has apiVersion v1/)
  refused(
    'kind: Secret\napiVersion: v1\nmetadata: { name: s }\ndata: { a: "*" }',
    /Secret default\/s: data\.a is not base64/,
  )
  refused('kind: ConfigMap\napiVersion: v1\nmetadata: { name: s }\ndata: { ../a: x }', /"\.\.\/a" cannot be a key/)
  const aliases = ['a: &a [x]', ...Array.from({ length: 9 }, (_, n) => `b${n}: &b${n} [${'*a, '.repeat(99)}]`)]
  refused(`kind: Pod\n${aliases.join('\n')}`, /x\.yaml: .*alias/)
})

test('a ConfigMap and a Secret by namespace and name', () => {
  const { configs, warnings } = read(`
kind: ConfigMap
apiVersion: v1
metadata: { name: c, namespace: shop, finalizers: [x] }
data: { plain: text }
binaryData: { bytes: AAE= }
---
kind: Secret
apiVersion: v1
metadata: { name: s }
data: { twice: ZW5jb2RlZA== }
stringData: { twice: plain }
`)
  const texts = configs.map(({ kind, namespace, data }) => [kind, namespace, ...data.values()].map(String))
  assert.deepEqual(texts, [
    ['ConfigMap', 'shop', 'text', '\0\x01'],
    ['Secret', 'default', 'plain'],
  ])
  assert.deepEqual(warnings, [
    'ConfigMap shop/c: these fields are not supported and have no effect: metadata.finalizers',
  ])
})

test('a Deployment is so many pods, whose names change with the template', () => {
  const names = (text: string) =>
    read(text)
      .deployments.flatMap(podsOf)
      .map(({ name }) => name)
  const [first = '', ...others] = names(deployment('replicas: 3'))
  assert.match(first, /^web-[0-9a-f]{10}-0$/)
  assert.equal(others.length, 2)
  assert.deepEqual(names(deployment('replicas: 1')), [first], 'their number is no part of the template')
  assert.notEqual(names(deployment('replicas: 1', ", command: ['x']"))[0], first)
  const [pod] = read(deployment('replicas: 1')).deployments.flatMap(podsOf)
  assert.deepEqual(
    [pod?.hostname, pod?.labels['app'], pod?.labels['pod-template-hash']],
    [first, 'web', first.split('-')[1]],
  )
})

test('how a Deployment is replaced', () => {
  const strategy = (spec: string, template = '') => read(deployment(spec, template)).deployments[0]?.strategy
  assert.deepEqual(strategy('replicas: 5'), { recreate: false, surge: 2, unavailable: 1 })
  assert.deepEqual(strategy('replicas: 1'), { recreate: false, surge: 1, unavailable: 0 })
  const rolling = (surge: string, unavailable: string) =>
    `replicas: 4\n  strategy: { rollingUpdate: { maxSurge: ${surge}, maxUnavailable: ${unavailable} } }`
  assert.deepEqual(strategy(rolling('0', '0')), { recreate: false, surge: 0, unavailable: 1 })
  assert.deepEqual(strategy(rolling('50%', '1')), { recreate: false, surge: 2, unavailable: 1 })
  // Two pods cannot have one port of the machine.
  const port = ', ports: [{ containerPort: 80, hostPort: 80 }]'
  assert.deepEqual(strategy('replicas: 1', port), { recreate: false, surge: 0, unavailable: 1 })
  assert.equal(strategy('replicas: 1\n  strategy: { type: Recreate }')?.recreate, true)
  refused(deployment(rolling('x', '0')), /maxSurge: "x" is neither a number nor a share/)
  refused(deployment('strategy: { type: Odd }'), /must be RollingUpdate or Recreate/)
  refused(
    deployment('').replace('matchLabels: { app: web }', 'matchLabels: { app: other }'),
    /wants the label app=other/,
  )
})
