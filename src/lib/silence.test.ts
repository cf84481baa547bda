import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { afterSilence } from './silence.ts'

test('news that have come are heard before it calls back', async () => {
  const { port1, port2 } = new MessageChannel()
  const heard: string[] = []
  port2.on('message', () => heard.push('news'))
  await new Promise<void>((resolve) => {
    afterSilence(5, () => {
      heard.push('silence')
      resolve()
    })
    port1.postMessage('')
    // This process stands still while it is time.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
  })
  assert.deepEqual(heard, ['news', 'silence'])
  port1.close()
  await once(port2, 'close')
})

test('disposed of, it is quiet', async () => {
  const silence = afterSilence(1, () => assert.fail('called'))
  silence[Symbol.dispose]()
  await new Promise((resolve) => setTimeout(resolve, 10))
})
