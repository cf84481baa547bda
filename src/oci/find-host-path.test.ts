import assert from 'node:assert/strict'
import { mkdtempSync, realpathSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { MountSchema } from '../gen/cri_pb.ts'
import { findHostPaths } from './find-host-path.ts'

const mount = (hostPath: string) => create(MountSchema, { hostPath, containerPath: '/x' })

test('links are followed, and what is missing is made', async (t) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'berth-host-')))
  t.after(() => rmSync(folder, { recursive: true }))
  symlinkSync(folder, join(folder, 'link'))
  const looked: string[] = []
  const paths = [join(folder, 'link'), join(folder, 'link/new/folder')]
  const found = await findHostPaths(paths.map(mount), new Map(), { onLook: (path) => looked.push(path) })
  assert.deepEqual(
    found.map(({ source }) => source),
    [folder, join(folder, 'new/folder')],
  )
  assert.ok(statSync(join(folder, 'new/folder')).isDirectory())
  assert.deepEqual(looked, paths)
})

test('nothing is made when one of the requests is bad', async () => {
  const files = { realpath: () => assert.fail('looked'), mkdir: () => assert.fail('made') }
  await assert.rejects(findHostPaths([mount('/a'), mount('relative')], new Map(), { files }), /relative/)
})

test('a path that does not answer is given up, asked for once, and found when it comes back', async () => {
  let asked = 0
  const server = Promise.withResolvers<string>()
  const files = {
    realpath: () => {
      asked++
      return server.promise
    },
    mkdir: () => assert.fail('made'),
  }
  const look = (patienceMs: number) => findHostPaths([mount('/dead/nfs')], new Map(), { files, patienceMs })
  const late = { code: 'deadline-exceeded', message: /\/dead\/nfs has not answered for 0\.02 s/ }
  await assert.rejects(look(20), late)
  await assert.rejects(look(20), late)
  assert.equal(asked, 1)
  const waiting = look(20_000)
  server.resolve('/alive')
  assert.equal((await waiting)[0]?.source, '/alive')
})
