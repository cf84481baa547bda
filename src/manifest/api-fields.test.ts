import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as kubernetes from '@kubernetes/client-node'
import { BerthError } from '../lib/errors.ts'
import { readPod } from './pod.ts'

type Model = { getAttributeTypeMap(): { readonly baseName: string }[] }

/** A pod with `extra` in one of its objects. */
const places: Readonly<Record<string, readonly [Model, (extra: object) => object]>> = {
  metadata: [kubernetes.V1ObjectMeta, (extra) => pod({}, extra)],
  spec: [kubernetes.V1PodSpec, (extra) => pod(extra)],
  'pod securityContext': [kubernetes.V1PodSecurityContext, (extra) => pod({ securityContext: extra })],
  volume: [kubernetes.V1Volume, (extra) => pod({ volumes: [{ name: 'v', ...extra }] })],
  container: [kubernetes.V1Container, (extra) => container(extra)],
  securityContext: [kubernetes.V1SecurityContext, (extra) => container({ securityContext: extra })],
  mount: [kubernetes.V1VolumeMount, (extra) => container({ volumeMounts: [{ name: 'v', mountPath: '/v', ...extra }] })],
  port: [kubernetes.V1ContainerPort, (extra) => container({ ports: [{ containerPort: 80, ...extra }] })],
  probe: [kubernetes.V1Probe, (extra) => container({ livenessProbe: { exec: { command: ['x'] }, ...extra } })],
  lifecycle: [kubernetes.V1Lifecycle, (extra) => container({ lifecycle: extra })],
  variable: [kubernetes.V1EnvVar, (extra) => container({ env: [{ name: 'v', ...extra }] })],
}

const container = (extra: object) => pod({ containers: [{ name: 'main', image: 'x', ...extra }] })

const pod = (spec: object, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', ...metadata },
  spec: { containers: [{ name: 'main', image: 'x' }], volumes: [{ name: 'v', emptyDir: {} }], ...spec },
})

for (const [place, [model, manifest]] of Object.entries(places)) {
  test(`${place}: no field of the API that has no effect is taken for a misspelt one`, () => {
    const mistaken = model.getAttributeTypeMap().flatMap(({ baseName }) => ignoredOf(manifest({ [baseName]: 'some' })))
    assert.deepEqual(
      mistaken.filter((line) => line.includes('did you mean')),
      [],
    )
    assert.match(ignoredOf(manifest({ [misspelt[place] ?? '']: 'some' })).join(), /did you mean/, 'others are')
  })
}

/** A misspelt field for each. */
const misspelt: Readonly<Record<string, string>> = {
  metadata: 'lables',
  spec: 'restartpolicy',
  'pod securityContext': 'runAsuser',
  volume: 'configmap',
  container: 'imagepullpolicy',
  securityContext: 'privilaged',
  mount: 'subpath',
  port: 'hostport',
  probe: 'initialDelaySecond',
  lifecycle: 'prestop',
  variable: 'valueform',
}

/** What has no effect; nothing when the field is one that has, for which a text is no value. */
function ignoredOf(manifest: object): readonly string[] {
  try {
    return readPod(manifest).ignored
  } catch (error) {
    if (error instanceof BerthError) return []
    throw error
  }
}
