import { chmodSync, lstatSync, lutimesSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Gives everything below `folder` plain modes, whatever umask made it, and one time: the same sources make the same package. */
export function finishTree(folder: string, epoch: number): void {
  for (const path of ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })]) {
    const whole = join(folder, path)
    const stat = lstatSync(whole)
    if (!stat.isSymbolicLink()) chmodSync(whole, stat.isDirectory() || stat.mode & 0o100 ? 0o755 : 0o644)
    lutimesSync(whole, epoch, epoch)
  }
}
