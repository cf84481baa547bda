import assert from 'node:assert/strict'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Cgroups, detectCgroups } from '../../src/linux/cgroup/cgroups.ts'
import { readCgroupLayout } from '../../src/linux/cgroup/layout.ts'
import { mount, unmount } from '../../src/linux/mount.ts'
import { type ExitStatus, Reaper } from '../../src/linux/reaper.ts'
import { spawn } from '../../src/linux/spawn.ts'
import { becomeSubreaper } from '../../src/linux/subreaper.ts'
import { eventually } from '../harness/eventually.ts'
import { takeMachine } from '../harness/machine-lock.ts'

/*
 * Real cgroups and real processes: those of the machine, whichever version, and version 2 through a mount of our own
 * (on a machine of version 1 its hierarchy exists too, without controllers). All below one parent of this test's own.
 */

await takeMachine()
becomeSubreaper()
const reaper = new Reaper({ adopt: true })
const parent = `/berth-test-cgroups-${process.pid}`
const layout = readCgroupLayout()
const ownMount = mkdtempSync(join(tmpdir(), 'berth-cgroup2-'))
mount('cgroup2', ownMount, 'cgroup2', 0, null)

interface Machine {
  readonly name: string
  readonly cgroups: Cgroups
  readonly roots: readonly string[]
}

const machines: Machine[] = [
  {
    name: `the machine's own (version ${layout.version})`,
    cgroups: detectCgroups(),
    roots: layout.version === 2 ? [layout.root] : layout.hierarchies.map(({ root }) => root),
  },
  { name: 'a mount of version 2', cgroups: detectCgroups({ version: 2, root: ownMount }), roots: [ownMount] },
]

after(async () => {
  for (const { cgroups } of machines) {
    await cgroups.kill(parent)
    await cgroups.remove(parent)
  }
  unmount(ownMount)
  rmdirSync(ownMount)
  for (const { roots } of machines) for (const root of roots) assert.ok(!existsSync(root + parent))
})

/** Makes a cgroup in every hierarchy. A cpuset of version 1 takes no process before it has CPUs and memory nodes. */
function make({ roots }: Machine, path: string): void {
  for (const root of roots) {
    for (const part of path
      .split('/')
      .slice(1)
      .map((_, at, parts) => parts.slice(0, at + 1).join('/'))) {
      const folder = join(root, part)
      mkdirSync(folder, { recursive: true })
      for (const file of ['cpuset.cpus', 'cpuset.mems']) {
        const above = join(folder, '..', file)
        if (root.includes('cpuset') && existsSync(above)) writeFileSync(join(folder, file), readFileSync(above))
      }
    }
  }
}

/** How the shells ended, by pid. */
const exits = new Map<number, Promise<ExitStatus>>()

/** Starts a shell in the cgroup. Its script begins once it is in. */
function start({ roots }: Machine, path: string, script: string): number {
  const files = roots.map((root) => `echo $$ > ${root}${path}/cgroup.procs`)
  const nothing = openSync('/dev/null', 'r+')
  try {
    const pid = spawn({
      file: '/bin/sh',
      args: ['-ec', [...files, script].join('\n')],
      env: { PATH: '/usr/bin:/bin' },
      ...{ stdin: nothing, stdout: nothing, stderr: nothing, newSession: true },
    })
    exits.set(pid, reaper.wait(pid))
    return pid
  } finally {
    closeSync(nothing)
  }
}

/** Ignores SIGTERM, leaves its session, has orphans, and does not stop making more. */
const stubborn = `
  trap '' TERM HUP
  setsid sh -c 'sleep 1000 & sleep 1000' &
  (sleep 1000 &)
  while true; do sleep 1000 & sleep 0.002; done`

