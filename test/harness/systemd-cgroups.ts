import { existsSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { expandSlice } from '../../src/linux/cgroup/names.ts'
import { detectCgroups } from '../../src/linux/cgroup/cgroups.ts'
import { readCgroupLayout } from '../../src/linux/cgroup/layout.ts'
import { makeCgroup, placeIn } from '../../src/linux/cgroup/place.ts'
import type { FakeSystemdOptions, FakeUnit } from '../../src/linux/systemd/testing/fake-systemd.ts'

/** The controllers that systemd manages on version 1; the others are the OCI runtime's. */
const managed = ['name=systemd', 'cpu', 'cpuacct', 'memory', 'pids', 'devices', 'blkio']

/** What systemd does with the cgroups of scopes and slices, for a fake one. */
export class SystemdCgroups implements Pick<FakeSystemdOptions, 'onStart' | 'onStop'> {
  readonly #slices = new Set<string>()
  readonly #roots: readonly string[]
  readonly #allRoots: readonly string[]

  constructor() {
    const layout = readCgroupLayout()
    this.#roots =
      layout.version === 2
        ? [layout.root]
        : layout.hierarchies
            .filter(({ controllers }) => controllers.some((controller) => managed.includes(controller)))
            .map(({ root }) => root)
    this.#allRoots = layout.version === 2 ? [layout.root] : layout.hierarchies.map(({ root }) => root)
  }

  readonly onStart = (unit: FakeUnit): void => {
    if (unit.name.endsWith('.slice')) return void this.#makeSlice(unit.name)
    const slice = this.#makeSlice(String(unit.properties.get('Slice') ?? 'system.slice'))
    const pids = unit.properties.get('PIDs') as number[]
    for (const root of this.#roots) {
      const folder = makeCgroup(root, `${slice}/${unit.name}`)
      for (const pid of pids) placeIn(folder, pid)
    }
  }

  readonly onStop = (unit: FakeUnit): void => {
    if (unit.name.endsWith('.slice')) return
    const path = `${expandSlice(String(unit.properties.get('Slice') ?? 'system.slice'))}/${unit.name}`
    for (const pid of detectCgroups().pids(path)) process.kill(pid, 'SIGKILL')
    for (const root of this.#roots) if (existsSync(root + path)) rmdirSync(root + path)
  }

  /** Takes the slices away, also where the OCI runtime has made them; fails when anything is left in them. */
  removeSlices(): void {
    const deepestFirst = [...this.#slices].sort((a, b) => b.length - a.length)
    const folders = deepestFirst.flatMap((path) => this.#allRoots.map((root) => join(root, path)))
    for (const folder of folders) if (existsSync(folder)) rmdirSync(folder)
    this.#slices.clear()
  }

  #makeSlice(name: string): string {
    const path = expandSlice(name)
    const parts = path.split('/').slice(1)
    const missing = parts
      .map((_, at) => `/${parts.slice(0, at + 1).join('/')}`)
      .filter((each) => {
        return this.#roots.some((root) => !existsSync(root + each))
      })
    for (const each of missing) this.#slices.add(each)
    for (const root of this.#roots) makeCgroup(root, path)
    return path
  }
}
