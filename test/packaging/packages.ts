import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeHelloImage } from '../../scripts/start/hello-image.ts'
import { repository } from '../harness/berthd.ts'
import type { FreshRoot } from './fresh-root.ts'

/** The Debian that these tests are about. */
export const release = process.env.BERTH_TESTS_DEBIAN || 'bookworm'

/** The version of Berth. */
export const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
  readonly version: string
}

const architecture = process.arch === 'x64' ? 'amd64' : process.arch

/** Makes two packages, the second of which is an upgrade of the first, and puts them into `/` of the root; their names. */
export function providePackages(debian: FreshRoot): readonly [string, string] {
  const [first, second] = [makePackage(), makePackage('2')]
  for (const file of [first, second]) cpSync(join(repository, 'build', file), join(debian.folder, file))
  return [first, second]
}

/** Makes the package in build/ and answers its file's name. */
export function makePackage(revision?: string): string {
  const name = `berth_${revision === undefined ? version : `${version}-${revision}`}_${architecture}.deb`
  const args = ['scripts/package.mjs', '--arch', architecture, '--only', 'deb']
  if (revision !== undefined) args.push('--revision', revision)
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: repository, encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return name
}

/** Puts the image of the example `hello.yaml` into `/root/hello`, for `berth load`. */
export async function provideHelloImage(debian: FreshRoot): Promise<void> {
  const layout = join(debian.folder, 'root/hello')
  mkdirSync(layout)
  await writeHelloImage(layout, '/bin/busybox')
}
