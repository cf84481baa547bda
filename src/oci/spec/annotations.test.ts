import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allowedAnnotations } from './annotations.ts'

test('annotations pass by globs', () => {
  const annotations = { 'io.kata/cpu': '1', 'io.kata/a/b': '2', 'io.other': '3', 'cpu-load.crio.io': '4' }
  const names = (...globs: string[]) => Object.keys(allowedAnnotations(annotations, globs))
  assert.deepEqual(names(), [])
  assert.deepEqual(names('io.kata/*'), ['io.kata/cpu'])
  assert.deepEqual(names('*'), ['io.other', 'cpu-load.crio.io'])
  assert.deepEqual(names('io?other', 'cpu-load.crio.io'), ['io.other', 'cpu-load.crio.io'])
  assert.deepEqual(names('io.kata/cp[a'), [], 'a bracket is itself')
})
