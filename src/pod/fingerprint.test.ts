import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { PodSandboxConfigSchema } from '../gen/cri_pb.ts'
import { fingerprint } from './fingerprint.ts'

const of = (labels: Record<string, string>, more?: string) =>
  fingerprint(PodSandboxConfigSchema, create(PodSandboxConfigSchema, { labels, hostname: 'h' }), more)

test('the order of labels does not matter', () => {
  assert.equal(of({ a: '1', b: '2' }), of({ b: '2', a: '1' }))
})

test('whatever else differs does', () => {
  assert.notEqual(of({ a: '1' }), of({ a: '2' }))
  assert.notEqual(of({ a: '1' }), of({ a: '1', b: '' }))
  assert.notEqual(of({ a: '1' }), of({ a: '1' }, 'runsc'))
})