for (const machine of machines) {
  const { cgroups, name } = machine
  const path = `${parent}/pod/c1`

  test(`${name}: kill takes all processes, also those that are being forked; remove takes all cgroups`, async () => {
    make(machine, `${path}/inner`)
    make(machine, `${parent}/pod/c10`)
    const bystander = start(machine, `${parent}/pod/c10`, 'exec sleep 1000')
    const first = start(machine, path, stubborn)
    start(machine, `${path}/inner`, 'exec sleep 1000')
    await eventually('30 processes', () => (cgroups.pids(path).length > 30 ? true : undefined))
    assert.ok(cgroups.pids(path).includes(first))
    assert.ok(cgroups.exists(path))
    await assert.rejects(cgroups.remove(path, 50), new RegExp(`in use by processes .*${first}`))
    await cgroups.kill(path)
    assert.deepEqual(cgroups.pids(path), [])
    assert.equal((await exits.get(first))?.signal, 9)
    await cgroups.remove(path)
    assert.ok(!cgroups.exists(path))
    assert.deepEqual(cgroups.pids(`${parent}/pod`), [bystander])
    await cgroups.kill(path)
    await cgroups.remove(path)
    await cgroups.kill(`${parent}/pod/c10`)
    await cgroups.remove(`${parent}/pod`)
    assert.ok(!cgroups.exists(`${parent}/pod`))
  })

  test(`${name}: a process is moved into a cgroup that is made for it`, async () => {
    make(machine, `${parent}/pod/other`)
    const pid = start(machine, `${parent}/pod/other`, 'exec sleep 1000')
    await eventually('it is in', () => (cgroups.pids(`${parent}/pod/other`).includes(pid) ? true : undefined))
    cgroups.place(`${parent}/new/inner`, pid)
    assert.deepEqual(cgroups.pids(`${parent}/new/inner`), [pid])
    assert.deepEqual(cgroups.pids(`${parent}/pod/other`), [])
    // It is there already.
    cgroups.place(`${parent}/new/inner`, pid)
    await cgroups.kill(parent)
    await exits.get(pid)
    assert.throws(() => cgroups.place(`${parent}/new/inner`, pid), { code: 'ESRCH' })
    await cgroups.remove(parent)
  })

  test(`${name}: a paused cgroup can be killed`, async () => {
    make(machine, path)
    const pid = start(machine, path, 'exec sleep 1000')
    await eventually('it is in', () => (cgroups.pids(path).includes(pid) ? true : undefined))
    pause(machine, path)
    await cgroups.kill(parent)
    assert.equal((await exits.get(pid))?.signal, 9)
    await cgroups.remove(parent)
  })

  const memory = machine.roots.find((root) =>
    ['memory.limit_in_bytes', 'memory.max'].some((file) => hasLimit(root, file)),
  )
  test(`${name}: OOM kills are counted`, { skip: memory === undefined && 'no memory controller here' }, async () => {
    make(machine, path)
    assert.equal(cgroups.oomKills(path), 0)
    for (const file of ['memory.limit_in_bytes', 'memory.max', 'memory.swap.max']) {
      const limit = `${memory}${path}/${file}`
      if (existsSync(limit)) writeFileSync(limit, file.includes('swap') ? '0' : String(8 * 1024 * 1024))
    }
    const pid = start(machine, path, 'head -c 200000000 /dev/zero | tail | cat; sleep 1000')
    await eventually('the kernel kills', () => (cgroups.oomKills(path) > 0 ? true : undefined))
    const usage = cgroups.usage(path)
    assert.ok(Number(usage.cpu?.usageNs) > 0)
    assert.equal(usage.memory?.limit, 8 * 1024 * 1024)
    assert.ok(Number(usage.memory?.pageFaults) > 0)
    await cgroups.kill(path)
    await exits.get(pid)
    await cgroups.remove(parent)
  })
}

function hasLimit(root: string, file: string): boolean {
  const probe = `${root}${parent}-probe`
  mkdirSync(probe)
  try {
    return existsSync(join(probe, file))
  } finally {
    rmdirSync(probe)
  }
}

function pause({ roots }: Machine, path: string): void {
  for (const root of roots) {
    if (existsSync(`${root}${path}/freezer.state`)) writeFileSync(`${root}${path}/freezer.state`, 'FROZEN')
    if (existsSync(`${root}${path}/cgroup.freeze`)) writeFileSync(`${root}${path}/cgroup.freeze`, '1')
  }
}
