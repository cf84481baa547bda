import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Signal } from '../client/index.ts'
import { readPod } from './pod.ts'

const containerOf = (container: object, spec: object = {}) =>
  readPod({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web' },
    spec: {
      containers: [{ name: 'main', image: 'x', ports: [{ name: 'web', containerPort: 8080 }], ...container }],
      ...spec,
    },
  }).pod.containers[0]

const refused = (container: object, message: RegExp, spec: object = {}) =>
  assert.throws(() => containerOf(container, spec), { code: 'invalid-argument', message })

test('a probe has the defaults of the API', () => {
  assert.deepEqual(containerOf({ livenessProbe: { exec: { command: ['true'] } } })?.probes, {
    liveness: {
      action: { kind: 'exec', command: ['true'] },
      initialDelayMs: 0,
      periodMs: 10_000,
      timeoutMs: 1000,
      successThreshold: 1,
      failureThreshold: 3,
      graceSeconds: undefined,
    },
  })
})

test('what probes and hooks do; ports by number or by name', () => {
  const actionOf = (probe: object) => containerOf({ readinessProbe: probe })?.probes.readiness?.action
  assert.deepEqual(actionOf({ httpGet: { port: 'web', path: 'a', httpHeaders: [{ name: 'Host', value: 'b' }] } }), {
    kind: 'http',
    host: '',
    port: 8080,
    path: '/a',
    secure: false,
    headers: [['Host', 'b']],
  })
  assert.deepEqual(actionOf({ tcpSocket: { port: 1, host: 'h' } }), { kind: 'tcp', host: 'h', port: 1 })
  assert.deepEqual(actionOf({ grpc: { port: 1, service: 's' } }), { kind: 'grpc', port: 1, service: 's' })
  const lifecycle = { postStart: { sleep: { seconds: 3 } }, preStop: { httpGet: { port: 1, scheme: 'HTTPS' } } }
  const container = containerOf({ lifecycle })
  assert.deepEqual(container?.postStart, { kind: 'sleep', seconds: 3 })
  assert.equal(container?.preStop?.kind === 'http' && container.preStop.secure, true)
})

test('the signal that asks a container to end', () => {
  const signalOf = (stopSignal: string) => containerOf({ lifecycle: { stopSignal } })?.stopSignal
  assert.deepEqual([signalOf('SIGUSR1'), signalOf('SIGRTMIN+3')], [Signal.SIGUSR1, Signal.SIGRTMINPLUS3])
  assert.equal(containerOf({})?.stopSignal, Signal.RUNTIME_DEFAULT)
})

test('probes and hooks that make no sense are refused', () => {
  const exec = { exec: { command: ['true'] } }
  refused({ livenessProbe: {} }, /livenessProbe needs exec, httpGet, tcpSocket or grpc/)
  refused({ livenessProbe: { exec: {} } }, /exec needs command/)
  refused({ livenessProbe: { tcpSocket: { port: 'none' } } }, /port: "none" is neither a port's number nor the name/)
  refused({ livenessProbe: { tcpSocket: { port: 70_000 } } }, /"70000"/)
  refused({ livenessProbe: { ...exec, periodSeconds: 0 } }, /periodSeconds must be at least 1/)
  refused({ startupProbe: { ...exec, successThreshold: 2 } }, /successThreshold must be 1 for a startup probe/)
  refused({ readinessProbe: { ...exec, terminationGracePeriodSeconds: 2 } }, /a readiness probe ends no container/)
  refused({ lifecycle: { preStop: {} } }, /preStop needs exec, httpGet or sleep/)
  refused({ lifecycle: { stopSignal: 'KILL' } }, /"KILL" is not a signal/)
  refused({}, /only an init container with restartPolicy Always may/, {
    initContainers: [{ name: 'first', image: 'x', livenessProbe: exec }],
  })
  refused({}, /spec\.restartPolicy must be/, { restartPolicy: 'Sometimes' })
})
