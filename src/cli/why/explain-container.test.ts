import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodStatus } from '../../agent/pod-status.ts'
import { explainContainer } from './explain-container.ts'
import type { ContainerFacts, PodFacts } from './pod-facts.ts'

const report = { calls: [], operations: [], pulls: [], failures: [], unmet: [] }

/** Of a container that lived for so long; it runs when it has no end. */
function container(name: string, createdAt: number, finishedAt = 0, exitCode = 0): ContainerFacts {
  const state = finishedAt === 0 ? 'running' : 'exited'
  const texts = { image: 'app', reason: '', message: '' }
  const rest = { attempt: 0, startedAt: createdAt, memoryLimit: 0, earlier: [], lastLines: [] }
  return { id: name, name, state, createdAt, finishedAt, exitCode, ...texts, ...rest }
}

/** What is advised of the container that ended with 0. */
function adviceOf(ended: ContainerFacts, others: readonly ContainerFacts[], status?: Partial<PodStatus>) {
  const agent = { manifests: '/m', runs: true, ...(status && { status: status as PodStatus }) }
  const pod: PodFacts = {
    id: 's1',
    namespace: 'shop',
    name: 'web',
    uid: 'u-1',
    ready: true,
    reason: '',
    ...(status && { agent }),
    containers: [...others, ended],
  }
  return explainContainer(ended, pod, report).causes[0]?.next
}

const init = container('init', 1000, 2000)

test('an init container that ended well is not told to go on', () => {
  const nothing = /^nothing: its pod is well without it/
  assert.match(adviceOf(init, [container('app', 2500)]) ?? '', nothing)
  assert.match(adviceOf(init, [container('first', 0, 500), container('app', 2500)]) ?? '', nothing)
})

test('nor is one of a pod that is well as the agent knows it', () => {
  const beside = [container('app', 900)]
  assert.match(adviceOf(init, beside, { state: 'Running', ready: 1, total: 1 }) ?? '', /^nothing/)
  assert.match(adviceOf(init, [], { state: 'Completed', ready: 0, total: 1 }) ?? '', /^nothing/)
})

test('one that should have gone on beside others is', () => {
  const advice = /its command must stay in the foreground/
  assert.match(adviceOf(init, []) ?? '', advice)
  assert.match(adviceOf(init, [container('app', 900)]) ?? '', advice)
  assert.match(adviceOf(init, [container('app', 900)], { state: 'Running', ready: 1, total: 2 }) ?? '', advice)
  const restarted = { ...container('app', 2500), attempt: 1, earlier: [container('app', 900, 2400)] }
  assert.match(adviceOf(init, [restarted]) ?? '', advice)
})
