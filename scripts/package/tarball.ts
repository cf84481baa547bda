import { cpSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Architecture } from './architecture.ts'
import { finishTree } from './finish-tree.ts'
import { run } from './run.ts'
import { layTree, type Sources } from './tree.ts'

export interface TarballOptions {
  readonly architecture: Architecture
  /** The folder that the tarball contains; emptied before. */
  readonly stage: string
  readonly file: string
  /** Seconds since 1970 that all files bear. */
  readonly epoch: number
}

/** Makes a tarball with one folder, which works wherever it is unpacked. */
export function makeTarball(sources: Sources, { architecture, stage, file, epoch }: TarballOptions): void {
  rmSync(stage, { recursive: true, force: true })
  layTree(stage, architecture, sources)
  for (const unit of ['berth.service', 'berth-agent.service']) {
    cpSync(join(sources.root, 'packaging', unit), join(stage, 'lib/systemd/system', unit), { recursive: true })
  }
  finishTree(stage, epoch)
  const options = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu', '-I', 'gzip -n']
  run('tar', [...options, '-cf', file, '-C', dirname(stage), basename(stage)])
}
