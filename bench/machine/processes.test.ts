import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allProcesses, type Process, processesOfRuntime, programOf } from './processes.ts'

const process_ = (pid: number, parent: number, name: string, commandLine = name, onHost = true): Process => ({
  pid,
  parent,
  name,
  commandLine,
  onHost,
})

const all = [
  process_(1, 0, 'init'),
  process_(10, 1, 'rund', 'rund --config /etc/rund'),
  process_(11, 10, 'worker'),
  process_(20, 1, 'monitor', 'monitor --address /run/rund/rund.sock'),
  process_(21, 20, 'pause', '/pause', false),
  process_(22, 20, 'sh', 'sh -c "cat /run/rund/x"', false),
  process_(30, 1, 'monitor', 'monitor --address /run/other/other.sock'),
  process_(40, 1, 'npm', 'npm run bench -- --endpoint a=unix:///run/rund/rund.sock'),
  process_(41, 40, 'node', 'node bench/main.ts --endpoint a=unix:///run/rund/rund.sock'),
]

test('the daemon, what it started, its monitors and their pause processes belong to a runtime; containers do not', () => {
  const found = processesOfRuntime(all, { server: 10, mark: '/run/rund/', self: 41 })
  assert.deepEqual(
    found.map(({ pid }) => pid),
    [10, 11, 20, 21],
  )
})

test('a process is named by what it runs, of Node by the script', () => {
  const lines = [
    '/usr/bin/rund --config /etc/rund ',
    '/opt/bin/node --max-semi-space-size=1 /opt/berthd.js --config x ',
    '',
  ]
  assert.deepEqual(
    lines.map((line) => programOf(process_(1, 0, 'name', line))),
    ['rund', 'berthd.js', 'name'],
  )
})

test('this process is among all, on the host, and below its parent', () => {
  const self = allProcesses().find(({ pid }) => pid === process.pid)
  assert.equal(self?.parent, process.ppid)
  assert.equal(self?.onHost, true)
  assert.match(self?.commandLine ?? '', /processes\.test\.ts/)
})
