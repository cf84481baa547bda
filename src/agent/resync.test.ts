import { once } from 'node:events'
import { test } from 'node:test'
import { AgentSetup, podManifest } from './testing/agent-setup.ts'

test('while the runtime tells of changes the agent looks at a pod every ten seconds, not every second', async () => {
  await using set = await AgentSetup.start({
    runtime: {
      getContainerEvents: async function* (_, { signal }) {
        await once(signal, 'abort')
        yield* []
      },
    },
  })
  set.write('web.yaml', podManifest())
  await set.until('it runs', () => set.running().includes('main'))
  // As long as it waits for news that the runtime has no events.
  set.time.advance(2000)
  await set.seen('it looks again in ten seconds', () => set.time.isAwaited(10_000))
})
