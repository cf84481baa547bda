import assert from 'node:assert/strict'
import { test } from 'node:test'
import { b2, setUp } from '../testing/set-up.ts'

test('update and checkpoint pass on what was asked for', async () => {
  const asked: string[] = []
  const set = await setUp({
    runtime: {
      listContainers: () => ({ containers: [{ id: b2, metadata: { name: 'nginx' } }] }),
      updateContainerResources: ({ containerId, linux }) => {
        asked.push(`${containerId === b2} ${linux?.memoryLimitInBytes} ${linux?.cpuQuota} ${linux?.cpusetCpus}`)
        return {}
      },
      checkpointContainer: ({ location, timeout }) => {
        asked.push(`${location} ${timeout}`)
        return {}
      },
    },
  })
  await using _ = set
  assert.equal((await set.berth('update', '--memory', '5', '--cpuset-cpus', '0-1', b2)).stdout, `${b2}\n`)
  assert.equal((await set.berth('checkpoint', '--export', '/x/../dump.tar', '--timeout', '9', b2)).code, 0)
  assert.equal((await set.berth('update', '--memory', '64Mi', b2)).code, 0)
  assert.deepEqual(asked, ['true 5 0 0-1', '/dump.tar 9', 'true 67108864 0 '])
  assert.match((await set.berth('update', '--memory', 'much', b2)).stderr, /--memory: "much" is not a quantity/)
  assert.match((await set.berth('update', b2)).stderr, /say what is to change/)
})
