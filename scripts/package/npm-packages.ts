import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './run.ts'

interface Locked {
  readonly version: string
  readonly integrity: string
}

/**
 * Unpacks a package of package-lock.json, also one for another architecture than this machine's, and answers its folder. What
 * npm brings must have the digest that the lockfile has. Kept in `cache` for the next time.
 */
export function unpackLocked(root: string, cache: string, name: string): string {
  const lockfile = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, Locked>>
  }
  const locked = lockfile.packages[`node_modules/${name}`]
  if (!locked) throw new Error(`package-lock.json has no ${name}`)
  const folder = join(cache, `${name.replace('/', '+')}-${locked.version}`)
  const archive = `${folder}.tgz`
  mkdirSync(cache, { recursive: true })
  if (!existsSync(archive)) {
    const [{ filename }] = JSON.parse(
      run('npm', ['pack', '--json', '--pack-destination', cache, `${name}@${locked.version}`], { cwd: root }),
    ) as [{ readonly filename: string }]
    renameSync(join(cache, filename.replace('@', '').replace('/', '-')), archive)
  }
  const integrity = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`
  if (integrity !== locked.integrity) {
    rmSync(archive)
    throw new Error(`${name}@${locked.version} has another digest than package-lock.json says`)
  }
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  run('tar', ['-xzf', archive, '-C', folder, '--strip-components=1', '--no-same-owner'])
  return folder
}
