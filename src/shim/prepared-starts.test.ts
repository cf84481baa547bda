import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PreparedStarts } from './prepared-starts.ts'
import type { ContainerLaunch } from './protocol.ts'

const launch: ContainerLaunch = {
  id: 'c',
  bundle: '/bundle',
  runtime: { name: 'runc', path: '/usr/sbin/runc', root: '/root' },
  logPath: '/log',
  stdin: false,
  tty: false,
  cgroup: '/c',
}

class FakePrepared {
  givenUp = 0

  giveUp(): void {
    this.givenUp++
  }
}

test('what was prepared is taken once, for the start that it was prepared for', () => {
  const starts = new PreparedStarts<FakePrepared>()
  const prepared = new FakePrepared()
  starts.add(launch, prepared)
  assert.equal(starts.take({ ...launch }), prepared)
  assert.equal(starts.take(launch), undefined)
  assert.equal(prepared.givenUp, 0)
})

test('what was prepared for another start is given up', () => {
  const starts = new PreparedStarts<FakePrepared>()
  const prepared = new FakePrepared()
  starts.add(launch, prepared)
  assert.equal(starts.take({ ...launch, logPath: '/other' }), undefined)
  assert.equal(prepared.givenUp, 1)
})

test('a start that does not come in time keeps nothing waiting', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const starts = new PreparedStarts<FakePrepared>()
  const prepared = new FakePrepared()
  starts.add(launch, prepared)
  t.mock.timers.tick(60_000)
  assert.equal(prepared.givenUp, 1)
  assert.equal(starts.take(launch), undefined)
})
