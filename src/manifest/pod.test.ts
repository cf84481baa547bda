import assert from 'node:assert/strict'
import { test } from 'node:test'
import { derivedUid, readPod } from './pod.ts'

const manifest = (spec: object, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', ...metadata },
  spec: { containers: [{ name: 'main', image: 'nginx' }], ...spec },
})

const refused = (value: unknown, message: RegExp) =>
  assert.throws(() => readPod(value), { code: 'invalid-argument', message })

test('a small pod has the defaults of Kubernetes', () => {
  const { pod, ignored } = readPod(manifest({}))
  assert.deepEqual(ignored, [])
  assert.deepEqual([pod.name, pod.namespace, pod.hostname], ['web', 'default', 'web'])
  assert.equal(pod.uid, derivedUid('default', 'web'))
  assert.match(pod.uid, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.notEqual(pod.uid, derivedUid('other', 'web'))
  assert.equal(readPod(manifest({}, { uid: 'given' })).pod.uid, 'given')
})

test('the pull policy follows the tag', () => {
  const policy = (image: string, imagePullPolicy?: string) =>
    readPod(manifest({ containers: [{ name: 'a', image, imagePullPolicy }] })).pod.containers[0]?.pullPolicy
  assert.equal(policy('nginx'), 'Always')
  assert.equal(policy('localhost:5000/nginx'), 'Always')
  assert.equal(policy('nginx:latest'), 'Always')
  assert.equal(policy('nginx:1.27'), 'IfNotPresent')
  assert.equal(policy('nginx@sha256:abc'), 'IfNotPresent')
  assert.equal(policy('nginx', 'Never'), 'Never')
})

test('every field without effect is named', () => {
  const { ignored } = readPod({
    ...manifest({
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      affinity: { nodeAffinity: {} },
      serviceAccountName: 'robot',
      tolerations: [],
      securityContext: { fsGroup: 5, windowsOptions: { runAsUserName: 'x' } },
      containers: [
        {
          name: 'a',
          image: 'x',
          livenessProbe: { exec: { command: ['true'], shell: true } },
          resources: { limits: { 'nvidia.com/gpu': 1 } },
        },
        {
          name: 'b',
          image: 'x',
          envFrom: [{ secretRef: { name: 's' } }],
          volumeMounts: [{ name: 's', mountPath: '/s' }],
        },
      ],
      volumes: [
        { name: 's', secret: { secretName: 'x' } },
        { name: 'n', nfs: { server: 'x', path: '/' } },
        { name: 'm', emptyDir: { medium: 'HugePages' } },
      ],
    }),
    status: { phase: 'Running' },
  })
  assert.deepEqual(ignored.toSorted(), [
    'spec.affinity',
    'spec.containers[0].livenessProbe.exec.shell',
    'spec.containers[0].resources.limits.nvidia.com/gpu',
    'spec.dnsPolicy',
    'spec.securityContext.windowsOptions',
    'spec.serviceAccountName',
    'spec.volumes[1].nfs',
    'spec.volumes[2].emptyDir.medium (Memory is the only one; this volume is on disk)',
    'status',
  ])
  assert.deepEqual(readPod(manifest({ restartPolicy: 'Never', dnsPolicy: 'Default' })).ignored, [])
})

test('what is no pod is refused, with the field', () => {
  refused(null, /the manifest must be an object/)
  refused({ apiVersion: 'apps/v1', kind: 'Deployment' }, /kind Pod, this manifest has apps\/v1 Deployment/)
  refused({ apiVersion: 'v1', kind: 'Pod' }, /needs metadata and spec/)
  refused(manifest({}, { name: '' }), /metadata\.name is missing/)
  refused(manifest({ containers: [] }), /spec\.containers is empty/)
  refused(
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: { contaners: [{ name: 'a', image: 'x' }] } },
    /^spec\.containers is empty: a pod needs a container \(spec\.contaners: did you mean containers\?\)$/,
  )
  refused({ apiVersion: 'v1', kind: 'Pod', metdata: {}, spec: {} }, /and spec \(metdata: did you mean metadata\?\)$/)
  refused(
    manifest({ containers: [{ name: 'a', imge: 'x' }] }),
    /image is missing \(spec\.containers\[0\]\.imge: did you mean image\?\)$/,
  )
  refused(manifest({ containers: [{ name: 'Main', image: 'x' }] }), /spec\.containers\[0\]\.name/)
  refused(manifest({ containers: [{ name: 'a' }] }), /spec\.containers\[0\]\.image is missing/)
  refused(manifest({}, { name: 'a/b' }), /metadata\.name: "a\/b" must be/)
  refused(manifest({}, { name: 'a'.repeat(254) }), /at most 253/)
  refused(manifest({}, { namespace: 'a.b' }), /metadata\.namespace/)
  refused(manifest({}, { uid: '../x' }), /metadata\.uid/)
  refused(manifest({ volumes: [{ name: '..', emptyDir: {} }] }), /spec\.volumes\[0\]\.name/)
  refused(manifest({ initContainers: [{ name: 'main', image: 'x' }] }), /two containers have the name "main"/)
  refused(manifest({ volumes: [{ name: 'a', hostPath: { path: 'relative' } }] }), /hostPath\.path must be absolute/)
})
