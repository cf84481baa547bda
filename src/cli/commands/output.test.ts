import assert from 'node:assert/strict'
import { test } from 'node:test'
import { b2, setUpPod } from '../testing/set-up.ts'

test('-o wide, name and jsonpath of pods and containers', async () => {
  await using set = await setUpPod()
  assert.match(
    (await set.berth('pods', '-o', 'wide')).stdout,
    /RUNTIME +IP +CONTAINERS +UID\na1.* 10\.0\.0\.9 +1\/1 +u-1\n/,
  )
  assert.equal((await set.berth('pods', '-o', 'name')).stdout, 'shop/web\n')
  assert.match((await set.berth('ps', '-o', 'wide')).stdout, /EXIT +REASON +LOG\n.*nginx\/0\.log\n/)
  assert.equal((await set.berth('ps', '-o', 'name')).stdout, 'shop/web/nginx\n')
  const ids = await set.berth('ps', '-o', 'jsonpath={range .containers[*]}{.metadata.name}={.state}{"\\n"}{end}')
  assert.equal(ids.stdout, 'nginx=CONTAINER_RUNNING\n')
  assert.equal((await set.berth('inspect', 'nginx', '-o', 'jsonpath=.status.id')).stdout, `${b2}\n`)
  const refused = await set.berth('pods', '-o', 'xml')
  assert.match(
    `${refused.code} ${refused.stderr}`,
    /^1 .*The formats are table, json, yaml, wide, name, jsonpath=TEMPLATE/,
  )
})

test('what -o name prints, other commands take', async () => {
  await using set = await setUpPod()
  const name = (await set.berth('ps', '-o', 'name')).stdout.trim()
  assert.equal((await set.berth('stop', name)).stdout, `${b2}\n`)
  set.runtime.images = [{ id: 'sha256:aa', repoTags: ['docker.io/library/x:1'], repoDigests: [] }]
  assert.equal((await set.berth('images', '-o', 'name')).stdout, 'docker.io/library/x:1\n')
})
